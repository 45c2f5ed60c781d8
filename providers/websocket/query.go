package websocket

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/coder/websocket"
)

// A query is one exchange: open, send, receive, close. Its fields are what came of it.
type query struct {
	set       *settings
	transport *transport
	begun     time.Time       // of the first attempt, from which the deadline counts; zero: this is it
	tried     int             // attempts, this one included
	conn      *websocket.Conn // nil until upgraded

	messages []Message
	parsed   []any
	used     int // bytes of messages in the result
	answer   int // which of messages is the one that ended the wait
	sent     Traffic
	received Arrived
	sentAt   time.Time // when the last message was sent
	gotAt    time.Time // when the message that ended the wait came
	closed   *Close
	enough   atomic.Bool   // what was waited for is there, for whoever sends meanwhile
	unjudged error         // why the last message could not be judged
	kept     bool          // the connection is kept, and being read: what it counts is not ours
	said     func(payload) // is shown what is about to be sent; nil: nobody is
	each     func(heard)   // is told of each message; nil: nobody is
}

// run does the exchange and tells how it went. It returns within a tenth of a second
// of its deadline, or of ctx being done; a closing handshake may take close_timeout
// more if the server was in time.
func (q *query) run(ctx context.Context) (Result, *Error) {
	t := q.transport
	t.started = time.Now()
	if q.begun.IsZero() {
		q.begun, q.tried = t.started, 1
	}
	t.deadline = q.begun.Add(q.set.timeout)
	var failed *Error
	q.conn, failed = t.open(ctx)
	if failed == nil {
		failed = q.exchange(ctx)
	}
	t.timings.Total = milliseconds(time.Since(q.begun))
	if !q.sentAt.IsZero() && q.gotAt.After(q.sentAt) {
		t.timings.Reply = new(milliseconds(q.gotAt.Sub(q.sentAt)))
	}
	q.close(failed)
	if failed == nil {
		failed = q.parting()
	}
	if failed != nil && q.expected(failed) {
		failed = nil
	}
	return q.told(failed), failed
}

// told is the result, with nothing secret in it nor in failed.
func (q *query) told(failed *Error) Result {
	if failed != nil {
		failed.Target = q.set.target.redacted
	}
	veil := q.transport.veil()
	veil.error(failed)
	r := q.result(failed)
	veil.result(&r)
	return r
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
	case len(q.set.script) > 0:
		failed = q.play(ctx)
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

// play does a script, and waits for what is waited for besides.
func (q *query) play(ctx context.Context) *Error {
	if failed := q.greet(ctx); failed != nil {
		return failed
	}
	if failed := q.perform(ctx, q.set.script); failed != nil {
		return failed
	}
	heard := hearing(q.set.script) && q.set.wait == nil && len(q.messages) >= q.set.minMessages && len(q.set.expectClose) == 0
	if q.set.receive == "none" || heard {
		return nil
	}
	q.enough.Store(false)
	return q.receive(ctx)
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
	return q.writeBy(ctx, messages, q.transport.deadline)
}

// writeBy writes messages before the deadline.
func (q *query) writeBy(ctx context.Context, messages []payload, deadline time.Time) *Error {
	for _, p := range messages {
		q.transport.leash.writeUntil(earlier(deadline, time.Now().Add(q.set.writeTimeout)))
		if q.said != nil {
			q.said(p)
		}
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
	for !q.enough.Load() || sending != nil && sending.Load() {
		typ, data, err := q.next()
		if err != nil {
			if q.enough.Load() && timedOut(err) && ctx.Err() == nil {
				return nil // woken up because sending is over
			}
			return q.readFault(ctx, err)
		}
		if failed := q.take(typ, data); failed != nil {
			return failed
		}
	}
	return nil
}

// take is told of a message, and decides whether it is the one that was waited for.
// Those that come when it is there already are only counted.
func (q *query) take(typ websocket.MessageType, data []byte) *Error {
	if q.enough.Load() {
		q.count(data)
		return nil
	}
	m, failed := q.keep(typ, data)
	if failed != nil {
		return failed
	}
	done := len(q.messages) >= q.set.minMessages
	if q.set.wait != nil {
		var err error
		if done, err = q.set.wait(m); err != nil {
			q.unjudged = err
		}
	}
	if len(q.set.expectClose) > 0 && q.set.wait == nil {
		done = false // it is the close that is waited for
	}
	switch {
	case done && q.set.wait == nil: // the answer is the first of several
		q.answer, q.gotAt = 0, time.Now()
		q.enough.Store(true)
	case done:
		q.answered(m)
	case q.received.Messages >= q.set.maxMessages:
		return q.tooMany()
	}
	if done || q.set.wait == nil {
		return q.parse(m)
	}
	return nil
}

// answered notes that m is the message that was waited for. It is kept as far as if it
// were the only one: those before it do not count.
func (q *query) answered(m *arrival) {
	q.answer, q.gotAt = m.index, time.Now()
	q.enough.Store(true)
	if q.messages[m.index].Truncated {
		whole := message(m.typ, m.data, m.at, q.set.maxResult)
		whole.hide(q.transport.mask)
		q.messages[m.index] = whole
	}
}

func (q *query) tooMany() *Error {
	return fault(TooManyMessages, q.unjudged, "%d messages came, and none was the one that was waited for%s", q.received.Messages, q.why()).
		detailed("%d messages, the last one %s", q.received.Messages, q.last())
}

// why says why the last message could not be judged, if it could not.
func (q *query) why() string {
	if q.unjudged == nil {
		return ""
	}
	return "; the last could not be judged: " + q.unjudged.Error()
}

// parse reads a message as data. What is too long to be kept is read, to find what is
// wrong with it, and not kept.
func (q *query) parse(m *arrival) *Error {
	if q.set.reader == nil {
		return nil
	}
	parsed, err := q.set.reader.Read(m.data, q.transport.now())
	if err != nil {
		return fault(ParseFailed, err, "the message cannot be read: %v", err).detailed("%v", err)
	}
	if kept := &q.messages[m.index]; !kept.Truncated {
		q.parsed = append(q.parsed, parsed...)
	}
	return nil
}

// hear reads one message, for a script.
func (q *query) hear(ctx context.Context) (*arrival, *Error) {
	typ, data, err := q.next()
	if err == nil {
		return q.keep(typ, data)
	}
	failed := q.readFault(ctx, err)
	if peer := q.transport.stream.guard.closed; failed == nil && peer != nil {
		failed = closedFault(peer) // which may be fine elsewhere, but not where a message is waited for
	} else if failed == nil {
		failed = q.replyTimeout(err)
	}
	return nil, failed
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
	if err == nil && q.each != nil {
		q.each(heard{typ, data, time.Now()})
	}
	return typ, data, err
}

// keep adds a message to the result, unless there is something wrong with it.
func (q *query) keep(typ websocket.MessageType, data []byte) (*arrival, *Error) {
	t := q.transport
	if typ == websocket.MessageText && !q.set.anyUTF8 && !utf8.Valid(data) {
		return nil, illegible()
	}
	now := time.Now()
	q.count(data)
	if t.timings.FirstMessage == nil {
		t.timings.FirstMessage = new(milliseconds(now.Sub(t.responded)))
	}
	m := message(typ, data, now.Sub(q.begun), max(0, q.set.maxResult-q.used))
	m.hide(t.mask)
	q.messages = append(q.messages, m)
	q.used += len(m.Data)
	a := &arrival{typ: typ, data: data, index: len(q.messages) - 1, at: now.Sub(q.begun), messages: q.messages, response: t.response}
	if q.set.failIf == nil {
		return a, nil
	}
	wrong, err := q.set.failIf(a)
	if err != nil {
		q.unjudged = err
	}
	if wrong {
		q.answer = a.index
		return nil, fault(AssertionFailed, nil, "fail_if holds about the message %s", t.begins(data))
	}
	return a, nil
}

func (q *query) count(data []byte) {
	q.received.Messages++
	q.received.Bytes += int64(len(data))
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
	case timedOut(err) && q.set.receive == "optional" && len(q.set.expectClose) == 0:
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
	if q.set.expectClose.has(peer.code) && q.set.wait == nil {
		return nil
	}
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
		what := "no message came"
		if len(q.set.expectClose) > 0 {
			what = "the server did not close"
		}
		return fault(ReplyTimeout, err, "connected, but %s in time", what).detailed("0 messages")
	}
	e := fault(ReplyTimeout, err, "only %d of %d messages came in time", n, q.set.minMessages)
	switch {
	case len(q.set.script) > 0 && !q.enough.Load():
		e.Problem = "no message that matches came in time"
	case q.set.wait != nil:
		e.Problem = "no message came in time that is the one that was waited for" + q.why()
	case len(q.set.expectClose) > 0:
		e.Problem = "the server did not close in time"
	}
	return e.detailed("%d messages, the last one %s", n, q.last())
}

// last shows the last message, shortened.
func (q *query) last() string {
	text := q.transport.veil().text(q.messages[len(q.messages)-1].Data)
	return strconv.Quote(string(cut([]byte(text), min(len(text), 100), true)))
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
