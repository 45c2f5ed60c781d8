package cmd_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// canaries are workflows of every kind that sends secrets, with %[1]s where a secret of
// its own stands and %[2]s for a server that throws back all that it gets.
func canaries() []string {
	return []string{
		"slack, config: {authentication: {webhook_url: '%[2]s/services/%[1]s'}}, with: {message: m}",
		"webhook, config: {authentication: {url: '%[2]s/hook', api_key: '%[1]s'}}, with: {message: m}",
		"webhook, config: {authentication: {url: '%[2]s/hook?key=%[1]s'}}, with: {message: m}",
		"webhook, config: {authentication: {url: '%[2]s/hook', http_basic_authentication_username: u, http_basic_authentication_password: '%[1]s'}}, with: {message: m}",
		"webhook, config: {authentication: {url: '%[2]s/hook', headers: {X-Token: '%[1]s'}}}, with: {message: m}",
		"smtp, config: {authentication: {smtp_server: 127.0.0.1, smtp_port: 9, encryption: None, smtp_username: u, smtp_password: '%[1]s'}}, with: {from_email: a@example.com, to_email: b@example.com, subject: s, body: m}",
		"http, with: {url: '%[2]s/', method: GET, auth: {user: u, password: '{{ secrets.CANARY }}'}}",
		"http, with: {url: '%[2]s/', method: POST, headers: {Authorization: 'Bearer {{ secrets.CANARY }}'}, body: {said: '{{ secrets.CANARY }}'}}",
		"http, with: {url: '%[2]s/?key={{ secrets.CANARY }}', method: GET}",
		"console, with: {message: 'the key is {{ secrets.CANARY }}'}",
		"websocket, with: {socket_url: 'ws://u:{{ secrets.CANARY }}@127.0.0.1:9/', message: m}",
	}
}

// Fault K1: secrets that workflows are given, of every kind and in every place that takes
// one, are in nothing that the program writes or answers: not as they are, nor in a form
// that a request gives them, although the other side throws all of it back. What an
// author writes into the workflow itself is no secret to the store, which keeps its text.
func TestCanariesOfServe(t *testing.T) {
	mirror := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprintf(w, "refused: %s %s %v %s", r.Method, r.URL, r.Header, body)
	}))
	defer mirror.Close()
	s := newService(t)
	const rounds = 10 // of eleven kinds each: 110 secrets
	var secrets []string
	for round := range rounds {
		for kind, line := range canaries() {
			n := len(secrets)
			secret := fmt.Sprintf("c4n4ry/%d+%d&ü=%x", round, n, 0x5eed<<20+n*7919)
			if round%2 == 0 {
				secret = fmt.Sprintf("c4n4ry%dx%x", n, 0xfeed<<24+n*104729)
			}
			secrets = append(secrets, secret)
			line = strings.ReplaceAll(strings.ReplaceAll(line, "%[2]s", mirror.URL), "secrets.CANARY", fmt.Sprintf("secrets.CANARY%d", n))
			inPath := strings.Contains(line, "/services/") || strings.Contains(line, "?key=%")
			if said := secret; inPath {
				line = strings.ReplaceAll(line, "%[1]s", url.QueryEscape(said))
			} else {
				line = strings.ReplaceAll(line, "%[1]s", said)
			}
			s.environ = append(s.environ, fmt.Sprintf("TOCSIN_SECRET_CANARY%d=%s", n, secret))
			if before, rest, ok := strings.Cut(line, "config: {"); ok {
				config, with, _ := strings.Cut(rest, "}}, ")
				if strings.Contains(config, "headers: {") { // one more level
					config, with, _ = strings.Cut(rest, "}}}, ")
					config += "}"
				}
				line = fmt.Sprintf("%sconfig: '{{ providers.c%d }}', %s", before, n, with)
				s.write("providers.yaml", s.read("providers.yaml")+fmt.Sprintf("c%d: {%s}}\n", n, config))
			}
			s.write(fmt.Sprintf("w%d.yaml", n), fmt.Sprintf("workflow:\n  id: w%d\n  triggers: [{type: manual}]\n  actions:\n    - name: tell-%d\n      provider: {type: %s}\n", n, kind, line))
		}
	}
	s.args = []string{"--log-level", "debug"}
	s.start()
	address := s.url()
	for n := range secrets {
		resp, err := http.Post(fmt.Sprintf("%s/workflows/w%d/run", address, n), "application/json", strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		if resp.Body.Close(); resp.StatusCode >= 300 {
			t.Fatalf("w%d: %s\n%s", n, resp.Status, s.stderr.String())
		}
	}
	s.until("all of them ran", func() bool {
		return strings.Count(s.look("runs", "-o", "json", "--limit", "1000"), `"ended": "`) >= len(secrets)
	})
	sinks := map[string]string{"stdout": s.stdout.String(), "stderr": s.stderr.String()}
	var list struct {
		Runs []struct{ Run, Workflow, Status string }
	}
	if err := json.Unmarshal([]byte(s.look("runs", "-o", "json", "--limit", "1000")), &list); err != nil {
		t.Fatal(err)
	}
	for _, r := range list.Runs {
		sinks["runs show of "+r.Workflow] = s.look("runs", "show", r.Run) + s.look("runs", "show", r.Run, "-o", "json")
		sinks["the API on "+r.Workflow] = fetched(t, address+"/api/v1/runs/"+r.Run) + fetched(t, address+"/api/v1/runs/"+r.Run+"/events")
	}
	for _, args := range [][]string{{"runs", "--limit", "1000"}, {"alerts"}, {"deliveries", "--limit", "1000"}, {"deliveries", "--limit", "1000", "-o", "json"}} {
		sinks[strings.Join(args, " ")] = s.look(args...)
	}
	for _, path := range []string{"/api/v1/runs?limit=1000", "/api/v1/deliveries?limit=1000", "/metrics", "/providers", "/workflows", "/healthz", "/readyz", "/api/v1/openapi.json"} {
		sinks[path] = fetched(t, address+path)
	}
	if code := s.stopped(); code != 0 {
		t.Fatalf("exit code %d", code)
	}
	sinks["stderr to the end"] = s.stderr.String()
	for _, name := range []string{"tocsin.db", "tocsin.db-wal"} {
		if text, err := os.ReadFile(filepath.Join(filepath.Dir(s.store), name)); err == nil {
			sinks[name] = string(text)
		}
	}
	bytes, failed := 0, 0
	for _, r := range list.Runs {
		if r.Status != "done" {
			failed++
		}
	}
	for sink, text := range sinks {
		bytes += len(text)
		for n, secret := range secrets {
			for form, said := range formsOf(secret) {
				if at := strings.Index(text, said); at >= 0 {
					t.Errorf("%s has secret %d, %s: %q", sink, n, form, text[max(0, at-80):min(len(text), at+80)])
				}
			}
		}
	}
	if failed < rounds*6 {
		t.Errorf("only %d of %d runs were refused", failed, len(list.Runs))
	}
	t.Logf("figure: %d secrets, %d outputs, %d KiB: looked for in 6 forms", len(secrets), len(sinks), bytes>>10)
}

// formsOf are the forms in which requests and encoders write a secret.
func formsOf(secret string) map[string]string {
	quoted, _ := json.Marshal(secret)
	return map[string]string{
		"as it is":  secret,
		"in a URL":  url.QueryEscape(secret),
		"in a path": url.PathEscape(secret),
		"in JSON":   string(bytes.Trim(quoted, `"`)),
		"in base64": base64.StdEncoding.EncodeToString([]byte(secret))[:len(secret)/3*4],
		"in hex":    hex.EncodeToString([]byte(secret)),
	}
}

func (s *service) read(name string) string {
	text, _ := os.ReadFile(filepath.Join(s.dir, name))
	return string(text)
}

func fetched(t *testing.T, address string) string {
	t.Helper()
	resp, err := http.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
