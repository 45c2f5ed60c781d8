package source

import (
	"io"
	"sort"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// maxSyntax is how many syntax errors of a file are looked for, maxSearch how many
// bytes are parsed for that.
const (
	maxSyntax = 10
	maxSearch = 4 * MaxSize
)

// syntaxProblems says where the syntax is wrong, the first time because of err. To
// see more than one mistake it blanks the lines of each and parses again. The nodes
// are those of what is left.
func (t *text) syntaxProblems(err error) ([]*yaml.Node, Problems) {
	var ps Problems
	s := search{raw: t.raw, left: maxSearch}
	for {
		reason := reasonOf(err)
		at := s.locate(reason)
		p := t.explain(t.pos(at), reason)
		if n := len(ps); n > 0 && p.Pos.Line <= ps[n-1].Pos.Line {
			return nil, ps // not a mistake of its own
		}
		ps = append(ps, p)
		s.raw = t.blank(s.raw, p.Pos.Line)
		if len(ps) == maxSyntax || s.left < 0 {
			return nil, ps
		}
		s.left -= len(s.raw)
		var nodes []*yaml.Node
		if nodes, err = parseNodes(strings.NewReader(s.raw)); err == nil {
			return nodes, ps
		}
	}
}

// reasonOf is the parser's reason without its line, which often is not the one
// where the mistake is.
func reasonOf(err error) string {
	reason := strings.TrimPrefix(err.Error(), "yaml: ")
	if strings.HasPrefix(reason, "line ") {
		_, reason, _ = strings.Cut(reason, ": ")
	}
	return reason
}

// A search finds the shortest beginning of raw that the parser refuses for the same
// reason as the whole: at its end is the mistake. For a quote that is never closed
// that is the quote, not the end of the file.
type search struct {
	raw  string
	left int // bytes that may still be parsed
}

func (s *search) locate(reason string) int {
	end := s.consumed(reason)
	starts := lineStarts(s.raw[:end])
	ends := append(starts[1:], end)
	line := s.first(len(ends), func(i int) bool { return s.fails(ends[i], reason) })
	from, to := 0, ends[line]
	if line > 0 {
		from = ends[line-1]
	}
	chars := charEnds(s.raw, from, to)
	if len(chars) == 0 {
		return from
	}
	char := s.first(len(chars), func(i int) bool { return s.fails(chars[i], reason) })
	if char == 0 {
		return from
	}
	return chars[char-1]
}

// consumed is how much the parser had read when it failed: a little more than what
// is wrong.
func (s *search) consumed(reason string) int {
	r := byteReader{s: s.raw}
	if _, err := parseNodes(&r); err == nil || !s.fails(r.n, reason) {
		return len(s.raw)
	}
	return r.n
}

func (s *search) fails(end int, reason string) bool {
	if s.left -= end; s.left < 0 {
		return false
	}
	_, err := parseNodes(strings.NewReader(s.raw[:end]))
	return err != nil && reasonOf(err) == reason
}

// first is the first of n for which bad holds, given that it holds for the last. It
// steps back from there, further each time, and then divides: further away, what is
// right may look just as wrong for as long as it is cut off.
func (s *search) first(n int, bad func(int) bool) int {
	last, step := n-1, 1
	for last-step >= 0 && bad(last-step) {
		last -= step
		step *= 2
	}
	low := max(0, last-step+1)
	if last-step < 0 {
		low = 0
	}
	return low + sort.Search(last-low, func(i int) bool { return bad(low + i) })
}

// charEnds are the offsets after each character of s[from:to].
func charEnds(s string, from, to int) []int {
	var ends []int
	for i := from; i < to; {
		_, n := utf8.DecodeRuneInString(s[i:])
		i += n
		ends = append(ends, i)
	}
	return ends
}

// blank puts spaces in place of the line, and of the lines after it that are
// indented more: they belong to it.
func (t *text) blank(raw string, line int) string {
	b := []byte(raw)
	indent := indentOf(t.line(line))
	starts := t.lines()
	for n := line; n <= len(starts); n++ {
		s := t.line(n)
		if n > line && strings.TrimSpace(s) != "" && indentOf(s) <= indent {
			break
		}
		for i := range len(s) {
			b[starts[n-1]+i] = ' '
		}
	}
	return string(b)
}

func indentOf(line string) int {
	return len(line) - len(strings.TrimLeft(line, " \t"))
}

// A byteReader hands out single bytes and counts them.
type byteReader struct {
	s string
	n int
}

func (r *byteReader) Read(p []byte) (int, error) {
	if r.n == len(r.s) {
		return 0, io.EOF
	}
	p[0] = r.s[r.n]
	r.n++
	return 1, nil
}
