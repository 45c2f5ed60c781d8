package websocket

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

const sampled = "trigger_body: how much?\ninterval: 10s\nping_interval: 0\n"

// answers upgrades and answers each question with what answer says, after a while.
func answers(answer func(n, question int, text string) (after time.Duration, parts []any)) func(int, *peer) {
	return func(n int, p *peer) {
		p.upgrade()
		for question := 1; ; question++ {
			op, data := p.frame()
			switch op {
			case opText, opBinary:
			case opClose:
				p.say(frame(fin|opClose, string(data)))
				return
			default:
				return
			}
			after, parts := answer(n, question, string(data))
			if after > 0 {
				time.AfterFunc(after, func() { p.say(parts...) })
				continue
			}
			p.say(parts...)
		}
	}
}

// At every interval the question is sent over the connection that stays, and the reply
// is an event.
func TestSample(t *testing.T) {
	log := play(t, sampled, 25*time.Second, answers(func(_, question int, asked string) (time.Duration, []any) {
		return 250 * time.Millisecond, []any{text(fmt.Sprint(asked, " ", question))}
	}), nil)
	same(t, log, `
		0s dial
		250ms sample how much? 1 #1
		10.25s sample how much? 2 #2
		20.25s sample how much? 3 #3`)
}

// What is known of a sample: the replies, how long the last one took, and what else came.
func TestSampleEvent(t *testing.T) {
	var events []Event
	play(t, sampled+"replies: 2", 15*time.Second, func(n int, p *peer) {
		go func() {
			time.Sleep(5 * time.Second)
			p.say(text("unasked"), text("for"))
		}()
		answers(func(_, question int, _ string) (time.Duration, []any) {
			return 300 * time.Millisecond, []any{text(`{"n":1}`), text("second")}
		})(n, p)
	}, func(e Event) error { events = append(events, e); return nil })
	if len(events) != 2 {
		t.Fatalf("%d samples", len(events))
	}
	e := events[1]
	want(t, "kind", e.Kind, "sample")
	want(t, "data", *e.Data, `{"n":1}`)
	want(t, "json", fmt.Sprint(e.JSON != nil), true)
	want(t, "messages", []any{len(e.Sample.Messages), e.Sample.Messages[1].Data}, []any{2, "second"})
	want(t, "reply_ms", *e.Sample.Reply, 300)
	want(t, "unsolicited", e.Sample.Unsolicited, 2)
	want(t, "tick", e.Sample.Tick, 2)
	want(t, "error", e.Error, (*Failure)(nil))
}

// A reply that comes too late is nobody's: the connection it would have come over is
// gone, and the next sample is asked over a new one.
func TestSampleLateReply(t *testing.T) {
	log := play(t, sampled+"timeout: 2s\nlifecycle_events: [closed]\nreconnect: {initial: 30s, jitter: none}", 25*time.Second, answers(func(n, question int, _ string) (time.Duration, []any) {
		if n == 1 && question == 1 {
			return 2001 * time.Millisecond, []any{text("late")}
		}
		return 0, []any{text(fmt.Sprint("reply ", n, ".", question))}
	}), nil)
	same(t, log, `
		0s dial
		2s sample reply_timeout #1
		2s closed reply_timeout
		10s dial
		10s sample reply 2.1 #2
		20s sample reply 2.2 #3`)
}

// A reply exactly at the deadline is the sample's, or nobody's; never the next one's.
func TestSampleReplyAtTheDeadline(t *testing.T) {
	for range 20 {
		log := strings.Join(play(t, sampled+"timeout: 2s\nreconnect: {initial: 30s, jitter: none}", 15*time.Second, answers(func(n, question int, _ string) (time.Duration, []any) {
			return 2 * time.Second, []any{text(fmt.Sprint("reply ", n, ".", question))}
		}), nil), "\n")
		for _, wrong := range []string{"reply 1.1 #2", "reply 2.1 #1"} {
			if strings.Contains(log, wrong) {
				t.Fatal(log)
			}
		}
	}
}

// Of two replies the second is unasked for. So is what comes before the question, for
// which a pause behind the opening gives a server time that says hello.
func TestSampleTwoReplies(t *testing.T) {
	log := play(t, sampled+"handshake_bodies: ['']", 25*time.Second, func(n int, p *peer) {
		p.upgrade()
		p.say(text("hello"))
		for question := 1; ; question++ {
			if op, _ := p.frame(); op != opText {
				return
			}
			p.say(text(fmt.Sprint("first ", question)), text(fmt.Sprint("second ", question)))
		}
	}, nil)
	same(t, log, `
		0s dial
		100ms sample first 1 #1
		10s sample first 2 #2
		20s sample first 3 #3`)
}

// A sample that takes longer than the interval has the next ones left out, and counted,
// not queued.
func TestSampleOverrun(t *testing.T) {
	var skipped []int64
	log := play(t, "trigger_body: x\ninterval: 1s\ntimeout: 5s\nping_interval: 0", 8500*time.Millisecond, answers(func(_, question int, _ string) (time.Duration, []any) {
		if question == 1 {
			return 3500 * time.Millisecond, []any{text("slow")}
		}
		return 0, []any{text("fast")}
	}), func(e Event) error { skipped = append(skipped, e.Sample.Skipped); return nil })
	same(t, log, `
		0s dial
		3.5s sample slow #1
		4s sample fast #2
		5s sample fast #3
		6s sample fast #4
		7s sample fast #5
		8s sample fast #6`)
	want(t, "skipped", skipped, []int64{0, 3, 3, 3, 3, 3})
}

// No connection is no sample, which can alert. Between two samples the connection is
// tried again, if that is sooner.
func TestSampleWithoutConnection(t *testing.T) {
	server := func(n int, p *peer) {
		if n < 4 {
			p.request()
			return
		}
		answers(func(int, int, string) (time.Duration, []any) { return 0, []any{text("up")} })(n, p)
	}
	same(t, play(t, sampled+"reconnect: {initial: 20s, jitter: none}", 35*time.Second, server, nil), `
		0s dial
		0s sample connection_lost #1
		10s dial
		10s sample connection_lost #2
		20s dial
		20s sample connection_lost #3
		30s dial
		30s sample up #4`)
	same(t, play(t, sampled+"reconnect: {initial: 1s, jitter: none}\nemit_errors: false", 25*time.Second, server, nil), `
		0s dial
		1s dial
		3s dial
		7s dial
		10s sample up #2
		20s sample up #3`)
	same(t, play(t, sampled+"reconnect: {initial: 1s, jitter: none, max_retries: 1}", 25*time.Second, func(_ int, p *peer) { p.request() }, nil), `
		0s dial
		0s sample connection_lost #1
		1s dial
		1s gave_up connection_lost
		1s ended: ws://server/: the server ended the connection without answering the upgrade`)
}

// The connection may end between two samples, or during one.
func TestSampleConnectionLost(t *testing.T) {
	log := play(t, sampled+"lifecycle_events: [closed, reconnected]\nreconnect: {initial: 1s, jitter: none}", 25*time.Second, func(n int, p *peer) {
		p.upgrade()
		if op, _ := p.frame(); op != opText {
			return
		}
		if n != 2 {
			p.say(text(fmt.Sprint("from ", n)))
		}
		if n == 3 {
			p.farewell()
		}
	}, nil)
	same(t, log, `
		0s dial
		0s sample from 1 #1
		0s closed connection_lost
		1s dial
		1s reconnected gap 1s
		10s sample connection_lost #2
		10s closed connection_lost
		12s dial
		12s reconnected gap 11s
		20s sample from 3 #3`)
}

// The opening is over before the first question; a question that never ends is a sample
// that could not be taken.
func TestSampleBehindTheOpening(t *testing.T) {
	var said []string
	play(t, sampled+"handshake_bodies: [hello, '']\nhandshake_pause: 1s", 15*time.Second, answers(func(_, _ int, asked string) (time.Duration, []any) {
		said = append(said, asked)
		if asked == "hello" {
			return 0, []any{text("welcome")}
		}
		return 0, []any{text("ok")}
	}), nil)
	want(t, "said", said, []string{"hello", "how much?", "how much?"})
}

// When samples are due: from the beginning or at round times, and later by chance.
func TestTicks(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	show := func(s sampling, takes time.Duration) (times string) {
		n := 0
		ticks := newTicks(&s, at, func() float64 { n++; return []float64{0, 0.5, 1}[n%3] })
		for range 4 {
			skipped := ticks.next(ticks.due.Add(takes))
			times += fmt.Sprintf("%s(%d) ", ticks.due.Format("04:05.0"), skipped)
		}
		return strings.TrimSpace(times)
	}
	want(t, "plain", show(sampling{interval: 10 * time.Second}, 0), "04:15.0(0) 04:25.0(0) 04:35.0(0) 04:45.0(0)")
	want(t, "aligned", show(sampling{interval: time.Minute, align: true}, 0), "06:00.0(0) 07:00.0(0) 08:00.0(0) 09:00.0(0)")
	want(t, "jitter", show(sampling{interval: 10 * time.Second, jitter: 4 * time.Second}, 0), "04:19.0(0) 04:25.0(0) 04:37.0(0) 04:49.0(0)")
	want(t, "too slow", show(sampling{interval: 10 * time.Second}, 25*time.Second), "04:35.0(2) 05:05.0(2) 05:35.0(2) 06:05.0(2)")
}
