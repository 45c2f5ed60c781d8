package convert

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"tocsin/workflows/schema"
	"tocsin/workflows/source"
)

// carry takes the parameters of block over that s knows, by their names. What it does
// not know, and what a parameter does not take, is noted as lost. own are keys that the
// caller sees to.
func (c *converter) carry(block source.Map, s *schema.Schema, path, base string, own ...string) source.Map {
	var with source.Map
	for _, e := range block {
		if slices.Contains(own, e.Key) {
			continue
		}
		f, known := s.Field(e.Key)
		if !known {
			c.lost(e.Pos, path, hintFor(e.Key), "%s, which is no setting of this side", e.Key)
			continue
		}
		v, ok := c.value(e, f, context{path: path + ".with." + e.Key, base: base, field: e.Key})
		if ok && c.fits(s, e, v, path) {
			with = append(with, source.Entry{Key: e.Key, Pos: e.Pos, Value: v})
		}
	}
	return with
}

// hintFor is what to do about settings that a workflow has elsewhere.
func hintFor(key string) string {
	switch key {
	case "max_in_flight", "batching", "batch_as_multipart":
		return "actions are run one after the other, a message each"
	case "read_timeout":
		return "an action closes what it does not use; see idle_close"
	case "data_format":
		return "an action sends texts as they are; write the text of the message"
	}
	return "look for its counterpart with: tocsin providers websocket"
}

// fits says whether the parameter takes the value, and notes it if not.
func (c *converter) fits(s *schema.Schema, e source.Entry, v source.Value, path string) bool {
	ps := s.Check(mapping(source.Entry{Key: e.Key, Pos: e.Pos, Value: v}), "websocket", final)
	for _, p := range ps {
		if p.Warning {
			continue
		}
		hint := cmp.Or(p.Hint, "tocsin providers websocket says what it takes")
		if f, _ := s.Field(e.Key); f.Secret || f.Type == schema.Mapping || f.Type == schema.Any { // no message may quote a secret
			p.Message = e.Key + " is not of the right form"
		}
		c.lost(cmp.Or(p.Pos, e.Pos), path, hint, "%s: %s", e.Key, p.Message)
		return false
	}
	return true
}

// final says that a value has no texts to be rendered in it.
func final(v source.Value) bool {
	text, ok := v.Data.(string)
	return !ok || !strings.Contains(text, "{{")
}

// value is the value of one setting. It is false where it says nothing, or nothing that
// can be carried over.
func (c *converter) value(e source.Entry, f schema.Field, at context) (source.Value, bool) {
	at.secret = at.secret || f.Secret && f.Name != "root_cas" // authorities are public
	if m, ok := e.Value.Data.(source.Map); ok && off(m, f) {
		if len(said(m)) > 0 {
			c.note(e.Pos, parent(at.path), Changed, "", "%s is switched off, and left out with its settings", at.field)
		}
		return source.Value{}, false
	}
	v, ok := c.convert(e.Value, f.Fields, at)
	return v, ok && says(v)
}

func parent(path string) string { return path[:max(strings.LastIndexByte(path, '.'), 0)] }

// convert is a value with its texts converted. fields are those of a mapping, or of the
// items of a list; nil: any.
func (c *converter) convert(v source.Value, fields []schema.Field, at context) (source.Value, bool) {
	switch data := v.Data.(type) {
	case string:
		text, ok := c.text(v, at)
		return source.Value{Pos: v.Pos, Data: text}, ok
	case []source.Value:
		var list []source.Value
		for _, item := range data {
			if item, ok := c.convert(item, fields, at); ok {
				list = append(list, item)
			}
		}
		return source.Value{Pos: v.Pos, Data: list}, true
	case source.Map:
		return c.entries(v.Pos, data, fields, at), true
	}
	return v, true
}

func (c *converter) entries(pos source.Pos, m source.Map, fields []schema.Field, at context) source.Value {
	out := source.Map{}
	for _, e := range m {
		within := at
		within.field = at.field + "." + e.Key
		if fields == nil {
			within.secret = at.secret || c.secretEntry(at.field, e.Key)
			if v, ok := c.convert(e.Value, nil, within); ok {
				out = append(out, source.Entry{Key: e.Key, Pos: e.Pos, Value: v})
			}
			continue
		}
		i := slices.IndexFunc(fields, func(f schema.Field) bool { return f.Name == e.Key || slices.Contains(f.Aliases, e.Key) })
		if i < 0 {
			c.lost(e.Pos, at.path, "look for its counterpart with: tocsin providers websocket", "%s, which is no setting of this side", within.field)
			continue
		}
		if v, ok := c.value(e, fields[i], within); ok {
			out = append(out, source.Entry{Key: e.Key, Pos: e.Pos, Value: v})
		}
	}
	return source.Value{Pos: pos, Data: out}
}

// secretEntry says whether what a mapping of free names has under key is secret: in
// headers and parameters of requests by its name, cookies always, claims never.
func (c *converter) secretEntry(field, key string) bool {
	switch field {
	case "cookies":
		return true
	case "headers", "proxy_headers", "oauth2.endpoint_params":
		return c.target.Secret(key) || strings.EqualFold(key, "authorization") || strings.EqualFold(key, "cookie")
	}
	return false
}

// off says that m is a block with a switch, and the switch is off.
func off(m source.Map, f schema.Field) bool {
	if !slices.ContainsFunc(f.Fields, func(f schema.Field) bool { return f.Name == "enabled" }) {
		return false
	}
	enabled, _ := m.Get("enabled")
	switch on := enabled.Data.(type) {
	case nil:
		return true
	case bool:
		return !on
	case string:
		return strings.EqualFold(on, "false")
	}
	return false
}

// said are the entries of a block that ask for something.
func said(m source.Map) source.Map {
	return slices.DeleteFunc(slices.Clone(m), func(e source.Entry) bool {
		return e.Key == "enabled" || e.Value.Data == false || !says(e.Value)
	})
}

// says says that a value is not what leaving it out is, too.
func says(v source.Value) bool {
	switch data := v.Data.(type) {
	case nil:
		return false
	case string:
		return data != ""
	case []source.Value:
		return len(data) > 0
	case source.Map:
		return len(data) > 0
	}
	return true
}

// sortNotes puts notes into the order of places.
func sortNotes(notes []Note) {
	slices.SortStableFunc(notes, func(a, b Note) int {
		return cmp.Or(cmp.Compare(a.Pos.Line, b.Pos.Line), cmp.Compare(a.Pos.Col, b.Pos.Col))
	})
}

// refuse is the problem of a file that cannot be converted at all.
func refuse(pos source.Pos, hint, format string, args ...any) source.Problems {
	return source.Problems{{Pos: pos, Code: source.BadValue, Message: fmt.Sprintf(format, args...), Hint: hint}}
}
