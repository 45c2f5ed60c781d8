package lint

import (
	"fmt"
	"slices"
	"strings"

	"tocsin/templating"
	"tocsin/workflows"
	"tocsin/workflows/source"
)

// known are the first names of paths (spec §3.1).
var known = []string{
	"steps", "actions", "foreach", "alert", "event", "incident", "consts", "vars", "aliases", "inputs",
	"secrets", "last_workflow_results", "last_workflow_run_time", "fn", "providers", "episode",
}

// alertFields are those that every alert has (spec §3.3).
var alertFields = []string{
	"id", "name", "status", "severity", "lastReceived", "firingStartTime", "environment", "service", "source",
	"message", "description", "url", "labels", "fingerprint", "note", "assignee", "startedAt",
}

// roots reports paths that begin with a name nothing has: they are empty in a
// condition and an error in a parameter.
func (c *checker) roots() {
	names := c.published()
	for i := range c.texts {
		t := &c.texts[i]
		if t.inner || c.itemsOwn(t) {
			continue
		}
		for _, ref := range t.refs {
			if len(ref.Path) > 0 && plainName(ref.Path[0]) && !c.exists(t, ref, names) {
				c.unknownRoot(t, ref, names)
			}
		}
	}
}

// itemsOwn reports whether t is rendered by its provider, with the fields of an item as
// names of their own.
func (c *checker) itemsOwn(t *text) bool {
	if t.step == nil || t.role != parameter {
		return false
	}
	if t.step.Provider.S == "keep" && t.step.Kind == workflows.Notify {
		return true
	}
	if op := c.operation(t.step); op != nil && op.Params != nil {
		f, _ := op.Params.Field(t.key)
		return f.Lazy
	}
	return false
}

// published are the names that conditions give to their results.
func (c *checker) published() []string {
	var names []string
	for _, s := range c.steps() {
		for _, p := range s.Conditions {
			names = append(names, p.Name, p.Alias)
		}
	}
	return names
}

func (c *checker) exists(t *text, ref templating.Ref, published []string) bool {
	root := ref.Path[0]
	switch {
	case slices.Contains(known, root), slices.Contains(published, root):
		return true
	case root == "results":
		return t.role == expectation || t.role == enrichment
	case root == "env":
		return t.role == configuration
	}
	return false
}

func (c *checker) unknownRoot(t *text, ref templating.Ref, published []string) {
	root := ref.Path[0]
	p := c.warn(t.at(ref), source.UnknownRoot, c.rootHint(t, ref, published), "nothing is called %q here", root)
	p.Len = len([]rune(root))
	if root == "item" && t.step != nil && t.step.Foreach.S != "" {
		p.Fix = source.Fix{Pos: p.Pos, Old: root, Text: "foreach.value", What: "write foreach.value"}
	}
}

func (c *checker) rootHint(t *text, ref templating.Ref, published []string) string {
	root := ref.Path[0]
	rest := strings.Join(ref.Path[1:], ".")
	switch {
	case slices.Contains(stepNames(c.w), root):
		return fmt.Sprintf("write steps.%s", strings.Join(ref.Path, "."))
	case root == "item":
		return "the item of a foreach is foreach.value"
	case root == "state":
		return "Keep has no state: what the last run gave is under last_workflow_results, and a throttle or only_on_change keep from telling twice"
	case root == "env":
		return `the environment is read in provider configurations only; give the value to the workflow as an input`
	case root == "results" || root == "result":
		return fmt.Sprintf("write steps.NAME.results.%s, or steps.this.results.%[1]s for the step before", rest)
	case c.isFunction(root):
		return "write keep." + root + "(), without the braces"
	case slices.Contains(alertFields, root):
		return "write alert." + strings.Join(ref.Path, ".")
	case root == "workflow" || root == "keep" || root == "execution":
		return "what a text can read: " + strings.Join(known, ", ")
	}
	if near := source.Nearest(root, append(slices.Clone(known), published...)); near != "" {
		return fmt.Sprintf("did you mean %q?", near)
	}
	if near := source.Nearest(root, stepNames(c.w)); near != "" {
		return fmt.Sprintf("did you mean steps.%s?", near)
	}
	return "what a text can read: " + strings.Join(known, ", ")
}

func (c *checker) isFunction(name string) bool {
	if c.fns == nil {
		return false
	}
	_, ok := c.fns.Lookup("keep." + name)
	return ok
}

func stepNames(w *workflows.Workflow) []string {
	var names []string
	for _, s := range slices.Concat(w.Steps, w.Actions) {
		if s.Name != "" {
			names = append(names, s.Name)
		}
	}
	return names
}

// plainName tells a name from what Keep takes for one: "alert.cpu > 70".
func plainName(s string) bool {
	return s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == ""
}

// loops reports foreach.value in a step that has no foreach.
func (c *checker) loops() {
	for i := range c.texts {
		t := &c.texts[i]
		if t.step == nil || t.step.Foreach.S != "" || t.step.Use != "" {
			continue
		}
		for _, ref := range t.refs {
			if len(ref.Path) < 2 || ref.Path[0] != "foreach" || ref.Path[1] != "value" && ref.Path[1] != "items" && ref.Path[1] != "index" {
				continue
			}
			p := c.warn(t.at(ref), source.UnknownReference, `write foreach: "{{ steps.NAME.results }}" beside "provider"`,
				"%s has no foreach, so there is no %s", c.title(t.step), strings.Join(ref.Path[:2], "."))
			p.Len = len("foreach")
		}
	}
}

// events reports paths into an alert or incident that no trigger brings. Whoever starts
// a workflow by hand may do so from an alert, as in Keep.
func (c *checker) events() {
	if len(c.w.Triggers) == 0 || c.triggered("manual") {
		return
	}
	told := map[string]bool{}
	for i := range c.texts {
		t := &c.texts[i]
		for _, ref := range t.refs {
			root := ref.Path
			if len(root) == 0 || told[root[0]] {
				continue
			}
			switch root[0] {
			case "alert", "event":
				told["alert"], told["event"] = true, true
				if !c.brings("alert") {
					c.noEvent(t, ref, "alert")
				}
			case "incident":
				told["incident"] = true
				if !c.triggered("incident") {
					c.noEvent(t, ref, "incident")
				}
			}
		}
	}
}

// brings reports whether a trigger has an alert with it: one of that type, or one of a
// provider.
func (c *checker) brings(string) bool {
	for _, t := range c.w.Triggers {
		switch t.Type.S {
		case "interval", "cron", "every", "manual", "incident":
		default:
			return true
		}
	}
	return false
}

func (c *checker) noEvent(t *text, ref templating.Ref, what string) {
	p := c.warn(t.at(ref), source.NoEvent, fmt.Sprintf("add a trigger of type %s, or read it from a step", what),
		"no trigger of this workflow has an %s with it", what)
	p.Len = len([]rune(ref.Path[0]))
}
