package providers

import (
	"errors"
	"time"
)

// An Error says which provider failed at what, and whether trying again can help.
type Error struct {
	Provider  string
	Op        string // "open", "query", "notify", ...
	Status    int    // of the answer, if it was HTTP
	Temporary bool
	After     time.Duration // how long to wait, if the vendor said
	Err       error
}

func (e *Error) Error() string { panic("unwritten") }
func (e *Error) Unwrap() error { return e.Err }

// Temporary marks an error as one that may pass.
func Temporary(err error, after time.Duration) error { panic("unwritten") }

// ErrUnsupported means that the provider has no such operation.
var ErrUnsupported = errors.New("operation not supported")
