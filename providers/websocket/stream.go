package websocket

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// A leash bounds whatever blocks on a connection: by a deadline that each phase sets
// anew, and by the caller, who may end everything at any time. It does so with the
// connection's own deadlines, since the library (v1.8.15) answers a context that ends by
// dropping the connection, and then no closing handshake can be had.
type leash struct {
	mu     sync.Mutex
	conn   net.Conn
	cut    bool // the caller has ended everything
	halted bool // nothing more need be written
	last   bool // goodbye is being said, for which the caller cannot call off the time
}

var longAgo = time.Unix(1, 0)

// hold puts conn on the leash. The function it returns takes it off again.
func (l *leash) hold(ctx context.Context, conn net.Conn) (release func() bool) {
	l.mu.Lock()
	l.conn, l.last = conn, false
	l.mu.Unlock()
	return context.AfterFunc(ctx, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.cut = true
		if !l.last {
			conn.SetDeadline(longAgo)
		}
	})
}

// until lets reads and writes block until deadline, unless the caller has ended
// everything.
func (l *leash) until(deadline time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.cut {
		l.conn.SetDeadline(deadline)
	}
}

// readUntil and writeUntil are until for one direction, for when both are in use.
func (l *leash) readUntil(deadline time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.cut {
		l.conn.SetReadDeadline(deadline)
	}
}

func (l *leash) writeUntil(deadline time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.cut && !l.halted {
		l.conn.SetWriteDeadline(deadline)
	}
}

// halt ends the writes, those to come too: the other side is not worth it any more. A
// goodbye that is being said already is let through.
func (l *leash) halt() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.halted = true
	if !l.last {
		l.conn.SetWriteDeadline(longAgo)
	}
}

// goodbye allows d for a last word, even where the caller has ended everything.
func (l *leash) goodbye(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last = true
	l.conn.SetDeadline(time.Now().Add(d))
}

// A stream is the connection after the upgrade, as the library sees it: the body of
// the response. Reads go through the guard and never end with io.EOF, which the
// library (v1.8.15) takes for the good end of a message.
type stream struct {
	raw     net.Conn      // TCP
	conn    net.Conn      // TCP, or TLS over it
	in      *bufio.Reader // over conn, with what came right behind the response; nil once that is read
	guard   guard
	ended   error  // why nothing more will be read
	last    []byte // the peer's close frame, as far as it was not read
	closing bool   // we have said goodbye: messages are passed over, up to the peer's close frame
	waiting bool   // nothing is sent any more but pongs and a close frame

	// Of connections that stay open:
	opened    time.Time
	came      atomic.Int64 // bytes read
	heard     atomic.Int64 // when the last of them came, as age says it
	pinged    atomic.Int64 // when the last ping came, as age says it
	clock     func() time.Time
	at        time.Time   // when something last came, by the clock
	waits     func()      // told before reading waits for something to come
	finishing func() bool // a message that has begun is taken to its end, and no other is begun
	patience  func()      // gives the peer some time for that
}

// age is how long the stream has been open.
func (s *stream) age() time.Duration { return time.Since(s.opened) }

// quiet is how long nothing has come.
func (s *stream) quiet() time.Duration { return s.age() - time.Duration(s.heard.Load()) }

// errDone is how a stream ends behind the peer's close frame.
var errDone = errors.New("the peer has closed")

func (s *stream) Read(p []byte) (int, error) {
	for {
		if len(s.last) > 0 {
			n := copy(p, s.last)
			s.last = s.last[n:]
			return n, nil
		}
		if s.ended != nil {
			return 0, s.ended
		}
		if s.guard.closed != nil {
			s.ended = errDone
			if !s.closing {
				s.last = s.guard.closed.answer()
			}
			continue
		}
		if s.in != nil && s.in.Buffered() == 0 {
			s.in = nil // its memory is worth more than what it saves
		}
		if s.finished() {
			return 0, os.ErrDeadlineExceeded
		}
		pings := s.guard.pings
		n, err := s.fetch(p)
		good, bad := s.guard.scan(p[:n])
		if s.guard.pings > pings {
			s.pinged.Store(int64(s.age()))
		}
		if s.closing {
			good = 0
		}
		switch {
		case bad != nil:
			s.ended = bad
		case s.guard.closed != nil: // how the connection ends behind it does not matter
		case err != nil && timedOut(err) && s.hasPatience():
			s.patience()
			s.patience = nil
			if good == 0 {
				continue
			}
		case err != nil && timedOut(err):
			// Not the end of the stream: the deadline may be set anew.
			return good, err
		case err != nil:
			s.ended = s.lost(err)
		}
		if good > 0 {
			return good, nil
		}
	}
}

// fetch reads what there is.
func (s *stream) fetch(p []byte) (n int, err error) {
	if s.waits != nil {
		s.waits()
	}
	if s.in != nil {
		n, err = s.in.Read(p)
	} else {
		n, err = s.conn.Read(p)
	}
	if n > 0 && s.clock != nil {
		s.at = s.clock()
		s.came.Add(int64(n))
		s.heard.Store(int64(s.age()))
	}
	return n, err
}

// finished says that nothing more is to be read from the socket.
func (s *stream) finished() bool {
	return s.finishing != nil && !s.closing && s.in == nil && !s.guard.inside() && s.finishing()
}

// hasPatience says that the peer gets some time to finish a message.
func (s *stream) hasPatience() bool {
	return s.patience != nil && !s.closing && s.guard.inside() && s.finishing()
}

// lost is the error where the connection ended before a close frame. io.EOF is not
// its cause, or the library would find it there.
func (s *stream) lost(cause error) *Error {
	ended := errors.Is(cause, io.EOF) || errors.Is(cause, io.ErrUnexpectedEOF)
	if ended {
		cause = nil
	}
	if s.guard.inside() {
		return fault(TruncatedMessage, cause, "the connection ended in the middle of a message")
	}
	e := fault(ConnectionLost, cause, "the connection ended without a close frame")
	switch {
	case ended:
		return e
	case wasReset(cause):
		return e.detailed("reset")
	}
	return e.detailed("%v", rootCause(cause))
}

// Write writes. A pong that nobody takes any more is no error: what is there to read
// says how the connection ended, and may still be the message that was waited for.
func (s *stream) Write(p []byte) (int, error) {
	n, err := s.conn.Write(p)
	if s.waiting && wasReset(err) {
		return len(p), nil
	}
	return n, err
}

// Close closes the connection. TLS says farewell only after an orderly end: it may
// have to wait five seconds for a peer who does not read.
func (s *stream) Close() error {
	if s.guard.closed != nil {
		return s.conn.Close()
	}
	return s.raw.Close()
}

func wasReset(err error) bool {
	return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}
