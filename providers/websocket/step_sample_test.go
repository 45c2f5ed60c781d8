package websocket

import (
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"tocsin/providers"
)

// asks takes a sample as the step of a run does.
func asks(t *testing.T, c client, step, yaml string) Result {
	t.Helper()
	ctx := providers.WithOrigin(t.Context(), providers.Origin{Workflow: "w", Step: step})
	r, err := c.Query(ctx, with(t, "mode: sample\n"+yaml))
	if err != nil {
		t.Fatal(err)
	}
	consistent(t, r)
	return r
}

// come is how many messages have come over the connections that are kept.
func come(c client) (n int) {
	c.lines.mu.Lock()
	defer c.lines.mu.Unlock()
	for _, s := range c.lines.all {
		if s.line != nil {
			n += s.line.counted().Messages
		}
	}
	return n
}

// comes waits until something is so.
func comes(t *testing.T, what string, so func() bool) {
	t.Helper()
	for begun := time.Now(); !so(); runtime.Gosched() {
		if time.Since(begun) > 30*time.Second {
			t.Fatalf("%s did not come", what)
		}
	}
}

// Each run of a step asks over the connection that the run before has left; another step
// has its own. What comes unasked in between is no reply.
func TestStepSamples(t *testing.T) {
	var connections atomic.Int32
	address := serve(t, func(p *peer) {
		n, question := connections.Add(1), 0
		answers(func(_, _ int, asked string) (time.Duration, []any) {
			question++
			return 0, []any{text(fmt.Sprint(asked, " ", n, " ", question)), text("unasked")}
		})(0, p)
	})
	c := keeper(t)
	yaml := "url: ws://" + address + "\ntrigger_body: n\n"
	for i, reply := range []string{"n 1 1", "n 1 2", "n 1 3"} {
		r := asks(t, c, "a", yaml)
		want(t, "connection", r.Connection, true)
		want(t, "data", at(r.Data), reply)
		want(t, "messages", len(r.Messages), 1)
		want(t, "close", r.Close, (*Close)(nil))
		want(t, "opened", r.Timings.Handshake != nil, i == 0)
		comes(t, "the message that nobody asked for", func() bool { return come(c) >= 2*(i+1) })
	}
	want(t, "another step", at(asks(t, c, "b", yaml).Data), "n 2 1")
	want(t, "several replies", len(asks(t, c, "c", yaml+"replies: 2").Messages), 2)
	want(t, "connections", connections.Load(), 3)
}

// A connection over which no reply came in time, or that has ended, is not asked over
// again; one whose reply could not be read is.
func TestStepSamplesFail(t *testing.T) {
	var connections atomic.Int32
	address := serve(t, func(p *peer) {
		n := connections.Add(1)
		answers(func(_, question int, _ string) (time.Duration, []any) {
			switch {
			case n == 1 && question == 1:
				return 0, []any{text("{")}
			case n == 1 && question == 2:
				return 0, nil
			case n == 2:
				return 0, []any{text(`{"n":2}`), closeFrame(1001, "")}
			}
			return 0, []any{text(`{"n":3}`)}
		})(int(n), p)
	})
	c := keeper(t)
	yaml := "timeout: 0.5\nurl: ws://" + address + "\ntrigger_body: n\ndata_format: json\n"
	for _, expected := range []string{"parse_failed 1", "reply_timeout 1", "ok 2", "ok 3", "ok 3"} {
		r := asks(t, c, "a", yaml)
		want(t, "outcome and connections", fmt.Sprint(outcome(r), " ", connections.Load()), expected)
		if expected == "ok 2" {
			comes(t, "the end of the connection", func() bool { return come(c) == 0 })
		}
	}
}
