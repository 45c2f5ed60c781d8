package websocket

import (
	"bytes"
	"compress/flate"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	coder "github.com/coder/websocket"
	gorilla "github.com/gorilla/websocket"
)

// A packer compresses messages one after the other (RFC 7692 §7.2.1).
type packer struct {
	out bytes.Buffer
	w   *flate.Writer
}

func newPacker() *packer {
	p := &packer{}
	p.w, _ = flate.NewWriter(&p.out, flate.BestCompression)
	return p
}

// pack is a message without the end that every message has.
func (p *packer) pack(text string) string {
	p.out.Reset()
	_, _ = p.w.Write([]byte(text))
	_ = p.w.Flush()
	return strings.TrimSuffix(p.out.String(), "\x00\x00\xff\xff")
}

const deflate = "Sec-WebSocket-Extensions: permessage-deflate"

// squeezes upgrades with compression and sends these frames.
func squeezes(frames ...any) func(*peer) {
	return func(p *peer) {
		p.request()
		p.say(append([]any{p.accepted(deflate)}, frames...)...)
		p.farewell()
	}
}

// Servers by other people, with every mode.
func TestCompression(t *testing.T) {
	long := strings.Repeat("compressible ", 1000)
	up := gorilla.Upgrader{EnableCompression: true}
	byGorilla := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c, err := up.Upgrade(w, r, nil); err == nil {
			defer c.Close()
			gorillaEcho(c)
		}
	}))
	t.Cleanup(byGorilla.Close)
	byCoder := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := coder.Accept(w, r, &coder.AcceptOptions{CompressionMode: coder.CompressionContextTakeover, CompressionThreshold: 1})
		if err != nil {
			return
		}
		defer c.CloseNow()
		for {
			typ, data, err := c.Read(r.Context())
			if err != nil || c.Write(r.Context(), typ, data) != nil {
				return
			}
		}
	}))
	t.Cleanup(byCoder.Close)
	for name, server := range map[string]*httptest.Server{"gorilla": byGorilla, "coder": byCoder} {
		for _, mode := range []string{"off", "no_context_takeover", "context_takeover"} {
			p := with(t, "compression: "+mode+"\nmin_messages: 3\nurl: ws"+strings.TrimPrefix(server.URL, "http"))
			p.Messages = []any{long, "short", long}
			r, err := testClient.Query(t.Context(), p)
			// gorilla agrees only to what it is asked for without context takeover.
			if err != nil || !r.Connection || r.Compression != (mode != "off" && !(name == "gorilla" && mode == "context_takeover" && !r.Compression)) {
				t.Errorf("%s, %s: %v, %+v, compression %v", name, mode, err, r.Error, r.Compression)
				continue
			}
			want(t, name+mode, len(r.Messages[2].Data), len(long))
			want(t, name+mode, r.Close.Clean, true)
		}
	}
}

// What the server may choose, and what not.
func TestCompressionAgreed(t *testing.T) {
	for _, tt := range []struct{ mode, lines, code string }{
		{"off", deflate, "handshake_invalid"},
		{"context_takeover", deflate, "ok"},
		{"context_takeover", "X: y", "ok"},
		{"no_context_takeover", deflate + "; server_no_context_takeover; client_no_context_takeover", "ok"},
		{"context_takeover", deflate + "; server_no_context_takeover", "ok"},
		{"context_takeover", deflate + "; server_max_window_bits=10", "ok"},
		{"context_takeover", deflate + "; server_max_window_bits=16", "handshake_invalid"},
		{"context_takeover", deflate + "; server_max_window_bits=10; server_max_window_bits=10", "handshake_invalid"},
		{"context_takeover", deflate + "; client_max_window_bits=10", "handshake_invalid"},
		{"context_takeover", deflate + "; unheard_of", "handshake_invalid"},
		{"context_takeover", deflate + ", permessage-deflate", "handshake_invalid"},
		{"context_takeover", "Sec-WebSocket-Extensions: x-webkit-deflate-frame", "handshake_invalid"},
		{"context_takeover", deflate + "\r\n" + deflate, "handshake_invalid"},
	} {
		r := ask(t, "receive: none\ncompression: "+tt.mode+"\nurl: ws://"+serve(t, func(p *peer) { p.upgrade(tt.lines); p.farewell() }))
		if outcome(r) != tt.code {
			t.Errorf("%s, %s: %+v", tt.mode, tt.lines, r.Error)
		}
	}
}

// What goes wrong with compressed messages is told as with others, and costs no memory.
func TestCompressedFaults(t *testing.T) {
	hello := newPacker().pack("hello")
	half := newPacker().pack(strings.Repeat("a long message, number ", 100))
	bomb := newPacker().pack(strings.Repeat("x", 64<<20))
	noise := newPacker()
	incompressible := noise.pack(string(randomBytes(100_000)))
	both := newPacker()
	first, second := both.pack("the same again"), both.pack("the same again")
	for name, tt := range map[string]struct {
		frames     []any
		with, code string
		data       string
	}{
		"a message":                   {[]any{frame(fin|rsv1|opText, hello)}, "", "ok", "hello"},
		"one that is not compressed":  {[]any{text("plain")}, "", "ok", "plain"},
		"an empty one":                {[]any{frame(fin|rsv1|opText, "\x00")}, "", "ok", ""},
		"in fragments":                {[]any{frame(rsv1|opText, hello[:2]), frame(fin|opPing, ""), frame(fin|opContinuation, hello[2:])}, "", "ok", "hello"},
		"with what went before":       {[]any{frame(fin|rsv1|opText, first), frame(fin|rsv1|opText, second)}, "min_messages: 2", "ok", "the same again"},
		"as large as may be":          {[]any{frame(fin|rsv1|opBinary, incompressible)}, "max_message_size: 100000", "ok", ""},
		"larger than that":            {[]any{frame(fin|rsv1|opBinary, incompressible)}, "max_message_size: 99999", "message_too_big", ""},
		"a bomb":                      {[]any{frame(fin|rsv1|opText, bomb)}, "max_message_size: 1MiB", "message_too_big", ""},
		"RSV1 on a continuation":      {[]any{frame(rsv1|opText, hello[:2]), frame(fin|rsv1|opContinuation, hello[2:])}, "", "protocol_violation", ""},
		"RSV1 on a ping":              {[]any{frame(fin|rsv1|opPing, "")}, "", "protocol_violation", ""},
		"RSV2":                        {[]any{frame(fin|rsv1|0x20|opText, hello)}, "", "protocol_violation", ""},
		"what cannot be decompressed": {[]any{frame(fin|rsv1|opText, "\xff\xff\xff\xff")}, "", "protocol_violation", ""},
		"text that is not UTF-8":      {[]any{frame(fin|rsv1|opText, newPacker().pack("caf\xe9"))}, "", "invalid_utf8", ""},
		"a length that cannot be":     {[]any{[]byte("\xc1\x7f\x7f\xff\xff\xff\xff\xff\xff\xff")}, "", "message_too_big", ""},
	} {
		t.Run(name, func(t *testing.T) {
			var r Result
			yaml := "timeout: 0.5\ncompression: context_takeover\nurl: ws://" + serve(t, squeezes(tt.frames...)) + "\n" + tt.with
			prompt(t, rowBound, func() { r = ask(t, yaml) })
			if outcome(r) != tt.code {
				t.Fatalf("%+v", r.Error)
			}
			if tt.code == "ok" && tt.data != "" {
				data(tt.data)(t, r)
			}
		})
	}
	for _, n := range []int{1, 10, len(half) - 1, len(half)} {
		whole := frame(fin|rsv1|opText, half)
		r := ask(t, "timeout: 0.5\ncompression: context_takeover\nurl: ws://"+serve(t, func(p *peer) { p.upgrade(deflate); p.say(whole[:len(whole)-len(half)+n]) }))
		wanted := "truncated_message"
		if n == len(half) {
			wanted = "ok"
		}
		want(t, "cut off", outcome(r), wanted)
	}
	r := ask(t, "timeout: 0.5\ncompression: context_takeover\nurl: ws://"+serve(t, func(p *peer) { p.upgrade(deflate); p.say(frame(rsv1|opText, half)) }))
	want(t, "cut off between fragments", outcome(r), "truncated_message")
}

func randomBytes(n int) []byte {
	b := make([]byte, n)
	x := uint64(88172645463325252)
	for i := range b {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		b[i] = byte(x)
	}
	return b
}
