package cmd

import (
	"context"
	"errors"
	"time"

	"tocsin/engine"
	"tocsin/engine/schedule"
	"tocsin/engine/server"
	"tocsin/engine/store"
)

// replay runs a run again that is over: offline at once, otherwise beside those that go on.
// Whoever changes the workflow for it gets of the machine what workflows of the API get,
// but for commands of the user that the program runs as.
func (f *fleet) replay(ctx context.Context, id string, order server.ReplayOrder, by server.Caller) (server.Replay, error) {
	again, err := f.prepare(ctx, id, order, by)
	if errors.Is(err, errNoText) {
		err = errors.Join(err, store.ErrNotFound)
	}
	if err != nil {
		return server.Replay{}, err
	}
	if w := again.program.Workflow(); !engine.Allowed(w, by.Name, by.Role) {
		return server.Replay{}, errors.Join(errors.New("you don't have the required permissions to run this workflow"), again.doc.pool.Close())
	}
	if order.Offline {
		defer again.doc.pool.Close()
		is, err := again.run(ctx, f.store, f.setup)
		if err != nil {
			return server.Replay{}, err
		}
		return server.Offline(again.was, is), nil
	}
	if again.program.Executes() && (again.origin == schedule.FromAPI || !f.allowExec) {
		return server.Replay{}, errors.Join(errors.New("the workflow runs commands, which is not allowed here"), again.doc.pool.Close())
	}
	return f.rerun(ctx, again, by)
}

// prepare makes a program of what the run was of.
func (f *fleet) prepare(ctx context.Context, id string, order server.ReplayOrder, by server.Caller) (*rerun, error) {
	env := f.env
	if len(order.Set) > 0 && !by.Own {
		env = f.grants.guest(env, f.public)
	}
	job, err := f.store.Cause(ctx, id)
	if err != nil {
		return nil, err
	}
	if text, err := f.store.Text(ctx, job.Version); err == nil && text.Origin == schedule.FromAPI {
		env = f.grants.guest(env, f.public)
	}
	again, err := f.setup.rerun(ctx, f.store, id, order, env)
	if err != nil {
		return again, err
	}
	if env.Host != nil {
		again.origin, again.secret = schedule.FromAPI, f.secretOf(job.Workflow, schedule.FromAPI)
	}
	if len(order.Set) > 0 || order.Current {
		again.job.Version = "" // what it was of then is not what it is of now
	}
	return again, nil
}

// rerun begins a run like the one that was, and returns at once.
func (f *fleet) rerun(ctx context.Context, again *rerun, by server.Caller) (server.Replay, error) {
	now := time.Now()
	j := again.job
	j.By, j.Due, j.Attempt, j.Key, j.Apart = "replay of "+j.Run+" by "+by.Name, now, 1, "", true
	j.Run = schedule.NewRun(now)
	j.Input.Run, j.Input.Trigger = j.Run, again.was.Trigger
	past, err := f.store.PastAt(ctx, again.was.Started, fingerprintOf(j.Input))
	if err != nil {
		return server.Replay{}, errors.Join(err, again.doc.pool.Close())
	}
	if err := f.store.Begin(ctx, j, nil); err != nil {
		return server.Replay{}, errors.Join(err, again.doc.pool.Close())
	}
	runner := f.trying(f.ends, again.doc, again.origin, j)
	runner.History = past
	if f.sends(again) {
		runner.Deliver = f.lane
	}
	f.tries.Go(func() { f.attempt(f.ends, again.doc, again.program, runner, j) })
	return server.Replay{Run: j.Run}, nil
}

// sends says that messages of a replay may wait for their destination, as those of any run do.
// Whoever sends them later does it as the workflow may, which must be no more than the replay
// may: somebody may have changed where they go.
func (f *fleet) sends(again *rerun) bool {
	item, ok := f.catalog.Lookup(again.job.Workflow)
	return ok && item.Origin == again.origin
}
