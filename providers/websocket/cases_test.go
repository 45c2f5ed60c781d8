package websocket

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// A protocolCase is something that a server does to a client that sends every message
// back, and what the client has to do then. The cases are those of the Autobahn testsuite
// that a client meets, by the same numbers (spec/websocket.md §13.2): the frames are
// written here as its descriptions say, and every octet of them by frame below.
type protocolCase struct {
	id    string
	says  [][]byte // frames
	chop  int      // octets that are sent at a time; 0: all in one go; perFrame: a frame at a time
	hears []string // the client's frames in order, as shown says them
	code  int      // of the client's close frame; 1005: it has none
	ends  bool     // there is a close frame in says; otherwise the server sends one when it has heard all
	run   func(*testing.T)
}

const perFrame = -1

// outcome is what a client says of it that has been closed with the code, or closes.
func (c protocolCase) outcome() string {
	switch c.code {
	case 1002:
		return "protocol_violation"
	case 1007:
		return "invalid_utf8"
	case 1000, 1001, 1005:
		return "ok"
	}
	return "closed_by_peer"
}

// echoes, fails and closes are the three ends of a case.
func echoes(id string, chop int, hears []string, says ...[]byte) protocolCase {
	return protocolCase{id: id, chop: chop, hears: hears, says: says, code: 1000}
}

func fails(id string, code, chop int, hears []string, says ...[]byte) protocolCase {
	return protocolCase{id: id, chop: chop, hears: hears, says: says, code: code}
}

func closes(id string, code int, hears []string, says ...[]byte) protocolCase {
	return protocolCase{id: id, hears: hears, says: says, code: code, ends: true}
}

// shown is a frame in short.
func shown(op int, data string) string {
	if len(data) > 64 {
		return fmt.Sprintf("%d %d octets %x", op, len(data), sum(data))
	}
	return fmt.Sprintf("%d %q", op, data)
}

func sum(data string) (h uint64) {
	for i := range len(data) {
		h = h*1099511628211 + uint64(data[i])
	}
	return h
}

// protocolCases are all families.
func protocolCases() []protocolCase {
	return slices.Concat(framingCases(), pingCases(), reservedCases(), opcodeCases(), fragmentCases(),
		utf8Cases(), closeCases(), limitCases(), deflateCases())
}

// TestProtocolCases runs every case of the testsuite's client side. All have to pass.
// The large ones of families 9, 12 and 13 are smaller under -race and -short, and with
// TOCSIN_CASES=full as large as they are there.
func TestProtocolCases(t *testing.T) {
	families := map[string]int{"1": 16, "2": 11, "3": 7, "4": 10, "5": 20, "6": 145, "7": 37, "9": 54, "10": 1, "12": 90, "13": 126}
	all := protocolCases()
	found, ids := map[string]int{}, map[string]bool{}
	for _, c := range all {
		family, _, _ := strings.Cut(c.id, ".")
		found[family]++
		if ids[c.id] {
			t.Errorf("%s is there twice", c.id)
		}
		ids[c.id] = true
	}
	want(t, "cases", found, families)
	inReadme(t, len(all))
	var passed atomic.Int32
	t.Run("case", func(t *testing.T) {
		for _, c := range all {
			t.Run(c.id, func(t *testing.T) {
				t.Parallel()
				c.check(t)
				if !t.Failed() {
					passed.Add(1)
				}
			})
		}
	})
	t.Logf("%d of %d protocol cases passed; %s", passed.Load(), len(all), extent())
}

// inReadme says that the README states the number of cases.
func inReadme(t *testing.T, n int) {
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	if words := fmt.Sprintf("all %d protocol cases", n); !strings.Contains(strings.Join(strings.Fields(string(text)), " "), words) {
		t.Errorf("README.md does not say %q", words)
	}
}

// extent is how much of the large cases is run.
func extent() string {
	switch {
	case os.Getenv("TOCSIN_CASES") == "full":
		return "in full"
	case racing || testing.Short():
		return "the large ones with a few messages only"
	}
	return "the large ones with fewer messages"
}

// scaled is how many of something there are in a large case that has so many of them in
// full, of size octets each: some KiB of them at least, if there are so many.
func scaled(full, size int) int {
	budget := 1 << 20
	switch {
	case os.Getenv("TOCSIN_CASES") == "full":
		return full
	case racing || testing.Short():
		budget = 64 << 10
	}
	return min(full, max(2, budget/max(size, 1024)))
}

// caseTime is how long a case may take: far more than any needs on a busy machine.
func caseTime() time.Duration {
	if os.Getenv("TOCSIN_CASES") == "full" {
		return 10 * time.Minute
	}
	return time.Minute
}

// A transcript is what a server heard of a client.
type transcript struct {
	frames []string
	code   int // of the close frame; 1005: it had none; 0: there was none
	after  int // octets behind it
}

func (c protocolCase) check(t *testing.T) {
	if c.run != nil {
		c.run(t)
		return
	}
	heard := make(chan transcript, 1)
	address := serve(t, func(p *peer) {
		p.upgrade()
		done := make(chan struct{})
		go func() { defer close(done); p.chop(c.says, c.chop) }()
		heard <- p.hear(len(c.hears), c.code == 1000 && !c.ends)
		p.Close()
		<-done
	})
	got, _ := echoing(t, "url: ws://"+address, nil)
	want(t, "outcome", outcome(got), c.outcome())
	h := <-heard
	if !slices.Equal(h.frames, c.hears) {
		t.Errorf("heard %.300q, want %.300q", h.frames, c.hears)
	}
	if h.code != c.code || h.after != 0 {
		t.Errorf("the client closed with %d, and sent %d octets more; want %d", h.code, h.after, c.code)
	}
}

// chop writes frames in pieces.
func (p *peer) chop(frames [][]byte, octets int) {
	pieces := frames
	if octets != perFrame {
		pieces = [][]byte{bytes.Join(frames, nil)}
	}
	for _, piece := range pieces {
		n := len(piece)
		if octets > 0 {
			n = octets
		}
		for part := range slices.Chunk(piece, max(1, n)) {
			if !p.say(part) {
				return
			}
		}
	}
}

// hear reads the client's frames up to the end of the connection, which it asks for after
// so many of them if it is the one to do so.
func (p *peer) hear(frames int, asks bool) (h transcript) {
	for {
		if asks && len(h.frames) == frames {
			p.say(closeFrame(1000, ""))
			asks = false
		}
		op, data := p.frame()
		switch {
		case op == -1:
			return h
		case h.code != 0:
			h.after += 2 + len(data)
		case op == opClose && len(data) < 2:
			h.code = 1005
		case op == opClose:
			h.code = int(binary.BigEndian.Uint16(data))
		default:
			h.frames = append(h.frames, shown(op, string(data)))
		}
	}
}

// echoing is a client of ours that sends every message back, until the connection ends.
// It is told of each message.
func echoing(t *testing.T, yaml string, each func(string)) (Result, *query) {
	t.Helper()
	p := with(t, fmt.Sprintf("timeout: %v\nreceive: optional\n%s", caseTime(), yaml))
	set, err := p.settings()
	if err != nil {
		t.Fatal(err)
	}
	q := &query{set: set, begun: time.Now(), tried: 1, transport: testClient.transport(set)}
	q.transport.started, q.transport.deadline = q.begun, q.begun.Add(set.timeout)
	var failed *Error
	if q.conn, failed = q.transport.open(t.Context()); failed == nil {
		failed = q.sendBack(t.Context(), each)
	}
	q.close(failed)
	return q.told(failed), q
}

func (q *query) sendBack(ctx context.Context, each func(string)) *Error {
	q.transport.leash.until(q.transport.deadline)
	for {
		typ, data, err := q.next()
		if err != nil {
			return q.readFault(ctx, err)
		}
		if len(q.messages) < 10 { // as queries have them; of the many of families 9 and above only the first are kept
			_, failed := q.keep(typ, data)
			if failed != nil {
				return failed
			}
		}
		if each != nil {
			each(string(data))
		}
		if failed := q.writeBy(ctx, []payload{{typ: typ, data: data}}, q.transport.deadline); failed != nil {
			return failed
		}
	}
}
