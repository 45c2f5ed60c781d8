package templating

import (
	"fmt"
	"slices"
)

// keepCall reads the keep.f(...) at p.pos. Outside of braces its arguments are what
// Keep's functions take: literals, placeholders, lists, mappings, calls, bare words.
func (p *parser) keepCall() *node {
	at := p.pos
	p.pos += len("keep.")
	name := "keep." + firstWord(p.rest())
	p.pos = at + len(name)
	p.peek("(") // Keep takes blanks before it
	plain := !p.inBraces
	var args []*node
	var names []string
	saved := p.inCall
	p.inCall = plain
	args, names = p.arguments()
	p.inCall = saved
	if plain && p.err == nil && !p.condition {
		for _, a := range args {
			p.argument(a)
		}
	}
	return p.tableCall(name, at, args, names)
}

// argument refuses what a function in a text cannot be given.
func (p *parser) argument(n *node) {
	switch n.kind {
	case literalNode, pathNode, textNode:
		return
	case callNode:
		if n.call.builtin == nil {
			return
		}
	case listNode, tupleNode, dictNode:
		for _, k := range n.kids {
			p.argument(k)
		}
		return
	}
	if p.text[n.pos] == '{' {
		return // an expression in braces
	}
	p.fail(n.pos, "an argument that is computed", "put it in braces: {{ "+p.text[n.pos:n.end]+" }}")
}

// tableCall is the call of a function of the table.
func (p *parser) tableCall(name string, at int, args []*node, names []string) *node {
	n := p.make(callNode, at, args...)
	n.call = &call{name: name, names: names, text: p.text, pos: at, keep: p.lang.Keep, inBraces: p.inBraces}
	if p.err != nil {
		return n
	}
	fn, ok := p.lang.Functions.Lookup(name)
	if !ok {
		p.fail(at, fmt.Sprintf("no function %q", name), p.nearFunction(name))
		p.sure = true
		return n
	}
	if err := fn.Check(len(args)-len(names), names...); err != nil {
		p.fail(at, err.Error(), "")
		p.sure = true
	}
	n.call.fn = fn
	return n
}

func (p *parser) nearFunction(name string) string {
	var all []string
	for _, f := range p.lang.Functions.All() {
		all = append(all, f.Name)
		if f.Name == "keep."+name {
			return fmt.Sprintf("did you mean %q?", f.Name)
		}
	}
	for _, b := range append(builtins[:len(builtins):len(builtins)], mathematics[:]...) {
		all = append(all, b.name)
	}
	if hint := near(name, all); hint != "" {
		return hint
	}
	return `"tocsin functions" lists them`
}

// functionCall reads f(...): one of Python's builtins or, in braces, one of the table.
func (p *parser) functionCall(name string, at int) *node {
	b := builtinOf(name)
	if b == nil && p.inBraces {
		if _, known := p.lang.Functions.Lookup(name); known {
			args, names := p.arguments()
			return p.tableCall(name, at, args, names)
		}
	}
	if b == nil {
		b = mathematicsOf(name)
	}
	if b == nil && p.pythonOnly() {
		p.note(at, NoteLiteral, fmt.Sprintf("no function %q", name), p.nearFunction(name))
		p.arguments()
		n := p.make(unknownNode, at)
		n.name = name
		return n
	}
	if b == nil {
		p.fail(at, fmt.Sprintf("no function %q", name), p.nearFunction(name))
		return &node{}
	}
	args, names := p.arguments()
	n := p.make(callNode, at, args...)
	n.call = &call{name: name, builtin: b, names: names, text: p.text, pos: at}
	if p.err == nil && (len(names) > 0 || !b.takes(len(args))) {
		p.fail(at, fmt.Sprintf("%s: these are not its arguments", name), "it takes "+b.params)
	}
	return n
}

// arguments reads (a, b, name=c); p.pos is at the parenthesis.
func (p *parser) arguments() (args []*node, names []string) {
	opened := p.pos
	p.pos++
	for p.err == nil && !p.peek(")") {
		if name := p.argumentName(); name != "" {
			if slices.Contains(names, name) {
				p.fail(p.pos, fmt.Sprintf("%s is given twice", name), "")
			}
			names = append(names, name)
		} else if len(names) > 0 {
			p.fail(p.pos, "an argument without a name after one with", "")
		}
		args = append(args, p.argumentValue(len(args)))
		if !p.symbol(",") {
			break
		}
	}
	p.closing(")", opened)
	return args, names
}

// argumentValue reads an argument; only the first can be "x for y in z".
func (p *parser) argumentValue(before int) *node {
	if before > 0 {
		return p.expr()
	}
	arg, _ := p.element(p.pos)
	return arg
}

// argumentName reads name= if it comes next.
func (p *parser) argumentName() string {
	p.space()
	name := firstWord(p.rest())
	if name == "" || !isNameByte(name[0]) || isDigit(name[0]) {
		return ""
	}
	back := p.pos
	p.pos += len(name)
	if p.peek("=") && !p.peek("==") {
		p.pos++
		return name
	}
	p.pos = back
	return ""
}
