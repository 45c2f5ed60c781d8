package schema

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"

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
	must   []int          // required fields

	// What not everybody needs is made when it is first asked for.
	defaults func() defaults
	public   func() []Field // the fields as others see them, those of mappings included
}

// defaults are what a struct holds before it is filled.
type defaults struct {
	zero  reflect.Value // the struct with every default
	fresh []int         // fields whose default is made anew each time
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
	p := &plan{typ: t}
	p.public = sync.OnceValue(func() []Field { return p.publicWithin(nil) })
	if t.Kind() != reflect.Struct || t == valueType {
		if p.whole = codecOf(t); p.whole == nil {
			panic("schema: " + t.String() + " cannot be read")
		}
		p.rest = &rest{codec: p.whole}
		return p
	}
	p.index = make(map[string]int, t.NumField())
	p.read(t)
	p.defaults = sync.OnceValue(p.readDefaults)
	return p
}

// read adds the fields of t.
func (p *plan) read(t reflect.Type) {
	p.fields = make([]field, 0, t.NumField())
	for i := range t.NumField() {
		sf := t.Field(i)
		tags := readTags(sf.Tag)
		switch {
		case tags.param == "-":
		case !tags.given && sf.Anonymous && sf.Type.Kind() == reflect.Struct:
			p.embed(sf, i)
		case !tags.given:
		case !sf.IsExported():
			p.wrong(sf, "a field with a param tag has to be exported")
		default:
			p.add(sf, tags)
		}
	}
}

// embed adds the fields of the anonymous struct field i.
func (p *plan) embed(sf reflect.StructField, i int) {
	inner := of(sf.Type).plan()
	for _, f := range inner.fields {
		f.at = slices.Concat([]int{i}, f.at)
		p.put(sf, f)
	}
	if r := inner.rest; r != nil {
		p.setRest(sf, rest{at: slices.Concat([]int{i}, r.at), codec: r.codec, warn: r.warn, doc: r.doc})
	}
}

// wrong panics because of a tag that the provider's author has to correct.
func (p *plan) wrong(sf reflect.StructField, problem string) {
	panic(fmt.Sprintf("schema: field %s of %s: %s", sf.Name, p.typ, problem))
}

// add adds the field sf.
func (p *plan) add(sf reflect.StructField, t tags) {
	name, options, _ := strings.Cut(t.param, ",")
	if name == "*" {
		p.addRest(sf, t, options)
		return
	}
	c := codecOf(sf.Type)
	if c == nil {
		p.wrong(sf, "no key can have the type "+sf.Type.String())
	}
	f := field{Field: Field{
		Name:     name,
		Aliases:  list(t.alias),
		Type:     c.typ,
		Doc:      t.doc,
		Default:  t.def,
		Example:  t.example,
		Enum:     list(t.enum),
		Required: options == "required",
		Secret:   c.secret,
		Lazy:     c.lazy,
		Syntax:   c.syntax,
		Names:    namesIn(t.names),
	}, at: sf.Index, codec: c}
	switch {
	case name == "":
		p.wrong(sf, "the param tag has no name")
	case f.Required && f.Default != "":
		p.wrong(sf, "a required key needs no default")
	case options != "" && !f.Required:
		p.wrong(sf, fmt.Sprintf("unknown option %q", options))
	}
	if f.Enum != nil {
		if f.codec = c.withEnum(f.Enum); f.codec == nil {
			p.wrong(sf, "only a text can have an enum")
		}
	}
	p.put(sf, f)
}

// put adds f, which comes from sf.
func (p *plan) put(sf reflect.StructField, f field) {
	p.name(sf, f.Name)
	for _, alias := range f.Aliases {
		p.name(sf, alias)
	}
	if f.Required {
		p.must = append(p.must, len(p.fields))
	}
	p.fields = append(p.fields, f)
}

// name takes a name for the next field.
func (p *plan) name(sf reflect.StructField, name string) {
	if _, twice := p.index[name]; twice {
		p.wrong(sf, fmt.Sprintf("the name %q is taken", name))
	}
	p.index[name] = len(p.fields)
	p.names = append(p.names, name)
}

func (p *plan) addRest(sf reflect.StructField, t tags, options string) {
	if options != "" && options != "warn" {
		p.wrong(sf, fmt.Sprintf("unknown option %q", options))
	}
	c := codecOf(sf.Type)
	if c == nil || c.typ != Mapping {
		p.wrong(sf, `"*" has to be a *value.Map or a map with string keys`)
	}
	p.setRest(sf, rest{at: sf.Index, codec: c, warn: options == "warn", doc: t.doc})
}

func (p *plan) setRest(sf reflect.StructField, r rest) {
	if p.rest != nil {
		p.wrong(sf, `there is a second "*"`)
	}
	p.rest = &r
}

func (p *plan) readDefaults() defaults {
	d := defaults{zero: reflect.New(p.typ).Elem()}
	for i := range p.fields {
		if fresh := p.setDefault(d.zero, i); fresh {
			d.fresh = append(d.fresh, i)
		}
	}
	return d
}

// setDefault puts the default of field i into zero, unless it must be made anew because
// whoever gets it could change it.
func (p *plan) setDefault(zero reflect.Value, i int) (fresh bool) {
	f := &p.fields[i]
	dst := zero.FieldByIndex(f.at)
	if f.Default == "" {
		if dst.Kind() == reflect.Struct && f.codec.fields != nil {
			dst.Set(f.codec.fields.plan().defaults().zero)
		}
		return false
	}
	d := decoder{}
	if !f.codec.set(&d, dst, source.Value{Data: f.Default}) || d.problems != nil {
		sf := p.typ.FieldByIndex(f.at)
		p.wrong(sf, fmt.Sprintf("the default %q is not %s", f.Default, f.codec.takes))
	}
	switch dst.Kind() {
	case reflect.Slice, reflect.Map, reflect.Pointer, reflect.Interface:
		dst.SetZero()
		return true
	}
	return false
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

// publicWithin leaves out the fields of a type that contains itself.
func (p *plan) publicWithin(types []reflect.Type) []Field {
	if len(p.fields) == 0 || slices.Contains(types, p.typ) {
		return nil
	}
	p.defaults() // so that a wrong one panics in the first test
	types = append(types, p.typ)
	fields := make([]Field, len(p.fields))
	for i := range p.fields {
		fields[i] = p.fields[i].public(types)
	}
	return fields
}

// public is f as others see it, within mappings of the given types.
func (f *field) public(types []reflect.Type) Field {
	shown := f.Field
	if f.codec.fields != nil {
		shown.Fields = f.codec.fields.plan().publicWithin(types)
	}
	return shown
}

// secretWithin looks once into a type that contains itself.
func (p *plan) secretWithin(types []reflect.Type) bool {
	if slices.Contains(types, p.typ) {
		return false
	}
	types = append(types, p.typ)
	return slices.ContainsFunc(p.fields, func(f field) bool {
		return f.Secret || f.codec.fields != nil && f.codec.fields.plan().secretWithin(types)
	})
}

var (
	valueType = reflect.TypeFor[source.Value]()
	mapType   = reflect.TypeFor[*value.Map]()
)
