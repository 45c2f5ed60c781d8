package websocket

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// What is said on opening comes before the data, in order, and in the frame type that
// each of the seeds gives it.
func TestOpening(t *testing.T) {
	tests := []struct {
		name, with string
		want       []string
	}{
		{"Benthos: one message, binary", "open_message: hi", []string{"2 hi", "1 data"}},
		{"as text", "{open_message: hi, open_message_type: text}", []string{"1 hi", "1 data"}},
		{"a mapping is JSON", "open_message_type: text, open_message: {op: subscribe} ", []string{`1 {"op":"subscribe"}`, "1 data"}},
		{"Bento: a list", "{open_messages: [a, b], open_message_type: text}", []string{"1 a", "1 b", "1 data"}},
		{"Telegraf: texts with pauses", "{handshake_bodies: [a, '', '', b, ''], handshake_pause: 20ms}", []string{"1 a", "1 b", "1 data"}},
		{"Telegraf's first draft", "handshake_body: a", []string{"1 a", "1 data"}},
		{"empty ones are none", "{open_message: '', handshake_bodies: []}", []string{"1 data"}},
		{"longer than what is sent blindly", "open_message: " + strings.Repeat("x", 2*inline), []string{"2 " + strings.Repeat("x", 2*inline), "1 data"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			address := serve(t, func(p *peer) {
				p.upgrade()
				for range tt.want {
					op, data := p.frame()
					got = append(got, fmt.Sprint(op, " ", string(data)))
				}
				p.say(text("ok"))
				p.farewell()
			})
			r := ask(t, "{url: 'ws://"+address+"', data: data, "+strings.Trim(tt.with, "{}")+"}")
			want(t, "outcome", outcome(r), "ok")
			if !slices.Equal(got, tt.want) {
				t.Errorf("the server got %.200q, want %.200q", got, tt.want)
			}
			want(t, "sent", r.Sent.Messages, len(tt.want))
		})
	}
}

// A pause is as long as it says, counts against the time there is, and does not
// outlast it.
func TestPausesOfTheOpening(t *testing.T) {
	address := serve(t, func(p *peer) {
		p.upgrade()
		p.frame()
		p.say(text("ok"))
		p.farewell()
	})
	begun := time.Now()
	r := ask(t, "{url: 'ws://"+address+"', handshake_bodies: ['', '', a], handshake_pause: 60ms}")
	want(t, "outcome", outcome(r), "ok")
	if took := time.Since(begun); took < 120*time.Millisecond {
		t.Errorf("two pauses of 60ms took %v", took)
	}
	begun = time.Now()
	r = ask(t, "{url: 'ws://"+address+"', handshake_bodies: ['', a], handshake_pause: 1h, timeout: 100ms}")
	want(t, "outcome", outcome(r), "reply_timeout")
	if took := time.Since(begun); took > 400*time.Millisecond {
		t.Errorf("the pause outlasted the timeout: %v", took)
	}
}
