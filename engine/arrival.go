package engine

import (
	"context"
	"time"

	"tocsin/templating"
	"tocsin/templating/value"
)

// An Arrival is an alert or incident that came in.
type Arrival struct {
	Kind     string         // "alert", "incident", or the provider type of a subscription
	Event    string         // what happened to an incident: "created", "updated", "deleted"
	Fields   map[string]any // of the alert or incident, as they came
	Previous map[string]any // the alert before this one with its fingerprint; nil: there was none
	Now      time.Time      // when it came in

	read *event
}

// Prepared is a with its fields read, so that asking many programs about it does not
// read them again. The error says what is wrong with the alert, which starts nothing
// then.
func (a Arrival) Prepared() (Arrival, error) {
	a.read = a.event()
	return a, a.read.err
}

// An event is an arrival as triggers see it.
type event struct {
	kind, name string
	fields     *value.Map // normalised (spec §3.3, §3.4)
	previous   *value.Map // nil: there was none
	scope      templating.Scope
	keep       templating.Scope // where severity is its number
	err        error
}

func (a Arrival) event() *event {
	if a.read != nil {
		return a.read
	}
	e := &event{kind: a.Kind, name: a.Event}
	if a.Kind == "incident" {
		e.fields, e.err = mapOf(NormalizeIncident(a.Fields, a.Now, a.Event))
		return e
	}
	if e.fields, e.err = mapOf(NormalizeAlert(a.Fields, a.Now, a.Event)); e.err != nil {
		return e
	}
	if a.Previous != nil {
		e.previous, e.err = mapOf(NormalizeAlert(a.Previous, a.Now, a.Event))
	}
	e.scopes()
	return e
}

func mapOf(o value.Object, err error) (*value.Map, error) { return o.Map, err }

// scopes make the fields visible to conditions in CEL (spec §2.3, step 6).
func (e *event) scopes() {
	ours := make(map[string]any, e.fields.Len())
	for k, v := range e.fields.All() {
		ours[k] = v
	}
	// One source may come as a text.
	if s, ok := ours["source"].(string); ok {
		ours["source"] = []any{s}
	}
	keep := make(map[string]any, len(ours))
	for k, v := range ours {
		keep[k] = v
	}
	keep["severity"], _ = templating.SeverityRank(text(e.fields, "severity"))
	e.scope, e.keep = templating.Scope{Data: ours}, templating.Scope{Data: keep}
}

// get is the field that path leads to.
func (e *event) get(path []string) (any, bool) {
	v, ok := e.scope.Data[path[0]]
	if !ok || len(path) == 1 {
		return v, ok
	}
	return lookup(v, path[1:])
}

// severityChange is what the alert's severity was before and where it went:
// "increased" or "decreased"; "" where it is the same, or there was no alert before.
func (e *event) severityChange() (previous, change string) {
	was, now := text(e.previous, "severity"), text(e.fields, "severity")
	before, _ := templating.SeverityRank(was)
	after, _ := templating.SeverityRank(now)
	switch {
	case e.previous == nil || after == before:
		return "", ""
	case after > before:
		return was, "increased"
	}
	return was, "decreased"
}

// decide evaluates a condition about e. What cannot be evaluated does not hold.
func (e *event) decide(cel *templating.Expr, keep bool) bool {
	held, err := cel.Bool(context.Background(), e.seen(keep))
	return err == nil && held
}

func (e *event) seen(keep bool) *templating.Scope {
	if keep {
		return &e.keep
	}
	return &e.scope
}
