package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"

	"tocsin/engine"
	"tocsin/workflows"
)

// Line writes one run in a line, with a note about what started it. Where something is
// wrong in it, or something fired, its steps come below.
func (t Text) Line(w io.Writer, r *engine.Result, note string) error {
	var b bytes.Buffer
	told := slices.ContainsFunc(r.Steps, func(s engine.StepResult) bool {
		return s.Alerting || s.Fired && s.Kind == workflows.Notify
	})
	switch {
	case t.Quiet && !bad(r.Status):
	case bad(r.Status) || told || t.Explain || r.DryRun:
		var run bytes.Buffer
		t.run(&run, r)
		first, rest, _ := bytes.Cut(run.Bytes(), []byte("\n"))
		fmt.Fprintf(&b, "%s  %s\n%s", first, t.paint(grey, clean(note)), rest)
	default:
		fmt.Fprintf(&b, "%s %s %s  %s\n", t.mark(r.Status), t.paint(bold, clean(r.Workflow)), t.paint(grey, took(r.Duration)), t.paint(grey, clean(note)))
	}
	_, err := w.Write(b.Bytes())
	return err
}

// JSONLines writes each run as a line of JSON, in the form that it has in JSON.
func JSONLines(w io.Writer, runs []*engine.Result) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	for _, r := range started(runs) {
		if err := enc.Encode(workflowJSON(r)); err != nil {
			return err
		}
	}
	return nil
}
