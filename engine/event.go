package engine

import (
	"time"

	"tocsin/engine/episode"
	"tocsin/templating"
	"tocsin/workflows"
	"tocsin/workflows/source"
)

// An Event is something that happened in a run. One flat struct, so that a line of
// JSON, a row of a table and a message to a browser are the same thing.
type Event struct {
	Time     time.Time       `json:"time"`
	Run      string          `json:"run"`
	Workflow string          `json:"workflow"`
	Action   Action          `json:"event"`
	Trigger  string          `json:"trigger,omitempty"` // of the run; on "run"
	DryRun   bool            `json:"dry_run,omitempty"` // on "run"
	Step     string          `json:"step,omitempty"`
	Kind     workflows.Kind  `json:"kind,omitempty"`
	Provider string          `json:"provider,omitempty"`
	Pos      source.Pos      `json:"-"`
	Item     int             `json:"item,omitempty"` // which item of a foreach, from 1
	Attempt  int             `json:"attempt,omitempty"`
	Status   Status          `json:"status,omitempty"`
	Reason   string          `json:"reason,omitempty"` // why it was skipped or failed, in words
	Fired    bool            `json:"fired,omitempty"`  // it had a condition or if, which let it run
	Check    *Check          `json:"check,omitempty"`
	With     any             `json:"with,omitempty"` // parameters of a call; fields of an enrichment
	Output   any             `json:"output,omitempty"`
	Notice   *episode.Notice `json:"notice,omitempty"` // of an alert that lasts: what is told of it, or why nothing is
	Err      error           `json:"-"`
	Duration time.Duration   `json:"-"` // of the call, on "call" and closing events
}

// An Action is what happened.
type Action string

const (
	RunStarted  Action = "run"       // the run began
	StepStarted Action = "step"      // a step or action is looked at
	Condition   Action = "condition" // a condition, if or expect was evaluated (Check)
	Calling     Action = "call"      // the provider is about to be called (With)
	Noticed     Action = "notice"    // it was decided what is told of an alert that lasts (Notice)
	Retrying    Action = "retry"     // a call failed and is repeated (Err)
	Enriched    Action = "enrich"    // fields were added to the alert or incident (With)
	ItemEnded   Action = "item"      // one item of a foreach is over
	StepEnded   Action = "end-step"  // a step or action is over
	RunEnded    Action = "end"       // the run is over
)

// A Status is how something ended.
type Status string

const (
	Done     Status = "done"
	Skipped  Status = "skipped"
	Failed   Status = "failed"   // a check did not hold: an expect, or an alert's assert
	Broken   Status = "error"    // it could not be done
	TimedOut Status = "timeout"  // it was not done in time
	Canceled Status = "canceled" // it was interrupted
)

// A Check is a condition, an if or an expect, and how it came out.
type Check struct {
	Name    string                  `json:"name,omitempty"`
	Type    string                  `json:"type"` // "assert", "threshold", "stddev", "if", "expect"
	Text    string                  `json:"text"` // as written
	Held    bool                    `json:"held"`
	Fires   string                  `json:"fires,omitempty"` // "on_failure" or "on_success", of an assert
	Passed  bool                    `json:"passed"`          // an expect: it held; a condition: the action runs
	Words   string                  `json:"words"`           // why, in a sentence
	Level   string                  `json:"level,omitempty"` // of a threshold with several
	Value   any                     `json:"value,omitempty"`
	Against any                     `json:"against,omitempty"`
	Tree    *templating.Explanation `json:"tree,omitempty"`
	Error   string                  `json:"error,omitempty"`
	Pos     source.Pos              `json:"-"`
}
