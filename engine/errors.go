package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"tocsin/templating"
	"tocsin/workflows/source"
)

// A StepError is the failure of one step. Attempt is the last one, or 0 where the
// provider was not called.
type StepError struct {
	Pos     source.Pos
	Step    string
	Attempt int
	Err     error
}

// Error reads from the outside in: place, step, what its provider or text said.
func (e *StepError) Error() string {
	text := fmt.Sprintf("step %q: %v", e.Step, e.Err)
	if pos := e.Pos.String(); pos != "" {
		return pos + ": " + text
	}
	return text
}

// Unwrap is what went wrong, without the step.
func (e *StepError) Unwrap() error { return e.Err }

// A textError is a text that could not be rendered or evaluated, and where it is.
type textError struct {
	pos source.Pos
	err error
}

// Error leaves out the text itself, which templating quotes: the place says it.
func (e *textError) Error() string {
	var text *templating.Error
	if errors.As(e.err, &text) {
		return text.Message
	}
	return e.err.Error()
}

func (e *textError) Unwrap() error { return e.err }

// An expectError is an expect that did not hold: a check that failed, not a step that
// broke.
type expectError struct {
	pos   source.Pos // of the first
	words string
}

func (e *expectError) Error() string { return e.words }

// A limitError is time that is over. It is the cause of a context of ours.
type limitError struct {
	what  string // "the run", "the call"
	limit time.Duration
}

func (e *limitError) Error() string {
	return fmt.Sprintf("%s took longer than %s", e.what, span(e.limit))
}

// A stoppedError is a call that ended because its context did.
type stoppedError struct {
	cause error // why the context ended
	err   error // what the provider said then
	left  bool  // it did not come back and was left behind
}

func (e *stoppedError) Error() string {
	cause := e.cause.Error()
	switch e.cause {
	case context.Canceled:
		cause = "the run was stopped"
	case context.DeadlineExceeded:
		cause = "the time for the run is over"
	}
	switch {
	case e.left:
		return fmt.Sprintf("%s; it did not stop when told to and was abandoned after %s more", cause, span(grace))
	case e.err == nil, errors.Is(e.err, context.DeadlineExceeded), errors.Is(e.err, context.Canceled):
		return cause
	}
	return fmt.Sprintf("%s: %v", cause, e.err)
}

func (e *stoppedError) Unwrap() []error { return []error{e.cause, e.err} }

// A panicError is a bug of a provider or function, met in one step.
type panicError struct{ value any }

func (e *panicError) Error() string {
	return fmt.Sprintf("a bug: it panicked: %v (the stack is in the log)", e.value)
}

// statusOf is how a step ended that ended with err.
func statusOf(err error) Status {
	var expect *expectError
	var stopped *stoppedError
	var then *recordedError
	switch {
	case err == nil:
		return Done
	case errors.As(err, &expect):
		return Failed
	case errors.As(err, &stopped):
		return endOf(stopped.cause)
	case errors.As(err, &then):
		return then.status
	}
	return Broken
}

// endOf is how something ended whose context ended because of cause.
func endOf(cause error) Status {
	var limit *limitError
	if errors.As(cause, &limit) || errors.Is(cause, context.DeadlineExceeded) {
		return TimedOut
	}
	return Canceled
}

// worse is the status that stands for both: the order of the exit codes
// (design/decisions.md, "The command line").
func worse(a, b Status) Status {
	for _, s := range [...]Status{Canceled, TimedOut, Broken, Failed} {
		if a == s || b == s {
			return s
		}
	}
	return a
}

// span is d without the "0s" and "0m0s" that say nothing.
func span(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}
