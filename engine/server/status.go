package server

import (
	"time"

	"tocsin/engine/schedule"
)

func statusRoutes() []route {
	return []route{
		get("/api/v1/status", reading, "How the process is.", showStatus),
		get("/api/v1/schedule", reading, "When triggers tick next, and which do not as they should; subscriptions; lanes.", showSchedule).takes(text("workflow", "Of this workflow.")),
		get("/api/v1/providers", reading, "Configurations of providers, without what is in them.", func(c *call) ([]providerView, error) {
			return c.s.configured(), nil
		}),
		get("/api/v1/whoami", reading, "Who you are here.", func(c *call) (whoami, error) { return c.whoami(), nil }),
	}
}

// A statusView is how the process is.
type statusView struct {
	Version   string    `json:"version"`
	Started   time.Time `json:"started"`
	Now       time.Time `json:"now"`
	Unwell    []string  `json:"unwell" doc:"What is wrong with the process itself; nothing where it is well."`
	Workflows int       `json:"workflows"`
	Problems  int       `json:"problems" doc:"Of workflow files, warnings left out."`
	Running   int       `json:"running"`
	Waiting   int       `json:"waiting"`
	Runs      int64     `json:"runs" doc:"That are kept, about."`
	Alerts    int64     `json:"alerts" doc:"Fingerprints that are known."`
	Bytes     int64     `json:"bytes" doc:"Of the store."`
}

func showStatus(c *call) (statusView, error) {
	st := c.s.Scheduler.State()
	v := statusView{
		Version: orElse(c.s.Version, "development"), Started: c.s.began, Now: c.s.Now(), Unwell: []string{}, Workflows: len(c.s.catalog().Items()),
	}
	v.Unwell = append(v.Unwell, c.s.unwell(st)...)
	for _, l := range st.Lanes {
		v.Running, v.Waiting = v.Running+l.Running, v.Waiting+l.Waiting
	}
	for _, p := range c.s.catalog().Problems() {
		if !p.Warning {
			v.Problems++
		}
	}
	kept, err := c.s.Store.Stats(c.Context())
	v.Runs, v.Alerts, v.Bytes = kept.Runs, kept.Alerts, kept.Bytes+kept.Journal
	return v, err
}

type scheduleView struct {
	Triggers      []triggerView      `json:"triggers" doc:"Of the clock."`
	Subscriptions []subscriptionView `json:"subscriptions"`
	Lanes         []laneView         `json:"lanes"`
}

type triggerView struct {
	Workflow string     `json:"workflow"`
	Trigger  string     `json:"trigger"`
	Disabled bool       `json:"disabled"`
	Next     *time.Time `json:"next,omitempty" doc:"Left out: never again."`
	Last     *time.Time `json:"last,omitempty" doc:"The last moment that was dealt with."`
	Outcome  string     `json:"outcome,omitempty" doc:"Of that."`
	Reason   string     `json:"reason,omitempty"`
	Stale    bool       `json:"stale" doc:"It did not tick for two periods."`
}

type subscriptionView struct {
	Workflow string     `json:"workflow"`
	Trigger  string     `json:"trigger"`
	Since    *time.Time `json:"since,omitempty" doc:"It listens since then; left out: it does not."`
	Last     *time.Time `json:"last,omitempty" doc:"When the last message came."`
	Alerts   uint64     `json:"alerts"`
	Runs     uint64     `json:"runs"`
	Gaps     uint64     `json:"gaps"`
	Held     bool       `json:"held" doc:"It waits for room in the queue."`
	Again    uint64     `json:"again" doc:"How often it began again."`
	Error    string     `json:"error,omitempty"`
}

type laneView struct {
	Lane    string     `json:"lane"`
	Waiting int        `json:"waiting"`
	Running int        `json:"running"`
	Workers int        `json:"workers"`
	Refused int        `json:"refused"`
	Oldest  *time.Time `json:"oldest,omitempty"`
}

func showSchedule(c *call) (scheduleView, error) {
	st := c.s.Scheduler.State()
	wanted := func(workflow string) bool {
		return c.query.Get("workflow") == "" || workflow == c.query.Get("workflow")
	}
	v := scheduleView{[]triggerView{}, []subscriptionView{}, []laneView{}}
	for _, t := range st.Triggers {
		if wanted(t.Workflow) {
			v.Triggers = append(v.Triggers, viewTrigger(t))
		}
	}
	for _, s := range st.Subscriptions {
		if wanted(s.Workflow) {
			v.Subscriptions = append(v.Subscriptions, subscriptionView{
				s.Workflow, s.Trigger, whenever(s.Since), whenever(s.Last), s.Alerts, s.Runs, s.Gaps, s.Held, s.Again, s.Error,
			})
		}
	}
	for _, l := range st.Lanes {
		v.Lanes = append(v.Lanes, laneView{string(l.Lane), l.Waiting, l.Running, l.Workers, l.Refused, whenever(l.Oldest)})
	}
	return v, nil
}

func viewTrigger(t schedule.TriggerState) triggerView {
	return triggerView{t.Workflow, t.Trigger, t.Disabled, whenever(t.Next), whenever(t.Last), string(t.Outcome), t.Reason, t.Stale}
}

// A providerView is a configuration of a provider.
type providerView struct {
	Name  string `json:"name"`
	Type  string `json:"type"`
	Title string `json:"title,omitempty"`
}

func (s *Server) configured() []providerView {
	list := []providerView{}
	if s.Providers == nil {
		return list
	}
	for _, p := range s.Providers() {
		v := providerView{Name: p.Name, Type: p.Type}
		if s.Registry != nil {
			if known, ok := s.Registry.Lookup(p.Type); ok {
				v.Title = known.Title
			}
		}
		list = append(list, v)
	}
	return list
}

type whoami struct {
	Tenant string   `json:"tenant_id" doc:"Keep's: there is one."`
	Name   string   `json:"name"`
	Role   string   `json:"role"`
	May    []string `json:"may"`
}

func (c *call) whoami() whoami {
	w := whoami{"keep", c.who.name, c.who.role, []string{}}
	for _, p := range c.who.may {
		w.May = append(w.May, p.name())
	}
	return w
}
