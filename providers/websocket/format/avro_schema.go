package format

import (
	"errors"
	"fmt"

	"tocsin/templating/value"
)

// An avroType is a type of an Avro schema (Avro 1.12, "Schema Declaration").
type avroType struct {
	name    string // of a type that has one
	kind    string // null, boolean, int, long, float, double, bytes, string, record, enum, array, map, fixed, union
	logical string
	scale   int         // of a decimal
	size    int         // of a fixed
	symbols []string    // of an enum
	fields  []avroField // of a record
	item    *avroType   // of an array or map
	either  []*avroType // of a union
}

type avroField struct {
	name string
	typ  *avroType
}

var avroPrimitives = map[string]bool{
	"null": true, "boolean": true, "int": true, "long": true, "float": true, "double": true, "bytes": true, "string": true,
}

// parseAvro reads a schema. One that contains itself is refused: how deep a message is
// would be up to whoever sends it.
func parseAvro(text string) (*avroType, error) {
	v, err := value.DecodeJSON([]byte(text))
	if err != nil {
		return nil, err
	}
	p := avroParser{names: map[string]*avroType{}}
	return p.typ(v, "", 0)
}

type avroParser struct{ names map[string]*avroType }

func (p *avroParser) typ(v any, space string, depth int) (*avroType, error) {
	if depth > maxDepth {
		return nil, errDeep
	}
	switch v := v.(type) {
	case string:
		return p.named(v, space)
	case []any:
		t := &avroType{kind: "union"}
		for _, item := range v {
			branch, err := p.typ(item, space, depth+1)
			if err != nil {
				return nil, err
			}
			t.either = append(t.either, branch)
		}
		return t, nil
	case *value.Map:
		return p.complex(v, space, depth)
	}
	return nil, errors.New("a type is a name, a list or an object")
}

// named is a type by its name.
func (p *avroParser) named(name, space string) (*avroType, error) {
	if avroPrimitives[name] {
		return &avroType{kind: name}, nil
	}
	for _, full := range []string{space + "." + name, name} {
		t, ok := p.names[full]
		switch {
		case ok && t == nil:
			return nil, fmt.Errorf("the type %q contains itself, which is not read", name)
		case ok:
			return t, nil
		}
	}
	return nil, fmt.Errorf("there is no type %q", name)
}

func (p *avroParser) complex(m *value.Map, space string, depth int) (*avroType, error) {
	inner, _ := m.Get("type")
	kind, isName := inner.(string)
	if !isName {
		return p.typ(inner, space, depth+1)
	}
	switch kind {
	case "record", "error", "enum", "fixed":
		return p.defined(m, kind, space, depth)
	case "array", "map":
		of := map[string]string{"array": "items", "map": "values"}[kind]
		v, _ := m.Get(of)
		item, err := p.typ(v, space, depth+1)
		return &avroType{kind: kind, item: item}, err
	}
	t, err := p.named(kind, space)
	if err != nil {
		return nil, err
	}
	own := *t
	own.annotate(m)
	return &own, nil
}

// called is what a union calls the type.
func (t *avroType) called() string {
	if t.name != "" {
		return t.name
	}
	return t.kind
}

// annotate takes the logical type.
func (t *avroType) annotate(m *value.Map) {
	t.logical, _ = text(m, "logicalType")
	scale, _ := m.Get("scale")
	if n, ok := scale.(int64); ok && n >= 0 && n < 1000 {
		t.scale = int(n)
	}
}

func text(m *value.Map, key string) (string, bool) {
	v, _ := m.Get(key)
	s, ok := v.(string)
	return s, ok
}

// defined reads a type that has a name.
func (p *avroParser) defined(m *value.Map, kind, space string, depth int) (*avroType, error) {
	name, ok := text(m, "name")
	if !ok || name == "" {
		return nil, fmt.Errorf("a %s has no name", kind)
	}
	if own, has := text(m, "namespace"); has {
		space = own
	}
	full := space + "." + name
	t := &avroType{kind: kind, name: name}
	t.annotate(m)
	p.names[full] = nil // being read
	var err error
	switch kind {
	case "enum":
		list, _ := m.Get("symbols")
		symbols, _ := list.([]any)
		for _, s := range symbols {
			t.symbols = append(t.symbols, value.Text(s))
		}
	case "fixed":
		size, _ := m.Get("size")
		n, isInt := size.(int64)
		if !isInt || n < 0 || n > 1<<20 {
			return nil, fmt.Errorf("the fixed type %q has no size", name)
		}
		t.size = int(n)
	default:
		t.kind = "record"
		t.fields, err = p.fields(m, space, depth)
	}
	p.names[full] = t
	return t, err
}

func (p *avroParser) fields(m *value.Map, space string, depth int) (fields []avroField, err error) {
	list, _ := m.Get("fields")
	items, ok := list.([]any)
	if !ok {
		return nil, errors.New("a record has no fields")
	}
	for _, item := range items {
		f, ok := item.(*value.Map)
		if !ok {
			return nil, errors.New("a field is an object")
		}
		name, ok := text(f, "name")
		if !ok {
			return nil, errors.New("a field has no name")
		}
		written, _ := f.Get("type")
		t, err := p.typ(written, space, depth+1)
		if err != nil {
			return nil, fmt.Errorf("field %q: %w", name, err)
		}
		fields = append(fields, avroField{name, t})
	}
	return fields, nil
}
