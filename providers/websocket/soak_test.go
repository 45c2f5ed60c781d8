package websocket

import (
	"context"
	"fmt"
	"net"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// soaked is how much of something there is: little of it, unless TOCSIN_SOAK is set.
func soaked(little, much int) int {
	if os.Getenv("TOCSIN_SOAK") != "" {
		return much
	}
	return little
}

// soak is how many subscriptions through how many restarts, with a time between two:
// little of it, unless TOCSIN_SOAK is set, to a time such as 3m or to 1 for ten minutes.
func soak(t *testing.T) (size, restarts int, pause time.Duration) {
	text := os.Getenv("TOCSIN_SOAK")
	switch text {
	case "":
		return 200, 4, 0
	case "1":
		text = "10m"
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatal("TOCSIN_SOAK: ", err)
	}
	return 1000, max(2, int(d/(30*time.Second))), 29 * time.Second
}

// A crowd is many subscriptions to one server that ends all connections now and then.
type crowd struct {
	t       *testing.T
	size    int
	opened  atomic.Int64
	dropped time.Time

	mu    sync.Mutex
	conns []net.Conn
	back  []time.Duration // how long after the drop each came back
}

// TestSoak keeps many subscriptions through many restarts of their server: every one of
// them comes back, not all at once, and descriptors, goroutines and memory stay what
// they were. With TOCSIN_SOAK=1 it is a thousand for ten minutes.
func TestSoak(t *testing.T) {
	size, restarts, pause := soak(t)
	c := &crowd{t: t, size: size}
	address := serve(t, c.serve)
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	var messages atomic.Int64
	p := subscribed(t, "url: ws://"+address+"\nproxy_url: direct\nreconnect: {initial: 500ms, max: 500ms}\nping_interval: 5s")
	for range size {
		all.Go(func() {
			err := testClient.listen(ctx, &p, func(*item) error { messages.Add(1); return nil })
			if err != nil {
				t.Error(err)
			}
		})
	}
	c.complete()
	var first, last usage
	for n := range restarts {
		time.Sleep(pause)
		c.restart()
		c.complete()
		last = measure()
		if n == 1 {
			first = last
		}
		t.Logf("restart %d: %v; back after %s", n+1, last, histogram(c.back, 500*time.Millisecond))
		c.spread()
	}
	cancel()
	all.Wait()
	want(t, "messages", messages.Load() >= int64(size*(restarts+1)), true)
	last.like(t, first)
}

// serve takes a client in, says hello, and answers pings.
func (c *crowd) serve(p *peer) {
	p.upgrade()
	p.say(text(`{"hello": "there"}`))
	c.mu.Lock()
	c.conns = append(c.conns, p.Conn)
	if !c.dropped.IsZero() {
		c.back = append(c.back, time.Since(c.dropped))
	}
	c.mu.Unlock()
	c.opened.Add(1)
	p.echoPings()
}

// restart ends all connections.
func (c *crowd) restart() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.opened.Store(0)
	c.dropped = time.Now()
	for _, conn := range c.conns {
		conn.Close()
	}
	c.conns, c.back = nil, nil
}

// complete waits until all are connected.
func (c *crowd) complete() {
	c.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); c.opened.Load() < int64(c.size); {
		if time.Now().After(deadline) {
			c.t.Fatalf("only %d of %d are connected", c.opened.Load(), c.size)
		}
		<-time.After(5 * time.Millisecond)
	}
}

// spread checks that they did not all come at once.
func (c *crowd) spread() {
	c.t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	slices.Sort(c.back)
	if early, late := c.back[len(c.back)/10], c.back[len(c.back)*9/10]; late-early < 250*time.Millisecond {
		c.t.Errorf("nine in ten came back within %v", late-early)
	}
}

// histogram shows how many there are in each tenth of span.
func histogram(all []time.Duration, span time.Duration) string {
	bins := make([]int, 11)
	for _, d := range all {
		bins[min(int(d*10/span), 10)]++
	}
	return strings.Trim(fmt.Sprint(bins), "[]")
}

// A usage is what the process holds.
type usage struct{ descriptors, goroutines, heap int }

func (u usage) String() string {
	return fmt.Sprintf("%d descriptors, %d goroutines, %d KiB", u.descriptors, u.goroutines, u.heap>>10)
}

func measure() usage {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	open, _ := os.ReadDir("/proc/self/fd") // elsewhere there are none, always
	return usage{len(open), runtime.NumGoroutine(), int(m.HeapAlloc)}
}

// like checks that u is no more than what there was before, give or take what other
// tests leave behind.
func (u usage) like(t *testing.T, before usage) {
	t.Helper()
	for _, x := range []struct {
		what      string
		now, then int
		percent   int
	}{{"descriptors", u.descriptors, before.descriptors, 5}, {"goroutines", u.goroutines, before.goroutines, 10}, {"bytes", u.heap, before.heap, 30}} {
		if x.now > x.then+x.then*x.percent/100+10 {
			t.Errorf("%d %s, and %d before", x.now, x.what, x.then)
		}
	}
}
