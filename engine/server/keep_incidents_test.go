package server

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
)

// A list has what was asked for, a page of it, and says how many there are.
func TestListIncidents(t *testing.T) {
	w := newWorld(t)
	for i, severity := range []string{"high", "info", "high", "critical"} {
		w.want(202, "POST", "/incidents", m{"id": fmt.Sprint(i), "user_generated_name": "outage " + severity, "severity": severity, "enrichments": m{"room": fmt.Sprint(i % 2)}})
	}
	w.want(200, "POST", "/incidents/0/status", m{"status": "resolved"})
	tests := []struct{ query, want string }{
		{"", "4: 3 2 1 0"},
		{"limit=1&offset=2", "4: 1"},
		{"severity=HIGH&severity=info", "3: 2 1 0"},
		{"status=resolved&severity=high", "1: 0"},
		{"cel=" + url.QueryEscape(`name.contains("high") && status == "firing"`), "1: 2"},
		{"limit=1&offset=1&cel=" + url.QueryEscape(`room == "0" || severity in ["info"]`), "3: 1"},
	}
	for _, tt := range tests {
		a := w.want(200, "GET", "/incidents?"+tt.query, nil)
		got := a.text(t, "count") + ":"
		for _, item := range a.at(t, "items").([]any) {
			got += " " + item.(map[string]any)["id"].(string)
		}
		if got != tt.want {
			t.Errorf("%s: %s, want %s", tt.query, got, tt.want)
		}
	}
}

// One that is too long is refused, whoever makes it so, and stays what it was.
func TestLongIncident(t *testing.T) {
	w := newWorld(t)
	w.want(202, "POST", "/incidents", m{"id": "1", "user_generated_name": "outage"})
	w.want(413, "POST", "/incidents/1/enrich", m{"enrichments": m{"text": strings.Repeat("x", maxIncident)}})
	w.want(413, "POST", "/incidents", m{"id": "2", "user_generated_name": strings.Repeat("x", maxIncident)})
	if a := w.want(200, "GET", "/incidents", nil); a.text(t, "count") != "1" || strings.Contains(a.body, "xx") {
		t.Error(a.body)
	}
}

// Where there are as many as may be, and none is over, a new one is refused.
func TestManyIncidents(t *testing.T) {
	w := newWorld(t, func(s *Server) { s.Store.Retention.MaxIncidents = 1 })
	w.want(202, "POST", "/incidents", m{"id": "1", "user_generated_name": "outage"})
	w.want(409, "POST", "/incidents", m{"id": "2", "user_generated_name": "outage"})
	w.want(200, "POST", "/incidents/1/status", m{"status": "resolved"})
	w.want(202, "POST", "/incidents", m{"id": "2", "user_generated_name": "outage"})
	w.want(404, "GET", "/incidents/1", nil)
}
