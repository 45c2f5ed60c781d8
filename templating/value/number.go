package value

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
)

// maxDigits is how long an integer may be: reading one takes quadratic time.
const maxDigits = 4300

// numberOf reads an integer of any size, with a base prefix if there is one, or else
// a float.
func numberOf(text string) (any, error) {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n, nil
	}
	digits := strings.TrimLeft(text, "+-")
	based := len(digits) > 1 && digits[0] == '0' && strings.IndexByte("xXoObB", digits[1]) >= 0
	if based || digitsIn(digits) == len(digits) {
		return bigOf(text, based)
	}
	f, err := strconv.ParseFloat(text, 64)
	switch {
	case errors.Is(err, strconv.ErrRange) && math.IsInf(f, 0):
		return nil, fmt.Errorf("the number %s is too large", clip(text))
	case err != nil && !errors.Is(err, strconv.ErrRange), strings.ContainsAny(digits, "xXpPnN_"):
		return nil, fmt.Errorf("%q is no number", clip(text))
	}
	return f, nil
}

func bigOf(text string, based bool) (any, error) {
	if len(text) > maxDigits {
		return nil, fmt.Errorf("an integer of more than %d digits", maxDigits)
	}
	base := 10
	if based {
		base = 0
	}
	n, ok := new(big.Int).SetString(text, base)
	switch {
	case !ok || strings.Contains(text, "_"):
		return nil, fmt.Errorf("%q is no number", clip(text))
	case n.IsInt64():
		return n.Int64(), nil
	}
	return n, nil
}

// validNumber is JSON's grammar, which has no leading zeros and digits on both sides
// of a dot.
func validNumber(text string) bool {
	text = strings.TrimPrefix(text, "-")
	whole := digitsIn(text)
	if whole == 0 || whole > 1 && text[0] == '0' {
		return false
	}
	text = text[whole:]
	if rest, ok := strings.CutPrefix(text, "."); ok {
		n := digitsIn(rest)
		if n == 0 {
			return false
		}
		text = rest[n:]
	}
	if text == "" {
		return true
	}
	if text[0] != 'e' && text[0] != 'E' {
		return false
	}
	text = text[1:]
	if text != "" && (text[0] == '+' || text[0] == '-') {
		text = text[1:]
	}
	return text != "" && digitsIn(text) == len(text)
}

// digitsIn counts the digits text begins with.
func digitsIn(text string) int {
	return len(text) - len(strings.TrimLeft(text, "0123456789"))
}

// clip shortens text for an error.
func clip(text string) string {
	const most = 24
	if len(text) <= most {
		return text
	}
	return text[:most] + "..."
}
