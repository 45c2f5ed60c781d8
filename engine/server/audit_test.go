package server

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tocsin/engine/store"
)

// log is what is written down, the oldest first, a line each.
func (w *world) auditLog() []string {
	w.t.Helper()
	all, err := w.s.Store.AuditLog(w.t.Context(), time.Time{}, 0, 1000)
	must(w.t, err)
	lines := make([]string, len(all))
	for i, e := range all {
		lines[len(all)-1-i] = strings.Join([]string{e.Who, e.Role, e.Source, e.Action, e.Object, e.Detail, e.Outcome}, "|")
	}
	return lines
}

// What people change is written down, with who they are; what they look at is not, nor
// what brings alerts.
func TestAudit(t *testing.T) {
	w := newWorld(t)
	key := w.want(201, "POST", "/api/v1/keys", m{"name": "ops", "role": "admin"})
	w.key = key.text(t, "key")
	w.want(201, "PUT", "/api/v1/workflows/up", uploaded)
	w.want(201, "POST", "/workflows/json", strings.Replace(uploaded, "name: Up", "name: Upper", 1))
	w.want(200, "GET", "/api/v1/workflows", nil)
	w.want(202, "POST", "/alerts/event", m{"name": "disk", "fingerprint": "d1"})
	w.want(200, "POST", "/api/v1/alerts/d1/acknowledge", m{"reason": "mine"})
	w.want(201, "POST", "/api/v1/silences", m{"match": m{"workflow": "up"}, "reason": "move", "until": "2199-01-01T00:00:00Z"})
	w.want(200, "POST", "/-/reload", nil)
	must(t, w.s.Store.Intend(t.Context(), store.Delivery{Key: "k1", State: store.Dead}))
	w.want(202, "POST", "/api/v1/deliveries/k1/retry", nil)
	w.want(404, "DELETE", "/api/v1/workflows/none", nil)
	w.want(200, "DELETE", "/api/v1/workflows/up", nil)
	w.want(403, "POST", "/-/reload", nil, "X-API-KEY", w.makeKey("viewer"))
	w.want(401, "GET", "/api/v1/runs", nil, "X-API-KEY", "wrong")
	id := key.text(t, "id")
	wants := []string{
		"local|admin|127.0.0.1|POST /api/v1/keys|" + id + "|ops: admin|done",
		"ops|admin|127.0.0.1|PUT /api/v1/workflows/{id}|up|revision 1, created|done",
		"ops|admin|127.0.0.1|POST /workflows/json|up|revision 2, updated|done",
		"ops|admin|127.0.0.1|POST /api/v1/alerts/{fingerprint}/acknowledge|d1|mine|done",
		"ops|admin|127.0.0.1|POST /api/v1/silences|*|map[workflow:up] until 2199-01-01T00:00:00Z: move|done",
		"ops|admin|127.0.0.1|POST /-/reload|||done",
		"ops|admin|127.0.0.1|POST /api/v1/deliveries/{key}/retry|k1|as *|done",
		"ops|admin|127.0.0.1|DELETE /api/v1/workflows/{id}|none||404 *",
		"ops|admin|127.0.0.1|DELETE /api/v1/workflows/{id}|up||done",
		"viewer|viewer|127.0.0.1|POST /-/reload|||403 *",
		"||127.0.0.1|GET /api/v1/runs|||401 Invalid API Key",
	}
	log := w.auditLog()
	if len(log) != len(wants) {
		t.Fatalf("%d entries:\n%s", len(log), strings.Join(log, "\n"))
	}
	for i, want := range wants {
		if ok, err := filepath.Match(strings.NewReplacer("[", "\\[", "/", "_").Replace(want), strings.ReplaceAll(log[i], "/", "_")); !ok || err != nil {
			t.Errorf("%s\nwant %s", log[i], want)
		}
	}
	if text := strings.Join(log, "\n"); strings.Contains(text, w.key) {
		t.Error("the log has a key in it")
	}
	w.want(403, "GET", "/api/v1/audit", nil, "X-API-KEY", w.makeKey("author"))
	if a := w.want(200, "GET", "/api/v1/audit/verify?head=00", nil); a.text(t, "intact") != "false" || a.text(t, "known") != "false" {
		t.Error(a.body)
	}
}

// Every row that changes something for people is written down.
func TestAuditedRows(t *testing.T) {
	for _, r := range routes() {
		want := r.mutates() && r.needs != public && r.needs != reading && r.needs != ingesting && r.needs != measuring
		if r.audited() != want {
			t.Errorf("%s: %t", r.pattern(), r.audited())
		}
	}
}

// Whoever is refused again and again does not fill the disk; how often is not lost.
func TestRefusalsDoNotFillTheDisk(t *testing.T) {
	var c clock
	w := newWorld(t, func(s *Server) { s.Now = c.now })
	w.makeKey("viewer")
	for i := range 200 {
		w.ask("GET", fmt.Sprintf("/api/v1/runs/%d", i), nil)
	}
	if n := len(w.auditLog()); n != refusalsEach {
		t.Fatalf("%d entries", n)
	}
	c.pass(2 * time.Minute)
	w.ask("GET", "/api/v1/runs", nil)
	log := w.auditLog()
	if last := log[len(log)-1]; len(log) != refusalsEach+1 || !strings.Contains(last, "(180 refusals before it not listed)") {
		t.Error(last)
	}
}

// What cannot be written down is not answered as if it were.
func TestAuditThatCannotBeWritten(t *testing.T) {
	w := newWorld(t)
	w.stop()
	must(t, w.s.Store.Close())
	c := &call{s: w.s, route: &route{method: "POST", path: "/x", needs: operating}}
	c.Request, _ = http.NewRequest("POST", "/x", nil)
	c.RemoteAddr = "127.0.0.1:1"
	if err := w.s.audit(c, nil); !errors.Is(err, store.ErrClosed) {
		t.Error(err)
	}
}

// Commands of the user that the program runs as do everything by the socket, also where
// there are keys; it is gone when the program is.
func TestSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tocsin.sock")
	must(t, os.WriteFile(path, nil, 0o600)) // left behind
	w := newWorld(t, func(s *Server) { s.Listen.Socket = path })
	w.makeKey("viewer")
	w.want(401, "GET", "/whoami", nil)
	h := SocketClient(path)
	defer h.CloseIdleConnections()
	res, err := h.Post("http://tocsin/-/reload", "", nil)
	must(t, err)
	res.Body.Close()
	if res.StatusCode != 200 {
		t.Error(res.Status)
	}
	if log := w.auditLog(); !strings.HasPrefix(log[len(log)-1], "local|admin|socket|POST /-/reload|") {
		t.Error(log)
	}
	info, err := os.Stat(path)
	must(t, err)
	if info.Mode().Perm() != 0o600 {
		t.Error(info.Mode())
	}
	left, err := os.ReadDir(filepath.Dir(path))
	must(t, err)
	if len(left) != 1 {
		t.Error(left)
	}
	h.CloseIdleConnections()
	w.stop()
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

// A socket that cannot be is no reason not to serve.
func TestNoSocket(t *testing.T) {
	w := newWorld(t, func(s *Server) { s.Listen.Socket = filepath.Join(t.TempDir(), strings.Repeat("long", 40)) })
	w.want(200, "GET", "/whoami", nil)
	if !strings.Contains(w.log.String(), "commands on this machine cannot ask this program") {
		t.Error(w.log.String())
	}
}
