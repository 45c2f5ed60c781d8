package websocket

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tocsin/providers"
)

// noted is a providers.Meter that keeps what it is told: sums of counters, the last value
// of gauges, how many values a histogram has.
type noted struct {
	mu     sync.Mutex
	values map[string]float64
}

func series(f *providers.Figure, labels []string) string {
	return f.Name + "{" + strings.Join(labels, ",") + "}"
}

func (n *noted) Note(f *providers.Figure, v float64, labels ...string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(labels) != len(f.Labels) {
		panic(fmt.Sprintf("%s has the labels %q, not %q", f.Name, f.Labels, labels))
	}
	switch key := series(f, labels); f.Kind {
	case providers.Gauge:
		n.values[key] = v
	case providers.Counter:
		n.values[key] += v
	case providers.Histogram:
		n.values[key]++
	}
}

func (n *noted) Drop(f *providers.Figure, labels ...string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.values, series(f, labels))
}

// figures are those that a subscription of a theatre gave by some moment of it.
func figures(t *testing.T, yaml string, span time.Duration, server func(n int, p *peer)) (open, ended []string) {
	t.Helper()
	n := &noted{values: map[string]float64{}}
	synctest.Test(t, func(t *testing.T) {
		th := &theatre{t: t, server: server, done: make(chan struct{})}
		th.set = func(s *subscription) { s.meter = newMeter(forTrigger(), n) }
		th.start(yaml, nil)
		time.Sleep(span)
		synctest.Wait()
		open = n.lines()
		th.cancel()
		<-th.done
		th.peers.Wait()
		ended = n.lines()
	})
	return open, ended
}

// forTrigger is what is done for a trigger.
func forTrigger() context.Context {
	return providers.WithOrigin(context.Background(), providers.Origin{Workflow: "w", Step: "t"})
}

// lines are what there is, without the names of the workflow and the trigger.
func (n *noted) lines() (all []string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, key := range slices.Sorted(maps.Keys(n.values)) {
		all = append(all, strings.NewReplacer("{w,t}", "", "{w,t,", "{").Replace(key)+fmt.Sprintf(" %.0f", n.values[key]))
	}
	return all
}

// What happens to a connection is counted and measured as it happens. At the end what is
// so no more is forgotten; what was counted stays. The time of a bubble begins in 2000.
func TestFigures(t *testing.T) {
	open, ended := figures(t, "open_message: hello\ndata_format: json\nping_interval: 10s\nreconnect: {jitter: none}", 20*time.Second, func(n int, p *peer) {
		switch n {
		case 1:
			p.upgrade()
			p.frame()
			p.say(text("no json"), text(`{"n":1}`)) // and goes without a word
		case 2:
			p.request()
			p.say(response("HTTP/1.1 503 Service Unavailable", "Content-Length: 0"))
		default:
			time.Sleep(time.Second)
			p.upgrade()
			p.frame()
			p.say(text(`{"n":2}`))
			p.echoPings()
		}
	})
	same(t, open, `
		ws_bytes_total{in} 21
		ws_bytes_total{out} 10
		ws_connections_open 1
		ws_connects_total{failed} 1
		ws_connects_total{ok} 2
		ws_errors_total{connection_lost} 1
		ws_errors_total{handshake_status} 1
		ws_errors_total{parse_failed} 1
		ws_handshake_seconds 2
		ws_last_message_timestamp_seconds 946684804
		ws_messages_total{in} 3
		ws_messages_total{out} 2
		ws_ping_seconds 1
		ws_reconnects_total 1`)
	want(t, "what was not so at the end", without(open, ended), []string{"ws_connections_open 1", "ws_last_message_timestamp_seconds 946684804"})
}

// without are those of a that are not in b.
func without(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(line string) bool { return slices.Contains(b, line) })
}

// Messages for which there is no room are counted by why they were dropped.
func TestFiguresOfDrops(t *testing.T) {
	for overflow, line := range map[string]string{
		"drop_oldest": "ws_dropped_total{oldest} 4",
		"drop_newest": "ws_dropped_total{newest} 4",
	} {
		q := newQueue(2, 0, nil) // nobody deals with them
		n := &noted{values: map[string]float64{}}
		m := newMeter(forTrigger(), n)
		s := &subscription{live: &live{overflow: overflow}, queue: q, meter: m}
		for range 3 {
			s.add(item{}, item{})
			m.report(s, nil)
		}
		want(t, overflow, n.lines(), []string{line})
	}
}

// Also of a server whose certificate is not accepted is known when that expires.
func TestFiguresOfCertificates(t *testing.T) {
	leaf := (*authority)(nil).issue(t, both(local, expired))
	address := serve(t, overTLS(leaf.shows(), func(*peer) {}))
	n := &noted{values: map[string]float64{}}
	c := testClient
	c.meter = n
	stream, err := c.Subscribe(subscribed(t, "url: wss://"+address+"\nproxy_url: direct\nconnection: {max_retries: 0}"))
	if err != nil {
		t.Fatal(err)
	}
	var seen []string
	err = stream(forTrigger(), func(providers.Alert) error {
		seen = n.lines()
		return nil
	})
	if err == nil {
		t.Error("it did not give up")
	}
	want(t, "seen", seen, []string{
		"ws_connects_total{failed} 1", "ws_errors_total{tls_expired} 1", fmt.Sprintf("ws_tls_not_after_seconds %d", leaf.cert.NotAfter.Unix()),
	})
}
