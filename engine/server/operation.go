package server

import (
	"fmt"
	"net/http"
	"time"
)

// operationRoutes are what operators and their tools ask of a process.
func operationRoutes() []route {
	return []route{
		get("/healthz", public, "Whether the process is well: its loops tick, its lanes move, the store takes what happens, somebody can be told.", healthz).or(503),
		get("/readyz", public, "Whether it can take things in: the store is open, workflows are loaded, there is room.", readyz).or(503),
		get("/-/healthy", public, "Whether the process is alive: its loops tick. What else is wrong a new process would not mend.", alive).or(503),
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
