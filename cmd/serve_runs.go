package cmd

import (
	"context"
	"time"

	"tocsin/engine"
	"tocsin/engine/schedule"
	"tocsin/providers"
)

// runner is what runs a job, or listens for one.
func (f *fleet) runner(j schedule.Job) engine.Runner {
	runner := engine.Runner{
		Pool: f.pool(j.Workflow), Enrich: f.store, Memory: f.book, Deliver: f.lane, Observe: f.observe,
		Log: f.log, Getenv: f.getenv, Secret: f.secret,
	}
	if item, ok := f.catalog.Lookup(j.Workflow); ok && item.Origin == schedule.FromAPI {
		runner.Getenv = nil // whoever may write workflows is not to read what the process was given
		runner.Secret = f.secretOf(j.Workflow, item.Origin)
	}
	if runner.Pool == nil { // it was taken away since the job was made
		runner.Pool = providers.NewPool(f.registry, f.env)
	}
	fingerprint, _ := j.Input.Alert["fingerprint"].(string)
	past, err := f.store.Past(context.Background(), j.Run, fingerprint)
	if err != nil {
		f.log.Warn("what was before a run is not known", "run", j.Run, "workflow", j.Workflow, "error", err)
	}
	runner.History = past
	f.traces.follow(&runner, j.Input)
	return runner
}

// observe tells who watches a run of its events, and the log of runs that could not do
// what they were to do. That a check failed is none of the log's business: people are told.
func (f *fleet) observe(e engine.Event) {
	f.api.Observe(e)
	switch {
	case e.Action != engine.RunEnded:
	case e.Status == engine.Broken, e.Status == engine.TimedOut:
		f.log.Warn("a run could not be done", "workflow", e.Workflow, "run", e.Run, "status", e.Status, "reason", e.Reason)
	default:
		f.log.Debug("run", "workflow", e.Workflow, "run", e.Run, "status", e.Status, "reason", e.Reason)
	}
}

// refresh is the alert of a job that waited, with what was added to it meanwhile.
func (f *fleet) refresh(ctx context.Context, j schedule.Job) engine.Input {
	fingerprint, _ := j.Input.Alert["fingerprint"].(string)
	if fingerprint == "" {
		return j.Input
	}
	found, err := f.store.Alert(ctx, fingerprint)
	if err != nil {
		return j.Input
	}
	in := j.Input
	in.Alert = make(map[string]any, len(j.Input.Alert))
	for k, v := range j.Input.Alert {
		in.Alert[k] = v
	}
	for k, v := range found.Enrichments.All() {
		in.Alert[k] = v
	}
	return in
}

// remindEvery is how often it is asked who is to be told of something without a run
// having seen it.
const remindEvery = 5 * time.Second

// remind starts the workflows whose actions have something to tell that does not wait
// for their triggers: reminders, escalations, what a silence kept back.
func (f *fleet) remind(ctx context.Context) error {
	tick := time.NewTicker(remindEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-tick.C:
			f.remindNow(ctx, now)
		}
	}
}

func (f *fleet) remindNow(ctx context.Context, now time.Time) {
	type about struct{ workflow, fingerprint string }
	started := map[about]bool{}
	for _, d := range f.book.Due(now) {
		a := about{d.Key.Workflow, d.Fingerprint}
		if started[a] {
			continue
		}
		started[a] = true
		in := engine.Input{Trigger: "manual", Due: true}
		if found, err := f.store.Alert(ctx, d.Fingerprint); d.Fingerprint != "" && err == nil {
			in.Trigger, in.Alert = "alert", fieldsOf(found.Alert)
		}
		if _, err := f.scheduler.Start(ctx, d.Key.Workflow, "scheduler: "+d.Reason, in); err != nil {
			f.log.Warn("a run that somebody is to be told by cannot start", "workflow", d.Key.Workflow, "why", d.Reason, "error", err)
		}
	}
}
