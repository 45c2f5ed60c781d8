// Package templating reads and evaluates the texts of workflows: templates such as
// "Disk at {{ steps.df.results }}%" and conditions such as
// "{{ steps.df.results }} > 90 and keep.is_business_hours()". It knows texts and
// data, not workflows, and does no I/O.
//
// Data is never read as a template: only what the workflow's author wrote is
// parsed, once.
package templating

import (
	"context"
	"time"
)

// A Language is how texts are read: the functions they may call, and whether Keep's
// own answers are wanted where ours differ ("compat: keep"). The zero Language has
// no functions.
type Language struct {
	Functions *Functions
	Keep      bool
}

// A Template is a parsed text. It is safe for concurrent use.
//
// A *Template may itself stand in a Scope's data, as a value under consts, vars or
// aliases: a path that leads to it gives what it renders to. Rendering stops with an
// error when templates refer to each other in a circle.
type Template struct{}

// Parse reads a text. The error is an *Error.
func (l Language) Parse(text string) (*Template, error) { panic("unwritten") }

// Render returns the text's value in s: a string, except that a text that is
// wholly one call of a function returning a mapping gives the mapping (spec §4.7).
// Missing paths are an error where s.Strict says so and empty text elsewhere.
func (t *Template) Render(ctx context.Context, s *Scope) (any, error) { panic("unwritten") }

// Value is Render, except that a text that is one {{ }} or one call and nothing
// else keeps the type of what it gives: for parameters that are lists, mappings,
// numbers or booleans, and for foreach.
func (t *Template) Value(ctx context.Context, s *Scope) (any, error) { panic("unwritten") }

// Constant says that the text needs no rendering.
func (t *Template) Constant() bool { panic("unwritten") }

// Refs lists the paths the text reads, in order.
func (t *Template) Refs() []Ref { panic("unwritten") }

// Notes are what is legal but suspicious, such as a Jinja filter.
func (t *Template) Notes() []Note { panic("unwritten") }

// A Form is what a condition is written for: it decides about names and about data
// that is missing (design/decisions.md, "assert").
type Form int

const (
	// If is a step's "if" and an "expect": true, false and null are literals, a
	// missing path is null. What cannot be evaluated is an error.
	If Form = iota
	// Assert is the assert of a "workflow:" document: lower-case true, false and
	// null are unknown names, and any error makes the condition false.
	Assert
	// AlertAssert is the assert of an "alert:" document: true, false and null are
	// literals; missing data and what cannot be compared are errors, never a pass.
	AlertAssert
)

// An Expr is a parsed condition, compiled to an expr-lang program. It is safe for
// concurrent use.
type Expr struct{}

// ParseExpr reads a condition. The error is an *Error.
func (l Language) ParseExpr(text string, form Form) (*Expr, error) { panic("unwritten") }

// Bool is the truth (Python's) of the condition in s.
func (e *Expr) Bool(ctx context.Context, s *Scope) (bool, error) { panic("unwritten") }

// Value is the value of the condition in s.
func (e *Expr) Value(ctx context.Context, s *Scope) (any, error) { panic("unwritten") }

// Explain evaluates every part of the condition: what a person needs to see why it
// held or did not. It is slower than Bool.
func (e *Expr) Explain(ctx context.Context, s *Scope) Explanation { panic("unwritten") }

// Refs lists the paths the condition reads, Notes what is suspicious about it.
func (e *Expr) Refs() []Ref   { panic("unwritten") }
func (e *Expr) Notes() []Note { panic("unwritten") }

// An Explanation is one part of a condition and its value. Parts are what it was
// made of; a literal has none and is not listed.
type Explanation struct {
	Text    string        `json:"text"`
	Value   any           `json:"value"`
	Missing bool          `json:"missing,omitempty"` // a path that was not there
	Error   string        `json:"error,omitempty"`   // why there is no value
	Parts   []Explanation `json:"parts,omitempty"`
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

// An Error says what is wrong with a text, and where in it (a byte offset).
type Error struct {
	Text    string
	Offset  int
	Message string
	Hint    string
	Missing []string // paths that were not there
}

func (e *Error) Error() string { panic("unwritten") }
