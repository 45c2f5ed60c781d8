package source

import (
	"strings"
	"sync"
	"unicode/utf8"
)

// A text is a file's text, shared by all values read from it. A byte order mark is
// not part of it.
type text struct {
	file string
	raw  string

	once  sync.Once
	start []int // of each line
}

// lines are the offsets at which lines begin. They break where the YAML parser
// breaks them, or its line numbers would not fit.
func (t *text) lines() []int {
	t.once.Do(func() { t.start = lineStarts(t.raw) })
	return t.start
}

func lineStarts(s string) []int {
	starts := make([]int, 1, strings.Count(s, "\n")+1)
	for i := 0; i < len(s); {
		if s[i] >= ' ' && s[i] < 0x80 {
			i++
			continue
		}
		if n := lineBreak(s[i:]); n > 0 {
			i += n
			starts = append(starts, i)
			continue
		}
		i++
	}
	return starts
}

// lineBreak is the length of the line break that s begins with, or 0. YAML 1.1
// breaks lines at NEL, LS and PS too.
func lineBreak(s string) int {
	if s == "" {
		return 0
	}
	switch s[0] {
	case '\n':
		return 1
	case '\r':
		if len(s) > 1 && s[1] == '\n' {
			return 2
		}
		return 1
	case 0xC2:
		if strings.HasPrefix(s, "\u0085") {
			return 2
		}
	case 0xE2:
		if strings.HasPrefix(s, "\u2028") || strings.HasPrefix(s, "\u2029") {
			return 3
		}
	}
	return 0
}

// line is the n-th line, counted from 1, without its break; "" if there is none.
func (t *text) line(n int) string {
	starts := t.lines()
	if n < 1 || n > len(starts) {
		return ""
	}
	end := len(t.raw)
	if n < len(starts) {
		end = starts[n]
	}
	return strings.TrimRight(t.raw[starts[n-1]:end], "\r\n\u0085\u2028\u2029")
}

// offset is where the place p is in the text, or -1.
func (t *text) offset(p Pos) int {
	starts := t.lines()
	if p.Line < 1 || p.Line > len(starts) {
		return -1
	}
	i := starts[p.Line-1]
	for range p.Col - 1 {
		_, n := utf8.DecodeRuneInString(t.raw[i:])
		if n == 0 {
			return -1
		}
		i += n
	}
	return i
}

// pos is the place of the offset i, which lies in the text or at its end.
func (t *text) pos(i int) Pos {
	starts := t.lines()
	line := len(starts)
	for lo := 0; lo < line; { // the last line that starts at or before i
		mid := (lo + line) / 2
		if starts[mid] <= i {
			lo = mid + 1
		} else {
			line = mid
		}
	}
	from := starts[line-1]
	return Pos{File: t.file, Line: line, Col: utf8.RuneCountInString(t.raw[from:i]) + 1}
}

// own is s as it stands in the text, so many bytes after p, so that there is no copy of it
// beside the text. Where it does not stand there, or too far into its line to look for, it
// is s.
func (t *text) own(s string, p Pos, skip int) string {
	const far = 500
	if p.Col > far {
		return s
	}
	i := t.offset(p)
	if i < 0 || i+skip > len(t.raw) || !strings.HasPrefix(t.raw[i+skip:], s) {
		return s
	}
	return t.raw[i+skip:][:len(s)]
}
