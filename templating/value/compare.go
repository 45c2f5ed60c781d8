package value

import (
	"cmp"
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Truthy is Python's truth of v: false for nil, false, 0, "", and what is empty.
func Truthy(v any) bool {
	switch v := v.(type) {
	case nil:
		return false
	case bool:
		return v
	case int64:
		return v != 0
	case *big.Int:
		return v.Sign() != 0
	case float64:
		return v != 0
	case string:
		return v != ""
	case []any:
		return len(v) > 0
	case Tuple:
		return len(v) > 0
	case *Map:
		return v.Len() > 0
	case Object:
		return v.Len() > 0
	}
	return true
}

// Equal is strict equality: numbers by value whatever their type, lists and
// mappings by their elements (the order of keys does not count). A tuple is no list,
// a boolean no number, a time without a zone no instant; an Object is a mapping.
func Equal(a, b any) bool {
	switch a := a.(type) {
	case nil:
		return b == nil
	case bool:
		b, ok := b.(bool)
		return ok && a == b
	case string:
		b, ok := b.(string)
		return ok && a == b
	case time.Time:
		b, ok := b.(time.Time)
		return ok && a.Equal(b) && isNaive(a) == isNaive(b)
	case Date:
		b, ok := b.(Date)
		return ok && a == b
	case []any:
		b, ok := b.([]any)
		return ok && equalItems(a, b)
	case Tuple:
		b, ok := b.(Tuple)
		return ok && equalItems(a, b)
	case *Map:
		return equalMap(a, b)
	case Object:
		return equalMap(a.Map, b)
	}
	order, ok := compareNumbers(a, b)
	return ok && order == 0
}

func isNaive(t time.Time) bool { return t.Location() == Naive }

func equalItems(a, b []any) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !Equal(a[i], b[i]) {
			return false
		}
	}
	return true
}

func equalMap(a *Map, other any) bool {
	var b *Map
	switch other := other.(type) {
	case *Map:
		b = other
	case Object:
		b = other.Map
	default:
		return false
	}
	if a.Len() != b.Len() {
		return false
	}
	for _, e := range a.Entries() {
		if v, ok := b.Get(e.Key); !ok || !Equal(e.Value, v) {
			return false
		}
	}
	return true
}

// Compare orders two numbers, strings, booleans, times, dates, or lists of such: -1
// if a is before b, 0, or 1. It says false for what has no order: different kinds,
// mappings, nil, NaN.
func Compare(a, b any) (int, bool) {
	switch a := a.(type) {
	case string:
		b, ok := b.(string)
		return strings.Compare(a, b), ok
	case bool:
		b, ok := b.(bool)
		return cmp.Compare(bit(a), bit(b)), ok
	case time.Time:
		b, ok := b.(time.Time)
		return a.Compare(b), ok
	case Date:
		b, ok := b.(Date)
		return cmp.Or(cmp.Compare(a.Year, b.Year), cmp.Compare(a.Month, b.Month), cmp.Compare(a.Day, b.Day)), ok
	case []any:
		b, ok := b.([]any)
		return compareItems(a, b, ok)
	case Tuple:
		b, ok := b.(Tuple)
		return compareItems(a, b, ok)
	}
	return compareNumbers(a, b)
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}

func compareItems(a, b []any, ok bool) (int, bool) {
	if !ok {
		return 0, false
	}
	for i := range min(len(a), len(b)) {
		if Equal(a[i], b[i]) {
			continue
		}
		return Compare(a[i], b[i])
	}
	return cmp.Compare(len(a), len(b)), true
}

// compareNumbers says false unless both are numbers that have an order.
func compareNumbers(a, b any) (int, bool) {
	switch a := a.(type) {
	case int64:
		switch b := b.(type) {
		case int64:
			return cmp.Compare(a, b), true
		case float64:
			return compareIntFloat(a, b)
		case *big.Int:
			return big.NewInt(a).Cmp(b), true
		}
	case float64:
		switch b := b.(type) {
		case float64:
			return cmp.Compare(a, b), a == a && b == b
		case int64:
			order, ok := compareIntFloat(b, a)
			return -order, ok
		case *big.Int:
			order, ok := compareBigFloat(b, a)
			return -order, ok
		}
	case *big.Int:
		switch b := b.(type) {
		case *big.Int:
			return a.Cmp(b), true
		case int64:
			return a.Cmp(big.NewInt(b)), true
		case float64:
			return compareBigFloat(a, b)
		}
	}
	return 0, false
}

// compareIntFloat is exact: above 2^53 an int64 is not what its float64 says.
func compareIntFloat(a int64, b float64) (int, bool) {
	const exact = 1 << 53
	if -exact <= a && a <= exact {
		return cmp.Compare(float64(a), b), b == b
	}
	return compareBigFloat(big.NewInt(a), b)
}

func compareBigFloat(a *big.Int, b float64) (int, bool) {
	if math.IsNaN(b) {
		return 0, false
	}
	return new(big.Float).SetInt(a).Cmp(big.NewFloat(b)), true
}

// Member is one step of a path into v: the key of a Map, the index of a list
// (negative ones count from the end) or the character of a string.
func Member(v any, part string) (any, bool) {
	switch v := v.(type) {
	case *Map:
		return v.Get(part)
	case Object:
		return v.Get(part)
	case []any:
		return memberAt(v, part)
	case Tuple:
		return memberAt(v, part)
	case string:
		return characterAt(v, part)
	}
	return nil, false
}

func memberAt(items []any, part string) (any, bool) {
	i, ok := index(part, len(items))
	if !ok {
		return nil, false
	}
	return items[i], true
}

func characterAt(s, part string) (any, bool) {
	i, ok := index(part, utf8.RuneCountInString(s))
	if !ok {
		return nil, false
	}
	for ; i > 0; i-- {
		_, size := utf8.DecodeRuneInString(s)
		s = s[size:]
	}
	_, size := utf8.DecodeRuneInString(s)
	return s[:size], true
}

// index reads an index into something of length n.
func index(part string, n int) (int, bool) {
	i, err := strconv.Atoi(part)
	if i < 0 {
		i += n
	}
	return i, err == nil && 0 <= i && i < n
}
