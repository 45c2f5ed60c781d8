package report

import (
	"encoding/json"
	"io"
	"time"

	"tocsin/engine"
	"tocsin/engine/episode"
	"tocsin/workflows"
)

// jsonVersion changes when a field of the JSON report changes its meaning or goes away;
// new fields do not change it.
const jsonVersion = 1

// A jsonReport is the JSON report. Times are RFC 3339 in UTC, durations milliseconds.
type jsonReport struct {
	Version   int            `json:"version"`
	Summary   jsonCount      `json:"summary"`
	Workflows []jsonWorkflow `json:"workflows"`
}

type jsonCount struct {
	Total   int `json:"total"`
	OK      int `json:"ok"`
	Failed  int `json:"failed"`
	Broken  int `json:"broken"`
	Skipped int `json:"skipped"`
}

type jsonWorkflow struct {
	ID          string        `json:"id"`
	Description string        `json:"description,omitempty"`
	File        string        `json:"file,omitempty"`
	Run         string        `json:"run"`
	Trigger     string        `json:"trigger,omitempty"`
	Status      engine.Status `json:"status"`
	Reason      string        `json:"reason,omitempty"`
	Started     time.Time     `json:"started"`
	DurationMS  float64       `json:"duration_ms"`
	DryRun      bool          `json:"dry_run,omitempty"`
	Steps       []jsonStep    `json:"steps"`
}

type jsonStep struct {
	Name       string         `json:"name"`
	Kind       workflows.Kind `json:"kind"`
	Provider   string         `json:"provider"`
	Line       int            `json:"line,omitempty"`
	Status     engine.Status  `json:"status"`
	Reason     string         `json:"reason,omitempty"`
	Fired      bool           `json:"fired"`
	Alerting   bool           `json:"alerting"`
	Started    *time.Time     `json:"started,omitempty"`
	DurationMS float64        `json:"duration_ms"`
	Retries    int            `json:"retries"`
	Checks     []engine.Check `json:"checks,omitempty"`
	With       any            `json:"with,omitempty"`
	Output     any            `json:"output,omitempty"`
	Items      []engine.Event `json:"items,omitempty"`
	// What was decided about telling of alerts that last, where somebody remembers.
	Notices []episode.Notice `json:"notices,omitempty"`
}

// JSON writes one object with a version, a summary and every workflow with its steps.
func JSON(w io.Writer, runs []*engine.Result) error {
	doc := jsonReport{Version: jsonVersion, Workflows: []jsonWorkflow{}}
	var n count
	for _, r := range started(runs) {
		n.add(r.Status)
		doc.Workflows = append(doc.Workflows, workflowJSON(r))
	}
	doc.Summary = jsonCount{n.total, n.passed, n.failed, n.broken, n.skipped}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(doc)
}

func workflowJSON(r *engine.Result) jsonWorkflow {
	j := jsonWorkflow{
		ID: r.Workflow, Description: r.Description, File: r.Pos.File, Run: r.Run, Trigger: r.Trigger,
		Status: r.Status, Reason: r.Reason, Started: r.Started.UTC(), DurationMS: millis(r.Duration),
		DryRun: r.DryRun, Steps: []jsonStep{},
	}
	for i := range r.Steps {
		j.Steps = append(j.Steps, stepJSON(&r.Steps[i]))
	}
	return j
}

func stepJSON(s *engine.StepResult) jsonStep {
	j := jsonStep{
		Name: s.Name, Kind: s.Kind, Provider: s.Provider, Line: s.Pos.Line, Status: s.Status,
		Reason: s.Reason, Fired: s.Fired, Alerting: s.Alerting, DurationMS: millis(s.Duration),
		Retries: s.Retries, Checks: s.Checks, With: s.With, Output: s.Output, Items: s.Items, Notices: s.Notices,
	}
	if !s.Started.IsZero() {
		at := s.Started.UTC()
		j.Started = &at
	}
	return j
}
