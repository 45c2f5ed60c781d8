package engine

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"tocsin/engine/episode"
	"tocsin/templating/value"
	"tocsin/workflows"
	"tocsin/workflows/schema"
	"tocsin/workflows/source"
)

// A watch says that what an action tells of lasts, and when it tells.
type watch struct {
	rules    episode.Rules
	key      *param                   // what tells alerts apart; nil: the item, the alert
	fallback *step                    // nil: none
	levels   [][]*step                // who is told by each escalation
	labels   func() map[string]string // where nothing tells alerts apart
}

// Remembers says that an action of p, or its on-failure, tells of alerts that a memory
// knows: for episode.Book.Abandon.
func (p *Program) Remembers(action string) bool {
	for _, s := range append(p.actions[:len(p.actions):len(p.actions)], p.onFailure) {
		if s != nil && s.Name == action && s.watch != nil {
			return true
		}
	}
	return false
}

// others are the steps that tell a target.
func (w *watch) others(to episode.Target) []*step {
	if to == episode.Fallback && w.fallback != nil {
		return []*step{w.fallback}
	}
	for i, list := range w.levels {
		if to == episode.Level(i+1) {
			return list
		}
	}
	return nil
}

// watch prepares when s tells. An action of an "alert:" document that something decides
// tells once, also where nobody says so: such a document is a check that goes on. One of
// a "workflow:" document acts in each run, as in Keep, until somebody writes "notify".
func (c *compiler) watch(s *step) *watch {
	n := s.Notify
	decided := len(s.conditions) > 0 || s.guard != nil || s.Name == onFailureName
	var w *watch
	switch {
	case s.Kind != workflows.Notify:
		return nil
	case n != nil:
		w = &watch{rules: rules(n), key: c.watchKey(n)}
	case c.w.Form != workflows.AlertForm || c.lang.Keep || s.throttle != nil || !decided || s.goesOverRows():
		return nil
	default:
		w = &watch{rules: episode.Defaults()}
	}
	w.rules.Resolved = w.rules.Resolved && s.canResolve()
	workflow, key := c.w, episode.Key{Action: s.Name} // and not all of c
	w.labels = sync.OnceValue(func() map[string]string { return labels(workflow, key, workflow.Severity) })
	return w
}

// goesOverRows says that the provider takes rows and knows what became of each itself, as
// one that keeps alerts does: it has to hear of them in every run.
func (s *step) goesOverRows() bool {
	return s.op != nil && s.op.Params != nil && slices.ContainsFunc(s.op.Params.Fields(), func(f schema.Field) bool { return f.Lazy })
}

// canResolve says that there is a way to say that an alert is over: a text, parameters
// that the provider knows how to change, or what the author says. The request that said
// that something is wrong, sent again, says the opposite.
func (s *step) canResolve() bool {
	return s.op == nil || s.op.Message != "" || s.op.Retell != nil || s.resolve != nil || s.speaks
}

func rules(n *workflows.Notices) episode.Rules {
	r := episode.Rules{
		Failures: n.Failures, Successes: n.Successes, Hold: n.Hold, KeepFiring: n.KeepFiring,
		Reminder: n.Reminder, Resolved: n.Resolved,
		Flapping: episode.Flaps{Changes: n.Flapping.Changes, Within: n.Flapping.Within},
	}
	for _, e := range n.Escalate {
		r.Escalate = append(r.Escalate, episode.Escalation{After: e.After, UnlessAcked: e.UnlessAcked})
	}
	return r
}

func (c *compiler) watchKey(n *workflows.Notices) *param {
	if n.Key.S == "" {
		return nil
	}
	p := c.param(asValue(n.Key), schema.String)
	return &p
}

// resolution prepares the parameters of on_resolve, over those of the action.
func (c *compiler) resolution(s *step) {
	over, ok := s.OnResolve.Data.(source.Map)
	if !ok {
		return
	}
	written, _ := s.With.Data.(source.Map)
	merged := make(source.Map, 0, len(written)+len(over))
	for _, e := range written {
		if _, replaced := over.Get(e.Key); !replaced {
			merged = append(merged, e)
		}
	}
	merged = append(merged, over...)
	with := source.Value{Pos: s.OnResolve.Pos, Data: c.renamed(s, merged)}
	p := c.with(s, with)
	s.resolve = &p
	if s.op != nil {
		_, s.resolves = over.Get(s.op.Message)
		c.check(s.op.Params, source.Value{Pos: s.OnResolve.Pos, Data: over}, s.provider.Type)
		c.problems = dropMissing(c.problems, s.OnResolve.Pos)
	}
}

// dropMissing leaves out that a parameter is missing at pos, since the action has it.
func dropMissing(ps source.Problems, pos source.Pos) source.Problems {
	kept := ps[:0]
	for _, p := range ps {
		if p.Pos != pos || p.Code != source.MissingKey {
			kept = append(kept, p)
		}
	}
	return kept
}

// escalations finds who is told otherwise than by the action itself. Whom an action
// names does not run by itself any more.
func (c *compiler) escalations() {
	list := c.p.actions
	if c.p.onFailure != nil {
		list = append(list[:len(list):len(list)], c.p.onFailure)
	}
	reserved := map[*step]string{}
	for _, s := range list {
		if s.watch == nil || s.Notify == nil {
			continue
		}
		for i, e := range s.Notify.Escalate {
			var told []*step
			for j, t := range e.Tell {
				if other := c.told(s, t, fmt.Sprintf("escalation-%d", i+1), j); other != nil {
					told = append(told, other)
					reserved[other] = "runs when " + s.Name + " has fired for " + episode.Span(e.After)
				}
			}
			s.watch.levels = append(s.watch.levels, told)
		}
		if t := s.Notify.Fallback; t != nil {
			if s.watch.fallback = c.told(s, *t, "fallback", 0); s.watch.fallback != nil {
				reserved[s.watch.fallback] = "runs when " + s.Name + " cannot tell"
			}
		}
	}
	for s, why := range reserved {
		s.reserved, s.watch = why, nil
	}
}

// told is the step that tells t for s; nil: there is none, which was said.
func (c *compiler) told(s *step, t workflows.Telling, what string, n int) *step {
	if t.Step == nil {
		return c.action(s, t.Action)
	}
	written := *t.Step
	if written.Name = s.Name + "-" + what; n > 0 {
		written.Name += fmt.Sprintf("-%d", n+1)
	}
	return c.step(&written)
}

func (c *compiler) action(s *step, name workflows.Text) *step {
	var names []string
	for _, a := range c.p.actions {
		if a.Name == name.S && a != s {
			return a
		}
		if a != s && a.Name != "" {
			names = append(names, a.Name)
		}
	}
	if name.S == s.Name {
		// What the workflow says is said to the action too that it names.
		if s.Notify.Pos == noticesPos(c.w) {
			return nil
		}
		c.problem(name.Pos, source.UnknownAction, "name another action", "%s escalates to itself", title(s))
		return nil
	}
	hint := `it is one of the workflow's "actions"`
	if near := source.Nearest(name.S, names); near != "" {
		hint = fmt.Sprintf("did you mean %q?", near)
	} else if len(names) > 0 {
		hint = "there are " + strings.Join(names, ", ")
	}
	p := source.Problem{Pos: name.Pos, Len: len([]rune(name.S)), Code: source.UnknownAction, Hint: hint, Message: fmt.Sprintf("no action %q", name.S)}
	for _, q := range c.problems { // what the workflow says is read for each action
		if q.Pos == p.Pos && q.Code == p.Code {
			return nil
		}
	}
	c.problems = append(c.problems, p)
	return nil
}

func noticesPos(w *workflows.Workflow) source.Pos {
	if w.Notify == nil {
		return source.Pos{}
	}
	return w.Notify.Pos
}

// A window is a silence of the workflow: once, or whenever a clock says.
type window struct {
	from, until time.Time
	begins      *schedule // nil: once
	lasts       time.Duration
	reason      string
	owner       string
}

// open is w as a silence, if it is open now; else nil.
func (w *window) open(now time.Time) *episode.Silence {
	s := &episode.Silence{From: w.from, Until: w.until, Reason: w.reason, Owner: w.owner}
	if w.begins != nil {
		// Of times that follow each other sooner than a window lasts, the last counts.
		next := w.begins.next(now.Add(-w.lasts))
		for n := 0; n < maxOverlaps && !next.IsZero() && !next.After(now); n++ {
			s.From, s.Until = next, next.Add(w.lasts)
			next = w.begins.next(next)
		}
	}
	if now.Before(s.From) || !now.Before(s.Until) {
		return nil
	}
	return s
}

// maxOverlaps is how many times of one window are looked at: who silences for a day each
// minute silences for ever.
const maxOverlaps = 64

// windows prepares the silences of the workflow.
func (c *compiler) windows() {
	for _, s := range c.w.Silences {
		zone := c.zone(s.Timezone)
		w := window{lasts: s.For, reason: s.Reason, owner: s.Owner}
		if s.Cron.S != "" {
			var ok bool
			if w.begins, ok = c.cron(asValue(s.Cron), zone); ok {
				c.p.silences = append(c.p.silences, w)
			}
			continue
		}
		var began, ended bool
		w.from, began = c.moment(s.From, zone)
		w.until, ended = c.moment(s.Until, zone)
		switch {
		case !began || !ended:
		case !w.until.After(w.from):
			c.problem(s.Until.Pos, source.BadValue, "from comes before until", "this silence is over before it begins")
		default:
			c.p.silences = append(c.p.silences, w)
		}
	}
	for _, id := range c.w.DependsOn {
		if id.S == c.w.ID {
			c.problem(id.Pos, source.BadValue, "name another workflow, or leave it out", "workflow %q depends on itself", id.S)
		}
		c.p.dependsOn = append(c.p.dependsOn, id.S)
	}
}

// moment is the time that a text names, on the clock of zone where it names none.
func (c *compiler) moment(t workflows.Text, zone *time.Location) (time.Time, bool) {
	switch v := t.Value.Data.(type) {
	case time.Time:
		if v.Location() != value.Naive {
			return v, true
		}
		return time.Date(v.Year(), v.Month(), v.Day(), v.Hour(), v.Minute(), v.Second(), 0, zone), true
	case value.Date:
		return time.Date(v.Year, time.Month(v.Month), v.Day, 0, 0, 0, 0, zone), true
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02 15:04:05", "2006-01-02 15:04", "2006-01-02"} {
		if at, err := time.ParseInLocation(layout, strings.TrimSpace(t.S), zone); err == nil {
			return at, true
		}
	}
	c.problem(t.Pos, source.BadValue, "such as 2026-03-01 22:00 or 2026-03-01T22:00:00Z", "%q is no time", t.S)
	return time.Time{}, false
}

func (c *compiler) zone(t workflows.Text) *time.Location {
	if t.S == "" {
		return time.UTC
	}
	return c.timezone(workflows.Part{With: source.Value{Data: source.Map{{Key: "timezone", Value: asValue(t)}}}})
}

func (c *compiler) cron(v source.Value, zone *time.Location) (*schedule, bool) {
	s, err := parseCron(value.Text(v.Plain()), zone)
	var wrong *cronError
	if errors.As(err, &wrong) {
		c.problem(v.At(wrong.offset), source.BadValue, wrong.hint, "%s", wrong.message)
	}
	return s, err == nil
}
