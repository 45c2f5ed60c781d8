package templating

import (
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"unicode/utf8"

	"tocsin/templating/value"
)

// mathematics are the names that Keep's conditions have from Python's math module, and
// Python's own for numbers in other notations (spec §6.2). Functions of the table that
// have the same name go before them inside of braces. They are sorted by name.
var mathematics = [...]builtin{
	{"acos", "(number)", 1, 1, floatFunction(math.Acos)},
	{"asin", "(number)", 1, 1, floatFunction(math.Asin)},
	{"atan", "(number)", 1, 1, floatFunction(math.Atan)},
	{"bin", "(whole number)", 1, 1, notation("0b", 2)},
	{"ceil", "(number)", 1, 1, wholeFunction(math.Ceil)},
	{"chr", "(whole number)", 1, 1, chrOf},
	{"cos", "(number)", 1, 1, floatFunction(math.Cos)},
	{"degrees", "(radians)", 1, 1, floatFunction(func(x float64) float64 { return x * 180 / math.Pi })},
	{"divmod", "(a, b)", 2, 2, divmodOf},
	{"enumerate", "(list)", 1, 1, enumerateOf},
	{"exp", "(number)", 1, 1, floatFunction(math.Exp)},
	{"fabs", "(number)", 1, 1, floatFunction(math.Abs)},
	{"floor", "(number)", 1, 1, wholeFunction(math.Floor)},
	{"hex", "(whole number)", 1, 1, notation("0x", 16)},
	{"log", "(number, base)", 1, 2, logOf},
	{"log10", "(number)", 1, 1, floatFunction(math.Log10)},
	{"log2", "(number)", 1, 1, floatFunction(math.Log2)},
	{"oct", "(whole number)", 1, 1, notation("0o", 8)},
	{"ord", "(character)", 1, 1, ordOf},
	{"pow", "(base, exponent)", 2, 2, func(r *run, a []any) (any, error) { return r.arith("**", a[0], a[1]) }},
	{"radians", "(degrees)", 1, 1, floatFunction(func(x float64) float64 { return x * math.Pi / 180 })},
	{"sin", "(number)", 1, 1, floatFunction(math.Sin)},
	{"sqrt", "(number)", 1, 1, floatFunction(math.Sqrt)},
	{"tan", "(number)", 1, 1, floatFunction(math.Tan)},
	{"trunc", "(number)", 1, 1, wholeFunction(math.Trunc)},
	{"zip", "(list, list, ...)", 1, anyNumber, zipOf},
}

func mathematicsOf(name string) *builtin { return rowOf(mathematics[:], name) }

// constants of mathematics, outside of braces and calls.
var constants = map[string]float64{"pi": math.Pi, "e": math.E}

// floatFunction is f as a builtin. What f is not defined for is an error.
func floatFunction(f func(float64) float64) func(*run, []any) (any, error) {
	return func(_ *run, args []any) (any, error) {
		n, ok := number(args[0])
		if !ok {
			return nil, cannot("compute with", args[0])
		}
		y := f(asFloat(n))
		if math.IsNaN(y) || math.IsInf(y, 0) {
			return nil, cannot("compute this of", args[0])
		}
		return y, nil
	}
}

// wholeFunction is f, whose results are whole.
func wholeFunction(f func(float64) float64) func(*run, []any) (any, error) {
	return func(r *run, args []any) (any, error) {
		n, ok := number(args[0])
		if !ok {
			return nil, cannot("round", args[0])
		}
		x, isFloat := n.(float64)
		if !isFloat {
			return n, nil
		}
		return intOf(r, []any{f(x)})
	}
}

func logOf(r *run, args []any) (any, error) {
	y, err := floatFunction(math.Log)(r, args[:1])
	if err != nil || len(args) == 1 {
		return y, err
	}
	base, err := floatFunction(math.Log)(r, args[1:])
	if err != nil {
		return nil, err
	}
	return floatArith("/", y.(float64), base.(float64))
}

// notation writes whole numbers to a base.
func notation(prefix string, base int) func(*run, []any) (any, error) {
	return func(_ *run, args []any) (any, error) {
		var digits string
		switch n := args[0].(type) {
		case int64:
			digits = strconv.FormatInt(n, base)
		case *big.Int:
			digits = n.Text(base)
		default:
			return nil, cannot("write in another notation", args[0])
		}
		if rest, negative := strings.CutPrefix(digits, "-"); negative {
			return "-" + prefix + rest, nil
		}
		return prefix + digits, nil
	}
}

func chrOf(_ *run, args []any) (any, error) {
	n, ok := args[0].(int64)
	if !ok || n < 0 || n > utf8.MaxRune || !utf8.ValidRune(rune(n)) {
		return nil, &Error{Message: "no character has the number " + described(args[0])}
	}
	return string(rune(n)), nil
}

func ordOf(_ *run, args []any) (any, error) {
	s, _ := args[0].(string)
	if r, size := utf8.DecodeRuneInString(s); size > 0 && size == len(s) {
		return int64(r), nil
	}
	return nil, &Error{Message: fmt.Sprintf("%s is not one character", described(args[0]))}
}

func divmodOf(r *run, args []any) (any, error) {
	q, err := r.arith("//", args[0], args[1])
	if err != nil {
		return nil, err
	}
	m, err := r.arith("%", args[0], args[1])
	return value.Tuple{q, m}, err
}

func enumerateOf(r *run, args []any) (any, error) {
	list, err := r.each(args[0])
	out := make([]any, len(list))
	for i, v := range list {
		out[i] = value.Tuple{int64(i), v}
	}
	return out, firstOf(err, r.elements(2*len(out)))
}

func zipOf(r *run, args []any) (any, error) {
	columns := make([][]any, len(args))
	rows := -1
	for i, a := range args {
		var err error
		if columns[i], err = r.each(a); err != nil {
			return nil, err
		}
		if rows < 0 || len(columns[i]) < rows {
			rows = len(columns[i])
		}
	}
	if err := r.elements(rows * len(args)); err != nil {
		return nil, err
	}
	out := make([]any, rows)
	for i := range out {
		row := make(value.Tuple, len(columns))
		for j := range columns {
			row[j] = columns[j][i]
		}
		out[i] = row
	}
	return out, nil
}
