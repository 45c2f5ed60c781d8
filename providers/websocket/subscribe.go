package websocket

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"reflect"
	"runtime/debug"
	"slices"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"

	"tocsin/providers"
	"tocsin/providers/dial"
	"tocsin/templating/value"
)

// Subscribe returns a stream that keeps a connection open and emits what comes: each
// message, or each reply to trigger_body, and what happens to the connection where that
// is asked for. The stream returns nil when ctx is done and everything that was taken has
// been emitted, the error of emit when there is one, and an *Error when it gives up. That
// the parameters are wrong is an *Error here.
//
// Emit is called by as many goroutines as concurrency says, and the next message waits
// for it. An error that is providers.ErrUnhandled does not end the subscription: the
// message is lost, or with auto_replay_nacks emitted again.
func (c *client) Subscribe(p Subscription) (providers.Stream, error) {
	s, err := c.subscription(&p)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, emit func(providers.Alert) error) error {
		s.emit = func(i *item) error {
			e := i.event()
			return emit(e.alert(i.at))
		}
		s.meter = newMeter(ctx, c.meter)
		return s.run(ctx)
	}, nil
}

func (c *client) subscription(p *Subscription) (*subscription, error) {
	with := *p
	if !reflect.ValueOf(&c.defaults).Elem().IsZero() { // most have none, and it costs a lot
		with = p.over(c.defaults)
	}
	set, live, err := with.settings()
	if err != nil {
		return nil, err
	}
	return &subscription{
		set: set, live: live,
		dialer: c.dialer, shared: c.shared, now: c.now, log: c.log, random: rand.Float64,
	}, nil
}

// A subscription is a connection that is opened anew whenever it ends. One goroutine
// connects and reads, those of the queue emit.
type subscription struct {
	set    *settings
	live   *live
	dialer *dial.Dialer
	shared *shared
	now    func() time.Time
	log    *slog.Logger
	random func() float64 // in [0, 1)
	emit   func(*item) error
	reach  func(context.Context) (net.Conn, error) // of tests

	queue  *queue
	hand   []item                  // messages on their way into the queue
	halt   context.CancelCauseFunc // ends everything because of emit's error
	number atomic.Int64            // of events
	last   atomic.Pointer[item]    // the last message, for resume_message
	silent lull
	meter  *meter // nil: nobody asks for figures

	tries int       // attempts that failed since a connection held
	seen  time.Time // when something was last received, for the gap
	again bool      // there was a connection before
}

// run listens until ctx is done. There may be thousands who do, so what takes much of the
// stack is over while it listens, or done apart, and few functions are between it and
// what waits for the next message: a stack is doubled as soon as it is too small.
func (s *subscription) run(ctx context.Context) (err error) {
	ctx = s.begin(ctx)
	defer s.halt(nil)
	var last *link
	if s.live.sample != nil {
		last, err = s.sample(ctx)
	} else {
		last, err = s.listen(ctx)
	}
	return s.finish(ctx, last, err)
}

func (s *subscription) begin(ctx context.Context) context.Context {
	ctx, s.halt = context.WithCancelCause(ctx)
	s.queue = newQueue(s.live.queue, s.live.workers, func(i *item) { s.deliver(ctx, i) })
	s.silent.start(s)
	return ctx
}

// finish deals with what was taken before the server is told, over the last connection if
// there is one, that we are going.
func (s *subscription) finish(ctx context.Context, last *link, err error) error {
	s.silent.stop()
	counts := s.queue.drain()
	s.meter.report(s, last)
	s.meter.end()
	if last != nil {
		last.leave(cancelled(ctx, "receive"))
	}
	if n := counts.oldest + counts.blocked + counts.newest; n > 0 {
		s.log.Warn("messages were dropped because too many waited", "url", s.set.target.redacted, "dropped", n)
	}
	if counts.stopped > 0 {
		s.log.Info("messages had come that were not wanted any more", "url", s.set.target.redacted, "messages", counts.stopped)
	}
	if own, ok := errors.AsType[*emitError](context.Cause(ctx)); ok {
		return own.error
	}
	return err
}

// emitError is an error of emit, which ends the subscription.
type emitError struct{ error }

// listen connects and reads until ctx is done, and returns the connection there is then,
// or until it gives up.
func (s *subscription) listen(ctx context.Context) (*link, error) {
	for ctx.Err() == nil {
		l, failed := s.open(ctx)
		if failed == nil {
			failed = l.read(ctx, s)
			s.flush()
			if ctx.Err() != nil {
				return l, nil
			}
			s.leave(ctx, l, failed)
		}
		if err := s.patient(ctx, failed); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

// open is attempt, apart.
func (s *subscription) open(ctx context.Context) (l *link, failed *Error) {
	s.apart(func() { l, failed = s.attempt(ctx) })
	return l, failed
}

// attempt tries to connect, and raises what is to be told of it.
func (s *subscription) attempt(ctx context.Context) (*link, *Error) {
	more, failed := s.resume()
	var l *link
	if failed == nil {
		l, failed = s.connect(ctx, more)
	}
	if failed != nil {
		if ctx.Err() == nil {
			s.meter.failed(failed)
			s.tries++
			s.raise(item{kind: Failing, err: failed, from: s.nobody()})
			s.log.Warn("not connected", "url", s.set.target.redacted, "code", failed.Code, "problem", failed.Problem, "attempt", s.tries)
		}
		return nil, failed
	}
	i := item{kind: Opened, from: l.identity}
	if s.again {
		i.kind, i.gap = Reconnected, s.now().Sub(s.seen)
	}
	s.again = true
	s.raise(i)
	s.log.Info("connected", "url", s.set.target.redacted, "connection", l.id)
	return l, nil
}

// apart does something that needs a large stack, which is given back at once: whoever
// waits for it may go on for months with the little that reading takes.
func (s *subscription) apart(do func()) {
	over := make(chan any)
	go func() {
		defer func() {
			p := recover()
			if p != nil {
				s.log.Error("connecting panicked", "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			}
			over <- p
		}()
		do()
	}()
	if p := <-over; p != nil {
		panic(p)
	}
}

// leave is lost, apart.
func (s *subscription) leave(ctx context.Context, l *link, failed *Error) {
	s.apart(func() { s.lost(ctx, l, failed) })
}

// lost closes a connection that has ended, and raises what is to be told of it. Failed
// is nil if it was only too old.
func (s *subscription) lost(ctx context.Context, l *link, failed *Error) {
	s.seen = s.now().Add(-l.stream.quiet())
	s.meter.lost(s, l, failed)
	held := l.stream.age()
	l.leave(failed)
	if failed != nil {
		failed.about(s.set.target)
		s.log.Warn("connection lost", "url", s.set.target.redacted, "connection", l.id, "code", failed.Code, "problem", failed.Problem, "messages", l.seq.Load())
	}
	s.raise(item{kind: Closed, err: failed, from: l.identity})
	switch {
	case failed == nil:
		s.tries = 0
	case failed.Code == QueueFull:
		s.tries = 0
		s.queue.roomy(ctx)
	case held >= s.live.backoff.resetAfter:
		s.tries = 1
	default:
		s.tries++
	}
}

// patient waits before the next attempt, or gives up, which is the error.
func (s *subscription) patient(ctx context.Context, failed *Error) error {
	if ctx.Err() != nil {
		return nil
	}
	d, err := s.delay(failed)
	if err == nil && d > 0 {
		_ = pause(ctx, d) // the caller asks ctx
	}
	return err
}

// delay is how long to wait before the next attempt. The error is that of giving up:
// failed, after as many attempts as may fail behind the first.
func (s *subscription) delay(failed *Error) (time.Duration, error) {
	b := &s.live.backoff
	switch {
	case s.tries == 0:
		return 0, nil
	case b.retries >= 0 && s.tries > b.retries:
		s.raise(item{kind: GaveUp, err: failed, from: s.nobody()})
		return 0, failed
	}
	return b.wait(s.tries, failed, s.random()), nil
}

// nobody is the identity of what belongs to no connection.
func (s *subscription) nobody() *identity { return newIdentity(s.now()) }

// resume renders what is said behind the opening of a further connection.
func (s *subscription) resume() ([]turn, *Error) {
	last := s.last.Load()
	if s.live.resume == nil || !s.again {
		return nil, nil
	}
	var event any
	if last != nil {
		event = value.Of(last.event())
	}
	v, err := s.live.resume(map[string]any{"last": event, "gap_ms": milliseconds(s.now().Sub(s.seen))})
	if err != nil {
		return nil, fault(ConfigInvalid, err, "resume_message: %v", err)
	}
	said := settings{}
	if err := said.addOpening(v, "text"); err != nil {
		return nil, fault(ConfigInvalid, err, "resume_message: %v", err)
	}
	return said.opening, nil
}

// room waits until there is room for a message, as far as the policy says so. If there
// will be none, the link has failed.
func (s *subscription) room(ctx context.Context, l *link) bool {
	if !s.queue.crowded(len(s.hand)) {
		return true
	}
	s.flush()
	switch {
	case !s.queue.crowded(0):
	case s.live.overflow == "close":
		l.fail(fault(QueueFull, nil, "closed, because %d messages wait for their runs", s.live.queue))
		return false
	case s.live.overflow == "block":
		l.holds.Add(1)
		s.queue.reserve(ctx, maxBlock)
		l.holds.Add(1)
	}
	return true
}

// take takes a message. It is in the queue when reading has to wait for the next one.
func (s *subscription) take(l *link, typ websocket.MessageType, data []byte) {
	s.silent.over(s)
	s.hand = append(s.hand, item{
		kind: MessageKind, typ: typ, data: data, size: len(data), at: l.stream.at, seq: l.seq.Load(), from: l.identity,
	})
	if len(s.hand) >= handful || len(data) > keptBuffer {
		s.flush()
	}
}

// flush puts what was taken into the queue, or drops it, as the policy says.
func (s *subscription) flush() {
	if len(s.hand) > 0 {
		s.add(s.hand...)
		clear(s.hand)
		if s.hand = s.hand[:0]; cap(s.hand) < leastItems {
			s.hand = nil // it may be long until there is another
		}
	}
}

func (s *subscription) add(items ...item) {
	switch s.live.overflow {
	case "drop_oldest", "drop_newest":
		s.queue.offer(s.live.overflow == "drop_oldest", items...)
	default:
		s.queue.put(items...)
	}
}

// raise puts an event that is no message into the queue, if it is to be told of.
func (s *subscription) raise(i item) {
	if !slices.Contains(s.live.raise, i.kind) {
		return
	}
	i.at = s.now()
	s.queue.note(i)
}

// deliver emits what i becomes.
func (s *subscription) deliver(ctx context.Context, i *item) {
	defer func() {
		if p := recover(); p != nil {
			s.log.Error("emitting an event panicked", "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			s.end(fmt.Errorf("bug: emitting an event panicked: %v", p))
		}
	}()
	i.s = s
	if s.live.sieve == nil {
		s.tell(ctx, i)
		return
	}
	for _, one := range s.live.sieve.sift(i) {
		s.tell(ctx, one)
	}
}

// tell emits i. A run that failed is repeated if that is asked for.
func (s *subscription) tell(ctx context.Context, i *item) {
	i.number = s.number.Add(1)
	if s.live.resume != nil && i.kind == MessageKind {
		last := *i
		s.last.Store(&last)
	}
	for n := 1; ; n++ {
		err := s.emit(i)
		switch {
		case err == nil:
			return
		case !errors.Is(err, providers.ErrUnhandled):
			s.end(err)
			return
		case !s.live.replay, pause(ctx, replays.wait(n, nil, s.random())) != nil:
			return
		}
	}
}

// replays is how long a run that failed waits for being repeated.
var replays = backoff{initial: time.Second, max: time.Minute, multiplier: 2, jitter: "full"}

// end ends everything: nothing that waits is emitted any more.
func (s *subscription) end(err error) {
	s.queue.stop()
	s.halt(&emitError{err})
}
