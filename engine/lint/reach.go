package lint

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"tocsin/workflows"
	"tocsin/workflows/source"
)

// defaultRunTime is the engine's limit where the workflow has none of its own.
const defaultRunTime = 5 * time.Minute

// unreachable reports what stands behind a step that always ends the list it is in.
func (c *checker) unreachable() {
	for _, list := range [][]*workflows.Step{c.w.Steps, c.w.Actions} {
		i := slices.IndexFunc(list, endsAlways)
		if i < 0 || i == len(list)-1 {
			continue
		}
		c.warn(list[i+1].Pos, source.Unreachable, fmt.Sprintf("give %s an if, or leave out its continue: false in line %d", c.title(list[i]), list[i].Pos.Line),
			"%s never runs: %s always ends the %ss", c.title(list[i+1]), c.title(list[i]), list[i].Kind)
	}
}

// endsAlways: a step that did not run stops nothing.
func endsAlways(s *workflows.Step) bool { return s.Stop && runsAlways(s) }

// runsAlways says that nothing decides whether s runs.
func runsAlways(s *workflows.Step) bool {
	return s.If.S == "" && len(s.Conditions) == 0 && s.Foreach.S == "" && s.Throttle == nil && s.Use == ""
}

// stops reports "continue: false" on a step of a workflow with actions: they still run
// (spec §7.4).
func (c *checker) stops() {
	if len(c.w.Actions) == 0 {
		return
	}
	for _, s := range c.w.Steps {
		if s.Stop {
			c.warn(s.Pos, source.ActionsStillRun, `give the actions an if, if they should not`, "%s ends the steps, and the actions still run", c.title(s))
		}
	}
}

// throttles reports a throttle that waits for an alert to be resolved, where there is
// none.
func (c *checker) throttles() {
	if len(c.w.Triggers) == 0 || c.brings("alert") {
		return
	}
	for _, s := range c.steps() {
		if s.Throttle != nil {
			c.warn(s.Throttle.Pos, source.NoEffect, "add a trigger of type alert", "no trigger of this workflow has an alert with it, so there is nothing to be resolved")
		}
	}
}

// times reports limits that another one cuts short.
func (c *checker) times() {
	whole, what := c.w.Timeout, "the run"
	if whole == 0 {
		whole, what = defaultRunTime, "a run without a timeout of its own"
	}
	for _, s := range c.steps() {
		if s.Timeout > whole {
			c.warn(s.Pos, source.ShortTimeout, "give the workflow a longer timeout", "%s may take %s, but %s ends after %s", c.title(s), span(s.Timeout), what, span(whole))
			continue
		}
		if wait := waits(s.Retry); wait > whole {
			c.warn(s.Pos, source.ShortTimeout, "give the workflow a longer timeout, or retry less often", "%s waits %s between its attempts, but %s ends after %s", c.title(s), span(wait), what, span(whole))
		}
	}
	c.interval()
}

// waits is how long all retries wait at most.
func waits(r workflows.Retry) time.Duration {
	total, interval := 0.0, float64(r.Interval)
	for range min(r.Count, 1000) {
		total += interval
		interval *= max(1, r.Backoff)
	}
	return time.Duration(min(total, float64(100*365*24*time.Hour)))
}

// interval reports a workflow that is started again before it may be over.
func (c *checker) interval() {
	for _, t := range c.w.Triggers {
		m, _ := t.With.Data.(source.Map)
		v, ok := m.Get("value")
		if t.Type.S != "interval" || !ok {
			continue
		}
		every, err := workflows.ParseInterval(v.Data)
		if err != nil || every == 0 {
			continue
		}
		if longest := c.longest(); longest > every {
			c.warn(v.Pos, source.ShortInterval, "make the interval longer, or the timeout shorter", "the workflow starts every %s, and may take %s", span(every), span(longest))
		}
	}
}

// longest is the longest time that somebody wrote down.
func (c *checker) longest() time.Duration {
	longest := c.w.Timeout
	for _, s := range c.steps() {
		longest = max(longest, s.Timeout)
	}
	return longest
}

// span is d without the "0s" and "0m" that say nothing.
func span(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// strayKeys reports keys of a step among the parameters of a provider that would take
// anything: it gets them as parameters.
func (c *checker) strayKeys() {
	for _, s := range c.steps() {
		m, _ := s.With.Data.(source.Map)
		op := c.operation(s)
		if s.Provider.S == "keep" || s.Use != "" {
			continue
		}
		for _, e := range m {
			if !slices.Contains(ownKeys, e.Key) {
				continue
			}
			if op != nil && op.Params != nil {
				if _, declared := op.Params.Field(e.Key); declared || !op.Params.Open() {
					continue // it is meant, or the provider has refused it
				}
			}
			c.warn(e.Pos, source.MisplacedKey, `it belongs next to "provider"`, "%q goes to %s as a parameter", e.Key, s.Provider.S)
		}
	}
}

// ownKeys are keys of a step that no provider has a parameter of, as opsgenie has of
// alias.
var ownKeys = []string{"if", "foreach", "condition", "on-failure", "throttle", "continue", "continue_on_error", "expect"}
