package source

import (
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"

	"tocsin/templating/value"
)

// resolve is what a plain scalar means in YAML 1.1, as PyYAML's safe loader reads
// it (spec §1.1): the first of boolean, float, integer, null and date that it can
// be, else the text itself.
func resolve(s string) any {
	if s == "" {
		return nil
	}
	switch c := s[0]; {
	case c >= '0' && c <= '9' || c == '-' || c == '+' || c == '.':
		return resolveNumber(s)
	case len(s) <= len("false"):
		return resolveWord(s)
	}
	return s
}

// Scalar is what a text means that is one plain scalar, as Parse would read it, and is
// quicker. It is false where that is not certain at a glance.
func Scalar(text string) (v any, ok bool) {
	if text == "" || strings.IndexByte("-?:,[]{}#&*!|>'\"%@`.<= ", text[0]) >= 0 ||
		strings.Contains(text, ": ") || strings.Contains(text, " #") || strings.HasSuffix(text, ":") || strings.HasSuffix(text, " ") ||
		len(text) > maxBrackets && tooDeep(text) >= 0 {
		return nil, false
	}
	for i := range len(text) {
		if text[i] < ' ' || text[i] > '~' {
			return nil, false
		}
	}
	return resolve(text), true
}

func resolveWord(s string) any {
	switch s {
	case "~", "null", "Null", "NULL":
		return nil
	case "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON":
		return true
	case "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF":
		return false
	}
	return s
}

// resolveNumber reads what begins like a number or a date.
func resolveNumber(s string) any {
	if f, ok := float(s); ok {
		return f
	}
	if n, ok := integer(s); ok {
		return n
	}
	if t, ok := timestamp(s); ok {
		return t
	}
	return s
}

// float reads a float: it has a dot, and its exponent has a sign.
func float(s string) (float64, bool) {
	if !strings.Contains(s, ".") {
		return 0, false
	}
	sign, body := signed(s)
	switch body {
	case ".inf", ".Inf", ".INF":
		return math.Inf(sign), true
	case ".nan", ".NaN", ".NAN":
		return math.NaN(), body == s
	}
	if strings.Contains(body, ":") {
		return sexagesimalFloat(body, sign)
	}
	whole, rest, _ := strings.Cut(body, ".")
	fraction, exponent := rest, ""
	if i := strings.IndexAny(rest, "eE"); i >= 0 {
		fraction, exponent = rest[:i], rest[i+1:]
		if len(exponent) < 2 || exponent[0] != '+' && exponent[0] != '-' || !all(exponent[1:], isDigit) {
			return 0, false
		}
	}
	if !all(fraction, isDigitOr_) || !all(whole, isDigitOr_) {
		return 0, false
	}
	if whole == "" && (fraction == "" || fraction[0] == '_' || body != s) || whole != "" && whole[0] == '_' {
		return 0, false
	}
	f, err := strconv.ParseFloat(strings.ReplaceAll(s, "_", ""), 64)
	return f, err == nil || math.IsInf(f, 0)
}

// sexagesimalFloat reads 190:20:30.15.
func sexagesimalFloat(s string, sign int) (float64, bool) {
	head, fraction, _ := strings.Cut(s, ".")
	parts, ok := sexagesimalParts(head)
	if !ok || !isDigit(head[0]) || !all(fraction, isDigitOr_) {
		return 0, false
	}
	last := parts[len(parts)-1] + "." + strings.ReplaceAll(fraction, "_", "")
	sum := 0.0
	for i, p := range parts {
		if i == len(parts)-1 {
			p = last
		}
		f, err := strconv.ParseFloat(p, 64)
		if err != nil {
			return 0, false
		}
		sum = sum*60 + f
	}
	return sum * float64(sign), true
}

// integer reads an integer: 12, 1_000, 0x1f, 0b11, 010 (octal) or 1:30 (base 60).
// It is an int64, or a *big.Int where that is too small.
func integer(s string) (any, bool) {
	sign, body := signed(s)
	switch {
	case body == "":
		return nil, false
	case body == "0":
		return int64(0), true
	case body[0] == '0':
		return based(body, sign)
	case body[0] < '1' || body[0] > '9':
		return nil, false
	case strings.Contains(body, ":"):
		return sexagesimal(body, sign)
	case !all(body, isDigitOr_):
		return nil, false
	}
	return number(strings.ReplaceAll(body, "_", ""), 10, sign)
}

// based reads the binary, octal and hexadecimal forms.
func based(s string, sign int) (any, bool) {
	digits, base, ok := s[1:], 8, isOctal
	switch s[1] {
	case 'b':
		digits, base, ok = s[2:], 2, isBinary
	case 'x':
		digits, base, ok = s[2:], 16, isHex
	}
	if digits == "" || !all(digits, ok) {
		return nil, false
	}
	digits = strings.ReplaceAll(digits, "_", "")
	if digits == "" && base == 8 { // "0_"
		digits = "0"
	}
	return number(digits, base, sign)
}

// sexagesimal reads 12:30:45.
func sexagesimal(s string, sign int) (any, bool) {
	parts, ok := sexagesimalParts(s)
	if !ok {
		return nil, false
	}
	sum, sixty := new(big.Int), big.NewInt(60)
	for _, p := range parts {
		n, ok := new(big.Int).SetString(p, 10)
		if !ok {
			return nil, false
		}
		sum.Add(sum.Mul(sum, sixty), n)
	}
	return fit(sum, sign), true
}

// sexagesimalParts are the digits between the colons: any number of them first,
// then 0 to 59.
func sexagesimalParts(s string) ([]string, bool) {
	parts := strings.Split(strings.ReplaceAll(s, "_", ""), ":")
	head, tail, _ := strings.Cut(s, ":")
	if len(parts) < 2 || len(s) > maxDigits || head == "" || parts[0] == "" || !all(head, isDigitOr_) ||
		strings.Contains(tail, "_") {
		return nil, false
	}
	for _, p := range parts[1:] {
		if len(p) != 1 && (len(p) != 2 || p[0] > '5') || !all(p, isDigit) {
			return nil, false
		}
	}
	return parts, true
}

// number reads digits of the base. Reading takes time quadratic in their number,
// so that there may not be many; more are a text.
func number(digits string, base, sign int) (any, bool) {
	if n, err := strconv.ParseInt(digits, base, 64); err == nil {
		return n * int64(sign), true
	}
	if len(digits) > maxDigits {
		return nil, false
	}
	n, ok := new(big.Int).SetString(digits, base)
	if !ok {
		return nil, false
	}
	return fit(n, sign), true
}

// maxDigits is what Python reads.
const maxDigits = 4300

func fit(n *big.Int, sign int) any {
	if sign < 0 {
		n.Neg(n)
	}
	if n.IsInt64() {
		return n.Int64()
	}
	return n
}

func signed(s string) (sign int, rest string) {
	switch {
	case s == "":
	case s[0] == '-':
		return -1, s[1:]
	case s[0] == '+':
		return 1, s[1:]
	}
	return 1, s
}

func all(s string, ok func(byte) bool) bool {
	for i := range len(s) {
		if !ok(s[i]) {
			return false
		}
	}
	return true
}

func isDigit(c byte) bool    { return c >= '0' && c <= '9' }
func isDigitOr_(c byte) bool { return isDigit(c) || c == '_' }
func isOctal(c byte) bool    { return c >= '0' && c <= '7' || c == '_' }
func isBinary(c byte) bool   { return c == '0' || c == '1' || c == '_' }
func isHex(c byte) bool {
	return isDigitOr_(c) || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

// timestamp reads 2024-05-06 as a Date and 2024-05-06T07:08:09.5+02:00, with its
// looser spellings, as a time. A time without a zone is in value.Naive. What
// has the form but is no day of the calendar is not a timestamp.
func timestamp(s string) (any, bool) {
	if len(s) < len("2006-1-2") || s[4] != '-' || !all(s[:4], isDigit) {
		return nil, false
	}
	month, rest, ok := digits(s[5:], 1, 2)
	if !ok || rest == "" || rest[0] != '-' {
		return nil, false
	}
	day, rest, ok := digits(rest[1:], 1, 2)
	if !ok {
		return nil, false
	}
	year, _ := strconv.Atoi(s[:4])
	if !isDay(year, month, day) {
		return nil, false
	}
	if rest == "" {
		return value.Date{Year: year, Month: month, Day: day}, len(s) == len("2006-01-02")
	}
	return clock(value.Date{Year: year, Month: month, Day: day}, rest)
}

func isDay(year, month, day int) bool {
	t := time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC)
	return year > 0 && t.Day() == day && int(t.Month()) == month
}

// clock reads what follows the day in a timestamp.
func clock(d value.Date, s string) (any, bool) {
	rest := strings.TrimLeft(s, " \t")
	if rest == s {
		if s[0] != 'T' && s[0] != 't' {
			return nil, false
		}
		rest = s[1:]
	}
	var hms [3]int
	for i := range hms {
		var ok bool
		least := 2
		if i == 0 {
			least = 1
		} else if rest == "" || rest[0] != ':' {
			return nil, false
		} else {
			rest = rest[1:]
		}
		if hms[i], rest, ok = digits(rest, least, 2); !ok {
			return nil, false
		}
	}
	nanos := 0
	if strings.HasPrefix(rest, ".") {
		end := 1
		for end < len(rest) && isDigit(rest[end]) {
			end++
		}
		micros, _ := strconv.Atoi((rest[1:end] + "000000")[:6])
		nanos, rest = micros*1000, rest[end:]
	}
	zone, ok := zone(strings.TrimLeft(rest, " \t"))
	if !ok || rest != "" && zone == nil || hms[0] > 23 || hms[1] > 59 || hms[2] > 59 {
		return nil, false
	}
	if zone == nil {
		zone = value.Naive
	}
	return time.Date(d.Year, time.Month(d.Month), d.Day, hms[0], hms[1], hms[2], nanos, zone), true
}

// zone reads Z, +2 or -02:30; nil for none.
func zone(s string) (*time.Location, bool) {
	switch {
	case s == "":
		return nil, true
	case s == "Z":
		return time.UTC, true
	case s[0] != '+' && s[0] != '-':
		return nil, false
	}
	hours, rest, ok := digits(s[1:], 1, 2)
	if !ok {
		return nil, false
	}
	minutes := 0
	if rest != "" {
		if rest[0] != ':' {
			return nil, false
		}
		if minutes, rest, ok = digits(rest[1:], 2, 2); !ok || rest != "" {
			return nil, false
		}
	}
	sign, _ := signed(s)
	if hours > 23 || minutes > 59 {
		return nil, false
	}
	if hours == 0 && minutes == 0 {
		return time.UTC, true
	}
	return time.FixedZone("", sign*(hours*3600+minutes*60)), true
}

// digits reads a number of least to most digits off the front of s.
func digits(s string, least, most int) (n int, rest string, ok bool) {
	i := 0
	for i < len(s) && i < most && isDigit(s[i]) {
		n = n*10 + int(s[i]-'0')
		i++
	}
	return n, s[i:], i >= least
}
