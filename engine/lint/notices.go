package lint

import (
	"fmt"
	"slices"
	"time"

	"tocsin/workflows"
	"tocsin/workflows/source"
)

// notices reports keys of "notify" that change nothing, or not what they seem to.
func (c *checker) notices() {
	seen := map[source.Pos]bool{}
	for _, s := range c.steps() {
		n := s.Notify
		if s.Kind != workflows.Notify || n == nil {
			continue
		}
		c.undecided(s, n)
		c.unresolved(s, n)
		if seen[n.Pos] {
			continue // what the workflow says, each of its actions has
		}
		seen[n.Pos] = true
		c.tooShort(n)
		c.noFallback(n)
	}
}

// undecided reports an action that says when its alert fires and ends, where nothing
// decides that: it fires in every run.
func (c *checker) undecided(s *workflows.Step, n *workflows.Notices) {
	if s == c.w.OnFailure || !runsAlways(s) || c.brings("alert") || c.escalatedTo(s) || len(c.w.Triggers) == 0 || c.w.Notify != nil && c.w.Notify.Pos == n.Pos {
		return
	}
	c.warn(n.Pos, source.NoEffect, "give the action a condition, an if or a foreach", "nothing decides whether %s fires, so it does in every run and is never over", c.title(s))
}

// escalatedTo says that another action escalates to s, or falls back on it.
func (c *checker) escalatedTo(s *workflows.Step) bool {
	for _, other := range c.steps() {
		if other.Notify == nil {
			continue
		}
		if f := other.Notify.Fallback; f != nil && f.Action.S == s.Name {
			return true
		}
		for _, e := range other.Notify.Escalate {
			for _, t := range e.Tell {
				if t.Step == nil && t.Action.S == s.Name {
					return true
				}
			}
		}
	}
	return false
}

// unresolved reports an action that cannot say that something is over: its provider has
// no text.
func (c *checker) unresolved(s *workflows.Step, n *workflows.Notices) {
	op := c.operation(s)
	if !n.Resolved || s.OnResolve.Data != nil || op == nil || op.Message != "" || op.Retell != nil || c.readsEpisode(s) {
		return
	}
	c.warn(s.Pos, source.NoResolve, "give it on_resolve: {with: {...}}, or write resolved: false", "%s does not tell that its alert is over: %s has no text to say so with", c.title(s), s.Provider.S)
}

func (c *checker) readsEpisode(s *workflows.Step) bool {
	for i := range c.texts {
		for _, ref := range c.texts[i].refs {
			if c.texts[i].step == s && len(ref.Path) > 0 && ref.Path[0] == "episode" {
				return true
			}
		}
	}
	return false
}

// tooShort reports times that are over before the next run.
func (c *checker) tooShort(n *workflows.Notices) {
	every := c.every()
	if every == 0 {
		return
	}
	for _, k := range []struct {
		key  string
		time time.Duration
	}{{"hold", n.Hold}, {"keep_firing", n.KeepFiring}, {"reminder", n.Reminder}} {
		if at, said := n.At(k.key); said && k.time > 0 && k.time < every {
			c.warn(at, source.ShortHold, fmt.Sprintf("make it longer than %s, or leave it out", span(every)),
				"%q is %s, and the workflow only looks every %s", k.key, span(k.time), span(every))
		}
	}
}

// every is how often a clock starts the workflow; 0: none does, or nobody knows.
func (c *checker) every() time.Duration {
	for _, t := range c.w.Triggers {
		m, _ := t.With.Data.(source.Map)
		if t.Type.S != "interval" {
			continue
		}
		if v, ok := m.Get("every"); ok {
			d, _ := workflows.ParseDuration(v.Data)
			return d
		}
		v, _ := m.Get("value")
		d, _ := workflows.ParseInterval(v.Data)
		return max(0, d)
	}
	return 0
}

// noFallback reports a fallback of what is never critical.
func (c *checker) noFallback(n *workflows.Notices) {
	at, said := n.At("fallback")
	if !said || c.w.Severity == "critical" || c.w.Severity == "" && c.brings("alert") {
		return
	}
	c.warn(at, source.NoEffect, "write severity: critical beside notify", "a fallback is told of what is critical, and this workflow is not")
}

// Dependencies returns what is wrong with "depends_on" across files: ids that none of
// them has, and workflows that wait for each other. They are all the files there are.
func Dependencies(files []*workflows.File) source.Problems {
	on := map[string][]workflows.Text{}
	var ids []string
	for _, f := range files {
		for _, w := range f.Workflows {
			on[w.ID] = append(on[w.ID], w.DependsOn...)
			ids = append(ids, w.ID)
		}
	}
	var ps source.Problems
	report := func(t workflows.Text, hint, format string, args ...any) {
		ps = append(ps, source.Problem{Pos: t.Pos, Len: len([]rune(t.S)), Code: source.UnknownWorkflow, Hint: hint, Message: fmt.Sprintf(format, args...), Warning: true})
	}
	for _, id := range ids {
		for _, t := range on[id] {
			hint := ""
			switch near := source.Nearest(t.S, ids); {
			case t.S == id: // the compiler says so
			case reaches(on, t.S, id, map[string]bool{}):
				report(t, "one of them has to tell", "workflows %q and %q wait for each other", id, t.S)
			case slices.Contains(ids, t.S):
			default:
				if near != "" {
					hint = fmt.Sprintf("did you mean %q?", near)
				}
				report(t, hint, "no workflow %q in these files", t.S)
			}
		}
	}
	ps.Sort()
	return ps
}

// reaches says that the workflow depends on another, over others too.
func reaches(on map[string][]workflows.Text, from, to string, seen map[string]bool) bool {
	if seen[from] {
		return false
	}
	seen[from] = true
	for _, t := range on[from] {
		if t.S == to || reaches(on, t.S, to, seen) {
			return true
		}
	}
	return false
}
