package websocket

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/coder/websocket"

	"tocsin/providers"
	"tocsin/providers/dial"
)

// A transport makes one connection and upgrades it. It is the http.RoundTripper
// under the library's Dial, for one request: that gives us every phase with its time
// and its deadline, the answer as it came, and what is read afterwards. It answers
// with 101 or not at all: everything else is an *Error, and what was seen on the way
// is in its fields.
type transport struct {
	set    *settings
	dialer *dial.Dialer
	now    func() time.Time
	shared *shared
	reach  func(context.Context) (net.Conn, error) // dials instead, in tests; nil: nobody does

	started  time.Time
	deadline time.Time // of everything but the closing handshake

	// Of the present attempt: that to reach the server, or where it redirects to.
	key     string // the library's Sec-WebSocket-Key
	to      target
	hops    int  // redirects followed
	strange bool // to is another server than the one that was asked for
	begun   time.Time
	raw     net.Conn
	via     *proxy
	secured *session

	leash   *leash // nil until there is a connection
	release func() bool
	stream  *stream

	made, concealed []string          // secrets: made for this connection, read for it
	mask            *providers.Masker // hides what was made; nil: nothing was
	tokenKey        string            // of the OAuth 2 token in use
	tokenProtocol   string            // the subprotocol that is a token

	timings   Timings
	local     net.Addr
	remote    net.Addr
	tls       *TLSFacts
	response  *http.Response
	deflate   bool
	body      string
	upgraded  bool
	responded time.Time
}

// open dials and upgrades. The connection is nil beside an error.
func (t *transport) open(ctx context.Context) (*websocket.Conn, *Error) {
	for _, text := range t.set.warnings {
		t.warn(text)
	}
	t.conceal(t.set.secrets...)
	conn, _, err := websocket.Dial(ctx, t.set.target.url, &websocket.DialOptions{
		HTTPClient:      &http.Client{Transport: t},
		Subprotocols:    t.set.subprotocols,
		CompressionMode: compressionMode(t.set.compression),
	})
	if err == nil {
		conn.SetReadLimit(t.set.maxMessage)
		t.secured = nil // it has done its work, and the connection may live long
		t.mask = t.veil().made
		return conn, nil
	}
	if t.release != nil {
		t.release()
	}
	failed := t.openFault(ctx, err)
	t.veil().error(failed)
	return nil, failed
}

func (t *transport) openFault(ctx context.Context, err error) *Error {
	if own, ok := asError(err); ok {
		return own
	}
	if ctx.Err() != nil {
		return cancelled(ctx, "connect")
	}
	cause := rootCause(err) // what is around it shows the whole address
	return fault(Internal, cause, "the connection could not be opened: %v", cause).in("upgrade")
}

// RoundTrip is called once.
func (t *transport) RoundTrip(library *http.Request) (*http.Response, error) {
	t.to, t.key = t.set.target, library.Header.Get("Sec-WebSocket-Key")
	for {
		response, err := t.attempt(library)
		next, ok := errors.AsType[*redirection](err)
		if !ok {
			return response, err
		}
		t.follow(next.to)
	}
}

// attempt is one request to t.to.
func (t *transport) attempt(library *http.Request) (*http.Response, error) {
	ctx := library.Context()
	t.timings, t.tls, t.local, t.remote, t.response, t.body = Timings{}, nil, nil, nil, nil, ""
	req, err := t.request(library)
	if err != nil {
		return nil, err
	}
	conn, err := t.connect(ctx)
	if err != nil {
		return nil, err
	}
	response, err := t.upgrade(ctx, conn, req)
	if err != nil {
		t.drop()
		return nil, err
	}
	return response, nil
}

// drop closes a connection that nobody will use.
func (t *transport) drop() {
	t.release()
	t.raw.Close()
}

// aside is for a connection to another server on the way to t's, with the same settings
// but for those that are about that one.
func (t *transport) aside(to target) *transport {
	set := *t.set
	own := or(set.tls, tlsSettings{})
	own.serverName, own.pins = "", nil
	set.tls = &own
	return &transport{
		set: &set, dialer: t.dialer, now: t.now, shared: t.shared,
		started: t.started, deadline: t.deadline, to: to,
	}
}

// connect reaches t.to: TCP, through a proxy if there is one, and TLS where the address
// asks for it. Beside an error nothing is open.
func (t *transport) connect(ctx context.Context) (conn net.Conn, err error) {
	t.begun = time.Now()
	if t.via, err = t.proxyFor(); err != nil {
		return nil, err
	}
	if t.secured = nil; t.to.secure {
		// Before anything is opened, since there may be mistakes in it.
		if t.secured, err = t.session(); err != nil {
			return nil, err
		}
	}
	if t.raw, err = t.dial(ctx); err != nil {
		return nil, err
	}
	t.local, t.remote = t.raw.LocalAddr(), t.raw.RemoteAddr()
	t.leash = &leash{}
	t.release = t.leash.hold(ctx, t.raw)
	if conn, err = t.layers(ctx); err != nil {
		t.drop()
		return nil, err
	}
	return conn, nil
}

// layers puts over TCP what else there is between us and t.to.
func (t *transport) layers(ctx context.Context) (net.Conn, error) {
	conn := t.raw
	if t.via != nil {
		through, failed := t.tunnel(ctx, t.via, conn)
		if failed != nil {
			return nil, failed
		}
		conn = through
	}
	if t.secured == nil {
		return conn, nil
	}
	t.leash.until(t.connectDeadline())
	begun := time.Now()
	secured, err := t.secured.secure(ctx, conn)
	t.timings.TLS, t.tls = since(begun), t.secured.facts
	if err != nil {
		return nil, err
	}
	return secured, nil
}

// connectDeadline is when the way to the server has to be open.
func (t *transport) connectDeadline() time.Time {
	return earlier(t.deadline, t.begun.Add(t.set.connectTimeout))
}

// upgrade makes a websocket of a connection: the request, the response.
func (t *transport) upgrade(ctx context.Context, conn net.Conn, req *http.Request) (*http.Response, error) {
	t.leash.until(earlier(t.deadline, time.Now().Add(t.set.handshakeTimeout)))
	out := bytes.NewBuffer(make([]byte, 0, usualHead))
	if err := req.Write(out); err != nil {
		return nil, fault(Internal, err, "the request could not be written: %v", err)
	}
	begun := time.Now()
	// If this fails, reading fails too, or finds why: a server may turn us away before
	// it has read everything.
	_, _ = conn.Write(out.Bytes())
	in := bufio.NewReaderSize(conn, usualHead)
	response, err := t.read(in, req)
	t.responded = time.Now()
	t.timings.Handshake = new(milliseconds(t.responded.Sub(begun)))
	if err != nil {
		return nil, t.upgradeFault(ctx, err)
	}
	t.response = response
	if err := t.redirected(response); err != nil {
		return nil, err
	}
	if err := t.check(ctx, response, req); err != nil {
		return nil, err
	}
	t.upgraded = true
	limit := t.set.maxMessage
	if t.deflate {
		limit = compressed(limit)
	}
	watch := guard{limit: limit, deflate: t.deflate, anyUTF8: t.set.anyUTF8, now: time.Now}
	t.stream = &stream{raw: t.raw, conn: conn, in: in, opened: time.Now(), guard: watch}
	response.Body = t.stream
	return response, nil
}

// usualHead is more bytes than most requests for an upgrade have, and most answers.
const usualHead = 512

// readBody reads the beginning of an answer that is no upgrade, for at most a second.
func (t *transport) readBody(response *http.Response) string {
	if response.Body == nil {
		return ""
	}
	t.leash.until(earlier(t.deadline, time.Now().Add(maxBodyTime)))
	text, _ := io.ReadAll(io.LimitReader(response.Body, maxBody)) // what came is better than nothing
	return t.veil().start(string(bytes.ToValidUTF8(text, []byte("\uFFFD"))))
}

const (
	maxBody     = 4 << 10
	maxBodyTime = time.Second
)

// since is the time from begun until now in milliseconds.
func since(begun time.Time) *float64 { return new(milliseconds(time.Since(begun))) }

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
