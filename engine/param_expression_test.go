package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"tocsin/providers"
	"tocsin/templating/value"
	"tocsin/workflows/schema"
)

// sieve is a provider that evaluates expressions over words of its own.
func sieve() providers.Provider {
	type part struct {
		Expr schema.Predicate `param:"expr" names:"word=text,json,size=number,vars=run" doc:"Which."`
		Say  string           `param:"say" doc:"What."`
	}
	type with struct {
		Keep  schema.Predicate  `param:"keep" names:"word=text,json,size=number,vars=run" doc:"Which."`
		Key   schema.Expression `param:"key" names:"word=text,size=number" doc:"What."`
		Parts []part            `param:"parts" doc:"Several."`
	}
	query := func(_ struct{}, _ context.Context, w with) (map[string]any, error) {
		var kept []any
		for _, word := range []string{"disk", "memory", "net"} {
			names := map[string]any{"word": word, "size": int64(len(word)), "json": value.NewMap(0)}
			held, err := w.Keep.Holds(names)
			if err != nil {
				return nil, err
			}
			if held {
				kept = append(kept, word)
			}
		}
		out := map[string]any{"kept": kept, "uses": w.Keep.Uses}
		for i, p := range w.Parts {
			held, err := p.Expr.Holds(map[string]any{"word": "net"})
			out[fmt.Sprint("part", i)] = fmt.Sprintln(p.Say, held, err)
		}
		if w.Key.Value != nil {
			key, err := w.Key.Value(map[string]any{"word": "net", "size": int64(3)})
			out["key"] = fmt.Sprintln(key, err)
		}
		return out, nil
	}
	return providers.Define(providers.Definition[struct{}]{Type: "sieve", Query: providers.Call(query)})
}

// A provider evaluates over its own names; what stands in braces is of the run. What is
// shown of such a parameter is its text.
func TestExpressionsOfProviders(t *testing.T) {
	p, pool := compile(t, `
workflow:
  id: w
  consts: {least: 4, word: net}
  steps:
    - name: ask
      vars: {most: 5}
      provider:
        type: sieve
        with:
          keep: size >= {{ consts.least }} and size <= vars.most and word != '{{ nothing }}'
          key: word + '{{ consts.least }}'
          parts:
            - {say: "is {{ consts.word }}", expr: "word == '{{ consts.word }}'"}
            - {say: none, expr: "json.a > 3"}
            - {say: "yes", expr: true}
`, sieve())
	var shown strings.Builder
	r := Runner{Pool: pool, Observe: func(e Event) {
		text, err := json.Marshal(e.With)
		fmt.Fprintln(&shown, string(text), err)
	}}
	result := r.Run(t.Context(), p, Input{Run: "r"})
	if result.Err != nil {
		t.Fatal(result.Err)
	}
	out := result.Steps[0].Output.(*value.Map)
	for key, want := range map[string]string{
		"kept":  "['disk']",
		"uses":  "['size', 'word']",
		"key":   "net4 <nil>",
		"part0": "is net true <nil>",
		"part1": "none false workflow.yaml:15:34: cannot compare nothing (null) with 3",
		"part2": "yes true <nil>",
	} {
		if got, _ := out.Get(key); !strings.HasPrefix(value.Text(got), want) {
			t.Errorf("%s = %s, want %s", key, value.Text(got), want)
		}
	}
	if !strings.Contains(shown.String(), `"expr":"json.a \u003e 3"`) || !strings.Contains(shown.String(), "size \\u003e= {{ consts.least }}") {
		t.Errorf("shown: %s", &shown)
	}
}

// Mistakes in an expression are found before the run, at their place.
func TestMistakesInExpressions(t *testing.T) {
	w := parse(t, "w.yaml", []byte(`
workflow:
  id: w
  steps:
    - name: ask
      provider:
        type: sieve
        with:
          keep: siz > 3
          key: word +
          parts:
            - {expr: word}
            - {expr: "size > {{ consts.leest }}"}
            - {expr: 7}
`))
	_, warnings, err := Compile(w, Library{Providers: providers.NewRegistry(sieve()), Functions: Functions()})
	got := fmt.Sprint(err)
	for _, want := range []string{
		`w.yaml:9:17: unknown name "siz" (did you mean "size"?)`,
		`w.yaml:10:22: something is missing at the end`,
		`w.yaml:12:22: this is a text, neither true nor false`,
		`w.yaml:14:22: "parts[2].expr" of sieve takes an expression, not 7`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%s\nis not in\n%s", want, got)
		}
	}
	if !strings.Contains(fmt.Sprint(warnings), `no constant "leest"`) {
		t.Errorf("warnings: %v", warnings)
	}
}
