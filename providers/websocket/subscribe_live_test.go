package websocket

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tocsin/providers"
	"tocsin/templating/value"
)

// A theatre is a subscription whose server is played over pipes, so that time can be
// that of a synctest bubble: an hour of waiting takes none, and comes out the same each
// time.
type theatre struct {
	t      *testing.T
	begun  time.Time
	s      *subscription
	server func(n int, p *peer) // plays the connection n, from 1
	set    func(*subscription)  // what YAML cannot say; nil: nothing

	mu     sync.Mutex
	log    []string // what happened, each with its time
	dials  int
	peers  sync.WaitGroup
	cancel context.CancelFunc
	err    error
	done   chan struct{}
}

// play runs a subscription with parameters in YAML until the time is over, and returns
// what happened: attempts to connect, events, and the end. do answers for emit.
func play(t *testing.T, yaml string, span time.Duration, server func(n int, p *peer), do func(Event) error) []string {
	t.Helper()
	var log []string
	synctest.Test(t, func(t *testing.T) {
		th := &theatre{t: t, server: server, done: make(chan struct{})}
		th.start(yaml, do)
		select {
		case <-time.After(span):
		case <-th.done:
		}
		th.cancel()
		<-th.done
		if th.err != nil {
			th.note("ended: %v", th.err)
		}
		th.peers.Wait()
		log = th.log
	})
	return log
}

func (th *theatre) start(yaml string, do func(Event) error) {
	th.begun = time.Now()
	p := subscribed(th.t, "proxy_url: direct\nurl: ws://server/\n"+yaml)
	s, err := testClient.subscription(&p)
	if err != nil {
		th.t.Fatal(err)
	}
	th.s = s
	s.random = func() float64 { return 0.5 }
	s.reach = th.dial
	s.emit = func(i *item) error {
		e := i.event()
		th.note("%s", told(e))
		if do != nil {
			return do(e)
		}
		return nil
	}
	if th.set != nil {
		th.set(s)
	}
	ctx, cancel := context.WithCancel(context.Background())
	th.cancel = cancel
	go func() {
		defer close(th.done)
		th.err = s.run(ctx)
	}()
}

func told(e Event) string {
	text := short(e)
	if e.Gap != nil {
		text += fmt.Sprintf(" gap %v", time.Duration(*e.Gap*float64(time.Millisecond)))
	}
	if e.Sample != nil {
		text += fmt.Sprintf(" #%d", e.Sample.Tick)
	}
	return text
}

func (th *theatre) note(format string, args ...any) {
	th.mu.Lock()
	defer th.mu.Unlock()
	th.log = append(th.log, fmt.Sprintf("%v ", time.Since(th.begun))+fmt.Sprintf(format, args...))
}

// dial is a connection to the server, or a refusal.
func (th *theatre) dial(context.Context) (net.Conn, error) {
	th.mu.Lock()
	th.dials++
	n := th.dials
	th.mu.Unlock()
	synctest.Wait() // what was raised before is told before
	th.note("dial")
	client, server := net.Pipe()
	over := make(chan struct{})
	p := &peer{Conn: server, in: bufio.NewReader(server), over: over}
	th.peers.Go(func() {
		defer server.Close()
		th.server(n, p)
	})
	return &ending{Conn: client, over: sync.OnceFunc(func() { close(over) })}, nil
}

// ending is the client's end of a connection: its closing ends what the server waits for.
type ending struct {
	net.Conn
	over func()
}

func (e *ending) Close() error {
	e.over()
	return e.Conn.Close()
}

// plain upgrades, says this, and reads until the other side closes.
func plain(frames ...any) func(int, *peer) {
	return func(_ int, p *peer) {
		p.upgrade()
		p.say(frames...)
		p.farewell()
	}
}

func same(t *testing.T, got []string, want string) {
	t.Helper()
	g, w := strings.Join(got, "\n"), strings.ReplaceAll(strings.TrimSpace(want), "\t", "")
	if g != w {
		t.Errorf("got\n%s\n\nwant\n%s", g, w)
	}
}

const all = "lifecycle_events: [opened, closed, reconnected, error]\nping_interval: 0\n"

// Attempts that fail are farther and farther apart, up to a limit; a half of each wait
// is what chance gives here.
func TestReconnectWaits(t *testing.T) {
	dies := func(_ int, p *peer) { p.request() } // and closes
	log := play(t, "ping_interval: 0\nreconnect: {jitter: none, max: 10s}", 40*time.Second, dies, nil)
	same(t, log, `
		0s dial
		1s dial
		3s dial
		7s dial
		15s dial
		25s dial
		35s dial`)
}

// A server that takes us in and throws us out is not hammered: the waits only become
// short again after a connection that held.
func TestReconnectFlapping(t *testing.T) {
	held := map[int]time.Duration{4: 30 * time.Second} // the others end at once
	log := play(t, "ping_interval: 0\nreconnect: {jitter: none}", 50*time.Second, func(n int, p *peer) {
		p.upgrade()
		time.Sleep(held[n])
	}, nil)
	same(t, log, `
		0s dial
		1s dial
		3s dial
		7s dial
		38s dial
		40s dial
		44s dial`)
}

// Everything that happens to a connection is told where that is asked for, and how long
// nothing was received.
func TestLifecycleEvents(t *testing.T) {
	log := play(t, all, 20*time.Second, func(n int, p *peer) {
		switch n {
		case 1:
			p.upgrade()
			p.say(text("a"))
			time.Sleep(5 * time.Second)
			p.say(closeFrame(1012, "back soon"))
			p.farewell()
		case 2:
			p.request()
			p.say(response("HTTP/1.1 503 Service Unavailable", "Retry-After: 3", "Content-Length: 0"))
		default:
			plain(text("b"))(n, p)
		}
	}, nil)
	same(t, log, `
		0s dial
		0s opened
		0s message a
		5s closed closed_by_peer
		5.525s dial
		5.525s error handshake_status
		8.675s dial
		8.675s reconnected gap 3.675s
		8.675s message b`)
}

// After as many failures behind the first as it may, it gives up, says so whether asked
// or not, and is an error.
func TestGivingUp(t *testing.T) {
	dies := func(_ int, p *peer) { p.request() }
	for retries, want := range map[string]string{
		"connection: {max_retries: 0}": `
			0s dial
			0s gave_up connection_lost
			0s ended: ws://server/: the server ended the connection without answering the upgrade`,
		"reconnect: {max_retries: 2, jitter: none}": `
			0s dial
			1s dial
			3s dial
			3s gave_up connection_lost
			3s ended: ws://server/: the server ended the connection without answering the upgrade`,
	} {
		same(t, play(t, retries, time.Hour, dies, nil), want)
	}
	lost := func(n int, p *peer) {
		if n > 1 {
			return
		}
		p.upgrade()
		time.Sleep(time.Minute)
	}
	same(t, play(t, "ping_interval: 0\nreconnect: {max_retries: 1, jitter: none}", time.Hour, lost, nil), `
		0s dial
		1m1s dial
		1m1s gave_up connection_lost
		1m1s ended: ws://server/: the server ended the connection without answering the upgrade`)
}

// Who is turned away for what it is waits long before it tries again.
func TestSternServers(t *testing.T) {
	log := play(t, all, 2*time.Minute, func(n int, p *peer) {
		switch n {
		case 1:
			p.request()
			p.say(response("HTTP/1.1 401 Unauthorized", "Content-Length: 0"))
		case 2:
			p.upgrade()
			p.say(closeFrame(1008, ""))
		default:
			plain()(n, p)
		}
	}, nil)
	same(t, log, `
		0s dial
		0s error handshake_status
		45s dial
		45s opened
		45s closed closed_by_peer
		1m30s dial
		1m30s reconnected gap 45s`)
}

// A peer that answers no ping is gone, though the connection looks open. Whatever else
// comes shows that it is there.
func TestPings(t *testing.T) {
	log := play(t, "lifecycle_events: [closed, reconnected]\nping_interval: 10s\npong_timeout: 4s", 47*time.Second, func(n int, p *peer) {
		p.upgrade()
		if n > 1 {
			p.echoPings()
			return
		}
		go p.wait() // no pongs, but messages while they are waited for
		for range 2 {
			time.Sleep(11 * time.Second)
			p.say(text("here"))
		}
		<-p.over
	}, nil)
	same(t, log, `
		0s dial
		11s message here
		22s message here
		28s closed pong_timeout
		28.525s dial
		28.525s reconnected gap 6.525s`)
}

// echoPings answers pings until the other side closes.
func (p *peer) echoPings() {
	for {
		switch op, data := p.frame(); op {
		case -1:
			return
		case opPing:
			p.say(frame(fin|opPong, string(data)))
		case opClose:
			p.say(frame(fin|opClose, string(data)))
			return
		}
	}
}

// A heartbeat is a message. Its answers raise no events, and one that is missing ends
// the connection, whatever else comes.
func TestHeartbeat(t *testing.T) {
	log := play(t, "lifecycle_events: [closed]\nping_interval: 0\nheartbeat: {message: {op: ping}, interval: 10s, expect: '^pong'}\npong_timeout: 3s", 34*time.Second, func(n int, p *peer) {
		p.upgrade()
		for beat := 1; ; beat++ {
			op, data := p.frame()
			if op != opText || string(data) != `{"op":"ping"}` {
				return
			}
			if beat < 3 {
				p.say(text("pong"))
			}
			p.say(text("data"))
		}
	}, nil)
	same(t, log, `
		0s dial
		10s message data
		20s message data
		30s message data
		33s closed pong_timeout
		33.525s dial`)
}

// No message for that long ends the connection. With Telegraf's read_timeout a ping of
// the server's is as good as a message.
func TestIdleTimeout(t *testing.T) {
	server := func(n int, p *peer) {
		p.upgrade()
		go p.wait() // reads our pongs
		for range 3 {
			time.Sleep(4 * time.Second)
			if !p.say(frame(fin|opPing, "")) {
				return
			}
		}
		<-p.over
	}
	events := "lifecycle_events: [closed]\nping_interval: 0\nconnection: {max_retries: 0}\n"
	same(t, play(t, events+"idle_timeout: 10s", time.Hour, server, nil), `
		0s dial
		10s closed idle_timeout
		10s gave_up idle_timeout
		10s ended: ws://server/: no message came for 10s`)
	same(t, play(t, events+"read_timeout: 10s", time.Hour, server, nil), `
		0s dial
		22s closed idle_timeout
		22s gave_up idle_timeout
		22s ended: ws://server/: no message came for 10s`)
}

// A feed that is silent though its connection is well is told of, once for each silence.
func TestStale(t *testing.T) {
	log := play(t, "stale_after: 10s", time.Minute, func(n int, p *peer) {
		p.upgrade()
		go p.echoPings()
		time.Sleep(25 * time.Second)
		p.say(text("again"))
		<-p.over
	}, nil)
	same(t, log, `
		0s dial
		10s stale
		25s message again
		35s stale`)
}

// A connection that is old is closed in peace and opened anew at once.
func TestMaxConnectionAge(t *testing.T) {
	var codes []int
	log := play(t, all+"max_connection_age: 10s", 35*time.Second, func(n int, p *peer) {
		p.upgrade()
		for {
			op, data := p.frame()
			if op == opClose {
				codes = append(codes, int(data[0])<<8|int(data[1]))
				p.say(frame(fin|opClose, string(data)))
			}
			if op == opClose || op == -1 {
				return
			}
		}
	}, nil)
	same(t, log, `
		0s dial
		0s opened
		10s closed
		10s dial
		10s reconnected gap 10s
		20s closed
		20s dial
		20s reconnected gap 10s
		30s closed
		30s dial
		30s reconnected gap 10s`)
	want(t, "close codes", codes, []int{1000, 1000, 1000, 1001})
	v := vital{age: 10 * time.Second}
	want(t, "give or take a tenth", []any{v.lifetime(0), v.lifetime(1)}, []any{9 * time.Second, 11 * time.Second})
}

// On every connection the opening is said again; behind that, on all but the first, what
// lets the server go on where it was.
func TestOpeningAndResume(t *testing.T) {
	p := "handshake_bodies: [hello, '']\nhandshake_pause: 1s\nping_interval: 0\nreconnect: {jitter: none}\nresume_message: resume"
	var said []string
	synctest.Test(t, func(t *testing.T) {
		th := &theatre{t: t, done: make(chan struct{}), server: func(n int, p *peer) {
			p.upgrade()
			for range min(n, 2) {
				_, data := p.frame()
				said = append(said, fmt.Sprintf("%d %s", n, data))
			}
			p.say(text(fmt.Sprintf(`{"at":%d}`, n)))
			if n == 3 {
				p.farewell()
			}
		}}
		th.set = func(s *subscription) {
			if plain, err := s.live.resume(nil); plain != "resume" || err != nil {
				t.Error(plain, err)
			}
			s.live.resume = func(more map[string]any) (any, error) {
				data, _ := more["last"].(*value.Map).Get("data")
				return fmt.Sprint("after ", data, " gap ", more["gap_ms"]), nil
			}
		}
		th.start(p, nil)
		time.Sleep(time.Minute)
		th.cancel()
		<-th.done
		th.peers.Wait()
	})
	same(t, said, `
		1 hello
		2 hello
		2 after {"at":1} gap 1000
		3 hello
		3 after {"at":2} gap 2000`)
}

// An error of emit ends everything; one that says that the run failed does not, and with
// auto_replay_nacks the event is run again until it succeeds.
func TestEmitErrors(t *testing.T) {
	fails := func(times int, err error) func(Event) error {
		return func(e Event) error {
			if *e.Data == "a" && times > 0 {
				times--
				return err
			}
			return nil
		}
	}
	server := plain(text("a"), text("b"))
	same(t, play(t, "ping_interval: 0", time.Hour, server, fails(1, fmt.Errorf("full"))), `
		0s dial
		0s message a
		0s ended: full`)
	same(t, play(t, "ping_interval: 0", time.Hour, server, fails(1, providers.ErrUnhandled)), `
		0s dial
		0s message a
		0s message b`)
	same(t, play(t, "ping_interval: 0\nauto_replay_nacks: true", time.Hour, server, fails(3, providers.ErrUnhandled)), `
		0s dial
		0s message a
		525ms message a
		1.55s message a
		3.575s message a
		3.575s message b`)
	same(t, play(t, "ping_interval: 0", time.Hour, server, func(Event) error { panic("bug") }), `
		0s dial
		0s message a
		0s ended: bug: emitting an event panicked: bug`)
}

// The other policy for a full queue: go away and come back when there is room.
func TestOverflowClose(t *testing.T) {
	n := 0
	log := play(t, all+"queue_size: 2\noverflow: close", 8*time.Second, func(n int, p *peer) {
		p.upgrade()
		for i := range 4 {
			if !p.say(text(fmt.Sprintf("%d.%d", n, i))) {
				return
			}
		}
		p.farewell()
	}, func(Event) error { n++; time.Sleep(time.Second); return nil })
	want(t, "reconnected after", len(log) > 6, true)
	for _, line := range log {
		if strings.Contains(line, "closed ") && !strings.Contains(line, "queue_full") {
			t.Error(line)
		}
	}
}
