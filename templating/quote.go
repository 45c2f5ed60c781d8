package templating

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// quotedText reads a text in quotes. Placeholders in it stay placeholders.
func (p *parser) quotedText(raw bool) *node {
	at := p.pos
	quote := p.text[p.pos]
	p.pos++
	if strings.HasPrefix(p.rest(), string([]byte{quote, quote})) {
		return p.tripleQuoted(at, quote, raw)
	}
	start, tags := p.pos, false
	for p.pos < p.end {
		switch c := p.text[p.pos]; {
		case c == '\\' && p.pos+1 < p.end:
			p.pos += 2
			continue
		case c == p.open[0] && !p.inBraces && strings.HasPrefix(p.rest(), p.open):
			if t := p.tag(p.pos); p.err == nil {
				tags = true
				p.pos = t.at + len(p.open)
				p.pos = max(p.pos, p.closeOf(t))
				continue
			}
			return &node{}
		case c == 'k' && p.callInText():
			tags = true
			continue
		case c == quote && p.closes():
			p.pos++
			return p.textNode(at, start, p.pos-1, tags, raw)
		}
		p.pos++
	}
	p.fail(at, fmt.Sprintf("the text after %c is never closed", quote), "")
	return &node{}
}

// callInText goes past a call in a text in quotes: in a condition, its result is a part
// of that text. What only looks like one is text.
func (p *parser) callInText() bool {
	if !p.condition || p.inCall || p.inBraces || !strings.HasPrefix(p.rest(), "keep.") || !p.startsCall(p.pos) {
		return false
	}
	saved := *p
	if p.keepCall(); p.err == nil {
		return true
	}
	*p = saved
	return false
}

// closeOf is where the braces of t end: t.end may include its line.
func (p *parser) closeOf(t tag) int {
	return p.index(p.close, t.from+len(t.body)) + len(p.close)
}

func (p *parser) tripleQuoted(at int, quote byte, raw bool) *node {
	mark := strings.Repeat(string(quote), 3)
	end := p.index(mark, p.pos+2)
	if end < 0 {
		p.pos++ // an empty text
		return p.textNode(at, p.pos-1, p.pos-1, false, raw)
	}
	start := p.pos + 2
	p.pos = end + 3
	return p.textNode(at, start, end, strings.Contains(p.text[start:end], p.open) && !p.inBraces, raw)
}

// closes says whether the quote at p.pos ends the text. In the arguments of a
// keep.f(...) an apostrophe inside a word does not (spec §4.3).
func (p *parser) closes() bool {
	if !p.inCall {
		return true
	}
	i := p.pos + 1
	for i < p.end && isBlank(p.text[i]) {
		i++
	}
	return i >= p.end || !isNameByte(p.text[i])
}

// textNode makes a node of the quoted text text[start:end]; at is its quote.
func (p *parser) textNode(at, start, end int, tags, raw bool) *node {
	if !tags {
		n := p.make(literalNode, at)
		s := p.text[start:end]
		if !raw {
			s = unescape(s)
		}
		if !p.inBraces {
			s = decodeEntities(s)
		}
		n.value, n.source = s, p.text[start:end]
		if at < start {
			n.quote = p.text[at]
		}
		return n
	}
	n := p.make(textNode, at)
	quiet := !p.condition || p.inCall
	p.window(start, end, func() *node {
		p.quiet, p.escapes, p.inCall = quiet, !raw, false
		n.pieces = p.template("", at)
		return nil
	})
	n.quoted, n.quote = true, p.text[at]
	for i := 1; i < len(n.pieces)-1; i++ {
		n.wrapped = n.wrapped || n.pieces[i].kind == tagPiece
	}
	if len(n.pieces) == 1 && n.pieces[0].kind == tagPiece {
		inner := *n.pieces[0].code.node
		inner.pos, inner.end = at, n.end
		if inner.kind == pathNode {
			inner.quoted, inner.quote = true, n.quote
			return &inner
		}
	}
	return n
}

// unescape replaces Python's backslash sequences.
func unescape(s string) string {
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	var out strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			out.WriteByte(s[i])
			continue
		}
		i++
		switch c := s[i]; c {
		case '\n':
		case 'n':
			out.WriteByte('\n')
		case 'r':
			out.WriteByte('\r')
		case 't':
			out.WriteByte('\t')
		case '0':
			out.WriteByte(0)
		case 'x', 'u', 'U':
			size := map[byte]int{'x': 2, 'u': 4, 'U': 8}[c]
			if r, ok := hexRune(s[i+1:], size); ok {
				out.WriteRune(r)
				i += size
				continue
			}
			out.WriteString(s[i-1 : i+1])
		case '\\', '\'', '"':
			out.WriteByte(c)
		default:
			out.WriteString(s[i-1 : i+1])
		}
	}
	return out.String()
}

func hexRune(s string, size int) (rune, bool) {
	if len(s) < size {
		return 0, false
	}
	var r rune
	for i := 0; i < size; i++ {
		d := strings.IndexByte("0123456789abcdef", s[i]|0x20)
		if isDigit(s[i]) {
			d = int(s[i] - '0')
		}
		if d < 0 {
			return 0, false
		}
		r = r<<4 | rune(d)
	}
	return r, utf8.ValidRune(r)
}
