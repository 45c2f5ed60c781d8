package websocket

import (
	"testing"
	"time"
)

// How long a subscription waits before an attempt, for the least, a middling and the
// greatest chance.
func TestBackoff(t *testing.T) {
	standard := backoff{initial: time.Second, max: time.Minute, multiplier: 2, jitter: "full"}
	with := func(change func(*backoff)) backoff {
		b := standard
		change(&b)
		return b
	}
	tests := []struct {
		name   string
		b      backoff
		n      int
		failed *Error
		want   string
	}{
		{"the first wait is short", standard, 1, nil, "50ms 525ms 1s"},
		{"they grow", standard, 4, nil, "50ms 4.025s 8s"},
		{"up to a limit", standard, 10, nil, "50ms 30.025s 1m0s"},
		{"and no further, however often", standard, 1 << 30, nil, "50ms 30.025s 1m0s"},
		{"half of it by chance", with(func(b *backoff) { b.jitter = "equal" }), 3, nil, "2s 3s 4s"},
		{"nothing by chance", with(func(b *backoff) { b.jitter = "none" }), 3, nil, "4s 4s 4s"},
		{"another growth", with(func(b *backoff) { b.multiplier, b.jitter = 1.5, "none" }), 3, nil, "2.25s 2.25s 2.25s"},
		{"shorter than the shortest", with(func(b *backoff) { b.initial = 10 * time.Millisecond }), 1, nil, "10ms 10ms 10ms"},
		{"turned away: the longest at once", standard, 1, &Error{Status: 401}, "30s 45s 1m0s"},
		{"closed for a policy", standard, 1, &Error{CloseCode: 1008}, "30s 45s 1m0s"},
		{"a status that passes", standard, 1, &Error{Status: 503}, "50ms 525ms 1s"},
		{"a server says when: never before that", standard, 1, &Error{RetryAfter: 3 * time.Second}, "3s 3.15s 3.3s"},
		{"it wants less than we do", with(func(b *backoff) { b.jitter = "none" }), 5, &Error{RetryAfter: 3 * time.Second}, "16s 16s 16s"},
		{"it wants the moon", standard, 1, &Error{RetryAfter: 24 * time.Hour}, "5m0s 5m15s 5m30s"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := ""
			for _, chance := range []float64{0, 0.5, 1} {
				got += " " + tt.b.wait(tt.n, tt.failed, chance).Round(time.Millisecond).String()
			}
			want(t, "wait", got[1:], tt.want)
		})
	}
}
