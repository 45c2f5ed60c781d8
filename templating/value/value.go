// Package value is data as workflows see it: what YAML, JSON and providers give,
// with the order of keys kept and integers told from floats, and its Python text,
// which is how Keep's workflows print and read it.
//
// Every value is nil, bool, int64, *big.Int, float64, string, time.Time, Date,
// []any, Tuple, *Map or Object. Of makes such values out of any other Go data. Start
// reading at Map.
package value

import "iter"

// A Map is a mapping whose keys stay in the order in which they were first set.
// The nil *Map is empty and may be read. A Map that is shared must not be changed.
type Map struct {
	entries []Entry
	index   *keys // made when there are more than a few entries
}

// An Entry is one key of a Map and its value.
type Entry struct {
	Key   string
	Value any
}

// small is how many entries are searched one by one: below it that is about as fast as
// hashing and needs no second allocation.
const small = 16

// NewMap returns an empty Map with room for n keys.
func NewMap(n int) *Map {
	switch n { // the usual ones in one piece: a run makes three for each of its steps
	case 1:
		m := new(struct {
			Map
			room [1]Entry
		})
		return m.in(m.room[:0])
	case 2:
		m := new(struct {
			Map
			room [2]Entry
		})
		return m.in(m.room[:0])
	case 3:
		m := new(struct {
			Map
			room [3]Entry
		})
		return m.in(m.room[:0])
	case 4:
		m := new(struct {
			Map
			room [4]Entry
		})
		return m.in(m.room[:0])
	case 5:
		m := new(struct {
			Map
			room [5]Entry
		})
		return m.in(m.room[:0])
	case 6, 7, 8:
		m := new(struct {
			Map
			room [8]Entry
		})
		return m.in(m.room[:0])
	}
	return &Map{entries: make([]Entry, 0, n)}
}

// in is m with its entries in room.
func (m *Map) in(room []Entry) *Map {
	m.entries = room
	return m
}

// MapOf returns a Map of the entries, the last of equal keys counting.
func MapOf(entries ...Entry) *Map {
	m := NewMap(len(entries))
	for _, e := range entries {
		m.Set(e.Key, e.Value)
	}
	return m
}

// Len is the number of keys.
func (m *Map) Len() int {
	if m == nil {
		return 0
	}
	return len(m.entries)
}

// Get returns the value of key, and whether there is one.
func (m *Map) Get(key string) (any, bool) {
	if i := m.find(key); i >= 0 {
		return m.entries[i].Value, true
	}
	return nil, false
}

// Set gives key a value; a new key goes to the end.
func (m *Map) Set(key string, v any) {
	if i := m.find(key); i >= 0 {
		m.entries[i].Value = v
		return
	}
	m.entries = append(m.entries, Entry{key, v})
	switch {
	case m.index != nil:
		m.index = m.index.with(m.entries)
	case len(m.entries) > small:
		m.index = newKeys(m.entries)
	}
}

// Delete removes key, if it is there. It costs time linear in the number of keys.
func (m *Map) Delete(key string) {
	i := m.find(key)
	if i < 0 {
		return
	}
	m.entries = append(m.entries[:i], m.entries[i+1:]...)
	m.index = nil
	if len(m.entries) > small {
		m.index = newKeys(m.entries)
	}
}

// Entries are the entries in order. They must not be changed.
func (m *Map) Entries() []Entry {
	if m == nil {
		return nil
	}
	return m.entries
}

// All yields the entries in order.
func (m *Map) All() iter.Seq2[string, any] {
	return func(yield func(string, any) bool) {
		for _, e := range m.Entries() {
			if !yield(e.Key, e.Value) {
				return
			}
		}
	}
}

// Clone is a copy with the same values: a shallow one.
func (m *Map) Clone() *Map {
	c := NewMap(m.Len())
	c.entries = append(c.entries, m.Entries()...)
	if m != nil {
		c.index = m.index.clone()
	}
	return c
}

func (m *Map) find(key string) int {
	if m == nil {
		return -1
	}
	if m.index != nil {
		return m.index.find(m.entries, key)
	}
	for i := range m.entries {
		if m.entries[i].Key == key {
			return i
		}
	}
	return -1
}

// A Tuple is a list that prints as (a, b): the item of a zipped foreach.
type Tuple []any

// A Date is a day without a time, as YAML's 2024-05-06 is.
type Date struct{ Year, Month, Day int }

// An Object is an alert or incident: a Map that prints as JSON with an indent of
// four (spec §3.3) and is read like any Map.
type Object struct{ *Map }
