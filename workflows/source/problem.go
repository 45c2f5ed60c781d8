package source

import (
	"cmp"
	"slices"
	"strings"
)

// A Problem is one thing wrong with a document, and what to do about it.
type Problem struct {
	Pos     Pos
	Len     int    // characters the caret underlines; 0: the word at Pos
	Code    string // of its Rule: TOC012
	Message string // unknown parameter "massage"
	Hint    string // did you mean "message"? Several hints: one a line
	Warning bool   // the document still works
	Fix     Fix    // the zero Fix: somebody has to think about it
}

// Note reports whether p is a matter of taste or a guess: less than a warning.
func (p Problem) Note() bool { return p.Warning && p.severity() == IsNote }

// severity is what p's own rule makes of a warning.
func (p Problem) severity() Severity {
	if !p.Warning {
		return IsError
	}
	if r, ok := RuleOf(p.Code); ok && r.Severity == IsNote {
		return IsNote
	}
	return IsWarning
}

// Error is the problem in one line: place, message and hint.
func (p Problem) Error() string {
	var b strings.Builder
	if at := p.Pos.String(); at != "" {
		b.WriteString(at)
		b.WriteString(": ")
	}
	b.WriteString(clean(p.Message))
	if p.Hint != "" {
		b.WriteString(" (")
		b.WriteString(clean(strings.ReplaceAll(p.Hint, "\n", "; ")))
		b.WriteByte(')')
	}
	return b.String()
}

// Problems is everything found wrong, in the order of places. It is an error; Err
// is nil if none is fatal.
type Problems []Problem

// Error is one line for each problem, the errors first where there are warnings
// too.
func (ps Problems) Error() string {
	lines := make([]string, 0, len(ps))
	for _, p := range ps {
		if !p.Warning {
			lines = append(lines, p.Error())
		}
	}
	for _, p := range ps {
		if p.Warning {
			lines = append(lines, "warning: "+p.Error())
		}
	}
	return strings.Join(lines, "\n")
}

// Err is ps as an error, warnings included, or nil if all of them are warnings.
func (ps Problems) Err() error {
	for i := range ps {
		if !ps[i].Warning {
			return ps
		}
	}
	return nil
}

// Sort puts the problems into the order of files and places; those of one place
// keep their order.
func (ps Problems) Sort() {
	slices.SortStableFunc(ps, func(a, b Problem) int { return a.Pos.compare(b.Pos) })
}

func (p Pos) compare(q Pos) int {
	return cmp.Or(cmp.Compare(p.File, q.File), cmp.Compare(p.Line, q.Line), cmp.Compare(p.Col, q.Col))
}

func (ps Problems) sorted() Problems {
	ps = slices.Clone(ps)
	ps.Sort()
	return ps
}
