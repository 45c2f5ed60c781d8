// Package engine compiles workflows and runs them. It starts no goroutine but those
// of a parallel foreach, which it waits for; it opens no file, reads no environment
// and keeps no global: what it needs is handed to it.
//
// A document becomes a Program (Compile), a Program becomes a run (Runner.Run), a run
// is its Events, and a Result is what they add up to.
package engine

import (
	"time"

	"tocsin/providers"
	"tocsin/templating"
	"tocsin/workflows"
	"tocsin/workflows/source"
)

// A Program is a workflow ready to run: as often as one likes, from as many
// goroutines as one likes. It never changes.
type Program struct{}

// A Library is what a workflow may refer to.
type Library struct {
	Providers *providers.Registry
	Functions *templating.Functions
	Actions   map[string]*workflows.Step // shared actions, for "use:"
	Compat    string                     // "keep": for every workflow, whatever it says
	// Configured says whether a named provider configuration is defined; nil: nobody
	// knows. A name that is not is a problem: an error where Required, else a warning.
	Configured func(name string) bool
	Required   bool
}

// Compile checks w and prepares it for running. The error is a source.Problems with
// everything that is wrong; the second result has what is suspicious but works.
func Compile(w *workflows.Workflow, lib Library) (*Program, source.Problems, error) {
	panic("unwritten")
}

func (p *Program) Workflow() *workflows.Workflow { panic("unwritten") }
func (p *Program) Triggers() []Trigger           { panic("unwritten") }

// A Trigger says when a program wants to run. Like the rest of a program it is a
// function of its arguments; package schedule has the clock.
type Trigger struct {
	Type  string
	Next  func(last time.Time) time.Time // nil: time does not start it
	Match func(a Arrival) bool           // nil: alerts and incidents do not
}

// An Arrival is an alert or incident that came in, and what that changed.
type Arrival struct {
	Kind    string // "alert", "incident"
	Event   string // "created", "updated", ...
	Fields  map[string]any
	Changed []string
}
