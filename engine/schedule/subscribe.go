package schedule

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"tocsin/engine"
	"tocsin/providers"
)

const (
	// listenAgain is how long after it ended a subscription begins again at first, and
	// listenAgainAtMost after it ended again and again (full jitter).
	listenAgain       = time.Second
	listenAgainAtMost = 5 * time.Minute
	// steady is how long a subscription has to go well for that to be forgotten.
	steady = time.Minute
)

// A switchboard listens to what the triggers of providers bring: a goroutine for each,
// which begins again when it ends, for as long as the program has the trigger.
type switchboard struct {
	clock   clock
	catalog *Catalog
	queue   *Local
	record  func(context.Context, Job) error
	runner  func(Job) engine.Runner
	log     *slog.Logger

	mu    sync.Mutex
	lines map[spot]*line
}

// A line is one trigger that is listened to.
type line struct {
	*switchboard
	item    *Item
	trigger engine.Trigger
	stop    context.CancelFunc
	over    chan struct{}

	arrivals *engine.Arrivals

	mu    sync.Mutex
	state Subscription
}

// A Subscription is how it goes with a trigger that listens to a provider.
type Subscription struct {
	Workflow, Trigger string
	Version           string
	Since             time.Time // it listens since then; zero: it does not
	Last              time.Time // when the last alert came
	Alerts            uint64    // that came
	Runs              uint64    // that they started
	Gaps              uint64    // times that it was not listened to, or that the provider says that something may be missing
	Held              bool      // it waits for room in the queue
	Again             uint64    // how often it began again
	Error             string    // why it ended last
}

// listen follows the catalog until ctx is done, and returns when nobody listens any more.
func (s *switchboard) listen(ctx context.Context) {
	for {
		changed := s.catalog.Changed()
		s.connect(ctx)
		select {
		case <-ctx.Done():
			s.disconnect(nil)
			return
		case <-changed:
		}
	}
}

// connect begins to listen to what is new, and ends to listen to what is gone. Both are
// the case for what has changed.
func (s *switchboard) connect(ctx context.Context) {
	want := map[spot]*line{}
	v := s.catalog.view()
	for _, it := range v.list {
		for _, t := range it.Program.Triggers() {
			if t.Subscription != nil && !it.Disabled {
				want[spot{it.ID, t.Name()}] = &line{switchboard: s, item: it, trigger: t}
			}
		}
	}
	s.disconnect(want)
	s.mu.Lock()
	defer s.mu.Unlock()
	for at, l := range want {
		if s.lines[at] != nil {
			continue
		}
		own, stop := context.WithCancel(ctx)
		l.stop, l.over, l.arrivals = stop, make(chan struct{}), &engine.Arrivals{Trigger: l.trigger}
		l.state = Subscription{Workflow: at.workflow, Trigger: at.key, Version: l.item.Version}
		s.lines[at] = l
		go l.supervise(own)
	}
}

// disconnect ends the lines that are not wanted as they are, and waits for them.
func (s *switchboard) disconnect(want map[spot]*line) {
	var ended []*line
	s.mu.Lock()
	for at, l := range s.lines {
		if w := want[at]; w == nil || w.item.Program != l.item.Program {
			l.stop()
			ended = append(ended, l)
			delete(s.lines, at)
		}
	}
	s.mu.Unlock()
	for _, l := range ended {
		<-l.over
	}
}

// supervise listens again and again.
func (l *line) supervise(ctx context.Context) {
	defer close(l.over)
	defer l.stop()
	again := backoff{first: listenAgain, most: listenAgainAtMost}
	for {
		began := l.clock.time()
		err := l.once(ctx)
		if ctx.Err() != nil {
			return
		}
		if l.clock.time().Sub(began) >= steady {
			again.next = 0
		}
		l.ended(err)
		if !again.wait(ctx, true) {
			return
		}
	}
}

// once listens until it ends.
func (l *line) once(ctx context.Context) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("it panicked: %v", v)
		}
	}()
	l.update(func(s *Subscription) {
		if !s.Since.IsZero() || s.Error != "" {
			s.Again++
		}
		s.Since = l.clock.time()
	})
	runner := l.runner(Job{Workflow: l.item.ID, Trigger: l.trigger.Name()})
	mask := func(s string) string { return s }
	if runner.Pool != nil {
		mask = runner.Pool.Mask
	}
	err = runner.Subscribe(ctx, l.item.Program, l.trigger, nil, func(a providers.Alert) error { return l.take(ctx, a) })
	if err != nil {
		return fmt.Errorf("%s", mask(err.Error()))
	}
	return nil
}

func (l *line) ended(err error) {
	words := "the provider ended it"
	if err != nil {
		words = err.Error()
	}
	l.update(func(s *Subscription) { s.Since, s.Error, s.Gaps = time.Time{}, words, s.Gaps+1 })
	l.log.Warn("a subscription ended, and begins again", "workflow", l.item.ID, "trigger", l.trigger.Name(), "problem", words)
}

func (l *line) update(f func(*Subscription)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f(&l.state)
}

// take makes a job of an alert, if the trigger wants that. While there is no room for it,
// the provider waits, and with it whoever sends.
func (l *line) take(ctx context.Context, a providers.Alert) error {
	now := l.clock.time()
	l.update(func(s *Subscription) {
		s.Last, s.Alerts = now, s.Alerts+1
		if kind, _ := a.Fields["kind"].(string); kind == "gap" || kind == "reconnected" {
			s.Gaps++
		}
	})
	arrival, err := l.arrivals.Of(a, now).Prepared()
	if err != nil {
		l.log.Warn("an alert cannot be read", "workflow", l.item.ID, "trigger", l.trigger.Name(), "problem", err)
		return nil
	}
	if !l.trigger.Match(arrival) {
		return nil
	}
	j := jobOf(engine.Matched{Program: l.item.Program, Trigger: l.trigger, Arrival: arrival}, now)
	l.update(func(s *Subscription) { s.Held = true })
	defer l.update(func(s *Subscription) { s.Held = false })
	if !l.queue.room(ctx, j.Lane(), j.Workflow) {
		return ctx.Err()
	}
	if err := l.record(ctx, j); err != nil {
		return err
	}
	l.update(func(s *Subscription) { s.Runs++ })
	return nil
}

// states are how it goes with all lines.
func (s *switchboard) states() []Subscription {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []Subscription
	for _, l := range s.lines {
		l.mu.Lock()
		list = append(list, l.state)
		l.mu.Unlock()
	}
	return list
}
