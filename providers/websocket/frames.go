package websocket

import (
	"encoding/binary"
	"strings"
	"time"
	"unicode/utf8"
)

// A guard follows the frames that come from the server, without touching them, and
// stops the stream at the first one that breaks RFC 6455 or a limit: the library
// (v1.8.15) takes masked frames, long forms of short lengths and the end of the connection
// in the middle of a message for good ones (spec/websocket.md §12.2; TestTraps fails when
// that is mended).
type guard struct {
	limit   int64 // of a message
	deflate bool  // messages may be compressed (RFC 7692)
	anyUTF8 bool  // text need not be UTF-8
	now     func() time.Time

	header []byte // of the frame being read, as far as it came
	left   int64  // bytes of its payload still to come
	op     byte
	final  bool
	packed bool // RSV1: the message is compressed

	open bool   // a message has begun and not ended
	size int64  // of that message, so far
	text bool   // it is text as it stands, not compressed
	part []byte // of a character of it that has not come as a whole

	payload []byte // of a close frame
	closed  *closing
	pings   int
	pongs   int
	arrived Arrived // messages that were whole, and the bytes of them as they came
	ends    *ends   // notes where they end; nil: nobody asks

	window   time.Time // start of the present window of control frames
	controls int       // control frames in it
}

// A closing is a close frame.
type closing struct {
	code   int // 1005: none given
	reason string
	broken bool // the reason was not UTF-8, which is a mistake of the peer's (RFC 6455 §8.1)
}

// answer is a close frame for the library, which answers with the same code.
func (c *closing) answer() []byte {
	switch {
	case c.broken:
		return []byte{finalBit | opClose, 2, 1007 >> 8, 1007 & 0xFF}
	case c.code == 1005:
		return []byte{finalBit | opClose, 0}
	}
	return append([]byte{finalBit | opClose, byte(2 + len(c.reason)), byte(c.code >> 8), byte(c.code)}, c.reason...)
}

// orderly says that a server that was content closes like this.
func (c *closing) orderly() bool { return c.code == 1000 || c.code == 1001 || c.code == 1005 }

const (
	opContinuation = 0x0
	opText         = 0x1
	opBinary       = 0x2
	opClose        = 0x8
	opPing         = 0x9
	opPong         = 0xA

	finalBit = 0x80

	maxControl   = 125 // bytes of a control frame's payload, RFC 6455 §5.5
	controlLimit = 1000
	controlTime  = 10 * time.Second
)

// scan looks at the next bytes of the stream. It returns how many of them are good:
// all, or those before the offending frame, or those before a close frame, which is only
// understood as a whole; after it nothing counts.
func (g *guard) scan(p []byte) (good int, bad *Error) {
	good = g.plain(p)
	for i := good; i < len(p) && g.closed == nil; {
		if g.left > 0 {
			n := int(min(g.left, int64(len(p)-i)))
			if bad := g.body(p[i : i+n]); bad != nil {
				return good, bad
			}
			i += n
			if g.op != opClose {
				good = i
			}
			continue
		}
		g.header = append(g.header, p[i])
		i++
		whole, bad := g.head()
		if bad != nil {
			return good, bad
		}
		if whole && g.op != opClose {
			good = i
		}
	}
	if !g.closes() {
		good = len(p)
	}
	return good, nil
}

// plain passes over messages at the beginning of p that have nothing to be judged: whole
// and short ones of a frame each, of which feeds mostly consist. It says how many bytes
// they have.
func (g *guard) plain(p []byte) (n int) {
	if g.inside() || g.closed != nil || g.limit < maxControl {
		return 0
	}
	for len(p)-n >= 2 {
		first, size := p[n], int(p[n+1])
		if first != finalBit|opText && first != finalBit|opBinary || size == 0 || size > maxControl || len(p)-n < 2+size {
			break
		}
		n += 2 + size
		g.arrived.Messages++
		g.arrived.Bytes += int64(size)
		g.ends.add(int64(size), true)
	}
	return n
}

// closes says that the stream stands within or behind a close frame.
func (g *guard) closes() bool {
	return g.closed != nil || g.op == opClose && (len(g.header) > 0 || g.left > 0)
}

// body takes part of a payload.
func (g *guard) body(p []byte) *Error {
	if g.op == opClose {
		g.payload = append(g.payload, p...)
	}
	if g.op < opClose && g.text && !g.spelt(p) {
		return illegible()
	}
	g.left -= int64(len(p))
	if g.left > 0 {
		return nil
	}
	return g.end()
}

// spelt says whether text may go on with p, so that a message that breaks off being UTF-8
// is not waited for (RFC 6455 §8.1). One that comes in one piece is left to its reader,
// who reads it anyway.
func (g *guard) spelt(p []byte) bool {
	if g.final && int64(len(p)) == g.size {
		return true
	}
	for len(g.part) > 0 && len(p) > 0 {
		g.part, p = append(g.part, p[0]), p[1:]
		if !utf8.FullRune(g.part) {
			continue
		}
		if !utf8.Valid(g.part) {
			return false
		}
		g.part = g.part[:0]
	}
	whole := len(p)
	for n := 1; n < utf8.UTFMax && n <= len(p); n++ {
		if begun := p[len(p)-n:]; utf8.RuneStart(begun[0]) && !utf8.FullRune(begun) {
			whole -= n
			break
		}
	}
	g.part = append(g.part, p[whole:]...)
	return utf8.Valid(p[:whole])
}

// head judges the header as soon as each part of it is there.
func (g *guard) head() (whole bool, bad *Error) {
	switch h := g.header; len(h) {
	case 1:
		return false, g.first(h[0])
	case 2:
		if bad := g.second(h[1]); bad != nil || h[1] > 125 {
			return false, bad
		}
		return true, g.begin(int64(h[1]))
	case 4:
		if h[1] != 126 {
			return false, nil
		}
		n := int64(binary.BigEndian.Uint16(h[2:]))
		if n <= 125 {
			return false, violation("a length of %d in the 16-bit form", n)
		}
		return true, g.begin(n)
	case 10:
		n := binary.BigEndian.Uint64(h[2:])
		if n >= 1<<63 {
			return false, violation("a length beyond 63 bits")
		}
		if n <= 0xFFFF {
			return false, violation("a length of %d in the 64-bit form", n)
		}
		return true, g.begin(int64(n))
	}
	return false, nil
}

// first judges the byte with the flags and the opcode.
func (g *guard) first(b byte) *Error {
	g.final, g.packed, g.op = b&finalBit != 0, b&0x40 != 0, b&0x0F
	switch {
	case b&0x70 != 0 && !(g.deflate && b&0x70 == 0x40 && (g.op == opText || g.op == opBinary)):
		return violation("reserved bits set that no extension was agreed for")
	case g.op >= opClose && g.op <= opPong:
		if !g.final {
			return violation("a control frame in fragments")
		}
		return g.control()
	case g.op > opBinary:
		return violation("the reserved opcode %d", g.op)
	case g.op == opContinuation && !g.open:
		return violation("a continuation of no message")
	case g.op != opContinuation && g.open:
		return violation("a new message inside another")
	}
	return nil
}

// second judges the byte with the mask bit and the short length.
func (g *guard) second(b byte) *Error {
	if b&0x80 != 0 {
		return violation("a masked frame")
	}
	if g.op >= opClose && b > maxControl {
		return violation("a control frame longer than %d bytes", maxControl)
	}
	return nil
}

// control counts control frames: a flood of them would keep us busy for ever.
func (g *guard) control() *Error {
	now := g.now()
	if now.Sub(g.window) > controlTime {
		g.window, g.controls = now, 0
	}
	if g.controls++; g.controls > controlLimit {
		return violation("more than %d control frames in %v", controlLimit, controlTime)
	}
	switch g.op {
	case opPing:
		g.pings++
	case opPong:
		g.pongs++
	}
	return nil
}

// begin starts the payload of n bytes.
func (g *guard) begin(n int64) *Error {
	g.header, g.left = g.header[:0], n
	if g.op < opClose {
		// Not size+n, which may be more than an int64 can say.
		if n > g.limit-g.size {
			return fault(MessageTooBig, nil, "the server sent a message larger than %d bytes", g.limit)
		}
		if !g.open {
			g.text = g.op == opText && !g.packed && !g.anyUTF8
		}
		g.open = true
		g.size += n
	}
	if n == 0 {
		return g.end()
	}
	return nil
}

// end finishes a frame.
func (g *guard) end() *Error {
	switch {
	case g.op == opClose:
		return g.close()
	case g.op < opClose && g.final && len(g.part) > 0:
		return illegible()
	case g.op < opClose && g.final:
		g.arrived.Messages++
		g.arrived.Bytes += g.size
		g.ends.add(g.size, g.op != opContinuation)
		g.open, g.size = false, 0
	}
	return nil
}

// close reads the payload of a close frame (RFC 6455 §7.4). A reason that is not
// UTF-8 is the peer's mistake, but no cause to forget the code.
func (g *guard) close() *Error {
	p := g.payload
	if len(p) == 0 {
		g.closed = &closing{code: 1005}
		return nil
	}
	if len(p) == 1 {
		return violation("a close frame with half a code")
	}
	code := int(binary.BigEndian.Uint16(p))
	if !onWire(code) {
		return violation("a close frame with the code %d", code)
	}
	g.closed = &closing{code: code, reason: strings.ToValidUTF8(string(p[2:]), "\uFFFD"), broken: !utf8.Valid(p[2:])}
	return nil
}

// onWire says whether a close frame may carry code.
func onWire(code int) bool {
	switch code {
	case 1004, 1005, 1006:
		return false
	}
	return code >= 1000 && code <= 1014 || code >= 3000 && code <= 4999
}

// inside says that the stream stands within a frame or between the fragments of a
// message, so that it must not end here.
func (g *guard) inside() bool { return len(g.header) > 0 || g.left > 0 || g.open }

// illegible is text that is no text (RFC 6455 §8.1).
func illegible() *Error {
	return fault(InvalidUTF8, nil, "the server sent a text message that is not UTF-8")
}

// violation is what a peer did that RFC 6455 forbids.
func violation(format string, args ...any) *Error {
	return fault(ProtocolViolation, nil, "the server broke the WebSocket protocol: it sent "+format, args...)
}
