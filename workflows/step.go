package workflows

import (
	"cmp"
	"fmt"
	"slices"

	"tocsin/workflows/source"
)

// steps reads a list of steps or actions. Those that extend a shared action of the
// file are merged with it.
func (r *reader) steps(kind Kind, v source.Value) []*Step {
	items := v.Data.([]source.Value)
	list := make([]*Step, 0, len(items))
	for _, item := range items {
		if s := r.step(kind, item); s != nil {
			list = append(list, s)
		}
	}
	return list
}

// step reads one, or returns nil where v is no mapping.
func (r *reader) step(kind Kind, v source.Value) *Step {
	use := usedBy(kind, v)
	if base, ok := r.shared[use]; ok && use != "" {
		v, use = merge(v, base), ""
	}
	s := written(kind, v)
	r.partial = use != "" // the engine may know an action of that name
	ok := stepTable.readAs(r, string(kind), v, s)
	r.partial = false
	if !ok {
		return nil
	}
	r.checkStep(s)
	s.Use = use
	return s
}

// sharedAction reads an action that others extend, which need not be complete.
func (r *reader) sharedAction(v source.Value) *Step {
	s := written(Notify, v)
	r.partial = true
	ok := stepTable.readAs(r, string(Notify), v, s)
	r.partial = false
	if !ok {
		return nil
	}
	return s
}

// usedBy is the name of the action that v extends; only actions can.
func usedBy(kind Kind, v source.Value) string {
	m, _ := v.Data.(source.Map)
	use, ok := m.Get("use")
	if kind != Notify || !ok || !scalar(use) {
		return ""
	}
	return text(use).S
}

// checkStep reports what no key can see on its own.
func (r *reader) checkStep(s *Step) {
	m := s.written.Data.(source.Map)
	if use, ok := m.Get("use"); ok && s.Kind == Query {
		r.warn(use.Pos, source.MisplacedKey, "only actions extend others", "\"use\" is ignored in a step")
	}
	if p, ok := m.Get("parallel"); ok && s.Foreach.Pos == (source.Pos{}) {
		r.warn(p.Pos, source.NoEffect, "write foreach with it", "\"parallel\" does nothing without \"foreach\"")
		r.fix(s.written.Remove(entry(m, "parallel"), "remove parallel, which does nothing"))
	}
	for _, key := range []string{"notify", "on_resolve"} {
		if v, ok := m.Get(key); ok && s.Kind == Query {
			r.warn(v.Pos, source.MisplacedKey, "it belongs in an action", "%q is ignored in a step, which tells nobody", key)
		}
	}
	r.checkRetry(s, m)
}

// checkRetry: retry may be written in three places, but only in one at once.
func (r *reader) checkRetry(s *Step, m source.Map) {
	var places []source.Pos
	for _, v := range []source.Value{
		get(m, "retry"), get(m, "on-failure", "retry"), get(m, "provider", "on-failure", "retry"),
	} {
		if v.Data != nil {
			places = append(places, v.Pos)
		}
	}
	if len(places) < 2 {
		return
	}
	slices.SortFunc(places, func(a, b source.Pos) int { return cmp.Compare(a.Line, b.Line) })
	hint := fmt.Sprintf("keep one of them; the other is in line %d", places[0].Line)
	r.problem(places[1], source.RetryTwice, hint, "this %s has two retries", s.Kind)
}

// entry is the entry of a key that m has.
func entry(m source.Map, key string) source.Entry {
	return m[slices.IndexFunc(m, func(e source.Entry) bool { return e.Key == key })]
}

// get follows keys into mappings; the zero Value where one is not there.
func get(m source.Map, keys ...string) source.Value {
	var v source.Value
	for _, key := range keys {
		v, _ = m.Get(key)
		m, _ = v.Data.(source.Map)
	}
	return v
}
