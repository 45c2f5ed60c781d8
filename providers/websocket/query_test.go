package websocket

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"tocsin/providers/dial"
	"tocsin/templating/value"
)

// echo answers every message with itself, in fragments of the size it came.
func echo(p *peer) {
	p.upgrade()
	for {
		op, data := p.frame()
		switch op {
		case -1:
			return
		case opClose:
			p.say(frame(fin|opClose, string(data)))
			return
		case opPing:
			p.say(frame(fin|opPong, string(data)))
		case opText, opBinary:
			p.say(frame(fin|byte(op), string(data)))
		}
	}
}

func TestResult(t *testing.T) {
	address := serve(t, echo)
	r := ask(t, "socket_url: ws://user:pa55@"+address+"/feed?token=s3cret&room=1\ndata: {b: 1, a: [true, null]}")
	want(t, "connection", r.Connection, true)
	want(t, "connected", r.Connected, true)
	want(t, "data", at(r.Data), `{"b":1,"a":[true,null]}`)
	want(t, "json", string(value.AppendJSON(nil, r.JSON)), `{"b":1,"a":[true,null]}`)
	want(t, "type", at(r.Type), "text")
	want(t, "url", r.URL, "ws://"+address+"/feed?token=***&room=1")
	want(t, "status", at(r.Status), 101)
	want(t, "remote", at(r.RemoteAddr), address)
	want(t, "IP version", at(r.IPVersion), 4)
	want(t, "TLS", r.TLS == nil, true)
	want(t, "sent", r.Sent, Traffic{1, 23})
	want(t, "received", r.Received, Arrived{1, 23, 0})
	want(t, "close", fmt.Sprintln(at(r.Close.Code), at(r.Close.By), r.Close.Clean), "1000 us true\n")
	for name, ms := range map[string]*float64{"connect": r.Timings.Connect, "handshake": r.Timings.Handshake, "first message": r.Timings.FirstMessage, "reply": r.Timings.Reply} {
		if ms == nil || *ms <= 0 {
			t.Errorf("%s took %v", name, at(ms))
		}
	}
	if r.Timings.DNS != nil || r.Timings.TLS != nil || r.Timings.Proxy != nil || r.Timings.Ping != nil {
		t.Errorf("phases that did not happen have times: %+v", r.Timings)
	}
}

// Every key is there whatever happened, so that a workflow can name any of them.
func TestResultHasEveryKey(t *testing.T) {
	keys := func(r Result) []string {
		var all []string
		var walk func(path string, v any)
		walk = func(path string, v any) {
			if m, ok := v.(*value.Map); ok && path != ".headers" {
				for k, v := range m.All() {
					all = append(all, path+"."+k)
					walk(path+"."+k, v)
				}
			}
		}
		v := value.Of(r)
		if _, err := json.Marshal(v); err != nil {
			t.Error(err)
		}
		walk("", v)
		return all
	}
	good := keys(ask(t, "url: ws://"+serve(t, echo)+"\ndata: hi"))
	bad := keys(ask(t, "url: ws://"+refused(t)))
	for _, key := range good {
		if !slices.Contains(bad, key) && !strings.HasPrefix(key, ".close.") {
			t.Errorf("%s is missing where the connection is refused", key)
		}
	}
	for _, key := range []string{".connection", ".data", ".error", ".tls", ".proxy", ".parsed", ".timings.proxy_ms", ".timings.total_ms", ".close.by"} {
		if !slices.Contains(good, key) {
			t.Errorf("%s is missing", key)
		}
	}
}

// refused is an address that nobody listens on.
func refused(t testing.TB) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func TestRefused(t *testing.T) {
	address := refused(t)
	r := ask(t, "url: ws://"+address)
	want(t, "code", outcome(r), "connect_refused")
	want(t, "message", r.Error.Message, "ws://"+address+": "+address+" refused the connection")
	want(t, "retryable", r.Error.Retryable, true)
	want(t, "status", at(r.Status), nil)
}

func TestUnknownName(t *testing.T) {
	r := ask(t, "url: ws://no-such-host.invalid\ntimeout: 2s")
	want(t, "code", outcome(r), "dns_failed")
	want(t, "phase", r.Error.Phase, "dns")
	if r.Timings.DNS == nil || r.Timings.Connect != nil {
		t.Errorf("timings %+v", r.Timings)
	}
}

// unanswered is an address that drops what would connect to it: its backlog is full.
func unanswered(t testing.TB) string {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Close(fd) })
	if err := errors.Join(syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}), syscall.Listen(fd, 0)); err != nil {
		t.Fatal(err)
	}
	name, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	address := fmt.Sprintf("127.0.0.1:%d", name.(*syscall.SockaddrInet4).Port)
	for range 5 {
		conn, err := net.DialTimeout("tcp", address, 100*time.Millisecond)
		if err != nil {
			return address
		}
		t.Cleanup(func() { conn.Close() })
	}
	t.Skip("this system takes more connections than its backlog has room for")
	return ""
}

func TestConnectTimeout(t *testing.T) {
	address := unanswered(t)
	prompt(t, rowBound, func() { want(t, "code", outcome(ask(t, "timeout: 0.5\nurl: ws://"+address)), "connect_timeout") })
	r := ask(t, "connect_timeout: 100ms\nurl: ws://"+address)
	want(t, "code", outcome(r), "connect_timeout")
}

// A name with several addresses: one that does not answer costs a quarter of a
// second, not the whole time.
func TestSeveralAddresses(t *testing.T) {
	dead := unanswered(t)
	_, port, _ := net.SplitHostPort(dead)
	l, err := net.Listen("tcp", "127.0.0.2:"+port)
	if err != nil {
		t.Skipf("a second loopback address is needed: %v", err)
	}
	serveOn(t, l, echo)
	c := testClient
	c.dialer = &dial.Dialer{Resolve: map[string]string{"echo.test:" + port: "127.0.0.1,127.0.0.2"}}
	r, err := c.Query(t.Context(), with(t, "url: ws://echo.test:"+port+"\ndata: hi"))
	if err != nil || !r.Connection {
		t.Fatal(err, r.Error)
	}
	want(t, "remote", at(r.RemoteAddr), l.Addr())
	if r.Timings.DNS == nil || *r.Timings.Connect > 600 {
		t.Errorf("timings: dns %v, connect %v", at(r.Timings.DNS), at(r.Timings.Connect))
	}
}

func TestBlockedAddress(t *testing.T) {
	for _, tt := range []struct {
		url    string
		public bool
	}{
		{"ws://169.254.169.254/latest", false},
		{"ws://0.0.0.0:80", false},
		{"ws://127.1:80", false},
		{"ws://[fd00:ec2::254]", false},
		{"ws://127.0.0.1:9", true},
		{"ws://[::1]:9", true},
		{"ws://10.0.0.1:9", true},
		{"ws://[::ffff:127.0.0.1]:9", true},
		{"ws://localhost:9", true},
	} {
		c := testClient
		c.dialer = &dial.Dialer{Public: tt.public}
		r, err := c.Query(t.Context(), with(t, "url: '"+tt.url+"'"))
		if err != nil {
			t.Fatal(err)
		}
		if outcome(r) != "blocked_address" || r.Error.Retryable {
			t.Errorf("%s: %+v", tt.url, r.Error)
		}
	}
}

func TestServerThatStopsReading(t *testing.T) {
	address := serve(t, func(p *peer) { p.upgrade(); <-p.over })
	p := with(t, "timeout: 0.5\nurl: ws://"+address)
	p.Data = string(tenMiB)
	prompt(t, rowBound, func() {
		r, err := testClient.Query(t.Context(), p)
		if err != nil {
			t.Fatal(err)
		}
		want(t, "code", outcome(r), "send_timeout")
		want(t, "sent", r.Sent, Traffic{})
	})
}

// A server that answers each message before it reads the next one must not end in
// both of us waiting for the other to read.
func TestManyLargeMessages(t *testing.T) {
	p := with(t, "timeout: 60s\nmin_messages: 8\nmax_result_bytes: 1000\nurl: ws://"+serve(t, echo))
	for range 8 {
		p.Messages = append(p.Messages, string(tenMiB))
	}
	r, err := testClient.Query(t.Context(), p)
	if err != nil || !r.Connection {
		t.Fatal(err, r.Error)
	}
	want(t, "received", r.Received, Arrived{8, 80 << 20, 0})
	want(t, "kept", fmt.Sprint(len(*r.Data), len(r.Messages[7].Data), r.Messages[7].Size, r.Messages[7].Truncated), "1000 0 10485760 true")
	want(t, "sum", at(r.Messages[0].SHA256), at(r.Messages[7].SHA256))
	want(t, "clean", r.Close.Clean, true)
}

// A server that refuses a large message halfway says why, and that is the reason.
func TestRefusedHalfway(t *testing.T) {
	p := with(t, "url: ws://"+serve(t, func(p *peer) {
		p.upgrade()
		p.say(closeFrame(1009, "too much"))
		p.wait()
	}))
	p.Data = string(tenMiB)
	r, err := testClient.Query(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	want(t, "code", outcome(r), "closed_by_peer")
	want(t, "close code", at(r.Error.CloseCode), 1009)
}

func TestWhatIsSent(t *testing.T) {
	for name, tt := range map[string]struct{ with, want string }{
		"a text":                  {`data: "hi"`, `1 "hi"`},
		"nothing":                 {`data: ""`, ``},
		"null":                    {`data: null`, ``},
		"an empty message":        {`{data: "", send_empty: true}`, `1 ""`},
		"a number":                {`data: 5`, `1 "5"`},
		"a boolean":               {`data: true`, `1 "true"`},
		"a mapping, in its order": {`data: {b: 1, a: é}`, `1 "{\"b\":1,\"a\":\"é\"}"`},
		"a list":                  {`data: [1, "2"]`, `1 "[1,\"2\"]"`},
		"message is data":         {`message: hi`, `1 "hi"`},
		"several":                 {`messages: [a, 2, {c: 3}]`, `1 "a" 1 "2" 1 "{\"c\":3}"`},
		"base64":                  {`data_base64: AP8=`, `2 "\x00\xff"`},
		"base64, under Benthos":   {`message_base64: aGk=`, `2 "hi"`},
		"a text as binary":        {`{data: hi, message_type: binary}`, `2 "hi"`},
		"base64 as text":          {`{data_base64: aGk=, message_type: text}`, `1 "hi"`},
		"Telegraf's frames":       {`{data: hi, use_text_frames: false}`, `2 "hi"`},
		"after the first message": {`{data: hi, receive_first: true}`, `1 "hi"`},
		"without waiting":         {`{data: hi, receive: none}`, `1 "hi"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := make(chan string, 1)
			address := serve(t, func(p *peer) {
				p.upgrade()
				p.say(text("welcome"))
				var all []string
				for {
					op, data := p.frame()
					if op != opText && op != opBinary {
						p.say(frame(fin|opClose, string(data)))
						break
					}
					all = append(all, fmt.Sprintf("%d %q", op, data))
				}
				got <- strings.Join(all, " ")
			})
			params := with(t, tt.with)
			params.URL = new("ws://" + address)
			r, err := testClient.Query(t.Context(), params)
			if err != nil || !r.Connection {
				t.Fatal(err, r.Error)
			}
			want(t, "sent", <-got, tt.want)
		})
	}
}

func TestUpgradeRequest(t *testing.T) {
	requests := make(chan *http.Request, 1)
	address := serve(t, func(p *peer) {
		requests <- p.request()
		p.say(p.accepted("Sec-WebSocket-Protocol: wamp"))
		p.farewell()
	})
	ask(t, "url: ws://us%40er:p%3Aw@"+address+`/a%20b/?q=1%2F2
receive: none
origin: auto
user_agent: probe/1
subprotocols: [mqtt]
headers: {X-One: 1, x-two: [a, b], Sec-WebSocket-Protocol: wamp, Host: virtual.test:81, Authorization: Bearer x}`)
	req := <-requests
	want(t, "request", req.Method+" "+req.RequestURI+" "+req.Proto, "GET /a%20b/?q=1%2F2 HTTP/1.1")
	want(t, "host", req.Host, "virtual.test:81")
	req.Header.Del("Sec-WebSocket-Key")
	user, password, _ := req.BasicAuth()
	want(t, "user", user+" "+password, "us@er p:w")
	req.Header.Del("Authorization")
	want(t, "headers", req.Header, http.Header{
		"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Sec-Websocket-Version": {"13"}, "Sec-Websocket-Protocol": {"mqtt,wamp"},
		"Origin": {"http://" + address}, "User-Agent": {"probe/1"}, "X-One": {"1"}, "X-Two": {"a", "b"},
	})
}

// Bytes behind the answer belong to the first message, however they are cut up.
func TestAnswerAndMessageInPieces(t *testing.T) {
	var cuts atomic.Int64
	address := serve(t, func(p *peer) {
		p.request()
		all := append([]byte(p.accepted()), append(frame(opText, "hel"), frame(fin|opContinuation, "lo")...)...)
		at := int(cuts.Load()) % (len(all) + 1)
		p.say(all[:at])
		p.say(all[at:])
		p.farewell()
	})
	for cut := range 150 {
		cuts.Store(int64(cut))
		if r := ask(t, "url: ws://"+address); outcome(r) != "ok" || at(r.Data) != "hello" {
			t.Fatalf("cut after %d bytes: %v, %+v", cut, at(r.Data), r.Error)
		}
	}
}

func TestPongsHaveThePayload(t *testing.T) {
	pong := make(chan string, 1)
	address := serve(t, func(p *peer) {
		p.upgrade()
		p.say(frame(fin|opPing, "are you there"))
		op, data := p.frame()
		pong <- fmt.Sprint(op, " ", string(data))
		p.say(text("good"))
		p.farewell()
	})
	want(t, "data", at(ask(t, "url: ws://"+address).Data), "good")
	want(t, "pong", <-pong, "10 are you there")
}

func TestMeasurePing(t *testing.T) {
	r := ask(t, "measure_ping: true\ndata: hi\nurl: ws://"+serve(t, echo))
	if outcome(r) != "ok" || r.Timings.Ping == nil || !r.Close.Clean {
		t.Errorf("%+v, ping %v, close %+v", r.Error, at(r.Timings.Ping), r.Close)
	}
	begun := time.Now()
	r = ask(t, "measure_ping: true\ntimeout: 0.3\nurl: ws://"+serve(t, hello(text("hi"))))
	want(t, "code", outcome(r), "pong_timeout")
	if took := time.Since(begun); took > 500*time.Millisecond {
		t.Errorf("it took %v", took)
	}
	r = ask(t, "measure_ping: true\nurl: ws://"+serve(t, func(p *peer) {
		p.upgrade()
		p.say(text("hi"))
		p.frame()
	}))
	want(t, "code", outcome(r), "connection_lost")
}

// How a server is told why we leave.
func TestCloseCodes(t *testing.T) {
	for name, tt := range map[string]struct {
		frames []byte
		want   string
	}{
		"done":                             {text("hi"), "1000"},
		"not UTF-8":                        {text("\xff"), "1007"},
		"a bad frame":                      {frame(fin|3, ""), "1002"},
		"too big":                          {text(strings.Repeat("x", 20)), "1009"},
		"its own close":                    {closeFrame(4321, "x"), "4321"},
		"a bad reason":                     {closeFrame(1000, "\xff"), "1007"},
		"text that is none before it ends": {frame(opText, "\xf4\x90"), "1007"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := make(chan string, 1)
			address := serve(t, func(p *peer) {
				p.request()
				p.say(p.accepted(), tt.frames)
				op, data := p.frame()
				if op != opClose || len(data) < 2 {
					got <- fmt.Sprintf("opcode %d, %q", op, data)
					return
				}
				got <- fmt.Sprint(int(data[0])<<8 | int(data[1]))
			})
			ask(t, "max_message_size: 10\nurl: ws://"+address)
			want(t, "close code", <-got, tt.want)
		})
	}
}

// A message that is announced and does not fit is not waited for, nor is room made.
func TestAnnouncedSizeCostsNothing(t *testing.T) {
	address := serve(t, hello("\x81\x7f\x00\x00\x00\xff\x00\x00\x00\x00"))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	want(t, "code", outcome(ask(t, "url: ws://"+address)), "message_too_big")
	runtime.ReadMemStats(&after)
	if used := after.TotalAlloc - before.TotalAlloc; used > 1<<20 {
		t.Errorf("%d bytes allocated", used)
	}
}

// Whoever calls it off gets the answer within a tenth of a second, whatever the
// query is at.
func TestCancelled(t *testing.T) {
	for phase, tt := range map[string]struct {
		scheme string
		serve  func(cancel func(), p *peer)
	}{
		"tls":     {"wss", func(cancel func(), p *peer) { p.in.ReadByte(); cancel(); p.wait() }},
		"upgrade": {"ws", func(cancel func(), p *peer) { p.request(); cancel(); p.wait() }},
		"send":    {"ws", func(cancel func(), p *peer) { p.upgrade(); p.in.ReadByte(); cancel(); <-p.over }},
		"receive": {"ws", func(cancel func(), p *peer) {
			p.upgrade()
			for n := 0; n < len(tenMiB); { // all of the message
				_, data := p.frame()
				n += len(data)
			}
			cancel()
			p.wait()
		}},
	} {
		t.Run(phase, func(t *testing.T) {
			var called time.Time
			var call func()
			params := with(t, "timeout: 20s")
			params.URL = new(tt.scheme + "://" + serve(t, func(p *peer) { tt.serve(func() { call() }, p) }))
			params.Data = string(tenMiB)
			soon(t, func() time.Duration {
				ctx, cancel := context.WithCancelCause(t.Context())
				call = func() { called = time.Now(); cancel(errors.New("the user went home")) }
				return isCancelled(t, ctx, params, phase, &called)
			})
		})
	}
	t.Run("connect", func(t *testing.T) {
		address := unanswered(t)
		soon(t, func() time.Duration {
			ctx, cancel := context.WithCancelCause(t.Context())
			var called time.Time
			timer := time.AfterFunc(50*time.Millisecond, func() { called = time.Now(); cancel(errors.New("the user went home")) })
			defer timer.Stop()
			return isCancelled(t, ctx, with(t, "url: ws://"+address), "connect", &called)
		})
	})
	t.Run("before it began", func(t *testing.T) {
		soon(t, func() time.Duration {
			ctx, cancel := context.WithCancelCause(t.Context())
			cancel(errors.New("the user went home"))
			called := time.Now()
			return isCancelled(t, ctx, with(t, "url: ws://"+refused(t)), "connect", &called)
		})
	})
}

// soon wants an answer within a tenth of a second, in one of five tries: a busy machine is
// late now and then.
func soon(t *testing.T, try func() time.Duration) {
	t.Helper()
	var took time.Duration
	for range 5 {
		if took = try(); took <= 100*time.Millisecond {
			return
		}
	}
	t.Errorf("it took %v", took)
}

func isCancelled(t *testing.T, ctx context.Context, params Params, phase string, called *time.Time) (took time.Duration) {
	t.Helper()
	r, err := testClient.Query(ctx, params)
	took = time.Since(*called)
	own, ok := errors.AsType[*Error](err)
	if !ok || own.Code != Cancelled || own.Phase != phase || !strings.Contains(own.Error(), "the user went home") {
		t.Errorf("%+v", err)
	}
	want(t, "connection", r.Connection, false)
	return took
}

func TestFailOnError(t *testing.T) {
	params := with(t, "fail_on_error: true\nurl: ws://"+refused(t))
	r, err := testClient.Query(t.Context(), params)
	own, ok := errors.AsType[*Error](err)
	if !ok || own.Code != ConnectRefused || r.Connection {
		t.Errorf("%v, %+v", err, r)
	}
	if !strings.Contains(err.Error(), "refused the connection") {
		t.Errorf("error %q", err)
	}
}
