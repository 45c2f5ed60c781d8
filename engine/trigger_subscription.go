package engine

import (
	"fmt"
	"slices"
	"strings"

	"tocsin/providers"
	"tocsin/workflows"
	"tocsin/workflows/source"
)

// A Subscription is a provider's stream of alerts that a trigger listens to. Whoever
// keeps time opens it, and makes an Arrival of each alert, whose Kind is the trigger's
// type.
type Subscription struct {
	Provider *providers.Provider
	Config   string       // name of its configuration; "": none
	With     source.Value // its parameters
}

// subscriptionTrigger runs for the alerts of a provider, by its type. What an alert
// trigger may ask of them, it may too.
func subscriptionTrigger(provider *providers.Provider) func(c *compiler, p workflows.Part) Trigger {
	return func(c *compiler, p workflows.Part) Trigger {
		c.subscriptionKeys(p)
		with, ok := key(p, "with")
		if !ok {
			with = source.Value{Pos: p.Pos, Data: source.Map{}}
		}
		c.problems = append(c.problems, provider.Subscribe.Params.Check(with, provider.Type, nil)...)
		t := waits(c.alertTest(p))
		t.Subscription = &Subscription{Provider: provider, Config: c.subscriptionConfig(p, provider), With: with}
		return t
	}
}

// subscriptionConfig is the name of the configuration to subscribe with.
func (c *compiler) subscriptionConfig(p workflows.Part, provider *providers.Provider) string {
	s := &step{Step: &workflows.Step{Pos: p.Pos, Provider: p.Type}, provider: provider}
	s.Config, _ = key(p, "config")
	if _, inline := s.Config.Data.(source.Map); inline {
		c.problem(s.Config.Pos, source.BadConfig, configHint(provider.Type), "a trigger takes a configuration by its name")
		return ""
	}
	c.configuration(s)
	return s.config.name
}

// subscriptionKeyNames are the keys of a trigger that listens to a provider.
var subscriptionKeyNames = []string{"config", "with", "filters", "cel", "only_on_change", "severity_changed"}

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
