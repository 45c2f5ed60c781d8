package schedule

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"
)

// maxUnwritten is how many notes wait for a disk that does not take them. Then the
// oldest are given up, and counted.
const maxUnwritten = 100_000

// gather is how long a note waits for others: each time something is written, a disk has to
// be waited for.
const gather = 25 * time.Millisecond

// A scribe writes down what the clock has to say, a little later, so that the clock never
// waits for a disk.
type scribe struct {
	recorder Recorder
	log      *slog.Logger

	mu      sync.Mutex
	notes   []scribeNote
	lost    uint64
	pending chan struct{} // has one item when there is something to write
}

// A scribeNote is one thing to write: a tick, or a job that is put or dropped.
type scribeNote struct {
	tick Tick
	job  *Job
	drop string // why; "": it is put
}

func (s *scribe) ticks(ticks ...Tick) {
	for _, t := range ticks {
		s.add(scribeNote{tick: t})
	}
}

func (s *scribe) put(j Job)                 { s.add(scribeNote{job: &j}) }
func (s *scribe) drop(j Job, reason string) { s.add(scribeNote{job: &j, drop: reason}) }

func (s *scribe) add(n scribeNote) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.notes) >= maxUnwritten {
		s.notes = append(s.notes[:0], s.notes[maxUnwritten/10:]...)
		s.lost += maxUnwritten / 10
	}
	s.notes = append(s.notes, n)
}

// wake lets it write what was added.
func (s *scribe) wake() {
	s.mu.Lock()
	n := len(s.notes)
	s.mu.Unlock()
	if n == 0 {
		return
	}
	select {
	case s.pending <- struct{}{}:
	default:
	}
}

// write writes until ctx is done, and then what is left, once.
func (s *scribe) write(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
			defer cancel()
			s.flush(last)
			return
		case <-s.pending:
			sleep(ctx, gather)
			s.flush(ctx)
		}
	}
}

// flush writes all there is. What fails is tried again until ctx is done, and is there
// still then.
func (s *scribe) flush(ctx context.Context) {
	const batch = 1000
	for {
		s.mu.Lock()
		notes := s.notes[:min(batch, len(s.notes))]
		if s.notes = s.notes[len(notes):]; len(s.notes) == 0 {
			s.notes = nil
		}
		s.mu.Unlock()
		if len(notes) == 0 {
			return
		}
		if err := persist(ctx, func(ctx context.Context) error { return s.record(ctx, notes) }, s.failed); err != nil {
			s.mu.Lock()
			s.notes = append(append([]scribeNote(nil), notes...), s.notes...)
			s.mu.Unlock()
			return
		}
	}
}

// failed tells of what could not be written, unless that is tried again at once: the
// program ends.
func (s *scribe) failed(err error) {
	if !errors.Is(err, context.Canceled) {
		s.log.Error("ticks cannot be recorded", "problem", err)
	}
}

// record writes notes: all jobs that are put, then what is dropped, then all ticks, since
// a job has to be there before the tick after which nobody would ask for it again. That
// one is written twice because a later one failed does no harm.
func (s *scribe) record(ctx context.Context, notes []scribeNote) error {
	var jobs []Job
	var ticks []Tick
	for _, n := range notes {
		switch {
		case n.job == nil:
			ticks = append(ticks, n.tick)
		case n.drop == "":
			jobs = append(jobs, *n.job)
		}
	}
	if len(jobs) > 0 {
		if err := s.recorder.Put(ctx, jobs...); err != nil {
			return err
		}
	}
	for _, n := range notes {
		if n.drop == "" {
			continue
		}
		if err := s.recorder.Drop(ctx, *n.job, n.drop); err != nil && !isAnswer(err) {
			return err
		}
	}
	if len(ticks) == 0 {
		return nil
	}
	return s.recorder.Tick(ctx, ticks...)
}

func (s *scribe) unwritten() (waiting int, lost uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.notes), s.lost
}
