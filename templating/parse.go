package templating

import (
	"fmt"
	"strings"
)

// A Template is a parsed text. It is safe for concurrent use.
//
// A *Template may itself stand in a Scope's data, as a value under consts, vars or
// aliases: a path that leads to it gives what it renders to. Rendering stops with an
// error when templates refer to each other in a circle.
type Template struct {
	text   string
	pieces []piece
	notes  []Note
	calls  int  // functions called in the text itself
	tags   bool // has {{ }}
	lax    bool // has an inverted section: nothing is missing (spec §4.2)
	keep   bool
}

// A piece is a part of a template.
type piece struct {
	kind pieceKind
	text string // literal: what it prints; helper: its name
	raw  string // literal: as written
	pos  int
	code *code // what tag, call and section evaluate
	kids []piece
}

type pieceKind uint8

const (
	literalPiece  pieceKind = iota
	tagPiece                // {{ x }}
	decodedPiece            // {{{ x }}} and {{& x}}
	callPiece               // keep.f(...)
	sectionPiece            // {{#x}}
	invertedPiece           // {{^x}}
	helperPiece             // {{#fn.x}}
)

func (p *piece) walk(f func(*node)) {
	if p.code != nil {
		p.code.node.walk(f)
	}
	for i := range p.kids {
		p.kids[i].walk(f)
	}
}

// Parse reads a text. The error is an *Error.
func (l Language) Parse(text string) (*Template, error) {
	t := &Template{text: text, keep: l.Keep}
	if len(text) > maxTemplate {
		return nil, &Error{Text: text, Message: fmt.Sprintf("a text of %d bytes, more than %d", len(text), maxTemplate), Hint: "split it, or read it from a step's result"}
	}
	if plain(text) {
		t.pieces = []piece{{text: decodeEntities(text), raw: text}}
		return t, nil
	}
	p := &parser{lang: l, text: text, end: len(text), nodes: maxTextNodes, open: "{{", close: "}}", lax: l.Keep && keepLax(text)}
	if l.Keep {
		p.countBraces()
	}
	inner, unwrapped := unwrap(text)
	if unwrapped {
		p.pos, p.end, p.quiet = inner, len(text)-1, true
	}
	t.pieces = p.template("", 0)
	if p.err != nil {
		return nil, p.err
	}
	t.notes, t.calls, t.tags, t.lax = p.notes, p.calls, p.tags, p.lax
	return t, nil
}

// keepLax says that Keep does not mind what is missing: it looks for these signs.
func keepLax(text string) bool {
	for _, sign := range [...]string{"{{^", "{{ ^", "{{#fn.", "{{ #fn."} {
		if strings.Contains(text, sign) {
			return true
		}
	}
	return false
}

// countBraces refuses what Keep does: a text in which not as many braces close as open.
func (p *parser) countBraces() {
	if strings.Count(p.text, "{{") != strings.Count(p.text, "}}") {
		p.fail(0, "the number of {{ and }} does not match", "Keep counts them also where they are no placeholders: write } } for those")
	}
}

// plain says that nothing in text is to be evaluated.
func plain(text string) bool {
	return !strings.Contains(text, "{{") && !strings.Contains(text, "}}") && !strings.Contains(text, "keep.") && !strings.Contains(text, "{%") &&
		!strings.HasPrefix(text, wrapper)
}

// wrapper keeps what it contains from being searched for functions (spec §4.1).
const wrapper = "raw_render_without_execution("

func unwrap(text string) (start int, ok bool) {
	return len(wrapper), strings.HasPrefix(text, wrapper) && strings.HasSuffix(text, ")")
}

// Constant says that the text needs no rendering.
func (t *Template) Constant() bool {
	return t.single(literalPiece) && t.pieces[0].text == t.text
}

// Refs lists the paths the text reads, in order.
func (t *Template) Refs() []Ref {
	var r refs
	for i := range t.pieces {
		t.pieces[i].walk(r.add)
	}
	return r
}

// Notes are what is legal but suspicious, such as a Jinja filter.
func (t *Template) Notes() []Note { return t.notes }

// template reads pieces until the end, or until the closing tag of section.
func (p *parser) template(section string, opened int) []piece {
	var out []piece
	if p.depth++; p.depth > maxDepth {
		p.fail(opened, fmt.Sprintf("sections nested more than %d deep", maxDepth), "")
	}
	defer func() { p.depth-- }()
	start := p.pos
	for p.err == nil {
		at, call := p.nextMark()
		if at < 0 {
			out = p.literal(out, start, p.end)
			if section != "" {
				p.fail(opened, fmt.Sprintf("%s%s%s is never closed", p.open, "#"+section, p.close), fmt.Sprintf("write %s/%s%s after it", p.open, section, p.close))
			}
			p.pos = p.end
			return out
		}
		if call {
			out = p.literal(out, start, at)
			p.pos = at
			out = append(out, p.textCall())
			start = p.pos
			continue
		}
		tag := p.tag(at)
		if p.err != nil {
			break
		}
		out = p.literal(out, start, tag.start)
		p.pos = tag.end
		if tag.sign == '/' {
			if tag.body != section {
				p.fail(at, closesNothing(p.open, p.close, tag.body, section), "")
			}
			return out
		}
		out = p.piece(out, tag)
		start = p.pos
	}
	return out
}

func closesNothing(open, close, body, section string) string {
	if section == "" {
		return fmt.Sprintf("%s/%s%s closes nothing", open, body, close)
	}
	return fmt.Sprintf("%s/%s%s where %s/%s%s is expected", open, body, close, open, section, close)
}

// nextMark finds the next tag or call from p.pos on; at is -1 if there is none.
func (p *parser) nextMark() (at int, call bool) {
	at = p.index(p.open, p.pos)
	p.refuseBlocks(p.pos, at)
	if p.quiet || p.err != nil {
		return at, false
	}
	end := at
	if at < 0 {
		end = p.end
	}
	for from := p.pos; ; {
		k := strings.Index(p.text[from:end], "keep.")
		if k < 0 {
			return at, false
		}
		if k += from; p.startsCall(k) {
			return k, true
		}
		from = k + len("keep.")
	}
}

// refuseBlocks reports {% %} between from and to.
func (p *parser) refuseBlocks(from, to int) {
	if p.lang.Keep {
		return // text like any other
	}
	if to < 0 {
		to = p.end
	}
	at := strings.Index(p.text[from:to], "{%")
	if at >= 0 && strings.Contains(p.text[from+at:p.end], "%}") {
		p.fail(from+at, "{% %} blocks are Jinja's, and not known here", "use sections: {{#list}}...{{/list}}, {{^list}}...{{/list}}")
	}
}

// index is where s occurs from from on and before the end, or -1.
func (p *parser) index(s string, from int) int {
	if from > p.end {
		return -1
	}
	if i := strings.Index(p.text[from:p.end], s); i >= 0 {
		return from + i
	}
	return -1
}

// startsCall says whether keep.<identifier>( is at i. Inside a longer word it has to be
// a function that there is; Keep does not mind what is around it.
func (p *parser) startsCall(i int) bool {
	glued := !p.lang.Keep && i > 0 && (isNameByte(p.text[i-1]) || p.text[i-1] == '.')
	start := i + len("keep.")
	end := start
	for end < p.end && isNameByte(p.text[end]) {
		end++
	}
	named := end > start
	if glued && named {
		_, named = p.lang.Functions.Lookup(p.text[i:end])
	}
	for p.lang.Keep && end < p.end && isBlank(p.text[end]) {
		end++
	}
	return named && end < p.end && p.text[end] == '('
}

// literal appends the text between from and to.
func (p *parser) literal(out []piece, from, to int) []piece {
	if from >= to || p.err != nil {
		return out
	}
	raw := p.text[from:to]
	text := raw
	if p.escapes {
		text = unescape(text)
	}
	return append(out, piece{kind: literalPiece, text: decodeEntities(text), raw: text, pos: from})
}

// A tag is {{ }} with what is in it. start and end take a standalone tag's line with
// them.
type tag struct {
	at, start, end int
	sign           byte // one of # ^ / ! > = & {, or 0
	body           string
	from           int // of body
}

// tag reads the tag at p.text[at:].
func (p *parser) tag(at int) tag {
	t := tag{at: at, start: at, from: at + len(p.open)}
	stop := p.close
	if t.from < p.end && strings.IndexByte("#^/!>=&{", p.text[t.from]) >= 0 && p.text[t.from] != p.close[0] {
		t.sign = p.text[t.from]
		t.from++
	}
	switch t.sign {
	case '{':
		stop = "}" + p.close
	case '=':
		stop = "=" + p.close
	}
	end := p.tagEnd(t, stop)
	if end < 0 {
		p.fail(at, fmt.Sprintf("%s is never closed", p.open), "write "+stop+" after the name")
		return t
	}
	body := p.text[t.from:end]
	t.from += len(body) - len(strings.TrimLeft(body, " \t\r\n"))
	t.body = strings.TrimSpace(body)
	t.end = end + len(stop)
	if t.sign != 0 && t.sign != '&' && t.sign != '{' {
		p.standalone(&t)
	}
	return t
}

// tagEnd is where stop ends t. What closes inside quotes or braces of an expression
// does not end it, unless nothing else would.
func (p *parser) tagEnd(t tag, stop string) int {
	first := p.index(stop, t.from)
	if t.sign != 0 && t.sign != '&' && t.sign != '{' {
		return first
	}
	end := first
	for tries := 0; end >= 0 && tries < 4; tries++ {
		if balanced(p.text[t.from:end]) {
			return end
		}
		end = p.index(stop, end+1)
	}
	return first
}

// balanced says that quotes and braces in an expression are closed.
func balanced(s string) bool {
	var quote byte
	braces := 0
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case quote != 0 && c == '\\':
			i++
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '\'' || c == '"':
			quote = c
		case c == '{':
			braces++
		case c == '}':
			braces--
		}
	}
	return quote == 0 && braces == 0
}

// standalone extends t over its line when nothing else is on it.
func (p *parser) standalone(t *tag) {
	start := t.at
	for start > 0 && isBlank(p.text[start-1]) {
		start--
	}
	if start > 0 && p.text[start-1] != '\n' {
		return
	}
	end := t.end
	for end < p.end && (isBlank(p.text[end]) || p.text[end] == '\r') {
		end++
	}
	switch {
	case end == p.end:
		t.start, t.end = start, end
	case p.text[end] == '\n':
		t.start, t.end = start, end+1
	}
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' }

// piece appends what t stands for; p.pos is after t.
func (p *parser) piece(out []piece, t tag) []piece {
	p.tags = true
	switch t.sign {
	case '!':
		return out
	case '>':
		p.note(t.at, NotePartial, fmt.Sprintf("{{> %s}} renders nothing: there are no partials", t.body), "put the text under consts and write {{ consts.name }}")
		return out
	case '=':
		p.delimiters(t)
		return out
	case '#', '^':
		return append(out, p.section(t))
	case '&', '{':
		return append(out, piece{kind: decodedPiece, pos: t.at, code: &code{node: p.inside(t)}})
	}
	return append(out, piece{kind: tagPiece, pos: t.at, code: &code{node: p.inside(t)}})
}

func (p *parser) delimiters(t tag) {
	f := strings.Fields(t.body)
	if len(f) != 2 {
		p.fail(t.at, "delimiters are set by two words", "write {{=<% %>=}}")
		return
	}
	p.open, p.close = f[0], f[1]
}

func (p *parser) section(t tag) piece {
	s := piece{kind: sectionPiece, pos: t.at}
	if t.sign == '^' {
		s.kind, p.lax = invertedPiece, true
	}
	helper, isHelper := strings.CutPrefix(t.body, "fn.")
	if isHelper && t.sign == '#' {
		s.kind, s.text = helperPiece, helper
		if helpers(helper) == nil {
			p.fail(t.from, fmt.Sprintf("no helper fn.%s", helper), "there are fn.na, fn.default, fn.upper, fn.lower and fn.strip")
		}
	} else {
		s.code = &code{node: p.sectionName(t)}
	}
	p.sections++
	s.kids = p.template(t.body, t.at)
	p.sections--
	return s
}

func (p *parser) sectionName(t tag) *node {
	if word, _, ok := strings.Cut(t.body, " "); ok && (word == "if" || word == "each" || word == "for" || word == "unless" || word == "with") {
		p.fail(t.from, fmt.Sprintf("sections have no %q", word), "write {{#list}}...{{/list}} or {{^list}}...{{/list}}")
		return &node{}
	}
	return p.inside(t)
}

// inside reads what is between {{ and }}.
func (p *parser) inside(t tag) *node {
	return p.placeholder(t.from, t.from+len(t.body))
}

// textCall reads the keep.f(...) at p.pos.
func (p *parser) textCall() piece {
	at := p.pos
	n := p.keepCall()
	p.calls++
	return piece{kind: callPiece, pos: at, code: &code{node: n}}
}
