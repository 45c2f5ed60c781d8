package cmd

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"tocsin/engine"
	"tocsin/engine/report"
	"tocsin/workflows/source"
)

// A runCommand is "tocsin run" and its flags.
type runCommand struct {
	*setup
	inputs  []string
	reports []string
	failOn  string
	jobs    int
	timeout time.Duration
	dryRun  bool
	explain bool
	quiet   bool
	events  eventFlags
	traces  *tracing

	listening listenFlags
}

func newRunCommand(s *setup) *cobra.Command {
	r := &runCommand{setup: s}
	c := &cobra.Command{
		Use:   "run FILE|DIR...",
		Short: "Run workflows once, or for each event that they listen to",
		Long: `Run reads workflow files, checks all of them before anything is sent, runs each
workflow once and reports what happened. "-" reads standard input.

With --alert or --incident it runs the workflows that an event triggers, each event
after the other, as a server would: with filters, CEL, only_on_change. Where nothing
waits for an event, nothing runs.

A workflow with a trigger that listens (type: websocket) runs for each event that comes,
until SIGINT, SIGTERM, --max-events or --for. Then nothing more is started, and what has
begun ends, for which it has 25 seconds; a second signal ends it at once. Events that
the trigger has taken are still run.

Exit codes: 0 nothing wrong, 1 a check failed (an expect or an alert's assert),
2 an invalid file or wrong usage, 3 a step or a message broke, 4 timed out,
130 interrupted. To be ended by SIGTERM is fine for a workflow that listens.`,
		Example: `  tocsin run websocket-is-up.yaml
  tocsin run checks/ --jobs 8 --report junit=report.xml
  tocsin run websocket-is-up.yaml --dry-run --set steps.websocket-test.with.socket_url=ws://127.0.0.1:8080
  tocsin run api.yaml --resolve api.example.com:443:127.0.0.1 --output json
  tocsin run alerts/ --alert alert.json --explain --dry-run
  tocsin run prices.yaml --for 10m --output jsonl`,
		Args: needFiles,
		RunE: func(c *cobra.Command, args []string) error { return r.run(c.Context(), args) },
	}
	s.outputFlag(c, "text", "json", "jsonl")
	s.readingFlags(c)
	r.events.add(c)
	r.listening.add(c)
	f := c.Flags()
	f.Var((*list)(&s.resolves), "resolve", "connect to another address: HOST:PORT:ADDRESS (repeatable)")
	f.Var((*list)(&r.inputs), "input", "give an input of the workflow: NAME=VALUE (repeatable)")
	f.Var((*list)(&r.reports), "report", "write a report: FORMAT=FILE, FORMAT one of "+strings.Join(reportNames(), ", ")+" (repeatable; FILE - is standard output)")
	f.StringVar(&r.failOn, "fail-on", "check", `what makes the exit code 1: "check", or "fired" for any conditional action that ran too`)
	f.IntVarP(&r.jobs, "jobs", "j", 4, "workflows that run at the same time")
	f.DurationVar(&r.timeout, "timeout", 0, "time for everything, such as 90s (default: each workflow's own)")
	f.BoolVar(&r.dryRun, "dry-run", false, "ask the steps, but show the actions instead of sending them")
	f.BoolVar(&r.explain, "explain", false, "show every condition with the value of each of its parts")
	f.BoolVarP(&r.quiet, "quiet", "q", false, "print only what went wrong")
	f.BoolVarP(&s.verbose, "verbose", "v", false, "log what providers do, on standard error")
	_ = c.RegisterFlagCompletionFunc("fail-on", cobra.FixedCompletions([]string{"check", "fired"}, cobra.ShellCompDirectiveNoFileComp))
	return c
}

// needFiles asks for at least one file.
func needFiles(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return &exitError{code: exitUsage, err: fmt.Errorf("%s what?", c.Name()), hints: []string{
			"name a workflow file, a directory of them, or - for standard input",
			`"tocsin examples" lists workflows to start from`,
		}}
	}
	return nil
}

func (r *runCommand) run(ctx context.Context, paths []string) error {
	if r.failOn != "check" && r.failOn != "fired" {
		return usage("", `--fail-on takes "check" or "fired", not %q`, r.failOn)
	}
	inputs, err := parseInputs(r.inputs)
	if err != nil {
		return err
	}
	sinks, err := parseReports(r.reports)
	if err != nil {
		return err
	}
	if err := r.events.check(paths); err != nil {
		return err
	}
	if err := r.listening.check(); err != nil {
		return err
	}
	arrivals, err := r.arrivals(time.Now().UTC())
	if err != nil {
		return err
	}
	docs, err := r.load(paths, !r.dryRun, r.consoleOutput())
	if err != nil {
		return err
	}
	defer docs.close()
	if !r.events.given() { // else it is only known then what runs
		docs.problems = append(docs.problems, wrongInputs(docs, inputs)...)
	}
	if err := r.refuse(docs); err != nil {
		return err
	}
	if r.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, r.timeout, fmt.Errorf("the time of --timeout, %v, is over: %w", r.timeout, context.DeadlineExceeded))
		defer cancel()
	}
	stop, err := r.trace()
	if err != nil {
		return err
	}
	defer stop()
	switch streams, jobs := r.streams(docs, inputs); {
	case len(streams) > 0 && !r.events.given():
		return r.listen(ctx, streams, jobs, inputs, sinks)
	case r.listening.given():
		return usage(`they are for triggers such as "type: websocket", and not beside --alert`, "--max-events and --for: nothing listens")
	}
	results, err := r.runAll(ctx, docs, inputs, arrivals)
	if err != nil {
		return err
	}
	if err := r.report(results, sinks); err != nil {
		return err
	}
	if code := r.exitCode(ctx, results); code != exitOK {
		return &exitError{code: code}
	}
	return nil
}

// trace has runs make spans, where the environment says where those go, until the function
// that it returns is called.
func (r *runCommand) trace() (stop func(), err error) {
	env, err := r.env(io.Discard)
	if err != nil {
		return nil, err
	}
	r.traces, err = r.tracing(env.Dialer, r.log(), "")
	return r.traces.start(), err
}

// consoleOutput is where the console provider prints: standard output, unless that is
// to be JSON.
func (r *runCommand) consoleOutput() io.Writer {
	if r.output != "text" {
		return r.stderr
	}
	return r.stdout
}

// refuse prints the problems of the documents, and is an error if one is fatal.
func (r *runCommand) refuse(docs documents) error {
	shown := docs.problems
	if r.quiet && shown.Err() == nil {
		shown = nil
	}
	if err := source.Print(r.stderr, docs, shown); err != nil {
		return broken(err)
	}
	if r.getenv("GITHUB_ACTIONS") == "true" && len(shown) > 0 {
		if err := source.Write(r.stderr, "github", docs, shown); err != nil {
			return broken(err)
		}
	}
	if docs.problems.Err() != nil {
		return &exitError{code: exitUsage}
	}
	return nil
}

// A job is one run of a program.
type job struct {
	doc     *document
	program *engine.Program
	input   engine.Input
}

// runAll runs every program, or those that the arrivals start.
func (r *runCommand) runAll(ctx context.Context, docs documents, inputs map[string]any, arrivals []engine.Arrival) ([]*engine.Result, error) {
	if r.events.given() {
		return r.runEvents(ctx, docs, inputs, arrivals)
	}
	var jobs []job
	for _, d := range docs.list {
		for _, p := range d.programs {
			jobs = append(jobs, job{d, p, engine.Input{Run: newRunID(), Trigger: "manual", Inputs: inputs}})
		}
	}
	observe, stop := r.observer()
	defer stop()
	return r.runJobs(ctx, jobs, observe), nil
}

// runJobs runs programs, r.jobs at a time, and returns the results in the order of the
// jobs.
func (r *runCommand) runJobs(ctx context.Context, jobs []job, observe func(engine.Event)) []*engine.Result {
	results := make([]*engine.Result, len(jobs))
	slots := make(chan struct{}, max(1, r.jobs))
	var wg sync.WaitGroup
	for i, j := range jobs {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			runner := r.runner(j.doc)
			r.memory.remember(&runner, j.input)
			runner.Observe, runner.DryRun, runner.Explain = observe, r.dryRun, r.explain
			j.input.Trace = r.startedIn()
			r.traces.follow(&runner, j.input)
			results[i] = runner.Run(ctx, j.program, j.input)
			r.memory.ran(results[i])
		})
	}
	wg.Wait()
	return results
}

// observer shows what happens as it happens: a live tree where standard error is a
// terminal, nothing elsewhere, since the report follows at once.
func (r *runCommand) observer() (observe func(engine.Event), stop func()) {
	f, ok := r.stderr.(*os.File)
	if !ok || r.quiet || r.output != "text" || r.getenv("CI") != "" || !term.IsTerminal(int(f.Fd())) {
		return nil, func() {}
	}
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		width = 80
	}
	live := report.NewLive(f, width, r.style(f))
	return live.Observe, live.Close
}

// style is how text for w looks: in colour on a terminal that wants it.
func (s *setup) style(w io.Writer) report.Style {
	f, ok := w.(*os.File)
	return report.Style{Color: ok && s.getenv("NO_COLOR") == "" && s.getenv("TERM") != "dumb" && term.IsTerminal(int(f.Fd()))}
}

// report writes the results to standard output and to every file asked for.
func (r *runCommand) report(results []*engine.Result, sinks []sink) error {
	var err error
	switch r.output {
	case "json":
		err = report.JSON(r.stdout, results)
	case "jsonl":
		err = report.JSONLines(r.stdout, results)
	default:
		err = report.Text{Style: r.style(r.stdout), Quiet: r.quiet, Explain: r.explain}.Write(r.stdout, results)
	}
	if err != nil {
		return broken(err)
	}
	for _, s := range append(sinks, r.githubSinks(sinks)...) {
		if err := s.write(r, results); err != nil {
			return broken(err)
		}
	}
	return nil
}

// exitCode is what the results add up to.
func (r *runCommand) exitCode(ctx context.Context, results []*engine.Result) int {
	code := exitOK
	for _, res := range results {
		code = worse(code, exitOf(res, r.failOn))
	}
	return code
}

// exitOf is the exit code for one result.
func exitOf(res *engine.Result, failOn string) int {
	switch res.Status {
	case engine.Canceled:
		return exitInterrupted
	case engine.TimedOut:
		return exitTimeout
	case engine.Broken:
		return exitBroken
	case engine.Failed:
		return exitFailed
	}
	if failOn == "fired" {
		for _, s := range res.Steps {
			if s.Fired && s.Kind == "action" {
				return exitFailed
			}
		}
	}
	return exitOK
}

// wrongInputs are the problems of the inputs given, found before anything is run.
func wrongInputs(docs documents, inputs map[string]any) source.Problems {
	var problems source.Problems
	for _, d := range docs.list {
		for _, p := range d.programs {
			_, err := p.Inputs(inputs)
			ps, _ := asProblems(err)
			problems = append(problems, ps...)
		}
	}
	return problems
}

// parseInputs reads --input flags; values are read as YAML reads them.
func parseInputs(flags []string) (map[string]any, error) {
	if len(flags) == 0 {
		return nil, nil
	}
	inputs := map[string]any{}
	for _, f := range flags {
		name, text, ok := strings.Cut(f, "=")
		if !ok || name == "" {
			return nil, usage("write --input NAME=VALUE", "--input %s has no value", f)
		}
		inputs[name] = parseScalar(text)
	}
	return inputs, nil
}
