package websocket

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// Wherever frames and segments begin and end, the messages are the same: empty ones,
// fragments of which the last is empty, pings between them, long ones beside short ones.
func TestMessagesHoweverCut(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		var sent []string
		var wire []byte
		for n := range rapid.IntRange(1, 60).Draw(r, "messages") {
			size := rapid.SampledFrom([]int{0, 1, 5, 100, 125, 126, 700, 5000, 70_000}).Draw(r, "size")
			message := strings.Repeat(fmt.Sprint(n%10), size)
			sent = append(sent, message)
			wire = append(wire, fragments(r, message)...)
		}
		wire = append(wire, closeFrame(1000, "")...)
		split := rapid.SampledFrom([]int{1 << 20, 4096, 1000, 7}).Draw(r, "segment")
		got := playMessages(t, wire, split, len(sent))
		if !slices.Equal(got, sent) {
			r.Fatalf("got %.200q, want %.200q", got, sent)
		}
	})
}

// fragments are the frames of a message, with pings between them.
func fragments(r *rapid.T, message string) (wire []byte) {
	op := byte(opText)
	for range rapid.IntRange(0, 3).Draw(r, "fragments") {
		n := rapid.IntRange(0, len(message)).Draw(r, "length")
		wire = append(wire, frame(op, message[:n])...)
		wire = append(wire, frame(fin|opPing, "ping")...)
		message, op = message[n:], opContinuation
	}
	return append(wire, frame(fin|op, message)...)
}

// playMessages is what a subscription has from a server that sends this, in segments of
// so many bytes.
func playMessages(t *testing.T, wire []byte, split, n int) (got []string) {
	l := listen(t, "url: ws://"+serve(t, func(p *peer) {
		p.upgrade()
		for segment := range slices.Chunk(wire, split) {
			p.say(segment)
		}
		p.wait()
	}), nil)
	for range n {
		select {
		case e := <-l.events:
			got = append(got, *e.Data)
		case <-time.After(20 * time.Second):
			return got
		}
	}
	_ = l.stop()
	return got
}

// What is noted of messages is let go of as they are taken, also after a flood of small
// ones; what has to be read to its end never counts as over.
func TestEnds(t *testing.T) {
	e := &ends{}
	want(t, "over before it has come", e.at(0), false)
	for range 1000 {
		e.add(3, true)
	}
	e.add(5, false)
	e.add(keptBuffer+1, true)
	for range 1000 {
		want(t, "in the middle", e.at(2), false)
		want(t, "at the end", e.at(3), true)
		e.take()
	}
	for _, size := range []int{5, keptBuffer + 1} {
		want(t, "of fragments, or long", e.at(size), false)
		e.take()
	}
	want(t, "memory", cap(e.sizes), 0)
	var none *ends
	none.add(3, true)
	none.take()
	want(t, "nobody asked", none.at(3), false)
}
