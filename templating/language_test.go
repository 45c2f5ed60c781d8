package templating

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"tocsin/templating/value"
)

var update = flag.Bool("update", false, "write the results into testdata")

// TestLanguage runs testdata/*.txt: texts, what they give, and nothing else. A line is
//
//	text  =>  result
//
// where result is Python's repr of the value, or the error with where and what to do
// about it. Lines before it say how texts are read from there on:
//
//	given {"alert": {"load": 71}}
//	as if | assert | alert | render | strict | value | explain | cel | cel explain | predicate
//	keep | ours
//
// In texts \n is a line break, and under consts the given texts are templates.
func TestLanguage(t *testing.T) {
	for _, name := range []string{"conditions", "templates", "operators", "problems", "explain", "cel", "cel_problems", "expressions", "keep"} {
		t.Run(name, func(t *testing.T) {
			file := "testdata/" + name + ".txt"
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := languageTable(t, string(data))
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			differ(t, file, got, string(data))
		})
	}
}

func differ(t *testing.T, file, got, want string) {
	t.Helper()
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range max(len(g), len(w)) {
		if i >= len(g) || i >= len(w) || g[i] != w[i] {
			t.Errorf("%s:%d\n got %s\nwant %s", file, i+1, at(g, i), at(w, i))
		}
	}
}

func at(lines []string, i int) string {
	if i < len(lines) {
		return lines[i]
	}
	return "(no line)"
}

// languageTable is table with the results filled in.
func languageTable(t *testing.T, table string) string {
	reader := &tableReader{t: t, lang: Language{Functions: Builtin()}, as: "if", scope: &Scope{Now: noon}}
	var out strings.Builder
	for line := range strings.Lines(table) {
		line = strings.TrimRight(line, "\n")
		if result, isTree := strings.CutPrefix(line, "\t"); isTree && result != "" {
			continue // of the explanation above
		}
		out.WriteString(reader.line(line))
		out.WriteByte('\n')
	}
	return out.String()
}

// messageNames are those of an expression over a message.
var messageNames = []Name{{"data", "text"}, {"json", "any"}, {"type", "text"}, {"size", "number"}, {"messages", "list"}, {"headers", "mapping"}}

func noon() time.Time { return time.Date(2024, 5, 6, 12, 0, 0, 0, time.UTC) }

type tableReader struct {
	t     *testing.T
	lang  Language
	as    string
	scope *Scope
}

func (r *tableReader) line(line string) string {
	text, _, isCase := strings.Cut(line, "  =>")
	word, rest, _ := strings.Cut(line, " ")
	switch {
	case isCase:
	case word == "given":
		r.given(rest)
		return line
	case word == "as":
		r.as = rest
		return line
	case line == "keep" || line == "ours":
		r.lang.Keep = line == "keep"
		return line
	default:
		return line
	}
	text = strings.TrimRight(text, " ")
	return fmt.Sprintf("%-52s  =>%s", text, indented(r.result(strings.ReplaceAll(text, `\n`, "\n"))))
}

func indented(s string) string {
	if strings.HasPrefix(s, "\n") {
		return s
	}
	return "  " + s
}

func (r *tableReader) given(text string) {
	v, err := value.DecodeJSON([]byte(text))
	if err != nil {
		r.t.Fatalf("%s: %v", text, err)
	}
	r.scope.Data = map[string]any{}
	for k, e := range v.(*value.Map).All() {
		switch k {
		case "consts":
			e = templates(r.t, r.lang, e)
		case "alert":
			if m, ok := e.(*value.Map); ok {
				e = value.Object{Map: m}
			}
		}
		r.scope.Data[k] = e
	}
}

func (r *tableReader) result(text string) string {
	forms := map[string]Form{"if": If, "assert": Assert, "alert": AlertAssert, "explain": AlertAssert, "cel": celForm, "cel explain": celForm, "predicate": If}
	form, isCondition := forms[r.as]
	if !isCondition {
		return r.rendered(text)
	}
	parse := func() (*Expr, error) { return r.lang.ParseExpr(text, form) }
	if form.cel() {
		parse = func() (*Expr, error) { return r.lang.ParseCEL(text) }
	}
	if r.as == "predicate" {
		parse = func() (*Expr, error) { return r.lang.ParsePredicate(text, messageNames) }
	}
	e, err := parse()
	if err != nil {
		return failure(err)
	}
	if strings.HasSuffix(r.as, "explain") {
		var out strings.Builder
		tree(&out, e.Explain(r.t.Context(), r.scope), 1)
		return strings.TrimRight("\n"+out.String(), "\n")
	}
	v, err := e.Value(r.t.Context(), r.scope)
	return outcome(v, err) + notes(e.Notes())
}

func (r *tableReader) rendered(text string) string {
	tpl, err := r.lang.Parse(text)
	if err != nil {
		return failure(err)
	}
	render := tpl.Render
	if r.as == "value" {
		render = tpl.Value
	}
	s := *r.scope
	s.Strict = r.as == "strict"
	v, err := render(r.t.Context(), &s)
	return outcome(v, err) + notes(tpl.Notes())
}

func outcome(v any, err error) string {
	if err != nil {
		return failure(err)
	}
	return value.Repr(v)
}

func failure(err error) string {
	e, ok := err.(*Error)
	if !ok {
		return "error of another type: " + err.Error()
	}
	s := fmt.Sprintf("error at %d: %s", e.Offset, e.Message)
	if e.Hint != "" {
		s += "; " + e.Hint
	}
	return s
}

func notes(all []Note) string {
	s := ""
	for _, n := range all {
		s += fmt.Sprintf("  (%s at %d: %s; %s)", n.Code, n.Offset, n.Message, n.Hint)
	}
	return s
}

func tree(out *strings.Builder, x Explanation, level int) {
	fmt.Fprintf(out, "%s%s: %s", strings.Repeat("\t", level), x.Text, value.Repr(x.Value))
	if x.Missing {
		out.WriteString(" (missing)")
	}
	if x.Error != "" {
		out.WriteString(" (" + x.Error + ")")
	}
	out.WriteByte('\n')
	for _, p := range x.Parts {
		tree(out, p, level+1)
	}
}

// templates makes templates of the author's texts in v.
func templates(t testing.TB, l Language, v any) any {
	switch x := v.(type) {
	case string:
		text, err := l.Parse(x)
		if err != nil {
			t.Fatal(err)
		}
		return text
	case []any:
		out := make([]any, len(x))
		for i := range x {
			out[i] = templates(t, l, x[i])
		}
		return out
	case *value.Map:
		out := value.NewMap(x.Len())
		for k, e := range x.All() {
			out.Set(k, templates(t, l, e))
		}
		return out
	}
	return v
}
