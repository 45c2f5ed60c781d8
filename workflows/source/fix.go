package source

import (
	"slices"
	"strings"
)

// A Fix is a change to the text that can be made without asking: afterwards the
// document means the same, or something that could not work says the one thing that it
// can mean.
type Fix struct {
	Pos  Pos    // where it begins
	Old  string // what stands there, byte for byte; if it does not, nothing is changed
	Text string // what is to stand there; its lines end in "\n", whatever the file's do
	What string // what is done, as an order: write "results"; "": there is no fix
}

// ApplyFixes returns raw with the fixes of ps made, and the problems whose fixes they
// were. Everything else stays as it is, byte for byte. Of two fixes of one place the
// first is made, and the next time the other. So is the first of several that cannot
// be there together, such as two that would make the file unreadable.
func ApplyFixes(file string, raw []byte, ps Problems) ([]byte, Problems) {
	t := &text{file: file, raw: strings.TrimPrefix(string(raw), bom)}
	mark := raw[:len(raw)-len(t.raw)]
	var done Problems
	before := len(t.raw) // where the last fix made begins: those that end there are still right
	fixed := t.raw
	for _, p := range backwards(ps) {
		start, end := t.span(p.Fix)
		if start < 0 || end > before || len(done) > 0 && start == before {
			continue
		}
		changed := fixed[:start] + t.broken(p.Fix.Text) + fixed[end:]
		if !readable(file, fixed, changed) {
			continue
		}
		fixed, before = changed, start
		done = append(done, p)
	}
	done.Sort()
	return append(slices.Clip(mark), fixed...), done
}

// backwards are the problems that have a fix, the last first, so that what is before a
// fix stays where it is.
func backwards(ps Problems) Problems {
	ps = slices.DeleteFunc(slices.Clone(ps), func(p Problem) bool { return p.Fix.What == "" })
	slices.SortStableFunc(ps, func(a, b Problem) int { return b.Fix.Pos.compare(a.Fix.Pos) })
	return ps
}

// span is where f begins and ends in the text; -1 where it is not about it.
func (t *text) span(f Fix) (start, end int) {
	start = t.offset(f.Pos)
	if start < 0 || f.Pos.File != t.file {
		return -1, -1
	}
	if !strings.HasPrefix(t.raw[start:], f.Old) {
		return -1, -1
	}
	return start, start + len(f.Old)
}

// broken is s with the line breaks that the file has.
func (t *text) broken(s string) string {
	if strings.Contains(t.raw, "\r\n") {
		return strings.ReplaceAll(s, "\n", "\r\n")
	}
	return s
}

const bom = "\ufeff"

// readable reports whether the fixed text is no worse as YAML than the one before.
func readable(file, before, fixed string) bool {
	_, ps := Read(file, []byte(fixed))
	if ps.Err() == nil {
		return true
	}
	_, old := Read(file, []byte(before))
	return old.errors() > 0 && ps.errors() < old.errors()
}

func (ps Problems) errors() int {
	n := 0
	for i := range ps {
		if !ps[i].Warning {
			n++
		}
	}
	return n
}

// Remove is the fix that takes the entry of a mapping away. There is none where the
// entry does not have its lines to itself.
func (v Value) Remove(e Entry, what string) Fix {
	if v.text == nil {
		return Fix{}
	}
	return v.text.remove(e.Pos, what)
}

// remove takes away the "key: value" at p: its line, and what is indented more.
func (t *text) remove(p Pos, what string) Fix {
	line := t.line(p.Line)
	indent := indentOf(line)
	if indent != columnOffset(line, p.Col) {
		return Fix{}
	}
	last := p.Line
	for n := p.Line + 1; n <= len(t.lines()); n++ {
		below := t.line(n)
		content := strings.TrimLeft(below, " ")
		if content == "" || content[0] == '#' {
			continue // it goes with what comes after it
		}
		in := len(below) - len(content)
		if in < indent || in == indent && !strings.HasPrefix(content, "- ") && content != "-" {
			break
		}
		last = n
	}
	end := len(t.raw)
	if last < len(t.lines()) {
		end = t.lines()[last]
	}
	from := Pos{File: p.File, Line: p.Line, Col: 1}
	return Fix{Pos: from, Old: t.raw[t.offset(from):end], What: what}
}
