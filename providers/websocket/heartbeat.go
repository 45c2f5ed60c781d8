package websocket

import (
	"context"
	"errors"
	"strings"
	"time"
)

// The timers of a link.
const (
	pingTimer = iota
	idleTimer
	ageTimer
	beatTimer
	answerTimer
	slots
)

// watch starts the timers that see whether the connection is alive (spec/websocket.md
// §7.2).
func (l *link) watch(random func() float64) {
	l.after(pingTimer, l.vital().ping, l.ping)
	l.after(idleTimer, l.vital().idle, l.idle)
	l.after(ageTimer, l.vital().lifetime(random()), l.retire)
	l.after(beatTimer, l.vital().heartbeat.interval, l.beat)
}

// after starts the timer of a slot, unless d is 0 or the link is over. What it does is
// waited for when the link is left.
func (l *link) after(slot int, d time.Duration, do func()) {
	if d == 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over {
		return
	}
	l.tasks.Add(1)
	l.timers[slot] = time.AfterFunc(d, func() {
		defer l.tasks.Done()
		do()
	})
}

// task does something beside reading, which is waited for when the link is left.
func (l *link) task(do func()) {
	l.tasks.Add(1)
	go func() {
		defer l.tasks.Done()
		do()
	}()
}

// ping asks whether somebody is there. Not the pong alone is an answer: whatever came
// since shows that somebody is. While we read nothing because there is no room, a
// silence is our own.
func (l *link) ping() {
	stream := l.stream
	came, holds := stream.came.Load(), l.holds.Load()
	if holds%2 == 0 {
		ctx, cancel := context.WithTimeout(context.Background(), l.vital().pong)
		begun := time.Now()
		err := l.conn.Ping(ctx)
		cancel()
		switch {
		case err == nil:
			l.s.meter.note(pingSeconds, time.Since(begun).Seconds())
		case !noPong(err):
			// The library has closed the connection, as with every write that does not end.
			l.fail(fault(SendTimeout, err, "the server did not take a ping within %v", l.vital().pong))
			return
		case came == stream.came.Load() && holds == l.holds.Load():
			l.fail(fault(PongTimeout, err, "the server did not answer a ping within %v", l.vital().pong))
			return
		}
	}
	l.after(pingTimer, l.vital().ping, l.ping)
}

// noPong says that a ping was sent and not answered. The library (v1.8.15) tells it
// from one that could not be sent by its words only.
func noPong(err error) bool {
	return errors.Is(err, context.DeadlineExceeded) && strings.Contains(err.Error(), "wait for pong")
}

// idle ends a connection that brings no messages.
func (l *link) idle() {
	last := l.heard.Load()
	if l.vital().pingsCount {
		last = max(last, l.stream.pinged.Load())
	}
	left := l.vital().idle - (l.stream.age() - time.Duration(last))
	switch {
	case l.holds.Load()%2 != 0:
		left = l.vital().idle
	case left <= 0:
		l.fail(fault(IdleTimeout, nil, "no message came for %v", l.vital().idle))
		return
	}
	l.after(idleTimer, left, l.idle)
}

// lifetime is when the connection is too old, give or take a tenth, so that those that
// were opened together do not end together; 0 is never.
func (v *vital) lifetime(chance float64) time.Duration {
	return v.age + time.Duration((chance*2-1)*float64(v.age)/10)
}

// beat sends a heartbeat and waits for the answer, where there is to be one.
func (l *link) beat() {
	h := &l.vital().heartbeat
	l.asked.Store(h.expect != nil)
	if failed := l.write(h.message); failed != nil {
		l.fail(failed)
		return
	}
	if h.expect != nil {
		holds := l.holds.Load()
		l.after(answerTimer, l.vital().pong, func() { l.missed(holds) })
	}
	l.after(beatTimer, h.interval, l.beat)
}

// missed ends a connection whose last heartbeat was not answered, unless it is we who
// did not read the answer.
func (l *link) missed(holds int64) {
	if l.asked.Load() && holds%2 == 0 && holds == l.holds.Load() {
		l.fail(fault(PongTimeout, nil, "the server did not answer a heartbeat within %v", l.vital().pong))
	}
}
