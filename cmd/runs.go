package cmd

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"tocsin/engine"
	"tocsin/engine/report"
	"tocsin/engine/store"
	"tocsin/templating/value"
	"tocsin/workflows"
)

// A runsCommand shows what "tocsin serve" has run.
type runsCommand struct {
	*setup
	workflow string
	status   []string
	since    string
	limit    int
}

func newRunsCommand(s *setup) *cobra.Command {
	r := &runsCommand{setup: s}
	c := &cobra.Command{
		Use:   "runs",
		Short: "List the runs that \"serve\" remembers, or show one",
		Example: `  tocsin runs --workflow check-websocket-is-up --since 24h
  tocsin runs --status failed --status error
  tocsin runs show 0k3f5q7v9x1b3d5f7h9k1m3n5p`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return r.list(c.Context()) },
	}
	f := c.Flags()
	s.storeFlag(c)
	s.serverFlag(c)
	f.StringVar(&r.workflow, "workflow", "", "only runs of this workflow")
	f.Var((*list)(&r.status), "status", "only runs that ended so: done, failed, error, timeout, canceled, skipped, or running (repeatable)")
	f.StringVar(&r.since, "since", "", "only runs that began in the last such time: 30m, 24h, 7d")
	f.IntVar(&r.limit, "limit", 25, "how many, the newest; at most 1000")
	s.outputFlag(c, "text", "json")
	c.AddCommand(newRunsShowCommand(s))
	return c
}

func newRunsShowCommand(s *setup) *cobra.Command {
	c := &cobra.Command{
		Use:     "show ID",
		Short:   "Show a run: its steps in time, what they were given and gave, and why",
		Example: `  tocsin runs show 0k3f5q7v9x1b3d5f7h9k1m3n5p`,
		Args:    cobra.ExactArgs(1),
		RunE:    func(c *cobra.Command, args []string) error { return s.showRun(c.Context(), args[0]) },
	}
	s.storeFlag(c)
	s.serverFlag(c)
	s.outputFlag(c, "text", "json")
	return c
}

// runStates are what a run can be.
var runStates = []engine.Status{
	store.Running, engine.Done, engine.Failed, engine.Broken, engine.TimedOut, engine.Canceled, engine.Skipped,
}

// filter is what the flags ask for.
func (r *runsCommand) filter(now time.Time) (store.RunFilter, error) {
	f := store.RunFilter{Workflow: r.workflow, Limit: r.limit}
	for _, text := range r.status {
		if !slices.Contains(runStates, engine.Status(text)) {
			return f, usage("they are running, done, failed, error, timeout, canceled, skipped", "unknown status %q", text)
		}
		f.Status = append(f.Status, engine.Status(text))
	}
	if r.limit < 1 || r.limit > 1000 {
		return f, usage("give a number from 1 to 1000", "--limit %d", r.limit)
	}
	if r.since != "" {
		d, err := workflows.ParseDuration(r.since)
		if err != nil || d <= 0 {
			return f, usage("such as 30m, 24h or 7d", "--since %q is no time", r.since)
		}
		f.Since = now.Add(-d)
	}
	return f, nil
}

func (r *runsCommand) list(ctx context.Context) error {
	now := time.Now()
	filter, err := r.filter(now)
	if err != nil {
		return err
	}
	return r.look(ctx, func(c *client) error {
		runs, total, err := c.runs(ctx, filter)
		return r.listed(runs, total, now, err)
	}, func(st *store.Store) error {
		runs, total, err := st.Runs(ctx, filter)
		return r.listed(runs, total, now, err)
	})
}

// listed prints runs, unless they could not be had.
func (r *runsCommand) listed(runs []store.Run, total int, now time.Time, err error) error {
	switch {
	case err != nil:
		return err
	case r.output == "json":
		return r.writeRuns(runs, total)
	}
	return r.printRuns(runs, total, now)
}

// A runLine is a run as JSON.
type runLine struct {
	Run      string     `json:"run"`
	Workflow string     `json:"workflow"`
	Status   string     `json:"status"`
	Reason   string     `json:"reason,omitempty"`
	Trigger  string     `json:"trigger"`
	By       string     `json:"by"`
	Due      time.Time  `json:"due"`
	Started  time.Time  `json:"started,omitzero"`
	Ended    *time.Time `json:"ended"`
	Seconds  float64    `json:"duration_s"`
	Attempt  int        `json:"attempt"`
}

func (r *runsCommand) writeRuns(runs []store.Run, total int) error {
	lines := make([]runLine, len(runs))
	for i, x := range runs {
		lines[i] = runLine{
			x.ID, x.Workflow, string(x.Status), x.Reason, x.Trigger, x.By, x.Due, x.Started, nil, x.Duration.Seconds(), x.Attempt,
		}
		if !x.Ended.IsZero() {
			lines[i].Ended = &x.Ended
		}
	}
	return r.json(struct {
		Total int       `json:"total"`
		Runs  []runLine `json:"runs"`
	}{total, lines})
}

func (r *runsCommand) printRuns(runs []store.Run, total int, now time.Time) error {
	w := tabwriter.NewWriter(r.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "RUN\tWORKFLOW\tSTARTED\tTOOK\tSTATUS\tBY\tREASON")
	for _, x := range runs {
		took := x.Duration.Round(time.Millisecond).String()
		if x.Status == store.Running {
			took = "-"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", x.ID, clean(x.Workflow), moment(x.Started, now), took, x.Status, clean(x.By), clean(firstLine(x.Reason)))
	}
	if err := w.Flush(); err != nil {
		return broken(err)
	}
	if total > len(runs) {
		fmt.Fprintf(r.stderr, "the newest %d of %d; --limit, --workflow, --status and --since choose others\n", len(runs), total)
	}
	return nil
}

func (s *setup) showRun(ctx context.Context, id string) error {
	return s.look(ctx, func(c *client) error {
		row, result, events, err := c.run(ctx, id)
		return s.shown(row, result, events, err)
	}, func(st *store.Store) error {
		row, result, err := st.Run(ctx, id)
		switch {
		case errors.Is(err, store.ErrNotFound):
			return usage(`"tocsin runs" lists them`, "no run %s", id)
		case err != nil:
			return err
		}
		events, err := st.Events(ctx, id)
		return s.shown(row, result, events, err)
	})
}

// shown prints a run, unless it could not be had.
func (s *setup) shown(row store.Run, result *engine.Result, events []engine.Event, err error) error {
	switch {
	case err != nil:
		return err
	case s.output == "json":
		return report.JSON(s.stdout, []*engine.Result{result})
	}
	return s.printRun(row, result, events)
}

// printRun is the run as it would have been reported, and what happened when.
func (s *setup) printRun(row store.Run, result *engine.Result, events []engine.Event) error {
	fmt.Fprintf(s.stdout, "run %s of %s, %s, due %s\n", row.ID, clean(row.Workflow), clean(row.By), row.Due.Local().Format(time.DateTime))
	if row.Attempt > 1 {
		fmt.Fprintf(s.stdout, "it was cut off and went on: attempt %d\n", row.Attempt)
	}
	if row.Status == store.Running {
		fmt.Fprintln(s.stdout, "it is under way")
	}
	if err := (report.Text{Style: s.style(s.stdout), Explain: true}).Write(s.stdout, []*engine.Result{result}); err != nil {
		return err
	}
	fmt.Fprintln(s.stdout, "\ntimeline")
	w := tabwriter.NewWriter(s.stdout, 0, 0, 2, ' ', 0)
	for _, e := range events {
		fmt.Fprintf(w, "  %s\t%s\t%s\t%s\n", e.Time.Local().Format("15:04:05.000"), e.Action, clean(e.Step), clean(eventNote(e)))
	}
	return w.Flush()
}

// eventNote is what there is to say of an event, in a line.
func eventNote(e engine.Event) string {
	switch {
	case e.Check != nil:
		return firstLine(e.Check.Words)
	case e.Reason != "":
		return firstLine(e.Reason)
	case e.Action == engine.Calling && e.With != nil:
		return cut(string(value.AppendJSON(nil, e.With)), 100)
	case e.Output != nil:
		return cut(string(value.AppendJSON(nil, e.Output)), 100)
	}
	return string(e.Status)
}

// look reads something of the server that was named, else of the store that is there.
func (s *setup) look(ctx context.Context, ask func(*client) error, read func(*store.Store) error) error {
	c, err := s.remote()
	switch {
	case err != nil:
		return err
	case c != nil:
		defer c.close()
		return ask(c)
	}
	return s.withStore(ctx, read)
}

// withStore does something with the store that is there, and says where it was looked
// for if it is not.
func (s *setup) withStore(ctx context.Context, do func(*store.Store) error) (err error) {
	st, err := s.readStore(ctx)
	if err != nil {
		return err
	}
	defer func() {
		if e := st.Close(); err == nil && e != nil {
			err = broken(e)
		}
	}()
	err = do(st)
	if _, said := errors.AsType[*exitError](err); err != nil && !said {
		return broken(err)
	}
	return err
}

// moment is a time as a list shows it: of today without the day.
func moment(t, now time.Time) string {
	if t.IsZero() {
		return "-"
	}
	t, now = t.Local(), now.Local()
	if t.YearDay() == now.YearDay() && t.Year() == now.Year() {
		return t.Format(time.TimeOnly)
	}
	return t.Format(time.DateTime)
}

// cut is the beginning of a text that is too long for a line.
func cut(text string, most int) string {
	r := []rune(text)
	if len(r) <= most {
		return text
	}
	return string(r[:most-1]) + "…"
}

// firstLine is a text without what is below its first line.
func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}
