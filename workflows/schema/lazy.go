package schema

import (
	"reflect"

	"tocsin/workflows/source"
)

// A Lazy parameter is not rendered before the call: the provider renders it, as
// often as it likes, each time with more names to see. Only providers that loop
// need it. A value that is no template is a Lazy that returns it. A text in it that is
// a choice (a ? b : c) gives what is chosen.
type Lazy func(more map[string]any) (any, error)

// A Condition is a Lazy that holds or does not: "{{ value.1 }} > 0.9". Nil, where the
// parameter was left out, is for the provider to understand. What is missing or cannot
// be compared is an error.
type Condition func(more map[string]any) (bool, error)

// A CEL is a text in CEL whose templates are rendered before the call: what they give
// is put in as literals of CEL, so that no data can change what the text says.
type CEL string

func setLazy(_ *decoder, dst reflect.Value, v source.Value) bool {
	l := dst.Addr().Interface().(*Lazy)
	switch x := v.Data.(type) {
	case Lazy:
		*l = x
	case func(map[string]any) (any, error):
		*l = x
	default:
		*l = func(map[string]any) (any, error) { return v.Plain(), nil }
	}
	return true
}

// setCondition takes what the engine made of a text, and a boolean.
func setCondition(_ *decoder, dst reflect.Value, v source.Value) bool {
	c := dst.Addr().Interface().(*Condition)
	switch x := v.Data.(type) {
	case Condition:
		*c = x
	case bool:
		*c = func(map[string]any) (bool, error) { return x, nil }
	default:
		// Before the run there is only the text.
		_, text := v.Data.(string)
		return text
	}
	return true
}
