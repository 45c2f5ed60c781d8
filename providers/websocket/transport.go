package websocket

import (
	"bufio"
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/coder/websocket"

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

	started  time.Time
	deadline time.Time // of everything but the closing handshake

	roots               *x509.CertPool // nil: the system's
	leash               leash
	release             func() bool
	stream              *stream
	askedForCertificate bool

	timings   Timings
	local     net.Addr
	remote    net.Addr
	tls       *TLSFacts
	response  *http.Response
	body      string
	upgraded  bool
	responded time.Time
}

// open dials and upgrades. The connection is nil beside an error.
func (t *transport) open(ctx context.Context) (*websocket.Conn, *Error) {
	conn, _, err := websocket.Dial(ctx, t.set.target.url, &websocket.DialOptions{
		HTTPClient:   &http.Client{Transport: t},
		HTTPHeader:   t.set.header,
		Host:         t.set.host,
		Subprotocols: t.set.subprotocols,
	})
	if err == nil {
		conn.SetReadLimit(t.set.maxMessage)
		return conn, nil
	}
	if own, ok := errors.AsType[*Error](err); ok {
		return nil, own
	}
	if ctx.Err() != nil {
		return nil, cancelled(ctx, "connect")
	}
	cause := rootCause(err) // what is around it shows the whole address
	return nil, fault(Internal, cause, "the connection could not be opened: %v", cause).in("upgrade")
}

// RoundTrip is called once.
func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx := req.Context()
	var err error
	if t.roots, err = t.set.tls.roots(); err != nil {
		return nil, err
	}
	raw, err := t.dial(ctx)
	if err != nil {
		return nil, err
	}
	t.local, t.remote = raw.LocalAddr(), raw.RemoteAddr()
	t.release = t.leash.hold(ctx, raw)
	response, err := t.upgrade(ctx, raw, req)
	if err != nil {
		t.release()
		raw.Close()
		return nil, err
	}
	return response, nil
}

// upgrade makes a websocket of a TCP connection: TLS where the address asks for it,
// the request, the response.
func (t *transport) upgrade(ctx context.Context, raw net.Conn, req *http.Request) (*http.Response, error) {
	conn := raw
	if t.set.target.secure {
		secured, err := t.secure(ctx, raw)
		if err != nil {
			return nil, err
		}
		conn = secured
	}
	t.leash.until(earlier(t.deadline, time.Now().Add(t.set.handshakeTimeout)))
	var out bytes.Buffer
	if err := req.Write(&out); err != nil {
		return nil, fault(Internal, err, "the request could not be written: %v", err)
	}
	begun := time.Now()
	// If this fails, reading fails too, or finds why: a server may turn us away before
	// it has read everything.
	_, _ = conn.Write(out.Bytes())
	in := bufio.NewReader(conn)
	response, err := t.read(in, req)
	t.responded = time.Now()
	t.timings.Handshake = new(milliseconds(t.responded.Sub(begun)))
	if err != nil {
		return nil, t.upgradeFault(ctx, err)
	}
	t.response = response
	if err := t.check(ctx, response, req); err != nil {
		return nil, err
	}
	t.upgraded = true
	t.stream = &stream{raw: raw, conn: conn, in: in, opened: time.Now(), guard: guard{limit: t.set.maxMessage, now: time.Now}}
	response.Body = t.stream
	return response, nil
}

// readBody reads the beginning of an answer that is no upgrade, for at most a second.
func (t *transport) readBody(response *http.Response) string {
	if response.Body == nil {
		return ""
	}
	t.leash.until(earlier(t.deadline, time.Now().Add(maxBodyTime)))
	text, _ := io.ReadAll(io.LimitReader(response.Body, maxBody)) // what came is better than nothing
	return string(bytes.ToValidUTF8(text, []byte("\uFFFD")))
}

const (
	maxBody     = 4 << 10
	maxBodyTime = time.Second
)

// since is the time from begun until now in milliseconds.
func since(begun time.Time) *float64 { return new(milliseconds(time.Since(begun))) }

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
