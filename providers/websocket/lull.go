package websocket

import (
	"sync"
	"time"
)

// A lull raises an event when no message came for long, once for each time of silence.
type lull struct {
	mu    sync.Mutex
	timer *time.Timer // nil: nobody minds
	last  time.Time   // when a message came, or the listening began
	told  bool
	ended bool
}

func (q *lull) start(s *subscription) {
	if s.live.stale == 0 {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.last = time.Now()
	q.timer = time.AfterFunc(s.live.stale, func() { q.look(s) })
}

// over notes that a message came.
func (q *lull) over(s *subscription) {
	if s.live.stale == 0 {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.last = time.Now()
	if q.told && !q.ended {
		q.told = false
		q.timer.Reset(s.live.stale)
	}
}

// look raises the event, or looks again when it would be time.
func (q *lull) look(s *subscription) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.ended {
		return
	}
	if left := s.live.stale - time.Since(q.last); left > 0 {
		q.timer.Reset(left)
		return
	}
	q.told = true
	s.raise(item{kind: Stale, from: s.nobody()})
}

func (q *lull) stop() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.ended = true
	if q.timer != nil {
		q.timer.Stop()
	}
}
