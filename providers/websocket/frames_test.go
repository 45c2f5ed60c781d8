package websocket

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"
)

// A verdict is what is wrong with a stream of frames, and where: the offending frame
// begins at from, and is seen to be wrong at the byte before at.
type verdict struct {
	code     Code
	from, at int
	inside   bool // nothing wrong, but it must not end here
	closed   bool // a close frame begins at from
}

// judge is the guard written again, the simple way: over the whole stream at once.
func judge(b []byte, limit int64) verdict {
	open, size := false, int64(0)
	for i := 0; i < len(b); {
		bad := func(code Code, n int) verdict { return verdict{code: code, from: i, at: i + n} }
		op, final := b[i]&15, b[i]>>7 == 1
		isControl := op == 8 || op == 9 || op == 10
		if b[i]&0x70 != 0 || op > 2 && !isControl || isControl && !final ||
			op == 0 && !open || (op == 1 || op == 2) && open {
			return bad(ProtocolViolation, 1)
		}
		within := verdict{inside: true, closed: op == 8, from: i}
		if len(b) < i+2 {
			return within
		}
		short := int64(b[i+1] & 0x7F)
		if b[i+1]>>7 == 1 || isControl && short > 125 {
			return bad(ProtocolViolation, 2)
		}
		head, n := 2, short
		switch short {
		case 126:
			if head = 4; len(b) < i+head {
				return within
			}
			if n = int64(binary.BigEndian.Uint16(b[i+2:])); n < 126 {
				return bad(ProtocolViolation, head)
			}
		case 127:
			if head = 10; len(b) < i+head {
				return within
			}
			if n = int64(binary.BigEndian.Uint64(b[i+2:])); n < 65536 {
				return bad(ProtocolViolation, head)
			}
		}
		if !isControl && (n > limit || size+n > limit) {
			return bad(MessageTooBig, head)
		}
		if int64(len(b)-i-head) < n {
			return within
		}
		payload := b[i+head : i+head+int(n)]
		switch {
		case op == 8 && len(payload) == 1,
			op == 8 && len(payload) > 1 && !slices.Contains(wireCodes, int(payload[0])<<8|int(payload[1])):
			return bad(ProtocolViolation, head+int(n))
		case op == 8:
			return verdict{closed: true, from: i}
		case !isControl:
			if open, size = !final, size+n; final {
				size = 0
			}
		}
		i += head + int(n)
	}
	return verdict{inside: open}
}

// wireCodes are the codes that RFC 6455 §7.4 lets a close frame have.
var wireCodes = func() (all []int) {
	for code := 1000; code < 5000; code++ {
		if code < 1004 || code >= 1007 && code <= 1014 || code >= 3000 {
			all = append(all, code)
		}
	}
	return all
}()

// follow gives a stream to a guard in pieces of the sizes that pieces has, again and
// again, and says how much of it the guard let pass.
func follow(g *guard, b []byte, pieces []byte) (passed int, bad *Error) {
	for i := 0; len(b) > 0; i++ {
		n := len(b)
		if len(pieces) > 0 {
			n = min(n, int(pieces[i%len(pieces)])+1)
		}
		good, bad := g.scan(b[:n])
		passed += good
		if bad != nil || g.closed != nil {
			return passed, bad
		}
		b = b[n:]
	}
	return passed, nil
}

func agree(t interface{ Fatalf(string, ...any) }, b, pieces []byte, limit int64) {
	still := func() time.Time { return time.Unix(0, 0) }
	g := &guard{limit: limit, anyUTF8: true, now: still, ends: &ends{}}
	passed, bad := follow(g, b, pieces)
	slow := &guard{limit: limit, anyUTF8: true, now: still, ends: &ends{}}
	follow(slow, b, []byte{0})
	if slow.arrived != g.arrived || !slices.Equal(slow.ends.sizes, g.ends.sizes) {
		t.Fatalf("%x in pieces of %v: %+v arrived, of %v; byte by byte %+v, of %v", b, pieces, g.arrived, g.ends.sizes, slow.arrived, slow.ends.sizes)
	}
	v := judge(b, limit)
	switch {
	case g.controls > controlLimit: // counted by the guard only
	case v.code != "":
		if bad == nil || bad.Code != v.code || passed < v.from || passed >= v.at {
			t.Fatalf("%x in pieces of %v: %v after %d bytes; want %s between %d and %d", b, pieces, bad, passed, v.code, v.from, v.at)
		}
	case bad != nil:
		t.Fatalf("%x in pieces of %v: %v; want nothing", b, pieces, bad)
	case v.closed:
		if passed != v.from || g.closed == nil != v.inside {
			t.Fatalf("%x: %d bytes passed; want %d, up to the close frame", b, passed, v.from)
		}
	case passed != len(b) || g.inside() != v.inside:
		t.Fatalf("%x in pieces of %v: %d of %d bytes passed, inside %v; want %v", b, pieces, passed, len(b), g.inside(), v.inside)
	}
}

func TestGuard(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var b []byte
		for range rapid.IntRange(0, 6).Draw(t, "frames") {
			first := rapid.OneOf(rapid.SampledFrom([]byte{0x81, 0x01, 0x80, 0x00, 0x82, 0x88, 0x89, 0x8A}), rapid.Byte()).Draw(t, "first")
			data := rapid.SliceOfN(rapid.Byte(), 0, 200).Draw(t, "data")
			if first == 0x88 && rapid.Bool().Draw(t, "a close code") && len(data) > 1 {
				binary.BigEndian.PutUint16(data, uint16(rapid.IntRange(990, 5010).Draw(t, "code")))
			}
			f := frame(first, string(data))
			if rapid.IntRange(0, 9).Draw(t, "spoil") == 0 {
				f[1] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
			}
			b = append(b, f...)
		}
		b = b[:rapid.IntRange(0, len(b)).Draw(t, "cut")]
		agree(t, b, rapid.SliceOfN(rapid.ByteRange(0, 20), 0, 4).Draw(t, "pieces"), 300)
	})
}

func FuzzGuard(f *testing.F) {
	f.Add(append(text("hi"), closeFrame(1000, "bye")...), []byte{0})
	f.Add(append(frame(opText, "he"), frame(fin|opPing, "p")...), []byte{1, 2})
	f.Add([]byte("\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x00"), []byte{3})
	f.Add([]byte("\x81\x81\x01\x02\x03\x04x"), []byte{})
	f.Fuzz(func(t *testing.T, b, pieces []byte) { agree(t, b, pieces, 70000) })
}

// Text is found to be none at the first character that is wrong, however it comes in
// pieces, unless it comes in one: then whoever reads it finds out.
func TestGuardReadsText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		letters := rapid.SampledFrom([]string{"a", "é", "€", "𝄞", "\x80", "\xc3", "\xe2\x82", "\xf4\x90", "\xed\xa0\x80", "\xff"})
		all := strings.Join(rapid.SliceOfN(letters, 0, 12).Draw(t, "text"), "")
		cut := rapid.IntRange(0, len(all)).Draw(t, "cut")
		stream := append(frame(opText, all[:cut]), frame(fin|opPing, "\xff")...)
		stream = append(stream, frame(fin|opContinuation, all[cut:])...)
		g := &guard{limit: 1000, now: time.Now}
		passed, bad := follow(g, stream, rapid.SliceOfN(rapid.ByteRange(0, 5), 1, 4).Draw(t, "pieces"))
		if cut == 0 && g.arrived.Messages == 1 {
			return // it may have come in one piece
		}
		if valid := utf8.ValidString(all); valid != (bad == nil) || bad != nil && bad.Code != InvalidUTF8 || valid && passed != len(stream) {
			t.Fatalf("%q: %v after %d of %d bytes", all, bad, passed, len(stream))
		}
	})
}

// Control frames are counted within a window of time, so that a chatty server on a
// long connection is no flood.
func TestGuardCountsControlFrames(t *testing.T) {
	now := time.Unix(100, 0)
	g := &guard{limit: 10, now: func() time.Time { return now }}
	ping := frame(fin|opPing, "")
	for range 5 {
		if _, bad := g.scan(bytes.Repeat(ping, controlLimit)); bad != nil {
			t.Fatal(bad)
		}
		now = now.Add(controlTime + time.Millisecond)
	}
	good, bad := g.scan(bytes.Repeat(ping, controlLimit+1))
	if bad == nil || bad.Code != ProtocolViolation || good != controlLimit*len(ping) {
		t.Errorf("%v after %d bytes", bad, good)
	}
}

func BenchmarkGuard(b *testing.B) {
	stream := bytes.Repeat(text(string(tenMiB[:1000])), 100)
	b.SetBytes(int64(len(stream)))
	b.ReportAllocs()
	g := &guard{limit: 1 << 20, now: time.Now}
	for b.Loop() {
		for p := stream; len(p) > 0; p = p[min(len(p), 4096):] {
			if _, bad := g.scan(p[:min(len(p), 4096)]); bad != nil {
				b.Fatal(bad)
			}
		}
	}
}
