package engine

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"tocsin/templating"
	"tocsin/workflows/schema"
	"tocsin/workflows/source"
)

// An evaluation is a text that the provider evaluates over names of its own.
type evaluation struct {
	expr *templating.Expr
	test bool     // it is true or false
	uses []string // of the names
	more bool     // it reads something of the run too
}

// hasExpression says that f, or a field below it, takes an expression.
func hasExpression(f schema.Field) bool {
	return isExpression(f) || slices.ContainsFunc(f.Fields, hasExpression)
}

func isExpression(f schema.Field) bool { return f.Syntax == "expression" || f.Syntax == "predicate" }

// expressive prepares a value that is an expression, or has some in it: the mapping, or
// the list of mappings, that f describes.
func (c *compiler) expressive(v source.Value, f schema.Field) param {
	if isExpression(f) {
		return c.expression(v, f)
	}
	switch data := v.Data.(type) {
	case source.Map:
		return inside(v, mapped, len(data), func(i int) param {
			inner, _ := findField(f.Fields, data[i].Key)
			return c.expressive(data[i].Value, inner)
		})
	case []source.Value:
		return inside(v, listed, len(data), func(i int) param { return c.expressive(data[i], f) })
	}
	return c.param(v, f.Type)
}

// inside is a mapping or list of n items, prepared by item.
func inside(v source.Value, kind paramKind, n int, item func(int) param) param {
	p := param{value: v, kind: kind, below: make([]param, n)}
	constants := 0
	for i := range p.below {
		if p.below[i] = item(i); p.below[i].kind == constant {
			constants++
		}
	}
	if constants == n {
		return param{value: v}
	}
	return p
}

// expression reads a text that the provider evaluates.
func (c *compiler) expression(v source.Value, f schema.Field) param {
	text, ok := v.Data.(string)
	if !ok || strings.TrimSpace(text) == "" {
		return param{value: v}
	}
	e := &evaluation{test: f.Syntax == "predicate"}
	names := make([]templating.Name, len(f.Names))
	for i, n := range f.Names {
		names[i] = templating.Name(n)
		if n.Kind == runName {
			names[i].Kind = "mapping"
		}
	}
	parse := c.lang.ParseExpression
	if e.test {
		parse = c.lang.ParsePredicate
	}
	var err error
	if e.expr, err = parse(text, names); err != nil {
		return param{value: v, kind: wrong, err: c.badText(v, err, false)}
	}
	c.notes(v, e.expr.Notes())
	c.refs(v, e.reads(f.Names))
	return param{value: v, kind: evaluated, evaluation: e}
}

// reads notes which of the names the expression uses, and returns what else it reads.
func (e *evaluation) reads(names []schema.Name) (others []templating.Ref) {
	for _, ref := range e.expr.Refs() {
		root := ref.Path[0]
		// A name of that kind is the run's own, such as vars.
		own := slices.ContainsFunc(names, func(n schema.Name) bool { return n.Name == root && n.Kind != runName })
		switch {
		case !own:
			others, e.more = append(others, ref), true
		case !slices.Contains(e.uses, root):
			e.uses = append(e.uses, root)
		}
	}
	return others
}

// runName is the kind of a name behind which there is what the run has under it.
const runName = "run"

// over is the expression as the provider gets it. What the run has found out by now is
// what it goes on to see.
func (p *param) over(ctx context.Context, s *templating.Scope) any {
	e := p.evaluation
	seen := *s
	seen.Data, seen.Strict = nil, false
	if e.more {
		seen.Data = maps.Clone(s.Data)
	}
	look := func(names map[string]any) (*templating.Scope, error) {
		if ctx.Err() != nil {
			return nil, stopped(ctx, nil)
		}
		if !e.more {
			own := seen
			own.Data = names
			return &own, nil
		}
		return widened(&seen, names), nil
	}
	if e.test {
		return schema.Predicate{Text: p.written(), Uses: e.uses, Holds: func(names map[string]any) (bool, error) {
			scope, err := look(names)
			if err != nil {
				return false, err
			}
			held, err := e.expr.Bool(ctx, scope)
			return held, p.placed(err)
		}}
	}
	return schema.Expression{Text: p.written(), Uses: e.uses, Value: func(names map[string]any) (any, error) {
		scope, err := look(names)
		if err != nil {
			return nil, err
		}
		v, err := e.expr.Value(ctx, scope)
		return v, p.placed(err)
	}}
}

// placed is err with the place of the text.
func (p *param) placed(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%v: %w", where(p.value, err), err)
}

// written is the text as it stands in the document.
func (p *param) written() string { return strings.TrimSpace(p.value.Data.(string)) }
