package schema

import (
	"strings"

	"tocsin/workflows/source"
)

// A Use is something of the machine that a value asks for.
type Use struct {
	Kind string // "file", "environment"
	Key  string // of the mapping, with those around it: "tls.root_cas_file"
	Name string // of the file or the variable, as far as it is a text
	Pos  source.Pos
}

// What a "host" tag says of a field.
const (
	hostFile  = "file"  // it is the name of a file
	hostForms = "forms" // a mapping, whose values may be {file: NAME} or {env: NAME}, or lists of those
)

// Uses are the files and variables of the environment that v asks for, by the fields that
// have a "host" tag. A text that is the text of a mapping or list is read like one, as
// Decode does; what stands behind a template is not known before it is rendered.
func (s *Schema) Uses(v source.Value) []Use {
	m, ok := mapping(v)
	if !ok {
		return nil
	}
	return s.plan().uses(m, "", nil)
}

// uses appends what the entries of m ask for.
func (p *plan) uses(m source.Map, path string, list []Use) []Use {
	if !p.host() || len(m) == 0 {
		return list
	}
	index := p.index()
	for _, e := range m {
		at, ok := index[e.Key]
		if !ok {
			continue
		}
		f, key := p.fields[at], path+e.Key
		switch f.about().Host {
		case hostFile:
			list = fileUses(e.Value, key, list)
		case hostForms:
			list = formUses(e.Value, key, list)
		default:
			list = f.codec().uses(e.Value, key, list)
		}
	}
	return list
}

// uses appends what v asks for, of what is within it.
func (c *codec) uses(v source.Value, key string, list []Use) []Use {
	switch {
	case c.fields != nil && c.typ == List:
		for _, item := range items(v) {
			if m, ok := mapping(item); ok {
				list = c.fields.plan().uses(m, key+".", list)
			}
		}
	case c.fields != nil:
		if m, ok := mapping(v); ok {
			list = c.fields.plan().uses(m, key+".", list)
		}
	case c.item != nil && c.item.fields != nil:
		m, _ := mapping(v)
		for _, e := range m {
			list = c.item.uses(e.Value, key+"."+e.Key, list)
		}
	}
	return list
}

func fileUses(v source.Value, key string, list []Use) []Use {
	for _, item := range items(v) {
		if item.Data == nil {
			continue
		}
		name, _ := item.Data.(string)
		list = append(list, Use{Kind: "file", Key: key, Name: name, Pos: item.Pos})
	}
	return list
}

func formUses(v source.Value, key string, list []Use) []Use {
	m, _ := mapping(v)
	for _, e := range m {
		for _, item := range items(e.Value) {
			form, _ := mapping(item)
			for _, one := range form {
				kind, ok := map[string]string{"file": "file", "env": "environment"}[one.Key]
				if !ok {
					continue
				}
				name, _ := one.Value.Data.(string)
				list = append(list, Use{Kind: kind, Key: strings.Join([]string{key, e.Key, one.Key}, "."), Name: name, Pos: one.Pos})
			}
		}
	}
	return list
}

// asksHost says that a field of those, or within them, has a "host" tag.
func asksHost(fields []Field) bool {
	for i := range fields {
		if fields[i].Host != "" || asksHost(fields[i].Fields) {
			return true
		}
	}
	return false
}
