package cmd_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"tocsin/cmd"
	"tocsin/providers/all"
)

// A collector takes spans, and what it watches is asked.
type collector struct {
	*httptest.Server
	mu     sync.Mutex
	spans  []spanJSON
	text   string   // of all requests
	told   []string // traceparent of requests to /watched
	status int      // of the answers to those
}

type spanJSON struct {
	TraceID, SpanID, ParentSpanID, Name string
	Status                              struct{ Code int }
}

func newCollector(t *testing.T) *collector {
	c := &collector{status: 200}
	c.Server = httptest.NewServer(http.HandlerFunc(c.serve))
	t.Cleanup(c.Close)
	return c
}

func (c *collector) serve(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if r.URL.Path != "/v1/traces" {
		c.told = append(c.told, r.Header.Get("Traceparent"))
		w.WriteHeader(c.status)
		return
	}
	var request struct {
		ResourceSpans []struct{ ScopeSpans []struct{ Spans []spanJSON } }
	}
	body, err := io.ReadAll(r.Body)
	if err != nil || json.Unmarshal(body, &request) != nil {
		w.WriteHeader(400)
		return
	}
	c.text += string(body)
	for _, rs := range request.ResourceSpans {
		for _, ss := range rs.ScopeSpans {
			c.spans = append(c.spans, ss.Spans...)
		}
	}
}

// all are the spans of that name.
func (c *collector) all(name string) []spanJSON {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(c.spans), func(s spanJSON) bool { return s.Name != name })
}

const theirs = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

// With the variables of OpenTelemetry a run has spans, in the trace of the CI job that
// started it, which who is asked is told of. No secret is in any of it.
func TestRunTraces(t *testing.T) {
	c := newCollector(t)
	c.status = 403
	environ := []string{"OTEL_EXPORTER_OTLP_ENDPOINT=" + c.URL, "OTEL_SERVICE_NAME=checks", "TRACEPARENT=" + theirs, "TOCSIN_SECRET_TOKEN=s3cret-0123456789"}
	file := filepath.Join(t.TempDir(), "w.yaml")
	text := `workflow:
  id: w
  steps:
    - name: ask
      provider: {type: http, with: {method: GET, fail_on_error: true, url: "` + c.URL + `/s3cret-0123456789", headers: {Authorization: "{{ secrets.TOKEN }}"}}}
      expect: ["'{{ secrets.TOKEN }}' == 'x'"]
`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	if code := cmd.Run(t.Context(), []string{"run", file}, environ, &stdout, &stderr, all.Registry()); code != 3 {
		t.Fatalf("exit code %d\n%s%s", code, stdout.String(), stderr.String())
	}
	root, step, call := c.all("RUN w"), c.all("ask"), c.all("http query")
	if len(root) != 1 || len(step) != 1 || len(call) != 1 {
		t.Fatalf("%+v", c.spans)
	}
	if root[0].TraceID != theirs[3:35] || root[0].ParentSpanID != theirs[36:52] || root[0].Status.Code != 2 {
		t.Errorf("the run: %+v", root)
	}
	if step[0].ParentSpanID != root[0].SpanID || call[0].ParentSpanID != step[0].SpanID {
		t.Errorf("the step and its call: %+v %+v", step, call)
	}
	if want := "00-" + call[0].TraceID + "-" + call[0].SpanID + "-01"; len(c.told) != 1 || c.told[0] != want {
		t.Errorf("who was asked was told %q, want %s", c.told, want)
	}
	if !strings.Contains(c.text, `{"key":"service.name","value":{"stringValue":"checks"}}`) || strings.Contains(c.text, "s3cret") {
		t.Errorf("sent %s", c.text)
	}
}

// Without them who is asked is told of the CI job's trace as it is, and nobody else of
// anything.
func TestRunPassesATraceOn(t *testing.T) {
	c := newCollector(t)
	file := filepath.Join(t.TempDir(), "w.yaml")
	text := `workflow: {id: w, steps: [{name: ask, provider: {type: http, with: {method: GET, url: "` + c.URL + `/watched"}}}]}`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, parent := range []string{theirs, "", "nonsense"} {
		var stdout, stderr bytes.Buffer
		if code := cmd.Run(t.Context(), []string{"run", file}, []string{"TRACEPARENT=" + parent}, &stdout, &stderr, all.Registry()); code != 0 {
			t.Fatalf("exit code %d\n%s%s", code, stdout.String(), stderr.String())
		}
	}
	if want := []string{theirs, "", ""}; !slices.Equal(c.told, want) || len(c.spans) > 0 {
		t.Errorf("told %q, want %q; %d spans", c.told, want, len(c.spans))
	}
}

// Runs of serve have spans, in the trace of the request that asked for them or brought the
// alert that started them; so has a run that is its own.
func TestServeTraces(t *testing.T) {
	c := newCollector(t)
	s := newService(t)
	s.args = []string{"--otlp-endpoint", c.URL}
	s.environ = []string{"OTEL_BSP_SCHEDULE_DELAY=50"}
	s.write("ask.yaml", `workflow:
  id: asks
  triggers: [{type: manual}, {type: alert, filters: [{key: name, value: disk}]}]
  steps:
    - name: ask
      provider: {type: http, with: {method: GET, url: "`+c.URL+`/watched"}}
`)
	s.start()
	url := s.url()
	post := func(path, body, parent string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), "POST", url+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		if parent != "" {
			req.Header.Set("Traceparent", parent)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if text, _ := io.ReadAll(resp.Body); resp.StatusCode != 202 {
			t.Fatalf("%s: %s %s", path, resp.Status, text)
		}
	}
	parents := func(n int) string {
		t.Helper()
		s.until("the run has a span", func() bool { return len(c.all("RUN asks")) == n })
		last := c.all("RUN asks")[n-1]
		return last.TraceID + " " + last.ParentSpanID
	}
	alert := func(n, more string) string {
		return `{"name": "disk", "fingerprint": "d` + n + `", "severity": "high"` + more + `}`
	}
	want := theirs[3:35] + " " + theirs[36:52]
	post("/api/v1/workflows/asks/run", "{}", theirs)
	if got := parents(1); got != want {
		t.Errorf("asked for: %s, want %s", got, want)
	}
	post("/alerts/event", alert("1", ""), theirs)
	if got := parents(2); got != want {
		t.Errorf("by an alert: %s, want %s", got, want)
	}
	post("/alerts/event", alert("2", `, "traceparent": "`+theirs+`"`), "")
	if got := parents(3); got != want {
		t.Errorf("by an alert that says so itself: %s, want %s", got, want)
	}
	post("/alerts/event", alert("3", ""), "")
	if got := parents(4); strings.HasPrefix(got, theirs[3:35]) || !strings.HasSuffix(got, " ") {
		t.Errorf("by an alert in no trace: %s", got)
	}
	s.until("all calls were made", func() bool { c.mu.Lock(); defer c.mu.Unlock(); return len(c.told) == 4 })
	for i, call := range c.all("http query") {
		if want := "00-" + call.TraceID + "-" + call.SpanID + "-01"; c.told[i] != want {
			t.Errorf("call %d was told %s, want %s", i, c.told[i], want)
		}
	}
	if code := s.stopped(); code != 0 {
		t.Errorf("exit code %d\n%s", code, s.stderr.String())
	}
}
