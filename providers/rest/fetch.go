package rest

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"tocsin/providers"
	"tocsin/providers/dial"
)

// maxAnswer is how much of an answer is read, unpacked.
const maxAnswer = 8 << 20

// patience is how long a request takes at most whose context has no deadline.
const patience = 30 * time.Second

// ErrTooLarge is the error of an answer of more than 8 MiB, unpacked.
var ErrTooLarge = errors.New("the answer is larger than 8 MiB")

// Fetch sends req and reads the answer whole, at most 8 MiB of it; its Body is closed.
// Whatever its status, it is an answer. Errors are *providers.Error in a person's
// words: "api.slack.com: connection refused", "timed out while waiting for an answer
// from api.slack.com". They name the host and nothing else of the URL. Where the call that
// it is made for stands in a trace, the request says so (providers.Trace).
func Fetch(c *http.Client, req *http.Request) (*http.Response, []byte, error) {
	ctx, cancel := bounded(req.Context())
	defer cancel()
	doing := &progress{host: req.URL.Host}
	req = traced(req, httptrace.WithClientTrace(ctx, doing.trace()))
	resp, err := c.Do(req)
	if err != nil {
		return nil, nil, doing.fault(ctx, err)
	}
	defer resp.Body.Close()
	doing.host = resp.Request.URL.Host
	doing.now("reading the answer of")
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return nil, nil, doing.fault(ctx, err)
	}
	if len(body) > maxAnswer {
		return nil, nil, &providers.Error{Err: fmt.Errorf("%s: %w", doing.host, ErrTooLarge)}
	}
	return resp, body, nil
}

// traced is req with that context, which says where it stands in a trace, if in one. Who
// it is redirected to on another host is not told.
func traced(req *http.Request, ctx context.Context) *http.Request {
	t := providers.OriginOf(ctx).Trace
	if t == (providers.Trace{}) {
		return req.WithContext(ctx)
	}
	req = req.Clone(ctx)
	t.Set(req.Header)
	return req
}

func bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, patience)
}

// progress is what a request is doing, for the error of one that does not get on.
type progress struct {
	host string
	what atomic.Value // string
}

func (p *progress) now(what string) { p.what.Store(what) }

func (p *progress) trace() *httptrace.ClientTrace {
	p.now("connecting to")
	return &httptrace.ClientTrace{
		DNSStart:             func(httptrace.DNSStartInfo) { p.now("looking up") },
		ConnectStart:         func(_, _ string) { p.now("connecting to") },
		TLSHandshakeStart:    func() { p.now("agreeing on TLS with") },
		GotConn:              func(httptrace.GotConnInfo) { p.now("sending to") },
		WroteRequest:         func(httptrace.WroteRequestInfo) { p.now("waiting for an answer from") },
		GotFirstResponseByte: func() { p.now("reading the answer of") },
	}
}

// fault says in words what went wrong, and whether it may pass.
func (p *progress) fault(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		what, _ := p.what.Load().(string)
		return &providers.Error{
			Temporary: errors.Is(ctx.Err(), context.DeadlineExceeded),
			Err:       fmt.Errorf("%w while %s %s", providers.Stopped(ctx), what, p.host),
		}
	}
	// The URL in it may have a secret.
	if outer, ok := errors.AsType[*url.Error](err); ok {
		if u, bad := url.Parse(outer.URL); bad == nil && u.Host != "" {
			p.host = u.Host // after redirects
		}
		err = outer.Err
	}
	if _, ok := errors.AsType[*dial.Blocked](err); ok {
		return &providers.Error{Err: err}
	}
	words, temporary := explain(err)
	return &providers.Error{Temporary: temporary, Err: &fault{p.host + ": " + words, err}}
}

// fault is an error with other words.
type fault struct {
	words string
	err   error
}

func (f *fault) Error() string { return f.words }
func (f *fault) Unwrap() error { return f.err }

// explain names the kind of a failure.
func explain(err error) (words string, temporary bool) {
	var timeout net.Error
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused", true
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "the connection was reset", true
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return "unreachable", true
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "the connection was closed before the answer was complete", true
	case errors.Is(err, dial.ErrRedirects):
		return err.Error(), false
	}
	if e, ok := errors.AsType[*net.DNSError](err); ok {
		return lookup(e), !e.IsNotFound
	}
	if words := handshake(err); words != "" {
		return words, false
	}
	if errors.As(err, &timeout) && timeout.Timeout() {
		return "timed out", true
	}
	text := strings.TrimPrefix(err.Error(), "net/http: ")
	switch {
	case strings.Contains(text, "malformed HTTP"):
		return "the answer is not HTTP", false
	case strings.Contains(text, "response headers exceeded"):
		return "the answer's headers are too large", false
	}
	_, network := errors.AsType[*net.OpError](err)
	return text, network
}

func lookup(e *net.DNSError) string {
	if e.IsNotFound {
		return "no such host"
	}
	return "the name could not be looked up: " + e.Err
}

// handshake says what is wrong with TLS, or "".
func handshake(err error) string {
	if e, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return "the certificate is refused: " + strings.TrimPrefix(e.Err.Error(), "x509: ")
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return "the server does not speak TLS"
	}
	if e, ok := errors.AsType[tls.AlertError](err); ok {
		return "TLS failed: " + strings.TrimPrefix(e.Error(), "tls: ")
	}
	if text := err.Error(); strings.Contains(text, "tls: ") {
		return "TLS failed: " + text[strings.LastIndex(text, "tls: ")+len("tls: "):]
	}
	if strings.Contains(err.Error(), "server gave HTTP response to HTTPS client") {
		return "the server does not speak TLS"
	}
	return ""
}
