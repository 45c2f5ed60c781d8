package websocket

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// What is sent back of a text and of a ping.
func echoed(data string) []string { return []string{shown(opText, data)} }
func ponged(data string) []string { return []string{shown(opPong, data)} }

func ping(data string) []byte { return frame(fin|opPing, data) }

// framingCases are family 1: messages of the sizes where the form of the length changes,
// as text and as binary data.
func framingCases() (all []protocolCase) {
	for kind, op := range []byte{opText, opBinary} {
		letter := []string{"*", "\xfe"}[kind]
		for i, size := range []int{0, 125, 126, 127, 128, 65535, 65536, 65536} {
			chop := 0
			if i == 7 {
				chop = 997
			}
			data := strings.Repeat(letter, size)
			all = append(all, echoes(fmt.Sprintf("1.%d.%d", kind+1, i+1), chop, []string{shown(int(op), data)}, frame(fin|op, data)))
		}
	}
	return all
}

// pingCases are family 2.
func pingCases() []protocolCase {
	const hello, noise = "Hello, world!", "\x00\xff\xfe\xfd\xfc\xfb\x00\xff"
	most := strings.Repeat("\xfe", 125)
	var ten [][]byte
	var pongs []string
	for i := range 10 {
		data := fmt.Sprint("payload-", i)
		ten, pongs = append(ten, ping(data)), append(pongs, shown(opPong, data))
	}
	return []protocolCase{
		echoes("2.1", 0, ponged(""), ping("")),
		echoes("2.2", 0, ponged(hello), ping(hello)),
		echoes("2.3", 0, ponged(noise), ping(noise)),
		echoes("2.4", 0, ponged(most), ping(most)),
		fails("2.5", 1002, 0, nil, ping(most+"\xfe")),
		echoes("2.6", 1, ponged(most), ping(most)),
		echoes("2.7", 0, nil, frame(fin|opPong, "")),
		echoes("2.8", 0, nil, frame(fin|opPong, "unsolicited pong payload")),
		echoes("2.9", 0, ponged("ping payload"), frame(fin|opPong, "unsolicited pong payload"), ping("ping payload")),
		echoes("2.10", 0, pongs, ten...),
		echoes("2.11", 1, pongs, ten...),
	}
}

// reservedCases are family 3: the seven values of the reserved bits.
func reservedCases() []protocolCase {
	const hello = "Hello, world!"
	reserved := func(bits byte, op byte, data string) []byte { return frame(fin|bits<<4|op, data) }
	return []protocolCase{
		fails("3.1", 1002, 0, nil, reserved(1, opText, hello)),
		fails("3.2", 1002, 0, echoed(hello), text(hello), reserved(2, opText, hello), ping("")),
		fails("3.3", 1002, perFrame, echoed(hello), text(hello), reserved(3, opText, hello), ping("")),
		fails("3.4", 1002, 1, echoed(hello), text(hello), reserved(4, opText, hello), ping("")),
		fails("3.5", 1002, 0, nil, reserved(5, opBinary, "\x00\xff\xfe\xfd\xfc\xfb\x00\xff")),
		fails("3.6", 1002, 0, nil, reserved(6, opPing, hello)),
		{id: "3.7", says: [][]byte{reserved(7, opClose, "")}, code: 1002, ends: true},
	}
}

// opcodeCases are family 4: the reserved opcodes, those of data and those of control
// frames, without data and with, alone and between a message and a ping.
func opcodeCases() (all []protocolCase) {
	const hello = "Hello, world!"
	for group, first := range []byte{3, 11} {
		for i := range 5 {
			id, op := fmt.Sprintf("4.%d.%d", group+1, i+1), first+byte(i)
			switch i {
			case 0:
				all = append(all, fails(id, 1002, 0, nil, frame(fin|op, "")))
			case 1:
				all = append(all, fails(id, 1002, 0, nil, frame(fin|op, "reserved opcode payload")))
			case 2:
				all = append(all, fails(id, 1002, 0, echoed(hello), text(hello), frame(fin|op, ""), ping("")))
			default:
				all = append(all, fails(id, 1002, 0, echoed(hello), text(hello), frame(fin|op, hello), ping("")))
			}
		}
	}
	return all
}

// fragmentCases are family 5. Those that are alike differ in how they are chopped.
func fragmentCases() (all []protocolCase) {
	const one, two, hello = "fragment1", "fragment2", "Hello, world!"
	inTwo := [][]byte{frame(opText, one), frame(fin|opContinuation, two)}
	between := [][]byte{inTwo[0], ping("ping payload"), inTwo[1]}
	lonely := func(first byte) [][]byte {
		return [][]byte{frame(first|opContinuation, "non-continuation payload"), text(hello)}
	}
	add := func(number, code, chop int, hears []string, says ...[]byte) {
		all = append(all, fails(fmt.Sprint("5.", number), code, chop, hears, says...))
	}
	add(1, 1002, 0, nil, frame(opPing, one), frame(fin|opContinuation, two))
	add(2, 1002, 0, nil, frame(opPong, one), frame(fin|opContinuation, two))
	for i, chop := range []int{0, perFrame, 1} {
		add(3+i, 1000, chop, echoed(one+two), inTwo...)
		add(6+i, 1000, chop, append(ponged("ping payload"), echoed(one+two)...), between...)
		add(9+i, 1002, chop, nil, lonely(fin)...)
		add(12+i, 1002, chop, nil, lonely(0)...)
	}
	add(15, 1002, 0, echoed(one+two), append(slices.Clone(inTwo), lonely(0)...)...)
	for i, first := range []byte{0, fin} {
		round := [][]byte{frame(first|opContinuation, one), frame(opText, two), frame(fin|opContinuation, "fragment3")}
		add(16+i, 1002, 0, nil, slices.Concat(round, round)...)
	}
	add(18, 1002, 0, nil, frame(opText, one), frame(fin|opText, two))
	five := [][]byte{
		frame(opText, "fragment1"), frame(opContinuation, "fragment2"), ping("pongme 1!"),
		frame(opContinuation, "fragment3"), frame(opContinuation, "fragment4"), ping("pongme 2!"), frame(fin|opContinuation, "fragment5"),
	}
	pongs := append(ponged("pongme 1!"), ponged("pongme 2!")...)
	whole := append(pongs, echoed("fragment1fragment2fragment3fragment4fragment5")...)
	add(19, 1000, perFrame, whole, five...)
	add(20, 1000, 0, whole, five...)
	return all
}

// closeCases are family 7.
func closeCases() (all []protocolCase) {
	const hello = "Hello World!"
	add := func(id string, code int, hears []string, says ...[]byte) {
		all = append(all, closes(id, code, hears, says...))
	}
	normal, large := closeFrame(1000, ""), strings.Repeat("BAsd7&jh23", 26215)[:256<<10]
	add("7.1.1", 1000, echoed(hello), text(hello), normal)
	add("7.1.2", 1000, nil, normal, normal)
	add("7.1.3", 1000, nil, normal, ping(""))
	add("7.1.4", 1000, nil, normal, text(hello))
	add("7.1.5", 1000, nil, frame(opText, "fragment1"), normal, frame(fin|opContinuation, "fragment2"))
	add("7.1.6", 1000, echoed(large), text(large), normal, ping(""))

	add("7.3.1", 1005, nil, frame(fin|opClose, ""))
	add("7.3.2", 1002, nil, frame(fin|opClose, "a"))
	add("7.3.3", 1000, nil, normal)
	add("7.3.4", 1000, nil, closeFrame(1000, hello))
	add("7.3.5", 1000, nil, closeFrame(1000, strings.Repeat("*", 123)))
	add("7.3.6", 1002, nil, closeFrame(1000, strings.Repeat("*", 124)))

	// The code is 1000, and so is the outcome; but what we say of it is 1007.
	all = append(all, protocolCase{id: "7.5.1", run: brokenReason})

	for i, code := range []uint16{1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999} {
		id := fmt.Sprint("7.7.", i+1)
		all = append(all, protocolCase{id: id, run: func(t *testing.T) { answersClose(t, code) }})
	}
	for i, code := range []uint16{0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999} {
		add(fmt.Sprint("7.9.", i+1), 1002, nil, closeFrame(code, ""))
	}
	add("7.13.1", 1002, nil, closeFrame(5000, ""))
	add("7.13.2", 1002, nil, closeFrame(65535, ""))
	return all
}

// answersClose wants the same code back, and the code told.
func answersClose(t *testing.T, code uint16) {
	r, h := closedWith(t, closeFrame(code, ""))
	want(t, "answer", h.code, code)
	if code == 1000 || code == 1001 {
		want(t, "outcome", outcome(r), "ok")
		return
	}
	want(t, "outcome", outcome(r), "closed_by_peer")
	want(t, "close code", at(r.Error.CloseCode), code)
}

// brokenReason is a good code with a reason that is no text.
func brokenReason(t *testing.T) {
	r, h := closedWith(t, closeFrame(1000, greek+"\xed\xa0\x80edited"))
	want(t, "answer", h.code, 1007)
	want(t, "outcome", outcome(r), "ok")
	want(t, "reason", r.Close.Reason, greek+"\uFFFDedited")
}

func closedWith(t *testing.T, frames []byte) (Result, transcript) {
	heard := make(chan transcript, 1)
	r, _ := echoing(t, "url: ws://"+serve(t, func(p *peer) {
		p.upgrade()
		p.say(frames)
		heard <- p.hear(0, false)
	}), nil)
	h := <-heard
	if len(h.frames) > 0 || h.after > 0 {
		t.Errorf("%+v", h)
	}
	return r, h
}

// announced is the length that a frame of ours says, for the sake of the writer itself.
func announced(f []byte) int {
	switch f[1] {
	case 126:
		return int(binary.BigEndian.Uint16(f[2:]))
	case 127:
		return int(binary.BigEndian.Uint64(f[2:]))
	}
	return int(f[1])
}

func TestFrameWriter(t *testing.T) {
	for _, size := range []int{0, 125, 126, 65535, 65536} {
		want(t, "length", announced(text(strings.Repeat("x", size))), size)
	}
}
