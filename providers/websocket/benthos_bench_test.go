package websocket

import (
	"context"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	coder "github.com/coder/websocket"

	"tocsin/providers"
)

// BenchmarkBenthos is how many messages of 100 bytes come out of the socket in a second
// beside a Benthos that drops what it hears, a process of its own: TOCSIN_BENTHOS is its
// program, which testdata/bench/websocket builds. Each takes from a server that counts
// what it could send in half a second, by turns.
func BenchmarkBenthos(b *testing.B) {
	program := os.Getenv("TOCSIN_BENTHOS")
	if program == "" {
		b.Skip("TOCSIN_BENTHOS is not set")
	}
	takers := []struct {
		name string
		take func(ctx context.Context, url string)
	}{
		{"events", func(ctx context.Context, url string) {
			p := subscribed(b, "url: "+url+benched)
			_ = testClient.listen(ctx, &p, func(*item) error { return nil })
		}},
		{"alerts", func(ctx context.Context, url string) {
			if stream, err := testClient.Subscribe(subscribed(b, "url: "+url+benched)); err == nil {
				_ = stream(ctx, func(providers.Alert) error { return nil })
			}
		}},
		{"library", func(ctx context.Context, url string) { takeBare(ctx, url) }},
		{"benthos", func(ctx context.Context, url string) { _ = exec.CommandContext(ctx, program, url).Run() }},
	}
	sent := make([]float64, len(takers))
	for b.Loop() {
		for i, t := range takers {
			sent[i] += rate(b, t.take)
		}
	}
	for i, t := range takers {
		b.ReportMetric(1e9*float64(b.N)/sent[i], "ns/message-"+t.name)
	}
	b.ReportMetric(sent[0]/sent[3], "events-of-benthos")
	b.ReportMetric(sent[1]/sent[3], "alerts-of-benthos")
}

// rate is how many messages take takes in a second, once it has taken some.
func rate(b *testing.B, take func(context.Context, string)) float64 {
	const many = 1000
	var sent atomic.Int64
	begun := make(chan struct{})
	block := slices.Repeat(text(strings.Repeat("x", 100)), many)
	address := serve(b, func(p *peer) {
		p.upgrade()
		for n := 0; p.say(block); n++ {
			if sent.Add(many); n == 100 {
				close(begun)
			}
		}
	})
	ctx, cancel := context.WithCancel(b.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		take(ctx, "ws://"+address)
	}()
	select {
	case <-begun:
	case <-ended:
		b.Fatal("it has ended before it took anything")
	}
	n, at := sent.Load(), time.Now()
	<-time.After(500 * time.Millisecond)
	perSecond := float64(sent.Load()-n) / time.Since(at).Seconds()
	cancel()
	<-ended
	return perSecond
}

func takeBare(ctx context.Context, url string) {
	c, _, err := coder.Dial(ctx, url, nil)
	if err != nil {
		return
	}
	defer c.CloseNow()
	defer context.AfterFunc(ctx, func() { c.CloseNow() })()
	for buf := make([]byte, 4096); err == nil; {
		_, err = readBare(context.Background(), c, buf)
	}
}
