package value

import (
	"bytes"
	"math"
	"math/big"
	"strconv"
	"time"
	"unicode/utf8"
)

// AppendJSON appends v as compact JSON, keys in their order, to dst. Floats keep
// their dot (3.0), times are ISO 8601 text, and what JSON cannot say (NaN, infinity)
// is null.
func AppendJSON(dst []byte, v any) []byte {
	return jsonForm{}.append(dst, v, 0)
}

// MarshalJSON keeps the order of the keys.
func (m *Map) MarshalJSON() ([]byte, error) {
	if m == nil {
		return []byte("null"), nil
	}
	return AppendJSON(nil, m), nil
}

// MarshalJSON is that of the Map.
func (o Object) MarshalJSON() ([]byte, error) { return AppendJSON(nil, o), nil }

// MarshalJSON is a list.
func (t Tuple) MarshalJSON() ([]byte, error) { return AppendJSON(nil, t), nil }

// MarshalJSON is ISO 8601 text.
func (d Date) MarshalJSON() ([]byte, error) { return AppendJSON(nil, d), nil }

// UnmarshalJSON keeps the order of the keys; what DecodeJSON does with numbers and
// depth holds here too.
func (m *Map) UnmarshalJSON(text []byte) error {
	v, err := DecodeJSON(text)
	if err != nil {
		return err
	}
	if v == nil {
		return nil
	}
	decoded, ok := v.(*Map)
	if !ok {
		return errNoMapping
	}
	*m = *decoded
	return nil
}

// EncodeJSON appends v to dst as Python's json.dumps writes it: ASCII only, with a
// space behind commas and colons, or, with an indent, one element a line. Dates and
// times are their text. Objects print like this with an indent of 4 (spec §3.3).
func EncodeJSON(dst []byte, v any, indent int) []byte {
	return jsonForm{python: true, indent: indent}.append(dst, v, 0)
}

// jsonForm is how JSON is laid out.
type jsonForm struct {
	python bool // ASCII, with spaces, times as Python's str
	indent int  // python only: spaces a level, one element a line; 0 for one line
}

func (f jsonForm) append(dst []byte, v any, level int) []byte {
	switch v := v.(type) {
	case nil:
		return append(dst, "null"...)
	case bool:
		return strconv.AppendBool(dst, v)
	case int64:
		return strconv.AppendInt(dst, v, 10)
	case *big.Int:
		return v.Append(dst, 10)
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return append(dst, "null"...)
		}
		return appendFloat(dst, v)
	case string:
		return f.quote(dst, v)
	case time.Time:
		return f.time(dst, v)
	case Date:
		return append(appendDate(append(dst, '"'), v), '"')
	case []any:
		return f.list(dst, v, level)
	case Tuple:
		return f.list(dst, v, level)
	case *Map:
		return f.mapping(dst, v, level)
	case Object:
		return f.mapping(dst, v.Map, level)
	}
	return f.append(dst, Of(v), level)
}

func (f jsonForm) time(dst []byte, t time.Time) []byte {
	dst = append(dst, '"')
	switch {
	case f.python:
		dst = appendTime(dst, t, ' ')
	case t.Location() == Naive:
		dst = appendTime(dst, t, 'T')
	default:
		dst = t.AppendFormat(dst, time.RFC3339Nano)
	}
	return append(dst, '"')
}

func (f jsonForm) list(dst []byte, items []any, level int) []byte {
	if len(items) == 0 {
		return append(dst, "[]"...)
	}
	dst = append(dst, '[')
	for i, item := range items {
		dst = f.next(dst, i, level+1)
		dst = f.append(dst, item, level+1)
	}
	return append(f.line(dst, level), ']')
}

func (f jsonForm) mapping(dst []byte, m *Map, level int) []byte {
	if m.Len() == 0 {
		return append(dst, "{}"...)
	}
	dst = append(dst, '{')
	for i, e := range m.Entries() {
		dst = f.next(dst, i, level+1)
		dst = append(f.quote(dst, e.Key), ':')
		if f.python {
			dst = append(dst, ' ')
		}
		dst = f.append(dst, e.Value, level+1)
	}
	return append(f.line(dst, level), '}')
}

// next is what stands before element i.
func (f jsonForm) next(dst []byte, i, level int) []byte {
	if i > 0 {
		dst = append(dst, ',')
	}
	if i > 0 && f.python && f.indent == 0 {
		dst = append(dst, ' ')
	}
	return f.line(dst, level)
}

func (f jsonForm) line(dst []byte, level int) []byte {
	if f.indent == 0 {
		return dst
	}
	return append(append(dst, '\n'), bytes.Repeat([]byte{' '}, level*f.indent)...)
}

func (f jsonForm) quote(dst []byte, s string) []byte {
	dst = append(dst, '"')
	for {
		n := plainLetters(s)
		dst, s = append(dst, s[:n]...), s[n:]
		if s == "" {
			return append(dst, '"')
		}
		r, size := utf8.DecodeRuneInString(s)
		dst, s = f.escape(dst, r), s[size:]
	}
}

// plainLetters counts the bytes that s begins with and that are in JSON as they are.
func plainLetters(s string) int {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= 0x7f || c == '"' || c == '\\' {
			return i
		}
	}
	return len(s)
}

func (f jsonForm) escape(dst []byte, r rune) []byte {
	switch {
	case r == '"' || r == '\\':
		return append(dst, '\\', byte(r))
	case r == '\n':
		return append(dst, `\n`...)
	case r == '\r':
		return append(dst, `\r`...)
	case r == '\t':
		return append(dst, `\t`...)
	case f.python && r == '\b':
		return append(dst, `\b`...)
	case f.python && r == '\f':
		return append(dst, `\f`...)
	case r < ' ':
		return appendHex(append(dst, `\u`...), r, 4)
	case r < 0x7f || !f.python:
		return utf8.AppendRune(dst, r)
	}
	return appendUTF16(dst, r)
}

// appendUTF16 writes a rune beyond ASCII as JSON's one or two \u escapes.
func appendUTF16(dst []byte, r rune) []byte {
	if r > 0xffff {
		r -= 0x10000
		dst = appendHex(append(dst, `\u`...), 0xd800+r>>10, 4)
		r = 0xdc00 + r&0x3ff
	}
	return appendHex(append(dst, `\u`...), r, 4)
}
