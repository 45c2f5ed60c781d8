package schedule

import (
	"cmp"
	"container/heap"
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"tocsin/engine"
	"tocsin/workflows"
)

// A keeper keeps the time for all triggers of the clock: one goroutine, and a heap of
// what comes next.
type keeper struct {
	clock   clock
	catalog *Catalog
	queue   *Local
	scribe  *scribe
	log     *slog.Logger

	mu      sync.Mutex
	tickers map[spot]*ticker // by workflow and name of the trigger
	next    tickerHeap
	marks   map[spot]time.Time // last ticks from before this process, or before a trigger was taken away
	seen    map[string]bool    // workflows that are not new
	view    *view              // what tickers are of
	before  time.Time          // when it looked last
	counts  map[Outcome]uint64
}

// A ticker is a trigger of the clock, and where it is.
type ticker struct {
	workflow string
	name     string
	trigger  *engine.Trigger // of the program
	grid     Grid
	at       time.Time // the next moment; zero: there is none
	last     time.Time // the last that was dealt with
	outcome  Outcome   // of that; "": none in this process
	reason   string
	moved    time.Duration // what its grid is off, since the clock was set back
	index    int           // in the heap; negative: not there
}

// keep keeps time until ctx is done.
func (k *keeper) keep(ctx context.Context, beat func(time.Time)) {
	for {
		changed := k.catalog.Changed()
		now := k.clock.time()
		beat(now)
		at := k.look(now)
		t := k.clock.timer(at)
		select {
		case <-ctx.Done():
			t.Stop()
			return
		case <-changed:
		case <-t.C:
		}
		t.Stop()
	}
}

// look deals with what has come, and returns when to look again; the zero time where
// nothing is to come.
func (k *keeper) look(now time.Time) time.Time {
	k.mu.Lock()
	defer k.mu.Unlock()
	if v := k.catalog.current.Load(); v != k.view {
		k.adopt(v, now)
	}
	if now.Before(k.before) {
		k.setBack(now)
	}
	k.before = now
	for len(k.next) > 0 && !k.next[0].at.After(now) {
		t := k.next[0]
		k.tick(t, now)
		k.place(t)
	}
	k.scribe.wake()
	if len(k.next) == 0 {
		return time.Time{}
	}
	return k.next[0].at
}

// adopt takes on the triggers of v. Those that were there before go on as they were.
func (k *keeper) adopt(v *view, now time.Time) {
	k.view = v
	old := k.tickers
	k.tickers = make(map[spot]*ticker, len(old))
	var fresh []*ticker
	for _, it := range v.list {
		triggers := it.Program.Triggers()
		for i := range triggers {
			trigger := &triggers[i]
			if trigger.Next == nil {
				continue
			}
			at := spot{it.ID, trigger.Name()}
			if k.tickers[at] != nil {
				continue
			}
			t := old[at]
			if t == nil {
				t = &ticker{workflow: it.ID, name: at.key, index: -1}
				fresh = append(fresh, t)
			}
			k.tickers[at] = t
			k.renew(t, trigger, now)
		}
	}
	for at, t := range old {
		if k.tickers[at] == nil {
			k.marks[at] = now
			t.at = time.Time{}
			k.place(t)
		}
	}
	for _, t := range fresh {
		k.first(t, now)
		k.place(t)
	}
	for _, it := range v.list {
		k.seen[it.ID] = true
	}
}

// renew gives t the trigger as it is written now. If that shifts its moments, it goes on
// with those that come.
func (k *keeper) renew(t *ticker, trigger *engine.Trigger, now time.Time) {
	g, was := NewGrid(t.workflow, *trigger), t.grid
	if g.every > 0 {
		g.shift = (g.shift + t.moved) % g.every
	}
	t.trigger, t.grid = trigger, g
	if was.next == nil || was.every == g.every && was.shift == g.shift {
		return
	}
	t.last = now
	t.at = g.Next(now)
	k.place(t)
}

// first says where a trigger begins that was not there before: after its last tick, if
// one is known; else an interval of a workflow that is new runs at once, as the last of
// its moments that nobody was there for, and any other begins now.
func (k *keeper) first(t *ticker, now time.Time) {
	if mark, ok := k.marks[spot{t.workflow, t.name}]; ok {
		t.last = mark
		k.rejoin(t, now)
		return
	}
	t.last = now
	t.at = t.grid.Next(now)
	if !k.seen[t.workflow] && t.grid.every > 0 && t.trigger.Timing.CatchUp.Policy != workflows.CatchUpSkip {
		t.last = t.grid.floor(now)
		k.fire(t, t.last, false)
		return
	}
	k.note(t, Tick{At: now, Outcome: Seen})
}

// farthest is how far ahead of the clock a tick can be believed: beyond that, the clock
// was wrong then.
const farthest = 25 * time.Hour

// rejoin finds the next moment of a trigger that was at last. Where that is ahead of the
// clock, the clock was set back: no moment is repeated. An interval goes on meanwhile, on
// a grid that is a millisecond off, whose moments have not been.
func (k *keeper) rejoin(t *ticker, now time.Time) {
	switch ahead := t.last.Sub(now); {
	case ahead > farthest:
		t.last = now
	case t.grid.every > 0 && ahead > t.grid.every:
		own := NewGrid(t.workflow, *t.trigger).shift
		t.grid.shift = (time.Duration(t.last.UnixNano()%int64(t.grid.every)) + time.Millisecond) % t.grid.every
		t.moved = (t.grid.shift - own + t.grid.every) % t.grid.every
		t.last = now
	}
	t.at = t.grid.Next(t.last)
}

// setBack is for a clock that shows less than it did.
func (k *keeper) setBack(now time.Time) {
	for _, t := range k.tickers {
		if t.last.After(now) {
			k.rejoin(t, now)
			k.place(t)
		}
	}
	k.log.Warn("the clock was set back", "by", k.before.Sub(now))
}

// tick deals with the moments of t that have come.
func (k *keeper) tick(t *ticker, now time.Time) {
	n := max(shownMissed, t.trigger.Timing.CatchUp.Runs)
	moments, more := t.grid.between(t.last, now, n+1)
	start, missed := due(t.trigger.Timing.CatchUp, moments, now)
	for i, at := range missed {
		reason := "nobody was there for it"
		if i == 0 && more {
			reason += ", nor for those before it since " + t.last.UTC().Format(time.RFC3339)
		}
		k.note(t, Tick{At: at, Outcome: Missed, Reason: reason})
	}
	for _, at := range start {
		k.fire(t, at, len(start) > 1)
	}
	if len(moments) > 0 {
		t.last = moments[len(moments)-1]
	}
	t.at = t.grid.Next(t.last)
}

// fire starts the run of a moment, or says why not. One of several that are made up for
// waits for the others.
func (k *keeper) fire(t *ticker, at time.Time, several bool) {
	if k.view.disabled(t.workflow) {
		k.note(t, Tick{At: at, Outcome: Skipped, Reason: "the workflow is disabled"})
		return
	}
	run := TickRun(t.workflow, t.name, at)
	j := Job{
		Run: run, Workflow: t.workflow, Trigger: t.name, By: "scheduler", Due: at, Attempt: 1, Key: clockKey, Wait: several,
		Input: engine.Input{Run: run, Trigger: t.trigger.Type},
	}
	k.overlap(&j, t)
	switch err := k.queue.put(&entry{job: j}); err {
	case nil:
		k.count(t, Tick{At: at, Outcome: Started})
	case ErrBusy:
		k.skip(t, j)
	default:
		k.note(t, Tick{At: at, Outcome: Missed, Reason: "everybody was busy: " + err.Error()})
	}
}

// clockKey is where the runs follow each other that the clock starts.
const clockKey = "clock"

// overlap says how j gets along with runs of its workflow that the clock started before.
func (k *keeper) overlap(j *Job, t *ticker) {
	switch o := t.trigger.Timing.Overlap; o.Policy {
	case workflows.OverlapQueueOne:
		_, waiting := k.queue.at(j.Workflow, j.Key)
		j.Wait = j.Wait || waiting == 0
	case workflows.OverlapCancel:
		if !j.Wait {
			k.cancelPrevious(j)
		}
		j.Wait = true
	case workflows.OverlapParallel:
		for n := 2; n <= o.Runs; n++ {
			if taken, _ := k.queue.at(j.Workflow, j.Key); !taken {
				break
			}
			j.Key = fmt.Sprintf("%s %d", clockKey, n)
		}
	}
}

// errPrevious is why a run was canceled for the next.
var errPrevious = fmt.Errorf("the next one of the clock was due (overlap: %s)", workflows.OverlapCancel)

func (k *keeper) cancelPrevious(j *Job) {
	for _, e := range k.queue.clear(j.Workflow, j.Key, errPrevious) {
		if e.durable {
			k.scribe.drop(e.job, errPrevious.Error())
		}
		if len(e.past) == 0 { // else it started, in a process before
			tick := e.job.Tick()
			tick.Outcome, tick.Reason, tick.Run = Skipped, errPrevious.Error(), ""
			k.counts[Skipped]++
			k.scribe.ticks(*tick)
		}
	}
}

// skip records a moment that does not start because of a run before it. Runs that have
// not begun are put on disk first: nobody would ask for them again after a later tick.
func (k *keeper) skip(t *ticker, j Job) {
	reason := "the run before is under way"
	if _, waiting := k.queue.at(j.Workflow, j.Key); waiting > 0 {
		reason += ", and another waits"
	}
	for _, before := range k.queue.unwritten(j.Workflow, j.Key) {
		k.scribe.put(before)
	}
	k.note(t, Tick{At: j.Due, Outcome: Skipped, Reason: reason})
}

// note records a tick that did not start a run.
func (k *keeper) note(t *ticker, tick Tick) {
	tick.Workflow, tick.Trigger = t.workflow, t.name
	k.count(t, tick)
	k.scribe.ticks(tick)
}

func (k *keeper) count(t *ticker, tick Tick) {
	k.counts[tick.Outcome]++
	t.outcome, t.reason = tick.Outcome, tick.Reason
}

// place puts t where it belongs in the heap.
func (k *keeper) place(t *ticker) {
	switch {
	case t.at.IsZero() && t.index >= 0:
		heap.Remove(&k.next, t.index)
	case t.at.IsZero():
	case t.index >= 0:
		heap.Fix(&k.next, t.index)
	default:
		heap.Push(&k.next, t)
	}
}

// A tickerHeap has the ticker on top that comes next. Those that come together are in the
// order of their names, so that it is the same each time.
type tickerHeap []*ticker

func (h tickerHeap) Len() int { return len(h) }
func (h tickerHeap) Less(i, j int) bool {
	if c := h[i].at.Compare(h[j].at); c != 0 {
		return c < 0
	}
	return cmp.Or(cmp.Compare(h[i].workflow, h[j].workflow), cmp.Compare(h[i].name, h[j].name)) < 0
}
func (h tickerHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}
func (h *tickerHeap) Push(x any) {
	t := x.(*ticker)
	t.index = len(*h)
	*h = append(*h, t)
}
func (h *tickerHeap) Pop() any {
	old := *h
	t := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	t.index = -1
	return t
}
