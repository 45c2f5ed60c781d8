package engine

import (
	"sync/atomic"
	"time"

	"tocsin/providers"
	"tocsin/templating"
	"tocsin/workflows"
	"tocsin/workflows/source"
)

// A Program is a workflow ready to run: as often as one likes, from as many
// goroutines as one likes. It never changes, but for what it remembers.
type Program struct {
	workflow  *workflows.Workflow
	keep      bool
	consts    any      // *value.Map; texts in it are *templating.Template
	providers []string // configurations that texts read of
	secrets   []string // that texts read
	lastRun   bool     // some text reads last_workflow_results
	steps     []*step
	actions   []*step
	onFailure *step
	triggers  []Trigger
	silences  []window
	dependsOn []string // workflows
	episode   bool     // some text reads "episode"
}

// Workflow is what p was compiled from. It must not be changed.
func (p *Program) Workflow() *workflows.Workflow { return p.workflow }

// Triggers say when p wants to run, in the order written.
func (p *Program) Triggers() []Trigger { return p.triggers }

// Executes says that a step or action runs programs or code of the workflow's
// author: it is for files from disk only.
func (p *Program) Executes() bool {
	for _, list := range [][]*step{p.steps, p.actions, {p.onFailure}} {
		for _, s := range list {
			if s != nil && s.provider != nil && s.provider.Executes {
				return true
			}
		}
	}
	return false
}

// A step is a compiled workflows.Step.
type step struct {
	*workflows.Step
	provider   *providers.Provider // nil: this build does not have it
	op         *providers.Operation
	timeout    time.Duration // of one call
	late       *limitError   // what a call that takes longer ends with
	config     config
	guard      *check // its "if"; nil: there is none
	conditions []check
	foreach    []loop // several are zipped
	vars       any    // *value.Map; texts in it are *templating.Template
	aliases    []alias
	with       param
	plain      any                   // what with is without positions, where it is constant
	asked      atomic.Pointer[ready] // what was made of it; nil: nothing
	secret     bool                  // some parameters are not to be shown
	message    string                // parameter that the text of a failure goes to, in on-failure
	expect     []check
	enrich     []enrichment
	throttle   throttle // nil: there is none
	watch      *watch   // nil: what it tells does not last
	reserved   string   // why it does not run by itself; "": it does
	speaks     bool     // its parameters read "episode"
	resolve    *param   // its parameters where the alert is over; nil: the same
	resolves   bool     // they have the text
}

// A config says how a step's provider is configured: by name, or as written in the
// step.
type config struct {
	name   string
	inline *param
}

// An alias is a text that is rendered before the conditions are decided.
type alias struct {
	name string
	text param
}

// An enrichment is a field that a call adds to the alert or incident.
type enrichment struct {
	workflows.Enrichment
	key, value param
}

// where is the place of a text, for errors: its value and the byte offset in it.
func where(v source.Value, err error) source.Pos {
	if e, ok := err.(*templating.Error); ok {
		return v.At(e.Offset)
	}
	return v.Pos
}
