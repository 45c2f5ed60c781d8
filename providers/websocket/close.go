package websocket

import (
	"time"

	"github.com/coder/websocket"
)

// lastWord is how long a goodbye may take where there is no time left: less than the
// tenth of a second within which a query returns.
const lastWord = 80 * time.Millisecond

// close ends the connection: with a closing handshake where one can be had, for at
// most close_timeout, and never with an effect on the outcome.
func (q *query) close(failed *Error) {
	t := q.transport
	if t.release != nil {
		defer t.release()
	}
	if q.conn == nil {
		return
	}
	stream := t.stream
	before := stream.guard.closed
	code, wait := q.goodbye(failed)
	q.closed = &Close{}
	switch {
	case code == 0:
		_ = q.conn.CloseNow()
		return
	case before != nil:
		q.closed.Code, q.closed.Reason, q.closed.By = &before.code, before.reason, new("peer")
	default:
		q.closed.Code, q.closed.By = &code, new("us")
	}
	t.leash.goodbye(max(wait, lastWord))
	stream.closing = true
	if wait == 0 && stream.ended == nil {
		stream.ended = errDone
	}
	_ = q.conn.Close(websocket.StatusCode(code), "") // the stream knows better how it ended
	if peer := stream.guard.closed; peer != nil {
		q.closed.Reason, q.closed.Clean = peer.reason, true
	}
}

// goodbye is the code to close with, 0 if there is nobody to say it to, and how long
// to wait for the answer.
func (q *query) goodbye(failed *Error) (code int, wait time.Duration) {
	stream := q.transport.stream
	switch peer := stream.guard.closed; {
	case peer != nil:
		return peer.code, lastWord
	case failed == nil && time.Now().Before(q.transport.deadline):
		return 1000, q.set.closeTimeout
	case failed == nil:
		return 1000, min(q.set.closeTimeout, lastWord)
	}
	switch failed.Code {
	case ConnectionLost, TruncatedMessage, SendTimeout, SendFailed:
		return 0, 0 // nothing can be sent, or not in the middle of a message
	}
	if code := codes()[failed.Code].close; code != 0 {
		return code, 0
	}
	return 1000, min(q.set.closeTimeout, lastWord)
}

// parting is what the end of the connection has to do with the outcome: nothing, unless
// that was asked for.
func (q *query) parting() *Error {
	peer := (*closing)(nil)
	if q.transport.stream != nil {
		peer = q.transport.stream.guard.closed
	}
	switch expected := q.set.expectClose; {
	case q.conn == nil:
	case len(expected) > 0 && peer == nil:
		return fault(ConnectionLost, nil, "the server did not close with %v: it sent no close frame", expected)
	case len(expected) > 0 && !expected.has(peer.code):
		e := closedFault(peer)
		e.Problem = "the server closed with code " + closeName(peer.code) + ", not with " + expected.String()
		return e
	case q.set.cleanClose && !q.closed.Clean:
		return fault(ConnectionLost, nil, "the server did not complete the closing handshake")
	}
	return nil
}
