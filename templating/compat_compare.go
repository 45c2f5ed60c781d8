package templating

import (
	"strings"

	"tocsin/templating/value"
)

// Comparisons are loose (compare.go), except in what Keep makes of a condition: there
// they are Python's, in which a number and a text are never equal and have no order.

// equal says whether a == b.
func (r *run) equal(a, b any) bool {
	if r.pasting == typed {
		return equal(a, b)
	}
	return value.Equal(a, b) || equalNumbers(a, b)
}

// order says which of a and b comes first.
func (r *run) order(a, b any) (int, error) {
	if r.pasting == typed || !isText(a) && !isText(b) {
		return order(a, b)
	}
	if !isText(a) || !isText(b) {
		return 0, incomparable(a, b)
	}
	return strings.Compare(a.(string), b.(string)), nil
}

func isText(v any) bool {
	_, ok := v.(string)
	return ok
}

// strictContainer is why Python does not look for needle in container.
func strictContainer(container, needle any) error {
	switch container.(type) {
	case nil:
		return &Error{Message: "nothing (null) contains nothing", refused: true}
	case string:
		if !isText(needle) {
			return &Error{Message: "a text contains only texts, not " + described(needle), refused: true}
		}
	}
	return nil
}

// strictOperands says that Python computes a op b: numbers with numbers, texts and
// lists with their like, or so many times over.
func strictOperands(op string, a, b any) bool {
	switch {
	case !isText(a) && !isText(b):
		return true
	case op == "+":
		return isText(a) && isText(b)
	case op == "*":
		return !isText(a) || !isText(b)
	}
	return false
}
