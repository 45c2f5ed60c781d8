package templating

import (
	"context"
	"strings"
	"unicode/utf8"

	"tocsin/templating/value"
)

// listFunctions work on lists, on the characters of a text, and on the keys of a
// mapping.
func listFunctions() []Function {
	return []Function{
		{
			Name: "keep.len", Params: "(iterable=[])",
			Doc:     "How many elements, keys or characters there are.",
			Example: "keep.len([1, 2]) == 2",
			Call:    func(_ context.Context, a *Args) any { return int64(lengthOf(a.Any(0))) },
		},
		{
			Name: "keep.all", Params: "(iterable)",
			Doc:     "Whether all elements are equal to each other.",
			Example: "keep.all([7, 7, 7]) and not keep.all([7, 8])",
			Call:    func(_ context.Context, a *Args) any { return allEqual(a.List(0)) },
		},
		{
			Name: "keep.diff", Params: "(iterable)",
			Doc:     "Whether not all elements are equal to each other.",
			Example: "keep.diff(['a', 'b'])",
			Call:    func(_ context.Context, a *Args) any { return !allEqual(a.List(0)) },
		},
		{
			Name: "keep.index", Params: "(iterable, index)",
			Doc:     "The element at that position, from 0; negative positions count from the end.",
			Example: "keep.index(['p', 'q'], 1) == 'q'",
			Call:    func(_ context.Context, a *Args) any { return elementAt(a, a.Int(1)) },
		},
		{
			Name: "keep.first", Params: "(iterable)",
			Doc:     "The first element.",
			Example: "keep.first(['p', 'q']) == 'p'",
			Call:    func(_ context.Context, a *Args) any { return elementAt(a, 0) },
		},
		{
			Name: "keep.last", Params: "(iterable)",
			Doc:     "The last element.",
			Example: "keep.last(['p', 'q']) == 'q'",
			Call:    func(_ context.Context, a *Args) any { return elementAt(a, -1) },
		},
		{
			Name: "keep.join", Params: "(iterable, delimiter=',', prefix=None)",
			Doc:     "The elements, or the key=value pairs of a mapping, in one text, each with the prefix in front. A text is read as JSON first.",
			Example: "keep.join(['a', 'b'], ' | ') == 'a | b' and keep.join({'k': 1, 'j': 'v'}, '&') == 'k=1&j=v'",
			Call:    func(_ context.Context, a *Args) any { return joinList(a) },
		},
	}
}

// readElements are the elements of v: see Args.List.
func readElements(v any) []any {
	switch v := v.(type) {
	case nil:
		return nil
	case []any:
		return v
	case value.Tuple:
		return v
	case *value.Map:
		return mapKeys(v)
	case value.Object:
		return mapKeys(v.Map)
	case string:
		return charactersOf(v)
	}
	return charactersOf(value.Text(v))
}

// collection is the list or mapping that a text is, as Python prints it.
func collection(text string) (any, bool) {
	text = strings.TrimSpace(text)
	if text == "" || strings.IndexByte("[({", text[0]) < 0 {
		return nil, false
	}
	v, err := value.ParsePython(text)
	if err != nil {
		return nil, false
	}
	switch v.(type) {
	case []any, value.Tuple, *value.Map:
		return v, true
	}
	return nil, false
}

func mapKeys(m *value.Map) []any {
	list := make([]any, 0, m.Len())
	for key := range m.All() {
		list = append(list, key)
	}
	return list
}

func charactersOf(s string) []any {
	list := make([]any, 0, len(s))
	for _, r := range s {
		list = append(list, string(r))
	}
	return list
}

func lengthOf(v any) int {
	switch v := v.(type) {
	case []any:
		return len(v)
	case value.Tuple:
		return len(v)
	case *value.Map:
		return v.Len()
	case value.Object:
		return v.Len()
	case string:
		return utf8.RuneCountInString(v)
	}
	return utf8.RuneCountInString(value.Text(v))
}

func allEqual(list []any) bool {
	for i := 1; i < len(list); i++ {
		if !value.Equal(list[0], list[i]) {
			return false
		}
	}
	return true
}

// elementAt is element i of the first argument.
func elementAt(a *Args, i int) any {
	list := a.List(0)
	if i < 0 {
		i += len(list)
	}
	switch {
	case len(list) == 0:
		return a.Fail("there are no elements")
	case i < 0 || i >= len(list):
		return a.Fail("there is no element %d of %d", a.Int(1), len(list))
	}
	return list[i]
}

func joinList(a *Args) any {
	parts, ok := joinParts(a.Any(0), a.keep)
	if !ok {
		a.wrong(0, "a list or a mapping")
		return nil
	}
	prefix := a.String(2)
	if len(parts)*len(prefix) > maxString {
		return a.tooLong()
	}
	for i := range parts {
		parts[i] = prefix + parts[i]
	}
	return joinWithin(a, a.String(1), parts)
}

func joinWithin(a *Args, delimiter string, parts []string) any {
	size := len(parts) * len(delimiter)
	for i := range parts {
		size += len(parts[i])
	}
	if size > maxString {
		return a.tooLong()
	}
	return strings.Join(parts, delimiter)
}

// joinParts are the texts to join.
func joinParts(v any, keep bool) ([]string, bool) {
	switch v := v.(type) {
	case nil:
		return nil, true
	case []any:
		return printedAll(v), true
	case value.Tuple:
		return printedAll(v), true
	case *value.Map:
		return printedPairs(v, "="), true
	case value.Object:
		return printedPairs(v.Map, "="), true
	case string:
		if strings.TrimSpace(v) == "" {
			return nil, true
		}
		if parsed, err := value.DecodeJSON5([]byte(v)); err == nil {
			return joinPartsOf(parsed)
		}
		if parsed, ok := collection(v); ok && !keep {
			return joinParts(parsed, keep)
		}
	}
	return nil, false
}

// joinPartsOf is joinParts for what a text held: text within text is not read again.
func joinPartsOf(v any) ([]string, bool) {
	if s, ok := v.(string); ok {
		return printedAll(charactersOf(s)), true
	}
	return joinParts(v, false)
}

func printedAll(list []any) []string {
	out := make([]string, len(list))
	for i, item := range list {
		out[i] = printed(item)
	}
	return out
}

// printedPairs are the keys and values of m with what stands between them.
func printedPairs(m *value.Map, between string) []string {
	out := make([]string, 0, m.Len())
	for key, v := range m.All() {
		out = append(out, key+between+printed(v))
	}
	return out
}
