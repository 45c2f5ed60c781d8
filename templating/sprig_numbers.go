package templating

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
)

// What sprig's functions of numbers do. Integers are 0 where a value is none; sums and
// products with fractions are exact, as decimal numbers, until the end.

var errZero = errors.New("division by zero")

// whole is v as an integer; 0 if it is none. A text may also be hexadecimal (0x1f),
// octal (017) or binary (0b1), and end in ".0".
func whole(v any) int64 {
	switch v := v.(type) {
	case int64:
		return v
	case float64:
		return int64(v)
	case bool:
		if v {
			return 1
		}
	case string:
		if i := strings.LastIndexByte(v, '.'); i >= 0 && i+1 < len(v) && strings.Trim(v[i+1:], "0") == "" {
			v = v[:i]
		}
		if n, err := strconv.ParseInt(v, 0, 64); err == nil {
			return n
		}
	}
	return 0
}

// fraction is v as a number; 0 if it is none.
func fraction(v any) float64 {
	switch v := v.(type) {
	case float64:
		return v
	case int64:
		return float64(v)
	case bool:
		if v {
			return 1
		}
	case string:
		if f, err := strconv.ParseFloat(v, 64); err == nil {
			return f
		}
	}
	return 0
}

func sum(numbers ...any) int64 {
	total := int64(0)
	for _, v := range numbers {
		total += whole(v)
	}
	return total
}

func product(first any, numbers ...any) int64 {
	total := whole(first)
	for _, v := range numbers {
		total *= whole(v)
	}
	return total
}

func quotient(a, b any) (int64, error) {
	if whole(b) == 0 {
		return 0, errZero
	}
	return whole(a) / whole(b), nil
}

func remainder(a, b any) (int64, error) {
	if whole(b) == 0 {
		return 0, errZero
	}
	return whole(a) % whole(b), nil
}

func largest(first any, numbers ...any) int64 {
	most := whole(first)
	for _, v := range numbers {
		most = max(most, whole(v))
	}
	return most
}

func smallest(first any, numbers ...any) int64 {
	least := whole(first)
	for _, v := range numbers {
		least = min(least, whole(v))
	}
	return least
}

func largestFraction(first any, numbers ...any) float64 {
	most := fraction(first)
	for _, v := range numbers {
		most = math.Max(most, fraction(v))
	}
	return most
}

func smallestFraction(first any, numbers ...any) float64 {
	least := fraction(first)
	for _, v := range numbers {
		least = math.Min(least, fraction(v))
	}
	return least
}

func sumOfFractions(numbers ...any) (float64, error) { return exactly(int64(0), numbers, addRat) }

func differenceOfFractions(first any, numbers ...any) (float64, error) {
	return exactly(first, numbers, func(a, b *big.Rat) error { a.Sub(a, b); return nil })
}

func productOfFractions(first any, numbers ...any) (float64, error) {
	return exactly(first, numbers, func(a, b *big.Rat) error { a.Mul(a, b); return nil })
}

func quotientOfFractions(first any, numbers ...any) (float64, error) {
	return exactly(first, numbers, divideRat)
}

func addRat(a, b *big.Rat) error { a.Add(a, b); return nil }

// divideRat rounds to 16 places, as sprig does.
func divideRat(a, b *big.Rat) error {
	if b.Sign() == 0 {
		return errZero
	}
	a.SetString(a.Quo(a, b).FloatString(16))
	return nil
}

// exactly does the same to a number and each of others in turn, as decimal numbers: so
// that 0.1 and 0.2 are 0.3.
func exactly(first any, others []any, do func(a, b *big.Rat) error) (float64, error) {
	a, err := exact(first)
	if err != nil {
		return 0, err
	}
	for _, v := range others {
		b, err := exact(v)
		if err != nil {
			return 0, err
		}
		if err := do(a, b); err != nil {
			return 0, err
		}
	}
	f, _ := a.Float64()
	return f, nil
}

func exact(v any) (*big.Rat, error) {
	f := fraction(v)
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return nil, fmt.Errorf("cannot calculate with %v", f)
	}
	r, _ := new(big.Rat).SetString(strconv.FormatFloat(f, 'g', -1, 64))
	return r, nil
}

// rounded is a number with so many places; a digit is rounded up from the fraction up
// on, 0.5 unless it is given.
func rounded(number any, places int, up ...float64) float64 {
	from := 0.5
	if len(up) > 0 {
		from = up[0]
	}
	scale := math.Pow(10, float64(places))
	scaled := scale * fraction(number)
	if _, rest := math.Modf(scaled); rest >= from {
		return math.Ceil(scaled) / scale
	}
	return math.Floor(scaled) / scale
}

// octal is the integer that an octal number says; 0 if it is none.
func octal(v any) int64 {
	n, err := strconv.ParseInt(fmt.Sprint(v), 8, 64)
	if err != nil {
		return 0
	}
	return n
}

// countTo are the integers from 0 up to n, or down to it, and not n itself.
func countTo(n int) []int {
	list := []int{}
	for i := range max(n, -n) {
		if n < 0 {
			i = -i
		}
		list = append(list, i)
	}
	return list
}
