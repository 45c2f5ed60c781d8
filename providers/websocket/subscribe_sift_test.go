package websocket

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

// Messages are read as data, split, filtered and told apart before they are events.
func TestSift(t *testing.T) {
	tests := []struct {
		name, with string
		says       []string
		want       []string // events, and at the end of each what is parsed
	}{
		{"a filter", "filter: json.price > 10", []string{`{"price": 5}`, `hello`, `{"price": 50}`}, []string{`message {"price": 50}`}},
		{"a list is split", "split: json.trades", []string{`{"trades": [{"id": 1}, {"id": 2}]}`, `{"trades": []}`, "whole"}, []string{`message {"id":1}`, `message {"id":2}`, `message whole`}},
		{"and its items are filtered", "{split: json, filter: json.id > 1}", []string{`[{"id": 1}, {"id": 2}]`}, []string{`message {"id":2}`}},
		{"texts of a list", "split: json", []string{`["a", "b"]`}, []string{"message a", "message b"}},
		{"what was there already", "dedupe_key: json.id", []string{`{"id": 1}`, `{"id": 2}`, `{"id": 1, "again": true}`, `{"id": 3}`}, []string{`message {"id": 1}`, `message {"id": 2}`, `message {"id": 3}`}},
		{"a key that cannot be said is no reason to lose a message", "dedupe_key: json.n + 1", []string{"{}", "{}"}, []string{"message {}", "message {}"}},
		{"metrics", "data_format: influx", []string{"cpu load=0.5 1700000000000000000"}, []string{`message cpu load=0.5 1700000000000000000 [{"name":"cpu","tags":{"url":"URL"},"fields":{"load":0.5},"time":"2023-11-14T22:13:20Z"}]`}},
		{"each metric", "{data_format: logfmt, split: parsed, filter: json.fields.n > 1}", []string{"n=1\nn=2"}, []string{`{"n":2}`}},
		{"what cannot be read is an event with an error", "data_format: json", []string{"hello"}, []string{"message hello parse_failed"}},
		{"or none", "{data_format: json, emit_errors: false}", []string{"hello", `{"a": 1}`}, []string{`message {"a": 1} [{"name":"websocket","tags":{"url":"URL"},"fields":{"a":1.0}`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			address := serve(t, func(p *peer) {
				p.upgrade()
				for _, message := range tt.says {
					p.say(text(message))
				}
				p.say(text("the end"))
				p.farewell()
			})
			l := listen(t, "url: ws://"+address+"\n"+flat(tt.with), nil)
			for _, want := range tt.want {
				e, _ := l.await()
				got := short(e)
				if e.Parsed != nil {
					got += " " + strings.ReplaceAll(shortly(e.Parsed), "ws://"+address, "URL")
				}
				if !strings.Contains(got, want) {
					t.Errorf("got %s, want %s", got, want)
				}
			}
		})
	}
}

// Keys are forgotten when they are old, and when there are too many.
func TestRecent(t *testing.T) {
	r := recent{window: time.Minute}
	begun := time.Unix(1e9, 0)
	for _, tt := range []struct {
		key   string
		after time.Duration
		want  bool
	}{{"a", 0, true}, {"a", time.Second, false}, {"b", 30 * time.Second, true}, {"a", 61 * time.Second, true}, {"b", 61 * time.Second, false}} {
		if got := r.add(tt.key, begun.Add(tt.after)); got != tt.want {
			t.Errorf("%s after %v: %v", tt.key, tt.after, got)
		}
	}
	for i := range maxRecent + 10 {
		r.add(fmt.Sprint(i), begun.Add(time.Hour))
	}
	if n := len(r.keys); n > maxRecent {
		t.Errorf("%d keys", n)
	}
}

// A script is played on every opening; what it waits for is no event.
func TestScriptOnOpening(t *testing.T) {
	address := serve(t, func(p *peer) {
		p.request()
		p.say(p.accepted(), text("nonce 42"))
		if _, login := p.frame(); string(login) != "login 42" {
			p.say(closeFrame(1008, "who?"))
			return
		}
		p.say(text("welcome"), text("news"))
		p.farewell()
	})
	l := listen(t, "url: ws://"+address+`
script:
  - expect: "nonce (\\d+)"
  - send: "login ${1}"
  - expect: welcome
`, nil)
	l.expect("message news")

	l = listen(t, "url: ws://"+address+`
script: [{expect: "something else"}]
lifecycle_events: [error]
connection: {max_retries: 0}
`, nil)
	l.expect("error assertion_failed", "gave_up assertion_failed")
}

// A sample may be told from other messages by what is in it.
func TestSampleWaitsFor(t *testing.T) {
	address := serve(t, answering(func(text string) string { return `{"asked": "` + text + `"}` }))
	l := listen(t, "{url: 'ws://"+address+"', trigger_body: now, interval: 100ms, wait_for: \"json.asked == 'now' and headers.Upgrade == 'websocket'\"}", nil)
	l.expect(`sample {"asked": "now"}`)
	l = listen(t, "{url: 'ws://"+address+"', trigger_body: now, interval: 100ms, timeout: 90ms, wait_for_contains: later}", nil)
	l.expect("sample reply_timeout")
	l = listen(t, "{url: 'ws://"+address+"', trigger_body: now, interval: 100ms, fail_if: \"data contains 'now'\"}", nil)
	l.expect("sample assertion_failed", "sample assertion_failed")
}

func TestMistakesInSifting(t *testing.T) {
	for yaml, want := range map[string]string{
		"{script: [{send: a}], open_message: b}": "only one of open_message and script may be given: which comes first?",
		"{wait_for_regex: a}":                    "wait_for and fail_if are about the replies to trigger_body; for other messages there is filter",
		"{data_format: csv}":                     "data_format: csv needs csv_header_row_count or csv_column_names",
		"{dedupe_window: 0}":                     "dedupe_window must not be 0: a check has to end",
		"{data: a}":                              "data is for steps; a trigger sends open_message, or trigger_body at every interval",
		"{confirm: pong}":                        "confirm is for actions",
	} {
		p := subscribed(t, "url: ws://h\n"+flat(yaml))
		_, err := testClient.subscription(&p)
		own, ok := errors.AsType[*Error](err)
		if !ok || own.Code != ConfigInvalid || own.Problem != want {
			t.Errorf("%s: %v, want %s", yaml, err, want)
		}
	}
}
