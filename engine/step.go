package engine

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"

	"tocsin/templating/value"
	"tocsin/workflows"
	"tocsin/workflows/schema"
	"tocsin/workflows/source"
)

// step runs s, over its items if it has foreach, and returns its closing event.
func (r *run) step(ctx context.Context, s *step) Event {
	before := r.past.begin(s)
	entry := r.enter(s)
	if before != nil && before.end != nil {
		return r.recall(s, entry, before)
	}
	r.under = before
	start := Event{Action: StepStarted}
	r.say(s, &start, before != nil)
	var end Event
	if len(s.foreach) > 0 {
		end = r.each(ctx, s, entry, before)
	} else {
		end = r.frame(s, entry).guarded(ctx)
	}
	if end.Status == Done {
		r.steps.Set("this", entry)
	}
	end.Action, end.Item = StepEnded, 0
	end.Time = r.now()
	end.Duration = end.Time.Sub(start.Time)
	r.close(s, &end)
	return end
}

// say emits e about s.
func (r *run) say(s *step, e *Event, past bool) {
	e.Step, e.Kind, e.Pos = s.Name, s.Kind, s.Pos
	e.Provider = s.Provider.S
	r.emit(e, past)
}

// close emits the closing event of a step or item. Its error says which step it was.
// The event that is shown is masked, e is not.
func (r *run) close(s *step, e *Event) {
	if e.Err != nil {
		if e.Reason == "" {
			e.Reason = e.Err.Error()
		}
		e.Err = r.stepError(s, e)
	}
	shown := *e
	r.say(s, &shown, false)
}

func (r *run) stepError(s *step, e *Event) error {
	var already *StepError
	if errors.As(e.Err, &already) && already.Step == s.Name && e.Action == StepEnded {
		return &StepError{Pos: already.Pos, Step: s.Name, Attempt: already.Attempt, Err: unwrapped(e.Err)}
	}
	return &StepError{Pos: placeOf(e.Err, s.Pos), Step: s.Name, Attempt: e.Attempt, Err: e.Err}
}

// placeOf is the place of the text that err is about, or else.
func placeOf(err error, or source.Pos) source.Pos {
	var text *textError
	var expect *expectError
	switch {
	case errors.As(err, &text) && text.pos != (source.Pos{}):
		return text.pos
	case errors.As(err, &expect):
		return expect.pos
	}
	return or
}

// unwrapped is err without the step that it is about.
func unwrapped(err error) error {
	if e, ok := err.(*StepError); ok {
		return e.Err
	}
	return err
}

// say emits e about the item of f.
func (f *frame) say(e *Event) {
	e.Item = f.item
	f.run.say(f.s, e, false)
}

// one runs one item of a foreach and emits its closing event.
func (f *frame) one(ctx context.Context, before *record) Event {
	if e, ok := before.item(f.item); ok {
		return f.recall(before, e)
	}
	start := f.now()
	e := f.guarded(ctx)
	e.Action, e.Item = ItemEnded, f.item
	e.Duration = f.now().Sub(start)
	f.close(f.s, &e)
	return e
}

// guarded is once; a panic in it, a bug of ours or of a function, breaks this step
// and nothing else.
func (f *frame) guarded(ctx context.Context) (e Event) {
	defer func() {
		if p := recover(); p != nil {
			f.panicked(p, debug.Stack())
			e = failedWith(&panicError{p})
			e.Fired, e.Attempt = f.fired, f.calls
		}
	}()
	return f.once(ctx)
}

func (f *frame) panicked(p any, stack []byte) {
	f.log().Error("step panicked", "run", f.in.Run, "workflow", f.p.workflow.ID,
		"step", f.s.Name, "provider", f.s.Provider.S, "panic", f.Pool.Mask(fmt.Sprint(p)), "stack", string(stack))
}

// once runs the step for the current item: decide, render, call, expect, enrich.
func (f *frame) once(ctx context.Context) Event {
	silent, err := f.runs(ctx)
	if err != nil {
		return f.broke(ctx, err)
	}
	if silent != nil {
		return *silent
	}
	with, fields, err := f.render(ctx)
	if err != nil {
		return f.broke(ctx, err)
	}
	if f.DryRun && f.s.Kind == workflows.Notify {
		return f.pretend(with)
	}
	out, err := f.call(ctx, with)
	if err != nil {
		return f.broke(ctx, err)
	}
	f.keep(out)
	if f.left != nil {
		return f.queued(out)
	}
	if f.said != nil {
		if err := f.told(ctx, out); err != nil {
			return f.broke(ctx, err)
		}
	}
	if err := f.expect(ctx, out); err != nil {
		return f.broke(ctx, err)
	}
	if err := f.enrich(ctx, fields, out); err != nil {
		return f.broke(ctx, err)
	}
	e := Event{Status: Done, Fired: f.fired, Output: out, Attempt: f.calls}
	if f.said != nil {
		e.Reason = f.said.notice.Reason
	}
	return e
}

// runs decides whether the step runs: by what it says, and where the alert is known, by
// what was told of it. It returns the event to end with if it does not.
func (f *frame) runs(ctx context.Context) (silent *Event, err error) {
	if f.past != nil {
		return f.leave(ctx)
	}
	skip, err := f.decide(ctx)
	switch {
	case err != nil:
		return nil, err
	case f.said == nil && f.remembers(f.s):
		return f.watched(ctx, skip)
	case skip != "":
		return &Event{Status: Skipped, Reason: skip}, nil
	}
	return nil, nil
}

// broke is the end of an item that ended with err.
func (f *frame) broke(ctx context.Context, err error) Event {
	if ctx.Err() != nil {
		err = stopped(ctx, err)
	}
	e := failedWith(err)
	e.Fired, e.Attempt = f.fired, f.calls
	if out, ok := f.entry.Get("results"); ok && e.Status == Failed {
		e.Output = out
	}
	return e
}

func failedWith(err error) Event { return Event{Status: statusOf(err), Err: err} }

// stopped is err as the error of something that ended because ctx did.
func stopped(ctx context.Context, err error) error {
	var already *stoppedError
	if errors.As(err, &already) {
		return err
	}
	return &stoppedError{cause: context.Cause(ctx), err: err}
}

// decide says whether the step runs: by its "if", or where there is none, if all its
// conditions agree (spec §6.1, §11.2 G-1). skip is the reason if it does not.
func (f *frame) decide(ctx context.Context) (skip string, err error) {
	switch {
	case f.said != nil:
	case f.s.reserved != "":
		return f.s.reserved, nil
	case f.in.Due && f.s.Kind == workflows.Notify && !f.remembers(f.s):
		return "the run was started to tell what is due, and nothing is remembered of this action", nil
	}
	if err := f.renderAliases(ctx); err != nil {
		return "", err
	}
	for i := range f.s.conditions {
		passed, words, err := f.check(ctx, &f.s.conditions[i])
		if err != nil {
			return "", err
		}
		switch {
		case !passed && skip == "":
			skip = words
		case passed && f.p.keep:
			skip = "" // in Keep the last one decides
		}
	}
	if f.s.guard != nil {
		passed, words, err := f.check(ctx, f.s.guard)
		if err != nil {
			//lint:ignore ST1005 scripts look for Keep's words (spec §12)
			return "", fmt.Errorf("Failed to evaluate if condition: %w", err)
		}
		if skip = ""; !passed {
			skip = words
		}
	}
	if skip == "" {
		f.fired = f.s.guard != nil || len(f.s.conditions) > 0
		if f.s.throttle != nil && !f.remembers(f.s) {
			skip, err = f.s.throttle(ctx, f.run)
			f.fired = f.fired && skip == "" && err == nil
		}
	}
	return skip, err
}

// renderAliases renders what "alias" says, for this item.
func (f *frame) renderAliases(ctx context.Context) error {
	if len(f.s.aliases) == 0 {
		return nil
	}
	m := value.NewMap(len(f.s.aliases))
	for i := range f.s.aliases {
		a := &f.s.aliases[i]
		v, err := a.text.render(ctx, &f.scope)
		if err != nil {
			return err
		}
		m.Set(a.name, v.Plain())
	}
	f.entry.Set("aliases", m)
	f.data["aliases"] = m
	return nil
}

// render gives the parameters of the call and the fields that it adds afterwards.
func (f *frame) render(ctx context.Context) (source.Value, []Field, error) {
	with, err := f.with(ctx)
	if err != nil {
		return source.Value{}, nil, err
	}
	if f.s.message != "" {
		m, _ := with.Data.(source.Map)
		with.Data = setEntry(m, f.s.message, f.text)
	}
	if f.said != nil {
		with = f.reword(with)
	}
	fields, err := f.renderFields(ctx)
	if err != nil {
		return source.Value{}, nil, err
	}
	switch {
	case f.said != nil:
		f.plain = with.Plain()
	case f.s.plain == nil || f.s.message != "":
		f.plain = f.s.with.plainOf(with)
	default:
		f.plain = f.s.plain
	}
	f.entry.Set("provider_parameters", f.plain)
	if f.shown = f.plain; f.s.secret {
		f.shown = f.conceal(with, f.plain)
	}
	f.shown = f.veil(f.shown)
	return with, fields, nil
}

// pretend is a dry run's call: the parameters are checked and shown.
func (f *frame) pretend(with source.Value) Event {
	if f.s.op == nil {
		return failedWith(f.notHere())
	}
	if f.s.op.Params != nil {
		if err := f.s.op.Params.Check(with, f.s.provider.Type, known).Err(); err != nil {
			return failedWith(err)
		}
	}
	f.say(&Event{Action: Calling, With: f.shown, Attempt: 1})
	return Event{Status: Done, Reason: "dry run: not sent", Fired: f.fired}
}

// known says that a parameter has been rendered, unless the provider does that.
func known(v source.Value) bool {
	switch v.Data.(type) {
	case schema.Lazy, schema.Condition:
		return false
	}
	return true
}

// keep puts what the call returned where later texts read it. In a foreach the list
// of what all items returned goes there, when they have.
func (f *frame) keep(out any) {
	if f.noted != nil {
		f.entry.Set("provider_parameters", f.noted.over(f.plain))
	}
	if f.item == 0 {
		f.entry.Set("results", out)
	}
}

// expect checks what must hold after the call: all of it, so that somebody who looks
// sees all that is wrong.
func (f *frame) expect(ctx context.Context, out any) error {
	if len(f.s.expect) == 0 {
		return nil
	}
	defer f.showing(out)()
	var failed *expectError
	var undecided error
	for i := range f.s.expect {
		held, words, err := f.check(ctx, &f.s.expect[i])
		switch {
		case err != nil && ctx.Err() != nil:
			return err
		case err != nil && undecided == nil:
			undecided = err
		case err != nil || held:
		case failed == nil:
			failed = &expectError{f.s.expect[i].pos, words}
		default:
			failed.words += "; " + words
		}
	}
	if failed != nil { // that one could not be decided does not change this
		return failed
	}
	return undecided
}

// showing lets texts see what the call returned, as "results" and "steps.this", until
// the function that it returns is called.
func (f *frame) showing(out any) (restore func()) {
	steps := f.data["steps"].(*value.Map)
	last, ran := steps.Get("this")
	results, shadowed := f.data["results"]
	this := f.entry
	if f.item > 0 {
		this = f.entry.Clone()
		this.Set("results", out)
	}
	steps.Set("this", this)
	f.data["results"] = out
	return func() {
		steps.Set("this", last)
		if !ran {
			steps.Delete("this")
		}
		f.data["results"] = results
		if !shadowed {
			delete(f.data, "results")
		}
	}
}
