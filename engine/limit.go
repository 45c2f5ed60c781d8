package engine

import (
	"context"
	"sync"
	"time"
)

// A limit is the context that context.WithTimeoutCause would give, but sets its timer
// when somebody first waits for its end. A call within the process is often over before
// anybody does, and the timer would cost more than the call.
type limit struct {
	above context.Context
	end   time.Time // its own; that of above may be earlier
	cause error

	mu     sync.Mutex
	timed  context.Context // nil: nobody waits
	cancel context.CancelFunc
	over   bool // stopped before anybody waited
}

// limited is a context that ends after d with cause, or when stop is called. Whoever asks
// for it calls that.
func limited(above context.Context, d time.Duration, cause error) (ctx context.Context, stop func()) {
	l := &limit{above: above, end: time.Now().Add(d), cause: cause}
	return l, l.stop
}

// Deadline implements context.Context.
func (l *limit) Deadline() (time.Time, bool) {
	if end, ok := l.above.Deadline(); ok && end.Before(l.end) {
		return end, true
	}
	return l.end, true
}

// Done implements context.Context. It sets the timer.
func (l *limit) Done() <-chan struct{} { return l.wait().Done() }

// Err implements context.Context. Without a timer it looks at the clock.
func (l *limit) Err() error {
	ctx, over := l.state()
	switch {
	case ctx != nil:
		return ctx.Err()
	case over:
		return context.Canceled
	}
	if err := l.above.Err(); err != nil || time.Now().Before(l.end) {
		return err
	}
	return l.wait().Err()
}

// Value implements context.Context. What package context keeps there of a timer, such as
// its cause, is found once there is one.
func (l *limit) Value(key any) any {
	if ctx, _ := l.state(); ctx != nil {
		return ctx.Value(key)
	}
	return l.above.Value(key)
}

func (l *limit) state() (timed context.Context, over bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.timed, l.over
}

// wait is the context with a timer.
func (l *limit) wait() context.Context {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.timed == nil {
		l.timed, l.cancel = context.WithDeadlineCause(l.above, l.end, l.cause)
		if l.over {
			l.cancel()
		}
	}
	return l.timed
}

func (l *limit) stop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.timed != nil {
		l.cancel()
		return
	}
	l.over = l.above.Err() == nil && time.Now().Before(l.end) // else it ended before, for that reason
}
