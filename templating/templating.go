// Package templating reads and evaluates the texts of workflows: templates such as
// "Disk at {{ steps.df.results }}%" and conditions such as
// "{{ steps.df.results }} > 90 and keep.is_business_hours()". It knows texts and
// data, not workflows, and does no I/O.
//
// Data is never read as a template: only what the workflow's author wrote is
// parsed, once. Conditions keep their Python flavour for the author; inside, they
// are trees of nodes (syntax.go) that become programs of expr-lang (translate.go),
// whose operators are ours (compare.go, arith.go) and count what they cost
// (budget.go). A {{ path }} in a condition is a variable of that program, so no
// value can change what the condition says.
//
// A hyphen between two characters of a name belongs to the name when the name is
// part of a path with dots, so that {{ steps.websocket-test.results > 3 }} reads
// the step "websocket-test"; a minus sign after such a path needs a space.
package templating

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// A Language is how texts are read: the functions they may call, and whether Keep's
// own answers are wanted where ours differ ("compat: keep"). The zero Language has
// no functions.
type Language struct {
	Functions *Functions
	Keep      bool
}

// A Scope is what a text can see.
type Scope struct {
	Data   map[string]any   // by first name: steps, alert, foreach, consts, ...; values of package value
	Now    func() time.Time // nil: time.Now
	Strict bool             // a missing path is an error: for the parameters of a call
}

// A Ref is a path that a text reads, and where in the text (a byte offset).
type Ref struct {
	Path   []string
	Offset int
}

// A Note is a warning about a text: it works, but probably not as meant.
type Note struct {
	Offset  int
	Code    string
	Message string
	Hint    string
}

// The codes of notes.
const (
	NoteJinja   = "jinja-filter"      // a Jinja filter where a sprig function is meant
	NoteJS      = "js-operator"       // &&, || or ! for and, or, not
	NoteLiteral = "unknown-name"      // true, false, null or another bare name in an assert
	NotePartial = "partial"           // {{> x}}, which renders nothing
	NoteNever   = "bad-text"          // no expression, with "compat: keep"
	NoteEmpty   = "unknown-reference" // {{ }}, which is never there
	NoteSpaces  = "spaces-in-path"    // a path with spaces in its names
)

// An Error says what is wrong with a text, and where in it (a byte offset).
type Error struct {
	Text    string
	Offset  int
	Message string
	Hint    string
	Missing []string // paths that were not there

	called  bool // a function said it: also in an assert this is no answer, with "compat: keep"
	refused bool // an operator said it: an if does not hold then, with "compat: keep"
}

// Error is the message and the text around the place, in one line. The hint is left
// to those who have a line for it.
func (e *Error) Error() string {
	if e.Text == "" {
		return e.Message
	}
	return fmt.Sprintf("%s in %q", e.Message, around(e.Text, e.Offset))
}

// around is text, or if it is long, what is near offset.
func around(text string, offset int) string {
	const room = 60
	text = strings.ToValidUTF8(text, "?")
	if len(text) <= room {
		return text
	}
	from := max(0, min(offset, len(text))-room/2)
	to := min(len(text), from+room)
	from = max(0, to-room)
	for from > 0 && !utf8.RuneStart(text[from]) {
		from--
	}
	for to < len(text) && !utf8.RuneStart(text[to]) {
		to++
	}
	out := text[from:to]
	if from > 0 {
		out = "..." + out
	}
	if to < len(text) {
		out += "..."
	}
	return out
}

// missingError is the error for paths that were not there. Scripts look for its
// first words (spec §12).
func missingError(text string, offset int, paths []string) *Error {
	e := &Error{Text: text, Offset: offset, Missing: paths}
	if len(paths) == 1 {
		e.Message = "Could not find key '" + paths[0] + "' in the context."
		return e
	}
	e.Message = "Could not find keys: '" + strings.Join(paths, "', '") + "' in the context."
	return e
}

// evaluationError puts the text to an error that came up while it was evaluated; nil
// stays nil, and so does the end of the context.
func evaluationError(text string, err error) error {
	switch e := err.(type) {
	case nil:
		return nil
	case *Error:
		if e.Text != "" {
			return e
		}
		wrong := *e
		wrong.Text = text
		return &wrong
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return &Error{Text: text, Message: err.Error()}
}
