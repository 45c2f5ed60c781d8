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

// A plan is a struct type made ready for decoding. What not everybody needs is made when
// it is first asked for: a run uses a few of the keys that a provider has.
type plan struct {
	typ    reflect.Type
	whole  *codec // instead of fields, where the type is no struct
	fields []placed
	rest   *rest // nil: other keys are problems

	index    func() map[string]int // of fields, by name and alias
	defaults func() defaults
	public   func() []Field // the fields as others see them, those of mappings included
	host     func() bool    // whether one of them asks for something of the machine
}

// defaults are what a struct holds before it is filled.
type defaults struct {
	zero  reflect.Value // the struct with every default
	fresh []int         // fields whose default is made anew each time
}

// A field is a key of one struct type. What it takes is read from its tags by whoever
// uses it first.
type field struct {
	name     string
	aliases  []string
	value    string // by default
	required bool

	of    reflect.Type
	i     int // index in of
	once  sync.Once
	shown *Field
	takes *codec
}

// placed is a field and the anonymous struct that it is in: its index, nil if there is
// none.
type placed struct {
	*field
	in []int
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
	p.index = sync.OnceValue(p.readIndex)
	p.defaults = sync.OnceValue(p.readDefaults)
	p.public = sync.OnceValue(func() []Field { return p.publicWithin(nil) })
	p.host = sync.OnceValue(func() bool { return asksHost(p.public()) })
	if t.Kind() != reflect.Struct || t == valueType {
		if p.whole = codecOf(t); p.whole == nil {
			panic("schema: " + t.String() + " cannot be read")
		}
		p.rest = &rest{codec: p.whole}
		return p
	}
	p.read(t)
	return p
}

// read adds the fields of t.
func (p *plan) read(t reflect.Type) {
	p.fields = make([]placed, 0, size(t))
	for i := range t.NumField() {
		sf := t.Field(i)
		tags := readTags(sf.Tag)
		switch {
		case tags.param == "-":
		case !tags.given && sf.Anonymous && sf.Type.Kind() == reflect.Struct:
			p.embed(sf)
		case !tags.given:
		case !sf.IsExported():
			wrong(t, sf, "a field with a param tag has to be exported")
		default:
			p.add(t, sf, tags)
		}
	}
}

// size is how many fields t has at most, those of anonymous structs included.
func size(t reflect.Type) int {
	n := t.NumField()
	for i := range t.NumField() {
		if sf := t.Field(i); sf.Anonymous && sf.Type.Kind() == reflect.Struct {
			n += size(sf.Type)
		}
	}
	return n
}

// embed adds the fields of an anonymous struct.
func (p *plan) embed(sf reflect.StructField) {
	inner := of(sf.Type).plan()
	var in []int // shared by the fields that are in one place
	for i, f := range inner.fields {
		if i == 0 || !slices.Equal(in[1:], f.in) {
			in = slices.Concat(sf.Index, f.in)
		}
		f.in = in
		p.fields = append(p.fields, f)
	}
	if r := inner.rest; r != nil {
		p.setRest(sf, rest{at: slices.Concat(sf.Index, r.at), codec: r.codec, warn: r.warn, doc: r.doc})
	}
}

// wrong panics because of a tag that the provider's author has to correct.
func wrong(t reflect.Type, sf reflect.StructField, problem string) {
	panic(fmt.Sprintf("schema: field %s of %s: %s", sf.Name, t, problem))
}

// add adds the field sf of t.
func (p *plan) add(t reflect.Type, sf reflect.StructField, tags tags) {
	name, options, _ := strings.Cut(tags.param, ",")
	if name == "*" {
		p.addRest(t, sf, options)
		return
	}
	f := &field{
		name: name, aliases: list(tags.alias), value: tags.value, required: options == "required",
		of: t, i: sf.Index[0],
	}
	switch {
	case name == "":
		wrong(t, sf, "the param tag has no name")
	case f.required && f.value != "":
		wrong(t, sf, "a required key needs no default")
	case options != "" && !f.required:
		wrong(t, sf, fmt.Sprintf("unknown option %q", options))
	}
	p.fields = append(p.fields, placed{field: f})
}

func (p *plan) addRest(t reflect.Type, sf reflect.StructField, options string) {
	if options != "" && options != "warn" {
		wrong(t, sf, fmt.Sprintf("unknown option %q", options))
	}
	c := codecOf(sf.Type)
	if c == nil || c.typ != Mapping {
		wrong(t, sf, `"*" has to be a *value.Map or a map with string keys`)
	}
	p.setRest(sf, rest{at: sf.Index, codec: c, warn: options == "warn", doc: sf.Tag.Get("doc")})
}

func (p *plan) setRest(sf reflect.StructField, r rest) {
	if p.rest != nil {
		wrong(p.typ, sf, `there is a second "*"`)
	}
	p.rest = &r
}

// names are those of all fields, with their aliases.
func (p *plan) names() []string {
	names := make([]string, 0, len(p.fields))
	for i := range p.fields {
		names = append(append(names, p.fields[i].name), p.fields[i].aliases...)
	}
	return names
}

func (p *plan) readIndex() map[string]int {
	index := make(map[string]int, len(p.fields))
	for i := range p.fields {
		f := p.fields[i]
		for _, name := range append([]string{f.name}, f.aliases...) {
			if _, twice := index[name]; twice {
				wrong(p.typ, f.of.Field(f.i), fmt.Sprintf("the name %q is taken", name))
			}
			index[name] = i
		}
	}
	return index
}

// goes is where the value of f goes in the struct.
func (f placed) goes(into reflect.Value) reflect.Value {
	for _, i := range f.in {
		into = into.Field(i)
	}
	return into.Field(f.i)
}

// codec is how f is read.
func (f *field) codec() *codec {
	f.once.Do(f.read)
	return f.takes
}

// about is f as others see it, without what is in it.
func (f *field) about() Field {
	f.once.Do(f.read)
	return *f.shown
}

func (f *field) read() {
	sf := f.of.Field(f.i)
	c := codecOf(sf.Type)
	if c == nil {
		wrong(f.of, sf, "no key can have the type "+sf.Type.String())
	}
	f.takes = c
	f.shown = &Field{
		Name:     f.name,
		Aliases:  f.aliases,
		Type:     c.typ,
		Doc:      sf.Tag.Get("doc"),
		Default:  f.value,
		Example:  sf.Tag.Get("example"),
		Enum:     list(sf.Tag.Get("enum")),
		Required: f.required,
		Secret:   c.secret,
		Lazy:     c.lazy,
		Host:     sf.Tag.Get("host"),
		Syntax:   c.syntax,
		Names:    namesIn(sf.Tag.Get("names")),
	}
	if f.shown.Enum == nil {
		return
	}
	if f.takes = c.withEnum(f.shown.Enum); f.takes == nil {
		wrong(f.of, sf, "only a text can have an enum")
	}
}

func (p *plan) readDefaults() defaults {
	d := defaults{zero: reflect.New(p.typ).Elem()}
	for i := range p.fields {
		if fresh := p.setDefault(d.zero, p.fields[i]); fresh {
			d.fresh = append(d.fresh, i)
		}
	}
	return d
}

// setDefault puts the default of f into zero, unless it must be made anew because
// whoever gets it could change it.
func (p *plan) setDefault(zero reflect.Value, f placed) (fresh bool) {
	dst := f.goes(zero)
	if f.value == "" {
		if dst.Kind() == reflect.Struct && f.codec().fields != nil {
			dst.Set(f.codec().fields.plan().defaults().zero)
		}
		return false
	}
	d := decoder{}
	if !f.codec().set(&d, dst, source.Value{Data: f.value}) || d.problems != nil {
		wrong(f.of, f.of.Field(f.i), fmt.Sprintf("the default %q is not %s", f.value, f.takes.takes))
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
	p.index() // so that what is wrong panics in the first test
	p.defaults()
	types = append(types, p.typ)
	fields := make([]Field, len(p.fields))
	for i := range p.fields {
		fields[i] = p.fields[i].public(types)
	}
	return fields
}

// public is f as others see it, within mappings of the given types.
func (f *field) public(types []reflect.Type) Field {
	shown := f.about()
	if inner := f.codec().fields; inner != nil {
		shown.Fields = inner.plan().publicWithin(types)
	}
	return shown
}

var (
	valueType = reflect.TypeFor[source.Value]()
	mapType   = reflect.TypeFor[*value.Map]()
)
