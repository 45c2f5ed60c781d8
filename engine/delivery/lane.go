package delivery

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"tocsin/engine/store"
)

const (
	longest   = 30 * time.Second // a wait looks at the wall's clock again after that
	shortest  = time.Second      // where something is due, and somebody else is at it
	reporting = time.Minute      // until somebody is told again of what is dead
	stalled   = 4 * longest      // without a round until the loop counts as stuck
	batch     = 64               // messages that are read at once
)

// Run sends what waits, until ctx is done: attempts that are under way then have ten
// seconds to end. It always returns nil. There is one in a process.
func (l *Lane) Run(ctx context.Context) error {
	l.open()
	var workers sync.WaitGroup
	defer workers.Wait()
	var untold error    // why nobody could be told of what is dead
	var again time.Time // when to try that again
	defer l.beats(time.Time{})
	for ctx.Err() == nil {
		l.beats(l.now())
		next, err := l.look(ctx, &workers)
		if now := l.now(); err == nil && !now.Before(again) {
			if untold = l.report(ctx); untold != nil {
				again = now.Add(reporting)
			}
		}
		if ctx.Err() != nil {
			break
		}
		l.feels(errors.Join(err, untold))
		if err != nil {
			l.log().Error("messages wait", "error", err)
			next = l.now().Add(shortest)
		}
		l.wait(ctx, next)
	}
	return nil
}

// wait is until next, or until there is something to look at.
func (l *Lane) wait(ctx context.Context, next time.Time) {
	d := longest
	if !next.IsZero() {
		d = min(d, max(0, next.Sub(l.now())))
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-l.nudge:
	case <-t.C:
	}
}

// look begins to serve the destinations that are due, and says when the next is.
func (l *Lane) look(ctx context.Context, workers *sync.WaitGroup) (next time.Time, err error) {
	if err := l.ready(ctx); err != nil {
		return time.Time{}, err
	}
	waiting, err := l.Store.Backlogs(ctx)
	if err != nil {
		return time.Time{}, err
	}
	for _, b := range waiting {
		at, now := l.due(b)
		if now {
			workers.Go(func() { l.serve(ctx, b.Destination) })
			continue
		}
		if !at.IsZero() && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	return next, nil
}

// due says whether to serve a destination now, or else when; zero: somebody is at it.
func (l *Lane) due(b store.Backlog) (at time.Time, now bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	d := l.to(b.Destination)
	if d.serving {
		return time.Time{}, false
	}
	at = b.Next
	for _, t := range []time.Time{d.until, d.idle} {
		if t.After(at) {
			at = t
		}
	}
	if l.now().Before(at) {
		return at, false
	}
	d.serving = true
	return at, true
}

// serve sends what waits for a destination until there is nothing more to do now.
func (l *Lane) serve(ctx context.Context, name string) {
	defer l.served(name)
	select {
	case l.slots <- struct{}{}:
		defer func() { <-l.slots }()
	case <-ctx.Done():
		return
	}
	for ctx.Err() == nil {
		if _, why := l.closed(name, false); why != "" {
			return
		}
		sent, err := l.some(ctx, name)
		if err != nil && ctx.Err() == nil {
			l.log().Error("messages for a destination wait", "destination", name, "error", err)
		}
		if err != nil || !sent {
			return
		}
	}
}

// served lets the loop look again.
func (l *Lane) served(name string) {
	if p := recover(); p != nil {
		l.log().Error("sending messages panicked", "destination", name, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
	}
	l.mu.Lock()
	d := l.to(name)
	d.serving, d.idle = false, l.now().Add(shortest)
	l.mu.Unlock()
	l.Wake()
}

// some sends some of what waits, and says whether there was anything.
func (l *Lane) some(ctx context.Context, name string) (sent bool, err error) {
	if err := l.digest(ctx, name); err != nil {
		return false, err
	}
	list, err := l.Store.Waiting(ctx, name, l.now(), batch)
	if err != nil {
		return false, err
	}
	if len(list) == 0 {
		l.caughtUp(name)
	}
	for i := range list {
		if _, why := l.closed(name, false); why != "" || ctx.Err() != nil {
			return sent, nil
		}
		if !l.hold(list[i].Key) {
			continue
		}
		if err := l.sendHeld(ctx, &list[i]); err != nil {
			return sent, err
		}
		sent = true
	}
	return sent, nil
}

func (l *Lane) sendHeld(ctx context.Context, d *store.Delivery) error {
	defer l.release(d.Key)
	return l.send(ctx, d)
}

// caughtUp lets runs send to the destination themselves again.
func (l *Lane) caughtUp(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if d := l.to(name); !d.down {
		d.behind = false
	}
}
