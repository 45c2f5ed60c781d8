package websocket

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// A queue is where events wait for those who deal with them: at most size of them,
// counting those that are being dealt with, and no more than maxQueued bytes. Workers
// are started when there is something to do and end when there is not, since most
// subscriptions are idle most of the time.
//
// One goroutine puts messages in, several at a time where they came together: a lock for
// each would cost more than reading it did.
type queue struct {
	size    int
	workers int
	do      func(*item) // the item is good until it returns

	mu      sync.Mutex
	items   ring
	working int // workers
	dropped dropped
	closed  atomic.Bool // nothing is dealt with any more

	load  atomic.Int64                  // waiting and being dealt with
	bytes atomic.Int64                  // of these
	room  atomic.Pointer[chan struct{}] // has a token when there may be room; nil: nobody waits for it
	all   sync.WaitGroup
}

// dropped counts messages that were taken and not dealt with, by reason.
type dropped struct {
	oldest, newest, blocked, stopped int
}

const (
	maxQueued = 64 << 20 // bytes of messages that may wait
	maxBlock  = 10 * time.Second
	briefly   = 5 * time.Millisecond
	// extra is how many events beside messages may wait where there is no room: what
	// happens to the connection is not to be lost behind the messages it brought.
	extra = 64
	// handful is how many items a worker takes at a time at most, where many wait.
	handful = 32
)

func newQueue(size, workers int, do func(*item)) *queue {
	return &queue{size: size, workers: workers, do: do}
}

// put adds items, whether or not there is room.
func (q *queue) put(items ...item) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for k := range items {
		q.add(&items[k])
	}
}

// offer adds messages. For one that there is no room for, the oldest is dropped, or
// where that is not wanted, the message itself.
func (q *queue) offer(instead bool, items ...item) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for k := range items {
		switch {
		case !q.crowded(0):
		case !instead || q.items.n == 0:
			q.dropped.newest++
			continue
		default:
			q.drop()
			q.dropped.oldest++
		}
		q.add(&items[k])
	}
}

// note adds an event that is no message.
func (q *queue) note(i item) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if i.kind != GaveUp && q.load.Load() >= int64(q.size+extra) {
		q.dropped.newest++
		return
	}
	q.add(&i)
}

// add is called with little of the stack left, and an item is large.
func (q *queue) add(i *item) {
	if q.closed.Load() {
		q.dropped.stopped++
		return
	}
	q.items.push(i)
	q.load.Add(1)
	q.bytes.Add(int64(i.size))
	if q.working < q.workers {
		q.working++
		q.all.Add(1)
		go q.work()
	}
}

// drop takes the oldest out.
func (q *queue) drop() {
	i := q.items.pop()
	q.load.Add(-1)
	q.bytes.Add(-int64(i.size))
}

// crowded says that there is no room beside more messages.
func (q *queue) crowded(more int) bool {
	return q.load.Load()+int64(more) >= int64(q.size) || q.bytes.Load() >= maxQueued
}

// reserve waits until there is room for a message, for at most limit; then it makes
// room by dropping the oldest. When ctx is done there is always room: what has been
// read has to go somewhere.
func (q *queue) reserve(ctx context.Context, limit time.Duration) {
	// A quarter of the places, if they become free soon: to be woken for each is dear.
	if q.await(ctx, briefly, func() bool { return !q.crowded(q.size / 4) }) {
		return
	}
	if q.await(ctx, limit-briefly, func() bool { return !q.crowded(0) }) {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.crowded(0) && q.items.n > 0 {
		q.drop()
		q.dropped.blocked++
	}
}

// roomy waits until half of the places are free.
func (q *queue) roomy(ctx context.Context) {
	q.await(ctx, longest, func() bool { return q.load.Load() <= int64(q.size/2) && q.bytes.Load() <= maxQueued/2 })
}

// await waits until enough is true, or ctx is done, or for limit in vain.
func (q *queue) await(ctx context.Context, limit time.Duration, enough func() bool) bool {
	late := time.NewTimer(limit)
	defer late.Stop()
	room := make(chan struct{}, 1)
	q.room.Store(&room)
	defer q.room.Store(nil)
	for !enough() {
		select {
		case <-room:
		case <-ctx.Done():
			return true
		case <-late.C:
			return false
		}
	}
	return true
}

// work deals with items until there are none.
func (q *queue) work() {
	defer q.all.Done()
	hand := make([]item, 1) // most have nothing more to do
	for {
		if hand = q.next(hand[:cap(hand)]); len(hand) == 0 {
			return
		}
		for k := range hand {
			if q.closed.Load() {
				q.mu.Lock()
				q.dropped.stopped++
				q.mu.Unlock()
			} else {
				q.do(&hand[k])
			}
			q.done(hand[k].size)
			hand[k] = item{} // not held on to
		}
	}
}

// next takes one item, or some where many wait: into hand, or a larger one. After none
// the worker has to end.
func (q *queue) next(hand []item) []item {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.items.n == 0 {
		q.working--
		q.items.release()
		return nil
	}
	n := min(handful, 1+q.items.n/(8*q.workers))
	if n > len(hand) {
		hand = make([]item, handful)
	}
	for k := range n {
		hand[k] = q.items.pop()
	}
	return hand[:n]
}

func (q *queue) done(size int) {
	q.bytes.Add(-int64(size))
	q.load.Add(-1)
	if room := q.room.Load(); room != nil {
		select {
		case *room <- struct{}{}:
		default:
		}
	}
}

// stop drops what waits and takes nothing more.
func (q *queue) stop() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed.Store(true)
	for q.items.n > 0 {
		q.drop()
		q.dropped.stopped++
	}
}

// drain waits until everything is dealt with. Nothing may be put in any more.
func (q *queue) drain() dropped {
	q.all.Wait()
	return q.losses()
}

// losses are what was dropped so far.
func (q *queue) losses() dropped {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.dropped
}

// A ring is items in their order.
type ring struct {
	items []item // their number is a power of two
	head  int
	n     int
	peak  int // most that it had since it was empty
}

func (r *ring) push(i *item) {
	if r.n == len(r.items) {
		larger := make([]item, max(1, 2*len(r.items)))
		k := copy(larger, r.items[r.head:])
		copy(larger[k:], r.items[:r.head])
		r.items, r.head = larger, 0
	}
	r.items[(r.head+r.n)&(len(r.items)-1)] = *i
	r.n++
	r.peak = max(r.peak, r.n)
}

func (r *ring) pop() item {
	i := r.items[r.head]
	r.items[r.head] = item{} // not held on to
	r.head = (r.head + 1) & (len(r.items) - 1)
	r.n--
	return i
}

// release lets go of the memory of an empty ring, if it is little, a lot, or more than
// what was needed of late.
func (r *ring) release() {
	if len(r.items) <= leastItems || len(r.items) > keptItems || len(r.items) > 4*r.peak {
		r.items, r.head = nil, 0
	}
	r.peak = 0
}

// A ring that is empty keeps its memory if that is for more than leastItems, and for no
// more than keptItems (34 KiB).
const (
	leastItems = 4
	keptItems  = 256
)
