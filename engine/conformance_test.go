package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"tocsin/providers"
	"tocsin/templating/value"
	"tocsin/workflows"
	"tocsin/workflows/source"
)

// deviations are the cases of Keep whose outcome here is another on purpose.
var deviations = map[string]string{
	"foreach-018":  "beyond Keep: any expression may be gone over",
	"workflow-019": "nothing to go over is not an error (fix of foreach-009)",
	"workflow-024": "an alert: document's assert fires when it fails",
	"workflow-029": "defaults of inputs are applied (spec B-12)",
}

// TestKeep runs Keep's own cases (design/decisions.md, "fixes and compatibility"): what
// is "must" has to come out the same, and where there is a fix, that.
func TestKeep(t *testing.T) {
	text, err := os.ReadFile("testdata/keep.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	var contexts *value.Map
	for _, line := range bytes.Split(bytes.TrimSpace(text), []byte("\n")) {
		v, err := value.DecodeJSON(line)
		if err != nil {
			t.Fatal(err)
		}
		c := keepCase{v.(*value.Map)}
		if contexts == nil {
			contexts = c.at("contexts")
			continue
		}
		t.Run(c.text("id"), func(t *testing.T) { c.run(t, contexts) })
	}
}

type keepCase struct{ *value.Map }

func (c keepCase) at(path ...string) *value.Map {
	v, _ := lookup(c.Map, path)
	m, _ := v.(*value.Map)
	return m
}

func (c keepCase) text(key string) string { return text(c.Map, key) }

// expect is what should come out here.
func (c keepCase) expect() *value.Map {
	if fix := c.at("fix", "expect"); fix != nil {
		return fix
	}
	return c.at("expect")
}

func (c keepCase) run(t *testing.T, contexts *value.Map) {
	ops := map[string]func(*testing.T, *value.Map) (*value.Map, error){
		"run_workflow": c.workflow, "condition": c.condition, "eval_if": c.evalIf,
		"foreach_items": c.foreach, "normalize_alert": c.alert,
	}
	data := c.at("input", "context")
	if name := text(c.at("input"), "context"); name != "" {
		v, _ := contexts.Get(name)
		data = v.(*value.Map)
	}
	got, err := ops[c.text("op")](t, data)
	wrong := c.compare(got, err)
	why, deviates := deviations[c.text("id")]
	fixed := c.at("fix", "expect") != nil
	switch {
	case deviates && wrong == "":
		t.Errorf("comes out as in Keep, although: %s", why)
	case deviates:
	case wrong != "" && (c.text("class") == "must" || fixed):
		t.Errorf("%s\n%s: %s", c.text("name"), c.text("class"), wrong)
	case wrong != "":
		t.Logf("%s: not as Keep: %s", c.text("class"), wrong)
	}
}

func (c keepCase) compare(got *value.Map, err error) string {
	want := c.expect()
	if _, fails := want.Get("error"); fails {
		if err == nil {
			return fmt.Sprintf("no error, but %s", value.AppendJSON(nil, got))
		}
		return ""
	}
	if err != nil {
		return "error: " + err.Error()
	}
	for k, v := range want.All() {
		if have, _ := got.Get(k); k != "exception_message" && !value.Equal(plain(have), plain(v)) {
			return fmt.Sprintf("%s is %s, not %s", k, value.AppendJSON(nil, have), value.AppendJSON(nil, v))
		}
	}
	return ""
}

// plain is v with tuples as lists.
func plain(v any) any {
	switch v := v.(type) {
	case value.Tuple:
		return plain([]any(v))
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = plain(v[i])
		}
		return out
	case *value.Map:
		out := value.NewMap(v.Len())
		for k, item := range v.All() {
			out.Set(k, plain(item))
		}
		return out
	}
	return v
}

// recorder is Keep's mock provider of these cases: it answers with command_output, or
// fails as often as it is told to for the step that the run is at.
type recorder struct {
	step  string
	fails map[string]int64
	calls []any
}

func (r *recorder) providers() []providers.Provider {
	mock := providers.Define(providers.Definition[struct{}]{
		Type: "mock", Query: providers.Call(r.query), Notify: providers.Call(r.notify),
	})
	message := providers.Call(func(_ struct{}, _ context.Context, with source.Value) (any, error) {
		v, _ := with.Data.(source.Map).Get("message")
		return v.Plain(), nil
	})
	return []providers.Provider{mock, providers.Define(providers.Definition[struct{}]{
		Type: "console", Query: message, Notify: message,
	})}
}

func (r *recorder) query(_ struct{}, _ context.Context, with source.Value) (any, error) {
	m, _ := with.Data.(source.Map)
	v, _ := m.Get("command_output")
	return v.Plain(), r.fail(m)
}

func (r *recorder) notify(_ struct{}, _ context.Context, with source.Value) (any, error) {
	m, _ := with.Data.(source.Map)
	return with.Plain(), r.fail(m)
}

func (r *recorder) fail(m source.Map) error {
	r.fails[r.step]++
	switch v, _ := m.Get("fail"); n := v.Data.(type) {
	case bool:
		if n {
			return errors.New("boom")
		}
	case int64:
		if r.fails[r.step] <= n {
			return errors.New("boom")
		}
	}
	return nil
}

func (r *recorder) observe(e Event) {
	if e.Action != Calling || e.Provider != "mock" {
		return
	}
	r.step = e.Step
	kind := "query"
	if e.Kind == workflows.Notify {
		kind = "notify"
	}
	r.calls = append(r.calls, value.MapOf(
		value.Entry{Key: "kind", Value: kind}, value.Entry{Key: "step", Value: e.Step}, value.Entry{Key: "params", Value: e.With},
	))
}

func (c keepCase) workflow(t *testing.T, _ *value.Map) (*value.Map, error) {
	in := c.at("input")
	f, err := workflows.Parse("w.yaml", []byte(text(in, "yaml")))
	if err != nil {
		return nil, err
	}
	r := &recorder{fails: map[string]int64{}}
	reg := providers.NewRegistry(r.providers()...)
	p, _, err := Compile(f.Workflows[0], Library{Providers: reg, Functions: Functions()})
	if err != nil {
		return nil, err
	}
	pool := providers.NewPool(reg, providers.Env{})
	defer pool.Close()
	runner := Runner{Pool: pool, Observe: r.observe}
	result := runner.Run(t.Context(), p, Input{Run: "r", Trigger: "manual", Alert: fields(in, "alert"), Inputs: fields(in, "inputs")})
	calls := r.calls
	if calls == nil {
		calls = []any{}
	}
	out := value.MapOf(value.Entry{Key: "calls", Value: calls}, value.Entry{Key: "errors", Value: errorsOf(result)})
	if result.Status == Broken && len(result.Steps) > 0 && result.last().Kind == workflows.Query {
		out.Set("exception", "ActionError")
	}
	if names, ok := in.Get("want_steps"); ok {
		out.Set("steps", entriesOf(result, names.([]any)))
	}
	return out, nil
}

// errorsOf are Keep's texts of the actions that failed; null where the run was cut
// short.
func errorsOf(r *Result) any {
	list := []any{}
	if r.Status == Skipped {
		return nil
	}
	for _, s := range r.Steps {
		if s.Err != nil && s.Kind == workflows.Query {
			return nil
		}
		if s.Err != nil {
			reason, _, _ := strings.Cut(s.Reason, " in \"")
			list = append(list, "Failed to run action "+s.Name+": "+reason)
		}
	}
	return list
}

func entriesOf(r *Result, names []any) *value.Map {
	out := value.NewMap(1)
	for _, s := range r.Steps {
		for _, name := range names {
			if s.Name != name {
				continue
			}
			entry := value.MapOf(
				value.Entry{Key: "provider_parameters", Value: s.With}, value.Entry{Key: "results", Value: s.Output},
				value.Entry{Key: "vars", Value: nothing}, value.Entry{Key: "aliases", Value: nothing},
			)
			if s.With == nil {
				entry.Set("provider_parameters", nothing)
			}
			if s.Status == Skipped && s.Output == nil {
				entry.Set("results", []any{})
			}
			out.Set(s.Name, entry)
		}
	}
	return out
}

// framed is a run in which the case's data can be seen, about a step with the given
// keys.
func (c keepCase) framed(t *testing.T, data *value.Map, keys ...value.Entry) (*frame, error) {
	step := value.MapOf(value.Entry{Key: "name", Value: "s"}, value.Entry{Key: "provider", Value: value.MapOf(value.Entry{Key: "type", Value: "mock"})})
	for _, e := range keys {
		step.Set(e.Key, e.Value)
	}
	consts, _ := data.Get("consts")
	workflow := value.MapOf(value.Entry{Key: "id", Value: "w"}, value.Entry{Key: "actions", Value: []any{step}})
	if consts != nil {
		workflow.Set("consts", consts)
	}
	// JSON is YAML.
	f, err := workflows.Parse("w.yaml", value.AppendJSON(nil, value.MapOf(value.Entry{Key: "workflow", Value: workflow})))
	if err != nil {
		return nil, err
	}
	r := &recorder{fails: map[string]int64{}}
	reg := providers.NewRegistry(r.providers()...)
	p, _, err := Compile(f.Workflows[0], Library{Providers: reg, Functions: Functions()})
	if err != nil {
		return nil, err
	}
	pool := providers.NewPool(reg, providers.Env{})
	t.Cleanup(func() { pool.Close() })
	run := (&Runner{Pool: pool}).begin(p, Input{Run: "r", Alert: fields(data, "alert")})
	if err := run.prepare(t.Context()); err != nil {
		return nil, err
	}
	for _, root := range []string{"steps", "foreach", "last_workflow_results", "vars", "aliases", "inputs"} {
		if v, ok := data.Get(root); ok {
			run.data[root] = v
		}
	}
	if steps, ok := data.Get("steps"); ok {
		run.steps = steps.(*value.Map).Clone()
		run.data["steps"], run.data["actions"] = run.steps, run.steps
	}
	for k, v := range fields(data, "top") {
		run.data[k] = v
	}
	s := p.actions[0]
	run.say(s, &Event{Action: StepStarted}, false)
	return run.frame(s, run.enter(s)), nil
}

func (c keepCase) condition(t *testing.T, data *value.Map) (*value.Map, error) {
	f, err := c.framed(t, data, value.Entry{Key: "condition", Value: []any{c.at("input", "condition")}})
	if err != nil {
		return nil, err
	}
	passed, _, err := f.check(t.Context(), &f.s.conditions[0])
	if err != nil {
		return nil, err
	}
	out := value.MapOf(value.Entry{Key: "result", Value: passed})
	if level := f.result.last().Checks[0].Level; level != "" {
		out.Set("level", level)
	}
	return out, nil
}

func (c keepCase) evalIf(t *testing.T, data *value.Map) (*value.Map, error) {
	var keys []value.Entry
	for _, k := range []string{"condition", "if"} {
		if v, ok := c.at("input").Get(k); ok {
			keys = append(keys, value.Entry{Key: k, Value: v})
		}
	}
	f, err := c.framed(t, data, keys...)
	if err != nil {
		return nil, err
	}
	skip, err := f.decide(t.Context())
	if err != nil {
		return nil, err
	}
	return value.MapOf(value.Entry{Key: "run", Value: skip == ""}), nil
}

func (c keepCase) foreach(t *testing.T, data *value.Map) (*value.Map, error) {
	v, _ := c.at("input").Get("foreach")
	f, err := c.framed(t, data, value.Entry{Key: "foreach", Value: v})
	if err != nil {
		return nil, err
	}
	items, err := f.items(t.Context(), f.s, &f.scope)
	if err != nil {
		return nil, err
	}
	if items == nil {
		items = []any{}
	}
	return value.MapOf(value.Entry{Key: "items", Value: items}), nil
}

func (c keepCase) alert(_ *testing.T, _ *value.Map) (*value.Map, error) {
	alert, err := NormalizeAlert(fields(c.at("input"), "alert"), time.Date(2024, 5, 6, 7, 8, 9, 0, time.UTC), "seed")
	if err != nil {
		return nil, err
	}
	out := value.NewMap(1)
	names, _ := c.at("input").Get("fields")
	for _, name := range names.([]any) {
		v, _ := alert.Get(name.(string))
		out.Set(name.(string), v)
	}
	return value.MapOf(value.Entry{Key: "fields", Value: out}), nil
}
