package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"tocsin/providers"
	"tocsin/templating/value"
	"tocsin/workflows"
)

// A Runner runs programs. Pool is required; the rest has defaults that forget.
type Runner struct {
	Pool    *providers.Pool
	History History                                    // nil: nothing ever happened before
	Memory  Memory                                     // nil: every run tells, as if nobody had been told before
	Enrich  Enricher                                   // nil: enrichments show in the result only
	Deliver Deliverer                                  // nil: an action is called at once, and that is all
	Observe func(Event)                                // called in order, never twice at once
	Now     func() time.Time                           // nil: time.Now
	Sleep   func(context.Context, time.Duration) error // nil: a timer; waits between retries
	Random  func() float64                             // nil: math/rand/v2; for jitter
	Go      func(func())                               // has a call made beside the run; nil: in a goroutine of its own
	Getenv  func(name string) string                   // nil: {{ env.NAME }} in a step's own configuration is missing
	Secret  func(name string) (value string, ok bool)  // nil: {{ secrets.NAME }} is missing
	// Trace is where a call stands in a trace that is about to be made for the n-th item
	// of a foreach, or for 0, and has been observed (Calling); nil: where the Input says.
	Trace   func(item int) providers.Trace
	Log     *slog.Logger
	DryRun  bool // actions are rendered, not sent
	Explain bool // conditions that held are explained too, not only those that decided against
	// Past is what is known of a run that was cut off, or of one that is replayed.
	// Steps and items that ended are not run again: what they gave is taken from there,
	// in the result and for later steps, and not observed again. What was under way is
	// run anew.
	Past []Event
	// Replay answers all calls with what another run got: nothing is asked, nothing sent.
	// nil: they are made. It is the Memory besides, unless there is one.
	Replay *Recording
}

// An Input is what started a run.
type Input struct {
	Run      string // identity of the run
	Trigger  string // "manual", "interval", "alert", "incident"
	Alert    map[string]any
	Incident map[string]any
	Inputs   map[string]any
	Trace    providers.Trace `json:",omitzero"` // in which whoever asked for the run stands
	// Due says that the run was started because the Memory has something to tell, such as
	// a reminder: actions of which it knows nothing do not act once more.
	Due bool `json:",omitempty"`
}

// Run runs p once, and returns when it is over. What went wrong is in the result. It
// stops between steps when ctx is done. The secrets of the pool are masked in every
// event.
func (r *Runner) Run(ctx context.Context, p *Program, in Input) *Result {
	run := r.begin(p, in)
	if p.workflow.Disabled {
		return run.end(disabled(p))
	}
	if err := run.prepare(ctx); err != nil {
		return run.end(Event{Status: Broken, Err: err})
	}
	limit := p.workflow.Timeout
	if limit == 0 {
		limit = defaultRunTimeout
	}
	timed, stop := limited(withRun(ctx, run), limit, &limitError{"the run", limit})
	defer stop()
	run.sequence(timed)
	run.tell(ctx, timed)
	return run.end(run.verdict())
}

// A run is one execution of a program.
type run struct {
	*Runner
	p      *Program
	in     Input
	result *Result
	past   past

	data     map[string]any // what texts see, by first name
	steps    *value.Map     // "steps": an entry for each step by name
	alert    *value.Map
	incident *value.Map

	failures []failure
	cut      error // why steps were left that did not run
	status   Status
	text     string // what on-failure tells

	mu     sync.Mutex                 // for emit, and the two below
	seen   map[string]map[string]bool // alerts that the memory was asked about, by action
	echoes []echo                     // who is told besides
	under  *record                    // what is known of the step that was under way when the run was cut off; nil: nothing
	saying *saying                    // what the step tells of that runs now, for another; nil: nothing
}

// A failure is a step or action that ended the run or that on-failure tells of.
type failure struct {
	step   *step
	status Status
	err    error
}

func (r *Runner) begin(p *Program, in Input) *run {
	w := p.workflow
	if r.Replay != nil && r.Memory == nil {
		recorded := *r
		recorded.Memory, recorded.Deliver = r.Replay, nil
		r = &recorded
	}
	run := &run{Runner: r, p: p, in: in, past: newPast(r.Past), status: Done}
	run.result = &Result{
		Description: w.Description, Pos: w.Pos,
		Steps: make([]StepResult, 0, len(p.steps)+len(p.actions)),
	}
	if e := run.past.start; e != nil {
		run.result.Add(*e)
		return run
	}
	run.emit(&Event{Action: RunStarted, Trigger: in.Trigger, DryRun: r.DryRun, Pos: w.Pos}, false)
	return run
}

// disabled is the end of a run that does nothing; Keep takes it for a success (spec
// §11.2 G-12).
func disabled(p *Program) Event {
	e := Event{Status: Skipped, Reason: "the workflow is disabled"}
	if p.keep {
		e.Status = Done
	}
	return e
}

// end closes the run with the status in e.
func (r *run) end(e Event) *Result {
	e.Action = RunEnded
	e.Pos = r.p.workflow.Pos
	if e.Reason == "" && e.Err != nil {
		e.Reason = e.Err.Error()
	}
	r.emit(&e, r.past.over)
	return r.result
}

// sequence runs the steps, and if none of them ended the run, the actions.
func (r *run) sequence(ctx context.Context) {
	for _, s := range r.p.steps {
		e, ok := r.next(ctx, s)
		if !ok || r.failed(s, e) {
			return
		}
		if e.Status == Done && s.Stop {
			break
		}
	}
	for _, s := range r.p.actions {
		e, ok := r.next(ctx, s)
		if !ok {
			return
		}
		r.failed(s, e)
		r.echo(ctx)
		if e.Status == Done && s.Stop {
			return
		}
	}
}

// next runs s, unless the run's time is over or somebody stopped it.
func (r *run) next(ctx context.Context, s *step) (e Event, ok bool) {
	if ctx.Err() != nil {
		r.cut = stopped(ctx, nil)
		r.status = worse(r.status, statusOf(r.cut))
		return Event{}, false
	}
	return r.step(ctx, s), true
}

// failed notes that s ended badly, if it did and its author minds.
func (r *run) failed(s *step, e Event) bool {
	if r.result.last().Alerting {
		r.status = worse(r.status, Failed)
	}
	switch e.Status {
	case Done, Skipped:
		return false
	case Failed, Broken, TimedOut:
		if s.ContinueOnError {
			return false
		}
	}
	r.status = worse(r.status, e.Status)
	r.failures = append(r.failures, failure{s, e.Status, e.Err})
	return true
}

// last is the step that ran last.
func (r *Result) last() *StepResult { return &r.Steps[len(r.Steps)-1] }

// verdict is how the run as a whole came out.
func (r *run) verdict() Event {
	e := Event{Status: r.status, Reason: strings.Join(r.reasons(), "; ")}
	var errs []error
	for _, f := range r.failures {
		errs = append(errs, f.err)
	}
	if r.cut != nil {
		errs = append(errs, r.cut)
	}
	switch {
	case len(errs) > 0:
		e.Err = joined(errs)
	case e.Status == Failed:
		e.Reason = "an assertion failed: " + strings.Join(r.alerting(), ", ") + " fired"
	}
	return e
}

// reasons say what failed, without places: for people who do not have the file.
func (r *run) reasons() []string {
	var list []string
	for _, f := range r.failures {
		list = append(list, f.words())
	}
	if r.cut != nil {
		list = append(list, r.cut.Error())
	}
	return list
}

// alerting are the names of the actions that an assertion let run.
func (r *run) alerting() []string {
	var names []string
	for _, s := range r.result.Steps {
		if s.Alerting {
			names = append(names, s.Name)
		}
	}
	return names
}

// joined is one error as it is, several on lines of their own.
func joined(errs []error) error {
	if len(errs) == 1 {
		return errs[0]
	}
	return errors.Join(errs...)
}

// tell runs on-failure if something failed. Its time is its own: a run that was too
// slow can still say so. Nobody is told of a run that somebody stopped.
func (r *run) tell(outer, timed context.Context) {
	s := r.p.onFailure
	well := len(r.failures) == 0 && r.cut == nil
	if s == nil || outer.Err() != nil || well && !r.remembers(s) {
		return
	}
	if well {
		if err := r.recover(timed, s); err != nil {
			r.log().Warn("recovery not told", "run", r.in.Run, "workflow", r.p.workflow.ID, "error", err)
		}
		r.echo(timed)
		return
	}
	ctx := timed
	if timed.Err() != nil {
		own, stop := limited(withRun(outer, r), s.timeout, &limitError{onFailureName, s.timeout})
		defer stop()
		ctx = own
	}
	r.text = r.message()
	e := r.step(ctx, s)
	defer r.echo(ctx)
	if e.Status != Done && e.Status != Skipped {
		r.status = worse(r.status, worse(Broken, e.Status))
		r.failures = append(r.failures, failure{s, e.Status, e.Err})
	}
}

// message is what on-failure tells. It is not a text of the workflow: nothing in it
// is rendered.
func (r *run) message() string {
	reasons := r.reasons()
	if r.p.keep {
		reasons = r.keepReasons()
	}
	return r.Pool.Mask(fmt.Sprintf("Workflow %s failed with errors: %s", r.p.workflow.ID, strings.Join(reasons, ", ")))
}

// keepReasons are the reasons as Keep has them: that of a step, which ends the run,
// without its name (spec §7.5).
func (r *run) keepReasons() []string {
	list := r.reasons()
	for i, f := range r.failures {
		if f.step.Kind == workflows.Query {
			list[i] = unwrapped(f.err).Error()
		}
	}
	return list
}

func (f failure) words() string {
	var inner *StepError
	err := f.err
	if errors.As(err, &inner) {
		err = inner.Err
	}
	switch {
	case f.status == Failed:
		return fmt.Sprintf("%s %s failed its check: %v", f.step.Kind, f.step.Name, err)
	case f.status == Canceled:
		return fmt.Sprintf("stopped at %s %s", f.step.Kind, f.step.Name)
	case f.step.Name == onFailureName:
		return fmt.Sprintf("Failed to run on-failure: %v", err)
	}
	return fmt.Sprintf("Failed to run %s %s: %v", f.step.Kind, f.step.Name, err)
}

func (r *run) now() time.Time {
	if r.Now != nil {
		return r.Now()
	}
	return time.Now()
}

func (r *run) beside(call func()) {
	if r.Go != nil {
		r.Go(call)
		return
	}
	go call()
}

func (r *run) random() float64 {
	if r.Random != nil {
		return r.Random()
	}
	return rand.Float64()
}

func (r *run) log() *slog.Logger {
	if r.Log != nil {
		return r.Log
	}
	return slog.New(slog.DiscardHandler)
}

// emit dates e where that is not done, masks it and sums it up, and shows it to whoever
// observes, unless it happened in the past.
func (r *run) emit(e *Event, past bool) {
	e.Run, e.Workflow = r.in.Run, r.p.workflow.ID
	r.mask(e)
	r.mu.Lock()
	defer r.mu.Unlock()
	if e.Time.IsZero() {
		e.Time = r.now()
	}
	r.result.Add(*e)
	if r.Observe != nil && !past {
		r.Observe(*e)
	}
}
