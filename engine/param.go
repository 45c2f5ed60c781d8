package engine

import (
	"context"
	"slices"
	"time"

	"tocsin/templating"
	"tocsin/templating/value"
	"tocsin/workflows"
	"tocsin/workflows/schema"
	"tocsin/workflows/source"
)

// A param is a value of a document, ready to be rendered: what has no text to render
// is passed on as it was written.
type param struct {
	value source.Value // as written
	kind  paramKind
	typed bool // what the text gives keeps its type
	text  *templating.Template
	expr  *templating.Expr // of a decision, or the choice that a lazy text is; else nil
	below []param          // of a list or mapping
	spare *spare
	err   error

	evaluation *evaluation
}

type paramKind uint8

const (
	constant paramKind = iota
	textual
	listed
	mapped
	deferred  // {key, default, safe}
	lazy      // the provider renders it itself
	decision  // the provider decides it itself
	query     // CEL: what is rendered into it is data
	evaluated // the provider evaluates it, over names of its own
	wrong     // rendering it is an error
)

// A spare is what a deferred parameter falls back to (spec §1.5).
type spare struct {
	text string
	safe bool // a missing path is an error
}

// param prepares v for a field that takes typ. Templates render to text; where the
// field takes something else, what a template reads keeps its type.
func (c *compiler) param(v source.Value, typ schema.Type) param {
	switch data := v.Data.(type) {
	case string:
		t, err := c.template(v)
		switch {
		case err != nil:
			return param{value: v, kind: wrong, err: err}
		case t.Constant():
			return param{value: v}
		}
		return param{value: v, kind: textual, text: t, typed: keepsType(typ)}
	case source.Map:
		return c.group(v, mapped, len(data), func(i int) source.Value { return data[i].Value })
	case []source.Value:
		return c.group(v, listed, len(data), func(i int) source.Value { return data[i] })
	}
	return param{value: v}
}

func keepsType(t schema.Type) bool {
	return t != schema.String && t != schema.Any && t != ""
}

// group prepares the n values in v. It is constant if they all are.
func (c *compiler) group(v source.Value, kind paramKind, n int, item func(int) source.Value) param {
	p := param{value: v}
	for i := range n {
		below := c.param(item(i), schema.Any)
		if below.kind != constant && p.below == nil {
			p.kind, p.below = kind, make([]param, n)
			for j := range i {
				p.below[j].value = item(j)
			}
		}
		if p.below != nil {
			p.below[i] = below
		}
	}
	return p
}

// parameters prepares what the step gives to its provider and checks it against what
// the provider takes.
func (c *compiler) parameters(s *step) {
	written, ok := s.With.Data.(source.Map)
	if !ok && s.With.Data != nil {
		c.problem(s.With.Pos, source.WrongType, "write with: {name: value}", "%q is a mapping of parameters", "with")
		return
	}
	pos := s.With.Pos
	if s.With.Data == nil {
		pos = s.Provider.Pos
	}
	with := source.Value{Pos: pos, Data: c.renamed(s, c.kept(s, written))}
	s.with = c.with(s, with)
	if s.Name == onFailureName {
		with = c.failureMessage(s, with)
	}
	if s.op != nil && s.op.Params != nil {
		c.check(s.op.Params, with, s.provider.Type)
		s.secret = s.takesSecrets(with.Data.(source.Map))
	}
	if s.with.kind == constant {
		s.plain = s.with.value.Plain()
		c.review(s)
	}
}

// with prepares the parameters one by one: each field says whether it wants text.
func (c *compiler) with(s *step, v source.Value) param {
	m := v.Data.(source.Map)
	p := param{value: v}
	for i, e := range m {
		below := c.parameter(s, e)
		if below.kind != constant && p.below == nil {
			p.kind, p.below = mapped, make([]param, len(m))
			for j := range i {
				p.below[j].value = m[j].Value
			}
		}
		if p.below != nil {
			p.below[i] = below
		}
	}
	return p
}

func (c *compiler) parameter(s *step, e source.Entry) param {
	f := s.field(e.Key)
	m, isMap := e.Value.Data.(source.Map)
	switch {
	case hasExpression(f):
		return c.expressive(e.Value, f)
	case f.Syntax != "":
		return c.syntax(e.Value, f.Syntax)
	case f.Lazy:
		p := c.param(e.Value, schema.Any)
		c.choices(&p)
		return param{value: e.Value, kind: lazy, below: []param{p}}
	case isMap && s.Kind == workflows.Query && c.isDeferred(m, f):
		return c.deferred(e.Value, m)
	}
	return c.param(e.Value, f.Type)
}

// field is what the provider says about the parameter of that name.
func (s *step) field(name string) schema.Field {
	if s.op == nil || s.op.Params == nil {
		return schema.Field{}
	}
	f, _ := s.op.Params.Field(name)
	return f
}

// isDeferred says that m is {key: TEXT, default?, safe?} and not a mapping that the
// provider asked for. Keep does not mind what else is in it (spec §11.2 G-15).
func (c *compiler) isDeferred(m source.Map, f schema.Field) bool {
	key, _ := m.Get("key")
	if _, ok := key.Data.(string); !ok || f.Type == schema.Mapping && len(m) == 1 {
		return false
	}
	if c.lang.Keep {
		return keepDefers(m)
	}
	for _, e := range m {
		if e.Key != "key" && e.Key != "default" && e.Key != "safe" {
			return false
		}
	}
	return true
}

// keepDefers says that default and safe are what Keep takes there.
func keepDefers(m source.Map) bool {
	fallback, _ := m.Get("default")
	safe, given := m.Get("safe")
	_, isBool := safe.Data.(bool)
	switch fallback.Data.(type) {
	case nil, string, int64, bool:
		return isBool || !given
	}
	return false
}

func (c *compiler) deferred(v source.Value, m source.Map) param {
	key, _ := m.Get("key")
	fallback, given := m.Get("default")
	safe, _ := m.Get("safe")
	p := param{value: v, kind: deferred, below: []param{c.param(key, schema.String)}, spare: &spare{}}
	p.spare.text = value.Text(fallback.Plain())
	p.spare.safe = given && safe.Data == true
	return p
}

// kept is m without what Keep leaves out of a step's parameters (spec §11.2 G-15):
// numbers with a fraction, dates, nothing.
func (c *compiler) kept(s *step, m source.Map) source.Map {
	if !c.lang.Keep || s.Kind != workflows.Query {
		return m
	}
	return slices.DeleteFunc(slices.Clone(m), func(e source.Entry) bool {
		switch e.Value.Data.(type) {
		case nil, float64, time.Time, value.Date:
			return true
		}
		return false
	})
}

// renamed gives keys that are words of Python the underscore that Keep's providers
// know them by, where the provider has only that name (spec §1.5).
func (c *compiler) renamed(s *step, m source.Map) source.Map {
	if s.op == nil || s.op.Params == nil {
		return m
	}
	for i, e := range m {
		if !slices.Contains(pythonWords, e.Key) {
			continue
		}
		_, plain := s.op.Params.Field(e.Key)
		if _, underscored := s.op.Params.Field(e.Key + "_"); underscored && !plain {
			m = slices.Clone(m)
			m[i].Key += "_"
		}
	}
	if m == nil {
		m = source.Map{}
	}
	return m
}

// pythonWords are the keywords of Python: they cannot name a parameter there.
var pythonWords = []string{
	"and", "as", "assert", "async", "await", "break", "class", "continue", "def", "del", "elif", "else",
	"except", "finally", "for", "from", "global", "if", "import", "in", "is", "lambda", "nonlocal", "not",
	"or", "pass", "raise", "return", "try", "while", "with", "yield", "None", "True", "False",
}

// failureMessage finds the parameter that on-failure's text goes to, and returns v
// with a stand-in for it, so that it is not missed.
func (c *compiler) failureMessage(s *step, v source.Value) source.Value {
	if s.op == nil {
		return v
	}
	s.message = s.op.Message
	if s.message == "" && s.op.Params != nil {
		if _, ok := s.op.Params.Field("message"); ok || s.op.Params.Open() {
			s.message = "message"
		}
	}
	if s.message == "" {
		c.warn(s.Provider.Pos, source.NoMessage, "", "%s has no parameter for the text that says what failed", s.provider.Type)
		return v
	}
	return source.Value{Pos: v.Pos, Data: setEntry(v.Data.(source.Map), s.message, "")}
}

// setEntry is m with key set to a text.
func setEntry(m source.Map, key, text string) source.Map {
	out := make(source.Map, 0, len(m)+1)
	for _, e := range m {
		if e.Key != key {
			out = append(out, e)
		}
	}
	return append(out, source.Entry{Key: key, Value: source.Value{Data: text}})
}

// render is p as the provider gets it. Errors say where the text stands.
func (p *param) render(ctx context.Context, s *templating.Scope) (source.Value, error) {
	switch p.kind {
	case textual:
		return p.renderText(ctx, s)
	case listed:
		return p.renderList(ctx, s)
	case mapped:
		return p.renderMap(ctx, s)
	case deferred:
		return p.renderDeferred(ctx, s)
	case wrong:
		return source.Value{}, p.err
	case lazy:
		return source.Value{Pos: p.value.Pos, Data: p.later(ctx, s)}, nil
	case decision:
		return source.Value{Pos: p.value.Pos, Data: p.decide(ctx, s)}, nil
	case query:
		return p.renderQuery(ctx, s)
	case evaluated:
		return source.Value{Pos: p.value.Pos, Data: p.over(ctx, s)}, nil
	}
	return p.value, nil
}

func (p *param) renderText(ctx context.Context, s *templating.Scope) (source.Value, error) {
	render := p.text.Render
	if p.typed {
		render = p.text.Value
	}
	v, err := render(ctx, s)
	if err != nil {
		return source.Value{}, &textError{where(p.value, err), err}
	}
	if p.expr != nil {
		v = p.chosen(ctx, s, v)
	}
	switch v.(type) {
	case *value.Map, value.Object, []any, value.Tuple:
		out := source.Of(v)
		out.Pos = p.value.Pos
		return out, nil
	}
	return source.Value{Pos: p.value.Pos, Data: v}, nil
}

func (p *param) renderList(ctx context.Context, s *templating.Scope) (source.Value, error) {
	list := make([]source.Value, len(p.below))
	for i := range p.below {
		var err error
		if list[i], err = p.below[i].render(ctx, s); err != nil {
			return source.Value{}, err
		}
	}
	return source.Value{Pos: p.value.Pos, Data: list}, nil
}

func (p *param) renderMap(ctx context.Context, s *templating.Scope) (source.Value, error) {
	written := p.value.Data.(source.Map)
	m := make(source.Map, len(written))
	for i := range written {
		v, err := p.below[i].render(ctx, s)
		if err != nil {
			return source.Value{}, err
		}
		m[i] = source.Entry{Key: written[i].Key, Pos: written[i].Pos, Value: v}
	}
	return source.Value{Pos: p.value.Pos, Data: m}, nil
}

// renderDeferred is the text, or where that is empty, what stands in for it.
func (p *param) renderDeferred(ctx context.Context, s *templating.Scope) (source.Value, error) {
	own := *s
	own.Strict = p.spare.safe
	v, err := p.below[0].render(ctx, &own)
	if err != nil {
		return source.Value{}, err
	}
	if v.Data == "" || v.Data == nil {
		v.Data = p.spare.text
	}
	v.Pos = p.value.Pos
	return v, nil
}
