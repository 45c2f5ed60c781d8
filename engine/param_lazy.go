package engine

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"tocsin/templating"
	"tocsin/templating/value"
	"tocsin/workflows/schema"
	"tocsin/workflows/source"
)

// syntax prepares a text that is more to its provider than a text: a condition that
// the provider decides, a condition in CEL.
func (c *compiler) syntax(v source.Value, syntax string) param {
	text, ok := v.Data.(string)
	if !ok || strings.TrimSpace(text) == "" {
		return param{value: v}
	}
	if syntax == "cel" {
		return c.query(v)
	}
	form := templating.AlertAssert
	if c.lang.Keep {
		form = templating.Assert // what cannot be evaluated does not hold (spec §7.10)
	}
	e, err := c.expr(v, form)
	if err != nil {
		return param{value: v, kind: wrong, err: err}
	}
	return param{value: v, kind: decision, expr: e}
}

// query prepares a condition in CEL. Without templates it is checked here.
func (c *compiler) query(v source.Value) param {
	t, err := c.template(v)
	if err != nil {
		return param{value: v, kind: wrong, err: err}
	}
	if !t.Constant() {
		return param{value: v, kind: query, text: t}
	}
	if _, err := c.lang.ParseCEL(v.Data.(string)); err != nil {
		return param{value: v, kind: wrong, err: c.badText(v, err, false)}
	}
	return param{value: v}
}

// choices finds the texts within a lazy parameter that are a choice: a ? b : c (spec
// §7.10). Other texts with these signs stay texts.
func (c *compiler) choices(p *param) {
	switch data := p.value.Data.(type) {
	case string:
		if strings.Contains(data, "?") && strings.Contains(data, ":") {
			c.choice(p, data)
		}
	case source.Map:
		c.choicesIn(p, mapped, len(data), func(i int) source.Value { return data[i].Value })
	case []source.Value:
		c.choicesIn(p, listed, len(data), func(i int) source.Value { return data[i] })
	}
}

func (c *compiler) choicesIn(p *param, kind paramKind, n int, item func(int) source.Value) {
	below := p.below
	if below == nil {
		below = make([]param, n)
		for i := range below {
			below[i].value = item(i)
		}
	}
	for i := range below {
		if c.choices(&below[i]); below[i].kind != constant {
			p.kind, p.below = kind, below
		}
	}
}

func (c *compiler) choice(p *param, text string) {
	e, err := c.lang.ParseTernary(text)
	if err != nil {
		return
	}
	if p.text == nil {
		if p.text, err = c.lang.Parse(text); err != nil {
			return
		}
		p.kind = textual
	}
	c.notes(p.value, e.Notes())
	p.expr = e
}

// chosen is what the choice gives, or where that is not to be told, the text itself.
func (p *param) chosen(ctx context.Context, s *templating.Scope, text any) any {
	v, err := p.expr.Value(ctx, s)
	if err != nil {
		return text
	}
	return v
}

func (p *param) renderQuery(ctx context.Context, s *templating.Scope) (source.Value, error) {
	text, err := p.text.RenderCEL(ctx, s)
	if err != nil {
		return source.Value{}, &textError{where(p.value, err), err}
	}
	return source.Value{Pos: p.value.Pos, Data: text}, nil
}

// later is a parameter that the provider renders, with more names to see. What the
// run has found out by now is what it goes on to see.
func (p *param) later(ctx context.Context, s *templating.Scope) schema.Lazy {
	seen := *s
	seen.Data = maps.Clone(s.Data)
	return func(more map[string]any) (any, error) {
		if ctx.Err() != nil {
			return nil, stopped(ctx, nil)
		}
		v, err := p.below[0].render(ctx, widened(&seen, more))
		if err != nil {
			return nil, fmt.Errorf("%v: %w", p.value.Pos, err)
		}
		return v.Plain(), nil
	}
}

// decide is a condition that the provider decides, as later is a text.
func (p *param) decide(ctx context.Context, s *templating.Scope) schema.Condition {
	seen := *s
	seen.Data = maps.Clone(s.Data)
	return func(more map[string]any) (bool, error) {
		if ctx.Err() != nil {
			return false, stopped(ctx, nil)
		}
		held, err := p.expr.Bool(ctx, widened(&seen, more))
		if err != nil {
			return false, fmt.Errorf("%v: %w", where(p.value, err), err)
		}
		return held, nil
	}
}

// widened is s with more names, which win.
func widened(s *templating.Scope, more map[string]any) *templating.Scope {
	own := *s
	own.Data = make(map[string]any, len(s.Data)+len(more))
	maps.Copy(own.Data, s.Data)
	for k, v := range more {
		own.Data[k] = value.Of(v)
	}
	return &own
}

// plainOf is with as it is shown and remembered: what the provider renders itself
// stands there as it was written.
func (p *param) plainOf(with source.Value) any {
	m, _ := with.Data.(source.Map)
	if !slices.ContainsFunc(m, func(e source.Entry) bool { return !known(e.Value) }) {
		return with.Plain()
	}
	written, _ := p.value.Data.(source.Map)
	out := value.NewMap(len(m))
	for _, e := range m {
		if !known(e.Value) {
			e.Value, _ = written.Get(e.Key)
		}
		out.Set(e.Key, e.Value.Plain())
	}
	return out
}
