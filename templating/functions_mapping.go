package templating

import (
	"context"
	"fmt"
	"strings"
	"unicode"

	"tocsin/templating/value"
)

// mappingFunctions work on mappings, and on texts that are one in JSON. None changes
// what it is given.
func mappingFunctions() []Function {
	return []Function{
		{
			Name: "keep.json_dumps", Params: "(data)",
			Doc:     "The value as JSON with an indent of four; a text is read as JSON first.",
			Example: `keep.json_dumps([1, 'a']) == "[\n    1,\n    \"a\"\n]"`,
			Call:    func(_ context.Context, a *Args) any { return jsonDumps(a) },
		},
		{
			Name: "keep.json_loads", Params: "(data)",
			Doc:     "The value of a JSON text; an empty mapping if it is none.",
			Example: `keep.json_loads('{"k": [1, 2]}')['k'] == [1, 2]`,
			Call:    func(_ context.Context, a *Args) any { return jsonLoads(a.Any(0), a.keep) },
		},
		{
			Name: "keep.dict_to_key_value_list", Params: "(data)",
			Doc:     "The list of key:value texts of a mapping.",
			Example: "keep.dict_to_key_value_list({'a': 1, 'b': 'z'}) == ['a:1', 'b:z']",
			Call:    func(_ context.Context, a *Args) any { return value.Of(printedPairs(a.Map(0), ":")) },
		},
		{
			Name: "keep.dict_pop", Params: "(data, *keys)",
			Doc:     "The mapping without these keys.",
			Example: "keep.dict_pop({'a': 1, 'b': 2, 'c': 3}, 'a', 'c') == {'b': 2}",
			Call:    func(_ context.Context, a *Args) any { return dictPop(a) },
		},
		{
			Name: "keep.dict_pop_prefix", Params: "(data, prefix)",
			Doc:     "The mapping without the keys that begin with the prefix.",
			Example: "keep.dict_pop_prefix({'x_a': 1, 'y': 2}, 'x_') == {'y': 2}",
			Call: func(_ context.Context, a *Args) any {
				return filtered(a.Map(0), func(key string) bool { return !strings.HasPrefix(key, a.String(1)) })
			},
		},
		{
			Name: "keep.dict_filter_by_prefix", Params: "(data, prefix)",
			Doc:     "The mapping with only the keys that begin with the prefix.",
			Example: "keep.dict_filter_by_prefix({'x_a': 1, 'y': 2}, 'x_') == {'x_a': 1}",
			Call: func(_ context.Context, a *Args) any {
				return filtered(a.Map(0), func(key string) bool { return strings.HasPrefix(key, a.String(1)) })
			},
		},
		{
			Name: "keep.dictget", Params: "(data, key, default=None)",
			Doc:     "The value of the key, or the default if there is none.",
			Example: "keep.dictget({'a': 'v'}, 'b', 'd') == 'd'",
			Call:    func(_ context.Context, a *Args) any { return dictGet(a) },
		},
		{
			Name: "keep.dict_set", Params: "(data, key, value)",
			Doc:     "The mapping with this key set; numbers and booleans are set as text.",
			Example: "keep.dict_set({'a': 1}, 'b', 'x') == {'a': 1, 'b': 'x'}",
			Call:    func(_ context.Context, a *Args) any { return dictSet(a) },
		},
		{
			Name: "keep.dict_merge", Params: "(*data)",
			Doc:     "The mappings in one, later ones over earlier ones; what is no mapping is left out.",
			Example: "keep.dict_merge({'a': 1, 'b': 1}, {'b': 2}) == {'a': 1, 'b': 2}",
			Call:    func(_ context.Context, a *Args) any { return dictMerge(a) },
		},
	}
}

// readMapping is v as a mapping: see Args.Map.
func readMapping(v any, keep bool) (*value.Map, bool) {
	switch v := v.(type) {
	case *value.Map:
		return v, true
	case value.Object:
		return v.Map, true
	case string:
		parsed, ok := parsedJSON(v, keep)
		if !ok && !keep {
			parsed, ok = collection(v)
		}
		m, isMap := parsed.(*value.Map)
		return m, ok && isMap
	}
	return nil, false
}

// parsedJSON reads JSON, and what is nearly JSON, such as a text with line breaks in
// its strings; for Keep these are all.
func parsedJSON(text string, keep bool) (any, bool) {
	v, err := value.DecodeJSON([]byte(text))
	switch {
	case err != nil && keep:
		v, err = value.DecodeJSON([]byte(escapedControls(text)))
	case err != nil:
		v, err = value.DecodeJSON5([]byte(text))
	}
	return v, err == nil
}

// escapedControls is text with its control characters as JSON writes them in strings.
func escapedControls(text string) string {
	if strings.IndexFunc(text, unicode.IsControl) < 0 {
		return text
	}
	var b strings.Builder
	for _, c := range text {
		if c < ' ' {
			fmt.Fprintf(&b, `\u%04x`, c)
			continue
		}
		b.WriteRune(c)
	}
	return b.String()
}

func jsonDumps(a *Args) any {
	v := a.Any(0)
	if text, ok := v.(string); ok {
		parsed, err := value.DecodeJSON([]byte(text))
		if err != nil {
			if parsed, ok = collection(text); !ok || a.keep {
				return a.Fail("%w", err)
			}
		}
		v = parsed
	}
	const indent = 4
	return string(value.EncodeJSON(nil, v, indent))
}

func jsonLoads(v any, keep bool) any {
	if !isText(v) && keep {
		return value.NewMap(0)
	}
	switch v := v.(type) {
	case value.Object:
		return v.Map
	case string:
		if parsed, ok := parsedJSON(v, keep); ok {
			return parsed
		}
		if parsed, ok := collection(v); ok && !keep {
			return parsed
		}
		return value.NewMap(0)
	case nil:
		return value.NewMap(0)
	}
	return v
}

func dictPop(a *Args) any {
	m := a.Map(0)
	return filtered(m, func(key string) bool {
		for i := 1; i < a.Len(); i++ {
			if a.String(i) == key {
				return false
			}
		}
		return true
	})
}

// filtered is a copy of m with the keys that are kept.
func filtered(m *value.Map, keep func(key string) bool) *value.Map {
	out := value.NewMap(m.Len())
	for key, v := range m.All() {
		if keep(key) {
			out.Set(key, v)
		}
	}
	return out
}

func dictGet(a *Args) any {
	if m, ok := readMapping(a.Any(0), a.keep); ok {
		if v, ok := m.Get(a.String(1)); ok {
			return v
		}
	}
	return a.Any(2)
}

func dictSet(a *Args) any {
	m, ok := readMapping(a.Any(0), a.keep)
	if _, text := a.Any(0).(string); !ok && !text && a.Any(0) != nil {
		a.wrong(0, "a mapping")
	}
	out := m.Clone()
	out.Set(a.String(1), asText(a.Any(2)))
	return out
}

// asText is a scalar as Keep's functions see it, which is as text.
func asText(v any) any {
	switch v.(type) {
	case []any, value.Tuple, *value.Map, value.Object:
		return v
	}
	return printed(v)
}

func dictMerge(a *Args) any {
	out := value.NewMap(0)
	for i := range a.Len() {
		m, _ := readMapping(a.Any(i), a.keep)
		for key, v := range m.All() {
			out.Set(key, v)
		}
	}
	return out
}
