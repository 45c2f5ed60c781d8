package cmd_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"tocsin/cmd"
	"tocsin/providers/all"
)

// A gauge is a system with a load, which counts who asks it and who tells it something.
type gauge struct {
	*httptest.Server
	load, asked, told atomic.Int64
	down              atomic.Bool // it can be told nothing
}

func newGauge(t *testing.T, load int64) *gauge {
	g := &gauge{}
	g.load.Store(load)
	g.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			if g.down.Load() {
				w.WriteHeader(http.StatusServiceUnavailable)
				return
			}
			g.told.Add(1)
			return
		}
		g.asked.Add(1)
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"load": %d}`, g.load.Load())
	}))
	t.Cleanup(g.Close)
	return g
}

// workflow has an action that fires above a limit.
func (g *gauge) workflow(limit int) string {
	return fmt.Sprintf(`alert:
  id: load
  triggers: [{type: manual}]
  steps:
    - name: ask
      provider: {type: http, with: {url: "%s/", method: GET}}
  actions:
    - name: tell
      condition:
        - {name: low, type: assert, assert: "{{ steps.ask.results.body.load }} < %d"}
      provider: {type: webhook, config: {authentication: {url: "%[1]s/tell"}}, with: {message: "load {{ steps.ask.results.body.load }} of {{ inputs.host }}"}}
`, g.URL, limit)
}

// command runs a command on the store of the service.
func (s *service) command(args ...string) (stdout string, code int) {
	s.t.Helper()
	var out, errs bytes.Buffer
	code = cmd.Run(s.t.Context(), append(args, "--store", s.store), s.environ, &out, &errs, all.Registry())
	if code > 1 {
		s.t.Errorf("%v: exit code %d\n%s%s", args, code, out.String(), errs.String())
	}
	return out.String(), code
}

// first is the id of the first run of the service, when it is over.
func (s *service) first() (run string) {
	s.t.Helper()
	s.until("a run is over", func() bool {
		var list struct{ Runs []struct{ Run, Ended string } }
		if err := json.Unmarshal([]byte(s.look("runs", "-o", "json")), &list); err != nil {
			s.t.Fatal(err)
		}
		for _, r := range list.Runs {
			if r.Ended != "" {
				run = r.Run
			}
		}
		return run != ""
	})
	return run
}

// What another condition would have done to a run of before is seen without asking or
// telling anybody: by the program that serves, and by the command when none does.
func TestReplayOffline(t *testing.T) {
	g := newGauge(t, 93)
	s := newService(t)
	s.write("load.yaml", g.workflow(80))
	s.start()
	if status, answer := s.ask("POST", "/api/v1/workflows/load/run", `{"inputs": {"host": "db-1"}}`); status != http.StatusAccepted {
		t.Fatal(status, answer)
	}
	run := s.first()
	asked, told := g.asked.Load(), g.told.Load()
	if asked != 1 || told != 1 {
		t.Fatalf("asked %d, told %d", asked, told)
	}
	g.load.Store(5)                      // it is well now
	s.write("load.yaml", g.workflow(99)) // and its limit is another
	s.until("the file is read", func() bool {
		_, answer := s.ask("GET", "/api/v1/workflows/load/raw", "")
		return strings.Contains(answer, "< 99")
	})
	look := func() {
		t.Helper()
		if out, code := s.command("replay", run, "--offline"); code != 0 || !strings.Contains(out, "failed, as run "+run+" was") || !strings.Contains(out, "nothing was sent") {
			t.Errorf("the same: exit code %d\n%s", code, out)
		}
		out, code := s.command("replay", run, "--offline", "--set", "actions.tell.condition.low.assert={{ steps.ask.results.body.load }} < 95")
		for _, want := range []string{"done; run " + run + " was failed", "was  fired: the assertion steps.ask.results.body.load < 80 does not hold (load is 93)", "is   did not fire: the assertion steps.ask.results.body.load < 95 holds", "action tell  status"} {
			if code != 1 || !strings.Contains(strings.Join(strings.Fields(out), " "), strings.Join(strings.Fields(want), " ")) {
				t.Errorf("another condition lacks %q: exit code %d\n%s", want, code, out)
			}
		}
		if out, code = s.command("replay", run, "--offline", "--current", "-o", "json"); code != 1 || !strings.Contains(out, `"status": "done"`) {
			t.Errorf("as it is now: exit code %d\n%s", code, out)
		}
		out, code = s.command("replay", run, "--offline", "--set", "actions.tell.with.message=now of {{ inputs.host }}", "-o", "json")
		if code != 1 || !strings.Contains(out, `now of db-1`) || !strings.Contains(out, `"what": "parameters"`) {
			t.Errorf("another message: exit code %d\n%s", code, out)
		}
	}
	look()
	s.stopped()
	look()
	if g.asked.Load() != asked || g.told.Load() != told {
		t.Errorf("asked %d times, told %d times", g.asked.Load()-asked, g.told.Load()-told)
	}
}

// Without --offline it is run for real: by the program that serves, which remembers it, or
// by the command.
func TestReplay(t *testing.T) {
	g := newGauge(t, 93)
	s := newService(t)
	s.write("load.yaml", g.workflow(80))
	s.start()
	if status, answer := s.ask("POST", "/api/v1/workflows/load/run", `{"inputs": {"host": "db-1"}}`); status != http.StatusAccepted {
		t.Fatal(status, answer)
	}
	run := s.first()
	out, code := s.command("replay", run)
	if code != 1 || !strings.Contains(out, "it is run ") || !strings.Contains(out, "failed, as run "+run+" was") || g.told.Load() != 2 {
		t.Errorf("exit code %d, told %d\n%s", code, g.told.Load(), out)
	}
	if list := s.look("runs"); !strings.Contains(list, "replay of "+run+" by local") {
		t.Errorf("runs:\n%s", list)
	}
	g.load.Store(5)
	if out, code = s.command("replay", run); code != 0 || !strings.Contains(out, "(load is 93)") || !strings.Contains(out, "done, fired") {
		t.Errorf("exit code %d\n%s", code, out)
	}
	s.stopped()
	g.load.Store(94)
	if out, code = s.command("replay", run); code != 1 || g.told.Load() != 3 || !strings.Contains(out, "FAIL") {
		t.Errorf("exit code %d, told %d\n%s", code, g.told.Load(), out)
	}
	for _, tt := range []struct{ args, want string }{
		{"replay none", "no run none"}, {"replay " + run + " --set x", "has no value"},
		{"replay " + run + " --offline --set actions.none.if=true", "none"},
	} {
		var stdout, stderr bytes.Buffer
		if code := cmd.Run(t.Context(), append(strings.Fields(tt.args), "--store", s.store), nil, &stdout, &stderr, all.Registry()); code != 2 || !strings.Contains(stderr.String(), tt.want) {
			t.Errorf("%s: exit code %d\n%s", tt.args, code, stderr.String())
		}
	}
	if err := os.Remove(filepath.Join(s.dir, "load.yaml")); err != nil {
		t.Fatal(err)
	}
}

// A replay of the program that serves sends its messages as any run does: one that cannot be
// sent waits, is listed, and arrives later. One whose destination somebody may have changed who
// may less than the workflow is not left to be sent by the workflow.
func TestReplayDelivers(t *testing.T) {
	g := newGauge(t, 93)
	s := newService(t)
	s.write("tells.yaml", fmt.Sprintf(`workflow:
  id: tells
  triggers: [{type: manual}]
  actions:
    - {name: tell, provider: {type: webhook, config: {authentication: {url: "%s/tell"}}, with: {message: hi}}}
`, g.URL))
	s.start()
	if status, answer := s.ask("POST", "/api/v1/workflows/tells/run", "{}"); status != http.StatusAccepted {
		t.Fatal(status, answer)
	}
	run := s.first()
	g.down.Store(true)
	out, code := s.command("replay", run, "-o", "json")
	var again struct{ Run string }
	if err := json.Unmarshal([]byte(out), &again); err != nil || again.Run == "" || code != 0 {
		t.Fatalf("exit code %d, %v\n%s", code, err, out)
	}
	if list := s.look("deliveries", "-o", "json"); !strings.Contains(list, again.Run) || !strings.Contains(list, `"pending"`) {
		t.Errorf("deliveries:\n%s", list)
	}
	g.down.Store(false)
	s.until("the message arrives", func() bool { return g.told.Load() == 2 })
	s.until("it is known to have arrived", func() bool { return !strings.Contains(s.look("deliveries", "-o", "json"), `"pending"`) })

	key, _ := s.command("keys", "create", "author", "--role", "author")
	req, err := http.NewRequestWithContext(t.Context(), "POST", s.url()+"/api/v1/runs/"+run+"/replay", strings.NewReader(`{"set": ["actions.tell.with.message=mine"]}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-API-KEY", strings.TrimSpace(key))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(&again); err != nil || resp.StatusCode != http.StatusAccepted {
		t.Fatal(resp.Status, err)
	}
	s.until("the run of the author is over", func() bool { return !strings.Contains(s.look("runs"), "running") })
	if list := s.look("deliveries", "-o", "json"); strings.Contains(list, again.Run) || g.told.Load() != 2 {
		t.Errorf("told %d times; deliveries:\n%s", g.told.Load(), list)
	}
}

// Whoever may start runs may not change what they do; whoever may write workflows gets
// nothing of the machine by it.
func TestReplayByOthers(t *testing.T) {
	g := newGauge(t, 93)
	s := newService(t)
	s.environ = []string{"TOCSIN_SECRET_CANARY=canary-of-the-process"}
	s.write("load.yaml", g.workflow(80))
	s.start()
	s.ask("POST", "/api/v1/workflows/load/run", `{"inputs": {"host": "db-1"}}`)
	run := s.first()
	keys := map[string]string{}
	for _, role := range []string{"viewer", "operator", "author"} {
		out, _ := s.command("keys", "create", role, "--role", role)
		keys[role] = strings.TrimSpace(out)
	}
	post := func(role, order string) (int, string) {
		req, err := http.NewRequestWithContext(t.Context(), "POST", s.url()+"/api/v1/runs/"+run+"/replay", strings.NewReader(order))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-API-KEY", keys[role])
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		var b bytes.Buffer
		_, _ = b.ReadFrom(resp.Body)
		return resp.StatusCode, b.String()
	}
	for _, tt := range []struct {
		role, order string
		status      int
		want        string
	}{
		{"viewer", `{"offline": true}`, 403, ""},
		{"operator", `{"offline": true}`, 200, `"status":"failed"`},
		{"operator", `{"offline": true, "set": ["actions.tell.if=true"]}`, 403, "author"},
		{"author", `{"offline": true, "set": ["actions.tell.with.message={{ secrets.CANARY }}"]}`, 200, `{\"message\":\"[redacted]\"}`},
		{"author", `{"set": ["steps.ask.with.url=` + g.URL + `/x"]}`, 202, `"run":"`},
	} {
		if status, answer := post(tt.role, tt.order); status != tt.status || !strings.Contains(answer, tt.want) || strings.Contains(answer, "canary-of-the-process") {
			t.Errorf("%s %s: %d %s", tt.role, tt.order, status, answer)
		}
	}
	s.until("it ended", func() bool { return strings.Count(s.look("runs", "-o", "json"), `"ended": "`) == 2 })
	if list := s.look("runs", "-o", "json"); !strings.Contains(list, "loopback") || g.asked.Load() != 1 {
		t.Errorf("asked %d times:\n%s", g.asked.Load(), list)
	}
}
