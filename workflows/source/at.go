package source

import (
	"strings"
	"unicode/utf8"
)

// At is the place of the character at the given byte offset of v's text, through
// quotes, escapes and folded lines. It falls back to v.Pos where the writing cannot
// be followed, as in a value made by a program.
func (v Value) At(offset int) Pos {
	s, isText := v.Data.(string)
	if v.text == nil || !isText || offset < 0 || offset > len(s) {
		return v.Pos
	}
	start := v.text.offset(v.Pos)
	if start < 0 {
		return v.Pos
	}
	f := follower{raw: v.text.raw, i: skipProperties(v.text.raw, start), s: s, offset: offset}
	var found bool
	switch v.Style {
	case Block:
		f.offset = min(offset, len(strings.TrimRight(s, "\n")))
		found = f.block()
	case Quoted:
		f.quote = f.peek(0)
		f.i++
		found = f.flow()
	default:
		found = f.flow()
	}
	if !found {
		return v.Pos
	}
	return v.text.pos(f.i)
}

// skipProperties skips the tag and the anchor before a value.
func skipProperties(raw string, i int) int {
	for i < len(raw) && (raw[i] == '&' || raw[i] == '!') {
		i += strings.IndexAny(raw[i:]+" ", " \t\r\n")
		i += len(raw[i:]) - len(strings.TrimLeft(raw[i:], " \t\r\n"))
	}
	return i
}

// A follower reads a scalar as the parser does, beside the text s that it gave, up
// to an offset of s.
type follower struct {
	raw    string
	i      int // in raw
	s      string
	out    int // in s
	offset int
	quote  byte // of a quoted text, else 0
}

func (f *follower) peek(n int) byte {
	if f.i+n >= len(f.raw) {
		return 0
	}
	return f.raw[f.i+n]
}

// flow follows a plain or quoted text and says whether it came to the offset.
func (f *follower) flow() bool {
	for f.i < len(f.raw) {
		size, text := f.next()
		switch {
		case f.out == f.offset && (text != "" || size == 0):
			return true
		case size == 0 || !strings.HasPrefix(f.s[f.out:], text):
			return false
		case f.out+len(text) > f.offset:
			return true
		}
		f.i += size
		f.out += len(text)
	}
	return f.out == f.offset
}

// next is how many bytes are written at f.i for the text they stand for; 0 at the
// end of the scalar.
func (f *follower) next() (size int, text string) {
	c := f.raw[f.i]
	switch {
	case f.quote == 0 && f.out == len(f.s):
		return 0, ""
	case c == ' ' || c == '\t' || lineBreak(f.raw[f.i:]) > 0:
		return f.space()
	case f.quote == '\'' && c == '\'':
		if f.peek(1) == '\'' {
			return 2, "'"
		}
		return 0, ""
	case f.quote == '"' && c == '"':
		return 0, ""
	case f.quote == '"' && c == '\\':
		return f.escape()
	}
	_, size = utf8.DecodeRuneInString(f.raw[f.i:])
	return size, f.raw[f.i : f.i+size]
}

// space is one space, or the line breaks here with the spaces around them: one
// break is a space, more are one break less.
func (f *follower) space() (size int, text string) {
	size, breaks := f.breaks(f.i)
	switch breaks {
	case 0:
		return 1, f.raw[f.i : f.i+1]
	case 1:
		return size, " "
	}
	return size, strings.Repeat("\n", breaks-1)
}

// breaks is the length of the blanks at i and the number of line breaks in them.
func (f *follower) breaks(i int) (size, breaks int) {
	from := i
	for i < len(f.raw) {
		if f.raw[i] == ' ' || f.raw[i] == '\t' {
			i++
		} else if n := lineBreak(f.raw[i:]); n > 0 {
			i += n
			breaks++
		} else {
			break
		}
	}
	return i - from, breaks
}

// escape is an escape of a text in double quotes. Its text is taken from s, which
// must have a character there.
func (f *follower) escape() (size int, text string) {
	rest := f.raw[f.i+1:]
	if n := lineBreak(rest); n > 0 {
		size, breaks := f.breaks(f.i + 1 + n)
		return 1 + n + size, strings.Repeat("\n", breaks)
	}
	size = 2
	switch f.peek(1) {
	case 'x':
		size = 4
	case 'u':
		size = 6
	case 'U':
		size = 10
	}
	_, n := utf8.DecodeRuneInString(f.s[f.out:])
	return size, f.s[f.out : f.out+n]
}

// block follows a text after | or >, line by line.
func (f *follower) block() bool {
	folded := f.peek(0) == '>'
	f.skipLine()
	indent, blanks := -1, 0
	spaced := true // the line before begins with a space, or there is none: nothing is folded
	for first := true; f.i < len(f.raw); {
		line := f.raw[f.i : f.i+lineLength(f.raw[f.i:])]
		content := strings.TrimLeft(line, " ")
		if indent < 0 && content != "" {
			indent = len(line) - len(content) - leadingSpaces(f.s)
		}
		if indent < 0 || len(line) <= indent && content == "" {
			blanks++
			f.skipLine()
			continue
		}
		if indent < 0 || len(line)-len(content) < indent {
			break
		}
		line = line[indent:]
		gap := f.gap(folded && !spaced && !isBlank(line), first, blanks)
		if f.out+len(gap) > f.offset {
			f.i-- // the break before this line
			return strings.HasPrefix(f.s[f.out:], gap)
		}
		f.out += len(gap)
		if f.out+len(line) >= f.offset {
			f.i += indent + f.offset - f.out
			return strings.HasPrefix(f.s[f.out:], line)
		}
		if !strings.HasPrefix(f.s[min(f.out, len(f.s)):], line) {
			return false
		}
		f.out += len(line)
		spaced, first, blanks = isBlank(line), false, 0
		f.skipLine()
	}
	return false
}

// gap is what stands between two lines of a block with so many empty ones between
// them.
func (f *follower) gap(folded, first bool, blanks int) string {
	switch {
	case first:
		return strings.Repeat("\n", blanks)
	case folded && blanks == 0:
		return " "
	case folded:
		return strings.Repeat("\n", blanks)
	}
	return strings.Repeat("\n", blanks+1)
}

func (f *follower) skipLine() {
	f.i += lineLength(f.raw[f.i:])
	f.i += lineBreak(f.raw[f.i:])
}

// lineLength is the length of the line that s begins with, without its break.
func lineLength(s string) int {
	for i := range len(s) {
		if lineBreak(s[i:]) > 0 {
			return i
		}
	}
	return len(s)
}

func leadingSpaces(s string) int {
	s = strings.TrimLeft(s, "\n")
	return len(s) - len(strings.TrimLeft(s, " "))
}

func isBlank(line string) bool {
	return line != "" && (line[0] == ' ' || line[0] == '\t')
}
