package server

import (
	"fmt"
	"strings"
	"testing"
)

// rules asks for what there is about rules that add fields to alerts, as its document says.
func (s scene) rules() {
	t := s.world.t
	rule := m{"name": "user", "attribute": "message", "regex": `user=(?P<user>\w+)`, "priority": 5, "description": nil, "condition": ""}
	x := s.does(200, "POST /extraction", nil, rule)
	one := []any{x.text(t, "id")}
	if a := s.does(200, "PUT /extraction/{id}", one, m{"condition": `severity == "critical"`}); a.text(t, "regex") != `user=(?P<user>\w+)` || a.text(t, "priority") != "5" || a.text(t, "updated_by") == "" {
		t.Error(a.body)
	}
	if a := s.does(200, "GET /extraction", nil, nil); a.text(t, 0, "condition") != `severity == "critical"` {
		t.Error(a.body)
	}
	if a := s.does(400, "POST /extraction", nil, m{"name": "x", "attribute": "message", "regex": "(?=a)(?P<a>.)"}); !strings.Contains(a.body, "neither ahead nor behind") {
		t.Error(a.body)
	}
	s.does(400, "PUT /extraction/{id}", one, m{"regex": "("})
	s.does(404, "PUT /extraction/{id}", []any{"99"}, m{})
	table := m{"name": "teams", "file_name": "teams.csv", "matchers": []any{"service", "labels.host && name"}, "rows": []any{m{"service": "api", "name": "n", "labels.host": "h", "team": "web", "id": "1"}}}
	y := s.does(200, "POST /mapping", nil, table)
	two := []any{y.text(t, "id")}
	if y.text(t, "attributes", 0) != "team" || y.text(t, "matchers", 1) != "labels.host && name" {
		t.Error(y.body)
	}
	if a := s.does(200, "PUT /mapping/{id}", two, m{"matchers": []any{[]any{"service"}}, "disabled": true}); a.text(t, "matchers", 0, 0) != "service" || a.text(t, "disabled") != "true" {
		t.Error(a.body)
	}
	if a := s.does(200, "GET /mapping", nil, nil); strings.Contains(a.body, `"rows"`) || a.text(t, 0, "file_name") != "teams.csv" {
		t.Error(a.body)
	}
	if a := s.does(200, "GET /mapping/{id}", two, nil); a.text(t, "rows", 0, "team") != "web" {
		t.Error(a.body)
	}
	for _, wrong := range []m{
		{"name": "m", "matchers": "service", "rows": []any{m{"service": "a"}}}, {"name": "m", "matchers": []any{"x"}, "rows": []any{m{"service": "a"}}},
		{"name": "m", "matchers": []any{1}, "rows": []any{m{"service": "a"}}}, {"name": "m", "matchers": []any{"service"}, "rows": []any{nil}},
		{"name": "m", "matchers": []any{"service"}}, {"name": "m", "matchers": []any{"service"}, "type": "topology"},
	} {
		s.does(400, "POST /mapping", nil, wrong)
	}
	s.does(404, "GET /mapping/{id}", []any{"99"}, nil)
	for _, path := range []string{"/extraction/{id}", "/mapping/{id}"} {
		s.does(200, "DELETE "+path, one, nil)
		s.does(404, "DELETE "+path, one, nil)
	}
	if a := s.does(200, "POST /extraction", nil, rule); a.text(t, "id") == one[0] {
		t.Error("an id was given twice")
	}
}

// Fields that rules add are there when triggers are matched, in what the run sees, in the
// alert and its audit, however the alert comes in; rules are there again after a restart.
func TestRules(t *testing.T) {
	w := newWorld(t)
	workflow := "workflow:\n  id: rules\n  triggers: [{type: alert, filters: [{key: team, value: web}]}]\n  actions:\n    - name: tell\n      provider: {type: mock, with: {message: '{{ alert.name }} {{ alert.team }}'}}\n"
	w.want(201, "PUT", "/api/v1/workflows/rules", workflow)
	w.want(200, "POST", "/extraction", m{"name": "user", "attribute": "message", "regex": `user=(?P<user>\w+)`})
	w.want(200, "POST", "/extraction", m{"name": "fingerprint", "attribute": "key", "regex": `(?P<fingerprint>.+)`, "pre": true})
	w.want(200, "POST", "/mapping", m{"name": "teams", "matchers": []any{[]any{"user"}, []any{"labels.host"}}, "rows": []any{m{"user": "ann", "labels.host": "h1", "team": "web"}}})
	started := func(path string, body any, want int) {
		t.Helper()
		if a := w.want(202, "POST", path, body); a.text(t, "runs") != fmt.Sprint(want) {
			t.Errorf("%s: %s", path, a.body)
		}
	}
	came := func(i int, fingerprint string) {
		t.Helper()
		started("/api/v1/events/keep", m{"name": "login", "key": fingerprint, "message": fmt.Sprintf("%d: user=ann failed", i)}, 1)
		a := w.want(200, "GET", "/alerts/"+fingerprint, nil)
		if a.text(t, "user") != "ann" || a.text(t, "team") != "web" {
			t.Error(a.body)
		}
	}
	came(1, "first")
	log := w.want(200, "GET", "/alerts/first/audit", nil)
	if log.text(t, 0, "user_id") != `mapping rule "teams"` || log.text(t, 0, "description") != "[team]" || log.text(t, 1, "user_id") != `extraction rule "user"` {
		t.Error(log.body)
	}
	came(2, "first")
	if a := w.want(200, "GET", "/alerts/first/audit", nil); a.body != log.body {
		t.Errorf("what is no news was noted: %s", a.body)
	}
	started("/api/v1/events/prometheus", []any{m{"labels": m{"alertname": "Up", "host": "h1"}}}, 1)
	started("/api/v1/events/keep", m{"name": "login", "message": "user=bob failed"}, 0)
	w.want(200, "POST", "/api/v2/alerts", []any{m{"labels": m{"alertname": "Down", "host": "h1"}}})
	must(t, w.s.Raise(t.Context(), map[string]any{"name": "own", "fingerprint": "own", "labels": map[string]any{"host": "h1"}}, true))
	if a := w.want(200, "GET", "/alerts/own", nil); a.text(t, "team") != "web" {
		t.Error(a.body)
	}
	runs := w.until("/api/v1/runs?workflow=rules&limit=10", func(a answer) bool { return strings.Count(a.body, `"done"`) == 5 })
	if run := w.want(200, "GET", "/api/v1/runs/"+runs.text(t, "items", 4, "id"), nil); !strings.Contains(run.body, "login web") {
		t.Error(run.body)
	}
	w.s.Store.AddTo(nil) // as after a restart
	must(t, w.s.LoadWorkflows(t.Context()))
	came(3, "second")
}

// A rule of the store that is none any more is left out and said, and the others count.
func TestRulesThatAreNone(t *testing.T) {
	w := newWorld(t)
	must(t, w.s.Store.SetMeta(t.Context(), extractionShelf, shelf[keepExtraction]{Last: 2, Rules: []keepExtraction{
		{ID: 1, Name: "bad", Attribute: "name", Regex: "("}, {ID: 2, Name: "good", Attribute: "name", Regex: "(?P<x>.+)"},
	}}))
	must(t, w.s.LoadWorkflows(t.Context()))
	if !strings.Contains(w.log.String(), `extraction rule \"bad\"`) {
		t.Error(w.log.String())
	}
	w.want(202, "POST", "/alerts/event", m{"name": "n", "fingerprint": "f"})
	if a := w.want(200, "GET", "/alerts/f", nil); a.text(t, "x") != "n" {
		t.Error(a.body)
	}
}

func TestRulesAreFew(t *testing.T) {
	w := newWorld(t)
	var rules shelf[keepExtraction]
	for i := range maxExtractions {
		rules.Rules = append(rules.Rules, keepExtraction{ID: int64(i + 1), Name: "x", Attribute: "name", Regex: "(?P<x>.)"})
	}
	must(t, w.s.Store.SetMeta(t.Context(), extractionShelf, rules))
	w.want(400, "POST", "/extraction", m{"name": "x", "attribute": "name", "regex": "(?P<x>.)"})
	rows := []any{}
	for i := range 9000 {
		rows = append(rows, m{"a": fmt.Sprint(i), "b": strings.Repeat("x", 90)})
	}
	for range 8 {
		w.want(200, "POST", "/mapping", m{"name": "m", "matchers": []any{"a"}, "rows": rows})
	}
	w.want(400, "POST", "/mapping", m{"name": "m", "matchers": []any{"a"}, "rows": rows})
}
