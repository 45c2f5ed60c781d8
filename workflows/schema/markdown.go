package schema

import "strings"

// Markdown is the table, for people: one row a key, those of nested mappings with
// dots ("tls.ca", "headers[].name"). It is "" if there are no keys.
func (s *Schema) Markdown() string {
	fields := s.Fields()
	if len(fields) == 0 && !s.Open() {
		return ""
	}
	var b strings.Builder
	b.WriteString("| name | type | default | description |\n| --- | --- | --- | --- |\n")
	rows(&b, "", fields)
	if r := s.plan().rest; r != nil && s.plan().whole == nil {
		row(&b, "any other", "any", "", r.doc)
	}
	return b.String()
}

func rows(b *strings.Builder, prefix string, fields []Field) {
	for _, f := range fields {
		name := "`" + prefix + f.Name + "`"
		if f.Required {
			name += " **(required)**"
		}
		row(b, name, kindOf(f), code(f.Default), sentence(f))
		inner := prefix + f.Name + "."
		if f.Type == List {
			inner = prefix + f.Name + "[]."
		}
		rows(b, inner, f.Fields)
	}
}

func row(b *strings.Builder, cells ...string) {
	b.WriteByte('|')
	for _, c := range cells {
		b.WriteString(" " + strings.NewReplacer("|", `\|`, "\n", " ").Replace(c))
		if c != "" {
			b.WriteByte(' ')
		}
		b.WriteByte('|')
	}
	b.WriteByte('\n')
}

func kindOf(f Field) string {
	kind := string(f.Type)
	switch {
	case f.Enum != nil && f.Type == List:
		kind = "list of " + strings.Join(codes(f.Enum), ", ")
	case f.Enum != nil:
		kind = strings.Join(codes(f.Enum), ", ")
	}
	if f.Secret {
		kind += ", secret"
	}
	return kind
}

// sentence is the documentation with the example and the other names.
func sentence(f Field) string {
	s := f.Doc
	if f.Example != "" {
		s += " Example: " + code(f.Example) + "."
	}
	if f.Aliases != nil {
		s += " Also: " + strings.Join(codes(f.Aliases), ", ") + "."
	}
	return strings.TrimSpace(s)
}

func code(s string) string {
	if s == "" {
		return ""
	}
	return "`" + s + "`"
}

func codes(texts []string) []string {
	out := make([]string, len(texts))
	for i, t := range texts {
		out[i] = code(t)
	}
	return out
}
