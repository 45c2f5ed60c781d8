package report

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"tocsin/engine"
	"tocsin/templating/value"
)

// A Style is how text looks: with the colours of a terminal, or plain.
type Style struct{ Color bool }

const (
	red    = "31"
	green  = "32"
	yellow = "33"
	grey   = "90"
	bold   = "1"
)

func (s Style) paint(code, text string) string {
	if !s.Color || text == "" || code == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

// marks is what stands before a step or a workflow, and its colour.
var marks = map[engine.Status]struct{ word, color string }{
	engine.Done:     {"ok", green},
	engine.Skipped:  {"skip", grey},
	engine.Failed:   {"FAIL", red},
	engine.Broken:   {"ERROR", red},
	engine.TimedOut: {"TIMEOUT", red},
	engine.Canceled: {"STOPPED", yellow},
}

// markWidth is the length of the longest mark.
const markWidth = len("TIMEOUT")

func (s Style) mark(status engine.Status) string {
	m := marks[status]
	return s.paint(m.color, pad(m.word, markWidth))
}

// pad fills text with blanks to a width in characters.
func pad(text string, width int) string {
	return text + strings.Repeat(" ", max(0, width-utf8.RuneCountInString(text)))
}

// clean is text that cannot move the cursor, change colours or break a line.
func clean(text string) string {
	if strings.IndexFunc(text, unsafe) < 0 {
		return text
	}
	return strings.Map(func(r rune) rune {
		if unsafe(r) {
			return ' '
		}
		return r
	}, text)
}

// unsafe are control characters, and those that change the direction of text.
func unsafe(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) }

// maxShown is how many characters of a value are shown to a person.
const maxShown = 160

// shown is a value as JSON on one line, cut to what a person reads.
func shown(v any) string { return short(clean(string(value.AppendJSON(nil, v))), maxShown) }

// short cuts text to n characters.
func short(text string, n int) string {
	if utf8.RuneCountInString(text) <= n {
		return text
	}
	return string([]rune(text)[:n-1]) + "…"
}

// took is a duration as a person reads it: three digits at most.
func took(d time.Duration) string {
	switch {
	case d >= time.Minute:
		return d.Round(time.Second).String()
	case d >= 10*time.Second:
		return d.Round(100 * time.Millisecond).String()
	case d >= time.Second:
		return d.Round(10 * time.Millisecond).String()
	case d >= 10*time.Millisecond:
		return d.Round(time.Millisecond).String()
	case d >= time.Millisecond:
		return d.Round(100 * time.Microsecond).String()
	}
	return d.Round(time.Microsecond).String()
}

// millis is a duration in milliseconds, to the microsecond.
func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
