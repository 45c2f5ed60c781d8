package value_test

import (
	"strconv"
	"testing"

	"pgregory.net/rapid"

	"tocsin/templating/value"
)

// TestMap does the same to a Map and to a list of keys with a Go map, across the size
// from which on a Map has an index.
func TestMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := value.NewMap(0)
		var order []string
		model := map[string]int{}
		t.Repeat(map[string]func(*rapid.T){
			"set": func(t *rapid.T) {
				key, n := rapid.StringMatching(`[a-z]{1,2}`).Draw(t, "key"), rapid.Int().Draw(t, "n")
				if _, ok := model[key]; !ok {
					order = append(order, key)
				}
				model[key] = n
				m.Set(key, n)
			},
			"set many": func(t *rapid.T) {
				first, n := rapid.IntRange(0, 200).Draw(t, "first"), rapid.IntRange(1, 40).Draw(t, "n")
				for i := first; i < first+n; i++ {
					key := strconv.Itoa(i)
					if _, ok := model[key]; !ok {
						order = append(order, key)
					}
					model[key] = i
					m.Set(key, i)
				}
			},
			"clone": func(t *rapid.T) {
				given := m
				m = m.Clone()
				given.Set("not in the copy", 0)
			},
			"delete": func(t *rapid.T) {
				if len(order) == 0 {
					return
				}
				i := rapid.IntRange(0, len(order)-1).Draw(t, "i")
				m.Delete(order[i])
				m.Delete("not there")
				delete(model, order[i])
				order = append(order[:i:i], order[i+1:]...)
			},
			"": func(t *rapid.T) {
				if m.Len() != len(order) || m.Clone().Len() != len(order) {
					t.Fatalf("%d keys, want %d", m.Len(), len(order))
				}
				for i, e := range m.Entries() {
					if v, ok := m.Get(e.Key); e.Key != order[i] || !ok || v != model[e.Key] {
						t.Fatalf("key %d is %s = %v, want %s = %v", i, e.Key, v, order[i], model[order[i]])
					}
				}
			},
		})
	})
	var none *value.Map
	if _, ok := none.Get("a"); ok || none.Len() != 0 || none.Entries() != nil {
		t.Error("the nil Map is not empty")
	}
}
