package engine

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"tocsin/templating"
	"tocsin/workflows"
	"tocsin/workflows/source"
)

// A Trigger says when a program wants to run. Like the rest of a program it is a
// function of its arguments; package schedule has the clock.
type Trigger struct {
	Type         string
	Pos          source.Pos
	Next         func(last time.Time) time.Time // the first start after last; zero: none any more. nil: time does not start it
	Match        func(a Arrival) bool           // nil: alerts and incidents do not
	Subscription *Subscription                  // what brings the alerts that Match is asked about; nil: those everybody sees
	Timing       Timing                         // what goes with Next

	test eventTest // what Match asks
	name string    // see Name; "": the type says it
}

// An eventTest decides whether an event starts a workflow.
type eventTest interface {
	kind() string // of the events that it is about
	holds(e *event) bool
	why(e *event) string               // why it holds or does not, in words
	equalities() []templating.Equality // what must be so for it to hold; to look it up by
}

// triggerTypes is the table of triggers. A new one is a file trigger_x.go and a row; its
// keys are in package workflows. Any other type is that of a provider with alerts to
// subscribe to.
var triggerTypes = map[string]func(c *compiler, p workflows.Part) Trigger{
	"manual":   func(*compiler, workflows.Part) Trigger { return Trigger{} },
	"interval": intervalTrigger,
	"cron":     cronTrigger,
	"alert":    alertTrigger,
	"incident": incidentTrigger,
}

func (c *compiler) triggers() {
	last := -1 // of several intervals the last one counts (spec §2.2)
	for _, p := range c.w.Triggers {
		t, ok := c.trigger(p)
		if !ok {
			continue
		}
		if t.Type == "interval" {
			if last >= 0 {
				c.warn(p.Pos, source.NoEffect, "", "of several interval triggers the last one counts")
				c.p.triggers = slices.Delete(c.p.triggers, last, last+1)
			}
			last = len(c.p.triggers)
		}
		c.p.triggers = append(c.p.triggers, t)
	}
}

func (c *compiler) trigger(p workflows.Part) (Trigger, bool) {
	compile, ok := triggerTypes[p.Type.S]
	if !ok {
		provider, known := c.lib.Providers.Lookup(p.Type.S)
		if !known || provider.Subscribe == nil {
			c.unknownTrigger(p)
			return Trigger{}, false
		}
		compile = subscriptionTrigger(provider)
	}
	t := compile(c, p)
	t.Type, t.Pos = p.Type.S, p.Pos
	if t.test != nil {
		t.Match = t.match
	}
	return t, true
}

// waits makes a trigger of what decides about events.
func waits(test eventTest) Trigger { return Trigger{test: test} }

func (t Trigger) match(a Arrival) bool {
	e := a.event()
	return e.err == nil && e.kind == t.test.kind() && t.test.holds(e)
}

// Matches is Match, and why it is so in words for a person.
func (t Trigger) Matches(a Arrival) (ok bool, why string) {
	e := a.event()
	switch {
	case t.test == nil:
		return false, "it does not wait for events"
	case e.err != nil:
		return false, e.err.Error()
	case e.kind != t.test.kind():
		return false, fmt.Sprintf("it waits for %s, and this is %s", eventNoun(t.test.kind()), eventNoun(e.kind))
	}
	return t.test.holds(e), t.test.why(e)
}

func eventNoun(kind string) string {
	if kind == "alert" || kind == "incident" {
		return "an " + kind
	}
	return "an alert of " + kind
}

// unknownTrigger reports a type that nobody knows. Keep ignores it, so that only what
// was probably meant to be another is an error.
func (c *compiler) unknownTrigger(t workflows.Trigger) {
	types := c.triggerNames()
	if near := source.Nearest(t.Type.S, types); near != "" {
		c.problem(t.Type.Pos, source.UnknownType, fmt.Sprintf("did you mean %q?", near), "no trigger of type %q", t.Type.S)
		return
	}
	hint := "types are " + strings.Join(types[:len(types)-1], ", ") + " and " + types[len(types)-1]
	if p, ok := c.lib.Providers.Lookup(t.Type.S); ok {
		hint = fmt.Sprintf("%s has no alerts to subscribe to; %s", p.Type, hint)
	}
	c.warn(t.Type.Pos, source.UnknownType, hint, "no trigger of type %q, it is ignored", t.Type.S)
}

// triggerNames are the types that there are, those of providers last.
func (c *compiler) triggerNames() []string {
	names := []string{"manual", "interval", "cron", "alert", "incident"}
	for _, p := range c.lib.Providers.All() {
		if p.Subscribe != nil {
			names = append(names, p.Type)
		}
	}
	return names
}
