package cmd

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tocsin/engine/schedule"
	"tocsin/engine/server"
	"tocsin/engine/store"
)

// A monitor is who waits for the heartbeat.
type monitor struct {
	mu    sync.Mutex
	beats []time.Duration // since it began
	begun time.Time
	down  bool
	wrong []string // with the program
}

func (m *monitor) set(down bool, wrong ...string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.down, m.wrong = down, wrong
}

func (m *monitor) unwell(context.Context) []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.wrong
}

func (m *monitor) RoundTrip(*http.Request) (*http.Response, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down {
		return nil, errors.New("connection refused")
	}
	m.beats = append(m.beats, time.Since(m.begun))
	return &http.Response{StatusCode: 200, Body: io.NopCloser(strings.NewReader("OK"))}, nil
}

// The heartbeat goes on while all is well, stops while something is wrong, and the log
// says why, once.
func TestHeartbeatIsWithheld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &monitor{begun: time.Now()}
		var log bytes.Buffer
		h := &heartbeat{
			url: "https://hc-ping.example/k3y", every: time.Minute, client: &http.Client{Transport: m},
			unwell: m.unwell, log: slog.New(slog.NewTextHandler(&log, nil)),
		}
		ctx, stop := context.WithCancel(t.Context())
		go h.run(ctx)
		time.Sleep(2*time.Minute + 10*time.Second) // 5 s, 1:05, 2:05
		m.set(false, "the store is full", "the queue is full")
		time.Sleep(3 * time.Minute)
		m.set(false)
		time.Sleep(time.Minute) // 6:05
		m.set(true)
		time.Sleep(2 * time.Minute)
		stop()
		synctest.Wait()
		want := []time.Duration{5 * time.Second, 65 * time.Second, 125 * time.Second, 365 * time.Second}
		if len(m.beats) != len(want) {
			t.Fatalf("beats at %v, want %v", m.beats, want)
		}
		for i := range want {
			if m.beats[i] != want[i] {
				t.Errorf("beats at %v, want %v", m.beats, want)
			}
		}
		for _, line := range []string{`msg="the heartbeat is withheld" reason="the store is full; the queue is full"`, `msg="all is well again: the heartbeat goes on"`, `msg="nobody hears the heartbeat" error="hc-ping.example: connection refused"`} {
			if strings.Count(log.String(), line) != 1 {
				t.Errorf("not once: %s\n%s", line, log.String())
			}
		}
		if strings.Contains(log.String(), "k3y") {
			t.Errorf("the log has the key: %s", log.String())
		}
	})
}

// What a heartbeat asks are the parts themselves: each fault is provoked.
func TestUnwell(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tocsin.db")
	st, err := store.Open(t.Context(), store.Options{Path: path, Ballast: -1})
	if err != nil {
		t.Fatal(err)
	}
	queue := &schedule.Local{Capacity: 1}
	s := &schedule.Scheduler{Catalog: &schedule.Catalog{}, Queue: queue, Recorder: st}
	lane := &sickLane{}
	f := &fleet{store: st, scheduler: s, api: &server.Server{Store: st, Scheduler: s, Lane: lane}}
	is := func(want string) {
		t.Helper()
		got := strings.Join(f.unwell(t.Context()), "; ")
		if want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	}
	is("the clock has not started")
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { _ = s.Run(ctx) })
	for len(s.State().Unwell()) > 0 {
		time.Sleep(time.Millisecond)
	}
	is("")
	lane.sick = errors.New("nobody could be told")
	is("messages: nobody could be told")
	lane.sick = nil
	job := schedule.Job{Run: "r1", Workflow: "w", By: "an alert", Due: time.Now(), Attempt: 1}
	job.Input.Run, job.Input.Trigger = "r1", "alert"
	if err := st.Put(t.Context(), job); err != nil {
		t.Fatal(err)
	}
	if err := s.Put(t.Context(), job); err != nil {
		t.Fatal(err)
	}
	is("the queue is full") // nobody works
	stop()
	running.Wait()
	s.Now = func() time.Time { return time.Now().Add(time.Hour) }
	is("the clock stands still since ")
	is("runs of the lane ")
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	is("the store does not take what happens: ")
}

type sickLane struct{ sick error }

func (l *sickLane) Health() error { return l.sick }
func (l *sickLane) Wake()         {}
