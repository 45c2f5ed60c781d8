package templating

import (
	"context"
	"math"
	"math/big"
)

// mathFunctions calculate with integers of any size and with floats; text that is a
// number counts as one.
func mathFunctions() []Function {
	return []Function{
		{
			Name: "keep.add", Params: "(*numbers)",
			Doc:     "The sum of the numbers; 0 without any.",
			Example: "keep.add(4, 5, 6) == 15",
			Call:    func(_ context.Context, a *Args) any { return fold(a, 0, "+") },
		},
		{
			Name: "keep.sub", Params: "(first, *numbers)",
			Doc:     "The first number less the others.",
			Example: "keep.sub(20, 4, 3) == 13",
			Call:    func(_ context.Context, a *Args) any { return fold(a, 1, "-") },
		},
		{
			Name: "keep.mul", Params: "(first, *numbers)",
			Doc:     "The product of the numbers.",
			Example: "keep.mul(3, 4, 5) == 60",
			Call:    func(_ context.Context, a *Args) any { return fold(a, 1, "*") },
		},
		{
			Name: "keep.div", Params: "(first, *numbers)",
			Doc:     "The first number divided by the others, from left to right; a whole result is an integer.",
			Example: "keep.div(7, 2) == 3.5 and keep.div(9, 3) == 3",
			Call:    func(_ context.Context, a *Args) any { return fold(a, 1, "/") },
		},
		{
			Name: "keep.fdiv", Params: "(first, *numbers)",
			Doc:     "The first number divided by the others, from left to right, each time rounded down.",
			Example: "keep.fdiv(17, 5) == 3",
			Call:    func(_ context.Context, a *Args) any { return fold(a, 1, "//") },
		},
		{
			Name: "keep.mod", Params: "(first, *numbers)",
			Doc:     "The remainder of the division by the others, from left to right; it has the sign of the divisor.",
			Example: "keep.mod(17, 5) == 2 and keep.mod(-7, 3) == 2",
			Call:    func(_ context.Context, a *Args) any { return fold(a, 1, "%") },
		},
		{
			Name: "keep.exp", Params: "(first, *numbers)",
			Doc:     "The first number to the power of the others, from left to right.",
			Example: "keep.exp(2, 2, 3) == 64",
			Call:    func(_ context.Context, a *Args) any { return fold(a, 1, "**") },
		},
	}
}

// fold calculates from left to right over all arguments, at least so many.
func fold(a *Args, least int, op string) any {
	if least == 0 && (a.Len() == 0 || a.Len() == 1 && tagText(a.Any(0)) == "") {
		return int64(0) // a placeholder that shows nothing is no argument to Keep
	}
	result := a.operand(0)
	for i := 1; i < a.Len() && a.err == nil; i++ {
		next, err := calculate(op, result, a.operand(i))
		if err != nil {
			return a.Fail("%w", err)
		}
		result = next
	}
	if f, ok := result.(float64); ok && op == "/" && f == math.Trunc(f) && math.Abs(f) < 1<<53 {
		return int64(f)
	}
	return result
}

// operand is argument i as a number. Keep's are whole: a text that writes a fraction
// is no number there, and a result that has one loses it.
func (a *Args) operand(i int) any {
	n := a.number(i)
	f, fraction := n.(float64)
	switch {
	case !a.keep || !fraction:
	case isText(a.Any(i)):
		a.wrong(i, "a whole number")
	default:
		n, _ = intOf(nil, []any{f})
	}
	return n
}

// calculate keeps integers exact; their division gives one where it comes out even.
func calculate(op string, x, y any) (any, error) {
	i, j := asBig(x), asBig(y)
	switch {
	case i == nil || j == nil:
		return floatArith(op, asFloat(x), asFloat(y))
	case j.Sign() == 0 && op == "/":
		return floatArith(op, asFloat(x), 0)
	case op != "/":
		return bigArith(op, i, j)
	}
	if q, rest := new(big.Int).QuoRem(i, j, new(big.Int)); rest.Sign() == 0 {
		return normal(q), nil
	}
	f, _ := new(big.Rat).SetFrac(i, j).Float64()
	return floatArith("/", f, 1)
}
