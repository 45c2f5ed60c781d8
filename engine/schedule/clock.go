package schedule

import (
	"context"
	"math/rand/v2"
	"time"
)

// longestWait is after how long a wait looks at the wall's clock again: a machine that
// slept, or whose clock was set, is noticed after that at the latest (reliability.md §2).
const longestWait = 30 * time.Second

// A clock is where the time comes from: the only place in this package.
type clock struct{ now func() time.Time }

// time is that of the wall, without the monotonic reading, so that a clock that is set
// shows.
func (c clock) time() time.Time {
	if c.now != nil {
		return c.now().Round(0)
	}
	return time.Now().Round(0)
}

// timer ticks at at, or earlier, to look again.
func (c clock) timer(at time.Time) *time.Timer {
	wait := longestWait
	if !at.IsZero() {
		wait = min(wait, max(0, at.Sub(c.time())))
	}
	return time.NewTimer(wait)
}

// sleep waits for d. It is false if ctx is done before.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// A backoff is a wait that doubles up to a limit.
type backoff struct {
	first, most time.Duration
	next        time.Duration
}

// wait waits the next time; false if ctx is done before. It is a random part of it with
// jitter, so that many do not come back at once.
func (b *backoff) wait(ctx context.Context, jitter bool) bool {
	if b.next == 0 {
		b.next = b.first
	}
	d := b.next
	b.next = min(2*b.next, b.most)
	if jitter {
		d = time.Duration(rand.Int64N(int64(d)) + 1)
	}
	return sleep(ctx, d)
}

// persist repeats what a recorder could not do, until it can or ctx is done. What of its
// errors is an answer, it returns.
func persist(ctx context.Context, do func(context.Context) error, failed func(error)) error {
	wait := backoff{first: 50 * time.Millisecond, most: 5 * time.Second}
	for {
		err := do(ctx)
		if err == nil || isAnswer(err) {
			return err
		}
		failed(err)
		if !wait.wait(ctx, true) {
			return err
		}
	}
}
