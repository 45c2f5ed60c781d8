package store

import (
	"context"
	"fmt"
	"testing"
	"time"

	"tocsin/engine"
	"tocsin/engine/schedule"
	"tocsin/providers/keep"
	"tocsin/templating/value"
)

// What is too old or too much goes, what is under way or the last of its kind stays.
func TestTidy(t *testing.T) {
	now := noon
	s := opened(t, func(o *Options) {
		o.Now = func() time.Time { return now }
		o.Retention = Retention{Runs: 2 * time.Hour, RunsPerFlow: 5, Alerts: 2 * time.Hour, AlertsPerKey: 3, Ticks: time.Hour, Deliveries: time.Hour, Rejects: time.Hour, Audit: time.Hour}
	})
	ctx := t.Context()
	end := func(workflow, run string, status engine.Status) {
		j := aJob(run)
		j.Workflow = workflow
		if err := s.Begin(ctx, j, nil); err != nil {
			t.Fatal(err)
		}
		play(t, s, run, 3)
		r := aResult(run, status)
		r.Started = now
		if err := s.End(ctx, j, r); err != nil {
			t.Fatal(err)
		}
	}
	end("quiet", "only", engine.Done)
	end("bad", "good", engine.Done)
	end("bad", "gone", engine.Broken)
	if err := s.Begin(ctx, aJob("under way"), nil); err != nil {
		t.Fatal(err)
	}
	old := []error{
		s.Tick(ctx, schedule.Tick{Workflow: "w", Trigger: "t", At: now, Outcome: schedule.Missed}),
		s.Intend(ctx, Delivery{Key: "done"}, Delivery{Key: "waits"}), s.Settle(ctx, Settlement{Key: "done", State: Confirmed}),
		s.Reject(ctx, "x", nil, "y"), s.Enrich(ctx, "old", []engine.Field{{Key: "k", Value: "v"}}),
	}
	if _, err := s.Accept(ctx, "x", []*value.Map{occurrence("old", "firing", now)}, nil); err != nil {
		t.Fatal(old, err)
	}
	now = now.Add(3 * time.Hour)
	for i := range 8 {
		end("busy", fmt.Sprint("busy", i), engine.Done)
		end("bad", fmt.Sprint("bad", i), engine.Broken)
		now = now.Add(time.Second)
		if _, err := s.Accept(ctx, "x", []*value.Map{occurrence("new", "firing", now, "n", i)}, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Tidy(ctx); err != nil {
		t.Fatal(err)
	}
	left := map[string]bool{}
	list, _, err := s.Runs(ctx, RunFilter{Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range list {
		left[r.ID] = true
	}
	for run, want := range map[string]bool{"only": true, "good": true, "gone": false, "under way": true, "busy2": false, "busy3": true, "busy7": true, "bad2": false, "bad3": true} {
		if left[run] != want {
			t.Errorf("%s is there: %v, want %v", run, left[run], want)
		}
	}
	if found := must(s.Alerts(ctx, keep.Search{})); len(found) != 3 {
		t.Errorf("%d alerts", len(found))
	}
	if since := must(s.FiringSince(ctx, "new")); !since.Equal(noon.Add(3*time.Hour + time.Second)) {
		t.Errorf("it forgot when the alert began to fire: %v", since)
	}
	counts := []int{len(must(s.Ticks(ctx, "w", time.Time{}, 0))), len(must(s.Deliveries(ctx, DeliveryFilter{}))), len(must(s.Rejects(ctx, 0))), len(must(s.Audit(ctx, "old")))}
	if fmt.Sprint(counts) != "[0 1 0 0]" {
		t.Errorf("ticks, deliveries, rejects, audit: %v", counts)
	}
	var orphans int
	if err := s.read.QueryRow("SELECT count(*) FROM events WHERE run NOT IN (SELECT no FROM runs)").Scan(&orphans); err != nil || orphans != 0 {
		t.Errorf("%d events of nobody, %v", orphans, err)
	}
}

// The file gives back what is free.
func TestShrink(t *testing.T) {
	now := noon
	s := opened(t, func(o *Options) { o.Now = func() time.Time { return now } })
	for i := range 300 {
		if err := acceptOne(t, s, i); err != nil {
			t.Fatal(err)
		}
	}
	pages := func() (n int64) {
		if err := s.read.QueryRow("PRAGMA page_count").Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	before := pages()
	now = now.Add(1000 * day)
	if err := s.Tidy(t.Context()); err != nil {
		t.Fatal(err)
	}
	if after := pages(); after > before/2 {
		t.Errorf("%d pages, before %d", after, before)
	}
}

// Tend ends with its context.
func TestTend(t *testing.T) {
	s := opened(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- s.Tend(ctx) }()
	cancel()
	if err := <-done; err == nil {
		t.Error("no error")
	}
}
