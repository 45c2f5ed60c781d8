package templating

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// celNumber reads 5, 5u, 0xff, 1.5 and 1e3; at is where its sign stands, if it has
// one.
func (p *celParser) celNumber(at int) *node {
	start := p.pos
	hex := strings.HasPrefix(p.rest(), "0x") || strings.HasPrefix(p.rest(), "0X")
	for p.pos < p.end && (isNameByte(p.text[p.pos]) || p.inFraction(start, hex)) {
		p.pos++
	}
	text := p.text[start:p.pos]
	if at < start {
		text = "-" + text
	}
	n := p.make(literalNode, at)
	if i, err := strconv.ParseInt(strings.TrimRight(text, "uU"), celBase(hex), 64); err == nil {
		n.value = i
	} else if f, err := strconv.ParseFloat(text, 64); err == nil && !hex && strings.ContainsAny(text, ".eE") && strings.Trim(text, "-0123456789.eE+") == "" {
		n.value = f
	} else {
		p.fail(start, fmt.Sprintf("%q is not a number", text), "")
	}
	return n
}

func celBase(hex bool) int {
	if hex {
		return 0
	}
	return 10
}

// inFraction says whether the dot or sign at p.pos belongs to the number.
func (p *celParser) inFraction(start int, hex bool) bool {
	switch p.text[p.pos] {
	case '.':
		return p.pos+1 < p.end && isDigit(p.text[p.pos+1])
	case '-', '+':
		return !hex && p.pos > start && (p.text[p.pos-1] == 'e' || p.text[p.pos-1] == 'E')
	}
	return false
}

// quoteAhead says that a text comes next, with the letters that may stand before it.
func (p *celParser) quoteAhead() bool {
	rest := strings.TrimLeft(p.rest()[:min(2, len(p.rest()))], "rRbB")
	if rest == "" && len(p.rest()) > 2 {
		rest = p.rest()[2:]
	}
	return rest != "" && (rest[0] == '\'' || rest[0] == '"')
}

// celText reads a text in quotes, one or three, and raw after an r.
func (p *celParser) celText() *node {
	at, raw := p.pos, false
	for ; p.text[p.pos] != '\'' && p.text[p.pos] != '"'; p.pos++ {
		if p.text[p.pos]|0x20 == 'b' {
			p.fail(at, "bytes are not taken here", "leave out the b: fields are texts")
			return &node{}
		}
		raw = true
	}
	quote := p.text[p.pos : p.pos+1]
	if triple := strings.Repeat(quote, 3); strings.HasPrefix(p.rest(), triple) {
		quote = triple
	}
	p.pos += len(quote)
	var out strings.Builder
	for p.pos < p.end && !strings.HasPrefix(p.rest(), quote) {
		p.celLetter(&out, raw, len(quote) == 3)
	}
	if p.err == nil && p.pos >= p.end {
		p.fail(at, fmt.Sprintf("the text after %s is never closed", quote), "")
	}
	if p.err != nil {
		return &node{}
	}
	p.pos += len(quote)
	n := p.make(literalNode, at)
	n.value = out.String()
	return n
}

// celLetter reads one letter of a text.
func (p *celParser) celLetter(out *strings.Builder, raw, lines bool) {
	c := p.text[p.pos]
	switch {
	case (c == '\n' || c == '\r') && !lines:
		p.fail(p.pos, "a line ends within the text", `write \n for a line break`)
	case c != '\\' || raw:
		out.WriteByte(c)
		p.pos++
	default:
		p.celEscape(out)
	}
}

// celEscape reads a backslash and what it stands for.
func (p *celParser) celEscape(out *strings.Builder) {
	at := p.pos
	if p.pos++; p.pos >= p.end {
		return
	}
	c := p.text[p.pos]
	if i := strings.IndexByte(`abfnrtv\'"`+"`?", c); i >= 0 {
		out.WriteByte("\a\b\f\n\r\t\v\\'\"`?"[i])
		p.pos++
		return
	}
	size := map[byte]int{'x': 2, 'X': 2, 'u': 4, 'U': 8}[c]
	if r, ok := hexRune(p.rest()[1:], size); ok && size > 0 {
		out.WriteRune(r)
		p.pos += 1 + size
		return
	}
	if len(p.rest()) >= 3 {
		if o, err := strconv.ParseUint(p.rest()[:3], 8, 8); err == nil {
			out.WriteString(string(rune(o)))
			p.pos += 3
			return
		}
	}
	_, n := utf8.DecodeRuneInString(p.rest())
	p.fail(at, fmt.Sprintf("%q is no escape", p.text[at:p.pos+n]), `write \\ for a backslash, or r'...' for a text without escapes`)
}
