package lint

import (
	"strings"

	"tocsin/templating"
	"tocsin/workflows"
	"tocsin/workflows/source"
)

// A text is a template or condition of the workflow, and what is known about it.
type text struct {
	step  *workflows.Step // nil: a constant, which any step may read
	role  role
	key   string // of a parameter: its name
	value source.Value
	refs  []templating.Ref
	expr  *templating.Expr // of a condition
	form  templating.Form
	fires bool // of an assert: when it holds
	inner bool // it has sections, in which names may be those of an item
}

// A role is what a text is for.
type role uint8

const (
	parameter role = iota
	constant
	variable
	shortName // an alias
	guard     // if
	assertion
	limit // a value or limit of another condition
	expectation
	loop
	enrichment
	configuration
	resolution // a parameter of on_resolve
)

// at is the place of a path in the text.
func (t *text) at(r templating.Ref) source.Pos { return t.value.At(r.Offset) }

// A reader gathers the texts of a workflow.
type reader struct {
	*checker
	lang templating.Language
	told map[source.Pos]bool // steps of escalations that were read
}

func (r reader) workflow() {
	r.data(text{role: constant}, r.w.Consts)
	for _, s := range r.steps() {
		r.step(s)
	}
}

func (r reader) step(s *workflows.Step) {
	r.condition(text{step: s, role: guard, form: templating.If}, s.If.Value)
	for _, p := range s.Conditions {
		r.part(s, p)
	}
	for _, e := range s.Expect {
		r.condition(text{step: s, role: expectation, form: templating.AlertAssert}, e.Value)
	}
	r.loop(s)
	r.data(text{step: s, role: variable}, s.Vars)
	r.data(text{step: s, role: shortName}, s.Aliases)
	if m, ok := s.With.Data.(source.Map); ok {
		for _, e := range m {
			r.data(text{step: s, role: parameter, key: e.Key}, e.Value)
		}
	}
	for _, e := range s.Enrich {
		r.data(text{step: s, role: enrichment}, e.Key.Value)
		r.data(text{step: s, role: enrichment}, e.Value.Value)
	}
	r.data(text{step: s, role: configuration}, s.Config)
	r.notices(s)
}

// notices are the texts of who is told of an alert that lasts. What the workflow says,
// each of its actions has.
func (r reader) notices(s *workflows.Step) {
	r.data(text{step: s, role: resolution}, s.OnResolve)
	if s.Notify == nil {
		return
	}
	r.data(text{step: s, role: variable}, s.Notify.Key.Value)
	told := []workflows.Telling{}
	if s.Notify.Fallback != nil {
		told = append(told, *s.Notify.Fallback)
	}
	for _, e := range s.Notify.Escalate {
		told = append(told, e.Tell...)
	}
	for _, t := range told {
		if t.Step != nil && !r.told[t.Step.Pos] {
			r.told[t.Step.Pos] = true
			r.step(t.Step)
		}
	}
}

func (r reader) part(s *workflows.Step, p workflows.Part) {
	m, _ := p.With.Data.(source.Map)
	for _, e := range m {
		t := text{step: s, role: limit}
		if p.Type.S != "assert" || e.Key != "assert" {
			r.data(t, e.Value)
			continue
		}
		t.role = assertion
		t.form, t.fires = r.reading(m)
		r.condition(t, e.Value)
	}
}

// reading is how an assert is read and whether it fires when it holds
// (design/decisions.md, "assert").
func (r reader) reading(m source.Map) (form templating.Form, fires bool) {
	said, explicit := m.Get("fires")
	switch {
	case explicit:
		return templating.AlertAssert, said.Data == "on_success"
	case r.w.Form == workflows.AlertForm:
		return templating.AlertAssert, false
	}
	return templating.Assert, true
}

// condition adds t with the condition v.
func (r reader) condition(t text, v source.Value) {
	s, ok := v.Data.(string)
	if !ok {
		return
	}
	e, err := r.lang.ParseExpr(s, t.form)
	if err != nil {
		r.unread = append(r.unread, s)
		return
	}
	t.value, t.expr, t.refs, t.inner = v, e, e.Refs(), e.Sections()
	r.texts = append(r.texts, t)
}

// data adds the texts in v.
func (r reader) data(t text, v source.Value) {
	switch d := v.Data.(type) {
	case string:
		r.template(t, v, d, 0)
	case source.Map:
		for _, e := range d {
			r.data(t, e.Value)
		}
	case []source.Value:
		for _, item := range d {
			r.data(t, item)
		}
	}
}

// template adds t with the text s, which begins by so many bytes before v.
func (r reader) template(t text, v source.Value, s string, before int) {
	p, err := r.lang.Parse(s)
	if err != nil {
		r.unread = append(r.unread, s)
		return
	}
	if p.Constant() {
		return
	}
	t.value, t.refs, t.inner = v, p.Refs(), p.Sections()
	for i := range t.refs {
		t.refs[i].Offset -= before
	}
	r.texts = append(r.texts, t)
}

// loop adds what a foreach goes over: paths with && between them, the braces of which
// may be left out (spec §7.3).
func (r reader) loop(s *workflows.Step) {
	v := s.Foreach.Value
	whole, ok := v.Data.(string)
	if !ok {
		return
	}
	at := 0
	for _, part := range strings.SplitAfter(whole, "&&") {
		bare := strings.TrimSuffix(part, "&&")
		path := strings.TrimSpace(bare)
		start := at + strings.Index(bare, path)
		at += len(part)
		if strings.Contains(path, "{{") {
			r.template(text{step: s, role: loop}, v, path, -start)
		} else if path != "" {
			r.template(text{step: s, role: loop}, v, "{{ "+path+" }}", len("{{ ")-start)
		}
	}
}
