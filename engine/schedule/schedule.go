// Package schedule keeps time. It turns ticks of clocks, alerts that come in and
// messages of subscriptions into jobs, keeps jobs that must wait, and has workers that
// run them.
//
// A Catalog has the programs, a Scheduler makes jobs, a Queue keeps them, a Worker runs
// them, and a Recorder, which is the store, remembers all of it.
package schedule

import (
	"context"
	"errors"
	"time"

	"tocsin/engine"
)

// A Job asks for one run of one workflow. It is small and can be written down.
type Job struct {
	Run      string       `json:"run"` // identity of the run; a second job with the same one is dropped
	Workflow string       `json:"workflow"`
	Trigger  string       `json:"trigger"` // which of the workflow's triggers: see Tick.Trigger; "" if nobody's
	By       string       `json:"by"`      // who asked, in words: "scheduler", "manually by ops", "type:alert name:disk id:1"
	Input    engine.Input `json:"input"`
	Key      string       `json:"key,omitempty"`   // jobs of one workflow with one key do not run at the same time; "": they may
	Wait     bool         `json:"wait,omitempty"`  // while another has its key it waits; otherwise it is skipped
	Due      time.Time    `json:"due"`             // when it ought to start: the tick, or when it was asked for
	Attempt  int          `json:"attempt"`         // how often it was begun, from 1; more after the process died
	Apart    bool         `json:"apart,omitempty"` // its program is not the catalog's: where the process dies nobody goes on with it
	Version  string       `json:"-"`               // of the text that it runs: see Item; "" before it begins
}

// A Tick is a moment at which a trigger wanted its workflow to run, and what came of
// it. There is one of each moment, whatever happens (reliability.md, S1).
type Tick struct {
	Workflow string
	Trigger  string // what tells the workflow's triggers apart, and stays while it is written the same: "interval 5m", "cron 0 9 * * mon"
	At       time.Time
	Outcome  Outcome
	Reason   string // why it did not start, in words
	Run      string // that it started
}

// An Outcome is what came of a tick.
type Outcome string

const (
	Started Outcome = "started"
	Skipped Outcome = "skipped" // the run before was still under way, or the workflow was disabled
	Missed  Outcome = "missed"  // nobody was there, or everybody was busy for too long
	Seen    Outcome = "seen"    // no tick: the trigger was there for the first time, and counts from then on
)

// A Mark is the last tick of a trigger, and when its workflow was last seen.
type Mark struct {
	Workflow, Trigger string
	At                time.Time
}

// An Unfinished is a job that was taken on and not brought to an end, because the
// process died. Events are what is known of the run; none: it had not begun.
type Unfinished struct {
	Job    Job
	Events []engine.Event
}

// A Recorder remembers what happens. Its methods return when what they were given is
// on disk, but for Record, and are called from many goroutines. An error of theirs
// means that it may not be: what depends on it does not go on.
type Recorder interface {
	// Marks are the last ticks that are known, of all workflows.
	Marks(ctx context.Context) ([]Mark, error)
	// Tick remembers ticks that did not start a run. One that did is remembered by End
	// or, if it never comes to that, by Begin.
	Tick(ctx context.Context, ticks ...Tick) error
	// Put takes jobs on: from now on each of them comes to an end, or is Unfinished. A
	// job whose Run is known already is left out, without an error.
	Put(ctx context.Context, jobs ...Job) error
	// Begin says that a job starts. It need not have been Put. It is ErrBusy where the
	// run is over, was begun with a later Attempt, or another one of the workflow with
	// its Key is under way. To begin a run again with the same Attempt is no error: who
	// got one before could not know what it meant. Of a tick's run that nothing is known
	// of yet it may only be noted: it is on disk before an action of it is called, and
	// before a later tick of the trigger; if the process dies before, it never began.
	Begin(ctx context.Context, j Job, tick *Tick) error
	// Record keeps an event of a run for its resumption. The call of an action is on
	// disk when it returns; of other events those before one that is on disk are too.
	Record(ctx context.Context, e engine.Event) error
	// End keeps the result, in one transaction with what came of it.
	End(ctx context.Context, j Job, r *engine.Result) error
	// Drop ends a job that never ran, and says why.
	Drop(ctx context.Context, j Job, reason string) error
	// Unfinished are the jobs that were Put or begun, and not ended.
	Unfinished(ctx context.Context) ([]Unfinished, error)
}

var (
	// ErrBusy means that a run with the key of the job is under way.
	ErrBusy = errors.New("a run with this key is under way")
	// ErrFull means that the queue has no room. Who asked asks again later.
	ErrFull = errors.New("the queue is full")
)

// isAnswer says that an error of a Recorder is what it decided, not a failure.
func isAnswer(err error) bool { return errors.Is(err, ErrBusy) }
