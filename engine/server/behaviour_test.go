package server

import (
	"bufio"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"tocsin/engine"
	"tocsin/engine/ingest"
	"tocsin/engine/schedule"
	"tocsin/providers"
)

// A stream has the events of a run as they happen, goes on after the last that somebody
// saw, and ends with the run.
func TestStream(t *testing.T) {
	w := newWorld(t)
	w.want(201, "PUT", "/api/v1/workflows/slow", slow)
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
	close(w.gate)
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

// slow is a workflow whose step waits for the world's gate.
const slow = "workflow:\n  id: slow\n  triggers: [{type: manual}]\n  steps:\n    - name: wait\n      provider: {type: gated, with: {}}\n"

// waiting is a provider whose steps wait for gate.
func waiting(gate <-chan struct{}) providers.Provider {
	return providers.Define(providers.Definition[gated]{
		Type: "gated", Title: "Gated", Summary: "Wait for the test.",
		Open:  providers.Open(func(context.Context, struct{}, providers.Env) (gated, error) { return gated{gate}, nil }),
		Query: providers.Call(gated.wait),
	})
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
	s.want(201, "PUT", "/api/v1/workflows/slow", slow)
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
	list = slices.DeleteFunc(list, func(u schedule.Unfinished) bool { return u.Job.Lane() == schedule.ClockLane })
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
	must(t, w.s.catalog().Load(t.Context(), schedule.FromDisk, schedule.Source{Name: "x.yaml", Text: []byte("workflow: {id: x, stepz: []}")}))
	if a := w.want(200, "GET", "/api/v1/problems", nil); !strings.Contains(a.body, "stepz") {
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
	w.want(400, "POST", "/alerts/event", "{")
	w.s.Metrics.Delivered("confirmed")
	w.until("/metrics", func(a answer) bool {
		return strings.Contains(a.body, `tocsin_runs_total{status="done",workflow="disk"} 1`)
	})
	text := w.want(200, "GET", "/metrics", nil).body
	documentation, err := os.ReadFile("README.md")
	must(t, err)
	for _, name := range regexp.MustCompile("`(tocsin_[a-z_]+)`").FindAllStringSubmatch(string(documentation), -1) {
		if !strings.Contains(text, "\n# HELP "+name[1]+" ") {
			t.Errorf("no %s, which is documented", name[1])
		}
	}
	for _, name := range regexp.MustCompile("(?m)^# HELP (tocsin_[a-z_]+)").FindAllStringSubmatch(text, -1) {
		if !strings.Contains(string(documentation), "`"+name[1]+"`") {
			t.Errorf("%s is not documented", name[1])
		}
	}
}

// When the program ends, requests that are under way are answered, and streams end.
func TestShutdown(t *testing.T) {
	w := newWorld(t)
	w.want(201, "PUT", "/api/v1/workflows/slow", slow)
	run := w.want(202, "POST", "/api/v1/workflows/slow/run", m{}).text(t, "run")
	w.until("/api/v1/runs/"+run, func(a answer) bool { return a.status == 200 })
	lines := w.stream(run, "")
	<-lines
	conn := dial(t, w)
	defer conn.Close()
	fmt.Fprint(conn, "POST /alerts/event HTTP/1.1\r\nHost: localhost\r\nContent-Length: 12\r\nContent-Type: application/json\r\nExpect: 100-continue\r\n\r\n")
	goOn := make([]byte, len("HTTP/1.1 100 Continue\r\n\r\n"))
	if _, err := io.ReadFull(conn, goOn); err != nil { // now it is under way
		t.Fatal(err)
	}
	fmt.Fprint(conn, "{\"name\"")
	ended := make(chan struct{})
	go func() { w.stop(); close(ended) }()
	for range lines { // until it ends
	}
	fmt.Fprint(conn, ":\"x\"}")
	text, _ := io.ReadAll(conn)
	if a := parseAnswer(t, text); a.status != 202 {
		t.Errorf("%d %s", a.status, a.body)
	}
	<-ended
}

// A store that cannot write takes nothing on, and says when to come again.
func TestUnwellStore(t *testing.T) {
	w := newWorld(t)
	w.stop()
	must(t, w.s.Store.Close())
	for _, path := range []string{"/alerts/event", "/api/v2/alerts", "/incidents", "/api/v1/heartbeats"} {
		req := httptest.NewRequest("POST", "http://localhost"+path, strings.NewReader(`{"name":"x","grace_seconds":60}`))
		req.RemoteAddr = "127.0.0.1:1"
		rec := httptest.NewRecorder()
		w.s.Handler().ServeHTTP(rec, req)
		if rec.Code != 503 || rec.Header().Get("Retry-After") == "" {
			t.Errorf("%s: %d %s", path, rec.Code, rec.Body)
		}
	}
}
