package workflows

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"tocsin/workflows/source"
)

// TestNoMistakePasses makes one mistake at a time in everything that is known to be
// right: each key of the language misspelt in several ways, and each key that must be
// there left out. Somebody must say so, at the place.
func TestNoMistakePasses(t *testing.T) {
	made := 0
	for name, text := range rightFiles(t) {
		trees, err := source.ParseAll(name, text)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range mutations(trees[0]) {
			made++
			r := &reader{shared: map[string]source.Value{}}
			r.file(name, []source.Value{m.tree})
			if !slices.ContainsFunc(r.done(), func(p source.Problem) bool { return p.Pos.Line == m.at.Line }) {
				t.Errorf("%s: %s is not seen", m.at, m.what)
			}
		}
	}
	if made < 400 {
		t.Errorf("only %d mistakes were made", made)
	}
}

// rightFiles are the examples, and Keep's where they are there.
func rightFiles(t *testing.T) map[string][]byte {
	files := map[string][]byte{}
	for _, dir := range []fs.FS{Examples(), os.DirFS("../../shared/corpus/keep")} {
		names, _ := fs.Glob(dir, "*.y*ml")
		for _, name := range names {
			text, err := fs.ReadFile(dir, name)
			if err != nil {
				t.Fatal(err)
			}
			files[filepath.Base(name)] = text
		}
	}
	return files
}

// A mutation is a document with one mistake.
type mutation struct {
	tree source.Value
	at   source.Pos
	what string
}

func mutations(tree source.Value) []mutation {
	var list []mutation
	mutate(tree, &documentTable, false, func(changed source.Value, at source.Pos, what string) {
		list = append(list, mutation{changed, at, what})
	})
	return list
}

// mutate yields v with one mistake in it or below it.
// Actions that others extend need not have all keys.
func mutate(v source.Value, l level, shared bool, yield func(source.Value, source.Pos, string)) {
	switch data := v.Data.(type) {
	case []source.Value:
		for i := range data {
			mutate(data[i], l, shared, func(changed source.Value, at source.Pos, what string) {
				items := slices.Clone(data)
				items[i] = changed
				yield(source.Value{Pos: v.Pos, Data: items}, at, what)
			})
		}
	case source.Map:
		for i, e := range data {
			k := knownRow(l, data, e.Key)
			if k == nil {
				continue
			}
			for _, key := range misspellings(e.Key) {
				if knownRow(l, data, key) == nil {
					entries := slices.Clone(data)
					entries[i].Key = key
					yield(source.Value{Pos: v.Pos, Data: entries}, e.Pos, fmt.Sprintf("%q for %q", key, e.Key))
				}
			}
			if k.required && !shared {
				yield(source.Value{Pos: v.Pos, Data: slices.Delete(slices.Clone(data), i, i+1)}, v.Pos, "no "+e.Key)
			}
			if k.below == nil {
				continue
			}
			mutate(e.Value, k.below, shared || l == level(&documentTable) && e.Key == "actions", func(changed source.Value, at source.Pos, what string) {
				entries := slices.Clone(data)
				entries[i].Value = changed
				yield(source.Value{Pos: v.Pos, Data: entries}, at, what)
			})
		}
	}
}

func misspellings(key string) []string {
	list := []string{key + "x", key[:len(key)-1], key[1:]}
	if len(key) > 1 {
		list = append(list, key[1:2]+key[:1]+key[2:])
	}
	return list
}
