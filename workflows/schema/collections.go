package schema

import (
	"reflect"
	"strings"

	"tocsin/templating/value"
	"tocsin/workflows/source"
)

func structCodec(t reflect.Type) *codec {
	s := of(t)
	return &codec{typ: Mapping, takes: "a mapping", deep: true, fields: s,
		set: func(d *decoder, dst reflect.Value, v source.Value) bool {
			m, ok := mapping(v)
			if !ok {
				return false
			}
			d.fields(s.plan(), dst, m, v.Pos)
			return true
		}}
}

// pointerCodec is the codec of what the pointer points to.
func pointerCodec(t reflect.Type) *codec {
	elem := codecOf(t.Elem())
	if elem == nil {
		return nil
	}
	c := *elem
	c.item = nil
	c.set = func(d *decoder, dst reflect.Value, v source.Value) bool {
		p := reflect.New(t.Elem())
		if !elem.set(d, p.Elem(), v) {
			return false
		}
		dst.Set(p)
		return true
	}
	return &c
}

func listCodec(t reflect.Type) *codec {
	item := codecOf(t.Elem())
	if item == nil {
		return nil
	}
	c := &codec{typ: List, takes: "a list", deep: true, item: item, fields: item.fields, secret: item.secret}
	c.set = func(d *decoder, dst reflect.Value, v source.Value) bool { return c.setItems(d, dst, v, item) }
	return c
}

func mapCodec(t reflect.Type) *codec {
	item := codecOf(t.Elem())
	if item == nil || t.Key().Kind() != reflect.String {
		return nil
	}
	c := &codec{typ: Mapping, takes: "a mapping", deep: true, item: item, secret: item.secret}
	c.set = func(d *decoder, dst reflect.Value, v source.Value) bool { return c.setItems(d, dst, v, item) }
	return c
}

// setItems fills a slice or a map, each item by the given codec.
func (c *codec) setItems(d *decoder, dst reflect.Value, v source.Value, item *codec) bool {
	if dst.Kind() == reflect.Slice {
		setList(d, dst, v, item)
		return true
	}
	m, ok := mapping(v)
	if !ok {
		return false
	}
	t := dst.Type()
	dst.Set(reflect.MakeMapWithSize(t, len(m)))
	for _, e := range m {
		to := reflect.New(t.Elem()).Elem()
		d.item(item, to, e.Key, e.Value)
		dst.SetMapIndex(reflect.ValueOf(e.Key).Convert(t.Key()), to)
	}
	return true
}

func setList(d *decoder, dst reflect.Value, v source.Value, item *codec) {
	values := items(v)
	dst.Set(reflect.MakeSlice(dst.Type(), len(values), len(values)))
	for i, v := range values {
		d.index(item, dst.Index(i), i, v)
	}
}

// items are the items of a list, or of the text of one; any other value is the only
// item, and an empty text none.
func items(v source.Value) []source.Value {
	switch x := v.Data.(type) {
	case []source.Value:
		return x
	case []any:
		return source.Of(x).Data.([]source.Value)
	case value.Tuple:
		return source.Of([]any(x)).Data.([]source.Value)
	case string:
		if strings.TrimSpace(x) == "" {
			return nil
		}
		if list, ok := literal(x, '[').([]any); ok {
			return at(source.Of(list), v.Pos).Data.([]source.Value)
		}
	}
	return []source.Value{v}
}

// mapping are the entries of a mapping, or of the text of one.
func mapping(v source.Value) (source.Map, bool) {
	switch x := v.Data.(type) {
	case source.Map:
		return x, true
	case *value.Map:
		return source.Of(x).Data.(source.Map), true
	case value.Object:
		return source.Of(x.Map).Data.(source.Map), true
	case map[string]any:
		return mapping(source.Value{Data: value.Of(x), Pos: v.Pos})
	case string:
		if m, ok := literal(x, '{').(*value.Map); ok {
			return at(source.Of(m), v.Pos).Data.(source.Map), true
		}
	}
	return nil, false
}

// literal reads a text that begins with the bracket as JSON, or as Python prints
// lists and mappings, which is how templates render them; nil if it is neither.
func literal(text string, bracket byte) any {
	text = strings.TrimSpace(text)
	if text == "" || text[0] != bracket {
		return nil
	}
	if v, err := value.DecodeJSON([]byte(text)); err == nil {
		return v
	}
	if v, err := value.ParsePython(text); err == nil {
		return v
	}
	return nil
}

// at gives values that were within a text the place of the text.
func at(v source.Value, p source.Pos) source.Value {
	v.Pos = p
	switch x := v.Data.(type) {
	case source.Map:
		for i := range x {
			x[i].Pos, x[i].Value = p, at(x[i].Value, p)
		}
	case []source.Value:
		for i := range x {
			x[i] = at(x[i], p)
		}
	}
	return v
}

// setOrderedMap fills a *value.Map.
func setOrderedMap(_ *decoder, dst reflect.Value, v source.Value) bool {
	m, ok := mapping(v)
	if ok {
		*dst.Addr().Interface().(**value.Map) = source.Value{Data: m}.Plain().(*value.Map)
	}
	return ok
}
