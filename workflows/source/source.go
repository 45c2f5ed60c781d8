// Package source reads YAML into values that know where they were written, and
// prints problems that point there. It does not know what a workflow is.
package source

import (
	"io"
	"io/fs"
)

// A Pos is a place in a file; Line and Col count from 1, Col in characters. The
// zero Pos is nowhere: a value made by a program.
type Pos struct {
	File      string
	Line, Col int
}

// String is "file:line:col", or "" for the zero Pos.
func (p Pos) String() string { panic("unwritten") }

// A Value is one node of a document and where it was written. Data is nil, bool,
// int64, *big.Int, float64, string, time.Time, value.Date, []Value or Map, or, in
// a value made by a program, any other Go value, which is then passed on as it is.
type Value struct {
	Pos  Pos
	Data any
	// Style tells a quoted or block string from a plain one.
	Style Style
}

// A Style is how a scalar was written.
type Style uint8

const (
	Plain Style = iota
	Quoted
	Block
)

// A Map keeps its entries in the order in which they were written.
type Map []Entry

// An Entry is one "key: value".
type Entry struct {
	Key   string
	Pos   Pos
	Value Value
}

// Get returns the value of key; the zero Value and false where there is none.
func (m Map) Get(key string) (Value, bool) { panic("unwritten") }

// Parse reads a file of exactly one YAML document. Keys given twice are problems,
// as is bad syntax; the error is a Problems.
func Parse(file string, text []byte) (Value, error) { panic("unwritten") }

// ParseAll reads every document of a file ("---" between them).
func ParseAll(file string, text []byte) ([]Value, error) { panic("unwritten") }

// Of wraps plain Go data (package templating/value), which has no positions;
// Plain takes them off again: a Map becomes a *value.Map, a []Value a []any.
func Of(data any) Value    { panic("unwritten") }
func (v Value) Plain() any { panic("unwritten") }

// A Problem is one thing wrong with a document, and what to do about it.
type Problem struct {
	Pos     Pos
	Len     int    // characters the caret underlines; 0: the word at Pos
	Code    string // stable name, such as "unknown-key"; SARIF's rule id
	Message string // unknown parameter "massage"
	Hint    string // did you mean "message"?
	Warning bool   // the document still works
}

// Problems is everything found wrong, in the order of places. It is an error; Err
// is nil if none is fatal.
type Problems []Problem

func (ps Problems) Error() string { panic("unwritten") }
func (ps Problems) Err() error    { panic("unwritten") }

// Print writes the problems as a person wants to read them, with the lines they
// are about. A file that files does not have is shown without its lines; files may
// be nil.
func Print(w io.Writer, files fs.FS, ps Problems) error { panic("unwritten") }

// Nearest is the candidate closest to name, or "" if none is near enough to be
// what was meant (two edits, fewer for short names).
func Nearest(name string, candidates []string) string { panic("unwritten") }

// At is the place of the character at the given byte offset of v's text: in the
// same line for plain and quoted scalars without line breaks, in the right line of a
// block. It falls back to v.Pos where the writing cannot be followed.
func (v Value) At(offset int) Pos { panic("unwritten") }
