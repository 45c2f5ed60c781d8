package templating

import (
	"fmt"
	"math"
	"math/big"
	"strings"

	"tocsin/templating/value"
)

// maxBits bounds whole numbers: multiplying big ones takes more than linear time.
const maxBits = 8192

func isNumber(v any) bool {
	switch v.(type) {
	case int64, float64, *big.Int:
		return true
	}
	return false
}

// arith is Python's a op b. Texts that write numbers count as numbers where the other
// side is one.
func (r *run) arith(op string, a, b any) (any, error) {
	if r.pasting != typed && !strictOperands(op, a, b) {
		return nil, uncomputable(a, op, b)
	}
	if v, ok, err := r.joined(op, a, b); ok || err != nil {
		return v, err
	}
	x, xOK := number(a)
	y, yOK := number(b)
	_, aText := a.(string)
	_, bText := b.(string)
	if !xOK || !yOK || aText && bText && op != "-" && op != "/" {
		return nil, uncomputable(a, op, b)
	}
	if i, ok := x.(int64); ok {
		if j, ok := y.(int64); ok {
			if v, ok := smallArith(op, i, j); ok {
				return v, nil
			}
		}
	}
	xi, yi := asBig(x), asBig(y)
	if xi != nil && yi != nil && op != "/" {
		return bigArith(op, xi, yi)
	}
	return floatArith(op, asFloat(x), asFloat(y))
}

func uncomputable(a any, op string, b any) error {
	return &Error{Message: fmt.Sprintf("cannot compute %s %s %s", described(a), op, described(b)), refused: true}
}

// joined is what + and * do to texts and lists.
func (r *run) joined(op string, a, b any) (any, bool, error) {
	if op != "+" && op != "*" {
		return nil, false, nil
	}
	if op == "+" {
		as, aOK := a.(string)
		bs, bOK := b.(string)
		if aOK && bOK {
			return as + bs, true, r.grow(len(as) + len(bs))
		}
		al, aOK := items(a)
		bl, bOK := items(b)
		if aOK && bOK {
			return append(append(make([]any, 0, len(al)+len(bl)), al...), bl...), true, r.elements(len(al) + len(bl))
		}
		return nil, false, nil
	}
	if _, ok := a.(int64); ok {
		a, b = b, a
	}
	n, ok := b.(int64)
	if !ok {
		return nil, false, nil
	}
	return r.repeated(a, n)
}

// repeated is a text or list n times over.
func (r *run) repeated(a any, n int64) (any, bool, error) {
	n = max(n, 0)
	if s, ok := a.(string); ok {
		if _, isNumber := textNumber(s); isNumber && r.pasting == typed {
			return nil, false, nil
		}
		if n > maxStrings || int64(len(s))*n > maxStrings {
			return nil, true, errStrings
		}
		return strings.Repeat(s, int(n)), true, r.grow(len(s) * int(n))
	}
	list, ok := items(a)
	if !ok {
		return nil, false, nil
	}
	if n > maxElements || int64(len(list))*n > maxElements {
		return nil, true, errList
	}
	out := make([]any, 0, len(list)*int(n))
	for range n {
		out = append(out, list...)
	}
	return out, true, r.elements(len(out))
}

// elements counts a list that was made.
func (r *run) elements(n int) error {
	if n > maxElements {
		return errList
	}
	return r.tick(n)
}

// smallArith says false for what does not fit or is not for it.
func smallArith(op string, a, b int64) (any, bool) {
	switch op {
	case "+":
		c := a + b
		return c, (c > a) == (b > 0)
	case "-":
		c := a - b
		return c, (c < a) == (b > 0)
	case "*":
		if a > math.MinInt32 && a < math.MaxInt32 && b > math.MinInt32 && b < math.MaxInt32 {
			return a * b, true
		}
	case "//":
		if b > 0 {
			q := a / b
			if a%b < 0 {
				q--
			}
			return q, true
		}
	case "%":
		if b > 0 {
			return (a%b + b) % b, true
		}
	}
	return nil, false
}

func bigArith(op string, a, b *big.Int) (any, error) {
	c := new(big.Int)
	switch op {
	case "+":
		c.Add(a, b)
	case "-":
		c.Sub(a, b)
	case "*":
		c.Mul(a, b)
	case "//", "%":
		return bigDivision(op, a, b)
	case "**":
		return bigPower(a, b)
	}
	if c.BitLen() > maxBits {
		return nil, &Error{Message: "a number of more than 2400 digits"}
	}
	return normal(c), nil
}

// bigDivision rounds down, and its remainder has the sign of b.
func bigDivision(op string, a, b *big.Int) (any, error) {
	if b.Sign() == 0 {
		return nil, &Error{Message: "division by zero", refused: true}
	}
	q, m := new(big.Int).QuoRem(a, b, new(big.Int))
	if m.Sign() != 0 && m.Sign() != b.Sign() {
		q.Sub(q, big.NewInt(1))
		m.Add(m, b)
	}
	if op == "%" {
		return normal(m), nil
	}
	return normal(q), nil
}

func bigPower(a, b *big.Int) (any, error) {
	if b.Sign() < 0 {
		return floatArith("**", asFloat(normal(a)), asFloat(normal(b)))
	}
	if !b.IsInt64() || b.Int64()*int64(max(a.BitLen(), 1)) > maxBits && a.BitLen() > 1 || b.Int64() > maxBits {
		return nil, &Error{Message: "a number of more than 2400 digits"}
	}
	return normal(new(big.Int).Exp(a, b, nil)), nil
}

func floatArith(op string, a, b float64) (any, error) {
	var c float64
	switch op {
	case "+":
		c = a + b
	case "-":
		c = a - b
	case "*":
		c = a * b
	case "**":
		c = math.Pow(a, b)
	default:
		if b == 0 {
			return nil, &Error{Message: "division by zero", refused: true}
		}
		c = a / b
		switch op {
		case "//":
			c = math.Floor(c)
		case "%":
			if c = math.Mod(a, b); c != 0 && (c < 0) != (b < 0) {
				c += b
			}
		}
	}
	if math.IsNaN(c) || math.IsInf(c, 0) && !math.IsInf(a, 0) && !math.IsInf(b, 0) {
		return nil, &Error{Message: "the result is not a number"}
	}
	return c, nil
}

func asBig(v any) *big.Int {
	switch x := v.(type) {
	case int64:
		return big.NewInt(x)
	case *big.Int:
		return x
	}
	return nil
}

func asFloat(v any) float64 {
	switch x := v.(type) {
	case int64:
		return float64(x)
	case float64:
		return x
	case *big.Int:
		f, _ := new(big.Float).SetInt(x).Float64()
		return f
	}
	return math.NaN()
}

// negate is -v.
func negate(v any) (any, error) {
	n, ok := number(v)
	if !ok {
		return nil, &Error{Message: fmt.Sprintf("cannot negate %s", described(v))}
	}
	n, _ = negated(&node{kind: literalNode, value: n})
	return n, nil
}

// indexed is v[i].
func indexed(v, i any) (any, error) {
	part, isText := i.(string)
	if n, ok := i.(int64); ok {
		part = value.Text(n)
	} else if _, isMap := v.(*value.Map); !isText || part == "" && !isMap {
		return nil, &Error{Message: fmt.Sprintf("%s is no index", described(i))}
	}
	if m, ok := value.Member(v, part); ok {
		return m, nil
	}
	return nil, &Error{Message: fmt.Sprintf("%s has no [%s]", described(v), value.Repr(i)), refused: true}
}

// sliced is v[from:to:step].
func (r *run) sliced(v, from, to, step any) (any, error) {
	if s, ok := v.(string); ok {
		runes := []rune(s)
		all := make([]any, len(runes))
		for i, c := range runes {
			all[i] = string(c)
		}
		if err := r.elements(len(all)); err != nil {
			return nil, err
		}
		part, err := r.sliced(all, from, to, step)
		if err != nil {
			return nil, err
		}
		var out strings.Builder
		for _, c := range part.([]any) {
			out.WriteString(c.(string))
		}
		return out.String(), r.grow(out.Len())
	}
	list, ok := items(v)
	if !ok {
		return nil, &Error{Message: fmt.Sprintf("cannot take a part of %s", described(v))}
	}
	return sliceList(list, from, to, step)
}

func sliceList(list []any, from, to, step any) (any, error) {
	by := int64(1)
	if n, ok := step.(int64); ok {
		by = n
	}
	if by <= 0 && by != -1 {
		return nil, &Error{Message: "steps of a part are positive, or -1"}
	}
	start, stop := int64(0), int64(len(list))
	if by < 0 {
		start, stop = stop-1, -1
	}
	if n, ok := from.(int64); ok {
		start = clamp(n, len(list), by)
	}
	if n, ok := to.(int64); ok {
		stop = clamp(n, len(list), by)
	}
	out := []any{}
	for i := start; by > 0 && i < stop || by < 0 && i > stop; i += by {
		out = append(out, list[i])
		if by > int64(len(list)) {
			break
		}
	}
	return out, nil
}

// clamp is the index n of a list, from its end if negative.
func clamp(n int64, size int, by int64) int64 {
	if n < 0 {
		n += int64(size)
	}
	if by < 0 {
		return min(max(n, -1), int64(size)-1)
	}
	return min(max(n, 0), int64(size))
}
