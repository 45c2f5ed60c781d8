package store

import (
	"fmt"
	"testing"

	"tocsin/engine"
	"tocsin/engine/schedule"
	"tocsin/templating/value"
)

// What rules add to an alert is there before anything is started by it, stays with its
// fingerprint unless the alert says the field itself, is noted once, and is no part of
// whether the alert says what the one before said.
func TestAddTo(t *testing.T) {
	s := opened(t)
	team := "ops"
	s.AddTo(func(alert *value.Map) []Amendment {
		set := []engine.Field{{Key: "severity", Value: "critical", Disposable: true}}
		if textAt(alert, "status") == "firing" {
			set = append(set, engine.Field{Key: "team", Value: team})
		}
		return []Amendment{{Set: set, By: "rules", Action: "enriched"}}
	})
	accept := func(status string) (c Change) {
		o, err := engine.NormalizeAlert(map[string]any{"name": "disk", "fingerprint": "d1", "id": "1", "severity": "low", "status": status}, noon, "")
		if err != nil {
			t.Fatal(err)
		}
		_, err = s.Accept(t.Context(), "test", []*value.Map{o.Map}, func(changes []Change) []schedule.Job { c = changes[0]; return nil })
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	says := func(c Change, want string) {
		t.Helper()
		got := fmt.Sprintf("%s %s same=%v", textAt(c.Alert, "severity"), textAt(c.Alert, "team"), c.Same)
		if found, err := s.Alert(t.Context(), "d1"); err != nil || !value.Equal(found.Alert, c.Alert) {
			t.Errorf("the alert is another than it came in: %v", err)
		}
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	says(accept("firing"), "critical ops same=false")
	says(accept("firing"), "critical ops same=true")
	team = "db"
	says(accept("firing"), "critical db same=true")
	says(accept("resolved"), "critical db same=false")
	made, err := s.Save(t.Context(), []*value.Map{value.Of(map[string]any{"name": "made", "status": "firing"}).(*value.Map)})
	if err != nil || textAt(made[0], "team") != "db" {
		t.Errorf("an alert that a workflow made: %v, %v", made, err)
	}
	s.AddTo(nil)
	says(accept("firing"), "low db same=false")
	log, err := s.Audit(t.Context(), "d1")
	if err != nil || len(log) != 2 || log[0].By != "rules" || log[0].Detail != "[team]" || log[1].Detail != "[severity team]" {
		t.Errorf("%v %v", log, err)
	}
}
