package schedule

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"tocsin/engine"
)

// started are the moments that started a run, as durations since from.
func started(ticks []Tick, from time.Time) (list []string) {
	for _, t := range ticks {
		if t.Outcome == Started {
			list = append(list, t.At.Sub(from).String())
		}
	}
	return list
}

// shown is a letter for each tick: s started, K skipped, M missed.
func shown(ticks []Tick) (list string) {
	for _, t := range ticks {
		list += map[Outcome]string{Started: "s", Skipped: "K", Missed: "M"}[t.Outcome]
	}
	return list
}

func check(t *testing.T, m *memory) {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, wrong := range m.twice {
		t.Error(wrong)
	}
}

func TestIntervalWithoutDrift(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		from := time.Now()
		m := newMemory()
		s := newSite(t, m, &plant{}, workflow("w", "{type: interval, value: 10, jitter: 0}", ""))
		s.start(t)
		time.Sleep(59 * time.Second)
		s.stop()
		want := "[0s 10s 20s 30s 40s 50s]"
		if got := fmt.Sprint(started(m.of("w"), from)); got != want {
			t.Errorf("runs at %s, want %s", got, want)
		}
		check(t, m)
	})
}

func TestANewWorkflowRunsAtOnceUnlessItSkips(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(3 * time.Second)
		m := newMemory()
		s := newSite(t, m, &plant{},
			workflow("w", "{type: interval, value: 10m}", ""),
			workflow("patient", "{type: interval, value: 10m, catch_up: skip}", ""),
			workflow("cron", "{type: cron, cron: '0 * * * *'}", ""),
		)
		s.start(t)
		time.Sleep(time.Second)
		s.stop()
		for id, want := range map[string]string{"w": "s", "patient": "", "cron": ""} {
			if got := shown(m.of(id)); got != want {
				t.Errorf("%s: %q, want %q", id, got, want)
			}
		}
	})
}

func TestOverlap(t *testing.T) {
	tests := []struct {
		overlap, outcomes string
		running           int // at once, at most
		canceled          int
	}{
		// One that waits when the program ends has no tick yet: it is on disk.
		// A run takes 24 s, moments are 10 s apart, seven of them.
		{"skip", "sKKsKKs", 1, 0},
		{"queue_one", "ssKsKK", 1, 0},
		{"parallel(2)", "ssKssKs", 2, 0},
		{"cancel_previous", "sssssss", 1, 6},
	}
	for _, tt := range tests {
		t.Run(tt.overlap, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := newMemory()
				now, most := make(chan int, 1), 0
				now <- 0
				p := &plant{do: func(ctx context.Context, _ string) error {
					n := <-now + 1
					most = max(most, n)
					now <- n
					defer func() { now <- <-now - 1 }()
					sleep(ctx, 24*time.Second)
					return ctx.Err()
				}}
				s := newSite(t, m, p, workflow("w", "{type: interval, value: 10, jitter: 0, overlap: "+tt.overlap+"}", ""))
				s.start(t)
				time.Sleep(65 * time.Second)
				s.stop()
				got := shown(m.of("w"))
				if tt.outcomes != "" && got != tt.outcomes {
					t.Errorf("%s, want %s", got, tt.outcomes)
				}
				if most != tt.running {
					t.Errorf("%d at once, want %d", most, tt.running)
				}
				canceled := 0
				for _, r := range m.results() {
					if r.Status == "canceled" {
						canceled++
					}
				}
				if canceled != tt.canceled {
					t.Errorf("%d canceled, want %d", canceled, tt.canceled)
				}
				check(t, m)
			})
		})
	}
}

// TestCatchUp stops a process and starts another one on the same recorder.
func TestCatchUp(t *testing.T) {
	tests := []struct {
		catchUp string
		want    string // of the moments of 2 h of every 10 minutes, in which nobody was there for the middle one
	}{
		{"latest", "sssss MMMMMs ssssss"},
		{"skip", "sssss MMMMMM ssssss"},
		{"'all(3, 1h)'", "sssss MMMsss ssssss"},
		{"'all(100, 25m)'", "sssss MMMMss ssssss"},
	}
	for _, tt := range tests {
		t.Run(tt.catchUp, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := newMemory()
				p := &plant{do: func(ctx context.Context, _ string) error { sleep(ctx, time.Second); return nil }}
				text := workflow("w", "{type: cron, cron: '*/10 * * * *', catch_up: "+tt.catchUp+"}", "")
				s := newSite(t, m, p, text)
				s.start(t)
				time.Sleep(55 * time.Minute)
				s.stop()
				time.Sleep(time.Hour + 4*time.Minute)
				s = newSite(t, m, p, text)
				s.start(t)
				time.Sleep(time.Hour)
				s.stop()
				want := strings.ReplaceAll(tt.want, " ", "")
				if got := shown(m.of("w")); got != want {
					t.Errorf("%s, want %s", got, want)
				}
				check(t, m)
			})
		})
	}
}

// A long absence is not written down moment by moment.
func TestAYearAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		text := workflow("w", "{type: interval, value: 10}", "")
		s := newSite(t, m, &plant{}, text)
		s.start(t)
		time.Sleep(time.Minute)
		s.stop()
		time.Sleep(365 * 24 * time.Hour)
		before := len(m.of("w"))
		s = newSite(t, m, &plant{}, text)
		s.start(t)
		time.Sleep(time.Second)
		s.stop()
		ticks := m.of("w")
		if n := len(ticks) - before; n != shownMissed+1 {
			t.Errorf("%d ticks, want %d", n, shownMissed+1)
		}
		if reason := ticks[before].Reason; !strings.Contains(reason, "nor for those before it since 2000-01-01T") {
			t.Errorf("the first: %s", reason)
		}
	})
}

func TestAClockThatIsSet(t *testing.T) {
	tests := []struct {
		name    string
		by      time.Duration
		trigger string
		outcome string // of what came after that
		runs    int    // in 62 minutes
	}{
		{"an interval, a day forward", 24 * time.Hour, "{type: interval, value: 10m, jitter: 0}", "MMMMMMMMMMMMMMMMMMMMsssssss", 7},
		{"an interval, a day back", -24 * time.Hour, "{type: interval, value: 10m, jitter: 0}", "ssssss", 6},
		{"an interval, half a period back", -5 * time.Minute, "{type: interval, value: 10m, jitter: 0}", "sssss", 5},
		{"cron, a day forward", 24 * time.Hour, "{type: cron, cron: '0 * * * *'}", "MMMMMMMMMMMMMMMMMMMMss", 2},
		{"cron, a day back, does not repeat what was", -24 * time.Hour, "{type: cron, cron: '0 * * * *'}", "", 0},
		{"cron, a year back, begins anew", -365 * 24 * time.Hour, "{type: cron, cron: '0 * * * *'}", "s", 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := newMemory()
				s := newSite(t, m, &plant{}, workflow("w", tt.trigger, ""))
				var set atomic.Int64
				s.Scheduler.Now = func() time.Time { return time.Now().Add(time.Duration(set.Load())) }
				s.worker.Now = s.Scheduler.Now
				time.Sleep(time.Minute)
				s.start(t)
				time.Sleep(24 * time.Hour)
				known := map[time.Time]bool{}
				for _, tick := range m.of("w") {
					known[tick.At] = true
				}
				set.Store(int64(tt.by))
				time.Sleep(62 * time.Minute)
				s.stop()
				after := slices.DeleteFunc(m.of("w"), func(tick Tick) bool { return known[tick.At] })
				got, runs := shown(after), len(started(after, time.Now()))
				// Of those that nobody was there for, not each has its own record.
				if tt.by > 0 {
					got = strings.Replace(got, strings.Repeat("M", shownMissed+1), strings.Repeat("M", shownMissed), 1)
				}
				if got != tt.outcome || runs != tt.runs {
					t.Errorf("%q, %d runs; want %q, %d", got, runs, tt.outcome, tt.runs)
				}
				check(t, m)
			})
		})
	}
}

func TestADisabledWorkflowIsSkipped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		s := newSite(t, m, &plant{}, workflow("w", "{type: interval, value: 10, jitter: 0}", ""))
		s.start(t)
		time.Sleep(15 * time.Second)
		s.Catalog.Switch("w")
		time.Sleep(20 * time.Second)
		s.Catalog.Switch()
		time.Sleep(10 * time.Second)
		if _, err := s.Start(t.Context(), "w", "me", engine.Input{}); err != nil {
			t.Error(err)
		}
		s.stop()
		if got := shown(m.of("w")); got != "ssKKs" {
			t.Errorf("%s", got)
		}
	})
}

// A trigger that is written anew goes on as it was, one that says something else begins.
func TestReloadKeepsTheGrid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		s := newSite(t, m, &plant{}, workflow("w", "{type: interval, value: 1m, jitter: 0}", ""))
		s.start(t)
		time.Sleep(30 * time.Second)
		load := func(trigger, rest string) {
			err := s.Catalog.Load(t.Context(), FromDisk, Source{Name: "00000.yaml", Text: []byte(workflow("w", trigger, rest))})
			if err != nil || s.Catalog.Problems().Err() != nil {
				t.Error(err, s.Catalog.Problems())
			}
		}
		load("{type: interval, value: 60, jitter: 0}", "  description: x\n")
		time.Sleep(40 * time.Second)
		load("{type: interval, value: 2m, jitter: 0}", "")
		time.Sleep(4 * time.Minute)
		s.stop()
		got := ""
		from := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
		for _, tick := range m.of("w") {
			got += fmt.Sprintf("%s %s; ", tick.Trigger, tick.At.Sub(from))
		}
		if want := "interval 1m 0s; interval 1m 1m0s; interval 2m 2m0s; interval 2m 4m0s; "; got != want {
			t.Errorf("%s", got)
		}
	})
}

func TestEverybodyIsBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		s := newSite(t, m, &plant{}, workflow("a", "{type: interval, value: 10, jitter: 0}", ""), workflow("b", "{type: interval, value: 10, jitter: 0}", ""))
		s.Queue.Capacity = 1
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- s.Scheduler.Run(ctx) }() // nobody works
		time.Sleep(25 * time.Second)
		cancel()
		<-done
		if got := shown(m.of("b")); got != "MMM" {
			t.Errorf("b: %s", got)
		}
		if got := shown(m.of("a")); got != "KK" || len(m.jobs) != 1 {
			t.Errorf("a: %s, and %d on disk", got, len(m.jobs))
		}
	})
}

// What the scheduler died of ends it: nobody takes it for healthy.
func TestAPanicEndsTheScheduler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, newMemory(), &plant{}, workflow("w", "{type: interval, value: 10}", ""))
		var calls atomic.Int32
		s.Scheduler.Now = func() time.Time {
			if calls.Add(1) > 50 {
				panic("no clock")
			}
			return time.Now()
		}
		err := s.Scheduler.Run(t.Context())
		if err == nil || !strings.Contains(err.Error(), "no clock") {
			t.Errorf("%v", err)
		}
	})
}

// What is not told of a tick for two periods is unwell.
func TestUnwell(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, newMemory(), &plant{}, workflow("w", "{type: interval, value: 10, jitter: 0}", ""))
		if got := fmt.Sprint(s.State().Unwell()); got != "[the clock has not started]" {
			t.Errorf("%s", got)
		}
		s.start(t)
		time.Sleep(15 * time.Second)
		if st := s.State(); len(st.Unwell()) > 0 || len(st.Triggers) != 1 || st.Triggers[0].Outcome != Started {
			t.Errorf("%v %+v", st.Unwell(), st.Triggers)
		}
		s.stop()
		time.Sleep(31 * time.Second)
		if got := fmt.Sprint(s.State().Unwell()); got != "[interval 10s of w does not tick]" {
			t.Errorf("%s", got)
		}
		time.Sleep(time.Minute)
		if got := s.State().Unwell(); len(got) != 2 || !strings.Contains(got[0], "the clock stands still since 2000-01-01T00:00:1") {
			t.Errorf("%s", got)
		}
	})
}

// A program that is told to end while it still reads what was before ends well; one that
// cannot read it does not begin.
func TestEndBeforeTheBeginning(t *testing.T) {
	for _, ends := range []bool{true, false} {
		ctx, cancel := context.WithCancel(t.Context())
		m := newMemory()
		m.fail = func(what string) error {
			if what != "marks" {
				return nil
			}
			if ends {
				cancel()
			}
			return errors.New("it could not be read")
		}
		err := newSite(t, m, &plant{}).Scheduler.Run(ctx)
		if (err == nil) != ends {
			t.Errorf("it is to end: %t, error: %v", ends, err)
		}
		cancel()
	}
}
