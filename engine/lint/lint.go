// Package lint says what works in a workflow, but hardly as meant: conditions that
// cannot come out otherwise, steps that nobody reads, messages that say the opposite of
// their condition. What is plainly wrong, workflows.Parse and engine.Compile say.
//
// It reads the document, not the compiled program, and parses the texts once more:
// that costs those who only run a workflow less than a tenth of a millisecond a file,
// and keeps the compiler free of guesses. Start reading at Check; the rules stand in its list.
package lint

import (
	"fmt"

	"tocsin/engine"
	"tocsin/providers"
	"tocsin/templating"
	"tocsin/workflows"
	"tocsin/workflows/source"
)

// Check returns the warnings and notes about what f says, in the order of places. None
// of them is an error. lib is what its workflows were compiled with.
func Check(f *workflows.File, lib engine.Library) source.Problems {
	var ps source.Problems
	for _, w := range f.Workflows {
		c := newChecker(w, lib)
		for _, rule := range rules {
			rule(c)
		}
		ps = append(ps, c.problems...)
	}
	ps = append(ps, secrets(f, lib.Providers)...)
	ps.Sort()
	return ps
}

// rules is the table of what is looked for.
var rules = []func(*checker){
	(*checker).roots,
	(*checker).loops,
	(*checker).events,
	(*checker).fixedConditions,
	(*checker).comparisons,
	(*checker).thresholds,
	(*checker).overruled,
	(*checker).names,
	(*checker).keep,
	(*checker).unreachable,
	(*checker).stops,
	(*checker).throttles,
	(*checker).notices,
	(*checker).times,
	(*checker).strayKeys,
	(*checker).unusedSteps,
	(*checker).unusedValues,
	(*checker).messages,
}

// A checker looks at one workflow.
type checker struct {
	w        *workflows.Workflow
	reg      *providers.Registry
	fns      *templating.Functions
	keepMode bool // "compat: keep"
	texts    []text
	unread   []string // texts that do not parse: nobody knows what they read
	problems source.Problems
}

func newChecker(w *workflows.Workflow, lib engine.Library) *checker {
	c := &checker{w: w, reg: lib.Providers, fns: lib.Functions, keepMode: lib.Compat == "keep" || w.Compat == "keep"}
	r := reader{c, templating.Language{Functions: lib.Functions, Keep: c.keepMode}, map[source.Pos]bool{}}
	r.workflow()
	return c
}

// warn reports what the rule of the code makes of it: a warning or a note.
func (c *checker) warn(pos source.Pos, code, hint, format string, args ...any) *source.Problem {
	c.problems = append(c.problems, source.Problem{
		Pos: pos, Code: code, Hint: hint, Message: fmt.Sprintf(format, args...), Warning: true,
	})
	return &c.problems[len(c.problems)-1]
}

// steps are all steps and actions, in the order in which they run.
func (c *checker) steps() []*workflows.Step {
	list := make([]*workflows.Step, 0, len(c.w.Steps)+len(c.w.Actions)+1)
	list = append(append(list, c.w.Steps...), c.w.Actions...)
	if c.w.OnFailure != nil {
		list = append(list, c.w.OnFailure)
	}
	return list
}

// title is what messages call a step.
func (c *checker) title(s *workflows.Step) string {
	switch {
	case s == c.w.OnFailure:
		return "on-failure"
	case s.Name == "":
		return "this " + string(s.Kind)
	}
	return fmt.Sprintf("%s %q", s.Kind, s.Name)
}

// provider is s's, nil where this build does not have it.
func (c *checker) provider(s *workflows.Step) *providers.Provider {
	p, _ := c.reg.Lookup(s.Provider.S)
	return p
}

// operation is what s's provider does for it, nil where nobody knows.
func (c *checker) operation(s *workflows.Step) *providers.Operation {
	switch p := c.provider(s); {
	case p == nil:
		return nil
	case s.Kind == workflows.Notify:
		return p.Notify
	default:
		return p.Query
	}
}

// triggered reports whether one of the types starts the workflow.
func (c *checker) triggered(types ...string) bool {
	for _, t := range c.w.Triggers {
		for _, typ := range types {
			if t.Type.S == typ {
				return true
			}
		}
	}
	return false
}
