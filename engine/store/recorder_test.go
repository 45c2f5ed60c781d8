package store

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"tocsin/engine"
	"tocsin/engine/schedule"
	"tocsin/templating/value"
	"tocsin/workflows"
)

var _ schedule.Recorder = (*Store)(nil)

func aJob(run string) schedule.Job {
	return schedule.Job{Run: run, Workflow: "w", Trigger: "interval 5m", By: "scheduler", Due: noon, Attempt: 1, Input: engine.Input{Run: run, Trigger: "interval"}}
}

// play records a run of one step and one action, up to a number of events.
func play(t testing.TB, s *Store, run string, upTo int) {
	t.Helper()
	events := script(run)
	for _, e := range events[:min(upTo, len(events))] {
		if err := s.Record(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
}

func script(run string) []engine.Event {
	at := func(ms int) time.Time { return noon.Add(time.Duration(ms) * time.Millisecond) }
	return []engine.Event{
		{Time: at(0), Run: run, Workflow: "w", Action: engine.RunStarted, Trigger: "interval"},
		{Time: at(1), Run: run, Workflow: "w", Action: engine.StepStarted, Step: "ask", Kind: workflows.Query, Provider: "http"},
		{Time: at(2), Run: run, Workflow: "w", Action: engine.Calling, Step: "ask", Kind: workflows.Query, Attempt: 1, With: anAlert("url", "http://x")},
		{Time: at(3), Run: run, Workflow: "w", Action: engine.StepEnded, Step: "ask", Kind: workflows.Query, Status: engine.Done, Output: anAlert("z", 1, "a", 2.0), Duration: 2 * time.Millisecond},
		{Time: at(4), Run: run, Workflow: "w", Action: engine.StepStarted, Step: "tell", Kind: workflows.Notify, Provider: "slack"},
		{Time: at(5), Run: run, Workflow: "w", Action: engine.Calling, Step: "tell", Kind: workflows.Notify, Attempt: 1, With: anAlert("message", "x")},
		{Time: at(6), Run: run, Workflow: "w", Action: engine.StepEnded, Step: "tell", Kind: workflows.Notify, Status: engine.Done},
		{Time: at(7), Run: run, Workflow: "w", Action: engine.RunEnded, Status: engine.Done},
	}
}

func aResult(run string, status engine.Status) *engine.Result {
	return &engine.Result{Run: run, Workflow: "w", Status: status, Started: noon, Duration: 7 * time.Millisecond}
}

// A run that is over is there again after the store was closed, with what its steps
// were given and returned.
func TestRunIsRemembered(t *testing.T) {
	s := opened(t)
	j := aJob("r1")
	if err := s.Put(t.Context(), j); err != nil {
		t.Fatal(err)
	}
	tick := &schedule.Tick{Workflow: "w", Trigger: j.Trigger, At: noon, Outcome: schedule.Started, Run: "r1"}
	if err := s.Begin(t.Context(), j, tick); err != nil {
		t.Fatal(err)
	}
	play(t, s, "r1", 100)
	if err := s.End(t.Context(), j, aResult("r1", engine.Done)); err != nil {
		t.Fatal(err)
	}
	s = reopened(t, s)
	r, result, err := s.Run(t.Context(), "r1")
	if err != nil {
		t.Fatal(err)
	}
	if r.Status != engine.Done || r.Duration != 7*time.Millisecond || r.By != "scheduler" || !r.Due.Equal(noon) {
		t.Errorf("%+v", r)
	}
	if len(result.Steps) != 2 || string(value.AppendJSON(nil, result.Steps[0].Output)) != `{"z":1,"a":2.0}` {
		t.Errorf("%+v", result.Steps)
	}
	if left := must(s.Unfinished(t.Context())); len(left) != 0 {
		t.Errorf("unfinished: %+v", left)
	}
	if marks := must(s.Marks(t.Context())); len(marks) != 1 || !marks[0].At.Equal(noon) {
		t.Errorf("marks: %+v", marks)
	}
	if ticks := must(s.Ticks(t.Context(), "w", time.Time{}, 0)); len(ticks) != 1 || ticks[0] != *tick {
		t.Errorf("ticks: %+v", ticks)
	}
	if last, err := s.LastRun(t.Context(), "w"); err != nil || last.Run != "r1" {
		t.Errorf("last: %v, %v", last, err)
	}
	if _, _, err := s.Run(t.Context(), "r2"); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
}

// What was cut off goes on from the last call of an action, and what came before it.
func TestUnfinished(t *testing.T) {
	s := opened(t)
	waiting, begun := aJob("waits"), aJob("begun")
	begun.Input.Alert = map[string]any{"name": "disk", "labels": value.MapOf(value.Entry{Key: "b", Value: int64(1)}, value.Entry{Key: "a", Value: 1.0})}
	begun.Wait, begun.Key = true, "k"
	if err := s.Put(t.Context(), waiting, begun, waiting); err != nil {
		t.Fatal(err)
	}
	if err := s.Begin(t.Context(), begun, nil); err != nil {
		t.Fatal(err)
	}
	play(t, s, "begun", 6)
	left := must(s.Unfinished(t.Context()))
	if len(left) != 2 || len(left[0].Events)+len(left[1].Events) != 6 {
		t.Fatalf("%+v", left)
	}
	slices.SortFunc(left, func(a, b schedule.Unfinished) int { return strings.Compare(a.Job.Run, b.Job.Run) })
	if got, want := show(value.Of(left[0].Job.Input.Alert)), show(value.Of(begun.Input.Alert)); got != want {
		t.Errorf("alert %s\nwant %s", got, want)
	}
	left[0].Job.Input.Alert = begun.Input.Alert
	if got, want := fmt.Sprintf("%+v", left[0].Job), fmt.Sprintf("%+v", begun); got != want {
		t.Errorf("job\n%s\nwant\n%s", got, want)
	}
	if err := s.Begin(t.Context(), begun, nil); err != nil {
		t.Errorf("beginning again: %v", err)
	}
	for _, j := range []schedule.Job{waiting, begun} {
		if err := s.End(t.Context(), j, aResult(j.Run, engine.Done)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Put(t.Context(), waiting, begun); err != nil {
		t.Fatal(err)
	}
	if left := must(s.Unfinished(t.Context())); len(left) != 0 {
		t.Errorf("a run that is over was taken on again: %+v", left)
	}
	if err := s.Begin(t.Context(), begun, nil); err == nil {
		t.Error("a run that is over began again")
	}
}

// Events that nobody waits for are written within a moment, once, and by Close.
func TestEventsAreWritten(t *testing.T) {
	s := opened(t)
	j := aJob("r")
	if err := s.Begin(t.Context(), j, nil); err != nil {
		t.Fatal(err)
	}
	play(t, s, "r", 2)
	for deadline := time.Now().Add(time.Minute); ; {
		if n := len(must(s.Events(t.Context(), "r"))); n == 2 {
			break
		} else if time.Now().After(deadline) {
			t.Fatalf("%d events", n)
		}
	}
	for _, e := range script("r")[2:4] {
		if err := s.Record(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	s = reopened(t, s)
	if n := len(must(s.Events(t.Context(), "r"))); n != 4 {
		t.Errorf("%d events after closing", n)
	}
}

// One key, one run at a time.
func TestKeys(t *testing.T) {
	s := opened(t)
	first, second, other := aJob("1"), aJob("2"), aJob("3")
	first.Key, second.Key, other.Key, other.Workflow = "k", "k", "k", "another"
	for _, j := range []schedule.Job{first, other} {
		if err := s.Begin(t.Context(), j, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Begin(t.Context(), second, nil); !errors.Is(err, schedule.ErrBusy) {
		t.Fatalf("a second run with the key: %v", err)
	}
	if err := s.End(t.Context(), first, aResult("1", engine.Failed)); err != nil {
		t.Fatal(err)
	}
	if err := s.Begin(t.Context(), second, nil); err != nil {
		t.Errorf("after the first ended: %v", err)
	}
}

// Of each moment there is one record, and the first counts; marks never go back.
func TestTicks(t *testing.T) {
	s := opened(t)
	tick := func(at time.Time, o schedule.Outcome) schedule.Tick {
		return schedule.Tick{Workflow: "w", Trigger: "cron", At: at, Outcome: o}
	}
	err := s.Tick(t.Context(), tick(noon.Add(time.Minute), schedule.Skipped), tick(noon, schedule.Missed), tick(noon, schedule.Skipped))
	if err != nil {
		t.Fatal(err)
	}
	ticks := must(s.Ticks(t.Context(), "w", time.Time{}, 0))
	if len(ticks) != 2 || ticks[1].Outcome != schedule.Missed {
		t.Errorf("%+v", ticks)
	}
	if marks := must(s.Marks(t.Context())); len(marks) != 1 || !marks[0].At.Equal(noon.Add(time.Minute)) {
		t.Errorf("%+v", marks)
	}
}

// A job that never ran is a run that was skipped, and says why.
func TestDrop(t *testing.T) {
	s := opened(t)
	j := aJob("r")
	if err := s.Put(t.Context(), j); err != nil {
		t.Fatal(err)
	}
	if err := s.Drop(t.Context(), j, "the run before is still under way"); err != nil {
		t.Fatal(err)
	}
	r, _, err := s.Run(t.Context(), "r")
	if err != nil || r.Status != engine.Skipped || r.Reason == "" {
		t.Errorf("%+v, %v", r, err)
	}
	if left := must(s.Unfinished(t.Context())); len(left) != 0 {
		t.Errorf("%+v", left)
	}
}

// While a run is under way all that its steps returned is kept, for its resumption;
// then what the limits allow.
func TestLargeOutputIsCut(t *testing.T) {
	s := opened(t)
	j := aJob("r")
	if err := s.Begin(t.Context(), j, nil); err != nil {
		t.Fatal(err)
	}
	large := strings.Repeat("é", 3<<19)
	events := script("r")
	events[3].Output = large
	for _, e := range events[:6] {
		if err := s.Record(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	if out := must(s.Events(t.Context(), "r"))[3].Output; out != large {
		t.Errorf("not whole while it is under way")
	}
	if err := s.End(t.Context(), j, aResult("r", engine.Done)); err != nil {
		t.Fatal(err)
	}
	out, _ := must(s.Events(t.Context(), "r"))[3].Output.(string)
	if len(out) > maxKept+100 || !strings.HasSuffix(out, "… (cut: it had 3145730 bytes)") {
		t.Errorf("%d bytes, ends in %q", len(out), out[max(0, len(out)-40):])
	}
}

// Lists are filtered, the newest first, and counted.
func TestRuns(t *testing.T) {
	s := opened(t)
	for i := range 10 {
		j := aJob(fmt.Sprint("r", i))
		j.Input.Alert = map[string]any{"fingerprint": fmt.Sprint("f", i%2), "id": "a"}
		if i >= 8 {
			j.Workflow, j.By = "v", "manually by ops"
		}
		r := aResult(j.Run, engine.Done)
		r.Started = noon.Add(time.Duration(i) * time.Minute)
		if i%3 == 0 {
			r.Status = engine.Broken
		}
		if err := s.End(t.Context(), j, r); err != nil {
			t.Fatal(err)
		}
	}
	tests := []struct {
		name   string
		filter RunFilter
		want   string
		total  int
	}{
		{"all", RunFilter{Limit: 3}, "r9 r8 r7", 10},
		{"the next", RunFilter{Limit: 3, Offset: 8}, "r1 r0", 10},
		{"of a workflow", RunFilter{Workflow: "v"}, "r9 r8", 2},
		{"by status", RunFilter{Status: []engine.Status{engine.Broken}}, "r9 r6 r3 r0", 4},
		{"by who asked", RunFilter{Trigger: []string{"manual", "type:alert"}}, "r9 r8", 2},
		{"by time", RunFilter{Since: noon.Add(2 * time.Minute), Until: noon.Add(4 * time.Minute)}, "r4 r3 r2", 3},
		{"by alert", RunFilter{Fingerprint: "f0", Workflow: "w"}, "r6 r4 r2 r0", 4},
		{"of an alert", RunFilter{Fingerprint: "f1", Limit: 1}, "r9", 5},
		{"two statuses", RunFilter{Status: []engine.Status{engine.Broken, engine.Failed}, Workflow: "w"}, "r6 r3 r0", 3},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			list, total, err := s.Runs(t.Context(), tt.filter)
			if err != nil {
				t.Fatal(err)
			}
			var ids []string
			for _, r := range list {
				ids = append(ids, r.ID)
			}
			if got := strings.Join(ids, " "); got != tt.want || total != tt.total {
				t.Errorf("%s of %d; want %s of %d", got, total, tt.want, tt.total)
			}
		})
	}
	tally := must(s.Tally(t.Context(), RunFilter{Workflow: "w"}))
	if tally.Passed != 5 || tally.Failed != 3 || tally.Average != 7*time.Millisecond {
		t.Errorf("%+v", tally)
	}
	last := must(s.LastRuns(t.Context()))
	if last["w"].ID != "r7" || last["v"].Status != engine.Broken {
		t.Errorf("%+v", last)
	}
}
