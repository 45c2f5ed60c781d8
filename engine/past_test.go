package engine

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"tocsin/providers"
	"tocsin/templating/value"
)

// long is a workflow with everything that a resumed run has to know about: items,
// names of conditions, enrichments, an action after all of them.
const long = `
workflow:
  id: w
  steps:
    - name: hosts
      provider: {type: ask}
    - name: each
      foreach: "{{ steps.hosts.results }}"
      if: "{{ foreach.value }} != 'b'"
      provider: {type: echo, with: {host: "{{ foreach.value }}"}}
  actions:
    - name: ticket
      condition: [{name: many, type: threshold, value: "keep.len({{ steps.each.results }})", compare_to: 1}]
      provider: {type: ticket, with: {enrich_alert: [{key: ticket, value: results.id}]}}
    - name: bad
      provider: {type: bad}
    - name: tell
      if: "{{ many }}"
      provider: {type: echo, with: {host: "{{ alert.ticket }} {{ steps.each.results }} {{ steps.ticket.results.id }} {{ steps.each.provider_parameters.host }}"}}
  on-failure:
    provider: {type: echo, with: {host: x}}
`

const longScript = `
ask: {answer: [a, b, c], takes: 1s}
echo: {echo: host, takes: 1s}
ticket: {answer: {id: T-1}, takes: 1s}
bad: {error: refused}
`

// A run that was cut off after any of its events comes out as if it had not been: the
// result is the same, no call that ended is made again, and together the events that
// were observed are a whole run.
func TestResume(t *testing.T) {
	whole, events := runLong(t, nil)
	if len(events) < 20 {
		t.Fatalf("only %d events", len(events))
	}
	for cut := range len(events) + 1 {
		t.Run(fmt.Sprintf("after %d events", cut), func(t *testing.T) {
			result, more := runLong(t, stored(t, events[:cut]))
			if got, want := summary(result), summary(whole); got != want {
				t.Errorf("result\n%s\nwant\n%s", got, want)
			}
			all := append(slices.Clone(events[:cut]), more...)
			for call, n := range ended(all) {
				if n != 1 {
					t.Errorf("%s ended %d times", call, n)
				}
			}
		})
	}
}

// stored are the events as they come back from where JSON was kept.
func stored(t *testing.T, events []Event) []Event {
	t.Helper()
	text, err := json.Marshal(events)
	if err != nil {
		t.Fatal(err)
	}
	var back []Event
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	return back
}

func runLong(t *testing.T, past []Event) (*Result, []Event) {
	t.Helper()
	var result *Result
	var events []Event
	synctest.Test(t, func(t *testing.T) {
		s := readScript(t, []byte(longScript))
		p, pool := compile(t, long, s.providers()...)
		r := Runner{Pool: pool, Past: past, Observe: func(e Event) { events = append(events, e) }}
		result = r.Run(t.Context(), p, Input{Run: "r", Trigger: "alert", Alert: map[string]any{"name": "a", "lastReceived": "2024-05-06T07:08:09Z"}})
	})
	return result, events
}

// summary is what a result says, without times.
func summary(r *Result) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s %s %v\n", r.Run, r.Trigger, r.Status, r.Err)
	for _, s := range r.Steps {
		fmt.Fprintf(&b, "%s %s %s fired=%v with=%s out=%s items=%d checks=%d err=%v\n", s.Kind, s.Name, s.Status, s.Fired,
			value.AppendJSON(nil, value.Of(s.With)), value.AppendJSON(nil, value.Of(s.Output)), len(s.Items), len(s.Checks), s.Err)
	}
	return b.String()
}

// ended counts the closing events.
func ended(events []Event) map[string]int {
	n := map[string]int{}
	for _, e := range events {
		switch e.Action {
		case ItemEnded, StepEnded, RunEnded, RunStarted:
			n[fmt.Sprintf("%s %s %d", e.Action, e.Step, e.Item)]++
		}
	}
	return n
}

// A whole past is a replay: nothing is asked or told.
func TestReplay(t *testing.T) {
	_, events := runLong(t, nil)
	result, more := runLong(t, stored(t, events))
	if len(more) > 0 {
		t.Errorf("observed again: %v", more)
	}
	if result.Status != Broken {
		t.Errorf("status %s", result.Status)
	}
}

// What is folded from the events of every run is what Run returned.
func TestAdd(t *testing.T) {
	golden(t, "testdata/runs/*.txtar", func(t *testing.T, a *txtar.Archive) string {
		var direct, folded Result
		synctest.Test(t, func(t *testing.T) {
			s := readScript(t, section(a, "script.yaml"))
			reg := providers.NewRegistry(s.providers()...)
			p, _, err := Compile(parse(t, "workflow.yaml", section(a, "workflow.yaml")), Library{Providers: reg, Functions: Functions()})
			if err != nil {
				t.Fatal(err)
			}
			pool := providers.NewPool(reg, providers.Env{})
			defer pool.Close()
			options := readYAML(t, "input.yaml", section(a, "input.yaml"))
			r := Runner{Pool: pool, Observe: func(e Event) { folded.Add(e) }}
			direct = *r.Run(t.Context(), p, Input{Run: "r", Trigger: "manual", Alert: fields(options, "alert"), Inputs: fields(options, "inputs")})
			time.Sleep(longest)
		})
		if got, want := summary(&folded), summary(&direct); got != want {
			t.Errorf("folded\n%s\nwant\n%s", got, want)
		}
		return string(section(a, "want"))
	})
}
