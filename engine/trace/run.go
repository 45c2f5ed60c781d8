package trace

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"tocsin/engine"
	"tocsin/providers"
	"tocsin/workflows"
)

// A Run makes spans of the events of one run: one for the run, one within it for each
// step and action, one within that for each item of a foreach, and innermost one for each
// attempt at a call. Conditions and the like are marks in them. It is safe for concurrent
// use.
type Run struct {
	t    *Tracer
	id   string
	at   place // the run's own span
	keep bool
	from SpanID // who asked for it

	mu    sync.Mutex
	root  *Span
	step  *Span
	items map[int]*Span // by number, from 1
	calls map[int]*Span // by item; of a step without foreach it is 0
	dry   bool
}

// Run is for the run of that id. in is where whoever asked for it stands; the zero Trace:
// nobody says.
func (t *Tracer) Run(id string, in providers.Trace) *Run {
	r := &Run{t: t, id: id}
	parent, ok := placeOf(in)
	r.at.trace, r.at.span = first(id)
	if ok {
		r.at.trace, r.at.state, r.from = parent.trace, parent.state, parent.span
	}
	if r.keep = t.Config.Sampler.keeps(r.at.trace, parent.flags, ok); r.keep {
		r.at.flags = sampled
	}
	return r
}

// At is where a call for the n-th item stands, or for 0, after the event of its
// beginning. It is for the runner's Trace.
func (r *Run) At(item int) providers.Trace {
	if !r.t.Config.Propagate {
		return providers.Trace{}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	at := r.at
	for _, s := range []*Span{r.calls[item], r.items[item], r.step} {
		if s != nil {
			at.span = s.Span
			break
		}
	}
	return at.header()
}

// Observe learns of an event. The events of a run that was cut off may begin anywhere.
func (r *Run) Observe(e engine.Event) {
	if !r.keep {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.root == nil {
		r.begin(e)
	}
	switch e.Action {
	case engine.RunStarted:
		r.started(e)
	case engine.StepStarted:
		r.leave(e.Time)
		r.stepOf(e)
	case engine.Calling:
		r.call(e)
	case engine.Retrying:
		r.over(e.Item, e.Time, e)
	case engine.ItemEnded:
		r.itemEnded(e)
	case engine.StepEnded:
		r.stepEnded(e)
	case engine.RunEnded:
		r.ended(e)
	case engine.Condition, engine.Noticed, engine.Enriched:
		r.mark(e)
	}
}

// End closes the span of a run that did not close it itself: it was left behind.
func (r *Run) End(res *engine.Result) {
	if !r.keep {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.root != nil {
		r.ended(engine.Event{Time: r.root.Start.Add(res.Duration), Status: res.Status, Reason: res.Reason, Err: res.Err})
	}
}

// span is a new one, within another.
func (r *Run) span(parent SpanID, name string, kind Kind, start time.Time) *Span {
	return &Span{Trace: r.at.trace, Span: r.t.next(), Parent: parent, State: r.at.state, Name: name, Kind: kind, Start: start}
}

// begin opens the span of the run.
func (r *Run) begin(e engine.Event) {
	r.root = r.span(r.from, "RUN "+e.Workflow, Server, e.Time)
	r.root.Span = r.at.span
	r.items, r.calls = map[int]*Span{}, map[int]*Span{}
	r.root.add("cicd.pipeline.name", e.Workflow)
	r.root.add("cicd.pipeline.run.id", r.id)
	r.root.add("cicd.pipeline.action.name", "RUN")
}

func (r *Run) started(e engine.Event) {
	r.dry = e.DryRun
	r.root.add("tocsin.trigger", e.Trigger)
	if e.DryRun {
		r.root.add("tocsin.dry_run", true)
	}
	r.root.place(e)
}

// stepOf is the span of the step that e is about.
func (r *Run) stepOf(e engine.Event) *Span {
	if r.step != nil {
		return r.step
	}
	r.step = r.span(r.root.Span, e.Step, Internal, e.Time)
	r.step.task(r.id+"/"+e.Step, e)
	r.step.place(e)
	return r.step
}

// itemOf is the span of the item that e is about; of a step without foreach, that of the
// step.
func (r *Run) itemOf(e engine.Event) *Span {
	step := r.stepOf(e)
	if e.Item == 0 {
		return step
	}
	s := r.items[e.Item]
	if s == nil {
		s = r.span(step.Span, e.Step, Internal, e.Time.Add(-e.Duration))
		s.task(fmt.Sprintf("%s/%s/%d", r.id, e.Step, e.Item), e)
		s.add("tocsin.item", e.Item)
		r.items[e.Item] = s
	}
	return s
}

// call opens the span of an attempt. Nobody is called in a dry run's actions, nor where
// the message waits (no attempt).
func (r *Run) call(e engine.Event) {
	within := r.itemOf(e)
	if e.Attempt == 0 || r.dry && e.Kind == workflows.Notify {
		return
	}
	r.over(e.Item, e.Time, engine.Event{})
	s := r.span(within.Span, e.Provider+" "+operation(e.Kind), Client, e.Time)
	s.add("tocsin.provider", e.Provider)
	s.add("tocsin.attempt", e.Attempt)
	r.calls[e.Item] = s
}

func operation(k workflows.Kind) string {
	if k == workflows.Notify {
		return "notify"
	}
	return "query"
}

// over closes the span of the attempt for an item, which went as e says.
func (r *Run) over(item int, at time.Time, e engine.Event) {
	s := r.calls[item]
	if s == nil {
		return
	}
	delete(r.calls, item)
	if e.Action == engine.Retrying {
		e.Status = engine.Broken
	}
	if status := statusOf(e.Err); status != 0 {
		s.add("http.response.status_code", status)
	}
	s.judge(e)
	r.close(s, at)
}

// itemEnded closes the span of an item, and of its call. That a check did not hold is
// not the call's fault.
func (r *Run) itemEnded(e engine.Event) {
	s := r.itemOf(e)
	delete(r.items, e.Item)
	r.over(e.Item, e.Time, ofCall(e))
	s.end(e)
	r.close(s, e.Time)
}

func (r *Run) stepEnded(e engine.Event) {
	s := r.stepOf(e)
	r.over(0, e.Time, ofCall(e))
	s.end(e)
	r.leave(e.Time)
}

// ofCall is the end of a step as that of its last call.
func ofCall(e engine.Event) engine.Event {
	if e.Status == engine.Failed {
		return engine.Event{}
	}
	return e
}

// leave closes what is open of a step.
func (r *Run) leave(at time.Time) {
	for item := range r.calls {
		r.over(item, at, engine.Event{})
	}
	for item, s := range r.items {
		delete(r.items, item)
		r.close(s, at)
	}
	if r.step != nil {
		r.close(r.step, at)
		r.step = nil
	}
}

func (r *Run) ended(e engine.Event) {
	r.leave(e.Time)
	r.root.add("cicd.pipeline.result", result(e.Status))
	r.root.judge(e)
	r.close(r.root, e.Time)
	r.root = nil
}

// close hands on a span that is over.
func (r *Run) close(s *Span, at time.Time) {
	if s.End = at; at.Before(s.Start) { // the clock was set back
		s.End = s.Start
	}
	for i := range s.Attributes {
		r.t.Config.shorten(&s.Attributes[i])
	}
	s.Message = r.t.Config.short(s.Message)
	r.t.Spans(*s)
}

// mark notes what happened at a moment.
func (r *Run) mark(e engine.Event) {
	s := r.itemOf(e)
	m := Mark{At: e.Time, Name: string(e.Action)}
	switch {
	case e.Check != nil:
		m.Attributes = checked(e.Check)
	case e.Notice != nil:
		m.Attributes = []Attribute{{"tocsin.alert.status", string(e.Notice.Status)}, {"tocsin.reason", e.Notice.Reason}}
	}
	if len(s.Marks) >= r.t.Config.marks() {
		s.Dropped++
		return
	}
	for i := range m.Attributes {
		r.t.Config.shorten(&m.Attributes[i])
	}
	s.Marks = append(s.Marks, m)
}

func checked(c *engine.Check) []Attribute {
	list := []Attribute{{"tocsin.check.type", c.Type}, {"tocsin.check.text", c.Text}, {"tocsin.check.passed", c.Passed}, {"tocsin.reason", cmp.Or(c.Error, c.Words)}}
	if c.Name != "" {
		list = append(list, Attribute{"tocsin.check.name", c.Name})
	}
	return list
}

func (s *Span) add(key string, v any) {
	if v != "" {
		s.Attributes = append(s.Attributes, Attribute{key, v})
	}
}

// task says which step or item it is.
func (s *Span) task(id string, e engine.Event) {
	s.add("cicd.pipeline.task.name", e.Step)
	s.add("cicd.pipeline.task.run.id", id)
	s.add("tocsin.kind", string(e.Kind))
	s.add("tocsin.provider", e.Provider)
}

// place says where in which file it stands.
func (s *Span) place(e engine.Event) {
	s.add("code.file.path", e.Pos.File)
	if e.Pos.Line > 0 {
		s.add("code.line.number", e.Pos.Line)
	}
}

// end says how a step or item came out.
func (s *Span) end(e engine.Event) {
	s.add("cicd.pipeline.task.run.result", result(e.Status))
	if e.Fired {
		s.add("tocsin.fired", true)
	}
	if e.Attempt > 1 {
		s.add("tocsin.attempt", e.Attempt)
	}
	s.judge(e)
	if !s.Failed {
		s.add("tocsin.reason", e.Reason)
	}
}

// judge makes an error of what ended badly. That something was skipped or interrupted is
// none.
func (s *Span) judge(e engine.Event) {
	switch e.Status {
	case engine.Failed, engine.Broken, engine.TimedOut:
		s.Failed, s.Message = true, e.Reason
		s.add("error.type", errorType(e))
	case engine.Canceled:
		s.add("error.type", string(engine.Canceled))
	}
}

// errorType is a class of errors, of which there are few.
func errorType(e engine.Event) string {
	if status := statusOf(e.Err); status != 0 {
		return strconv.Itoa(status)
	}
	if e.Status == engine.Broken && errors.Is(e.Err, context.DeadlineExceeded) {
		return string(engine.TimedOut)
	}
	return string(e.Status)
}

// statusOf is the HTTP status that an error came with; 0: none.
func statusOf(err error) int {
	var p *providers.Error
	if errors.As(err, &p) {
		return p.Status
	}
	return 0
}

// result is a status in the words of OpenTelemetry's conventions for pipelines.
func result(s engine.Status) string {
	switch s {
	case engine.Done:
		return "success"
	case engine.Skipped:
		return "skip"
	case engine.Failed:
		return "failure"
	case engine.TimedOut:
		return "timeout"
	case engine.Canceled:
		return "cancellation"
	}
	return "error"
}
