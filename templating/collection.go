package templating

import (
	"slices"
	"strings"

	"tocsin/templating/value"
)

// parenthesis reads (x), a tuple, or a generator, which is a list here.
func (p *parser) parenthesis() *node {
	at := p.pos
	p.pos++
	if p.symbol(")") {
		return p.make(tupleNode, at)
	}
	first, each := p.element(at)
	if each || !p.peek(",") {
		p.closing(")", at)
		if first.kind != literalNode && first.kind != pathNode {
			first.pos, first.end = at, p.pos
		}
		return first
	}
	kids := p.more(first, ")")
	p.closing(")", at)
	return p.make(tupleNode, at, kids...)
}

// list reads [a, b] or [x for y in z if c].
func (p *parser) list() *node {
	at := p.pos
	p.pos++
	if p.symbol("]") {
		return p.make(listNode, at)
	}
	first, each := p.element(at)
	if each {
		p.closing("]", at)
		first.pos, first.end = at, p.pos
		return first
	}
	kids := p.more(first, "]")
	p.closing("]", at)
	return p.make(listNode, at, kids...)
}

// dict reads {k: v} or the set {a, b}, which is a list here.
func (p *parser) dict() *node {
	at := p.pos
	p.pos++
	if p.symbol("}") {
		return p.make(dictNode, at)
	}
	first := p.expr()
	if !p.peek(":") {
		kids := distinct(p.more(first, "}"))
		p.closing("}", at)
		return p.make(listNode, at, kids...)
	}
	kids := []*node{first}
	for p.err == nil {
		if !p.symbol(":") {
			p.unexpected()
			break
		}
		kids = append(kids, p.expr())
		if !p.symbol(",") || p.peek("}") {
			break
		}
		kids = append(kids, p.expr())
	}
	p.closing("}", at)
	return p.make(dictNode, at, kids...)
}

// distinct leaves out the literals that a set has twice.
func distinct(kids []*node) []*node {
	var out []*node
	for _, k := range kids {
		twice := k.kind == literalNode && slices.ContainsFunc(out, func(o *node) bool {
			return o.kind == literalNode && value.Equal(o.value, k.value)
		})
		if !twice {
			out = append(out, k)
		}
	}
	return out
}

// more reads ", x, y" up to what closes.
func (p *parser) more(first *node, closing string) []*node {
	kids := []*node{first}
	for p.err == nil && p.symbol(",") {
		if p.peek(closing) {
			break
		}
		kids = append(kids, p.expr())
	}
	return kids
}

func (p *parser) closing(s string, opened int) {
	if p.err != nil || p.symbol(s) {
		return
	}
	if p.pos < p.end {
		p.unexpected()
		return
	}
	p.fail(opened, `"`+p.text[opened:opened+1]+`" is never closed`, "")
}

// element reads an expression after the bracket at p.text[opened]; each says that it
// was "x for y in z if c". Its variables are known only after x, so they are looked
// for ahead.
func (p *parser) element(opened int) (n *node, each bool) {
	names := p.variablesAhead()
	if names == nil {
		return p.expr(), false
	}
	p.locals = append(p.locals, names...)
	x := p.expr()
	p.word("for")
	for i := range names {
		if i > 0 {
			p.symbol(",")
		}
		p.word(names[i])
	}
	p.word("in")
	p.locals = p.locals[:len(p.locals)-len(names)]
	kids := []*node{x, p.or()}
	p.locals = append(p.locals, names...)
	if p.word("if") {
		kids = append(kids, p.or())
	}
	p.locals = p.locals[:len(p.locals)-len(names)]
	if p.peek("for ") {
		p.fail(p.pos, `only one "for" in a list`, "put the inner list in brackets of its own")
	}
	n = p.make(eachNode, opened, kids...)
	n.names = names
	return n, true
}

// variablesAhead are the variables of the "for" of the bracket that p.pos is in.
func (p *parser) variablesAhead() []string {
	if !strings.Contains(p.rest(), "for") {
		return nil
	}
	deep := 0
	var quote byte
	for i := p.pos; i < p.end; i++ {
		switch c := p.text[i]; {
		case quote != 0:
			if c == '\\' {
				i++
			} else if c == quote {
				quote = 0
			}
		case c == '\'' || c == '"':
			quote = c
		case c == '(' || c == '[' || c == '{':
			deep++
		case c == ')' || c == ']' || c == '}':
			if deep--; deep < 0 {
				return nil
			}
		case c == 'f' && deep == 0 && strings.HasPrefix(p.text[i:p.end], "for ") && isBlank(p.text[i-1]):
			names, _, ok := strings.Cut(p.text[i+len("for "):p.end], " in ")
			if !ok {
				return nil
			}
			return variables(names)
		}
	}
	return nil
}

// variables splits "a, b"; nil if they are not one or two names.
func variables(s string) []string {
	names := strings.Split(s, ",")
	for i, name := range names {
		names[i] = strings.TrimSpace(name)
		if names[i] == "" || isDigit(names[i][0]) || firstWord(names[i]) != names[i] || isWord(names[i]) {
			return nil
		}
	}
	if len(names) > 2 {
		return nil
	}
	return names
}
