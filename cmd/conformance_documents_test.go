package cmd_test

import (
	"cmp"
	"maps"
	"slices"
	"testing"
	"time"

	"tocsin/engine"
	"tocsin/providers"
	"tocsin/providers/all"
	"tocsin/templating/value"
	"tocsin/workflows"
	"tocsin/workflows/source"
)

// yamlLoad reads YAML as it is. Dates are shown as text.
func (c *keepCase) yamlLoad(*testing.T, keepMode) (*value.Map, error) {
	v, err := source.Parse("in.yaml", []byte(textAt(c.input, "yaml")))
	if err != nil {
		return nil, err
	}
	return mapOf("value", datesAsText(v.Plain())), nil
}

func datesAsText(v any) any {
	switch v := v.(type) {
	case time.Time, value.Date:
		return value.Text(v)
	case []any:
		for i := range v {
			v[i] = datesAsText(v[i])
		}
	case *value.Map:
		for k, item := range v.All() {
			v.Set(k, datesAsText(item))
		}
	}
	return v
}

// programs reads a document and compiles its workflows against the providers that
// ship.
func (m keepMode) programs(text []byte) ([]*engine.Program, error) {
	file, err := workflows.Parse("in.yaml", text)
	if err != nil {
		return nil, err
	}
	var programs []*engine.Program
	lib := engine.Library{Providers: all.Registry(), Functions: engine.Functions(), Compat: m.compat()}
	for _, w := range file.Workflows {
		p, _, err := engine.Compile(w, lib)
		if err != nil {
			return nil, err
		}
		programs = append(programs, p)
	}
	return programs, nil
}

// documentOf is a workflow of the given keys, as a file.
func documentOf(keys *value.Map) []byte {
	w := mapOf("id", "w")
	for k, v := range keys.All() {
		w.Set(k, v)
	}
	return value.AppendJSON(nil, mapOf("workflow", w)) // JSON is YAML
}

// parseWorkflow asks what a document says.
func (c *keepCase) parseWorkflow(_ *testing.T, m keepMode) (*value.Map, error) {
	programs, err := m.programs([]byte(textAt(c.input, "yaml")))
	if err != nil {
		return nil, err
	}
	return mapOf("workflows", listOf(programs, toldByKeep)), nil
}

// toldByKeep is what the cases tell of a workflow.
func toldByKeep(p *engine.Program) any {
	w := p.Workflow()
	return mapOf(
		"id", w.ID, "name", cmp.Or(w.Name, "Untitled"), "description", cmp.Or(w.Description, "No description"),
		"disabled", w.Disabled, "owners", listOf(w.Labels["owners"], asAny), "tags", listOf(w.Labels["tags"], asAny),
		"interval", secondsBetween(p), "triggers", listOf(w.Triggers, triggerAsWritten),
		"strategy", string(w.Strategy), "debug", w.Debug,
		"permissions", listOf(w.Permissions, asAny), "consts", constsOf(w),
		"steps", listOf(w.Steps, nameOfStep), "actions", listOf(w.Actions, nameOfStep),
		"provider_types", append(listOf(w.Steps, typeOfStep), listOf(w.Actions, typeOfStep)...),
		"has_on_failure", w.OnFailure != nil,
	)
}

func listOf[T any](items []T, of func(T) any) []any {
	out := make([]any, 0, len(items))
	for _, item := range items {
		out = append(out, of(item))
	}
	return out
}

func asAny(s string) any { return s }
func nameOfStep(s *workflows.Step) any {
	if s.Name == "" {
		return nil // Keep's None
	}
	return s.Name
}

func typeOfStep(s *workflows.Step) any { return s.Provider.S }

func constsOf(w *workflows.Workflow) *value.Map {
	if m, ok := w.Consts.Plain().(*value.Map); ok {
		return m
	}
	return value.NewMap(0)
}

func triggerAsWritten(t workflows.Trigger) any {
	m := mapOf("type", t.Type.S)
	for _, e := range t.With.Data.(source.Map) {
		m.Set(e.Key, e.Value.Plain())
	}
	return m
}

// secondsBetween is how long the program waits between two starts; 0: it never starts
// by itself.
func secondsBetween(p *engine.Program) int64 {
	for _, t := range p.Triggers() {
		if t.Next != nil {
			return int64(t.Next(keepNow).Sub(keepNow) / time.Second)
		}
	}
	return 0
}

// parseInterval asks how often a workflow runs. What Keep calls less than nothing is
// never, and its true is one second.
func (c *keepCase) parseInterval(_ *testing.T, m keepMode) (*value.Map, error) {
	programs, err := m.programs(documentOf(mapAt(c.input, "workflow")))
	if err != nil {
		return nil, err
	}
	got := secondsBetween(programs[0])
	switch want := valueAt(c.expect, "seconds").(type) {
	case bool:
		if want && got == 1 {
			return mapOf("seconds", true), nil
		}
	case int64:
		if want < 0 && got == 0 {
			return mapOf("seconds", want), nil
		}
	}
	return mapOf("seconds", got), nil
}

func (c *keepCase) parseDisabled(*testing.T, keepMode) (*value.Map, error) {
	file, err := workflows.Parse("in.yaml", documentOf(mapAt(c.input, "workflow")))
	if err != nil {
		return nil, err
	}
	return mapOf("disabled", file.Workflows[0].Disabled), nil
}

// deepMerge lays an action over the shared one that it uses. Mappings merge alike at
// every level, so that those of the case are merged as parameters, which may have any
// keys.
func (c *keepCase) deepMerge(*testing.T, keepMode) (*value.Map, error) {
	action := mapOf("name", "a", "use", "shared", "provider", mapOf("with", valueAt(c.input, "action")))
	shared := mapOf("name", "shared", "provider", mapOf("type", "mock", "with", valueAt(c.input, "reusable")))
	text := value.AppendJSON(nil, mapOf("workflow", mapOf("id", "w", "actions", []any{action}), "actions", []any{shared}))
	file, err := workflows.Parse("in.yaml", text)
	if err != nil {
		return nil, err
	}
	return mapOf("merged", file.Workflows[0].Actions[0].With.Plain()), nil
}

func (c *keepCase) envProviders(*testing.T, keepMode) (*value.Map, error) {
	configs, _ := providers.Configurations(source.Value{}, environOf(mapAt(c.input, "env")))
	found := value.NewMap(len(configs))
	for _, name := range slices.Sorted(maps.Keys(configs)) {
		found.Set(name, configs[name].Plain())
	}
	return mapOf("providers", found), nil
}

func (c *keepCase) providerAuthEnv(*testing.T, keepMode) (*value.Map, error) {
	config := source.Of(mapOf("authentication", valueAt(c.input, "authentication")))
	rendered, _, _ := providers.FromEnviron(config, environOf(mapAt(c.input, "env")))
	return rendered.Plain().(*value.Map), nil
}

// environOf is an environment as os.Environ has it.
func environOf(env *value.Map) []string {
	var list []string
	for k, v := range env.All() {
		list = append(list, k+"="+value.Text(v))
	}
	return list
}

// providerRef asks which configuration a step's provider gets.
func (c *keepCase) providerRef(*testing.T, keepMode) (*value.Map, error) {
	id, config := textAt(c.input, "type"), valueAt(c.input, "config")
	if text, ok := config.(string); ok {
		var err error
		if id, err = providers.ParseReference(text); err != nil {
			return nil, err
		}
		config = valueAt(mapAt(c.input, "providers"), id)
	}
	if config == nil {
		config = mapOf("authentication", mapOf())
	}
	return mapOf("provider_id", id, "config", config), nil
}

func (c *keepCase) permissions(_ *testing.T, m keepMode) (*value.Map, error) {
	programs, err := m.programs(documentOf(mapOf("permissions", valueAt(c.input, "permissions"))))
	if err != nil {
		return nil, err
	}
	w := programs[0].Workflow()
	return mapOf("allowed", engine.Allowed(w, textAt(c.input, "email"), textAt(c.input, "role"))), nil
}
