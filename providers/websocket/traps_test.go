package websocket

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	coder "github.com/coder/websocket"
)

// trapsVersion is the library whose traps these are (spec/websocket.md §12.2).
const trapsVersion = "v1.8.15"

// Each trap of the library's that something here is built around. A test fails when the
// library has mended its fault: then what is named can go.
func TestTraps(t *testing.T) {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range info.Deps {
			if m.Path == "github.com/coder/websocket" && m.Version != trapsVersion {
				t.Errorf("the library is %s now, and the traps here are those of %s: read its changes, then set trapsVersion", m.Version, trapsVersion)
			}
		}
	}
	message := text(strings.Repeat("x", 1000))
	for _, trap := range []struct {
		name   string
		remedy string
		holds  func(*testing.T) string // "" as long as the fault is there
	}{
		{"a message that is cut off looks whole", "stream.lost: no io.EOF", func(t *testing.T) string {
			return read(t, cutOff(message[:4+512]), strings.Repeat("x", 512))
		}},
		{"so does one that is cut off between fragments", "guard.inside", func(t *testing.T) string {
			return read(t, cutOff(frame(opText, "half")), "half")
		}},
		{"text need not be UTF-8", "query.keep, guard.spelt", func(t *testing.T) string {
			return read(t, hello(text("caf\xe9")), "caf\xe9")
		}},
		{"masked frames are handed over as they are", "guard.second", func(t *testing.T) string {
			return read(t, hello("\x81\x81\x01\x02\x03\x04x"), "x")
		}},
		{"short lengths in long forms are taken", "guard.head", func(t *testing.T) string {
			return read(t, hello("\x81\x7e\x00\x01x"), "x")
		}},
		{"a close frame's reason need not be UTF-8", "closing.answer", func(t *testing.T) string {
			answer := make(chan int, 1)
			conn := dialled(t, func(p *peer) {
				p.upgrade()
				p.say(closeFrame(1000, "\xff"))
				answer <- p.hear(0, false).code
			})
			_, _, _ = conn.Read(t.Context())
			if code := <-answer; code != 1000 {
				return fmt.Sprint("it answers with ", code)
			}
			return ""
		}},
		{"a context that ends drops the connection", "leash", func(t *testing.T) string {
			conn := dialled(t, func(p *peer) { p.upgrade(); p.frame(); p.say(text("hi")); p.farewell() })
			ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			defer cancel()
			_, _, _ = conn.Read(ctx)
			if conn.Write(t.Context(), coder.MessageText, nil) != nil {
				return ""
			}
			if _, _, err := conn.Read(t.Context()); err != nil {
				return ""
			}
			return "the connection lives on"
		}},
		{"redirects take secrets along", "transport: redirected, request", func(t *testing.T) string {
			seen := make(chan string, 1)
			other := serve(t, func(p *peer) { seen <- p.request().Header.Get("X-Api-Key"); p.say(p.accepted()); p.farewell() })
			from := serve(t, func(p *peer) {
				p.request()
				p.say(response("HTTP/1.1 302 Found", "Location: http://"+strings.Replace(other, "127.0.0.1", "localhost", 1), "Content-Length: 0"))
			})
			conn, _, err := coder.Dial(t.Context(), "ws://"+from, &coder.DialOptions{HTTPClient: bare(t), HTTPHeader: http.Header{"X-Api-Key": {"s3cret"}}})
			if err != nil {
				return err.Error()
			}
			defer conn.CloseNow()
			if key := <-seen; key != "s3cret" {
				return fmt.Sprintf("the other server sees %q", key)
			}
			return ""
		}},
		{"a server may pick no subprotocol", "transport.check", func(t *testing.T) string {
			conn, _, err := coder.Dial(t.Context(), "ws://"+serve(t, hello()), &coder.DialOptions{HTTPClient: bare(t), Subprotocols: []string{"mqtt"}})
			if err != nil {
				return err.Error()
			}
			conn.CloseNow()
			return ""
		}},
		{"the limit in the error is one more", "unpackFault says our own", func(t *testing.T) string {
			conn := dialled(t, hello(message))
			conn.SetReadLimit(10)
			if _, _, err := conn.Read(t.Context()); !errors.Is(err, coder.ErrMessageTooBig) || !strings.Contains(err.Error(), "11") {
				return fmt.Sprint(err)
			}
			return ""
		}},
		{"an announced length is believed, and 32 KiB the limit", "guard.begin, SetReadLimit", func(t *testing.T) string {
			conn := dialled(t, hello(text(strings.Repeat("x", 40_000))))
			if _, _, err := conn.Read(t.Context()); err == nil {
				return "40000 bytes are read by default"
			}
			return ""
		}},
		{"extensions that were not asked for are shown as []", "transport.checkExtensions", func(t *testing.T) string {
			_, _, err := coder.Dial(t.Context(), "ws://"+serve(t, func(p *peer) { p.upgrade("Sec-WebSocket-Extensions: strange"); p.wait() }), &coder.DialOptions{HTTPClient: bare(t)})
			if err == nil || strings.Contains(err.Error(), "strange") {
				return fmt.Sprint(err)
			}
			return ""
		}},
		{"a proxy is asked for ws without CONNECT", "transport.tunnel", func(t *testing.T) string {
			asked := make(chan string, 1)
			gate := serve(t, func(p *peer) { asked <- p.request().Method })
			client := bare(t)
			client.Transport.(*http.Transport).Proxy = func(r *http.Request) (*url.URL, error) { return r.URL.Parse("http://" + gate) }
			_, _, _ = coder.Dial(t.Context(), "ws://feed.test", &coder.DialOptions{HTTPClient: client})
			if method := <-asked; method != "GET" {
				return method
			}
			return ""
		}},
		{"Close waits five seconds for a server that does not answer", "leash.goodbye, CloseNow", func(t *testing.T) string {
			conn := dialled(t, func(p *peer) { p.upgrade(); p.wait() })
			return stillAt(func() { _ = conn.Close(coder.StatusNormalClosure, "") }, func() { conn.CloseNow() })
		}},
		{"a refusal whose body does not end is waited for", "transport.readBody", func(t *testing.T) string {
			free := make(chan struct{})
			address := serve(t, func(p *peer) {
				p.request()
				p.say(response("HTTP/1.1 500 No", "Content-Length: 10"))
				<-free
			})
			return stillAt(func() {
				_, _, _ = coder.Dial(t.Context(), "ws://"+address, &coder.DialOptions{HTTPClient: bare(t)})
			}, func() { close(free) })
		}},
		{"a ping that is not answered leaves the connection open", "heartbeat", func(t *testing.T) string {
			conn := dialled(t, func(p *peer) { p.upgrade(); p.frame(); p.frame(); p.say(text("still here")); p.farewell() })
			conn.CloseRead(t.Context()) // whoever reads
			ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			defer cancel()
			_ = conn.Ping(ctx)
			if err := conn.Write(t.Context(), coder.MessageText, []byte("x")); err != nil {
				return err.Error()
			}
			return ""
		}},
	} {
		t.Run(trap.name, func(t *testing.T) {
			if mended := trap.holds(t); mended != "" {
				t.Errorf("coder/websocket %s is said to do this, and no longer does (%s): see whether %q can go", trapsVersion, mended, trap.remedy)
			}
		})
	}
}

// bare is a client that has nothing of ours.
func bare(t *testing.T) *http.Client {
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// dialled is the library's connection by itself.
func dialled(t *testing.T, server func(*peer)) *coder.Conn {
	t.Helper()
	conn, _, err := coder.Dial(t.Context(), "ws://"+serve(t, server), &coder.DialOptions{HTTPClient: bare(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.CloseNow() })
	return conn
}

// stillAt does something that takes its time until it is called off.
func stillAt(do, callOff func()) (over string) {
	done := make(chan struct{})
	go func() { defer close(done); do() }()
	select {
	case <-done:
		over = "it was over at once"
		callOff()
	case <-time.After(300 * time.Millisecond):
		callOff()
		<-done
	}
	return over
}

// read has the library read a message that it should not.
func read(t *testing.T, server func(*peer), takes string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	_, data, err := dialled(t, server).Read(ctx)
	if err != nil || string(data) != takes {
		return fmt.Sprintf("%.50q, %v", data, err)
	}
	return ""
}
