package websocket

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"reflect"
	"sync"
	"time"

	"github.com/coder/websocket"

	"tocsin/templating/value"
)

// A line is a connection that is sent over. One goroutine reads it from its opening on:
// pings have to be answered, and a server that waits for us to take what it says must
// not have to wait for long.
type line struct {
	t     *transport
	conn  *websocket.Conn
	ended chan struct{} // closed when reading has ended
	err   error         // why; to be read then
	news  chan struct{} // has something in it when there is a message
	pongs int           // answers to our pings that were seen by whoever sent them
	each  func(heard)   // is told of each message; nil: nobody is
	why   string        // the reason to close with

	mu       sync.Mutex
	received Arrived
	most     int // messages that are kept at most; 0: nobody wants them
	bytes    int // that may still be kept
	heard    []heard
	gone     func()        // is told when reading has ended; nil: nobody
	leaving  chan struct{} // closed when the goodbye is over; nil: nobody has begun with it
}

// heard is a message and when it came.
type heard struct {
	typ  websocket.MessageType
	data []byte
	at   time.Time
}

func newLine(t *transport, conn *websocket.Conn) *line { return newLineTo(t, conn, nil) }

func newLineTo(t *transport, conn *websocket.Conn, each func(heard)) *line {
	l := &line{t: t, conn: conn, ended: make(chan struct{}), news: make(chan struct{}, 1), each: each}
	go l.read()
	return l
}

// read reads until the connection ends.
func (l *line) read() {
	for {
		typ, r, err := l.conn.Reader(context.Background())
		var data []byte
		if err == nil {
			data, err = io.ReadAll(r)
		}
		if err != nil {
			l.over(err)
			return
		}
		m := heard{typ, data, time.Now()}
		l.note(m)
		if l.each != nil {
			l.each(m)
		}
	}
}

// over notes that reading has ended. The library may go on with it by itself, for the
// closing handshake; the stream is looked at when it has done, or before it begins.
func (l *line) over(err error) {
	l.mu.Lock()
	for l.leaving != nil && !isClosed(l.leaving) {
		leaving := l.leaving
		l.mu.Unlock()
		<-leaving
		l.mu.Lock()
	}
	if ended := l.t.stream.ended; ended != nil && ended != errDone {
		err = ended
	}
	l.err = err
	l.received.Pings = l.t.stream.guard.pings
	close(l.ended)
	gone := l.gone
	l.mu.Unlock()
	if gone != nil {
		gone()
	}
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// note counts a message, and keeps it if somebody wants it.
func (l *line) note(m heard) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.received.Messages++
	l.received.Bytes += int64(len(m.data))
	if l.leaving == nil {
		l.received.Pings = l.t.stream.guard.pings
	}
	if len(l.heard) >= l.most || len(m.data) > l.bytes {
		return
	}
	l.bytes -= len(m.data)
	l.heard = append(l.heard, m)
	select {
	case l.news <- struct{}{}:
	default:
	}
}

// listen has so many messages of so many bytes kept from now on; none for 0.
func (l *line) listen(most, bytes int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.most, l.bytes, l.heard = most, bytes, nil
}

// take returns the messages that were kept.
func (l *line) take() []heard {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := l.heard
	l.heard = nil
	return all
}

func (l *line) counted() Arrived {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.received
}

// howToClose is the code to close with, and how long to wait for the answer: code and wait
// where failed, which may be nil, asks for no others, and 0 where there is nobody to say it
// to.
func (l *line) howToClose(failed *Error, code int, wait time.Duration) (int, time.Duration) {
	if isClosed(l.ended) {
		if peer := l.t.stream.guard.closed; peer != nil {
			return peer.code, lastWord
		}
		return 0, 0
	}
	if failed == nil {
		return code, wait
	}
	switch failed.Code {
	case SendTimeout, SendFailed:
		return 0, 0 // not in the middle of a message
	}
	if own := codes()[failed.Code].close; own != 0 {
		return own, lastWord
	}
	return code, min(wait, lastWord)
}

// close ends the connection: with a closing handshake, for which it waits at most that
// long, unless code is 0.
func (l *line) close(code int, wait time.Duration) *Close {
	c := &Close{}
	defer l.t.release()
	select {
	case <-l.ended:
		if peer := l.t.stream.guard.closed; peer != nil {
			c.Code, c.Reason, c.By = &peer.code, peer.reason, new("peer")
		}
	default:
		if code != 0 {
			c.Code, c.By = &code, new("us")
		}
	}
	l.goodbye(code, wait)
	<-l.ended
	l.recount()
	if peer := l.t.stream.guard.closed; peer != nil {
		c.Reason, c.Clean = peer.reason, true
	}
	return c
}

// goodbye says goodbye, unless code is 0, and drops the connection.
func (l *line) goodbye(code int, wait time.Duration) {
	leaving := make(chan struct{})
	defer close(leaving)
	l.mu.Lock()
	l.leaving = leaving
	l.mu.Unlock()
	if code != 0 {
		l.t.leash.goodbye(max(wait, lastWord))
		if !onWire(code) {
			code = 1000
		}
		_ = l.conn.Close(websocket.StatusCode(code), l.why) // reading knows better how it ended
	}
	_ = l.conn.CloseNow()
}

// recount adds the messages that the library read for itself while it waited for the
// closing handshake: only the guard has seen them.
func (l *line) recount() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if seen := l.t.stream.guard.arrived; seen.Messages > l.received.Messages {
		l.received.Messages = seen.Messages
		l.received.Bytes = max(l.received.Bytes, seen.Bytes)
	}
}

// lines are the connections that a client keeps open for the next messages, by what
// shapes them. A nil *lines keeps none.
type lines struct {
	mu   sync.Mutex
	all  map[[sha256.Size]byte]*slot
	shut bool
}

// A slot is where a line is kept. Whoever has its turn may use the line: one at a time,
// so that messages are in order.
type slot struct {
	pool *lines
	key  [sha256.Size]byte
	turn chan struct{} // full when it is somebody's
	line *line         // nil: none is open
	idle *time.Timer
	uses int // who have it, or wait for it
}

// slot waits for the turn at the slot of that shape. It is nil where the connection
// is not to be kept.
func (p *lines) slot(ctx context.Context, key [sha256.Size]byte, how *sending, limit time.Duration) (*slot, *Error) {
	if p == nil || !how.keep {
		return nil, nil
	}
	p.mu.Lock()
	s := p.all[key]
	if s == nil {
		s = &slot{pool: p, key: key, turn: make(chan struct{}, 1)}
		if p.all == nil {
			p.all = map[[sha256.Size]byte]*slot{}
		}
		p.all[key] = s
	}
	s.uses++
	p.mu.Unlock()
	late := time.NewTimer(limit)
	defer late.Stop()
	var failed *Error
	select {
	case s.turn <- struct{}{}:
		return s, nil
	case <-late.C:
		failed = fault(SendTimeout, nil, "others were still sending over the connection that is kept open")
	case <-ctx.Done():
		failed = cancelled(ctx, "send")
	}
	p.left(s)
	return nil, failed
}

// left forgets a slot that nobody uses and that has nothing in it.
func (p *lines) left(s *slot) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if s.uses--; s.uses == 0 && s.line == nil {
		delete(p.all, s.key)
	}
}

// giveBack ends a turn. A line in the slot is closed when nobody has used it for so
// long.
func (p *lines) giveBack(s *slot, idle time.Duration) {
	if s == nil {
		return
	}
	p.mu.Lock()
	shut := p.shut
	if s.line != nil && !shut {
		s.idle = time.AfterFunc(idle, func() { s.reap() })
	}
	p.mu.Unlock()
	if shut && s.line != nil {
		s.line.close(1001, lastWord)
		s.line = nil
	}
	<-s.turn
	p.left(s)
}

// reap closes the line of a slot, unless somebody has just taken it.
func (s *slot) reap() {
	select {
	case s.turn <- struct{}{}:
	default:
		return
	}
	s.pool.mu.Lock()
	s.uses++
	l := s.line
	s.line = nil
	s.pool.mu.Unlock()
	if l != nil {
		l.close(1000, lastWord)
	}
	<-s.turn
	s.pool.left(s)
}

// take is the line in the slot, if it is still good, for whoever has the turn.
func (s *slot) take() *line {
	if s == nil || s.line == nil {
		return nil
	}
	l := s.line
	s.line = nil
	if s.idle != nil {
		s.idle.Stop()
	}
	l.mu.Lock()
	l.gone = nil
	l.mu.Unlock()
	select {
	case <-l.ended:
		l.close(0, 0)
		return nil
	default:
		return l
	}
}

// keep puts a line into the slot, unless it has failed.
func (s *slot) keep(l *line, failed *Error) bool {
	if s == nil || failed != nil {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-l.ended:
		return false
	default:
	}
	if !l.t.release() {
		return false // it was called off at the last moment
	}
	l.t.leash.until(time.Time{})
	l.gone = s.reap
	s.line = l
	return true
}

// Close closes the connections that are kept. Those that are in use are closed when
// their use ends.
func (p *lines) Close() {
	if p == nil {
		return
	}
	p.mu.Lock()
	p.shut = true
	var idle []*slot
	for _, s := range p.all {
		if s.line != nil {
			idle = append(idle, s)
		}
		if s.idle != nil {
			s.idle.Stop()
		}
	}
	p.mu.Unlock()
	var all sync.WaitGroup
	for _, s := range idle {
		all.Go(s.reap)
	}
	all.Wait()
}

// shape is what makes two connections the same: everything but what is only about one
// call, and whose they are, if they are anybody's.
func (p Connection) shape(whose ...string) [sha256.Size]byte {
	c := p
	c.Timeout, c.ConnectTimeout, c.HandshakeTimeout, c.WriteTimeout, c.CloseTimeout = nil, nil, nil, nil, nil
	c.MaxResult, c.Rest = nil, nil
	h := sha256.New()
	fingerprint(h, reflect.ValueOf(c))
	fingerprint(h, reflect.ValueOf(whose))
	return [sha256.Size]byte(h.Sum(nil))
}

// fingerprint writes v so that different values are written differently, secrets included.
func fingerprint(w io.Writer, v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			fmt.Fprint(w, "~;")
			return
		}
		if m, ok := v.Interface().(*value.Map); ok {
			fmt.Fprintf(w, "%s;", value.AppendJSON(nil, m))
			return
		}
		fingerprint(w, v.Elem())
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				fingerprint(w, v.Field(i))
			}
		}
	case reflect.Slice:
		fmt.Fprintf(w, "%d[", v.Len())
		for i := range v.Len() {
			fingerprint(w, v.Index(i))
		}
	case reflect.Map:
		fmt.Fprintf(w, "%s;", value.AppendJSON(nil, value.Of(v.Interface())))
	case reflect.String:
		fmt.Fprintf(w, "%q;", v.String()) // also of a Secret
	case reflect.Func:
	default:
		fmt.Fprintf(w, "%v;", v)
	}
}
