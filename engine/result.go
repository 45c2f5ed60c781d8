package engine

import (
	"errors"
	"slices"
	"time"

	"tocsin/engine/episode"
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
	Steps       []StepResult     // steps, actions, then on-failure, in the order they ran
	Alerts      []episode.Record // what is known of the alerts that it saw, for who records it
	Err         error            // nil where all that is wrong is that an assertion fired its action
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
	Alerting bool             // it fired because an alert's assert failed: the run failed a check
	Checks   []Check          // conditions, if and expects
	With     any              // parameters of the last call
	Output   any              // what it returned; a list where there is a foreach
	Notices  []episode.Notice // what was decided about telling of alerts that last
	Items    []Event          // the closing event of each item
	Retries  int
	Errors   []error // of the attempts that were repeated
	Started  time.Time
	Duration time.Duration
	Err      error
}

// Add folds e in. Run uses it, and so does whoever reads events from the store: there
// is one way to sum up a run. Description and, from stored events, the places in the
// file are not in events and stay as they are.
func (r *Result) Add(e Event) {
	switch e.Action {
	case RunStarted:
		r.Run, r.Workflow, r.Trigger, r.DryRun = e.Run, e.Workflow, e.Trigger, e.DryRun
		r.Started = e.Time
		if e.Pos != (source.Pos{}) {
			r.Pos = e.Pos
		}
	case RunEnded:
		r.Status, r.Reason, r.Err = e.Status, e.Reason, e.failure()
		r.Duration = e.Time.Sub(r.Started)
	case StepStarted:
		r.Steps = append(r.Steps, StepResult{
			Name: e.Step, Kind: e.Kind, Provider: e.Provider, Pos: e.Pos, Started: e.Time,
		})
	default:
		if n := len(r.Steps); n > 0 {
			r.Steps[n-1].add(e)
		}
	}
}

// add folds in an event between the start and the end of the step.
func (s *StepResult) add(e Event) {
	switch e.Action {
	case Condition:
		if e.Check != nil {
			s.Checks = append(s.Checks, *e.Check)
		}
	case Noticed:
		if e.Notice != nil {
			s.Notices = append(s.Notices, *e.Notice)
		}
	case Calling:
		s.With = e.With
	case Retrying:
		s.Retries++
		s.Errors = append(s.Errors, e.failure())
	case ItemEnded:
		s.Items = append(s.Items, e)
	case StepEnded:
		s.Status, s.Reason, s.Fired = e.Status, e.Reason, e.Fired
		s.Output, s.Err = e.Output, e.failure()
		s.Duration = e.Time.Sub(s.Started)
		s.Alerting = e.Fired && slices.ContainsFunc(s.Checks, Check.alerts)
		slices.SortStableFunc(s.Items, func(a, b Event) int { return a.Item - b.Item })
	}
}

// alerts says that c let its action run because an assertion failed.
func (c Check) alerts() bool { return c.Fires == onFailure && c.Passed }

// failure is the error of e. A stored event has lost it, but not its words.
func (e Event) failure() error {
	switch {
	case e.Err != nil:
		return e.Err
	case e.Action == RunEnded && e.Status == Failed:
		return nil
	case e.Action == Retrying, e.Status != "" && e.Status != Done && e.Status != Skipped:
		return errors.New(e.Reason)
	}
	return nil
}
