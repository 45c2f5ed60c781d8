package store

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"tocsin/engine"
	"tocsin/engine/schedule"
	"tocsin/providers/keep"
	"tocsin/templating/value"
)

var (
	_ keep.Store      = (*Store)(nil)
	_ engine.History  = (*Store)(nil)
	_ engine.Enricher = (*Store)(nil)
)

// A remembering keeps alerts: for as long as the program runs (keep.Memory), or on
// disk. What a workflow sees must not depend on which.
type remembering interface {
	keep.Store
	add(t *testing.T, alert *value.Map)
	enrich(t *testing.T, fingerprint, key string, v any, disposable bool)
	past(t *testing.T, fingerprint string) pastView
}

type pastView interface {
	FiringSince(ctx context.Context, fingerprint string) (time.Time, error)
	Seen(ctx context.Context, fingerprint string, since time.Time) (bool, error)
}

type inMemory struct{ *keep.Memory }

func (m inMemory) add(t *testing.T, alert *value.Map) {
	if _, err := m.Add(alert); err != nil {
		t.Fatal(err)
	}
}

func (m inMemory) enrich(_ *testing.T, fingerprint, key string, v any, disposable bool) {
	m.Enrich(fingerprint, key, v, disposable)
}

func (m inMemory) past(_ *testing.T, fingerprint string) pastView { return m.Past(fingerprint) }

type onDisk struct{ *Store }

func (s onDisk) add(t *testing.T, alert *value.Map) {
	if _, err := s.Accept(t.Context(), "test", []*value.Map{alert}, nil); err != nil {
		t.Fatal(err)
	}
}

func (s onDisk) enrich(t *testing.T, fingerprint, key string, v any, disposable bool) {
	if err := s.Enrich(t.Context(), fingerprint, []engine.Field{{Key: key, Value: v, Disposable: disposable}}); err != nil {
		t.Fatal(err)
	}
}

func (s onDisk) past(t *testing.T, fingerprint string) pastView {
	p, err := s.Past(t.Context(), "", fingerprint)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// both runs a test on either.
func both(t *testing.T, test func(*testing.T, remembering)) {
	clock := func() time.Time { return noon.Add(time.Hour) }
	normalize := func(alert *value.Map, now time.Time) (*value.Map, error) {
		o, err := engine.NormalizeAlert(Fields(alert), now, "")
		return o.Map, err
	}
	match := func(cel string) (func(context.Context, *value.Map) bool, error) {
		if cel == "" || cel == "?" {
			return nil, fmt.Errorf("%q is no condition", cel)
		}
		return func(_ context.Context, alert *value.Map) bool { return textAt(alert, "severity") == cel }, nil
	}
	t.Run("in memory", func(t *testing.T) { test(t, inMemory{&keep.Memory{Now: clock, Normalize: normalize, Match: match}}) })
	t.Run("on disk", func(t *testing.T) {
		test(t, onDisk{opened(t, func(o *Options) { o.Now, o.Match = clock, match })})
	})
}

func at(minutes int) time.Time { return noon.Add(time.Duration(minutes) * time.Minute) }

func occurrence(fingerprint, status string, at time.Time, more ...any) *value.Map {
	alert := anAlert("name", "a", "fingerprint", fingerprint, "status", status, "lastReceived", at.Format(time.RFC3339))
	for i := 0; i < len(more); i += 2 {
		alert.Set(more[i].(string), value.Of(more[i+1]))
	}
	return alert
}

// A firing episode goes from the first alert that fires to the one that is resolved.
func TestPast(t *testing.T) {
	both(t, func(t *testing.T, m remembering) {
		check := func(what string, since time.Time, seen bool) {
			t.Helper()
			p := m.past(t, "f")
			gotSince, err := p.FiringSince(t.Context(), "f")
			gotSeen, err2 := p.Seen(t.Context(), "f", gotSince)
			if !gotSince.Equal(since) || gotSeen != seen || err != nil || err2 != nil {
				t.Errorf("%s: firing since %v, seen before: %v; want %v, %v (%v, %v)", what, gotSince, gotSeen, since, seen, err, err2)
			}
		}
		check("nothing came in", time.Time{}, false)
		m.add(t, occurrence("f", "firing", at(0)))
		check("the first", at(0), false)
		first := m.past(t, "f")
		m.add(t, occurrence("f", "firing", at(10), "n", 1))
		check("the second of an episode", at(0), true)
		m.add(t, occurrence("f", "acknowledged", at(15)))
		check("acknowledged: it does not fire", time.Time{}, true)
		m.add(t, occurrence("f", "firing", at(18)))
		check("fires on", at(0), true)
		m.add(t, occurrence("f", "resolved", at(20)))
		check("resolved", time.Time{}, true)
		m.add(t, occurrence("f", "firing", at(30), "firingStartTime", at(25).Format(time.RFC3339)))
		check("a new episode, which says when it began", at(25), false)
		if _, err := m.Save(t.Context(), []*value.Map{anAlert("fingerprint", "f", "status", "resolved")}); err != nil {
			t.Fatal(err)
		}
		check("a workflow that the alert started made one of its own", at(25), false)
		if seen, _ := m.past(t, "another").Seen(t.Context(), "f", at(30)); !seen {
			t.Error("another run does not see the last one")
		}
		if since, _ := first.FiringSince(t.Context(), "f"); !since.Equal(at(0)) {
			t.Errorf("what came later is part of an earlier past: %v", since)
		}
	})
}

// What was added to an alert lasts, save what was meant for one occurrence.
func TestEnrich(t *testing.T) {
	both(t, func(t *testing.T, m remembering) {
		m.enrich(t, "f", "early", "before it came in", false)
		m.add(t, occurrence("f", "firing", noon))
		m.enrich(t, "f", "ticket", "42", false)
		m.enrich(t, "f", "note", "once", true)
		m.enrich(t, "f", "status", "acknowledged", false)
		show := func() string {
			found, err := m.Alerts(t.Context(), keep.Search{Distinct: true})
			if err != nil || len(found) != 1 {
				t.Fatal(found, err)
			}
			var out []any
			for _, key := range []string{"status", "ticket", "note", "early"} {
				v, _ := found[0].Alert.Get(key)
				out = append(out, v)
			}
			return fmt.Sprint(out...)
		}
		if got := show(); got != "acknowledged42oncebefore it came in" {
			t.Error(got)
		}
		m.add(t, occurrence("f", "firing", at(1)))
		if got := show(); got != "firing42<nil>before it came in" && got != "firing42 <nil> before it came in" {
			t.Error(got)
		}
	})
}

// Searches by filter, by condition and by time, of all alerts or of the newest.
func TestSearch(t *testing.T) {
	both(t, func(t *testing.T, m remembering) {
		m.add(t, occurrence("a", "firing", at(1), "severity", "critical", "workflowId", "w"))
		m.add(t, occurrence("a", "resolved", at(3), "severity", "low", "workflowId", "w"))
		m.add(t, occurrence("b", "firing", at(2), "severity", "critical", "labels", map[string]any{"team": "x"}))
		if _, err := m.Save(t.Context(), []*value.Map{occurrence("c", "pending", at(4), "workflowId", "v")}); err != nil {
			t.Fatal(err)
		}
		m.enrich(t, "b", "ticket", "7", false)
		tests := []struct {
			name   string
			search keep.Search
			want   string
		}{
			{"all", keep.Search{}, "c4 a3 b2 a1"},
			{"the newest of each", keep.Search{Distinct: true}, "c4 a3 b2"},
			{"some", keep.Search{Limit: 2}, "c4 a3"},
			{"from", keep.Search{From: at(2), Distinct: true}, "c4 a3 b2"},
			{"between", keep.Search{From: at(2), To: at(3)}, "a3 b2"},
			{"by filter", keep.Search{Filters: []keep.Filter{{Key: "labels.team", Value: "x"}}}, "b2"},
			{"by what was added", keep.Search{Filters: []keep.Filter{{Key: "ticket", Value: true}}, Distinct: true}, "b2"},
			{"of a workflow", keep.Search{Filters: []keep.Filter{{Key: "workflowId", Value: "w"}}, Distinct: true}, "a3"},
			{"of a workflow, all", keep.Search{Filters: []keep.Filter{{Key: "workflowId", Value: "w"}}}, "a3 a1"},
			{"by condition", keep.Search{CEL: "critical"}, "b2 a1"},
		}
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				found, err := m.Alerts(t.Context(), tt.search)
				if err != nil {
					t.Fatal(err)
				}
				got := ""
				for _, f := range found {
					received, _ := readTime(textAt(f.Alert, "lastReceived"))
					got += fmt.Sprintf("%s%.0f ", textAt(f.Alert, "fingerprint"), received.Sub(noon).Minutes())
				}
				if got != tt.want+" " {
					t.Errorf("%s; want %s", got, tt.want)
				}
			})
		}
		if _, err := m.Alerts(t.Context(), keep.Search{CEL: "?"}); err == nil {
			t.Error("a condition that cannot be read")
		}
		if err := m.Forget(t.Context(), "a", "nobody"); err != nil {
			t.Fatal(err)
		}
		if found, err := m.Alerts(t.Context(), keep.Search{}); len(found) != 2 || err != nil {
			t.Errorf("%d left, %v", len(found), err)
		}
		if _, err := m.Save(t.Context(), []*value.Map{occurrence("", "firing", at(1))}); err != nil {
			t.Errorf("an alert without a fingerprint gets one of its name: %v", err)
		}
	})
}

// What came in: what is new about it, and what it starts.
func TestAccept(t *testing.T) {
	s := opened(t)
	accept := func(alert *value.Map) Change {
		t.Helper()
		var planned []Change
		changes, err := s.Accept(t.Context(), "grafana", []*value.Map{alert}, func(c []Change) []schedule.Job {
			planned = c
			if c[0].Same {
				return nil
			}
			j := aJob(fmt.Sprint("of ", textAt(c[0].Alert, "lastReceived")))
			j.Input.Alert = Fields(c[0].Alert)
			return []schedule.Job{j}
		})
		if err != nil || len(changes) != 1 || len(planned) != 1 {
			t.Fatal(changes, err)
		}
		return changes[0]
	}
	c := accept(occurrence("f", "firing", at(0), "severity", "low"))
	if !c.New || c.Same || c.Previous != nil || c.Arrival().Previous != nil {
		t.Errorf("the first: %+v", c)
	}
	c = accept(occurrence("f", "firing", at(1), "severity", "low"))
	if c.New || !c.Same || len(c.Changed) != 0 {
		t.Errorf("the same again: %+v", c)
	}
	c = accept(occurrence("f", "firing", at(2), "severity", "high"))
	if c.New || c.Same || !slices.Equal(c.Changed, []string{"severity"}) || textAt(c.Previous, "severity") != "low" {
		t.Errorf("another: %+v", c)
	}
	if a := c.Arrival(); a.Kind != "alert" || a.Previous["severity"] != "low" {
		t.Errorf("%+v", a)
	}
	history := must(s.AlertHistory(t.Context(), "f", 0))
	if len(history) != 2 || textAt(history[1].Alert, "lastReceived") != at(1).Format(time.RFC3339) {
		t.Errorf("%d in the history", len(history))
	}
	if left := must(s.Unfinished(t.Context())); len(left) != 2 {
		t.Errorf("%d jobs", len(left))
	}
	if _, err := s.Accept(t.Context(), "x", []*value.Map{value.NewMap(0)}, nil); err == nil {
		t.Error("an alert without a fingerprint is kept")
	}
	// The run that the first alert started sees what came before that, whenever it begins.
	p := must(s.Past(t.Context(), "of "+at(0).Format(time.RFC3339), "f"))
	if seen, err := p.Seen(t.Context(), "f", time.Time{}); seen || err != nil {
		t.Errorf("it sees what came after it: %v", err)
	}
}

// What somebody adds to an alert, or takes back, is in the audit.
func TestAmend(t *testing.T) {
	s := opened(t)
	if _, err := s.Accept(t.Context(), "x", []*value.Map{occurrence("f", "firing", noon)}, nil); err != nil {
		t.Fatal(err)
	}
	amend := func(a Amendment) Change {
		a.Fingerprint, a.By = "f", "ops"
		return must(s.Amend(t.Context(), a, func(c []Change) []schedule.Job {
			if !slices.Contains(c[0].Changed, "status") {
				return nil
			}
			return []schedule.Job{aJob("of the status")}
		}))
	}
	c := amend(Amendment{Action: "dismissed", Set: []engine.Field{{Key: "dismissed", Value: true}, {Key: "status", Value: "suppressed"}}})
	if !slices.Equal(c.Changed, []string{"dismissed", "status"}) {
		t.Errorf("%+v", c)
	}
	c = amend(Amendment{Action: "restored", Unset: []string{"dismissed", "status"}})
	if f := must(s.Alert(t.Context(), "f")); textAt(f.Alert, "status") != "firing" || f.Enrichments != nil {
		t.Errorf("%+v", f)
	}
	audit := must(s.Audit(t.Context(), "f"))
	if len(audit) != 2 || audit[0].Action != "restored" || audit[1].By != "ops" {
		t.Errorf("%+v", audit)
	}
	if left := must(s.Unfinished(t.Context())); len(left) != 1 {
		t.Errorf("%d jobs", len(left))
	}
	page, total, err := s.AlertPage(t.Context(), keep.Search{Distinct: true}, 0)
	if err != nil || total != 1 || len(page) != 1 {
		t.Error(page, total, err)
	}
}
