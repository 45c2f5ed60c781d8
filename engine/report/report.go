// Package report writes results for someone: a person, a CI system, a program. It
// does not decide what failed: that stands in the results.
//
// Formats that count test cases (JUnit, TAP, the summary) share one view of a run:
// see cases.
package report

import (
	"io"

	"tocsin/engine"
)

// A Format writes the results of one invocation. Runs that never started are nil and
// are passed over.
type Format func(w io.Writer, runs []*engine.Result) error

// Formats is the table of formats.
func Formats() map[string]Format {
	return map[string]Format{
		"text":    Text{}.Write,
		"json":    JSON,
		"junit":   JUnit,
		"tap":     TAP,
		"github":  GitHub,
		"summary": Summary,
	}
}
