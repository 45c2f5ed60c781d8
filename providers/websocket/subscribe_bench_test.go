package websocket

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	coder "github.com/coder/websocket"

	"tocsin/templating/value"
)

// BenchmarkSubscribe is what a message of 100 bytes costs from the socket to an event,
// beside the fastest loop that the library allows: no context with a deadline, and one
// buffer for all messages. With JSON both decode it with the same decoder.
func BenchmarkSubscribe(b *testing.B) {
	for _, bench := range []struct {
		name, message string
		json          bool
	}{
		{"text", strings.Repeat("x", 100), false},
		{"json", `{"symbol":"ACME","price":101.25,"volume":1200,"side":"buy","venue":"XNYS","at":"2026-01-02T03:04:05Z"}`, true},
	} {
		b.Run(bench.name+"/events", func(b *testing.B) { consumeEvents(b, stream1000(b, bench.message), bench.json) })
		b.Run(bench.name+"/library", func(b *testing.B) { consumeBare(b, stream1000(b, bench.message), bench.json) })
	}
}

// stream1000 serves clients the message without end, a thousand at a time.
func stream1000(b *testing.B, message string) string {
	block := slices.Repeat(text(message), 1000)
	return serve(b, func(p *peer) {
		p.upgrade()
		for p.say(block) {
		}
	})
}

func consumeEvents(b *testing.B, address string, json bool) {
	b.ReportAllocs()
	done := errors.New("done")
	p := subscribed(b, "url: ws://"+address+"\nproxy_url: direct\nclose_timeout: 10ms")
	n := 0
	err := testClient.listen(b.Context(), &p, func(i *item) error {
		if json {
			if _, err := value.DecodeJSON(i.data); err != nil {
				return err
			}
		}
		if n++; n == 1 {
			b.ResetTimer()
		}
		if n > b.N {
			b.StopTimer()
			return done
		}
		return nil
	})
	if !errors.Is(err, done) {
		b.Fatal(err)
	}
}

func consumeBare(b *testing.B, address string, json bool) {
	b.ReportAllocs()
	ctx := context.Background()
	c, _, err := coder.Dial(ctx, "ws://"+address, nil)
	if err != nil {
		b.Fatal(err)
	}
	defer c.CloseNow()
	buf := make([]byte, 4096)
	b.ResetTimer()
	for range b.N {
		_, r, err := c.Reader(ctx)
		if err != nil {
			b.Fatal(err)
		}
		n := 0
		for err == nil {
			var k int
			k, err = r.Read(buf[n:])
			n += k
		}
		if err != io.EOF {
			b.Fatal(err)
		}
		if json {
			if _, err := value.DecodeJSON(buf[:n]); err != nil {
				b.Fatal(err)
			}
		}
	}
}
