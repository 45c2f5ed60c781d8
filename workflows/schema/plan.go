package schema

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"tocsin/templating/value"
	"tocsin/workflows/source"
)

// A plan is a struct type made ready for decoding.
type plan struct {
	typ    reflect.Type
	whole  *codec // instead of fields, where the type is no struct
	fields []field
	index  map[string]int // of fields, by name and alias
	names  []string       // and aliases, in the order of fields
	rest   *rest          // nil: other keys are problems
	zero   reflect.Value  // the struct with every default
	fresh  []int          // fields whose default is made anew each time
	must   []int          // required fields
}

// A field is a Field and how to fill it.
type field struct {
	Field
	at    []int // index of the struct's field, through anonymous ones
	codec *codec
}

// A rest is the "*" field.
type rest struct {
	at    []int
	codec *codec
	warn  bool
	doc   string
}

func newPlan(t reflect.Type) *plan {
	p := &plan{typ: t, index: map[string]int{}}
	if t.Kind() != reflect.Struct || t == valueType {
		if p.whole = codecOf(t); p.whole == nil {
			panic("schema: " + t.String() + " cannot be read")
		}
		p.rest = &rest{codec: p.whole}
		return p
	}
	p.read(t, nil)
	p.zero = reflect.New(t).Elem()
	for i := range p.fields {
		p.setDefault(i)
	}
	return p
}

// read adds the fields of t, which lies at the index at of the plan's type.
func (p *plan) read(t reflect.Type, at []int) {
	for i := range t.NumField() {
		sf := t.Field(i)
		at := append(slices.Clone(at), i)
		tag, tagged := sf.Tag.Lookup("param")
		switch {
		case tag == "-":
		case !tagged && sf.Anonymous && sf.Type.Kind() == reflect.Struct:
			p.read(sf.Type, at)
		case !tagged:
		case !sf.IsExported():
			p.wrong(sf, "a field with a param tag has to be exported")
		default:
			p.add(sf, tag, at)
		}
	}
}

// wrong panics because of a tag that the provider's author has to correct.
func (p *plan) wrong(sf reflect.StructField, problem string) {
	panic(fmt.Sprintf("schema: field %s of %s: %s", sf.Name, p.typ, problem))
}

func (p *plan) add(sf reflect.StructField, tag string, at []int) {
	name, options, _ := strings.Cut(tag, ",")
	if name == "*" {
		p.addRest(sf, options, at)
		return
	}
	c := codecOf(sf.Type)
	if c == nil {
		p.wrong(sf, "no key can have the type "+sf.Type.String())
	}
	f := field{Field: Field{
		Name:    name,
		Aliases: list(sf.Tag.Get("alias")),
		Type:    c.typ,
		Doc:     sf.Tag.Get("doc"),
		Default: sf.Tag.Get("default"),
		Example: sf.Tag.Get("example"),
		Enum:    list(sf.Tag.Get("enum")),
		Secret:  c.secret,
		Lazy:    c.lazy,
		Syntax:  c.syntax,
		Names:   namesIn(sf.Tag.Get("names")),
	}, at: at, codec: c}
	switch {
	case name == "":
		p.wrong(sf, "the param tag has no name")
	case options == "required" && f.Default != "":
		p.wrong(sf, "a required key needs no default")
	case options == "required":
		f.Required = true
		p.must = append(p.must, len(p.fields))
	case options != "":
		p.wrong(sf, fmt.Sprintf("unknown option %q", options))
	}
	if f.Enum != nil {
		if f.codec = c.withEnum(f.Enum); f.codec == nil {
			p.wrong(sf, "only a text can have an enum")
		}
	}
	for _, n := range append([]string{name}, f.Aliases...) {
		if _, twice := p.index[n]; twice {
			p.wrong(sf, fmt.Sprintf("the name %q is taken", n))
		}
		p.index[n] = len(p.fields)
		p.names = append(p.names, n)
	}
	p.fields = append(p.fields, f)
}

func (p *plan) addRest(sf reflect.StructField, options string, at []int) {
	switch {
	case p.rest != nil:
		p.wrong(sf, `there is a second "*"`)
	case options != "" && options != "warn":
		p.wrong(sf, fmt.Sprintf("unknown option %q", options))
	}
	c := codecOf(sf.Type)
	if c == nil || c.typ != Mapping {
		p.wrong(sf, `"*" has to be a *value.Map or a map with string keys`)
	}
	p.rest = &rest{at: at, codec: c, warn: options == "warn", doc: sf.Tag.Get("doc")}
}

// setDefault puts the default of field i into p.zero, or notes that it must be made
// anew because whoever gets it could change it.
func (p *plan) setDefault(i int) {
	f := &p.fields[i]
	dst := p.zero.FieldByIndex(f.at)
	if f.Default == "" {
		if dst.Kind() == reflect.Struct && f.codec.fields != nil {
			dst.Set(f.codec.fields.plan().zero)
		}
		return
	}
	d := decoder{}
	if !f.codec.set(&d, dst, source.Value{Data: f.Default}) || d.problems != nil {
		sf := p.typ.FieldByIndex(f.at)
		p.wrong(sf, fmt.Sprintf("the default %q is not %s", f.Default, f.codec.takes))
	}
	switch dst.Kind() {
	case reflect.Slice, reflect.Map, reflect.Pointer, reflect.Interface:
		dst.SetZero()
		p.fresh = append(p.fresh, i)
	}
}

// list splits a tag's "a,b"; nil for "".
func list(tag string) []string {
	if tag == "" {
		return nil
	}
	parts := strings.Split(tag, ",")
	for i := range parts {
		parts[i] = strings.TrimSpace(parts[i])
	}
	return parts
}

// public are the fields as others see them, those of mappings included.
func (p *plan) public() []Field { return p.publicWithin(nil) }

// publicWithin leaves out the fields of a type that contains itself.
func (p *plan) publicWithin(types []reflect.Type) []Field {
	if len(p.fields) == 0 || slices.Contains(types, p.typ) {
		return nil
	}
	types = append(types, p.typ)
	fields := make([]Field, len(p.fields))
	for i, f := range p.fields {
		fields[i] = f.Field
		if f.codec.fields != nil {
			fields[i].Fields = f.codec.fields.plan().publicWithin(types)
		}
	}
	return fields
}

var (
	valueType = reflect.TypeFor[source.Value]()
	mapType   = reflect.TypeFor[*value.Map]()
)
