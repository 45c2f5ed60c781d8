package workflows

import (
	"fmt"
	"slices"

	"tocsin/workflows/source"
)

// part reads v, which is of one of the types that t lists: t has the keys that all
// of them have, the rest goes into With for whoever implements the type. Keys that
// the type does not have are reported and left out.
func (r *reader) part(t *table[Part], v source.Value) (Part, bool) {
	m, ok := r.mapping(v, t.what)
	if !ok {
		return Part{}, false
	}
	k, ok := r.kindOf(t, m, v.Pos)
	if !ok {
		return Part{}, false
	}
	p := Part{Pos: v.Pos}
	all := joined{t, k}
	own := make(source.Map, 0, t.others(m))
	var seen []string
	for i := range m {
		e := &m[i]
		seen = append(seen, e.Key)
		switch row := findRow(k, e.Key); {
		case t.find(e.Key) >= 0:
			t.readEntry(r, t.what, m, e, &p)
		case row == nil && k.open:
			own = append(own, *e)
		case row == nil && k.spelt[e.Key] != "":
			own = append(own, r.respelt(k, e))
		case row == nil:
			seen = append(seen, r.unknown(all, all.what(), m, e))
		case r.checkEntry(row, e):
			own = append(own, *e)
		}
	}
	for row := range all.each {
		if row.required && !slices.Contains(seen, row.name) {
			r.missing(all.what(), row, v.Pos)
		}
	}
	if p.With.Data == nil {
		p.With = source.Value{Pos: v.Pos, Data: own}
	}
	return p, true
}

// others is how many keys m has besides those of t.
func (t *table[T]) others(m source.Map) int {
	n := 0
	for i := range m {
		if t.find(m[i].Key) < 0 {
			n++
		}
	}
	return n
}

// kindOf is the type that m says it is of.
func (r *reader) kindOf(t *table[Part], m source.Map, pos source.Pos) (*kind, bool) {
	v, ok := m.Get("type")
	if !ok || v.Data == nil {
		r.noType(t, m, pos)
		return nil, false
	}
	name := text(v).S
	if k := findKind(t.kinds, name); k != nil && scalar(v) {
		return k, true
	}
	hint := types(t.kinds)
	near := source.Nearest(name, kindNames(t.kinds))
	switch {
	case near != "":
		hint = fmt.Sprintf("did you mean %q?", near)
	case t.tolerated && scalar(v):
		return &kind{name, rows{head: head{open: true}}}, true
	}
	r.problem(v.Pos, source.UnknownType, hint, "no %s of type %q", t.what, name)
	return nil, false
}

// respelt is an entry whose key means another: under "on" for whoever reads it.
func (r *reader) respelt(k *kind, e *source.Entry) source.Entry {
	name := k.spelt[e.Key]
	r.warn(e.Pos, source.OldSpelling, "write "+name, "\"on\" is read as %q here, and ignored by Keep", name)
	r.checkEntry(findRow(k, name), e)
	return source.Entry{Key: "on", Pos: e.Pos, Value: e.Value}
}

// noType reports a part without a type, or the key that was meant to be it.
func (r *reader) noType(t *table[Part], m source.Map, pos source.Pos) {
	for _, e := range m {
		if source.Nearest(e.Key, []string{"type"}) != "" {
			r.problem(e.Pos, source.UnknownKey, `did you mean "type"?`, "unknown key %q", e.Key)
			return
		}
	}
	r.problem(pos, source.MissingKey, types(t.kinds), "this %s has no %q", t.what, "type")
}

// joined is the keys that all types of a part have, and those of one type.
type joined struct {
	common *table[Part]
	own    *kind
}

func (j joined) about() *head { return j.own.about() }
func (j joined) what() string { return j.own.name + " " + j.common.what }

func (j joined) each(yield func(*row) bool) {
	more := true
	j.common.each(func(k *row) bool { more = yield(k); return more })
	if more {
		j.own.each(yield)
	}
}

// checkEntry reports whether e is a value that k takes, and looks below it.
func (r *reader) checkEntry(k *row, e *source.Entry) bool {
	if e.Value.Data == nil {
		r.empty(k, e)
		return !k.required
	}
	if !r.accepts(k, e.Value) {
		return false
	}
	if k.below == nil {
		return true
	}
	if items, ok := e.Value.Data.([]source.Value); ok {
		for _, item := range items {
			r.checkMapping(k.below, item)
		}
		return true
	}
	r.checkMapping(k.below, e.Value)
	return true
}

// checkMapping checks a mapping that somebody else reads.
func (r *reader) checkMapping(l level, v source.Value) {
	what := l.about().what
	m, ok := r.mapping(v, what)
	if !ok {
		return
	}
	var seen []string
	for i := range m {
		seen = append(seen, m[i].Key)
		if k := findRow(l, m[i].Key); k != nil {
			r.checkEntry(k, &m[i])
			continue
		}
		seen = append(seen, r.unknown(l, what, m, &m[i]))
	}
	for k := range l.each {
		if k.required && !slices.Contains(seen, k.name) {
			r.missing(what, k, v.Pos)
			r.problems[len(r.problems)-1].Warning = l.about().partial
		}
	}
}

// readType reads the type of a part.
func readType(_ *reader, p *Part, v source.Value) { p.Type = text(v) }
