package server

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// Fields of a list, and how often each value is there under conditions.
func TestFacets(t *testing.T) {
	w := newWorld(t)
	w.want(202, "POST", "/alerts/event", []any{
		m{"name": "a", "fingerprint": "a", "severity": "high", "source": []any{"zabbix", "grafana"}, "labels": m{"team": "ops"}},
		m{"name": "b", "fingerprint": "b", "severity": "high", "source": []any{"zabbix"}, "labels": m{"team": "db"}},
		m{"name": "c", "fingerprint": "c", "severity": "low", "status": "resolved", "source": []any{"grafana"}, "labels": m{"team": "ops"}},
	})
	for _, name := range []string{"1", "2", "3"} {
		w.want(202, "POST", "/incidents", m{"id": name, "user_generated_name": name, "severity": "critical", "alert_sources": []any{"zabbix"}, "assignee": map[string]any{"1": "ann", "2": "ann"}[name]})
	}
	w.want(200, "POST", "/incidents/3/status", m{"status": "resolved"})
	w.want(201, "POST", "/workflows/json", uploaded)
	w.want(200, "PUT", "/workflows/up/toggle", nil)
	tests := []struct {
		list  string
		query m
		want  string // facet: the values that are there
	}{
		{"alerts", m{"cel": nil, "facet_queries": nil}, "dismissed: False 3; severity: high 2, low 1; source: grafana 2, zabbix 2; status: firing 2, resolved 1"},
		{"alerts", m{"cel": `severity == "high"`, "facet_queries": m{"source": "", "status": `name == "a"`}}, "source: zabbix 2, grafana 1; status: firing 1"},
		{"alerts", m{"facet_queries": m{"labels.team": "", "labels.none": ""}}, "labels.none: None 3; labels.team: ops 2, db 1"},
		{"incidents", m{"cel": `status in ["firing"]`}, "affectedServices: None 2; assignee: ann 2; hasLinkedIncident: False 2; severity: critical 2; sources: zabbix 2; status: firing 2"},
		{"incidents", m{"facet_queries": m{"assignee": ""}}, "assignee: ann 2, None 1"},
		{"workflows", m{"facet_queries": m{"createdBy": "", "isDisabled": ""}}, "createdBy: local 1, system 1; isDisabled: False 1, True 1"},
		{"workflows", m{"cel": "isDisabled == true", "facet_queries": m{"name": ""}}, "name: Up 1"},
	}
	for _, tt := range tests {
		a := w.want(200, "POST", "/"+tt.list+"/facets/options", tt.query)
		if got := optionsIn(t, a); got != tt.want {
			t.Errorf("%s %v:\n%s\nwant\n%s", tt.list, tt.query, got, tt.want)
		}
	}
	a := w.want(200, "POST", "/alerts/facets/options", m{"facet_queries": m{"severity": ""}})
	if first, last := a.text(t, "severity", 0, "value"), a.at(t, "severity", 4, "matches_count"); first != "critical" || last != 1.0 {
		t.Errorf("the values that there may be, in their order: %s", a.body)
	}
	w.want(400, "POST", "/alerts/facets/options", m{"cel": "("})
	w.want(400, "POST", "/incidents/facets/options", m{"facet_queries": m{"status": "("}})
	many := m{}
	for i := range maxFacets + 1 {
		many[strings.Repeat("x", i+1)] = ""
	}
	w.want(400, "POST", "/workflows/facets/options", m{"facet_queries": many})
	for list, want := range map[string]string{"alerts": `"labels.team"`, "incidents": `"affectedServices"`, "workflows": `"isDisabled"`} {
		if a := w.want(200, "GET", "/"+list+"/facets/fields", nil); !strings.Contains(a.body, want) {
			t.Errorf("%s: %s", list, a.body)
		}
	}
}

// optionsIn are the options of facets that something has, as text.
func optionsIn(t *testing.T, a answer) string {
	t.Helper()
	var all map[string][]keepOption
	must(t, json.Unmarshal([]byte(a.body), &all))
	var facets []string
	for id, options := range all {
		var values []string
		for _, o := range options {
			if o.Count > 0 {
				values = append(values, o.Name+" "+itoa(o.Count))
			}
		}
		facets = append(facets, id+": "+strings.Join(values, ", "))
	}
	slices.Sort(facets)
	return strings.Join(facets, "; ")
}

func TestTemplates(t *testing.T) {
	w := newWorld(t, func(s *Server) {
		s.Templates = fstest.MapFS{
			"a.yaml":      {Data: []byte("# first\nworkflow:\n  id: a\n  name: Disk Full\n  description: Tells OPS\n")},
			"b.yml":       {Data: []byte("alert:\n  id: b\n  name: Up\n")},
			"broken.yaml": {Data: []byte("workflow: [")},
			"other.yaml":  {Data: []byte("actions: []")},
			"c.txt":       {Data: []byte("workflow: {id: c}")},
			"big.yaml":    {Data: []byte("workflow: {id: big}\n#" + strings.Repeat("x", maxTemplate))},
			"d/e.yaml":    {Data: []byte("workflow: {id: e}")},
		}
	})
	if a := w.want(200, "POST", "/workflows/templates/query", m{"cel": "", "limit": 1, "offset": 1}); a.text(t, "count") != "2" || a.text(t, "results", 0, "name") != "b" {
		t.Error(a.body)
	}
	a := w.want(200, "POST", "/workflows/templates/query", m{"cel": `name.contains("disk") && description.contains("ops")`})
	if a.text(t, "count") != "1" || a.text(t, "results", 0, "workflow", "name") != "Disk Full" || !strings.HasPrefix(a.text(t, "results", 0, "workflow_raw"), "# first\n") {
		t.Error(a.body)
	}
	w.want(400, "POST", "/workflows/templates/query", m{"cel": "("})
	if a := w.want(200, "GET", "/workflows/random-templates", nil); a.text(t, 1, "workflow_raw_id") == "" {
		t.Error(a.body)
	}
}

// Those that ship can be put as they are.
func TestTemplatesThatShip(t *testing.T) {
	w := newWorld(t)
	if a := w.want(200, "GET", "/workflows/random-templates", nil); len(a.at(t).([]any)) != someTemplates {
		t.Error(a.body)
	}
	a := w.want(200, "POST", "/workflows/templates/query", m{"limit": 100})
	if n := len(a.at(t, "results").([]any)); n < 10 || a.at(t, "count") != float64(n) {
		t.Errorf("%d of %s", n, a.text(t, "count"))
	}
}
