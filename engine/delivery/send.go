package delivery

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"tocsin/engine/store"
	"tocsin/providers"
	"tocsin/workflows/source"
)

// grace is how long a call may take to stop when it is told to; then it is left behind.
const grace = 2 * time.Second

// drain is how long an attempt may go on when the program is told to stop: what was
// begun and is not known to have arrived is sent twice.
const drain = 10 * time.Second

// defaultTimeout is that of an attempt where the message says nothing.
const defaultTimeout = 30 * time.Second

// send does what is to be done about a message that has waited. It is held. The error
// is the store's.
func (l *Lane) send(ctx context.Context, d *store.Delivery) error {
	p, err := l.unseal(d)
	switch {
	case err != nil:
		return l.settle(ctx, store.Settlement{Key: d.Key, State: store.Dead, Reason: err.Error()})
	case !d.Expires.IsZero() && !l.now().Before(d.Expires):
		return l.settle(ctx, store.Settlement{Key: d.Key, State: store.Dead, Reason: expired(d)})
	}
	if l.Check != nil {
		if v := l.Check(ctx, *d, p.Tellings); v.State.Ended() {
			return l.settle(ctx, store.Settlement{Key: d.Key, State: v.State, Reason: v.Reason})
		}
	}
	if l.suspect(d.Key) {
		l.alone.Lock()
		defer l.alone.Unlock()
	}
	if d.Attempts, err = l.Store.Attempt(ctx, d.Key); err != nil {
		if errors.Is(err, store.ErrNotFound) {
			return nil // it has ended meanwhile
		}
		return err
	}
	return l.finish(ctx, d, &p)
}

func expired(d *store.Delivery) string {
	text := fmt.Sprintf("it could not be sent for %s", d.Expires.Sub(d.Created).Round(time.Second))
	if d.Reason != "" {
		text += ": " + d.Reason
	}
	return text
}

// finish makes the attempt, and writes down what came of it.
func (l *Lane) finish(ctx context.Context, d *store.Delivery, p *parcel) error {
	out, err := l.traced(ctx, d, *p)
	o := judge(err)
	s, _ := l.learn(ctx, d, o, err)
	if err := l.settle(ctx, s); err != nil {
		return err
	}
	l.acquit(d.Key)
	if o == confirmed {
		l.told(ctx, p, out)
	}
	return nil
}

// traced makes the attempt in the trace of the run that it is for.
func (l *Lane) traced(ctx context.Context, d *store.Delivery, p parcel) (any, error) {
	if l.Trace == nil || p.Trace.Parent == "" {
		return l.call(ctx, d, &p)
	}
	at, end := l.Trace(*d, p.Trace)
	p.Trace = at
	out, err := l.call(ctx, d, &p)
	words := ""
	if err != nil {
		words = l.words(d.Workflow, err)
	}
	end(err, words)
	return out, err
}

// told tells the memory of alerts. If it cannot, a later run finds that the message has
// arrived, and does.
func (l *Lane) told(ctx context.Context, p *parcel, out any) {
	if l.Told == nil {
		return
	}
	for _, t := range p.Tellings {
		if err := l.Told(ctx, t, out, l.now()); err != nil {
			l.log().Warn("the memory of alerts does not know that somebody was told", "workflow", t.Notice.Key.Workflow, "action", t.Notice.Key.Action, "error", err)
		}
	}
}

// A reply is what a call came back with.
type reply struct {
	out any
	err error
}

// call makes one attempt, in a goroutine of its own: a call that does not stop when told
// to is left behind.
func (l *Lane) call(ctx context.Context, d *store.Delivery, p *parcel) (any, error) {
	timeout := p.Timeout
	if timeout <= 0 {
		timeout = defaultTimeout
	}
	timed, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), timeout, fmt.Errorf("the call took longer than %s: %w", timeout, context.DeadlineExceeded))
	defer cancel()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(drain, cancel) })()
	replies := make(chan reply, 1)
	go l.ask(timed, *d, p, replies)
	select {
	case a := <-replies:
		return a.out, a.err
	case <-timed.Done():
	}
	late := time.NewTimer(grace)
	defer late.Stop()
	select {
	case a := <-replies:
		if a.err != nil {
			a.err = context.Cause(timed)
		}
		return a.out, a.err
	case <-late.C:
		l.log().Warn("call abandoned", "delivery", d.Key, "workflow", d.Workflow, "provider", d.Provider)
		return nil, context.Cause(timed)
	}
}

func (l *Lane) ask(ctx context.Context, d store.Delivery, p *parcel, replies chan<- reply) {
	var a reply
	defer func() {
		if v := recover(); v != nil {
			l.log().Error("a call panicked", "delivery", d.Key, "provider", d.Provider, "panic", v, "stack", string(debug.Stack()))
			a = reply{err: fmt.Errorf("a bug: it panicked: %v (the stack is in the log)", v)}
		}
		replies <- a
	}()
	a.out, a.err = l.notify(ctx, &d, p)
}

// notify opens the provider and calls it, as the run would have.
func (l *Lane) notify(ctx context.Context, d *store.Delivery, p *parcel) (any, error) {
	pool := l.Pool(d.Workflow)
	if pool == nil {
		return nil, providers.Temporary(fmt.Errorf("the workflow %s is not there any more", d.Workflow), 0)
	}
	with, err := p.with()
	if err != nil {
		return nil, err
	}
	client, err := open(ctx, pool, d, p)
	if err != nil {
		return nil, err
	}
	return client.Notify(providers.WithOrigin(ctx, providers.Origin{
		Workflow: d.Workflow, Run: d.Run, Step: d.Action, Key: d.Key, Episode: p.Episode, Compat: p.Compat, Trace: p.Trace,
		Note: func(string, any) {},
	}), with)
}

func open(ctx context.Context, pool *providers.Pool, d *store.Delivery, p *parcel) (*providers.Client, error) {
	var config source.Value
	config, inline, err := p.inline()
	switch {
	case err != nil:
		return nil, err
	case inline:
		return pool.ClientWith(ctx, d.Provider, config)
	}
	return pool.Client(ctx, d.Provider, d.Config)
}
