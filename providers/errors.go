package providers

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// An Error says which provider failed at what, and whether trying again can help.
// Its text is "slack: notify: 404 Not Found: channel_not_found"; what is empty is
// left out.
type Error struct {
	Provider  string
	Op        string // "open", "query", "notify", "subscribe", "pull", "check", "close"
	Status    int    // of the answer, if it was HTTP
	Temporary bool
	After     time.Duration // how long to wait, if the vendor said
	Err       error         // the vendor's words, without the status
}

func (e *Error) Error() string {
	var parts []string
	for _, p := range []string{e.Provider, e.Op, e.status()} {
		if p != "" {
			parts = append(parts, p)
		}
	}
	if e.Err != nil {
		if text := e.Err.Error(); text != "" {
			parts = append(parts, text)
		}
	}
	if len(parts) == 0 {
		return "error without words"
	}
	return strings.Join(parts, ": ")
}

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }

// status is the status in words, unless an Error within says it.
func (e *Error) status() string {
	if e.Status == 0 {
		return ""
	}
	if inner, ok := errors.AsType[*Error](e.Err); ok && inner.Status == e.Status {
		return ""
	}
	return strings.TrimSpace(fmt.Sprintf("%d %s", e.Status, http.StatusText(e.Status)))
}

// Temporary marks an error as one that may pass; after is how long the vendor said to
// wait, or 0. Temporary(nil, d) is nil.
func Temporary(err error, after time.Duration) error {
	if err == nil {
		return nil
	}
	return &Error{Temporary: true, After: after, Err: err}
}

// ErrUnsupported means that the provider has no such operation.
var ErrUnsupported = errors.New("operation not supported")

// ErrUnhandled is what the emit of a subscription returns where an alert came well but
// what it set off did not: the subscription goes on. Whether the alert is emitted again
// is the provider's matter.
var ErrUnhandled = errors.New("alert not handled")

// wrap says which provider failed at what. What an Error within knows (status,
// whether and when to try again) is the outer one's too; a deadline may well hold the
// next time.
func wrap(provider, op string, err error) error {
	if err == nil {
		return nil
	}
	outer := &Error{Provider: provider, Op: op, Err: err}
	if inner, ok := errors.AsType[*Error](err); ok {
		outer.Status, outer.Temporary, outer.After = inner.Status, inner.Temporary, inner.After
		if direct, ok := err.(*Error); ok && direct.Provider == "" {
			outer.Err = direct.Err
		}
	}
	if errors.Is(err, context.DeadlineExceeded) {
		outer.Temporary = true
	}
	return outer
}

// Stopped is the error of a call whose context is done: it says why in the words of
// the context's cause, and is the context's error (context.DeadlineExceeded or
// context.Canceled) for errors.Is.
func Stopped(ctx context.Context) error {
	err, cause := ctx.Err(), context.Cause(ctx)
	if err == nil || cause == nil || errors.Is(cause, err) {
		return plainly(err)
	}
	return fmt.Errorf("%w%w", cause, silent{err})
}

// plainly is err in a person's words.
func plainly(err error) error {
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("timed out%w", silent{err})
	case errors.Is(err, context.Canceled):
		return fmt.Errorf("stopped%w", silent{err})
	}
	return err
}

// silent is an error that errors.Is finds and nobody sees.
type silent struct{ error }

func (silent) Error() string   { return "" }
func (s silent) Unwrap() error { return s.error }
