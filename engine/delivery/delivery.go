// Package delivery sends what actions tell, and does not lose any of it. A message is a
// row of the store before a byte of it is sent, and each attempt is counted there before
// it is made. What cannot be sent now is sent later, by the same process or the next.
//
// A Lane has two entrances. Deliver is called by a run: it makes the first attempt, so
// that a run mostly knows what came of its messages. Run is the lane's own loop, which
// sends what is left, one message at a time for each destination, in order. What an
// attempt came to is decided in outcome.go, when a destination is left alone in
// destination.go. Start reading at Lane.
package delivery

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"tocsin/engine/episode"
	"tocsin/engine/store"
	"tocsin/providers"
)

// A Lane delivers. Store, Pool and Key are required; the rest has defaults. It is safe
// for concurrent use. It implements engine.Deliverer.
type Lane struct {
	Store *store.Store
	// Pool has the clients of a workflow's file, and of Own those that the fallback is one
	// of; nil: there is no such workflow any more.
	Pool func(workflow string) *providers.Pool
	Key  *Key

	Now    func() time.Time // nil: time.Now
	Random func() float64   // nil: math/rand/v2; for waits
	Log    *slog.Logger     // nil: nothing is logged

	// Check says just before a message is sent that has waited that it is not to be sent
	// after all: Suppressed or Superseded, and why. nil, and the zero Verdict: it is.
	Check func(ctx context.Context, d store.Delivery, about []Telling) Verdict
	// Told is called when a message has arrived that has waited: for the memory of
	// alerts. nil: nobody wants to know.
	Told func(ctx context.Context, t Telling, result any, now time.Time) error
	// Raise keeps an alert about messages that are dead, or about that something arrives
	// again, and if start is set starts the workflows that wait for it. It is called again
	// until it returns nil. nil: nobody keeps any.
	Raise func(ctx context.Context, alert map[string]any, start bool) error
	// Fallback is told of that by the lane itself.
	Fallback Fallback
	// Trace is told of an attempt that the loop makes at a message whose run stood in a
	// trace, says where the call stands, and is told when it is over, with the words of
	// its error. nil: the call stands where the run did.
	Trace func(d store.Delivery, in providers.Trace) (at providers.Trace, end func(err error, words string))
	// Outcome counts what came of an attempt, or of a message without one: the state that
	// it is in then. nil: nobody counts.
	Outcome func(state store.State)

	Parallel int // destinations that Run serves at the same time; 0: 64
	Failures int // in a row until a destination is left alone; 0: 3
	Deaths   int // of the process during attempts at a message until it is given up; 0: 2
	Digest   int // messages waiting for one destination that become one; 0: 20; negative: never

	once     sync.Once
	nudge    chan struct{} // there is something to look at
	slots    chan struct{}
	alone    sync.Mutex // of those who send what may have killed the process
	begin    sync.Mutex
	begun    bool
	mu       sync.Mutex
	dests    map[string]*destination
	held     map[string]bool     // keys that somebody is at
	deadly   map[string]bool     // keys that were being sent when the process died
	troubles map[string]*trouble // by destination: messages to it are dead
	sick     error               // why the lane cannot do its work
	beat     time.Time           // when the loop went round last; zero: it does not run
}

// A Verdict is what Check says. The zero Verdict: send it.
type Verdict struct {
	State  store.State // Suppressed or Superseded
	Reason string
}

// A Telling is an alert that a message is about, and what it says of it.
type Telling struct {
	Notice  *episode.Notice `json:"notice"`
	Message episode.Message `json:"message"`
	Text    string          `json:"text,omitempty"`
}

func (l *Lane) open() {
	l.once.Do(func() {
		l.nudge = make(chan struct{}, 1)
		l.slots = make(chan struct{}, or(l.Parallel, 64))
		l.dests, l.held, l.deadly = map[string]*destination{}, map[string]bool{}, map[string]bool{}
		l.troubles = map[string]*trouble{}
	})
}

func or(n, otherwise int) int {
	if n == 0 {
		return otherwise
	}
	return n
}

func (l *Lane) now() time.Time {
	if l.Now != nil {
		return l.Now()
	}
	return time.Now()
}

func (l *Lane) random() float64 {
	if l.Random != nil {
		return l.Random()
	}
	return rand.Float64()
}

func (l *Lane) log() *slog.Logger {
	if l.Log != nil {
		return l.Log
	}
	return slog.New(slog.DiscardHandler)
}

// Health says why messages may not arrive, or nil: the store fails, or somebody ought to
// be told of dead messages and could not be, as when the fallback does not work either. A
// destination that is down is no illness.
func (l *Lane) Health() error {
	l.open()
	l.mu.Lock()
	sick := l.sick
	l.mu.Unlock()
	return cmp.Or(l.Stalled(), sick, l.unheard())
}

// Stalled says that the loop does not go round any more, which only a new process mends,
// or is nil.
func (l *Lane) Stalled() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.beat.IsZero() || l.now().Sub(l.beat) <= stalled {
		return nil
	}
	return fmt.Errorf("messages are not looked at since %s", l.beat.UTC().Format(time.RFC3339))
}

// beats notes that the loop goes round; the zero time: it has ended.
func (l *Lane) beats(now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.beat = now
}

func (l *Lane) feels(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sick = err
}

// ready finds out, once, what the last process left behind.
func (l *Lane) ready(ctx context.Context) error {
	l.open()
	l.begin.Lock()
	defer l.begin.Unlock()
	if l.begun {
		return nil
	}
	if err := errors.Join(l.loadPauses(ctx), l.loadTroubles(ctx)); err != nil {
		return err
	}
	list, err := l.Store.Interrupted(ctx)
	if err != nil {
		return err
	}
	var dead []store.Settlement
	for _, d := range list {
		if d.Deaths >= or(l.Deaths, 2) {
			dead = append(dead, store.Settlement{Key: d.Key, State: store.Dead, Reason: fmt.Sprintf("the process died %d times while it was being sent", d.Deaths)})
			continue
		}
		l.deadly[d.Key] = true
	}
	if len(dead) > 0 {
		if err := l.settle(ctx, dead...); err != nil {
			return err
		}
	}
	l.begun = true
	return nil
}

// Wake has the loop look at once: whoever puts messages into the store by another way, as
// who revives a dead one, calls it. Otherwise it looks within half a minute.
func (l *Lane) Wake() {
	l.open()
	l.nudged()
}

func (l *Lane) nudged() {
	select {
	case l.nudge <- struct{}{}:
	default:
	}
}

// hold says that the caller is at a message and nobody else is; release ends that.
func (l *Lane) hold(key string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.held[key] {
		return false
	}
	l.held[key] = true
	return true
}

func (l *Lane) release(key string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.held, key)
}

// suspect says that the process died during an attempt at the message.
func (l *Lane) suspect(key string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.deadly[key]
}

func (l *Lane) acquit(key string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.deadly, key)
}

// settling is how long it may take to write down what came of an attempt, also when
// the program is told to stop.
const settling = 10 * time.Second

// settle writes down what came of attempts.
func (l *Lane) settle(ctx context.Context, settlements ...store.Settlement) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settling)
	defer cancel()
	if err := l.Store.Settle(ctx, settlements...); err != nil {
		return err
	}
	l.count(settlements)
	return nil
}

func (l *Lane) count(settlements []store.Settlement) {
	if l.Outcome == nil {
		return
	}
	for _, s := range settlements {
		l.Outcome(s.State)
	}
}
