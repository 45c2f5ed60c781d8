package templating

import (
	"fmt"
	"regexp"
	"slices"
	"time"

	exprs "github.com/expr-lang/expr/builtin"

	"tocsin/templating/value"
)

// A celOperation is one step of a program in CEL. An operand that is a mistake is its
// result, except for those that say otherwise.
type celOperation struct {
	name   string
	judges bool // takes mistakes as operands
	do     func(r *run, a []any) (any, error)
}

// celOperations are CEL's, named as the translator names them.
var celOperations = [...]celOperation{
	{"is", true, func(_ *run, a []any) (any, error) { return a[0] == a[1], nil }},
	{"failed", true, func(_ *run, a []any) (any, error) { return isMistake(a[0]), nil }},
	{"has", true, func(_ *run, a []any) (any, error) { return !isMistake(a[0]), nil }},
	{"&&", true, func(_ *run, a []any) (any, error) { return celJoined(a[0], a[1], false), nil }},
	{"||", true, func(_ *run, a []any) (any, error) { return celJoined(a[0], a[1], true), nil }},
	{"all", true, func(r *run, a []any) (any, error) { return r.celAggregate(a[0].([]any), false) }},
	{"exists", true, func(r *run, a []any) (any, error) { return r.celAggregate(a[0].([]any), true) }},

	{"undecided", false, func(_ *run, a []any) (any, error) { return notBoolean(a[0]), nil }},
	{"!", false, func(_ *run, a []any) (any, error) { return celNot(a[0]), nil }},
	{"==", false, func(r *run, a []any) (any, error) { return r.celEqual(a[0], a[1]), r.tick(weight(a[0])) }},
	{"!=", false, func(r *run, a []any) (any, error) { return celNot(r.celEqual(a[0], a[1])), r.tick(weight(a[0])) }},
	{"<", false, func(r *run, a []any) (any, error) { return r.celOrder(a, func(o int) bool { return o < 0 }) }},
	{"<=", false, func(r *run, a []any) (any, error) { return r.celOrder(a, func(o int) bool { return o <= 0 }) }},
	{">", false, func(r *run, a []any) (any, error) { return r.celOrder(a, func(o int) bool { return o > 0 }) }},
	{">=", false, func(r *run, a []any) (any, error) { return r.celOrder(a, func(o int) bool { return o >= 0 }) }},
	{"in", false, func(r *run, a []any) (any, error) { return r.celIn(a[0], a[1]) }},

	{"severity ==", false, func(_ *run, a []any) (any, error) { return sameRank(a[0], a[1]), nil }},
	{"severity !=", false, func(_ *run, a []any) (any, error) { return !sameRank(a[0], a[1]), nil }},
	{"severity <", false, func(_ *run, a []any) (any, error) { return rankOrder(a, func(o int64) bool { return o < 0 }), nil }},
	{"severity <=", false, func(_ *run, a []any) (any, error) { return rankOrder(a, func(o int64) bool { return o <= 0 }), nil }},
	{"severity >", false, func(_ *run, a []any) (any, error) { return rankOrder(a, func(o int64) bool { return o > 0 }), nil }},
	{"severity >=", false, func(_ *run, a []any) (any, error) { return rankOrder(a, func(o int64) bool { return o >= 0 }), nil }},
	{"severity in", false, func(r *run, a []any) (any, error) {
		return r.celAny(a[1], func(v any) bool { return sameRank(a[0], v) })
	}},
	{"source ==", false, func(r *run, a []any) (any, error) { return r.celSource(a[0], a[1]) }},
	{"source !=", false, func(r *run, a []any) (any, error) { v, err := r.celSource(a[0], a[1]); return celNot(v), err }},
	{"source <", false, unordered},
	{"source <=", false, unordered},
	{"source >", false, unordered},
	{"source >=", false, unordered},
	{"source in", false, func(r *run, a []any) (any, error) { return r.celSourceIn(a[0], a[1]) }},

	{"+", false, func(r *run, a []any) (any, error) { return r.celAdd(a[0], a[1]) }},
	{"-", false, func(r *run, a []any) (any, error) { return r.celSubtract(a[0], a[1]) }},
	{"*", false, func(r *run, a []any) (any, error) { return r.celArith("*", a[0], a[1]), nil }},
	{"/", false, func(r *run, a []any) (any, error) { return r.celArith("/", a[0], a[1]), nil }},
	{"%", false, func(r *run, a []any) (any, error) { return r.celArith("%", a[0], a[1]), nil }},
	{"negate", false, func(r *run, a []any) (any, error) { return r.celArith("-", int64(0), a[0]), nil }},

	{"list", false, func(r *run, a []any) (any, error) { return append([]any{}, a...), r.elements(len(a)) }},
	{"map", false, func(_ *run, a []any) (any, error) { return celCollected(a[0].([]any)), nil }},
	{"mapping", false, func(r *run, a []any) (any, error) { return pairsOf(a), r.elements(len(a)) }},
	{"index", false, func(_ *run, a []any) (any, error) { return celIndexed(a[0], a[1]), nil }},
	{"select", false, func(_ *run, a []any) (any, error) { return celSelected(a[1], a[0].(string)), nil }},
	{"range", false, func(r *run, a []any) (any, error) { return r.celRange(a[0]) }},
	{"filter", false, func(_ *run, a []any) (any, error) { return celFiltered(a[0].([]any), a[1].([]any)), nil }},
	{"exists_one", false, func(_ *run, a []any) (any, error) { return celExactlyOne(a[0].([]any)), nil }},
	{"matches", false, func(r *run, a []any) (any, error) { return r.celMatches(a[1], a[0].(*regexp.Regexp)) }},
	{"call", false, func(r *run, a []any) (any, error) { return a[0].(*celFunction).call(r, a[1:]) }},
}

// celOperationNamed is the operation as expr-lang knows it. Each counts a step.
func celOperationNamed(name string) *exprs.Function {
	i := slices.IndexFunc(celOperations[:], func(op celOperation) bool { return op.name == name })
	return &exprs.Function{Name: "cel " + name, Func: celOperations[i].run}
}

// run is what expr-lang calls; the first operand is the run.
func (op *celOperation) run(a ...any) (any, error) {
	r := a[0].(*run)
	if err := r.tick(1); err != nil {
		return nil, err
	}
	if !op.judges {
		for _, v := range a[1:] {
			if isMistake(v) {
				return v, nil
			}
		}
	}
	return op.do(r, a[1:])
}

func isMistake(v any) bool {
	_, ok := v.(*Error)
	return ok
}

// settled is v as callers know values: a mistake is an error.
func settled(v any) (any, error) {
	switch x := v.(type) {
	case *Error:
		return nil, x
	case time.Duration:
		return x.String(), nil
	}
	return v, nil
}

func notBoolean(v any) *Error { return mistake("%s is neither true nor false", described(v)) }

func celNot(v any) any {
	switch b := v.(type) {
	case bool:
		return !b
	case *Error:
		return b
	}
	return notBoolean(v)
}

// celJoined is a && b, or a || b where true decides. One side that is no boolean, or
// a mistake, does not count where the other decides.
func celJoined(a, b any, decides bool) any {
	x, xOK := a.(bool)
	y, yOK := b.(bool)
	switch {
	case xOK && yOK:
		if decides {
			return x || y
		}
		return x && y
	case xOK && x != decides:
		return b
	case xOK:
		return a
	case yOK && y != decides:
		return a
	case yOK:
		return b
	case isMistake(a):
		return a
	case isMistake(b):
		return b
	}
	return notBoolean(a)
}

// celAggregate is all() or, where true decides, exists().
func (r *run) celAggregate(list []any, decides bool) (any, error) {
	all := any(!decides)
	for _, v := range list {
		if all = celJoined(all, v, decides); all == decides {
			break
		}
	}
	return all, r.tick(len(list))
}

func celExactlyOne(list []any) any {
	n := 0
	for _, v := range list {
		switch b := v.(type) {
		case bool:
			if b {
				n++
			}
		case *Error:
			return b
		default:
			return notBoolean(v)
		}
	}
	return n == 1
}

func celFiltered(list, keep []any) any {
	out := []any{}
	for i, v := range keep {
		switch b := v.(type) {
		case bool:
			if b {
				out = append(out, list[i])
			}
		case *Error:
			return b
		default:
			return notBoolean(v)
		}
	}
	return out
}

func celCollected(list []any) any {
	for _, v := range list {
		if isMistake(v) {
			return v
		}
	}
	return list
}

// celRange is what a macro goes through.
func (r *run) celRange(v any) (any, error) {
	switch v.(type) {
	case []any, value.Tuple, *value.Map, value.Object:
		list, err := r.each(v)
		if list == nil {
			list = []any{}
		}
		return list, err
	}
	return mistake("%s is no list", described(v)), nil
}

func celIndexed(v, i any) any {
	switch x := v.(type) {
	case *value.Map, value.Object:
		if key, ok := i.(string); ok {
			return celSelected(x, key)
		}
	}
	list, ok := items(v)
	n, isInt := i.(int64)
	switch {
	case !ok || !isInt:
		return mistake("%s has no element %s", described(v), described(i))
	case n < 0 || n >= int64(len(list)):
		return mistake("a list of %d has no element %d", len(list), n)
	}
	return list[n]
}

func celSelected(v any, name string) any {
	var m *value.Map
	switch x := v.(type) {
	case *value.Map:
		m = x
	case value.Object:
		m = x.Map
	}
	if e, ok := m.Get(name); ok {
		return e
	}
	return noField(name, 0)
}

// noField is the mistake of a path that leads nowhere.
func noField(path string, at int) *Error {
	return &Error{Message: fmt.Sprintf("there is no field %q", path), Offset: at, Missing: []string{path}}
}

func (r *run) celMatches(v any, re *regexp.Regexp) (any, error) {
	s, ok := v.(string)
	if !ok {
		return mistake("%s matches no pattern", described(v)), nil
	}
	return re.MatchString(s), r.tick(1 + len(s)/64)
}
