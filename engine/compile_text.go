package engine

import (
	"errors"
	"slices"

	"tocsin/templating"
	"tocsin/templating/value"
	"tocsin/workflows"
	"tocsin/workflows/source"
)

// template reads the text v; nil where it is wrong, which is then reported.
func (c *compiler) template(v source.Value) *templating.Template {
	t, err := c.lang.Parse(v.Data.(string))
	if err != nil {
		c.badText(v, err)
		return nil
	}
	if !t.Constant() {
		c.notes(v, t.Notes())
		c.refs(v, t.Refs())
	}
	return t
}

// expr reads the condition v; nil where it is wrong.
func (c *compiler) expr(v source.Value, form templating.Form) *templating.Expr {
	e, err := c.lang.ParseExpr(v.Data.(string), form)
	if err != nil {
		c.badText(v, err)
		return nil
	}
	c.notes(v, e.Notes())
	c.refs(v, e.Refs())
	return e
}

func (c *compiler) badText(v source.Value, err error) {
	var e *templating.Error
	if !errors.As(err, &e) {
		c.problem(v.Pos, "bad-text", "", "%v", err)
		return
	}
	c.problem(v.At(e.Offset), "bad-text", e.Hint, "%s", e.Message)
}

// notes are templating's warnings, at their places. A lower-case true in an assert
// is about what the workflow means, so it gets a hint of ours (spec §6.6).
func (c *compiler) notes(v source.Value, notes []templating.Note) {
	for _, n := range notes {
		if n.Code == templating.NoteLiteral {
			n.Hint = literalHint(n.Hint)
		}
		c.warn(v.At(n.Offset), n.Code, n.Hint, "%s", n.Message)
	}
}

func literalHint(hint string) string {
	const ours = `write True, False or None; or say which way it fires, "fires: on_success" or "fires: on_failure", and true, false and null are values`
	if hint == "" || len(hint) < len(ours) {
		return ours
	}
	return hint
}

// asValue is the text with its place, also where a program made it.
func asValue(t workflows.Text) source.Value {
	if t.Value.Data == nil {
		return source.Value{Pos: t.Pos, Data: t.S}
	}
	if _, ok := t.Value.Data.(string); !ok {
		return source.Value{Pos: t.Pos, Data: t.S}
	}
	return t.Value
}

// guard prepares an "if". What is not text decides by its truth, except that Keep
// takes false for absent (spec §11.2 G-4).
func (c *compiler) guard(t workflows.Text) *check {
	if t.S == "" {
		return nil
	}
	g := &check{typ: "if", text: t.S, pos: t.Pos}
	switch data := t.Value.Data.(type) {
	case nil, string:
		e := c.expr(asValue(t), templating.If)
		if e == nil {
			return nil
		}
		g.expr, g.at = e, asValue(t)
	default:
		if c.lang.Keep && !value.Truthy(data) {
			return nil
		}
		held := value.Truthy(data)
		g.decide = always(held)
	}
	return g
}

// expect prepares what must hold after the call. Missing data is an error there, not
// null: a field that is gone is not a field that is as expected.
func (c *compiler) expect(texts []workflows.Text) []check {
	var list []check
	for _, t := range texts {
		if e := c.expr(asValue(t), templating.AlertAssert); e != nil {
			list = append(list, check{typ: "expect", text: t.S, pos: t.Pos, expr: e, at: asValue(t)})
		}
	}
	return list
}

func (c *compiler) aliases(v source.Value) []alias {
	m, _ := v.Data.(source.Map)
	var list []alias
	for _, e := range m {
		list = append(list, alias{e.Key, c.param(e.Value, "")})
	}
	return list
}

func (c *compiler) enrichments(list []workflows.Enrichment) []enrichment {
	out := make([]enrichment, 0, len(list))
	for _, e := range list {
		out = append(out, enrichment{e, c.scalar(e.Key), c.scalar(e.Value)})
	}
	return slices.Clip(out)
}

// scalar prepares a text that may have been written as a number.
func (c *compiler) scalar(t workflows.Text) param {
	if t.Value.Data == nil {
		return c.param(source.Value{Pos: t.Pos, Data: t.S}, "")
	}
	return c.param(t.Value, "")
}
