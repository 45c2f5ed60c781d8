package engine

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"runtime/debug"
	"sync"
	"time"

	"tocsin/providers"
	"tocsin/templating/value"
	"tocsin/workflows"
	"tocsin/workflows/source"
)

const (
	// grace is how long a call may take to stop when it is told to. Then it is left
	// behind.
	grace = 2 * time.Second
	// maxOutput is how much a call may return: about its size as JSON.
	maxOutput = 8 << 20
	// maxDepth is how deeply it may be nested.
	maxDepth = 64
)

// call asks or tells the provider, as often as the step allows.
func (f *frame) call(ctx context.Context, with source.Value) (any, error) {
	if f.Replay != nil {
		return f.recorded()
	}
	if f.s.op == nil {
		return nil, f.notHere()
	}
	if f.delivers(with) {
		return f.deliver(ctx, with)
	}
	for {
		f.calls++
		f.say(&Event{Action: Calling, With: f.shown, Attempt: f.calls})
		out, err := f.attempt(ctx, with)
		if err == nil {
			return f.answer(out)
		}
		wait, again, why := f.again(ctx, err)
		if !again {
			return nil, why
		}
		f.say(&Event{Action: Retrying, Attempt: f.calls, Err: err, Reason: fmt.Sprintf("%v; again in %s", err, span(wait))})
		if err := f.sleep(ctx, wait); err != nil {
			return nil, stopped(ctx, err)
		}
	}
}

// notHere is the error of calling a provider that this build knows by name only.
func (f *frame) notHere() error {
	return fmt.Errorf("this build does not have the provider %q yet", f.s.Provider.S)
}

// again says whether the call that failed is repeated, and how long to wait before
// that; if not, why is the error to end with. A vendor who says when to come back is
// heard: the wait is no shorter than that, and an action is then repeated once even
// if its author did not ask for it.
func (f *frame) again(ctx context.Context, err error) (wait time.Duration, again bool, why error) {
	var after time.Duration
	var p *providers.Error
	if errors.As(err, &p) && p.Temporary {
		after = p.After
	}
	retry := f.s.Retry
	switch {
	case ctx.Err() != nil || hopeless(err):
		return 0, false, err
	case f.calls <= retry.Count:
		wait = max(f.interval(retry), after)
	case f.calls == 1 && f.s.Kind == workflows.Notify && after > 0:
		wait = after
	default:
		return 0, false, err
	}
	if end, ok := ctx.Deadline(); ok && time.Until(end) <= wait {
		return 0, false, fmt.Errorf("%w (not repeated: the wait of %s is longer than the run may take)", err, span(wait))
	}
	return wait, true, nil
}

// hopeless says that a repetition would come out the same, or that the call still
// goes on.
func hopeless(err error) bool {
	var problems source.Problems
	var stopped *stoppedError
	return errors.As(err, &problems) || errors.Is(err, providers.ErrUnsupported) ||
		errors.As(err, &stopped) && stopped.left
}

// interval is the wait before the next attempt.
func (f *frame) interval(retry workflows.Retry) time.Duration {
	wait := float64(retry.Interval)
	if retry.Backoff > 1 {
		wait *= math.Pow(retry.Backoff, float64(f.calls-1))
	}
	if retry.Jitter {
		wait *= f.random()
	}
	return time.Duration(min(wait, float64(time.Hour)))
}

func (f *frame) sleep(ctx context.Context, d time.Duration) error {
	if f.Sleep != nil {
		return f.Sleep(ctx, d)
	}
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// An attempt is one call that is under way. It may outlive the run.
type attempt struct {
	noted noted
	over  chan struct{} // closed when the call has come back with what follows
	out   any
	err   error
}

// attempt makes one call, in a goroutine of its own: one that does not stop when told
// to is left behind after some grace, and the run goes on.
func (f *frame) attempt(ctx context.Context, with source.Value) (any, error) {
	ctx, stop := limited(ctx, f.s.timeout, f.s.late)
	defer stop()
	config, err := f.opening(ctx)
	if err != nil {
		return nil, err
	}
	a := &attempt{over: make(chan struct{})}
	f.noted = &a.noted
	asked := providers.WithOrigin(ctx, f.origin())
	f.beside(func() { f.ask(asked, config, with, a) })
	// The call goes first. One that needs nothing from outside is over by then, and
	// nobody has asked ctx for its end, which would have set a timer.
	runtime.Gosched()
	select {
	case <-a.over:
		return a.out, f.judge(ctx, a.err)
	default:
	}
	select {
	case <-a.over:
		return a.out, f.judge(ctx, a.err)
	case <-ctx.Done():
	}
	late := time.NewTimer(grace)
	defer late.Stop()
	select {
	case <-a.over:
		return a.out, f.judge(ctx, a.err)
	case <-late.C:
		f.log().Warn("call abandoned", "run", f.in.Run, "workflow", f.p.workflow.ID, "step", f.s.Name, "provider", f.s.Provider.S)
		return nil, &stoppedError{cause: context.Cause(ctx), left: true}
	}
}

// origin is what the call is made for.
func (f *frame) origin() providers.Origin {
	o := providers.Origin{
		Workflow: f.p.workflow.ID, Run: f.in.Run, Step: f.s.Name,
		Looped: f.item > 0, Item: f.value, Note: f.noted.set, Key: f.key(), Trace: f.in.Trace,
	}
	if f.Trace != nil {
		o.Trace = f.Trace(f.item)
	}
	if f.said != nil {
		o.Episode = f.episode()
	}
	if f.p.keep {
		o.Compat = "keep"
	}
	if f.alert.Len() > 0 {
		o.Alert = f.alert
	}
	if steps, ok := f.data["steps"].(*value.Map); ok {
		o.Results, _ = lookup(steps, []string{"this", "results"})
	}
	return o
}

// noted are parameters that a call worked out for itself.
type noted struct {
	mu   sync.Mutex
	list []value.Entry
}

func (n *noted) set(parameter string, v any) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.list = append(n.list, value.Entry{Key: parameter, Value: value.Of(v)})
}

// over is the parameters with those that were noted.
func (n *noted) over(parameters any) any {
	n.mu.Lock()
	defer n.mu.Unlock()
	m, _ := parameters.(*value.Map)
	if len(n.list) == 0 {
		return parameters
	}
	m = m.Clone()
	for _, e := range n.list {
		m.Set(e.Key, e.Value)
	}
	return m
}

// opening renders a configuration that is written in the step: before the call, since
// what it reads changes between steps.
func (f *frame) opening(ctx context.Context) (source.Value, error) {
	if f.s.config.inline == nil {
		return source.Value{}, nil
	}
	return f.configuration(ctx)
}

// ask opens the provider and calls it. It may outlive the run: it touches nothing of
// it but what never changes.
func (f *frame) ask(ctx context.Context, config, with source.Value, a *attempt) {
	s, pool := f.s, f.Pool
	defer func() {
		if p := recover(); p != nil {
			f.panicked(p, debug.Stack())
			a.out, a.err = nil, &panicError{p}
		}
		close(a.over)
	}()
	client, err := open(ctx, pool, s, config)
	if err != nil {
		a.err = err
		return
	}
	if s.Kind == workflows.Notify {
		a.out, a.err = client.Notify(ctx, with)
		return
	}
	query, err := s.ready(ctx, client, with)
	switch {
	case err != nil:
		a.err = err
	case query != nil:
		a.out, a.err = query(ctx)
	default:
		a.out, a.err = client.Query(ctx, with)
	}
}

// A ready is what a client has made of parameters that are the same in every run.
type ready struct {
	client *providers.Client
	query  providers.Prepared
}

// ready is a call with the parameters of s, where they are constant and its provider wants
// to read them once; else nil.
func (s *step) ready(ctx context.Context, client *providers.Client, with source.Value) (providers.Prepared, error) {
	if s.plain == nil || s.config.inline != nil {
		return nil, nil
	}
	if known := s.asked.Load(); known != nil && known.client == client {
		return known.query, nil
	}
	query, err := client.Prepare(ctx, with)
	if err == nil && query != nil {
		s.asked.Store(&ready{client, query})
	}
	return query, err
}

func open(ctx context.Context, pool *providers.Pool, s *step, config source.Value) (*providers.Client, error) {
	if s.config.inline != nil {
		return pool.ClientWith(ctx, s.provider.Type, config)
	}
	return pool.Client(ctx, s.provider.Type, s.config.name)
}

// judge is err, or if time was over when the call ended with it, that.
func (f *frame) judge(ctx context.Context, err error) error {
	if err == nil || ctx.Err() == nil {
		return err
	}
	return stopped(ctx, err)
}

// answer is what the step's results will be. What an action returned counts only if
// there is something in it (spec §7.2).
func (f *frame) answer(out any) (any, error) {
	if left := room(out, maxOutput, maxDepth); left < 0 {
		return nil, fmt.Errorf("%s returned more than %d MiB, or nested it more than %d deep", f.s.Provider.S, maxOutput>>20, maxDepth)
	}
	if f.s.Kind == workflows.Notify && !value.Truthy(out) {
		return nil, nil
	}
	return out, nil
}

// room is what is left of so many bytes when v has been put there; below zero: v is
// too large or too deep.
func room(v any, left, depth int) int {
	if depth < 0 {
		return -1
	}
	switch v := v.(type) {
	case string:
		return left - len(v)
	case []any:
		return roomList(v, left, depth)
	case value.Tuple:
		return roomList(v, left, depth)
	case value.Object:
		return room(v.Map, left, depth)
	case *value.Map:
		for _, e := range v.Entries() {
			if left = room(e.Value, left-len(e.Key)-8, depth-1); left < 0 {
				return left
			}
		}
	}
	return left - 8
}

func roomList(list []any, left, depth int) int {
	for _, item := range list {
		if left = room(item, left-8, depth-1); left < 0 {
			return left
		}
	}
	return left - 8
}
