package templating

import (
	"fmt"
	"math"
	"math/big"
	"slices"
	"strconv"

	"tocsin/templating/value"
)

// A builtin is one of Python's functions or methods. Texts get it as Keep's
// conditions have it (spec §6.2).
type builtin struct {
	name     string
	params   string
	min, max int // how many arguments; those of a method without its object
	call     func(r *run, args []any) (any, error)
}

func (b *builtin) takes(n int) bool { return b.min <= n && n <= b.max }

const anyNumber = math.MaxInt

// builtins are sorted by name.
var builtins = [...]builtin{
	{"abs", "(number)", 1, 1, absOf},
	{"all", "(list)", 1, 1, allOf},
	{"any", "(list)", 1, 1, anyOf},
	{"bool", "(value)", 0, 1, boolOf},
	{"dict", "(mapping)", 0, 1, dictOf},
	{"float", "(number or text)", 1, 1, floatOf},
	{"int", "(number or text)", 1, 1, intOf},
	{"len", "(text, list or mapping)", 1, 1, lenOf},
	{"list", "(list, text or mapping)", 0, 1, listOf},
	{"max", "(list) or (a, b, ...)", 1, anyNumber, maxOf},
	{"min", "(list) or (a, b, ...)", 1, anyNumber, minOf},
	{"range", "(stop) or (start, stop, step)", 1, 3, rangeOf},
	{"repr", "(value)", 1, 1, reprOf},
	{"reversed", "(list)", 1, 1, reversedOf},
	{"round", "(number, digits=0)", 1, 2, roundOf},
	{"set", "(list)", 0, 1, setOf},
	{"sorted", "(list)", 1, 1, sortedOf},
	{"str", "(value)", 1, 1, strOf},
	{"sum", "(list)", 1, 2, sumOf},
	{"tuple", "(list)", 0, 1, tupleOf},
}

func builtinOf(name string) *builtin { return rowOf(builtins[:], name) }

func rowOf(rows []builtin, name string) *builtin {
	for i := range rows {
		if rows[i].name == name {
			return &rows[i]
		}
	}
	return nil
}

func absOf(_ *run, args []any) (any, error) {
	n, ok := number(args[0])
	if !ok {
		return nil, cannot("take the size of", args[0])
	}
	if o, _ := value.Compare(n, int64(0)); o < 0 {
		return negate(n)
	}
	return n, nil
}

func cannot(what string, v any) error {
	return &Error{Message: fmt.Sprintf("cannot %s %s", what, described(v))}
}

// each is the elements of v: of a list, the characters of a text, the keys of a
// mapping; nil has none.
func (r *run) each(v any) ([]any, error) {
	switch x := v.(type) {
	case nil:
		return nil, nil
	case []any:
		return x, nil
	case value.Tuple:
		return x, nil
	case string:
		out := make([]any, 0, len(x))
		for _, c := range x {
			out = append(out, string(c))
		}
		return out, r.elements(len(out))
	case *value.Map:
		return keys(x), r.elements(x.Len())
	case value.Object:
		return keys(x.Map), r.elements(x.Len())
	}
	return nil, cannot("go through", v)
}

func keys(m *value.Map) []any {
	out := make([]any, 0, m.Len())
	for k := range m.All() {
		out = append(out, k)
	}
	return out
}

func allOf(r *run, args []any) (any, error) {
	list, err := r.each(args[0])
	return !slices.ContainsFunc(list, func(v any) bool { return !value.Truthy(v) }), firstOf(err, r.tick(len(list)))
}

func anyOf(r *run, args []any) (any, error) {
	list, err := r.each(args[0])
	return slices.ContainsFunc(list, value.Truthy), firstOf(err, r.tick(len(list)))
}

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func boolOf(_ *run, args []any) (any, error) { return len(args) == 1 && value.Truthy(args[0]), nil }

func dictOf(_ *run, args []any) (any, error) {
	if len(args) == 0 {
		return value.NewMap(0), nil
	}
	if !isMapping(args[0]) {
		return nil, cannot("make a mapping of", args[0])
	}
	return args[0], nil
}

func floatOf(_ *run, args []any) (any, error) {
	n, ok := number(args[0])
	if !ok {
		return nil, cannot("make a number of", args[0])
	}
	return asFloat(n), nil
}

func intOf(_ *run, args []any) (any, error) {
	n, ok := number(args[0])
	if !ok {
		return nil, cannot("make a whole number of", args[0])
	}
	f, ok := n.(float64)
	if !ok {
		return n, nil
	}
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return nil, cannot("make a whole number of", f)
	}
	i, _ := big.NewFloat(f).Int(nil)
	return normal(i), nil
}

func lenOf(_ *run, args []any) (any, error) {
	switch x := args[0].(type) {
	case nil:
		return int64(0), nil
	case string:
		return int64(len([]rune(x))), nil
	case *value.Map:
		return int64(x.Len()), nil
	case value.Object:
		return int64(x.Len()), nil
	}
	list, ok := items(args[0])
	if !ok {
		return nil, cannot("take the length of", args[0])
	}
	return int64(len(list)), nil
}

func listOf(r *run, args []any) (any, error) {
	if len(args) == 0 {
		return []any{}, nil
	}
	list, err := r.each(args[0])
	return append([]any{}, list...), firstOf(err, r.elements(len(list)))
}

func tupleOf(r *run, args []any) (any, error) {
	list, err := listOf(r, args)
	if err != nil {
		return nil, err
	}
	return value.Tuple(list.([]any)), nil
}

func maxOf(r *run, args []any) (any, error) { return r.extreme(args, 1) }
func minOf(r *run, args []any) (any, error) { return r.extreme(args, -1) }

// extreme is the element that is furthest in the direction of sign.
func (r *run) extreme(args []any, sign int) (any, error) {
	list := args
	if len(args) == 1 {
		var err error
		if list, err = r.each(args[0]); err != nil {
			return nil, err
		}
	}
	if len(list) == 0 {
		return nil, &Error{Message: "an empty list has no largest or smallest element"}
	}
	best := list[0]
	for _, v := range list[1:] {
		o, err := order(v, best)
		if err != nil {
			return nil, err
		}
		if o*sign > 0 {
			best = v
		}
	}
	return best, r.tick(len(list))
}

func rangeOf(r *run, args []any) (any, error) {
	limits := [3]int64{0, 0, 1}
	for i, a := range args {
		n, ok := a.(int64)
		if !ok {
			return nil, cannot("count to", a)
		}
		limits[i] = n
	}
	if len(args) == 1 {
		limits[0], limits[1] = 0, limits[0]
	}
	from, to, by := limits[0], limits[1], limits[2]
	if by == 0 {
		return nil, &Error{Message: "range: a step of 0"}
	}
	if (float64(to)-float64(from))/float64(by) > maxElements {
		return nil, errList
	}
	out := []any{}
	for i := from; by > 0 && i < to || by < 0 && i > to; i += by {
		out = append(out, i)
		if len(out) > maxElements {
			return nil, errList
		}
		if by > 0 && i > math.MaxInt64-by || by < 0 && i < math.MinInt64-by {
			break
		}
	}
	return out, r.elements(len(out))
}

func reprOf(r *run, args []any) (any, error) {
	s := value.Repr(args[0])
	return s, r.grow(len(s))
}

func reversedOf(r *run, args []any) (any, error) {
	list, err := listOf(r, args)
	if err != nil {
		return nil, err
	}
	slices.Reverse(list.([]any))
	return list, nil
}

// roundOf rounds halves to the even neighbour, as Python does.
func roundOf(_ *run, args []any) (any, error) {
	n, ok := number(args[0])
	if !ok {
		return nil, cannot("round", args[0])
	}
	digits := int64(0)
	if len(args) == 2 {
		if digits, ok = args[1].(int64); !ok || digits < 0 || digits > 15 {
			return nil, &Error{Message: "round: digits are 0 to 15"}
		}
	}
	f, isFloat := n.(float64)
	if !isFloat {
		return n, nil
	}
	if len(args) == 1 {
		return intOf(nil, []any{math.RoundToEven(f)})
	}
	rounded, err := strconv.ParseFloat(strconv.FormatFloat(f, 'f', int(digits), 64), 64)
	return rounded, err
}

func setOf(r *run, args []any) (any, error) {
	list, err := listOf(r, args)
	if err != nil {
		return nil, err
	}
	out := []any{}
	for _, v := range list.([]any) {
		if err := r.tick(1 + len(out)); err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(out, func(o any) bool { return value.Equal(o, v) }) {
			out = append(out, v)
		}
	}
	return out, nil
}

func sortedOf(r *run, args []any) (any, error) {
	list, err := listOf(r, args)
	if err != nil {
		return nil, err
	}
	var failed error
	slices.SortStableFunc(list.([]any), func(a, b any) int {
		o, err := order(a, b)
		failed = firstOf(failed, err, r.tick(1))
		if failed != nil {
			return 0
		}
		return o
	})
	return list, failed
}

func strOf(r *run, args []any) (any, error) {
	s := "None"
	if args[0] != nil {
		s = value.Text(args[0])
	}
	return s, r.grow(len(s))
}

func sumOf(r *run, args []any) (any, error) {
	list, err := r.each(args[0])
	if err != nil {
		return nil, err
	}
	total := any(int64(0))
	if len(args) == 2 {
		total = args[1]
	}
	for _, v := range list {
		if total, err = r.arith("+", total, v); err != nil {
			return nil, err
		}
	}
	return total, r.tick(len(list))
}
