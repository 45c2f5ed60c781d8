package engine

import (
	"context"
	"fmt"
	"strings"

	"tocsin/templating"
	"tocsin/workflows/schema"
	"tocsin/workflows/source"
)

// Expressions is with for a call that no workflow makes: the texts in it that the provider
// evaluates are read, as Compile reads those of a step. Nothing else is a template there.
// The error is for the first text that cannot be read.
func Expressions(params *schema.Schema, with source.Value) (source.Value, error) {
	m, ok := with.Data.(source.Map)
	if !ok {
		return with, nil
	}
	read := make(source.Map, len(m))
	for i, e := range m {
		f, _ := params.Field(e.Key)
		v, err := readExpressions(e.Value, f)
		if err != nil {
			return with, fmt.Errorf("%s: %w", e.Key, err)
		}
		read[i] = source.Entry{Key: e.Key, Pos: e.Pos, Value: v}
	}
	return source.Value{Pos: with.Pos, Data: read}, nil
}

func readExpressions(v source.Value, f schema.Field) (source.Value, error) {
	if !hasExpression(f) {
		return v, nil
	}
	switch data := v.Data.(type) {
	case string:
		return readExpression(v, data, f)
	case source.Map:
		read := make(source.Map, len(data))
		for i, e := range data {
			inner, _ := findField(f.Fields, e.Key)
			item, err := readExpressions(e.Value, inner)
			if err != nil {
				return v, fmt.Errorf("%s: %w", e.Key, err)
			}
			read[i] = source.Entry{Key: e.Key, Pos: e.Pos, Value: item}
		}
		return source.Value{Pos: v.Pos, Data: read}, nil
	case []source.Value:
		read := make([]source.Value, len(data))
		for i, item := range data {
			var err error
			if read[i], err = readExpressions(item, f); err != nil {
				return v, err
			}
		}
		return source.Value{Pos: v.Pos, Data: read}, nil
	}
	return v, nil
}

// readExpression reads one text. It sees the provider's names only: there is no run.
func readExpression(v source.Value, text string, f schema.Field) (source.Value, error) {
	if !isExpression(f) || strings.TrimSpace(text) == "" {
		return v, nil
	}
	names := make([]templating.Name, len(f.Names))
	for i, n := range f.Names {
		names[i] = templating.Name(n)
		if n.Kind == runName {
			names[i].Kind = "mapping"
		}
	}
	e := &evaluation{test: f.Syntax == "predicate"}
	lang := templating.Language{Functions: Functions()}
	parse := lang.ParseExpression
	if e.test {
		parse = lang.ParsePredicate
	}
	var err error
	if e.expr, err = parse(text, names); err != nil {
		return v, err
	}
	for _, other := range e.reads(f.Names) {
		return v, fmt.Errorf("%q is not among what can be read here", strings.Join(other.Path, "."))
	}
	p := param{value: v, kind: evaluated, evaluation: e}
	return source.Value{Pos: v.Pos, Data: p.over(context.Background(), &templating.Scope{})}, nil
}
