package server

import (
	"bufio"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"tocsin/engine"
	"tocsin/engine/ingest"
	"tocsin/engine/schedule"
	"tocsin/providers"
	"tocsin/workflows/source"
)

// A stream has the events of a run as they happen, goes on after the last that somebody
// saw, and ends with the run.
func TestStream(t *testing.T) {
	w := newWorld(t)
	gate := make(chan struct{})
	w.withSlow(gate)
	run := w.want(202, "POST", "/api/v1/workflows/slow/run", m{}).text(t, "run")
	w.until("/api/v1/runs/"+run, func(a answer) bool { return a.status == 200 })
	lines, first := w.stream(run, ""), ""
	for line := range lines {
		if strings.HasPrefix(line, "event: call") {
			break
		}
		if strings.HasPrefix(line, "id: ") && first == "" {
			first = line
		}
	}
	close(gate)
	last := ""
	for line := range lines {
		if strings.HasPrefix(line, "event: ") {
			last = line
		}
	}
	if first != "id: 1" || last != "event: over" {
		t.Errorf("from %q to %q", first, last)
	}
	again := ""
	for line := range w.stream(run, "2") {
		if strings.HasPrefix(line, "id: ") && again == "" {
			again = line
		}
	}
	if again != "id: 3" {
		t.Errorf("it went on with %q", again)
	}
	w.want(400, "GET", "/api/v1/runs/"+run+"/events", nil, "Accept", "text/event-stream", "Last-Event-ID", "x")
	w.want(404, "GET", "/api/v1/runs/nothing/events", nil, "Accept", "text/event-stream")
}

// stream is what a stream says, line by line, until it ends.
func (w *world) stream(run, after string) <-chan string {
	req, err := http.NewRequestWithContext(w.t.Context(), "GET", w.url+"/api/v1/runs/"+run+"/events", nil)
	must(w.t, err)
	req.Header.Set("Accept", "text/event-stream")
	if after != "" {
		req.Header.Set("Last-Event-ID", after)
	}
	res, err := client(w.t).Do(req)
	must(w.t, err)
	if kind := res.Header.Get("Content-Type"); res.StatusCode != 200 || kind != "text/event-stream" {
		w.t.Fatalf("%d %s", res.StatusCode, kind)
	}
	lines := make(chan string)
	go func() {
		defer close(lines)
		defer res.Body.Close()
		for sc := bufio.NewScanner(res.Body); sc.Scan(); {
			lines <- sc.Text()
		}
	}()
	return lines
}

// withSlow adds a workflow whose step waits for gate.
func (w *world) withSlow(gate <-chan struct{}) {
	slow := providers.Define(providers.Definition[gated]{
		Type: "gated", Title: "Gated", Summary: "Wait for the test.", Open: providers.Open(func(context.Context, struct{}, providers.Env) (gated, error) { return gated{gate}, nil }),
		Query: providers.Call(gated.wait),
	})
	reg := new(providers.Registry).With(slow)
	w.s.catalog().Compile = compiler(reg)
	pool := providers.NewPool(reg, providers.Env{})
	w.t.Cleanup(func() { _ = pool.Close() })
	w.s.Worker.Runner = func(schedule.Job) engine.Runner { return engine.Runner{Pool: pool, Observe: w.s.Observe} }
	text := "workflow:\n  id: slow\n  triggers: [{type: manual}]\n  steps:\n    - name: wait\n      provider: {type: gated, with: {}}\n"
	w.want(201, "PUT", "/api/v1/workflows/slow", text)
}

type gated struct{ gate <-chan struct{} }

func (g gated) wait(ctx context.Context, _ struct{}) (any, error) {
	select {
	case <-g.gate:
		return "done", nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func TestCancel(t *testing.T) {
	s := newScene(t)
	s.withSlow(make(chan struct{}))
	run := s.want(202, "POST", "/api/v1/workflows/slow/run", m{}).text(t, "run")
	s.until("/api/v1/runs/"+run, func(a answer) bool { return a.status == 200 })
	s.does(202, "POST /api/v1/runs/{id}/cancel", []any{run}, nil)
	if a := s.over(run); a.text(t, "status") != "canceled" || !strings.Contains(a.body, "by local") {
		t.Error(a.body)
	}
}

// Keep's way to run a workflow that is not kept is handed to whoever can.
func TestTry(t *testing.T) {
	var got engine.Input
	s := newScene(t, func(srv *Server) {
		srv.Try = func(_ context.Context, _ []byte, in engine.Input) (string, error) { got = in; return "test_1", nil }
	})
	s.does(200, "POST /workflows/test", nil, m{"workflow_raw": uploaded, "type": "alert", "body": m{"name": "x"}, "inputs": m{"a": 1}})
	if got.Alert["name"] != "x" || fmt.Sprint(got.Inputs["a"]) != "1" {
		t.Errorf("%+v", got)
	}
	s.does(400, "POST /workflows/test", nil, m{"workflow_raw": "workflow: {id: x, stepz: []}"})
}

// A heartbeat that is late is an alert, once; when it comes it is over.
func TestHeartbeatAlerts(t *testing.T) {
	var c clock
	w := newWorld(t, func(s *Server) { s.Now = c.now })
	token := w.want(201, "POST", "/api/v1/heartbeats", m{"name": "cron", "grace_seconds": 60}).text(t, "token")
	status := func() string {
		a := w.ask("GET", "/alerts/"+heartbeatID("cron"), nil)
		if a.status == 404 {
			return "none"
		}
		return a.text(t, "status")
	}
	look := func(said map[string]bool) string {
		t.Helper()
		must(t, w.s.lookForHeartbeats(t.Context(), said))
		return status()
	}
	said := map[string]bool{}
	if got := look(said); got != "none" {
		t.Error(got)
	}
	c.pass(50 * time.Second)
	w.want(200, "GET", "/heartbeat/"+token, nil)
	c.pass(50 * time.Second)
	if got := look(said); got != "none" {
		t.Error(got)
	}
	c.pass(20 * time.Second)
	if got := look(said); got != "firing" {
		t.Error(got)
	}
	c.pass(time.Hour)
	look(said)
	look(map[string]bool{}) // as after the program was started anew
	if h := w.want(200, "GET", "/alerts/"+heartbeatID("cron")+"/history", nil); len(h.at(t).([]any)) != 1 {
		t.Error(h.body)
	}
	w.want(200, "POST", "/heartbeat/"+token, nil)
	if got := look(said); got != "resolved" {
		t.Error(got)
	}
	if strings.Contains(w.log.String(), token) {
		t.Error("the log has the token in it")
	}
}

// A delivery with a good signature needs no key; one that was changed, or comes a second
// time, is refused: also after the program was started anew (reliability.md, H1).
func TestSignedDeliveries(t *testing.T) {
	secret := "it is a secret"
	w := newWorld(t, func(s *Server) {
		s.Checks = map[string]ingest.Check{"keep": {Scheme: "hub", Secrets: []string{secret}}}
	})
	w.makeKey("viewer")
	sign := func(body string) string {
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write([]byte(body))
		return "sha256=" + hex.EncodeToString(mac.Sum(nil))
	}
	body := `{"name":"signed","n":1}`
	w.want(202, "POST", "/alerts/event", body, "X-Hub-Signature-256", sign(body))
	w.want(401, "POST", "/alerts/event", body, "X-Hub-Signature-256", sign(body))
	w.want(401, "POST", "/alerts/event", body+" ", "X-Hub-Signature-256", sign(body))
	w.want(401, "POST", "/alerts/event", body)
	w.want(401, "POST", "/alerts/event/grafana", body, "X-Hub-Signature-256", sign(body))
	w.want(401, "POST", "/api/v2/alerts", body, "X-Hub-Signature-256", sign(body))
	w.want(401, "GET", "/alerts", nil, "X-Hub-Signature-256", sign(""))
	for i := range 200 {
		body := fmt.Sprintf(`{"name":"signed","n":%d}`, i+2)
		if a := w.ask("POST", "/alerts/event", body, "X-Hub-Signature-256", sign(body)); a.status != 202 && a.status != 429 {
			t.Fatalf("%d %s", a.status, a.body)
		}
	}
}

// What was accepted is on disk before it is said, with what it starts: both are there in
// a store that was never closed.
func TestAcceptedIsOnDisk(t *testing.T) {
	w := newWorld(t, func(s *Server) { s.Worker.Queue = &schedule.Local{} }) // nobody works
	w.want(202, "POST", "/alerts/event", m{"name": "disk", "fingerprint": "d1"})
	list, err := w.s.Store.Unfinished(t.Context())
	must(t, err)
	if len(list) != 1 || list[0].Job.Workflow != "disk" || list[0].Job.Input.Alert["fingerprint"] != "d1" {
		t.Errorf("%+v", list)
	}
}

// A batch of which a part is wrong: the rest is taken in, the sender hears of it, and
// what came is kept for people to look at (reliability.md, H2).
func TestHalfGoodBatch(t *testing.T) {
	w := newWorld(t)
	a := w.want(422, "POST", "/api/v2/alerts", []any{m{"labels": m{"alertname": "Good"}}, m{"labels": 7}})
	if !strings.Contains(a.body, "alert 2") {
		t.Error(a.body)
	}
	if a := w.want(200, "GET", "/api/v2/alerts", nil); a.text(t, 0, "labels", "alertname") != "Good" {
		t.Error(a.body)
	}
	if a := w.want(200, "GET", "/alerts/event/error", nil); !strings.Contains(a.text(t, 0, "raw_alert"), "Good") {
		t.Error(a.body)
	}
}

// A file that is wrong keeps its last good workflows, and says so.
func TestReloadSaysWhatIsWrong(t *testing.T) {
	w := newWorld(t)
	w.s.catalog().Compile = func(name string, text []byte) ([]*engine.Program, source.Problems, error) {
		return nil, source.Problems{{Pos: source.Pos{File: name, Line: 1, Col: 1}, Code: source.BadSyntax, Message: "nothing is right any more"}}, nil
	}
	must(t, w.s.catalog().Load(t.Context(), schedule.FromDisk, schedule.Source{Name: "x.yaml", Text: []byte("x")}))
	if a := w.want(200, "GET", "/api/v1/problems", nil); !strings.Contains(a.body, "nothing is right any more") {
		t.Error(a.body)
	}
	if a := w.want(200, "GET", "/metrics", nil); !strings.Contains(a.body, "tocsin_workflow_problems 1") {
		t.Error("no figure of it")
	}
}

// The names of figures are what dashboards are made of: they do not change.
func TestMetricNames(t *testing.T) {
	w := newWorld(t)
	w.want(202, "POST", "/alerts/event", m{"name": "disk"})
	w.s.Metrics.Delivered("confirmed")
	w.until("/metrics", func(a answer) bool {
		return strings.Contains(a.body, `tocsin_runs_total{status="done",workflow="disk"} 1`)
	})
	text := w.want(200, "GET", "/metrics", nil).body
	for _, name := range []string{
		"tocsin_build_info", "tocsin_runs_total", "tocsin_run_duration_seconds_bucket", "tocsin_run_lateness_seconds_bucket", "tocsin_alerts_accepted_total",
		"tocsin_notifications_total", "tocsin_http_requests_total", "tocsin_http_request_duration_seconds_bucket", "tocsin_ticks_total", "tocsin_queue_jobs", "tocsin_queue_running",
		"tocsin_queue_workers", "tocsin_queue_refused_total", "tocsin_triggers_stale", "tocsin_workflows", "tocsin_workflow_problems", "tocsin_ticks_unwritten", "tocsin_ticks_lost_total",
		"tocsin_subscriptions", "tocsin_store_commits_total", "tocsin_store_commit_seconds_total", "tocsin_store_changes_total", "tocsin_store_change_seconds_bucket", "tocsin_store_bytes",
		"tocsin_store_queue", "tocsin_run_panics_total", "tocsin_runs_abandoned_total", "tocsin_runs_parked_total", "tocsin_healthy", "go_goroutines", "process_open_fds",
	} {
		if !strings.Contains(text, "\n"+name) {
			t.Errorf("no %s", name)
		}
	}
}
