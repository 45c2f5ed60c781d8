package schema_test

import (
	"testing"

	"tocsin/workflows/schema"
)

// A condition is a function of the engine, or true or false as they stand.
func TestCondition(t *testing.T) {
	type params struct {
		If   schema.Condition `param:"if" doc:"When."`
		Find schema.CEL       `param:"find" doc:"What."`
	}
	s := schema.Of[params]()
	over := schema.Condition(func(more map[string]any) (bool, error) { return more["n"].(int) > 3, nil })
	tests := []struct {
		name string
		data any
		want bool
	}{
		{"what the engine made of a text", over, true},
		{"true", true, true},
		{"false", false, false},
	}
	for _, tt := range tests {
		var p params
		if err := s.Decode(given("if", tt.data), "x", &p); err != nil {
			t.Fatal(err)
		}
		if got, err := p.If(map[string]any{"n": 7}); err != nil || got != tt.want {
			t.Errorf("%s: %v, %v", tt.name, got, err)
		}
	}
	if ps := s.Check(given("if", "{{ n }} > 3"), "x", nil); ps != nil {
		t.Errorf("a text before the run: %v", ps)
	}
	if ps := s.Check(given("if", 7.5), "x", nil); len(ps) != 1 || ps[0].Message != `"if" of x takes a condition, not 7.5` {
		t.Errorf("a number: %v", ps)
	}
	if f, _ := s.Field("if"); !f.Lazy || f.Syntax != "condition" || f.Type != schema.String {
		t.Errorf("%+v", f)
	}
	if f, _ := s.Field("find"); f.Lazy || f.Syntax != "cel" || f.Type != schema.String {
		t.Errorf("%+v", f)
	}
}
