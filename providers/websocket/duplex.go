package websocket

import (
	"context"
	"sync/atomic"
	"time"
)

// both sends and receives at once, for messages too long to be sent blindly.
func (q *query) both(ctx context.Context) *Error {
	leash := q.transport.leash
	var sending atomic.Bool
	sending.Store(true)
	leash.readUntil(q.transport.deadline)
	got := make(chan *Error, 1)
	go func() {
		failed := q.read(ctx, &sending)
		if failed != nil {
			leash.halt()
		}
		got <- failed
	}()

	failed := q.send(ctx)
	sending.Store(false)
	switch {
	case failed != nil:
		// Reading may know why: a close frame, or a broken one. Where the connection ended
		// it has a moment to find that; where time is up it has found it, or never will.
		leash.readUntil(time.Now().Add(lastWord))
		if failed.Code == SendTimeout {
			leash.readUntil(longAgo)
		}
		if reason := <-got; reason != nil && reason.Code != ReplyTimeout && failed.Code != Cancelled {
			return reason
		}
		return failed
	case !q.enough.Load():
		leash.until(q.receiveDeadline())
	default:
		// Everything is there, but reading may be waiting for more.
		leash.readUntil(longAgo)
	}
	return <-got
}

// ping measures a round trip. The library sees the pong only while it reads.
func (q *query) ping(ctx context.Context) *Error {
	t := q.transport
	t.leash.until(t.deadline)
	limit, cancel := context.WithDeadline(ctx, t.deadline)
	defer cancel()
	begun := time.Now()
	pong := make(chan error, 1)
	go func() {
		err := q.conn.Ping(limit)
		t.timings.Ping = since(begun)
		t.leash.readUntil(longAgo)
		pong <- err
	}()
	var readErr error
	for readErr == nil {
		_, data, err := q.next()
		if readErr = err; err == nil {
			q.count(data)
		}
	}
	cancel()
	if err := <-pong; err == nil {
		return nil
	}
	t.timings.Ping = nil
	switch peer := t.stream.guard.closed; {
	case ctx.Err() != nil:
		return cancelled(ctx, "live")
	case peer != nil && peer.orderly():
		return nil // gone before it could answer, but politely
	case timedOut(readErr):
		return fault(PongTimeout, readErr, "the server did not answer a ping in time")
	}
	return q.readFault(ctx, readErr)
}
