package store

import (
	"errors"
	"testing"
	"time"

	"tocsin/engine"
	"tocsin/engine/schedule"
	"tocsin/templating/value"
)

// What a run was started with, and the text that it was of, are there when it is over.
func TestRunsCanBeRunAgain(t *testing.T) {
	now := noon
	s := opened(t, func(o *Options) { o.Now = func() time.Time { return now } })
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	check(s.KeepTexts(t.Context(), []Text{{"v1", schedule.FromDisk, "w.yaml", "workflow: {id: w}"}}))
	plain, told := aJob("plain"), aJob("told")
	plain.Version, told.Version = "v1", "v1"
	told.Input.Alert = map[string]any{"fingerprint": "f", "load": value.Of(93.0)}
	told.Input.Inputs = map[string]any{"n": int64(1)}
	for _, j := range []schedule.Job{plain, told} {
		check(s.Begin(t.Context(), j, nil))
		j.Attempt++
		check(s.Begin(t.Context(), j, nil)) // it goes on
		check(s.End(t.Context(), j, aResult(j.Run, engine.Done)))
	}
	if j := must(s.Cause(t.Context(), "plain")); j.Version != "v1" || j.Workflow != plain.Workflow || j.Input.Trigger != plain.Input.Trigger || j.Input.Alert != nil || !j.Due.Equal(plain.Due) {
		t.Errorf("%+v", j)
	}
	if j := must(s.Cause(t.Context(), "told")); j.Version != "v1" || j.Input.Alert["load"] != 93.0 || j.Input.Inputs["n"] != int64(1) {
		t.Errorf("%+v", j)
	}
	if _, err := s.Cause(t.Context(), "none"); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
	check(s.KeepTexts(t.Context(), []Text{{"v2", schedule.FromAPI, "api/w.yaml", "workflow: {id: w, name: two}"}}))
	if x := must(s.Text(t.Context(), "v1")); x.Text != "workflow: {id: w}" || x.File != "w.yaml" {
		t.Errorf("%+v", x)
	}
	now = noon.Add(31 * day)
	check(s.Tidy(t.Context()))
	if _, err := s.Text(t.Context(), "v1"); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
	if x := must(s.Text(t.Context(), "v2")); x.Origin != schedule.FromAPI {
		t.Errorf("%+v", x)
	}
}

// A signed delivery and that it came are one transaction: it is taken in once, also after
// the process died, and what could not be kept may come again.
func TestAcceptOnce(t *testing.T) {
	now := noon
	s := opened(t, func(o *Options) { o.Now = func() time.Time { return now } })
	once := Once{[]byte("id"), noon.Add(time.Minute)}
	alerts := []*value.Map{occurrence("f", "firing", noon)}
	bad := []*value.Map{anAlert("name", "without a fingerprint")}
	if _, err := s.AcceptOnce(t.Context(), once, "test", bad, nil); err == nil {
		t.Fatal("it was kept")
	}
	refused := errors.New("refused")
	_, err := s.AcceptOnce(t.Context(), once, "test", alerts, func([]Change) []schedule.Job { panic(refused) })
	if err == nil {
		t.Fatal("it was kept")
	}
	if c := must(s.AcceptOnce(t.Context(), once, "test", alerts, nil)); len(c) != 1 || !c[0].New {
		t.Errorf("%+v", c)
	}
	s = reopened(t, s)
	if _, err := s.AcceptOnce(t.Context(), once, "test", alerts, nil); !errors.Is(err, ErrSeen) {
		t.Error(err)
	}
	now = noon.Add(2 * time.Minute)
	if _, err := s.AcceptOnce(t.Context(), Once{[]byte("id"), now.Add(time.Minute)}, "test", alerts, nil); err != nil {
		t.Error(err)
	}
	if _, err := s.AcceptOnce(t.Context(), Once{[]byte("other"), now.Add(time.Minute)}, "test", nil, nil); err != nil {
		t.Error(err)
	}
	var n int
	if err := s.read.QueryRow("SELECT count(*) FROM seen").Scan(&n); err != nil || n != 2 {
		t.Error(n, err)
	}
}

func TestSecrets(t *testing.T) {
	s := opened(t)
	put := []Secret{{Workflow: "w", Name: "b", Sealed: []byte("1"), By: "ops"}, {Workflow: "w", Name: "a", Sealed: []byte("2")}, {Workflow: "v", Name: "a", Sealed: []byte("3")}}
	for range 2 {
		if err := s.PutSecrets(t.Context(), put...); err != nil {
			t.Fatal(err)
		}
	}
	if list := must(s.Secrets(t.Context(), "w")); len(list) != 2 || list[0].Name != "a" || string(list[0].Sealed) != "2" || list[1].By != "ops" || list[1].At.IsZero() {
		t.Errorf("%+v", list)
	}
	if err := s.DropSecret(t.Context(), "w", "a"); err != nil {
		t.Error(err)
	}
	if err := s.DropSecret(t.Context(), "w", "a"); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
}

// The past of a run of before is what was known then.
func TestPastAt(t *testing.T) {
	now := noon
	s := opened(t, func(o *Options) { o.Now = func() time.Time { return now } })
	for i, status := range []string{"firing", "firing", "resolved"} {
		now = noon.Add(time.Duration(i) * time.Hour)
		alert := occurrence("f", status, now)
		alert.Set("load", int64(i))
		must(s.Accept(t.Context(), "test", []*value.Map{alert}, nil))
		j := aJob(status + string(rune('0'+i)))
		if err := s.Begin(t.Context(), j, nil); err != nil {
			t.Fatal(err)
		}
		r := aResult(j.Run, engine.Done)
		r.Started = now
		if err := s.End(t.Context(), j, r); err != nil {
			t.Fatal(err)
		}
	}
	workflow := aJob("").Workflow
	for _, tt := range []struct {
		at     time.Time
		firing bool
		seen   bool
		last   string
	}{
		{noon.Add(-time.Minute), false, false, ""},
		{noon.Add(time.Minute), true, false, "firing0"},
		{noon.Add(61 * time.Minute), true, true, "firing1"},
		{noon.Add(3 * time.Hour), false, true, "resolved2"},
	} {
		p := must(s.PastAt(t.Context(), tt.at, "f"))
		since, seen := must(p.FiringSince(t.Context(), "f")), must(p.Seen(t.Context(), "f", time.Time{}))
		last := must(p.LastRun(t.Context(), workflow))
		if since.IsZero() == tt.firing || seen != tt.seen || (last == nil) != (tt.last == "") || last != nil && last.Run != tt.last {
			t.Errorf("%v: firing since %v, seen %t, last run %+v", tt.at, since, seen, last)
		}
	}
}

func TestActions(t *testing.T) {
	s := opened(t)
	for _, by := range []string{"ann", "ben"} {
		if err := s.PutActions(t.Context(), "actions: of "+by, by, "tell", "call"); err != nil {
			t.Fatal(err)
		}
	}
	if list := must(s.Actions(t.Context())); len(list) != 2 || list[0].ID != "call" || list[1].Text != "actions: of ben" || list[1].By != "ann" {
		t.Errorf("%+v", list)
	}
	if err := s.DropAction(t.Context(), "tell"); err != nil {
		t.Error(err)
	}
	if err := s.DropAction(t.Context(), "tell"); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
}
