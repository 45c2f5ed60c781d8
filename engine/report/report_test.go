package report_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tocsin/engine"
	"tocsin/engine/report"
	"tocsin/templating"
	"tocsin/templating/value"
	"tocsin/workflows"
	"tocsin/workflows/source"
)

var update = flag.Bool("update", false, "rewrite golden files")

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func at(line int) source.Pos { return source.Pos{File: "checks/web.yaml", Line: line, Col: 7} }

// results are one run of every kind: what the golden files show.
func results() []*engine.Result {
	tree := &templating.Explanation{
		Text: "{{ steps.ws.results.connection }} == true", Value: false,
		Parts: []templating.Explanation{{Text: "steps.ws.results.connection", Value: false}},
	}
	return []*engine.Result{
		{
			Run: "r1", Workflow: "all-well", Pos: at(1), Trigger: "manual", Status: engine.Done,
			Started: noon, Duration: 12300 * time.Microsecond,
			Steps: []engine.StepResult{
				{Name: "ws", Kind: workflows.Query, Provider: "websocket", Pos: at(4), Status: engine.Done, Started: noon, Duration: 12 * time.Millisecond},
				{
					Name: "tell", Kind: workflows.Notify, Provider: "slack", Pos: at(9), Status: engine.Skipped, Reason: "the assertion holds",
					Checks: []engine.Check{{Name: "up", Type: "assert", Text: "x == true", Held: true, Fires: "on_failure", Words: "did not fire: the assertion holds"}},
				},
				{
					Name: "note", Kind: workflows.Notify, Provider: "console", Pos: at(14), Status: engine.Skipped, Reason: "if does not hold",
					Checks: []engine.Check{{Type: "if", Text: "1 > 2", Words: "skipped: 1 > 2 does not hold"}},
				},
			},
		},
		nil, // a run that never started
		{
			Run: "r2", Workflow: "alert <&> \"fires\"", Pos: at(20), Trigger: "manual", Status: engine.Failed,
			Started: noon, Duration: 1500 * time.Millisecond,
			Steps: []engine.StepResult{
				{Name: "ws", Kind: workflows.Query, Provider: "websocket", Pos: at(23), Status: engine.Done, Started: noon, Duration: 3 * time.Millisecond, Retries: 1, Errors: []error{errors.New("connection refused")}},
				{
					Name: "tell", Kind: workflows.Notify, Provider: "slack", Pos: at(28), Status: engine.Done, Fired: true, Alerting: true, Started: noon, Duration: 90 * time.Millisecond,
					Checks: []engine.Check{{Name: "up", Type: "assert", Text: tree.Text, Fires: "on_failure", Passed: true, Words: "fired: the assertion does not hold (steps.ws.results.connection is False)", Tree: tree, Pos: at(30)}},
					With:   value.MapOf(value.Entry{Key: "message", Value: "down"}),
				},
			},
		},
		{
			Run: "r3", Workflow: "smoke", Pos: at(40), Trigger: "manual", Status: engine.Broken, Reason: "step \"gone\": 2 of 3 items failed",
			Started: noon, Duration: 61 * time.Second, Err: errors.New("broken"),
			Steps: []engine.StepResult{
				{
					Name: "api", Kind: workflows.Query, Provider: "http", Pos: at(43), Status: engine.Failed, Reason: "1 of 2 expectations does not hold", Started: noon, Duration: 2 * time.Second,
					Checks: []engine.Check{
						{Type: "expect", Text: "{{ results.status_code }} == 200", Held: true, Passed: true, Words: "holds", Pos: at(46)},
						{Type: "expect", Text: "{{ results.body }} == 'a|b'\x1b[31m", Words: "does not hold: results.body is 'c'", Tree: &templating.Explanation{Text: "{{ results.body }} == 'a|b'\x1b[31m", Value: false, Parts: []templating.Explanation{{Text: "results.body", Value: "c\x1b]0;x\a"}}}, Pos: at(47)},
					},
				},
				{
					Name: "gone", Kind: workflows.Query, Provider: "http", Pos: at(50), Status: engine.TimedOut, Reason: "http: query: no answer within 30s\nlast attempt", Duration: 58 * time.Second,
					Items: []engine.Event{{Action: engine.ItemEnded, Item: 1, Status: engine.Done, Output: int64(1)}}, Errors: []error{errors.New("one"), errors.New("two")}, Retries: 2,
				},
			},
		},
		{Run: "r4", Workflow: "off", Pos: at(60), Status: engine.Skipped, Reason: "the workflow is disabled", Started: noon},
	}
}

// TestFormats compares each format with testdata/NAME.golden.
func TestFormats(t *testing.T) {
	formats := report.Formats()
	formats["text-color"] = report.Text{Style: report.Style{Color: true}, Explain: true}.Write
	formats["text-quiet"] = report.Text{Quiet: true}.Write
	for name, write := range formats {
		t.Run(name, func(t *testing.T) {
			var got bytes.Buffer
			if err := write(&got, results()); err != nil {
				t.Fatal(err)
			}
			golden(t, filepath.Join("testdata", name+".golden"), got.Bytes())
		})
	}
}

func golden(t *testing.T, file string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs; got:\n%s", file, got)
	}
}

// TestNothingRan shows that every format has a valid form of nothing.
func TestNothingRan(t *testing.T) {
	for name, write := range report.Formats() {
		var got bytes.Buffer
		if err := write(&got, nil); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		switch name {
		case "json":
			if !json.Valid(got.Bytes()) {
				t.Errorf("%s: %s", name, got.Bytes())
			}
		case "junit":
			if err := xml.Unmarshal(got.Bytes(), new(any)); err != nil && !errors.Is(err, os.ErrInvalid) && !strings.Contains(err.Error(), "unknown type") {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

// TestJUnitIsValid reads the report as the Surefire and Jenkins schemas describe it: the
// attributes that each element must have, and no others.
func TestJUnitIsValid(t *testing.T) {
	attributes := map[string]string{
		"testsuites": "name tests failures errors time",
		"testsuite":  "name tests failures errors skipped time",
		"testcase":   "name classname time",
		"failure":    "message type", "error": "message type", "skipped": "message",
		"flakyError": "message type", "rerunError": "message type", "stackTrace": "",
	}
	var b bytes.Buffer
	if err := report.JUnit(&b, results()); err != nil {
		t.Fatal(err)
	}
	counted := map[string]int{}
	dec := xml.NewDecoder(&b)
	for {
		tok, err := dec.Token()
		if tok == nil {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		e, ok := tok.(xml.StartElement)
		if !ok {
			continue
		}
		counted[e.Name.Local]++
		allowed, known := attributes[e.Name.Local]
		if !known {
			t.Errorf("element %s is in neither schema", e.Name.Local)
		}
		for _, a := range e.Attr {
			if !strings.Contains(" "+allowed+" ", " "+a.Name.Local+" ") {
				t.Errorf("%s has an attribute %s", e.Name.Local, a.Name.Local)
			}
		}
		if len(e.Attr) != len(strings.Fields(allowed)) && e.Name.Local != "skipped" {
			t.Errorf("%s has %d attributes, not %q", e.Name.Local, len(e.Attr), allowed)
		}
	}
	if counted["testcase"] != 9 || counted["failure"] != 2 || counted["error"] != 1 || counted["skipped"] != 2 {
		t.Errorf("elements: %v", counted)
	}
}

// TestLive draws what is under way, and leaves nothing on the screen.
func TestLive(t *testing.T) {
	var screen lockedBuffer
	live := report.NewLive(&screen, 40, report.Style{})
	for _, e := range []engine.Event{
		{Run: "r1", Workflow: "smoke", Action: engine.RunStarted},
		{Run: "r1", Workflow: "smoke", Action: engine.StepStarted, Step: "api"},
		{Run: "r1", Workflow: "smoke", Action: engine.Retrying, Step: "api", Attempt: 1, Reason: "refused, with a reason that is far too long for the screen"},
	} {
		live.Observe(e)
	}
	screen.wait(t, "attempt 1 failed")
	live.Observe(engine.Event{Run: "r1", Workflow: "smoke", Action: engine.StepEnded, Step: "api", Status: engine.Done})
	live.Observe(engine.Event{Run: "r1", Workflow: "smoke", Action: engine.RunEnded, Status: engine.Done})
	live.Close()
	text := screen.String()
	if !strings.HasSuffix(text, "\r\x1b[J") {
		t.Errorf("the screen is not erased: %q", text)
	}
	for line := range strings.SplitSeq(text, "\n") {
		if n := len([]rune(strings.NewReplacer("\r\x1b[J", "", "\x1b[2A", "", "\x1b[1A", "").Replace(line))); n > 40 {
			t.Errorf("%d columns: %q", n, line)
		}
	}
}
