package engine

import (
	"context"
	"testing"
	"time"

	"tocsin/templating"
	"tocsin/templating/value"
)

// remembered is a history that knows one alert and one run.
type remembered struct {
	last    *Result
	firing  time.Time
	arrived []time.Time // firing, before this run
}

func (h remembered) LastRun(context.Context, string) (*Result, error) { return h.last, nil }

func (h remembered) FiringSince(_ context.Context, fingerprint string) (time.Time, error) {
	if fingerprint != "f1" {
		return time.Time{}, nil
	}
	return h.firing, nil
}

func (h remembered) Seen(_ context.Context, fingerprint string, since time.Time) (bool, error) {
	for _, at := range h.arrived {
		if fingerprint == "f1" && !at.Before(since) {
			return true, nil
		}
	}
	return false, nil
}

var noon = time.Date(2024, 5, 6, 12, 0, 0, 0, time.UTC)

func TestHistoryFunctions(t *testing.T) {
	h := remembered{firing: noon.Add(-90 * time.Minute), arrived: []time.Time{noon.Add(-30 * time.Hour)}}
	tests := []struct {
		name, text string
		none       bool // without a history
		want       string
	}{
		{name: "minutes of firing", text: `keep.get_firing_time('{{ alert }}', 'minutes')`, want: "90.00"},
		{name: "the object itself", text: `keep.get_firing_time({{ alert }}, 'h')`, want: "1.50"},
		{name: "another alert does not fire", text: `keep.get_firing_time({'fingerprint': 'f2'}, 's')`, want: "0.00"},
		{name: "nothing is remembered", text: `keep.get_firing_time('{{ alert }}', 'm')`, none: true, want: "0.00"},
		{name: "seen before", text: `keep.is_first_time('f1')`, want: "False"},
		{name: "not within a day", text: `keep.is_first_time('f1', '24h')`, want: "True"},
		{name: "within two days", text: `keep.is_first_time('{{ alert.fingerprint }}', '2d')`, want: "False"},
		{name: "never seen", text: `keep.is_first_time('f2')`, want: "True"},
		{name: "without a history everything is new", text: `keep.is_first_time('f1')`, none: true, want: "True"},
	}
	lang := templating.Language{Functions: Functions()}
	alert, err := NormalizeAlert(map[string]any{"name": "a", "fingerprint": "f1"}, noon, "")
	if err != nil {
		t.Fatal(err)
	}
	scope := &templating.Scope{Data: map[string]any{"alert": alert}, Now: func() time.Time { return noon }}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := &run{Runner: &Runner{History: h}}
			if tt.none {
				r.Runner = &Runner{}
			}
			text, err := lang.Parse(tt.text)
			if err != nil {
				t.Fatal(err)
			}
			got, err := text.Render(withRun(t.Context(), r), scope)
			if err != nil || value.Text(got) != tt.want {
				t.Errorf("%s = %v, %v; want %s", tt.text, got, err, tt.want)
			}
		})
	}
}

// The two calls of one if, as Keep's users write it (spec §11.3).
func TestFiringTimeInIf(t *testing.T) {
	s := readScript(t, []byte("tell: {answer: {ok: true}}"))
	p, pool := compile(t, `
workflow:
  id: w
  actions:
    - name: tell
      if: "keep.get_firing_time('{{ alert }}', 'minutes') >= 30 and keep.get_firing_time('{{ alert }}', 'minutes') < 90"
      provider: {type: tell, with: {message: x}}
`, s.providers()...)
	for minutes, want := range map[int]Status{29: Skipped, 30: Done, 89: Done, 90: Skipped} {
		r := Runner{Pool: pool, Now: func() time.Time { return noon }, History: remembered{firing: noon.Add(-time.Duration(minutes) * time.Minute)}}
		result := r.Run(t.Context(), p, Input{Run: "r", Alert: map[string]any{"name": "a", "fingerprint": "f1"}})
		if got := result.Steps[0].Status; got != want {
			t.Errorf("after %d minutes: %s, want %s (%s)", minutes, got, want, result.Steps[0].Reason)
		}
	}
}

func TestThrottle(t *testing.T) {
	s := readScript(t, []byte("tell: {answer: {ok: true}}"))
	p, pool := compile(t, `
workflow:
  id: w
  actions:
    - name: tell
      throttle: {type: one_until_resolved}
      provider: {type: tell, with: {message: x}}
`, s.providers()...)
	tests := []struct {
		name    string
		alert   map[string]any
		history History
		want    Status
	}{
		{"the first of an episode", map[string]any{"name": "a", "fingerprint": "f1"}, remembered{firing: noon.Add(-time.Hour), arrived: []time.Time{noon.Add(-9 * time.Hour)}}, Done},
		{"again in the same episode", map[string]any{"name": "a", "fingerprint": "f1"}, remembered{firing: noon.Add(-time.Hour), arrived: []time.Time{noon.Add(-time.Hour)}}, Skipped},
		{"resolved", map[string]any{"name": "a", "fingerprint": "f1", "status": "resolved"}, remembered{firing: noon.Add(-time.Hour), arrived: []time.Time{noon.Add(-time.Hour)}}, Done},
		{"no alert", nil, remembered{}, Done},
		{"no history", map[string]any{"name": "a"}, nil, Done},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := Runner{Pool: pool, Now: func() time.Time { return noon }, History: tt.history}
			result := r.Run(t.Context(), p, Input{Run: "r", Alert: tt.alert})
			if got := result.Steps[0]; got.Status != tt.want {
				t.Errorf("%s (%s), want %s", got.Status, got.Reason, tt.want)
			}
		})
	}
}

func TestLastRun(t *testing.T) {
	s := readScript(t, []byte("tell: {echo: message}"))
	p, pool := compile(t, `
workflow:
  id: w
  actions:
    - name: tell
      provider: {type: tell, with: {message: "{{ last_workflow_results.get-stars.0.count }} {{ last_workflow_run_time }}"}}
`, s.providers()...)
	last := &Result{Started: noon.Add(-time.Hour), Steps: []StepResult{
		{Name: "get-stars", Status: Done, Output: value.MapOf(value.Entry{Key: "count", Value: int64(7)})},
	}}
	now := noon
	r := Runner{Pool: pool, Now: func() time.Time { return now }, History: remembered{last: last}}
	if got := r.Run(t.Context(), p, Input{Run: "r"}).Steps[0].Output; got != "7 2024-05-06 11:00:00+00:00" {
		t.Errorf("%v", got)
	}
	now = noon.Add(24 * time.Hour)
	if got := r.Run(t.Context(), p, Input{Run: "r"}); got.Status != Broken {
		t.Errorf("a day later: %s, %v", got.Status, got.Steps[0].Output)
	}
}
