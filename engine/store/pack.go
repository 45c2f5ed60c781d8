package store

import (
	_ "embed"
	"encoding/binary"
	"errors"
	"math/bits"
	"slices"
	"sync"
)

// Events of runs are alike, and their lines are mostly names. Packed, they are a third of
// that, which is less to write: what was there before is named by where it was, as LZ4
// does it, and before the first line there is a usual one of each kind.
//
// It is our own, since the library for it (klauspost/compress/s2, which packs as well with a
// dictionary) builds tables when the program starts: 0.2 ms of each "tocsin run", and 0.4 MiB.
//
// Packed text is packMark, the length of the text, and pairs: so many bytes as they are,
// then so many from before. Each pair begins with a byte that has both numbers, a half
// each; where a half is full, the rest of the number comes behind it.
const (
	packMark  = 1 // no line of JSON begins with it
	shortest  = 4 // that is named by where it was
	farthest  = 1<<16 - 1
	half      = 15
	packTable = 12 // bits of what is looked for
)

// usual is what packed text refers to before its own beginning. It is part of the form:
// it never changes.
//
//go:embed usual.jsonl
var usual []byte

// A packer finds what was there before.
type packer struct {
	text []byte // usual, and what is packed
	at   [1 << packTable]uint32
}

// usualPacker has seen what is usual.
var usualPacker = sync.OnceValue(func() *packer {
	p := &packer{text: usual}
	for i := 0; i+8 <= len(usual); i++ {
		p.at[p.slot(i)] = uint32(i)
	}
	return p
})

var packers = sync.Pool{New: func() any { return &packer{text: slices.Clone(usual)} }}

// slot is where the place of what begins at i is noted: six bytes of it.
func (p *packer) slot(i int) uint64 {
	return binary.LittleEndian.Uint64(p.text[i:]) << 16 * 0x9e3779b97f4a7c15 >> (64 - packTable)
}

// pack appends text to into, in a form that mostly is a part of it. What is long, or
// nothing, is as it is.
func pack(into, text []byte) []byte {
	if len(text) == 0 || len(text) > maxChunk {
		return append(into, text...)
	}
	p := packers.Get().(*packer)
	defer packers.Put(p)
	p.at = usualPacker().at
	p.text = append(p.text[:len(usual)], text...)
	into = binary.AppendUvarint(append(into, packMark), uint64(len(text)))
	from := len(usual) // what was packed is before it
	for i := from; i+8 <= len(p.text); {
		slot := p.slot(i)
		there := int(p.at[slot])
		p.at[slot] = uint32(i)
		n := 0
		if i-there <= farthest {
			n = p.common(there, i)
		}
		if n < shortest {
			i += 1 + (i-from)>>5 // what is like nothing is passed faster
			continue
		}
		for i > from && there > 0 && p.text[i-1] == p.text[there-1] {
			i, there, n = i-1, there-1, n+1
		}
		into = appendPair(into, p.text[from:i], n-shortest)
		into = binary.LittleEndian.AppendUint16(into, uint16(i-there))
		i += n
		if from = i; i+8 <= len(p.text) {
			p.at[p.slot(i-2)] = uint32(i - 2)
		}
	}
	return appendPair(into, p.text[from:], 0)
}

// common is how much is the same at both places, the second of which is behind the first.
func (p *packer) common(a, b int) (n int) {
	for ; b+n+8 <= len(p.text); n += 8 {
		if x := binary.LittleEndian.Uint64(p.text[a+n:]) ^ binary.LittleEndian.Uint64(p.text[b+n:]); x != 0 {
			return n + bits.TrailingZeros64(x)/8
		}
	}
	for b+n < len(p.text) && p.text[a+n] == p.text[b+n] {
		n++
	}
	return n
}

// appendPair is the beginning of a pair: its numbers, and the bytes that are as they are.
func appendPair(into, same []byte, before int) []byte {
	into = append(into, byte(min(len(same), half)<<4|min(before, half)))
	into = appendRest(into, len(same))
	into = appendRest(into, before)
	return append(into, same...)
}

func appendRest(into []byte, n int) []byte {
	if n < half {
		return into
	}
	return binary.AppendUvarint(into, uint64(n-half))
}

var errPacked = errors.New("it is not packed text")

// unpack is what pack was given. Text that is not packed is itself.
func unpack(packed []byte) ([]byte, error) {
	if len(packed) == 0 || packed[0] != packMark {
		return packed, nil
	}
	length, n := binary.Uvarint(packed[1:])
	if n <= 0 || length > maxChunk {
		return nil, errPacked
	}
	u := unpacker{packed: packed[1+n:], text: make([]byte, len(usual), len(usual)+int(length))}
	copy(u.text, usual)
	for len(u.text) < cap(u.text) {
		if !u.pair() {
			return nil, errPacked
		}
	}
	return u.text[len(usual):], nil
}

// An unpacker takes pairs off packed until text is as long as it may be.
type unpacker struct{ packed, text []byte }

// pair is false where there is none that fits.
func (u *unpacker) pair() bool {
	if len(u.packed) == 0 {
		return false
	}
	numbers := u.packed[0]
	u.packed = u.packed[1:]
	same, ok := u.number(numbers >> 4)
	before, fits := u.number(numbers & half)
	if !ok || !fits || same > len(u.packed) || same > u.room() {
		return false
	}
	u.text, u.packed = append(u.text, u.packed[:same]...), u.packed[same:]
	if u.room() == 0 {
		return len(u.packed) == 0
	}
	return u.again(before + shortest)
}

// again repeats n bytes, some of which may be among those that it adds.
func (u *unpacker) again(n int) bool {
	if len(u.packed) < 2 || n > u.room() {
		return false
	}
	back := int(binary.LittleEndian.Uint16(u.packed))
	u.packed = u.packed[2:]
	if back == 0 || back > len(u.text) {
		return false
	}
	for n > 0 {
		some := min(n, back) // the rest is again what was added
		u.text = append(u.text, u.text[len(u.text)-back:][:some]...)
		n -= some
	}
	return true
}

// number is half a byte, and what comes behind it.
func (u *unpacker) number(of byte) (n int, ok bool) {
	if of < half {
		return int(of), true
	}
	rest, length := binary.Uvarint(u.packed)
	if length <= 0 || rest > maxChunk {
		return 0, false
	}
	u.packed = u.packed[length:]
	return int(rest) + half, true
}

func (u *unpacker) room() int { return cap(u.text) - len(u.text) }
