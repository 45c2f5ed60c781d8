package server

import (
	"net/http"
	"time"

	"tocsin/engine/schedule"
)

// A Sender sends the messages of runs.
type Sender interface {
	// Health says why messages may not arrive; nil: there is no reason.
	Health() error
	// Wake says that there is something to send that no run has brought.
	Wake()
}

// Unwell says in words what is wrong with the process itself; nothing where it is well.
// That a workflow fails, or somebody who is to be told is away, is none of it.
func (s *Server) Unwell() []string { return s.unwell(s.Scheduler.Summary()) }

func (s *Server) unwell(st schedule.State) []string {
	words := st.Unwell()
	if err := s.Store.Health(); err != nil {
		words = append(words, "the store: "+err.Error())
	}
	if s.Scheduler.Full() {
		words = append(words, "the queue is full")
	}
	if s.Lane != nil {
		if err := s.Lane.Health(); err != nil {
			words = append(words, "messages: "+err.Error())
		}
	}
	return words
}

// A health says whether the parts of the process are well. What is wrong with them is not
// said to everybody: see /api/v1/status.
type health struct {
	Status   string       `json:"status" doc:"ok, or in a few words what is wrong."`
	Clock    string       `json:"clock" doc:"ok, or that it stands still."`
	Store    string       `json:"store" doc:"ok, or that it is unwell."`
	Messages string       `json:"messages" doc:"ok, or that they may not arrive."`
	Lanes    []laneHealth `json:"lanes"`
}

type laneHealth struct {
	Lane   string `json:"lane"`
	Status string `json:"status" doc:"ok, or that it is stuck."`
}

const well = "ok"

// clockLimit is how long the clock may not have looked: it does every 30 s at least.
const clockLimit = time.Minute

// health is how the parts are.
func (s *Server) health() health {
	st := s.Scheduler.State()
	h := health{well, s.clock(st), well, well, []laneHealth{}}
	if s.Store.Health() != nil {
		h.Store = "the store is unwell"
	}
	if s.Lane != nil && s.Lane.Health() != nil {
		h.Messages = "messages may not arrive"
	}
	for _, l := range st.Lanes {
		part := laneHealth{string(l.Lane), well}
		if l.Stuck(st.Now) {
			part.Status = "the lane is stuck"
		}
		h.Lanes = append(h.Lanes, part)
	}
	return h
}

// clock is whether the loops of the scheduler tick.
func (s *Server) clock(st schedule.State) string {
	switch {
	case st.Dead != "":
		return "the scheduler died"
	case st.Clock.IsZero() && s.Now().Sub(s.began) > clockLimit, !st.Clock.IsZero() && st.Now.Sub(st.Clock) > clockLimit:
		return "the clock stands still"
	}
	return well
}

// healthz is for those who watch the process.
func healthz(c *call) (health, error) {
	h := c.s.health()
	parts := []string{h.Clock, h.Store, h.Messages}
	for _, l := range h.Lanes {
		parts = append(parts, l.Status)
	}
	return c.judged(h, parts...), nil
}

// alive is for those who start it anew if it is not: only what that mends counts.
func alive(c *call) (health, error) {
	h := c.s.health()
	return c.judged(h, h.Clock), nil
}

// readyz is for those who send things its way.
func readyz(c *call) (health, error) {
	h := c.s.health()
	loaded, room := well, well
	if !c.s.loaded.Load() {
		loaded = "workflows are not loaded yet"
	}
	if c.s.Scheduler.Full() {
		room = "the queue is full"
	}
	return c.judged(h, h.Store, loaded, room), nil
}

// judged is h with the first of the parts that is not well; then the answer is 503.
func (c *call) judged(h health, parts ...string) health {
	for _, part := range parts {
		if part != well {
			h.Status, c.status = part, http.StatusServiceUnavailable
			break
		}
	}
	return h
}
