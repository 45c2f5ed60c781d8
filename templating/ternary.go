package templating

import (
	"fmt"
	"strings"
)

// ParseTernary reads a choice as C writes it: "{{ load }} > 90 ? 'critical' : 'info'",
// with other choices in its branches (spec §7.10). Everything else in it is read as in
// a condition: texts stand in quotes, a missing path is null. The error is an *Error,
// also for a text that is no choice: most texts with a "?" and a ":" are prose.
func (l Language) ParseTernary(text string) (*Expr, error) {
	if len(text) > maxExpression {
		return nil, &Error{Text: text, Message: fmt.Sprintf("a choice of %d bytes, more than %d", len(text), maxExpression)}
	}
	l.Keep = false // the data is in the text by now, and it is C
	p := &parser{lang: l, form: If, text: text, end: len(text), nodes: maxNodes, open: "{{", close: "}}", condition: true}
	if !strings.Contains(text, "?") {
		p.fail(0, `a choice without "?"`, "write condition ? a : b")
		return nil, p.err
	}
	p.refuseBlocks(0, len(text))
	n := p.ternary()
	if p.space(); p.err == nil && p.pos < p.end {
		p.unexpected()
	}
	if p.err != nil {
		return nil, p.err
	}
	return &Expr{text: text, form: p.form, code: code{node: n}, notes: p.notes}, nil
}

// ternary reads a ? b : c, or what has no "?".
func (p *parser) ternary() *node {
	if p.depth++; p.depth > maxDepth {
		p.fail(p.pos, fmt.Sprintf("nested more than %d deep", maxDepth), "")
	}
	defer func() { p.depth-- }()
	n := p.or()
	if p.err != nil || !p.symbol("?") {
		return n
	}
	then := p.ternary()
	if p.err == nil && !p.symbol(":") {
		p.fail(p.pos, `"?" without ":"`, "write condition ? a : b")
	}
	return p.make(choiceNode, n.pos, n, then, p.ternary())
}
