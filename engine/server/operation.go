package server

import (
	"fmt"
	"net/http"
	"time"
)

// operationRoutes are what operators and their tools ask of a process.
func operationRoutes() []route {
	return []route{
		get("/healthz", public, "Whether the process is alive: its loops tick.", healthz).or(503),
		get("/readyz", public, "Whether it can do its work: the store is open, workflows are loaded.", readyz).or(503),
		get("/-/healthy", public, "As /healthz, where Prometheus' tools look for it.", healthz).or(503),
		get("/-/ready", public, "As /readyz, where Prometheus' tools look for it.", readyz).or(503),
		get("/healthcheck", public, "Keep's: that somebody answers.", func(*call) (struct{}, error) { return struct{}{}, nil }),
		take("POST", "/-/reload", administrating, "Read the workflow files anew.", reload),
		get("/metrics", measuring, "Figures for Prometheus.", func(c *call) (streamed, error) {
			c.s.Metrics.ServeHTTP(c.w, c.Request)
			return streamed{}, nil
		}).sends("text/plain"),
		get("/api/v1/openapi.json", reading, "This document.", func(c *call) (form, error) { return document(routes(), c.s.Version), nil }),
	}
}

// A health says whether something is well. What is wrong is not said to everybody: see
// /api/v1/status.
type health struct {
	Status string `json:"status" doc:"ok, or in a few words what is wrong."`
}

// clockLimit is how long the clock may not have looked: it does every 30 s at least.
const clockLimit = time.Minute

func healthz(c *call) (health, error) {
	st := c.s.Scheduler.State()
	switch {
	case st.Dead != "":
		return c.unwell("the scheduler died")
	case st.Clock.IsZero() && c.s.Now().Sub(c.s.began) > clockLimit, !st.Clock.IsZero() && st.Now.Sub(st.Clock) > clockLimit:
		return c.unwell("the clock stands still")
	}
	return health{"ok"}, nil
}

func readyz(c *call) (health, error) {
	switch {
	case c.s.Store.Health() != nil:
		return c.unwell("the store is unwell")
	case !c.s.loaded.Load():
		return c.unwell("workflows are not loaded yet")
	}
	return health{"ok"}, nil
}

func (c *call) unwell(why string) (health, error) {
	c.status = http.StatusServiceUnavailable
	return health{why}, nil
}

// A reloaded says what a reload found.
type reloaded struct {
	Workflows int           `json:"workflows"`
	Problems  []problemView `json:"problems" doc:"A file with problems keeps the workflows of its last good text."`
}

func reload(c *call) (reloaded, error) {
	if c.s.Reload != nil {
		if err := c.s.Reload(c.kept()); err != nil {
			return reloaded{}, refuse(http.StatusConflict, "nothing was changed: %v", err)
		}
	}
	if err := c.s.LoadWorkflows(c.kept()); err != nil {
		return reloaded{}, err
	}
	return reloaded{len(c.s.catalog().Items()), viewProblems(c.s.catalog().Problems())}, nil
}

func seconds(d time.Duration) float64 { return d.Seconds() }

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
