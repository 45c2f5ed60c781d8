package websocket

import (
	"fmt"
	"strings"
	"testing"
)

const kib, mib = 1 << 10, 1 << 20

// limitCases are family 9, and 10 with it: sizes up to 16 MiB, at once, in fragments and
// chopped, and a thousand small messages one after the other.
func limitCases() (all []protocolCase) {
	for kind, op := range []byte{opText, opBinary} {
		add := func(group, i, chop int, data string, frames ...[]byte) {
			id := fmt.Sprintf("9.%d.%d", group+kind, i+1)
			all = append(all, echoes(id, chop, []string{shown(int(op), data)}, frames...))
		}
		for i, size := range []int{64 * kib, 256 * kib, mib, 4 * mib, 8 * mib, 16 * mib} {
			data := letters(size)
			add(1, i, 0, data, frame(fin|op, data))
		}
		data := letters(4 * mib)
		for i := range 9 {
			add(3, i, 0, data, split(op, data, 64<<(2*i))...)
		}
		data = letters(mib)
		for i := range 6 {
			add(5, i, 64<<i, data, frame(fin|op, data))
		}
		for i, size := range []int{0, 16, 64, 256, kib, 4 * kib} {
			id := fmt.Sprintf("9.%d.%d", 7+kind, i+1)
			all = append(all, protocolCase{id: id, run: func(t *testing.T) { toAndFro(t, op, size) }})
		}
	}
	data := letters(65536)
	return append(all, echoes("10.1.1", 0, echoed(data), split(opText, data, 1300)...))
}

// letters is that much text; of the large ones a small part where the cases are not run
// in full.
func letters(size int) string {
	const line = "BAsd7&jh23"
	size = scaled(size, 1)
	return strings.Repeat(line, size/len(line)+1)[:size]
}

// split makes fragments of that size of a message.
func split(first byte, data string, size int) (frames [][]byte) {
	for len(data) > size {
		frames = append(frames, frame(first, data[:size]))
		first, data = opContinuation, data[size:]
	}
	return append(frames, frame(fin|first, data))
}

// toAndFro sends the next message when the last one is back.
func toAndFro(t *testing.T, op byte, size int) {
	data, n := strings.Repeat("*", size), scaled(1000, size)
	back := make(chan int, 1)
	r, _ := echoing(t, "url: ws://"+serve(t, func(p *peer) {
		p.upgrade()
		i := 0
		for ; i < n; i++ {
			p.say(frame(fin|op, data))
			if got, answer := p.frame(); got != int(op) || string(answer) != data {
				break
			}
		}
		back <- i
		p.say(closeFrame(1000, ""))
		p.wait()
	}), nil)
	want(t, "outcome", outcome(r), "ok")
	want(t, "messages that came back", <-back, n)
}
