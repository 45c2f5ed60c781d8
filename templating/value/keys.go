package value

import (
	"hash/maphash"
	"slices"
)

// keys finds the entries of a Map by their keys. Each slot has the number of an
// entry, counted from one, or is empty: 0. An entry stands in the slot that its key's
// hash says, or in the next empty one. What the slots are depends on the entries alone.
type keys struct{ slots []uint32 }

// seed makes it impossible to choose keys that meet in one slot.
var seed = maphash.MakeSeed()

// newKeys is that of entries, whose keys are all different.
func newKeys(entries []Entry) *keys {
	k := &keys{make([]uint32, slotsFor(len(entries)))}
	for i := range entries {
		k.put(entries[i].Key, i)
	}
	return k
}

// slotsFor is how many slots n entries have: a power of two, at least twice as many.
func slotsFor(n int) int {
	slots := 4 * small
	for slots < 2*n {
		slots *= 2
	}
	return slots
}

// with is k with the last of entries in it too: k itself unless it is full.
func (k *keys) with(entries []Entry) *keys {
	if 2*len(entries) > len(k.slots) {
		return newKeys(entries)
	}
	last := len(entries) - 1
	k.put(entries[last].Key, last)
	return k
}

// clone is nil where k is.
func (k *keys) clone() *keys {
	if k == nil {
		return nil
	}
	return &keys{slices.Clone(k.slots)}
}

func (k *keys) put(key string, i int) {
	at := k.first(key)
	for k.slots[at] != 0 {
		at = k.next(at)
	}
	k.slots[at] = uint32(i) + 1
}

// find is the number of key's entry, counted from zero; -1 if there is none.
func (k *keys) find(entries []Entry, key string) int {
	for at := k.first(key); k.slots[at] != 0; at = k.next(at) {
		if i := int(k.slots[at]) - 1; entries[i].Key == key {
			return i
		}
	}
	return -1
}

func (k *keys) first(key string) int {
	return int(maphash.String(seed, key)) & (len(k.slots) - 1)
}

func (k *keys) next(at int) int { return (at + 1) & (len(k.slots) - 1) }
