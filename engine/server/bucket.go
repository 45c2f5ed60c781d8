package server

import (
	"sync"
	"time"
)

// buckets allow so many things a second to each of many names, and some at once.
type buckets struct {
	rate, burst float64

	mu sync.Mutex
	of map[string]*bucket
}

type bucket struct {
	left float64
	at   time.Time
}

// maxBuckets is of how many names is known how much is left. Beyond it those are
// forgotten that have all; if there are none, some.
const maxBuckets = 10_000

// take takes one, and says how long to wait where there is none.
func (b *buckets) take(name string, now time.Time) (wait time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	k := b.bucket(name, now)
	if k.left < 1 {
		return time.Duration((1 - k.left) / b.rate * float64(time.Second))
	}
	k.left--
	return 0
}

// left is take without taking.
func (b *buckets) left(name string, now time.Time) (wait time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.of[name] == nil {
		return 0
	}
	if k := b.bucket(name, now); k.left < 1 {
		return time.Duration((1 - k.left) / b.rate * float64(time.Second))
	}
	return 0
}

func (b *buckets) bucket(name string, now time.Time) *bucket {
	k := b.of[name]
	if k == nil {
		b.room(now)
		k = &bucket{b.burst, now}
		b.of[name] = k
	}
	k.fill(b, now)
	return k
}

func (k *bucket) fill(b *buckets, now time.Time) {
	if passed := now.Sub(k.at).Seconds(); passed > 0 {
		k.left = min(b.burst, k.left+passed*b.rate)
	}
	k.at = now
}

func (b *buckets) room(now time.Time) {
	if b.of == nil {
		b.of = map[string]*bucket{}
	}
	if len(b.of) < maxBuckets {
		return
	}
	for name, k := range b.of {
		if k.fill(b, now); k.left >= b.burst {
			delete(b.of, name)
		}
	}
	for name := range b.of {
		if len(b.of) <= maxBuckets*9/10 {
			return
		}
		delete(b.of, name)
	}
}
