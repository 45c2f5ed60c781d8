package websocket

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	coder "github.com/coder/websocket"
	gorilla "github.com/gorilla/websocket"
	"pgregory.net/rapid"

	"tocsin/templating/value"
	"tocsin/workflows/source"
)

// A move is something that a server does once it has upgraded, rightly or wrongly.
type move func(*peer)

// moves are random ones.
func moves(rt *rapid.T) (all []move) {
	says := func(parts ...any) move { return func(p *peer) { p.say(parts...) } }
	for range rapid.IntRange(0, 6).Draw(rt, "moves") {
		var m move
		switch rapid.SampledFrom([]string{
			"text", "text", "text", "binary", "fragments", "ping", "pong", "half", "bad UTF-8", "noise", "listen", "listen", "close", "reset", "end",
		}).Draw(rt, "move") {
		case "text":
			m = says(text(rapid.SampledFrom([]string{"", "a", "pong", `{"a":1}`, "é"}).Draw(rt, "text")))
		case "binary":
			m = says(frame(fin|opBinary, "\x00\xff"))
		case "fragments":
			m = says(frame(opText, "he"), frame(fin|opPing, "p"), frame(fin|opContinuation, "llo"))
		case "ping":
			m = says(frame(fin|opPing, "x"))
		case "pong":
			m = says(frame(fin|opPong, ""))
		case "half":
			m = says(text("half of it")[:5])
		case "bad UTF-8":
			m = says(text("\xff"))
		case "noise":
			m = says(rapid.SliceOfN(rapid.Byte(), 1, 8).Draw(rt, "bytes"))
		case "close":
			m = says(closeFrame(rapid.SampledFrom([]uint16{1000, 1001, 1008, 1011, 4000, 999}).Draw(rt, "code"), "bye"))
		case "listen":
			m = func(p *peer) { _ = p.SetReadDeadline(time.Now().Add(5 * time.Millisecond)); p.frame() }
		case "reset":
			m = (*peer).reset
		case "end":
			m = func(p *peer) { p.Close() }
		}
		all = append(all, m)
	}
	return all
}

// some are a few of the options, no two of one name.
func some(rt *rapid.T, options []string) (lines []string) {
	for _, option := range options {
		name, _, _ := strings.Cut(option, ":")
		taken := slices.ContainsFunc(lines, func(line string) bool { return strings.HasPrefix(line, name+":") })
		if rapid.IntRange(0, 4).Draw(rt, option) == 0 && !taken {
			lines = append(lines, option)
		}
	}
	return lines
}

// moody is the address of a server that does these moves, or refuses.
func moody(t *testing.T, rt *rapid.T) string {
	all := moves(rt)
	refuses := rapid.IntRange(0, 9).Draw(rt, "refuses") == 0
	return serve(t, func(p *peer) {
		p.request()
		if refuses {
			p.say(response("HTTP/1.1 403 Forbidden", "Content-Length: 0"))
			return
		}
		p.say(p.accepted())
		for _, m := range all {
			m(p)
		}
		_ = p.SetReadDeadline(time.Time{})
		p.farewell()
	})
}

// Whatever a server does, and whatever is asked of it: a query says connection exactly if
// there is no error, has no messages without a connection, ends in time, and can be
// written as JSON and YAML.
func TestQueriesOfMoodyServers(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		lines := append(some(rt, []string{
			"data: hi", "receive: required", "receive: optional", "min_messages: 2", "measure_ping: true", "wait_for_contains: o",
			"fail_if: \"data == 'a'\"", "expect_close: [1000, 4000]", "require_clean_close: true", "allow_invalid_utf8: true",
			"data_format: json", "max_result_bytes: 1", "expect_status: [403]", "open_message: hello", "retries: 1", "retry_delay: 0",
			"script: [{send: hi}, {expect: o, skip: true}]", "max_messages: 2", "receive_first: true",
		}), "timeout: 60ms", "close_timeout: 20ms", "url: ws://"+moody(t, rt))
		begun := time.Now()
		r, err := testClient.Query(context.Background(), with(t, strings.Join(lines, "\n")))
		quick(rt, begun, err)
		sound(rt, r, value.Of(r))
	})
}

// The same holds of sending; and what was delivered is confirmed or not.
func TestSendingToMoodyServers(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		lines := append(some(rt, []string{
			"confirm: pong", "confirm: reply", "confirm: none", "confirm: close", "confirm_required: true", "open_message: hello",
			"retries: 1", "retry_delay: 0", "require_clean_close: true", "fail_on_error: false",
		}), "timeout: 60ms", "close_timeout: 20ms", "messages: [a, b]", "url: ws://"+moody(t, rt))
		var p Notice
		decode(t, strings.Join(lines, "\n"), &p)
		begun := time.Now()
		d, err := testClient.Notify(context.Background(), p)
		quick(rt, begun, err)
		sound(rt, d.Result, value.Of(d))
		switch {
		case d.Confirmed && (d.Delivered != 2 || d.Error != nil || d.Unconfirmed):
			rt.Errorf("confirmed: %+v", d)
		case d.Error == nil && d.Delivered != 2:
			rt.Errorf("no error: %+v", d)
		}
	})
}

// quick skips contradictions, and fails what does not end: by how much it may be late is
// the fault matrix's business, on a machine that is not busy.
func quick(rt *rapid.T, begun time.Time, err error) {
	if own, ok := errors.AsType[*Error](err); ok && own.Code == ConfigInvalid {
		rt.Skip(err)
	}
	if took := time.Since(begun); took > 3*time.Second {
		rt.Errorf("it took %v", took)
	}
}

// sound checks what must hold of every result.
func sound(rt *rapid.T, r Result, whole any) {
	consistent(rt, r)
	text := value.AppendJSON(nil, whole)
	if !json.Valid(text) {
		rt.Errorf("no JSON: %s", text)
	}
	if _, err := source.Parse("result.yaml", text); err != nil {
		rt.Errorf("no YAML: %v in %s", err, text)
	}
}

// What is right comes out the same from this package, from the library under it by
// itself, and from gorilla/websocket.
func TestClientsAgree(t *testing.T) {
	var script atomic.Pointer[[][]byte]
	server := serve(t, func(p *peer) {
		p.upgrade()
		for _, part := range *script.Load() {
			p.say(part)
		}
		p.farewell()
	})
	rapid.Check(t, func(rt *rapid.T) {
		pieces, messages := traffic(rt)
		script.Store(&pieces)
		p := with(t, fmt.Sprintf("{url: 'ws://%s', min_messages: %d, max_messages: %d, max_result_bytes: 1MiB}", server, len(messages), len(messages)))
		r, err := testClient.Query(context.Background(), p)
		if err != nil || !r.Connection {
			rt.Fatalf("%v, %+v", err, r.Error)
		}
		var ours []string
		for _, m := range r.Messages {
			ours = append(ours, m.Type+" "+m.Data)
		}
		for name, theirs := range map[string][]string{"coder": byCoder(rt, server, len(messages)), "gorilla": byGorilla(rt, server, len(messages))} {
			if !slices.Equal(ours, theirs) || !slices.Equal(ours, messages) {
				rt.Errorf("sent %.200q\nours %.200q\n%s %.200q", messages, ours, name, theirs)
			}
		}
	})
}

// traffic is bytes as a server may send them, in pieces, and the messages in them.
func traffic(rt *rapid.T) (pieces [][]byte, messages []string) {
	var all []byte
	for range rapid.IntRange(1, 5).Draw(rt, "messages") {
		size := rapid.SampledFrom([]int{0, 1, 125, 126, 127, 65535, 65536}).Draw(rt, "size")
		data := strings.Repeat("x", size)
		op, kind := byte(opText), "text "
		if rapid.Bool().Draw(rt, "binary") {
			op, kind = opBinary, "binary "
		}
		messages = append(messages, kind+data)
		for range rapid.IntRange(0, 3).Draw(rt, "fragments") {
			n := rapid.IntRange(0, len(data)).Draw(rt, "fragment")
			all = append(all, frame(op, data[:n])...)
			op, data = opContinuation, data[n:]
			if rapid.Bool().Draw(rt, "ping") {
				all = append(all, frame(fin|opPing, "p")...)
			}
		}
		all = append(all, frame(fin|op, data)...)
	}
	for len(all) > 0 {
		n := rapid.SampledFrom([]int{1, 2, 7, 1000, 100_000}).Draw(rt, "piece")
		if len(pieces) > 20 {
			n = len(all)
		}
		n = min(n, len(all))
		pieces, all = append(pieces, all[:n]), all[n:]
	}
	return pieces, messages
}

func byCoder(rt *rapid.T, server string, n int) (messages []string) {
	ctx := context.Background()
	c, _, err := coder.Dial(ctx, "ws://"+server, nil)
	if err != nil {
		rt.Fatal(err)
	}
	defer c.CloseNow()
	c.SetReadLimit(-1)
	for range n {
		typ, data, err := c.Read(ctx)
		if err != nil {
			rt.Fatal(err)
		}
		messages = append(messages, typeName(typ)+" "+string(data))
	}
	return messages
}

func byGorilla(rt *rapid.T, server string, n int) (messages []string) {
	c, _, err := gorilla.DefaultDialer.Dial("ws://"+server, nil)
	if err != nil {
		rt.Fatal(err)
	}
	defer c.Close()
	for range n {
		typ, data, err := c.ReadMessage()
		if err != nil {
			rt.Fatal(err)
		}
		messages = append(messages, typeName(coder.MessageType(typ))+" "+string(data))
	}
	return messages
}
