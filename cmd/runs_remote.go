package cmd

import (
	"context"
	"encoding/json"
	"math"
	"net/url"
	"strconv"
	"strings"
	"time"

	"tocsin/engine"
	"tocsin/engine/store"
	"tocsin/templating"
	"tocsin/templating/value"
	"tocsin/workflows"
)

// What "runs", "deliveries" and "alerts" list of a server elsewhere: the same as of a
// store, read out of its API.

// A remoteRun is a run as /api/v1/runs has it.
type remoteRun struct {
	ID, Workflow, Trigger, By, Reason string
	Status                            engine.Status
	Due, Started, Ended               time.Time
	Seconds                           float64
	Attempt                           int
}

func (r remoteRun) row() store.Run {
	return store.Run{
		ID: r.ID, Workflow: r.Workflow, Trigger: r.Trigger, By: r.By, Status: r.Status, Reason: r.Reason,
		Due: r.Due, Started: r.Started, Ended: r.Ended, Duration: span(r.Seconds), Attempt: r.Attempt,
	}
}

func span(seconds float64) time.Duration {
	return time.Duration(math.Round(seconds * float64(time.Second)))
}

// runs are what the server has of them.
func (c *client) runs(ctx context.Context, f store.RunFilter) (list []store.Run, total int, err error) {
	q := url.Values{"limit": {strconv.Itoa(f.Limit)}}
	if f.Workflow != "" {
		q.Set("workflow", f.Workflow)
	}
	var states []string
	for _, s := range f.Status {
		states = append(states, string(s))
	}
	q.Set("status", strings.Join(states, ","))
	since(q, f.Since)
	var page struct {
		Count int
		Items []remoteRun
	}
	if err := c.ask(ctx, "GET", "/api/v1/runs?"+q.Encode(), nil, &page); err != nil {
		return nil, 0, err
	}
	for _, r := range page.Items {
		list = append(list, r.row())
	}
	return list, page.Count, nil
}

func since(q url.Values, t time.Time) {
	if !t.IsZero() {
		q.Set("since", t.UTC().Format(time.RFC3339))
	}
}

// A data is a value of an answer: its keys keep their order.
type data struct{ v any }

// UnmarshalJSON is that of values.
func (d *data) UnmarshalJSON(text []byte) (err error) {
	d.v, err = value.DecodeJSON(text)
	return err
}

// A remoteCheck is a condition of a run.
type remoteCheck struct {
	Name, Type, Text, Fires, Words, Error string
	Held, Passed                          bool
	Tree                                  []remotePart
}

// A remotePart is a part of a condition; those behind it that are deeper are its own.
type remotePart struct {
	Depth       int
	Text, Error string
	Value       data
	Missing     bool
}

func (k remoteCheck) check() engine.Check {
	c := engine.Check{Name: k.Name, Type: k.Type, Text: k.Text, Fires: k.Fires, Words: k.Words, Error: k.Error, Held: k.Held, Passed: k.Passed}
	if parts, _ := explained(k.Tree, 0); len(parts) > 0 {
		c.Tree = &parts[0]
	}
	return c
}

// explained are the parts at that depth that list begins with, and what is left of it.
func explained(list []remotePart, depth int) (parts []templating.Explanation, rest []remotePart) {
	for len(list) > 0 && list[0].Depth >= depth {
		p := list[0]
		x := templating.Explanation{Text: p.Text, Value: p.Value.v, Missing: p.Missing, Error: p.Error}
		x.Parts, list = explained(list[1:], p.Depth+1)
		parts = append(parts, x)
	}
	return parts, list
}

// A remoteEvent is an event of a run.
type remoteEvent struct {
	Time                                 time.Time
	Event                                engine.Action
	Step, Kind, Provider, Status, Reason string
	Item, Attempt                        int
	Fired                                bool
	Check                                *remoteCheck
	With, Output                         data
}

func (e remoteEvent) event(r store.Run) engine.Event {
	out := engine.Event{
		Time: e.Time, Run: r.ID, Workflow: r.Workflow, Action: e.Event, Step: e.Step, Kind: workflows.Kind(e.Kind), Provider: e.Provider,
		Status: engine.Status(e.Status), Reason: e.Reason, Item: e.Item, Attempt: e.Attempt, Fired: e.Fired, With: e.With.v, Output: e.Output.v,
	}
	if e.Check != nil {
		c := e.Check.check()
		out.Check = &c
	}
	return out
}

// run is a run with its events, and what they add up to.
func (c *client) run(ctx context.Context, id string) (row store.Run, result *engine.Result, events []engine.Event, err error) {
	path := "/api/v1/runs/" + url.PathEscape(id)
	var run remoteRun
	if err := c.ask(ctx, "GET", path, nil, &run); err != nil {
		return row, nil, nil, err
	}
	var list []remoteEvent
	if err := c.ask(ctx, "GET", path+"/events", nil, &list); err != nil {
		return row, nil, nil, err
	}
	row = run.row()
	result = &engine.Result{Run: row.ID, Workflow: row.Workflow, Trigger: row.Trigger, Started: row.Started}
	for _, e := range list {
		event := e.event(row)
		events = append(events, event)
		result.Add(event)
	}
	result.Status, result.Reason, result.Duration = row.Status, row.Reason, row.Duration
	return row, result, events, nil
}

// deliveries are what the server has of messages.
func (c *client) deliveries(ctx context.Context, f store.DeliveryFilter) (list []store.Delivery, err error) {
	q := url.Values{"limit": {strconv.Itoa(f.Limit)}}
	for name, v := range map[string]string{"workflow": f.Workflow, "run": f.Run, "state": string(f.State), "destination": f.Destination} {
		if v != "" {
			q.Set(name, v)
		}
	}
	since(q, f.Since)
	var page struct {
		Items []struct {
			Key, Run, Workflow, Action, Provider, Config, Destination, State, Reason, Kind, Severity string
			Item, Attempts                                                                           int
			Created, Next, Ended                                                                     time.Time
		}
	}
	err = c.ask(ctx, "GET", "/api/v1/deliveries?"+q.Encode(), nil, &page)
	for _, d := range page.Items {
		list = append(list, store.Delivery{
			Key: d.Key, Run: d.Run, Workflow: d.Workflow, Action: d.Action, Item: d.Item, Provider: d.Provider, Config: d.Config, Destination: d.Destination,
			State: store.State(d.State), Attempts: d.Attempts, Reason: d.Reason, Created: d.Created, Next: d.Next, Ended: d.Ended, Kind: d.Kind, Severity: d.Severity,
		})
	}
	return list, err
}

// alerts are what the server has of them: of workflows, and those that came in.
func (c *client) alerts(ctx context.Context, limit int) (lines []alertLine, err error) {
	var episodes []struct {
		Workflow, Action, Alert, Status, Severity, Text, Run string
		Since, Ended, Told                                   time.Time
		Failures, Messages                                   int
		Acknowledged                                         *struct{ By string }
	}
	if err := c.ask(ctx, "GET", "/api/v1/episodes", nil, &episodes); err != nil {
		return nil, err
	}
	for _, e := range episodes {
		l := alertLine{
			Status: e.Status, Since: e.Since, Workflow: e.Workflow, Action: e.Action, Alert: e.Alert, Count: e.Failures,
			Told: e.Told, Messages: e.Messages, Text: e.Text, Run: e.Run,
		}
		if !e.Ended.IsZero() && e.Status == "resolved" {
			l.Ended = &e.Ended
		}
		if e.Acknowledged != nil && e.Status == "acknowledged" {
			l.By = e.Acknowledged.By
		}
		lines = append(lines, l)
	}
	var page struct{ Items []json.RawMessage }
	if err := c.ask(ctx, "GET", "/api/v1/alerts?limit="+strconv.Itoa(limit), nil, &page); err != nil {
		return nil, err
	}
	for _, text := range page.Items {
		v, err := value.DecodeJSON(text)
		if m, ok := v.(*value.Map); ok && err == nil {
			lines = append(lines, receivedLine(m))
		}
	}
	return lines, nil
}
