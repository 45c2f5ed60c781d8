package websocket

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	coder "github.com/coder/websocket"

	"tocsin/providers"
	"tocsin/templating/value"
)

// stintSize is how many messages each loop takes before it is the other's turn.
const stintSize = 20_000

// BenchmarkSubscribe is what a message of 100 bytes costs from the socket to an event,
// beside the fastest loop that the library allows: no context with a deadline, and one
// buffer for all messages. They take turns, so that whatever else the machine does falls
// on both; speed is how many messages come to events while one comes to the library.
//
//   - text: to events as they wait for their run, what the message says as it came
//   - json: the same, and both decode every message with the same decoder
//   - alert: to all that a workflow may ask of an event, as nobody else does it
func BenchmarkSubscribe(b *testing.B) {
	const json = `{"symbol":"ACME","price":101.25,"volume":1200,"side":"buy","venue":"XNYS","at":"2026-01-02T03:04:05Z"}`
	text := strings.Repeat("x", 100)
	for _, bench := range []struct {
		name, message string
		look          func([]byte) error
		consume       func(testing.TB, string, func([]byte) error) time.Duration
	}{
		{"text", text, nil, consumeEvents},
		{"json", json, decoded, consumeEvents},
		{"alert", text, nil, consumeAlerts},
	} {
		b.Run(bench.name, func(b *testing.B) {
			address := stream1000(b, bench.message)
			var ours, library time.Duration
			for b.Loop() {
				ours += bench.consume(b, address, bench.look)
				library += consumeBare(b, address, bench.look)
			}
			b.ReportMetric(float64(ours.Nanoseconds())/float64(b.N)/stintSize, "ns/message")
			b.ReportMetric(float64(library.Nanoseconds())/float64(b.N)/stintSize, "ns/message-of-library")
			b.ReportMetric(float64(library)/float64(ours), "speed-of-library")
		})
	}
}

func decoded(data []byte) error {
	_, err := value.DecodeJSON(data)
	return err
}

// stream1000 serves clients the message without end, a thousand at a time.
func stream1000(b testing.TB, message string) string {
	block := slices.Repeat(text(message), 1000)
	return serve(b, func(p *peer) {
		p.upgrade()
		for p.say(block) {
		}
	})
}

// errTurn ends a turn.
var errTurn = errors.New("it is the other's turn")

// A turn is timed from its first message on.
type stint struct {
	n     int
	begun time.Time
	took  time.Duration
}

func (t *stint) next() error {
	switch t.n++; t.n {
	case 1:
		t.begun = time.Now()
	case stintSize + 1:
		t.took = time.Since(t.begun)
		return errTurn
	}
	return nil
}

const benched = "\nproxy_url: direct\nclose_timeout: 10ms"

func consumeEvents(b testing.TB, address string, look func([]byte) error) time.Duration {
	p, t := subscribed(b, "url: ws://"+address+benched), stint{}
	err := testClient.listen(b.Context(), &p, func(i *item) error {
		if look != nil {
			if err := look(i.data); err != nil {
				return err
			}
		}
		return t.next()
	})
	if !errors.Is(err, errTurn) {
		b.Fatal(err)
	}
	return t.took
}

func consumeAlerts(b testing.TB, address string, _ func([]byte) error) time.Duration {
	p, t := subscribed(b, "url: ws://"+address+benched), stint{}
	stream, err := testClient.Subscribe(p)
	if err == nil {
		err = stream(b.Context(), func(providers.Alert) error { return t.next() })
	}
	if !errors.Is(err, errTurn) {
		b.Fatal(err)
	}
	return t.took
}

func consumeBare(b testing.TB, address string, look func([]byte) error) time.Duration {
	ctx := context.Background()
	c, _, err := coder.Dial(ctx, "ws://"+address, nil)
	if err != nil {
		b.Fatal(err)
	}
	defer c.CloseNow()
	buf, t := make([]byte, 4096), stint{}
	for {
		n, err := readBare(ctx, c, buf)
		if err == nil && look != nil {
			err = look(buf[:n])
		}
		if err != nil {
			b.Fatal(err)
		}
		if t.next() != nil {
			return t.took
		}
	}
}

func readBare(ctx context.Context, c *coder.Conn, buf []byte) (n int, err error) {
	_, r, err := c.Reader(ctx)
	for err == nil {
		var k int
		k, err = r.Read(buf[n:])
		n += k
	}
	if err == io.EOF {
		err = nil
	}
	return n, err
}
