package websocket

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/coder/websocket"
)

// A link is one connection of a subscription, from its opening to its end. One goroutine
// reads; what else there is to do is done by timers, each of which may end the link.
type link struct {
	*identity
	s    *subscription
	set  *settings
	conn *websocket.Conn

	// Of the transport, which is not kept: of thousands of links it would be a lot.
	stream   *stream
	leash    *leash
	release  func() bool
	hidden   *hiding
	response *http.Response // nil: nobody asks for it

	seq atomic.Int64 // messages read
	buf []byte       // for the next one

	heard    atomic.Int64          // when the last message came, since the connection was opened
	holds    atomic.Int64          // odd while nothing is read because there is no room for it
	asked    atomic.Bool           // a heartbeat is waiting for its answer
	why      atomic.Pointer[Error] // why we ended it
	aged     atomic.Bool           // it was ended because of its age
	greeting *greeting             // nil: there is nothing to say on opening

	mu     sync.Mutex
	over   bool
	timers [slots]*time.Timer
	tasks  sync.WaitGroup
}

// vital is how it shows that it is alive.
func (l *link) vital() *vital { return &l.s.live.vital }

// connect opens a connection and begins to watch over it. It is the caller's to read
// and to leave. More is said behind the opening.
func (s *subscription) connect(ctx context.Context, more []turn) (*link, *Error) {
	at := s.now()
	t := &transport{set: s.set, dialer: s.dialer, now: s.now, shared: s.shared, reach: s.reach, started: time.Now()}
	t.deadline = t.started.Add(s.set.timeout)
	conn, failed := t.open(ctx)
	s.meter.showed(t.tls)
	if failed != nil {
		failed.about(s.set.target)
		return nil, failed
	}
	if !t.deflate && len(s.set.script) == 0 {
		t.stream.guard.ends = &ends{} // from the first message on, or they are another's
	}
	if failed := s.script(ctx, t, conn); failed != nil {
		t.release()
		return nil, failed
	}
	l := &link{
		identity: newIdentity(at), s: s, set: s.set, conn: conn,
		stream: t.stream, leash: t.leash, release: t.release, hidden: t.hiding(),
	}
	l.mask = t.mask
	if s.set.wait != nil || s.set.failIf != nil {
		l.response = t.response
	}
	t.stream.finishing = func() bool { return l.aged.Load() || ctx.Err() != nil }
	t.stream.clock = s.now
	t.stream.waits = s.flush
	if s.meter != nil {
		t.stream.waits = func() { s.flush(); s.meter.report(s, l) }
		s.meter.opened(t, s.again)
	}
	t.stream.patience = func() { l.leash.goodbye(l.set.closeTimeout) }
	t.leash.until(time.Time{})
	if turns := slices.Concat(s.set.opening, more); len(turns) > 0 {
		l.greet(ctx, turns)
	}
	l.watch(s.random)
	return l, nil
}

// script plays the script of the opening, if there is one, before anybody else reads.
// Beside an error the connection is closed.
func (s *subscription) script(ctx context.Context, t *transport, conn *websocket.Conn) *Error {
	if len(s.set.script) == 0 {
		return nil
	}
	q := &query{set: s.set, transport: t, conn: conn, begun: t.started}
	failed := q.perform(ctx, s.set.script)
	s.meter.sent(q.sent.Messages, int(q.sent.Bytes))
	if failed != nil {
		q.close(failed)
		failed.about(s.set.target)
		t.veil().error(failed)
	}
	return failed
}

// A greeting is what is said on opening, beside reading.
type greeting struct {
	said   chan struct{} // closed when it has been
	cancel context.CancelFunc
}

// greet begins to say what is to be said on opening.
func (l *link) greet(ctx context.Context, turns []turn) {
	ctx, cancel := context.WithCancel(ctx)
	l.greeting = &greeting{make(chan struct{}), cancel}
	l.task(func() {
		defer close(l.greeting.said)
		l.say(ctx, turns)
	})
}

// said is closed when the opening has been said.
func (l *link) said() <-chan struct{} {
	if l.greeting == nil {
		nothing := make(chan struct{})
		close(nothing)
		return nothing
	}
	return l.greeting.said
}

func (l *link) say(ctx context.Context, turns []turn) {
	for _, t := range turns {
		if t.pause == 0 {
			if failed := l.write(t.payload); failed != nil {
				l.fail(failed)
				return
			}
		} else if pause(ctx, t.pause) != nil {
			return
		}
	}
}

// write sends a message. It may be called beside reading, and by several at once.
func (l *link) write(p payload) *Error { return l.writeWithin(p, l.set.writeTimeout) }

func (l *link) writeWithin(p payload, limit time.Duration) *Error {
	ctx, cancel := context.WithTimeout(context.Background(), min(limit, l.set.writeTimeout))
	defer cancel()
	err := l.conn.Write(ctx, p.typ, p.data)
	switch {
	case err == nil:
		l.s.meter.sent(1, len(p.data))
		return nil
	case ctx.Err() != nil:
		return fault(SendTimeout, err, "the server did not take a message in time")
	}
	return fault(SendFailed, err, "a message could not be sent: the connection ended").detailed("%v", rootCause(err))
}

// A taker gets the messages of a link. Before one is taken, room is asked for it: if
// there is none, the link has failed.
type taker interface {
	room(context.Context, *link) bool
	take(*link, websocket.MessageType, []byte)
}

// read takes messages off the connection until it ends, and says why it did.
//
// When ctx is done, or somebody has ended the link, what has been read from the socket
// by then is still taken, and a message that has begun is waited for a moment.
func (l *link) read(ctx context.Context, to taker) *Error {
	for {
		typ, r, err := l.conn.Reader(context.Background())
		if err != nil {
			return l.readFault(ctx, err)
		}
		if !to.room(ctx, l) {
			return l.why.Load()
		}
		data, err := l.payload(r)
		if err != nil {
			return l.readFault(ctx, err)
		}
		if typ == websocket.MessageText && !utf8.Valid(data) {
			return fault(InvalidUTF8, nil, "the server sent a text message that is not UTF-8")
		}
		l.heard.Store(l.stream.heard.Load())
		if !l.answers(data) {
			l.seq.Add(1)
			to.take(l, typ, data)
		}
	}
}

// payload reads a message. Small ones share memory, one behind the other, which is let
// go of with the last of them.
func (l *link) payload(r io.Reader) ([]byte, error) {
	buf, ends, n := l.buf, l.stream.guard.ends, 0
	for !ends.at(n) {
		if n == len(buf) {
			buf = larger(buf, l.chunk(ends.size()))
		}
		k, err := r.Read(buf[n:])
		n += k
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
	}
	ends.take()
	if l.buf = nil; len(buf) <= keptBuffer {
		l.buf = buf[n:]
	}
	return buf[:n:n], nil
}

// larger is a buffer that begins with the message that b is full of.
func larger(b []byte, least int) []byte {
	return append(make([]byte, 0, max(least, 2*len(b))), b...)[:max(least, 2*len(b))]
}

// chunk is how much memory to take for messages: little for a connection that has brought
// few, and for the first, of so many bytes if that is known, no more than that.
func (l *link) chunk(size int) int {
	n := l.seq.Load()
	if n < 8 && size > 0 {
		return size
	}
	return min(512<<min(n/8, 5), keptBuffer/4)
}

// keptBuffer is how large the memory of several messages may be.
const keptBuffer = 64 << 10

// answers says that a message is only the answer to a heartbeat.
func (l *link) answers(data []byte) bool {
	expect := l.vital().heartbeat.expect
	if expect == nil || !expect.Match(data) {
		return false
	}
	l.asked.Store(false)
	return true
}

// readFault puts the end of reading in our words, without what they should not say.
func (l *link) readFault(ctx context.Context, err error) *Error {
	e := l.whyEnded(ctx, err)
	l.hidden.veil().error(e)
	return e
}

func (l *link) whyEnded(ctx context.Context, err error) *Error {
	stream := l.stream
	own, ours := errors.AsType[*Error](err)
	if ended, ok := errors.AsType[*Error](stream.ended); ok {
		own, ours = ended, true
	}
	switch peer := stream.guard.closed; {
	case l.why.Load() != nil:
		why := *l.why.Load() // who gave it may show it meanwhile
		return &why
	case ours:
		return own
	case unpackFault(err, l.set.maxMessage) != nil:
		return unpackFault(err, l.set.maxMessage)
	case peer != nil:
		return closedFault(peer)
	case l.aged.Load():
		return nil
	case ctx.Err() != nil:
		return cancelled(ctx, "receive")
	}
	if _, ok := errors.AsType[*net.OpError](err); ok || errors.Is(err, net.ErrClosed) {
		return stream.lost(err) // a pong could not be written
	}
	return fault(Internal, err, "reading failed: %v", rootCause(err)).in("receive")
}

// fail ends the link because of e: reading stops at once, since there is nothing more
// to be had.
func (l *link) fail(e *Error) {
	if l.why.CompareAndSwap(nil, e) {
		l.leash.readUntil(longAgo)
	}
}

// retire ends the link because it is old: what is on its way still arrives.
func (l *link) retire() {
	l.aged.Store(true)
	l.leash.readUntil(longAgo)
}

// leave ends the connection for good: with a closing handshake where one can be had.
// Failed is what read returned. Nobody may be reading.
func (l *link) leave(failed *Error) {
	l.mu.Lock()
	l.over = true
	for _, t := range l.timers {
		if t != nil && t.Stop() {
			l.tasks.Done()
		}
	}
	l.mu.Unlock()
	l.stream.guard.ends = nil // what comes now is passed over
	l.farewell(failed)
	_ = l.conn.CloseNow()
	if l.greeting != nil {
		l.greeting.cancel()
	}
	l.release()
	l.tasks.Wait()
}

// farewell says goodbye, where anybody listens.
func (l *link) farewell(failed *Error) {
	stream, peer := l.stream, l.stream.guard.closed
	code, wait := 1000, l.set.closeTimeout
	switch {
	case peer != nil:
		code, wait = peer.code, lastWord
		if !onWire(code) {
			code = 1000
		}
	case failed == nil:
	case failed.Code == Cancelled:
		code = 1001
	case codes()[failed.Code].close != 0:
		code, wait = codes()[failed.Code].close, 0
	default:
		return // nothing can be sent, or not in the middle of a message
	}
	l.leash.goodbye(max(wait, lastWord))
	stream.closing = true
	if wait == 0 && stream.ended == nil {
		stream.ended = errDone
	}
	_ = l.conn.Close(websocket.StatusCode(code), "")
}
