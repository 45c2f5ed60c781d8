package server

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"tocsin/engine/ingest"
	"tocsin/engine/store"
)

const (
	// heartbeatsEvery is how often is looked who did not give a sign of life.
	heartbeatsEvery = 5 * time.Second
	minGrace        = 5 * time.Second
	maxGrace        = 366 * 24 * time.Hour
	maxHeartbeats   = 10_000
)

func heartbeatRoutes() []route {
	return []route{
		get("/heartbeat/{token}", public, "Give a sign of life.", beat).changing(),
		get("/heartbeat/{token}", public, "Give a sign of life.", beat).by("POST"),
		get("/api/v1/heartbeats", reading, "Who is to give signs of life, and when they did.", listHeartbeats),
		send("POST", "/api/v1/heartbeats", operating, "Expect signs of life.", makeHeartbeat).answers(201),
		get("/api/v1/heartbeats/{name}", operating, "Expect none any more.", dropHeartbeat).by("DELETE"),
	}
}

// beat is a sign of life. Wrong tokens are guesses, as wrong keys are.
func beat(c *call) (done, error) {
	g, now := c.s.guard, c.s.Now()
	from := g.address(c.Request)
	if wait := g.guesses.left(from, now); wait > 0 {
		return done{}, later(http.StatusTooManyRequests, wait, "too many wrong tokens came from this address")
	}
	hash := hashKey(c.PathValue("token"))
	if wait := g.rate.take("heartbeat "+string(hash), now); wait > 0 && c.s.Limits.Ingest > 0 {
		return done{}, later(http.StatusTooManyRequests, wait, "too many signs of life")
	}
	err := c.s.Store.Beat(c.kept(), hash, now)
	if errors.Is(err, store.ErrNotFound) {
		g.guesses.take(from, now)
		return done{}, refuse(http.StatusNotFound, "nobody expects a heartbeat with this token")
	}
	return done{"ok"}, err
}

// A newHeartbeat says who is to give signs of life, and how often.
type newHeartbeat struct {
	Name         string  `json:"name"`
	GraceSeconds float64 `json:"grace_seconds" doc:"After how long without one an alert fires; at least 5."`
}

type madeHeartbeat struct {
	Name  string `json:"name"`
	Token string `json:"token" doc:"This once."`
	Path  string `json:"path" doc:"What to GET or POST."`
}

func makeHeartbeat(c *call, in newHeartbeat) (made madeHeartbeat, err error) {
	grace := time.Duration(in.GraceSeconds * float64(time.Second))
	switch {
	case strings.TrimSpace(in.Name) == "" || len(in.Name) > 100:
		return made, refuse(http.StatusBadRequest, "a heartbeat needs a name of at most 100 bytes")
	case !(in.GraceSeconds >= minGrace.Seconds() && in.GraceSeconds <= maxGrace.Seconds()):
		return made, refuse(http.StatusBadRequest, "grace_seconds is from %.0f to %.0f", minGrace.Seconds(), maxGrace.Seconds())
	}
	all, err := c.s.Store.Heartbeats(c.Context())
	if err != nil {
		return made, err
	}
	if len(all) >= maxHeartbeats {
		return made, refuse(http.StatusConflict, "there are %d heartbeats already", len(all))
	}
	for _, h := range all {
		if h.Name == in.Name {
			return made, refuse(http.StatusConflict, "there is a heartbeat %q already", in.Name)
		}
	}
	secret := make([]byte, 24)
	rand.Read(secret)
	token := base64.RawURLEncoding.EncodeToString(secret)
	c.about(in.Name, "")
	err = c.s.Store.PutHeartbeat(c.kept(), store.Heartbeat{Token: hashKey(token), Name: in.Name, Seen: c.s.Now(), Grace: grace})
	return madeHeartbeat{in.Name, token, "/heartbeat/" + token}, err
}

// A heartbeatView is somebody who is to give signs of life.
type heartbeatView struct {
	Name         string    `json:"name"`
	GraceSeconds float64   `json:"grace_seconds"`
	Seen         time.Time `json:"seen" doc:"The last sign of life, or when it was asked for."`
	Late         bool      `json:"late"`
}

func listHeartbeats(c *call) ([]heartbeatView, error) {
	all, err := c.s.Store.Heartbeats(c.Context())
	list := []heartbeatView{}
	for _, h := range all {
		list = append(list, heartbeatView{h.Name, seconds(h.Grace), h.Seen, c.s.late(h, c.s.Now())})
	}
	return list, err
}

func dropHeartbeat(c *call) (done, error) {
	all, err := c.s.Store.Heartbeats(c.Context())
	if err != nil {
		return done{}, err
	}
	for _, h := range all {
		if h.Name == c.PathValue("name") {
			return done{"deleted"}, c.s.Store.DropHeartbeat(c.kept(), h.Token)
		}
	}
	return done{}, fmt.Errorf("heartbeat: %w", store.ErrNotFound)
}

// late says that somebody should have given a sign of life. While we were away nobody
// could: the grace begins anew with us.
func (s *Server) late(h store.Heartbeat, now time.Time) bool {
	last := h.Seen
	if s.began.After(last) {
		last = s.began
	}
	return now.Sub(last) > h.Grace
}

// watchHeartbeats makes alerts of heartbeats that are late, until ctx is done.
func (s *Server) watchHeartbeats(ctx context.Context) {
	tick := time.NewTicker(heartbeatsEvery)
	defer tick.Stop()
	said := map[string]bool{}
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if err := s.lookForHeartbeats(ctx, said); err != nil && ctx.Err() == nil {
				s.Log.Error("heartbeats cannot be looked at", "problem", err)
			}
		}
	}
}

// lookForHeartbeats says of each heartbeat how it is, where that changed. said is what
// was said of it; of those that are not in it, it is what the store knows.
func (s *Server) lookForHeartbeats(ctx context.Context, said map[string]bool) error {
	all, err := s.Store.Heartbeats(ctx)
	if err != nil {
		return err
	}
	now := s.Now().UTC()
	for _, h := range all {
		late := s.late(h, now)
		was, known := said[h.Name]
		if !known {
			if was, err = s.fires(ctx, heartbeatID(h.Name)); err != nil {
				return err
			}
		}
		if late != was {
			if _, err := s.accept(ctx, store.Once{}, "heartbeat", []ingest.Alert{missing(h, late, now)}, now); err != nil {
				return err
			}
		}
		said[h.Name] = late
	}
	return nil
}

func heartbeatID(name string) string { return "heartbeat-" + hashText(name) }

// fires says that the newest alert of the fingerprint does.
func (s *Server) fires(ctx context.Context, fingerprint string) (bool, error) {
	f, err := s.Store.Alert(ctx, fingerprint)
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	return err == nil && textAt(f.Alert, "status") != "resolved", err
}

// missing is the alert about a heartbeat that is late, or is not any more.
func missing(h store.Heartbeat, late bool, now time.Time) ingest.Alert {
	a := ingest.Alert{
		"name": "heartbeat " + h.Name, "fingerprint": heartbeatID(h.Name), "source": []any{"heartbeat"}, "severity": "critical",
		"status": "resolved", "lastReceived": now.Format(time.RFC3339), "pushed": true, "labels": map[string]any{"heartbeat": h.Name},
		"message": fmt.Sprintf("%s gives signs of life again", h.Name),
	}
	if late {
		a["status"] = "firing"
		a["message"] = fmt.Sprintf("%s gave no sign of life since %s, which is longer than %s", h.Name, h.Seen.UTC().Format(time.RFC3339), h.Grace)
	}
	return a
}
