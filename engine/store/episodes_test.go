package store

import (
	"context"
	"testing"
	"time"

	"tocsin/engine"
	"tocsin/engine/episode"
	"tocsin/providers"
	"tocsin/workflows"
)

var _ episode.Store = (*Store)(nil)

const checkDocument = `alert:
  id: check
  notify: {reminder: 1h}
  actions:
    - {name: tell, if: "1 == 1", provider: {type: tell, with: {message: down}}}
`

// told is a program whose action tells, and where it does.
func toldBy(t *testing.T) (*engine.Program, *providers.Pool, *[]string) {
	t.Helper()
	var keys []string
	reg := providers.NewRegistry(providers.Define(providers.Definition[struct{}]{
		Type: "tell", Title: "tell", Message: "message",
		Notify: providers.Call(func(_ struct{}, ctx context.Context, _ map[string]string) (any, error) {
			keys = append(keys, providers.OriginOf(ctx).Key)
			return "sent", nil
		}),
	}))
	f, err := workflows.Parse("check.yaml", []byte(checkDocument))
	if err != nil {
		t.Fatal(err)
	}
	p, _, err := engine.Compile(f.Workflows[0], engine.Library{Providers: reg, Functions: engine.Functions()})
	if err != nil {
		t.Fatal(err)
	}
	pool := providers.NewPool(reg, providers.Env{})
	t.Cleanup(func() { pool.Close() })
	return p, pool, &keys
}

// What a run changed is kept in one transaction with its result, and a process that
// starts later goes on from there: it neither tells again nor forgets.
func TestEpisodesOutliveTheProcess(t *testing.T) {
	path := optionsFor(t).Path
	p, pool, keys := toldBy(t)
	now := noon
	run := func(id string) []string {
		s, err := Open(t.Context(), Options{Path: path, Now: func() time.Time { return now }})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		book := &episode.Book{Store: s, Deferred: true}
		records, silences, err := s.Episodes(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		book.Load(records, silences)
		j := aJob(id)
		if err := s.Begin(t.Context(), j, nil); err != nil {
			t.Fatal(err)
		}
		r := engine.Runner{Pool: pool, Memory: book, Now: func() time.Time { return now }}
		before := len(*keys)
		result := r.Run(t.Context(), p, j.Input)
		if err := s.End(t.Context(), j, result); err != nil {
			t.Fatal(err)
		}
		return (*keys)[before:]
	}
	if got := run("a"); len(got) != 1 {
		t.Errorf("the first run told %d times", len(got))
	}
	now = now.Add(time.Minute)
	if got := run("b"); len(got) != 0 {
		t.Errorf("the second run told %d times", len(got))
	}
	now = now.Add(time.Hour)
	if got := run("c"); len(got) != 1 {
		t.Errorf("an hour later it was told %d times, want the reminder", len(got))
	}
}

// A process that dies between a message and the end of its run sends it with the same
// key, although nothing of the alert was written down.
func TestEpisodeOfARunCutOff(t *testing.T) {
	s := opened(t)
	p, pool, keys := toldBy(t)
	j := aJob("a")
	if err := s.Begin(t.Context(), j, nil); err != nil {
		t.Fatal(err)
	}
	now := noon
	r := engine.Runner{Pool: pool, Memory: &episode.Book{Store: s, Deferred: true}, Now: func() time.Time { now = now.Add(time.Second); return now }}
	r.Observe = func(e engine.Event) {
		if e.Action != engine.StepEnded && e.Action != engine.RunEnded {
			if err := s.Record(t.Context(), e); err != nil {
				t.Error(err)
			}
		}
	}
	r.Run(t.Context(), p, j.Input)
	left := must(s.Unfinished(t.Context()))
	if len(left) != 1 {
		t.Fatalf("%d unfinished", len(left))
	}
	now = now.Add(time.Hour)
	r.Memory, r.Observe, r.Past = &episode.Book{Store: s, Deferred: true}, nil, left[0].Events
	result := r.Run(t.Context(), p, j.Input)
	if err := s.End(t.Context(), j, result); err != nil {
		t.Fatal(err)
	}
	if len(*keys) != 2 || (*keys)[0] != (*keys)[1] {
		t.Errorf("keys %q, want two that are the same", *keys)
	}
	records, _, err := s.Episodes(t.Context())
	if err != nil || len(records) != 1 || records[0].State.Count != 1 {
		t.Errorf("%+v, %v", records, err)
	}
}

// An older record does not replace a newer one, silences end, and what rests is dropped
// with the runs that it came from.
func TestEpisodesAreKept(t *testing.T) {
	now := noon
	s := opened(t, func(o *Options) {
		o.Now = func() time.Time { return now }
		o.Retention.Runs = time.Hour
		o.Retention.Audit = time.Hour
	})
	key := episode.Key{Workflow: "w", Action: "tell", Alert: "a"}
	fires := episode.Record{Key: key, Version: 2, State: episode.State{Status: episode.Firing}}
	well := episode.Record{Key: episode.Key{Workflow: "w", Action: "other"}, Version: 1, State: episode.State{Status: episode.OK}}
	if err := s.KeepAlerts(t.Context(), fires, episode.Record{Key: key, Version: 1}, well); err != nil {
		t.Fatal(err)
	}
	if err := s.KeepSilence(t.Context(), episode.Silence{ID: "s", Reason: "upgrade", Until: noon.Add(time.Minute)}); err != nil {
		t.Fatal(err)
	}
	records, silences, err := s.Episodes(t.Context())
	if err != nil || len(records) != 2 || records[1].State.Status != episode.Firing || len(silences) != 1 {
		t.Fatalf("%+v, %+v, %v", records, silences, err)
	}
	now = now.Add(2 * time.Hour)
	if err := s.Tidy(t.Context()); err != nil {
		t.Fatal(err)
	}
	records, silences, err = s.Episodes(t.Context())
	if err != nil || len(records) != 1 || records[0].Key != key || len(silences) != 0 {
		t.Errorf("%+v, %+v, %v", records, silences, err)
	}
}
