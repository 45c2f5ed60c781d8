package websocket

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha1"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tocsin/providers/dial"
	"tocsin/templating"
	"tocsin/workflows/schema"
	"tocsin/workflows/source"
)

// A peer is the server's end of one connection, in the hands of a test.
type peer struct {
	net.Conn
	in   *bufio.Reader
	key  string
	over <-chan struct{} // closed when the test ends
}

// serve listens on a loopback address and lets do have each connection; do may just
// return, and the connection is closed. When the test is over all of it has ended.
func serve(t testing.TB, do func(*peer)) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	serveOn(t, l, do)
	return l.Addr().String()
}

func serveOn(t testing.TB, l net.Listener, do func(*peer)) {
	var all sync.WaitGroup
	var mu sync.Mutex
	open := map[net.Conn]bool{}
	over := make(chan struct{})
	all.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open[conn] = true
			mu.Unlock()
			all.Go(func() {
				defer func() {
					mu.Lock()
					delete(open, conn)
					mu.Unlock()
					conn.Close()
				}()
				do(&peer{Conn: conn, in: bufio.NewReader(conn), over: over})
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		close(over)
		mu.Lock()
		for conn := range open {
			conn.Close()
		}
		mu.Unlock()
		all.Wait()
	})
}

// request reads the upgrade request.
func (p *peer) request() *http.Request {
	req, err := http.ReadRequest(p.in)
	if err != nil {
		return &http.Request{Header: http.Header{}}
	}
	p.key = req.Header.Get("Sec-WebSocket-Key")
	return req
}

// accepted is a right answer to the request that was read, with further header lines.
func (p *peer) accepted(lines ...string) string {
	sum := sha1.Sum([]byte(p.key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return response(append([]string{
		"HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade",
		"Sec-WebSocket-Accept: " + base64.StdEncoding.EncodeToString(sum[:]),
	}, lines...)...)
}

func response(lines ...string) string { return strings.Join(lines, "\r\n") + "\r\n\r\n" }

// upgrade reads the request and accepts it.
func (p *peer) upgrade(lines ...string) {
	p.request()
	p.say(p.accepted(lines...))
}

// say writes texts, bytes and frames in one go. It says whether somebody listens.
func (p *peer) say(parts ...any) bool {
	var all []byte
	for _, part := range parts {
		switch part := part.(type) {
		case string:
			all = append(all, part...)
		case []byte:
			all = append(all, part...)
		}
	}
	_, err := p.Write(all)
	return err == nil
}

// wait passes the time until the other side closes.
func (p *peer) wait() { _, _ = io.Copy(io.Discard, p.in) }

// reset ends the connection with an RST.
func (p *peer) reset() {
	conn := p.Conn
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	conn.Close()
}

// frame reads one of the client's, unmasked; op is -1 at the end.
func (p *peer) frame() (op int, data []byte) {
	first, data := p.read()
	if first < 0 {
		return -1, nil
	}
	return first & 0x0F, data
}

// read reads a frame with the flags that it has; first is -1 at the end.
func (p *peer) read() (first int, data []byte) {
	var h [2]byte
	if _, err := io.ReadFull(p.in, h[:]); err != nil {
		return -1, nil
	}
	n := uint64(h[1] & 0x7F)
	switch n {
	case 126:
		var ext [2]byte
		_, _ = io.ReadFull(p.in, ext[:])
		n = uint64(binary.BigEndian.Uint16(ext[:]))
	case 127:
		var ext [8]byte
		_, _ = io.ReadFull(p.in, ext[:])
		n = binary.BigEndian.Uint64(ext[:])
	}
	var mask [4]byte
	_, _ = io.ReadFull(p.in, mask[:])
	data = make([]byte, n)
	if _, err := io.ReadFull(p.in, data); err != nil {
		return -1, nil
	}
	all := bytes.Repeat(mask[:], 256)
	for part := range slices.Chunk(data, len(all)) {
		subtle.XORBytes(part, part, all)
	}
	return int(h[0]), data
}

// farewell answers the client's close frame, passing over what comes before it.
func (p *peer) farewell() {
	for {
		switch op, data := p.frame(); op {
		case -1:
			return
		case opClose:
			p.say(frame(fin|opClose, string(data)))
			return
		}
	}
}

const (
	fin  = 0x80
	rsv1 = 0x40
)

// frame is a server's frame, its length in the shortest form.
func frame(first byte, data string) []byte {
	b := []byte{first}
	switch n := len(data); {
	case n < 126:
		b = append(b, byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, 126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 127), uint64(n))
	}
	return append(b, data...)
}

func text(data string) []byte { return frame(fin|opText, data) }

// closeFrame is a close frame with a code and a reason.
func closeFrame(code uint16, reason string) []byte {
	return frame(fin|opClose, string(binary.BigEndian.AppendUint16(nil, code))+reason)
}

// with reads parameters as a workflow has them.
func with(t testing.TB, yaml string) Params {
	t.Helper()
	var p Params
	decode(t, yaml, &p)
	return p
}

// decode reads parameters of any mode.
func decode[T any](t testing.TB, yaml string, p *T) {
	t.Helper()
	v, err := source.Parse("with.yaml", []byte(yaml))
	if err != nil {
		t.Fatal(err)
	}
	if err := schema.Of[T]().Decode(expressive(t, v, schema.Of[T]().Fields()), "websocket", p); err != nil {
		t.Fatal(err)
	}
}

// expressive is v with its expressions read, as the engine does it.
func expressive(t testing.TB, v source.Value, fields []schema.Field) source.Value {
	t.Helper()
	switch data := v.Data.(type) {
	case []source.Value:
		for i := range data {
			data[i] = expressive(t, data[i], fields)
		}
	case source.Map:
		for i, e := range data {
			for _, f := range fields {
				text, isText := e.Value.Data.(string)
				switch {
				case f.Name != e.Key:
				case (f.Syntax == "predicate" || f.Syntax == "expression") && isText && text != "":
					data[i].Value.Data = expression(t, text, f)
				case f.Fields != nil:
					data[i].Value = expressive(t, e.Value, f.Fields)
				}
			}
		}
	}
	return v
}

// expression is what the engine makes of a text for such a field.
func expression(t testing.TB, text string, f schema.Field) any {
	t.Helper()
	names := make([]templating.Name, len(f.Names))
	for i, n := range f.Names {
		names[i] = templating.Name(n)
	}
	lang := templating.Language{Functions: templating.Builtin()}
	parse := lang.ParseExpression
	if f.Syntax == "predicate" {
		parse = lang.ParsePredicate
	}
	expr, err := parse(text, names)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	var uses []string
	for _, ref := range expr.Refs() {
		uses = append(uses, ref.Path[0])
	}
	if f.Syntax == "predicate" {
		return schema.Predicate{Text: text, Uses: uses, Holds: func(names map[string]any) (bool, error) {
			return expr.Bool(context.Background(), &templating.Scope{Data: names})
		}}
	}
	return schema.Expression{Text: text, Uses: uses, Value: func(names map[string]any) (any, error) {
		return expr.Value(context.Background(), &templating.Scope{Data: names})
	}}
}

var testClient = client{dialer: &dial.Dialer{}, now: time.Now, log: slog.New(slog.DiscardHandler)}

// ask does a query with parameters in YAML.
func ask(t testing.TB, yaml string) Result {
	t.Helper()
	r, err := testClient.Query(t.Context(), with(t, yaml))
	if err != nil {
		t.Fatal(err)
	}
	consistent(t, r)
	return r
}

// A reporter is told of mistakes: a test's, or that of a property.
type reporter interface {
	Helper()
	Error(...any)
	Errorf(string, ...any)
}

// consistent checks what must hold of every result.
func consistent(t reporter, r Result) {
	t.Helper()
	if r.Connection != (r.Error == nil) {
		t.Errorf("connection %v, error %+v", r.Connection, r.Error)
	}
	if !r.Connected && len(r.Messages) > 0 {
		t.Error("messages without a connection")
	}
	sum := 0.0
	for _, ms := range []*float64{r.Timings.DNS, r.Timings.Connect, r.Timings.TLS, r.Timings.Handshake, r.Timings.FirstMessage} {
		if ms != nil {
			sum += *ms
		}
	}
	if sum > r.Timings.Total {
		t.Errorf("phases add up to %v ms, the whole took %v", sum, r.Timings.Total)
	}
}

// outcome is a result's error in short: its code, or "ok".
func outcome(r Result) string {
	if r.Error == nil {
		return "ok"
	}
	return r.Error.Code
}

func want(t testing.TB, what string, got, want any) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s = %v, want %v", what, got, want)
	}
}

// at is what p points to, for messages and comparisons.
func at[T any](p *T) any {
	if p == nil {
		return nil
	}
	return *p
}

var tenMiB = bytes.Repeat([]byte("x"), 10<<20)
