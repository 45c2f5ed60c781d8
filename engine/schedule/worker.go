package schedule

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"tocsin/engine"
)

// A Worker runs the jobs of a queue, and has a recorder remember them. Catalog, Queue,
// Recorder and Runner are required.
type Worker struct {
	Catalog  *Catalog
	Queue    *Local
	Recorder Recorder
	Runner   func(Job) engine.Runner // what runs a job. Its Observe sees what happens after the Recorder did; its Past is the worker's
	// Refresh is the input of a job that waited for another one: of its alert, with what
	// was added meanwhile (spec §8.3). nil: it is as it was.
	Refresh func(context.Context, Job) engine.Input
	Began   func(j Job, late time.Duration) // told of each run that begins, and how late it is; nil: nobody is
	Grace   time.Duration                   // what a run may take beyond its own limit before it is left behind; 0: 10 s
	Drain   time.Duration                   // what runs may take to end when the worker stops; 0: 25 s
	Now     func() time.Time                // nil: time.Now
	Log     *slog.Logger                    // nil: nothing is logged

	mu     sync.Mutex
	hung   map[string]int // by workflow: runs that were left behind and have not come back
	counts workerCounts
}

type workerCounts struct{ runs, panics, abandoned, parked, unrecorded atomic.Uint64 }

const (
	// maxHung is how many runs of a workflow may hang before it is not run any more.
	maxHung = 3
	// maxAttempts is how often a run is begun whose process dies (reliability.md, D5).
	maxAttempts = 2
)

// errDrain is why runs are canceled when the program ends. They are resumed when it
// starts again.
var errDrain = errors.New("the program ends")

// Run takes jobs until ctx is done. Then it takes no more, waits for the runs, cancels
// those that are late, and returns when they are over. The error says that some did not
// even end then.
func (w *Worker) Run(ctx context.Context) error {
	runs, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cancel(nil)
	w.Queue.begin(func(e *entry) { w.do(runs, e) })
	<-ctx.Done()
	w.Queue.end()
	if w.idle(runs, w.drain()) {
		return nil
	}
	cancel(errDrain)
	if !w.idle(context.WithoutCancel(ctx), w.grace()) {
		return fmt.Errorf("some runs did not end within %s", w.drain()+w.grace())
	}
	return nil
}

func (w *Worker) idle(ctx context.Context, limit time.Duration) bool {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return w.Queue.idle(ctx)
}

func (w *Worker) grace() time.Duration { return orTime(w.Grace, 10*time.Second) }
func (w *Worker) drain() time.Duration { return orTime(w.Drain, 25*time.Second) }

func orTime(d, otherwise time.Duration) time.Duration {
	if d > 0 {
		return d
	}
	return otherwise
}

func (w *Worker) log() *slog.Logger {
	if w.Log != nil {
		return w.Log
	}
	return slog.New(slog.DiscardHandler)
}

func (w *Worker) now() time.Time { return clock{w.Now}.time() }

// do brings a job to its end: it is decided whether it runs, it begins, runs, and what
// came of it is kept.
func (w *Worker) do(ctx context.Context, e *entry) {
	defer w.Queue.release(e)
	program, why := w.program(e)
	if why != "" {
		w.refuse(ctx, e, why)
		return
	}
	run := &attempt{Worker: w, entry: e, program: program}
	run.ctx, run.cancel = context.WithCancelCause(ctx)
	run.kept = context.WithoutCancel(run.ctx)
	defer run.cancel(nil)
	if !run.begin() {
		return
	}
	result := run.guarded()
	if !run.state.CompareAndSwap(running, over) {
		w.cameBack(e.job)
		return
	}
	run.end(ctx, result)
}

// program is what e runs, or why it does not run.
func (w *Worker) program(e *entry) (*engine.Program, string) {
	it, ok := w.Catalog.Lookup(e.job.Workflow)
	w.mu.Lock()
	hung := w.hung[e.job.Workflow]
	w.mu.Unlock()
	switch {
	case e.job.Apart:
		return nil, "the program died while it ran, and what it ran was for that time only"
	case !ok:
		return nil, "there is no such workflow any more"
	case it.Disabled && len(e.past) == 0:
		return nil, "the workflow is disabled"
	case e.job.Attempt > maxAttempts:
		w.counts.parked.Add(1)
		return nil, fmt.Sprintf("parked: the program died %d times while it ran", e.job.Attempt-1)
	case hung >= maxHung:
		w.counts.parked.Add(1)
		return nil, fmt.Sprintf("parked: %d runs of the workflow before it never ended", hung)
	}
	w.Queue.versioned(e, it.Version)
	return it.Program, ""
}

// refuse ends a job that does not run.
func (w *Worker) refuse(ctx context.Context, e *entry, why string) {
	w.log().Warn("a run was not started", "run", e.job.Run, "workflow", e.job.Workflow, "reason", why)
	err := persist(ctx, func(ctx context.Context) error {
		if tick := e.job.Tick(); tick != nil && len(e.past) == 0 {
			tick.Outcome, tick.Reason, tick.Run = Skipped, why, ""
			if err := w.Recorder.Tick(ctx, *tick); err != nil || !e.durable {
				return err
			}
		}
		return w.Recorder.Drop(ctx, e.job, why)
	}, w.unrecorded(e.job))
	if err != nil {
		w.log().Error("a run that was not started cannot be recorded", "run", e.job.Run, "problem", err)
	}
}

func (w *Worker) unrecorded(j Job) func(error) {
	return func(err error) {
		w.counts.unrecorded.Add(1)
		w.log().Error("the recorder does not take what happens", "run", j.Run, "workflow", j.Workflow, "problem", err)
	}
}

// An attempt is one run of a job.
type attempt struct {
	*Worker
	*entry
	program *engine.Program
	ctx     context.Context // of the run; canceled with a cause
	kept    context.Context // the same, for what is recorded of a run that is canceled: how it ended
	cancel  context.CancelCauseFunc
	started time.Time
	mask    func(string) string
	state   atomic.Int32
}

const (
	running   int32 = iota
	over            // it ended
	abandoned       // it was left behind: what it says does not count any more
)

// begin has the recorder know that the run starts. It is false where that is not to be.
func (a *attempt) begin() bool {
	var tick *Tick
	if len(a.past) == 0 {
		tick = a.job.Tick()
	}
	err := persist(a.ctx, func(ctx context.Context) error { return a.Recorder.Begin(ctx, a.job, tick) }, a.unrecorded(a.job))
	if err != nil {
		a.Worker.log().Info("a run is somebody else's, or over", "run", a.job.Run, "workflow", a.job.Workflow, "reason", err)
		return false
	}
	in := a.refreshed()
	a.started = a.now()
	a.Queue.started(a.entry, in, a.started, a.cancel)
	a.counts.runs.Add(1)
	if a.Began != nil {
		a.Began(a.job, a.started.Sub(a.job.Due))
	}
	return true
}

// refreshed is the input of a run. One that cannot be refreshed is what it was.
func (a *attempt) refreshed() (in engine.Input) {
	defer func() {
		if v := recover(); v != nil {
			a.Worker.log().Error("an input could not be refreshed", "run", a.job.Run, "problem", fmt.Sprint(v), "stack", string(debug.Stack()))
			in = a.job.Input
		}
	}()
	if a.waited && a.Refresh != nil && len(a.past) == 0 {
		return a.Refresh(a.ctx, a.job)
	}
	return a.job.Input
}

// guarded runs the program, and leaves it behind when it does not end.
func (a *attempt) guarded() *engine.Result {
	limit := time.AfterFunc(a.program.Limit()+a.grace(), a.abandon)
	defer limit.Stop()
	return a.run()
}

func (a *attempt) run() (result *engine.Result) {
	a.mask = func(s string) string { return s }
	defer func() {
		if v := recover(); v != nil {
			result = a.panicked(v)
		}
	}()
	runner := a.Runner(a.job)
	if runner.Pool != nil {
		a.mask = runner.Pool.Mask
	}
	runner.Past = a.past
	runner.Go = a.Queue.crew.Go
	runner.Observe = a.observe(runner.Observe)
	return runner.Run(a.ctx, a.program, a.job.Input)
}

// observe has the recorder keep an event before anybody else sees it. Where it cannot,
// the run waits, and goes on when it can or is canceled.
func (a *attempt) observe(next func(engine.Event)) func(engine.Event) {
	return func(e engine.Event) {
		if a.state.Load() == abandoned {
			return
		}
		a.record(e)
		if next != nil {
			next(e)
		}
	}
}

func (a *attempt) record(e engine.Event) {
	if err := a.Recorder.Record(a.kept, e); err == nil {
		return
	}
	_ = persist(a.ctx, func(context.Context) error { return a.Recorder.Record(a.kept, e) }, a.unrecorded(a.job))
}

// panicked is the result of a run that did. The engine recovers for providers, so that
// this is a mistake of ours.
func (a *attempt) panicked(v any) *engine.Result {
	a.counts.panics.Add(1)
	a.Worker.log().Error("a run panicked", "run", a.job.Run, "workflow", a.job.Workflow,
		"problem", a.mask(fmt.Sprint(v)), "stack", a.mask(string(debug.Stack())))
	return a.broken(engine.Broken, "the run panicked: "+a.mask(fmt.Sprint(v)))
}

// broken is the result of a run that did not come to one itself.
func (a *attempt) broken(s engine.Status, reason string) *engine.Result {
	now := a.now()
	a.record(engine.Event{
		Time: now, Run: a.job.Run, Workflow: a.job.Workflow, Action: engine.RunEnded, Status: s, Reason: reason,
	})
	return &engine.Result{
		Run: a.job.Run, Workflow: a.job.Workflow, Description: a.program.Workflow().Description, Pos: a.program.Workflow().Pos,
		Trigger: a.job.Input.Trigger, Status: s, Reason: reason, Started: a.started, Duration: now.Sub(a.started), Err: errors.New(reason),
	}
}

// abandon leaves a run behind that does not end: it is canceled, counted, and its place
// is somebody else's.
func (a *attempt) abandon() {
	if !a.state.CompareAndSwap(running, abandoned) {
		return
	}
	a.counts.abandoned.Add(1)
	a.Worker.mu.Lock()
	if a.hung == nil {
		a.hung = map[string]int{}
	}
	a.hung[a.job.Workflow]++
	a.Worker.mu.Unlock()
	after := a.program.Limit() + a.grace()
	reason := fmt.Sprintf("it did not end within %s and was left behind", after)
	a.Worker.log().Error("a run was left behind", "run", a.job.Run, "workflow", a.job.Workflow, "after", after)
	result := a.broken(engine.TimedOut, reason)
	a.cancel(errors.New(reason))
	a.end(context.WithoutCancel(a.ctx), result)
	a.Queue.release(a.entry)
}

// cameBack is for a run that ends after it was left behind.
func (w *Worker) cameBack(j Job) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.hung[j.Workflow]--; w.hung[j.Workflow] <= 0 {
		delete(w.hung, j.Workflow)
	}
	w.log().Info("a run that was left behind ended", "run", j.Run, "workflow", j.Workflow)
}

// end keeps the result. That of a run that was canceled because the program ends is not
// kept: it goes on when the program is back.
func (a *attempt) end(ctx context.Context, r *engine.Result) {
	if r.Status == engine.Canceled && errors.Is(context.Cause(a.ctx), errDrain) {
		a.Worker.log().Info("a run was interrupted", "run", a.job.Run, "workflow", a.job.Workflow)
		return
	}
	kept := context.WithoutCancel(ctx)
	err := persist(ctx, func(context.Context) error { return a.Recorder.End(kept, a.job, r) }, a.unrecorded(a.job))
	if err != nil {
		a.Worker.log().Error("a run ended that cannot be recorded", "run", a.job.Run, "workflow", a.job.Workflow, "problem", err)
	}
}
