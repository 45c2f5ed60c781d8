package report_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"tocsin/engine"
	"tocsin/engine/episode"
	"tocsin/engine/report"
	"tocsin/workflows"
)

// An action that does not tell what was told before says so, and the check that failed
// is shown all the same.
func TestSilent(t *testing.T) {
	r := &engine.Result{
		Run: "r1", Workflow: "check", Status: engine.Failed, Reason: "an assertion failed: tell fired", Started: time.Unix(0, 0),
		Steps: []engine.StepResult{{
			Name: "tell", Kind: workflows.Notify, Status: engine.Skipped, Reason: "silent: told at 10:02, reminder at 14:02",
			Fired: true, Alerting: true,
			Checks:  []engine.Check{{Type: "assert", Fires: "on_failure", Passed: true, Words: "fired: up does not hold"}},
			Notices: []episode.Notice{{Key: episode.Key{Workflow: "check", Action: "tell"}, Episode: "e1", Status: episode.Firing, Reason: "told at 10:02, reminder at 14:02"}},
		}},
	}
	var text, doc bytes.Buffer
	if err := (report.Text{}).Write(&text, []*engine.Result{r}); err != nil {
		t.Fatal(err)
	}
	want := "FAIL    check 0s\n  skip    tell  silent: told at 10:02, reminder at 14:02\n          fired: up does not hold\n"
	if text.String() != want {
		t.Errorf("printed\n%s\nwant\n%s", &text, want)
	}
	if err := report.JSON(&doc, []*engine.Result{r}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(doc.String(), `"episode": "e1"`) {
		t.Errorf("the report has no notice:\n%s", &doc)
	}
}
