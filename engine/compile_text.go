package engine

import (
	"context"
	"errors"
	"slices"

	"tocsin/templating"
	"tocsin/templating/value"
	"tocsin/workflows"
	"tocsin/workflows/source"
)

// template reads the text v. The error has been reported; it is that of rendering the
// text where Keep would only notice then.
func (c *compiler) template(v source.Value) (*templating.Template, error) {
	text := v.Data.(string)
	t, err := c.lang.Parse(text)
	if err != nil {
		return nil, c.badText(v, err, c.inKeep(text))
	}
	if !t.Constant() {
		c.notes(v, t.Notes())
		c.refs(v, t.Refs())
	}
	return t, nil
}

// expr reads the condition v, as template reads a text.
func (c *compiler) expr(v source.Value, form templating.Form) (*templating.Expr, error) {
	text := v.Data.(string)
	e, err := c.lib.Shared.expr(c.lang, text, form)
	if err != nil {
		return nil, c.badText(v, err, c.decidesInKeep(text, form))
	}
	c.notes(v, e.Notes())
	c.refs(v, e.Refs())
	return e, nil
}

// inKeep says that Keep reads the text.
func (c *compiler) inKeep(text string) bool {
	_, err := c.keepLanguage().Parse(text)
	return err == nil
}

// decidesInKeep says that Keep reads the condition. It takes any text for one, but what
// never holds there, or is an error, nobody has and is content with.
func (c *compiler) decidesInKeep(text string, form templating.Form) bool {
	e, err := c.keepLanguage().ParseExpr(text, form)
	return err == nil && !slices.ContainsFunc(e.Notes(), func(n templating.Note) bool {
		return n.Code == templating.NoteNever || n.Code == templating.NoteLiteral
	})
}

func (c *compiler) keepLanguage() templating.Language {
	return templating.Language{Functions: c.lib.Functions, Keep: true}
}

// badText reports a text that does not parse. Where Keep reads it, as a name that is
// not there, files that people use have such texts: that is a warning, and rendering
// the text an error.
func (c *compiler) badText(v source.Value, err error, tolerated bool) error {
	var e *templating.Error
	if !errors.As(err, &e) {
		e = &templating.Error{Message: err.Error()}
	}
	c.problem(v.At(e.Offset), source.BadText, e.Hint, "%s", e.Message)
	if tolerated {
		last := &c.problems[len(c.problems)-1]
		last.Warning = true
		last.Message += ": it is an error to get here in a run"
	}
	return &textError{v.At(e.Offset), e}
}

// notes are templating's warnings, at their places. A lower-case true in an assert
// is about what the workflow means, so it gets a hint of ours (spec §6.6).
func (c *compiler) notes(v source.Value, notes []templating.Note) {
	for _, n := range notes {
		if n.Code == templating.NoteLiteral {
			n.Hint = literalHint(n.Hint)
		}
		c.warn(v.At(n.Offset), source.CodeOf(n.Code), n.Hint, "%s", n.Message)
		c.problems[len(c.problems)-1].Fix = fixOf(v, n)
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
	g := &check{typ: "if", text: t.S, said: bare(t.S), pos: t.Pos}
	switch data := t.Value.Data.(type) {
	case nil, string:
		c.decides(g, asValue(t), templating.If)
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
	if len(texts) == 0 {
		return nil
	}
	list := make([]check, 0, len(texts))
	for _, t := range texts {
		list = append(list, check{typ: "expect", text: t.S, said: bare(t.S), pos: t.Pos})
		c.decides(&list[len(list)-1], asValue(t), templating.AlertAssert)
	}
	return list
}

// decides makes k ask the condition v.
func (c *compiler) decides(k *check, v source.Value, form templating.Form) {
	e, err := c.expr(v, form)
	k.expr, k.at = e, v
	if err != nil {
		k.decide = func(context.Context, *frame) (verdict, error) { return verdict{}, err }
	}
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
