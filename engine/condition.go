package engine

import (
	"context"
	"fmt"

	"tocsin/templating"
	"tocsin/workflows"
	"tocsin/workflows/source"
)

// conditionTypes is the table of condition types. A new one is a file condition_x.go
// and a row; its keys are in package workflows.
var conditionTypes = map[string]func(c *compiler, p workflows.Part) (check, bool){
	"assert":    assertCondition,
	"threshold": thresholdCondition,
	"stddev":    stddevCondition,
}

// Which way an assert fires.
const (
	onFailure = "on_failure"
	onSuccess = "on_success"
)

// A check is something that is decided in a run: a condition, an if, an expect.
type check struct {
	name, alias string
	typ         string
	text        string // as written
	said        string // text without braces
	pos         source.Pos
	fires       string // of an assert: which way it fires
	expr        *templating.Expr
	at          source.Value // what expr was read from
	decide      decider      // nil: expr decides
}

// A decider evaluates a check for the item that f is about.
type decider func(ctx context.Context, f *frame) (verdict, error)

// A verdict is how a check came out: whether it held, what it compared, and, where
// expr did not decide, that in words.
type verdict struct {
	held           bool
	value, against any
	level          string
	deviation      any // of a stddev
	words          string
}

// always decides for what was written as true or false.
func always(held bool) decider {
	return func(context.Context, *frame) (verdict, error) { return verdict{held: held}, nil }
}

// conditions prepares the conditions of a step.
func (c *compiler) conditions(parts []workflows.Part) []check {
	if len(parts) == 0 {
		return nil
	}
	list := make([]check, 0, len(parts))
	for _, p := range parts {
		if p.Name == "" {
			c.problem(p.Pos, source.MissingKey, "such as name: is-down", "a condition must have a name")
		}
		if compiled, ok := c.condition(p); ok {
			list = append(list, compiled)
		}
	}
	return list
}

func (c *compiler) condition(p workflows.Part) (check, bool) {
	compile, ok := conditionTypes[p.Type.S]
	if !ok {
		hint := "types are assert, threshold and stddev"
		if near := source.Nearest(p.Type.S, []string{"assert", "threshold", "stddev"}); near != "" {
			hint = fmt.Sprintf("did you mean %q?", near)
		}
		c.problem(p.Type.Pos, source.UnknownType, hint, "no condition of type %q", p.Type.S)
		return check{}, false
	}
	k, ok := compile(c, p)
	k.name, k.alias, k.typ, k.pos = p.Name, p.Alias, p.Type.S, p.Pos
	k.said = bare(k.text)
	if k.alias == "" {
		k.alias = k.name
	}
	return k, ok
}

// passes says what the verdict means: that an expect is met, or that the action runs.
func (k *check) passes(held bool) bool {
	return held == (k.fires != onFailure)
}

// key is the value of a condition's key; what it is was checked by package workflows,
// but a workflow may also be made by a program.
func key(p workflows.Part, name string) (source.Value, bool) {
	m, _ := p.With.Data.(source.Map)
	v, ok := m.Get(name)
	return v, ok && v.Data != nil
}

// required is key, and a problem where there is none.
func (c *compiler) required(p workflows.Part, name string) (source.Value, bool) {
	v, ok := key(p, name)
	if !ok {
		c.problem(p.Pos, source.MissingKey, fmt.Sprintf("\"tocsin explain condition.%s\" shows what it has", p.Type.S), "%s condition needs %q", p.Type.S, name)
	}
	return v, ok
}

// oneOf is the text under a key that takes one of a few; the first is the default.
func (c *compiler) oneOf(p workflows.Part, name string, allowed ...string) string {
	v, ok := key(p, name)
	if !ok {
		return allowed[0]
	}
	for _, a := range allowed {
		if v.Data == a {
			return a
		}
	}
	c.problem(v.Pos, source.BadValue, fmt.Sprintf("write %s or %s", allowed[0], allowed[1]), "%q cannot be %v", name, v.Plain())
	return allowed[0]
}
