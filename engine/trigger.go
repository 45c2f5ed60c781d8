package engine

import (
	"fmt"
	"slices"
	"time"

	"tocsin/workflows"
	"tocsin/workflows/source"
)

// A Trigger says when a program wants to run. Like the rest of a program it is a
// function of its arguments; package schedule has the clock.
type Trigger struct {
	Type  string
	Next  func(last time.Time) time.Time // nil: time does not start it
	Match func(a Arrival) bool           // nil: alerts and incidents do not
}

// An Arrival is an alert or incident that came in, and what that changed.
type Arrival struct {
	Kind    string // "alert", "incident"
	Event   string // "created", "updated", ...
	Fields  map[string]any
	Changed []string
}

// triggerTypes is the table of triggers. Their keys are in package workflows.
var triggerTypes = map[string]func(c *compiler, p workflows.Part) Trigger{
	"manual":   func(*compiler, workflows.Part) Trigger { return Trigger{} },
	"interval": intervalTrigger,
	"alert":    alertTrigger,
	"incident": incidentTrigger,
}

func (c *compiler) triggers() {
	last := -1 // of several intervals the last one counts (spec §2.2)
	for _, t := range c.w.Triggers {
		compile, ok := triggerTypes[t.Type.S]
		if !ok {
			c.unknownTrigger(t)
			continue
		}
		compiled := compile(c, t)
		compiled.Type = t.Type.S
		if t.Type.S == "interval" && last >= 0 {
			c.warn(t.Pos, source.NoEffect, "", "of several interval triggers the last one counts")
			c.p.triggers = slices.Delete(c.p.triggers, last, last+1)
		}
		c.p.triggers = append(c.p.triggers, compiled)
		if t.Type.S == "interval" {
			last = len(c.p.triggers) - 1
		}
	}
}

// unknownTrigger reports a type that nobody knows. Keep ignores it, so that only what
// was probably meant to be another is an error.
func (c *compiler) unknownTrigger(t workflows.Trigger) {
	names := []string{"manual", "interval", "alert", "incident"}
	if near := source.Nearest(t.Type.S, names); near != "" {
		c.problem(t.Type.Pos, source.UnknownType, fmt.Sprintf("did you mean %q?", near), "no trigger of type %q", t.Type.S)
		return
	}
	c.warn(t.Type.Pos, source.UnknownType, "types are manual, interval, alert and incident", "no trigger of type %q, it is ignored", t.Type.S)
}

// intervalTrigger runs every so often, measured from start to start. A period of 0,
// as Keep has it, is never (spec §2.2).
func intervalTrigger(c *compiler, p workflows.Part) Trigger {
	v, ok := key(p, "value")
	if !ok {
		v, ok = key(p, "every")
	}
	if !ok {
		c.warn(p.Pos, source.NeverRuns, "write value: 5m", "an interval without a value never runs")
		return Trigger{}
	}
	period, err := workflows.ParseDuration(v.Data)
	switch {
	case err != nil:
		c.problem(v.Pos, source.BadValue, "such as 60, 30s, 5m, 1h or 1d", "%q is not an interval: %v", fmt.Sprint(v.Plain()), err)
	case period <= 0:
		c.warn(v.Pos, source.NeverRuns, "write value: 5m", "an interval of %v never runs", v.Plain())
	case period < time.Second:
		c.problem(v.Pos, source.BadValue, "write value: 1s", "an interval of %s is too short: at least a second", period)
	default:
		return Trigger{Next: func(last time.Time) time.Time { return last.Add(period) }}
	}
	return Trigger{}
}

// alertTrigger runs when an alert comes in. One that filters matches nothing yet.
func alertTrigger(_ *compiler, p workflows.Part) Trigger {
	for _, filter := range []string{"filters", "cel", "only_on_change", "severity_changed"} {
		if _, ok := key(p, filter); ok {
			return Trigger{}
		}
	}
	return Trigger{Match: func(a Arrival) bool { return a.Kind == "alert" }}
}

// incidentTrigger runs when something that it names happens to an incident.
func incidentTrigger(_ *compiler, p workflows.Part) Trigger {
	v, _ := key(p, "events")
	list, _ := v.Data.([]source.Value)
	events := make([]string, 0, len(list))
	for _, e := range list {
		if name, ok := e.Data.(string); ok {
			events = append(events, name)
		}
	}
	return Trigger{Match: func(a Arrival) bool {
		return a.Kind == "incident" && slices.Contains(events, a.Event)
	}}
}
