package websocket

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tocsin/providers"
)

// notify sends with parameters in YAML.
func notify(t testing.TB, c client, yaml string) (Delivery, error) {
	t.Helper()
	var p Notice
	decode(t, yaml, &p)
	d, err := c.Notify(t.Context(), p)
	if d.URL != "" {
		consistent(t, d.Result)
	}
	return d, err
}

// answer is a server that answers every message with what say makes of it, and every
// ping and close frame.
func answering(say func(string) string) func(*peer) {
	return func(p *peer) {
		p.upgrade()
		for {
			switch op, data := p.frame(); op {
			case -1:
				return
			case opClose:
				p.say(frame(fin|opClose, string(data)))
				return
			case opPing:
				p.say(frame(fin|opPong, string(data)))
			case opText, opBinary:
				if text := say(string(data)); text != "" {
					p.say(frame(fin|byte(op), text))
				}
			}
		}
	}
}

func silent(string) string { return "" }

// silentAfter takes the messages and then does this.
func takes(messages int, then func(*peer)) func(*peer) {
	return func(p *peer) {
		p.upgrade()
		for range messages {
			if op, _ := p.frame(); op == -1 {
				return
			}
		}
		then(p)
	}
}

func TestSend(t *testing.T) {
	slow := func(p *peer) { p.wait() }
	tests := []struct {
		name, with string
		serve      func(*peer)
		code       string // of the error; "" for none
		want       string // delivered, confirmed, unconfirmed
	}{
		{"confirmed by the closing handshake", "message: hi", answering(silent), "", "1 true false"},
		{"no closing handshake", "{message: hi, close_timeout: 50ms}", takes(1, slow), "", "1 false true"},
		{"no closing handshake, and one is needed", "{message: hi, close_timeout: 50ms, confirm_required: true}", takes(1, slow), "reply_timeout", "1 false true"},
		{"the connection ends instead", "message: hi", takes(1, func(*peer) {}), "", "1 false true"},
		{"it ends, and a handshake is needed", "{message: hi, confirm_required: true}", takes(1, func(*peer) {}), "reply_timeout", "1 false true"},
		{"the server closes first", "{message: hi}", takes(1, func(p *peer) { p.say(closeFrame(1000, "")); p.wait() }), "", "1 true false|1 false true"},
		{"the server does not like it", "{message: hi, confirm: pong}", takes(1, func(p *peer) { p.say(closeFrame(1008, "no")); p.wait() }), "closed_by_peer", "1 false true"},
		{"not confirmed at all", "{message: hi, confirm: none}", takes(1, slow), "", "1 false false"},
		{"a pong", "{message: hi, confirm: pong}", answering(silent), "", "1 true false"},
		{"no pong", "{message: hi, confirm: pong, timeout: 100ms}", takes(1, slow), "pong_timeout", "1 false true"},
		{"a reply", "{message: hi, confirm: reply}", answering(strings.ToUpper), "", "1 true false"},
		{"no reply", "{message: hi, confirm: reply, timeout: 100ms}", answering(silent), "reply_timeout", "1 false true"},
		{"the reply that is waited for", "{messages: [a, b], confirm: reply, wait_for: \"data == 'B'\"}", answering(strings.ToUpper), "", "2 true false"},
		{"not the reply that is waited for", "{message: a, confirm: reply, wait_for: \"data == 'B'\", timeout: 100ms}", answering(strings.ToUpper), "reply_timeout", "1 false true"},
		{"a reply that must not come", "{message: a, confirm: reply, fail_if: \"data == 'A'\"}", answering(strings.ToUpper), "assertion_failed", "1 false true"},
		{"the connection ends before a reply", "{message: a, confirm: reply}", takes(1, func(*peer) {}), "connection_lost", "1 false true"},
		{"refused", "{message: hi}", status("HTTP/1.1 503 Service Unavailable", "Retry-After: 3"), "handshake_status", "0 false false"},
		{"a failure that is a result", "{message: hi, fail_on_error: false}", status("HTTP/1.1 403 Forbidden"), "handshake_status", "0 false false"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d, err := notify(t, testClient, "url: ws://"+serve(t, tt.serve)+"\n"+flat(tt.with))
			got := ""
			if d.Error != nil {
				got = d.Error.Code
			}
			if got != tt.code || (err != nil) != (tt.code != "" && !strings.Contains(tt.with, "fail_on_error: false")) {
				t.Errorf("%s, %v; want %q", got, err, tt.code)
			}
			if got := fmt.Sprint(d.Delivered, d.Confirmed, d.Unconfirmed); !slices.Contains(strings.Split(tt.want, "|"), got) {
				t.Errorf("delivered, confirmed, unconfirmed: %s, want %s", got, tt.want)
			}
		})
	}
}

// flat is {a: b, c: d} as lines, to be put below others.
func flat(yaml string) string {
	if !strings.HasPrefix(yaml, "{") {
		return yaml
	}
	return "<<: " + yaml
}

// Several messages are as many frames, in order, each of the type that it says; what
// comes back meanwhile is counted.
func TestSendSeveral(t *testing.T) {
	var got []string
	d, err := notify(t, testClient, "url: ws://"+serve(t, answering(func(text string) string {
		got = append(got, text)
		return "got " + text
	}))+"\nopen_message: hello\nmessages: [a, {b: 1}, c]\nconfirm: pong")
	if err != nil {
		t.Fatal(err)
	}
	want(t, "messages", strings.Join(got, " "), `hello a {"b":1} c`)
	want(t, "delivered", d.Delivered, 3)
	want(t, "sent", d.Sent.Messages, 4)
	want(t, "received", d.Received.Messages, 4)
	want(t, "kept", len(d.Messages), 0)
	if d.Timings.Ping == nil {
		t.Error("no time of the ping")
	}
}

// A server that answers before it takes the rest does not hold us up.
func TestSendBesideReplies(t *testing.T) {
	address := serve(t, func(p *peer) {
		p.upgrade()
		for range 64 {
			p.say(text(strings.Repeat("x", 1<<16)))
		}
		for range 3 {
			p.frame()
		}
		p.farewell()
	})
	n := Notice{Payload: Payload{Messages: []any{strings.Repeat("x", 1<<20), strings.Repeat("y", 1<<20), "z"}}}
	n.URL, n.CloseTimeout = new("ws://"+address), new(30*time.Second)
	d, err := testClient.Notify(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	want(t, "received", d.Received.Messages, 64)
	want(t, "confirmed", d.Confirmed, true)
}

// A greeting is no reply to what was not sent yet.
func TestGreetingIsNoReply(t *testing.T) {
	d, err := notify(t, testClient, "url: ws://"+serve(t, func(p *peer) {
		p.request()
		p.say(p.accepted(), text("welcome"))
		p.frame()
		<-time.After(20 * time.Millisecond)
		p.say(text("thanks"))
		p.farewell()
	})+"\nhandshake_bodies: ['']\nmessage: hi\nconfirm: reply")
	if err != nil {
		t.Fatal(err)
	}
	want(t, "data", at(d.Data), "thanks")
}

// What could not be written at all is written over a new connection, once and at once;
// what was written is not written again.
func TestSendReconnects(t *testing.T) {
	var tries atomic.Int32
	address := serve(t, func(p *peer) {
		if tries.Add(1) == 1 {
			p.upgrade()
			p.reset()
			return
		}
		answering(silent)(p)
	})
	d, err := notify(t, testClient, "url: ws://"+address+"\nhandshake_bodies: ['']\nhandshake_pause: 50ms\nmessage: hi")
	if err != nil {
		t.Fatal(err)
	}
	want(t, "attempts", d.Attempts, 2)
	want(t, "confirmed", d.Confirmed, true)

	tries.Store(0)
	address = serve(t, func(p *peer) { tries.Add(1); takes(1, func(p *peer) { p.reset() })(p) })
	d, err = notify(t, testClient, "url: ws://"+address+"\nmessage: hi\nconfirm: reply\nretries: 5\nretry_delay: 1ms")
	if err == nil || tries.Load() != 1 {
		t.Errorf("%d connections, %+v", tries.Load(), d)
	}
}

// Retries are new attempts within the one timeout, for what may pass.
func TestRetries(t *testing.T) {
	var tries atomic.Int32
	flaky := func(good func(*peer)) func(*peer) {
		return func(p *peer) {
			if tries.Add(1) < 3 {
				status("HTTP/1.1 503 Service Unavailable")(p)
				return
			}
			good(p)
		}
	}
	r := ask(t, "{url: 'ws://"+serve(t, flaky(echo))+"', data: hi, retries: 3, retry_delay: 1ms}")
	want(t, "outcome", outcome(r), "ok")
	want(t, "attempts", r.Attempts, 3)
	tries.Store(0)
	d, err := notify(t, testClient, "{url: 'ws://"+serve(t, flaky(answering(silent)))+"', data: hi, retries: 3, retry_delay: 1ms}")
	want(t, "error", err, nil)
	want(t, "attempts", d.Attempts, 3)
	tries.Store(0)
	r = ask(t, "{url: 'ws://"+serve(t, flaky(echo))+"', data: hi, retries: 1, retry_delay: 1ms}")
	want(t, "outcome of too few", outcome(r), "handshake_status")
	want(t, "attempts", r.Attempts, 2)
	tries.Store(0)
	begun := time.Now()
	r = ask(t, "{url: 'ws://"+serve(t, flaky(echo))+"', data: hi, retries: 3, retry_delay: 1h, timeout: 300ms}")
	want(t, "outcome where there is no time", outcome(r), "handshake_status")
	if took := time.Since(begun); took > 250*time.Millisecond {
		t.Errorf("it waited %v for nothing", took)
	}
	tries.Store(0)
	r = ask(t, "{url: 'ws://"+serve(t, func(p *peer) { tries.Add(1); status("HTTP/1.1 403 Forbidden")(p) })+"', retries: 3, retry_delay: 1ms}")
	want(t, "attempts at what will not pass", fmt.Sprint(tries.Load(), r.Attempts), "1 1")
}

// keeper is a client that keeps connections.
func keeper(t *testing.T) client {
	c := testClient
	c.lines = &lines{}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// A connection that is kept open is used by the next messages of the same shape, one
// after the other.
func TestKeepOpen(t *testing.T) {
	var connections atomic.Int32
	var mu sync.Mutex
	var got []string
	address := serve(t, func(p *peer) {
		connections.Add(1)
		answering(func(text string) string {
			mu.Lock()
			defer mu.Unlock()
			got = append(got, text)
			return "got " + text
		})(p)
	})
	c := keeper(t)
	var all sync.WaitGroup
	for i := range 10 {
		all.Go(func() {
			d, err := notify(t, c, fmt.Sprintf("{url: 'ws://%s', message: m%d, keep_open: true, open_message: hello, open_message_type: text}", address, i))
			if err != nil || !d.Confirmed || d.Close != nil {
				t.Errorf("%v, %+v", err, d)
			}
		})
	}
	all.Wait()
	want(t, "connections", connections.Load(), 1)
	mu.Lock()
	want(t, "messages", len(got), 11)
	want(t, "the first", got[0], "hello")
	mu.Unlock()
	d, err := notify(t, c, "{url: 'ws://"+address+"', message: other, keep_open: true, confirm: reply, headers: {X-A: b}}")
	want(t, "error", err, nil)
	want(t, "reply", at(d.Data), "got other")
	want(t, "connections with another header", connections.Load(), 2)
	d, err = notify(t, c, "{url: 'ws://"+address+"', message: again, keep_open: true, confirm: reply, headers: {X-A: b}}")
	want(t, "error", err, nil)
	want(t, "reply over the kept connection", at(d.Data), "got again")
	want(t, "connections", connections.Load(), 2)
}

// A kept connection that has ended meanwhile is no failure: there is a new one.
func TestKeptConnectionsEnd(t *testing.T) {
	var connections atomic.Int32
	gone := make(chan struct{}, 10)
	address := serve(t, func(p *peer) {
		if connections.Add(1) == 1 {
			p.upgrade()
			p.frame()
			_, ping := p.frame()
			p.say(frame(fin|opPong, string(ping)), closeFrame(1001, ""))
			p.wait()
			gone <- struct{}{}
			return
		}
		answering(silent)(p)
		gone <- struct{}{}
	})
	c := keeper(t)
	yaml := "{url: 'ws://" + address + "', message: hi, keep_open: true, idle_close: 50ms}"
	if _, err := notify(t, c, yaml); err != nil {
		t.Fatal(err)
	}
	<-gone
	d, err := notify(t, c, yaml)
	if err != nil || !d.Confirmed {
		t.Fatal(err)
	}
	want(t, "connections", connections.Load(), 2)
	<-gone // after idle_close
	if _, err := notify(t, c, yaml); err != nil {
		t.Fatal(err)
	}
	want(t, "connections", connections.Load(), 3)
}

// Who waits for a connection that others use waits no longer than its timeout.
func TestKeptConnectionsAreWaitedFor(t *testing.T) {
	address := serve(t, takes(1, func(p *peer) { p.wait() }))
	c := keeper(t)
	yaml := "{url: 'ws://" + address + "', message: hi, keep_open: true, timeout: 300ms}"
	failures := make(chan error, 2)
	for range 2 {
		go func() {
			var p Notice
			decode(t, yaml, &p)
			_, err := c.Notify(context.Background(), p)
			failures <- err
		}()
	}
	for range 2 {
		if err := <-failures; err == nil {
			t.Error("no error")
		}
	}
}

func TestMistakesInSending(t *testing.T) {
	for yaml, want := range map[string]string{
		"{}":                                                  "there is nothing to send; write message: ..., or send_empty: true",
		"{message: ''}":                                       "there is nothing to send; write message: ..., or send_empty: true",
		"{message: a, data: b}":                               "only one of data, message, messages and data_base64 may be given",
		"{message: a, mode: query}":                           "mode: query is for steps; in an action it is send, or left out",
		"{message: a, receive: none}":                         "receive is for steps; an action has confirm",
		"{message: a, trigger_body: b}":                       "trigger_body is for triggers: in an action nothing is listened to",
		"{message: a, wait_for_regex: b}":                     "wait_for and fail_if are about the reply; write confirm: reply",
		"{message: a, keep_open: true, confirm: close}":       "confirm: close ends the connection, and keep_open keeps it",
		"{message: a, confirm: none, confirm_required: true}": "confirm_required wants to be sure, and confirm: none does not ask",
		"{message: a, idle_close: 0}":                         "idle_close must not be 0: a check has to end",
	} {
		_, err := notify(t, testClient, "url: ws://h\n"+flat(yaml))
		own, ok := errors.AsType[*Error](err)
		if !ok || own.Code != ConfigInvalid || own.Problem != want {
			t.Errorf("%s: %v, want %s", yaml, err, want)
		}
	}
}

// A failure that may pass says so to whoever tries again.
func TestFailuresThatMayPass(t *testing.T) {
	_, err := notify(t, testClient, "{url: 'ws://"+serve(t, status("HTTP/1.1 503 Service Unavailable", "Retry-After: 3"))+"', message: hi}")
	if e, ok := errors.AsType[*providers.Error](err); !ok || !e.Temporary || e.After != 3*time.Second {
		t.Errorf("%#v", err)
	}
}
