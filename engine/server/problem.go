package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"tocsin/engine/episode"
	"tocsin/engine/ingest"
	"tocsin/engine/schedule"
	"tocsin/engine/store"
	"tocsin/workflows/source"
)

// A problem is why a request was not done, for whoever made it.
type problem struct {
	status   int
	detail   string
	after    time.Duration // when it may work; 0: nobody knows
	problems source.Problems
	fields   map[string]string // what is wrong with each parameter, in the place of detail
}

func (p *problem) Error() string { return p.detail }

func refuse(status int, format string, args ...any) *problem {
	return &problem{status: status, detail: fmt.Sprintf(format, args...)}
}

// later is refuse for what may work later.
func later(status int, after time.Duration, format string, args ...any) *problem {
	p := refuse(status, format, args...)
	p.after = after
	return p
}

// problemOf is what an error means for whoever asked. One that is not about the request
// is the store's, which may be well again later.
func problemOf(err error) *problem {
	if p := known(err); p != nil {
		return p
	}
	return later(http.StatusServiceUnavailable, 10*time.Second, "it could not be done now; the log says why")
}

// known is what an error means that is about the request, or of a kind that has a name;
// nil: it is another.
func known(err error) *problem {
	var p *problem
	var wrong *ingest.Error
	var document source.Problems
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &p):
		return p
	case errors.As(err, &large):
		return refuse(http.StatusRequestEntityTooLarge, "the body is longer than %d bytes", large.Limit)
	case errors.As(err, &wrong):
		return refuse(wrong.Status(), "%s", wrong.Reason)
	case errors.As(err, &document):
		return &problem{status: http.StatusBadRequest, detail: document.Error(), problems: document}
	case errors.Is(err, store.ErrNotFound), errors.Is(err, schedule.ErrUnknown), errors.Is(err, episode.ErrUnknown):
		return refuse(http.StatusNotFound, "%v", err)
	case errors.Is(err, store.ErrSeen):
		return refuse(http.StatusUnauthorized, "%v", err)
	case errors.Is(err, schedule.ErrDisabled):
		return refuse(http.StatusConflict, "%v", err)
	case errors.Is(err, schedule.ErrFull), errors.Is(err, episode.ErrFull):
		return later(http.StatusServiceUnavailable, 5*time.Second, "%v", err)
	case errors.Is(err, store.ErrFull), errors.Is(err, store.ErrClosed):
		return later(http.StatusServiceUnavailable, 30*time.Second, "%v", err)
	case isReading(err):
		return refuse(http.StatusRequestTimeout, "the request did not come in: it ended too early, or took too long")
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return later(http.StatusServiceUnavailable, 5*time.Second, "it was not done in time")
	}
	return nil
}

// A cutOff is an error of the connection while the body came in.
type cutOff struct{ error }

func (c cutOff) Unwrap() error { return c.error }

func isReading(err error) bool {
	var c cutOff
	return errors.As(err, &c)
}

// A failure is the answer that says so.
type failure struct {
	Detail   string        `json:"detail" doc:"What is wrong, and what to do about it."`
	Request  string        `json:"request,omitempty" doc:"Names the request in the log."`
	Problems []problemView `json:"problems,omitempty" doc:"What is wrong with a workflow, with places."`
}

// A fieldFailure is the answer that parameters are wrong, as Keep's clients read it.
type fieldFailure struct {
	Detail  map[string]string `json:"detail" doc:"What is wrong with each parameter."`
	Request string            `json:"request,omitempty" doc:"Names the request in the log."`
}

// A problemView is a problem of a workflow file.
type problemView struct {
	File    string `json:"file,omitempty"`
	Line    int    `json:"line,omitempty"`
	Column  int    `json:"column,omitempty"`
	Code    string `json:"code" doc:"Which kind of problem it is: see tocsin explain."`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
	Warning bool   `json:"warning,omitempty" doc:"The document works all the same."`
}

func viewProblems(ps source.Problems) []problemView {
	list := make([]problemView, 0, len(ps))
	for _, p := range ps {
		list = append(list, problemView{p.Pos.File, p.Pos.Line, p.Pos.Col, p.Code, p.Message, p.Hint, p.Warning})
	}
	return list
}

func writeProblem(w http.ResponseWriter, r *http.Request, err error) {
	p := problemOf(err)
	if p.after > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int((p.after+time.Second-1)/time.Second)))
	}
	if p.status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Bearer realm="tocsin"`)
	}
	if p.status >= 500 || p.status == http.StatusRequestEntityTooLarge {
		w.Header().Set("Connection", "close") // whatever is left of the body is not read
	}
	if p.fields != nil {
		writeJSON(w, p.status, fieldFailure{p.fields, w.Header().Get("X-Request-Id")})
		return
	}
	writeJSON(w, p.status, failure{Detail: p.detail, Request: w.Header().Get("X-Request-Id"), Problems: viewProblems(p.problems)})
}

// method is a method that may be a label or an attribute: one that nobody knows is
// whatever somebody likes it to be.
func method(m string) string {
	switch m {
	case "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH":
		return m
	}
	return "other"
}
