package value

import (
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Text is v as Python's str prints it (spec §4.4); nil is "".
func Text(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	}
	return string(AppendText(nil, v))
}

// AppendText appends Text(v) to dst.
func AppendText(dst []byte, v any) []byte {
	switch v := v.(type) {
	case nil:
		return dst
	case string:
		return append(dst, v...)
	case time.Time:
		return appendTime(dst, v, ' ')
	case Date:
		return appendDate(dst, v)
	case Object:
		return EncodeJSON(dst, v, objectIndent)
	}
	return AppendRepr(dst, v)
}

// objectIndent is how far an Object's text is indented.
const objectIndent = 4

// Repr is v as Python's repr prints it; nil is "None".
func Repr(v any) string { return string(AppendRepr(nil, v)) }

// AppendRepr appends Repr(v) to dst.
func AppendRepr(dst []byte, v any) []byte {
	switch v := v.(type) {
	case nil:
		return append(dst, "None"...)
	case bool:
		if v {
			return append(dst, "True"...)
		}
		return append(dst, "False"...)
	case int64:
		return strconv.AppendInt(dst, v, 10)
	case *big.Int:
		return v.Append(dst, 10)
	case float64:
		return appendFloat(dst, v)
	case string:
		return appendQuoted(dst, v)
	case time.Time:
		return appendTimeRepr(dst, v)
	case Date:
		return appendCall(dst, "datetime.date", v.Year, v.Month, v.Day)
	case []any:
		return append(appendItems(append(dst, '['), v), ']')
	case Tuple:
		return appendTuple(dst, v)
	case *Map:
		return appendMap(dst, v)
	case Object:
		return appendObject(dst, v)
	}
	return AppendRepr(dst, Of(v))
}

// appendFloat is Python's shortest text: an exponent below 1e-4 and from 1e16 on,
// a dot otherwise.
func appendFloat(dst []byte, f float64) []byte {
	switch size := math.Abs(f); {
	case math.IsNaN(f):
		return append(dst, "nan"...)
	case math.IsInf(f, 1):
		return append(dst, "inf"...)
	case math.IsInf(f, -1):
		return append(dst, "-inf"...)
	case size >= 1e16, size < 1e-4 && f != 0:
		return strconv.AppendFloat(dst, f, 'e', -1, 64)
	case f == math.Trunc(f):
		return append(strconv.AppendFloat(dst, f, 'f', -1, 64), ".0"...)
	}
	return strconv.AppendFloat(dst, f, 'f', -1, 64)
}

// appendQuoted quotes with ' unless that needs escapes and " does not.
func appendQuoted(dst []byte, s string) []byte {
	quote := byte('\'')
	if strings.IndexByte(s, '\'') >= 0 && strings.IndexByte(s, '"') < 0 {
		quote = '"'
	}
	dst = append(dst, quote)
	for _, r := range s {
		dst = appendEscaped(dst, r, quote)
	}
	return append(dst, quote)
}

func appendEscaped(dst []byte, r rune, quote byte) []byte {
	switch {
	case r == '\\' || r == rune(quote):
		return append(dst, '\\', byte(r))
	case r == '\n':
		return append(dst, `\n`...)
	case r == '\r':
		return append(dst, `\r`...)
	case r == '\t':
		return append(dst, `\t`...)
	case unicode.IsPrint(r):
		return utf8.AppendRune(dst, r)
	case r <= 0xff:
		return appendHex(append(dst, `\x`...), r, 2)
	case r <= 0xffff:
		return appendHex(append(dst, `\u`...), r, 4)
	}
	return appendHex(append(dst, `\U`...), r, 8)
}

const hexDigits = "0123456789abcdef"

func appendHex(dst []byte, r rune, width int) []byte {
	for shift := 4 * (width - 1); shift >= 0; shift -= 4 {
		dst = append(dst, hexDigits[r>>shift&0xf])
	}
	return dst
}

func appendItems(dst []byte, items []any) []byte {
	for i, item := range items {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		dst = AppendRepr(dst, item)
	}
	return dst
}

func appendTuple(dst []byte, t Tuple) []byte {
	dst = appendItems(append(dst, '('), t)
	if len(t) == 1 {
		dst = append(dst, ',')
	}
	return append(dst, ')')
}

func appendMap(dst []byte, m *Map) []byte {
	dst = append(dst, '{')
	for i, e := range m.Entries() {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		dst = append(appendQuoted(dst, e.Key), ": "...)
		dst = AppendRepr(dst, e.Value)
	}
	return append(dst, '}')
}

// appendObject prints an object within a list or mapping as Keep's models print:
// like the call that would make it.
func appendObject(dst []byte, o Object) []byte {
	name := "AlertDto("
	if _, ok := o.Get("user_generated_name"); ok {
		name = "IncidentDto("
	}
	dst = append(dst, name...)
	for i, e := range o.Entries() {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		dst = append(append(dst, e.Key...), '=')
		dst = AppendRepr(dst, e.Value)
	}
	return append(dst, ')')
}
