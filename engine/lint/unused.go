package lint

import (
	"fmt"
	"slices"
	"strings"

	"tocsin/workflows"
	"tocsin/workflows/source"
)

// unusedSteps reports steps that only ask, and whose answer nobody reads. Where
// somebody is told of failures, asking is a check of its own.
func (c *checker) unusedSteps() {
	if c.w.OnFailure != nil {
		return
	}
	for i, s := range c.w.Steps {
		if s.Name == "" || !c.onlyAsks(s) || len(s.Expect) > 0 || len(s.Enrich) > 0 || c.readsStep(i, s) {
			continue
		}
		c.warn(s.Pos, source.UnusedStep, "say what it should be with expect, or leave the step out", "nobody reads what step %q returns", s.Name)
	}
}

// onlyAsks says that running s changes nothing elsewhere, as far as anybody knows.
func (c *checker) onlyAsks(s *workflows.Step) bool {
	p := c.provider(s)
	if p == nil || p.Executes || p.Query == nil {
		return false
	}
	if p.Notify != nil && p.Notify.Message != "" {
		if _, tells := p.Query.Params.Field(p.Notify.Message); tells {
			return false
		}
	}
	m, _ := s.With.Data.(source.Map)
	for _, e := range m {
		if e.Key == "method" && e.Value.Data != "GET" && e.Value.Data != "get" {
			return false
		}
	}
	return true
}

// readsStep reports whether any text reads the results of the step at index i.
func (c *checker) readsStep(i int, s *workflows.Step) bool {
	for j := range c.texts {
		t := &c.texts[j]
		for _, ref := range t.refs {
			if c.readsResults(t, ref.Path, i, s) {
				return true
			}
		}
	}
	for _, other := range c.steps() {
		if other.Provider.S == "keep" && other.Kind == workflows.Notify {
			return true // it reads steps.this of its own accord
		}
	}
	return c.mentions(s.Name)
}

func (c *checker) readsResults(t *text, path []string, i int, s *workflows.Step) bool {
	if len(path) == 0 {
		return false
	}
	switch path[0] {
	case "steps", "actions", "last_workflow_results":
		return len(path) == 1 || path[1] == s.Name || path[1] == "this" && c.latest(t, i)
	case "results":
		return t.step == s
	}
	return false
}

// latest says that the step at index i may be the latest one when t is read: those
// between them need not run.
func (c *checker) latest(t *text, i int) bool {
	at := slices.Index(c.w.Steps, t.step)
	if at < 0 {
		at = len(c.w.Steps)
	}
	return at > i && !slices.ContainsFunc(c.w.Steps[i+1:at], runsAlways)
}

// unusedValues reports constants, variables, aliases and inputs that no text reads.
func (c *checker) unusedValues() {
	for _, e := range entries(c.w.Consts) {
		c.unused(nil, e, "constant", "consts")
	}
	for _, in := range c.w.Inputs {
		e := source.Entry{Key: in.Name, Pos: in.Pos}
		c.unused(nil, e, "input", "inputs")
	}
	for _, s := range c.steps() {
		for _, e := range entries(s.Vars) {
			c.unused(s, e, "variable", "vars")
		}
		for _, e := range entries(s.Aliases) {
			c.unused(s, e, "alias", "aliases")
		}
	}
}

func entries(v source.Value) source.Map {
	m, _ := v.Data.(source.Map)
	return m
}

func (c *checker) unused(s *workflows.Step, e source.Entry, what, root string) {
	for i := range c.texts {
		for _, ref := range c.texts[i].refs {
			if readsValue(ref.Path, s, e.Key, root) {
				return
			}
		}
	}
	if !c.mentions(e.Key) && !c.triggersRead(root+"."+e.Key) {
		c.warn(e.Pos, source.UnusedValue, fmt.Sprintf("read it with {{ %s.%s }}, or leave it out", root, e.Key), "nobody reads the %s %q", what, e.Key)
	}
}

// triggersRead reports whether a parameter of a trigger reads the path.
func (c *checker) triggersRead(path string) bool {
	for _, t := range c.w.Triggers {
		if within(t.With, path) {
			return true
		}
	}
	return false
}

// within reports whether a text in v has the path.
func within(v source.Value, path string) bool {
	switch data := v.Data.(type) {
	case string:
		return strings.Contains(data, path)
	case []source.Value:
		return slices.ContainsFunc(data, func(item source.Value) bool { return within(item, path) })
	case source.Map:
		return slices.ContainsFunc(data, func(e source.Entry) bool { return within(e.Value, path) })
	}
	return false
}

// readsValue reports whether a path leads to the value, or to all of its kind.
func readsValue(path []string, s *workflows.Step, key, root string) bool {
	switch {
	case len(path) == 0:
		return false
	case path[0] == root, path[0] == "secrets" && root == "vars":
		return len(path) == 1 || path[1] == key
	case (path[0] == "steps" || path[0] == "actions") && s != nil:
		if len(path) < 3 {
			return true
		}
		return (path[1] == s.Name || path[1] == "this") && path[2] == root && (len(path) == 3 || path[3] == key)
	}
	return false
}
