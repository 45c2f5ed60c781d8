package templating

import (
	"fmt"
	"slices"
	"strings"
)

// A Name is one that an expression may use without braces, and what stands behind it:
// "text", "number", "list", "mapping", or "any" where nobody knows.
type Name struct{ Name, Kind string }

// ParseExpression reads an expression over names, which stand in it as they are:
// json.type == 'tick' and size < 1000. Everything else is as in an "if", what is beyond
// the names stands in braces: data == {{ vars.token }}. Besides, the words of expr-lang
// are taken: &&, ||, !, a ? b : c, a contains b, a startsWith b, a endsWith b. The error
// is an *Error.
//
// The names are looked up in the scope's data before the rest of it.
func (l Language) ParseExpression(text string, names []Name) (*Expr, error) {
	if len(text) > maxExpression {
		return nil, &Error{Text: text, Message: fmt.Sprintf("an expression of %d bytes, more than %d", len(text), maxExpression), Hint: "compute a part of it in a step"}
	}
	l.Keep = false // Keep has no such expressions
	p := &parser{lang: l, form: If, text: text, end: len(text), nodes: maxNodes, open: "{{", close: "}}", condition: true, names: names}
	if strings.TrimSpace(text) == "" {
		p.fail(0, "an empty expression", "leave it out")
		return nil, p.err
	}
	p.refuseBlocks(0, len(text))
	n := p.ternary()
	if p.err == nil && p.word("if") {
		n = p.choiceOf(n)
	}
	if p.space(); p.err == nil && p.pos < p.end {
		p.unexpected()
	}
	if p.err != nil {
		return nil, p.err
	}
	return &Expr{text: text, form: If, code: code{node: n}, notes: p.notes, exact: true}, nil
}

// ParsePredicate is ParseExpression for one that has to be true or false: where it
// shows that it is neither, that is an error.
func (l Language) ParsePredicate(text string, names []Name) (*Expr, error) {
	e, err := l.ParseExpression(text, names)
	if err != nil {
		return nil, err
	}
	if n, is := neither(e.code.node, names); n != nil {
		return nil, &Error{Text: text, Offset: n.pos, Message: "this is " + is + ", neither true nor false", Hint: "compare it: ==, <, in, contains"}
	}
	return e, nil
}

// neither is the part of n that keeps it from being true or false, and what that is;
// nil if there is none, as far as can be seen.
func neither(n *node, names []Name) (part *node, is string) {
	switch n.kind {
	case literalNode:
		if _, ok := n.value.(bool); ok {
			return nil, ""
		}
		return n, "always " + described(n.value)
	case textNode:
		return n, "a text"
	case arithNode, negateNode:
		return n, "a number or text"
	case listNode, tupleNode, eachNode, sliceNode:
		return n, "a list"
	case dictNode:
		return n, "a mapping"
	case pathNode:
		return n.neither(names)
	case choiceNode:
		return firstNeither(n.kids[1:], names)
	case andNode, orNode, notNode:
		return firstNeither(n.kids, names)
	}
	return nil, ""
}

func firstNeither(kids []*node, names []Name) (part *node, is string) {
	for _, k := range kids {
		if part, is := neither(k, names); part != nil {
			return part, is
		}
	}
	return nil, ""
}

// neither judges a path that is a name and nothing else.
func (n *node) neither(names []Name) (part *node, is string) {
	for _, name := range names {
		if len(n.path.parts) == 1 && n.path.parts[0] == name.Name && name.Kind != "any" {
			return n, "a " + name.Kind
		}
	}
	return nil, ""
}

// isName says that w is one of the names that need no braces here.
func (p *parser) isName(w string) bool {
	return slices.ContainsFunc(p.names, func(n Name) bool { return n.Name == w })
}

// nearName is the hint for a word that is none of the names.
func (p *parser) nearName(w string) string {
	all := make([]string, len(p.names))
	for i, n := range p.names {
		all[i] = n.Name
	}
	if hint := near(w, all); hint != "" {
		return hint
	}
	return fmt.Sprintf("there are %s; write {{ %s }} for other data, '%s' for text", strings.Join(all, ", "), w, w)
}

// wordOperator reads an operator of expr-lang that is a word, and negated, with "not"
// before it.
func (p *parser) wordOperator() (op string, negated bool) {
	back := p.pos
	negated = p.word("not")
	for _, op := range [...]string{"contains", "startsWith", "endsWith"} {
		if p.word(op) {
			return op, negated
		}
	}
	p.pos = back
	return "", false
}

// wordOperation is what such an operator does: a contains b is b in a, the others are
// methods of texts.
func (p *parser) wordOperation(op string, negated bool, a, b *node) *node {
	var n *node
	if op == "contains" {
		n = p.make(compareNode, a.pos, b, a)
		n.ops = []string{"in"}
	} else {
		f := methodOf(strings.ToLower(op))
		n = p.make(methodNode, a.pos, a, b)
		n.call = &call{name: op, builtin: f, text: p.text, pos: a.pos}
	}
	if negated {
		n = p.make(notNode, a.pos, n)
	}
	return n
}
