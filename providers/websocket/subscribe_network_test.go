package websocket

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tocsin/templating/value"
)

// A relay stands between client and server, and can stop forwarding without closing
// anything, as a router does that has lost its table.
type relay struct {
	stuck atomic.Bool
	mu    sync.Mutex
	freed chan struct{} // closed when it forwards again
}

// through starts a relay to address and returns its own.
func through(t testing.TB, r *relay, address string) string {
	r.freed = make(chan struct{})
	return serve(t, func(p *peer) {
		to, err := net.Dial("tcp", address)
		if err != nil {
			return
		}
		defer to.Close()
		var both sync.WaitGroup
		both.Go(func() { r.forward(to, p.in, p.over); to.Close() })
		both.Go(func() { r.forward(p.Conn, to, p.over); p.Conn.Close() })
		both.Wait()
	})
}

func (r *relay) forward(to io.Writer, from io.Reader, over <-chan struct{}) {
	buf := make([]byte, 4096)
	for {
		n, err := from.Read(buf)
		if r.stuck.Load() {
			// Nothing goes through any more, and nobody is told.
			select {
			case <-r.free():
			case <-over:
			}
		}
		if n > 0 {
			if _, err := to.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

func (r *relay) free() chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.freed
}

func (r *relay) mend() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stuck.Store(false)
	close(r.freed)
}

// Row 24: a relay that stops forwarding both ways looks like a quiet server. The ping
// that is not answered frees the reader, and the subscription connects anew.
func TestHalfOpen(t *testing.T) {
	var connections atomic.Int32
	address := serve(t, func(p *peer) {
		n := connections.Add(1)
		p.upgrade()
		p.say(text(fmt.Sprint("hello ", n)))
		p.echoPings()
	})
	r := &relay{}
	l := listen(t, "url: ws://"+through(t, r, address)+"\nping_interval: 1s\npong_timeout: 200ms\nlifecycle_events: [closed, reconnected]\nreconnect: {initial: 50ms}", nil)
	l.expect("message hello 1")
	r.stuck.Store(true)
	begun := time.Now()
	l.expect("closed pong_timeout")
	if took := time.Since(begun); took > 3*time.Second {
		t.Errorf("it took %v to find that out", took)
	}
	r.mend()
	e, _ := l.await()
	want(t, "kind", e.Kind, Reconnected)
	if *e.Gap < 1000 || *e.Gap > 5000 {
		t.Errorf("the gap was %v ms", *e.Gap)
	}
	l.expect("message hello 2")
}

// Row 30: a server that restarts twenty times. What it has sent and we have read is
// there, once, in order.
func TestServerRestarts(t *testing.T) {
	var restarts atomic.Int32
	address := serve(t, func(p *peer) {
		n := int(restarts.Add(1))
		p.upgrade()
		for i := range 5 {
			p.say(text(fmt.Sprint(n, ".", i)))
		}
		switch n % 3 {
		case 0:
			p.say(closeFrame(1012, ""))
			p.farewell()
		case 1: // just gone
		case 2:
			p.say(frame(opText, "half of")) // and gone
		}
	})
	l := listen(t, "url: ws://"+address+"\nlifecycle_events: [closed]\nreconnect: {initial: 50ms, max: 50ms, jitter: none}", nil)
	ends := map[int]string{0: "closed closed_by_peer", 1: "closed connection_lost", 2: "closed truncated_message"}
	for n := 1; n <= 20; n++ {
		for i := range 5 {
			l.expect(fmt.Sprint("message ", n, ".", i))
		}
		l.expect(ends[n%3])
	}
}

// Row 31: nobody takes the messages, and more come than may wait. Pings are answered
// all the same, and what was delivered and what was dropped adds up. With block only
// those pings are behind the messages that TCP holds back.
func TestSlowConsumer(t *testing.T) {
	const messages, places = 500, 10
	for _, policy := range []string{"drop_oldest", "drop_newest", "block"} {
		t.Run(policy, func(t *testing.T) {
			t.Parallel()
			ponged := make(chan bool, 1)
			address := serve(t, func(p *peer) {
				p.upgrade()
				sent := messages
				if policy == "block" {
					sent = places // and one more, which stays on the wire
				}
				for n := range sent {
					p.say(text(fmt.Sprint(n)))
				}
				p.say(frame(fin|opPing, "still there?"))
				op, data := p.frame()
				ponged <- op == opPong && string(data) == "still there?"
				p.say(text("end"))
				p.farewell()
			})
			taken, free := make(chan struct{}, 1), make(chan struct{})
			l := listen(t, fmt.Sprintf("url: ws://%s\nqueue_size: %d\noverflow: %s", address, places, policy), func(Event) error {
				select {
				case taken <- struct{}{}:
				default:
				}
				<-free
				return nil
			})
			<-taken
			if !<-ponged {
				t.Error("the ping was not answered")
			}
			close(free)
			var got []string
			for {
				e, ok := l.await()
				if !ok || *e.Data == "end" {
					break
				}
				got = append(got, *e.Data)
				if policy == "drop_newest" && len(got) == places {
					break // "end" itself may have been dropped
				}
			}
			switch policy {
			case "block":
				want(t, "delivered", len(got), places)
			default:
				if len(got) < places-1 || len(got) > messages { // the end may have taken a place
					t.Errorf("delivered %d: %v", len(got), got)
				}
			}
			if !slices.IsSortedFunc(got, func(a, b string) int { return len(a)*1000 - len(b)*1000 + strings.Compare(a, b) }) {
				t.Errorf("out of order: %v", got)
			}
		})
	}
}

// Row 33: a flood of pings ends the connection, a flood of tiny messages does not.
func TestFloods(t *testing.T) {
	t.Run("pings", func(t *testing.T) {
		t.Parallel()
		address := serve(t, func(p *peer) {
			p.upgrade()
			go p.wait()
			for p.say(frame(fin|opPing, "")) {
			}
		})
		l := listen(t, "url: ws://"+address+"\nlifecycle_events: [closed]\nconnection: {max_retries: 0}", nil)
		l.expect("closed protocol_violation", "gave_up protocol_violation")
	})
	t.Run("tiny frames", func(t *testing.T) {
		t.Parallel()
		frames := soaked(200_000, 1_000_000)
		block := slices.Repeat(text("x"), 1000)
		address := serve(t, func(p *peer) {
			p.upgrade()
			for range frames / 1000 {
				p.say(block)
			}
			p.say(text("end"))
			p.farewell()
		})
		ended := make(chan int64, 1)
		var delivered atomic.Int64
		listen(t, "url: ws://"+address+"\noverflow: drop_oldest\nqueue_size: 100", func(e Event) error {
			delivered.Add(1)
			if *e.Data == "end" {
				ended <- e.Seq
			}
			return nil
		})
		select {
		case seq := <-ended:
			want(t, "messages", seq, frames+1)
		case <-time.After(20 * time.Second):
			t.Errorf("after 20s only %d were dealt with", delivered.Load())
		}
	})
}

// SIGTERM under load: again and again the end comes while messages do. Each message that
// was taken is delivered, once and in order, and then the server is told goodbye.
func TestEndUnderLoad(t *testing.T) {
	for n := range soaked(25, 100) {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			goodbye := make(chan int, 1)
			address := serve(t, func(p *peer) {
				p.upgrade()
				go func() {
					for i := 0; p.say(text(fmt.Sprint(i))); i++ {
					}
				}()
				for {
					op, data := p.frame()
					switch {
					case op == opClose:
						goodbye <- int(binary.BigEndian.Uint16(data))
						p.Conn.Close()
						return
					case op == -1:
						goodbye <- 0
						return
					}
				}
			})
			var got []int64
			enough := make(chan struct{})
			l := listen(t, "url: ws://"+address+"\nclose_timeout: 100ms\nqueue_size: 50", func(e Event) error {
				got = append(got, e.Seq)
				if len(got) == 1+n*3 {
					close(enough)
				}
				return nil
			})
			<-enough
			if err := l.stop(); err != nil {
				t.Error(err)
			}
			for i, seq := range got {
				if seq != int64(i+1) {
					t.Fatalf("delivered %v as number %d", seq, i+1)
				}
			}
			want(t, "goodbye", <-goodbye, 1001)
		})
	}
}

// A message that has begun when the end comes is waited for; one that never ends is not
// waited for long.
func TestEndWithinAMessage(t *testing.T) {
	for _, finishes := range []bool{true, false} {
		halfway, rest := make(chan struct{}), make(chan struct{})
		address := serve(t, func(p *peer) {
			p.upgrade()
			whole := text("first half and second half")
			p.say(text("one"), whole[:12])
			close(halfway)
			<-rest
			if finishes {
				p.say(whole[12:])
			}
			p.farewell()
		})
		l := listen(t, "url: ws://"+address+"\nclose_timeout: 500ms", nil)
		l.expect("message one")
		<-halfway
		l.cancel()
		close(rest)
		begun := time.Now()
		if err := <-l.ended; err != nil {
			t.Error(err)
		}
		if took := time.Since(begun); took > 2*time.Second {
			t.Errorf("the end took %v", took)
		}
		want(t, "events left", len(l.events), map[bool]int{true: 1, false: 0}[finishes])
		if finishes {
			want(t, "the last one", short(<-l.events), "message first half and second half")
		}
	}
}

// What breaks the rules ends the connection with the code for that, and the next one is
// opened. What came before is delivered.
func TestBrokenFeeds(t *testing.T) {
	tests := []struct {
		name   string
		with   string
		frames []any
		code   string
		close  int // that we send; 0: none
	}{
		{"larger than allowed", "max_message_size: 1000", []any{text(strings.Repeat("x", 1001))}, "message_too_big", 1009},
		{"not UTF-8", "", []any{text("\xff")}, "invalid_utf8", 1007},
		{"a masked frame", "", []any{[]byte{fin | opText, 0x81, 1, 2, 3, 4, 5}}, "protocol_violation", 1002},
		{"the end of it", "", []any{frame(opText, "half")}, "truncated_message", 0},
		{"goodbye", "", []any{closeFrame(4000, "private")}, "closed_by_peer", 4000},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var n atomic.Int32
			closed := make(chan int, 1)
			address := serve(t, func(p *peer) {
				p.upgrade()
				p.say(text(fmt.Sprint("hello ", n.Add(1))))
				if n.Load() > 1 {
					p.farewell()
					return
				}
				p.say(tt.frames...)
				if tt.close == 0 {
					p.Conn.(*net.TCPConn).CloseWrite()
				}
				code := 0
				for op, data := p.frame(); op != -1; op, data = p.frame() {
					if op == opClose {
						code = int(binary.BigEndian.Uint16(data))
					}
				}
				closed <- code
			})
			l := listen(t, "url: ws://"+address+"\nlifecycle_events: [closed]\nreconnect: {initial: 50ms}\n"+tt.with, nil)
			l.expect("message hello 1", "closed "+tt.code, "message hello 2")
			want(t, "close code", <-closed, tt.close)
		})
	}
}

// A secret of the address is in no event, whatever happens.
func TestSecretsOfEvents(t *testing.T) {
	var n atomic.Int32
	address := serve(t, func(p *peer) {
		if n.Add(1) == 2 {
			p.request()
			p.say(response("HTTP/1.1 503 canary-secret", "Content-Length: 0"))
			return
		}
		p.upgrade()
		p.say(text("hi"), closeFrame(1011, "canary-secret is wrong"))
		p.farewell()
	})
	l := listen(t, "url: ws://u:canary-secret@"+address+"/?token=canary-secret\nlifecycle_events: [opened, closed, reconnected, error]\nreconnect: {initial: 50ms}", nil)
	for range 6 {
		e, _ := l.await()
		if text := string(value.AppendJSON(nil, value.Of(e))); strings.Contains(text, "canary") {
			t.Errorf("%s shows a secret: %s", e.Kind, text)
		}
	}
}
