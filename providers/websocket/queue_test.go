package websocket

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// A consumer deals with items when it is told to.
type consumer struct {
	mu  sync.Mutex
	got []int64
	go_ chan struct{}
}

func (c *consumer) do(i *item) {
	<-c.go_
	c.mu.Lock()
	defer c.mu.Unlock()
	c.got = append(c.got, i.seq)
}

// What happens to ten messages where three may wait and nobody takes them: for each
// policy, what is dealt with in the end, what was dropped, and how long it took to put
// them all in.
func TestQueuePolicies(t *testing.T) {
	tests := []struct {
		policy  string
		got     []int64
		dropped dropped
		took    time.Duration
	}{
		{"block", []int64{1, 9, 10}, dropped{blocked: 7}, 70 * time.Second},
		{"drop_oldest", []int64{1, 9, 10}, dropped{oldest: 7}, 0},
		{"drop_newest", []int64{1, 2, 3}, dropped{newest: 7}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.policy, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := &consumer{go_: make(chan struct{})}
				q := newQueue(3, 1, c.do)
				begun := time.Now()
				for n := range int64(10) {
					i := item{kind: MessageKind, seq: n + 1}
					switch tt.policy {
					case "block":
						q.reserve(t.Context(), maxBlock)
						q.put(i)
					default:
						q.offer(tt.policy == "drop_oldest", i)
					}
					synctest.Wait() // for the worker to take what there is
				}
				want(t, "took", time.Since(begun), tt.took)
				close(c.go_)
				want(t, "dropped", q.drain(), tt.dropped)
				if !slices.Equal(c.got, tt.got) {
					t.Errorf("dealt with %v, want %v", c.got, tt.got)
				}
			})
		})
	}
}

// Whoever waits for room goes on as soon as there is some, and does not wait at all when
// everything ends: what has been read has to go somewhere.
func TestQueueRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &consumer{go_: make(chan struct{})}
		q := newQueue(1, 1, c.do)
		q.put(item{seq: 1})
		time.AfterFunc(3*time.Second, func() { c.go_ <- struct{}{} })
		begun := time.Now()
		q.reserve(t.Context(), maxBlock)
		want(t, "waited", time.Since(begun), 3*time.Second)
		q.put(item{seq: 2})
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		q.reserve(ctx, maxBlock)
		want(t, "waited", time.Since(begun), 4*time.Second)
		q.put(item{seq: 3})
		close(c.go_)
		want(t, "dropped", q.drain(), dropped{})
		want(t, "dealt with", c.got, []int64{1, 2, 3})
	})
}

// Large messages need room too: 64 MiB together is full.
func TestQueueBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &consumer{go_: make(chan struct{})}
		q := newQueue(1000, 1, c.do)
		for n := range int64(5) {
			q.offer(false, item{seq: n + 1, size: 20 << 20})
		}
		close(c.go_)
		want(t, "dropped", q.drain(), dropped{newest: 1})
		want(t, "left", q.bytes.Load(), 0)
	})
}

// Whatever is put in is dealt with once, or counted as dropped, and in its order where
// there is one worker.
func TestQueueAddsUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.IntRange(1, 8).Draw(t, "size")
		workers := rapid.IntRange(1, size).Draw(t, "workers")
		n := rapid.IntRange(0, 200).Draw(t, "messages")
		instead := rapid.Bool().Draw(t, "instead of the oldest")
		stop := rapid.IntRange(0, 400).Draw(t, "stop")
		var mu sync.Mutex
		var got []int64
		q := newQueue(size, workers, func(i *item) {
			mu.Lock()
			defer mu.Unlock()
			got = append(got, i.seq)
		})
		for k := range n {
			if k == stop {
				q.stop()
			}
			q.offer(instead, item{seq: int64(k), size: k})
		}
		d := q.drain()
		if sum := len(got) + d.oldest + d.newest + d.stopped; sum != n {
			t.Fatalf("%d dealt with, %+v dropped, of %d", len(got), d, n)
		}
		if workers == 1 && !slices.IsSorted(got) {
			t.Fatalf("out of order: %v", got)
		}
		slices.Sort(got)
		if len(slices.Compact(got)) != len(got) {
			t.Fatalf("twice: %v", got)
		}
	})
}
