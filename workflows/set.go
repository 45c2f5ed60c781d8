package workflows

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"tocsin/workflows/source"
)

// apply changes the documents as the settings say. A setting holds for every workflow
// that has its path; one that no workflow has is a problem.
func (r *reader) apply(file string, trees []source.Value, settings []Setting) {
	for _, s := range settings {
		w := setter{Setting: s, places: map[source.Pos]string{}}
		for _, w.create = range []bool{false, true} {
			if w.applyAll(trees) {
				break
			}
		}
		if len(w.places) == 0 {
			r.problems = append(r.problems, w.problem(file))
			continue
		}
		if r.set == nil {
			r.set = map[source.Pos]string{}
		}
		for pos, path := range w.places {
			r.set[pos] = path
		}
	}
}

// In says that a file has the path of s: with several files, a setting is for those that do.
// It is false for a file that cannot be read.
func (s Setting) In(name string, text []byte) bool {
	trees, problems := source.Read(name, text)
	r := &reader{}
	if problems.Err() == nil {
		r.apply(name, trees, []Setting{s})
	}
	return len(r.set) > 0
}

// A setter looks for the place of one setting.
type setter struct {
	Setting
	create bool                  // a key that the language has may be new
	places map[source.Pos]string // what was changed
	// The deepest failure: the path up to the part that is not there, that part, and
	// what there is instead.
	depth    int
	missing  string
	existing []string
}

func (w *setter) applyAll(trees []source.Value) bool {
	found := false
	for i, tree := range trees {
		if changed, ok := w.document(tree); ok {
			trees[i], found = changed, true
		}
	}
	return found
}

// document changes the workflows of a tree or, where none has the path, the tree.
func (w *setter) document(tree source.Value) (source.Value, bool) {
	m, ok := tree.Data.(source.Map)
	if !ok {
		return tree, false
	}
	if isWorkflow(m) {
		return w.workflow(tree)
	}
	m = slices.Clone(m)
	found := false
	for i := range m {
		if !slices.Contains(forms, m[i].Key) {
			continue
		}
		if v, ok := w.workflows(m[i].Value); ok {
			m[i].Value, found = v, true
		}
	}
	if !found {
		return w.set(tree, &documentTable, w.parts(""))
	}
	tree.Data = m
	return tree, true
}

// workflows changes one workflow, or those of a list.
func (w *setter) workflows(v source.Value) (source.Value, bool) {
	items, ok := v.Data.([]source.Value)
	if !ok {
		return w.workflow(v)
	}
	items = slices.Clone(items)
	found := false
	for i := range items {
		if item, ok := w.workflow(items[i]); ok {
			items[i], found = item, true
		}
	}
	v.Data = items
	return v, found
}

// workflow changes one. Its id may stand in front of the path.
func (w *setter) workflow(v source.Value) (source.Value, bool) {
	if changed, ok := w.set(v, &workflowTable, w.parts("")); ok {
		return changed, true
	}
	m, _ := v.Data.(source.Map)
	id := get(m, "id")
	if !scalar(id) || !strings.HasPrefix(w.Path, text(id).S+".") {
		return v, false
	}
	return w.set(v, &workflowTable, w.parts(text(id).S+"."))
}

func (w *setter) parts(prefix string) []string {
	return strings.Split(strings.TrimPrefix(w.Path, prefix), ".")
}

// set returns v with the value at path changed. What v shares with other places, as
// YAML's aliases do, stays as it is there.
func (w *setter) set(v source.Value, l level, path []string) (source.Value, bool) {
	if len(path) == 0 {
		w.places[v.Pos] = w.Path
		return located(source.Of(w.Value), v.Pos), true
	}
	switch data := v.Data.(type) {
	case source.Map:
		return w.inMap(v, data, l, path)
	case []source.Value:
		return w.inList(v, data, l, path)
	}
	w.fail(path, nil)
	return v, false
}

// inMap tries the keys that path begins with, since a key may have dots.
func (w *setter) inMap(v source.Value, m source.Map, l level, path []string) (source.Value, bool) {
	for n := 1; n <= len(path); n++ {
		key := strings.Join(path[:n], ".")
		i := slices.IndexFunc(m, func(e source.Entry) bool { return e.Key == key })
		if i < 0 {
			continue
		}
		if changed, ok := w.set(m[i].Value, below(l, m, key), path[n:]); ok {
			m = slices.Clone(m)
			m[i].Value = changed
			v.Data = m
			return v, true
		}
	}
	if l == level(&stepTable) && providerTable.find(path[0]) >= 0 && path[0] != "on-failure" {
		return w.inMap(v, m, l, append([]string{"provider"}, path...))
	}
	if changed, ok := w.add(v, m, l, path); ok {
		return changed, true
	}
	w.fail(path, keysAt(l, m))
	return v, false
}

// add makes a new key, where the language has it or anything goes.
func (w *setter) add(v source.Value, m source.Map, l level, path []string) (source.Value, bool) {
	if _, there := m.Get(path[0]); there || !w.create {
		return v, false
	}
	row := knownRow(l, m, path[0])
	open := l == nil || l.about().open
	fresh := source.Value{Pos: v.Pos}
	switch {
	case row == nil && !open, row == nil && len(path) > 1:
		return v, false
	case len(path) > 1:
		fresh.Data = source.Map{}
	}
	changed, ok := w.set(fresh, below(l, m, path[0]), path[1:])
	if !ok {
		return v, false
	}
	v.Data = append(slices.Clone(m), source.Entry{Key: path[0], Pos: v.Pos, Value: changed})
	return v, true
}

// inList tries the items by name, then by index.
func (w *setter) inList(v source.Value, items []source.Value, l level, path []string) (source.Value, bool) {
	names := itemNames(items)
	for n := 1; n <= len(path); n++ {
		i := itemIndex(names, strings.Join(path[:n], "."))
		if i < 0 {
			continue
		}
		if changed, ok := w.set(items[i], l, path[n:]); ok {
			items = slices.Clone(items)
			items[i] = changed
			v.Data = items
			return v, true
		}
	}
	w.fail(path, names)
	return v, false
}

// itemNames are the names of a list's items; an item without one is its index.
func itemNames(items []source.Value) []string {
	names := make([]string, len(items))
	for i, item := range items {
		m, _ := item.Data.(source.Map)
		names[i] = strconv.Itoa(i)
		for _, key := range []string{"name", "id", "key"} {
			if v := get(m, key); scalar(v) {
				names[i] = text(v).S
				break
			}
		}
	}
	return names
}

func itemIndex(names []string, part string) int {
	if i := slices.Index(names, part); i >= 0 {
		return i
	}
	if i, err := strconv.Atoi(part); err == nil && i >= 0 && i < len(names) {
		return i
	}
	return -1
}

// knownRow is the key of the language that may stand in m.
func knownRow(l level, m source.Map, key string) *row {
	if l == nil {
		return nil
	}
	if k := findRow(l, key); k != nil {
		return k
	}
	if k := findKind(l.about().kinds, text(get(m, "type")).S); k != nil {
		return findRow(k, key)
	}
	return nil
}

func below(l level, m source.Map, key string) level {
	if k := knownRow(l, m, key); k != nil {
		return k.below
	}
	return nil
}

// keysAt are the keys that a path could have gone on with.
func keysAt(l level, m source.Map) []string {
	var names []string
	for _, e := range m {
		names = append(names, e.Key)
	}
	if l != nil {
		names = append(names, rowNames(l)...)
	}
	if l == level(&stepTable) {
		names = append(names, rowNames(&providerTable)...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// fail remembers how far a path could be followed, if that was further than before.
func (w *setter) fail(rest, existing []string) {
	depth := len(w.parts("")) - len(rest)
	if w.missing == "" || depth > w.depth {
		w.depth, w.missing, w.existing = depth, rest[0], existing
	}
}

func (w *setter) problem(file string) source.Problem {
	parts := w.parts("")
	w.depth = max(0, min(w.depth, len(parts)-1))
	prefix := strings.Join(parts[:w.depth], ".")
	if prefix != "" {
		prefix += "."
	}
	p := source.Problem{
		Code:    source.UnknownPath,
		Message: fmt.Sprintf("no %q in %s", prefix+w.missing, file),
	}
	if near := source.Nearest(w.missing, w.existing); near != "" {
		p.Hint = fmt.Sprintf("did you mean %q?", prefix+near)
	} else if len(w.existing) > 0 {
		p.Hint = "there is " + prefix + list(w.existing, "and")
	} else if prefix != "" {
		p.Hint = fmt.Sprintf("%q has nothing below it", strings.TrimSuffix(prefix, "."))
	}
	return p
}

// located is v as if it had been written at pos.
func located(v source.Value, pos source.Pos) source.Value {
	v.Pos = pos
	switch data := v.Data.(type) {
	case source.Map:
		for i := range data {
			data[i].Pos, data[i].Value = pos, located(data[i].Value, pos)
		}
	case []source.Value:
		for i := range data {
			data[i] = located(data[i], pos)
		}
	}
	return v
}
