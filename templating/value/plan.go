package value

import (
	"reflect"
	"slices"
	"strings"
	"sync"
)

// A plan is how a type becomes a value, as far as its type tells: what Of would
// otherwise find out again for each datum. It is made when a type is first met, and kept.
// What is behind a pointer, or in a list or mapping, is looked at when there is something.
type plan struct {
	kind   reflect.Kind
	asks   bool    // only the datum itself can tell: an interface, a value, a type with methods
	fields []field // of a struct, with those of structs that are embedded in it
	fixed  bool    // every such struct has just these fields, each once
	index  *keys   // of the fields, where there are many and they are fixed

	of     reflect.Type
	once   sync.Once
	within within
}

// within is of a pointer, slice, array or map.
type within struct {
	loops bool  // it may contain itself
	key   *plan // of a map
	elem  *plan
}

// A field is one that is in the value of a struct.
type field struct {
	at       []int
	name     string // "" of an embedded pointer: there is nothing to show if it is nil
	embedded bool   // a pointer to a struct whose fields are the outer one's
	plan     *plan
}

// plans are those made so far, by their type.
var plans sync.Map

func planOf(t reflect.Type) *plan {
	if p, ok := plans.Load(t); ok {
		return p.(*plan)
	}
	p := &plan{kind: t.Kind(), asks: asks(t), of: t}
	if p.kind == reflect.Struct {
		p.fields = fieldPlans(t)
		p.fix()
	}
	kept, _ := plans.LoadOrStore(t, p)
	return kept.(*plan)
}

// in is what is in a p.
func (p *plan) in() *within {
	p.once.Do(func() {
		p.within.elem = planOf(p.of.Elem())
		if p.kind == reflect.Map {
			p.within.key = planOf(p.of.Key())
		}
		p.within.loops = p.kind != reflect.Array && loops(p.of)
	})
	return &p.within
}

// still is v where its fields can be taken without a copy of each: in one of all of it.
func (p *plan) still(v reflect.Value) reflect.Value {
	if p.kind == reflect.Struct && !p.asks && v.CanAddr() {
		return reflect.ValueOf(v.Interface())
	}
	return v
}

// fieldPlans are the fields of t that have a name or are embedded pointers.
func fieldPlans(t reflect.Type) []field {
	found := fieldsOf(t)
	all := make([]field, len(found))
	for i, f := range found {
		name, named := fieldName(f)
		if name == "-" || !f.IsExported() {
			name = ""
		}
		all[i] = field{f.Index, name, !named && embeds(f), planOf(f.Type)}
	}
	return all
}

// fix says whether the names are always the same.
func (p *plan) fix() {
	var named []Entry
	for _, f := range p.fields {
		if f.embedded || slices.ContainsFunc(named, func(e Entry) bool { return e.Key == f.name }) {
			return
		}
		named = append(named, Entry{Key: f.name})
	}
	p.fixed = true
	if len(named) > small {
		p.index = newKeys(named)
	}
}

// asks says that what becomes of a t is seen only when it is there.
func asks(t reflect.Type) bool {
	switch t {
	case reflect.TypeFor[int64](), reflect.TypeFor[float64](), reflect.TypeFor[string](), reflect.TypeFor[[]any]():
		return true
	}
	return t.Kind() == reflect.Interface || t.NumMethod() > 0
}

// fieldsOf are the fields of t that count, those of embedded structs in their place.
func fieldsOf(t reflect.Type) []reflect.StructField {
	all := make([]reflect.StructField, 0, t.NumField())
	for i := range t.NumField() {
		f := t.Field(i)
		name, named := fieldName(f)
		switch {
		case !named && f.Anonymous && f.Type.Kind() == reflect.Struct:
			for _, inner := range fieldsOf(f.Type) {
				inner.Index = slices.Concat(f.Index, inner.Index)
				all = append(all, inner)
			}
		case !named && embeds(f), f.IsExported() && name != "-":
			all = append(all, f)
		}
	}
	return all
}

// embeds says that f is a pointer to a struct without a name of its own.
func embeds(f reflect.StructField) bool {
	return f.Anonymous && f.Type.Kind() == reflect.Pointer && f.Type.Elem().Kind() == reflect.Struct
}

func fieldName(f reflect.StructField) (name string, named bool) {
	for _, key := range []string{"param", "json"} {
		if name, _, _ := strings.Cut(f.Tag.Get(key), ","); name != "" {
			return name, true
		}
	}
	return strings.ToLower(f.Name), false
}

// loops says that there may be a t within a t.
func loops(t reflect.Type) bool {
	seen := map[reflect.Type]bool{}
	if t.Kind() == reflect.Map && reaches(t.Key(), t, seen) {
		return true
	}
	return reaches(t.Elem(), t, seen)
}

// reaches says that there may be a to in a from. There may be anything in an interface,
// and in a Map.
func reaches(from, to reflect.Type, seen map[reflect.Type]bool) bool {
	if from == to || from == reflect.TypeFor[Map]() {
		return true
	}
	if seen[from] {
		return false
	}
	seen[from] = true
	switch from.Kind() {
	case reflect.Interface:
		return true
	case reflect.Map:
		return reaches(from.Key(), to, seen) || reaches(from.Elem(), to, seen)
	case reflect.Pointer, reflect.Slice, reflect.Array:
		return reaches(from.Elem(), to, seen)
	case reflect.Struct:
		return slices.ContainsFunc(fieldsOf(from), func(f reflect.StructField) bool { return reaches(f.Type, to, seen) })
	}
	return false
}
