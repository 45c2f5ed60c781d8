package schema_test

import (
	"fmt"
	"testing"

	"tocsin/workflows/schema"
)

// An expression is a text until the engine has read it; then it is a function too.
func TestExpression(t *testing.T) {
	type params struct {
		Key  schema.Expression `param:"key" names:"data=text, json" doc:"What."`
		When schema.Predicate  `param:"when" names:"size=number" doc:"When."`
		Deep []struct {
			When schema.Predicate `param:"when" doc:"When."`
		} `param:"deep" doc:"Several."`
	}
	s := schema.Of[params]()
	var p params
	if err := s.Decode(given("key", " data "), "x", &p); err != nil || p.Key.Text != "data" || p.Key.Value != nil {
		t.Errorf("a text: %+v, %v", p.Key, err)
	}
	made := schema.Predicate{Text: "size > 3", Holds: func(names map[string]any) (bool, error) { return names["size"].(int) > 3, nil }}
	if err := s.Decode(given("when", made), "x", &p); err != nil {
		t.Fatal(err)
	}
	if held, err := p.When.Holds(map[string]any{"size": 7}); !held || err != nil {
		t.Errorf("what the engine made: %v, %v", held, err)
	}
	if err := s.Decode(given("when", true), "x", &p); err != nil || p.When.Text != "true" {
		t.Errorf("true: %+v, %v", p.When, err)
	}
	for _, name := range []string{"key", "when"} {
		if ps := s.Check(given(name, 7.5), "x", nil); len(ps) != 1 || ps[0].Message != fmt.Sprintf(`"%s" of x takes an expression, not 7.5`, name) {
			t.Errorf("a number: %v", ps)
		}
	}
	if f, _ := s.Field("key"); f.Syntax != "expression" || fmt.Sprint(f.Names) != "[{data text} {json any}]" || f.Type != schema.String {
		t.Errorf("%+v", f)
	}
	if f, _ := s.Field("deep"); f.Fields[0].Syntax != "predicate" {
		t.Errorf("%+v", f)
	}
}
