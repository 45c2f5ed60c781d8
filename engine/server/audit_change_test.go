package server

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"tocsin/engine"
	"tocsin/engine/episode"
	"tocsin/engine/schedule"
	"tocsin/engine/store"
)

// A deed is a request that changes something. Words in capitals stand for what arranged
// made.
type deed struct {
	pattern, path string
	body          any
}

// deeds are requests of each row that is written down, in an order in which each can be done.
var deeds = []deed{
	{"POST /api/v1/keys", "/api/v1/keys", m{"name": "ops", "role": "admin"}},
	{"PUT /api/v1/workflows/{id}", "/api/v1/workflows/down", strings.ReplaceAll(uploaded, "id: up", "id: down")},
	{"POST /api/v1/workflows/{id}/disable", "/api/v1/workflows/up/disable", nil},
	{"POST /api/v1/workflows/{id}/enable", "/api/v1/workflows/up/enable", nil},
	{"PUT /workflows/{id}/toggle", "/workflows/disk/toggle", nil},
	{"PUT /workflows/{id}/toggle", "/workflows/disk/toggle", nil},
	{"POST /api/v1/workflows/{id}/run", "/api/v1/workflows/up/run", m{}},
	{"POST /workflows/{id}/run", "/workflows/up/run", m{"name": "x"}},
	{"GET /workflows/{id}/run", "/workflows/up/run?name=x", nil},
	{"POST /workflows/test", "/workflows/test", m{"workflow_raw": uploaded}},
	{"POST /api/v1/runs/{id}/replay", "/api/v1/runs/RUN/replay", m{}},
	{"POST /workflows", "/workflows", strings.Replace(uploaded, "name: Up", "name: 1", 1)},
	{"POST /workflows/json", "/workflows/json", strings.Replace(uploaded, "name: Up", "name: 2", 1)},
	{"PUT /workflows/{id}", "/workflows/up", strings.Replace(uploaded, "name: Up", "name: 3", 1)},
	{"POST /workflows/{id}/secrets", "/workflows/up/secrets", m{"pager": "canary"}},
	{"DELETE /workflows/{id}/secrets/{name}", "/workflows/up/secrets/pager", nil},
	{"DELETE /workflows/{id}", "/workflows/up", nil},
	{"DELETE /api/v1/workflows/{id}", "/api/v1/workflows/down", nil},
	{"POST /actions", "/actions", "actions:\n  - name: tell\n    provider: {type: mock}\n"},
	{"PUT /actions/{id}", "/actions/tell", "actions:\n  - name: tell\n    provider: {type: mock, with: {a: 1}}\n"},
	{"DELETE /actions/{id}", "/actions/tell", nil},
	{"POST /providers/install", "/providers/install", m{"provider_id": "smtp", "provider_name": "post", "smtp_server": "a"}},
	{"DELETE /providers/{type}/{id}", "/providers/dummy/INSTALLED", nil},
	{"POST /extraction", "/extraction", m{"name": "x", "attribute": "name", "regex": "(?P<x>.)"}},
	{"PUT /extraction/{id}", "/extraction/1", m{"priority": 2}},
	{"DELETE /extraction/{id}", "/extraction/1", nil},
	{"POST /mapping", "/mapping", m{"name": "x", "matchers": []any{"a"}, "rows": []any{m{"a": "1", "b": "2"}}}},
	{"PUT /mapping/{id}", "/mapping/1", m{"priority": 2}},
	{"DELETE /mapping/{id}", "/mapping/1", nil},
	{"POST /api/v1/alerts/{fingerprint}/acknowledge", "/api/v1/alerts/d1/acknowledge", m{}},
	{"POST /api/v1/alerts/{fingerprint}/unacknowledge", "/api/v1/alerts/d1/unacknowledge", nil},
	{"POST /api/v1/alerts/{fingerprint}/enrich", "/api/v1/alerts/d1/enrich", m{"set": m{"a": 1}}},
	{"POST /alerts/enrich", "/alerts/enrich", m{"fingerprint": "d1", "enrichments": m{"status": "resolved"}}},
	{"POST /alerts/enrich/note", "/alerts/enrich/note", m{"fingerprint": "d1", "note": "hi"}},
	{"POST /alerts/batch_enrich", "/alerts/batch_enrich", m{"fingerprints": []any{"d1", "c1"}, "enrichments": m{"b": "1"}}},
	{"POST /alerts/unenrich", "/alerts/unenrich", m{"fingerprint": "d1", "enrichments": []any{"b"}}},
	{"POST /alerts/{fingerprint}/assign/{received}", "/alerts/d1/assign/now", nil},
	{"DELETE /alerts", "/alerts", m{"fingerprint": "d1"}},
	{"POST /alerts/event/error/dismiss", "/alerts/event/error/dismiss", m{"alert_id": 1}},
	{"POST /api/v1/rejects/dismiss", "/api/v1/rejects/dismiss", nil},
	{"POST /api/v1/episodes/acknowledge", "/api/v1/episodes/acknowledge", m{"workflow": "disk", "action": "tell"}},
	{"POST /api/v1/episodes/unacknowledge", "/api/v1/episodes/unacknowledge", m{"workflow": "disk", "action": "tell"}},
	{"POST /api/v1/silences", "/api/v1/silences", m{"match": m{"workflow": "up"}, "reason": "x", "until": "2199-01-01T00:00:00Z"}},
	{"DELETE /api/v1/silences/{id}", "/api/v1/silences/SILENCE", nil},
	{"POST /api/v1/deliveries/{key}/retry", "/api/v1/deliveries/k1/retry", nil},
	{"POST /api/v1/heartbeats", "/api/v1/heartbeats", m{"name": "cron", "grace_seconds": 60}},
	{"DELETE /api/v1/heartbeats/{name}", "/api/v1/heartbeats/cron", nil},
	{"PUT /incidents/{id}", "/incidents/i1", m{"user_summary": "x"}},
	{"POST /incidents/{id}/alerts", "/incidents/i1/alerts", []any{"d1"}},
	{"POST /incidents/{id}/status", "/incidents/i1/status", m{"status": "acknowledged"}},
	{"POST /incidents/{id}/enrich", "/incidents/i1/enrich", m{"enrichments": m{"a": "b"}}},
	{"DELETE /incidents/{id}", "/incidents/i1", nil},
	{"DELETE /api/v1/keys/{id}", "/api/v1/keys/KEY", nil},
}

// elsewhere are rows that change nothing in the store themselves: a run is stopped, files are
// read.
var elsewhere = []string{"POST /api/v1/runs/{id}/cancel", "POST /-/reload"}

// arranged is a world in which the deeds can be done, and what stands for the capitals.
func arranged(t *testing.T) (*world, *strings.Replacer) {
	var w *world
	run := func(ctx context.Context) (string, error) {
		j := schedule.Job{Run: schedule.NewRun(time.Now()), Workflow: "none", Attempt: 1}
		if err := w.s.Store.Begin(ctx, j, nil); err != nil {
			return "", err
		}
		return j.Run, w.s.Store.End(context.WithoutCancel(t.Context()), j, &engine.Result{Status: engine.Done})
	}
	w = newWorld(t, func(s *Server) {
		s.Book.Store = s.Store
		s.Seal = func(text []byte, about string) []byte { return []byte(about) }
		installing(s)
		s.Try = func(ctx context.Context, _ []byte, _ engine.Input) (string, error) { return run(ctx) }
		s.Replay = func(ctx context.Context, _ string, _ ReplayOrder, _ Caller) (Replay, error) {
			id, err := run(ctx)
			return Replay{Run: id}, err
		}
	})
	w.want(201, "POST", "/workflows/json", uploaded)
	w.want(202, "POST", "/alerts/event", []any{m{"name": "d", "fingerprint": "d1"}, m{"name": "c", "fingerprint": "c1"}})
	for range 3 {
		w.want(400, "POST", "/alerts/event", "{")
	}
	w.want(202, "POST", "/incidents", m{"id": "i1", "user_generated_name": "outage"})
	must(t, w.s.Store.Intend(t.Context(), store.Delivery{Key: "k1", State: store.Dead}))
	silence, err := w.s.Book.Silence(t.Context(), episode.Silence{Match: map[string]string{"workflow": "x"}, Reason: "x", Owner: "x", From: time.Now(), Until: time.Now().Add(time.Hour)})
	must(t, err)
	_, err = w.s.Book.Observe(t.Context(), episode.Sighting{Key: episode.Key{Workflow: "disk", Action: "tell"}, Run: "1", Outcome: episode.Fails, At: time.Now(), Rules: episode.Defaults()})
	must(t, err)
	_, key, err := CreateKey(t.Context(), w.s.Store, NewKey{Name: "spare", Role: "viewer", Expires: time.Now().Add(time.Hour)})
	must(t, err)
	w.key = w.makeKey("admin")
	was := w.want(202, "POST", "/api/v1/workflows/up/run", m{}).text(t, "run")
	installed := w.want(200, "POST", "/providers/install", m{"provider_id": "mock", "provider_name": "spare"}).text(t, "id")
	w.still()
	return w, strings.NewReplacer("RUN", was, "SILENCE", silence.ID, "KEY", key.ID, "INSTALLED", installed)
}

// still waits until nothing is under way.
func (w *world) still() {
	w.t.Helper()
	waits, err := w.s.Store.Unfinished(w.t.Context())
	must(w.t, err)
	for _, u := range waits {
		w.over(u.Job.Run)
	}
}

// tables are those that requests change, and what there is to see of them.
var tables = map[string]string{
	"actions": "*", "alert_events": "*", "alerts": "*", "api_keys": "id, name, revoked", "audit": "*", "deliveries": "*", "episodes": "*", "heartbeats": "*", "incidents": "*",
	"jobs": "*", "meta WHERE key LIKE '% rules' OR key = 'installed providers'": "*", "rejects": "*", "runs": "id", "secrets": "*", "silences": "*", "switches": "*", "workflow_versions": "*", "workflows": "*",
}

// contents are their rows, a line each.
func contents(t *testing.T, db *sql.DB) (lines []string) {
	t.Helper()
	for table, columns := range tables {
		rows, err := db.Query("SELECT " + columns + " FROM " + table)
		must(t, err)
		names, err := rows.Columns()
		must(t, err)
		for rows.Next() {
			row, into := make([]sql.NullString, len(names)), make([]any, len(names))
			for i := range row {
				into[i] = &row[i]
			}
			must(t, rows.Scan(into...))
			lines = append(lines, fmt.Sprintf("%s %v", table, row))
		}
		must(t, rows.Close())
	}
	slices.Sort(lines)
	return lines
}

// changed are lines of one that the other has not.
func changed(was, is []string) (lines []string) {
	for _, line := range is {
		if !slices.Contains(was, line) {
			lines = append(lines, "now "+line)
		}
	}
	for _, line := range was {
		if !slices.Contains(is, line) {
			lines = append(lines, "not "+line)
		}
	}
	return lines
}

// What a request changes is there with its entry in the audit log, or neither is: where
// entries cannot be written, nothing is changed. Where they can be each has one.
func TestTheEntryIsInTheTransaction(t *testing.T) {
	for _, r := range routes() {
		known := func(d deed) bool { return d.pattern == r.pattern() }
		if r.audited() && !slices.ContainsFunc(deeds, known) && !slices.Contains(elsewhere, r.pattern()) {
			t.Errorf("%s is written down, and none of the deeds", r.pattern())
		}
	}
	w, of := arranged(t)
	db, err := sql.Open("sqlite", "file:"+w.s.Store.Path+"?_pragma=busy_timeout(5000)")
	must(t, err)
	defer db.Close()
	for _, d := range deeds {
		method, _, _ := strings.Cut(d.pattern, " ")
		before := contents(t, db)
		_, err := db.Exec("CREATE TRIGGER no_entry BEFORE INSERT ON audit_log WHEN NEW.outcome = 'done' BEGIN SELECT RAISE(ABORT, 'no room for entries'); END")
		must(t, err)
		if a := w.ask(method, of.Replace(d.path), d.body); a.status < 400 {
			t.Errorf("%s: without an entry: %d", d.pattern, a.status)
		}
		for _, line := range changed(before, contents(t, db)) {
			t.Errorf("%s: without an entry: %s", d.pattern, line)
		}
		_, err = db.Exec("DROP TRIGGER no_entry")
		must(t, err)
		if strings.HasSuffix(d.path, "acknowledge") || strings.HasPrefix(d.path, "/api/v1/silences") {
			continue // the book keeps what it was told
		}
		n := len(w.auditLog())
		if a := w.ask(method, of.Replace(d.path), d.body); a.status >= 400 {
			t.Fatalf("%s: %d: %s", d.pattern, a.status, a.body)
		}
		w.still()
		log := w.auditLog()
		if len(log) != n+1 || !strings.HasSuffix(log[n], "|done") || !strings.Contains(log[n], "|"+d.pattern+"|") || len(changed(before, contents(t, db))) == 0 {
			t.Errorf("%s: %q, changed: %q", d.pattern, log[n:], changed(before, contents(t, db)))
		}
	}
}
