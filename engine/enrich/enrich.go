// Package enrich adds fields to alerts that come in, by rules that somebody gave the
// server: an Extraction takes them out of a text of the alert, a Mapping looks them up in
// a table. It reads rules and alerts and changes neither store nor network: what is added
// comes back as data.
//
// The rules are Keep's, and run in its order: extractions with Pre before a delivery is
// read as alerts, then, of each alert, the other extractions and the mappings, those of
// higher priority first. A later rule sees what an earlier one added. Start reading at
// Rules, then extraction.go and mapping.go.
package enrich

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"tocsin/engine"
	"tocsin/templating"
	"tocsin/templating/value"
)

// Rules are ready to be applied. They never change and may be used by many goroutines.
// nil has none.
type Rules struct {
	before   []*extraction
	after    []*extraction
	mappings []*mapping
}

// An Addition is what one rule adds to an alert.
type Addition struct {
	Rule   string // `mapping rule "teams"`
	Fields []engine.Field
}

// New prepares rules; what is disabled is left out. The error says what is wrong with each
// that cannot be used, and the others are there beside it.
func New(extractions []Extraction, mappings []Mapping) (*Rules, error) {
	r := &Rules{}
	var wrong []error
	for _, given := range byPriority(extractions, func(x Extraction) (int, int64) { return x.Priority, x.ID }) {
		x, err := given.prepare()
		switch {
		case err != nil:
			wrong = append(wrong, fmt.Errorf("extraction rule %q: %w", given.Name, err))
		case given.Disabled:
		case given.Pre:
			r.before = append(r.before, x)
		default:
			r.after = append(r.after, x)
		}
	}
	for _, given := range byPriority(mappings, func(m Mapping) (int, int64) { return m.Priority, m.ID }) {
		m, err := given.prepare()
		switch {
		case err != nil:
			wrong = append(wrong, fmt.Errorf("mapping rule %q: %w", given.Name, err))
		case !given.Disabled:
			r.mappings = append(r.mappings, m)
		}
	}
	return r, errors.Join(wrong...)
}

// byPriority sorts rules: higher priority first, of the same the older first.
func byPriority[T any](list []T, of func(T) (priority int, id int64)) []T {
	sorted := slices.Clone(list)
	slices.SortStableFunc(sorted, func(a, b T) int {
		pa, ia := of(a)
		pb, ib := of(b)
		return cmp.Or(cmp.Compare(pb, pa), cmp.Compare(ia, ib))
	})
	return sorted
}

// Early says that there are rules for Before.
func (r *Rules) Early() bool { return r != nil && len(r.before) > 0 }

// Before adds fields to an object of a delivery, before it is read as alerts.
func (r *Rules) Before(delivered *value.Map) {
	if r == nil {
		return
	}
	s := subject{seen: delivered, whole: true}
	for _, x := range r.before {
		s.take(x.fields(&s))
	}
}

// Add is what the rules add to an alert, a rule after the other. The alert, which is
// normalised (engine.NormalizeAlert), is not changed.
//
// A field that the alert says itself is overridden for this alert only
// (engine.Field.Disposable); others stay with the alert's fingerprint, as in Keep, until
// a rule says otherwise.
func (r *Rules) Add(alert *value.Map) []Addition {
	if r == nil || len(r.after)+len(r.mappings) == 0 {
		return nil
	}
	s := subject{alert: alert, seen: alert}
	var all []Addition
	add := func(kind, name string, fields []value.Entry) {
		if taken := s.take(fields); len(taken) > 0 {
			all = append(all, Addition{Rule: fmt.Sprintf("%s rule %q", kind, name), Fields: taken})
		}
	}
	for _, x := range r.after {
		add("extraction", x.Name, x.fields(&s))
	}
	for _, m := range r.mappings {
		add("mapping", m.Name, m.fields(&s))
	}
	return all
}

// A subject is what rules are applied to.
type subject struct {
	alert *value.Map // as it came; nil: it is no alert yet
	seen  *value.Map // with what was added
	own   bool       // seen is not alert any more
	whole bool       // what is added goes into seen itself
	scope *templating.Scope
}

// take adds fields, and returns those that may be added.
func (s *subject) take(fields []value.Entry) (taken []engine.Field) {
	for _, f := range fields {
		v, ok := s.fit(f)
		if !ok {
			continue
		}
		if !s.own && !s.whole {
			s.seen, s.own = s.alert.Clone(), true
		}
		s.seen.Set(f.Key, v)
		if s.scope != nil {
			s.scope.Data[f.Key] = v
		}
		had, _ := s.alert.Get(f.Key)
		taken = append(taken, engine.Field{Key: f.Key, Value: v, Disposable: had != nil})
	}
	return taken
}

// fit is the value of a field as alerts have it; false: a rule does not set it.
func (s *subject) fit(f value.Entry) (any, bool) {
	switch {
	case f.Key == "source":
		return nil, false
	case s.whole:
		return f.Value, true
	case slices.Contains(fixed, f.Key):
		return nil, false
	case f.Value == "":
		had, _ := s.seen.Get(f.Key)
		return "", had == nil // an empty cell takes nothing away
	case f.Key == "severity":
		return severity(f.Value)
	case f.Key == "status":
		return status(f.Value)
	}
	return f.Value, true
}

// data is what texts and conditions see.
func (s *subject) data() *templating.Scope {
	if s.scope == nil {
		s.scope = &templating.Scope{Data: make(map[string]any, s.seen.Len())}
		for k, v := range s.seen.All() {
			s.scope.Data[k] = v
		}
	}
	return s.scope
}
