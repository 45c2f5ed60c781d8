package server

import (
	"context"
	"errors"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"tocsin/engine/store"
)

// A sender is a lane that says what it is told to say.
type sender struct {
	mu    sync.Mutex
	sick  error
	woken int
}

func (s *sender) Health() error { s.mu.Lock(); defer s.mu.Unlock(); return s.sick }
func (s *sender) Wake()         { s.mu.Lock(); defer s.mu.Unlock(); s.woken++ }

func (s *sender) is(sick error) { s.mu.Lock(); defer s.mu.Unlock(); s.sick = sick }

// What is wrong with a part is said in a few words to everybody, and in all words to those
// who may know.
func TestHealthOfMessages(t *testing.T) {
	var lane sender
	w := newWorld(t, func(s *Server) { s.Lane = &lane })
	w.until("/healthz", func(a answer) bool { return a.status == 200 })
	a := w.want(200, "GET", "/healthz", nil)
	if a.text(t, "status") != "ok" || !strings.Contains(a.body, `"lanes":[{"lane":"`) || strings.Count(a.body, `"status":"ok"`) != 1+len(w.s.Scheduler.State().Lanes) {
		t.Error(a.body)
	}
	lane.is(errors.New("messages to the fallback, slack ops, do not arrive"))
	if a := w.want(503, "GET", "/healthz", nil); a.text(t, "status") != "messages may not arrive" || a.text(t, "store") != "ok" || strings.Contains(a.body, "slack") {
		t.Error(a.body)
	}
	w.want(200, "GET", "/-/healthy", nil) // a new process would not mend it
	w.want(200, "GET", "/readyz", nil)    // and what comes in is taken in
	if a := w.want(200, "GET", "/api/v1/status", nil); !strings.Contains(a.body, "messages: messages to the fallback, slack ops, do not arrive") {
		t.Error(a.body)
	}
	if a := w.want(200, "GET", "/metrics", nil); !strings.Contains(a.body, "\ntocsin_healthy 0\n") {
		t.Error("tocsin_healthy is not 0")
	}
	lane.is(nil)
	w.want(200, "GET", "/healthz", nil)
}

// A store for which there is no room is unwell, which a new process does not mend.
func TestHealthOfTheStore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tocsin.db")
	must(t, os.MkdirAll(path+".ballast", 0o700)) // what keeps room cannot be written
	full, err := store.Open(t.Context(), store.Options{Path: path, Ballast: 1})
	must(t, err)
	w := newWorld(t, func(s *Server) {
		usual := s.Store
		t.Cleanup(func() { usual.Close() })
		s.Store = full
	})
	for path, status := range map[string]int{"/healthz": 503, "/readyz": 503, "/-/ready": 503, "/-/healthy": 200} {
		if a := w.want(status, "GET", path, nil); a.text(t, "store") != "the store is unwell" {
			t.Errorf("%s: %s", path, a.body)
		}
	}
}

// A clock that stands still is one that a new process would set going.
func TestHealthOfTheClock(t *testing.T) {
	w := newWorld(t)
	w.until("/api/v1/status", func(a answer) bool { return strings.Contains(a.body, `"unwell":[]`) })
	w.stop()
	later := time.Now().Add(time.Hour)
	w.s.Scheduler.Now = func() time.Time { return later }
	for _, path := range []string{"/healthz", "/-/healthy"} {
		rec, req := httptest.NewRecorder(), httptest.NewRequest("GET", "http://localhost"+path, nil)
		req.RemoteAddr = "127.0.0.1:1"
		w.s.Handler().ServeHTTP(rec, req)
		if rec.Code != 503 || !strings.Contains(rec.Body.String(), `"status":"the clock stands still"`) {
			t.Errorf("%s: %d %s", path, rec.Code, rec.Body)
		}
	}
}

// Whoever sends a dead message again has the lane look at it at once.
func TestRetryWakesTheLane(t *testing.T) {
	var lane sender
	w := newWorld(t, func(s *Server) { s.Lane = &lane })
	must(t, w.s.Store.Intend(t.Context(), store.Delivery{Key: "k1", Workflow: "w", Action: "a", Provider: "mock", Destination: "mock", State: store.Dead}))
	w.want(202, "POST", "/api/v1/deliveries/k1/retry", nil)
	if lane.mu.Lock(); lane.woken != 1 {
		t.Errorf("woken %d times", lane.woken)
	}
	lane.mu.Unlock()
}

// An alert of the program itself starts what waits for alerts, but not where it is not to.
func TestRaise(t *testing.T) {
	w := newWorld(t)
	w.want(201, "PUT", "/api/v1/workflows/told", "workflow:\n  id: told\n  triggers: [{type: alert, filters: [{key: source, value: tocsin}]}]\n  steps: [{name: s, provider: {type: mock, with: {}}}]\n")
	alert := func(n string) map[string]any {
		return map[string]any{"name": "messages do not arrive", "fingerprint": "delivery-" + n, "status": "firing", "source": []any{"tocsin"}, "lastReceived": "2026-01-31T09:00:00Z"}
	}
	ctx := context.Background()
	must(t, w.s.Raise(ctx, alert("1"), false))
	must(t, w.s.Raise(ctx, alert("2"), true))
	must(t, w.s.Raise(ctx, alert("2"), true)) // the same again is no news

	w.until("/api/v1/runs?workflow=told", func(a answer) bool { return strings.Contains(a.body, `"fingerprint":"delivery-2"`) })
	if runs, _, err := w.s.Store.Runs(ctx, store.RunFilter{Workflow: "told"}); err != nil || len(runs) != 1 {
		t.Errorf("%d runs, %v", len(runs), err)
	}
	for _, n := range []string{"1", "2"} {
		if a := w.want(200, "GET", "/api/v1/alerts/delivery-"+n, nil); a.text(t, "status") != "firing" {
			t.Error(a.body)
		}
	}
}
