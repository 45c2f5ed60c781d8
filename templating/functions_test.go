package templating_test

import (
	"testing"
	"time"

	"tocsin/templating"
)

// TestExamples runs the example of every function: what is shown to people works.
func TestExamples(t *testing.T) {
	language := templating.Language{Functions: templating.Builtin()}
	for _, f := range language.Functions.All() {
		t.Run(f.Name, func(t *testing.T) {
			if f.Doc == "" || f.Example == "" || f.Params == "" {
				t.Fatal("a row without Params, Doc or Example")
			}
			e, err := language.ParseExpr(f.Example, templating.If)
			if err != nil {
				t.Fatalf("%s: %v", f.Example, err)
			}
			scope := &templating.Scope{Now: func() time.Time { return time.Date(2024, 5, 6, 7, 8, 9, 0, time.UTC) }}
			ok, err := e.Bool(t.Context(), scope)
			if err != nil || !ok {
				t.Errorf("%s: %v, %v", f.Example, ok, err)
			}
		})
	}
}
