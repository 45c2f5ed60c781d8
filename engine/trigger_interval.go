package engine

import (
	"fmt"
	"strings"
	"time"

	"tocsin/workflows"
	"tocsin/workflows/source"
)

// intervalTrigger runs every so often, measured from start to start. A period of 0,
// as Keep has it, is never (spec §2.2). "every" is our own spelling: any length of
// time, and none that is never.
func intervalTrigger(c *compiler, p workflows.Part) Trigger {
	every, ours := key(p, "every")
	v, ok := key(p, "value")
	switch {
	case ours && ok:
		c.warn(v.Pos, source.NoEffect, "leave one of them out", "\"value\" is ignored beside \"every\"")
		fallthrough
	case ours:
		return c.every(p, every)
	case !ok:
		c.warn(p.Pos, source.NeverRuns, "write value: 5m", "an interval without a value never runs")
		return Trigger{}
	}
	if text, isText := v.Data.(string); isText && c.lang.Keep && strings.ContainsAny(text, "sw") {
		c.problem(v.Pos, source.BadValue, "write seconds as a number, weeks as days", "Invalid interval format: %s", text)
		return Trigger{}
	}
	period, err := workflows.ParseInterval(v.Data)
	switch {
	case err != nil:
		c.problem(v.Pos, source.BadValue, "such as 60, 30s, 5m, 1h or 1d", "%q is %v", fmt.Sprint(v.Plain()), err)
	case period <= 0:
		c.warn(v.Pos, source.NeverRuns, "write value: 5m", "an interval of %v never runs", v.Plain())
	default:
		return c.grid(p, period)
	}
	return Trigger{}
}

func (c *compiler) every(p workflows.Part, v source.Value) Trigger {
	period, err := workflows.ParseDuration(v.Data)
	switch {
	case err != nil:
		c.problem(v.Pos, source.BadValue, "such as 90s, 5m, 1h30m or 2d", "%q is %v", fmt.Sprint(v.Plain()), err)
	case period < time.Second:
		c.problem(v.Pos, source.BadValue, "write every: 1s", "every %s is too often: at least a second", period)
	default:
		return c.grid(p, period)
	}
	return Trigger{}
}

// grid is a trigger whose moments are a period apart.
func (c *compiler) grid(p workflows.Part, period time.Duration) Trigger {
	t := Trigger{Next: after(period), Timing: c.timing(p), name: "interval " + span(period)}
	t.Timing.Every = period
	v, ok := key(p, "jitter")
	switch {
	case !ok:
		t.Timing.Jitter = period
	case t.Timing.Jitter > period:
		c.problem(v.Pos, source.BadValue, "leave it out to spread over all of it", "a jitter of %s is more than the %s between two starts", span(t.Timing.Jitter), span(period))
	}
	return t
}

func after(period time.Duration) func(time.Time) time.Time {
	return func(last time.Time) time.Time { return last.Add(period) }
}
