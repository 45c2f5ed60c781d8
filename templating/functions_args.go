package templating

import (
	"fmt"
	"math"
	"time"

	"tocsin/templating/value"
)

// Args hands out arguments by position or name and remembers the first mistake, so
// that a function reads its arguments without checking each. Positions are those of
// the parameters: an argument given by name is at its parameter's position, and one
// that is not given, or is null, is its parameter's default.
type Args struct {
	params     *parameters
	positional []any
	named      []Named
	now        func() time.Time
	keep       bool // texts are texts, as in Keep: none is read as a list or a fraction
	err        error
}

// Len is the number of positional arguments.
func (a *Args) Len() int { return len(a.positional) }

// Any is argument i as it was given, and nil if there is none.
func (a *Args) Any(i int) any {
	v, ok := a.given(i)
	if ok && v != nil {
		return v
	}
	if p := a.params; i < len(p.list) {
		return p.list[i].fallback
	}
	return v
}

// Has says whether argument i was given and is not null.
func (a *Args) Has(i int) bool {
	v, ok := a.given(i)
	return ok && v != nil
}

// Named is the argument of that name, wherever it stands, and whether it was given.
func (a *Args) Named(name string) (any, bool) {
	if i := a.params.index(name); i >= 0 {
		return a.given(i)
	}
	return nil, false
}

func (a *Args) given(i int) (any, bool) {
	if i < len(a.positional) {
		return a.positional[i], true
	}
	if i >= len(a.params.list) {
		return nil, false
	}
	for _, n := range a.named {
		if a.params.index(n.Name) == i {
			return n.Value, true
		}
	}
	return nil, false
}

// String is argument i as text, whatever it is: that which a placeholder shows, nothing
// for an empty list or mapping.
func (a *Args) String(i int) string { return tagText(a.Any(i)) }

// Bool is the truth (Python's) of argument i.
func (a *Args) Bool(i int) bool { return value.Truthy(a.Any(i)) }

// Number is argument i as a number; text that is one counts, a boolean does not.
func (a *Args) Number(i int) float64 {
	return asFloat(a.number(i))
}

// Int is argument i as a whole number that fits an int; text that is one counts.
func (a *Args) Int(i int) int {
	switch n := a.number(i).(type) {
	case int64:
		if int64(int(n)) == n {
			return int(n)
		}
	case float64:
		if n == math.Trunc(n) && math.Abs(n) < 1<<53 {
			return int(n)
		}
	}
	a.wrong(i, "a whole number")
	return 0
}

// number is argument i as int64, *big.Int or float64.
func (a *Args) number(i int) any {
	v := a.Any(i)
	if _, isBool := v.(bool); !isBool {
		if n, ok := number(v); ok {
			return n
		}
	}
	a.wrong(i, "a number")
	return int64(0)
}

// List is argument i as a list: a list or tuple, the characters of a text, the keys of
// a mapping, nothing for null. It must not be changed.
func (a *Args) List(i int) []any { return readElements(a.Any(i)) }

// Map is argument i as a mapping, which must not be changed. Text that is one in
// JSON or as Python prints it counts. The result is nil after a mistake.
func (a *Args) Map(i int) *value.Map {
	m, ok := readMapping(a.Any(i), a.keep)
	if !ok {
		a.wrong(i, "a mapping")
	}
	return m
}

// Now is the time, as the call's clock has it.
func (a *Args) Now() time.Time {
	if a.now == nil {
		return time.Now()
	}
	return a.now()
}

// Fail remembers a mistake, unless there was one before, and returns nil.
func (a *Args) Fail(format string, args ...any) any {
	if a.err == nil {
		a.err = fmt.Errorf("%s: %w", a.params.function, fmt.Errorf(format, args...))
	}
	return nil
}

// Err is the first mistake.
func (a *Args) Err() error { return a.err }

// wrong says that argument i is not what it should be.
func (a *Args) wrong(i int, want string) {
	if i >= len(a.positional) && !a.Has(i) {
		a.Fail("no %s given", a.params.name(i))
		return
	}
	a.Fail("%s is %s, want %s", a.params.name(i), shown(a.Any(i)), want)
}

// shown is a value as an error shows it: short.
func shown(v any) string {
	const most = 40
	text := []rune(value.Repr(v))
	if len(text) > most {
		return string(text[:most]) + "…"
	}
	return string(text)
}
