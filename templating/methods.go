package templating

import (
	"fmt"
	"strings"
	"unicode"

	"tocsin/templating/value"
)

// methods are those of Python's texts, lists and mappings, sorted by name; their
// first argument is the object.
var methods = [...]builtin{
	{"capitalize", "()", 0, 0, capitalize},
	{"count", "(part)", 1, 1, countIn},
	{"endswith", "(end)", 1, 1, endsWith},
	{"find", "(part)", 1, 1, findIn},
	{"get", "(key, default=None)", 1, 2, getFrom},
	{"isdigit", "()", 0, 0, isDigits},
	{"items", "()", 0, 0, itemsOf},
	{"join", "(list)", 1, 1, joinedBy},
	{"keys", "()", 0, 0, keysOf},
	{"lower", "()", 0, 0, lower},
	{"lstrip", "(letters)", 0, 1, stripLeft},
	{"replace", "(old, new)", 2, 2, replaceIn},
	{"rstrip", "(letters)", 0, 1, stripRight},
	{"split", "(separator, most)", 0, 2, splitBy},
	{"splitlines", "()", 0, 0, splitLines},
	{"startswith", "(start)", 1, 1, startsWith},
	{"strip", "(letters)", 0, 1, stripBoth},
	{"title", "()", 0, 0, title},
	{"upper", "()", 0, 0, upper},
	{"values", "()", 0, 0, valuesOf},
}

func methodOf(name string) *builtin { return rowOf(methods[:], name) }

func nearMethod(name string) string {
	var all []string
	for i := range methods {
		all = append(all, methods[i].name)
	}
	return near(name, all)
}

// texts are args as texts; a number or boolean is its text, as when Keep pastes it.
// What is missing has none: that is an error, not an empty text.
func (r *run) texts(args []any) ([]string, error) {
	out := make([]string, len(args))
	for i, a := range args {
		if _, isList := items(a); isList || isMapping(a) || a == nil {
			return nil, &Error{Message: described(a) + " is no text"}
		}
		text, isText := a.(string)
		if !isText {
			text = value.Text(a)
		}
		if err := r.tick(1 + len(text)/256); err != nil {
			return nil, err
		}
		out[i] = text
	}
	return out, nil
}

// onText is f of the object as text.
func onText(r *run, args []any, f func(string) string) (any, error) {
	s, err := r.texts(args[:1])
	if err != nil {
		return nil, err
	}
	return f(s[0]), r.grow(len(s[0]))
}

func lower(r *run, args []any) (any, error) { return onText(r, args, strings.ToLower) }
func upper(r *run, args []any) (any, error) { return onText(r, args, upperCase) }

func capitalize(r *run, args []any) (any, error) {
	return onText(r, args, func(s string) string {
		for i := range s {
			if i > 0 {
				return strings.ToUpper(s[:i]) + strings.ToLower(s[i:])
			}
		}
		return strings.ToUpper(s)
	})
}

// title makes every letter behind something else a capital.
func title(r *run, args []any) (any, error) {
	return onText(r, args, func(s string) string {
		inWord := false
		return strings.Map(func(c rune) rune {
			was := inWord
			inWord = unicode.IsLetter(c)
			if was {
				return unicode.ToLower(c)
			}
			return unicode.ToTitle(c)
		}, s)
	})
}

func isDigits(r *run, args []any) (any, error) {
	s, err := r.texts(args)
	if err != nil {
		return nil, err
	}
	return s[0] != "" && strings.IndexFunc(s[0], func(c rune) bool { return !unicode.IsDigit(c) }) < 0, nil
}

func countIn(r *run, args []any) (any, error) {
	if list, ok := items(args[0]); ok {
		n := int64(0)
		for _, v := range list {
			if equal(v, args[1]) {
				n++
			}
		}
		return n, r.tick(len(list))
	}
	s, err := r.texts(args)
	if err != nil {
		return nil, err
	}
	return int64(strings.Count(s[0], s[1])), nil
}

func findIn(r *run, args []any) (any, error) {
	s, err := r.texts(args)
	if err != nil {
		return nil, err
	}
	at := strings.Index(s[0], s[1])
	if at < 0 {
		return int64(-1), nil
	}
	return int64(len([]rune(s[0][:at]))), nil
}

func startsWith(r *run, args []any) (any, error) { return r.affix(args, strings.HasPrefix) }
func endsWith(r *run, args []any) (any, error)   { return r.affix(args, strings.HasSuffix) }

// affix says whether one of the texts in args[1] is at the end that has looks at.
func (r *run) affix(args []any, has func(s, part string) bool) (any, error) {
	parts := args[1:]
	if list, ok := items(args[1]); ok {
		parts = list
	}
	s, err := r.texts(args[:1])
	if err != nil {
		return nil, err
	}
	affixes, err := r.texts(parts)
	if err != nil {
		return nil, err
	}
	for _, a := range affixes {
		if has(s[0], a) {
			return true, nil
		}
	}
	return false, nil
}

func stripBoth(r *run, args []any) (any, error) {
	return r.strip(args, strings.Trim, strings.TrimSpace)
}

func stripLeft(r *run, args []any) (any, error) {
	return r.strip(args, strings.TrimLeft, func(s string) string { return strings.TrimLeftFunc(s, unicode.IsSpace) })
}

func stripRight(r *run, args []any) (any, error) {
	return r.strip(args, strings.TrimRight, func(s string) string { return strings.TrimRightFunc(s, unicode.IsSpace) })
}

func (r *run) strip(args []any, letters func(s, cut string) string, space func(string) string) (any, error) {
	s, err := r.texts(args)
	if err != nil {
		return nil, err
	}
	if len(s) == 2 {
		return letters(s[0], s[1]), nil
	}
	return space(s[0]), nil
}

func replaceIn(r *run, args []any) (any, error) {
	s, err := r.texts(args)
	if err != nil {
		return nil, err
	}
	size := len(s[0]) + strings.Count(s[0], s[1])*len(s[2])
	if err := r.grow(size); err != nil {
		return nil, err
	}
	return strings.ReplaceAll(s[0], s[1], s[2]), nil
}

func splitBy(r *run, args []any) (any, error) {
	s, err := r.texts(args)
	if err != nil {
		return nil, err
	}
	var parts []string
	switch {
	case len(s) == 1:
		parts = strings.Fields(s[0])
	case s[1] == "":
		return nil, &Error{Message: "split: an empty separator"}
	default:
		most := -1
		if n, ok := last(args).(int64); ok && len(args) == 3 && n >= 0 && n < maxElements {
			most = int(n) + 1
		}
		parts = strings.SplitN(s[0], s[1], most)
	}
	return r.list(parts)
}

func last(args []any) any { return args[len(args)-1] }

func splitLines(r *run, args []any) (any, error) {
	s, err := r.texts(args)
	if err != nil {
		return nil, err
	}
	text := strings.TrimSuffix(strings.ReplaceAll(s[0], "\r\n", "\n"), "\n")
	if text == "" {
		return []any{}, nil
	}
	return r.list(strings.Split(text, "\n"))
}

func (r *run) list(parts []string) (any, error) {
	out := make([]any, len(parts))
	for i, p := range parts {
		out[i] = p
	}
	return out, r.elements(len(out))
}

func joinedBy(r *run, args []any) (any, error) {
	list, err := r.each(args[1])
	if err != nil {
		return nil, err
	}
	parts, err := r.texts(list)
	if err != nil {
		return nil, err
	}
	between, err := r.texts(args[:1])
	if err != nil {
		return nil, err
	}
	if err := r.grow(len(between[0]) * len(parts)); err != nil {
		return nil, err
	}
	return strings.Join(parts, between[0]), nil
}

func mapping(v any) (*value.Map, error) {
	switch m := v.(type) {
	case *value.Map:
		return m, nil
	case value.Object:
		return m.Map, nil
	}
	return nil, &Error{Message: fmt.Sprintf("%s is no mapping", described(v))}
}

func getFrom(_ *run, args []any) (any, error) {
	m, err := mapping(args[0])
	if err != nil {
		return nil, err
	}
	if v, ok := m.Get(value.Text(args[1])); ok {
		return v, nil
	}
	if len(args) == 3 {
		return args[2], nil
	}
	return nil, nil
}

func keysOf(r *run, args []any) (any, error) {
	m, err := mapping(args[0])
	if err != nil {
		return nil, err
	}
	return keys(m), r.elements(m.Len())
}

func valuesOf(r *run, args []any) (any, error) {
	m, err := mapping(args[0])
	if err != nil {
		return nil, err
	}
	out := make([]any, 0, m.Len())
	for _, v := range m.All() {
		out = append(out, v)
	}
	return out, r.elements(len(out))
}

func itemsOf(r *run, args []any) (any, error) {
	m, err := mapping(args[0])
	if err != nil {
		return nil, err
	}
	out := make([]any, 0, m.Len())
	for k, v := range m.All() {
		out = append(out, value.Tuple{k, v})
	}
	return out, r.elements(2 * len(out))
}
