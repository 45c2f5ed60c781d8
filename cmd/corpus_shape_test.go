package cmd_test

import (
	"slices"
	"strconv"
	"strings"

	"tocsin/templating/value"
)

// A shape is what an answer looks like, as keep-providers.json writes it down:
// {status, data:{result:[{metric, value}]}}. A nil shape is nothing.
type shape struct {
	kind   shapeKind
	keys   []string
	fields []*shape // of an object, in the order of keys
	item   *shape   // of a list
	open   bool     // an object may have more than its fields
}

type shapeKind int

const (
	anything shapeKind = iota // whatever a workflow reads there
	scalar
	object
	list
	tuple // a list that is one row: columns by position
)

// resultShape reads the text of a "result". Where it has several, for one argument or
// another, args choose: "query → the list data.result; query_range → whole reply".
func resultShape(text string, args *value.Map) *shape {
	var first *shape
	given := false
	for i, part := range splitTop(text, ';') {
		left, right, arrow := strings.Cut(part, "→")
		if trimmed := strings.TrimSpace(part); !arrow && (strings.HasPrefix(trimmed, "with ") || strings.HasPrefix(trimmed, "without")) {
			left, right, arrow = strings.Cut(part, ":")
		}
		if !arrow {
			left, right = "", part
		}
		s := partShape(right)
		if i == 0 {
			first = s
		}
		if arrow && chosen(left, args) {
			first, given = s, true
		}
		if given {
			break
		}
	}
	return first
}

// chosen says that an argument has a value that left names, or is itself named there.
func chosen(left string, args *value.Map) bool {
	for _, word := range strings.FieldsFunc(left, func(r rune) bool { return strings.ContainsRune(" ,`/", r) }) {
		for k, v := range args.All() {
			if v == word || k == word && v != nil && v != "" {
				return true
			}
		}
	}
	return false
}

// partShape reads one description.
func partShape(text string) *shape {
	text = strings.TrimSpace(text)
	brace, bracket := strings.IndexByte(text, '{'), strings.IndexByte(text, '[')
	words := strings.Fields(strings.Trim(text, ".,"))
	switch {
	case text == "" || words[0] == "nothing":
		return nil
	case brace == 0:
		return objectShape(text)
	case bracket == 0:
		return &shape{kind: list, item: partShape(strings.TrimSuffix(text[1:], "]"))}
	case strings.HasPrefix(text, "list of tuples"):
		return &shape{kind: list, item: &shape{kind: tuple}}
	case strings.HasPrefix(text, "list of names"), strings.Contains(text, "as text"), strings.HasPrefix(text, "list of output lines"), words[0] == "lines":
		return &shape{kind: list, item: &shape{kind: scalar}}
	case strings.HasPrefix(text, "list"), strings.HasPrefix(text, "the list"), strings.HasPrefix(text, "`data` list"), strings.HasPrefix(text, "Python-client objects"), strings.Contains(text, "items ("):
		return listShape(text, brace)
	case slices.Contains([]string{"text", "reply text", "the message", "true"}, text), strings.HasPrefix(text, "a fixed"), strings.HasPrefix(text, "reply text"), strings.HasPrefix(text, "true"):
		return &shape{kind: scalar}
	case brace > 0:
		s := objectShape(text[brace:])
		s.open = s.open || strings.Contains(text[:brace], "reply") || strings.Contains(text[:brace], "record")
		return s
	}
	return &shape{kind: anything}
}

func listShape(text string, brace int) *shape {
	item := &shape{kind: object, open: true}
	if brace > 0 && !strings.Contains(text, "{column") && !strings.Contains(text, "{field") {
		item = objectShape(text[brace:])
		item.open = true
	}
	return &shape{kind: list, item: item}
}

// objectShape reads {a, b: [{c}], …} and leaves what comes after it.
func objectShape(text string) *shape {
	s := &shape{kind: object}
	inner := text[1:]
	if end := closing(text); end > 0 {
		inner = text[1:end]
	}
	for _, field := range splitTop(inner, ',') {
		name, of, typed := strings.Cut(field, ":")
		name = strings.Trim(strings.TrimSpace(name), "?`[]")
		switch {
		case name == "" || strings.HasPrefix(name, "…"):
			s.open = true
			continue
		case strings.Contains(name, " "):
			name = strings.Fields(name)[0]
		}
		field := &shape{kind: anything}
		if of = strings.TrimSpace(of); typed && (strings.HasPrefix(of, "{") || strings.HasPrefix(of, "[")) {
			field = partShape(of)
		}
		s.keys, s.fields = append(s.keys, name), append(s.fields, field)
	}
	return s
}

// closing is the brace that closes the one at the start, or -1.
func closing(text string) int {
	depth := 0
	for i, r := range text {
		switch r {
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}

// splitTop cuts at sep outside of brackets.
func splitTop(text string, sep rune) []string {
	var parts []string
	depth, start := 0, 0
	for i, r := range text {
		switch {
		case strings.ContainsRune("{[(", r):
			depth++
		case strings.ContainsRune("}])", r):
			depth--
		case r == sep && depth == 0:
			parts = append(parts, text[start:i])
			start = i + len(string(sep))
		}
	}
	return append(parts, text[start:])
}

// A want is what a workflow reads of an answer: a tree of paths, and at its leaves
// what the workflow hopes to find there.
type want struct {
	keys []string
	kids map[string]*want
	hope any // nil: nothing particular
}

func (w *want) at(path []string) *want {
	for _, part := range path {
		if w.kids == nil {
			w.kids = map[string]*want{}
		}
		next, ok := w.kids[part]
		if !ok {
			next = &want{}
			w.kids[part] = next
			w.keys = append(w.keys, part)
		}
		w = next
	}
	return w
}

// items are the keys of w that are indexes of a list; ok says that there are any, and
// no others.
func (w *want) items() (most int, ok bool) {
	if w == nil || len(w.keys) == 0 {
		return 0, false
	}
	for _, k := range w.keys {
		n, err := strconv.Atoi(k)
		if err != nil {
			return 0, false
		}
		most = max(most, n)
	}
	return most, true
}

// item is everything that w reads of any item of a list.
func (w *want) item() *want {
	if w == nil {
		return nil
	}
	all := &want{}
	for _, k := range w.keys {
		if _, err := strconv.Atoi(k); err == nil {
			all.add(w.kids[k])
		}
	}
	return all
}

func (w *want) add(o *want) {
	if o.hope != nil {
		w.hope = o.hope
	}
	for _, k := range o.keys {
		w.at([]string{k}).add(o.kids[k])
	}
}

// answer builds a value of the shape that has what w reads, as far as the shape can
// have it. name is what the value is called, for a plausible one.
func (s *shape) answer(w *want, name string) any {
	if w == nil {
		w = &want{}
	}
	switch {
	case s == nil:
		return nil
	case s.kind == scalar:
		return sample(name, w.hope)
	case s.kind == list:
		return s.list(w, name)
	case s.kind == tuple:
		return s.tuple(w)
	case s.kind == object:
		return s.object(w)
	}
	return free(w, name)
}

func (s *shape) list(w *want, name string) any {
	most, _ := w.items()
	out := make([]any, max(2, most+1))
	for i := range out {
		out[i] = s.item.answer(w.item(), name)
	}
	return out
}

func (s *shape) tuple(w *want) any {
	most, _ := w.items()
	out := make(value.Tuple, max(2, most+1))
	for i := range out {
		var of *want
		if w != nil {
			of = w.kids[strconv.Itoa(i)]
		}
		out[i] = (&shape{}).answer(of, "column")
	}
	return out
}

func (s *shape) object(w *want) any {
	m := value.NewMap(len(s.keys))
	for i, k := range s.keys {
		m.Set(k, s.fields[i].answer(w.kids[k], k))
	}
	for _, k := range w.keys {
		if _, has := m.Get(k); !has && s.open {
			m.Set(k, free(w.kids[k], k))
		}
	}
	return m
}

// free is a value that has what w reads, whatever that is.
func free(w *want, name string) any {
	if w == nil || len(w.keys) == 0 {
		var hope any
		if w != nil {
			hope = w.hope
		}
		return sample(name, hope)
	}
	if _, ok := w.items(); ok {
		return (&shape{kind: list, item: &shape{}}).list(w, name)
	}
	return (&shape{kind: object, open: true}).object(w)
}

// sample is a plausible value of something of that name.
func sample(name string, hope any) any {
	lower := strings.ToLower(name)
	has := func(words ...string) bool {
		return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(lower, w) })
	}
	switch {
	case hope != nil:
		return hope
	case has("url", "link"):
		return "https://example.com/" + lower
	case has("email"):
		return "someone@example.com"
	case lower == "status_code":
		return int64(200)
	case lower == "value":
		return []any{int64(1714978800), "0.95"}
	case has("count", "number_of", "total", "_code", "replicas", "size"):
		return int64(3)
	case has("timestamp", "_at", "time", "date"):
		return "2024-05-06T07:08:09Z"
	case lower == "connection" || strings.HasPrefix(lower, "is_") || lower == "verified":
		return true
	}
	return "some " + name
}
