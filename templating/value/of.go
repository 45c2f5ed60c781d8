package value

import (
	"cmp"
	"encoding"
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Of makes a value out of Go data: maps with string keys (their keys sorted),
// slices, numbers of every size, pointers, named types, json.Number, and structs,
// whose fields are named by their param tag, else their json tag, else in lower
// case; unexported fields and those tagged "-" are left out. A type that has its own
// text or JSON (MarshalText, MarshalJSON, Error) gives that, a time.Duration its
// text. What it does not know becomes its fmt text. Values are returned as they are.
// Data that contains itself, or is nested deeper than 64 levels, is cut off there: nil.
func Of(v any) any {
	var c converter
	if c.isValue(v) {
		return v
	}
	return c.of(v)
}

// A converter walks Go data.
type converter struct {
	depth  int     // how many pointers, maps and slices the walk is inside of
	inside []place // those of them that it may meet again
}

// A place is a pointer, map or slice that the walk is inside of.
type place struct {
	at  uintptr
	t   reflect.Type
	len int
}

// deepest is how many places the walk goes into: what is parsed, and a few levels
// around it.
const deepest = 2 * maxDepth

// enter goes into a pointer, map or slice: leave comes out again. It says false where
// the data is too deep, or, if it loops, where it contains itself.
func (c *converter) enter(v reflect.Value, loops bool) bool {
	if c.depth >= deepest {
		return false
	}
	if loops {
		p := placeOf(v)
		if slices.Contains(c.inside, p) {
			return false
		}
		if c.inside == nil {
			c.inside = make([]place, 0, 4)
		}
		c.inside = append(c.inside, p)
	}
	c.depth++
	return true
}

func (c *converter) leave(loops bool) {
	c.depth--
	if loops {
		c.inside = c.inside[:len(c.inside)-1]
	}
}

func placeOf(v reflect.Value) place {
	p := place{at: v.Pointer(), t: v.Type()}
	if v.Kind() == reflect.Slice {
		p.len = v.Len()
	}
	return p
}

// isValue says that v is a value all through.
func (c *converter) isValue(same any) bool {
	switch v := same.(type) {
	case nil, bool, int64, float64, string, time.Time, Date:
		return true
	case *big.Int:
		return v != nil
	case []any:
		return v != nil && c.areValues(same, v)
	case Tuple:
		return v != nil && c.areValues(same, v)
	case *Map:
		return v != nil && c.isValueMap(v)
	case Object:
		return v.Map != nil && c.isValueMap(v.Map)
	}
	return false
}

func (c *converter) areValues(same any, items []any) bool {
	if !c.enter(reflect.ValueOf(same), true) {
		return false
	}
	defer c.leave(true)
	for _, item := range items {
		if !c.isValue(item) {
			return false
		}
	}
	return true
}

func (c *converter) isValueMap(m *Map) bool {
	if !c.enter(reflect.ValueOf(m), true) {
		return false
	}
	defer c.leave(true)
	for i := range m.entries {
		if !c.isValue(m.entries[i].Value) {
			return false
		}
	}
	return true
}

func (c *converter) of(same any) any {
	switch v := same.(type) {
	case nil, bool, int64, float64, string, time.Time, Date:
		return same
	case *big.Int:
		return ofBig(v)
	case []any:
		return c.list(same, v)
	case Tuple:
		return Tuple(c.values(v))
	case *Map:
		if m := c.mapping(v); m != nil {
			return m
		}
		return nil
	case Object:
		if m := c.mapping(v.Map); m != nil {
			return Object{m}
		}
		return nil
	case json.Number:
		return ofNumber(v)
	case time.Duration:
		return v.String()
	case []byte:
		return strings.ToValidUTF8(string(v), "\ufffd")
	}
	return c.marshalled(same)
}

// list has the values of items, which are those of same; nil where it is cut off.
func (c *converter) list(same any, items []any) any {
	loops := slices.ContainsFunc(items, hasInside)
	if !c.enter(reflect.ValueOf(same), loops) {
		return nil
	}
	defer c.leave(loops)
	return c.values(items)
}

func (c *converter) values(items []any) []any {
	made := make([]any, len(items))
	for i, item := range items {
		made[i] = c.of(item)
	}
	return made
}

// mapping is a copy of m with values in it; nil where it is cut off.
func (c *converter) mapping(m *Map) *Map {
	loops := slices.ContainsFunc(m.Entries(), func(e Entry) bool { return hasInside(e.Value) })
	if !c.enter(reflect.ValueOf(m), loops) {
		return nil
	}
	defer c.leave(loops)
	made := m.Clone()
	for i := range made.entries {
		made.entries[i].Value = c.of(made.entries[i].Value)
	}
	return made
}

// hasInside says that v is none of the values without anything in them.
func hasInside(v any) bool {
	switch v.(type) {
	case nil, bool, int64, float64, string, time.Time, Date:
		return false
	}
	return true
}

// marshalled asks a type for its own text before looking into it.
func (c *converter) marshalled(v any) any {
	rv := reflect.ValueOf(v)
	if rv.Kind() == reflect.Pointer && rv.IsNil() {
		return nil
	}
	p := planOf(rv.Type())
	if !p.asks { // asking costs a search of all interfaces
		return c.reflected(p, rv)
	}
	switch v := v.(type) {
	case encoding.TextMarshaler:
		text, err := v.MarshalText()
		if err == nil {
			return string(text)
		}
	case json.Marshaler:
		text, err := v.MarshalJSON()
		if err != nil {
			break
		}
		if decoded, err := DecodeJSON(text); err == nil {
			return decoded
		}
	case error:
		return v.Error()
	}
	return c.reflected(p, rv)
}

func ofBig(n *big.Int) any {
	switch {
	case n == nil:
		return nil
	case n.IsInt64():
		return n.Int64()
	}
	return n
}

func ofNumber(n json.Number) any {
	if v, err := numberOf(n.String()); err == nil {
		return v
	}
	return n.String()
}

// planned is of for data whose type is known beforehand.
func (c *converter) planned(p *plan, v reflect.Value) any {
	switch {
	case p.asks:
		return c.of(v.Interface())
	case p.kind == reflect.Pointer && v.IsNil():
		return nil
	}
	return c.reflected(p, v)
}

func (c *converter) reflected(p *plan, v reflect.Value) any {
	switch p.kind {
	case reflect.Bool:
		return v.Bool()
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return v.Int()
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		return ofUint(v.Uint())
	case reflect.Float32:
		// The shortest text, so that 0.1 does not become 0.10000000149.
		f, _ := strconv.ParseFloat(strconv.FormatFloat(v.Float(), 'g', -1, 32), 64)
		return f
	case reflect.Float64:
		return v.Float()
	case reflect.String:
		return v.String()
	case reflect.Slice:
		if p.of.Elem().Kind() == reflect.Uint8 {
			return strings.ToValidUTF8(string(v.Bytes()), "\ufffd")
		}
		return c.behind(p, v)
	case reflect.Pointer, reflect.Map:
		return c.behind(p, v)
	case reflect.Array:
		return c.items(p, v)
	case reflect.Struct:
		return c.structure(p, v)
	}
	return fmt.Sprint(v)
}

func ofUint(n uint64) any {
	if n > math.MaxInt64 {
		return new(big.Int).SetUint64(n)
	}
	return int64(n)
}

// behind is what a pointer, slice or map has behind it, unless that is cut off.
func (c *converter) behind(p *plan, v reflect.Value) any {
	in := p.in()
	if !c.enter(v, in.loops) {
		return nil
	}
	defer c.leave(in.loops)
	switch p.kind {
	case reflect.Pointer:
		return c.planned(in.elem, in.elem.still(v.Elem()))
	case reflect.Map:
		return c.sortedMap(p, v)
	}
	return c.items(p, v)
}

func (c *converter) items(p *plan, v reflect.Value) []any {
	items, elem := make([]any, v.Len()), p.in().elem
	for i := range items {
		items[i] = c.planned(elem, elem.still(v.Index(i)))
	}
	return items
}

func (c *converter) sortedMap(p *plan, v reflect.Value) any {
	entries, in := make([]Entry, 0, v.Len()), p.in()
	for it := v.MapRange(); it.Next(); {
		entries = append(entries, Entry{Text(c.planned(in.key, it.Key())), c.planned(in.elem, it.Value())})
	}
	slices.SortFunc(entries, func(a, b Entry) int { return cmp.Compare(a.Key, b.Key) })
	return MapOf(entries...)
}

func (c *converter) structure(p *plan, v reflect.Value) *Map {
	m := NewMap(len(p.fields))
	if !p.fixed {
		c.fields(m, p, v)
		return m
	}
	for i := range p.fields {
		f := &p.fields[i]
		m.entries = append(m.entries, Entry{f.name, c.planned(f.plan, v.FieldByIndex(f.at))})
	}
	m.index = p.index.clone()
	return m
}

// fields adds the fields of a struct; those behind an embedded pointer without a name
// of its own are the struct's.
func (c *converter) fields(m *Map, p *plan, v reflect.Value) {
	for i := range p.fields {
		f := &p.fields[i]
		at := v.FieldByIndex(f.at)
		switch {
		case f.embedded && !at.IsNil():
			c.embed(m, f.plan, at)
		case f.name != "":
			m.Set(f.name, c.planned(f.plan, at))
		}
	}
}

func (c *converter) embed(m *Map, p *plan, v reflect.Value) {
	in := p.in()
	if !c.enter(v, in.loops) {
		return
	}
	defer c.leave(in.loops)
	c.fields(m, in.elem, v.Elem())
}
