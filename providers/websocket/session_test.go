package websocket

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tocsin/providers"
	"tocsin/providers/dial"
	"tocsin/templating/value"
	"tocsin/workflows/source"
)

// heardBy writes down what a conversation shows: < text hello, > close 1000 bye.
type heardBy struct {
	mu    sync.Mutex
	lines []string
	rtt   time.Duration
	news  chan string
}

func (h *heardBy) see(f providers.Frame) {
	arrow := "<"
	if f.Sent {
		arrow = ">"
	}
	line := strings.TrimSpace(fmt.Sprintf("%s %s %s", arrow, f.Kind, f.Data))
	switch f.Kind {
	case "open":
		line = "open"
	case "close":
		line = strings.TrimSpace(fmt.Sprintf("%s close %d %s", arrow, f.Code, f.Reason))
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.lines = append(h.lines, line)
	h.rtt = max(h.rtt, f.Round)
	select {
	case h.news <- line:
	default:
	}
}

// talked has a conversation in which the frames are said once the connection is open, and
// returns what was shown, what was refused and the result.
func talked(t *testing.T, with string, quiet time.Duration, say ...providers.Frame) (*heardBy, []string, Result) {
	t.Helper()
	heard := &heardBy{news: make(chan string, 1000)}
	said := make(chan providers.Frame, len(say))
	for _, f := range say {
		said <- f
	}
	close(said)
	var refused []string
	result := converse(t, t.Context(), with, providers.Talk{
		See: heard.see, Say: said, Quiet: quiet, Refuse: func(problem string) { refused = append(refused, problem) },
	})
	return heard, refused, result
}

func converse(t *testing.T, ctx context.Context, with string, talk providers.Talk) Result {
	t.Helper()
	v, err := source.Parse("with.yaml", []byte(with))
	if err != nil {
		t.Fatal(err)
	}
	var p Params
	if err := Provider.Converse.Params.Decode(v, "websocket", &p); err != nil {
		t.Fatal(err)
	}
	c := &client{dialer: &dial.Dialer{}, now: time.Now}
	result, err := c.Converse(ctx, p, talk)
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// reflected is a mirror, and what it has shown.
func reflected(t *testing.T, m providers.Mirror) (address string, heard *heardBy) {
	t.Helper()
	heard = &heardBy{news: make(chan string, 1000)}
	m.See = heard.see
	handler, err := mirror(m)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return "ws" + strings.TrimPrefix(server.URL, "http"), heard
}

func said(kind, text string) providers.Frame {
	return providers.Frame{Kind: kind, Data: []byte(text)}
}

func TestConversation(t *testing.T) {
	for _, c := range []struct {
		name   string
		mirror providers.Mirror
		with   string
		say    []providers.Frame
		shown  []string
		code   Code // of the failure; "": none
	}{
		{
			name: "text and binary", say: []providers.Frame{said("text", "hello"), said("binary", "\x00\xff")}, with: "min_messages: 2",
			shown: []string{"open", "> text hello", "< text hello", "> binary \x00\xff", "< binary \x00\xff", "> close 1000", "< close 1000"},
		},
		{
			name: "close with a code and a reason", say: []providers.Frame{{Kind: "close", Code: 4001, Reason: "bye"}},
			shown: []string{"open", "> close 4001 bye", "< close 4001 bye"},
		},
		{
			name: "the server closes in peace", mirror: providers.Mirror{Close: 1000, Reason: "enough"}, say: []providers.Frame{said("text", "a")},
			shown: []string{"open", "> text a", "< text a", "< close 1000 enough", "> close 1000 enough"},
		},
		{
			name: "the server closes in anger", mirror: providers.Mirror{Silent: true, Close: 1008, Reason: "no"}, code: ClosedByPeer,
			shown: []string{"open", "< close 1008 no", "> close 1008 no"},
		},
		{
			name: "which was expected", mirror: providers.Mirror{Silent: true, Close: 4009}, with: "expect_close: [4000-4999]",
			shown: []string{"open", "< close 4009", "> close 4009"},
		},
		{
			name: "until a message", with: "wait_for_contains: two", say: []providers.Frame{said("text", "one"), said("text", "two")},
			shown: []string{"open", "> text one", "< text one", "> text two", "< text two", "> close 1000", "< close 1000"},
		},
		{
			name: "a message that does not come", with: "wait_for_contains: three", say: []providers.Frame{said("text", "one")}, code: ReplyTimeout,
			shown: []string{"open", "> text one", "< text one", "> close 1000", "< close 1000"},
		},
		{
			name: "a script, and what was to be said first", with: "{open_message: hi, open_message_type: text, script: [{expect: h(.)}, {send: 'got ${1}'}, {expect: got}]}",
			shown: []string{"open", "> text hi", "< text hi", "> text got i", "< text got i", "> close 1000", "< close 1000"},
		},
		{
			name: "a script that fails", with: "script: [{send: a}, {expect: b}]", code: AssertionFailed,
			shown: []string{"open", "> text a", "< text a", "> close 1000", "< close 1000"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			address, _ := reflected(t, c.mirror)
			with := c.with
			if !strings.HasPrefix(with, "{") {
				with = "{" + with + "}"
			}
			with = strings.Replace(with, "{", "{url: '"+address+"', ", 1)
			heard, _, result := talked(t, with, 100*time.Millisecond, c.say...)
			if !inOrder(heard.lines, c.shown) {
				t.Errorf("shown\n%s\nwant\n%s", strings.Join(heard.lines, "\n"), strings.Join(c.shown, "\n"))
			}
			got := Code("")
			if result.Error != nil {
				got = Code(result.Error.Code)
			}
			if got != c.code {
				t.Errorf("failed with %q, want %q: %+v", got, c.code, result.Error)
			}
		})
	}
}

// inOrder says that got is what is wanted, where an answer may also come later than the
// next thing that we say.
func inOrder(got, want []string) bool {
	side := func(lines []string, arrow string) []string {
		return slices.DeleteFunc(slices.Clone(lines), func(line string) bool { return !strings.HasPrefix(line, arrow) })
	}
	return slices.Equal(side(got, "<"), side(want, "<")) && slices.Equal(side(got, ">"), side(want, ">")) && len(got) == len(want)
}

// A ping is answered, and its round trip known; what cannot be sent is refused, and the
// conversation goes on.
func TestConversationSigns(t *testing.T) {
	address, _ := reflected(t, providers.Mirror{})
	heard := &heardBy{news: make(chan string, 100)}
	say := make(chan providers.Frame)
	var refused []string
	done := make(chan Result)
	go func() {
		done <- converse(t, t.Context(), "url: "+address, providers.Talk{
			See: heard.see, Say: say, Quiet: -1, Refuse: func(problem string) { refused = append(refused, problem) },
		})
	}()
	say <- providers.Frame{Kind: "close", Code: 1005}
	say <- providers.Frame{Kind: "close", Code: 1000, Reason: strings.Repeat("x", 124)}
	say <- said("text", "\xff")
	say <- providers.Frame{Kind: "ping"}
	for line := range heard.news {
		if strings.HasPrefix(line, "< pong") {
			break
		}
	}
	say <- providers.Frame{Kind: "close"}
	result := <-done
	if len(refused) != 3 || result.Error != nil || heard.rtt <= 0 || result.Timings.Ping == nil {
		t.Errorf("refused %q, round trip %v, ping %v, error %+v", refused, heard.rtt, result.Timings.Ping, result.Error)
	}
	if !inOrder(heard.lines, []string{"open", "> ping 1", "< pong 1", "> close 1000", "< close 1000"}) {
		t.Errorf("shown\n%s", strings.Join(heard.lines, "\n"))
	}
}

// A server's ping and our answer are shown in their place among the messages.
func TestConversationShowsPings(t *testing.T) {
	address := serve(t, func(p *peer) {
		p.request()
		p.say(p.accepted(), text("one"), frame(fin|opPing, "are you"), text("two"), closeFrame(1000, ""))
		p.farewell()
	})
	heard, _, result := talked(t, "url: ws://"+address, time.Second)
	want := []string{"open", "< text one", "< ping are you", "< text two", "< close 1000", "> pong are you", "> close 1000"}
	got := slices.Clone(heard.lines)
	if result.Error != nil || !inOrder(got, want) {
		t.Errorf("shown\n%s\nerror %+v", strings.Join(got, "\n"), result.Error)
	}
}

// Whoever interrupts says goodbye first.
func TestConversationInterrupted(t *testing.T) {
	address, mirrored := reflected(t, providers.Mirror{})
	ctx, interrupt := context.WithCancelCause(t.Context())
	heard := &heardBy{news: make(chan string, 100)}
	go func() {
		<-heard.news // open
		interrupt(errors.New("enough"))
	}()
	result := converse(t, ctx, "url: "+address, providers.Talk{See: heard.see, Say: make(chan providers.Frame), Quiet: -1})
	if result.Error == nil || result.Error.Code != string(Cancelled) {
		t.Fatalf("%+v", result.Error)
	}
	for line := range mirrored.news {
		if strings.HasPrefix(line, "< close") {
			if line != "< close 1000" {
				t.Error(line)
			}
			break
		}
	}
}

// A connection that cannot be had is in the result.
func TestConversationRefused(t *testing.T) {
	server := httptest.NewServer(nil)
	server.Close()
	heard, _, result := talked(t, "url: "+server.URL, 0)
	if len(heard.lines) > 0 || result.Connected || result.Error == nil || result.Error.Code != string(ConnectRefused) {
		t.Errorf("%q %+v", heard.lines, result.Error)
	}
}

// What a server sends back of the secrets made for a connection is not shown, nor what
// the parameters have in a close reason.
func TestConversationHidesSecrets(t *testing.T) {
	for _, c := range canaries(t) {
		if strings.Contains(c.yaml, "GATE") || strings.Contains(c.yaml, "TOKENS") || c.name == "JWT as a subprotocol" {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			address := serve(t, tell(reflections["in the reason"]))
			with := strings.ReplaceAll(c.yaml, "ADDRESS", address)
			if !strings.Contains(with, "url:") {
				with += "\nurl: ws://" + address
			}
			heard, _, result := talked(t, with, time.Second)
			all := strings.Join(heard.lines, "\n") + fmt.Sprintf("%+v", result.Error) + result.Close.Reason
			if found := shows(all, c.secrets); found != "" {
				t.Errorf("%s in %s", found, all)
			}
		})
	}
}

// The mirror shows the request without its secrets, and refuses what it could not send.
func TestMirror(t *testing.T) {
	var facts string
	var shown []string
	over := make(chan struct{})
	handler, err := mirror(providers.Mirror{See: func(f providers.Frame) {
		if f.Facts != nil {
			facts = string(value.AppendJSON(nil, f.Facts))
		}
		if shown = append(shown, f.Kind+string(f.Data)); f.Kind == "close" {
			close(over)
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(handler)
	defer server.Close()
	address := strings.TrimPrefix(server.URL, "http://")
	_, _, result := talked(t, `{url: "ws://me:canary-pass@`+address+`/p?token=canary-token", headers: {X-Api-Key: canary-key, X-Any: seen}, subprotocols: [a, base64url.canary-that-is-long-enough], min_messages: 1}`,
		time.Second, said("text", "my canary-key is canary-token"))
	if result.Error != nil || result.Subprotocol != "a" {
		t.Errorf("%+v, subprotocol %q", result.Error, result.Subprotocol)
	}
	<-over
	all := facts + strings.Join(shown, "\n")
	if strings.Contains(all, "canary") || !strings.Contains(facts, "seen") || !strings.Contains(facts, "/p?token=***") {
		t.Error(all)
	}
	for _, m := range []providers.Mirror{{Close: 1006}, {Close: 99}, {Close: 1000, Reason: strings.Repeat("x", 124)}} {
		if _, err := mirror(m); err == nil {
			t.Errorf("%+v is not refused", m)
		}
	}
}

// Frames are read the same wherever the bytes are split, masked or not.
func TestTapSplit(t *testing.T) {
	wire := string(slices.Concat(frame(fin|opText, "hello"), masked(opPing, "sign"), frame(opText, "a"),
		frame(fin|opContinuation, strings.Repeat("b", 3000)), frame(fin|opBinary, strings.Repeat("c", 300)), masked(opClose, "\x03\xe8bye")))
	read := func(parts ...string) (all []string) {
		f := frames{frame: func(op byte, final bool, payload []byte) {
			all = append(all, fmt.Sprintf("%d %v %s", op, final, payload))
		}}
		for _, p := range parts {
			f.scan([]byte(p))
		}
		return all
	}
	want := read(wire)
	if len(want) != 6 || want[1] != "9 true sign" || want[5] != "8 true \x03\xe8bye" {
		t.Fatalf("%q", want)
	}
	for at := range wire {
		if got := read(wire[:at], wire[at:]); !slices.Equal(got, want) {
			t.Fatalf("split at %d: %q", at, got)
		}
	}
}

// masked is a whole frame of a client's.
func masked(op byte, payload string) []byte {
	key := []byte{1, 2, 3, 4}
	b := append([]byte{finalBit | op, 0x80 | byte(len(payload))}, key...)
	for i := range len(payload) {
		b = append(b, payload[i]^key[i%4])
	}
	return b
}

// What is no frame is not kept.
func FuzzTap(f *testing.F) {
	f.Add(frame(fin|opText, "hello"))
	f.Add(binary.BigEndian.AppendUint64([]byte{finalBit | opPing, 127}, 1<<62))
	f.Fuzz(func(t *testing.T, wire []byte) {
		scanned := frames{frame: func(op byte, _ bool, payload []byte) {
			if len(payload) > maxControl {
				t.Errorf("a control frame of %d bytes", len(payload))
			}
		}}
		scanned.scan(wire)
		if len(scanned.header) > 14 {
			t.Errorf("%d bytes of header", len(scanned.header))
		}
	})
}
