package cmd

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tocsin/workflows"
)

// An ackCommand says that somebody knows of an alert, or takes that back.
type ackCommand struct {
	*setup
	verb   string // "acknowledge", "unacknowledge"
	reason string
	during string
}

func newAlertsAckCommand(s *setup) *cobra.Command {
	a := &ackCommand{setup: s, verb: "acknowledge"}
	c := &cobra.Command{
		Use:   "ack WORKFLOW/ACTION[/ALERT]|FINGERPRINT",
		Short: "Say that you know of an alert: no reminders, no escalations",
		Example: `  tocsin alerts ack check-websocket-is-up/tell --reason restarting --for 1h
  tocsin alerts ack d41d8cd98f00b204`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return a.run(c.Context(), args[0]) },
	}
	c.Flags().StringVar(&a.reason, "reason", "", "what is being done")
	c.Flags().StringVar(&a.during, "for", "", "how long: 30m, 2h (default: until it is over)")
	s.storeFlag(c)
	s.serverFlag(c)
	return c
}

func newAlertsUnackCommand(s *setup) *cobra.Command {
	a := &ackCommand{setup: s, verb: "unacknowledge"}
	c := &cobra.Command{
		Use:     "unack WORKFLOW/ACTION[/ALERT]|FINGERPRINT",
		Short:   "Take that back",
		Example: "  tocsin alerts unack check-websocket-is-up/tell",
		Args:    cobra.ExactArgs(1),
		RunE:    func(c *cobra.Command, args []string) error { return a.run(c.Context(), args[0]) },
	}
	s.storeFlag(c)
	s.serverFlag(c)
	return c
}

func (a *ackCommand) run(ctx context.Context, name string) error {
	body := map[string]any{}
	if a.reason != "" {
		body["reason"] = a.reason
	}
	if a.during != "" {
		span, err := workflows.ParseDuration(a.during)
		if err != nil || span <= 0 {
			return usage("such as 30m or 2h", "--for %q is no time", a.during)
		}
		body["until"] = time.Now().Add(span).UTC()
	}
	c, err := a.serving(ctx)
	switch {
	case err != nil:
		return err
	case c == nil:
		return usage(`"tocsin serve" keeps them; --server asks one elsewhere, --store says which store`, "nobody serves %s", a.storePath())
	}
	defer c.close()
	path, err := a.path(ctx, c, name, body)
	if err != nil {
		return err
	}
	if err := c.ask(ctx, "POST", path, body, nil); err != nil {
		return err
	}
	_, err = fmt.Fprintf(a.stdout, "%sd: %s\n", a.verb, clean(name))
	return err
}

// path is what to ask for, of what a workflow tells of, or of an alert that came in; the
// first is named in the body.
func (a *ackCommand) path(ctx context.Context, c *client, name string, body map[string]any) (string, error) {
	var episodes []struct{ Workflow, Action, Alert string }
	if err := c.ask(ctx, "GET", "/api/v1/episodes", nil, &episodes); err != nil {
		return "", err
	}
	for _, e := range episodes {
		if strings.TrimSuffix(e.Workflow+"/"+e.Action+"/"+e.Alert, "/") == name {
			body["workflow"], body["action"], body["alert"] = e.Workflow, e.Action, e.Alert
			return "/api/v1/episodes/" + a.verb, nil
		}
	}
	return "/api/v1/alerts/" + url.PathEscape(name) + "/" + a.verb, nil
}
