package providers

import (
	"time"

	"tocsin/workflows/source"
)

// An Episode is an alert that lasts, from when it fires until it is over, as those see
// it who are told.
type Episode struct {
	ID       string // the same for all messages about it
	Kind     string // "fire", "reminder", "flapping" or "resolved"
	Seq      int    // the how many-th message about it this is, from 1
	Since    time.Time
	Lasted   time.Duration
	First    any      // what the call returned that told of it first, a value; nil: this is the first
	Affected []string // workflows that fail because of it
}

// Over says that the message tells that the alert is over.
func (e *Episode) Over() bool { return e != nil && e.Kind == "resolved" }

// A Retell changes the parameters of a message about an alert that was told of before,
// so that it goes where the first went: into its thread, below its subject. It gets them
// rendered, the text already saying what has become of the alert, and must not change
// the mapping it is given. It is a pure function.
type Retell func(with source.Map, e Episode) source.Map
