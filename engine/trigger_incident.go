package engine

import (
	"fmt"
	"slices"
	"strings"

	"tocsin/templating"
	"tocsin/workflows"
	"tocsin/workflows/source"
)

// incidentTrigger runs when something that it names happens to an incident (spec §2.4).
// Without names it never does.
func incidentTrigger(c *compiler, p workflows.Part) Trigger {
	v, ok := key(p, "events")
	if !ok && !c.lang.Keep { // Keep documents "on", and does not read it (spec B-18)
		v, _ = key(p, "on")
	}
	events := texts(v)
	if len(events) == 0 {
		c.warn(p.Pos, source.NeverRuns, "write events: [created, updated, deleted]", "an incident trigger without events never starts the workflow")
	}
	return waits(incidentTest{events})
}

// texts are those of a list, or the one that stands for it.
func texts(v source.Value) []string {
	if s, ok := v.Data.(string); ok {
		return []string{s}
	}
	list, _ := v.Data.([]source.Value)
	out := make([]string, 0, len(list))
	for _, e := range list {
		if s, ok := e.Data.(string); ok {
			out = append(out, s)
		}
	}
	return out
}

type incidentTest struct{ events []string }

func (incidentTest) kind() string                      { return "incident" }
func (t incidentTest) holds(e *event) bool             { return slices.Contains(t.events, e.name) }
func (incidentTest) equalities() []templating.Equality { return nil }

func (t incidentTest) why(e *event) string {
	if t.holds(e) {
		return fmt.Sprintf("an incident was %s", e.name)
	}
	if len(t.events) == 0 {
		return "it names no events"
	}
	return fmt.Sprintf("it waits for an incident that is %s; this one was %s", strings.Join(t.events, " or "), e.name)
}
