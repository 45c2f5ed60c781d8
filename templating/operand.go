package templating

import (
	"fmt"
	"regexp"
	"strings"

	"tocsin/templating/value"
)

// operand reads a value and what is done to it: x.y, x[0], x.f().
func (p *parser) operand() *node {
	p.space()
	n := p.primary()
	for p.err == nil && p.pos < p.end {
		switch c := p.text[p.pos]; {
		case c == '[':
			n = p.subscript(n)
		case c == '.' && p.pos+1 < p.end && (isNameByte(p.text[p.pos+1]) || p.text[p.pos+1] == '-'):
			n = p.member(n)
		default:
			return n
		}
	}
	return n
}

func (p *parser) primary() *node {
	if p.pos >= p.end {
		p.fail(p.end, "something is missing at the end", "")
		return &node{}
	}
	rest := p.rest()
	c := rest[0]
	switch {
	case !p.inBraces && strings.HasPrefix(rest, p.open):
		return p.braces()
	case c == '\'' || c == '"':
		return p.quotedText(false)
	case (c == 'r' || c == 'R') && len(rest) > 1 && (rest[1] == '\'' || rest[1] == '"'):
		p.pos++
		return p.quotedText(true)
	case isDigit(c) || c == '.' && len(rest) > 1 && isDigit(rest[1]):
		if n := p.index0(); n != nil {
			return n
		}
		return p.number()
	case c == '(':
		return p.parenthesis()
	case c == '[':
		return p.list()
	case c == '{':
		return p.dict()
	case c == '.' && p.inBraces:
		p.pos++
		n := p.make(pathNode, p.pos-1)
		n.path = &path{text: ".", pos: n.pos}
		return n
	case isNameByte(c) || c == '@' || c == '$':
		return p.name()
	}
	p.unexpected()
	return &node{}
}

// index0 reads {{ 0 }} inside a section: an element of the section's item.
func (p *parser) index0() *node {
	if !p.inBraces || p.sections == 0 || strings.Trim(p.rest(), "0123456789 ") != "" {
		return nil
	}
	at := p.pos
	part := strings.TrimSpace(p.rest())
	p.pos += len(part)
	n := p.make(pathNode, at)
	n.path = newPath([]string{part}, at)
	return n
}

// braces reads {{ }} in a condition: a variable, or a section's text.
func (p *parser) braces() *node {
	at := p.pos
	t := p.tag(at)
	if p.err != nil {
		return &node{}
	}
	switch t.sign {
	case '#', '^':
		return p.sectionText(at)
	case 0, '&', '{':
		n := p.placeholder(t.from, t.from+len(t.body))
		p.pos = t.end
		n.pos, n.end = at, t.end
		return n
	}
	p.fail(at, fmt.Sprintf("{{%c }} has no value", t.sign), "")
	return &node{}
}

// sectionText reads {{#x}}...{{/x}} in a condition, whose value is its text.
func (p *parser) sectionText(at int) *node {
	t := p.tag(at)
	p.pos = t.end
	n := p.make(textNode, at)
	n.pieces = []piece{p.section(t)}
	n.end = p.pos
	return n
}

// placeholder reads the expression between braces, text[from:to].
func (p *parser) placeholder(from, to int) *node {
	if from >= to {
		return p.nothing(from)
	}
	return p.window(from, to, func() *node {
		p.inBraces, p.inCall = true, false
		body := p.text[from:to]
		if p.isPath(body) || p.lang.Keep {
			n := p.make(pathNode, from)
			n.end = to
			n.path = p.keepPath(body, from)
			if v, ok := p.local(n); ok {
				return v
			}
			return n
		}
		return p.expression(body, from)
	})
}

// nothing is what {{ }} leads to: a path without a name is not there. Without as much
// as a blank it is no placeholder.
func (p *parser) nothing(at int) *node {
	opened := max(0, strings.LastIndex(p.text[:at], p.open))
	if at == opened+len(p.open) {
		p.fail(opened, "empty braces", "write {{ path }}")
		return &node{}
	}
	p.note(opened, NoteEmpty, "there is nothing in these braces", "write {{ path }}")
	n := p.make(pathNode, at)
	n.path = newPath([]string{""}, at)
	return n
}

// keepPath splits a path as Keep does: at every dot.
func (p *parser) keepPath(body string, at int) *path {
	if body == "." {
		return &path{text: ".", pos: at}
	}
	path := newPath(strings.Split(body, "."), at)
	path.text = oneLine(path.text)
	return path
}

// expression reads what is in braces and no plain path. What is no expression, but
// reads as a path with spaces in its names, is one.
func (p *parser) expression(body string, from int) *node {
	notes, nodes := len(p.notes), p.nodes
	if len(body) > maxExpression {
		p.fail(from, fmt.Sprintf("an expression of %d bytes, more than %d", len(body), maxExpression), "compute a part of it in a step")
		return &node{}
	}
	n := p.whole()
	if p.err == nil || !spacedPath(body) {
		return n
	}
	p.err, p.notes, p.nodes = nil, p.notes[:notes], nodes
	p.note(from, NoteSpaces, fmt.Sprintf("%q is read as a path with spaces", body), `write a["b c"] for such a name`)
	n = p.make(pathNode, from)
	n.end = from + len(body)
	n.path = newPath(strings.Split(body, "."), from)
	return n
}

func spacedPath(s string) bool {
	first, rest, ok := strings.Cut(s, ".")
	if !ok || strings.Contains(first, " ") || strings.HasPrefix(rest, " ") {
		return false
	}
	for i := 0; i < len(s); i++ {
		if c := s[i]; !isNameByte(c) && c != '-' && c != '.' && c != ' ' {
			return false
		}
	}
	return true
}

// isPath says that all of s is a path: names of letters, digits and _-@$: between
// dots, not a number and not a literal.
func (p *parser) isPath(s string) bool {
	if c := s[0]; !isNameByte(c) && c != '@' && c != '$' || isDigit(c) || isWord(s) {
		return s == "."
	}
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case isNameByte(c) || c == '-' || c == '@' || c == '$' || c == ':' || c == '/':
		case c == '.' && i+1 < len(s) && s[i+1] != '.':
		default:
			return false
		}
	}
	return !strings.HasSuffix(s, "-")
}

// isWord says that s has a meaning of its own.
func isWord(s string) bool {
	switch s {
	case "True", "False", "None", "true", "false", "null", "none",
		"not", "and", "or", "in", "is", "if", "else", "for", "lambda":
		return true
	}
	return false
}

// name reads a literal, a function's name and call, or a path.
func (p *parser) name() *node {
	at := p.pos
	if p.startsCall(at) && strings.HasPrefix(p.rest(), "keep.") {
		return p.keepCall()
	}
	first := firstWord(p.rest())
	if v, ok := p.literalWord(first); ok && !strings.HasPrefix(p.text[at+len(first):p.end], ".") {
		p.pos += len(first)
		n := p.make(literalNode, at)
		n.value = v
		return n
	}
	if strings.HasPrefix(p.text[at+len(first):p.end], "(") {
		p.pos += len(first)
		return p.functionCall(first, at)
	}
	if isWord(first) && first != "true" && first != "false" && first != "null" && first != "none" {
		p.fail(at, fmt.Sprintf("unexpected %q", first), "")
		return &node{}
	}
	if p.inBraces || p.isLocal(first) || p.isName(first) {
		return p.dotted()
	}
	if n := p.date(first, at); n != nil {
		return n
	}
	p.pos += len(first)
	if c, ok := constants[first]; ok && !p.inCall {
		n := p.make(literalNode, at)
		n.value = c
		return n
	}
	return p.bareWord(first, at)
}

// literalWord is the value of True, False, None and, where the form has them, of
// their lower-case twins.
func (p *parser) literalWord(w string) (any, bool) {
	switch w {
	case "True":
		return true, true
	case "False":
		return false, true
	case "None":
		return nil, true
	}
	if !p.inBraces && (p.form == Assert || p.pythonOnly()) {
		return nil, false
	}
	switch w {
	case "true":
		return true, true
	case "false":
		return false, true
	case "null", "none":
		return nil, true
	}
	return nil, false
}

// date reads a date as Python writes it among the arguments of a call (spec §4.3),
// datetime.date(2024, 5, 6), or gives nil.
func (p *parser) date(first string, at int) *node {
	if !p.inCall || first != "datetime" || !strings.HasPrefix(p.text[at+len(first):p.end], ".") {
		return nil
	}
	end := at
	for depth := 0; end < p.end; end++ {
		switch p.text[end] {
		case '(':
			depth++
		case ')':
			depth--
		}
		if p.text[end] == ')' && depth <= 0 {
			break
		}
	}
	v, err := value.ParsePython(p.text[at:min(end+1, p.end)])
	if err != nil {
		return nil
	}
	p.pos = end + 1
	n := p.make(literalNode, at)
	n.value = v
	return n
}

// bareWord is a name outside of braces: text in a call's arguments, and a mistake
// elsewhere. In an assert Keep does not report that mistake, and the condition is
// false.
func (p *parser) bareWord(w string, at int) *node {
	if p.inCall {
		n := p.make(literalNode, at)
		n.value = w
		return n
	}
	hint := fmt.Sprintf("write {{ %s }} for data, '%s' for text", w, w)
	if p.names != nil {
		hint = p.nearName(w)
	}
	if p.form != Assert && !p.pythonOnly() {
		p.fail(at, fmt.Sprintf("unknown name %q", w), hint)
		return &node{}
	}
	switch w {
	case "true", "false":
		hint = "write " + strings.ToUpper(w[:1]) + w[1:]
	case "null", "none":
		hint = "write None"
	}
	said := "%q is an unknown name in an assert, which makes the condition false"
	if p.form != Assert {
		said = "%q is an unknown name to Keep, an error where it decides"
	}
	p.note(at, NoteLiteral, fmt.Sprintf(said, w), hint)
	n := p.make(unknownNode, at)
	n.name = w
	return n
}

// dotted reads a path inside braces. When it is called, its last name is a method.
func (p *parser) dotted() *node {
	at := p.pos
	end := p.pathEnd(at)
	parts := strings.Split(p.text[at:end], ".")
	method := ""
	if end < p.end && p.text[end] == '(' && len(parts) > 1 {
		method = parts[len(parts)-1]
		parts = parts[:len(parts)-1]
	}
	p.pos = end
	n := p.make(pathNode, at)
	n.path = newPath(parts, at)
	if v, ok := p.local(n); ok {
		n = v
	}
	if method == "" {
		return n
	}
	n.end = end - len(method) - 1
	return p.method(n, method)
}

// pathEnd is where the path at start ends. A hyphen inside a name belongs to it if the
// path has dots.
func (p *parser) pathEnd(start int) int {
	i, dots, hyphen := start, 0, -1
	for ; i < p.end && p.inPath(i, start, dots > 0); i++ {
		switch {
		case p.text[i] == '.':
			dots++
		case p.text[i] == '-' && dots == 0 && hyphen < 0:
			hyphen = i
		}
	}
	if dots == 0 && hyphen >= 0 {
		return hyphen
	}
	return i
}

// inPath says whether the character at i belongs to the path that began at start.
func (p *parser) inPath(i, start int, dotted bool) bool {
	var next, afterNext byte
	if i+1 < p.end {
		next = p.text[i+1]
	}
	if i+2 < p.end {
		afterNext = p.text[i+2]
	}
	switch c := p.text[i]; {
	case i == start:
		return isNameByte(c) || c == '@' || c == '$'
	case c == '.':
		return isNameByte(next) || next == '-' && isDigit(afterNext)
	case c == '-' && p.text[i-1] == '.':
		return true // .-1, the last element
	case c == '-':
		return isNameByte(p.text[i-1]) && isNameByte(next) && (dotted || !isDigit(next))
	default:
		return isNameByte(c)
	}
}

func (p *parser) isLocal(name string) bool {
	for _, l := range p.locals {
		if l == name {
			return true
		}
	}
	return false
}

// local turns a path that begins with a comprehension's variable into what it is.
func (p *parser) local(n *node) (*node, bool) {
	if len(n.path.parts) == 0 || !p.isLocal(n.path.parts[0]) {
		return nil, false
	}
	v := &node{kind: localNode, pos: n.pos, end: n.end, name: n.path.parts[0]}
	for _, part := range n.path.parts[1:] {
		v = &node{kind: attrNode, pos: n.pos, end: n.end, name: part, kids: []*node{v}}
	}
	return v, true
}

// member reads .name or .name(...) after a value.
func (p *parser) member(n *node) *node {
	p.pos++
	start := p.pos
	for p.pos < p.end && (isNameByte(p.text[p.pos]) || p.text[p.pos] == '-' && p.hyphenInName(start)) {
		p.pos++
	}
	name := p.text[start:p.pos]
	if p.pos < p.end && p.text[p.pos] == '(' {
		return p.method(n, name)
	}
	if n.kind == pathNode && p.inBraces {
		return p.longer(n, name)
	}
	a := p.make(attrNode, n.pos, n)
	a.name = name
	return a
}

func (p *parser) hyphenInName(start int) bool {
	return p.pos+1 < p.end && isNameByte(p.text[p.pos+1]) && (p.pos > start || isDigit(p.text[p.pos+1]))
}

// longer is the path n with one more part.
func (p *parser) longer(n *node, part string) *node {
	parts := append(append([]string(nil), n.path.parts...), part)
	l := &node{kind: pathNode, pos: n.pos, end: p.pos, path: newPath(parts, n.path.pos)}
	return l
}

// method reads the arguments of a method; p.pos is at the parenthesis.
func (p *parser) method(n *node, name string) *node {
	f := methodOf(name)
	if f == nil {
		p.fail(p.pos-len(name), fmt.Sprintf("no method %q", name), nearMethod(name))
		return &node{}
	}
	args, names := p.arguments()
	if p.err == nil && (len(names) > 0 || !f.takes(len(args))) {
		p.fail(n.pos, fmt.Sprintf("%s: these are not its arguments", name), "it takes "+f.params)
	}
	m := p.make(methodNode, n.pos, append([]*node{n}, args...)...)
	m.call = &call{name: name, builtin: f, text: p.text, pos: n.pos}
	return m
}

// subscript reads [i] or [from:to:step] after a value.
func (p *parser) subscript(n *node) *node {
	at := p.pos
	p.pos++
	parts := []*node{p.slicePart()}
	for p.err == nil && len(parts) < 3 && p.symbol(":") {
		parts = append(parts, p.slicePart())
	}
	if !p.symbol("]") {
		p.fail(at, `"[" is never closed`, "")
		return n
	}
	if len(parts) == 1 {
		return p.indexed(n, parts[0], at)
	}
	for len(parts) < 3 {
		parts = append(parts, nil)
	}
	for i, part := range parts {
		if part == nil {
			parts[i] = p.make(literalNode, at)
		}
	}
	return p.make(sliceNode, n.pos, append([]*node{n}, parts...)...)
}

func (p *parser) slicePart() *node {
	if p.peek(":") || p.peek("]") {
		return nil
	}
	return p.expr()
}

func (p *parser) indexed(n, i *node, at int) *node {
	if i == nil {
		p.fail(at, "an index is missing", "")
		return n
	}
	if n.kind == pathNode && p.inBraces && i.kind == literalNode && len(n.path.parts) > 0 {
		switch v := i.value.(type) {
		case string:
			return p.longer(n, v)
		case int64:
			return p.longer(n, fmt.Sprint(v))
		}
	}
	return p.make(indexNode, n.pos, n, i)
}

// pattern makes a literal regular expression out of n.
func (p *parser) pattern(n *node) *node {
	s, ok := n.value.(string)
	if n.kind != literalNode || !ok {
		p.fail(n.pos, "a pattern must be a text in quotes, without placeholders", "write {{ x }} matches '^a.*'")
		return n
	}
	if len(s) > maxPattern {
		p.fail(n.pos, fmt.Sprintf("a pattern of %d bytes, more than %d", len(s), maxPattern), "")
		return n
	}
	re, err := regexp.Compile(s)
	if err != nil {
		p.fail(n.pos, strings.TrimPrefix(err.Error(), "error parsing regexp: "), "patterns are those of RE2")
		return n
	}
	return &node{kind: literalNode, pos: n.pos, end: n.end, value: re}
}
