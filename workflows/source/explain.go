package source

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// explain says in our words what the parser's reason means at p.
func (t *text) explain(p Pos, reason string) Problem {
	m := t.mistake(p, reason)
	for _, see := range []func(mistake) (Problem, bool){
		(mistake).tab,
		(mistake).template,
		(mistake).afterQuote,
		(mistake).known,
	} {
		if problem, ok := see(m); ok {
			return problem
		}
	}
	return m.problem(BadSyntax, reason, "")
}

// A mistake is where the parser gave up, and why.
type mistake struct {
	text   *text
	pos    Pos
	line   string
	reason string
	at     int // the offset of pos in the line
}

func (t *text) mistake(p Pos, reason string) mistake {
	line := t.line(p.Line)
	return mistake{text: t, pos: p, line: line, reason: reason, at: columnOffset(line, p.Col)}
}

// above is m at the last line above it that has something in it, if there is one.
func (m mistake) above() (mistake, bool) {
	for n := m.pos.Line - 1; n > 0; n-- {
		if line := m.text.line(n); strings.TrimSpace(line) != "" {
			return m.text.mistake(Pos{File: m.pos.File, Line: n, Col: 1}, m.reason), true
		}
	}
	return m, false
}

func (m mistake) problem(code, message, hint string) Problem {
	return Problem{Pos: m.pos, Code: code, Message: message, Hint: hint}
}

// moved is m at another offset of its line.
func (m mistake) moved(at int) mistake {
	m.pos.Col = utf8.RuneCountInString(m.line[:at]) + 1
	m.at = at
	return m
}

func columnOffset(line string, col int) int {
	at := 0
	for range col - 1 {
		_, n := utf8.DecodeRuneInString(line[at:])
		at += n
	}
	return at
}

func (m mistake) tab() (Problem, bool) {
	indent := m.line[:indentOf(m.line)]
	i := strings.IndexByte(indent, '\t')
	if i < 0 {
		return Problem{}, false
	}
	p := m.moved(i).problem(Tab, "a tab cannot indent a line", "use spaces")
	p.Len = 1
	return p, true
}

// template sees a text that begins with "{{" and is not quoted: the mistake that is
// made most often in this language.
func (m mistake) template() (Problem, bool) {
	start := valueStart(m.line)
	if start > m.at || !strings.HasPrefix(m.line[start:], "{{") && !strings.HasPrefix(m.line[start:], "{%") {
		return Problem{}, false
	}
	return unquotedTemplate(m.moved(start).pos, m.line[start:]), true
}

func unquotedTemplate(p Pos, text string) Problem {
	return Problem{
		Pos:     p,
		Len:     2,
		Code:    UnquotedTemplate,
		Message: fmt.Sprintf("%q begins a mapping here, not a text", text[:2]),
		Hint:    "quote the text: " + quoted(text),
		Fix:     quote(p, text),
	}
}

// quote is the fix that puts the text, up to a comment, into quotes.
func quote(p Pos, text string) Fix {
	if i := strings.Index(text, " #"); i >= 0 {
		text = text[:i]
	}
	text = strings.TrimRight(text, " \t")
	with := `"` + text + `"`
	if strings.ContainsAny(text, `"\`) {
		with = "'" + strings.ReplaceAll(text, "'", "''") + "'"
	}
	return Fix{Pos: p, Old: text, Text: with, What: "quote the text"}
}

// quoted is the text in quotes that do not occur in it, as far as it fits in a hint.
func quoted(text string) string {
	if i := strings.Index(text, " #"); i >= 0 {
		text = text[:i]
	}
	text = strings.TrimSpace(text)
	if utf8.RuneCountInString(text) > 60 || strings.ContainsAny(text, `"\`) && strings.Contains(text, "'") {
		if !strings.HasPrefix(text, "{{") {
			return `"..."`
		}
		text = "{{ ... }}"
	}
	if strings.ContainsAny(text, `"\`) {
		return "'" + text + "'"
	}
	return `"` + text + `"`
}

// valueStart is the offset of what follows "- " and "key: " in a line.
func valueStart(line string) int {
	i := indentOf(line)
	for strings.HasPrefix(line[i:], "- ") {
		i += 2 + indentOf(line[i+2:])
	}
	if j := strings.Index(line[i:], ": "); j >= 0 && !strings.ContainsAny(line[i:i+j], `"'{[`) {
		i += j + 2
		i += indentOf(line[i:])
	}
	return i
}

// afterQuote sees something behind a closing quote.
func (m mistake) afterQuote() (Problem, bool) {
	switch m.reason {
	case "did not find expected key", "did not find expected '-' indicator", "did not find expected <document start>":
	default:
		return Problem{}, false
	}
	before := strings.TrimRight(m.line[:m.at], " ")
	if before == "" || before[len(before)-1] != '"' && before[len(before)-1] != '\'' {
		return Problem{}, false
	}
	hint := "quote all of it: " + quoted(m.line[valueStart(m.line):])
	switch quote := before[len(before)-1]; {
	case len(before) == m.at && quote == '\'':
		hint = `a quote within single quotes is written twice: 'it''s'`
	case len(before) == m.at:
		hint = `a quote within double quotes is written with a backslash: \"`
	case strings.Contains(m.line, `"`) && strings.Contains(m.line, "'"):
		hint = `write all of it without quotes around it, in a line of its own after ">-"`
	}
	return m.problem(TextAfterQuote, "the text goes on after its closing quote", hint), true
}

// known explains the reasons that the parser gives most often.
func (m mistake) known() (Problem, bool) {
	for _, e := range explanations {
		if !strings.HasPrefix(m.reason, e.reason) {
			continue
		}
		if e.look != nil {
			return e.look(m), true
		}
		return m.problem(e.code, e.message, e.hint), true
	}
	return Problem{}, false
}

const columnsHint = "the keys of one mapping begin in the same column, further to the right than the key above it"

type explanation struct {
	reason              string // what the parser's begins with
	code, message, hint string
	look                func(mistake) Problem // instead, where the line decides
}

var explanations = []explanation{
	{reason: "mapping values are not allowed", look: mistake.secondColon},
	{reason: "could not find expected ':'", look: mistake.noColon},
	{reason: "found character that cannot start any token", look: mistake.badStart},
	{reason: "did not find expected alphabetic or numeric character", look: mistake.badStart},
	{reason: "unknown anchor", look: mistake.unknownAnchor},
	{reason: "did not find expected ',' or", look: mistake.openBracket},
	{reason: "did not find expected key", look: mistake.badIndent},
	{reason: "did not find expected '-' indicator", look: mistake.badIndent},
	{reason: "did not find expected <document start>", look: mistake.badIndent},
	{reason: "block sequence entries are not allowed", code: BadList,
		message: "a list cannot begin here", hint: `begin it in a line of its own, indented, or write it as [a, b]`},
	{reason: "mapping keys are not allowed", code: BadKey,
		message: `a key cannot begin here`, hint: `quote the text if it is to begin with "?"`},
	{reason: "found unexpected end of stream", code: OpenQuote,
		message: "this quote is never closed", hint: "close it, or write the text in a block after |"},
	{reason: "found unexpected document indicator", look: mistake.documentInQuote},
	{reason: "found unknown escape character", look: mistake.badEscape},
	{reason: "did not find expected hexdecimal number", look: mistake.badEscape},
	{reason: "found invalid Unicode character escape code", look: mistake.badEscape},
	{reason: "found a tab character", code: Tab, message: "a tab cannot indent a line", hint: "use spaces"},
	{reason: "exceeded max depth", code: TooLarge, message: tooDeepMessage, hint: tooDeepHint},
	{reason: "did not find expected node content", code: MissingValue,
		message: "a value is missing here", hint: `write "" for an empty text, or quote the text`},
	{reason: "did not find expected comment or line break", code: BadBlock,
		message: `nothing may follow here in this line`, hint: `a text after | or > begins in the next line; quote a text that begins with one of them`},
	{reason: "found an indentation indicator equal to 0", code: BadBlock,
		message: `the indentation after | or > is at least 1`},
	{reason: "found undefined tag handle", look: mistake.badTag},
	{reason: "did not find expected tag URI", look: mistake.badTag},
	{reason: "did not find expected whitespace or line break", look: mistake.badTag},
	{reason: "did not find the expected '>'", look: mistake.badTag},
	{reason: "did not find expected '!'", look: mistake.badTag},
	{reason: "found unknown directive name", look: mistake.directive},
	{reason: "could not find expected directive name", look: mistake.directive},
}

// secondColon: "a: b: c", or a key that is indented below a text.
func (m mistake) secondColon() Problem {
	start := valueStart(m.line)
	if start < m.at && start > indentOf(m.line) && strings.HasSuffix(strings.TrimRight(m.line[:start], " "), ":") {
		return m.problem(SecondColon, `": " in a text that is not quoted`, "quote the text: "+quoted(m.line[start:]))
	}
	if above, ok := m.above(); ok && indentOf(above.line) == indentOf(m.line) {
		return above.noColon()
	}
	return m.moved(indentOf(m.line)).problem(BadIndent,
		"this key is indented below a line that has a value already", columnsHint)
}

// badIndent: a line in no column that was begun above, or something more behind a
// value.
func (m mistake) badIndent() Problem {
	indent := indentOf(m.line)
	if indent < m.at && strings.Contains(m.line[indent:m.at], " ") {
		return m.problem(TextAfterValue, "nothing may follow here in this line", "quote the text if all of it is one")
	}
	m = m.moved(min(indent, m.at))
	if strings.Contains(m.reason, "'-'") {
		return m.problem(BadIndent, "this does not line up with the list above",
			`the items of one list begin with "- " in the same column`)
	}
	return m.problem(BadIndent, "this does not line up with the lines above", columnsHint)
}

// noColon: a line in a mapping that is no "key: value".
func (m mistake) noColon() Problem {
	m = m.moved(indentOf(m.line))
	key, rest, found := strings.Cut(m.line[m.at:], ":")
	if found && key != "" && !strings.ContainsAny(key, " \"'") && !strings.HasPrefix(rest, " ") {
		p := m.problem(MissingSpace, `a space is missing after ":"`, fmt.Sprintf(`write "%s: %s"`, key, rest))
		p.Fix = Fix{Pos: m.pos, Old: key + ":", Text: key + ": ", What: "put a space after the colon"}
		return p
	}
	return m.problem(MissingColon, `this is not a "key: value"`,
		"if it belongs to the text above, indent it more, or write that text in a block after |")
}

// badStart: a text that begins with a character YAML keeps for itself.
func (m mistake) badStart() Problem {
	first, n := utf8.DecodeRuneInString(m.line[m.at:])
	if first == '\t' || m.at == len(m.line) {
		return m.problem(Tab, "a tab cannot stand here", "use spaces")
	}
	if begin := strings.LastIndexByte(m.line[:m.at], ' ') + 1; begin < m.at && strings.IndexByte("*&", m.line[begin]) >= 0 {
		m, n = m.moved(begin), 1
	}
	p := m.problem(BadStart, fmt.Sprintf("a text that begins with %q has to be quoted", m.line[m.at:m.at+n]), "")
	p.Hint = "quote the text: " + quoted(m.line[m.at:])
	p.Len = 1
	return p
}

// unknownAnchor: "*bold*" is an alias, and there is no such anchor.
func (m mistake) unknownAnchor() Problem {
	name := strings.TrimSuffix(strings.TrimPrefix(m.reason, "unknown anchor '"), "' referenced")
	if i := strings.Index(m.line, "*"+name); i >= 0 {
		m = m.moved(i)
	}
	p := m.problem(UnknownAlias, fmt.Sprintf("no anchor &%s for the alias *%s", name, name),
		"quote the text if it is to begin with an asterisk: "+quoted(m.line[m.at:]))
	p.Len = utf8.RuneCountInString(name) + 1
	return p
}

// openBracket: a list or mapping in brackets that is not closed, or has something
// in it that should be quoted.
func (m mistake) openBracket() Problem {
	closing := m.reason[len(m.reason)-2 : len(m.reason)-1]
	if i := unclosed(m.line); i >= 0 && i < m.at {
		m = m.moved(i)
		p := m.problem(OpenBracket, fmt.Sprintf("this %q is never closed", m.line[m.at:m.at+1]),
			fmt.Sprintf("add the %q, or quote the text", closing))
		p.Len = 1
		return p
	}
	if i := m.at + 1; i < len(m.line) { // at is the end of what is right
		m = m.moved(i + indentOf(m.line[i:]))
	}
	return m.problem(OpenBracket, fmt.Sprintf(`"," or %q is missing before this`, closing),
		"within brackets, quote texts that have one of : , [ ] { } # in them")
}

// unclosed is the offset of the last bracket that the line opens and does not close,
// or -1. It is for mistakes: it looks into quotes as well.
func unclosed(line string) int {
	var open []int
	for i := range len(line) {
		switch line[i] {
		case '[', '{':
			open = append(open, i)
		case ']', '}':
			open = open[:max(0, len(open)-1)]
		}
	}
	if len(open) == 0 {
		return -1
	}
	return open[len(open)-1]
}

func (m mistake) documentInQuote() Problem {
	return m.moved(0).problem(OpenQuote, `a quote above is not closed before this line`, "close it, or indent this line")
}

func (m mistake) directive() Problem {
	return m.moved(0).problem(BadDirective, "a line that begins with % is a directive, and there is none of this name",
		"indent the line, or quote the text")
}

func (m mistake) badEscape() Problem {
	if i := strings.LastIndexByte(m.line[:min(m.at+1, len(m.line))], '\\'); i >= 0 {
		m = m.moved(i)
	}
	p := m.problem(BadEscape, "unknown escape in a text in double quotes",
		`write \\ for a backslash, or put the text into single quotes`)
	switch {
	case strings.Contains(m.reason, "hexdecimal"):
		p.Message = "this escape needs more hexadecimal digits"
	case strings.Contains(m.reason, "Unicode"):
		p.Message = "this escape is not a character"
	}
	p.Len = 2
	return p
}

// badTag: a text that begins with "!".
func (m mistake) badTag() Problem {
	if i := strings.Index(m.line, "!"); i >= 0 {
		m = m.moved(i)
	}
	return m.problem(BadTag, `"!" begins a tag here, not a text`, "quote the text: "+quoted(m.line[m.at:]))
}

// notAKey is the problem of a list or mapping as a key, which YAML has and data as
// we know it has not. It comes from "{{" nearly always: a mapping in a mapping.
func (t *text) notAKey(mapping, key Pos) Problem {
	i := t.offset(mapping)
	if i >= 0 && strings.HasPrefix(t.raw[i:], "{{") {
		line := t.line(mapping.Line)
		return unquotedTemplate(mapping, line[columnOffset(line, mapping.Col):])
	}
	return Problem{
		Pos:     key,
		Len:     1,
		Code:    BadKey,
		Message: "a key has to be a text, not a list or a mapping",
		Hint:    "quote the text",
	}
}
