package websocket

import (
	"bytes"
	"compress/flate"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
)

// A deflateCase is one of families 12 and 13: messages cut out of some data, sent
// compressed, each when the last one is back.
type deflateCase struct {
	data     func() []byte
	op       byte
	size     int
	fragment int    // octets of a frame; 0: a message is one
	mode     string // compression, in the client's parameters
	answer   string // the server's parameters
	keeps    bool   // the server goes on with its window from message to message
	window   int    // bits of it
}

// deflateCases are 12 by kinds of data, and 13 by what is agreed to. The server of 13.3 to
// 13.6 wants a smaller window of the client, which has to offer that; ours does not, since
// the library cannot do it. There the server takes a smaller window for itself, which it
// may do unasked (RFC 7692 §7.1.2.1), and of the offers of 13.7 the last that fits.
func deflateCases() (all []protocolCase) {
	add := func(group string, c deflateCase) {
		for i, size := range []int{16, 64, 256, kib, 4 * kib, 8 * kib, 16 * kib, 32 * kib, 64 * kib, 128 * kib,
			8 * kib, 16 * kib, 32 * kib, 64 * kib, 128 * kib, 128 * kib, 128 * kib, 128 * kib} {
			c.size = size
			if i >= 10 {
				c.fragment = []int{256, 256, 256, 256, 256, kib, 4 * kib, 32 * kib}[i-10]
			}
			all = append(all, protocolCase{id: fmt.Sprint(group, ".", i+1), run: c.run})
		}
	}
	const takeover, none = "context_takeover", "no_context_takeover"
	const alone = "; server_no_context_takeover; client_no_context_takeover"
	for i, d := range []struct {
		data func() []byte
		op   byte
	}{{prose, opBinary}, {picture, opBinary}, {noise, opBinary}, {objects, opText}, {markup, opText}} {
		add(fmt.Sprint("12.", i+1), deflateCase{data: d.data, op: d.op, mode: takeover, keeps: true, window: 15})
	}
	for i, c := range []deflateCase{
		{mode: takeover, keeps: true, window: 15},
		{mode: none, answer: alone, window: 15},
		{mode: takeover, answer: "; server_max_window_bits=8", window: 8},
		{mode: takeover, answer: "; server_max_window_bits=15", keeps: true, window: 15},
		{mode: none, answer: alone + "; server_max_window_bits=8", window: 8},
		{mode: none, answer: alone + "; server_max_window_bits=15", window: 15},
		{mode: none, answer: alone, window: 15},
	} {
		c.data, c.op = objects, opText
		add(fmt.Sprint("13.", i+1), c)
	}
	return all
}

func (c deflateCase) run(t *testing.T) {
	n := scaled(1000, c.size)
	back := make(chan string, 1)
	r, _ := echoing(t, "compression: "+c.mode+"\nurl: ws://"+serve(t, func(p *peer) {
		p.upgrade(deflate + c.answer)
		back <- c.exchange(p, n)
		p.say(closeFrame(1000, ""))
		p.wait()
	}), nil)
	want(t, "outcome", outcome(r), "ok")
	want(t, "compression", r.Compression, true)
	want(t, "what came back", <-back, fmt.Sprint(n, " messages"))
}

// exchange sends so many messages and says what came back.
func (c deflateCase) exchange(p *peer, n int) string {
	data := c.data()
	out, in := newSqueezer(c), newUnpacker(!strings.Contains(c.answer, "client_no"))
	for i, from := 0, 0; i < n; i, from = i+1, (from+c.size)%len(data) {
		message := data[from:min(from+c.size, len(data))]
		fragment := c.fragment
		packed := string(out.pack(from, message))
		if fragment == 0 {
			fragment = len(packed)
		}
		p.say(bytes.Join(split(rsv1|c.op, packed, max(1, fragment)), nil))
		op, answer, err := in.message(p)
		if err != nil || op != int(c.op) || !bytes.Equal(answer, message) {
			return fmt.Sprintf("message %d of %d octets came back with opcode %d and %d octets, %v", i, len(message), op, len(answer), err)
		}
	}
	return fmt.Sprint(n, " messages")
}

// A squeezer compresses the server's messages.
type squeezer struct {
	deflateCase
	out  bytes.Buffer
	w    *flate.Writer
	done map[int][]byte // by where they begin, of those that do not depend on others
}

func newSqueezer(c deflateCase) *squeezer {
	s := &squeezer{deflateCase: c, done: map[int][]byte{}}
	s.w, _ = flate.NewWriter(&s.out, flate.BestSpeed)
	return s
}

// pack compresses a message. With a window smaller than the writer's it begins anew behind
// each window, so that it never points farther back.
func (s *squeezer) pack(from int, message []byte) []byte {
	if packed, ok := s.done[from]; ok {
		return packed
	}
	s.out.Reset()
	piece := len(message)
	if s.window < 15 {
		piece = 1 << s.window
	}
	for len(message) > 0 {
		n := min(piece, len(message))
		if !s.keeps {
			s.w.Reset(&s.out)
		}
		_, _ = s.w.Write(message[:n])
		_ = s.w.Flush()
		message = message[n:]
	}
	packed := bytes.TrimSuffix(s.out.Bytes(), []byte("\x00\x00\xff\xff"))
	if !s.keeps {
		packed = bytes.Clone(packed)
		s.done[from] = packed
	}
	return packed
}

// An unpacker reads the client's messages.
type unpacker struct {
	r      io.ReadCloser
	window []byte // what the client's writer goes on from
	keeps  bool
}

func newUnpacker(keeps bool) *unpacker { return &unpacker{r: flate.NewReader(nil), keeps: keeps} }

func (u *unpacker) message(p *peer) (op int, data []byte, err error) {
	first, data := p.read()
	op = first & 0x0F
	for last := first; last >= 0 && last&fin == 0; {
		var more []byte
		if last, more = p.read(); last >= 0 {
			data = append(data, more...)
		}
	}
	if first < 0 || first&rsv1 == 0 {
		return op, data, nil
	}
	if err := u.r.(flate.Resetter).Reset(io.MultiReader(bytes.NewReader(data), strings.NewReader("\x00\x00\xff\xff\x01\x00\x00\xff\xff")), u.window); err != nil {
		return op, nil, err
	}
	if data, err = io.ReadAll(u.r); err == nil && u.keeps {
		u.window = append(u.window, data...)
		u.window = u.window[max(0, len(u.window)-32*kib):]
	}
	return op, data, err
}

// The kinds of data: prose, a picture, what is compressed already, objects and markup.
var (
	prose = sync.OnceValue(func() []byte {
		words := strings.Fields("ich bin der Geist der stets verneint und das mit Recht denn alles was entsteht ist wert dass es zugrunde geht")
		return generated(func(i int, r *rand.Rand) string {
			return words[r.IntN(len(words))] + [...]string{" ", " ", " ", ",\r\n", ".\r\n"}[i%5]
		})
	})
	picture = sync.OnceValue(func() []byte {
		return generated(func(i int, r *rand.Rand) string { return string([]byte{byte(i/512 + i%512/2 + r.IntN(3))}) })
	})
	noise = sync.OnceValue(func() []byte {
		return generated(func(_ int, r *rand.Rand) string { return string([]byte{byte(r.Uint32())}) })
	})
	objects = sync.OnceValue(func() []byte {
		return generated(func(i int, r *rand.Rand) string {
			return fmt.Sprintf(`{"id":%d,"price":%.2f,"tags":["a","b%d"]},`, i, 100*r.Float64(), r.IntN(9))
		})
	})
	markup = sync.OnceValue(func() []byte {
		return generated(func(i int, r *rand.Rand) string {
			return fmt.Sprintf("<tr class=\"row\"><td>%d</td><td><a href=\"/item/%x\">item</a></td></tr>\n", i, r.Uint32())
		})
	})
)

// generated is 256 KiB of what next says, the same each time.
func generated(next func(i int, r *rand.Rand) string) []byte {
	r := rand.New(rand.NewPCG(1, 2))
	var all []byte
	for i := 0; len(all) < 256*kib; i++ {
		all = append(all, next(i, r)...)
	}
	return all[:256*kib]
}
