package templating

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"tocsin/templating/value"
)

// celBombs are conditions in CEL that are written to exhaust us; TestBomb runs them.
func celBombs(t *testing.T, s *Scope) {
	rep := strings.Repeat
	loops := "list.all(a, list.all(b, list.all(c, a == b || b == c || true)))"
	bombs := map[string]string{
		"100,000 operators":    rep("1+", 100_000) + "1",
		"operators":            rep("1+", 2000) + "1",
		"ands":                 rep("a&&", 1300) + "a",
		"parts":                rep("a&&", 240) + "a",
		"parentheses":          rep("(", 2000) + "1" + rep(")", 2000),
		"open parentheses":     rep("(", 4000),
		"open brackets":        rep("[", 4000),
		"open braces":          rep("{", 4000),
		"spaced braces":        rep("{ ", 2000),
		"exclamation marks":    rep("!", 4000) + "a",
		"minus signs":          rep("-", 4000) + "1",
		"choices":              rep("a?", 2000),
		"else choices":         rep("a?a:", 1000) + "a",
		"members":              "a" + rep(".b", 1500),
		"indexes":              "a" + rep("[0]", 1300),
		"calls":                rep("size(", 800) + "a" + rep(")", 800),
		"methods":              "text" + rep(".size()", 500),
		"quotes":               rep("'", 4000),
		"backslashes":          "'" + rep(`\`, 4000),
		"a list of 2000":       "[" + rep("1,", 2000) + "1]",
		"loops":                loops,
		"two loops":            "list.map(a, list.map(b, 1))",
		"loops over searches":  "list.all(a, 'x' in list)",
		"loops over texts":     "list.all(a, text.contains('y') || true)",
		"loops over patterns":  "list.exists(a, text.matches('(x+x+)+y'))",
		"loops over equality":  "list.all(a, list == list)",
		"doubling text":        "[text+text].map(a, a+a).map(b, b+b).map(c, c+c).map(d, d+d).map(e, e+e).map(f, f+f)",
		"doubling lists":       "[list+list].map(a, a+a).map(b, b+b).map(c, c+c).map(d, d+d).map(e, e+e).map(f, f+f).map(g, g+g)",
		"text made in a loop":  "list.map(a, text + text)",
		"lists in a loop":      "list.map(a, list + list)",
		"numbers in a loop":    "list.map(a, string(a) + text)",
		"filters in a loop":    "list.map(a, list.filter(b, true))",
		"a mapping in a loop":  "list.map(a, {'a': list, 'b': list} == {'a': list, 'b': list})",
		"a source in sources":  "source in source",
		"sources in a list":    "source in list",
		"a pattern of 600":     "text.matches('" + rep("x?", 300) + "')",
		"a pattern of repeats": "text.matches('(x{1000}){1000}')",
	}
	bombed := *s
	bombed.Data = map[string]any{"source": s.Data["list"]}
	for k, v := range s.Data {
		bombed.Data[k] = v
	}
	for name, text := range bombs {
		for _, l := range []Language{{}, {Keep: true}} {
			t.Run(fmt.Sprintf("cel/%s/%v", name, l.Keep), func(t *testing.T) {
				soon(t, func() (any, error) {
					e, err := l.ParseCEL(text)
					if err != nil {
						return nil, err
					}
					e.Refs()
					e.Equalities()
					return e.Value(t.Context(), &bombed)
				})
			})
		}
	}
}

func FuzzCEL(f *testing.F) {
	seed(f, "cel", "cel_problems")
	s := fuzzScope()
	alert, _ := s.Data["alert"].(*value.Map)
	for k, v := range alert.All() {
		s.Data[k] = v
	}
	f.Fuzz(func(t *testing.T, text string) {
		start := time.Now()
		for _, l := range []Language{{}, {Keep: true}} {
			e, err := l.ParseCEL(text)
			placed(t, text, err)
			if err != nil {
				continue
			}
			inside(t, e.text, e.Refs())
			held, err := e.Bool(t.Context(), s)
			placed(t, text, err)
			if missing := misses(e, s); held && missing != "" {
				t.Fatalf("%q holds, although %s", text, missing)
			}
			if len(text) < 200 {
				e.Explain(t.Context(), s)
			}
		}
		quick(t, start)
	})
}

// misses says which of its equalities e does not have.
func misses(e *Expr, s *Scope) string {
	for _, q := range e.Equalities() {
		v := s.Data[q.Path[0]]
		for _, part := range q.Path[1:] {
			v, _ = value.Member(v, part)
		}
		have, _ := items(v)
		if text, ok := v.(string); ok {
			have = []any{text}
		}
		if !slices.ContainsFunc(q.Texts, func(text string) bool { return slices.Contains(have, any(text)) }) {
			return fmt.Sprintf("%v is %v, not one of %q", q.Path, v, q.Texts)
		}
	}
	return ""
}

func TestEqualities(t *testing.T) {
	tests := []struct{ cel, want string }{
		{"name == 'x'", "name: x"},
		{"'x' == labels.team && severity >= 'high'", "labels.team: x"},
		{"(name == 'x' && service == 'y') && nope", "name: x, service: y"},
		{"name in ['x', 'y']", "name: x|y"},
		{"name in ['x', 5]", ""},
		{"name == 'x' || name == 'y' || name in ['z']", "name: x|y|z"},
		{"name == 'x' || service == 'y'", ""},
		{"name == 'x' || size(name) > 5", ""},
		{"name != 'x' && !(name == 'x')", ""},
		{"source == 'x' && source in ['x', 'y'] && source.contains('z')", "source: x, source: x|y, source: z"},
		{"source == ['x', 'y'] || name.contains('x')", ""},
		{"severity == 'HIGH' && severity in ['critical', 'nope']", "severity: high, severity: critical"},
		{"severity == 5 && labels.severity == 'High'", "labels.severity: High"},
		{"name == 'x' ? true : false", ""},
	}
	for _, tt := range tests {
		e, err := Language{}.ParseCEL(tt.cel)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, q := range e.Equalities() {
			got = append(got, strings.Join(q.Path, ".")+": "+strings.Join(q.Texts, "|"))
		}
		if s := strings.Join(got, ", "); s != tt.want {
			t.Errorf("%s: %s, want %s", tt.cel, s, tt.want)
		}
	}
}

func BenchmarkCEL(b *testing.B) {
	e, err := Language{}.ParseCEL("name.contains('almost') && severity >= 'high' && labels.team == 'core'")
	if err != nil {
		b.Fatal(err)
	}
	s := &Scope{Data: map[string]any{"name": "Disk almost full", "severity": "critical", "labels": value.MapOf(value.Entry{Key: "team", Value: "core"})}}
	b.ReportAllocs()
	for b.Loop() {
		if ok, err := e.Bool(b.Context(), s); !ok || err != nil {
			b.Fatal(ok, err)
		}
	}
}
