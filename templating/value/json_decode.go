package value

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

const (
	// maxDepth is how deep lists and mappings may be nested in what is parsed.
	maxDepth = 64
	// maxText is how long a text that is parsed may be, in bytes: a provider's
	// largest reply.
	maxText = 8 << 20
)

var (
	errNoMapping = errors.New("want a mapping")
	errTooLong   = fmt.Errorf("longer than %d MiB", maxText>>20)
	errTooDeep   = fmt.Errorf("nested deeper than %d levels", maxDepth)
)

// DecodeJSON reads one JSON text of at most 8 MiB: keys keep their order, the last
// of equal keys counts, numbers without a fraction or exponent are int64 or *big.Int.
// Depth is limited to 64 levels. Bytes that are no UTF-8 become U+FFFD. The error
// says the line and column.
func DecodeJSON(text []byte) (any, error) {
	return (&jsonReader{text: text}).read()
}

// DecodeJSON5 reads what people write for JSON: comments, a comma too many, strings
// in single quotes and with line breaks, keys without quotes, numbers such as .5, +1
// and 0xff. The limits are those of DecodeJSON.
func DecodeJSON5(text []byte) (any, error) {
	return (&jsonReader{text: text, relaxed: true}).read()
}

type jsonReader struct {
	text    []byte
	at      int
	depth   int
	relaxed bool // JSON5
}

func (r *jsonReader) read() (any, error) {
	if len(r.text) > maxText {
		return nil, errTooLong
	}
	v, err := r.value()
	if err != nil {
		return nil, err
	}
	if r.space(); r.at < len(r.text) {
		return nil, r.unexpected("the end")
	}
	return v, nil
}

func (r *jsonReader) value() (any, error) {
	r.space()
	switch c := r.peek(); {
	case c == '{':
		return r.mapping()
	case c == '[':
		return r.list()
	case c == '"', c == '\'' && r.relaxed:
		return r.string()
	case c == '-', '0' <= c && c <= '9', r.relaxed && (c == '+' || c == '.'):
		return r.number()
	}
	return r.word()
}

// enter goes past a bracket, one level down; leave comes back up.
func (r *jsonReader) enter() error {
	if r.depth == maxDepth {
		return r.fail(errTooDeep.Error())
	}
	r.depth++
	r.at++
	return nil
}

func (r *jsonReader) leave() { r.depth-- }

func (r *jsonReader) list() (any, error) {
	if err := r.enter(); err != nil {
		return nil, err
	}
	defer r.leave()
	items := []any{}
	if r.closes(']') {
		return items, nil
	}
	for {
		item, err := r.value()
		if err != nil {
			return nil, err
		}
		items = append(items, item)
		if end, err := r.separated(']'); end || err != nil {
			return items, err
		}
	}
}

func (r *jsonReader) mapping() (any, error) {
	if err := r.enter(); err != nil {
		return nil, err
	}
	defer r.leave()
	m := NewMap(4)
	if r.closes('}') {
		return m, nil
	}
	for {
		key, err := r.key()
		if err != nil {
			return nil, err
		}
		if r.space(); r.peek() != ':' {
			return nil, r.unexpected("a colon")
		}
		r.at++
		v, err := r.value()
		if err != nil {
			return nil, err
		}
		m.Set(key, v)
		if end, err := r.separated('}'); end || err != nil {
			return m, err
		}
	}
}

// closes reads the bracket, if it is next.
func (r *jsonReader) closes(bracket byte) bool {
	r.space()
	if r.peek() != bracket {
		return false
	}
	r.at++
	return true
}

// separated reads the comma before the next element, or the bracket behind the last.
func (r *jsonReader) separated(bracket byte) (end bool, err error) {
	if r.closes(bracket) {
		return true, nil
	}
	if r.peek() != ',' {
		return false, r.unexpected("a comma or " + string(bracket))
	}
	r.at++
	return r.relaxed && r.closes(bracket), nil
}

func (r *jsonReader) key() (string, error) {
	r.space()
	switch c := r.peek(); {
	case c == '"', c == '\'' && r.relaxed:
		return r.string()
	case r.relaxed:
		if name := r.name(); name != "" {
			return name, nil
		}
	}
	return "", r.unexpected("a key in quotes")
}

// name reads letters, digits, _ and $.
func (r *jsonReader) name() string {
	start := r.at
	for r.at < len(r.text) {
		c, size := utf8.DecodeRune(r.text[r.at:])
		if c != '_' && c != '$' && !unicode.IsLetter(c) && !unicode.IsDigit(c) {
			break
		}
		r.at += size
	}
	return string(r.text[start:r.at])
}

func (r *jsonReader) word() (any, error) {
	start := r.at
	switch name := r.name(); {
	case name == "null":
		return nil, nil
	case name == "true":
		return true, nil
	case name == "false":
		return false, nil
	case name == "NaN" && r.relaxed:
		return math.NaN(), nil
	case name == "Infinity" && r.relaxed:
		return math.Inf(1), nil
	}
	r.at = start
	return nil, r.unexpected("a value")
}

func (r *jsonReader) number() (any, error) {
	start := r.at
	for r.at < len(r.text) && strings.IndexByte("+-.0123456789abcdefABCDEFxXInity", r.text[r.at]) >= 0 {
		r.at++
	}
	text := string(r.text[start:r.at])
	v, err := r.numberIn(text)
	if err != nil {
		r.at = start
		return nil, r.fail(err.Error())
	}
	return v, nil
}

func (r *jsonReader) numberIn(text string) (any, error) {
	if !r.relaxed {
		if !validNumber(text) {
			return nil, fmt.Errorf("%q is no number", clip(text))
		}
		return numberOf(text)
	}
	digits := strings.TrimLeft(text, "+-")
	switch {
	case len(text)-len(digits) > 1:
		return nil, fmt.Errorf("%q is no number", clip(text))
	case digits == "Infinity":
		return math.Inf(1 - 2*strings.Count(text, "-")), nil
	}
	return numberOf(text)
}

// string reads a string; most have no escapes and are taken as they are.
func (r *jsonReader) string() (string, error) {
	quote := r.text[r.at]
	r.at++
	start := r.at
	for r.at < len(r.text) {
		switch c := r.text[r.at]; {
		case c == quote:
			s := string(r.text[start:r.at])
			r.at++
			return strings.ToValidUTF8(s, "\ufffd"), nil
		case c == '\\' || c < ' ':
			return r.escaped(start, quote)
		}
		r.at++
	}
	return "", r.fail("a string without an end")
}

// escaped reads the rest of a string that began at start.
func (r *jsonReader) escaped(start int, quote byte) (string, error) {
	s := append([]byte(nil), r.text[start:r.at]...)
	for r.at < len(r.text) {
		c := r.text[r.at]
		r.at++
		switch {
		case c == quote:
			return strings.ToValidUTF8(string(s), "\ufffd"), nil
		case c < ' ' && !r.relaxed:
			r.at--
			return "", r.fail(fmt.Sprintf(`a control character in a string, which wants \u%04x`, c))
		case c != '\\':
			s = append(s, c)
		default:
			var err error
			if s, err = r.escape(s); err != nil {
				return "", err
			}
		}
	}
	return "", r.fail("a string without an end")
}

// escape reads what follows a backslash.
func (r *jsonReader) escape(s []byte) ([]byte, error) {
	c := r.peek()
	r.at++
	if i := strings.IndexByte(`"\/bfnrt`, c); i >= 0 && c != 0 {
		return append(s, "\"\\/\b\f\n\r\t"[i]), nil
	}
	switch {
	case c == 'u':
		u, err := r.unicode()
		return utf8.AppendRune(s, u), err
	case r.relaxed && c == '\n':
		return s, nil
	case r.relaxed && r.at <= len(r.text):
		return append(s, c), nil
	}
	r.at = min(r.at-1, len(r.text))
	return nil, r.unexpected(`one of "\/bfnrtu behind the backslash`)
}

// unicode reads the four digits of a \u, and of a second one if they are a pair.
func (r *jsonReader) unicode() (rune, error) {
	high, err := r.hex()
	if err != nil || !utf16.IsSurrogate(high) {
		return high, err
	}
	if r.at+1 < len(r.text) && r.text[r.at] == '\\' && r.text[r.at+1] == 'u' {
		back := r.at
		r.at += 2
		low, err := r.hex()
		if pair := utf16.DecodeRune(high, low); err != nil || pair != utf8.RuneError {
			return pair, err
		}
		r.at = back
	}
	return utf8.RuneError, nil
}

func (r *jsonReader) hex() (rune, error) {
	if r.at+4 <= len(r.text) {
		if n, err := strconv.ParseUint(string(r.text[r.at:r.at+4]), 16, 32); err == nil {
			r.at += 4
			return rune(n), nil
		}
	}
	return utf8.RuneError, r.fail(`\u wants four hexadecimal digits`)
}

// peek is the next byte, 0 at the end.
func (r *jsonReader) peek() byte {
	if r.at < len(r.text) {
		return r.text[r.at]
	}
	return 0
}

func (r *jsonReader) space() {
	for r.at < len(r.text) {
		switch r.text[r.at] {
		case ' ', '\n', '\t', '\r':
			r.at++
		case '/':
			if !r.relaxed || !r.comment() {
				return
			}
		default:
			return
		}
	}
}

// comment skips // and /* */; an unfinished one is left for the error.
func (r *jsonReader) comment() bool {
	rest := r.text[r.at:]
	var end int
	switch {
	case bytes.HasPrefix(rest, []byte("//")):
		end = bytes.IndexByte(rest, '\n')
		if end < 0 {
			end = len(rest)
		}
	case bytes.HasPrefix(rest, []byte("/*")):
		end = bytes.Index(rest, []byte("*/")) + len("*/")
	}
	if end < len("//") {
		return false
	}
	r.at += end
	return true
}

func (r *jsonReader) unexpected(want string) error {
	if r.at >= len(r.text) {
		return r.fail("want " + want + ", found the end")
	}
	c, _ := utf8.DecodeRune(r.text[r.at:])
	return r.fail(fmt.Sprintf("want %s, found %q", want, c))
}

func (r *jsonReader) fail(message string) error {
	line, column := position(string(r.text[:min(r.at, len(r.text))]))
	return fmt.Errorf("JSON, line %d, column %d: %s", line, column, message)
}

// position is the line and column behind text, counted from 1, in characters.
func position(text string) (line, column int) {
	line = 1 + strings.Count(text, "\n")
	return line, 1 + utf8.RuneCountInString(text[strings.LastIndexByte(text, '\n')+1:])
}
