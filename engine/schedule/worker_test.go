package schedule

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"tocsin/engine"
)

// An hour, or a day, of 99 good workflows beside one that hangs, does not listen and comes back after
// hours, and of one whose runner panics: each harms itself.
func TestRogueWorkflows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hours := time.Hour
		if deep() {
			hours = 24 * time.Hour
		}
		for _, rogue := range []string{"hangs", "panics", "deaf"} {
			m := newMemory()
			p := &plant{do: func(ctx context.Context, what string) error {
				if what == "hangs" {
					<-ctx.Done()
					return ctx.Err()
				}
				return nil
			}}
			texts := []string{workflow(rogue, "{type: interval, value: 60, overlap: parallel(10)}", "")}
			for i := range 99 {
				texts = append(texts, workflow(fmt.Sprintf("good%02d", i), "{type: interval, value: 60}", ""))
			}
			s := newSite(t, m, p, texts...)
			s.Queue.Workers = map[Lane]int{ClockLane: 16}
			good := s.worker.Runner
			s.worker.Runner = func(j Job) engine.Runner {
				switch {
				case j.Workflow == "panics":
					panic("no runner for it")
				case j.Workflow == "deaf": // not the provider, which the engine leaves behind, but all of the run
					time.Sleep(2 * time.Hour)
				}
				return good(j)
			}
			from := time.Now()
			var mu sync.Mutex
			latest := time.Duration(0)
			s.worker.Began = func(j Job, late time.Duration) {
				mu.Lock()
				defer mu.Unlock()
				if strings.HasPrefix(j.Workflow, "good") && j.Due.After(from) {
					latest = max(latest, late)
				}
			}
			s.start(t)
			time.Sleep(hours)
			state, worked := s.State(), s.worker.State()
			s.stop()
			time.Sleep(3 * time.Hour) // until the last deaf one is back
			for i := range 99 {
				ticks := m.of(fmt.Sprintf("good%02d", i))
				if n := len(started(ticks, from)); n < int(hours/time.Minute) || n != len(ticks) {
					t.Errorf("beside %s: good%02d ran %d times of %d", rogue, i, n, len(ticks))
				}
			}
			if latest > time.Second {
				t.Errorf("beside %s: %s late", rogue, latest)
			}
			if got := state.Unwell(); len(got) > 0 {
				t.Errorf("beside %s: %v", rogue, got)
			}
			switch rogue {
			case "panics":
				if worked.Panics < uint64(hours/time.Minute) || worked.Abandoned > 0 {
					t.Errorf("%s: %+v", rogue, worked)
				}
			case "deaf":
				// Some run at a time until three hang; then the workflow waits for them.
				if worked.Abandoned < 3 || worked.Hung[rogue] == 0 || worked.Parked == 0 {
					t.Errorf("%s: %+v", rogue, worked)
				}
			}
			check(t, m)
		}
	})
}

// A run that ignores everything is left behind, its place is free, and what it says later
// does not count.
func TestARunThatDoesNotEndIsLeftBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		s := newSite(t, m, &plant{}, workflow("w", "{type: manual}", "  timeout: 10s\n"))
		good := s.worker.Runner
		s.worker.Runner = func(j Job) engine.Runner {
			time.Sleep(time.Hour)
			return good(j)
		}
		s.start(t)
		run, err := s.Start(t.Context(), "w", "me", engine.Input{})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		r := m.results()[run]
		if r == nil || r.Status != engine.TimedOut || !strings.Contains(r.Reason, "left behind") {
			t.Fatalf("%+v", r)
		}
		if st := s.State(); len(st.Runs) > 0 || s.worker.State().Hung["w"] != 1 {
			t.Errorf("%+v, %+v", st.Runs, s.worker.State())
		}
		time.Sleep(2 * time.Hour)
		if n := len(s.worker.State().Hung); n != 0 || m.results()[run] != r {
			t.Errorf("%d hang", n)
		}
		s.stop()
		check(t, m)
	})
}

// What runs when the program ends may end; what does not, goes on when it is back, without
// the steps that had ended.
func TestDrainAndResume(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		var calls []string
		var mu sync.Mutex
		p := &plant{do: func(ctx context.Context, what string) error {
			mu.Lock()
			calls = append(calls, what)
			n := len(calls)
			mu.Unlock()
			if what == "long" && n < 4 {
				<-ctx.Done()
				return ctx.Err()
			}
			sleep(ctx, 10*time.Second)
			return ctx.Err()
		}}
		two := `workflow:
  id: two
  triggers: [{type: manual}]
  actions:
    - {name: a, provider: {type: act, with: {do: first}}}
    - {name: b, timeout: 2m, provider: {type: act, with: {do: long}}}
`
		s := newSite(t, m, p, two, workflow("short", "{type: manual}", ""))
		s.start(t)
		long, _ := s.Start(t.Context(), "two", "me", engine.Input{})
		time.Sleep(12 * time.Second)
		short, _ := s.Start(t.Context(), "short", "me", engine.Input{})
		time.Sleep(time.Second)
		s.stop() // 25 s
		if r := m.results(); r[short] == nil || r[short].Status != engine.Done || r[long] != nil {
			t.Fatalf("%v", r)
		}
		s = newSite(t, m, p, two, workflow("short", "{type: manual}", ""))
		s.start(t)
		time.Sleep(time.Minute)
		s.stop()
		r := m.results()[long]
		if r == nil || r.Status != engine.Done || len(r.Steps) != 2 {
			t.Fatalf("%+v", r)
		}
		if got := fmt.Sprint(calls); got != "[first long short long]" {
			t.Errorf("%s", got)
		}
		check(t, m)
	})
}

// A job that was there twice when the process died is not begun a third time.
func TestPoisonIsParked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		j := Job{Run: "r1", Workflow: "w", Attempt: 2, Input: engine.Input{Run: "r1", Trigger: "manual"}}
		_ = m.Put(t.Context(), j)
		_ = m.Begin(t.Context(), j, nil)
		_ = m.Record(t.Context(), engine.Event{Run: "r1", Workflow: "w", Action: engine.RunStarted})
		s := newSite(t, m, &plant{do: func(context.Context, string) error { return errors.New("it ran") }}, workflow("w", "{type: manual}", ""))
		s.start(t)
		time.Sleep(time.Second)
		s.stop()
		if got := m.drops["r1"]; got != "parked: the program died 2 times while it ran" {
			t.Errorf("%q", got)
		}
	})
}

// Of runs with one fingerprint, one waits for the other, one is left out, and others do
// not care: the strategy says which (spec §8.3).
func TestStrategies(t *testing.T) {
	tests := []struct {
		strategy  string
		most      int // at the same time, of three alerts of one fingerprint
		done      int
		dropped   int
		refreshed int
	}{
		{"nonparallel_with_retry", 1, 3, 0, 2},
		{"nonparallel", 1, 1, 2, 0},
		{"parallel", 3, 3, 0, 0},
	}
	for _, tt := range tests {
		t.Run(tt.strategy, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := newMemory()
				var now, most, refreshed atomic.Int32
				p := &plant{do: func(ctx context.Context, _ string) error {
					n := now.Add(1)
					most.Store(max(most.Load(), n))
					sleep(ctx, 10*time.Second)
					now.Add(-1)
					return nil
				}}
				s := newSite(t, m, p, workflow("w", "{type: alert, cel: \"name == 'disk'\"}", "  strategy: "+tt.strategy+"\n"))
				s.worker.Refresh = func(_ context.Context, j Job) engine.Input {
					refreshed.Add(1)
					return j.Input
				}
				s.start(t)
				for i := range 3 {
					jobs := s.Plan(engine.Arrival{Kind: "alert", Fields: map[string]any{"id": fmt.Sprint(i), "name": "disk", "fingerprint": "f"}, Now: time.Now()})
					if len(jobs) != 1 || jobs[0].By != fmt.Sprintf("type:alert name:disk id:%d", i) {
						t.Fatalf("%+v", jobs)
					}
					_ = m.Put(t.Context(), jobs...)
					if err := s.Put(t.Context(), jobs...); err != nil {
						t.Fatal(err)
					}
					time.Sleep(time.Second)
				}
				if jobs := s.Plan(engine.Arrival{Kind: "alert", Fields: map[string]any{"name": "cpu"}, Now: time.Now()}); len(jobs) > 0 {
					t.Errorf("%+v", jobs)
				}
				time.Sleep(time.Minute)
				s.stop()
				if int(most.Load()) != tt.most || len(m.over) != tt.done || len(m.drops) != tt.dropped || int(refreshed.Load()) != tt.refreshed {
					t.Errorf("%d at once, %d done, %d dropped, %d refreshed; want %+v", most.Load(), len(m.over), len(m.drops), refreshed.Load(), tt)
				}
				for _, why := range m.drops {
					if why != "Workflow already running with the same fingerprint" {
						t.Error(why)
					}
				}
				check(t, m)
			})
		})
	}
}

// Jobs on disk for which the queue has no room are fetched when it has, and each runs once.
func TestWhatFindsNoRoomIsFetchedLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		p := &plant{do: func(ctx context.Context, _ string) error { sleep(ctx, time.Second); return nil }}
		s := newSite(t, m, p, workflow("w", "{type: alert}", "  strategy: parallel\n"))
		s.Queue.Backlog = 5
		s.start(t)
		for i := range 100 {
			jobs := s.Plan(engine.Arrival{Kind: "alert", Fields: map[string]any{"id": fmt.Sprint(i), "name": fmt.Sprint(i)}, Now: time.Now()})
			_ = m.Put(t.Context(), jobs...)
			if err := s.Put(t.Context(), jobs...); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(5 * time.Minute)
		s.stop()
		if len(m.over) != 100 || len(m.jobs) != 0 {
			t.Errorf("%d done, %d left", len(m.over), len(m.jobs))
		}
		check(t, m)
	})
}

func TestStartRefuses(t *testing.T) {
	s := newSite(t, newMemory(), &plant{}, workflow("w", "{type: manual}", "  inputs: [{name: n, type: number, required: true}]\n"))
	for _, tt := range []struct {
		workflow string
		inputs   map[string]any
		want     string
	}{
		{"x", nil, "no such workflow"},
		{"w", nil, `input "n" is required`},
		{"w", map[string]any{"n": "many"}, `input "n" cannot be "many"`},
	} {
		_, err := s.Start(t.Context(), tt.workflow, "me", engine.Input{Inputs: tt.inputs})
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %s", tt.workflow, err, tt.want)
		}
	}
	s.Catalog.Switch("w")
	if _, err := s.Start(t.Context(), "w", "me", engine.Input{}); err != ErrDisabled {
		t.Errorf("%v", err)
	}
}

// A run that somebody stops ends as canceled, and is not resumed.
func TestCancel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		p := &plant{do: func(ctx context.Context, _ string) error { <-ctx.Done(); return ctx.Err() }}
		s := newSite(t, m, p, workflow("w", "{type: manual}", ""))
		s.start(t)
		run, _ := s.Start(t.Context(), "w", "me", engine.Input{})
		time.Sleep(time.Second)
		if !s.Cancel(run, "me") || s.Cancel("nobody", "me") {
			t.Error("which runs there are is not known")
		}
		time.Sleep(5 * time.Second)
		s.stop()
		if r := m.results()[run]; r == nil || r.Status != engine.Canceled {
			t.Errorf("%+v", r)
		}
	})
}

// While the disk is full nothing is lost and nothing runs: it goes on when it is not.
func TestTheRecorderFailsForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		var full atomic.Bool
		m.fail = func(string) error {
			if full.Load() {
				return errors.New("no space left on device")
			}
			return nil
		}
		var calls atomic.Int32
		p := &plant{do: func(ctx context.Context, _ string) error {
			if full.Load() {
				t.Error("an action was called whose call is not on disk")
			}
			calls.Add(1)
			return nil
		}}
		s := newSite(t, m, p, workflow("w", "{type: interval, value: 10, jitter: 0}", ""))
		s.start(t)
		time.Sleep(35 * time.Second)
		full.Store(true)
		time.Sleep(40 * time.Second)
		full.Store(false)
		time.Sleep(30 * time.Second)
		s.stop()
		if got := shown(m.of("w")); got != "sssssKKKsss"[:len(got)] || len(got) != 11 {
			t.Errorf("%s", got)
		}
		check(t, m)
	})
}

// Who asks what runs gets an answer while runs begin.
func TestStateWhileRunsBegin(t *testing.T) {
	m := newMemory()
	p := &plant{do: func(context.Context, string) error { return nil }}
	s := newSite(t, m, p, workflow("w", "{type: manual}", ""))
	s.start(t)
	defer s.stop()
	var asked sync.WaitGroup
	ctx, cancel := context.WithCancel(t.Context())
	asked.Go(func() {
		for ctx.Err() == nil {
			s.State()
		}
	})
	for range 200 {
		if _, err := s.Start(t.Context(), "w", "a test", engine.Input{}); err != nil {
			t.Error(err)
		}
	}
	cancel()
	asked.Wait()
}

// A run of what is not in the catalog, as a replay with other parameters is, is not gone on
// with as if it were: it would tell those whom it was not to tell.
func TestARunApartIsNotResumed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		var called atomic.Int32
		p := &plant{do: func(context.Context, string) error { called.Add(1); return nil }}
		s := newSite(t, m, p, workflow("w", "{type: manual}", ""))
		for _, j := range []Job{{Run: "apart", Workflow: "w", Attempt: 1, Apart: true}, {Run: "own", Workflow: "w", Attempt: 1}} {
			j.Input.Run, j.Input.Trigger = j.Run, "manual"
			if err := m.Begin(t.Context(), j, nil); err != nil {
				t.Fatal(err)
			}
		}
		s.start(t)
		time.Sleep(time.Second)
		s.stop()
		if m.drops["apart"] == "" || m.over["own"] == nil || called.Load() != 1 {
			t.Errorf("dropped: %q; over: %v; called %d times, want once", m.drops, m.over, called.Load())
		}
	})
}
