package convert

import (
	"errors"
	"fmt"
	"math/big"
	"slices"
	"sort"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/pelletier/go-toml/v2/unstable"

	"tocsin/workflows/source"
)

// readTOML reads a TOML file into values that know their places. Its limits are those of
// workflow files. Tables are mappings in the order of their first keys; dates and times
// are texts. The syntax is go-toml's; what may be said twice is judged here, since only
// its syntax tree has places.
func readTOML(file string, raw []byte) (source.Value, source.Problems) {
	r := &tomlReader{file: file, root: &table{}}
	if p := r.admit(raw); p != nil {
		return source.Value{}, p
	}
	r.parser.Reset(raw)
	at := r.root
	for r.parser.NextExpression() && r.problems == nil {
		at = r.expression(r.parser.Expression(), at)
	}
	if err := r.parser.Error(); err != nil && r.problems == nil {
		r.syntax(err)
	}
	if r.problems != nil {
		return source.Value{}, r.problems
	}
	return r.root.value(source.Pos{File: file, Line: 1, Col: 1}), nil
}

// A tomlReader reads one file.
type tomlReader struct {
	file     string
	raw      []byte
	parser   unstable.Parser
	root     *table
	lines    []int // offsets at which all lines but the first begin
	nodes    int
	depth    int // of the value that is being read
	problems source.Problems
}

// A table is one that is being filled.
type table struct {
	pos     source.Pos
	entries []tableEntry
	index   map[string]int
	defined bool // by a header of its own: no other may
	closed  bool // written inline: nothing is added
}

// A tableEntry has one of a table, tables, and a value.
type tableEntry struct {
	key    string
	pos    source.Pos
	table  *table
	tables []*table
	value  source.Value
}

// admit refuses what must not reach the parser.
func (r *tomlReader) admit(raw []byte) source.Problems {
	start := source.Pos{File: r.file, Line: 1, Col: 1}
	if len(raw) > source.MaxSize {
		return tooLarge(start, "split it into several files", "the file is larger than %d KiB", source.MaxSize>>10)
	}
	if !utf8.Valid(raw) {
		return source.Problems{{Pos: start, Code: source.NotUTF8, Message: "the file is not UTF-8", Hint: "save it as UTF-8"}}
	}
	r.raw = raw
	for i, c := range raw {
		if c == '\n' {
			r.lines = append(r.lines, i+1)
		}
	}
	if i := crowded(raw); i >= 0 {
		return tooLarge(r.place(i), "split it into several files", "the file has more than %d brackets", source.MaxNodes)
	}
	return nil
}

// crowded is the offset of the bracket that is one too many, or -1. Each may be nested in
// the one before: what is in quotes nobody knows yet. How deep they really are is checked
// when they are read.
func crowded(raw []byte) int {
	open := 0
	for i, c := range raw {
		if c == '[' || c == '{' {
			if open++; open > source.MaxNodes {
				return i
			}
		}
	}
	return -1
}

func tooLarge(pos source.Pos, hint, format string, args ...any) source.Problems {
	return source.Problems{{Pos: pos, Len: 1, Code: source.TooLarge, Message: fmt.Sprintf(format, args...), Hint: hint}}
}

// place is where a byte stands.
func (r *tomlReader) place(offset int) source.Pos {
	line := sort.SearchInts(r.lines, offset+1)
	start := 0
	if line > 0 {
		start = r.lines[line-1]
	}
	return source.Pos{File: r.file, Line: line + 1, Col: 1 + utf8.RuneCount(r.raw[start:offset])}
}

// syntax notes what the parser does not understand.
func (r *tomlReader) syntax(err error) {
	pos, message := source.Pos{File: r.file, Line: 1, Col: 1}, err.Error()
	var own *unstable.ParserError
	if errors.As(err, &own) {
		message = own.Message
		if len(own.Highlight) > 0 {
			pos = r.place(int(r.parser.Range(own.Highlight).Offset))
		} else {
			pos = r.place(len(r.raw))
		}
	}
	r.problem(pos, "", "%s", message)
}

func (r *tomlReader) problem(pos source.Pos, hint, format string, args ...any) {
	if r.problems == nil {
		r.problems = source.Problems{{Pos: pos, Code: source.BadSyntax, Message: fmt.Sprintf(format, args...), Hint: hint}}
	}
}

// expression takes one line's worth, and returns the table that the next one is in.
func (r *tomlReader) expression(n *unstable.Node, at *table) *table {
	switch n.Kind {
	case unstable.Table, unstable.ArrayTable:
		return r.header(n)
	case unstable.KeyValue:
		r.pair(n, at)
	}
	return at
}

// A keyPart is one of the words of a dotted key.
type keyPart struct {
	text string
	pos  source.Pos
}

func (r *tomlReader) key(n *unstable.Node) []keyPart {
	var parts []keyPart
	for it := n.Key(); it.Next(); {
		k := it.Node()
		parts = append(parts, keyPart{string(k.Data), r.pos(k)})
	}
	if len(parts) > source.MaxDepth {
		r.problems = tooLarge(parts[0].pos, "use less nesting", "a key has more than %d parts", source.MaxDepth)
		return parts[:1]
	}
	return parts
}

func (r *tomlReader) pos(n *unstable.Node) source.Pos {
	return r.place(int(n.Raw.Offset))
}

// header takes "[a.b]" or "[[a.b]]".
func (r *tomlReader) header(n *unstable.Node) *table {
	parts := r.key(n)
	at := r.root
	for _, p := range parts[:len(parts)-1] {
		at = r.into(at, p, false)
	}
	last := parts[len(parts)-1]
	if n.Kind == unstable.ArrayTable {
		return r.another(at, last)
	}
	t := r.into(at, last, false)
	if t.defined {
		r.problem(last.pos, "", "the table %s is given twice", last.text)
	}
	t.defined = true
	return t
}

// another is a new table of the list of tables called p.
func (r *tomlReader) another(at *table, p keyPart) *table {
	e := r.entry(at, p)
	if e.table != nil || e.tables == nil && e.value.Data != nil {
		r.problem(p.pos, "", "%s is something else already", p.text)
	}
	t := &table{pos: p.pos}
	e.tables = append(e.tables, t)
	return t
}

// into is the table called p in at; the last of it, if there are several.
func (r *tomlReader) into(at *table, p keyPart, inline bool) *table {
	e := r.entry(at, p)
	switch {
	case e.tables != nil:
		if inline {
			r.problem(p.pos, "", "%s is a list of tables", p.text)
		}
		return e.tables[len(e.tables)-1]
	case e.table != nil && e.table.closed:
		r.problem(p.pos, "", "%s was written in one line, and cannot be added to", p.text)
	case e.table == nil && e.value.Data != nil:
		r.problem(p.pos, "", "%s is something else already", p.text)
	}
	if e.table == nil {
		e.table = &table{pos: p.pos}
	}
	return e.table
}

// entry is the one called p in at, made if there is none.
func (r *tomlReader) entry(at *table, p keyPart) *tableEntry {
	if at.index == nil {
		at.index = map[string]int{}
	}
	i, ok := at.index[p.text]
	if !ok {
		r.count(p.pos)
		if len(at.entries) >= source.MaxKeys {
			r.problems = tooLarge(p.pos, "split it", "a table has more than %d keys", source.MaxKeys)
		}
		i = len(at.entries)
		at.index[p.text] = i
		at.entries = append(at.entries, tableEntry{key: p.text, pos: p.pos})
	}
	return &at.entries[i]
}

// count counts what a file has.
func (r *tomlReader) count(pos source.Pos) {
	if r.nodes++; r.nodes > source.MaxNodes && r.problems == nil {
		r.problems = tooLarge(pos, "split it", "the file has more than %d keys and values", source.MaxNodes)
	}
}

// deeper goes one level down; what it returns goes up again.
func (r *tomlReader) deeper(pos source.Pos) (up func()) {
	if r.depth++; r.depth > source.MaxDepth && r.problems == nil {
		r.problems = tooLarge(pos, "use less nesting", "values are nested more than %d deep", source.MaxDepth)
	}
	return func() { r.depth-- }
}

// pair takes "key = value".
func (r *tomlReader) pair(n *unstable.Node, at *table) {
	parts := r.key(n)
	for _, p := range parts[:len(parts)-1] {
		at = r.into(at, p, true)
	}
	last := parts[len(parts)-1]
	e := r.entry(at, last)
	if e.table != nil || e.tables != nil || e.value.Pos.Line > 0 {
		r.problem(last.pos, "leave one of them out", "%s is given twice", last.text)
		return
	}
	v := n.Value()
	if v.Kind == unstable.InlineTable {
		t := r.inline(v, last.pos)
		at.entries[at.index[last.text]].table = t
		return
	}
	data := r.value(v, last.pos)
	e = &at.entries[at.index[last.text]]
	e.value = source.Value{Pos: r.valuePos(v, last.pos), Data: data}
}

// valuePos is where a value stands; near its key where the parser does not say.
func (r *tomlReader) valuePos(n *unstable.Node, key source.Pos) source.Pos {
	if n.Raw.Length == 0 {
		return key
	}
	return r.pos(n)
}

// inline is "{a = 1}".
func (r *tomlReader) inline(n *unstable.Node, pos source.Pos) *table {
	t := &table{pos: pos, closed: true}
	defer r.deeper(pos)()
	for it := n.Children(); r.problems == nil && it.Next(); {
		r.pair(it.Node(), t)
	}
	return t
}

// value is the data of a node. Those of numbers that Go has no type for are texts.
func (r *tomlReader) value(n *unstable.Node, pos source.Pos) any {
	r.count(pos)
	defer r.deeper(pos)()
	switch n.Kind {
	case unstable.Bool:
		return string(n.Data) == "true"
	case unstable.Integer:
		return r.integer(string(n.Data), pos)
	case unstable.Float:
		return r.float(string(n.Data), pos)
	case unstable.Array:
		list := []source.Value{}
		for it := n.Children(); r.problems == nil && it.Next(); {
			item := it.Node()
			if item.Kind == unstable.InlineTable {
				list = append(list, r.inline(item, pos).value(pos))
				continue
			}
			list = append(list, source.Value{Pos: r.valuePos(item, pos), Data: r.value(item, pos)})
		}
		return list
	}
	return string(n.Data)
}

func (r *tomlReader) integer(text string, pos source.Pos) any {
	i, ok := new(big.Int).SetString(strings.ReplaceAll(strings.TrimPrefix(text, "+"), "_", ""), 0)
	if !ok || len(text) > 80 {
		r.problem(pos, "", "%q is no integer", text)
		return nil
	}
	if i.IsInt64() {
		return i.Int64()
	}
	return i
}

func (r *tomlReader) float(text string, pos source.Pos) any {
	f, err := strconv.ParseFloat(strings.ReplaceAll(text, "_", ""), 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		r.problem(pos, "", "%q is no number", text)
	}
	return f
}

// value is the table as a mapping.
func (t *table) value(pos source.Pos) source.Value {
	m := make(source.Map, 0, len(t.entries))
	for _, e := range t.entries {
		v := e.value
		switch {
		case e.tables != nil:
			list := make([]source.Value, len(e.tables))
			for i, item := range e.tables {
				list[i] = item.value(item.pos)
			}
			v = source.Value{Pos: e.pos, Data: list}
		case e.table != nil:
			v = e.table.value(e.pos)
		}
		m = append(m, source.Entry{Key: e.key, Pos: e.pos, Value: v})
	}
	return source.Value{Pos: pos, Data: slices.Clip(m)}
}
