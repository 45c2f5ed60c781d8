package engine

import (
	"strings"
	"testing"
	"time"

	"tocsin/templating/value"
)

func TestNormalizeAlert(t *testing.T) {
	tests := []struct {
		name  string
		alert map[string]any
		field string
		want  any
	}{
		{"severity as a number", map[string]any{"severity": 5}, "severity", "critical"},
		{"severity in capitals is not known", map[string]any{"severity": "CRITICAL"}, "severity", "info"},
		{"status that is not known", map[string]any{"status": "open"}, "status", "firing"},
		{"received in seconds", map[string]any{"lastReceived": "1714979289"}, "lastReceived", "2024-05-06T07:08:09.000Z"},
		{"received just now", nil, "lastReceived", "2024-05-06T12:00:00.000Z"},
		{"address without a scheme", map[string]any{"url": " mon.example/a b "}, "url", "https://mon.example/a%20b"},
		{"dismissed as a text", map[string]any{"dismissed": "True"}, "dismissed", true},
		{"dismissed until yesterday", map[string]any{"dismissed": true, "dismissUntil": "2024-05-05T00:00:00Z"}, "dismissed", false},
		{"assignee of this occurrence", map[string]any{"lastReceived": "2024-05-06T07:08:09.000Z", "assignees": map[string]any{"2024-05-06T07:08:09.000Z": "ann"}}, "assignee", "ann"},
		{"declared and not given", nil, "service", nil},
		{"counted from nothing", nil, "firingCounter", int64(0)},
		{"anything else", map[string]any{"disk": map[string]any{"used": 91}}, "disk", value.MapOf(value.Entry{Key: "used", Value: int64(91)})},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := NormalizeAlert(tt.alert, noon, "seed")
			if err != nil {
				t.Fatal(err)
			}
			v, ok := got.Get(tt.field)
			if !ok || !value.Equal(v, tt.want) {
				t.Errorf("%s is %v, want %v", tt.field, v, tt.want)
			}
		})
	}
}

// An alert prints with its declared fields first, in their order.
func TestAlertOrder(t *testing.T) {
	got, err := NormalizeAlert(map[string]any{"zebra": 1, "name": "a", "id": "i"}, noon, "")
	if err != nil {
		t.Fatal(err)
	}
	text := value.Text(got)
	last := -1
	for _, key := range []string{"id", "name", "status", "severity", "lastReceived", "fingerprint", "incident", "zebra"} {
		at := strings.Index(text, `"`+key+`":`)
		if at <= last {
			t.Fatalf("%s is at %d, after %d:\n%s", key, at, last, text)
		}
		last = at
	}
}

// The id of an alert that came without one is the same in a run that is resumed.
func TestAlertIdentity(t *testing.T) {
	id := func(seed string) string {
		a, err := NormalizeAlert(map[string]any{"name": "a"}, time.Now(), seed)
		if err != nil {
			t.Fatal(err)
		}
		return text(a.Map, "id")
	}
	first, again, other := id("run 1"), id("run 1"), id("run 2")
	if first != again || first == other || len(id("")) != 36 {
		t.Error(first, again, other)
	}
}

func TestBadAlert(t *testing.T) {
	for _, alert := range []map[string]any{
		{"lastReceived": "yesterday"},
		{"description_format": "rst"},
	} {
		if _, err := NormalizeAlert(alert, noon, ""); err == nil {
			t.Errorf("%v is taken", alert)
		}
	}
}

func TestNormalizeIncident(t *testing.T) {
	got, err := NormalizeIncident(map[string]any{
		"id": "i1", "ai_generated_name": "Database slow", "status": "IncidentStatus.FIRING",
		"enrichments": map[string]any{"ticket": "T-1"},
		"alerts":      []any{map[string]any{"name": "a", "severity": "sev1"}},
	}, noon, "")
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]any{
		"name": "Database slow", "status": "firing", "ticket": "T-1", "alerts.0.severity": "info", "assignee": nil,
	} {
		if v, ok := lookup(got, strings.Split(path, ".")); !ok || v != want {
			t.Errorf("%s is %v, want %v", path, v, want)
		}
	}
}

// A run that somebody starts with an alert that is none does nothing.
func TestBadAlertEndsTheRun(t *testing.T) {
	s := readScript(t, []byte("tell: {answer: {ok: true}}"))
	p, pool := compile(t, "workflow: {id: w, actions: [{name: tell, provider: {type: tell}}]}", s.providers()...)
	r := Runner{Pool: pool}
	result := r.Run(t.Context(), p, Input{Run: "r", Alert: map[string]any{"lastReceived": "yesterday"}})
	if result.Status != Broken || len(result.Steps) != 0 {
		t.Errorf("%s after %d steps", result.Status, len(result.Steps))
	}
}
