package cmd

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"tocsin/engine/store"
	"tocsin/workflows"
)

// An auditCommand shows who did what.
type auditCommand struct {
	*setup
	since string
	limit int
	head  string
}

func newAuditCommand(s *setup) *cobra.Command {
	a := &auditCommand{setup: s}
	c := &cobra.Command{
		Use:   "audit",
		Short: "Show who changed what, and who was not let in; prove that the list is whole",
		Long: `Audit lists what people did by the API of "serve" and by commands, the newest last: keys, workflows,
silences, acknowledgements, runs that they started, retries, reloads; and who was not let in.

The log is only added to. Each entry has a hash of itself and of the one before: see audit verify.`,
		Example: `  tocsin audit --since 24h
  tocsin audit --output json
  tocsin audit verify`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return a.list(c.Context()) },
	}
	s.storeFlag(c)
	s.serverFlag(c)
	c.Flags().StringVar(&a.since, "since", "", "only of the last such time: 30m, 24h, 7d")
	c.Flags().IntVar(&a.limit, "limit", 100, "how many, the newest; at most 1000")
	s.outputFlag(c, "text", "json")
	c.AddCommand(newAuditVerifyCommand(a))
	return c
}

func newAuditVerifyCommand(a *auditCommand) *cobra.Command {
	c := &cobra.Command{
		Use:   "verify",
		Short: "Prove that nothing in the audit log was changed, taken out or put in",
		Long: `Verify goes through the log, and makes the hash of each entry anew. It prints the hash of the last, which
stands for all of them: write it down elsewhere, now and then. With --head the log must still have an entry
with a hash that was written down before, so that it was not written anew as a whole.

The exit code is 1 if the log is not what it was.`,
		Example: `  tocsin audit verify
  tocsin audit verify --head 9f2c8a0e6b1d4f37a5c2e8d09b7f6a1c3e5d7b9f0a2c4e6d8b1f3a5c7e9d0b2f`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return a.verify(c.Context()) },
	}
	a.storeFlag(c)
	a.serverFlag(c)
	c.Flags().StringVar(&a.head, "head", "", "a hash that was printed before")
	a.outputFlag(c, "text", "json")
	return c
}

// An auditLine is an entry as JSON.
type auditLine struct {
	No      int64     `json:"no"`
	At      time.Time `json:"at"`
	Who     string    `json:"who"`
	Role    string    `json:"role"`
	Source  string    `json:"source"`
	Action  string    `json:"action"`
	Object  string    `json:"object"`
	Detail  string    `json:"detail"`
	Outcome string    `json:"outcome"`
	Hash    string    `json:"hash"`
}

func (a *auditCommand) list(ctx context.Context) error {
	now := time.Now()
	var since time.Time
	if a.since != "" {
		d, err := workflows.ParseDuration(a.since)
		if err != nil || d <= 0 {
			return usage("such as 30m, 24h or 7d", "--since %q is no time", a.since)
		}
		since = now.Add(-d)
	}
	if a.limit < 1 || a.limit > 1000 {
		return usage("give a number from 1 to 1000", "--limit %d", a.limit)
	}
	lines, err := a.lines(ctx, since)
	if err != nil {
		return err
	}
	if a.output == "json" {
		return a.json(lines)
	}
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "AT\tWHO\tFROM\tWHAT\tOF\tOUTCOME\tDETAIL")
	for i := range lines {
		l := lines[len(lines)-1-i]
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", moment(l.At, now), orDash(l.Who), clean(l.Source), clean(l.Action), orDash(l.Object), clean(l.Outcome), clean(cut(l.Detail, 100)))
	}
	return w.Flush()
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return clean(text)
}

// lines are the entries, the newest first: of the server that was named, or the store.
func (a *auditCommand) lines(ctx context.Context, since time.Time) ([]auditLine, error) {
	lines := []auditLine{}
	c, err := a.remote()
	if err != nil {
		return nil, err
	}
	if c != nil {
		defer c.close()
		q := url.Values{"limit": {strconv.Itoa(a.limit)}}
		if !since.IsZero() {
			q.Set("since", since.UTC().Format(time.RFC3339))
		}
		err := c.ask(ctx, "GET", "/api/v1/audit?"+q.Encode(), nil, &lines)
		return lines, err
	}
	err = a.withStore(ctx, func(st *store.Store) error {
		all, err := st.AuditLog(ctx, since, 0, a.limit)
		for _, e := range all {
			lines = append(lines, auditLine{e.No, e.At, e.Who, e.Role, e.Source, e.Action, e.Object, e.Detail, e.Outcome, e.Hash})
		}
		return err
	})
	return lines, err
}

// An auditProof is whether the log is what was written down.
type auditProof struct {
	Entries int64  `json:"entries"`
	Head    string `json:"head"`
	Intact  bool   `json:"intact"`
	Broken  int64  `json:"broken,omitempty"`
	Why     string `json:"why,omitempty"`
	Known   *bool  `json:"known,omitempty"`
}

func (a *auditCommand) verify(ctx context.Context) error {
	p, err := a.proof(ctx)
	if err != nil {
		return err
	}
	switch {
	case a.output == "json":
		err = a.json(p)
	case p.Intact:
		_, err = fmt.Fprintf(a.stdout, "%d entries, none was changed, taken out or put in\nhead %s\n", p.Entries, p.Head)
	}
	if err != nil || p.Intact {
		return err
	}
	e := &exitError{code: exitFailed}
	switch {
	case a.output == "json":
	case p.Broken > 0:
		e.err = fmt.Errorf("the audit log is not what it was: entry %d: %s", p.Broken, p.Why)
	default:
		e.err = fmt.Errorf("the audit log is not what it was: none of its %d entries has the hash %s", p.Entries, clean(cut(a.head, 64)))
	}
	return e
}

func (a *auditCommand) proof(ctx context.Context) (p auditProof, err error) {
	c, err := a.remote()
	if err != nil {
		return p, err
	}
	if c != nil {
		defer c.close()
		err := c.ask(ctx, "GET", "/api/v1/audit/verify?"+url.Values{"head": {a.head}}.Encode(), nil, &p)
		return p, err
	}
	err = a.withStore(ctx, func(st *store.Store) error {
		found, err := st.VerifyAudit(ctx, a.head)
		p = auditProof{Entries: found.Entries, Head: found.Head, Intact: found.Broken == 0, Broken: found.Broken, Why: found.Why}
		if a.head != "" {
			p.Known, p.Intact = &found.Known, p.Intact && found.Known
		}
		return err
	})
	return p, err
}
