package engine

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"tocsin/providers"
	"tocsin/templating"
	"tocsin/workflows"
	"tocsin/workflows/source"
)

// A Library is what a workflow may refer to.
type Library struct {
	Providers *providers.Registry
	Functions *templating.Functions
	Actions   map[string]*workflows.Step // shared actions, for "use:"
	Compat    string                     // "keep": for every workflow, whatever it says
	// Configured says whether a named provider configuration is defined; nil: nobody
	// knows. A name that is not is a problem: an error where Required, else a warning.
	Configured func(name string) bool
	Required   bool
	// Secret says whether a secret is there for texts to read; nil: nobody knows. One
	// that is not is a problem, as with Configured. Hint says how to define one.
	Secret func(name string) (ok bool, hint string)
	Shared *Shared // what workflows compiled before have the same; nil: nothing
}

// Compile checks w and prepares it for running. The error is a source.Problems with
// everything that is wrong: unknown providers and parameters, conditions and
// triggers, texts that do not parse. The second result has what is suspicious but
// works, such as references to steps that do not exist or come later, which Keep
// renders as nothing.
func Compile(w *workflows.Workflow, lib Library) (*Program, source.Problems, error) {
	c := compiler{w: w, lib: lib}
	c.lang = templating.Language{Functions: lib.Functions, Keep: lib.Compat == "keep" || w.Compat == "keep"}
	p := &Program{workflow: w, keep: c.lang.Keep}
	c.p = p
	c.consts()
	p.steps = c.steps(w.Steps)
	p.actions = c.steps(w.Actions)
	c.onFailure()
	c.escalations()
	c.windows()
	c.triggers()
	fatal, warnings := c.sorted()
	if err := fatal.Err(); err != nil {
		return nil, warnings, err
	}
	return p, warnings, nil
}

// A compiler collects what is wrong while it prepares one workflow.
type compiler struct {
	w        *workflows.Workflow
	lib      Library
	lang     templating.Language
	p        *Program
	problems source.Problems

	order []*step // those before the current one
	at    *step   // whose texts are read; nil: texts that any step may use
	after bool    // the text is evaluated after the call
}

// sorted are the problems in the order of places, the fatal ones and the others.
func (c *compiler) sorted() (fatal, warnings source.Problems) {
	slices.SortStableFunc(c.problems, func(a, b source.Problem) int {
		return cmp.Or(strings.Compare(a.Pos.File, b.Pos.File), a.Pos.Line-b.Pos.Line, a.Pos.Col-b.Pos.Col)
	})
	for _, p := range c.problems {
		if p.Warning {
			warnings = append(warnings, p)
		} else {
			fatal = append(fatal, p)
		}
	}
	return fatal, warnings
}

func (c *compiler) problem(pos source.Pos, code, hint, format string, args ...any) {
	c.problems = append(c.problems, source.Problem{Pos: pos, Code: code, Hint: hint, Message: fmt.Sprintf(format, args...)})
}

func (c *compiler) warn(pos source.Pos, code, hint, format string, args ...any) {
	c.problem(pos, code, hint, format, args...)
	c.problems[len(c.problems)-1].Warning = true
}

// consts prepares the constants: any step may read them, so that references in them
// are not checked for order.
func (c *compiler) consts() {
	c.p.consts = c.data(c.w.Consts)
}

func (c *compiler) steps(list []*workflows.Step) []*step {
	out := make([]*step, 0, len(list))
	for _, s := range list {
		compiled := c.step(s)
		out = append(out, compiled)
		c.order = append(c.order, compiled)
	}
	return out
}

// onFailure prepares the action that tells of a failure. Its message comes from the
// engine (spec §7.6), so it need not have any parameters of its own.
func (c *compiler) onFailure() {
	if c.w.OnFailure == nil {
		return
	}
	s := *c.w.OnFailure
	s.Kind = workflows.Notify
	s.Name = onFailureName
	c.p.onFailure = c.step(&s)
}

// onFailureName is the step's name in events and in "steps".
const onFailureName = "on-failure"

const (
	defaultRunTimeout  = 5 * time.Minute
	defaultStepTimeout = 30 * time.Second
)

// step prepares s, whose texts may read the steps that were prepared before.
func (c *compiler) step(written *workflows.Step) *step {
	s := &step{Step: c.used(written)}
	s.timeout = cmp.Or(s.Timeout, defaultStepTimeout)
	s.late = &limitError{"the call", s.timeout}
	c.at = s
	defer func() { c.at = nil }()
	c.provider(s)
	c.configuration(s)
	s.foreach = c.loops(s.Foreach)
	s.vars = c.data(s.Vars)
	s.aliases = c.aliases(s.Aliases)
	s.conditions = c.conditions(s.Conditions)
	s.guard = c.guard(s.If)
	c.speaking(s)
	s.throttle = c.throttle(s.Throttle)
	s.watch = c.watch(s)
	s.enrich = c.enrichments(s.Enrich)
	c.after = true
	s.expect = c.expect(s.Expect)
	c.after = false
	return s
}

// speaking prepares what the step says, and notes whether it says of itself what has
// become of an alert.
func (c *compiler) speaking(s *step) {
	before := c.p.episode
	c.p.episode = false
	c.parameters(s)
	s.speaks = c.p.episode
	c.resolution(s)
	c.p.episode = c.p.episode || before
}

// used is s with what it leaves out taken from the shared action that it names
// (spec §1.6). The parser has done so for those of the file.
func (c *compiler) used(s *workflows.Step) *workflows.Step {
	merged, problems := s.Resolve(c.lib.Actions)
	c.problems = append(c.problems, problems...)
	if merged == nil {
		return s
	}
	if s.Name == onFailureName && s.Use != "" {
		named := *merged
		named.Name = onFailureName
		return &named
	}
	return merged
}

// provider finds the step's provider and what it does for a step of this kind.
func (c *compiler) provider(s *step) {
	t := s.Provider
	if t.S == "" {
		if s.Use == "" { // else the action that it uses is not there, which was said
			c.problem(s.Pos, source.MissingKey, "write provider: {type: ..., with: {...}}", "%s has no provider", title(s))
		}
		return
	}
	p, ok := c.lib.Providers.Lookup(t.S)
	switch {
	case ok:
		s.provider = p
		c.operation(s)
	case c.lib.Providers.IsPlanned(t.S):
		c.warn(t.Pos, source.PlannedProvider, "calling it is an error", "this build does not have the provider %q yet", t.S)
	default:
		c.problems = append(c.problems, unknownProvider(c.lib.Providers, t))
	}
}

func unknownProvider(reg *providers.Registry, t workflows.Text) source.Problem {
	p := source.Problem{Pos: t.Pos, Len: len([]rune(t.S)), Code: source.UnknownProvider, Message: fmt.Sprintf("no provider %q", t.S)}
	if near := reg.Suggest(t.S); near != "" {
		p.Hint = fmt.Sprintf("did you mean %q?", near)
	} else {
		p.Hint = `"tocsin providers" lists them`
	}
	return p
}

// operation is what the provider does for a step, or for an action.
func (c *compiler) operation(s *step) {
	p := s.provider
	s.op = p.Query
	other, hint := p.Notify, `it can tell: use it under "actions"`
	what := "ask"
	if s.Kind == workflows.Notify {
		s.op, other, hint, what = p.Notify, p.Query, `it can ask: use it under "steps"`, "tell"
	}
	if s.op != nil {
		return
	}
	if other == nil {
		hint = fmt.Sprintf("\"tocsin providers %s\" shows what it does", p.Type)
	}
	c.problem(s.Provider.Pos, source.UnsupportedOperation, hint, "%s cannot %s, so it is not for %s", p.Type, what, plural(s.Kind))
}

func plural(k workflows.Kind) string {
	if k == workflows.Notify {
		return "actions"
	}
	return "steps"
}

// title is what messages call the step.
func title(s *step) string {
	switch {
	case s.Name == onFailureName:
		return onFailureName
	case s.Name == "":
		return "this " + string(s.Kind)
	}
	return fmt.Sprintf("%s %q", s.Kind, s.Name)
}
