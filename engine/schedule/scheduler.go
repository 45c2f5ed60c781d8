package schedule

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"tocsin/engine"
	"tocsin/templating/value"
	"tocsin/workflows"
)

// A Scheduler turns time, alerts and messages into jobs. Catalog, Queue and Recorder are
// required, and Runner where workflows subscribe to something.
type Scheduler struct {
	Catalog  *Catalog
	Queue    *Local
	Recorder Recorder
	Runner   func(Job) engine.Runner // for subscriptions: the job has only a workflow and a trigger
	Now      func() time.Time        // nil: time.Now
	Log      *slog.Logger            // nil: nothing is logged

	once  sync.Once
	keep  *keeper
	board *switchboard
	scrib *scribe
	beats [2]atomic.Int64 // when the clock and the refill looked last
	dead  atomic.Pointer[string]
}

func (s *Scheduler) init() {
	s.once.Do(func() {
		log := s.log()
		s.scrib = &scribe{recorder: s.Recorder, log: log, pending: make(chan struct{}, 1)}
		s.keep = &keeper{
			clock: clock{s.Now}, catalog: s.Catalog, queue: s.Queue, scribe: s.scrib, log: log,
			tickers: map[spot]*ticker{}, marks: map[spot]time.Time{}, seen: map[string]bool{}, counts: map[Outcome]uint64{},
		}
		s.board = &switchboard{
			clock: clock{s.Now}, catalog: s.Catalog, queue: s.Queue, record: s.accept, runner: s.Runner, log: log, lines: map[spot]*line{},
		}
	})
}

func (s *Scheduler) log() *slog.Logger {
	if s.Log != nil {
		return s.Log
	}
	return slog.New(slog.DiscardHandler)
}

func (s *Scheduler) now() time.Time { return clock{s.Now}.time() }

// Run resumes what was cut off, and then keeps time and listens, until ctx is done. It
// returns when all it started is over, but for runs, which are a Worker's. The error is
// why it cannot begin or go on: something of it died.
func (s *Scheduler) Run(ctx context.Context) error {
	s.init()
	err := s.remember(ctx)
	if err == nil {
		err = s.resume(ctx)
	}
	switch {
	case ctx.Err() != nil: // it is to end before it began
		return nil
	case err != nil:
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var all sync.WaitGroup
	for name, part := range map[string]func(context.Context){
		"the clock":         func(ctx context.Context) { s.keep.keep(ctx, s.beat(clockBeat)) },
		"the subscriptions": s.board.listen,
		"the refill":        s.refill,
	} {
		all.Go(func() { s.guard(cancel, name, func() { part(ctx) }) })
	}
	writing, done := context.WithCancel(context.WithoutCancel(ctx))
	var written sync.WaitGroup
	written.Go(func() { s.guard(cancel, "the record of ticks", func() { s.scrib.write(writing) }) })
	all.Wait()
	done()
	written.Wait()
	if why := s.dead.Load(); why != nil {
		return errors.New(*why)
	}
	return nil
}

// guard ends everything when a part panics: half a scheduler looks healthy, and is not.
func (s *Scheduler) guard(cancel context.CancelCauseFunc, name string, part func()) {
	defer func() {
		if v := recover(); v != nil {
			why := fmt.Sprintf("%s died: %v", name, v)
			s.dead.Store(&why)
			s.log().Error("the scheduler died", "part", name, "problem", fmt.Sprint(v), "stack", string(debug.Stack()))
			cancel(errors.New(why))
		}
	}()
	part()
}

const (
	clockBeat = iota
	refillBeat
)

func (s *Scheduler) beat(part int) func(time.Time) {
	return func(now time.Time) { s.beats[part].Store(now.UnixNano()) }
}

// remember asks for the last ticks from before this process.
func (s *Scheduler) remember(ctx context.Context) error {
	marks, err := s.Recorder.Marks(ctx)
	if err != nil {
		return fmt.Errorf("last ticks: %w", err)
	}
	s.keep.mu.Lock()
	defer s.keep.mu.Unlock()
	for _, m := range marks {
		s.keep.marks[spot{m.Workflow, m.Trigger}] = m.At.Round(0)
		s.keep.seen[m.Workflow] = true
	}
	return nil
}

// resume takes what is on disk, and not in the queue, to the queue.
func (s *Scheduler) resume(ctx context.Context) error {
	list, err := s.Recorder.Unfinished(ctx)
	if err != nil {
		return fmt.Errorf("runs that were cut off: %w", err)
	}
	begun := func(u Unfinished) int { return min(1, len(u.Events)) }
	slices.SortStableFunc(list, func(a, b Unfinished) int {
		return cmp.Or(begun(b)-begun(a), a.Job.Due.Compare(b.Job.Due), strings.Compare(a.Job.Run, b.Job.Run))
	})
	for _, u := range list {
		j := u.Job
		j.Attempt = max(1, j.Attempt) + begun(u)
		if err := s.enqueue(ctx, &entry{job: j, past: u.Events, durable: true}); err != nil {
			return err
		}
	}
	return nil
}

// enqueue puts a job that is on disk. One for which there is no room is fetched later.
func (s *Scheduler) enqueue(ctx context.Context, e *entry) error {
	switch err := s.Queue.put(e); err {
	case ErrBusy:
		return s.Recorder.Drop(ctx, e.job, "Workflow already running with the same fingerprint")
	case ErrFull:
		s.log().Warn("a job waits on disk, the queue is full", "run", e.job.Run, "workflow", e.job.Workflow)
	}
	return nil
}

// refillEvery is how often jobs are fetched from disk that found no room.
const refillEvery = 2 * time.Second

// refill fetches what found no room, when there may be some.
func (s *Scheduler) refill(ctx context.Context) {
	beat := s.beat(refillBeat)
	for beat(s.now()); sleep(ctx, refillEvery); beat(s.now()) {
		if !s.Queue.spilled() {
			continue
		}
		if err := s.resumeWaiting(ctx); err != nil && ctx.Err() == nil {
			s.log().Error("jobs cannot be fetched from disk", "problem", err)
			s.Queue.overflow()
		}
	}
}

// resumeWaiting is resume for jobs that have not begun: those that have are under way.
func (s *Scheduler) resumeWaiting(ctx context.Context) error {
	defer s.Queue.reading()()
	list, err := s.Recorder.Unfinished(ctx)
	if err != nil {
		return err
	}
	for _, u := range list {
		if len(u.Events) > 0 || u.Job.Apart {
			continue
		}
		if err := s.enqueue(ctx, &entry{job: u.Job, durable: true, waited: true}); err != nil {
			return err
		}
	}
	return nil
}

// Start asks for a run of a workflow now, with inputs that it accepts. The error is
// ErrUnknown, ErrDisabled, ErrFull, a source.Problems about the inputs, or the
// recorder's. Once it returns, the run comes to an end, whatever happens.
func (s *Scheduler) Start(ctx context.Context, workflow, by string, in engine.Input) (run string, err error) {
	it, ok := s.Catalog.Lookup(workflow)
	switch {
	case !ok:
		return "", ErrUnknown
	case it.Disabled:
		return "", ErrDisabled
	}
	if _, err := it.Program.Inputs(in.Inputs); err != nil {
		return "", err
	}
	now := s.now()
	in.Run = NewRun(now)
	in.Trigger = cmp.Or(in.Trigger, "manual")
	j := Job{Run: in.Run, Workflow: workflow, By: by, Input: in, Due: now, Attempt: 1}
	if s.Queue.full(j.Lane(), workflow) {
		return "", ErrFull
	}
	return j.Run, s.accept(ctx, j)
}

// ErrDisabled means that a workflow is switched off.
var ErrDisabled = errors.New("the workflow is disabled")

// accept takes a job on: on disk, then in the queue.
func (s *Scheduler) accept(ctx context.Context, j Job) error {
	if err := s.Recorder.Put(ctx, j); err != nil {
		return err
	}
	return s.Put(ctx, j)
}

// Put runs jobs that the recorder has taken on: those of Plan, after the transaction.
// One that its strategy leaves out is dropped there. What finds no room is fetched from
// disk later.
func (s *Scheduler) Put(ctx context.Context, jobs ...Job) error {
	for _, j := range jobs {
		if err := s.enqueue(ctx, &entry{job: j, durable: true}); err != nil {
			return err
		}
	}
	return nil
}

// Full says that alerts should not be taken: there is no room for what they start.
func (s *Scheduler) Full() bool { return s.Queue.full(EventLane, "") }

// Cancel stops a run that is under way, which ends as canceled. It says whether there
// was one.
func (s *Scheduler) Cancel(run, by string) bool {
	return s.Queue.cancel(run, fmt.Errorf("canceled by %s", by))
}

// Plan are the jobs that an alert or incident starts, for whoever takes it in to put
// within the same transaction. It changes nothing.
func (s *Scheduler) Plan(a engine.Arrival) []Job {
	now := s.now()
	matched := s.Catalog.Match(a)
	jobs := make([]Job, len(matched))
	for i, m := range matched {
		jobs[i] = jobOf(m, now)
	}
	return jobs
}

// jobOf is the job of a workflow that an event starts (spec §8.3).
func jobOf(m engine.Matched, now time.Time) Job {
	run := NewRun(now)
	w := m.Program.Workflow()
	j := Job{
		Run: run, Workflow: w.ID, Trigger: m.Trigger.Name(), Due: now, Attempt: 1, Input: m.Input(run),
		Wait: w.Strategy != workflows.Skip,
	}
	if fields := j.Input.Incident; fields != nil {
		j.By = fmt.Sprintf("type:incident:%s name:%s id:%s", m.Arrival.Event, word(fields, "name"), word(fields, "id"))
		j.Key = "incident " + word(fields, "id")
	} else {
		fields := j.Input.Alert
		j.By = fmt.Sprintf("type:alert name:%s id:%s", word(fields, "name"), word(fields, "id"))
		j.Key = "alert " + word(fields, "fingerprint")
	}
	if w.Strategy == workflows.Parallel {
		j.Key = ""
	}
	return j
}

func word(fields map[string]any, key string) string {
	if v := fields[key]; v != nil {
		return value.Text(v)
	}
	return ""
}
