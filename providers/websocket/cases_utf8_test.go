package websocket

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// greek is the word that Markus Kuhn's stress test of UTF-8 decoders begins with.
const greek = "κ\u1f79σμε"

// utf8Cases are family 6. Whether a text is one is what the case says, and for the many
// sequences of the stress test, which come from 6.5 on, what the standard library says.
func utf8Cases() (all []protocolCase) {
	const hello = "Hello-µ@ßöäüàá-UTF-8!!"
	add := func(id, data string, frames ...[]byte) {
		if utf8.ValidString(data) {
			all = append(all, echoes(id, 0, echoed(data), frames...))
		} else {
			all = append(all, fails(id, 1007, 0, nil, frames...))
		}
	}
	add("6.1.1", "", text(""))
	add("6.1.2", "", inFragments("", "", "")...)
	add("6.1.3", "middle frame payload", inFragments("", "middle frame payload", "")...)

	add("6.2.1", hello, text(hello))
	cut := strings.Index(hello, "ä")
	add("6.2.2", hello, inFragments(hello[:cut], hello[cut:])...)
	add("6.2.3", hello, inFragments(strings.Split(octets(hello), "|")...)...)
	add("6.2.4", greek, inFragments(strings.Split(octets(greek), "|")...)...)

	const surrogate = greek + "\xed\xa0\x80edited"
	add("6.3.1", surrogate, text(surrogate))
	add("6.3.2", surrogate, inFragments(strings.Split(octets(surrogate), "|")...)...)

	// To be found out before the message ends, which it never does: beyond U+10FFFF, with
	// all octets of that character at hand, and with the one that makes it so.
	for i, sent := range []string{greek + "\xf4\x90\x80\x80", greek + "\xf4\x90"} {
		begun := text(greek + "\xf4\x90\x80\x80edited")
		add(fmt.Sprint("6.4.", i+1), sent, frame(opText, greek), frame(opContinuation, sent[len(greek):]))
		add(fmt.Sprint("6.4.", i+3), sent, begun[:2+len(greek)], begun[2+len(greek):2+len(sent)])
	}

	for group, sequences := range stressTest() {
		for i, data := range sequences {
			add(fmt.Sprintf("6.%d.%d", group+5, i+1), data, text(data))
		}
	}
	return all
}

// inFragments are the frames of one text.
func inFragments(parts ...string) (frames [][]byte) {
	for i, part := range parts {
		first := byte(opContinuation)
		if i == 0 {
			first = opText
		}
		if i == len(parts)-1 {
			first |= fin
		}
		frames = append(frames, frame(first, part))
	}
	return frames
}

// octets has a bar between each two octets.
func octets(data string) string {
	var all []string
	for i := range len(data) {
		all = append(all, data[i:i+1])
	}
	return strings.Join(all, "|")
}

// coded is a number in UTF-8's scheme with so many octets, whether that may be or not.
func coded(n uint32, octets int) string {
	if octets == 1 {
		return string([]byte{byte(n)})
	}
	b := make([]byte, octets)
	for i := octets - 1; i > 0; i-- {
		b[i] = 0x80 | byte(n&0x3F)
		n >>= 6
	}
	b[0] = byte(0xFF<<(8-octets)) | byte(n)
	return string(b)
}

// stressTest are the groups of sequences, made by the rules that its text gives for them.
func stressTest() [][]string {
	var groups [][]string
	group := func(sequences ...string) { groups = append(groups, sequences) }
	each := func(ns []int, make func(octets int) string) (all []string) {
		for _, n := range ns {
			all = append(all, make(n))
		}
		return all
	}
	first := func(octets int) string { return coded(firstOf(octets), octets) }
	last := func(octets int) string { return coded(firstOf(octets+1)-1, octets) }
	continuations := func(n int) string { return strings.Repeat("\x80\xbf", n)[:n] }

	group("hello$world", "hello¢world", "hello€world", "hello\U00024B62world", greek)
	var prefixes []string
	for n := 1; n <= len(greek); n++ {
		prefixes = append(prefixes, greek[:n])
	}
	group(prefixes...)
	group(append([]string{"\x00"}, each([]int{2, 3, 4}, first)...)...)
	group(each([]int{5, 6}, first)...)
	group(append(each([]int{1, 2, 3}, last), coded(utf8.MaxRune, 4))...)
	group(each([]int{4, 5, 6}, last)...)
	group("\uD7FF", "\uE000", "\uFFFD", coded(utf8.MaxRune, 4), coded(utf8.MaxRune+1, 4))

	var lonely []string
	for n := byte(0x80); n < 0xBF; n++ {
		lonely = append(lonely, string([]byte{n}))
	}
	group("\x80", "\xbf", continuations(2), continuations(3), continuations(4), continuations(5), continuations(6), strings.Join(lonely, ""))
	var starts []string
	for _, bounds := range [][2]byte{{0xC0, 0xDF}, {0xE0, 0xEF}, {0xF0, 0xF7}, {0xF8, 0xFB}, {0xFC, 0xFD}} {
		var all strings.Builder
		for n := bounds[0]; n < bounds[1]; n++ {
			all.Write([]byte{n, ' '})
		}
		starts = append(starts, all.String())
	}
	group(starts...)
	lengths := []int{2, 3, 4, 5, 6}
	unfinished := append(each(lengths, func(n int) string { return coded(0, n)[:n-1] }), each(lengths, func(n int) string { return last(n)[:n-1] })...)
	group(unfinished...)
	group(strings.Join(unfinished, ""))
	group("\xfe", "\xff", "\xfe\xfe\xff\xff")

	group(each(lengths, func(n int) string { return coded('/', n) })...)
	group(each(lengths, func(n int) string { return coded(firstOf(n)-1, n) })...)
	group(each(lengths, func(n int) string { return coded(0, n) })...)

	var single, paired []string
	for _, n := range []uint32{0xD800, 0xDB7F, 0xDB80, 0xDBFF, 0xDC00, 0xDF80, 0xDFFF} {
		single = append(single, coded(n, 3))
	}
	for _, high := range []uint32{0xD800, 0xDB7F, 0xDB80, 0xDBFF} {
		for _, low := range []uint32{0xDC00, 0xDFFF} {
			paired = append(paired, coded(high, 3)+coded(low, 3))
		}
	}
	group(single...)
	group(paired...)
	var none, special []string
	for plane := range rune(17) {
		none = append(none, string(plane<<16|0xFFFE), string(plane<<16|0xFFFF))
	}
	for r := rune(0xFFF9); r <= 0xFFFF; r++ {
		special = append(special, string(r))
	}
	group(none...)
	group(special...)
	return groups
}

// firstOf is the smallest number that needs so many octets.
func firstOf(octets int) uint32 {
	if octets == 2 {
		return 0x80
	}
	return 1 << (5*octets - 4)
}
