package cmd_test

import (
	"errors"
	"fmt"
	"testing"

	"tocsin/engine"
	"tocsin/templating"
	"tocsin/templating/value"
	"tocsin/workflows/source"
)

// matchAlert asks how often an alert starts a workflow, and what the workflow is told
// of its severity.
func (c *keepCase) matchAlert(_ *testing.T, m keepMode) (*value.Map, error) {
	a := engine.Arrival{Kind: "alert", Fields: goMap(mapAt(c.input, "alert")), Now: keepNow}
	if previous := listAt(c.input, "previous"); len(previous) > 0 {
		a.Previous = goMap(previous[len(previous)-1].(*value.Map))
	}
	return m.started(a, mapOf("triggers", valueAt(c.input, "triggers")))
}

func (c *keepCase) matchIncident(_ *testing.T, m keepMode) (*value.Map, error) {
	a := engine.Arrival{Kind: "incident", Event: textAt(c.input, "event"), Now: keepNow}
	return m.started(a, mapOf("triggers", valueAt(c.input, "triggers"), "disabled", valueAt(c.input, "disabled")))
}

// started is what a starts of a workflow with these keys, as Match and a Matcher say
// alike. A workflow that is refused is not there to be started.
func (m keepMode) started(a engine.Arrival, keys *value.Map) (*value.Map, error) {
	programs, err := m.programs(documentOf(keys))
	if problems := (source.Problems)(nil); err != nil && !errors.As(err, &problems) {
		return nil, err
	}
	found := engine.Match(programs, a)
	if again := engine.NewMatcher(programs).Match(a); len(again) != len(found) {
		return nil, fmt.Errorf("Match finds %d, a Matcher %d", len(found), len(again))
	}
	out := mapOf("queued", int64(len(found)))
	if len(found) == 0 {
		return out, nil
	}
	alert := found[0].Input("r").Alert
	for _, k := range []string{"severity_changed", "previous_severity", "severity_change"} {
		if v, ok := alert[k]; ok {
			out.Set(k, v)
		}
	}
	return out, nil
}

func (c *keepCase) filtersToCEL(*testing.T, keepMode) (*value.Map, error) {
	cel, err := engine.KeepFilters(valueAt(c.input, "filters"))
	return mapOf("cel", cel), err
}

func (c *keepCase) preprocessCEL(*testing.T, keepMode) (*value.Map, error) {
	return mapOf("cel", templating.KeepSeverities(textAt(c.input, "cel"))), nil
}
