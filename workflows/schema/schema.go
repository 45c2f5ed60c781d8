// Package schema reads Go structs as strict, documented sets of fields: one
// mechanism for the workflow document, provider configurations, parameters,
// conditions and triggers. It does not know YAML, templates or providers.
package schema

import (
	"log/slog"

	"tocsin/workflows/source"
)

// A Schema describes the fields of a struct type.
type Schema struct{}

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
//	Rest    *value.Map    `param:"*" doc:"..."`       // takes every other key
//	Rest    *value.Map    `param:"*,warn" doc:"..."`  // the same, with a warning (an error near a known name)
//
// Fields are strings (and types made of them), Secret, bool, ints, floats,
// time.Duration (a number is seconds, else Go's form), ByteSize, any,
// source.Value, *value.Map, map[string]T, []T, structs, pointers to any of these
// (nil where the key is absent or null), and Lazy. An anonymous struct field's
// fields count as its parent's.
func Of[T any]() *Schema { panic("unwritten") }

// Fields are in the order of the struct's. A wrong tag panics, in the first test.
func (s *Schema) Fields() []Field { panic("unwritten") }

// Open says that keys without a field are taken (a "*" field).
func (s *Schema) Open() bool { panic("unwritten") }

// Field returns the field of that name or alias.
func (s *Schema) Field(name string) (Field, bool) { panic("unwritten") }

// Check reports keys that are unknown or missing, and values of the wrong type
// where final says that the value is already known (it is not a template); nil
// means all are. A required key that is misspelt is one problem, not two. what
// names the thing in messages: `unknown parameter "massage" of slack`.
func (s *Schema) Check(v source.Value, what string, final func(source.Value) bool) source.Problems {
	panic("unwritten")
}

// Decode fills the struct that dst points to and applies the defaults. Anything
// Check would report as an error, it reports. Values are taken leniently, since
// templates render to text: "5" is an integer, "True" a boolean, a JSON text a list
// or mapping, one value a list of it.
func (s *Schema) Decode(v source.Value, what string, dst any) error { panic("unwritten") }

// JSON is the JSON Schema (draft 2020-12), for editors. Markdown is the table, for
// people.
func (s *Schema) JSON() map[string]any { panic("unwritten") }
func (s *Schema) Markdown() string     { panic("unwritten") }

// A Secret is a string that never prints, marshals or logs itself: it shows as
// "[redacted]" in every format. string(s) is the secret.
type Secret string

func (Secret) String() string               { return "[redacted]" }
func (Secret) GoString() string             { return "[redacted]" }
func (Secret) MarshalText() ([]byte, error) { return []byte("[redacted]"), nil }
func (Secret) LogValue() slog.Value         { return slog.StringValue("[redacted]") }

// A ByteSize is a number of bytes, written as a number or as "64KiB", "32MB".
type ByteSize int64

// A Lazy parameter is not rendered before the call: the provider renders it, as
// often as it likes, each time with more names to see. Only providers that loop
// need it.
type Lazy func(more map[string]any) (any, error)
