package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tocsin/engine"
	"tocsin/engine/episode"
	"tocsin/engine/schedule"
	"tocsin/engine/store"
	"tocsin/providers"
	"tocsin/providers/mock"
	"tocsin/templating"
	"tocsin/templating/value"
	"tocsin/workflows"
	"tocsin/workflows/source"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// deepTests says that there is time: make deep.
func deepTests() bool { return os.Getenv("TOCSIN_DEEP") == "1" }

// A world is a server with everything behind it that is real, on a port of loopback.
type world struct {
	t   testing.TB
	s   *Server
	url string
	log *logged
	key string // sent with each request; "": none

	stop func()        // ends all parts, and returns when they have
	gate chan struct{} // steps of the provider gated wait for it
}

// disk is what the folder of workflows has.
const disk = `workflow:
  id: disk
  name: Disk
  description: says what alerts say
  triggers:
    - type: manual
    - type: interval
      value: 1h
    - type: alert
      filters: [{key: name, value: disk}]
    - type: incident
      events: [created, updated, deleted]
  inputs:
    - name: note
      type: string
      default: none
  actions:
    - name: tell
      provider:
        type: mock
        with: {message: "{{ alert.name }} {{ inputs.note }}"}
`

// newWorld starts a server; change sets it up before.
func newWorld(t testing.TB, change ...func(*Server)) *world {
	t.Helper()
	w := &world{t: t, log: &logged{}, gate: make(chan struct{})}
	log := slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	st, err := store.Open(t.Context(), store.Options{Path: filepath.Join(t.TempDir(), "tocsin.db"), Ballast: -1, Match: matching})
	must(t, err)
	reg := new(providers.Registry).With(mock.Provider, waiting(w.gate))
	pool := providers.NewPool(reg, providers.Env{})
	catalog := &schedule.Catalog{Compile: compiler(reg)}
	queue := &schedule.Local{}
	w.s = &Server{Store: st, Registry: reg, Book: &episode.Book{}, Log: log, Version: "test", Metrics: NewMetrics("test")}
	w.s.Listen.Address = "127.0.0.1:0"
	runner := func(j schedule.Job) engine.Runner {
		return engine.Runner{Pool: pool, Observe: w.s.Observe}
	}
	recorder := w.s.Metrics.Recorder(st)
	w.s.Scheduler = &schedule.Scheduler{Catalog: catalog, Queue: queue, Recorder: recorder, Runner: runner, Log: log}
	w.s.Worker = &schedule.Worker{Catalog: catalog, Queue: queue, Recorder: recorder, Runner: runner, Began: w.s.Metrics.Began, Drain: 50 * time.Millisecond, Log: log}
	for _, f := range change {
		f(w.s)
	}
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "disk.yaml"), []byte(disk), 0o600))
	folders := &schedule.Folders{Catalog: catalog, Dirs: []string{dir}}
	must(t, folders.Reload(t.Context()))
	if w.s.Reload == nil {
		w.s.Reload = folders.Reload
	}
	must(t, w.s.LoadWorkflows(t.Context()))
	w.run(pool)
	return w
}

// run runs all parts until the test is over.
func (w *world) run(pool *providers.Pool) {
	ctx, cancel := context.WithCancel(context.Background())
	bound := make(chan net.Addr, 1)
	w.s.Listen.Bound = func(a net.Addr) { bound <- a }
	var all sync.WaitGroup
	failed := make(chan error, 1)
	all.Go(func() { _ = w.s.Worker.Run(ctx) })
	all.Go(func() { _ = w.s.Scheduler.Run(ctx) })
	all.Go(func() {
		if err := w.s.Run(ctx); err != nil {
			failed <- err
		}
	})
	w.stop = sync.OnceFunc(func() {
		cancel()
		all.Wait()
	})
	w.t.Cleanup(func() {
		w.stop()
		_ = pool.Close()
		_ = w.s.Store.Close()
	})
	select {
	case at := <-bound:
		w.url = "http://" + at.String()
		if w.s.Listen.Cert != "" {
			w.url = "https://" + at.String()
		}
	case err := <-failed:
		w.t.Fatal(err)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func matching(cel string) (func(context.Context, *value.Map) bool, error) {
	e, err := templating.Language{Functions: engine.Functions()}.ParseCEL(cel)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, alert *value.Map) bool {
		held, err := e.Bool(ctx, &templating.Scope{Data: store.Fields(alert)})
		return held && err == nil
	}, nil
}

func compiler(reg *providers.Registry) func(schedule.Origin, string, []byte) ([]*engine.Program, source.Problems, error) {
	return func(_ schedule.Origin, name string, text []byte) ([]*engine.Program, source.Problems, error) {
		file, err := workflows.Parse(name, text)
		var problems source.Problems
		if err != nil && !errors.As(err, &problems) {
			return nil, nil, err
		}
		if file == nil || problems.Err() != nil {
			return nil, problems, nil
		}
		var programs []*engine.Program
		for _, w := range file.Workflows {
			p, ps, err := engine.Compile(w, engine.Library{Providers: reg, Functions: engine.Functions()})
			problems = append(problems, ps...)
			if err != nil && !errors.As(err, &problems) {
				return nil, nil, err
			}
			if p != nil {
				programs = append(programs, p)
			}
		}
		return programs, problems, nil
	}
}

// logged keeps what is logged.
type logged struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// client is for one test: it leaves no connection behind.
func client(t testing.TB) *http.Client {
	transport := &http.Transport{MaxIdleConnsPerHost: 16}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// An answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
}

// ask sends a request; a body that is neither "" nor a text is sent as JSON.
func (w *world) ask(method, path string, body any, headers ...string) answer {
	w.t.Helper()
	var r io.Reader
	kind := ""
	switch b := body.(type) {
	case nil:
	case string:
		r = strings.NewReader(b)
	default:
		text, err := json.Marshal(b)
		must(w.t, err)
		r, kind = bytes.NewReader(text), "application/json"
	}
	req, err := http.NewRequest(method, w.url+path, r)
	must(w.t, err)
	if kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	if w.key != "" {
		req.Header.Set("X-API-KEY", w.key)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		if headers[i] == "Host" {
			req.Host = headers[i+1]
		}
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := client(w.t).Do(req)
	must(w.t, err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	must(w.t, err)
	return answer{res.StatusCode, res.Header, string(text)}
}

// want is ask, and the test fails with another status.
func (w *world) want(status int, method, path string, body any, headers ...string) answer {
	w.t.Helper()
	a := w.ask(method, path, body, headers...)
	if a.status != status {
		w.t.Fatalf("%s %s: %d, want %d: %s", method, path, a.status, status, a.body)
	}
	return a
}

// at is what a path of keys and numbers leads to in the JSON of an answer.
func (a answer) at(t testing.TB, path ...any) any {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(a.body), &v); err != nil {
		t.Fatalf("%v: %s", err, a.body)
	}
	for _, p := range path {
		switch p := p.(type) {
		case string:
			m, _ := v.(map[string]any)
			v = m[p]
		case int:
			l, _ := v.([]any)
			if p >= len(l) {
				t.Fatalf("%v of %v is not there: %s", p, path, a.body)
			}
			v = l[p]
		}
	}
	return v
}

func (a answer) text(t testing.TB, path ...any) string {
	t.Helper()
	return fmt.Sprint(a.at(t, path...))
}

// makeKey makes a key of a role.
func (w *world) makeKey(role string, narrow ...string) string {
	w.t.Helper()
	key, _, err := CreateKey(w.t.Context(), w.s.Store, NewKey{Name: role + strings.Join(narrow, ""), Role: role, Scopes: narrow})
	must(w.t, err)
	w.s.guard.changed()
	return key
}

// until asks again and again until an answer is as it should be.
func (w *world) until(path string, good func(answer) bool) answer {
	w.t.Helper()
	var a answer
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); {
		if a = w.ask("GET", path, nil); good(a) {
			return a
		}
		<-time.After(10 * time.Millisecond)
	}
	w.t.Fatalf("%s: %d: %s", path, a.status, a.body)
	return a
}

// over waits until a run is over.
func (w *world) over(run string) answer {
	w.t.Helper()
	return w.until("/api/v1/runs/"+run, func(a answer) bool { return a.status == 200 && a.text(w.t, "status") != "running" })
}
