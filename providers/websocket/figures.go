package websocket

import (
	"context"
	"time"

	"tocsin/providers"
)

// Figures of connections that stay open (spec/websocket.md §7.4), for each trigger of a
// workflow.
var (
	connectionsOpen = &providers.Figure{
		Name: "ws_connections_open", Help: "Whether the trigger has a connection: 1 or 0.",
		Kind: providers.Gauge, Labels: []string{"workflow", "trigger"},
	}
	connectsTotal = &providers.Figure{
		Name: "ws_connects_total", Help: "Attempts to connect, by what came of them: ok or failed.",
		Labels: []string{"workflow", "trigger", "result"},
	}
	reconnectsTotal = &providers.Figure{
		Name: "ws_reconnects_total", Help: "Connections that came behind others.",
		Labels: []string{"workflow", "trigger"},
	}
	messagesTotal = &providers.Figure{
		Name: "ws_messages_total", Help: "Messages, in or out.",
		Labels: []string{"workflow", "trigger", "dir"},
	}
	bytesTotal = &providers.Figure{
		Name: "ws_bytes_total", Help: "Bytes of those messages as they went, in or out.",
		Labels: []string{"workflow", "trigger", "dir"},
	}
	droppedTotal = &providers.Figure{
		Name: "ws_dropped_total", Help: "Messages that came and were not run, by why: oldest or newest where overflow says so, blocked behind the time that block waits, stopped at the end.",
		Labels: []string{"workflow", "trigger", "why"},
	}
	errorsTotal = &providers.Figure{
		Name: "ws_errors_total", Help: "What went wrong, by the code that events have.",
		Labels: []string{"workflow", "trigger", "code"},
	}
	handshakeSeconds = &providers.Figure{
		Name: "ws_handshake_seconds", Help: "How long servers took to answer the upgrade.",
		Kind: providers.Histogram, Labels: []string{"workflow", "trigger"}, Limits: []float64{0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10, 30},
	}
	pingSeconds = &providers.Figure{
		Name: "ws_ping_seconds", Help: "Round trips of pings.",
		Kind: providers.Histogram, Labels: []string{"workflow", "trigger"}, Limits: []float64{0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10},
	}
	lastMessageTime = &providers.Figure{
		Name: "ws_last_message_timestamp_seconds", Help: "When the last message came, in seconds since 1970.",
		Kind: providers.Gauge, Labels: []string{"workflow", "trigger"},
	}
	tlsNotAfter = &providers.Figure{
		Name: "ws_tls_not_after_seconds", Help: "When the first certificate of the server's chain expires, in seconds since 1970.",
		Kind: providers.Gauge, Labels: []string{"workflow", "trigger"},
	}
)

// A meter takes the figures of one subscription. Its nil does nothing. Note may be called
// from anywhere, all else by whoever reads.
type meter struct {
	to                providers.Meter
	workflow, trigger string

	arrived Arrived // of the connection there is, as far as it was reported
	dropped dropped // the same of messages that were dropped
}

// newMeter takes figures to another one, in the name of what ctx is for. An Origin is large:
// whoever listens must not have one on its stack.
//
//go:noinline
func newMeter(ctx context.Context, to providers.Meter) *meter {
	if to == nil {
		return nil
	}
	o := providers.OriginOf(ctx)
	return &meter{to: to, workflow: o.Workflow, trigger: o.Step}
}

func (m *meter) note(f *providers.Figure, v float64, more ...string) {
	if m != nil {
		m.to.Note(f, v, append([]string{m.workflow, m.trigger}, more...)...)
	}
}

// failed notes an attempt to connect that failed.
func (m *meter) failed(e *Error) {
	m.note(connectsTotal, 1, "failed")
	m.note(errorsTotal, 1, string(e.Code))
}

// opened notes a connection that is open, again where there was one before.
func (m *meter) opened(t *transport, again bool) {
	if m == nil {
		return
	}
	m.arrived = Arrived{}
	m.note(connectsTotal, 1, "ok")
	m.note(connectionsOpen, 1)
	if again {
		m.note(reconnectsTotal, 1)
	}
	if took := t.timings.Handshake; took != nil {
		m.note(handshakeSeconds, *took/1000)
	}
}

// showed notes what the server's certificate says, also where it was not accepted.
func (m *meter) showed(facts *TLSFacts) {
	if m == nil || facts == nil || facts.NotAfter == nil {
		return
	}
	if at, err := time.Parse(time.RFC3339, *facts.NotAfter); err == nil {
		m.note(tlsNotAfter, float64(at.Unix()))
	}
}

// lost notes a connection that has ended; failed is nil where it was only too old.
func (m *meter) lost(s *subscription, l *link, failed *Error) {
	if m == nil {
		return
	}
	m.report(s, l)
	m.note(connectionsOpen, 0)
	if failed != nil {
		m.note(errorsTotal, 1, string(failed.Code))
	}
}

// sent notes messages that were sent.
func (m *meter) sent(messages, bytes int) {
	if messages > 0 {
		m.note(messagesTotal, float64(messages), "out")
		m.note(bytesTotal, float64(bytes), "out")
	}
}

// report notes what has come since the last report. It is made where reading waits, since
// to make one for each message would cost as much as reading it.
func (m *meter) report(s *subscription, l *link) {
	if m == nil {
		return
	}
	if l != nil && l.stream.guard.arrived != m.arrived {
		now := l.stream.guard.arrived
		m.note(messagesTotal, float64(now.Messages-m.arrived.Messages), "in")
		m.note(bytesTotal, float64(now.Bytes-m.arrived.Bytes), "in")
		m.note(lastMessageTime, float64(l.stream.at.UnixMilli())/1000)
		m.arrived = now
	}
	m.dropping(s.queue.losses())
}

func (m *meter) dropping(now dropped) {
	for _, one := range []struct {
		why        string
		now, noted int
	}{
		{"oldest", now.oldest, m.dropped.oldest},
		{"newest", now.newest, m.dropped.newest},
		{"blocked", now.blocked, m.dropped.blocked},
		{"stopped", now.stopped, m.dropped.stopped},
	} {
		if one.now > one.noted {
			m.note(droppedTotal, float64(one.now-one.noted), one.why)
		}
	}
	m.dropped = now
}

// end forgets what is so no more.
func (m *meter) end() {
	if m == nil {
		return
	}
	for _, f := range []*providers.Figure{connectionsOpen, lastMessageTime, tlsNotAfter} {
		m.to.Drop(f, m.workflow, m.trigger)
	}
}
