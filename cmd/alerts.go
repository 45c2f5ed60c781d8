package cmd

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"tocsin/engine/episode"
	"tocsin/engine/store"
	"tocsin/providers/keep"
	"tocsin/templating/value"
)

// An alertsCommand shows the alerts that "serve" knows.
type alertsCommand struct {
	*setup
	all   bool
	limit int
}

func newAlertsCommand(s *setup) *cobra.Command {
	a := &alertsCommand{setup: s}
	c := &cobra.Command{
		Use:   "alerts",
		Short: "List the alerts that \"serve\" knows: of workflows, and those that came in",
		Long: `Alerts lists what workflows tell of ("tocsin explain notify") and the alerts of other systems:
how each is, since when, and when who was told. Without --all it leaves out what is well and was
for the last day.`,
		Example: `  tocsin alerts
  tocsin alerts --all --output json`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return a.run(c.Context()) },
	}
	s.storeFlag(c)
	s.serverFlag(c)
	c.Flags().BoolVar(&a.all, "all", false, "what is well, too")
	c.Flags().IntVar(&a.limit, "limit", 100, "how many of those that came in, the newest")
	s.outputFlag(c, "text", "json")
	c.AddCommand(newAlertsAckCommand(s), newAlertsUnackCommand(s))
	return c
}

// An alertLine is an alert as the list has it.
type alertLine struct {
	Status   string     `json:"status"`
	Since    time.Time  `json:"since,omitzero"`
	Ended    *time.Time `json:"ended"`
	Workflow string     `json:"workflow,omitempty"` // whose it is; or
	Action   string     `json:"action,omitempty"`
	Source   string     `json:"source,omitempty"` // whence it came
	Alert    string     `json:"alert,omitempty"`  // its fingerprint
	Name     string     `json:"name,omitempty"`
	Severity string     `json:"severity,omitempty"`
	Count    int        `json:"count,omitempty"` // failures of the episode
	Told     time.Time  `json:"told,omitzero"`   // the last message
	Messages int        `json:"messages,omitempty"`
	Text     string     `json:"text,omitempty"` // of the first message
	By       string     `json:"acknowledged_by,omitempty"`
	Run      string     `json:"run,omitempty"` // that changed it last
}

// lately is how long something that is over is still listed.
const lately = 24 * time.Hour

func (a *alertsCommand) run(ctx context.Context) error {
	return a.look(ctx, func(c *client) error {
		lines, err := c.alerts(ctx, a.limit)
		return a.listed(lines, err)
	}, func(st *store.Store) error {
		lines, err := a.lines(ctx, st)
		return a.listed(lines, err)
	})
}

// listed prints alerts, unless they could not be had: those that fire first, and without
// --all not what is well and was for some time.
func (a *alertsCommand) listed(lines []alertLine, err error) error {
	if err != nil {
		return err
	}
	now := time.Now()
	lines = slices.DeleteFunc(append([]alertLine{}, lines...), func(l alertLine) bool { return !a.all && l.past(now) })
	slices.SortStableFunc(lines, func(a, b alertLine) int {
		return cmp.Or(rank(a.Status)-rank(b.Status), b.Since.Compare(a.Since))
	})
	if a.output == "json" {
		return a.json(lines)
	}
	return a.print(lines)
}

// past says that the alert is over for some time.
func (l alertLine) past(now time.Time) bool {
	if l.Workflow != "" {
		return l.Status == string(episode.OK) || l.Ended != nil && now.Sub(*l.Ended) > lately
	}
	return l.Status == "resolved" && now.Sub(l.Since) > lately
}

func (a *alertsCommand) lines(ctx context.Context, st *store.Store) ([]alertLine, error) {
	records, _, err := st.Episodes(ctx)
	if err != nil {
		return nil, err
	}
	lines := []alertLine{}
	for i := range records {
		lines = append(lines, episodeLine(&records[i]))
	}
	found, err := st.Alerts(ctx, keep.Search{Distinct: true, Limit: a.limit})
	for _, f := range found {
		lines = append(lines, receivedLine(f.Alert))
	}
	return lines, err
}

// rank is how far up in the list a status stands.
func rank(status string) int {
	for i, s := range []episode.Status{episode.Firing, episode.Pending, episode.Acknowledged} {
		if status == string(s) {
			return i
		}
	}
	return 9
}

// episodeLine is an alert of a workflow.
func episodeLine(r *episode.Record) alertLine {
	s := &r.State
	l := alertLine{
		Status: string(s.Status), Since: s.Since, Workflow: r.Key.Workflow, Action: r.Key.Action, Alert: r.Key.Alert, Count: s.Count, Run: s.Run,
	}
	if s.Status == episode.Pending {
		l.Since = s.Failing
	}
	if s.Status == episode.Resolved {
		l.Ended = &s.Ended
	}
	if s.Acked != nil && s.Status == episode.Acknowledged {
		l.By = s.Acked.By
	}
	for _, h := range s.Heard {
		l.Messages += h.Seq
		if h.At.After(l.Told) {
			l.Told = h.At
		}
		l.Text = cmp.Or(l.Text, h.Text)
	}
	return l
}

// receivedLine is an alert that came in.
func receivedLine(m *value.Map) alertLine {
	text := func(key string) string {
		v, _ := m.Get(key)
		return value.Text(v)
	}
	l := alertLine{Status: text("status"), Alert: text("fingerprint"), Name: text("name"), Severity: text("severity")}
	if v, _ := m.Get("source"); v != nil {
		if list, ok := v.([]any); ok && len(list) > 0 {
			l.Source = value.Text(list[0])
		}
	}
	if at, err := time.Parse(time.RFC3339Nano, text("lastReceived")); err == nil {
		l.Since = at
	}
	return l
}

func (a *alertsCommand) print(lines []alertLine) error {
	if len(lines) == 0 {
		fmt.Fprintln(a.stderr, "no alerts; --all lists what is well, too")
		return nil
	}
	now := time.Now()
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "STATUS\tSINCE\tENDED\tALERT\tTOLD\tTEXT")
	for _, l := range lines {
		ended := "-"
		if l.Ended != nil {
			ended = moment(*l.Ended, now)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", l.Status, moment(l.Since, now), ended, clean(l.title()), moment(l.Told, now), clean(cut(firstLine(cmp.Or(l.Text, l.Name)), 80)))
	}
	return w.Flush()
}

// title is what the alert is of.
func (l alertLine) title() string {
	if l.Workflow == "" {
		return strings.Trim(l.Source+" "+cut(l.Alert, 24), " ")
	}
	title := l.Workflow + "/" + l.Action
	if l.Alert != "" {
		title += " " + cut(l.Alert, 24)
	}
	return title
}
