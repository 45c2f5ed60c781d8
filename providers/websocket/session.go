package websocket

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/coder/websocket"

	"tocsin/providers"
	"tocsin/templating/value"
)

// A conversation is a connection that somebody talks over. The query in it is what came of it;
// its limits are about the opening: how long is talked is the talker's matter.
type conversation struct {
	query
	talk  providers.Talk
	line  *line
	tap   *tap
	needs string // what has to come before the session may end in peace; "": nothing
	code  int    // to close with

	most     int     // messages that may come without the one that is waited for; 0: any number
	scripted Arrived // came in the script

	judging sync.Mutex // of what has come, between who reads and who waits
	seeing  sync.Mutex
	active  atomic.Int64  // when something last went over the connection, as UnixNano
	over    chan struct{} // closed when there is a verdict
	once    sync.Once
	err     *Error // the verdict, to be read then
	tasks   sync.WaitGroup
}

// Converse opens a connection and talks over it, as long as the talk and the parameters
// say: until somebody closes it, or the message has come that is waited for, or
// min_messages have, if that is given. What went wrong is in the result; the error is for
// mistakes in the parameters.
func (c *client) Converse(ctx context.Context, p Params, talk providers.Talk) (Result, error) {
	p = p.over(c.defaults)
	if p.samples() {
		return Result{}, invalid("mode: sample is for steps and triggers; a session stays open by itself")
	}
	set, err := p.settings()
	if err != nil {
		return Result{}, err
	}
	begun := time.Now()
	for tried := 1; ; tried++ {
		s := &conversation{
			query: query{set: set, begun: begun, tried: tried, transport: c.transport(set)},
			talk:  talk, needs: needed(p, set), most: or(p.MaxMessages, 0), code: 1000, over: make(chan struct{}),
		}
		result, failed := s.run(ctx)
		if s.conn != nil || !set.again(ctx, failed, tried, begun.Add(set.timeout)) {
			return result, nil
		}
	}
}

// needed says what has to come before a session may end.
func needed(p Params, set *settings) string {
	switch {
	case set.wait != nil:
		return "the message that is waited for"
	case p.MinMessages != nil:
		return "as many messages as are waited for"
	case or(p.Receive, "") == "required":
		return "a message"
	}
	return ""
}

// run opens, talks and closes.
func (s *conversation) run(ctx context.Context) (Result, *Error) {
	t := s.transport
	t.started = time.Now()
	t.deadline = s.begun.Add(s.set.timeout)
	var failed *Error
	if s.conn, failed = t.open(ctx); failed == nil {
		failed = s.opened(ctx)
	}
	t.timings.Total = milliseconds(time.Since(s.begun))
	if s.conn != nil {
		failed = s.end(ctx, failed)
	}
	if failed != nil && s.expected(failed) {
		failed = nil
	}
	r := s.told(failed)
	if s.line != nil {
		r.Received = s.line.counted()
		r.Received.Messages += s.scripted.Messages
		r.Received.Bytes += s.scripted.Bytes
	}
	return r, failed
}

// opened talks over a connection that is open.
func (s *conversation) opened(ctx context.Context) *Error {
	t := s.transport
	if !slices.Contains(s.set.expectStatus, http.StatusSwitchingProtocols) {
		e := fault(HandshakeStatus, nil, "the server upgraded, which it was expected not to")
		e.Status = http.StatusSwitchingProtocols
		return e.detailed("upgraded")
	}
	t.timings.Total = milliseconds(time.Since(s.begun))
	facts, _ := value.Of(s.told(nil)).(*value.Map)
	s.see(providers.Frame{Kind: "open", Facts: facts})
	s.tap = newTap(t.stream, s.control)
	s.said, s.each = s.sending, s.arrived
	if failed := s.play(ctx); failed != nil {
		return failed
	}
	s.scripted = s.received
	s.each = nil      // from now on it is the line that reads
	if !t.release() { // from now on the end is ours to see: there is a goodbye to be said
		return cancelled(ctx, "receive")
	}
	t.leash.until(time.Time{})
	s.line = newLineTo(t, s.conn, s.hear)
	if failed := s.tell(ctx, s.set.payloads); failed != nil {
		return failed
	}
	return s.converse(ctx)
}

// play says what is to be said on opening, and does the script.
func (s *conversation) play(ctx context.Context) *Error {
	if failed := s.greet(ctx); failed != nil {
		return failed
	}
	return s.perform(ctx, s.set.script)
}

// converse does what the talker says until the session is over.
func (s *conversation) converse(ctx context.Context) *Error {
	s.touch()
	say := s.talk.Say
	quiet := newAlarm()
	defer quiet.stop()
	limit := newAlarm()
	defer limit.stop()
	if s.set.receiveTimeout > 0 && s.set.receiveTimeout != longest && s.set.receiveTimeout != silence {
		limit.in(s.set.receiveTimeout)
	}
	for {
		select {
		case <-ctx.Done():
			return cancelled(ctx, "receive")
		case <-s.over:
			return s.err
		case <-s.line.ended:
			return s.gone(ctx)
		case <-limit.C:
			return s.unsatisfied()
		case <-quiet.C:
			if left := s.talk.Quiet - s.idle(); left > 0 {
				quiet.in(left)
				continue
			}
			return s.unsatisfied()
		case f, more := <-say:
			if !more {
				if say = nil; s.talk.Quiet >= 0 {
					quiet.in(s.talk.Quiet)
				}
				continue
			}
			if done, failed := s.obey(ctx, f); done || failed != nil {
				return failed
			}
		}
	}
}

// obey does one thing that the talker says; done is true when it was the last.
func (s *conversation) obey(ctx context.Context, f providers.Frame) (done bool, failed *Error) {
	switch {
	case f.Kind == "close":
		return s.closing(f), nil
	case f.Kind == "ping":
		s.tasks.Go(func() { s.ping(ctx) })
		return false, nil
	case f.Kind == "text" && !utf8.Valid(f.Data):
		s.refuse("a text message has to be UTF-8; send it as binary")
		return false, nil
	}
	typ := websocket.MessageText
	if f.Kind == "binary" {
		typ = websocket.MessageBinary
	}
	failed = s.tell(ctx, []payload{{typ, f.Data}})
	return failed != nil, failed
}

// tell sends messages. Whoever ends everything does not wait for a server that takes none.
func (s *conversation) tell(ctx context.Context, messages []payload) *Error {
	defer context.AfterFunc(ctx, s.transport.leash.halt)()
	s.touch()
	if failed := s.writeBy(ctx, messages, time.Now().Add(longest)); failed != nil {
		return s.reason(ctx, failed)
	}
	s.touch()
	return nil
}

// closing takes over the code and reason to close with, if there are such.
func (s *conversation) closing(f providers.Frame) bool {
	switch {
	case f.Code != 0 && !onWire(f.Code):
		s.refuse("there is no such close code: 1000 to 1003, 1007 to 1014 and 3000 to 4999 can be sent")
		return false
	case len(f.Reason) > maxControl-2 || !utf8.ValidString(f.Reason):
		s.refuse("the reason of a close frame is UTF-8 of at most 123 bytes")
		return false
	case f.Code != 0:
		s.code = f.Code
	}
	s.line.why = f.Reason
	return true
}

func (s *conversation) refuse(problem string) {
	if s.talk.Refuse != nil {
		s.talk.Refuse(problem)
	}
}

// ping asks for a sign of life. That there is an answer, and when, is seen where frames
// are: the library may be told first that the connection has ended behind it.
func (s *conversation) ping(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, pongTime)
	defer cancel()
	done := make(chan struct{})
	defer close(done)
	go func() {
		select {
		case <-s.line.ended:
			cancel()
		case <-done:
		}
	}()
	if s.conn.Ping(ctx) != nil && ctx.Err() == context.DeadlineExceeded {
		s.refuse("the ping was not answered within " + pongTime.String())
	}
}

// pongTime is how long a ping is waited for.
const pongTime = 10 * time.Second

// unsatisfied is the end because nothing more comes: fine, unless something had to.
func (s *conversation) unsatisfied() *Error {
	s.judging.Lock()
	defer s.judging.Unlock()
	if s.needs == "" || s.needs == "a message" && s.received.Messages > 0 {
		return nil
	}
	return s.replyTimeout(nil)
}

// gone is the end because the connection has ended.
func (s *conversation) gone(ctx context.Context) *Error {
	select {
	case <-s.over: // what was waited for had come before
		return s.err
	default:
	}
	if ctx.Err() != nil {
		return cancelled(ctx, "receive")
	}
	peer := s.transport.stream.guard.closed
	switch {
	case peer == nil:
		return s.readFault(ctx, s.line.err)
	case s.set.expectClose.has(peer.code) && s.set.wait == nil,
		peer.orderly() && s.needs == "",
		peer.orderly() && s.needs == "a message" && s.received.Messages > 0:
		return nil
	}
	return closedFault(peer)
}

// reason is why a write failed, as far as reading knows it.
func (s *conversation) reason(ctx context.Context, failed *Error) *Error {
	if failed.Code != SendFailed {
		return failed
	}
	moment := time.NewTimer(lastWord)
	defer moment.Stop()
	select {
	case <-s.line.ended:
		if why := s.gone(ctx); why != nil {
			return why
		}
	case <-moment.C:
	}
	return failed
}

// verdict ends the session.
func (s *conversation) verdict(e *Error) {
	s.once.Do(func() {
		s.err = e
		close(s.over)
	})
}

// end closes the connection and says what that has to do with the outcome.
func (s *conversation) end(ctx context.Context, failed *Error) *Error {
	t := s.transport
	why := failed
	if failed != nil && failed.Code == Cancelled {
		why = nil // who interrupts a conversation goes in peace
	}
	if s.line == nil { // it ended before there was anything to talk about
		s.close(why)
		if s.tap != nil {
			s.tap.flush()
		}
		return failed
	}
	if s.set.measurePing && failed == nil {
		s.ping(ctx)
	}
	s.closed = s.line.close(s.line.howToClose(why, s.code, s.set.closeTimeout))
	s.tasks.Wait()
	s.tap.flush()
	if failed != nil {
		return failed
	}
	if peer := t.stream.guard.closed; peer != nil {
		s.closed.Clean = true
	}
	return s.parting()
}

func (s *conversation) touch() { s.active.Store(time.Now().UnixNano()) }

// idle is how long nothing has gone over the connection.
func (s *conversation) idle() time.Duration { return time.Since(time.Unix(0, s.active.Load())) }

// An alarm is a timer that has not been set yet.
type alarm struct{ *time.Timer }

func newAlarm() alarm {
	t := time.NewTimer(longest)
	t.Stop()
	return alarm{t}
}

func (a alarm) in(d time.Duration) { a.Reset(d) }
func (a alarm) stop()              { a.Stop() }
