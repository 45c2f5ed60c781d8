package schedule

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// A State is how it goes with the scheduler at one time. It is a copy.
type State struct {
	Now           time.Time
	Triggers      []TriggerState // of the clock, by workflow and name
	Subscriptions []Subscription
	Lanes         []LaneState
	Runs          []RunState         // that are under way or wait to begin, the oldest first
	Ticks         map[Outcome]uint64 // since the program started
	Unwritten     int                // ticks that wait for the recorder
	Lost          uint64             // ticks that the recorder did not take for so long that they were given up
	Clock         time.Time          // when the clock looked last
	Dead          string             // what of the scheduler died; "": nothing
}

// A TriggerState is where a trigger of the clock is.
type TriggerState struct {
	Workflow, Trigger string
	Disabled          bool
	Next              time.Time // zero: never again
	Last              time.Time // the last moment that was dealt with
	Outcome           Outcome   // of that; "": it was before this process
	Reason            string
	Stale             bool // it did not tick for two periods, or does not because the clock was set back
}

// A LaneState is how full a lane is.
type LaneState struct {
	Lane             Lane
	Waiting, Running int
	Workers          int
	Refused          int       // jobs for which there was no room, so far
	Oldest           time.Time // since when the job is due that waits longest and for nothing but a worker; zero: none does
}

// Stuck says that a job waits for nothing but a worker, and for too long.
func (l LaneState) Stuck(now time.Time) bool { return !l.Oldest.IsZero() && now.Sub(l.Oldest) > fresh }

// A RunState is a job in the queue.
type RunState struct {
	Job   Job
	Since time.Time     // when it began; zero: it waits
	Late  time.Duration // how late it began
}

// State asks all parts how it goes. It costs as much as there are triggers and jobs.
func (s *Scheduler) State() State {
	return s.state(true)
}

// Summary is State without its longest lists: of the triggers it has those that are stale,
// and it has no runs. It is for who asks every few seconds.
func (s *Scheduler) Summary() State { return s.state(false) }

func (s *Scheduler) state(all bool) State {
	s.init()
	st := State{Now: s.now(), Ticks: map[Outcome]uint64{}}
	s.keep.state(&st, all)
	s.Queue.state(&st, all)
	st.Subscriptions = s.board.states()
	st.Unwritten, st.Lost = s.scrib.unwritten()
	if n := s.beats[clockBeat].Load(); n > 0 {
		st.Clock = time.Unix(0, n).In(st.Now.Location())
	}
	if why := s.dead.Load(); why != nil {
		st.Dead = *why
	}
	return st
}

func (k *keeper) state(st *State, all bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for o, n := range k.counts {
		st.Ticks[o] = n
	}
	for _, t := range k.tickers {
		stale := t.stale(st.Now)
		if !all && !stale {
			continue
		}
		st.Triggers = append(st.Triggers, TriggerState{
			Workflow: t.workflow, Trigger: t.name, Disabled: k.view.disabled(t.workflow),
			Next: t.at, Last: t.last, Outcome: t.outcome, Reason: t.reason, Stale: stale,
		})
	}
	slices.SortFunc(st.Triggers, func(a, b TriggerState) int {
		return cmp.Or(cmp.Compare(a.Workflow, b.Workflow), cmp.Compare(a.Trigger, b.Trigger))
	})
}

// stale says that two periods passed without a tick. A little is allowed for on top: the
// one that looks may be earlier than the one that ticks.
func (t *ticker) stale(now time.Time) bool {
	switch {
	case t.at.IsZero():
		return false
	case t.last.After(now.Add(fresh)):
		return true
	case !now.After(t.at):
		return false
	}
	return now.Sub(t.at) > 2*t.grid.within(t.at)+5*time.Second
}

func (q *Local) state(st *State, all bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.init()
	for _, name := range Lanes() {
		l := q.lanes[name]
		s := LaneState{Lane: name, Waiting: l.waiting, Running: l.running, Workers: l.limit, Refused: l.refused}
		for _, b := range l.workflows {
			if b.listed && b.ready.len() > 0 {
				if due := b.ready.items[b.ready.head].job.Due; s.Oldest.IsZero() || due.Before(s.Oldest) {
					s.Oldest = due
				}
			}
		}
		st.Lanes = append(st.Lanes, s)
	}
	if !all {
		return
	}
	for _, e := range q.runs {
		st.Runs = append(st.Runs, RunState{Job: e.job, Since: e.since, Late: e.late})
	}
	slices.SortFunc(st.Runs, func(a, b RunState) int {
		return cmp.Or(a.Job.Due.Compare(b.Job.Due), cmp.Compare(a.Job.Run, b.Job.Run))
	})
}

// Unwell says in words what is wrong with the scheduler itself; nothing where it is well.
// A workflow that fails is none of it.
func (st State) Unwell() []string {
	var words []string
	add := func(format string, args ...any) { words = append(words, fmt.Sprintf(format, args...)) }
	if st.Dead != "" {
		add("%s", st.Dead)
	}
	switch {
	case st.Clock.IsZero():
		add("the clock has not started")
	case st.Now.Sub(st.Clock) > 2*longestWait:
		add("the clock stands still since %s", st.Clock.UTC().Format(time.RFC3339))
	}
	stale := 0
	var first TriggerState
	for _, t := range st.Triggers {
		if t.Stale {
			if stale == 0 {
				first = t
			}
			stale++
		}
	}
	switch {
	case stale == 1:
		add("%s of %s does not tick", first.Trigger, first.Workflow)
	case stale > 1:
		add("%d triggers do not tick, such as %s of %s", stale, first.Trigger, first.Workflow)
	}
	for _, l := range st.Lanes {
		if l.Stuck(st.Now) {
			add("runs of the lane %s wait since %s for one of its %d workers", l.Lane, l.Oldest.UTC().Format(time.RFC3339), l.Workers)
		}
	}
	if st.Unwritten > 1000 || st.Lost > 0 {
		add("%d ticks wait to be recorded, and %d were not", st.Unwritten, st.Lost)
	}
	return words
}

// A WorkerState is how it went with runs so far.
type WorkerState struct {
	Runs       uint64         // that began
	Panics     uint64         // of them that panicked
	Abandoned  uint64         // of them that were left behind because they did not end
	Parked     uint64         // jobs that were not run because the ones before went so badly
	Unrecorded uint64         // times that the recorder did not take something
	Hung       map[string]int // by workflow: runs that were left behind and go on
}

// State is how it went so far. It is a copy.
func (w *Worker) State() WorkerState {
	w.mu.Lock()
	defer w.mu.Unlock()
	st := WorkerState{
		Runs: w.counts.runs.Load(), Panics: w.counts.panics.Load(), Abandoned: w.counts.abandoned.Load(),
		Parked: w.counts.parked.Load(), Unrecorded: w.counts.unrecorded.Load(), Hung: map[string]int{},
	}
	for id, n := range w.hung {
		st.Hung[id] = n
	}
	return st
}
