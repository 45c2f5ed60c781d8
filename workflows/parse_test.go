package workflows_test

import (
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"tocsin/workflows"
	"tocsin/workflows/source"
)

func ExampleParse() {
	_, err := workflows.Parse("disk.yaml", []byte("workflow: {id: disk, stepz: []}"))
	fmt.Println(err)
	// Output: disk.yaml:1:22: unknown key "stepz" (did you mean "steps"?)
}

// whole has every key of a step with another value than its default.
const whole = `
alert:
  id: whole
  name: Whole
  description: all of it
  debug: true
  compat: keep
  timeout: 2m
  strategy: parallel
  services: web
  interval: 5m
  providers: {inner: {authentication: {key: x}}}
  steps:
    - name: ask
      if: false
      foreach: "{{ consts.hosts }}"
      parallel: 4
      vars: {a: 1}
      alias: {b: 2}
      expect: "{{ steps.ask.results }} == 1"
      timeout: 90
      retry: {count: 3, interval: 1.5s, backoff: 2, jitter: true}
      continue: false
      continue_on_error: true
      condition:
        - {name: up, type: assert, assert: "1 == 1", fires: on_failure}
      provider:
        type: mock
        config: "{{ providers.inner }}"
        with:
          first: {key: "{{ alert.x }}", default: none}
          audit_enabled: true
          enrich_alert: [{key: ticket, value: 42, disposable: true}]
          last: 2
  actions:
    - name: tell
      throttle: {type: one_until_resolved, with: {a: 1}}
      on-failure: {retry: {count: 2, interval: 3}}
      provider: {type: console, with: {enrich_incident: [{key: a, value: b}]}}
  on-failure:
    provider: {type: console}
providers: {outer: {authentication: }}
`

func TestEveryKeyArrives(t *testing.T) {
	f := parse(t, whole)
	w := f.Workflows[0]
	ask, tell := w.Steps[0], w.Actions[0]
	for _, tt := range []struct {
		name      string
		got, want any
	}{
		{"form", w.Form, workflows.AlertForm},
		{"texts", []string{w.ID, w.Name, w.Description, w.Compat}, []string{"whole", "Whole", "all of it", "keep"}},
		{"debug", w.Debug, true},
		{"timeout of the run", w.Timeout, 2 * time.Minute},
		{"strategy", w.Strategy, workflows.Parallel},
		{"one label without a list", w.Labels, map[string][]string{"services": {"web"}}},
		{"the old interval is a trigger", plain(w.Triggers[0].With), "{value: 5m}"},
		{"providers of both places", names(f.Providers), []string{"outer", "inner"}},
		{"if that is no text", ask.If.Value.Data, false},
		{"if as text", ask.If.S, "false"},
		{"foreach", ask.Foreach.S, "{{ consts.hosts }}"},
		{"parallel", ask.Parallel, 4},
		{"vars", plain(ask.Vars), "{a: 1}"},
		{"alias", plain(ask.Aliases), "{b: 2}"},
		{"expect that is no list", ask.Expect[0].S, "{{ steps.ask.results }} == 1"},
		{"timeout of a call, in seconds", ask.Timeout, 90 * time.Second},
		{"retry", ask.Retry, workflows.Retry{Count: 3, Interval: 1500 * time.Millisecond, Backoff: 2, Jitter: true}},
		{"continue", ask.Stop, true},
		{"continue_on_error", ask.ContinueOnError, true},
		{"condition", ask.Conditions[0].Name + ask.Conditions[0].Type.S + ask.Conditions[0].Alias, "upassertup"},
		{"what only the condition knows", plain(ask.Conditions[0].With), "{assert: 1 == 1, fires: on_failure}"},
		{"provider", ask.Provider.S, "mock"},
		{"config", ask.Config.Data, "{{ providers.inner }}"},
		{"with, but not what the engine takes", plain(ask.With), "{first: {key: {{ alert.x }}, default: none}, last: 2}"},
		{"enrichment", ask.Enrich[0].Key.S + ask.Enrich[0].Value.S, "ticket42"},
		{"enrichment of the alert, once", [2]bool{ask.Enrich[0].Incident, ask.Enrich[0].Disposable}, [2]bool{false, true}},
		{"enrichment of the incident", tell.Enrich[0].Incident, true},
		{"throttle", plain(tell.Throttle.With), "{a: 1}"},
		{"retry in Keep's place", tell.Retry, workflows.Retry{Count: 2, Interval: 3 * time.Second}},
		{"kinds", []workflows.Kind{ask.Kind, tell.Kind, w.OnFailure.Kind}, []workflows.Kind{"step", "action", "action"}},
		{"on-failure", w.OnFailure.Name + w.OnFailure.Provider.S, "on-failureconsole"},
	} {
		if !reflect.DeepEqual(tt.got, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, tt.got, tt.want)
		}
	}
}

func TestAbsentIsAbsent(t *testing.T) {
	w := parse(t, "workflow: {id: x, steps: [{name: a, provider: {type: mock}}]}").Workflows[0]
	s := w.Steps[0]
	if s.If.Pos != (source.Pos{}) || s.Config.Data != nil || s.With.Data != nil || s.Throttle != nil || w.OnFailure != nil {
		t.Errorf("%+v", s)
	}
	if w.Strategy != workflows.Wait || w.Form != workflows.WorkflowForm || w.Disabled || w.Timeout != 0 {
		t.Errorf("%+v", w)
	}
}

func TestAProblemIsAnError(t *testing.T) {
	f, err := workflows.Parse("x.yaml", []byte("workflow: {stepz: [], colour: red}"))
	var ps source.Problems
	if len(f.Workflows) != 1 || !errors.As(err, &ps) || len(ps) != 3 {
		t.Errorf("%v, %v", f, err)
	}
}

func TestDocumentsShareTheirActions(t *testing.T) {
	f := parse(t, `
workflow: {id: a, actions: [{name: tell, use: page, provider: {with: {message: mine}}}]}
---
actions: [{name: page, timeout: 5s, provider: {type: console, with: {message: theirs, severity: info}}}]
---
`)
	s := f.Workflows[0].Actions[0]
	if s.Name != "tell" || s.Use != "" || s.Timeout != 5*time.Second || s.Provider.S != "console" || plain(s.With) != "{message: mine, severity: info}" {
		t.Errorf("%+v", s)
	}
	if len(f.Actions) != 1 || f.Actions[0].ActionKey() != "page" {
		t.Errorf("%+v", f.Actions)
	}
}

func TestActionsOfABareWorkflowUseEachOther(t *testing.T) {
	f := parse(t, `
id: a
actions:
  - {name: first, provider: {type: console, with: {message: hi}}}
  - {name: second, use: first}
`)
	if s := f.Workflows[0].Actions[1]; s.Name != "second" || s.Provider.S != "console" {
		t.Errorf("%+v", s)
	}
}

func TestResolve(t *testing.T) {
	library := map[string]*workflows.Step{}
	for _, s := range parse(t, `actions: [{name: p, use: "@page", if: "1 == 1", provider: {type: console, with: {list: [{a: 1}, {b: 2}]}}}]`).Actions {
		library[s.ActionKey()] = s
	}
	action := func(text string) *workflows.Step {
		return parse(t, "workflow: {id: x, actions: ["+text+"]}").Workflows[0].Actions[0]
	}
	t.Run("what the action says wins", func(t *testing.T) {
		s, ps := action(`{name: a, use: "@page", provider: {with: {list: [{a: 9}, {c: 3}, {d: 4}]}}}`).Resolve(library)
		if ps != nil || s.Name != "a" || s.If.S != "1 == 1" || plain(s.With) != "{list: [{a: 9}, {b: 2, c: 3}, {d: 4}]}" {
			t.Errorf("%+v, %v", s, ps)
		}
	})
	t.Run("nobody has it", func(t *testing.T) {
		_, ps := action(`{name: a, use: "@pgae"}`).Resolve(library)
		if ps.Err() == nil || ps.Error() != `x.yaml:1:44: no shared action "@pgae" (did you mean "@page"?)` {
			t.Error(ps)
		}
	})
	t.Run("nobody has it, and it is not needed", func(t *testing.T) {
		s, ps := action(`{name: a, use: other, provider: {type: console}}`).Resolve(library)
		if ps.Err() != nil || len(ps) != 1 || s.Provider.S != "console" {
			t.Errorf("%+v, %v", s, ps)
		}
	})
	t.Run("incomplete even so", func(t *testing.T) {
		bare := parse(t, `actions: [{name: "@page", if: "1 == 1"}]`).Actions[0]
		_, ps := action(`{name: a, use: "@page"}`).Resolve(map[string]*workflows.Step{"@page": bare})
		if ps.Err() == nil {
			t.Error("no problem")
		}
	})
}

func parse(t *testing.T, text string) *workflows.File {
	t.Helper()
	f, err := workflows.Parse("x.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func names(list []workflows.Connection) []string {
	var out []string
	for _, c := range list {
		out = append(out, c.Name)
	}
	return out
}

// plain is v in one line.
func plain(v source.Value) string {
	switch d := v.Data.(type) {
	case source.Map:
		s := ""
		for i, e := range d {
			if i > 0 {
				s += ", "
			}
			s += e.Key + ": " + plain(e.Value)
		}
		return "{" + s + "}"
	case []source.Value:
		s := ""
		for i, item := range d {
			if i > 0 {
				s += ", "
			}
			s += plain(item)
		}
		return "[" + s + "]"
	}
	return fmt.Sprint(v.Data)
}
