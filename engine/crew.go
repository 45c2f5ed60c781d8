package engine

import "sync/atomic"

// A Crew does work in goroutines that stay when it is done, for what comes next: the stack
// of a call has some 16 KiB, and to grow it anew each time takes longer than much of what
// is done with it. It is for use by several goroutines at once.
type Crew struct {
	spare   int64 // how many may wait for work
	waiting atomic.Int64
	next    chan func()
	ended   chan struct{}
}

// NewCrew makes a crew of which so many wait for work at most.
func NewCrew(spare int) *Crew {
	return &Crew{spare: int64(spare), next: make(chan func()), ended: make(chan struct{})}
}

// Go has work done beside the caller, at once: by one who waits, else in a new goroutine.
func (c *Crew) Go(work func()) {
	select {
	case c.next <- work:
	default:
		go c.member(work)
	}
}

// member does work, and what comes, while there is room for it to wait.
func (c *Crew) member(work func()) {
	for {
		work()
		if c.waiting.Add(1) > c.spare {
			c.waiting.Add(-1)
			return
		}
		select {
		case work = <-c.next:
			c.waiting.Add(-1)
		case <-c.ended:
			return
		}
	}
}

// End has those leave who wait, and who is under way when that is done. It is called once.
// What the crew is given afterwards is done all the same.
func (c *Crew) End() { close(c.ended) }
