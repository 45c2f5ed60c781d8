package cmd_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"tocsin/engine"
	"tocsin/providers"
	"tocsin/templating/value"
	"tocsin/workflows"
	"tocsin/workflows/source"
)

// A caseStage runs one step whose texts see the context of a case: steps before it give
// the results that the context has.
type caseStage struct {
	mode    keepMode
	context *value.Map
	kind    string // "steps" or "actions": which the step is
	alert   *value.Map
	history engine.History
}

func (c *keepCase) stage(m keepMode) *caseStage {
	return &caseStage{mode: m, context: c.context, kind: "actions", alert: mapAt(c.context, "alert")}
}

// A caseRun is over. step is what became of the step.
type caseRun struct {
	*caseProviders
	step engine.StepResult
}

// with is what the step's last call was given.
func (r *caseRun) with() *value.Map {
	m, _ := r.step.With.(*value.Map)
	return m
}

const (
	stagedStep  = "the step"
	stagedItems = "the items" // of the context's foreach
)

// run runs a step of the given keys. The error is one of the document.
func (s *caseStage) run(t *testing.T, step *value.Map) (*caseRun, error) {
	p := &caseProviders{fails: map[string]int64{}, gives: s.gives()}
	runner := engine.Runner{History: s.history}
	result, err := p.run(t, s.document(step), s.mode, runner, engine.Input{
		Alert: goMap(s.alert), Incident: goMap(mapAt(s.context, "incident")), Inputs: goMap(mapAt(s.context, "inputs")),
	})
	if err != nil {
		return nil, err
	}
	if n := len(result.Steps); n > 0 && result.Steps[n-1].Name == stagedStep {
		return &caseRun{p, result.Steps[n-1]}, nil
	}
	return nil, fmt.Errorf("the step did not run: %w", result.Err)
}

// document is a workflow of the step and of those that give what it needs.
func (s *caseStage) document(step *value.Map) []byte {
	step.Set("name", stagedStep)
	for key, name := range map[string]string{"vars": "vars", "alias": "aliases"} {
		if v := mapAt(s.context, name); v != nil {
			step.Set(key, v)
		}
	}
	w := mapOf("id", "w", "steps", s.before(step))
	if consts := mapAt(s.context, "consts"); consts != nil {
		w.Set("consts", consts)
	}
	w.Set(s.kind, append(listAt(w, s.kind), step))
	return value.AppendJSON(nil, mapOf("workflow", w)) // JSON is YAML
}

// before are the steps before the one under test. "this" is the last of them.
func (s *caseStage) before(step *value.Map) []any {
	steps := []any{}
	give := func(name string) {
		steps = append(steps, mapOf("name", name, "provider", mapOf("type", "give", "with", mapOf())))
	}
	for name := range mapAt(s.context, "steps").All() {
		if name != "this" {
			give(name)
		}
	}
	if mapAt(mapAt(s.context, "steps"), "this") != nil {
		give("this")
	}
	if _, ok := mapAt(s.context, "foreach").Get("value"); ok {
		give(stagedItems)
		step.Set("foreach", "{{ steps."+stagedItems+".results }}")
	}
	return steps
}

// gives are the results of the steps before.
func (s *caseStage) gives() map[string]any {
	gives := map[string]any{}
	for name, entry := range mapAt(s.context, "steps").All() {
		m, _ := entry.(*value.Map)
		gives[name] = valueAt(m, "results")
	}
	if v, ok := mapAt(s.context, "foreach").Get("value"); ok {
		gives[stagedItems] = []any{v}
	}
	return gives
}

// caseProviders are those of a run. "mock" is Keep's of these cases: it answers with
// command_output, or fails as often as it is told to for the step that the run is at.
// "give" answers with what it has for the step, "collect" takes what a foreach goes
// over.
type caseProviders struct {
	step    string
	fails   map[string]int64
	gives   map[string]any
	calls   []any
	items   []any
	asked   []any          // names of steps
	written map[string]any // vars of the steps
	aliased map[string]any // aliases of the asked steps
}

// run parses, compiles and runs a workflow.
func (p *caseProviders) run(t *testing.T, text []byte, m keepMode, runner engine.Runner, in engine.Input) (*engine.Result, error) {
	f, err := workflows.Parse("w.yaml", text)
	if err != nil {
		return nil, err
	}
	if len(f.Workflows) != 1 {
		return nil, fmt.Errorf("%d workflows", len(f.Workflows))
	}
	p.ask(f.Workflows[0])
	reg := providers.NewRegistry(p.all()...)
	program, _, err := engine.Compile(f.Workflows[0], engine.Library{Providers: reg, Functions: engine.Functions(), Compat: m.compat()})
	if err != nil {
		return nil, err
	}
	runner.Pool = providers.NewPool(reg, providers.Env{})
	defer runner.Pool.Close()
	runner.Observe = p.observe
	runner.Now = func() time.Time { return keepNow }
	in.Run, in.Trigger = "r", "manual"
	return runner.Run(t.Context(), program, in), nil
}

// ask adds an action that collects the aliases of the asked steps.
func (p *caseProviders) ask(w *workflows.Workflow) {
	if p.asked == nil {
		return
	}
	p.written = map[string]any{}
	var aliases source.Map
	for _, s := range slices.Concat(w.Steps, w.Actions) {
		p.written[s.Name] = mapOf()
		if s.Vars.Data != nil {
			p.written[s.Name] = s.Vars.Plain()
		}
		if m, ok := s.Aliases.Data.(source.Map); ok && slices.Contains(p.asked, any(s.Name)) {
			aliases = append(aliases, source.Entry{Key: s.Name, Value: rendered(s.Name, m)})
		}
	}
	if aliases != nil {
		tell := workflows.NewStep(source.Pos{}, workflows.Notify, "the aliases", workflows.Text{S: "collect"})
		tell.With = source.Value{Data: source.Map{{Key: "aliases", Value: source.Value{Data: aliases}}}}
		w.Actions = append(w.Actions, tell)
	}
}

// rendered is a mapping of what a step's aliases were.
func rendered(step string, aliases source.Map) source.Value {
	out := make(source.Map, len(aliases))
	for i, e := range aliases {
		out[i] = source.Entry{Key: e.Key, Value: source.Value{Data: "{{ steps." + step + ".aliases." + e.Key + " }}"}}
	}
	return source.Value{Data: out}
}

func (p *caseProviders) all() []providers.Provider {
	message := providers.Call(func(_ struct{}, _ context.Context, with source.Value) (any, error) {
		return parameterOf(with, "message").Plain(), nil
	})
	define := providers.Define[struct{}]
	return []providers.Provider{
		define(providers.Definition[struct{}]{Type: "mock", Query: providers.Call(p.query), Notify: providers.Call(p.notify)}),
		define(providers.Definition[struct{}]{Type: "console", Query: message, Notify: message}),
		define(providers.Definition[struct{}]{Type: "give", Query: providers.Call(p.give)}),
		define(providers.Definition[struct{}]{Type: "collect", Notify: providers.Call(p.collect)}),
	}
}

func parameterOf(with source.Value, name string) source.Value {
	m, _ := with.Data.(source.Map)
	v, _ := m.Get(name)
	return v
}

func (p *caseProviders) query(_ struct{}, _ context.Context, with source.Value) (any, error) {
	return parameterOf(with, "command_output").Plain(), p.fail(with)
}

func (p *caseProviders) notify(_ struct{}, _ context.Context, with source.Value) (any, error) {
	return with.Plain(), p.fail(with)
}

func (p *caseProviders) fail(with source.Value) error {
	p.fails[p.step]++
	switch n := parameterOf(with, "fail").Data.(type) {
	case bool:
		if n {
			return errors.New("boom")
		}
	case int64:
		if p.fails[p.step] <= n {
			return errors.New("boom")
		}
	}
	return nil
}

func (p *caseProviders) give(_ struct{}, _ context.Context, _ source.Value) (any, error) {
	return p.gives[p.step], nil
}

// A collection is what a foreach goes over, as it is, or what aliases say.
type collection struct {
	Items   []any          `param:"items" doc:"The items."`
	Aliases map[string]any `param:"aliases" doc:"The aliases of steps, by the names of these."`
}

func (p *caseProviders) collect(_ struct{}, _ context.Context, with collection) (any, error) {
	p.items, p.aliased = with.Items, with.Aliases
	return nil, nil
}

// observe notes the calls of mock, with their parameters.
func (p *caseProviders) observe(e engine.Event) {
	if e.Action != engine.Calling {
		return
	}
	p.step = e.Step
	if e.Provider != "mock" {
		return
	}
	kind := "query"
	if e.Kind == workflows.Notify {
		kind = "notify"
	}
	p.calls = append(p.calls, mapOf("kind", kind, "step", e.Step, "params", withoutProvider(e.With)))
}

// withoutProvider is a call without what our errors say that Keep's do not: which
// provider it was, in the message of on-failure.
func withoutProvider(with any) any {
	m, ok := with.(*value.Map)
	message, isText := valueAt(m, "message").(string)
	if !ok || !isText || !strings.Contains(message, "failed with errors") {
		return with
	}
	m = m.Clone()
	m.Set("message", strings.NewReplacer("mock: query: ", "", "mock: notify: ", "").Replace(message))
	return m
}
