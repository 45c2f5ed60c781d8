package server

import (
	"encoding/json"
	"reflect"
	"strings"
	"time"

	"tocsin/templating/value"
)

// A form is a JSON Schema (draft 2020-12), as OpenAPI 3.1 has them.
type form map[string]any

// A data is a value as workflows see it, in an answer or a body: any JSON. Its keys keep
// their order, and 93.0 stays what it is.
type data struct{ v any }

// MarshalJSON is that of values.
func (d data) MarshalJSON() ([]byte, error) { return value.AppendJSON(nil, d.v), nil }

// UnmarshalJSON is that of values.
func (d *data) UnmarshalJSON(text []byte) (err error) {
	d.v, err = value.DecodeJSON(text)
	return err
}

// schemas makes schemas of Go types. Structs with a name are components, which others
// point at.
type schemas struct{ components map[string]any }

func (s *schemas) of(t reflect.Type) form {
	switch t {
	case reflect.TypeFor[time.Time]():
		return form{"type": "string", "format": "date-time"}
	case reflect.TypeFor[*value.Map]():
		return form{"type": "object"}
	case reflect.TypeFor[data](), reflect.TypeFor[json.RawMessage]():
		return form{}
	case reflect.TypeFor[[]byte](), reflect.TypeFor[streamed]():
		return form{"type": "string"}
	}
	switch t.Kind() {
	case reflect.Bool:
		return form{"type": "boolean"}
	case reflect.Int, reflect.Int64, reflect.Uint64:
		return form{"type": "integer"}
	case reflect.Float64:
		return form{"type": "number"}
	case reflect.String:
		return form{"type": "string"}
	case reflect.Slice:
		return form{"type": "array", "items": s.of(t.Elem())}
	case reflect.Map:
		return form{"type": "object", "additionalProperties": s.of(t.Elem())}
	case reflect.Pointer:
		return s.optional(t.Elem())
	case reflect.Struct:
		return s.object(t)
	}
	return form{}
}

// optional is a schema of what may be null.
func (s *schemas) optional(t reflect.Type) form {
	f := s.of(t)
	if kind, ok := f["type"].(string); ok {
		f["type"] = []string{kind, "null"}
		return f
	}
	return form{"anyOf": []any{f, form{"type": "null"}}}
}

func (s *schemas) object(t reflect.Type) form {
	if t.Name() == "" {
		return s.fields(t)
	}
	name := componentName(t)
	if _, ok := s.components[name]; !ok {
		s.components[name] = form{} // so that a type may have itself in it
		s.components[name] = s.fields(t)
	}
	return form{"$ref": "#/components/schemas/" + name}
}

// componentName is the name of a type as the document has it. Those of a generic type
// have the name of what they are about in it.
func componentName(t reflect.Type) string {
	name := t.Name()
	if i := strings.IndexByte(name, '['); i >= 0 {
		inner := strings.Trim(name[i:], "[]*")
		name = name[:i] + "Of" + strings.ToUpper(inner[strings.LastIndexByte(inner, '.')+1:][:1]) + inner[strings.LastIndexByte(inner, '.')+2:]
	}
	return strings.ToUpper(name[:1]) + name[1:]
}

func (s *schemas) fields(t reflect.Type) form {
	properties, required := map[string]any{}, []string{}
	s.add(t, properties, &required)
	return form{"type": "object", "properties": properties, "required": required, "additionalProperties": false}
}

func (s *schemas) add(t reflect.Type, properties map[string]any, required *[]string) {
	for f := range t.Fields() {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous && name == "":
			s.add(f.Type, properties, required)
			continue
		case !f.IsExported() || name == "-":
			continue
		}
		property := s.of(f.Type)
		if doc := f.Tag.Get("doc"); doc != "" {
			property["description"] = doc
		}
		properties[name] = property
		if !strings.Contains(options, "omitempty") && !strings.Contains(options, "omitzero") {
			*required = append(*required, name)
		}
	}
}
