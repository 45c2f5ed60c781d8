package websocket

import (
	"encoding/binary"
	"net"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/coder/websocket"

	"tocsin/providers"
)

// see shows a frame to the talker, one at a time, without what was made for the
// connection. What else is secret is hidden by whoever shows it.
func (s *conversation) see(f providers.Frame) {
	s.seeing.Lock()
	defer s.seeing.Unlock()
	if f.At.IsZero() {
		f.At = s.transport.now()
	}
	if mask := s.transport.mask; mask != nil {
		f.Data = []byte(mask.Mask(string(f.Data)))
	}
	if f.Reason != "" {
		f.Reason = s.transport.veil().text(f.Reason)
	}
	if f.Round > 0 {
		s.transport.timings.Ping = new(milliseconds(f.Round))
	}
	s.talk.See(f)
}

// sending shows a message that is about to be sent.
func (s *conversation) sending(p payload) {
	s.see(providers.Frame{Sent: true, Kind: typeName(p.typ), Data: p.data, Size: len(p.data)})
}

// arrived shows a message of the script's, which judges it itself.
func (s *conversation) arrived(m heard) { s.show(m, nil) }

func (s *conversation) show(m heard, parsed []any) {
	s.touch()
	s.see(providers.Frame{Kind: typeName(m.typ), Data: m.data, Size: len(m.data), Parsed: hidden(s.transport.mask, parsed)})
	s.tap.delivered()
}

// hear shows a message and judges it. It is called by the one who reads.
func (s *conversation) hear(m heard) {
	select {
	case <-s.over: // nobody minds what comes behind the end
		s.show(m, nil)
		return
	default:
	}
	t := s.transport
	if m.typ == websocket.MessageText && !s.set.anyUTF8 && !utf8.Valid(m.data) {
		s.verdict(fault(InvalidUTF8, nil, "the server sent a text message that is not UTF-8"))
		return
	}
	if t.timings.FirstMessage == nil {
		t.timings.FirstMessage = new(milliseconds(m.at.Sub(t.responded)))
	}
	var parsed []any
	var unread error
	if s.set.reader != nil {
		parsed, unread = s.set.reader.Read(m.data, t.now())
	}
	s.show(m, parsed)
	s.judging.Lock()
	defer s.judging.Unlock()
	s.received.Messages++
	s.received.Bytes += int64(len(m.data))
	if unread != nil {
		s.refuse("a message cannot be read as data: " + unread.Error())
	}
	s.judge(m)
}

// judge says whether a message ends the session.
func (s *conversation) judge(m heard) {
	if len(s.messages) < s.set.maxMessages {
		kept := message(m.typ, m.data, m.at.Sub(s.begun), max(0, s.set.maxResult-s.used))
		kept.hide(s.transport.mask)
		s.messages, s.used = append(s.messages, kept), s.used+len(kept.Data)
	}
	a := &arrival{
		typ: m.typ, data: m.data, index: s.received.Messages - 1, at: m.at.Sub(s.begun),
		messages: s.messages, response: s.transport.response,
	}
	if s.set.failIf != nil {
		wrong, err := s.set.failIf(a)
		if s.unjudged = err; wrong {
			s.verdict(fault(AssertionFailed, nil, "fail_if holds about the message %s", s.transport.begins(m.data)))
			return
		}
	}
	switch {
	case s.set.wait != nil:
		held, err := s.set.wait(a)
		if s.unjudged = err; held {
			s.verdict(nil)
		} else if s.most > 0 && s.received.Messages >= s.most {
			s.verdict(s.tooMany())
		}
	case s.needs == "as many messages as are waited for" && s.received.Messages >= s.set.minMessages:
		s.verdict(nil)
	}
}

// control shows a control frame that went over the wire.
func (s *conversation) control(f providers.Frame) {
	if f.Kind == "close" && !f.Sent {
		f.Reason = strings.ToValidUTF8(f.Reason, "\uFFFD")
	}
	s.see(f)
}

// A tap is put between the stream and the connection and reads along in both directions.
// The library tells of messages only; a tap tells of what else there is. Its nil does
// nothing.
type tap struct {
	net.Conn
	control func(providers.Frame)
	in, out frames

	mu      sync.Mutex
	pings   map[string]time.Time // ours, that wait for their answer
	seen    int                  // messages that have come over the wire
	told    int                  // messages that were handed on
	waiting []waitingFrame       // came behind messages that are still to be handed on
}

// A waitingFrame is told of behind the message of that number.
type waitingFrame struct {
	behind int
	frame  providers.Frame
}

// manyPings is how many pings of ours are waited for at once.
const manyPings = 1000

// newTap taps the stream, which nobody may be using, and reads what has come already.
func newTap(s *stream, control func(providers.Frame)) *tap {
	t := &tap{Conn: s.conn, control: control, pings: map[string]time.Time{}}
	t.in.frame = t.received
	t.out.frame = t.sent
	if s.in != nil {
		come, _ := s.in.Peek(s.in.Buffered()) // no more than there is
		t.in.scan(come)
	}
	s.conn = t
	return t
}

// Read reads along.
func (t *tap) Read(p []byte) (int, error) {
	n, err := t.Conn.Read(p)
	t.in.scan(p[:n])
	return n, err
}

// Write tells before it writes: the answer may be there before Write is back.
func (t *tap) Write(p []byte) (int, error) {
	t.out.scan(p)
	return t.Conn.Write(p)
}

func (t *tap) received(op byte, final bool, payload []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if op < opClose {
		if final {
			t.seen++
		}
		return
	}
	f := controlFrame(op, payload)
	if sent, ours := t.pings[string(payload)]; op == opPong && ours {
		f.Round = time.Since(sent)
		delete(t.pings, string(payload))
	}
	if t.told < t.seen {
		t.waiting = append(t.waiting, waitingFrame{t.seen, f})
		return
	}
	t.control(f)
}

func (t *tap) sent(op byte, _ bool, payload []byte) {
	if op < opClose {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if op == opPing && len(t.pings) < manyPings {
		t.pings[string(payload)] = time.Now()
	}
	f := controlFrame(op, payload)
	f.Sent = true
	t.control(f)
}

// delivered notes that a message was handed on, and tells of what came behind it.
func (t *tap) delivered() {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.told++
	t.tell(t.told)
}

// flush tells of what is left.
func (t *tap) flush() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.tell(t.seen)
}

func (t *tap) tell(upTo int) {
	for len(t.waiting) > 0 && t.waiting[0].behind <= upTo {
		t.control(t.waiting[0].frame)
		t.waiting = t.waiting[1:]
	}
}

// controlFrame is a control frame for the talker.
func controlFrame(op byte, payload []byte) providers.Frame {
	f := providers.Frame{At: time.Now(), Size: len(payload)}
	switch op {
	case opPing:
		f.Kind, f.Data = "ping", payload
	case opPong:
		f.Kind, f.Data = "pong", payload
	default:
		f.Kind, f.Code = "close", 1005
		if len(payload) >= 2 {
			f.Code, f.Reason = int(binary.BigEndian.Uint16(payload)), string(payload[2:])
		}
	}
	return f
}

// frames reads the frames of one direction as far as they go: whether they may be like
// that is for others to say. Of data frames it tells that they ended, of control frames
// the payload too.
type frames struct {
	frame func(op byte, final bool, payload []byte)

	header  []byte
	left    uint64
	op      byte
	final   bool
	mask    [4]byte
	masked  bool
	payload []byte
	lost    bool // what comes are no frames
}

func (f *frames) scan(p []byte) {
	for len(p) > 0 && !f.lost {
		if f.left > 0 {
			n := min(f.left, uint64(len(p)))
			f.body(p[:n])
			p = p[n:]
			continue
		}
		f.header = append(f.header, p[0])
		p = p[1:]
		f.head()
	}
}

// head looks whether the header is whole.
func (f *frames) head() {
	h := f.header
	if len(h) < 2 {
		return
	}
	long := map[byte]int{126: 2, 127: 8}[h[1]&0x7F]
	f.masked = h[1]&0x80 != 0
	need := 2 + long
	if f.masked {
		need += 4
	}
	if len(h) < need {
		return
	}
	f.op, f.final = h[0]&0x0F, h[0]&0x80 != 0
	switch long {
	case 0:
		f.left = uint64(h[1] & 0x7F)
	case 2:
		f.left = uint64(binary.BigEndian.Uint16(h[2:]))
	default:
		f.left = binary.BigEndian.Uint64(h[2:])
	}
	if f.masked {
		f.mask = [4]byte(h[need-4:])
	}
	f.header, f.payload = h[:0], nil
	if f.op >= opClose && f.left > maxControl {
		f.lost = true
		return
	}
	if f.left == 0 {
		f.frame(f.op, f.final, nil)
	}
}

func (f *frames) body(p []byte) {
	if f.op >= opClose {
		for _, b := range p {
			if f.masked {
				b ^= f.mask[len(f.payload)%4]
			}
			f.payload = append(f.payload, b)
		}
	}
	if f.left -= uint64(len(p)); f.left == 0 {
		f.frame(f.op, f.final, f.payload)
	}
}
