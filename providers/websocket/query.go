package websocket

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/coder/websocket"
)

// A query is one exchange: open, send, receive, close. Its fields are what came of it.
type query struct {
	set       *settings
	transport *transport
	conn      *websocket.Conn // nil until upgraded

	messages []Message
	kept     int // bytes of messages in the result
	sent     Traffic
	received Arrived
	sentAt   time.Time // when the last message was sent
	gotAt    time.Time // when the message that ended the wait came
	closed   *Close
	have     atomic.Int64 // messages read, for whoever sends meanwhile
}

// run does the exchange and tells how it went. It returns within a tenth of a second
// of its deadline, or of ctx being done; a closing handshake may take close_timeout
// more if the server was in time.
func (q *query) run(ctx context.Context) (Result, *Error) {
	t := q.transport
	t.started = time.Now()
	t.deadline = t.started.Add(q.set.timeout)
	var failed *Error
	q.conn, failed = t.open(ctx)
	if failed == nil {
		failed = q.exchange(ctx)
	}
	t.timings.Total = milliseconds(time.Since(t.started))
	if !q.sentAt.IsZero() && q.gotAt.After(q.sentAt) {
		t.timings.Reply = new(milliseconds(q.gotAt.Sub(q.sentAt)))
	}
	q.close(failed)
	if failed != nil && q.expected(failed) {
		failed = nil
	}
	if failed != nil {
		failed.Target = q.set.target.redacted
	}
	veil := t.veil()
	veil.error(failed)
	r := q.result(failed)
	veil.result(&r)
	return r, failed
}

// expected says that to fail like this is what the query wants to see.
func (q *query) expected(e *Error) bool {
	return e.Code == HandshakeStatus && !q.transport.upgraded && slices.Contains(q.set.expectStatus, e.Status)
}

// exchange sends and receives, in the order asked for.
func (q *query) exchange(ctx context.Context) *Error {
	if !slices.Contains(q.set.expectStatus, http.StatusSwitchingProtocols) {
		e := fault(HandshakeStatus, nil, "the server upgraded, which it was expected not to")
		e.Status = http.StatusSwitchingProtocols
		return e.detailed("upgraded")
	}
	var failed *Error
	switch {
	case q.set.receive == "none":
		failed = q.send(ctx)
	case q.set.receiveFirst:
		if failed = q.greet(ctx); failed == nil {
			failed = q.receive(ctx)
		}
		if failed == nil {
			failed = q.write(ctx, q.set.payloads)
		}
	case q.size() > inline:
		failed = q.both(ctx)
	default:
		if failed = q.send(ctx); failed == nil {
			failed = q.receive(ctx)
		}
	}
	if failed == nil && q.set.measurePing && q.transport.stream.guard.closed == nil {
		failed = q.ping(ctx)
	}
	return failed
}

// inline is how much can be sent before anything is read: it fits into the smallest
// buffer that a system gives a socket. Beyond it a server that answers while we
// write, and stops reading until its answer is taken, would wait for us and we for it.
const inline = 4 << 10

func (q *query) size() (n int) {
	for _, t := range q.set.opening {
		n += len(t.payload.data)
	}
	for _, p := range q.set.payloads {
		n += len(p.data)
	}
	return n
}

// send writes what is said on opening, and then the messages.
func (q *query) send(ctx context.Context) *Error {
	if failed := q.greet(ctx); failed != nil {
		return failed
	}
	return q.write(ctx, q.set.payloads)
}

// greet writes what is said on opening.
func (q *query) greet(ctx context.Context) *Error {
	for _, t := range q.set.opening {
		if t.pause == 0 {
			if failed := q.write(ctx, []payload{t.payload}); failed != nil {
				return failed
			}
			continue
		}
		if failed := q.pause(ctx, t.pause); failed != nil {
			return failed
		}
	}
	return nil
}

// pause lets time pass, up to the deadline at most.
func (q *query) pause(ctx context.Context, d time.Duration) *Error {
	left := time.Until(q.transport.deadline)
	switch err := pause(ctx, min(d, left)); {
	case err != nil:
		return cancelled(ctx, "send")
	case d >= left:
		return fault(ReplyTimeout, nil, "time was up in a pause between the messages of the opening")
	}
	return nil
}

func (q *query) write(ctx context.Context, messages []payload) *Error {
	for _, p := range messages {
		q.transport.leash.writeUntil(earlier(q.transport.deadline, time.Now().Add(q.set.writeTimeout)))
		if err := q.conn.Write(context.Background(), p.typ, p.data); err != nil {
			return q.sendFault(ctx, err)
		}
		q.sent.Messages++
		q.sent.Bytes += int64(len(p.data))
		q.sentAt = time.Now()
	}
	return nil
}

// sendFault puts a failed write in our words. A server that has closed the connection
// may have said why.
func (q *query) sendFault(ctx context.Context, err error) *Error {
	if ctx.Err() != nil {
		return cancelled(ctx, "send")
	}
	if timedOut(err) {
		return fault(SendTimeout, err, "the server did not take the message in time")
	}
	return fault(SendFailed, err, "the message could not be sent: the connection ended").detailed("%v", rootCause(err))
}

// receive reads until enough messages are there or time is up.
func (q *query) receive(ctx context.Context) *Error {
	q.transport.leash.until(q.receiveDeadline())
	q.transport.stream.waiting = true
	failed := q.read(ctx, nil)
	q.transport.stream.waiting = false
	return failed
}

func (q *query) receiveDeadline() time.Time {
	return earlier(q.transport.deadline, time.Now().Add(q.set.receiveTimeout))
}

// read takes messages off the connection until there are enough and, where sending
// is going on beside it, that is over too.
func (q *query) read(ctx context.Context, sending *atomic.Bool) *Error {
	for len(q.messages) < q.set.minMessages || sending != nil && sending.Load() {
		typ, data, err := q.next()
		if err != nil {
			enough := len(q.messages) >= q.set.minMessages
			if enough && timedOut(err) && ctx.Err() == nil {
				return nil // woken up because sending is over
			}
			return q.readFault(ctx, err)
		}
		if typ == websocket.MessageText && !utf8.Valid(data) {
			return fault(InvalidUTF8, nil, "the server sent a text message that is not UTF-8")
		}
		q.keep(typ, data)
	}
	return nil
}

// next reads a message. The stream's own error says more than the library's.
func (q *query) next() (websocket.MessageType, []byte, error) {
	typ, r, err := q.conn.Reader(context.Background())
	var data []byte
	if err == nil {
		data, err = io.ReadAll(r)
	}
	if ended := q.transport.stream.ended; err != nil && ended != nil && ended != errDone {
		err = ended
	}
	return typ, data, err
}

// keep adds a message to the result.
func (q *query) keep(typ websocket.MessageType, data []byte) {
	t := q.transport
	now := time.Now()
	q.received.Messages++
	q.have.Add(1)
	q.received.Bytes += int64(len(data))
	if t.timings.FirstMessage == nil {
		t.timings.FirstMessage = new(milliseconds(now.Sub(t.responded)))
	}
	if len(q.messages) < q.set.minMessages {
		m := message(typ, data, now.Sub(t.started), q.set.maxResult-q.kept)
		m.hide(t.mask)
		q.messages = append(q.messages, m)
		q.kept += len(m.Data)
		if len(q.messages) == q.set.minMessages {
			q.gotAt = now
		}
	}
}

// readFault puts a failed read in our words, or says that it is none: silence and an
// orderly close are fine where no message is needed.
func (q *query) readFault(ctx context.Context, err error) *Error {
	if ctx.Err() != nil {
		return cancelled(ctx, "receive")
	}
	own, ours := errors.AsType[*Error](err)
	peer := q.transport.stream.guard.closed
	switch {
	case ours:
		return own
	case unpackFault(err, q.set.maxMessage) != nil:
		return unpackFault(err, q.set.maxMessage)
	case peer != nil:
		return q.peerClosed(peer)
	case timedOut(err) && q.set.receive == "optional":
		return nil
	case timedOut(err):
		return q.replyTimeout(err)
	}
	if _, ok := errors.AsType[*net.OpError](err); ok || errors.Is(err, net.ErrClosed) {
		return q.transport.stream.lost(err) // a pong could not be written
	}
	return fault(Internal, err, "reading failed: %v", rootCause(err)).in("receive")
}

func (q *query) peerClosed(peer *closing) *Error {
	if peer.orderly() && q.set.receive == "optional" {
		return nil
	}
	return closedFault(peer)
}

// closedFault is the error where a close frame came instead of a message.
func closedFault(peer *closing) *Error {
	e := fault(ClosedByPeer, nil, "the server closed the connection with code %s", closeName(peer.code))
	if peer.reason != "" {
		e.Problem += ": " + peer.reason
	}
	e.CloseCode, e.Detail, e.Retryable = peer.code, peer.reason, closeRetry(peer.code)
	return e
}

// replyTimeout says how far it came, and shows the last message that did come.
func (q *query) replyTimeout(err error) *Error {
	n := len(q.messages)
	if n == 0 {
		return fault(ReplyTimeout, err, "connected, but no message came in time").detailed("0 messages")
	}
	last := q.messages[n-1].Data
	return fault(ReplyTimeout, err, "only %d of %d messages came in time", n, q.set.minMessages).
		detailed("%d messages, the last one %q", n, cut([]byte(last), min(len(last), 100), true))
}

// rootCause is the innermost error of a chain.
func rootCause(err error) error {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
	}
}
