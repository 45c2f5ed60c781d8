package cmd

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"tocsin/engine/episode"
	"tocsin/engine/store"
	"tocsin/workflows"
)

// A silencesCommand keeps messages back for some time.
type silencesCommand struct {
	*setup
	match  []string
	reason string
	during string
}

func newSilencesCommand(s *setup) *cobra.Command {
	sc := &silencesCommand{setup: s}
	c := &cobra.Command{
		Use:   "silences",
		Short: "List silences, make one, or end one",
		Long: `A silence keeps the messages of alerts back for some time; what is still so when it is over is told
then. Windows that a workflow file has ("tocsin explain silence") are not among those listed.`,
		Example: `  tocsin silences create --match workflow=disk --for 2h --reason upgrade
  tocsin silences
  tocsin silences end 4f0c2a9d8b7e`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return sc.list(c.Context()) },
	}
	s.storeFlag(c)
	s.serverFlag(c)
	s.outputFlag(c, "text", "json")
	c.AddCommand(newSilencesCreateCommand(sc), newSilencesEndCommand(sc))
	return c
}

func newSilencesCreateCommand(sc *silencesCommand) *cobra.Command {
	c := &cobra.Command{
		Use:   "create",
		Short: "Keep the messages of some alerts back for some time",
		Long: `Create keeps back the messages of alerts whose labels are all as --match says: workflow, action, alert,
severity, those of the workflow (services, owners) and of the alert (name, environment, labels.NAME). * stands
for any text; for all there is, say --match "workflow=*".`,
		Example: `  tocsin silences create --match workflow=disk --for 2h --reason upgrade
  tocsin silences create --match severity=warning --match labels.host=db-* --for 8h --reason moving`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return sc.create(c.Context()) },
	}
	sc.storeFlag(c)
	sc.serverFlag(c)
	f := c.Flags()
	f.Var((*list)(&sc.match), "match", "a label and what it must be: NAME=TEXT, * for any text (repeatable: all must be so)")
	f.StringVar(&sc.during, "for", "", "how long, from now: 30m, 2h, 3d")
	f.StringVar(&sc.reason, "reason", "", "why: whoever wonders later sees it")
	sc.outputFlag(c, "text", "json")
	return c
}

func newSilencesEndCommand(sc *silencesCommand) *cobra.Command {
	c := &cobra.Command{
		Use:     "end ID",
		Short:   "End a silence now",
		Example: "  tocsin silences end 4f0c2a9d8b7e --reason done",
		Args:    cobra.ExactArgs(1),
		RunE:    func(c *cobra.Command, args []string) error { return sc.end(c.Context(), args[0]) },
	}
	sc.storeFlag(c)
	sc.serverFlag(c)
	c.Flags().StringVar(&sc.reason, "reason", "", "why")
	return c
}

// A silenceLine is a silence as JSON.
type silenceLine struct {
	ID     string            `json:"id"`
	Match  map[string]string `json:"match"`
	Reason string            `json:"reason"`
	Owner  string            `json:"owner"`
	From   time.Time         `json:"from"`
	Until  time.Time         `json:"until"`
}

func silenceOf(s episode.Silence) silenceLine {
	return silenceLine{s.ID, s.Match, s.Reason, s.Owner, s.From, s.Until}
}

// matcher is what --match says.
func (sc *silencesCommand) matcher() (map[string]string, error) {
	m := map[string]string{}
	for _, text := range sc.match {
		name, pattern, ok := strings.Cut(text, "=")
		if !ok || name == "" {
			return nil, usage("write --match workflow=disk", "--match %s has no value", text)
		}
		m[name] = pattern
	}
	return m, nil
}

func (sc *silencesCommand) create(ctx context.Context) error {
	match, err := sc.matcher()
	if err != nil {
		return err
	}
	span, err := workflows.ParseDuration(sc.during)
	if err != nil || span <= 0 {
		return usage("such as 30m, 2h or 3d", "--for %q is no time", sc.during)
	}
	now := time.Now().UTC()
	s := episode.Silence{Match: match, Reason: sc.reason, Owner: "local", From: now, Until: now.Add(span)}
	if err := s.Check(); err != nil {
		return usage(`"tocsin silences create --help" has an example`, "%v", err)
	}
	made := silenceLine{}
	err = sc.change(ctx, func(c *client) error {
		return c.ask(ctx, "POST", "/api/v1/silences", map[string]any{"match": s.Match, "reason": s.Reason, "until": s.Until}, &made)
	}, func(st *store.Store) error {
		book, err := bookOf(ctx, st)
		if err != nil {
			return err
		}
		kept, err := book.Silence(ctx, s)
		if err != nil {
			return err
		}
		made = silenceOf(kept)
		return audit(ctx, st, "silences create", kept.ID, kept.Reason)
	})
	if err != nil {
		return err
	}
	if sc.output == "json" {
		return sc.json(made)
	}
	_, err = fmt.Fprintf(sc.stdout, "%s until %s\n", made.ID, moment(made.Until, now))
	return err
}

// bookOf is what the store knows of alerts and silences.
func bookOf(ctx context.Context, st *store.Store) (*episode.Book, error) {
	records, silences, err := st.Episodes(ctx)
	book := &episode.Book{Store: st}
	book.Load(records, silences)
	return book, err
}

func (sc *silencesCommand) end(ctx context.Context, id string) error {
	return sc.change(ctx, func(c *client) error {
		return c.ask(ctx, "DELETE", "/api/v1/silences/"+url.PathEscape(id)+"?"+url.Values{"reason": {sc.reason}}.Encode(), nil, nil)
	}, func(st *store.Store) error {
		book, err := bookOf(ctx, st)
		if err != nil {
			return err
		}
		err = book.Unsilence(ctx, id, "local", sc.reason, time.Now().UTC())
		if errors.Is(err, episode.ErrUnknown) {
			return usage(`"tocsin silences" lists them`, "no silence %s", id)
		}
		if err != nil {
			return err
		}
		return audit(ctx, st, "silences end", id, sc.reason)
	})
}

func (sc *silencesCommand) list(ctx context.Context) error {
	lines := []silenceLine{}
	err := sc.look(ctx, func(c *client) error {
		return c.ask(ctx, "GET", "/api/v1/silences", nil, &lines)
	}, func(st *store.Store) error {
		book, err := bookOf(ctx, st)
		if err != nil {
			return err
		}
		for _, s := range book.Silences(time.Now()) {
			lines = append(lines, silenceOf(s))
		}
		return nil
	})
	if err != nil {
		return err
	}
	if sc.output == "json" {
		return sc.json(lines)
	}
	w := tabwriter.NewWriter(sc.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tUNTIL\tBY\tOF\tREASON")
	for _, l := range lines {
		var of []string
		for _, name := range slices.Sorted(maps.Keys(l.Match)) {
			of = append(of, name+"="+l.Match[name])
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", clean(l.ID), moment(l.Until, time.Now()), clean(l.Owner), clean(strings.Join(of, " ")), clean(l.Reason))
	}
	return w.Flush()
}
