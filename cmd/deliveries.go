package cmd

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"tocsin/engine/store"
	"tocsin/workflows"
)

// A deliveriesCommand shows what was sent, and what is to be: whether one would have been
// told, where, and whether it arrived.
type deliveriesCommand struct {
	*setup
	filter store.DeliveryFilter
	state  string
	since  string
}

func newDeliveriesCommand(s *setup) *cobra.Command {
	d := &deliveriesCommand{setup: s}
	c := &cobra.Command{
		Use:   "deliveries",
		Short: "List the messages that \"serve\" has sent, and those that wait or are dead",
		Long: `Deliveries lists messages, the newest first: whom they tell, whether they arrived, and if not, why
and when they are tried again. A message is

  pending     to be sent            unknown     sent, and no answer came: it is sent again
  confirmed   with the other side   suppressed  not to be sent: silenced, or in a digest
  dead        given up              superseded  not so any more before anybody was told`,
		Example: `  tocsin deliveries --state dead
  tocsin deliveries --workflow check-websocket-is-up --since 24h --output json
  tocsin deliveries retry 4f0c2a9d8b7e6f5a4f0c2a9d8b7e6f5a`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return d.list(c.Context()) },
	}
	f := c.Flags()
	s.storeFlag(c)
	s.serverFlag(c)
	f.StringVar(&d.state, "state", "", "only messages in this state")
	f.StringVar(&d.filter.Workflow, "workflow", "", "only messages of this workflow")
	f.StringVar(&d.filter.Run, "run", "", "only messages of this run")
	f.StringVar(&d.filter.Destination, "destination", "", `only messages to this destination, such as "slack ops"`)
	f.StringVar(&d.since, "since", "", "only messages of the last such time: 30m, 24h, 7d")
	f.IntVar(&d.filter.Limit, "limit", 25, "how many, the newest; at most 1000")
	_ = c.RegisterFlagCompletionFunc("state", cobra.FixedCompletions(deliveryStates(), cobra.ShellCompDirectiveNoFileComp))
	s.outputFlag(c, "text", "json")
	c.AddCommand(newDeliveriesRetryCommand(s))
	return c
}

func newDeliveriesRetryCommand(s *setup) *cobra.Command {
	c := &cobra.Command{
		Use:   "retry KEY",
		Short: "Have a dead message sent again, under a key of its own",
		Long: `Retry has a dead message sent again: with what it said then, and the configuration that there is now.
The program that serves is asked; where none does, it is sent when one does.`,
		Example: `  tocsin deliveries retry 4f0c2a9d8b7e6f5a4f0c2a9d8b7e6f5a`,
		Args:    cobra.ExactArgs(1),
		RunE:    func(c *cobra.Command, args []string) error { return s.retryDelivery(c.Context(), args[0]) },
	}
	s.storeFlag(c)
	s.serverFlag(c)
	s.outputFlag(c, "text", "json")
	return c
}

func deliveryStates() []string {
	var names []string
	for _, s := range []store.State{
		store.Pending, store.Sending, store.Unknown, store.Confirmed, store.Dead, store.Suppressed, store.Superseded,
	} {
		names = append(names, string(s))
	}
	return names
}

// asked is what the flags ask for.
func (d *deliveriesCommand) asked(now time.Time) (store.DeliveryFilter, error) {
	f := d.filter
	if d.state != "" && !slices.Contains(deliveryStates(), d.state) {
		return f, usage("they are pending, sending, unknown, confirmed, dead, suppressed, superseded", "unknown state %q", d.state)
	}
	f.State = store.State(d.state)
	if f.Limit < 1 || f.Limit > 1000 {
		return f, usage("give a number from 1 to 1000", "--limit %d", f.Limit)
	}
	if d.since != "" {
		span, err := workflows.ParseDuration(d.since)
		if err != nil || span <= 0 {
			return f, usage("such as 30m, 24h or 7d", "--since %q is no time", d.since)
		}
		f.Since = now.Add(-span)
	}
	return f, nil
}

func (d *deliveriesCommand) list(ctx context.Context) error {
	now := time.Now()
	filter, err := d.asked(now)
	if err != nil {
		return err
	}
	return d.look(ctx, func(c *client) error {
		list, err := c.deliveries(ctx, filter)
		return d.listed(list, now, err)
	}, func(st *store.Store) error {
		list, err := st.Deliveries(ctx, filter)
		return d.listed(list, now, err)
	})
}

// listed prints messages, unless they could not be had.
func (d *deliveriesCommand) listed(list []store.Delivery, now time.Time, err error) error {
	switch {
	case err != nil:
		return err
	case d.output == "json":
		return d.writeDeliveries(list)
	}
	return d.printDeliveries(list, now)
}

// A deliveryLine is a message as JSON.
type deliveryLine struct {
	Key         string     `json:"key"`
	State       string     `json:"state"`
	Destination string     `json:"destination"`
	Workflow    string     `json:"workflow"`
	Action      string     `json:"action"`
	Run         string     `json:"run"`
	Item        int        `json:"item,omitempty"`
	Kind        string     `json:"kind,omitempty"`
	Severity    string     `json:"severity,omitempty"`
	Attempts    int        `json:"attempts"`
	Created     time.Time  `json:"created"`
	Next        *time.Time `json:"next"`  // null: it is not tried again
	Ended       *time.Time `json:"ended"` // null: it is under way
	Reason      string     `json:"reason,omitempty"`
}

func (d *deliveriesCommand) writeDeliveries(list []store.Delivery) error {
	lines := make([]deliveryLine, len(list))
	for i, x := range list {
		lines[i] = deliveryLine{
			Key: x.Key, State: string(x.State), Destination: x.Destination, Workflow: x.Workflow, Action: x.Action, Run: x.Run, Item: x.Item,
			Kind: x.Kind, Severity: x.Severity, Attempts: x.Attempts, Created: x.Created, Reason: x.Reason,
		}
		if x.State.Ended() {
			lines[i].Ended = &x.Ended
		} else {
			lines[i].Next = &x.Next
		}
	}
	return d.json(struct {
		Deliveries []deliveryLine `json:"deliveries"`
	}{lines})
}

func (d *deliveriesCommand) printDeliveries(list []store.Delivery, now time.Time) error {
	if len(list) == 0 {
		_, err := fmt.Fprintln(d.stdout, "no messages")
		return err
	}
	w := tabwriter.NewWriter(d.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "KEY\tSTATE\tTO\tWORKFLOW\tACTION\tSINCE\tATTEMPTS\tNEXT\tWHY")
	for _, x := range list {
		next := "-"
		if !x.State.Ended() {
			next = moment(x.Next, now)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%d\t%s\t%s\n", clean(x.Key), x.State, clean(x.Destination), clean(x.Workflow), clean(x.Action),
			moment(x.Created, now), x.Attempts, next, clean(cut(firstLine(x.Reason), 100)))
	}
	return w.Flush()
}

// retryDelivery has a dead message sent again.
func (s *setup) retryDelivery(ctx context.Context, key string) error {
	var again struct{ Key string }
	if c, err := s.remote(); err != nil {
		return err
	} else if c == nil { // it is not made here
		if err := s.withStore(ctx, func(*store.Store) error { return nil }); err != nil {
			return err
		}
	}
	when := ""
	err := s.change(ctx, func(c *client) error {
		return c.ask(ctx, "POST", "/api/v1/deliveries/"+url.PathEscape(key)+"/retry", nil, &again)
	}, func(st *store.Store) error {
		again.Key, when = newRunID(), ", when \"tocsin serve\" runs"
		switch err := st.Revive(ctx, key, again.Key); {
		case errors.Is(err, store.ErrNotFound):
			return usage(`"tocsin deliveries" lists them`, "no message %s", key)
		case errors.Is(err, store.ErrAlive):
			return usage(`"tocsin deliveries --state dead" lists those that are`, "%v", err)
		case err != nil:
			return err
		}
		return audit(ctx, st, "deliveries retry", key, "as "+again.Key)
	})
	if err != nil {
		return err
	}
	if s.output == "json" {
		return s.json(map[string]string{"key": again.Key, "of": key})
	}
	_, err = fmt.Fprintf(s.stdout, "%s is sent again as %s%s\n", key, again.Key, when)
	return err
}
