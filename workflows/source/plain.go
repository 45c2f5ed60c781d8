package source

import (
	"tocsin/templating/value"
)

// Entries are the entries of a mapping, also where a program made v of a *value.Map; nil
// if v is no mapping.
func (v Value) Entries() Map {
	switch data := v.Data.(type) {
	case Map:
		return data
	case *value.Map:
		m, _ := Of(data).Data.(Map)
		return m
	}
	return nil
}

// Of wraps plain Go data (package templating/value), which has no positions. Data
// that is none of that package's, such as a function, is wrapped as it is.
func Of(data any) Value {
	switch d := data.(type) {
	case Value:
		return d
	case *value.Map:
		m := make(Map, 0, d.Len())
		for _, e := range d.Entries() {
			m = append(m, Entry{Key: e.Key, Value: Of(e.Value)})
		}
		return Value{Data: m}
	case []any:
		list := make([]Value, len(d))
		for i, e := range d {
			list[i] = Of(e)
		}
		return Value{Data: list}
	}
	return Value{Data: data}
}

// Plain takes the positions off again: a Map becomes a *value.Map, a []Value a
// []any, what has a method Plain what that returns; everything else is v's Data.
func (v Value) Plain() any {
	switch d := v.Data.(type) {
	case Map:
		m := value.NewMap(len(d))
		for i := range d {
			m.Set(d[i].Key, d[i].Value.Plain())
		}
		return m
	case []Value:
		list := make([]any, len(d))
		for i := range d {
			list[i] = d[i].Plain()
		}
		return list
	case interface{ Plain() any }:
		return d.Plain()
	}
	return v.Data
}
