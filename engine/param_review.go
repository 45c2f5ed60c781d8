package engine

import (
	"slices"
	"strings"

	"tocsin/workflows/source"
)

// review has the provider say what is wrong with parameters of which all is known: what
// a call would end with is found before anything is sent.
func (c *compiler) review(s *step) {
	if s.op == nil || s.op.Review == nil || s.Config.Data != nil {
		return
	}
	if slices.ContainsFunc(c.problems, func(p source.Problem) bool { return !p.Warning && within(s.With, p.Pos) }) {
		return // said already
	}
	if err := s.op.Review(s.provider.Type, s.with.value); err != nil {
		c.problem(about(s.with.value, err.Error()), source.BadValue, "", "%s: %v", s.provider.Type, err)
	}
}

// within says that a place is in what v holds, or in front of it on its line.
func within(v source.Value, at source.Pos) bool {
	m, _ := v.Data.(source.Map)
	return slices.ContainsFunc(m, func(e source.Entry) bool { return e.Pos == at || e.Value.Pos == at || within(e.Value, at) })
}

// about is the place of the parameter that a text begins with, else that of all of them.
func about(with source.Value, text string) source.Pos {
	name := text[:strings.IndexFunc(text+" ", func(r rune) bool { return r != '_' && (r < '0' || r > '9') && (r < 'a' || r > 'z') })]
	if v, ok := with.Data.(source.Map).Get(name); ok && v.Pos.Line > 0 {
		return v.Pos
	}
	return with.Pos
}
