package templating

import (
	"context"
	"fmt"
	"strings"

	"tocsin/templating/value"
)

// A Form is what a condition is written for: it decides about names and about data
// that is missing (design/decisions.md, "assert").
type Form int

const (
	// If is a step's "if" and an "expect": true, false and null are literals, a
	// missing path is null. What cannot be evaluated is an error.
	If Form = iota
	// Assert is the assert of a "workflow:" document: lower-case true, false and
	// null are unknown names, and any error makes the condition false.
	Assert
	// AlertAssert is the assert of an "alert:" document: true, false and null are
	// literals; missing data and what cannot be compared are errors, never a pass.
	AlertAssert
)

// An Expr is a parsed condition, compiled to an expr-lang program. It is safe for
// concurrent use.
type Expr struct {
	text  string
	form  Form
	code  code
	notes []Note

	keep     bool // Keep's reading is wanted
	nonsense bool // and there is none
	exact    bool // what is not there has no order, which is an error
}

// ParseExpr reads a condition. The error is an *Error.
func (l Language) ParseExpr(text string, form Form) (*Expr, error) {
	if len(text) > maxExpression {
		return nil, &Error{Text: text, Message: fmt.Sprintf("a condition of %d bytes, more than %d", len(text), maxExpression), Hint: "compute a part of it in a step"}
	}
	p := &parser{lang: l, form: form, text: text, end: len(text), nodes: maxNodes, open: "{{", close: "}}", condition: true}
	if strings.TrimSpace(text) == "" {
		p.fail(0, "an empty condition", "leave it out")
		return nil, p.err
	}
	p.refuseBlocks(0, len(text))
	keep := l.keeps(form)
	if keep {
		p.countBraces()
	}
	if p.err != nil {
		return nil, p.err
	}
	e := &Expr{text: text, form: form, keep: keep}
	e.code = code{node: p.whole(), keep: keep}
	switch {
	case keep && (p.err != nil && !p.sure || p.err == nil && misplaced(text) != ""):
		e.code.node, e.nonsense = l.unread(text), true
		p.never()
	case p.err != nil:
		return nil, p.err
	}
	e.notes = p.notes
	return e, nil
}

// unread is a condition that cannot be read, as a text: it reads what its braces say.
func (l Language) unread(text string) *node {
	n := &node{kind: textNode, end: len(text)}
	if t, err := l.Parse(text); err == nil {
		n.pieces = t.pieces
	}
	return n
}

// never notes that the condition cannot hold: Keep takes what it cannot read for one
// that does not.
func (p *parser) never() {
	n := Note{Code: NoteNever, Message: misplaced(p.text), Hint: "write it in one line"}
	if e := p.err; e != nil {
		n.Offset, n.Message, n.Hint = e.Offset, e.Message, e.Hint
	}
	n.Message += ": to Keep it is a condition that never holds"
	p.notes = []Note{n}
}

// Refs lists the paths the condition reads, in order.
func (e *Expr) Refs() []Ref {
	var r refs
	e.code.node.walk(r.add)
	return r
}

// Notes are what is legal but suspicious about the condition.
func (e *Expr) Notes() []Note { return e.notes }

// Bool is the truth (Python's) of the condition in s. A condition that is one text,
// as {{ x }} can be, is true unless it is empty or says False, None or 0.
func (e *Expr) Bool(ctx context.Context, s *Scope) (bool, error) {
	if e.form.cel() {
		return e.celTruth(ctx, s)
	}
	if e.keep {
		return e.keepBool(ctx, s)
	}
	v, err := e.Value(ctx, s)
	return err == nil && truth(v), err
}

// truth is Python's truth of a condition's value. Keep evaluates a text again, so that
// what it says counts.
func truth(v any) bool {
	s, ok := v.(string)
	if !ok {
		return value.Truthy(v)
	}
	switch s {
	case "", "False", "None", "[]", "{}", "()", "''", `""`:
		return false
	}
	n, ok := textNumber(s)
	return !ok || strings.HasSuffix(s, "%") || value.Truthy(n)
}

// Value is the value of the condition in s.
func (e *Expr) Value(ctx context.Context, s *Scope) (any, error) {
	if e.keep {
		v, _, err := e.keepValue(ctx, s)
		return v, err
	}
	r := begin(ctx, s, e.form, expressionTime)
	defer r.end()
	r.exact = e.exact
	v, err := e.code.run(r)
	if _, ours := err.(*Error); ours && e.form == Assert {
		return false, nil // as in Keep; a budget that ran out is no answer, though
	}
	if err := r.verdict(e.text, err); err != nil {
		return nil, err
	}
	return v, nil
}
