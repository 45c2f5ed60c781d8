package engine

import (
	"time"

	"tocsin/workflows"
	"tocsin/workflows/source"
)

// A Result is what the events of a run add up to.
type Result struct {
	Run         string
	Workflow    string
	Description string
	Pos         source.Pos // of the workflow
	Trigger     string
	Status      Status // Done, Failed, Broken, TimedOut, Canceled, or Skipped where the workflow is disabled
	Reason      string
	Started     time.Time
	Duration    time.Duration
	DryRun      bool
	Steps       []StepResult // steps, actions, then on-failure, in the order they ran
	Err         error
}

// A StepResult sums up one step or action, over its items if it has foreach.
type StepResult struct {
	Name     string
	Kind     workflows.Kind
	Provider string
	Pos      source.Pos
	Status   Status
	Reason   string
	Fired    bool
	Alerting bool    // it fired because an alert's assert failed: the run failed a check
	Checks   []Check // conditions, if and expects
	With     any     // parameters of the last call
	Output   any     // what it returned; a list where there is a foreach
	Items    []Event // the closing event of each item
	Retries  int
	Errors   []error // of the attempts that were repeated
	Started  time.Time
	Duration time.Duration
	Err      error
}

// Add folds e in. Run uses it, and so does whoever reads events from the store: there
// is one way to sum up a run.
func (r *Result) Add(e Event) { panic("unwritten") }

// A StepError is the failure of one step.
type StepError struct {
	Pos     source.Pos
	Step    string
	Attempt int
	Err     error
}

func (e *StepError) Error() string { panic("unwritten") }
func (e *StepError) Unwrap() error { return e.Err }
