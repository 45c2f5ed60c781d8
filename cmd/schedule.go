package cmd

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tocsin/engine"
	"tocsin/engine/schedule"
	"tocsin/workflows/source"
)

func newScheduleCommand(s *setup) *cobra.Command {
	c := &cobra.Command{
		Use:     "schedule",
		Short:   "Show when workflows run by the clock",
		Example: "  tocsin schedule next check.yaml",
		Args:    cobra.NoArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newScheduleNextCommand(s))
	return c
}

// A nextCommand shows the coming times of workflows.
type nextCommand struct {
	*setup
	zone string // whose clock shows them; "": that of the trigger
	from string // "": now
	n    int
}

func newScheduleNextCommand(s *setup) *cobra.Command {
	n := nextCommand{setup: s}
	c := &cobra.Command{
		Use:   "next FILE|DIR...",
		Short: "Show the next times at which workflows run",
		Long: `Next shows at what times the clock starts workflows, and says where clocks that are
turned forward or back change that. The times of an interval are the same on every
machine: they are spread by the id of the workflow, unless it has a jitter of its own.

Exit codes: 0 they are shown, 2 a file is wrong.`,
		Example: `  tocsin schedule next check.yaml
  tocsin schedule next checks/ --tz Europe/Vienna -n 3 --from 2027-03-27`,
		Args: needFiles,
		RunE: func(c *cobra.Command, args []string) error { return n.run(args) },
	}
	s.outputFlag(c, "text", "json")
	s.readingFlags(c)
	f := c.Flags()
	f.StringVar(&n.zone, "tz", "", "time zone to show the times in, such as Europe/Vienna (default: that of the trigger)")
	f.StringVar(&n.from, "from", "", "time after which they come: 2027-03-27, 2027-03-27T12:00 or with a zone, 2027-03-27T12:00:00Z (default: now)")
	f.IntVarP(&n.n, "number", "n", 10, "how many times of each trigger")
	return c
}

// maxTimes is how many times of a trigger are shown at most.
const maxTimes = 10_000

func (n *nextCommand) run(paths []string) error {
	if n.n < 1 || n.n > maxTimes {
		return usage(fmt.Sprintf("it is 1 to %d", maxTimes), "-n %d", n.n)
	}
	zone, err := n.location()
	if err != nil {
		return err
	}
	from, err := n.start(zone)
	if err != nil {
		return err
	}
	docs, err := n.load(paths, false, n.stdout)
	if err != nil {
		return err
	}
	defer docs.close()
	if docs.problems.Err() != nil {
		if err := source.Write(n.stderr, "text", docs, docs.problems); err != nil {
			return broken(err)
		}
		return &exitError{code: exitUsage}
	}
	list := upcoming(docs, zone, from, n.n)
	if n.output == "json" {
		return n.json(list)
	}
	return n.print(list)
}

// location is the zone of --tz; nil: each trigger's own.
func (n *nextCommand) location() (*time.Location, error) {
	if n.zone == "" {
		return nil, nil
	}
	zone, err := time.LoadLocation(n.zone)
	if err != nil {
		return nil, usage("such as Europe/Vienna, America/New_York, UTC or Local", "no time zone %q", n.zone)
	}
	return zone, nil
}

func (n *nextCommand) start(zone *time.Location) (time.Time, error) {
	if n.from == "" {
		return time.Now(), nil
	}
	if zone == nil {
		zone = time.UTC
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02 15:04:05", "2006-01-02 15:04", time.DateOnly} {
		if t, err := time.ParseInLocation(layout, n.from, zone); err == nil {
			return t, nil
		}
	}
	return time.Time{}, usage("such as 2027-03-27, 2027-03-27T12:00 or 2027-03-27T12:00:00Z", "--from %q is not a time", n.from)
}

// An upcomingTrigger is what comes of one trigger, in JSON.
type upcomingTrigger struct {
	Workflow string         `json:"workflow"`
	Trigger  string         `json:"trigger"`
	File     string         `json:"file"`
	Disabled bool           `json:"disabled,omitempty"`
	Times    []upcomingTime `json:"times"`
}

type upcomingTime struct {
	At   time.Time `json:"at"`
	Note string    `json:"note,omitempty"` // what a clock that was turned did to it
}

// upcoming are the triggers of the clock, in the order of files, and the next n times of
// each after from.
func upcoming(docs documents, zone *time.Location, from time.Time, n int) []upcomingTrigger {
	list := []upcomingTrigger{}
	for _, d := range docs.list {
		for _, p := range d.programs {
			for _, t := range p.Triggers() {
				if t.Next == nil {
					continue
				}
				w := p.Workflow()
				list = append(list, upcomingTrigger{
					Workflow: w.ID, Trigger: t.Name(), File: d.name, Disabled: w.Disabled,
					Times: times(w.ID, t, cmp.Or(zone, t.Timing.Zone, time.UTC), from, n),
				})
			}
		}
	}
	return list
}

func times(workflow string, t engine.Trigger, zone *time.Location, from time.Time, n int) []upcomingTime {
	grid := schedule.NewGrid(workflow, t)
	list := []upcomingTime{}
	for at := grid.Next(from); len(list) < n && !at.IsZero(); at = grid.Next(at) {
		list = append(list, upcomingTime{at.In(zone), grid.Note(at)})
	}
	return list
}

func (n *nextCommand) print(list []upcomingTrigger) error {
	var b strings.Builder
	for i, t := range list {
		if i > 0 {
			b.WriteString("\n")
		}
		fmt.Fprintf(&b, "%s: %s", clean(t.Workflow), clean(t.Trigger))
		if t.Disabled {
			b.WriteString(" (the workflow is disabled: it is skipped)")
		}
		b.WriteString("\n")
		for _, at := range t.Times {
			line := "  " + shownTime(at.At)
			if at.Note != "" {
				line += "  " + at.Note
			}
			b.WriteString(line + "\n")
		}
		if len(t.Times) < n.n {
			b.WriteString("  and then never again\n")
		}
	}
	if len(list) == 0 {
		b.WriteString("the clock starts none of these workflows\n")
	}
	if _, err := fmt.Fprint(n.stdout, b.String()); err != nil {
		return broken(err)
	}
	return nil
}

// shownTime is a time with what tells two of them apart on the day that clocks are turned
// back, and with a fraction where there is one.
func shownTime(at time.Time) string {
	return at.Format("Mon 2006-01-02 15:04:05.999 -07:00")
}
