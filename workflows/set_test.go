package workflows_test

import (
	"testing"
	"time"

	"tocsin/templating/value"
	"tocsin/workflows"
	"tocsin/workflows/source"
)

const settable = `
alert:
  id: check
  consts: {limit: 90}
  triggers: [{type: manual}, {type: interval, value: 5m}]
  inputs: [{name: host, default: a}]
  steps:
    - name: websocket-test
      provider: {type: websocket, with: &shared {socket_url: "ws://example.com", nested: {a.b: 1}}}
    - name: other
      provider: {type: websocket, with: *shared}
  actions:
    - name: tell
      condition: [{name: up, type: assert, assert: "1 == 1"}]
      provider: {type: slack}
  on-failure: {provider: {type: slack}}
providers: {slack-demo: {authentication: {webhook_url: x}}}
`

// TestSettings: a path of the document, with what may be left out of it, and what it
// changed.
func TestSettings(t *testing.T) {
	type workflow = *workflows.Workflow
	for _, tt := range []struct {
		name  string
		path  string
		value any
		got   func(f *workflows.File, w workflow) any
		want  any
	}{
		{
			"a parameter, without provider", "steps.websocket-test.with.socket_url", "ws://127.0.0.1:1",
			func(_ *workflows.File, w workflow) any { return key(w.Steps[0].With, "socket_url") }, "ws://127.0.0.1:1",
		},
		{
			"a parameter, by index and with provider", "steps.1.provider.with.socket_url", "ws://127.0.0.1:1",
			func(_ *workflows.File, w workflow) any { return key(w.Steps[1].With, "socket_url") }, "ws://127.0.0.1:1",
		},
		{
			"what an alias shares stays as it is elsewhere", "steps.1.with.socket_url", "ws://127.0.0.1:1",
			func(_ *workflows.File, w workflow) any { return key(w.Steps[0].With, "socket_url") }, "ws://example.com",
		},
		{
			"from the form", "alert.steps.other.with.socket_url", "x",
			func(_ *workflows.File, w workflow) any { return key(w.Steps[1].With, "socket_url") }, "x",
		},
		{
			"from the id", "check.steps.other.with.socket_url", "x",
			func(_ *workflows.File, w workflow) any { return key(w.Steps[1].With, "socket_url") }, "x",
		},
		{
			"a key with a dot", "steps.other.with.nested.a.b", int64(2),
			func(_ *workflows.File, w workflow) any { return plain(w.Steps[1].With) }, "{socket_url: ws://example.com, nested: {a.b: 2}}",
		},
		{
			"a parameter that was not there", "steps.other.with.timeout", int64(3),
			func(_ *workflows.File, w workflow) any { return key(w.Steps[1].With, "timeout") }, int64(3),
		},
		{
			"parameters where there were none", "actions.tell.with.message", "hi",
			func(_ *workflows.File, w workflow) any { return plain(w.Actions[0].With) }, "{message: hi}",
		},
		{
			"a key of a step that was not there", "steps.other.retry.count", int64(3),
			func(_ *workflows.File, w workflow) any { return w.Steps[1].Retry.Count }, 3,
		},
		{
			"a configuration", "actions.tell.provider.config", "{{ providers.x }}",
			func(_ *workflows.File, w workflow) any { return w.Actions[0].Config.Data }, "{{ providers.x }}",
		},
		{
			"a mapping", "on-failure.with", value.MapOf(value.Entry{Key: "channel", Value: "ops"}),
			func(_ *workflows.File, w workflow) any { return plain(w.OnFailure.With) }, "{channel: ops}",
		},
		{
			"a constant", "consts.limit", int64(5),
			func(_ *workflows.File, w workflow) any { return key(w.Consts, "limit") }, int64(5),
		},
		{
			"a trigger", "triggers.1.value", "10m",
			func(_ *workflows.File, w workflow) any { return key(w.Triggers[1].With, "value") }, "10m",
		},
		{
			"an input", "inputs.host.default", "b",
			func(_ *workflows.File, w workflow) any { return w.Inputs[0].Default.Data }, "b",
		},
		{
			"a condition", "actions.tell.condition.up.fires", "on_success",
			func(_ *workflows.File, w workflow) any { return key(w.Actions[0].Conditions[0].With, "fires") }, "on_success",
		},
		{
			"a key of the workflow", "timeout", "7s",
			func(_ *workflows.File, w workflow) any { return w.Timeout }, 7 * time.Second,
		},
		{
			"a provider of the file", "providers.slack-demo.authentication.webhook_url", "y",
			func(f *workflows.File, _ workflow) any { return plain(f.Providers[0].Config) }, "{authentication: {webhook_url: y}}",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f, err := workflows.Parse("x.yaml", []byte(settable), workflows.Setting{Path: tt.path, Value: tt.value})
			if err != nil {
				t.Fatal(err)
			}
			if got := tt.got(f, f.Workflows[0]); got != tt.want {
				t.Errorf("%v, want %v", got, tt.want)
			}
		})
	}
}

func TestSettingHoldsWhereItsPathIs(t *testing.T) {
	text := `workflows:
  - {id: a, steps: [{name: x, provider: {type: mock, with: {n: 1}}}]}
  - {id: b, steps: [{name: x, provider: {type: mock, with: {n: 1}}}]}
  - {id: c, steps: [{name: y, provider: {type: mock}}]}
`
	f, err := workflows.Parse("x.yaml", []byte(text),
		workflows.Setting{Path: "steps.x.with.n", Value: int64(2)}, workflows.Setting{Path: "b.steps.x.with.n", Value: int64(3)})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []any{int64(2), int64(3), nil} {
		if got := key(f.Workflows[i].Steps[0].With, "n"); got != want {
			t.Errorf("%s: %v, want %v", f.Workflows[i].ID, got, want)
		}
	}
}

func key(v source.Value, name string) any {
	m, _ := v.Data.(source.Map)
	got, _ := m.Get(name)
	return got.Data
}
