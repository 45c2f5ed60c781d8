package server

import (
	"net/http"
	"strings"
	"time"

	"tocsin/engine/schedule"
	"tocsin/engine/store"
)

func deliveryRoutes() []route {
	return []route{
		get("/api/v1/deliveries", reading, "Notifications and what came of them, the newest first.", listDeliveries).takesPages(
			text("workflow", "Of this workflow."), text("run", "Of this run."), text("state", "pending, sending, unknown, confirmed, dead or suppressed."), text("key", "With this key."), text("destination", "To this destination."),
			text("since", "Not before this time."), text("until", "Not after this time.")),
		get("/api/v1/deliveries/{key}/retry", operating, "Send a dead notification again, under a key of its own.", func(c *call) (retried, error) {
			key := schedule.NewRun(c.s.Now())
			c.about(c.PathValue("key"), "as %s", key)
			err := c.s.Store.Revive(c.kept(), c.PathValue("key"), key)
			if err != nil && strings.Contains(err.Error(), "not dead") {
				err = refuse(http.StatusConflict, "%v", err)
			}
			if err == nil && c.s.Lane != nil {
				c.s.Lane.Wake()
			}
			return retried{key}, err
		}).by("POST").answers(202),
	}
}

type retried struct {
	Key string `json:"key" doc:"Of the new notification."`
}

// A deliveryView is a notification. What it says is not shown: it is sealed.
type deliveryView struct {
	Key         string     `json:"key"`
	Run         string     `json:"run"`
	Workflow    string     `json:"workflow"`
	Action      string     `json:"action"`
	Item        int        `json:"item,omitempty"`
	Provider    string     `json:"provider"`
	Config      string     `json:"config,omitempty"`
	Destination string     `json:"destination"`
	State       string     `json:"state"`
	Attempts    int        `json:"attempts"`
	Reason      string     `json:"reason,omitempty"`
	Kind        string     `json:"kind,omitempty" doc:"What it says of an alert that lasts."`
	Severity    string     `json:"severity,omitempty"`
	Created     time.Time  `json:"created"`
	Next        *time.Time `json:"next,omitempty" doc:"When it is tried again."`
	Ended       *time.Time `json:"ended,omitempty"`
}

type deliveryPage struct {
	Limit  int            `json:"limit"`
	Offset int            `json:"offset"`
	Items  []deliveryView `json:"items"`
}

func listDeliveries(c *call) (p deliveryPage, err error) {
	f := store.DeliveryFilter{
		Key: c.query.Get("key"), Run: c.query.Get("run"), Workflow: c.query.Get("workflow"), State: store.State(c.query.Get("state")),
		Destination: c.query.Get("destination"),
	}
	if f.Since, err = c.moment("since"); err != nil {
		return p, err
	}
	if f.Until, err = c.moment("until"); err != nil {
		return p, err
	}
	if f.Limit, f.Offset, err = c.page(100); err != nil {
		return p, err
	}
	list, err := c.s.Store.Deliveries(c.Context(), f)
	p = deliveryPage{f.Limit, f.Offset, []deliveryView{}}
	for _, d := range list {
		v := deliveryView{
			Key: d.Key, Run: d.Run, Workflow: d.Workflow, Action: d.Action, Item: d.Item, Provider: d.Provider, Config: d.Config,
			Destination: d.Destination, State: string(d.State), Attempts: d.Attempts, Reason: d.Reason, Kind: d.Kind, Severity: d.Severity, Created: d.Created, Ended: whenever(d.Ended),
		}
		if d.Ended.IsZero() {
			v.Next = whenever(d.Next)
		}
		p.Items = append(p.Items, v)
	}
	return p, err
}
