package templating

import (
	"fmt"
	"slices"
	"strings"
)

// A celParser reads CEL: the grammar is small enough for a function a level. What it
// makes are nodes like those of other conditions, which become programs of expr-lang.
type celParser struct{ *parser }

// cel makes a node of an operation.
func (p *celParser) cel(op string, pos int, kids ...*node) *node {
	n := p.make(celNode, pos, kids...)
	n.name = op
	return n
}

// choice reads c ? a : b.
func (p *celParser) choice() *node {
	if p.depth++; p.depth > maxDepth {
		p.fail(p.pos, fmt.Sprintf("nested more than %d deep", maxDepth), "")
	}
	defer func() { p.depth-- }()
	at := p.start()
	n := p.or()
	if p.err != nil || !p.symbol("?") {
		return n
	}
	then := p.or()
	if p.err == nil && !p.symbol(":") {
		p.fail(p.pos, `"?" without ":"`, "write condition ? a : b")
	}
	otherwise := p.choice()
	return p.cel("?", at, n, then, otherwise)
}

// start is where the next value begins.
func (p *celParser) start() int {
	p.space()
	return p.pos
}

func (p *celParser) or() *node  { return p.junction("||", p.and) }
func (p *celParser) and() *node { return p.junction("&&", p.relation) }

func (p *celParser) junction(op string, operand func() *node) *node {
	at := p.start()
	kids := []*node{operand()}
	for p.err == nil && p.symbol(op) {
		kids = append(kids, operand())
	}
	if len(kids) == 1 {
		return kids[0]
	}
	return p.cel(op, at, kids...)
}

func (p *celParser) relation() *node {
	at := p.start()
	left := p.sum()
	for p.err == nil {
		op := p.oneOf("==", "!=", "<=", ">=", "<", ">")
		if op == "" && p.word("in") {
			op = "in"
		}
		if op == "" {
			return left
		}
		left = p.compared(op, at, left, p.sum())
	}
	return left
}

func (p *celParser) sum() *node { return p.arith(p.product, "+", "-") }

func (p *celParser) product() *node { return p.arith(p.unary, "*", "/", "%") }

func (p *celParser) arith(operand func() *node, ops ...string) *node {
	at := p.start()
	left := operand()
	for p.err == nil {
		op := p.oneOf(ops...)
		if op == "" {
			return left
		}
		right := operand()
		left = p.cel(op, at, left, right)
	}
	return left
}

// unary reads !x and -x, as often as they stand there.
func (p *celParser) unary() *node {
	at := p.start()
	op := ""
	switch {
	case p.peek("!") && !p.peek("!="):
		op = "!"
	case p.peek("-"):
		op = "negate"
	default:
		return p.member()
	}
	p.pos++
	if p.depth++; p.depth > maxDepth {
		p.fail(at, fmt.Sprintf("nested more than %d deep", maxDepth), "")
	}
	defer func() { p.depth-- }()
	if n := p.negative(op, at); n != nil {
		return n
	}
	kid := p.unary()
	return p.cel(op, at, kid)
}

// negative reads the number after a minus as one, which makes the smallest of all
// possible.
func (p *celParser) negative(op string, at int) *node {
	if op != "negate" || p.pos >= p.end || !isDigit(p.text[p.pos]) {
		return nil
	}
	return p.selected(p.celNumber(at), at)
}

// member reads a value and what is taken from it.
func (p *celParser) member() *node {
	at := p.start()
	return p.selected(p.primary(), at)
}

func (p *celParser) selected(n *node, from int) *node {
	for p.err == nil {
		switch {
		case p.symbol("."):
			n = p.field(n, from)
		case p.symbol("["):
			n = p.indexed(n, from)
		default:
			return n
		}
	}
	return n
}

// field reads the name after a dot: a field, a function of the value, or a macro.
func (p *celParser) field(n *node, from int) *node {
	at := p.start()
	name := p.identifier()
	switch {
	case name == "":
		p.fail(at, "a name is missing after the dot", "")
		return n
	case p.symbol("("):
		if slices.Contains(celMacros[:], name) {
			return p.macro(name, n, at, from)
		}
		args := append([]*node{n}, p.arguments(")")...)
		return p.function(name, at, from, args)
	case n.kind == pathNode:
		return p.longer(n, name)
	}
	s := p.cel("select", from, n)
	s.value = name
	return s
}

// longer is the path n with one more part.
func (p *celParser) longer(n *node, part string) *node {
	l := p.parser.longer(n, part)
	l.end = p.pos
	return l
}

// indexed reads what stands in brackets after n. A text in them makes a path longer.
func (p *celParser) indexed(n *node, from int) *node {
	at := p.pos - 1
	i := p.choice()
	if p.err == nil && !p.symbol("]") {
		p.fail(at, `"[" is never closed`, "")
	}
	if s, ok := i.value.(string); ok && i.kind == literalNode && n.kind == pathNode {
		return p.longer(n, s)
	}
	return p.cel("index", from, n, i)
}

// arguments reads up to the closing bracket, whose twin has been read.
func (p *celParser) arguments(closing string) []*node {
	opened := p.pos - 1
	var list []*node
	for p.err == nil && !p.symbol(closing) {
		if p.pos >= p.end {
			p.fail(opened, fmt.Sprintf("%q is never closed", p.text[opened:opened+1]), "")
			break
		}
		list = append(list, p.choice())
		if p.err == nil && !p.symbol(",") && !p.peek(closing) && p.pos < p.end {
			p.unexpected()
		}
	}
	return list
}

func (p *celParser) primary() *node {
	at := p.start()
	switch {
	case at >= p.end:
		p.fail(p.end, "something is missing at the end", "")
		return &node{}
	case p.symbol("("):
		return p.parenthesis(at)
	case p.symbol("["):
		items := p.arguments("]")
		return p.cel("list", at, items...)
	case p.peek("{{"):
		p.unexpected()
		return &node{}
	case p.symbol("{"):
		return p.mapping(at)
	case p.quoteAhead():
		return p.celText()
	case isDigit(p.text[at]) || p.text[at] == '.' && at+1 < p.end && isDigit(p.text[at+1]):
		return p.celNumber(at)
	}
	p.symbol(".") // .name is name
	name := p.identifier()
	if name == "" {
		p.pos = at
		p.unexpected()
		return &node{}
	}
	return p.named(name, at)
}

func (p *celParser) parenthesis(at int) *node {
	n := p.choice()
	if p.err == nil && !p.symbol(")") {
		if p.pos < p.end {
			p.unexpected()
		} else {
			p.fail(at, `"(" is never closed`, "")
		}
	}
	return n
}

func (p *celParser) mapping(at int) *node {
	var kids []*node
	for p.err == nil && !p.symbol("}") {
		if p.pos >= p.end {
			p.fail(at, `"{" is never closed`, "")
			break
		}
		key := p.choice()
		if p.err == nil && !p.symbol(":") {
			p.fail(p.pos, `a ":" is missing after the key`, "")
		}
		kids = append(kids, key, p.choice())
		if p.err == nil && !p.symbol(",") && !p.peek("}") && p.pos < p.end {
			p.unexpected()
		}
	}
	return p.cel("mapping", at, kids...)
}

// named is what a name stands for: a literal, a variable of a macro, a call, or a
// field of the alert.
func (p *celParser) named(name string, at int) *node {
	switch name {
	case "true", "false", "null":
		n := p.make(literalNode, at)
		n.value = map[string]any{"true": true, "false": false}[name]
		return n
	}
	if p.isLocal(name) {
		n := p.make(localNode, at)
		n.name = name
		return n
	}
	if p.symbol("(") {
		if name == "has" {
			return p.has(at)
		}
		args := p.arguments(")")
		return p.function(name, at, at, args)
	}
	if hint := p.notCEL(name); hint != "" {
		p.fail(at, fmt.Sprintf("unexpected %q", name), hint)
		return &node{}
	}
	if name == "alert" && p.peek(".") {
		p.note(at, NoteBare, "there is no \"alert\" here: the fields of the alert stand by themselves", "leave out \"alert.\"")
	}
	n := p.make(pathNode, at)
	n.path = newPath([]string{name}, at)
	return n
}

func (p *celParser) has(at int) *node {
	args := p.arguments(")")
	if p.err == nil && len(args) != 1 {
		p.fail(at, "has() takes one field", "write has(labels.team)")
	}
	if p.err != nil {
		return &node{}
	}
	return p.cel("has", at, args[0])
}

// celMacros are written as functions of a list or mapping, and name a variable.
var celMacros = [...]string{"all", "exists", "exists_one", "filter", "map"}

// macro reads list.exists(x, condition) and its kin. Like a comprehension, its node
// has the body first and then the list.
func (p *celParser) macro(name string, list *node, at, from int) *node {
	opened := p.pos - 1
	p.start()
	variable := p.identifier()
	if p.err == nil && (variable == "" || !p.symbol(",")) {
		p.fail(at, fmt.Sprintf("%s() takes a name and a condition", name), fmt.Sprintf("write list.%s(x, x == 'a')", name))
		return list
	}
	p.locals = append(p.locals, variable)
	bodies := []*node{p.choice()}
	if name == "map" && p.err == nil && p.symbol(",") {
		bodies = append(bodies, p.choice())
	}
	p.locals = p.locals[:len(p.locals)-1]
	if p.err == nil && !p.symbol(")") {
		if p.pos < p.end {
			p.unexpected()
		} else {
			p.fail(opened, `"(" is never closed`, "")
		}
	}
	n := p.cel(name, from, bodies[0], list)
	n.kids = append(n.kids, bodies[1:]...)
	n.names = []string{variable}
	return n
}

// identifier reads a name, or nothing.
func (p *celParser) identifier() string {
	at := p.pos
	for p.pos < p.end && isNameByte(p.text[p.pos]) && (p.pos > at || !isDigit(p.text[p.pos])) {
		p.pos++
	}
	return p.text[at:p.pos]
}

// unexpected says what stands where it cannot, and for what is another language's,
// how CEL writes it.
func (p *celParser) unexpected() {
	p.space()
	if p.err != nil || p.pos >= p.end {
		p.fail(p.end, "something is missing at the end", "")
		return
	}
	rest := p.rest()
	word := firstWord(rest)
	for _, t := range celTokens {
		if strings.HasPrefix(rest, t.token) {
			p.fail(p.pos, fmt.Sprintf("unexpected %q", t.token), t.hint)
			return
		}
	}
	hint := "between two values there is an operator: &&, ||, ==, !=, <, <=, >, >=, in"
	if h := p.notCEL(word); h != "" {
		hint = h
	}
	p.fail(p.pos, fmt.Sprintf("unexpected %q", word), hint)
}

var celTokens = [...]struct{ token, hint string }{
	{"{{", "the fields of the alert stand by themselves: name, labels.team"},
	{"}}", "the fields of the alert stand by themselves: name, labels.team"},
	{"=", "write == to compare"},
	{"&", "write && for and"},
	{"|", "write || for or"},
	{"~", "write name.matches('^disk') for a pattern"},
}

// notCEL is how CEL says what other languages say with this word.
func (p *celParser) notCEL(word string) string {
	switch strings.ToLower(word) {
	case "and":
		return "write && for and"
	case "or":
		return "write || for or"
	case "not":
		return "write ! for not"
	case "is":
		return "write == to compare"
	case "like", "matches", "contains", "startswith", "endswith":
		if p.pos < p.end && word == firstWord(p.rest()) {
			return "write name." + celSpelling(word) + "('x')"
		}
	}
	return ""
}

func celSpelling(word string) string {
	for _, f := range celFunctions {
		if strings.EqualFold(f.name, word) {
			return f.name
		}
	}
	return "contains"
}
