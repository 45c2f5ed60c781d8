package cmd_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"tocsin/cmd"
	"tocsin/providers/all"
)

// remotely runs a command that asks the server by its address.
func (s *service) remotely(key string, args ...string) (stdout, stderr string, code int) {
	s.t.Helper()
	var out, errs bytes.Buffer
	code = cmd.Run(s.t.Context(), append(args, "--server", s.url()), []string{"TOCSIN_API_KEY=" + key}, &out, &errs, all.Registry())
	return out.String(), errs.String(), code
}

// What commands list of a server is what they list of its store.
func TestCommandsAskAServer(t *testing.T) {
	s := newService(t)
	s.write("down.yaml", `alert:
  id: down
  triggers: [{type: manual}]
  steps:
    - name: ask
      provider: {type: mock, with: {command_output: {up: false, load: 93.0}}}
  actions:
    - name: tell
      condition:
        - {name: up, type: assert, assert: "{{ steps.ask.results.up }} == true"}
      provider: {type: console, with: {message: "it is down"}}
`)
	s.start()
	s.ask("POST", "/alerts/event", `{"name": "disk full", "severity": "critical", "fingerprint": "d1"}`)
	if status, answer := s.ask("POST", "/api/v1/workflows/down/run", "{}"); status != http.StatusAccepted {
		t.Fatal(status, answer)
	}
	run := s.first()
	out, _ := s.command("keys", "create", "ops", "--role", "admin")
	key := strings.TrimSpace(out)
	for _, args := range [][]string{
		{"runs"}, {"runs", "-o", "json"}, {"runs", "--status", "done"}, {"runs", "--workflow", "down", "--since", "1h"}, {"runs", "show", run},
		{"deliveries"}, {"deliveries", "-o", "json"}, {"deliveries", "--state", "confirmed", "--workflow", "down"},
		{"alerts"}, {"alerts", "--all"}, {"keys", "-o", "json"}, {"silences"},
	} {
		here, _ := s.command(args...)
		there, stderr, code := s.remotely(key, args...)
		if code != 0 || there != here {
			t.Errorf("%v: exit code %d %s\n%s\nof the store:\n%s", args, code, stderr, there, here)
		}
	}
	for _, tt := range []struct {
		key, args, want string
		code            int
	}{
		{"", "runs", "TOCSIN_API_KEY", 2},
		{"wrong", "runs", "Invalid API Key", 2},
		{key, "runs show none", "none", 2},
		{key, "deliveries retry none", "not found", 2},
		{key, "keys revoke none", `no key "none"`, 2},
		{key, "silences end none", "404", 2},
		{key, "replay none --offline", "404", 2},
		{key, "keys create ops --role admin", `there is a key "ops" already`, 2},
	} {
		if _, stderr, code := s.remotely(tt.key, strings.Fields(tt.args)...); code != tt.code || !strings.Contains(stderr, tt.want) {
			t.Errorf("%s: exit code %d: %s", tt.args, code, stderr)
		}
	}
}

// Commands that change something ask the program that serves, without anything being set
// up; and do it themselves when none does, where that can be.
func TestCommandsAskWhoServes(t *testing.T) {
	s := newService(t)
	s.up("false")
	s.start()
	s.url()
	s.until("it fires", func() bool { return strings.Contains(s.look("alerts"), "firing") })
	if out, code := s.command("alerts", "ack", "tick/tell", "--reason", "mine", "--for", "1h"); code != 0 || out != "acknowledged: tick/tell\n" {
		t.Errorf("exit code %d: %s", code, out)
	}
	s.until("it is acknowledged", func() bool { return strings.Contains(s.look("alerts", "-o", "json"), `"acknowledged_by": "local"`) })
	s.command("alerts", "unack", "tick/tell")
	made := func(args ...string) string {
		t.Helper()
		out, code := s.command(append([]string{"silences", "create", "--match", "workflow=tick", "--for", "2h", "-o", "json"}, args...)...)
		var line struct{ ID string }
		if err := json.Unmarshal([]byte(out), &line); err != nil || code != 0 || line.ID == "" {
			t.Fatalf("exit code %d, %v: %s", code, err, out)
		}
		return line.ID
	}
	first := made("--reason", "move")
	if out := s.look("silences"); !strings.Contains(out, first) || !strings.Contains(out, "workflow=tick") || !strings.Contains(out, "move") {
		t.Error(out)
	}
	s.stopped()
	second := made("--reason", "later")
	if _, code := s.command("silences", "end", first); code != 0 {
		t.Error(code)
	}
	if out := s.look("silences"); strings.Contains(out, first) || !strings.Contains(out, second) {
		t.Error(out)
	}
	again := len(listensAt.FindAllString(s.stderr.String(), -1))
	s.start()
	s.until("it listens again", func() bool { return len(listensAt.FindAllString(s.stderr.String(), -1)) > again })
	if _, code := s.command("silences", "end", second); code != 0 {
		t.Error(code)
	}
	s.stopped()
	audit := s.look("audit")
	for _, want := range []string{"POST /api/v1/episodes/acknowledge", "silences create", "DELETE /api/v1/silences/{id}", "socket", "command line"} {
		if !strings.Contains(audit, want) {
			t.Errorf("the audit lacks %q:\n%s", want, audit)
		}
	}
	for _, tt := range []struct{ args, want string }{
		{"alerts ack tick/tell", "nobody serves"}, {"alerts ack tick/tell --for soon", "is no time"},
		{"silences create --for 2h --reason x", "without a matcher"}, {"silences create --match a --for 2h", "has no value"},
		{"silences create --match a=b --for 2h", "needs a reason"}, {"silences create --match a=b --reason x", "is no time"}, {"silences end none", "no silence none"},
	} {
		var stdout, stderr bytes.Buffer
		if code := cmd.Run(t.Context(), append(strings.Fields(tt.args), "--store", s.store), nil, &stdout, &stderr, all.Registry()); code != 2 || !strings.Contains(stderr.String(), tt.want) {
			t.Errorf("%s: exit code %d: %s", tt.args, code, stderr.String())
		}
	}
}

// An alert of a workflow that came by the API lasts when the program is started anew.
func TestAlertsOfTheAPILast(t *testing.T) {
	s := newService(t)
	s.start()
	text := strings.ReplaceAll(strings.ReplaceAll(tick, "%UP%", "false"), "every: 1s", "every: 1h")
	if status, answer := s.ask("PUT", "/api/v1/workflows/tick", text); status != http.StatusCreated {
		t.Fatal(status, answer)
	}
	s.ask("POST", "/api/v1/workflows/tick/run", "{}")
	s.until("it fires", func() bool { return strings.Contains(s.look("alerts"), "firing") })
	s.stopped()
	again := len(listensAt.FindAllString(s.stderr.String(), -1))
	s.start()
	s.until("it listens again", func() bool { return len(listensAt.FindAllString(s.stderr.String(), -1)) > again })
	s.stopped()
	if out := s.look("alerts"); !strings.Contains(out, "firing") {
		t.Errorf("alerts:\n%s", out)
	}
}
