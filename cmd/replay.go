package cmd

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"tocsin/engine"
	"tocsin/engine/report"
	"tocsin/engine/schedule"
	"tocsin/engine/server"
	"tocsin/engine/store"
	"tocsin/providers"
	"tocsin/workflows/source"
)

// A replayCommand runs a run that "serve" remembers once more.
type replayCommand struct {
	*setup
	order server.ReplayOrder
}

func newReplayCommand(s *setup) *cobra.Command {
	r := &replayCommand{setup: s}
	c := &cobra.Command{
		Use:   "replay RUN",
		Short: "Run a run that \"serve\" remembers again, for real or as if, and say what differs",
		Long: `Replay runs a run again: the same version of the workflow, with the same alert, incident and inputs.
It asks the steps and sends the actions, as "tocsin run" would, and says what came out otherwise.

With --offline nothing is asked and nothing is sent: each call is answered with what it gave then, the
time is that of then, and an action that was silent because somebody had been told still is. With --set,
or --current and a file that was changed, one sees what another condition would have done. What nobody
asked then is an error of its step; an action that did not run then gives nothing.

While a program serves, it does the replay ("tocsin runs show" has it then), and a message that cannot be
sent is sent later ("tocsin deliveries"); otherwise it is done here, and not remembered. The exit code is that of the run; with --offline 1 if anything differs, else 0.`,
		Example: `  tocsin runs --workflow disk --status failed
  tocsin replay 0k3f5q7v9x1b3d5f7h9k1m3n5p --offline
  tocsin replay 0k3f5q7v9x1b3d5f7h9k1m3n5p --offline --set actions.tell.condition.full.compare_to=95
  tocsin replay 0k3f5q7v9x1b3d5f7h9k1m3n5p --offline --current`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return r.run(c.Context(), args[0]) },
	}
	f := c.Flags()
	s.storeFlag(c)
	s.serverFlag(c)
	f.BoolVar(&r.order.Offline, "offline", false, "answer every call with what it gave then; ask nobody, send nothing")
	f.BoolVar(&r.order.Current, "current", false, "the workflow as it is now, not as it was then")
	f.Var((*list)(&r.order.Set), "set", "change a value of the document: steps.NAME.with.KEY=VALUE (repeatable)")
	f.StringVar(&s.providersFile, "providers", "", "file of provider configurations, where it is done here (default: providers.yaml beside the workflow, else in the working directory)")
	f.Var((*list)(&s.resolves), "resolve", "connect to another address, where it is done here: HOST:PORT:ADDRESS (repeatable)")
	s.outputFlag(c, "text", "json")
	return c
}

func (r *replayCommand) run(ctx context.Context, id string) error {
	if _, err := parseSettings(r.order.Set); err != nil {
		return err
	}
	c, err := r.serving(ctx)
	if err != nil {
		return err
	}
	if c != nil {
		defer c.close()
		return r.ask(ctx, c, id)
	}
	return r.withStore(ctx, func(st *store.Store) error {
		answer, was, err := r.here(ctx, st, id)
		if err != nil {
			return err
		}
		if r.output == "text" {
			text := report.Text{Style: r.style(r.stdout)}
			if err := text.Write(r.stdout, []*engine.Result{answer.Result()}); err != nil {
				return err
			}
		}
		if err := r.say(id, string(was.Status), answer); err != nil {
			return err
		}
		return r.code(answer)
	})
}

// here is a replay by this process.
func (r *replayCommand) here(ctx context.Context, st *store.Store, id string) (answer server.Replay, was *engine.Result, err error) {
	env, err := r.env(r.stderr)
	if err != nil {
		return answer, nil, err
	}
	again, err := r.rerun(ctx, st, id, r.order, env)
	if err != nil {
		return answer, nil, r.explain(id, again, err)
	}
	defer again.doc.pool.Close()
	if again.program.Executes() && again.origin == schedule.FromAPI && !r.order.Offline {
		return answer, nil, usage("--offline runs none", "a workflow of the API runs no commands")
	}
	is, err := again.run(ctx, st, r.setup)
	if err != nil {
		return answer, nil, err
	}
	return server.Offline(again.was, is), again.was, nil
}

// explain is an error of a replay for whoever typed it.
func (r *replayCommand) explain(id string, again *rerun, err error) error {
	var problems source.Problems
	switch {
	case errors.As(err, &problems):
		docs := documents{}
		if again != nil && again.doc != nil {
			docs.list = []*document{again.doc}
		}
		if err := source.Print(r.stderr, docs, problems); err != nil {
			return broken(err)
		}
		return &exitError{code: exitUsage}
	case errors.Is(err, errNoText):
		return usage("--current runs it as it is now", "%v", err)
	case errors.Is(err, store.ErrNotFound):
		return usage(`"tocsin runs" lists them`, "no run %s", id)
	}
	return err
}

// ask has the server do it, and waits for it.
func (r *replayCommand) ask(ctx context.Context, c *client, id string) error {
	var answer server.Replay
	path := "/api/v1/runs/" + url.PathEscape(id)
	if err := c.ask(ctx, "POST", path+"/replay", r.order, &answer); err != nil {
		return err
	}
	var was struct{ Status string }
	if err := c.ask(ctx, "GET", path, nil, &was); err != nil {
		return err
	}
	if answer.Run != "" {
		if err := r.await(ctx, c, id, &answer); err != nil {
			return err
		}
	}
	if err := r.say(id, was.Status, answer); err != nil {
		return err
	}
	return r.code(answer)
}

// await waits until the new run is over, and asks in what it differs.
func (r *replayCommand) await(ctx context.Context, c *client, id string, answer *server.Replay) error {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	path := "/api/v1/runs/" + url.PathEscape(answer.Run)
	for {
		var now struct{ Status, Reason string }
		err := c.ask(ctx, "GET", path+"/differences?to="+url.QueryEscape(id), nil, answer)
		if err == nil {
			err = c.ask(ctx, "GET", path, nil, &now)
		}
		if err != nil {
			return err
		}
		if now.Status != string(store.Running) {
			return c.ask(ctx, "GET", path+"/differences?to="+url.QueryEscape(id), nil, answer)
		}
		select {
		case <-ctx.Done():
			return &exitError{code: exitInterrupted, err: fmt.Errorf("run %s goes on", answer.Run)}
		case <-tick.C:
		}
	}
}

// say says in what the replay differs.
func (r *replayCommand) say(id, was string, answer server.Replay) error {
	if r.output == "json" {
		return r.json(answer)
	}
	w := r.stdout
	switch {
	case r.order.Offline:
		fmt.Fprintf(w, "offline: nothing was asked, nothing was sent\n")
	case answer.Run != "":
		fmt.Fprintf(w, "it is run %s\n", answer.Run)
	}
	if len(answer.Differences) == 0 {
		_, err := fmt.Fprintf(w, "%s, as run %s was\n", answer.Status, clean(id))
		return err
	}
	fmt.Fprintf(w, "%s; run %s was %s. What differs:\n", answer.Status, clean(id), was)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, d := range answer.Differences {
		fmt.Fprintf(table, "  %s %s\t%s\n", d.Kind, clean(d.Step), d.What)
		fmt.Fprintf(table, "\twas\t%s\n", orNothing(d.Was))
		fmt.Fprintf(table, "\tis\t%s\n", orNothing(d.Is))
	}
	return table.Flush()
}

func orNothing(text string) string {
	if text == "" {
		return "-"
	}
	return clean(cut(text, 300))
}

// code is the exit code of a replay.
func (r *replayCommand) code(answer server.Replay) error {
	code := exitOf(&engine.Result{Status: engine.Status(answer.Status)}, "check")
	if r.order.Offline {
		code = exitOK
		if len(answer.Differences) > 0 {
			code = exitFailed
		}
	}
	if code == exitOK {
		return nil
	}
	return &exitError{code: code}
}

// A rerun is a run of the store, ready to be run again.
type rerun struct {
	offline bool
	was     *engine.Result
	events  []engine.Event
	job     schedule.Job
	origin  schedule.Origin
	secret  func(name string) (string, bool) // of a workflow of the API; nil: it has none
	doc     *document
	program *engine.Program
}

var errNoText = errors.New("the text that the run was of is not kept")

// rerun prepares it. What is wrong with a text is a source.Problems. The caller closes the
// pool of the document.
func (s *setup) rerun(ctx context.Context, st *store.Store, id string, order server.ReplayOrder, env providers.Env) (*rerun, error) {
	again, text, err := stored(ctx, st, id, order)
	if err != nil {
		return again, err
	}
	settings, err := parseSettings(order.Set)
	if err != nil {
		return again, err
	}
	again.origin = text.Origin
	again.doc = &document{name: text.File, text: []byte(text.Text), guest: text.Origin == schedule.FromAPI || env.Host != nil}
	problems, err := s.compile(again.doc, settings, env, !order.Offline)
	if err == nil {
		err = problems.Err()
	}
	if err != nil {
		if again.doc.pool != nil {
			err = errors.Join(err, again.doc.pool.Close())
		}
		return again, err
	}
	i := slices.IndexFunc(again.doc.programs, func(p *engine.Program) bool { return p.Workflow().ID == again.job.Workflow })
	if i < 0 {
		return again, errors.Join(usage("say which run it is", "%s has no workflow %q", text.File, again.job.Workflow), again.doc.pool.Close())
	}
	again.program = again.doc.programs[i]
	return again, nil
}

// stored is what the store has of a run, and the text to run.
func stored(ctx context.Context, st *store.Store, id string, order server.ReplayOrder) (*rerun, store.Text, error) {
	again := &rerun{offline: order.Offline}
	var text store.Text
	_, was, err := st.Run(ctx, id)
	if err != nil {
		return nil, text, err
	}
	again.was = was
	if again.events, err = st.Events(ctx, id); err != nil {
		return nil, text, err
	}
	if again.job, err = st.Cause(ctx, id); err != nil {
		return nil, text, err
	}
	text, err = st.Text(ctx, again.job.Version)
	if errors.Is(err, store.ErrNotFound) {
		err = errNoText
	}
	if order.Current {
		text, err = current(ctx, st, again.job.Workflow, text)
	}
	return again, text, err
}

// current is the text of the workflow as it is now: of the API, or of the file that it was
// of.
func current(ctx context.Context, st *store.Store, workflow string, then store.Text) (store.Text, error) {
	kept, err := st.Workflow(ctx, workflow, 0)
	if err == nil {
		return store.Text{Origin: schedule.FromAPI, File: "api/" + workflow + ".yaml", Text: kept.Text}, nil
	}
	if !errors.Is(err, store.ErrNotFound) {
		return then, err
	}
	if then.Origin != schedule.FromDisk {
		return then, usage("", "there is no workflow %q any more", workflow)
	}
	raw, err := os.ReadFile(then.File)
	if err != nil {
		return then, usage("run it from the folder that \"serve\" runs in", "the file of the workflow: %v", err)
	}
	then.Text = string(raw)
	return then, nil
}

// run runs it.
func (a *rerun) run(ctx context.Context, st *store.Store, s *setup) (*engine.Result, error) {
	runner := engine.Runner{Pool: a.doc.pool, Log: s.log(), Getenv: s.getenv, Secret: s.secret}
	if a.origin == schedule.FromAPI {
		runner.Getenv, runner.Secret = nil, a.secret
	}
	in := a.job.Input
	if in.Run = newRunID(); a.offline {
		in.Run = a.was.Run
		a.answered(&runner)
	}
	var err error
	if runner.History, err = st.PastAt(ctx, a.was.Started, fingerprintOf(in)); err != nil {
		return nil, err
	}
	return runner.Run(ctx, a.program, in), nil
}

// answered has the runner answered with what was recorded: at the time of then, and whether
// or not the secrets of then are here, since nothing is done with them.
func (a *rerun) answered(runner *engine.Runner) {
	began, secret := time.Now(), runner.Secret
	runner.Replay = engine.NewRecording(a.events)
	runner.Now = func() time.Time { return a.was.Started.Add(time.Since(began)) }
	runner.Secret = func(name string) (string, bool) {
		if secret != nil {
			if v, ok := secret(name); ok {
				return v, true
			}
		}
		return "[a secret that is not here]", true
	}
}

func fingerprintOf(in engine.Input) string {
	fingerprint, _ := in.Alert["fingerprint"].(string)
	return fingerprint
}
