package websocket

import (
	"crypto/tls"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A row is one line of the fault matrix (spec/websocket.md §13.1): what a server does,
// and what a query with a timeout of half a second says of it.
type row struct {
	n         int // its number there
	name      string
	with      string // further parameters
	serve     func(*peer)
	tls       bool // behind TLS, with a certificate that is not looked at
	connected bool
	code      string
	also      func(*testing.T, Result)
}

func (r row) String() string { return fmt.Sprintf("row %d: %s", r.n, r.name) }

// hello upgrades and sends these frames.
func hello(frames ...any) func(*peer) {
	return func(p *peer) {
		p.request()
		p.say(append([]any{p.accepted()}, frames...)...)
		p.farewell()
	}
}

// cutOff upgrades, sends this and ends the connection.
func cutOff(frames ...any) func(*peer) {
	return func(p *peer) {
		p.upgrade()
		p.say(frames...)
	}
}

// says answers the request with this.
func says(text string) func(*peer) {
	return func(p *peer) {
		p.request()
		p.say(text)
		p.wait()
	}
}

// status answers with headers and no body.
func status(lines ...string) func(*peer) {
	return says(response(append(lines, "Content-Length: 0")...))
}

func detail(want string) func(*testing.T, Result) {
	return func(t *testing.T, r Result) {
		if got := fmt.Sprint(at(r.Error.Detail)); !strings.Contains(got, want) {
			t.Errorf("detail %q, want %q in it", got, want)
		}
	}
}

func data(want any) func(*testing.T, Result) {
	return func(t *testing.T, r Result) {
		if got := at(r.Data); got != want {
			t.Errorf("data = %.100v, want %.100v", got, want)
		}
	}
}

func TestFaultMatrix(t *testing.T) {
	before, running := descriptors(t), goleak.IgnoreCurrent()
	tested := otherTests()
	t.Run("rows", func(t *testing.T) {
		for _, r := range slices.Concat(upgradeRows(), messageRows(), closeRows(), cutRows(), frameRows()) {
			tested[r.n] = append(tested[r.n], nil)
			t.Run(r.String(), func(t *testing.T) {
				t.Parallel()
				r.check(t)
			})
		}
	})
	if after := descriptors(t); after > before {
		t.Errorf("%d descriptors before, %d after", before, after)
	}
	goleak.VerifyNone(t, running)
	for n := 1; n <= 33; n++ {
		if len(tested[n]) == 0 {
			t.Errorf("row %d is not tested", n)
		}
	}
}

// rowBound is how long a row may take: its timeout and what the ending needs.
const rowBound = 700 * time.Millisecond

func (r row) check(t *testing.T) {
	scheme, serves := "ws", r.serve
	if r.tls {
		scheme, serves, r.with = "wss", overTLS((*authority)(nil).issue(t, local).shows(), r.serve), r.with+"\ninsecure_skip_verify: true"
	}
	yaml := "timeout: 0.5\nsocket_url: " + scheme + "://" + serve(t, serves) + "\n" + r.with
	var got Result
	prompt(t, rowBound, func() { got = ask(t, yaml) })
	if got.Connected != r.connected || outcome(got) != r.code {
		t.Errorf("connected %v, %s (%+v); want %v, %s", got.Connected, outcome(got), got.Error, r.connected, r.code)
	}
	if r.also != nil && !t.Failed() {
		r.also(t, got)
	}
}

// prompt does something that has to end within bound. It does it again where it does not: a
// busy machine is late now and then, a fault always. Nor does it count what took longer
// while a timer of the same time was late as well, up to ten times the bound.
func prompt(t testing.TB, bound time.Duration, do func()) {
	t.Helper()
	if racing { // ten times the work
		bound *= 3
	}
	var took time.Duration
	busy := false
	for range 5 {
		begun, late := time.Now(), make(chan time.Duration, 1)
		timer := time.AfterFunc(bound/2, func() { late <- time.Since(begun) - bound/2 })
		do()
		if took = time.Since(begun); took <= bound {
			timer.Stop()
			return
		}
		busy = busy || <-late > 20*time.Millisecond
	}
	if !busy || took > 10*bound {
		t.Errorf("it took %v", took)
	}
}

// descriptors counts the files and sockets that this process has open.
func descriptors(t *testing.T) int {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skipf("descriptors are counted in /proc, which is not here: %v", err)
	}
	return len(entries)
}

// upgradeRows end before, or with, the answer to the upgrade.
func upgradeRows() []row {
	rows := []row{
		{n: 3, name: "accepts, never answers", serve: (*peer).wait, code: "handshake_timeout"},
		{n: 3, name: "reads the request, never answers", serve: says(""), code: "handshake_timeout"},
		{n: 4, name: "a header byte now and then", serve: func(p *peer) {
			p.request()
			p.say("HTTP/1.1 101 Switching Protocols\r\nX-Slow: ")
			p.drip()
		}, code: "handshake_timeout"},
		{n: 5, name: "headers without end", serve: func(p *peer) {
			p.request()
			p.say("HTTP/1.1 101 Switching Protocols\r\n")
			for p.say("X-More: " + strings.Repeat("x", 4000) + "\r\n") {
			}
		}, code: "handshake_invalid"},
		{n: 5, name: "a header line without end", serve: func(p *peer) {
			p.request()
			p.say("HTTP/1.1 101 Switching Protocols\r\nX-More: ")
			for p.say(strings.Repeat("x", 4000)) {
			}
		}, code: "handshake_invalid"},
		{n: 5, name: "101 header lines", serve: says("HTTP/1.1 200 OK\r\n" + strings.Repeat("A: b\r\n", 101) + "\r\n"), code: "handshake_invalid"},
		{n: 6, name: "closes at once", serve: func(p *peer) { p.request() }, code: "connection_lost", also: func(t *testing.T, r Result) {
			want(t, "phase", r.Error.Phase, "upgrade")
		}},
		{n: 6, name: "closes within the headers", serve: func(p *peer) { p.request(); p.say("HTTP/1.1 101 Swi") }, code: "connection_lost"},
		{n: 6, name: "resets at once", serve: func(p *peer) { p.request(); p.reset() }, code: "connect_reset"},
		{n: 7, name: "SSH", serve: func(p *peer) { p.say("SSH-2.0-OpenSSH_9.2p1\r\n"); p.wait() }, code: "not_http"},
		{n: 7, name: "TLS on ws", serve: func(p *peer) { p.request(); p.say("\x15\x03\x01\x00\x02\x02\x46") }, code: "not_http"},
		{n: 7, name: "broken status line", serve: says("HTTP/1.1 ok\r\n\r\n"), code: "not_http"},
		{n: 7, name: "HTTP/2", serve: says("\x00\x00\x12\x04\x00\x00\x00\x00\x00"), code: "not_http"},
		{n: 8, name: "200", serve: status("HTTP/1.1 200 OK"), code: "handshake_status", also: detail("not_upgraded")},
		{n: 8, name: "400", serve: status("HTTP/1.1 400 Bad Request"), code: "handshake_status"},
		{n: 8, name: "401", serve: status("HTTP/1.1 401 Unauthorized"), code: "handshake_status", also: detail("unauthorized")},
		{n: 8, name: "401 as expected", with: "expect_status: [401]", serve: status("HTTP/1.1 401 Unauthorized"), code: "ok", also: func(t *testing.T, r Result) {
			want(t, "status", at(r.Status), 401)
		}},
		{n: 8, name: "403", serve: says(response("HTTP/1.1 403 Forbidden", "Content-Length: 7", "Set-Cookie: id=s3cret") + "go away"), code: "handshake_status", also: func(t *testing.T, r Result) {
			want(t, "body", r.Body, "go away")
			want(t, "retryable", r.Error.Retryable, false)
			cookie, _ := r.Headers.Get("Set-Cookie")
			want(t, "cookie", cookie, "***")
		}},
		{n: 8, name: "404", serve: status("HTTP/1.1 404 Not Found"), code: "handshake_status", also: detail("not_found")},
		{n: 8, name: "426", serve: status("HTTP/1.1 426 Upgrade Required"), code: "handshake_status", also: detail("upgrade_required")},
		{n: 8, name: "429", serve: status("HTTP/1.1 429 Too Many Requests", "Retry-After: 3"), code: "handshake_status", also: func(t *testing.T, r Result) {
			want(t, "retry after", at(r.Error.RetryAfter), 3000)
			want(t, "retryable", r.Error.Retryable, true)
			want(t, "error status", at(r.Error.Status), 429)
		}},
		{n: 8, name: "a body that never ends", serve: func(p *peer) {
			p.request()
			p.say("HTTP/1.1 500 Internal Server Error\r\n\r\nit ")
			p.drip()
		}, code: "handshake_status", also: func(t *testing.T, r Result) {
			if !strings.HasPrefix(r.Body, "it ...") {
				t.Errorf("body %q", r.Body)
			}
		}},
		{n: 8, name: "a chunked body", serve: says(response("HTTP/1.1 502 Bad Gateway", "Transfer-Encoding: chunked") + "3\r\nbad\r\n0\r\n\r\n"), code: "handshake_status", also: func(t *testing.T, r Result) {
			want(t, "body", r.Body, "bad")
		}},
		{n: 8, name: "a body that is promised and does not come", serve: says(response("HTTP/1.1 502 Bad Gateway", "Content-Length: 10")), code: "handshake_status"},
		{n: 9, name: "100 and 103, then 101", serve: func(p *peer) {
			p.request()
			p.say("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", p.accepted(), text("hi"))
			p.farewell()
		}, connected: true, code: "ok", also: data("hi")},
		{n: 9, name: "interim answers without end", serve: says(strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", 6)), code: "handshake_invalid"},
		{n: 10, name: "101 without Accept", serve: says(response("HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade")), code: "handshake_invalid"},
		{n: 10, name: "101 with a wrong Accept", serve: wrongAccept, code: "handshake_invalid"},
		{n: 10, name: "101 with a wrong Accept that does not matter", with: "verify_accept: false", serve: wrongAccept, connected: true, code: "ok", also: data("hi")},
		{n: 10, name: "101 without Upgrade", serve: says(response("HTTP/1.1 101 Switching Protocols", "Connection: Upgrade")), code: "handshake_invalid"},
		{n: 10, name: "101 without Connection", serve: says(response("HTTP/1.1 101 Switching Protocols", "Upgrade: websocket")), code: "handshake_invalid"},
		{n: 10, name: "a subprotocol that was not offered", serve: func(p *peer) { p.upgrade("Sec-WebSocket-Protocol: chat"); p.wait() }, code: "handshake_invalid"},
		{n: 10, name: "another subprotocol than those offered", with: "subprotocols: [mqtt, wamp]", serve: func(p *peer) { p.upgrade("Sec-WebSocket-Protocol: chat"); p.wait() }, code: "handshake_invalid"},
		{n: 10, name: "no subprotocol", with: "subprotocols: [mqtt]", serve: func(p *peer) { p.upgrade(); p.wait() }, code: "subprotocol_missing"},
		{n: 10, name: "no subprotocol, and none needed", with: "subprotocols: [mqtt]\nrequire_subprotocol: false", serve: hello(), connected: true, code: "ok"},
		{n: 10, name: "the subprotocol", with: "subprotocols: mqtt, wamp", serve: func(p *peer) { p.upgrade("Sec-WebSocket-Protocol: wamp"); p.farewell() }, connected: true, code: "ok", also: func(t *testing.T, r Result) {
			want(t, "subprotocol", r.Subprotocol, "wamp")
		}},
		{n: 10, name: "an extension that was not asked for", serve: func(p *peer) { p.upgrade("Sec-WebSocket-Extensions: permessage-deflate"); p.wait() }, code: "handshake_invalid"},
		{n: 8, name: "an upgrade where a refusal was expected", with: "expect_status: [401, 403]", serve: hello(), connected: true, code: "handshake_status", also: detail("upgraded")},
	}
	for _, code := range []string{"301 Moved Permanently", "302 Found", "307 Temporary Redirect"} {
		rows = append(rows, row{n: 8, name: code, serve: status("HTTP/1.1 "+code, "Location: ws://elsewhere.test/?token=s3cret"), code: "handshake_status", also: func(t *testing.T, r Result) {
			want(t, "location", at(r.Location), "ws://elsewhere.test/?token=***")
			detail("redirect")(t, r)
		}})
	}
	for _, code := range []string{"500 Internal Server Error", "502 Bad Gateway", "503 Service Unavailable"} {
		rows = append(rows, row{n: 8, name: code, serve: status("HTTP/1.1 " + code), code: "handshake_status", also: func(t *testing.T, r Result) {
			want(t, "retryable", r.Error.Retryable, true)
		}})
	}
	return rows
}

func wrongAccept(p *peer) {
	p.request()
	p.key = "another key"
	p.say(p.accepted(), text("hi"))
	p.farewell()
}

// drip sends a byte every few milliseconds for as long as somebody listens.
func (p *peer) drip() {
	for tick := time.NewTicker(20 * time.Millisecond); p.say("."); <-tick.C {
	}
}

// messageRows upgrade and then send good messages, or none.
func messageRows() []row {
	endless := func(p *peer) {
		p.upgrade()
		for p.say(text("again")) {
		}
	}
	return []row{
		{n: 11, name: "greets", serve: hello(text("hello")), connected: true, code: "ok", also: data("hello")},
		{n: 12, name: "silence, nothing sent", serve: func(p *peer) { p.upgrade(); p.wait() }, connected: true, code: "ok", also: data(nil)},
		{n: 12, name: "silence, something sent", with: "data: hi", serve: func(p *peer) { p.upgrade(); p.wait() }, connected: true, code: "reply_timeout"},
		{n: 12, name: "silence, a message required", with: "receive: required", serve: hello(), connected: true, code: "reply_timeout"},
		{n: 12, name: "silence, and a limit for it", with: "receive_timeout: 50ms", serve: hello(), connected: true, code: "ok", also: func(t *testing.T, r Result) {
			if r.Timings.Total > 400 {
				t.Errorf("it took %v ms", r.Timings.Total)
			}
			want(t, "close", r.Close.Clean, true)
		}},
		{n: 12, name: "nothing is read", with: "receive: none", serve: hello(text("hello")), connected: true, code: "ok", also: data(nil)},
		{n: 13, name: "pings only", serve: pings, connected: true, code: "ok", also: func(t *testing.T, r Result) {
			if r.Received.Pings == 0 {
				t.Error("no pings counted")
			}
		}},
		{n: 13, name: "pings only, something sent", with: "data: hi", serve: pings, connected: true, code: "reply_timeout"},
		{n: 14, name: "messages without end", with: "close_timeout: 100ms", serve: endless, connected: true, code: "ok", also: data("again")},
		{n: 14, name: "messages that never match", with: "wait_for_contains: other", serve: hello(text("one"), text("two")), connected: true, code: "reply_timeout", also: detail("2 messages, the last one \"two\"")},
		{n: 14, name: "messages without end that never match", with: "wait_for_contains: other\nmax_messages: 100\nclose_timeout: 100ms", serve: endless, connected: true, code: "too_many_messages", also: detail("100 messages")},
		{n: 14, name: "three of messages without end", with: "min_messages: 3\nclose_timeout: 100ms", serve: endless, connected: true, code: "ok", also: func(t *testing.T, r Result) {
			want(t, "messages", len(r.Messages), 3)
		}},
		{n: 12, name: "two of three messages", with: "min_messages: 3", serve: hello(text("one"), text("two")), connected: true, code: "reply_timeout", also: detail("two")},
		{n: 19, name: "a message of exactly the limit", with: "max_message_size: 1000", serve: hello(text(strings.Repeat("x", 1000))), connected: true, code: "ok"},
		{n: 19, name: "a message one byte too long", with: "max_message_size: 1000", serve: hello(text(strings.Repeat("x", 1001))), connected: true, code: "message_too_big"},
		{n: 19, name: "a length of 2^63-1", serve: hello("\x81\x7f\x7f\xff\xff\xff\xff\xff\xff\xff"), connected: true, code: "message_too_big"},
		{n: 19, name: "fragments beyond the limit", with: "max_message_size: 1000", serve: hello(frame(opText, strings.Repeat("x", 600)), frame(opContinuation, strings.Repeat("x", 600))), connected: true, code: "message_too_big"},
		{n: 19, name: "fragments of a byte beyond the limit", with: "max_message_size: 1000", serve: func(p *peer) {
			p.upgrade()
			p.say(frame(opText, "x"))
			for p.say(slices.Repeat(frame(opContinuation, "x"), 100)) {
			}
		}, connected: true, code: "message_too_big"},
		{n: 19, name: "a compressed bomb", with: "compression: context_takeover\nmax_message_size: 1MiB", serve: squeezes(frame(fin|rsv1|opText, newPacker().pack(strings.Repeat("x", 16<<20)))), connected: true, code: "message_too_big"},
		{n: 20, name: "fragments with pings between", serve: hello(frame(opText, "he"), frame(fin|opPing, "p"), frame(opContinuation, "ll"), frame(fin|opPing, ""), frame(fin|opContinuation, "o")), connected: true, code: "ok", also: data("hello")},
		{n: 20, name: "fragments of a byte", serve: hello(frame(opText, "h"), frame(opContinuation, "i"), frame(fin|opContinuation, "!")), connected: true, code: "ok", also: data("hi!")},
		{n: 20, name: "an empty message", serve: hello(text("")), connected: true, code: "ok", also: data("")},
		{n: 20, name: "empty fragments", serve: hello(frame(opText, ""), frame(opContinuation, ""), frame(fin|opContinuation, "")), connected: true, code: "ok", also: data("")},
		{n: 20, name: "a binary message", serve: hello(frame(fin|opBinary, "\x00\xff")), connected: true, code: "ok", also: func(t *testing.T, r Result) {
			want(t, "data", at(r.Data), "AP8=")
			want(t, "encoding", at(r.DataEncoding), "base64")
			want(t, "type", at(r.Type), "binary")
		}},
		{n: 20, name: "a binary message that is text", serve: hello(frame(fin|opBinary, "plain")), connected: true, code: "ok", also: data("plain")},
	}
}

func pings(p *peer) {
	p.upgrade()
	for tick := time.NewTicker(10 * time.Millisecond); p.say(frame(fin|opPing, "beat")); <-tick.C {
	}
}

// closeRows close, or just end.
func closeRows() []row {
	var rows []row
	for _, code := range []uint16{1000, 1001, 1008, 1011, 1012, 4000} {
		is, kind := fmt.Sprint(code), "closed_by_peer"
		if code <= 1001 {
			kind = "ok"
		}
		rows = append(rows,
			row{n: 15, name: "close " + is, serve: hello(closeFrame(code, "because")), connected: true, code: kind, also: func(t *testing.T, r Result) {
				want(t, "close", fmt.Sprint(at(r.Close.Code), r.Close.Reason, at(r.Close.By), r.Close.Clean), fmt.Sprint(int(code), "because", "peer", true))
			}},
			row{n: 15, name: "close " + is + " for an answer", with: "data: hi", serve: hello(closeFrame(code, "")), connected: true, code: "closed_by_peer", also: func(t *testing.T, r Result) {
				want(t, "close code", at(r.Error.CloseCode), code)
				want(t, "retryable", r.Error.Retryable, code == 1001 || code == 1011 || code == 1012)
			}})
	}
	for _, code := range []uint16{999, 1004, 1005, 1006, 1015, 2999, 5000} {
		rows = append(rows, row{n: 16, name: fmt.Sprint("close ", code), serve: hello(closeFrame(code, "")), connected: true, code: "protocol_violation"})
	}
	return append(rows,
		row{n: 15, name: "close without a code", serve: hello(frame(fin|opClose, "")), connected: true, code: "ok"},
		row{n: 15, name: "close with a long reason", serve: hello(closeFrame(1011, strings.Repeat("é", 61)+"!")), connected: true, code: "closed_by_peer", also: detail("é!")},
		row{n: 15, name: "close with a reason that is not UTF-8", serve: hello(closeFrame(1011, "bad \xff")), connected: true, code: "closed_by_peer", also: detail("bad \uFFFD")},
		row{n: 16, name: "close with half a code", serve: hello(frame(fin|opClose, "\x03")), connected: true, code: "protocol_violation"},
		row{n: 15, name: "a message, then close 1011", serve: hello(text("bye"), closeFrame(1011, "")), connected: true, code: "ok", also: data("bye")},
		row{n: 17, name: "ends without a close frame", serve: cutOff(), connected: true, code: "connection_lost"},
		row{n: 17, name: "resets after the upgrade", serve: func(p *peer) { p.upgrade(); p.reset() }, connected: true, code: "connection_lost"},
		row{n: 18, name: "resets in a message", serve: func(p *peer) { p.upgrade(); p.say(text(strings.Repeat("x", 1000))[:500]); p.reset() }, connected: true, code: "truncated_message"},
	)
}

// cutRows end within a message: over TCP, compressed, and behind TLS with its farewell
// and without it.
func cutRows() (rows []row) {
	message := text(strings.Repeat("x", 1000))
	packed := newPacker().pack(string(randomBytes(1000)))
	squeezed := frame(fin|rsv1|opBinary, packed)
	for name, cut := range map[string][2][]byte{
		"after 0 of 1000 bytes":   {message[:4], squeezed[:4]},
		"after 100 of 1000 bytes": {message[:104], squeezed[:104]},
		"after 512 of 1000 bytes": {message[:516], squeezed[:516]},
		"between fragments":       {frame(opText, "half"), frame(rsv1|opBinary, packed[:500])},
		"after a header byte":     {message[:1], squeezed[:1]},
	} {
		abrupt := func(p *peer) { p.upgrade(); p.say(cut[0]); p.Conn.(*tls.Conn).NetConn().Close() }
		compressed := func(p *peer) { p.upgrade(deflate); p.say(cut[1]) }
		rows = append(rows,
			row{name: "ends " + name, serve: cutOff(cut[0])},
			row{name: "ends compressed " + name, serve: compressed, with: "compression: context_takeover"},
			row{name: "ends behind TLS " + name, serve: cutOff(cut[0]), tls: true},
			row{name: "ends behind TLS without its farewell " + name, serve: abrupt, tls: true})
	}
	for i := range rows {
		rows[i].n, rows[i].connected, rows[i].code = 18, true, "truncated_message"
	}
	return rows
}

// frameRows break the protocol.
func frameRows() []row {
	broken := map[string][]byte{
		"RSV1":                             frame(fin|rsv1|opText, "x"),
		"RSV2":                             frame(fin|0x20|opText, "x"),
		"RSV3 on a ping":                   frame(fin|0x10|opPing, ""),
		"opcode 3":                         frame(fin|3, "x"),
		"opcode 11":                        frame(fin|11, ""),
		"a ping in fragments":              frame(opPing, ""),
		"a ping of 126 bytes":              frame(fin|opPing, strings.Repeat("x", 126)),
		"a continuation first":             frame(fin|opContinuation, "x"),
		"a message inside another":         append(frame(opText, "a"), frame(fin|opText, "b")...),
		"a continuation after the end":     append(text("a"), frame(fin|opContinuation, "b")...),
		"a masked frame":                   []byte("\x81\x81\x01\x02\x03\x04x"),
		"a short length in 16 bits":        []byte("\x81\x7e\x00\x01x"),
		"a short length in 64 bits":        []byte("\x81\x7f\x00\x00\x00\x00\x00\x00\x00\x01x"),
		"a middling length in 64 bits":     []byte("\x81\x7f\x00\x00\x00\x00\x00\x00\xff\xffx"),
		"a length with the highest bit":    []byte("\x81\x7f\xff\xff\xff\xff\xff\xff\xff\xff"),
		"a good message, then a bad frame": append(text("a"), frame(fin|3, "")...),
	}
	var rows []row
	for name, frames := range broken {
		rows = append(rows, row{n: 22, name: name, with: "min_messages: 2", serve: hello(frames), connected: true, code: "protocol_violation"})
	}
	for name, bad := range map[string]string{
		"not UTF-8": "caf\xe9", "overlong": "\xc0\xaf", "a surrogate": "\xed\xa0\x80", "half a character": "caf\xc3",
	} {
		rows = append(rows, row{n: 21, name: "text that is " + name, serve: hello(text(bad)), connected: true, code: "invalid_utf8"})
	}
	return append(rows,
		row{n: 21, name: "text that is not UTF-8, in fragments", serve: hello(frame(opText, "caf\xc3"), frame(fin|opContinuation, "x")), connected: true, code: "invalid_utf8"},
		row{n: 20, name: "a character in two fragments", serve: hello(frame(opText, "caf\xc3"), frame(fin|opContinuation, "\xa9")), connected: true, code: "ok", also: data("café")},
		row{n: 33, name: "pings without end", serve: func(p *peer) {
			p.upgrade()
			flood := strings.Repeat(string(frame(fin|opPing, "")), 1000)
			for p.say(flood) {
			}
		}, connected: true, code: "protocol_violation"},
		row{n: 33, name: "fragments of a byte without end", serve: func(p *peer) {
			p.upgrade()
			flood := strings.Repeat(string(frame(opContinuation, "x")), 1000)
			for p.say(frame(opText, "x")); p.say(flood); {
			}
		}, connected: true, code: "reply_timeout", with: "receive: required"},
	)
}
