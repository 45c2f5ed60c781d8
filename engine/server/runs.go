package server

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"tocsin/engine"
	"tocsin/engine/store"
	"tocsin/templating"
)

// A runView is a run as lists show it.
type runView struct {
	ID          string     `json:"id"`
	Workflow    string     `json:"workflow"`
	Trigger     string     `json:"trigger" doc:"What kind of thing started it."`
	By          string     `json:"by" doc:"Who, in words."`
	Status      string     `json:"status" doc:"running, or done, failed, error, timeout, canceled, skipped."`
	Reason      string     `json:"reason,omitempty"`
	Due         time.Time  `json:"due"`
	Started     time.Time  `json:"started"`
	Ended       *time.Time `json:"ended,omitempty"`
	Seconds     float64    `json:"seconds" doc:"How long it took."`
	Attempt     int        `json:"attempt"`
	Kind        string     `json:"kind,omitempty" doc:"alert or incident, where one started it."`
	Event       string     `json:"event,omitempty" doc:"The id of that."`
	Fingerprint string     `json:"fingerprint,omitempty" doc:"Of that alert."`
}

func viewRun(r store.Run) runView {
	return runView{
		ID: r.ID, Workflow: r.Workflow, Trigger: r.Trigger, By: r.By, Status: string(r.Status), Reason: r.Reason, Due: r.Due, Started: r.Started,
		Ended: whenever(r.Ended), Seconds: seconds(r.Duration), Attempt: r.Attempt, Kind: r.Kind, Event: r.Event, Fingerprint: r.Fingerprint,
	}
}

// A runDetail is a run with its steps.
type runDetail struct {
	runView
	Steps []stepView `json:"steps"`
}

// A stepView is a step or action of a run.
type stepView struct {
	Name     string      `json:"name"`
	Kind     string      `json:"kind"`
	Provider string      `json:"provider"`
	Status   string      `json:"status"`
	Reason   string      `json:"reason,omitempty"`
	Fired    bool        `json:"fired" doc:"It had a condition, which let it run."`
	Checks   []checkView `json:"checks"`
	With     data        `json:"with" doc:"Parameters of the last call, secrets masked."`
	Output   data        `json:"output"`
	Retries  int         `json:"retries"`
	Seconds  float64     `json:"seconds"`
	Error    string      `json:"error,omitempty"`
}

// A checkView is a condition, an if or an expect, and how it came out.
type checkView struct {
	Name   string        `json:"name,omitempty"`
	Type   string        `json:"type"`
	Text   string        `json:"text" doc:"As written."`
	Fires  string        `json:"fires,omitempty" doc:"on_failure or on_success, of an assert."`
	Held   bool          `json:"held"`
	Passed bool          `json:"passed"`
	Words  string        `json:"words" doc:"Why, in a sentence."`
	Error  string        `json:"error,omitempty"`
	Tree   []explanation `json:"tree" doc:"The parts of it and their values, each with its depth."`
}

// An explanation is a part of a condition.
type explanation struct {
	Depth   int    `json:"depth"`
	Text    string `json:"text"`
	Value   data   `json:"value"`
	Missing bool   `json:"missing,omitempty"`
	Error   string `json:"error,omitempty"`
}

func viewCheck(c engine.Check) checkView {
	v := checkView{Name: c.Name, Type: c.Type, Text: c.Text, Fires: c.Fires, Held: c.Held, Passed: c.Passed, Words: c.Words, Error: c.Error, Tree: []explanation{}}
	if c.Tree != nil {
		v.explain(*c.Tree, 0)
	}
	return v
}

func (v *checkView) explain(x templating.Explanation, depth int) {
	v.Tree = append(v.Tree, explanation{depth, x.Text, data{x.Value}, x.Missing, x.Error})
	for _, part := range x.Parts {
		v.explain(part, depth+1)
	}
}

func viewStep(s engine.StepResult) stepView {
	v := stepView{
		Name: s.Name, Kind: fmt.Sprint(s.Kind), Provider: s.Provider, Status: string(s.Status), Reason: s.Reason, Fired: s.Fired,
		Checks: []checkView{}, With: data{s.With}, Output: data{s.Output}, Retries: s.Retries, Seconds: seconds(s.Duration),
	}
	for _, c := range s.Checks {
		v.Checks = append(v.Checks, viewCheck(c))
	}
	if s.Err != nil {
		v.Error = s.Err.Error()
	}
	return v
}

// An eventView is something that happened in a run.
type eventView struct {
	No       int        `json:"no" doc:"Of the run's events, from 1."`
	Time     time.Time  `json:"time"`
	Event    string     `json:"event" doc:"run, step, condition, call, retry, enrich, item, end-step or end."`
	Step     string     `json:"step,omitempty"`
	Kind     string     `json:"kind,omitempty"`
	Provider string     `json:"provider,omitempty"`
	Item     int        `json:"item,omitempty"`
	Attempt  int        `json:"attempt,omitempty"`
	Status   string     `json:"status,omitempty"`
	Reason   string     `json:"reason,omitempty"`
	Fired    bool       `json:"fired,omitempty"`
	Check    *checkView `json:"check,omitempty"`
	With     *data      `json:"with,omitempty"`
	Output   *data      `json:"output,omitempty"`
	Error    string     `json:"error,omitempty"`
}

func viewEvent(no int, e engine.Event) eventView {
	v := eventView{
		No: no, Time: e.Time, Event: string(e.Action), Step: e.Step, Provider: e.Provider, Item: e.Item,
		Attempt: e.Attempt, Status: string(e.Status), Reason: e.Reason, Fired: e.Fired,
	}
	if e.Step != "" {
		v.Kind = fmt.Sprint(e.Kind)
	}
	if e.Check != nil {
		c := viewCheck(*e.Check)
		v.Check = &c
	}
	if e.With != nil {
		v.With = &data{e.With}
	}
	if e.Output != nil {
		v.Output = &data{e.Output}
	}
	if e.Err != nil {
		v.Error = e.Err.Error()
	}
	return v
}

func runRoutes() []route {
	const one = "/api/v1/runs/{id}"
	return []route{
		get("/api/v1/runs", reading, "Runs, the newest first.", listRuns).takesPages(
			text("workflow", "Of this workflow."), text("status", "With one of these, separated by commas."),
			text("by", "Whose starter begins with this: manually, scheduler, type:alert."), text("fingerprint", "Which this alert started."),
			text("since", "That began at this time or later."), text("until", "That began at this time or earlier.")),
		get(one, reading, "A run with its steps.", func(c *call) (runDetail, error) {
			r, result, err := c.s.Store.Run(c.Context(), c.PathValue("id"))
			if err != nil {
				return runDetail{}, c.waiting(err)
			}
			d := runDetail{viewRun(r), []stepView{}}
			for _, s := range result.Steps {
				d.Steps = append(d.Steps, viewStep(s))
			}
			return d, nil
		}),
		giving[[]eventView](get(one+"/events", reading, "What happened in a run. With Accept: text/event-stream it is a stream that goes on until the run is over, and from Last-Event-ID on.", runEvents)),
		get(one+"/cancel", operating, "Stop a run that is under way.", func(c *call) (done, error) {
			if !c.s.Scheduler.Cancel(c.PathValue("id"), c.who.name) {
				return done{}, refuse(http.StatusNotFound, "no such run is under way")
			}
			return done{"canceled"}, nil
		}).by("POST").answers(202),
	}
}

// waiting says of a run that cannot be found that it waits, where it does: then it is not
// nothing.
func (c *call) waiting(err error) error {
	for _, r := range c.s.Scheduler.State().Runs {
		if r.Job.Run == c.PathValue("id") && r.Since.IsZero() {
			return later(http.StatusNotFound, time.Second, "the run waits to begin")
		}
	}
	return err
}

// filter is what of runs a query asks for.
func (c *call) filter() (f store.RunFilter, err error) {
	f.Workflow, f.Fingerprint = c.query.Get("workflow"), c.query.Get("fingerprint")
	for status := range strings.SplitSeq(c.query.Get("status"), ",") {
		if status != "" && len(f.Status) < 20 {
			f.Status = append(f.Status, engine.Status(status))
		}
	}
	if by := c.query.Get("by"); by != "" {
		f.Trigger = []string{by}
	}
	if f.Since, err = c.moment("since"); err != nil {
		return f, err
	}
	if f.Until, err = c.moment("until"); err != nil {
		return f, err
	}
	f.Limit, f.Offset, err = c.page(25)
	return f, err
}

func listRuns(c *call) (page[runView], error) {
	f, err := c.filter()
	if err != nil {
		return page[runView]{}, err
	}
	list, total, err := c.s.Store.Runs(c.Context(), f)
	p := page[runView]{Count: total, Limit: f.Limit, Offset: f.Offset, Items: []runView{}}
	for _, r := range list {
		p.Items = append(p.Items, viewRun(r))
	}
	return p, err
}
