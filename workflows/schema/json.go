package schema

import (
	"encoding/json"
	"slices"
	"strings"
)

// JSON is the JSON Schema (draft 2020-12), for editors. Every key also takes a text
// with a template in it, whatever its type.
func (s *Schema) JSON() map[string]any {
	p := s.plan()
	if p.whole != nil {
		return p.whole.json(Field{Type: p.whole.typ}, nil)
	}
	return object(p, nil)
}

// object is the schema of a struct within the structs that path names: one that
// contains itself is described down to there.
func object(p *plan, path []*plan) map[string]any {
	out := map[string]any{"type": "object"}
	for _, within := range path {
		if within == p {
			return out
		}
	}
	path = append(path, p)
	properties := map[string]any{}
	var required []any
	var either []any
	for _, f := range p.fields {
		property := f.codec().json(f.about(), path)
		properties[f.name] = property
		for _, a := range f.aliases {
			properties[a] = property
		}
		switch {
		case f.required && f.aliases == nil:
			required = append(required, f.name)
		case f.required:
			either = append(either, anyName(f))
		}
	}
	out["properties"] = properties
	if p.rest == nil {
		out["additionalProperties"] = false
	}
	if required != nil {
		out["required"] = required
	}
	if either != nil {
		out["allOf"] = either
	}
	return out
}

// anyName wants one of the names of f.
func anyName(f placed) map[string]any {
	var names []any
	for _, n := range append([]string{f.name}, f.aliases...) {
		names = append(names, map[string]any{"required": []any{n}})
	}
	return map[string]any{"anyOf": names}
}

// json describes what c reads, with the documentation of f.
func (c *codec) json(f Field, path []*plan) map[string]any {
	out := c.bare(path)
	if !c.takesTemplates() {
		out = map[string]any{"anyOf": append(alternatives(out), template())}
	}
	if f.Doc != "" {
		out["description"] = f.Doc
	}
	if f.Default != "" {
		out["default"] = c.defaultJSON(f.Default)
	}
	if f.Example != "" {
		out["examples"] = []any{f.Example}
	}
	return out
}

// alternatives are what one of which has to fit; out itself if it offers none.
func alternatives(out map[string]any) []any {
	if anyOf, ok := out["anyOf"].([]any); ok && len(out) == 1 {
		return slices.Clone(anyOf)
	}
	return []any{out}
}

// takesTemplates says that c takes every text anyway.
func (c *codec) takesTemplates() bool {
	return c.typ == Any || c.typ == String && c.enum == nil
}

func template() map[string]any {
	return map[string]any{"type": "string", "pattern": `\{\{|keep\.`}
}

// bare is the type alone.
func (c *codec) bare(path []*plan) map[string]any {
	switch c.typ {
	case String:
		if c.enum != nil {
			return map[string]any{"type": "string", "enum": anys(c.enum)}
		}
		return map[string]any{"type": []any{"string", "number", "boolean"}}
	case Integer, Number, Boolean:
		return map[string]any{"type": string(c.typ)}
	case Duration:
		return map[string]any{"anyOf": []any{
			map[string]any{"type": "number"},
			map[string]any{"type": "string", "pattern": `^\s*[-+]?([0-9.]+(ns|us|µs|ms|s|m|h))+\s*$|^[0-9.]+$`},
		}}
	case Size:
		return map[string]any{"anyOf": []any{
			map[string]any{"type": "integer", "minimum": 0},
			map[string]any{"type": "string", "pattern": `^\s*[0-9.]+\s*([kKmMgGtT][iI]?)?[bB]?\s*$`},
		}}
	case List:
		return listJSON(c, path)
	case Mapping:
		return mappingJSON(c, path)
	}
	return map[string]any{}
}

// listJSON also takes a single item.
func listJSON(c *codec, path []*plan) map[string]any {
	item := c.item
	if item == nil { // behind a pointer
		return map[string]any{"type": "array"}
	}
	items := item.json(Field{}, path)
	array := map[string]any{"type": "array", "items": items}
	return map[string]any{"anyOf": append([]any{array}, alternatives(item.bare(path))...)}
}

func mappingJSON(c *codec, path []*plan) map[string]any {
	switch {
	case c.fields != nil:
		return object(c.fields.plan(), path)
	case c.item != nil:
		return map[string]any{"type": "object", "additionalProperties": c.item.json(Field{}, path)}
	}
	return map[string]any{"type": "object"}
}

// defaultJSON is the default as its type has it, so that editors insert it so.
func (c *codec) defaultJSON(text string) any {
	switch c.typ {
	case Integer:
		if n, ok := integer(text); ok {
			return n
		}
	case Number:
		if f, ok := float(text); ok {
			return f
		}
	case Boolean:
		return truth[strings.ToLower(text)]
	case List, Mapping:
		var v any
		if json.Unmarshal([]byte(text), &v) == nil {
			return v
		}
	}
	return text
}

func anys(texts []string) []any {
	out := make([]any, len(texts))
	for i, t := range texts {
		out[i] = t
	}
	return out
}
