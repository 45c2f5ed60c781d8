package templating

import (
	"context"
	"fmt"
	"strings"

	"tocsin/templating/value"
)

// The forms of CEL: what decides whether an alert starts a workflow. A mistake in
// the data is a value there, which "||" and "&&" take no notice of where the other
// side decides.
const (
	celForm     Form = AlertAssert + 1 + iota
	keepCELForm      // with Keep's own answers
)

// The codes of the notes about CEL.
const (
	NoteSeverity = "impossible-comparison" // severity compared with a word that is none
	NoteBare     = "unknown-root"          // alert.name for name
)

// ParseCEL reads a condition in CEL about the fields of an alert, which are the
// names in the scope's data. Beyond the CEL of cel-spec.dev, list.contains(v) is
// membership, has(x) takes any expression, and the root is not fetched: a condition
// that is not a boolean counts as Python counts it. Numbers of different types
// compare; values of different kinds are not equal, and have no order.
//
// Two fields have a meaning of their own: severity is compared by rank (critical,
// high, warning, info, low, or 5 to 1, in upper or lower case), with words and lists
// of words; source is a list of texts, and compared with a text it is equal to each of
// them.
//
// With Keep, the text is rewritten first as Keep does (spec §2.3), severity is its
// number in the data, and comparing an integer with a floating-point number is an
// error.
//
// The error is an *Error. Bool says false and an *Error for what cannot be evaluated.
func (l Language) ParseCEL(text string) (*Expr, error) {
	if len(text) > maxExpression {
		return nil, &Error{Text: text, Message: fmt.Sprintf("a condition of %d bytes, more than %d", len(text), maxExpression), Hint: "write several triggers"}
	}
	e, err := l.parseCEL(text)
	if err != nil || !l.Keep {
		return e, err
	}
	return l.parseCEL(KeepCEL(text))
}

func (l Language) parseCEL(text string) (*Expr, error) {
	p := &celParser{&parser{lang: l, form: celForm, text: text, end: len(text), nodes: maxNodes, open: "{{", close: "}}"}}
	if l.Keep {
		p.form = keepCELForm
	}
	if strings.TrimSpace(text) == "" {
		p.fail(0, "an empty condition", "leave it out")
		return nil, p.err
	}
	n := p.choice()
	if p.space(); p.err == nil && p.pos < p.end {
		p.unexpected()
	}
	if p.err != nil {
		return nil, p.err
	}
	return &Expr{text: text, form: p.form, code: code{node: n}, notes: p.notes}, nil
}

func (f Form) cel() bool { return f >= celForm }

// celTruth is the truth of a condition in CEL: a text counts by whether it is empty.
func (e *Expr) celTruth(ctx context.Context, s *Scope) (bool, error) {
	v, err := e.Value(ctx, s)
	return err == nil && value.Truthy(v), err
}

// severities are the words of severity, by rank.
var severities = [...]string{"low", "info", "warning", "high", "critical"}

// SeverityRank is the rank of a severity: 1 for low to 5 for critical, in upper or
// lower case; false for other words.
func SeverityRank(word string) (int64, bool) {
	for i, s := range severities {
		if strings.EqualFold(s, word) {
			return int64(i) + 1, true
		}
	}
	return 0, false
}
