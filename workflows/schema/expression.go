package schema

import (
	"reflect"
	"strings"

	"tocsin/workflows/source"
)

// An Expression is a text that the provider evaluates, as often as it likes, over names
// of its own: json.type == 'tick'. Which names those are, and what stands behind them,
// says the field's tag names:"data=text,json,size=number"; what has no "=" may be
// anything. The engine parses the text before the run and puts in Value.
type Expression struct {
	Text string // as it was written; "": the parameter was left out
	// Uses are the names that the text reads; what is not among them need not be made.
	Uses []string
	// Value evaluates the text over the names. It is nil where no engine has read the
	// text, as in a configuration.
	Value func(names map[string]any) (any, error)
}

// A Predicate is an Expression that is true or false.
type Predicate struct {
	Text  string
	Uses  []string
	Holds func(names map[string]any) (bool, error)
}

// Plain is the text, which is what is shown of a parameter.
func (e Expression) Plain() any { return e.Text }

// Plain is the text.
func (p Predicate) Plain() any { return p.Text }

// A Name is one that an expression may use. Kind is "text", "number", "list",
// "mapping", or "any".
type Name struct{ Name, Kind string }

// namesIn reads a names tag.
func namesIn(tag string) []Name {
	var names []Name
	for _, part := range list(tag) {
		name, kind, known := strings.Cut(part, "=")
		if !known {
			kind = "any"
		}
		names = append(names, Name{name, kind})
	}
	return names
}

// setExpression takes what the engine made of a text. Before the run there is only the
// text, or true or false, which mean themselves.
func setExpression(_ *decoder, dst reflect.Value, v source.Value) bool {
	e := dst.Addr().Interface().(*Expression)
	switch x := v.Data.(type) {
	case Expression:
		*e = x
	case string:
		e.Text = strings.TrimSpace(x)
	default:
		return false
	}
	return true
}

func setPredicate(_ *decoder, dst reflect.Value, v source.Value) bool {
	p := dst.Addr().Interface().(*Predicate)
	switch x := v.Data.(type) {
	case Predicate:
		*p = x
	case string:
		p.Text = strings.TrimSpace(x)
	case bool:
		*p = Predicate{Text: describe(v), Holds: func(map[string]any) (bool, error) { return x, nil }}
	default:
		return false
	}
	return true
}
