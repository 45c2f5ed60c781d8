package schedule

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
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

func outcomes(ticks []Tick) (list string) {
	for _, t := range ticks {
		list += string(t.Outcome[0])
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
			if got := outcomes(m.of(id)); got != want {
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
				got := ""
				for _, tick := range m.of("w") {
					got += map[Outcome]string{Started: "s", Skipped: "K", Missed: "M"}[tick.Outcome]
				}
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
