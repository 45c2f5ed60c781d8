package templating

import (
	"math/big"
	"strings"
	"time"

	"tocsin/templating/value"
)

// celEqual says whether a and b are equal: true, false, or, with Keep, a mistake for
// values whose types do not go together.
func (r *run) celEqual(a, b any) any {
	if r.form == keepCELForm {
		return keepEqual(a, b)
	}
	if x, ok := a.(time.Duration); ok {
		y, also := b.(time.Duration)
		return also && x == y
	}
	return value.Equal(a, b)
}

// keepEqual is equality as Keep's CEL has it: texts, numbers, lists and mappings are
// equal only to their like, and comparing them with anything else is a mistake.
func keepEqual(a, b any) any {
	ka, kb := celKind(a), celKind(b)
	switch {
	case ka == celList && kb == celList:
		return keepEqualLists(a, b)
	case ka == kb:
		return value.Equal(a, b)
	case ka == celBoolean && kb == celInteger: // its booleans are numbers on the left
		return value.Equal(boolNumber(a), b)
	case ka.strict() || kb.strict():
		return incomparable(a, b)
	}
	return false
}

func keepEqualLists(a, b any) any {
	x, _ := items(a)
	y, _ := items(b)
	if len(x) != len(y) {
		return false
	}
	for i := range x {
		if same := keepEqual(x[i], y[i]); same != true {
			return same
		}
	}
	return true
}

func boolNumber(v any) any {
	if v == true {
		return int64(1)
	}
	return int64(0)
}

// A celType is what kind of thing a value is to CEL.
type celType uint8

const (
	celNull celType = iota
	celBoolean
	celInteger
	celFloat
	celWord
	celList
	celMapping
	celTime
	celSpan
)

// strict says that Keep compares such a value only with its like.
func (t celType) strict() bool {
	return t == celInteger || t == celFloat || t == celWord || t == celList || t == celMapping
}

// ordersWith says that Keep knows the order of such a value on the left and one of
// other on the right: fractions have one with whole numbers, which have none with them.
func (t celType) ordersWith(other celType) bool { return t == celFloat && other == celInteger }

func celKind(v any) celType {
	switch v.(type) {
	case bool:
		return celBoolean
	case int64, *big.Int:
		return celInteger
	case float64:
		return celFloat
	case string:
		return celWord
	case []any, value.Tuple:
		return celList
	case *value.Map, value.Object:
		return celMapping
	case time.Time, value.Date:
		return celTime
	case time.Duration:
		return celSpan
	}
	return celNull
}

// celOrder decides by the order of the operands.
func (r *run) celOrder(a []any, holds func(int) bool) (any, error) {
	if x, ok := a[0].(time.Duration); ok {
		if y, ok := a[1].(time.Duration); ok {
			return holds(int(min(1, max(-1, x-y)))), nil
		}
	}
	ka, kb := celKind(a[0]), celKind(a[1])
	if ka == celList || r.form == keepCELForm && ka != kb && !ka.ordersWith(kb) {
		return incomparable(a[0], a[1]), nil
	}
	o, ok := value.Compare(a[0], a[1])
	if !ok {
		return incomparable(a[0], a[1]), nil
	}
	return holds(o), r.tick(weight(a[0]))
}

func unordered(_ *run, a []any) (any, error) { return incomparable(a[0], a[1]), nil }

// celIn is v in list, or v a key of a mapping.
func (r *run) celIn(v, container any) (any, error) {
	if s, ok := container.(string); ok && r.form == keepCELForm {
		part, isText := v.(string)
		return isText && len([]rune(part)) == 1 && strings.Contains(s, part), r.tick(1 + len(s)/256)
	}
	list, err := r.celRange(container)
	elements, ok := list.([]any)
	if err != nil || !ok {
		return list, err
	}
	found := any(false)
	for _, e := range elements {
		switch same := r.celEqual(e, v).(type) {
		case bool:
			if same {
				return true, r.tick(len(elements))
			}
		default:
			found = same
		}
	}
	return found, r.tick(len(elements))
}

// celAny says whether one of the elements of a list holds.
func (r *run) celAny(list any, holds func(any) bool) (any, error) {
	elements, ok := items(list)
	if !ok {
		return mistake("%s is no list", described(list)), nil
	}
	for _, e := range elements {
		if holds(e) {
			return true, r.tick(len(elements))
		}
	}
	return false, r.tick(len(elements))
}

// rank is that of a severity: a word or a number.
func rank(v any) (int64, bool) {
	switch x := v.(type) {
	case int64:
		return x, true
	case string:
		return SeverityRank(x)
	}
	return 0, false
}

// sameRank compares a severity; what is none is equal to none.
func sameRank(a, b any) bool {
	x, xOK := rank(a)
	y, yOK := rank(b)
	return xOK && yOK && x == y
}

func rankOrder(a []any, holds func(int64) bool) any {
	x, xOK := rank(a[0])
	y, yOK := rank(a[1])
	if !xOK || !yOK {
		return incomparable(a[0], a[1])
	}
	return holds(x - y)
}

// celSource compares the list of sources: with a text it is membership.
func (r *run) celSource(a, b any) (any, error) {
	list, ok := items(a)
	other := b
	if !ok {
		list, ok = items(b)
		other = a
	}
	text, isText := other.(string)
	if !ok || !isText {
		return r.celEqual(a, b), r.tick(weight(a))
	}
	return r.celAny(list, func(e any) bool { return e == text })
}

// celSourceIn says whether one of the sources is in the list.
func (r *run) celSourceIn(sources, list any) (any, error) {
	own, ok := items(sources)
	if !ok {
		return r.celIn(sources, list)
	}
	if err := r.tick(len(own)); err != nil {
		return nil, err
	}
	found := any(false)
	for _, s := range own {
		in, err := r.celIn(s, list)
		if err != nil || in == true {
			return in, err
		}
		if isMistake(in) {
			found = in
		}
	}
	return found, nil
}

func (r *run) celAdd(a, b any) (any, error) {
	switch x := a.(type) {
	case string:
		if y, ok := b.(string); ok {
			return x + y, r.grow(len(x) + len(y))
		}
	case time.Time:
		if y, ok := b.(time.Duration); ok {
			return x.Add(y), nil
		}
	case time.Duration:
		switch y := b.(type) {
		case time.Time:
			return y.Add(x), nil
		case time.Duration:
			return x + y, nil
		}
	}
	x, xOK := items(a)
	y, yOK := items(b)
	if xOK && yOK {
		if err := r.elements(len(x) + len(y)); err != nil {
			return nil, err
		}
		return append(append(make([]any, 0, len(x)+len(y)), x...), y...), nil
	}
	return r.celArith("+", a, b), nil
}

func (r *run) celSubtract(a, b any) (any, error) {
	switch x := a.(type) {
	case time.Time:
		switch y := b.(type) {
		case time.Time:
			return x.Sub(y), nil
		case time.Duration:
			return x.Add(-y), nil
		}
	case time.Duration:
		if y, ok := b.(time.Duration); ok {
			return x - y, nil
		}
	}
	return r.celArith("-", a, b), nil
}

// celArith computes with numbers. Whole ones stay whole: 7 / 2 is 3.
func (r *run) celArith(op string, a, b any) any {
	x, xInt := a.(int64)
	y, yInt := b.(int64)
	switch {
	case xInt && yInt:
		return celIntegers(op, x, y)
	case op == "-" && a == int64(0) && isNumber(b): // a negated number
		return -asFloat(b)
	case !isNumber(a) || !isNumber(b) || op == "%":
	case r.form == keepCELForm && celKind(a) != celKind(b) && (op == "/" || !celKind(a).ordersWith(celKind(b))):
	default:
		return celFloats(op, asFloat(a), asFloat(b))
	}
	return mistake("cannot compute %s %s %s", described(a), op, described(b))
}

func celIntegers(op string, x, y int64) any {
	exact := new(big.Int)
	switch op {
	case "+":
		exact.Add(big.NewInt(x), big.NewInt(y))
	case "-":
		exact.Sub(big.NewInt(x), big.NewInt(y))
	case "*":
		exact.Mul(big.NewInt(x), big.NewInt(y))
	default:
		if y == 0 {
			return mistake("cannot divide by 0")
		}
		if op == "%" {
			exact.Rem(big.NewInt(x), big.NewInt(y))
		} else {
			exact.Quo(big.NewInt(x), big.NewInt(y))
		}
	}
	if !exact.IsInt64() {
		return mistake("%d %s %d is too large", x, op, y)
	}
	return exact.Int64()
}

func celFloats(op string, x, y float64) any {
	switch op {
	case "+":
		return x + y
	case "-":
		return x - y
	case "*":
		return x * y
	}
	if y == 0 {
		return mistake("cannot divide by 0")
	}
	return x / y
}
