package server

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"tocsin/engine"
	"tocsin/engine/store"
	"tocsin/templating/value"
)

func keepRunRoutes() []route {
	return []route{
		get("/workflows/{id}/runs", reading, "Keep's: runs of a workflow.", keepRuns).takesPages(
			number("tab", "1: of 30 days, 2: of 7, 3: of today; others: all."), text("status", "in_progress, success, error or timeout; may be there several times."),
			text("trigger", "What the starter begins with; may be there several times."), text("execution_id", "This run only.")),
		get("/workflows/{id}/runs/{run}", reading, "Keep's: a run.", func(c *call) (keepExecution, error) { return c.execution(c.PathValue("run")) }),
		get("/workflows/runs/{run}", reading, "Keep's: a run.", func(c *call) (keepExecution, error) { return c.execution(c.PathValue("run")) }).before(),
		get("/workflows/executions", reading, "Keep's: the latest runs that alerts started.", alertExecutions),
		get("/workflows/executions/list", reading, "Keep's command line: the latest runs, or one with its log.", executionList).takes(text("workflow_execution_id", "This run only.")),
	}
}

// keepStatus is Keep's word for how a run is (spec §8.3).
func keepStatus(s engine.Status) string {
	switch s {
	case store.Running:
		return "in_progress"
	case engine.Done:
		return "success"
	case engine.TimedOut:
		return "timeout"
	case engine.Skipped:
		return "skipped"
	}
	return "error"
}

// fromKeepStatus are our words for one of Keep's.
func fromKeepStatus(s string) []engine.Status {
	switch s {
	case "in_progress":
		return []engine.Status{store.Running}
	case "success":
		return []engine.Status{engine.Done}
	case "timeout":
		return []engine.Status{engine.TimedOut}
	case "error", "providers_not_configured":
		return []engine.Status{engine.Failed, engine.Broken, engine.Canceled}
	}
	return []engine.Status{engine.Status(s)}
}

// A keepExecution is a run as Keep's clients know it.
type keepExecution struct {
	ID        string            `json:"id"`
	Workflow  string            `json:"workflow_id"`
	Revision  int               `json:"workflow_revision"`
	Name      string            `json:"workflow_name"`
	Started   time.Time         `json:"started"`
	By        string            `json:"triggered_by"`
	Status    string            `json:"status"`
	Error     *string           `json:"error"`
	Seconds   *float64          `json:"execution_time"`
	Logs      []keepLog         `json:"logs"`
	Results   map[string][]data `json:"results"`
	Event     *string           `json:"event_id"`
	EventType *string           `json:"event_type"`
}

// A keepLog is a line of the log of a run.
type keepLog struct {
	ID      int       `json:"id"`
	Time    time.Time `json:"timestamp"`
	Message string    `json:"message"`
	Context data      `json:"context"`
}

func (s *Server) viewExecution(r store.Run) keepExecution {
	v := keepExecution{
		ID: r.ID, Workflow: r.Workflow, Revision: 1, Name: r.Workflow, Started: r.Started, By: r.By, Status: keepStatus(r.Status),
		Logs: []keepLog{}, Results: map[string][]data{},
	}
	if it, ok := s.catalog().Lookup(r.Workflow); ok && it.Program.Workflow().Name != "" {
		v.Name = it.Program.Workflow().Name
	}
	if r.Status != store.Running {
		took := seconds(r.Duration)
		v.Seconds = &took
	}
	if v.Status == "error" || v.Status == "timeout" {
		v.Error = &r.Reason
	}
	if r.Event != "" {
		v.Event, v.EventType = &r.Event, &r.Kind
	}
	return v
}

// execution is a run with its log and results. One that waits to begin is in progress, as
// Keep's clients ask until it is over.
func (c *call) execution(id string) (keepExecution, error) {
	r, result, err := c.s.Store.Run(c.Context(), id)
	if err != nil {
		if v, ok := c.waitingExecution(id); ok {
			return v, nil
		}
		return keepExecution{}, refuse(http.StatusNotFound, "Workflow execution %s not found", short(id))
	}
	v := c.s.viewExecution(r)
	for _, s := range result.Steps {
		v.Results[s.Name] = append(v.Results[s.Name], data{s.Output})
	}
	events, err := c.s.Store.Events(c.Context(), id)
	for i, e := range events {
		v.Logs = append(v.Logs, keepLog{i + 1, e.Time, message(e), data{about(e)}})
	}
	return v, err
}

func (c *call) waitingExecution(id string) (keepExecution, bool) {
	for _, r := range c.s.Scheduler.State().Runs {
		if r.Job.Run == id {
			return c.s.viewExecution(store.Run{ID: id, Workflow: r.Job.Workflow, By: r.Job.By, Status: store.Running, Started: r.Job.Due}), true
		}
	}
	return keepExecution{}, false
}

// message is an event in a few words.
func message(e engine.Event) string {
	words := map[engine.Action]string{
		engine.RunStarted: "the run begins", engine.StepStarted: "%s begins", engine.Condition: "a condition of %s was decided", engine.Calling: "%s is called",
		engine.Retrying: "%s is tried again", engine.Enriched: "%s added to the alert", engine.ItemEnded: "an item of %s is over",
		engine.StepEnded: "%s is over", engine.RunEnded: "the run is over",
	}[e.Action]
	if strings.Contains(words, "%s") {
		words = fmt.Sprintf(words, e.Step)
	}
	if e.Status != "" {
		words += ": " + string(e.Status)
	}
	if e.Check != nil && e.Check.Words != "" {
		words += ": " + e.Check.Words
	}
	if e.Reason != "" {
		words += ": " + e.Reason
	}
	return words
}

func about(e engine.Event) *value.Map {
	m := value.NewMap(4)
	for _, entry := range []value.Entry{{Key: "step", Value: e.Step}, {Key: "provider", Value: e.Provider}, {Key: "status", Value: string(e.Status)}} {
		if entry.Value != "" {
			m.Set(entry.Key, entry.Value)
		}
	}
	return m
}

// keepRunPage is what Keep answers about the runs of a workflow.
type keepRunPage struct {
	Limit    int             `json:"limit"`
	Offset   int             `json:"offset"`
	Count    int             `json:"count"`
	Items    []keepExecution `json:"items"`
	Passed   int             `json:"passCount"`
	Failed   int             `json:"failCount"`
	Average  float64         `json:"avgDuration"`
	Workflow keepWorkflow    `json:"workflow"`
}

func keepRuns(c *call) (p keepRunPage, err error) {
	id := c.PathValue("id")
	it, ok := c.s.catalog().Lookup(id)
	if !ok {
		return p, refuse(http.StatusNotFound, "Workflow %s not found", short(id))
	}
	f, err := c.keepFilter()
	if err != nil {
		return p, err
	}
	f.Workflow = id
	p = keepRunPage{Limit: f.Limit, Offset: f.Offset, Items: []keepExecution{}, Workflow: c.viewKeep(it, store.Workflow{})}
	if run := c.query.Get("execution_id"); run != "" {
		if v, err := c.execution(run); err == nil && v.Workflow == id {
			p.Items, p.Count = append(p.Items, v), 1
		}
		return p, nil
	}
	list, total, err := c.s.Store.Runs(c.Context(), f)
	if err != nil {
		return p, err
	}
	for _, r := range list {
		p.Items = append(p.Items, c.s.viewExecution(r))
	}
	tally, err := c.s.Store.Tally(c.Context(), f)
	p.Count, p.Passed, p.Failed, p.Average = total, tally.Passed, tally.Failed, seconds(tally.Average)
	return p, err
}

// keepFilter is what of runs Keep's clients ask for.
func (c *call) keepFilter() (f store.RunFilter, err error) {
	if f.Limit, f.Offset, err = c.page(25); err != nil {
		return f, err
	}
	now := c.s.Now().UTC()
	switch c.query.Get("tab") {
	case "1":
		f.Since = now.AddDate(0, 0, -30)
	case "2":
		f.Since = now.AddDate(0, 0, -7)
	case "3":
		f.Since = now.Truncate(24 * time.Hour)
	}
	for _, status := range c.query["status"][:min(8, len(c.query["status"]))] {
		f.Status = append(f.Status, fromKeepStatus(status)...)
	}
	f.Trigger = c.query["trigger"][:min(8, len(c.query["trigger"]))]
	return f, nil
}

// An alertExecution is a run that an alert started.
type alertExecution struct {
	Workflow    string    `json:"workflow_id"`
	Run         string    `json:"workflow_execution_id"`
	Fingerprint string    `json:"alert_fingerprint"`
	Status      string    `json:"workflow_status"`
	Started     time.Time `json:"workflow_started"`
	Event       string    `json:"event_id"`
}

func alertExecutions(c *call) ([]alertExecution, error) {
	runs, _, err := c.s.Store.Runs(c.Context(), store.RunFilter{Trigger: []string{"type:alert"}, Limit: 1000})
	list, seen := []alertExecution{}, map[string]bool{}
	for _, r := range runs {
		if !seen[r.Fingerprint] {
			seen[r.Fingerprint] = true
			list = append(list, alertExecution{r.Workflow, r.ID, r.Fingerprint, keepStatus(r.Status), r.Started, r.Event})
		}
	}
	return list, err
}

func executionList(c *call) ([]keepExecution, error) {
	if id := c.query.Get("workflow_execution_id"); id != "" {
		v, err := c.execution(id)
		return []keepExecution{v}, err
	}
	runs, _, err := c.s.Store.Runs(c.Context(), store.RunFilter{Limit: 100})
	list := []keepExecution{}
	for _, r := range runs {
		list = append(list, c.s.viewExecution(r))
	}
	return list, err
}
