package websocket

import (
	"context"
	"sync"
	"time"
)

// A queue is where messages wait for those who deal with them: at most size of them,
// counting those that are being dealt with, and no more than maxQueued bytes. Workers
// are started when there is something to do and end when there is not, since most
// subscriptions are idle most of the time.
//
// One goroutine puts messages in.
type queue struct {
	size    int
	workers int
	do      func(item)

	mu      sync.Mutex
	items   []item // waiting; the first is items[head]
	head    int
	busy    int // being dealt with
	working int // workers
	bytes   int64
	closed  bool // nothing is dealt with any more
	dropped dropped

	room chan struct{} // has a token when a place has become free
	all  sync.WaitGroup
}

// dropped counts messages that were taken and not dealt with, by reason.
type dropped struct {
	oldest, newest, blocked, stopped int
}

const (
	maxQueued = 64 << 20 // bytes of messages that may wait
	maxBlock  = 10 * time.Second
	// extra is how many events beside messages may wait where there is no room: what
	// happens to the connection is not to be lost behind the messages it brought.
	extra = 64
)

func newQueue(size, workers int, do func(item)) *queue {
	return &queue{size: size, workers: workers, do: do, room: make(chan struct{}, 1)}
}

// put adds an item, whether or not there is room.
func (q *queue) put(i item) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.add(i)
}

func (q *queue) add(i item) {
	if q.closed {
		q.dropped.stopped++
		return
	}
	q.items = append(q.items, i)
	q.bytes += int64(i.size)
	if q.working < q.workers {
		q.working++
		q.all.Add(1)
		go q.work()
	}
}

// note adds an event that is no message.
func (q *queue) note(i item) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if i.kind != GaveUp && q.taken() >= q.size+extra {
		q.dropped.newest++
		return
	}
	q.add(i)
}

// offer adds a message, if need be instead of the oldest.
func (q *queue) offer(i item, instead bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.full() {
		if !instead || q.waiting() == 0 {
			q.dropped.newest++
			return
		}
		q.drop()
		q.dropped.oldest++
	}
	q.add(i)
}

// reserve waits until there is room for a message, for at most limit; then it makes
// room by dropping the oldest. When ctx is done there is always room: what has been
// read has to go somewhere.
func (q *queue) reserve(ctx context.Context, limit time.Duration) {
	if !q.crowded() {
		return
	}
	timer := time.NewTimer(limit)
	defer timer.Stop()
	for q.crowded() {
		select {
		case <-q.room:
		case <-ctx.Done():
			return
		case <-timer.C:
			q.mu.Lock()
			if q.full() && q.waiting() > 0 {
				q.drop()
				q.dropped.blocked++
			}
			q.mu.Unlock()
			return
		}
	}
}

// roomy waits until half of the places are free.
func (q *queue) roomy(ctx context.Context) {
	for {
		q.mu.Lock()
		half := q.taken() <= q.size/2 && q.bytes <= maxQueued/2
		q.mu.Unlock()
		if half {
			return
		}
		select {
		case <-q.room:
		case <-ctx.Done():
			return
		}
	}
}

func (q *queue) crowded() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.full()
}

func (q *queue) full() bool   { return q.taken() >= q.size || q.bytes >= maxQueued }
func (q *queue) taken() int   { return q.waiting() + q.busy }
func (q *queue) waiting() int { return len(q.items) - q.head }

// drop takes the oldest out.
func (q *queue) drop() {
	i := q.pop()
	q.bytes -= int64(i.size)
}

func (q *queue) pop() item {
	i := q.items[q.head]
	q.items[q.head] = item{} // not held on to
	q.head++
	switch {
	case q.head == len(q.items):
		q.items, q.head = q.items[:0], 0
		if cap(q.items) > 64 {
			q.items = nil
		}
	case q.head >= 64 && q.head*2 >= len(q.items):
		n := copy(q.items, q.items[q.head:])
		clear(q.items[n:])
		q.items, q.head = q.items[:n], 0
	}
	return i
}

// work deals with items until there are none.
func (q *queue) work() {
	defer q.all.Done()
	for {
		i, ok := q.next()
		if !ok {
			return
		}
		q.do(i)
		q.done(i)
	}
}

func (q *queue) next() (item, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.waiting() == 0 {
		q.working--
		return item{}, false
	}
	q.busy++
	return q.pop(), true
}

func (q *queue) done(i item) {
	q.mu.Lock()
	q.busy--
	q.bytes -= int64(i.size)
	q.mu.Unlock()
	select {
	case q.room <- struct{}{}:
	default:
	}
}

// stop drops what waits and takes nothing more.
func (q *queue) stop() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.dropped.stopped += q.waiting()
	q.items, q.head = nil, 0
}

// drain waits until everything is dealt with. Nothing may be put in any more.
func (q *queue) drain() dropped {
	q.all.Wait()
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.dropped
}
