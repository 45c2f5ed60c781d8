package cmd_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tocsin/cmd"
	"tocsin/providers"
)

// A hall is a registry with a feed that brings numbered alerts, and an action that takes
// its time.
type hall struct {
	mu   sync.Mutex
	now  int // actions under way
	most int
	told []string
}

func (h *hall) registry() *providers.Registry {
	type feed struct {
		Events int `param:"events" doc:"How many."`
	}
	type work struct {
		Message string        `param:"message" doc:"What to remember."`
		Takes   time.Duration `param:"takes" doc:"How long it takes."`
	}
	return providers.NewRegistry(
		providers.Define(providers.Definition[struct{}]{
			Type: "feed",
			Subscribe: providers.Listen(func(_ struct{}, ctx context.Context, p feed, emit func(providers.Alert) error) error {
				for n := range p.Events {
					if ctx.Err() != nil {
						return nil
					}
					if err := emit(providers.Alert{Name: "a", Fields: map[string]any{"n": n + 1}}); err != nil {
						return err
					}
				}
				<-ctx.Done()
				return nil
			}),
		}),
		providers.Define(providers.Definition[struct{}]{
			Type: "work",
			Notify: providers.Call(func(_ struct{}, ctx context.Context, p work) (any, error) {
				h.mu.Lock()
				h.now++
				h.most = max(h.most, h.now)
				h.mu.Unlock()
				var err error
				select {
				case <-time.After(p.Takes):
				case <-ctx.Done():
					err = context.Cause(ctx)
				}
				h.mu.Lock()
				defer h.mu.Unlock()
				h.now--
				h.told = append(h.told, p.Message)
				return nil, err
			}),
		}),
	)
}

// run runs workflows, each with a number of events and a time for each run, and is ended
// after some time from outside; 0: not at all.
func (h *hall) run(t *testing.T, workflows []string, end time.Duration, args ...string) (code int, stdout, stderr string, took time.Duration) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "w.yaml")
	if err := os.WriteFile(file, []byte(strings.Join(workflows, "---\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		if end > 0 {
			time.AfterFunc(end, cancel)
		}
		begun := time.Now()
		var out, problems bytes.Buffer
		code = cmd.Run(ctx, append([]string{"run", file}, args...), nil, &out, &problems, h.registry())
		stdout, stderr, took = out.String(), problems.String(), time.Since(begun)
		time.Sleep(time.Minute) // what is left of timers
	})
	return code, stdout, stderr, took
}

func listening(id string, events int, takes time.Duration) string {
	return fmt.Sprintf(`
workflow:
  id: %s
  triggers: [{type: feed, with: {events: %d}}]
  actions:
    - name: act
      timeout: 5m
      provider: {type: work, with: {message: "%s {{ alert.n }}", takes: %v}}
`, id, events, id, takes)
}

// A run that has begun ends, though nothing more is started.
func TestListeningEndsInPeace(t *testing.T) {
	h := &hall{}
	code, stdout, stderr, took := h.run(t, []string{listening("one", 3, 10*time.Second)}, 5*time.Second)
	if code != 130 || took != 10*time.Second || !slices.Equal(h.told, []string{"one 1"}) {
		t.Errorf("code %d after %v, told %q\n%s%s", code, took, h.told, stdout, stderr)
	}
	if !strings.Contains(stdout, "ok      one") || !strings.Contains(stderr, "1 run: 1 ok") {
		t.Errorf("%s%s", stdout, stderr)
	}
}

// One that does not end is left behind after a while.
func TestListeningAbandons(t *testing.T) {
	h := &hall{}
	code, stdout, _, took := h.run(t, []string{listening("slow", 1, time.Hour)}, 5*time.Second)
	if code != 130 || took != 30*time.Second || !strings.Contains(stdout, "STOPPED slow") {
		t.Errorf("code %d after %v\n%s", code, took, stdout)
	}
}

// The runs of one workflow are in the order of its events; of all workflows together no
// more than --jobs are under way.
func TestListeningJobs(t *testing.T) {
	h := &hall{}
	flows := []string{listening("a", 5, time.Second), listening("b", 5, time.Second), listening("c", 5, time.Second)}
	code, _, stderr, _ := h.run(t, flows, 0, "--jobs", "2", "--for", "1m")
	if code != 0 || h.most != 2 || len(h.told) != 15 {
		t.Errorf("code %d, %d at a time, told %q\n%s", code, h.most, h.told, stderr)
	}
	for _, id := range []string{"a", "b", "c"} {
		var own []string
		for _, text := range h.told {
			if strings.HasPrefix(text, id) {
				own = append(own, text)
			}
		}
		if !slices.IsSorted(own) {
			t.Errorf("out of order: %q", own)
		}
	}
}

// --max-events is exact, over all triggers.
func TestListeningMaxEvents(t *testing.T) {
	for n := 1; n < 8; n++ {
		h := &hall{}
		flows := []string{listening("a", 5, time.Second), listening("b", 5, 1500*time.Millisecond)}
		code, _, stderr, _ := h.run(t, flows, 0, "--max-events", fmt.Sprint(n))
		if code != 0 || len(h.told) != n {
			t.Errorf("code %d, told %q, want %d\n%s", code, h.told, n, stderr)
		}
	}
}

// The time of --timeout is a limit that was not kept, unlike that of --for.
func TestListeningTimeout(t *testing.T) {
	h := &hall{}
	if code, _, _, took := h.run(t, []string{listening("a", 1, 0)}, 0, "--timeout", "5s"); code != 4 || took != 5*time.Second {
		t.Errorf("code %d after %v", code, took)
	}
	if code, _, _, took := h.run(t, []string{listening("a", 1, 0)}, 0, "--for", "5s"); code != 0 || took != 5*time.Second {
		t.Errorf("code %d after %v", code, took)
	}
}
