package value

import (
	"cmp"
	"encoding"
	"encoding/json"
	"fmt"
	"math/big"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// ofByReflection is what Of was before it had plans: slow and plain. Of has to give the
// same.
func ofByReflection(v any) any {
	c := &walker{}
	if c.isValue(v) {
		return v
	}
	return c.of(v)
}

// A walker walks Go data.
type walker struct {
	inside []place
}

// enter says false where the data contains itself or is too deep.
func (c *walker) enter(p place) bool {
	if len(c.inside) >= deepest || slices.Contains(c.inside, p) {
		return false
	}
	c.inside = append(c.inside, p)
	return true
}

func (c *walker) leave() { c.inside = c.inside[:len(c.inside)-1] }

// isValue says that v is a value all through.
func (c *walker) isValue(v any) bool {
	switch v := v.(type) {
	case nil, bool, int64, float64, string, time.Time, Date:
		return true
	case *big.Int:
		return v != nil
	case []any:
		return v != nil && c.areValues(v)
	case Tuple:
		return v != nil && c.areValues(v)
	case *Map:
		return v != nil && c.isValueMap(v)
	case Object:
		return v.Map != nil && c.isValueMap(v.Map)
	}
	return false
}

func (c *walker) areValues(items []any) bool {
	if !c.enter(place{reflect.ValueOf(items).Pointer(), nil, len(items)}) {
		return false
	}
	defer c.leave()
	return !slices.ContainsFunc(items, func(v any) bool { return !c.isValue(v) })
}

func (c *walker) isValueMap(m *Map) bool {
	if !c.enter(place{reflect.ValueOf(m).Pointer(), nil, 0}) {
		return false
	}
	defer c.leave()
	return !slices.ContainsFunc(m.entries, func(e Entry) bool { return !c.isValue(e.Value) })
}

func (c *walker) of(v any) any {
	switch v := v.(type) {
	case nil, bool, int64, float64, string, time.Time, Date:
		return v
	case *big.Int:
		return ofBig(v)
	case []any:
		return c.within(reflect.ValueOf(v), c.list)
	case Tuple:
		return Tuple(c.items(reflect.ValueOf(v)))
	case *Map:
		return c.within(reflect.ValueOf(v), c.orderedMap)
	case Object:
		return c.object(v)
	case json.Number:
		return ofNumber(v)
	case time.Duration:
		return v.String()
	case []byte:
		return strings.ToValidUTF8(string(v), "\ufffd")
	}
	return c.marshalled(v)
}

// marshalled asks a type for its own text before looking into it.
func (c *walker) marshalled(v any) any {
	rv := reflect.ValueOf(v)
	if rv.Kind() == reflect.Pointer && rv.IsNil() {
		return nil
	}
	if rv.Type().NumMethod() == 0 { // asking costs a search of all interfaces
		return c.reflected(rv)
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
	return c.reflected(rv)
}

func (c *walker) orderedMap(v reflect.Value) any {
	m := v.Interface().(*Map)
	made := NewMap(m.Len())
	for _, e := range m.Entries() {
		made.Set(e.Key, c.of(e.Value))
	}
	return made
}

func (c *walker) object(o Object) any {
	if m, ok := c.within(reflect.ValueOf(o.Map), c.orderedMap).(*Map); ok {
		return Object{m}
	}
	return nil
}

func (c *walker) reflected(v reflect.Value) any {
	switch v.Kind() {
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
	case reflect.Pointer:
		return c.within(v, func(v reflect.Value) any { return c.of(v.Elem().Interface()) })
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return strings.ToValidUTF8(string(v.Bytes()), "\ufffd")
		}
		return c.within(v, c.list)
	case reflect.Array:
		return c.list(v)
	case reflect.Map:
		return c.within(v, c.sortedMap)
	case reflect.Struct:
		m := NewMap(v.NumField())
		c.fields(m, v)
		return m
	}
	return fmt.Sprint(v)
}

// within walks what is behind v, unless that is cut off.
func (c *walker) within(v reflect.Value, walk func(reflect.Value) any) any {
	p := place{t: v.Type()}
	switch v.Kind() {
	case reflect.Slice:
		p.at, p.len = v.Pointer(), v.Len()
	case reflect.Pointer, reflect.Map:
		p.at = v.Pointer()
	}
	if !c.enter(p) {
		return nil
	}
	defer c.leave()
	return walk(v)
}

func (c *walker) list(v reflect.Value) any { return c.items(v) }

func (c *walker) items(v reflect.Value) []any {
	items := make([]any, v.Len())
	for i := range items {
		items[i] = c.of(v.Index(i).Interface())
	}
	return items
}

func (c *walker) sortedMap(v reflect.Value) any {
	entries := make([]Entry, 0, v.Len())
	for it := v.MapRange(); it.Next(); {
		entries = append(entries, Entry{Text(c.of(it.Key().Interface())), c.of(it.Value().Interface())})
	}
	slices.SortFunc(entries, func(a, b Entry) int { return cmp.Compare(a.Key, b.Key) })
	return MapOf(entries...)
}

// fields adds the fields of a struct; those of an embedded struct without a name of
// its own are the struct's.
func (c *walker) fields(m *Map, v reflect.Value) {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		name, named := fieldName(f)
		switch {
		case f.Anonymous && !named && structIn(v.Field(i)).IsValid():
			c.embed(m, v.Field(i))
		case f.IsExported() && name != "-":
			m.Set(name, c.of(v.Field(i).Interface()))
		}
	}
}

func (c *walker) embed(m *Map, v reflect.Value) {
	if v.Kind() == reflect.Pointer {
		if !c.enter(place{at: v.Pointer(), t: v.Type()}) {
			return
		}
		defer c.leave()
	}
	c.fields(m, structIn(v))
}

// structIn is the struct in an embedded field, or the zero Value.
func structIn(v reflect.Value) reflect.Value {
	if v.Kind() == reflect.Pointer && !v.IsNil() {
		v = v.Elem()
	}
	if v.Kind() != reflect.Struct {
		return reflect.Value{}
	}
	return v
}
