// Package report writes results for someone: a person, a CI system, a program. It
// does not decide what failed.
package report

import (
	"io"

	"tocsin/engine"
)

// A Format writes the results of one invocation.
type Format func(w io.Writer, runs []*engine.Result) error

// Formats is the table of formats: "text", "json", "junit", "tap", "github",
// "summary".
func Formats() map[string]Format { panic("unwritten") }

// Progress writes a line as things happen, where w is not a terminal; Live draws the
// tree of steps anew, where it is.
func Progress(w io.Writer) func(engine.Event) { panic("unwritten") }
