package schedule

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"
)

// What the clock has to say of many workflows is a few changes for the recorder, each of
// which takes a disk's time: jobs first, since nobody asks for them after a later tick.
func TestScribeWritesTogether(t *testing.T) {
	m := newMemory()
	var asked []string
	m.fail = func(what string) error {
		asked = append(asked, what)
		return nil
	}
	s := &scribe{recorder: m, log: slog.New(slog.DiscardHandler), pending: make(chan struct{}, 1)}
	at := time.Unix(1_700_000_000, 0)
	for i := range 300 {
		workflow := fmt.Sprint("w", i)
		s.put(Job{Run: TickRun(workflow, "t", at), Workflow: workflow, Trigger: "t", Key: clockKey})
		s.ticks(Tick{Workflow: workflow, Trigger: "t", At: at.Add(time.Second), Outcome: Skipped})
	}
	s.flush(t.Context())
	if want := []string{"put", "tick"}; !slices.Equal(asked, want) {
		t.Errorf("the recorder was asked %d times, %v; want %v", len(asked), asked[:min(len(asked), 6)], want)
	}
	if len(m.jobs) != 300 || len(m.ticks) != 300 {
		t.Errorf("%d jobs and %d ticks are written, want 300 of each", len(m.jobs), len(m.ticks))
	}
}

// A run that is over, and so cannot be dropped, holds nothing up.
func TestScribeDropsWhatIsOver(t *testing.T) {
	m := newMemory()
	m.fail = func(what string) error {
		if what == "drop" {
			return fmt.Errorf("run a is over: %w", ErrBusy)
		}
		return nil
	}
	s := &scribe{recorder: m, log: slog.New(slog.DiscardHandler), pending: make(chan struct{}, 1)}
	s.drop(Job{Run: "a", Workflow: "w"}, "the next one was due")
	s.ticks(Tick{Workflow: "w", Trigger: "t", At: time.Unix(1, 0), Outcome: Skipped})
	s.flush(t.Context())
	if waiting, _ := s.unwritten(); waiting != 0 || len(m.ticks) != 1 {
		t.Errorf("%d notes wait, %d ticks are written; want 0 and 1", waiting, len(m.ticks))
	}
}

// What is interrupted because the program ends is tried once more, and so is no error.
func TestScribeIsSilentWhenItEnds(t *testing.T) {
	m := newMemory()
	ctx, cancel := context.WithCancel(t.Context())
	m.fail = func(string) error {
		cancel()
		return context.Cause(ctx)
	}
	var log strings.Builder
	s := &scribe{recorder: m, log: slog.New(slog.NewTextHandler(&log, nil)), pending: make(chan struct{}, 1)}
	s.ticks(Tick{Workflow: "w", Trigger: "t", At: time.Unix(1, 0), Outcome: Skipped})
	s.flush(ctx)
	if log.Len() > 0 {
		t.Errorf("the log says %s", log.String())
	}
	if waiting, _ := s.unwritten(); waiting != 1 {
		t.Errorf("%d notes wait, want 1", waiting)
	}
}
