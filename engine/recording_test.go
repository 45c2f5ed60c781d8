package engine

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"tocsin/providers"
	"tocsin/templating/value"
	"tocsin/workflows/source"
)

// nobody are providers that fail the test when they are called.
func nobody(t *testing.T, a *txtar.Archive, types ...string) *providers.Registry {
	s := &script{answers: map[string][]*value.Map{}}
	if a != nil {
		s = readScript(t, section(a, "script.yaml"))
	}
	for _, typ := range types {
		s.answers[typ] = nil
	}
	var list []providers.Provider
	for _, p := range s.providers() {
		call := providers.Call(func(struct{}, context.Context, source.Value) (any, error) {
			t.Errorf("%s was called", p.Type)
			return nil, nil
		})
		list = append(list, providers.Define(providers.Definition[struct{}]{Type: p.Type, Title: p.Type, Message: "message", Query: call, Notify: call}))
	}
	return providers.NewRegistry(list...)
}

// same says in what the results of a run and of its replay differ.
func same(was, is *Result) string {
	say := func(r *Result) string {
		var b strings.Builder
		for _, s := range r.Steps {
			fmt.Fprintf(&b, "%s %s %s fired=%v alerting=%v out=%s", s.Kind, s.Name, s.Status, s.Fired, s.Alerting, value.AppendJSON(nil, value.Of(s.Output)))
			if s.Status == Skipped {
				b.WriteString(" " + s.Reason)
			}
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "%s\n", r.Status)
		return b.String()
	}
	if a, b := say(was), say(is); a != b {
		return fmt.Sprintf("was\n%sis\n%s", a, b)
	}
	return ""
}

// Each run of the folder, answered from what it got itself, comes out as it did, and
// nobody is called. What took too long then does not now, and a dry run sends nothing.
func TestRecordedRuns(t *testing.T) {
	golden(t, "testdata/runs/*.txtar", func(t *testing.T, a *txtar.Archive) string {
		options := readYAML(t, "input.yaml", section(a, "input.yaml"))
		in := Input{Run: "r", Trigger: "manual", Alert: fields(options, "alert"), Inputs: fields(options, "inputs")}
		synctest.Test(t, func(t *testing.T) {
			s := readScript(t, section(a, "script.yaml"))
			text := string(section(a, "workflow.yaml"))
			p, pool := compile(t, text, s.providers()...)
			var events []Event
			r := Runner{Pool: pool, Observe: func(e Event) { events = append(events, e) }}
			was := r.Run(t.Context(), p, in)
			time.Sleep(longest)
			if was.Status == TimedOut || was.Status == Canceled {
				return
			}
			again := Runner{Pool: providers.NewPool(nobody(t, a), providers.Env{}), Replay: NewRecording(events)}
			if diff := same(was, again.Run(t.Context(), p, in)); diff != "" {
				t.Error(diff)
			}
		})
		return string(section(a, "want"))
	})
}

// So does each run with a memory of what was told: what was silent is silent, without that
// memory.
func TestRecordedRunsRemember(t *testing.T) {
	golden(t, "testdata/memory/*.txtar", func(t *testing.T, a *txtar.Archive) string {
		synctest.Test(t, func(t *testing.T) {
			d := newDays(t, a, new(strings.Builder))
			pool := providers.NewPool(nobody(t, nil, "ask", "tell", "page"), providers.Env{})
			d.ran = func(in Input, events []Event, was *Result) {
				again := Runner{Pool: pool, Replay: NewRecording(events)}
				if diff := same(was, again.Run(t.Context(), d.p, in)); diff != "" {
					t.Errorf("%s: %s", in.Run, diff)
				}
			}
			d.pass(t)
		})
		return string(section(a, "want"))
	})
}

// With another condition an action does what it would have done.
func TestRecordedRunsWithOtherConditions(t *testing.T) {
	text := func(limit, more string) string {
		return `alert:
  id: load
  steps:
    - name: ask
      provider: {type: ask}
` + more + `  actions:
    - name: tell
      condition: [{name: low, type: assert, assert: "{{ steps.ask.results.load }} < ` + limit + `"}]
      provider: {type: tell, with: {message: "load {{ steps.ask.results.load }}"}}
`
	}
	tests := []struct {
		name, then, now, more string
		want                  string
	}{
		{"the same", "80", "80", "", "ask done, tell done fired"},
		{"it would have fired", "100", "80", "", "ask done, tell done fired"},
		{"it would not", "80", "100", "", "ask done, tell skipped"},
		{"a step that nobody asked then", "80", "80", "    - {name: other, provider: {type: ask}}\n", "ask done, other error"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := readScript(t, []byte("ask: {answer: {load: 93.0}}\ntell: {answer: sent}"))
			p, pool := compile(t, text(tt.then, ""), s.providers()...)
			var events []Event
			r := Runner{Pool: pool, Observe: func(e Event) { events = append(events, e) }}
			r.Run(t.Context(), p, Input{Run: "r"})
			other, _ := compile(t, text(tt.now, tt.more), s.providers()...)
			again := Runner{Pool: providers.NewPool(nobody(t, nil, "ask", "tell"), providers.Env{Stdout: io.Discard}), Replay: NewRecording(events)}
			var got []string
			for _, s := range again.Run(t.Context(), other, Input{Run: "r"}).Steps {
				word := s.Name + " " + string(s.Status)
				if s.Fired {
					word += " fired"
				}
				got = append(got, word)
			}
			if strings.Join(got, ", ") != tt.want {
				t.Errorf("%s, want %s", strings.Join(got, ", "), tt.want)
			}
		})
	}
}
