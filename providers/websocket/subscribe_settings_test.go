package websocket

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	"tocsin/workflows/schema"
	"tocsin/workflows/source"
)

// Mistakes in the parameters of a trigger, and what is said of them: those found when
// the file is loaded, and those found before anything is opened.
func TestTriggerMistakes(t *testing.T) {
	checkMistakes(t, filepath.Join("testdata", "triggers", "mistakes.txtar"), func(t *testing.T, yaml string) string {
		v, err := source.Parse("with.yaml", []byte(yaml))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Of[Subscription]().Check(v, "websocket", nil).Err(); err != nil {
			return err.Error()
		}
		p := subscribed(t, yaml)
		_, err = testClient.subscription(&p)
		if own, ok := errors.AsType[*Error](err); ok && own.Code == ConfigInvalid {
			return own.Error()
		}
		return ""
	})
}

// Every parameter does something: all of them away from their defaults.
func TestTriggerSettings(t *testing.T) {
	p := subscribed(t, `
url: ws://h
timeout: 1s
close_timeout: 3s
ping_interval: 20s
pong_timeout: 4s
heartbeat: {message: hi, interval: 5s, type: binary, expect: ^ho}
idle_timeout: 6s
stale_after: 7s
max_connection_age: 8s
resume_message: go on
connection: {max_retries: 9}
reconnect: {initial: 2s, max: 3s, multiplier: 4, jitter: none, reset_after: 5s, max_retries: 9}
queue_size: 10
overflow: close
concurrency: 2
auto_replay_nacks: true
lifecycle_events: [opened, closed, reconnected, stale, error]
emit_errors: false
`)
	s, err := testClient.subscription(&p)
	if err != nil {
		t.Fatal(err)
	}
	l, v := s.live, s.live.vital
	want(t, "times", []any{s.set.timeout, s.set.closeTimeout}, []any{time.Second, 3 * time.Second})
	want(t, "vital", []any{v.ping, v.pong, v.idle, v.pingsCount, v.age, l.stale}, []any{20 * time.Second, 4 * time.Second, 6 * time.Second, false, 8 * time.Second, 7 * time.Second})
	h := v.heartbeat
	want(t, "heartbeat", []any{string(h.message.data), h.message.typ, h.interval, h.expect}, []any{"hi", "MessageBinary", 5 * time.Second, "^ho"})
	resume, _ := l.resume(nil)
	want(t, "resume", resume, "go on")
	want(t, "backoff", l.backoff, backoff{2 * time.Second, 3 * time.Second, 4, "none", 5 * time.Second, 9})
	want(t, "queue", []any{l.queue, l.overflow, l.workers, l.replay}, []any{10, "close", 2, true})
	want(t, "events", l.raise, []Kind{GaveUp, Opened, Closed, Reconnected, Stale, Failing})

	p = subscribed(t, "url: ws://h\nmode: sample\ntrigger_body: x\ntrigger_type: binary\ninterval: 2s\ninterval_jitter: 1s\nalign: true\nreplies: 3\nread_timeout: 5s")
	if s, err = testClient.subscription(&p); err != nil {
		t.Fatal(err)
	}
	q := *s.live.sample
	want(t, "sampling", []any{q.typ, q.interval, q.jitter, q.align, q.replies}, []any{"binary", 2 * time.Second, time.Second, true, 3})
	want(t, "read timeout", []any{s.live.vital.idle, s.live.vital.pingsCount}, []any{5 * time.Second, true})
}

// What is left out: nobody is hammered, nobody waits for ever, and a workflow sees
// messages only.
func TestTriggerDefaults(t *testing.T) {
	p := subscribed(t, "url: ws://h")
	s, err := testClient.subscription(&p)
	if err != nil {
		t.Fatal(err)
	}
	l := s.live
	want(t, "connecting", []any{s.set.connectTimeout, s.set.handshakeTimeout, s.set.writeTimeout, s.set.closeTimeout}, []any{30 * time.Second, 30 * time.Second, 30 * time.Second, 2 * time.Second})
	want(t, "vital", []any{l.vital.ping, l.vital.pong, l.vital.idle, l.vital.age, l.stale}, []any{30 * time.Second, 10 * time.Second, 0 * time.Second, 0 * time.Second, 0 * time.Second})
	want(t, "backoff", l.backoff, backoff{time.Second, time.Minute, 2, "full", 30 * time.Second, -1})
	want(t, "queue", []any{l.queue, l.overflow, l.workers, l.replay}, []any{1024, "block", 1, false})
	want(t, "events", l.raise, []Kind{GaveUp, SampleKind})
	p = subscribed(t, "url: ws://h\ntrigger_body: ''\nresume_message: ''\nopen_message: ''\nconnection: {}\nreconnect: {}\nhandshake_bodies: []")
	if s, err = testClient.subscription(&p); err != nil || s.live.sample != nil {
		t.Error("pasted defaults: ", err)
	}
	p = subscribed(t, "url: ws://h\ntrigger_body: x\ninterval: 1m")
	if s, err = testClient.subscription(&p); err != nil {
		t.Fatal(err)
	}
	want(t, "timeout of a sample", s.set.timeout, 5*time.Second)
}

// A configuration gives defaults for triggers too, field by field.
func TestTriggerConfiguration(t *testing.T) {
	defaults := subscribed(t, "url: ws://conf\nopen_message: a\nidle_timeout: 5s\nconnection: {max_retries: 1}\nqueue_size: 7")
	c := testClient
	c.defaults = Config{Connection: defaults.Connection, Live: defaults.Live}
	p := subscribed(t, "handshake_bodies: [b]\nread_timeout: 9s\nreconnect: {max_retries: 2}")
	s, err := c.subscription(&p)
	if err != nil {
		t.Fatal(err)
	}
	want(t, "url", s.set.target.url, "ws://conf")
	want(t, "opening", []any{len(s.set.opening), string(s.set.opening[0].payload.data)}, []any{1, "b"})
	want(t, "idle", []any{s.live.vital.idle, s.live.vital.pingsCount}, []any{9 * time.Second, true})
	want(t, "retries", s.live.backoff.retries, 2)
	want(t, "queue", s.live.queue, 7)
}
