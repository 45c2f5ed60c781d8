package server

import (
	"testing"
)

// An alert comes in, starts a workflow, is acknowledged and searched for.
func TestAlertToRun(t *testing.T) {
	w := newWorld(t)
	a := w.want(202, "POST", "/api/v1/events/keep", map[string]any{"name": "disk", "fingerprint": "d1", "severity": "critical"})
	if a.text(t, "alerts") != "1" || a.text(t, "runs") != "1" {
		t.Fatal(a.body)
	}
	runs := w.until("/api/v1/runs?by=type:alert", func(a answer) bool { return a.text(t, "count") == "1" })
	if runs.text(t, "items", 0, "fingerprint") != "d1" {
		t.Fatal(runs.body)
	}
	run := w.over(runs.text(t, "items", 0, "id"))
	if run.text(t, "status") != "done" || run.text(t, "steps", 0, "output", "message") != "disk none" {
		t.Error(run.body)
	}
	again := w.want(202, "POST", "/api/v1/events/keep", map[string]any{"name": "disk", "fingerprint": "d1", "severity": "critical"})
	if again.text(t, "runs") != "0" {
		t.Errorf("the same alert started something again: %s", again.body)
	}
	acked := w.want(200, "POST", "/api/v1/alerts/d1/acknowledge", map[string]any{"reason": "on it"})
	if acked.text(t, "status") != "acknowledged" || acked.text(t, "assignee") != "local" {
		t.Error(acked.body)
	}
	w.want(404, "POST", "/api/v1/alerts/d2/unacknowledge", nil)
}
