package cmd_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"tocsin/cmd"
	"tocsin/engine/delivery"
	"tocsin/providers/all"
)

// A switchboard takes messages at the paths of channels, refuses those of some, and
// counts heartbeats.
type switchboard struct {
	*httptest.Server
	mu      sync.Mutex
	heard   map[string][]string // by path
	refuses map[string]bool
}

func newSwitchboard(t *testing.T, refuses ...string) *switchboard {
	b := &switchboard{heard: map[string][]string{}, refuses: map[string]bool{}}
	for _, path := range refuses {
		b.refuses[path] = true
	}
	b.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.refuses[r.URL.Path] {
			w.WriteHeader(404)
			return
		}
		b.heard[r.URL.Path] = append(b.heard[r.URL.Path], string(text))
	}))
	t.Cleanup(b.Close)
	return b
}

func (b *switchboard) takes(path string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.refuses, path)
}

func (b *switchboard) count(path string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.heard[path])
}

func (b *switchboard) last(path string) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if list := b.heard[path]; len(list) > 0 {
		return list[len(list)-1]
	}
	return ""
}

// Nobody is there to be told: that is an alert, the fallback hears of it, and where that
// is away too, the process is not well and the heartbeat stops. It goes on when somebody
// has dealt with it.
func TestServeWhenNobodyCanBeTold(t *testing.T) {
	b := newSwitchboard(t, "/ops", "/spare")
	s := newService(t)
	s.environ = []string{
		"TOCSIN_HEARTBEAT_URL=" + b.URL + "/beat",
		`TOCSIN_PROVIDER_OPS={"type": "webhook", "authentication": {"url": "` + b.URL + `/ops"}}`,
		`TOCSIN_PROVIDER_SPARE={"type": "webhook", "authentication": {"url": "` + b.URL + `/spare"}}`,
	}
	s.args = []string{"--heartbeat-every", "1s", "--fallback", "spare"}
	if err := os.WriteFile(filepath.Join(s.dir, "tell.yaml"), []byte(`workflow:
  id: tells
  triggers: [{type: manual}]
  actions:
    - {name: tell, provider: {type: webhook, config: "{{ providers.ops }}", with: {message: hello}}}
`), 0o600); err != nil {
		t.Fatal(err)
	}
	s.start()
	url := s.url()
	get := func(path string) (int, string) {
		resp, err := http.Get(url + path)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text, _ := io.ReadAll(resp.Body)
		return resp.StatusCode, string(text)
	}
	post := func(path string) {
		t.Helper()
		resp, err := http.Post(url+path, "application/json", strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if text, _ := io.ReadAll(resp.Body); resp.StatusCode != 202 {
			t.Fatalf("%s: %s %s", path, resp.Status, text)
		}
	}
	status := func(destination string) string {
		_, text := get("/api/v1/alerts/" + delivery.AlertID(destination))
		var alert struct{ Status string }
		_ = json.Unmarshal([]byte(text), &alert)
		return alert.Status
	}
	s.until("it beats", func() bool { return b.count("/beat") > 0 })
	if code, text := get("/healthz"); code != 200 {
		t.Fatal(text)
	}
	post("/api/v1/workflows/tells/run")
	s.until("it is not well", func() bool { code, _ := get("/healthz"); return code == 503 })
	if _, text := get("/healthz"); !strings.Contains(text, `"messages":"messages may not arrive"`) {
		t.Error(text)
	}
	s.until("the heartbeat is withheld", func() bool {
		return strings.Contains(s.stderr.String(), `msg="the heartbeat is withheld" reason="messages: messages to the fallback`)
	})
	if status("webhook ops") != "firing" || status("webhook spare") != "firing" {
		t.Errorf("ops %s, spare %s", status("webhook ops"), status("webhook spare"))
	}
	if out := s.look("alerts"); strings.Count(out, "firing") != 2 || !strings.Contains(out, "messages to webhook ops do not arrive") {
		t.Errorf("alerts:\n%s", out)
	}
	address := strings.TrimPrefix(url, "http://")
	for flag, want := range map[string]int{"": 1, "--alive": 0, "--ready": 0} {
		var stdout, stderr bytes.Buffer
		args := []string{"healthcheck", "--listen", address}
		if flag != "" {
			args = append(args, flag)
		}
		if code := cmd.Run(t.Context(), args, nil, &stdout, &stderr, all.Registry()); code != want {
			t.Errorf("healthcheck %s: exit code %d, want %d: %s%s", flag, code, want, stdout.String(), stderr.String())
		}
	}
	before := b.count("/beat")

	b.takes("/spare")
	_, text := get("/api/v1/deliveries?state=dead")
	var dead struct {
		Items []struct{ Key, Workflow string }
	}
	if err := json.Unmarshal([]byte(text), &dead); err != nil || len(dead.Items) != 2 {
		t.Fatalf("%v %s", err, text)
	}
	for _, d := range dead.Items {
		if d.Workflow == delivery.Own {
			post("/api/v1/deliveries/" + d.Key + "/retry")
		}
	}
	s.until("the fallback heard", func() bool { return strings.Contains(b.last("/spare"), "tell of tells did not arrive at webhook ops") })
	s.until("it is well again", func() bool { code, _ := get("/healthz"); return code == 200 })
	s.until("it beats again", func() bool { return b.count("/beat") > before })
	if code, text := get("/metrics"); code != 200 || !strings.Contains(text, `tocsin_notifications_total{outcome="dead"} 2`) || !strings.Contains(text, `tocsin_notifications_total{outcome="confirmed"} 1`) {
		t.Error(text)
	}
	b.takes("/ops")
	post("/api/v1/workflows/tells/run")
	s.until("the alert is over", func() bool {
		return status("webhook ops") == "resolved" && strings.Contains(b.last("/spare"), "arrive again")
	})
	if code := s.stopped(); code != 0 {
		t.Errorf("exit code %d\n%s", code, s.stderr.String())
	}
}

// Senders without a key prove who they are with what the environment says they know;
// actions that workflows share are listed.
func TestServeSendersAndActions(t *testing.T) {
	s := newService(t)
	s.environ = []string{`TOCSIN_INGEST_KEEP={"scheme": "token", "secrets": ["s3cret-0123456789"], "header": "X-Token"}`}
	s.write("actions.yaml", "actions:\n  - {name: say, use: say, provider: {type: console, with: {message: hi}}}\n")
	key := strings.Fields(s.look("keys", "create", "ops", "--role", "admin"))[0]
	s.start()
	url := s.url()
	ask := func(method, path string, header ...string) (int, string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, url+path, strings.NewReader(`{"name": "site"}`))
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(header); i += 2 {
			req.Header.Set(header[i], header[i+1])
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text, _ := io.ReadAll(resp.Body)
		return resp.StatusCode, string(text)
	}
	for token, want := range map[string]int{"s3cret-0123456789": 202, "wrong": 401, "": 401} {
		if got, text := ask("POST", "/alerts/event", "Content-Type", "application/json", "X-Token", token); got != want {
			t.Errorf("with %q: %d, want %d: %s", token, got, want, text)
		}
	}
	if got, text := ask("GET", "/actions", "X-API-KEY", key); got != 200 || !strings.Contains(text, `"name":"say","use":"say","provider_type":"console"`) {
		t.Errorf("%d %s", got, text)
	}
}

// What cannot be used of the settings of operation is said at the start, without secrets.
func TestServeWrongSettings(t *testing.T) {
	tests := []struct {
		name    string
		args    []string
		environ []string
		want    string
	}{
		{"no address", []string{"--otlp-endpoint", "collector:4318"}, nil, "tocsin: --otlp-endpoint: it is no address: write http://127.0.0.1:4318"},
		{"no heartbeat", nil, []string{"TOCSIN_HEARTBEAT_URL=k3y"}, "tocsin: the heartbeat has no address"},
		{"too often", []string{"--heartbeat-url", "http://127.0.0.1/k3y", "--heartbeat-every", "1ms"}, nil, "tocsin: --heartbeat-every is at least 1s, not 1ms"},
		{"no such fallback", []string{"--fallback", "ops"}, nil, "tocsin: no configuration \"ops\""},
		{"a fallback that cannot tell", []string{"--fallback", "ops"}, []string{"TOCSIN_PROVIDER_OPS={\"type\": \"mock\", \"authentication\": {}}"}, "tocsin: --fallback ops: messages of mock have no text"},
		{"a fallback that needs more", []string{"--fallback", "mail"}, []string{"TOCSIN_PROVIDER_MAIL={\"type\": \"smtp\", \"authentication\": {\"smtp_server\": \"127.0.0.1\"}}"}, "tocsin: --fallback mail cannot tell: "},
		{"no such format", nil, []string{"TOCSIN_INGEST_NAGIOS=k3y"}, "tocsin: TOCSIN_INGEST_NAGIOS: there is no such format of alerts"},
		{"no such scheme", nil, []string{`TOCSIN_INGEST_SENTRY={"scheme": "k3y", "secrets": ["k3y"]}`}, "tocsin: TOCSIN_INGEST_SENTRY: the schemes of sentry are sentry, token"},
		{"no secrets", nil, []string{`TOCSIN_INGEST_SENTRY={"scheme": "token", "secret": "k3y"}`}, "tocsin: TOCSIN_INGEST_SENTRY: it is no JSON with scheme, secrets, header and timestamp_header"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			var stdout, stderr bytes.Buffer
			args := append([]string{"serve", dir, "--store", filepath.Join(dir, "data", "tocsin.db"), "--listen", "127.0.0.1:0"}, tt.args...)
			if code := cmd.Run(t.Context(), args, tt.environ, &stdout, &stderr, all.Registry()); code != 2 {
				t.Errorf("exit code %d", code)
			}
			if got := stderr.String(); !strings.Contains(got, tt.want) || strings.Contains(got, "k3y") {
				t.Errorf("%s\nwant %s", got, tt.want)
			}
		})
	}
}

// The fallback's configuration is read anew with the files; one that is wrong keeps what it
// was before.
func TestServeReadsTheFallbackAnew(t *testing.T) {
	b := newSwitchboard(t, "/ops")
	s := newService(t)
	s.args = []string{"--fallback", "spare"}
	channel := func(name, path string) string {
		return name + ": {type: webhook, authentication: {url: \"" + b.URL + path + "\"}}\n"
	}
	s.write("providers.yaml", channel("ops", "/ops")+channel("spare", "/old"))
	s.write("tell.yaml", "workflow:\n  id: tells\n  triggers: [{type: manual}]\n  actions:\n    - {name: tell, provider: {type: webhook, config: \"{{ providers.ops }}\", with: {message: hello}}}\n")
	s.start()
	url := s.url()
	post := func(path string) {
		t.Helper()
		resp, err := http.Post(url+path, "application/json", strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode/100 != 2 {
			t.Fatalf("%s: %s", path, resp.Status)
		}
	}
	s.write("providers.yaml", channel("ops", "/ops"))
	post("/-/reload")
	s.until("it says what is wrong", func() bool {
		return strings.Contains(s.stderr.String(), `msg="the fallback keeps its configuration" error="no configuration \"spare\""`)
	})
	s.write("providers.yaml", channel("ops", "/ops")+channel("spare", "/new"))
	post("/-/reload")
	post("/api/v1/workflows/tells/run")
	s.until("the fallback heard", func() bool { return b.count("/new") == 1 })
	if b.count("/old") > 0 {
		t.Error("the one before was told")
	}
}
