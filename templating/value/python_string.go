package value

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// strings reads a string, and those directly behind it, which belong to it.
func (r *pythonReader) strings() (any, error) {
	s, err := r.string(false)
	if err != nil {
		return nil, err
	}
	for {
		if r.space(); r.peek() != '\'' && r.peek() != '"' {
			return s, nil
		}
		more, err := r.string(false)
		if err != nil {
			return nil, err
		}
		s += more
	}
}

// string reads a string; most have no escapes and are taken as they are.
func (r *pythonReader) string(raw bool) (string, error) {
	start := r.at
	quote := r.text[r.at]
	r.at++
	body := r.at
	for r.at < len(r.text) {
		switch c := r.text[r.at]; {
		case c == quote:
			r.at++
			return r.text[body : r.at-1], nil
		case c == '\\' && raw && r.at+1 < len(r.text):
			r.at++
		case c == '\\':
			return r.escaped(start, body, quote)
		case c == '\n':
			return "", r.failAt(start, "a string that does not end on its line")
		}
		r.at++
	}
	return "", r.failAt(start, "a string without an end")
}

// escaped reads the rest of a string whose characters began at body.
func (r *pythonReader) escaped(start, body int, quote byte) (string, error) {
	s := []byte(r.text[body:r.at])
	for r.at < len(r.text) {
		c := r.text[r.at]
		switch {
		case c == quote:
			r.at++
			return string(s), nil
		case c == '\n':
			return "", r.failAt(start, "a string that does not end on its line")
		case c != '\\':
			r.at++
			s = append(s, c)
		default:
			var err error
			if s, err = r.escape(s); err != nil {
				return "", err
			}
		}
	}
	return "", r.failAt(start, "a string without an end")
}

// escape reads one escape; a backslash before anything else stands for itself.
func (r *pythonReader) escape(s []byte) ([]byte, error) {
	if r.at+1 >= len(r.text) {
		return nil, r.fail("a string without an end")
	}
	c := r.text[r.at+1]
	if i := strings.IndexByte("\\'\"abfnrtv\n", c); i >= 0 {
		r.at += 2
		if c == '\n' {
			return s, nil
		}
		return append(s, "\\'\"\a\b\f\n\r\t\v"[i]), nil
	}
	switch {
	case c == 'x':
		return r.hexEscape(s, 2)
	case c == 'u':
		return r.hexEscape(s, 4)
	case c == 'U':
		return r.hexEscape(s, 8)
	case '0' <= c && c <= '7':
		return r.octalEscape(s), nil
	}
	r.at += 2
	return append(s, '\\', c), nil
}

func (r *pythonReader) hexEscape(s []byte, digits int) ([]byte, error) {
	u, err := r.hex(digits)
	if err != nil {
		return nil, err
	}
	if utf16.IsSurrogate(u) && strings.HasPrefix(r.text[r.at:], `\u`) {
		back := r.at
		low, err := r.hex(4)
		if err != nil {
			return nil, err
		}
		if pair := utf16.DecodeRune(u, low); pair != utf8.RuneError {
			return utf8.AppendRune(s, pair), nil
		}
		r.at = back
	}
	return utf8.AppendRune(s, u), nil
}

// hex reads a backslash, a letter and so many digits.
func (r *pythonReader) hex(digits int) (rune, error) {
	if end := r.at + 2 + digits; end <= len(r.text) {
		n, err := strconv.ParseUint(r.text[r.at+2:end], 16, 32)
		if err == nil && n <= unicode.MaxRune {
			r.at = end
			return rune(n), nil
		}
	}
	return 0, r.fail(fmt.Sprintf(`\%c wants %d hexadecimal digits`, r.text[r.at+1], digits))
}

func (r *pythonReader) octalEscape(s []byte) []byte {
	r.at++
	var u rune
	for n := 0; n < 3 && '0' <= r.peek() && r.peek() <= '7'; n++ {
		u = u*8 + rune(r.peek()-'0')
		r.at++
	}
	return utf8.AppendRune(s, u)
}
