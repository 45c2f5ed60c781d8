package websocket

import (
	"context"
	"net/http/httptest"
	"testing"
	"time"

	coder "github.com/coder/websocket"

	"tocsin/providers/websocket/echotest"
)

// BenchmarkQuery is a query beside the least that does the same with the library
// alone: dial, write, read, close. Their ratio is the price of everything we check.
func BenchmarkQuery(b *testing.B) {
	s := httptest.NewServer(echotest.Handler(echotest.Echo))
	b.Cleanup(s.Close)
	url := "ws" + s.URL[len("http"):]
	for name, do := range map[string]func(*testing.B, string){"query": once, "library": minimal} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				do(b, url)
			}
		})
	}
	// In turn, so that whatever else the machine does falls on both.
	b.Run("ratio", func(b *testing.B) {
		var ours, theirs time.Duration
		for b.Loop() {
			begun := time.Now()
			once(b, url)
			between := time.Now()
			minimal(b, url)
			ours, theirs = ours+between.Sub(begun), theirs+time.Since(between)
		}
		b.ReportMetric(float64(ours)/float64(theirs), "x-of-minimal")
	})
}

func once(b *testing.B, url string) {
	if ok, reply, err := Query(context.Background(), url, 5*time.Second, "hi"); !ok || reply != "hi" {
		b.Fatal(err)
	}
}

func minimal(b *testing.B, url string) {
	ctx := context.Background()
	c, _, err := coder.Dial(ctx, url, nil)
	if err != nil {
		b.Fatal(err)
	}
	if err := c.Write(ctx, coder.MessageText, []byte("hi")); err != nil {
		b.Fatal(err)
	}
	if _, _, err := c.Read(ctx); err != nil {
		b.Fatal(err)
	}
	if err := c.Close(coder.StatusNormalClosure, ""); err != nil {
		b.Fatal(err)
	}
}
