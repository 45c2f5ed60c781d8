package server

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"tocsin/engine/ingest"
	"tocsin/engine/store"
)

// A call is a request on its way through a route.
type call struct {
	*http.Request
	s       *Server
	w       http.ResponseWriter
	who     caller
	query   url.Values
	route   *route
	unkeyed bool // it came without a key: its signature has to be checked
	status  int  // of the answer, if not the route's

	object string                  // what it is about, for who reads the audit
	detail func(store.Made) string // more of that; nil: nothing
	entry  *store.Audit            // that waits for what the request changes; nil: none does
}

// streamed is what a route returns that has written its answer itself.
type streamed struct{}

// outer is around all routes: it counts, logs, and keeps a panic from what else runs.
func (s *Server) outer(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t := &tracked{ResponseWriter: w, started: s.Now(), id: requestID()}
		h := t.Header()
		h.Set("X-Request-Id", t.id)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cache-Control", "no-store")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		h.Set("Referrer-Policy", "no-referrer")
		defer s.finish(t, r)
		r.Body = http.MaxBytesReader(t, r.Body, ingest.MaxBody)
		control := http.NewResponseController(w)
		_ = control.SetReadDeadline(time.Now().Add(s.Limits.Body)) // a recorder has none
		_ = control.SetWriteDeadline(time.Now().Add(2 * s.Limits.Body))
		next.ServeHTTP(t, inTrace(r))
	})
}

// finish notes how a request came out. The query is not logged, nor is the path, but
// for the pattern that it met: either may have a secret in it.
func (s *Server) finish(t *tracked, r *http.Request) {
	if v := recover(); v != nil {
		if v == http.ErrAbortHandler {
			panic(v)
		}
		s.Log.Error("a request panicked", "request", t.id, "route", t.route, "problem", fmt.Sprint(v), "stack", string(debug.Stack()))
		if t.status == 0 {
			writeProblem(t, r, refuse(http.StatusInternalServerError, "Internal Server Error"))
		}
	}
	took := s.Now().Sub(t.started)
	s.Metrics.request(t.route, r.Method, t.status, took)
	s.Log.LogAttrs(r.Context(), slog.LevelDebug, "request", slog.String("request", t.id), slog.String("method", method(r.Method)),
		slog.String("route", t.route), slog.Int("status", t.status), slog.Int64("bytes", t.bytes), slog.Duration("took", took), slog.String("key", t.who))
}

// A tracked is a response of which is known what became of it.
type tracked struct {
	http.ResponseWriter
	id, route, who string
	started        time.Time
	status         int
	bytes          int64
}

func (t *tracked) WriteHeader(status int) {
	if t.status == 0 {
		t.status = status
	}
	t.ResponseWriter.WriteHeader(status)
}

func (t *tracked) Write(b []byte) (int, error) {
	if t.status == 0 {
		t.status = http.StatusOK
	}
	n, err := t.ResponseWriter.Write(b)
	t.bytes += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController find what is beneath.
func (t *tracked) Unwrap() http.ResponseWriter { return t.ResponseWriter }

func requestID() string {
	var b [8]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// handle is the handler of one row: who asks, may they, what is answered.
func (s *Server) handle(r *route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if t, ok := w.(*tracked); ok {
			t.route = r.pattern()
		}
		c := &call{Request: req, s: s, w: w, route: r}
		v, err := s.answer(c)
		if unkept := s.audit(c, err); err == nil {
			err = unkept
		}
		if err != nil {
			s.report(c, err)
			writeProblem(w, req, err)
			return
		}
		if _, ok := v.(streamed); ok {
			return
		}
		c.write(v)
	})
}

// answer lets the route answer, if the caller may ask.
func (s *Server) answer(c *call) (any, error) {
	var err error
	if c.query, err = url.ParseQuery(c.URL.RawQuery); err != nil {
		return nil, refuse(http.StatusBadRequest, "the query cannot be read")
	}
	if c.route.changes && c.Method == http.MethodHead {
		return nil, refuse(http.StatusMethodNotAllowed, "Method Not Allowed")
	}
	if err := s.guard.admit(c); err != nil {
		return nil, err
	}
	c.audited()
	return c.route.serve(c)
}

// report logs what went wrong on our side.
func (s *Server) report(c *call, err error) {
	if p := problemOf(err); p.status >= 500 && c.Context().Err() == nil {
		s.Log.Error("a request failed", "request", c.w.Header().Get("X-Request-Id"), "route", c.route.pattern(), "status", p.status, "problem", err)
	}
}

// write answers with v, as JSON unless it is text.
func (c *call) write(v any) {
	status := c.route.status
	if c.status != 0 {
		status = c.status
	}
	if status == 0 {
		status = http.StatusOK
	}
	if b, ok := v.([]byte); ok {
		c.w.Header().Set("Content-Type", c.route.media)
		c.w.WriteHeader(status)
		_, _ = c.w.Write(b)
		return
	}
	writeJSON(c.w, status, v)
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic(err) // of a type of ours that cannot be JSON: a mistake of ours
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(buf.Bytes()) // who asked has left; there is nobody to tell
}

// body reads all of the body, decompressed.
func (c *call) body() ([]byte, error) {
	_, plain, err := c.rawBody()
	return plain, err
}

// rawBody is body, and before it the bytes as they came, which is what senders sign.
func (c *call) rawBody() (raw, plain []byte, err error) {
	return ingest.ReadBody(labelled{c.Request.Body}, c.Header.Get("Content-Encoding"))
}

// labelled reads a body, and marks errors of the connection as such.
type labelled struct{ r io.Reader }

func (l labelled) Read(b []byte) (int, error) {
	n, err := l.r.Read(b)
	if err != nil && err != io.EOF {
		err = cutOff{err}
	}
	return n, err
}

// decode reads a JSON body into a struct. What is unknown is an error in our own paths;
// clients of Keep send more than they need to.
func (c *call) decode(into any) error {
	text, err := c.body()
	if err != nil {
		return err
	}
	return c.decodeText(text, into)
}

// decodeText is decode of a body that was read.
func (c *call) decodeText(text []byte, into any) error {
	if len(bytes.TrimSpace(text)) == 0 {
		return nil
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	if strings.HasPrefix(c.route.path, "/api/v1/") {
		dec.DisallowUnknownFields()
	}
	if err := dec.Decode(into); err != nil {
		return badJSON(err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return refuse(http.StatusBadRequest, "something follows the JSON of the body")
	}
	return nil
}

// badJSON says what is wrong with a body, in words that are not about Go.
func badJSON(err error) error {
	var kind *json.UnmarshalTypeError
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &kind) && kind.Field != "":
		return refuse(http.StatusBadRequest, "%q cannot be %s", kind.Field, article(kind.Value))
	case errors.As(err, &kind):
		return refuse(http.StatusBadRequest, "the body cannot be %s", article(kind.Value))
	case errors.As(err, &syntax):
		return refuse(http.StatusBadRequest, "the body is no JSON: at byte %d: %v", syntax.Offset, err)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return refuse(http.StatusBadRequest, "the body is no JSON: it ends too early")
	}
	return refuse(http.StatusBadRequest, "the body cannot be read: %s", strings.TrimPrefix(err.Error(), "json: "))
}

func article(kind string) string {
	if kind != "" && strings.ContainsRune("aeiou", rune(kind[0])) {
		return "an " + kind
	}
	return "a " + kind
}

// number is a parameter of the query, or otherwise where it is not there.
func (c *call) number(name string, otherwise, most int) (int, error) {
	text := c.query.Get(name)
	if text == "" {
		return otherwise, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return 0, refuse(http.StatusBadRequest, "%s %q is no number from 0", name, short(text))
	}
	return min(n, most), nil
}

// page is limit and offset of the query.
func (c *call) page(otherwise int) (limit, offset int, err error) {
	if limit, err = c.number("limit", otherwise, 1000); err != nil {
		return 0, 0, err
	}
	offset, err = c.number("offset", 0, 10_000_000)
	return max(limit, 1), offset, err
}

// yes is a parameter of the query that is true or false.
func (c *call) yes(name string) bool {
	b, _ := strconv.ParseBool(c.query.Get(name))
	return b
}

// moment is a time of the query; the zero time where it is not there.
func (c *call) moment(name string) (time.Time, error) {
	text := c.query.Get(name)
	if text == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil || t.Year() < 1970 || t.Year() > 2200 {
		return time.Time{}, refuse(http.StatusBadRequest, "%s %q is no time: write 2026-01-31T09:00:00Z", name, short(text))
	}
	return t, nil
}

func short(s string) string {
	if r := []rune(s); len(r) > 60 {
		return string(r[:60]) + "…"
	}
	return s
}

// kept is the context of what must be done to the end once it was begun, whether the
// caller waits for it or not.
func (c *call) kept() context.Context { return context.WithoutCancel(c.Context()) }
