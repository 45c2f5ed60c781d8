package engine

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"tocsin/providers"
	"tocsin/templating"
	"tocsin/workflows"
	"tocsin/workflows/source"
)

// A Subscription is a provider's stream of alerts that a trigger listens to.
// Runner.Subscribe opens it; whoever does makes an Arrival of each alert, whose Kind is
// the trigger's type.
type Subscription struct {
	Provider *providers.Provider
	Name     string       // of the trigger, as events say it; the type where it has none
	Config   string       // name of its configuration; "": none
	With     source.Value // its parameters, as written

	step *step // has the parameters ready to be rendered
}

// Subscribe listens to what the trigger t of p brings, until ctx is done, which is no
// error, or the provider gives up, or emit returns an error: see
// providers.Client.Subscribe. The texts among its parameters may read consts and inputs.
func (r *Runner) Subscribe(ctx context.Context, p *Program, t Trigger, inputs map[string]any, emit func(providers.Alert) error) error {
	s := t.Subscription
	run := &run{Runner: r, p: p, in: Input{Inputs: inputs}}
	err := run.prepare(ctx)
	var with source.Value
	if err == nil {
		with, err = s.step.with.render(ctx, &templating.Scope{Data: run.data, Now: r.Now, Strict: true})
	}
	var client *providers.Client
	if err == nil {
		client, err = r.Pool.Client(ctx, s.Provider.Type, s.Config)
	}
	if err == nil {
		ctx := providers.WithOrigin(ctx, providers.Origin{Workflow: p.workflow.ID, Step: s.Name})
		err = client.Subscribe(ctx, with, emit)
	}
	if err != nil && ctx.Err() == nil {
		return fmt.Errorf("%v: trigger %q: %w", t.Pos, s.Name, err)
	}
	return nil
}

// subscriptionTrigger runs for the alerts of a provider, by its type. What an alert
// trigger may ask of them, it may too.
func subscriptionTrigger(provider *providers.Provider) func(c *compiler, p workflows.Part) Trigger {
	return func(c *compiler, p workflows.Part) Trigger {
		c.subscriptionKeys(p)
		s := c.listener(p, provider)
		t := waits(c.alertTest(p))
		t.Subscription = &Subscription{Provider: provider, Name: s.Name, Config: s.config.name, With: s.With, step: s}
		return t
	}
}

// listener is a trigger in the form of a step: it has parameters and a configuration
// like one.
func (c *compiler) listener(p workflows.Part, provider *providers.Provider) *step {
	s := &step{
		Step:     workflows.NewStep(p.Pos, workflows.Query, provider.Type, p.Type),
		provider: provider, op: provider.Subscribe,
	}
	if name, ok := key(p, "name"); ok {
		s.Name = c.plain(name)
	}
	if with, ok := key(p, "with"); ok {
		s.With = with
	}
	c.at = s
	defer func() { c.at = nil }()
	s.Config, _ = key(p, "config")
	if _, inline := s.Config.Data.(source.Map); inline {
		c.problem(s.Config.Pos, source.BadConfig, configHint(provider.Type), "a trigger takes a configuration by its name")
		s.Config = source.Value{}
	}
	c.configuration(s)
	c.parameters(s)
	return s
}

// plain is a text that says what it says.
func (c *compiler) plain(v source.Value) string {
	text, ok := v.Data.(string)
	if !ok || text == "" {
		c.problem(v.Pos, source.WrongType, "write name: prices", "the name of a trigger is a text")
	}
	return text
}

// subscriptionKeyNames are the keys of a trigger that listens to a provider.
var subscriptionKeyNames = []string{"name", "config", "with", "filters", "cel", "only_on_change", "severity_changed"}

// subscriptionKeys reports keys that such a trigger does not have. Package workflows
// cannot: it does not know the providers.
func (c *compiler) subscriptionKeys(p workflows.Part) {
	m, _ := p.With.Data.(source.Map)
	for _, e := range m {
		if slices.Contains(subscriptionKeyNames, e.Key) {
			continue
		}
		hint := fmt.Sprintf("a %s trigger may have %s", p.Type.S, strings.Join(subscriptionKeyNames, ", "))
		if near := source.Nearest(e.Key, subscriptionKeyNames); near != "" {
			hint = fmt.Sprintf("did you mean %q?", near)
		}
		c.problem(e.Pos, source.UnknownKey, hint, "unknown key %q", e.Key)
	}
}
