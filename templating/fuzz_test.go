package templating

import (
	"os"
	"strings"
	"testing"
	"time"

	"tocsin/templating/value"
)

// Whatever a text is, reading it ends in a value or an *Error, soon and without a
// panic, and an error has a place in the text.

func FuzzTemplate(f *testing.F) {
	seed(f, "templates", "problems", "keep")
	s := fuzzScope()
	f.Fuzz(func(t *testing.T, text string) {
		for _, keep := range []bool{false, true} {
			fuzzTemplate(t, Language{Functions: Builtin(), Keep: keep}, s, text)
		}
	})
}

func fuzzTemplate(t *testing.T, l Language, s *Scope, text string) {
	start := time.Now()
	tpl, err := l.Parse(text)
	placed(t, text, err)
	if err != nil {
		return
	}
	tpl.Notes()
	inside(t, text, tpl.Refs())
	v, err := tpl.Render(t.Context(), s)
	placed(t, text, err)
	if out, ok := v.(string); ok && tpl.Constant() && out != text {
		t.Errorf("%q is constant and renders to %q", text, out)
	}
	_, err = tpl.Value(t.Context(), s)
	placed(t, text, err)
	quick(t, start)
}

func FuzzExpr(f *testing.F) {
	seed(f, "conditions", "operators", "problems", "explain", "keep")
	s := fuzzScope()
	f.Fuzz(func(t *testing.T, text string) {
		for _, keep := range []bool{false, true} {
			for _, form := range []Form{If, Assert, AlertAssert} {
				fuzzExpr(t, Language{Functions: Builtin(), Keep: keep}, s, text, form)
			}
		}
	})
}

func fuzzExpr(t *testing.T, l Language, s *Scope, text string, form Form) {
	start := time.Now()
	e, err := l.ParseExpr(text, form)
	placed(t, text, err)
	if err != nil {
		return
	}
	inside(t, text, e.Refs())
	_, err = e.Bool(t.Context(), s)
	placed(t, text, err)
	quick(t, start)
	if len(text) < 200 && form == If {
		e.Explain(t.Context(), s)
	}
}

// seed adds the texts of the tables.
func seed(f *testing.F, tables ...string) {
	for _, name := range tables {
		data, err := os.ReadFile("testdata/" + name + ".txt")
		if err != nil {
			f.Fatal(err)
		}
		for line := range strings.Lines(string(data)) {
			if text, _, ok := strings.Cut(line, "  =>"); ok {
				f.Add(strings.TrimSpace(text))
			}
		}
	}
}

func fuzzScope() *Scope {
	v, err := value.DecodeJSON([]byte(`{"a": 1, "b": "text", "n": null, "alert": {"load": 71, "severity": "critical", "source": ["x", "y"], "on": true, "labels": {"k": "v"}}, "steps": {"ws": {"results": {"connection": true, "rows": [{"id": 1}, {"id": 2.5}]}}}}`))
	if err != nil {
		panic(err)
	}
	s := &Scope{Data: map[string]any{}, Now: noon}
	for k, e := range v.(*value.Map).All() {
		s.Data[k] = e
	}
	return s
}

func placed(t *testing.T, text string, err error) {
	t.Helper()
	if err == nil {
		return
	}
	e, ok := err.(*Error)
	switch {
	case !ok:
		t.Fatalf("%q: the error is no *Error: %v", text, err)
	case e.Message == "" || e.Offset < 0 || e.Offset > len(e.Text):
		t.Fatalf("%q: no message or place: %+v", text, e)
	case strings.Contains(e.Message, "interface {}") || strings.Contains(e.Message, "templating."):
		t.Fatalf("%q: a Go type in %q", text, e.Message)
	case strings.Contains(e.Error(), "\n"):
		t.Fatalf("%q: more than a line: %q", text, e.Error())
	case e.Message == "this cannot be evaluated":
		t.Fatalf("%q: the machine broke", text)
	}
}

func inside(t *testing.T, text string, all []Ref) {
	t.Helper()
	for _, ref := range all {
		if ref.Offset < 0 || ref.Offset >= len(text) {
			t.Fatalf("%q: %v is outside", text, ref)
		}
	}
}

func quick(t *testing.T, start time.Time) {
	t.Helper()
	if took := time.Since(start); took > 5*time.Second {
		t.Fatalf("took %v", took)
	}
}
