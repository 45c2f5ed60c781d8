// Package schema reads Go structs as strict, documented sets of fields: one
// mechanism for the workflow document, provider configurations, parameters,
// conditions and triggers. It does not know YAML, templates or providers.
//
// The tags of a struct become a plan when they are first needed. Check and Decode
// are the same walk along it; Check does not keep what it reads. Start reading at
// Schema.Decode.
package schema

import (
	"reflect"
	"sync"

	"tocsin/workflows/source"
)

// A Schema describes the fields of a struct type. It never changes.
type Schema struct {
	noun string // what messages call a key: "parameter"
	plan func() *plan
}

// A Field is one key that a person may write.
type Field struct {
	Name     string
	Aliases  []string // other names for it, accepted and resolved
	Type     Type
	Doc      string // one sentence
	Default  string
	Example  string
	Enum     []string
	Required bool
	Secret   bool
	Lazy     bool
	Host     string  // what of the machine it names: "file", or "forms" of a value that may; "": nothing
	Syntax   string  // what a text is written in: "condition", "expression", "predicate", "cel"; "": nothing special
	Names    []Name  // that an expression or predicate may use
	Fields   []Field // of a mapping, or of the items of a list of mappings
}

// A Type is what a field takes: "string", "integer", "number", "boolean",
// "duration", "size", "list", "mapping", "any".
type Type string

const (
	String   Type = "string"
	Integer  Type = "integer"
	Number   Type = "number"
	Boolean  Type = "boolean"
	Duration Type = "duration"
	Size     Type = "size"
	List     Type = "list"
	Mapping  Type = "mapping"
	Any      Type = "any"
)

// Of is the schema of T, read from its tags when it is first needed:
//
//	Topic   string        `param:"topic,required" doc:"Topic to publish to."`
//	Timeout time.Duration `param:"timeout" default:"10s" doc:"Time for everything."`
//	Level   string        `param:"level" enum:"info,warning" doc:"How loud."`
//	URL     string        `param:"url,required" alias:"socket_url" doc:"Where to."`
//	CAFile  string        `param:"ca_file" host:"file" doc:"File of authorities to trust."`
//	Rest    *value.Map    `param:"*" doc:"..."`       // takes every other key
//	Rest    *value.Map    `param:"*,warn" doc:"..."`  // the same, with a warning (an error near a known name)
//
// A field that names a file of the machine says so (host:"file"), as does a mapping whose
// values may be {file: NAME} or {env: NAME} (host:"forms"): see Uses.
//
// Fields are strings (and types made of them), Secret, bool, ints, floats,
// time.Duration (a number is seconds, else Go's form), ByteSize, any,
// source.Value, *value.Map, map[string]T, []T, structs, pointers to any of these
// (nil where the key is absent or null), Lazy, Condition, Expression, Predicate and
// CEL. An anonymous struct field's fields count as its parent's. Fields without a param
// tag are not looked at.
//
// Of is called twice for one type and returns one schema.
func Of[T any]() *Schema { return of(reflect.TypeFor[T]()) }

func of(t reflect.Type) *Schema {
	if s, ok := schemas.Load(t); ok {
		return s.(*Schema)
	}
	s, _ := schemas.LoadOrStore(t, &Schema{noun: "parameter", plan: sync.OnceValue(func() *plan { return newPlan(t) })})
	return s.(*Schema)
}

// schemas has the *Schema of each reflect.Type that was asked for. What is in it
// depends on the type alone, so that sharing it cannot be seen.
var schemas sync.Map

// Named is s with another word for its keys in messages: "key" for those of a
// document, "setting" for those of a configuration. It is "parameter" otherwise.
func (s *Schema) Named(noun string) *Schema {
	return &Schema{noun: noun, plan: s.plan}
}

// Fields are in the order of the struct's; nobody may change them. A wrong tag panics,
// in the first test.
func (s *Schema) Fields() []Field { return s.plan().public() }

// Open says that keys without a field are taken (a "*" field).
func (s *Schema) Open() bool { return s.plan().rest != nil }

// Field returns the field of that name or alias.
func (s *Schema) Field(name string) (Field, bool) {
	p := s.plan()
	if i, ok := p.index()[name]; ok {
		return p.fields[i].public([]reflect.Type{p.typ}), true
	}
	return Field{}, false
}

// Required are the names of the fields that a mapping cannot do without.
func (s *Schema) Required() []string {
	var names []string
	for _, f := range s.plan().fields {
		if f.required {
			names = append(names, f.name)
		}
	}
	return names
}

// Names are the names and aliases of the fields, for suggestions.
func (s *Schema) Names() []string { return s.plan().names() }

// Check reports keys that are unknown or missing, and values of the wrong type
// where final says that the value is already known (it is not a template); nil
// means all are. It asks final for scalars, within lists and mappings too. A
// required key that is misspelt is one problem, not two. what names the thing in
// messages: `unknown parameter "massage" of slack`.
func (s *Schema) Check(v source.Value, what string, final func(source.Value) bool) source.Problems {
	p := s.plan()
	d := decoder{what: what, noun: s.noun, final: final}
	d.root(p, reflect.New(p.typ).Elem(), v)
	d.problems.Sort()
	return d.problems
}

// Decode fills the struct that dst points to and applies the defaults; what it held
// before is lost. Anything Check would report as an error, it reports, as a
// source.Problems. Values are taken leniently, since templates render to text: "5"
// is an integer, "True" a boolean, a JSON text (or Python's form of it) a list or
// mapping, one value a list of it, an empty text an empty list; null counts as
// absent.
func (s *Schema) Decode(v source.Value, what string, dst any) error {
	p := s.plan()
	rv := reflect.ValueOf(dst)
	if rv.Kind() != reflect.Pointer || rv.Type().Elem() != p.typ {
		panic("schema: Decode into " + rv.Type().String() + " with the schema of " + p.typ.String())
	}
	d := decoder{what: what, noun: s.noun}
	d.root(p, rv.Elem(), v)
	if d.problems == nil {
		return nil
	}
	d.problems.Sort()
	return d.problems.Err()
}
