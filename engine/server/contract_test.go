package server

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"tocsin/engine/episode"
	"tocsin/engine/store"
)

// A scene asks the running server for something, as its document says one can.
type scene struct {
	*world
	*contract
	rows map[string]route
}

// does asks a row, with values for the path in order, and checks the status and that the
// answer is as documented.
func (s scene) does(status int, pattern string, values []any, body any, headers ...string) answer {
	s.world.t.Helper()
	pattern, query, _ := strings.Cut(pattern, "?")
	r, ok := s.rows[pattern]
	if !ok {
		s.world.t.Fatalf("no row %q", pattern)
	}
	path := r.path
	for _, v := range values {
		from, to := strings.IndexByte(path, '{'), strings.IndexByte(path, '}')
		path = path[:from] + fmt.Sprint(v) + path[to+1:]
	}
	if query != "" {
		path += "?" + query
	}
	a := s.want(status, r.method, path, body, headers...)
	s.holds(r, a)
	return a
}

func newScene(t testing.TB, change ...func(*Server)) scene {
	s := scene{newWorld(t, change...), newContract(t), map[string]route{}}
	for _, r := range routes() {
		s.rows[r.pattern()] = r
	}
	return s
}

const uploaded = "workflow:\n  id: up\n  name: Up\n  triggers: [{type: manual}]\n  steps:\n    - name: ask\n      provider: {type: mock, with: {command_output: {n: 93.0}}}\n"

type m = map[string]any

// Every row answers as the document says, at least once with something.
func TestEveryRouteAsDocumented(t *testing.T) {
	s := newScene(t, func(srv *Server) {
		srv.Providers = func() []Configured { return []Configured{{"mock-1", "mock"}} }
		srv.Actions = func() []Configured { return []Configured{{"tell-ops", "mock"}} }
		srv.Seal = func(text []byte, about string) []byte { return []byte(about) }
		installing(srv)
		srv.Replay = func(ctx context.Context, run string, order ReplayOrder, by Caller) (Replay, error) {
			_, was, err := srv.Store.Run(ctx, run)
			if !order.Offline {
				return Replay{Run: "another"}, err
			}
			return Offline(was, was), err
		}
	})
	s.operation()
	s.alerts()
	s.workflows()
	s.keep()
	s.rules()
	s.installs()
	s.incidents()
	s.facets()
	s.rest()
	for pattern := range s.rows {
		if !s.asked[pattern] {
			t.Errorf("%s was not asked for, or had no good answer", pattern)
		}
	}
}

func (s scene) operation() {
	s.until("/healthz", func(a answer) bool { return a.status == 200 })
	for _, path := range []string{"/healthz", "/readyz", "/-/healthy", "/-/ready", "/healthcheck", "/metrics", "/api/v1/openapi.json", "/api/v1/status", "/api/v1/schedule", "/api/v1/providers", "/api/v1/whoami", "/api/v1/problems", "/api/v1/formats", "/api/v2/status", "/whoami", "/status", "/providers", "/actions"} {
		s.does(200, "GET "+path, nil, nil)
	}
	s.does(200, "POST /-/reload", nil, nil)
}

func (s scene) alerts() {
	t := s.world.t
	s.does(202, "POST /alerts/event", nil, m{"name": "disk", "fingerprint": "d1", "labels": m{"host": "a"}})
	s.does(202, "POST /alerts/event/{type}", []any{"prometheus"}, []any{m{"labels": m{"alertname": "Up"}}})
	s.does(202, "POST /api/v1/events/{format}", []any{"keep"}, []any{m{"name": "cpu", "fingerprint": "c1"}, m{"name": "ram", "fingerprint": "r1"}})
	s.does(200, "POST /api/v2/alerts", nil, []any{m{"labels": m{"alertname": "Down", "severity": "critical"}}})
	if a := s.does(200, `GET /api/v2/alerts?filter=severity%3D%22critical%22&filter=alertname%3D~%22D.*%22`, nil, nil); a.text(t, 0, "labels", "alertname") != "Down" {
		t.Error(a.body)
	}
	s.does(400, `GET /api/v2/alerts?filter=severity`, nil, nil)
	s.does(400, "POST /alerts/event", nil, "{")
	s.does(400, "POST /alerts/event/{type}", []any{"nagios"}, m{})
	if a := s.does(200, "GET /api/v1/rejects", nil, nil); a.text(t, 0, "raw_alert") != "{" {
		t.Error(a.body)
	}
	s.does(200, "GET /alerts/event/error", nil, nil)
	s.does(200, "POST /alerts/event/error/dismiss", nil, nil)
	s.does(200, "POST /api/v1/rejects/dismiss", nil, nil)
	for _, q := range []string{"", "?status=firing", "?cel=name%20%3D%3D%20%22disk%22", "?since=2020-01-01T00:00:00Z&limit=1"} {
		if a := s.does(200, "GET /api/v1/alerts"+q, nil, nil); a.at(t, "count").(float64) < 1 {
			t.Errorf("%s: %s", q, a.body)
		}
	}
	s.does(400, "GET /api/v1/alerts?cel=name%20%3D%3D", nil, nil)
	one := []any{"d1"}
	s.does(200, "POST /api/v1/alerts/{fingerprint}/acknowledge", one, m{"reason": "mine"})
	s.does(200, "POST /api/v1/alerts/{fingerprint}/unacknowledge", one, nil)
	s.does(409, "POST /api/v1/alerts/{fingerprint}/unacknowledge", one, nil)
	if a := s.does(200, "POST /api/v1/alerts/{fingerprint}/enrich", one, m{"set": m{"ticket": 93.5}}); a.text(t, "ticket") != "93.5" {
		t.Error(a.body)
	}
	for _, path := range []string{"/api/v1/alerts/{fingerprint}", "/api/v1/alerts/{fingerprint}/history", "/api/v1/alerts/{fingerprint}/audit", "/alerts/{fingerprint}", "/alerts/{fingerprint}/history", "/alerts/{fingerprint}/audit"} {
		s.does(200, "GET "+path, one, nil)
	}
	s.episodes()
}

func (s scene) episodes() {
	t := s.world.t
	k := episode.Key{Workflow: "disk", Action: "tell"}
	_, err := s.s.Book.Observe(t.Context(), episode.Sighting{Key: k, Run: "1", Outcome: episode.Fails, At: time.Now(), Rules: episode.Defaults()})
	must(t, err)
	name := m{"workflow": "disk", "action": "tell"}
	if a := s.does(200, "GET /api/v1/episodes?status=firing", nil, nil); a.text(t, 0, "workflow") != "disk" {
		t.Error(a.body)
	}
	s.does(200, "POST /api/v1/episodes/acknowledge", nil, m{"workflow": "disk", "action": "tell", "reason": "mine"})
	s.does(200, "GET /api/v1/episodes", nil, nil)
	s.does(200, "POST /api/v1/episodes/unacknowledge", nil, name)
	s.does(409, "POST /api/v1/episodes/unacknowledge", nil, name)
	s.does(404, "POST /api/v1/episodes/acknowledge", nil, m{"workflow": "nothing", "action": "tell"})
	s.does(400, "POST /api/v1/silences", nil, m{"match": m{}, "reason": "x", "until": time.Now().Add(time.Hour)})
	made := s.does(201, "POST /api/v1/silences", nil, m{"match": m{"workflow": "*"}, "reason": "x", "until": time.Now().Add(time.Hour)})
	s.does(200, "GET /api/v1/silences", nil, nil)
	s.does(200, "DELETE /api/v1/silences/{id}", []any{made.text(t, "id")}, nil)
}

func (s scene) workflows() {
	t := s.world.t
	up := []any{"up"}
	s.does(201, "PUT /api/v1/workflows/{id}", up, uploaded)
	if a := s.does(200, "PUT /api/v1/workflows/{id}", up, uploaded); a.text(t, "status") != "unchanged" {
		t.Error(a.body)
	}
	if a := s.does(400, "PUT /api/v1/workflows/{id}", up, "workflow: {id: up, stepz: []}"); a.text(t, "problems", 0, "code") == "" {
		t.Error(a.body)
	}
	s.does(403, "PUT /api/v1/workflows/{id}", []any{"disk"}, disk)
	s.does(400, "PUT /api/v1/workflows/{id}", []any{"other"}, uploaded)
	s.does(200, "GET /api/v1/workflows", nil, nil)
	s.does(200, "GET /api/v1/workflows/{id}", []any{"disk"}, nil)
	if a := s.does(200, "GET /api/v1/workflows/{id}/raw", []any{"disk"}, nil); a.body != disk {
		t.Error(a.body)
	}
	if a := s.does(200, "GET /api/v1/workflows/{id}/raw", up, nil); a.body != uploaded {
		t.Error(a.body)
	}
	s.does(200, "POST /api/v1/workflows/{id}/disable", up, nil)
	s.does(409, "POST /api/v1/workflows/{id}/run", up, m{})
	s.does(200, "POST /api/v1/workflows/{id}/enable", up, nil)
	s.does(400, "POST /api/v1/workflows/{id}/run", up, m{"inputz": m{}})
	run := s.does(202, "POST /api/v1/workflows/{id}/run", up, m{"inputs": m{"x": 1}}).text(t, "run")
	if a := s.over(run); a.text(t, "steps", 0, "output", "n") != "93" || !strings.Contains(a.body, "93.0") {
		t.Error(a.body)
	}
	s.does(200, "GET /api/v1/runs/{id}", []any{run}, nil)
	s.does(200, "GET /api/v1/runs/{id}/events", []any{run}, nil)
	s.does(200, "GET /api/v1/runs?workflow=up&status=done,failed", nil, nil)
	s.does(404, "GET /api/v1/runs/{id}", []any{"nothing"}, nil)
	s.does(202, "POST /api/v1/runs/{id}/replay", []any{run}, m{})
	if a := s.does(200, "POST /api/v1/runs/{id}/replay", []any{run}, m{"offline": true, "set": []string{"steps.ask.with.x=1"}}); a.text(t, "status") != "done" {
		t.Error(a.body)
	}
	s.does(404, "POST /api/v1/runs/{id}/replay", []any{"nothing"}, m{})
	if a := s.does(200, "GET /api/v1/runs/{id}/differences?to="+run, []any{run}, nil); a.text(t, "differences") != "[]" {
		t.Error(a.body)
	}
	s.does(404, "GET /api/v1/runs/{id}/differences?to=nothing", []any{run}, nil)
	s.does(404, "POST /api/v1/runs/{id}/cancel", []any{run}, nil)
	s.does(200, "GET /api/v1/workflows/{id}/ticks", []any{"disk"}, nil)
	s.does(200, "DELETE /api/v1/workflows/{id}", up, nil)
	s.does(404, "GET /api/v1/workflows/{id}", up, nil)
	s.asked["POST /api/v1/runs/{id}/cancel"] = true // TestCancel
}

func (s scene) keep() {
	t := s.world.t
	if a := s.does(201, "POST /workflows/json", nil, uploaded); a.text(t, "status") != "created" && a.text(t, "status") != "updated" {
		t.Error(a.body)
	}
	form := "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"up.yaml\"\r\n\r\n" + uploaded + "\r\n--b--\r\n"
	s.does(201, "POST /workflows", nil, form, "Content-Type", "multipart/form-data; boundary=b")
	up := []any{"up"}
	s.does(201, "PUT /workflows/{id}", up, strings.Replace(uploaded, "name: Up", "name: Upper", 1))
	action := "actions:\n  - name: tell-all\n    provider: {type: mock, with: {command_output: 1}}\n"
	s.does(201, "POST /actions", nil, action)
	s.does(400, "POST /actions", nil, "workflow: {id: x}")
	s.does(200, "PUT /actions/{id}", []any{"tell-all"}, action)
	s.does(400, "PUT /actions/{id}", []any{"tell-all"}, strings.Replace(action, "tell-all", "other", 1))
	s.does(404, "PUT /actions/{id}", []any{"other"}, action)
	if a := s.does(200, "GET /actions", nil, nil); a.text(t, 1, "id") != "tell-all" {
		t.Error(a.body)
	}
	s.does(200, "DELETE /actions/{id}", []any{"tell-all"}, nil)
	s.does(404, "DELETE /actions/{id}", []any{"tell-all"}, nil)
	s.does(201, "POST /workflows/{id}/secrets", up, m{"pager": "canary", "other": "canary"})
	s.does(400, "POST /workflows/{id}/secrets", up, m{"no name": "canary"})
	s.does(403, "POST /workflows/{id}/secrets", []any{"disk"}, m{"pager": "canary"})
	s.does(404, "POST /workflows/{id}/secrets", []any{"nothing"}, m{"pager": "canary"})
	if a := s.does(200, "GET /workflows/{id}/secrets", up, nil); a.body != "{\"other\":\"[redacted]\",\"pager\":\"[redacted]\"}\n" {
		t.Error(a.body)
	}
	s.does(201, "DELETE /workflows/{id}/secrets/{name}", []any{"up", "other"}, nil)
	s.does(404, "DELETE /workflows/{id}/secrets/{name}", []any{"up", "other"}, nil)
	s.does(200, "PUT /workflows/{id}/toggle", up, nil)
	if a := s.does(200, "PUT /workflows/{id}/toggle", up, nil); a.text(t, "is_disabled") != "false" {
		t.Error(a.body)
	}
	run := s.does(200, "POST /workflows/{id}/run", up, m{"type": "alert", "body": m{"name": "x"}, "inputs": m{"a": "b"}}).text(t, "workflow_execution_id")
	s.over(run)
	for _, path := range []string{"/workflows", "/workflows/export", "/workflows/executions", "/workflows/executions/list", "/workflows/executions/list?workflow_execution_id=" + run, "/alerts", "/alerts?limit=1"} {
		s.does(200, "GET "+path, nil, nil)
	}
	for _, path := range []string{"/workflows/{id}", "/workflows/{id}/raw", "/workflows/{id}/versions", "/workflows/{id}/runs", "/workflows/{id}/runs?tab=3&status=success&trigger=manual"} {
		s.does(200, "GET "+path, up, nil)
	}
	s.does(200, "GET /workflows/{id}/versions/{revision}", []any{"up", 1}, nil)
	s.does(200, "GET /workflows/{id}/runs/{run}", []any{"up", run}, nil)
	s.does(200, "GET /workflows/runs/{run}", []any{run}, nil)
	link := s.does(307, "GET /workflows/{id}/run?alert=d1", []any{"disk"}, nil)
	s.over(link.text(t, "workflow_execution_id"))
	s.does(200, "POST /workflows/query", nil, m{"cel": `name == "Disk"`, "limit": 5})
	s.does(403, "POST /workflows/test", nil, m{"workflow_raw": uploaded})
	s.asked["POST /workflows/test"] = true // TestTry
	s.does(200, "DELETE /workflows/{id}", up, nil)
	s.does(200, "POST /alerts/query", nil, m{"cel": `fingerprint == "d1"`, "sort_options": []any{m{"sort_by": "name", "sort_dir": "desc"}}})
	s.does(200, "POST /alerts/search", nil, m{"query": m{"cel_query": `name == "disk"`}, "timeframe": 3600})
	s.does(200, "POST /alerts/batch", nil, []any{"d1", "nothing"})
	s.does(200, "POST /alerts/enrich", nil, m{"fingerprint": "d1", "enrichments": m{"team": "ops"}})
	s.does(200, "POST /alerts/enrich/note", nil, m{"fingerprint": "d1", "note": "hi"})
	s.does(200, "POST /alerts/batch_enrich", nil, m{"fingerprints": []any{"d1", "c1"}, "enrichments": m{"team": "db"}})
	s.does(200, "POST /alerts/unenrich", nil, m{"fingerprint": "d1", "enrichments": []any{"team"}})
	s.does(200, "POST /alerts/{fingerprint}/assign/{received}", []any{"d1", "now"}, nil)
	s.does(200, "DELETE /alerts", nil, m{"fingerprint": "d1"})
	s.does(200, "DELETE /alerts", nil, m{"fingerprint": "d1", "restore": true})
}

func (s scene) incidents() {
	t := s.world.t
	id := s.does(202, "POST /incidents", nil, m{"user_generated_name": "outage", "severity": "high"}).text(t, "id")
	s.does(202, "POST /incidents/event/{provider}", []any{"pagerduty"}, m{"id": "pd1", "name": "other"})
	s.does(200, "GET /incidents?status=firing", nil, nil)
	s.does(400, "GET /incidents?cel=name%20%3D%3D", nil, nil)
	one := []any{id}
	s.does(202, "POST /incidents/{id}/alerts", one, []any{"d1", "c1"})
	s.does(200, "GET /incidents/{id}/alerts", one, nil)
	s.does(200, "GET /incidents/{id}", one, nil)
	s.does(200, "PUT /incidents/{id}", one, m{"user_summary": "all is lost"})
	s.does(200, "POST /incidents/{id}/status", one, m{"status": "acknowledged"})
	s.does(200, "POST /incidents/{id}/enrich", one, m{"enrichments": m{"room": "12"}})
	s.until("/incidents/"+id+"/workflows", func(a answer) bool { return a.at(t, "count").(float64) >= 1 })
	s.does(200, "GET /incidents/{id}/workflows", one, nil)
	s.does(200, "DELETE /incidents/{id}", one, nil)
	s.does(404, "GET /incidents/{id}", one, nil)
}

func (s scene) facets() {
	for _, list := range []string{"alerts", "incidents", "workflows"} {
		s.does(200, "GET /"+list+"/facets", nil, nil)
		s.does(200, "GET /"+list+"/facets/fields", nil, nil)
		s.does(200, "POST /"+list+"/facets/options", nil, m{"cel": "", "facet_queries": m{"status": ""}})
	}
	s.does(200, "GET /workflows/random-templates", nil, nil)
	s.does(200, "POST /workflows/templates/query", nil, m{"cel": `name.contains("disk")`})
}

func (s scene) rest() {
	t := s.world.t
	made := s.does(201, "POST /api/v1/heartbeats", nil, m{"name": "cron", "grace_seconds": 60})
	s.does(200, "GET /heartbeat/{token}", []any{made.text(t, "token")}, nil)
	s.does(200, "POST /heartbeat/{token}", []any{made.text(t, "token")}, nil)
	s.does(404, "GET /heartbeat/{token}", []any{"guess"}, nil)
	s.does(200, "GET /api/v1/heartbeats", nil, nil)
	s.does(200, "DELETE /api/v1/heartbeats/{name}", []any{"cron"}, nil)
	must(t, s.s.Store.Intend(t.Context(), store.Delivery{Key: "k1", Run: "r", Workflow: "disk", Action: "tell", State: store.Dead, Reason: "gone"}))
	s.does(200, "GET /api/v1/deliveries?state=dead", nil, nil)
	again := s.does(202, "POST /api/v1/deliveries/{key}/retry", []any{"k1"}, nil)
	s.does(409, "POST /api/v1/deliveries/{key}/retry", []any{again.text(t, "key")}, nil)
	key := s.does(201, "POST /api/v1/keys", nil, m{"name": "first", "role": "admin"})
	s.does(401, "GET /api/v1/keys", nil, nil)
	s.key = key.text(t, "key")
	s.does(200, "GET /api/v1/keys", nil, nil)
	s.does(409, "POST /api/v1/keys", nil, m{"name": "first", "role": "admin"})
	log := s.does(200, "GET /api/v1/audit?limit=5", nil, nil)
	if proof := s.does(200, "GET /api/v1/audit/verify?head="+log.text(t, 4, "hash"), nil, nil); proof.text(t, "intact") != "true" || proof.text(t, "known") != "true" {
		t.Error(proof.body)
	}
	s.does(200, "DELETE /api/v1/keys/{id}", []any{key.text(t, "id")}, nil)
}
