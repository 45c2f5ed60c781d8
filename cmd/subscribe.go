package cmd

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"tocsin/engine"
	"tocsin/engine/report"
	"tocsin/providers"
)

// A listenFlags says for how long "tocsin run" listens, where there is something to
// listen to.
type listenFlags struct {
	events int           // 0: without end
	span   time.Duration // 0: without end
}

func (f *listenFlags) add(c *cobra.Command) {
	c.Flags().IntVar(&f.events, "max-events", 0, "end after that many runs of workflows that listen (default: on a signal)")
	c.Flags().DurationVar(&f.span, "for", 0, "end after listening for that long, such as 10m (default: on a signal)")
}

func (f *listenFlags) given() bool { return f.events != 0 || f.span != 0 }

func (f *listenFlags) check() error {
	switch {
	case f.events < 0:
		return usage("leave it out to listen until a signal", "--max-events %d: it has to be positive", f.events)
	case f.span < 0:
		return usage("leave it out to listen until a signal", "--for %v: it has to be positive", f.span)
	}
	return nil
}

const (
	// drainTime is how long runs may take to end when no more are started.
	drainTime = 25 * time.Second
	// keptRuns is how many runs the reports at the end are about: the last ones.
	keptRuns = 1000
)

// A stream is a trigger that brings events, and the program that they start.
type stream struct {
	doc      *document
	program  *engine.Program
	trigger  engine.Trigger
	arrivals *engine.Arrivals
}

// streams are the triggers that bring events, and jobs what runs once because it has
// none.
func (r *runCommand) streams(docs documents, inputs map[string]any) (streams []*stream, jobs []job) {
	for _, d := range docs.list {
		for _, p := range d.programs {
			n := len(streams)
			for _, t := range p.Triggers() {
				if t.Subscription != nil && !p.Workflow().Disabled {
					streams = append(streams, &stream{doc: d, program: p, trigger: t, arrivals: &engine.Arrivals{Trigger: t}})
				}
			}
			if len(streams) == n {
				jobs = append(jobs, job{d, p, engine.Input{Run: newRunID(), Trigger: "manual", Inputs: inputs}})
			}
		}
	}
	return streams, jobs
}

// A listener runs workflows for what their triggers bring, until it has been enough.
type listener struct {
	*runCommand
	inputs map[string]any
	slots  chan struct{}
	runs   context.Context         // of the runs: they end in peace
	enough context.CancelCauseFunc // ends the listening

	mu     sync.Mutex // of what follows, and of standard output
	left   int        // events that may still start a run; negative: any number
	tally  tally
	failed error // why standard output cannot be written
}

// errEnough ends the listening after --max-events or --for.
var errEnough = errors.New("it has been enough")

// listen runs workflows for the events of streams, and those of jobs once before. It
// ends on a signal, or when it has been enough, or when no trigger brings anything any
// more; runs that have begun by then end.
func (r *runCommand) listen(ctx context.Context, streams []*stream, jobs []job, inputs map[string]any, sinks []sink) error {
	if r.heed != nil {
		r.heed()
	}
	l := &listener{runCommand: r, inputs: inputs, slots: make(chan struct{}, max(1, r.jobs)), left: -1}
	for _, result := range r.runJobs(ctx, jobs, nil) {
		l.over(result, "once: it listens to nothing")
	}
	listening, enough := context.WithCancelCause(ctx)
	defer enough(nil)
	if r.listening.span > 0 {
		defer time.AfterFunc(r.listening.span, func() { enough(errEnough) }).Stop()
	}
	runs, abandon := context.WithCancelCause(context.WithoutCancel(ctx))
	defer abandon(nil)
	l.runs, l.enough = runs, enough
	if r.listening.events > 0 {
		l.left = r.listening.events
	}
	defer context.AfterFunc(listening, func() {
		time.AfterFunc(drainTime, func() { abandon(fmt.Errorf("it did not end within %v", drainTime)) })
	})()
	l.begin(streams)
	l.listen(listening, streams)
	return l.end(ctx, sinks)
}

// listen returns when no stream brings anything any more.
func (l *listener) listen(ctx context.Context, streams []*stream) {
	var all sync.WaitGroup
	for _, s := range streams {
		all.Go(func() { l.stream(ctx, s) })
	}
	all.Wait()
}

// begin says what is listened to.
func (l *listener) begin(streams []*stream) {
	if l.quiet {
		return
	}
	for _, s := range streams {
		fmt.Fprintf(l.stderr, "tocsin: %s listens to %s\n", clean(s.program.Workflow().ID), clean(s.trigger.Subscription.Name))
	}
}

// stream runs the program of s for what its trigger brings. That it brings nothing any
// more is said at once: the others go on.
func (l *listener) stream(ctx context.Context, s *stream) {
	runner := l.runner(s.doc)
	err := runner.Subscribe(ctx, s.program, s.trigger, l.inputs, func(a providers.Alert) error { return l.event(s, a) })
	if err == nil || errors.Is(err, errEnough) {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tally.code = worse(l.tally.code, exitBroken)
	fmt.Fprintf(l.stderr, "tocsin: %s\n", clean(s.doc.pool.Mask(err.Error())))
}

// event runs the program of s for an event, if its trigger wants that.
func (l *listener) event(s *stream, a providers.Alert) error {
	arrival, err := s.arrivals.Of(a, time.Now()).Prepared()
	if err != nil {
		l.log().Warn("an event cannot be read", "workflow", s.program.Workflow().ID, "problem", err)
		return nil
	}
	if !s.trigger.Match(arrival) {
		l.mu.Lock()
		l.tally.other++
		l.mu.Unlock()
		return nil
	}
	if !l.take() {
		return errEnough
	}
	l.slots <- struct{}{}
	result := l.runFor(s, arrival)
	<-l.slots
	l.over(result, s.doc.pool.Mask(noteOf(a)))
	if result.Status != engine.Done && result.Status != engine.Skipped {
		return providers.ErrUnhandled
	}
	return nil
}

func (l *listener) runFor(s *stream, a engine.Arrival) *engine.Result {
	in := engine.Matched{Program: s.program, Trigger: s.trigger, Arrival: a}.Input(newRunID())
	in.Inputs = l.inputs
	runner := l.runner(s.doc)
	runner.DryRun, runner.Explain = l.dryRun, l.explain
	in.Trace = l.startedIn()
	l.traces.follow(&runner, in)
	result := runner.Run(l.runs, s.program, in)
	l.memory.ran(result)
	return result
}

// take says whether one more event may start a run.
func (l *listener) take() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.left == 0 {
		return false
	}
	if l.left > 0 {
		l.left--
	}
	return true
}

// over shows a run that has ended, and ends the listening behind the last one.
func (l *listener) over(result *engine.Result, note string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tally.add(result, exitOf(result, l.failOn))
	l.show(result, note)
	if l.left == 0 {
		l.enough(errEnough)
	}
}

// show prints a run as it ends.
func (l *listener) show(result *engine.Result, note string) {
	var err error
	switch l.output {
	case "jsonl":
		err = report.JSONLines(l.stdout, []*engine.Result{result})
	case "text":
		err = report.Text{Style: l.style(l.stdout), Quiet: l.quiet, Explain: l.explain}.Line(l.stdout, result, note)
	}
	if err != nil && l.failed == nil {
		l.failed = err
		l.enough(errEnough)
	}
}

// end writes the reports, and is an error if something was wrong.
func (l *listener) end(ctx context.Context, sinks []sink) error {
	if l.failed != nil {
		return broken(l.failed)
	}
	if !l.quiet {
		fmt.Fprintf(l.stderr, "tocsin: %s\n", l.tally.String())
	}
	if l.output == "json" {
		if err := report.JSON(l.stdout, l.tally.kept); err != nil {
			return broken(err)
		}
	}
	for _, s := range append(sinks, l.githubSinks(sinks)...) {
		if err := s.write(l.runCommand, l.tally.kept); err != nil {
			return broken(err)
		}
	}
	code := l.tally.code
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded): // of --timeout
		code = worse(code, exitTimeout)
	case ctx.Err() != nil && !terminated(ctx):
		code = worse(code, exitInterrupted)
	}
	if code != exitOK {
		return &exitError{code: code}
	}
	return nil
}

// noteOf says in a few words what started a run.
func noteOf(a providers.Alert) string {
	var words []string
	for _, key := range []string{"kind", "seq", "data"} {
		switch v := a.Fields[key].(type) {
		case nil:
		case string:
			if r := []rune(v); len(r) > 60 {
				v = string(r[:60]) + "…"
			}
			words = append(words, clean(v))
		default:
			if n := fmt.Sprint(v); n != "0" {
				words = append(words, n)
			}
		}
	}
	if len(words) == 0 {
		return clean(a.Name)
	}
	return strings.Join(words, " ")
}

// A tally is what the runs add up to.
type tally struct {
	good, bad int
	other     int              // events that no trigger wanted
	code      int              // the worst
	kept      []*engine.Result // the last ones
}

func (t *tally) add(result *engine.Result, code int) {
	if code == exitOK {
		t.good++
	} else {
		t.bad++
	}
	t.code = worse(t.code, code)
	if len(t.kept) == keptRuns {
		t.kept = slices.Delete(t.kept, 0, 1)
	}
	t.kept = append(t.kept, result)
}

// String says it in a line.
func (t *tally) String() string {
	n := t.good + t.bad
	parts := []string{fmt.Sprintf("%s: %d ok", counted(n, "run"), t.good)}
	if t.bad > 0 {
		parts = append(parts, fmt.Sprintf("%d not", t.bad))
	}
	if t.other > 0 {
		parts = append(parts, counted(t.other, "event")+" not for any of them")
	}
	if n > len(t.kept) {
		parts = append(parts, fmt.Sprintf("the reports have the last %d", len(t.kept)))
	}
	return strings.Join(parts, ", ")
}

func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
