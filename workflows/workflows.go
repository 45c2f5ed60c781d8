// Package workflows is the workflow language: the document types, their parser and
// their JSON Schema. It says what was written, not what it means for a run. The
// workflows that ship with the program lie in examples.
package workflows

import (
	"slices"
	"time"

	"tocsin/workflows/schema"
	"tocsin/workflows/source"
)

// A File is what one YAML file says: workflows, and what they share.
type File struct {
	Name      string
	Text      string // as written, without a byte order mark; "": there is nothing in it
	Workflows []*Workflow
	Providers []Connection    // inline provider configurations
	Actions   []*Step         // actions other workflows may "use"
	Problems  source.Problems // warnings: what is wrong but works
}

// A Workflow is one parsed document. Texts are as written: nothing is rendered.
type Workflow struct {
	Pos         source.Pos
	Form        Form // which of the two documents it was
	ID          string
	Name        string
	Description string
	Disabled    bool
	Debug       bool
	Compat      string // "keep" brings back Keep's own answers, "" is ours
	Triggers    []Trigger
	Inputs      []Input
	Consts      source.Value
	Strategy    Strategy
	Permissions []string
	Labels      map[string][]string // owners, services, tags
	Timeout     time.Duration       // of the whole run; 0: the engine's default
	Steps       []*Step
	Actions     []*Step
	OnFailure   *Step
	Severity    string   // of the alerts it tells of: critical, high, warning, info, low; "": nobody says
	DependsOn   []Text   // ids of workflows
	Silences    []Window // in which nobody is told
	Notify      *Notices // nil: nothing is said; each action has it with its own keys over it

	interval    source.Value // the old spelling; Parse makes a trigger of it
	connections []Connection // of a "providers:" inside the workflow; they go to the File
	idPos       source.Pos
}

// Forget lets go of what is read when w is compiled and checked, and not when it runs: the
// triggers, and the draft of each step, of which programs have all in a form of their own.
// That is most of w, for who keeps ten thousand of them. Nothing can be compiled from w any
// more.
func (w *Workflow) Forget() {
	w.Triggers, w.Consts, w.interval = nil, source.Value{}, source.Value{}
	for _, s := range slices.Concat(w.Steps, w.Actions, []*Step{w.OnFailure}) {
		if s != nil {
			s.Draft = nil
		}
	}
}

// A Form is which document a workflow was written as: in an "alert:" an assert
// fires when it fails, in a "workflow:" when it holds.
type Form string

const (
	AlertForm    Form = "alert"
	WorkflowForm Form = "workflow"
)

// A Step asks a provider something, or, as an action, tells it something.
type Step struct {
	Pos             source.Pos
	Kind            Kind
	Name            string
	Use             string // name of a shared action this one extends
	Foreach         Text
	Parallel        int          // items of foreach at the same time; 0 and 1: one after the other
	Provider        Text         // type, such as "slack"
	Config          source.Value // a name, as "{{ providers.slack-prod }}", or the configuration; Data nil: absent
	Retry           Retry
	Timeout         time.Duration // of one call; 0: the engine's default
	Stop            bool          // "continue: false"
	ContinueOnError bool
	Notify          *Notices     // of an action: when it tells; nil: nobody says
	OnResolve       source.Value // parameters that differ when it tells that an alert is over; Data nil: none

	*Draft // nil: it was forgotten
}

// A Draft is what programs have of a step in a form of their own.
type Draft struct {
	If         Text // If.Pos zero: absent
	Conditions []Part
	Vars       source.Value
	Aliases    source.Value
	Throttle   *Part
	With       source.Value // parameters; a source.Map or, where absent, nil
	Expect     []Text       // conditions that must hold after the call
	Enrich     []Enrichment

	written source.Value // what the step was read from, for Resolve; Data nil: by a program
}

// NewStep is a step of which nothing more is said yet.
func NewStep(pos source.Pos, kind Kind, name string, provider Text) *Step {
	return &Step{Pos: pos, Kind: kind, Name: name, Provider: provider, Draft: &Draft{}}
}

// written is a step that is about to be read from v.
func written(kind Kind, v source.Value) *Step {
	return &Step{Pos: v.Pos, Kind: kind, Draft: &Draft{written: v}}
}

// A Part is something of a named type with parameters of its own: a trigger, a
// condition, a throttle. The package that implements the type owns its schema.
type Part struct {
	Pos         source.Pos
	Type        Text
	Name, Alias string
	With        source.Value // the other keys, a source.Map

	aliasPos source.Pos // of the alias, or of the name that stands for it
}

// A Text is a string and where it was written. S is a YAML scalar's text; Data is
// what the scalar was when it was not a string (if: false).
type Text struct {
	Pos   source.Pos
	S     string
	Value source.Value
}

// Kind says what a Step is.
type Kind string

const (
	Query  Kind = "step"
	Notify Kind = "action"
	Listen Kind = "trigger" // of an Operation only: a trigger that subscribes to its alerts
)

// A Strategy says what happens when a run with the same key is under way.
type Strategy string

const (
	Parallel Strategy = "parallel"
	Skip     Strategy = "nonparallel"
	Wait     Strategy = "nonparallel_with_retry"
)

type (
	Trigger = Part
	// A Connection is a provider configuration written in a workflow file.
	Connection struct {
		Pos    source.Pos
		Name   string
		Config source.Value
	}
	// An Enrichment is a field that a call adds to the alert or incident.
	Enrichment struct {
		Key, Value Text
		Incident   bool
		Disposable bool
	}
	// A Retry repeats a call that failed.
	Retry struct {
		Count    int           // attempts after the first
		Interval time.Duration // before the second attempt
		Backoff  float64       // the interval grows by this factor; 0 and 1: it does not
		Jitter   bool          // a random part of the interval is waited instead
	}
	// Notices say when people are told of an alert that lasts.
	Notices struct {
		Pos                        source.Pos
		Failures, Successes        int // in a row; 1 or more
		Hold, KeepFiring, Reminder time.Duration
		Resolved                   bool
		Flapping                   Flapping
		Fallback                   *Telling // nil: none
		Escalate                   []Escalation
		Key                        Text // Key.Pos zero: absent

		written source.Value
	}
	// A Flapping says when an alert changes too often; Changes of 0: never.
	Flapping struct {
		Changes int
		Within  time.Duration
	}
	// An Escalation tells others when an alert has fired for some time.
	Escalation struct {
		Pos         source.Pos
		After       time.Duration
		UnlessAcked bool
		Tell        []Telling
	}
	// A Telling is who is told: an action of the workflow by its name, or a provider.
	Telling struct {
		Action Text  // where Step is nil
		Step   *Step // without a name
	}
	// A Window is a time in which nobody is told: from From until Until, or for For
	// whenever Cron says. Other texts are empty.
	Window struct {
		Pos               source.Pos
		From, Until, Cron Text
		For               time.Duration
		Timezone          Text // empty: UTC
		Reason, Owner     string
	}
	// An Input is a value that whoever starts the workflow may give.
	Input struct {
		Pos                     source.Pos
		Name, Description, Type string // Type: string, number, boolean, choice
		Required                bool
		Default                 source.Value // Data nil: none
		Options                 []string
	}
)

// A Setting changes one value of a document before it is read: "--set
// steps.ws.with.socket_url=ws://127.0.0.1:8080".
type Setting struct {
	Path  string // dots between keys, names or indexes of list items; "provider." before with and config may be left out, as may the document's "alert." or "workflow."
	Value any
}

// An Operation is what Schema needs to know of a provider.
type Operation struct {
	Provider string
	Kind     Kind
	Params   *schema.Schema
}

// A Key is one key of the language and its documentation, by its path:
// "step.retry.count". Keys lists them all, for "tocsin explain".
type Key struct {
	Path    string
	Type    schema.Type
	Default string
	Doc     string // one sentence
	Example string // YAML
	Fields  []schema.Field
}
