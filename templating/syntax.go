package templating

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A parser reads templates (parse.go) and expressions (here and in operand.go), which
// contain each other. The first mistake stays in err and moves the parser to the end,
// so that the rules need not check for it.
type parser struct {
	lang Language
	form Form
	text string
	pos  int
	end  int // of what is read now: a tag, a quoted text, or all
	err  *Error
	sure bool // Keep says so too

	condition bool // not a template
	inBraces  bool // names are paths
	inCall    bool // in the arguments of a keep.f(...) outside of braces: bare words are text
	quiet     bool // calls are not looked for
	escapes   bool // literal text has Python's backslashes
	locals    []string
	names     []Name // that stand for data outside of braces
	sections  int
	depth     int
	nodes     int // how many more there may be

	open, close string
	notes       []Note
	calls       int
	tags, lax   bool
}

func (p *parser) fail(at int, message, hint string) {
	if p.err == nil {
		p.err = &Error{Text: p.text, Offset: at, Message: oneLine(message), Hint: hint}
	}
	p.pos = p.end
}

// oneLine is s without line breaks: names in messages may have some.
func oneLine(s string) string {
	if !strings.ContainsAny(s, "\r\n") {
		return s
	}
	return strings.Join(strings.FieldsFunc(s, func(c rune) bool { return c == '\r' || c == '\n' }), " ")
}

func (p *parser) note(at int, code, message, hint string) {
	p.notes = append(p.notes, Note{Offset: at, Code: code, Message: message, Hint: hint})
}

// window runs f on a part of the text, with f's changes to the mode undone after it.
func (p *parser) window(from, to int, f func() *node) *node {
	saved := *p
	p.pos, p.end = from, to
	n := f()
	p.pos, p.end = saved.pos, saved.end
	p.inBraces, p.inCall, p.quiet, p.escapes = saved.inBraces, saved.inCall, saved.quiet, saved.escapes
	if p.err != nil {
		p.pos = p.end
	}
	return n
}

// make counts a node.
func (p *parser) make(k kind, pos int, kids ...*node) *node {
	if p.nodes--; p.nodes < 0 {
		p.fail(pos, "too many parts", "split the expression, or compute a part of it in a step")
	}
	return &node{kind: k, pos: pos, end: p.pos, kids: kids}
}

// whole reads an expression that must fill the window.
func (p *parser) whole() *node {
	n := p.expr()
	p.space()
	if p.pos < p.end {
		p.unexpected()
	}
	return n
}

func (p *parser) unexpected() {
	p.space()
	if p.pos >= p.end {
		p.fail(p.end, "something is missing at the end", "")
		return
	}
	rest := p.text[p.pos:p.end]
	switch {
	case rest[0] == '=':
		p.fail(p.pos, `unexpected "="`, "write == to compare")
	case rest[0] == '?':
		p.fail(p.pos, `unexpected "?"`, "write a if condition else b")
	case p.inCall:
		p.fail(p.pos, fmt.Sprintf("unexpected %q", firstWord(rest)), "arguments are separated by commas")
	case strings.HasPrefix(rest, p.open):
		p.fail(p.pos, fmt.Sprintf("unexpected %q", p.open), "between two values there is an operator: and, or, ==, <, ...")
	case rest[0] == '|':
		p.fail(p.pos, `unexpected "|"`, "write filters inside the braces: {{ path | upper }}")
	case strings.IndexByte("#^/", rest[0]) >= 0 && strings.HasSuffix(strings.TrimRight(p.text[:p.pos], " "), p.open):
		p.fail(p.pos, fmt.Sprintf("unexpected %q", rest[:1]), fmt.Sprintf("a section is written without the blank: {{%s}}", oneLine(strings.TrimSpace(rest))))
	case isNameByte(rest[0]) || rest[0] >= utf8.RuneSelf:
		p.fail(p.pos, fmt.Sprintf("unexpected %q", firstWord(rest)), "operators are and, or, not, in, ==, !=, <, <=, >, >=")
	default:
		p.fail(p.pos, fmt.Sprintf("unexpected %q", rest[:1]), "")
	}
}

func firstWord(s string) string {
	for i, r := range s {
		if i > 0 && !isNameRune(r) {
			return s[:i]
		}
	}
	return s
}

// expr reads an expression, with pipes where these can be.
func (p *parser) expr() *node {
	if p.depth++; p.depth > maxDepth {
		p.fail(p.pos, fmt.Sprintf("nested more than %d deep", maxDepth), "")
	}
	defer func() { p.depth-- }()
	n := p.choice()
	for p.inBraces && p.err == nil && p.peek("|") && !p.peek("||") {
		n = p.pipe(n)
	}
	return n
}

// choice reads a if b else c.
func (p *parser) choice() *node {
	n := p.or()
	if p.err != nil || !p.word("if") {
		return n
	}
	return p.choiceOf(n)
}

// choiceOf reads what follows a if.
func (p *parser) choiceOf(n *node) *node {
	cond := p.or()
	if !p.word("else") {
		p.fail(p.pos, `"if" without "else"`, "write a if condition else b")
	}
	return p.make(choiceNode, n.pos, cond, n, p.expr())
}

func (p *parser) or() *node {
	return p.junction(orNode, "or", "||", p.and)
}

func (p *parser) and() *node {
	return p.junction(andNode, "and", "&&", p.not)
}

func (p *parser) junction(k kind, word, js string, operand func() *node) *node {
	first := operand()
	if p.err != nil || !p.joined(word, js) {
		return first
	}
	kids := []*node{first, operand()}
	for p.err == nil && p.joined(word, js) {
		kids = append(kids, operand())
	}
	n := p.make(k, first.pos, kids...)
	return n
}

func (p *parser) joined(word, js string) bool {
	if p.word(word) {
		return true
	}
	at := p.pos
	if p.pythonOnly() || !p.symbol(js) {
		return false
	}
	if p.names == nil {
		p.note(at, NoteJS, js+" is not Python", "write "+word)
	}
	return true
}

// pythonOnly says that the condition is read as Keep does: && is nonsense there.
func (p *parser) pythonOnly() bool { return p.condition && !p.inBraces && p.lang.keeps(p.form) }

func (p *parser) not() *node {
	p.space()
	at := p.pos
	bang := !p.pythonOnly() && !p.peek("!=") && p.symbol("!")
	if !bang && !p.word("not") {
		return p.comparison()
	}
	if bang && p.names == nil {
		p.note(at, NoteJS, "! is not Python", "write not")
	}
	if p.depth++; p.depth > maxDepth {
		p.fail(p.pos, fmt.Sprintf("nested more than %d deep", maxDepth), "")
	}
	kid := p.not()
	p.depth--
	return p.make(notNode, at, kid)
}

func (p *parser) comparison() *node {
	first := p.sum()
	if p.names != nil && p.err == nil {
		if op, negated := p.wordOperator(); op != "" {
			return p.wordOperation(op, negated, first, p.sum())
		}
	}
	op := p.comparator()
	if op == "" {
		return first
	}
	n := p.make(compareNode, first.pos, first)
	for ; op != "" && p.err == nil; op = p.comparator() {
		n.ops = append(n.ops, op)
		right := p.sum()
		if op == "matches" {
			right = p.pattern(right)
		}
		n.kids = append(n.kids, right)
	}
	n.end = p.pos
	return n
}

// comparator reads a comparison operator; "" if there is none.
func (p *parser) comparator() string {
	for _, op := range [...]string{"==", "!=", "<=", ">=", "<", ">"} {
		if p.peek(op) {
			p.pos += len(op)
			if p.peek("=") && !p.peek("==") {
				p.fail(p.pos, `unexpected "="`, "write == or !=")
			}
			return op
		}
	}
	switch {
	case p.word("in"):
		return "in"
	case p.word("matches"):
		return "matches"
	case p.word("is"):
		if p.word("not") {
			return "!="
		}
		return "=="
	}
	if back := p.pos; p.word("not") {
		if p.word("in") {
			return "not in"
		}
		p.pos = back
	}
	return ""
}

func (p *parser) sum() *node {
	n := p.product()
	for p.err == nil {
		op := p.oneOf("+", "-")
		if op == "" {
			return n
		}
		n = p.arith(op, n, p.product())
	}
	return n
}

func (p *parser) product() *node {
	n := p.unary()
	for p.err == nil {
		op := p.oneOf("//", "/", "%", "*")
		if op == "" {
			return n
		}
		n = p.arith(op, n, p.unary())
	}
	return n
}

func (p *parser) arith(op string, a, b *node) *node {
	n := p.make(arithNode, a.pos, a, b)
	n.name = op
	return n
}

func (p *parser) unary() *node {
	p.space()
	at := p.pos
	op := p.oneOf("-", "+")
	if op == "" {
		return p.power()
	}
	if p.depth++; p.depth > maxDepth {
		p.fail(p.pos, fmt.Sprintf("nested more than %d deep", maxDepth), "")
	}
	kid := p.unary()
	p.depth--
	if op == "+" {
		return kid
	}
	if v, ok := negated(kid); ok {
		n := p.make(literalNode, at)
		n.value = v
		return n
	}
	return p.make(negateNode, at, kid)
}

// negated is the value of a literal number with a minus sign.
func negated(n *node) (any, bool) {
	if n.kind != literalNode {
		return nil, false
	}
	switch v := n.value.(type) {
	case int64:
		return normal(new(big.Int).Neg(big.NewInt(v))), true
	case float64:
		return -v, true
	case *big.Int:
		return normal(new(big.Int).Neg(v)), true
	}
	return nil, false
}

func (p *parser) power() *node {
	n := p.operand()
	if p.err == nil && p.symbol("**") {
		return p.arith("**", n, p.unary())
	}
	return n
}

// space skips white space.
func (p *parser) space() {
	for p.pos < p.end {
		switch p.text[p.pos] {
		case ' ', '\t', '\n', '\r':
			p.pos++
		case '/':
			if !p.form.cel() || !strings.HasPrefix(p.rest(), "//") {
				return
			}
			p.comment()
		default:
			return
		}
	}
}

// comment skips a comment of CEL's: the rest of the line.
func (p *parser) comment() {
	if end := strings.IndexByte(p.rest(), '\n'); end >= 0 {
		p.pos += end
		return
	}
	p.pos = p.end
}

func (p *parser) rest() string { return p.text[p.pos:p.end] }

// peek says whether s comes next, after white space.
func (p *parser) peek(s string) bool {
	p.space()
	return strings.HasPrefix(p.rest(), s)
}

// symbol reads s if it comes next.
func (p *parser) symbol(s string) bool {
	if !p.peek(s) {
		return false
	}
	p.pos += len(s)
	return true
}

// oneOf reads the first of ops that comes next; "" if none does. "**" is not "*".
func (p *parser) oneOf(ops ...string) string {
	for _, op := range ops {
		if p.peek(op) && !p.peek("**") {
			p.pos += len(op)
			return op
		}
	}
	return ""
}

// word reads w if it comes next as a whole word.
func (p *parser) word(w string) bool {
	if !p.peek(w) {
		return false
	}
	after := p.pos + len(w)
	if after < p.end && isNameByte(p.text[after]) {
		return false
	}
	p.pos = after
	return true
}

func isNameByte(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= utf8.RuneSelf
}

func isNameRune(r rune) bool {
	return r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r)
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// number reads a number as Python writes it.
func (p *parser) number() *node {
	start := p.pos
	for p.pos < p.end && (isDigit(p.text[p.pos]) || isNameByte(p.text[p.pos]) || p.text[p.pos] == '.' || p.exponentSign(start)) {
		p.pos++
	}
	word := p.text[start:p.pos]
	n := p.make(literalNode, start)
	var ok bool
	if n.value, ok = parseNumber(word); !ok {
		p.fail(start, fmt.Sprintf("%q is not a number", word), "")
	}
	return n
}

// exponentSign says whether the sign at p.pos belongs to a number's exponent.
func (p *parser) exponentSign(start int) bool {
	c := p.text[p.pos]
	return (c == '-' || c == '+') && p.pos > start && (p.text[p.pos-1]|0x20) == 'e' && isDigit(p.text[start]) && !strings.HasPrefix(p.text[start:], "0x")
}

// parseNumber is the int64, *big.Int or float64 that s writes, which has no sign.
func parseNumber(s string) (any, bool) {
	if s == "" || !isDigit(s[0]) && s[0] != '.' {
		return nil, false
	}
	base := 10
	if len(s) > 2 && s[0] == '0' && strings.IndexByte("xXoObB", s[1]) >= 0 {
		base = 0
	}
	if i, err := strconv.ParseInt(s, base, 64); err == nil {
		return i, true
	}
	s = strings.ReplaceAll(s, "_", "")
	if i, ok := new(big.Int).SetString(s, base); ok {
		return normal(i), true
	}
	f, err := strconv.ParseFloat(s, 64)
	return f, err == nil && !strings.ContainsAny(s, "xXpP")
}

// normal is i as an int64 if it fits.
func normal(i *big.Int) any {
	if i.IsInt64() {
		return i.Int64()
	}
	return i
}
