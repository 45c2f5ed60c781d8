package cmd_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"tocsin/cmd"
	"tocsin/providers/all"
)

// A service is "tocsin serve" on a folder of its own.
type service struct {
	t       *testing.T
	dir     string
	store   string
	args    []string // more flags
	environ []string
	stdout  lines
	stderr  lines
	stop    context.CancelFunc
	ended   chan int
}

// lines is what somebody prints while somebody else reads it.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func newService(t *testing.T) *service {
	dir := t.TempDir()
	s := &service{t: t, dir: filepath.Join(dir, "workflows"), store: filepath.Join(dir, "data", "tocsin.db")}
	if err := os.Mkdir(s.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return s
}

// write puts a workflow into the folder.
func (s *service) write(name, text string) {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o644); err != nil {
		s.t.Fatal(err)
	}
}

// start serves until the test ends, or stopped is called.
func (s *service) start() {
	ctx, stop := context.WithCancel(s.t.Context())
	s.stop, s.ended = stop, make(chan int, 1)
	go func() {
		s.ended <- cmd.Run(ctx, append([]string{"serve", s.dir, "--store", s.store, "--listen", "127.0.0.1:0"}, s.args...), s.environ, &s.stdout, &s.stderr, all.Registry())
	}()
	s.t.Cleanup(func() { s.stopped() })
}

// stopped ends it, and returns its exit code.
func (s *service) stopped() int {
	s.stop()
	select {
	case code := <-s.ended:
		s.ended <- code
		return code
	case <-time.After(time.Minute):
		s.t.Fatal("serve does not end")
		return -1
	}
}

// until waits until something is so.
func (s *service) until(what string, so func() bool) {
	s.t.Helper()
	deadline := time.After(time.Minute)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !so() {
		select {
		case <-deadline:
			s.t.Fatalf("not within a minute: %s\nstdout:\n%s\nstderr:\n%s", what, s.stdout.String(), s.stderr.String())
		case <-tick.C:
		}
	}
}

// look runs a command that looks at the store, and returns what it prints.
func (s *service) look(args ...string) string {
	s.t.Helper()
	var stdout, stderr bytes.Buffer
	if code := cmd.Run(s.t.Context(), append(args, "--store", s.store), nil, &stdout, &stderr, all.Registry()); code != 0 {
		s.t.Fatalf("%v: exit code %d\n%s", args, code, stderr.String())
	}
	return stdout.String()
}

var listensAt = regexp.MustCompile(`msg=listening address=(\S+)`)

// url is where it listens.
func (s *service) url() string {
	s.t.Helper()
	s.until("it listens", func() bool { return listensAt.MatchString(s.stderr.String()) })
	return "http://" + listensAt.FindStringSubmatch(s.stderr.String())[1]
}

const tick = `alert:
  id: tick
  triggers: [{type: interval, every: 1s}]
  steps:
    - name: ask
      provider: {type: mock, with: {command_output: {up: %UP%}}}
  actions:
    - name: tell
      condition:
        - {name: up, type: assert, assert: "{{ steps.ask.results.up }} == true"}
      provider: {type: console, with: {message: "it is down"}}
`

func (s *service) up(up string) { s.write("tick.yaml", strings.ReplaceAll(tick, "%UP%", up)) }

// What fails is told once, and once more when it is over, whatever happens to the process
// between; the commands that look back show both.
func TestServe(t *testing.T) {
	s := newService(t)
	s.up("false")
	s.start()
	s.until("it is told", func() bool { return strings.Contains(s.stdout.String(), "it is down\n") })
	s.until("two checks failed", func() bool { return strings.Count(s.look("runs", "--status", "failed", "-o", "json"), `"run"`) >= 2 })
	if code := s.stopped(); code != 0 {
		t.Fatalf("exit code %d\n%s", code, s.stderr.String())
	}
	s.start()
	s.up("true")
	s.until("it is told that it is over", func() bool { return strings.Contains(s.stdout.String(), "Resolved after ") })
	s.stopped()
	if n := strings.Count(s.stdout.String(), "it is down\n"); n != 2 { // alone, and behind "Resolved after 2s: "
		t.Errorf("told %d times:\n%s", n, s.stdout.String())
	}
	var alerts []struct{ Status, Workflow, Action string }
	if err := json.Unmarshal([]byte(s.look("alerts", "-o", "json")), &alerts); err != nil {
		t.Fatal(err)
	}
	if len(alerts) != 1 || alerts[0].Status != "resolved" || alerts[0].Workflow != "tick" || alerts[0].Action != "tell" {
		t.Errorf("alerts: %+v", alerts)
	}
	if out := s.look("alerts"); !strings.Contains(out, "resolved") || !strings.Contains(out, "tick/tell") {
		t.Errorf("alerts:\n%s", out)
	}
	var runs struct {
		Runs []struct{ Run, Status string }
	}
	if err := json.Unmarshal([]byte(s.look("runs", "-o", "json")), &runs); err != nil || len(runs.Runs) < 3 {
		t.Fatalf("runs: %+v, %v", runs, err)
	}
	out := s.look("runs", "show", runs.Runs[len(runs.Runs)-1].Run)
	for _, want := range []string{"of tick, scheduler", "it is down", "timeline", "(up is false)"} {
		if !strings.Contains(out, want) {
			t.Errorf("runs show lacks %q:\n%s", want, out)
		}
	}
}

// A file that is wrong keeps what it was before; an alert that comes in starts what waits
// for it, and is on disk when it is answered.
func TestServeFilesAndAlerts(t *testing.T) {
	s := newService(t)
	s.write("disk.yaml", `workflow:
  id: on-disk
  triggers: [{type: alert, filters: [{key: name, value: disk full}]}]
  actions:
    - name: say
      provider: {type: console, with: {message: "told of {{ alert.name }}, {{ alert.severity }}"}}
`)
	s.start()
	url := s.url()
	s.write("disk.yaml", "workflow:\n  id: on-disk\n  stepz: []\n")
	s.until("it says what is wrong", func() bool { return strings.Contains(s.stderr.String(), `unknown key \"stepz\"`) })
	resp, err := http.Post(url+"/alerts/event", "application/json", strings.NewReader(`{"name": "disk full", "severity": "critical", "fingerprint": "d1"}`))
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(resp.Body)
	resp.Body.Close()
	if resp.StatusCode != http.StatusAccepted {
		t.Fatalf("%s: %s", resp.Status, body)
	}
	if out := s.look("alerts"); !strings.Contains(out, "disk full") {
		t.Errorf("alerts:\n%s", out)
	}
	s.until("the workflow ran", func() bool { return strings.Contains(s.stdout.String(), "told of disk full, critical") })
	var stdout, stderr bytes.Buffer
	address := strings.TrimPrefix(url, "http://")
	if code := cmd.Run(t.Context(), []string{"healthcheck", "--ready", "--listen", address}, nil, &stdout, &stderr, all.Registry()); code != 0 || stdout.String() != "well\n" {
		t.Errorf("healthcheck: exit code %d, %q, %q", code, stdout.String(), stderr.String())
	}
	s.stopped()
	if code := cmd.Run(t.Context(), []string{"healthcheck", "--listen", address}, nil, &stdout, &stderr, all.Registry()); code != 3 {
		t.Errorf("healthcheck of nobody: exit code %d", code)
	}
}

// Who may write workflows by the API does not reach what only this machine can, nor read
// what the process was given.
func TestServeWorkflowsOfTheAPI(t *testing.T) {
	s := newService(t)
	s.start()
	url := s.url()
	text := `workflow:
  id: reach
  steps:
    - name: inside
      provider: {type: http, with: {url: "` + url + `/healthz", method: GET}}
`
	resp, err := http.Post(url+"/workflows/json", "application/yaml", strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusCreated {
		t.Fatal(resp.Status)
	}
	if resp, err = http.Post(url+"/workflows/reach/run", "application/json", strings.NewReader("{}")); err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	s.until("it ran", func() bool {
		return strings.Contains(s.look("runs", "-o", "json", "--workflow", "reach"), `"ended": "`)
	})
	out := s.look("runs", "-o", "json", "--workflow", "reach")
	if !strings.Contains(out, `"status": "error"`) || !strings.Contains(out, "loopback") {
		t.Errorf("runs:\n%s", out)
	}
}

// A workflow that is not kept is run all the same, and what workflows use is listed.
func TestServeTriesWorkflows(t *testing.T) {
	s := newService(t)
	s.write("tell.yaml", `workflow:
  id: tell
  actions:
    - name: say
      provider: {type: webhook, config: "{{ providers.hook }}", with: {url: "http://127.0.0.1:9/"}}
providers:
  hook:
    authentication: {url: "http://127.0.0.1:9/"}
`)
	s.start()
	url := s.url()
	raw, err := json.Marshal(map[string]any{
		"workflow_raw": "workflow:\n  id: once\n  actions:\n    - name: say\n      provider: {type: console, with: {message: 'tried {{ alert.name }}'}}\n",
		"type":         "alert", "body": map[string]any{"name": "x", "id": "1", "status": "firing", "severity": "info", "lastReceived": "2026-01-01T00:00:00Z", "source": []string{"me"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.Post(url+"/workflows/test", "application/json", bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	var tried struct {
		Run string `json:"workflow_execution_id"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&tried); err != nil || !strings.HasPrefix(tried.Run, "test_") {
		t.Fatalf("%s: %+v, %v", resp.Status, tried, err)
	}
	resp.Body.Close()
	s.until("it ran", func() bool {
		return strings.Contains(s.look("runs", "-o", "json", "--workflow", "once"), `"status": "done"`)
	})
	if !strings.Contains(s.stdout.String(), "tried x") {
		t.Errorf("stdout:\n%s", s.stdout.String())
	}
	if resp, err = http.Get(url + "/providers"); err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(resp.Body)
	resp.Body.Close()
	if !strings.Contains(string(body), `"hook"`) {
		t.Errorf("providers: %s", body)
	}
}

// systemd is told that it is ready, that it is well, and that it stops.
func TestServeUnderSystemd(t *testing.T) {
	address := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: address, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	t.Setenv("NOTIFY_SOCKET", address)
	t.Setenv("WATCHDOG_USEC", "200000")
	s := newService(t)
	s.start()
	hears := func(want string) {
		t.Helper()
		buf := make([]byte, 256)
		if err := conn.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		for {
			n, err := conn.Read(buf)
			if err != nil {
				t.Fatalf("no %s: %v", want, err)
			}
			if string(buf[:n]) == want {
				return
			}
		}
	}
	hears("READY=1")
	hears("WATCHDOG=1")
	s.stop()
	hears("STOPPING=1")
}

func TestServeRefuses(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "w.yaml")
	if err := os.WriteFile(file, []byte("workflow: {id: w}"), 0o644); err != nil {
		t.Fatal(err)
	}
	for want, args := range map[string][]string{
		"no folder":                 {"serve", filepath.Join(dir, "none")},
		"is not a folder":           {"serve", file},
		`unknown log level "loud"`:  {"serve", dir, "--log-level", "loud"},
		`unknown log format "yaml"`: {"serve", dir, "--log-format", "yaml"},
		"make a key first":          {"serve", dir, "--listen", "0.0.0.0:0", "--store", filepath.Join(dir, "a", "t.db")},
		"no store":                  {"runs", "--store", filepath.Join(dir, "none.db")},
		`unknown status "good"`:     {"runs", "--status", "good"},
		"--limit 0":                 {"runs", "--limit", "0"},
		`--since "yesterday" is no`: {"runs", "--since", "yesterday"},
	} {
		var stdout, stderr bytes.Buffer
		code := cmd.Run(t.Context(), args, nil, &stdout, &stderr, all.Registry())
		if code == 0 || !strings.Contains(stderr.String(), want) {
			t.Errorf("%v: exit code %d, %q, want %q", args, code, stderr.String(), want)
		}
	}
}
