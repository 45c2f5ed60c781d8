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
	"tocsin/templating"
	"tocsin/templating/value"
	"tocsin/workflows"
)

// runWorkflow runs a document: what was called, and what went wrong.
func (c *keepCase) runWorkflow(t *testing.T, m keepMode) (*value.Map, error) {
	p := &caseProviders{fails: map[string]int64{}, gives: map[string]any{}}
	p.asked = listAt(c.input, "want_steps")
	result, err := p.run(t, []byte(textAt(c.input, "yaml")), m, engine.Runner{}, engine.Input{
		Alert: goMap(mapAt(c.input, "alert")), Inputs: goMap(mapAt(c.input, "inputs")),
	})
	if err != nil {
		return nil, err
	}
	calls := pythonNamed(p.calls, listAt(c.expect, "calls"))
	failed, aborted := c.failures(result)
	out := mapOf("calls", calls, "errors", failed, "exception", nil)
	if aborted != nil {
		out.Set("exception", c.exception(aborted))
	}
	if p.asked != nil {
		out.Set("steps", p.steps(result))
	}
	return out, nil
}

// pythonNamed are calls, with the underscore that Python wants behind some names where
// Keep's have it (spec §1.5): here providers have those names without.
func pythonNamed(calls, like []any) []any {
	out := make([]any, len(calls))
	for i, v := range calls {
		call := v.(*value.Map).Clone()
		if i < len(like) {
			call.Set("params", pythonNames(mapAt(call, "params"), mapAt(like[i].(*value.Map), "params")))
		}
		out[i] = call
	}
	return out
}

func pythonNames(params, like *value.Map) *value.Map {
	out := value.NewMap(params.Len())
	for k, v := range params.All() {
		if _, python := like.Get(k + "_"); python {
			k += "_"
		}
		out.Set(k, v)
	}
	return out
}

// exception is err as the case has it, if it says the same; only that there was one and
// its last words are compared, for the classes are Python's.
func (c *keepCase) exception(err error) any {
	if strings.Contains(err.Error(), textAt(c.expect, "exception_message")) {
		return valueAt(c.expect, "exception")
	}
	return err.Error()
}

// failures are the texts of the actions that failed, null where the run was cut short
// by aborted or never began. Of a text that is not kept (spec §12) only the beginning
// counts: the rest is as the case has it.
func (c *keepCase) failures(r *engine.Result) (texts any, aborted error) {
	if len(r.Steps) == 0 && r.Err == nil {
		return nil, nil
	}
	all, want := []any{}, listAt(c.expect, "errors")
	for _, s := range r.Steps {
		text := failureOf(r, s)
		switch {
		case text == "": // none, or one that its author does not mind
			continue
		case s.Kind == workflows.Query:
			return nil, s.Err
		}
		if n := len(all); n < len(want) && sameFailure(text, want[n].(string), s.Name) {
			text = want[n].(string)
		}
		all = append(all, text)
	}
	return all, nil
}

// failureOf is what the run says about the failure of a step or action.
func failureOf(r *engine.Result, s engine.StepResult) string {
	for text := range strings.SplitSeq(r.Reason, "; ") {
		if s.Err != nil && strings.HasPrefix(text, fmt.Sprintf("Failed to run %s %s:", s.Kind, s.Name)) {
			return text
		}
	}
	return ""
}

func sameFailure(text, want, name string) bool {
	prefix := "Failed to run action " + name + ": "
	return !strings.Contains(want, keptMessages[0]) && strings.HasPrefix(text, prefix) && strings.HasPrefix(want, prefix)
}

// steps are the asked ones as other steps see them.
func (p *caseProviders) steps(r *engine.Result) *value.Map {
	out := value.NewMap(len(p.asked))
	for _, s := range r.Steps {
		if slices.Contains(p.asked, any(s.Name)) {
			out.Set(s.Name, p.seen(s))
		}
	}
	return out
}

func (p *caseProviders) seen(s engine.StepResult) *value.Map {
	with, results := s.With, s.Output
	if with == nil {
		with = mapOf()
	}
	if s.Status == engine.Skipped && results == nil {
		results = []any{}
	}
	return mapOf("provider_parameters", with, "results", results, "vars", p.written[s.Name], "aliases", p.aliases(s.Name))
}

// aliases are those of a step, as they were rendered for it.
func (p *caseProviders) aliases(step string) any {
	if v, ok := p.aliased[step]; ok {
		return value.Of(v)
	}
	return mapOf()
}

// tells is a step that only says something.
func tells() *value.Map {
	return mapOf("provider", mapOf("type", "mock", "with", mapOf("message", "x")))
}

// evalIf asks whether a step runs.
func (c *keepCase) evalIf(t *testing.T, m keepMode) (*value.Map, error) {
	if text := textAt(c.input, "if"); text != "" && mapAt(c.context, "top") != nil {
		ran, err := c.decide(t, m, text, templating.If)
		return mapOf("run", ran), err
	}
	step := tells()
	for _, key := range []string{"if", "condition"} {
		if v, ok := c.input.Get(key); ok {
			step.Set(key, v)
		}
	}
	done, err := c.stage(m).run(t, step)
	if err != nil {
		return nil, err
	}
	return mapOf("run", done.step.Status == engine.Done), done.step.Err
}

// condition asks how one condition comes out.
func (c *keepCase) condition(t *testing.T, m keepMode) (*value.Map, error) {
	cond := mapAt(c.input, "condition")
	if mapAt(c.context, "top") != nil && textAt(cond, "type") == "assert" {
		held, err := c.decide(t, m, textAt(cond, "assert"), templating.Assert)
		return mapOf("result", held), err
	}
	step := tells()
	step.Set("condition", []any{cond})
	done, err := c.stage(m).run(t, step)
	if err != nil {
		return nil, err
	}
	if done.step.Err != nil {
		return nil, done.step.Err
	}
	check := done.step.Checks[0]
	out := mapOf("result", check.Passed)
	if check.Level != "" {
		out.Set("level", check.Level)
	}
	return out, nil
}

// foreachItems asks what a step goes over.
func (c *keepCase) foreachItems(t *testing.T, m keepMode) (*value.Map, error) {
	done, err := c.stage(m).run(t, mapOf(
		"foreach", valueAt(c.input, "foreach"),
		"provider", mapOf("type", "collect", "with", mapOf("items", "{{ foreach.items }}")),
	))
	if err != nil {
		return nil, err
	}
	items, _ := value.Of(done.items).([]any)
	if items == nil {
		items = []any{}
	}
	return mapOf("items", items), done.step.Err
}

// renderParams asks what the provider of a step or action gets.
func (c *keepCase) renderParams(t *testing.T, m keepMode) (*value.Map, error) {
	s := c.stage(m)
	s.kind = textAt(c.input, "kind") + "s"
	done, err := s.run(t, mapOf("provider", mapOf("type", "mock", "with", valueAt(c.input, "params"))))
	if err != nil {
		return nil, err
	}
	with := done.with()
	if s.kind == "steps" {
		with = pythonNames(with, mapAt(c.expect, "value"))
	}
	return withType(with), done.step.Err
}

// providerParams asks what becomes of a step's parameters. A deferred one is known by
// what it renders to: its key, which has no braces here, or else its default.
func (c *keepCase) providerParams(t *testing.T, m keepMode) (*value.Map, error) {
	s := c.stage(m)
	s.kind = "steps"
	done, err := s.run(t, mapOf("provider", mapOf("type", "mock", "with", valueAt(c.input, "with"))))
	if err != nil {
		return nil, err
	}
	params := pythonNames(done.with(), mapAt(c.expect, "params"))
	for k, v := range mapAt(c.expect, "params").All() {
		wanted, _ := v.(*value.Map)
		if p := mapAt(wanted, "$param"); p != nil && valueAt(params, k) == renderedParam(p) {
			params.Set(k, v)
		}
	}
	return mapOf("params", params), done.step.Err
}

func renderedParam(p *value.Map) any {
	if key := textAt(p, "key"); key != "" {
		return key
	}
	return value.Text(valueAt(p, "default"))
}

// firstTime asks keep.is_first_time about a history.
func (c *keepCase) firstTime(t *testing.T, m keepMode) (*value.Map, error) {
	text := "keep.is_first_time('fp-77')"
	if since := textAt(c.input, "since"); since != "" {
		text = fmt.Sprintf("keep.is_first_time('fp-77', '%s')", since)
	}
	s := c.stage(m)
	s.history = alertHistory(listAt(c.input, "history"))
	s.alert = mapOf("name", "n", "fingerprint", "fp-77", "lastReceived", keepNow.Format(time.RFC3339))
	done, err := s.run(t, mapOf("provider", mapOf("type", "mock", "with", mapOf("message", text))))
	if err != nil {
		return nil, err
	}
	return mapOf("result", textAt(done.with(), "message") == "True"), done.step.Err
}

// An alertHistory is what is stored of one alert, the newest first.
type alertHistory []any

func (alertHistory) LastRun(context.Context, string) (*engine.Result, error) { return nil, nil }

func (alertHistory) FiringSince(context.Context, string) (time.Time, error) { return time.Time{}, nil }

// Seen looks behind the alert itself, which is the newest that fires.
func (h alertHistory) Seen(_ context.Context, _ string, since time.Time) (bool, error) {
	var firing []time.Time
	for _, e := range h {
		m := e.(*value.Map)
		if status, given := m.Get("status"); given && status != "firing" {
			continue
		}
		hours, _ := valueAt(m, "hours_ago").(int64)
		firing = append(firing, keepNow.Add(-time.Duration(hours)*time.Hour))
	}
	if len(firing) == 0 {
		return false, errors.New("the alert never fired")
	}
	return len(firing) > 1 && !firing[1].Before(since), nil
}
