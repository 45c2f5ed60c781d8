package engine

import (
	"errors"

	"tocsin/templating/value"
	"tocsin/workflows"
)

// A past is what is known of a run from before it was cut off. Steps run in the same
// order each time, so that the n-th step of the past is the n-th step now.
type past struct {
	start   *Event // the run began
	over    bool   // and ended
	records []record
	next    int
}

// A record is what is known of one step.
type record struct {
	name   string
	kind   workflows.Kind
	events []Event // between its start and its end
	end    *Event  // its closing event; nil: it was under way
}

// newPast sorts events by step. What was interrupted counts as under way.
func newPast(events []Event) past {
	var p past
	for i, e := range events {
		switch e.Action {
		case RunStarted:
			p.start = &events[i]
		case RunEnded:
			p.over = e.Status != Canceled
		case StepStarted:
			p.records = append(p.records, record{name: e.Step, kind: e.Kind})
		default:
			p.add(&events[i])
		}
	}
	return p
}

func (p *past) add(e *Event) {
	if len(p.records) == 0 {
		return
	}
	last := &p.records[len(p.records)-1]
	switch {
	case e.Status == Canceled:
	case e.Action == StepEnded:
		last.end = e
	default:
		last.events = append(last.events, *e)
	}
}

// begin is what is known of s, which runs next; nil: nothing.
func (p *past) begin(s *step) *record {
	if p.next >= len(p.records) {
		return nil
	}
	r := &p.records[p.next]
	if r.name != s.Name || r.kind != s.Kind {
		p.next = len(p.records) // the workflow is another: the rest says nothing
		return nil
	}
	p.next++
	return r
}

// item is the closing event of an item that ended.
func (r *record) item(n int) (Event, bool) {
	if r == nil {
		return Event{}, false
	}
	for _, e := range r.events {
		if e.Action == ItemEnded && e.Item == n {
			return e, true
		}
	}
	return Event{}, false
}

// recall does what a step that ended did to the run: its results, the names of its
// conditions, its enrichments.
func (r *run) recall(s *step, entry *value.Map, before *record) Event {
	f := r.frame(s, entry)
	r.fold(s, &Event{Action: StepStarted, Time: before.end.Time.Add(-before.end.Duration)})
	for i := range before.events {
		f.relive(&before.events[i])
		r.relearn(s, &before.events[i], before.end.Status == Done)
	}
	end := r.fold(s, before.end)
	if end.Output != nil {
		entry.Set("results", value.Of(end.Output))
	}
	if end.Status == Done {
		r.steps.Set("this", entry)
	}
	return end
}

// recall does what an item that ended did to the run.
func (f *frame) recall(before *record, end Event) Event {
	for i := range before.events {
		if e := &before.events[i]; e.Item == f.item && e.Action != ItemEnded {
			f.relive(e)
			f.relearn(f.s, e, end.Status == Done)
		}
	}
	end.Output = value.Of(end.Output)
	return f.fold(f.s, &end)
}

// fold adds an event of the past to the result. Nobody observes it again.
func (r *run) fold(s *step, past *Event) Event {
	e := *past
	e.Step, e.Kind, e.Pos, e.Provider = s.Name, s.Kind, s.Pos, s.Provider.S
	e.Run, e.Workflow = r.in.Run, r.p.workflow.ID
	if err := e.failure(); err != nil && e.Err == nil {
		e.Err = &StepError{Pos: s.Pos, Step: s.Name, Attempt: e.Attempt, Err: errors.New(e.Reason)}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.result.Add(e)
	return e
}

// relive does what an event of the past did to what later texts see.
func (f *frame) relive(e *Event) {
	switch {
	case e.Action == Calling:
		f.entry.Set("provider_parameters", value.Of(e.With))
	case e.Action == Enriched:
		f.remember(fieldsOf(e.With))
	case e.Action == Condition && e.Check != nil:
		f.recallCondition(e.Check)
	}
	f.fold(f.s, e)
}

func (f *frame) recallCondition(c *Check) {
	for i := range f.s.conditions {
		if k := &f.s.conditions[i]; k.name == c.Name && c.Error == "" {
			f.record(k, c, verdict{held: c.Held, value: c.Value, against: c.Against, level: c.Level})
		}
	}
}
