package schedule

import (
	"context"
	"sync"
	"time"

	"tocsin/engine"
)

// A Lane is jobs of one kind, with workers of their own: a flood in one does not hold up
// another.
type Lane string

const (
	ClockLane  Lane = "schedule" // what the clock starts
	EventLane  Lane = "alert"    // what alerts, incidents and subscriptions start
	ManualLane Lane = "manual"   // what people start
)

// Lanes are all of them.
func Lanes() []Lane { return []Lane{ClockLane, EventLane, ManualLane} }

// Lane is the one of j.
func (j Job) Lane() Lane {
	switch j.Input.Trigger {
	case "interval", "cron":
		return ClockLane
	case "manual":
		return ManualLane
	}
	return EventLane
}

// Tick is the one that j is about; nil where the clock did not ask for it.
func (j Job) Tick() *Tick {
	if j.Lane() != ClockLane {
		return nil
	}
	return &Tick{Workflow: j.Workflow, Trigger: j.Trigger, At: j.Due, Outcome: Started, Run: j.Run}
}

// Local is a queue within one process. Its fields are not changed once it is used; its
// methods may be called from many goroutines.
//
// Workflows of a lane take turns. Jobs of one workflow with one key follow each other, in
// the order in which they came.
type Local struct {
	Workers  map[Lane]int // runs of a lane at the same time; those left out: 256, of people 64
	Capacity int          // jobs that wait in a lane; 0: 20,000
	Backlog  int          // jobs of one workflow that wait in a lane; 0: 1,000
	Parallel int          // runs of one workflow of a lane at the same time; 0: 10

	mu    sync.Mutex
	lanes map[Lane]*lane
	keys  map[spot]*turn
	runs  map[string]*entry // all that wait or run
	left  chan struct{}     // closed when a job leaves; nil: nobody asked
	work  func(*entry)      // nil: nobody works
	crew  *engine.Crew      // who does
	spill bool              // a job on disk found no room
	ended map[string]bool   // runs that left since somebody began to read what is on disk; nil: nobody reads
}

// A spot is where one run at a time may be.
type spot struct{ workflow, key string }

// A turn is who is at a spot, and who waits for it.
type turn struct {
	holder  *entry // it runs, or could
	waiting fifo[*entry]
}

// A lane's ring has the workflows of which something could run, in the order of their
// turns.
type lane struct {
	name      Lane
	limit     int
	running   int
	waiting   int
	refused   int
	ring      fifo[*backlog]
	workflows map[string]*backlog
}

// A backlog is what a lane has of one workflow.
type backlog struct {
	workflow string
	ready    fifo[*entry]
	running  int
	waiting  int // ready ones, and those that wait for a spot
	listed   bool
}

// An entry is a job that waits or runs.
type entry struct {
	job     Job
	past    []engine.Event // what is known of the run
	durable bool           // it is on disk already
	waited  bool           // for another with its key
	begun   bool           // it runs
	since   time.Time      // when it began
	late    time.Duration
	cancel  context.CancelCauseFunc
	cause   error // why it is to be canceled as soon as it can be
	done    bool  // it has left
}

func (q *Local) init() {
	if q.runs != nil {
		return
	}
	q.lanes, q.keys, q.runs = map[Lane]*lane{}, map[spot]*turn{}, map[string]*entry{}
	for _, name := range Lanes() {
		limit := 256
		if name == ManualLane {
			limit = 64
		}
		if n := q.Workers[name]; n > 0 {
			limit = n
		}
		q.lanes[name] = &lane{name: name, limit: limit, workflows: map[string]*backlog{}}
	}
}

// put takes a job. It is ErrBusy where it would have to wait for its key and does not
// want to, and ErrFull where there is no room. One that is here already is left out.
func (q *Local) put(e *entry) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.init()
	if q.runs[e.job.Run] != nil || q.ended[e.job.Run] {
		return nil
	}
	l := q.lanes[e.job.Lane()]
	b := l.backlog(e.job.Workflow)
	t := q.keys[e.spot()]
	switch {
	case e.job.Key != "" && t != nil && !e.job.Wait:
		return ErrBusy
	case l.waiting >= or(q.Capacity, 20_000) || b.waiting >= or(q.Backlog, 1_000):
		l.refused++
		q.spill = q.spill || e.durable
		l.forget(b)
		return ErrFull
	}
	q.runs[e.job.Run] = e
	l.waiting++
	b.waiting++
	switch {
	case e.job.Key != "" && t != nil:
		e.waited = true
		t.waiting.push(e)
		return nil
	case e.job.Key != "":
		q.keys[e.spot()] = &turn{holder: e}
	}
	b.ready.push(e)
	q.list(l, b)
	q.pump(l)
	return nil
}

func or(n, otherwise int) int {
	if n > 0 {
		return n
	}
	return otherwise
}

func (e *entry) spot() spot { return spot{e.job.Workflow, e.job.Key} }

func (l *lane) backlog(workflow string) *backlog {
	b := l.workflows[workflow]
	if b == nil {
		b = &backlog{workflow: workflow}
		l.workflows[workflow] = b
	}
	return b
}

// forget keeps no backlog of a workflow that has nothing here.
func (l *lane) forget(b *backlog) {
	if b.running == 0 && b.waiting == 0 && !b.listed {
		delete(l.workflows, b.workflow)
	}
}

// list gives b a turn if something of it can run.
func (q *Local) list(l *lane, b *backlog) {
	if !b.listed && b.ready.len() > 0 && b.running < or(q.Parallel, 10) {
		b.listed = true
		l.ring.push(b)
	}
}

// pump starts what can start.
func (q *Local) pump(l *lane) {
	for q.work != nil && l.running < l.limit && l.ring.len() > 0 {
		b := l.ring.pop()
		b.listed = false
		if b.ready.len() == 0 { // it was taken back
			l.forget(b)
			continue
		}
		e := b.ready.pop()
		b.running++
		b.waiting--
		l.running++
		l.waiting--
		q.list(l, b)
		e.begun = true
		q.told()
		work := q.work
		q.crew.Go(func() { work(e) })
	}
}

// told wakes who waits for room.
func (q *Local) told() {
	if q.left != nil {
		close(q.left)
		q.left = nil
	}
}

// release lets go of a job that is over, or was left behind. It may be called again.
func (q *Local) release(e *entry) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if e.done {
		return
	}
	e.done = true
	delete(q.runs, e.job.Run)
	if q.ended != nil {
		q.ended[e.job.Run] = true
	}
	l := q.lanes[e.job.Lane()]
	b := l.backlog(e.job.Workflow)
	l.running--
	b.running--
	q.pass(e)
	q.list(l, b)
	l.forget(b)
	q.told()
	q.pump(l)
}

// pass gives e's spot to the next.
func (q *Local) pass(e *entry) {
	t := q.keys[e.spot()]
	if e.job.Key == "" || t == nil || t.holder != e {
		return
	}
	if t.waiting.len() == 0 {
		delete(q.keys, e.spot())
		return
	}
	t.holder = t.waiting.pop()
	l := q.lanes[t.holder.job.Lane()]
	b := l.backlog(t.holder.job.Workflow)
	b.ready.push(t.holder)
	q.list(l, b)
	q.pump(l)
}

// at says whether a spot is taken, and how many wait for it.
func (q *Local) at(workflow, key string) (taken bool, waiting int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	t := q.keys[spot{workflow, key}]
	if t == nil {
		return false, 0
	}
	return true, t.waiting.len()
}

// unwritten are the jobs of a spot that have not begun and are not on disk. Who asks puts
// them there.
func (q *Local) unwritten(workflow, key string) []Job {
	q.mu.Lock()
	defer q.mu.Unlock()
	t := q.keys[spot{workflow, key}]
	if t == nil {
		return nil
	}
	var list []Job
	for _, e := range append([]*entry{t.holder}, t.waiting.items[t.waiting.head:]...) {
		if !e.begun && !e.durable {
			e.durable = true
			list = append(list, e.job)
		}
	}
	return list
}

// clear takes back what waits for a spot, and cancels what is at it. What is there and
// has not begun, now or in a process before, is taken back too.
func (q *Local) clear(workflow, key string, cause error) []*entry {
	q.mu.Lock()
	defer q.mu.Unlock()
	t := q.keys[spot{workflow, key}]
	if t == nil {
		return nil
	}
	var back []*entry
	for t.waiting.len() > 0 {
		back = append(back, t.waiting.pop())
	}
	for _, e := range back {
		q.takeBack(e)
	}
	switch h := t.holder; {
	case !h.begun && len(h.past) == 0:
		l := q.lanes[h.job.Lane()]
		l.workflows[h.job.Workflow].ready.remove(h)
		q.takeBack(h)
		q.pass(h)
		back = append([]*entry{h}, back...)
	default:
		h.stop(cause)
	}
	return back
}

// stop cancels what has begun. If its begin is not on disk yet, that comes first.
func (e *entry) stop(cause error) {
	if e.cancel != nil {
		e.cancel(cause)
		return
	}
	e.cause = cause
}

// takeBack takes what has not begun out of the books. It may still be in the ring, where
// its turn passes.
func (q *Local) takeBack(e *entry) {
	e.done = true
	delete(q.runs, e.job.Run)
	l := q.lanes[e.job.Lane()]
	b := l.backlog(e.job.Workflow)
	l.waiting--
	b.waiting--
	l.forget(b)
	q.told()
}

// versioned notes which version of its workflow e runs.
func (q *Local) versioned(e *entry, version string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	e.job.Version = version
}

// started notes with what and since when e runs, and how it can be canceled.
func (q *Local) started(e *entry, in engine.Input, at time.Time, cancel context.CancelCauseFunc) {
	q.mu.Lock()
	defer q.mu.Unlock()
	e.job.Input = in
	e.since, e.late, e.cancel = at, at.Sub(e.job.Due), cancel
	if e.cause != nil {
		cancel(e.cause)
	}
}

// cancel stops a run that is under way. It says whether there was one.
func (q *Local) cancel(run string, cause error) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	e := q.runs[run]
	if e == nil || !e.begun {
		return false
	}
	e.stop(cause)
	return true
}

// full says whether the lane has no room, for the workflow if one is named.
func (q *Local) full(name Lane, workflow string) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.isFull(name, workflow)
}

func (q *Local) isFull(name Lane, workflow string) bool {
	q.init()
	l := q.lanes[name]
	b := l.workflows[workflow]
	return l.waiting >= or(q.Capacity, 20_000) || b != nil && b.waiting >= or(q.Backlog, 1_000)
}

// room waits until there is some. It is false if ctx is done before.
func (q *Local) room(ctx context.Context, name Lane, workflow string) bool {
	for {
		q.mu.Lock()
		if !q.isFull(name, workflow) {
			q.mu.Unlock()
			return true
		}
		if q.left == nil {
			q.left = make(chan struct{})
		}
		left := q.left
		q.mu.Unlock()
		select {
		case <-left:
		case <-ctx.Done():
			return false
		}
	}
}

// spilled says whether jobs wait on disk that found no room here, and forgets it: who
// asks fetches them.
func (q *Local) spilled() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	was := q.spill
	q.spill = false
	return was
}

// begin lets work be called for each job, in a goroutine of its own; end starts no more.
func (q *Local) begin(work func(*entry)) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.init()
	q.work, q.crew = work, engine.NewCrew(spareWorkers)
	for _, l := range q.lanes {
		q.pump(l)
	}
}

func (q *Local) end() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.work != nil {
		q.work = nil
		q.crew.End()
	}
}

// spareWorkers is how many goroutines wait for a run or a call at most: their stacks have
// some 4 MiB then.
const spareWorkers = 128

// idle waits until nothing runs. It is false if ctx is done before.
func (q *Local) idle(ctx context.Context) bool {
	for {
		q.mu.Lock()
		n := 0
		for _, l := range q.lanes {
			n += l.running
		}
		if q.left == nil {
			q.left = make(chan struct{})
		}
		left := q.left
		q.mu.Unlock()
		if n == 0 {
			return true
		}
		select {
		case <-left:
		case <-ctx.Done():
			return false
		}
	}
}

// reading lets put leave out jobs that end while somebody reads what is on disk, and
// puts it: until done, what is read may be over.
func (q *Local) reading() (done func()) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.ended = map[string]bool{}
	return func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		q.ended = nil
	}
}

// overflow remembers that jobs wait on disk.
func (q *Local) overflow() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.spill = true
}
