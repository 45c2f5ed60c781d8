package workflows

import (
	"tocsin/workflows/schema"
	"tocsin/workflows/source"
)

// A row is one key of the language: what it takes and what is said about it. The
// parser, the JSON Schema, "tocsin explain" and --set all read the same rows.
type row struct {
	name     string
	kind     schema.Type // what the value is
	or       schema.Type // what it may be instead; "": nothing
	of       schema.Type // what the items of a list are; "": see below
	enum     []string
	others   bool // Keep takes other values too: one that is near none of these is a warning
	def      string
	doc      string // one sentence
	example  string // YAML, starting with the key itself
	required bool
	filled   bool                            // Keep refuses it without a value
	check    func(r *reader, v source.Value) // what the type does not say; nil: nothing
	below    level                           // keys of the mapping, or of each item of the list; nil: anything
}

// A key is a row and how its value gets into a T. The value has been checked
// against the row; null values do not get here.
type key[T any] struct {
	row
	read func(r *reader, dst *T, v source.Value)
}

// A head is what there is to say about a mapping as a whole.
type head struct {
	what    string // "step", as in "a step may have ..." and "this step has no ..."
	root    string // where "tocsin explain" lists its keys: "step"; "": below its parent
	doc     string
	example string
	// misplaced says where a key belongs that another mapping has, and which key of
	// this one is missing because of it; "": none, so that leaving it there does no
	// more harm than in Keep, which ignores it. A nil func knows nothing.
	misplaced func(m source.Map, key string) (where, missing string)
	kinds     []kind // of a trigger, condition or throttle: its types
	tolerated bool   // types that nobody here knows are somebody else's, or ignored as in Keep
	partial   bool   // Keep passes over one that lacks a required key, so that is a warning
	// spelt are names that are not in the list and mean one that is; the engine decides
	// whether they count.
	spelt map[string]string
	open  bool // there are keys that only somebody else knows
	ours  bool // Keep does not have the mapping, so an unknown key is an error
}

// A level is a mapping with known keys.
type level interface {
	about() *head
	each(yield func(*row) bool)
}

// A table is a mapping with known keys that becomes a T.
type table[T any] struct {
	head
	keys []key[T]
}

func (t *table[T]) about() *head { return &t.head }

func (t *table[T]) each(yield func(*row) bool) {
	for i := range t.keys {
		if !yield(&t.keys[i].row) {
			return
		}
	}
}

func (t *table[T]) find(name string) int {
	for i := range t.keys {
		if t.keys[i].name == name {
			return i
		}
	}
	return -1
}

// read fills dst from the mapping v and reports whether v is one. Keys that are
// unknown, missing or of the wrong type are problems.
func (t *table[T]) read(r *reader, v source.Value, dst *T) bool {
	return t.readAs(r, t.what, v, dst)
}

// readAs is read for a mapping that is called something else.
func (t *table[T]) readAs(r *reader, what string, v source.Value, dst *T) bool {
	m, ok := r.mapping(v, what)
	if !ok {
		return false
	}
	seen := uint64(0) // no table has more than 64 keys
	for i := range m {
		seen |= t.readEntry(r, what, m, &m[i], dst)
	}
	for k := range t.keys {
		if t.keys[k].required && seen&(1<<k) == 0 && !r.partial {
			r.missing(what, &t.keys[k].row, v.Pos)
		}
	}
	return true
}

// readEntry reads one key. It returns the bit of the key, or of the one that was
// meant.
func (t *table[T]) readEntry(r *reader, what string, m source.Map, e *source.Entry, dst *T) uint64 {
	k := t.find(e.Key)
	switch {
	case k < 0:
		return t.bit(r.unknown(t, what, m, e))
	case e.Value.Data == nil:
		r.empty(&t.keys[k].row, e)
		return 0
	case r.accepts(&t.keys[k].row, e.Value):
		t.keys[k].read(r, dst, e.Value)
	}
	return 1 << k
}

// bit is the key's place in a set of seen ones; 0 for a name the table has not.
func (t *table[T]) bit(name string) uint64 {
	if k := t.find(name); k >= 0 {
		return 1 << k
	}
	return 0
}

// rows is a mapping whose keys are checked and documented here, and read by the
// package that owns them.
type rows struct {
	head
	list []row
}

func (rs *rows) about() *head { return &rs.head }

func (rs *rows) each(yield func(*row) bool) {
	for i := range rs.list {
		if !yield(&rs.list[i]) {
			return
		}
	}
}

// A kind is one type of trigger, condition or throttle: its keys beside those that
// all types have.
type kind struct {
	name string
	rows
}

func findRow(l level, name string) *row {
	for r := range l.each {
		if r.name == name {
			return r
		}
	}
	return nil
}

func findKind(kinds []kind, name string) *kind {
	for i := range kinds {
		if kinds[i].name == name {
			return &kinds[i]
		}
	}
	return nil
}

func rowNames(l level) []string {
	var names []string
	for r := range l.each {
		names = append(names, r.name)
	}
	return names
}

func kindNames(kinds []kind) []string {
	names := make([]string, len(kinds))
	for i := range kinds {
		names[i] = kinds[i].name
	}
	return names
}
