package ingest

import (
	"errors"
	"fmt"
	"net/http"
)

// A Kind is what is wrong with a request, as far as the sender can do something about it.
type Kind int

const (
	Malformed    Kind = iota // not what its Content-Type says: 400
	Unauthorized             // the sender did not prove who it is: 401
	TooLarge                 // beyond a limit: 413
	Unsupported              // a Content-Type or Content-Encoding that is not read: 415
	Invalid                  // well-formed, but not such an alert: 422
	Unavailable              // nothing is wrong with it, but somebody else does not answer: 503, so that it comes again
)

// An Error is why a request, or a part of it, was refused. The text is for whoever set
// up the sender and has no secret in it, but may quote a few words of the body.
type Error struct {
	Kind   Kind
	Reason string
}

// Error is the reason.
func (e *Error) Error() string { return e.Reason }

// Status is the status code of HTTP to answer with.
func (e *Error) Status() int {
	switch e.Kind {
	case Unauthorized:
		return http.StatusUnauthorized
	case TooLarge:
		return http.StatusRequestEntityTooLarge
	case Unsupported:
		return http.StatusUnsupportedMediaType
	case Invalid:
		return http.StatusUnprocessableEntity
	case Unavailable:
		return http.StatusServiceUnavailable
	}
	return http.StatusBadRequest
}

// A Skip is a request that is in order and tells of no alert: a ping, a comment, the
// confirmation of a subscription. The answer is 2xx, and the reason goes on record.
type Skip struct{ Reason string }

// Error is the reason.
func (s *Skip) Error() string { return s.Reason }

func refuse(kind Kind, format string, args ...any) error {
	return &Error{kind, fmt.Sprintf(format, args...)}
}

func skip(format string, args ...any) error {
	return &Skip{fmt.Sprintf(format, args...)}
}

// within puts where before the reason of err; the kind stays.
func within(where string, err error) error {
	var e *Error
	if errors.As(err, &e) {
		return &Error{e.Kind, where + ": " + e.Reason}
	}
	return err
}

// short is s for an error message: quoted by the caller, and cut where it is long.
func short(s string) string {
	const most = 60
	if runes := []rune(s); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return s
}
