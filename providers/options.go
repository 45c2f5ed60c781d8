package providers

import (
	"fmt"
	"strings"

	"tocsin/templating/value"
	"tocsin/workflows/schema"
	"tocsin/workflows/source"
)

// An Option is a parameter as a command line has it: one below a block has the block's
// name before its own, tls.server_name.
type Option struct {
	Name   string
	Type   string // as a schema calls it: string, boolean, list, mapping, ...
	Doc    string
	Enum   []string
	Repeat bool // several of it add up
	Alias  bool // another name for one that was listed before

	path     []string
	switched []bool // of each block in path: whether it is to be enabled
	field    schema.Field
}

// Options are the parameters of o, in its order, blocks before what is in them.
func (o *Operation) Options() []Option { return optionsOf(nil, nil, o.Params.Fields()) }

func optionsOf(block []string, switched []bool, fields []schema.Field) []Option {
	var all []Option
	for _, f := range fields {
		path := append(block[:len(block):len(block)], f.Name)
		option := Option{
			Name: strings.Join(path, "."), Type: string(f.Type), Doc: f.Doc, Enum: f.Enum,
			Repeat: f.Type == schema.List || f.Type == schema.Mapping, path: path, switched: switched, field: f,
		}
		all = append(all, option)
		for _, alias := range f.Aliases {
			other := option
			other.Name, other.Alias = strings.Join(append(block[:len(block):len(block)], alias), "."), true
			other.Doc = "Another name for " + option.Name + "."
			all = append(all, other)
		}
		if f.Type == schema.Mapping {
			_, has := field(f.Fields, "enabled")
			all = append(all, optionsOf(path, append(switched[:len(switched):len(switched)], has), f.Fields)...)
		}
	}
	return all
}

// Put sets the option in with, as the command line has it: text is what it says, in lists
// an item more. Of a mapping it is one entry, Name: value, or like an item that is a
// mapping all of it, as YAML or JSON. A block that has to be enabled is, unless it is said
// otherwise.
func (o Option) Put(with *value.Map, text string) error {
	for i, name := range o.path[:len(o.path)-1] {
		inner, ok := with.Get(name)
		block, is := inner.(*value.Map)
		if !ok || !is {
			block = value.NewMap(4)
			with.Set(name, block)
		}
		if _, said := block.Get("enabled"); o.switched[i] && !said {
			block.Set("enabled", true)
		}
		with = block
	}
	name := o.path[len(o.path)-1]
	before, _ := with.Get(name)
	v, err := o.read(text, before)
	if err != nil {
		return err
	}
	with.Set(name, v)
	return nil
}

// read is the value that text says, added to what was said before.
func (o Option) read(text string, before any) (any, error) {
	switch o.field.Type {
	case schema.List:
		list, _ := before.([]any)
		if len(o.field.Fields) == 0 {
			return append(list, text), nil
		}
		item, err := written(text)
		if several, ok := item.([]any); ok {
			return append(list, several...), err
		}
		return append(list, item), err
	case schema.Mapping:
		m, ok := before.(*value.Map)
		if !ok {
			m = value.NewMap(4)
		}
		return m, o.entries(m, text)
	}
	return text, nil
}

// entries adds to m what text says.
func (o Option) entries(m *value.Map, text string) error {
	if strings.HasPrefix(strings.TrimSpace(text), "{") {
		all, err := written(text)
		if more, ok := all.(*value.Map); ok {
			for k, v := range more.All() {
				m.Set(k, v)
			}
			return nil
		}
		return err
	}
	at := strings.IndexAny(text, ":=")
	if at <= 0 {
		return fmt.Errorf("write Name: value, or {Name: value, ...}")
	}
	m.Set(strings.TrimSpace(text[:at]), strings.TrimSpace(text[at+1:]))
	return nil
}

// written is a value as YAML or JSON has it. What is wrong with it is told without quoting
// it: there may be a secret in it.
func written(text string) (any, error) {
	v, err := source.Parse("", []byte(text))
	if err != nil {
		return nil, fmt.Errorf("this is neither YAML nor JSON")
	}
	return v.Plain(), nil
}
