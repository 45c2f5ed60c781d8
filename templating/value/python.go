package value

import (
	"fmt"
	"math"
	"strings"
	"unicode/utf8"
)

// ParsePython reads a Python literal of at most 8 MiB, the inverse of Repr: strings
// with either quote, numbers, True, False, None, lists, tuples, sets (which become
// lists), dicts (whose keys become their text), datetime.datetime(...),
// datetime.date(...), Decimal('...') (which becomes a number). Depth is limited to 64
// levels. The error says at which character.
func ParsePython(text string) (any, error) {
	if len(text) > maxText {
		return nil, errTooLong
	}
	r := &pythonReader{text: text}
	v, err := r.value()
	if err != nil {
		return nil, err
	}
	if r.space(); r.at < len(r.text) {
		return nil, r.unexpected("the end")
	}
	return v, nil
}

type pythonReader struct {
	text  string
	at    int
	depth int
	calls int // constructors around
}

func (r *pythonReader) value() (any, error) {
	r.space()
	switch c := r.peek(); {
	case c == '\'' || c == '"':
		return r.strings()
	case c == '[':
		return r.list()
	case c == '(':
		return r.tuple()
	case c == '{':
		return r.braces()
	case c == '-' || c == '+':
		return r.signed()
	case c == '.' || '0' <= c && c <= '9':
		return r.number("")
	}
	return r.word()
}

// enter goes past a bracket, one level down; leave comes back up.
func (r *pythonReader) enter() error {
	if r.depth == maxDepth {
		return r.fail(errTooDeep.Error())
	}
	r.depth++
	r.at++
	return nil
}

func (r *pythonReader) leave() { r.depth-- }

func (r *pythonReader) list() (any, error) {
	if err := r.enter(); err != nil {
		return nil, err
	}
	defer r.leave()
	items, _, err := r.items(']')
	return items, err
}

// tuple reads (a, b), and (a), which is a.
func (r *pythonReader) tuple() (any, error) {
	if err := r.enter(); err != nil {
		return nil, err
	}
	defer r.leave()
	items, comma, err := r.items(')')
	if len(items) == 1 && !comma {
		return items[0], err
	}
	return Tuple(items), err
}

// items reads elements up to the bracket, and whether a comma was behind the last.
func (r *pythonReader) items(bracket byte) (items []any, comma bool, err error) {
	items = []any{}
	for {
		if r.closes(bracket) {
			return items, comma, nil
		}
		item, err := r.value()
		if err != nil {
			return nil, false, err
		}
		items = append(items, item)
		if comma, err = r.comma(bracket); err != nil {
			return nil, false, err
		}
	}
}

// braces reads a dict or a set.
func (r *pythonReader) braces() (any, error) {
	if err := r.enter(); err != nil {
		return nil, err
	}
	defer r.leave()
	if r.closes('}') {
		return NewMap(0), nil
	}
	first, err := r.value()
	if err != nil {
		return nil, err
	}
	if r.space(); r.peek() == ':' {
		return r.dict(first)
	}
	if _, err := r.comma('}'); err != nil {
		return nil, err
	}
	rest, _, err := r.items('}')
	return append([]any{first}, rest...), err
}

// dict reads the rest of a dict from the colon behind its first key on.
func (r *pythonReader) dict(key any) (any, error) {
	m := NewMap(4)
	for {
		if r.space(); r.peek() != ':' {
			return nil, r.unexpected("a colon")
		}
		r.at++
		v, err := r.value()
		if err != nil {
			return nil, err
		}
		m.Set(keyText(key), v)
		if _, err := r.comma('}'); err != nil {
			return nil, err
		}
		if r.closes('}') {
			return m, nil
		}
		if key, err = r.value(); err != nil {
			return nil, err
		}
	}
}

// keyText is the key of a Map for a dict's key, which may be a number.
func keyText(key any) string {
	if s, ok := key.(string); ok {
		return s
	}
	return Repr(key)
}

func (r *pythonReader) signed() (any, error) {
	sign := r.text[r.at : r.at+1]
	r.at++
	if strings.HasPrefix(r.text[r.at:], "inf") {
		r.at += len("inf")
		return math.Inf(map[string]int{"+": 1, "-": -1}[sign]), nil
	}
	return r.number(sign)
}

func (r *pythonReader) number(sign string) (any, error) {
	start := r.at
	for r.at < len(r.text) && r.inNumber(start) {
		r.at++
	}
	digits := r.text[start:r.at]
	if strings.HasPrefix(digits, "_") || strings.HasSuffix(digits, "_") || strings.Contains(digits, "__") {
		return nil, r.failAt(start, fmt.Sprintf("%q is no number", clip(digits)))
	}
	if digits == "" {
		return nil, r.unexpected("a number")
	}
	v, err := numberOf(sign + strings.ReplaceAll(digits, "_", ""))
	if err != nil {
		return nil, r.failAt(start, err.Error())
	}
	return v, nil
}

// inNumber says whether the next byte belongs to the number that began at start.
func (r *pythonReader) inNumber(start int) bool {
	switch c := r.text[r.at]; {
	case c == '+' || c == '-':
		based := r.at > start+1 && (r.text[start+1] == 'x' || r.text[start+1] == 'X')
		before := r.text[max(start, r.at-1)]
		return !based && r.at > start && (before == 'e' || before == 'E')
	default:
		return c == '.' || c == '_' || '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z'
	}
}

// word reads a constant, a string with a prefix, or a call.
func (r *pythonReader) word() (any, error) {
	start := r.at
	name := r.name()
	switch name {
	case "None":
		return nil, nil
	case "True":
		return true, nil
	case "False":
		return false, nil
	case "inf":
		return math.Inf(1), nil
	case "nan":
		return math.NaN(), nil
	}
	if c := r.peek(); c == '\'' || c == '"' {
		if v, ok, err := r.prefixed(name); ok {
			return v, err
		}
	}
	if construct, ok := constructors[name]; ok {
		return r.call(start, name, construct)
	}
	r.at = start
	return nil, r.unexpected("a value")
}

// name reads a name with dots.
func (r *pythonReader) name() string {
	start := r.at
	for r.at < len(r.text) {
		c := r.text[r.at]
		if c != '_' && c != '.' && (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z') {
			break
		}
		r.at++
	}
	return r.text[start:r.at]
}

// prefixed reads the string behind a prefix; bytes are text to us.
func (r *pythonReader) prefixed(prefix string) (v any, ok bool, err error) {
	switch strings.ToLower(prefix) {
	case "u", "b":
		v, err = r.string(false)
	case "r", "br", "rb":
		v, err = r.string(true)
	default:
		return nil, false, nil
	}
	return v, true, err
}

// closes reads the bracket, if it is next.
func (r *pythonReader) closes(bracket byte) bool {
	r.space()
	if r.peek() != bracket {
		return false
	}
	r.at++
	return true
}

// comma reads the comma behind an element; the last one before the bracket may lack.
func (r *pythonReader) comma(bracket byte) (bool, error) {
	r.space()
	switch r.peek() {
	case ',':
		r.at++
		return true, nil
	case bracket:
		return false, nil
	}
	return false, r.unexpected("a comma or " + string(bracket))
}

// peek is the next byte, 0 at the end.
func (r *pythonReader) peek() byte {
	if r.at < len(r.text) {
		return r.text[r.at]
	}
	return 0
}

func (r *pythonReader) space() {
	for r.at < len(r.text) && strings.IndexByte(" \t\r\n", r.text[r.at]) >= 0 {
		r.at++
	}
}

func (r *pythonReader) unexpected(want string) error {
	if r.at >= len(r.text) {
		return r.fail("want " + want + ", found the end")
	}
	c, _ := utf8.DecodeRuneInString(r.text[r.at:])
	return r.fail(fmt.Sprintf("want %s, found %q", want, c))
}

func (r *pythonReader) fail(message string) error { return r.failAt(r.at, message) }

func (r *pythonReader) failAt(at int, message string) error {
	return fmt.Errorf("literal, character %d: %s", 1+utf8.RuneCountInString(r.text[:at]), message)
}
