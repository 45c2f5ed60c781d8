package delivery

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"testing"
	"time"

	"tocsin/engine/store"
	"tocsin/providers"
	"tocsin/workflows/source"
)

func TestOutcomes(t *testing.T) {
	status := func(code int, temporary bool, after time.Duration) error {
		return fmt.Errorf("step: %w", &providers.Error{Provider: "slack", Op: "notify", Status: code, Temporary: temporary, After: after})
	}
	wrapped := func(err error) error { return &providers.Error{Provider: "slack", Op: "notify", Err: err} }
	for _, tt := range []struct {
		name string
		err  error
		want outcome
	}{
		{"no error", nil, confirmed},
		{"too many requests", status(429, true, time.Minute), throttled},
		{"too many requests, and no word of when", status(429, true, 0), throttled},
		{"not now, come back then", status(503, true, time.Minute), throttled},
		{"a limit that is no status", providers.Temporary(errors.New("ratelimited"), time.Minute), throttled},
		{"a broken server", status(500, true, 0), transient},
		{"a server that is away", status(503, true, 0), transient},
		{"too early", status(425, true, 0), transient},
		{"a gateway that had no answer", status(504, true, 0), unknown},
		{"a gateway that had a bad one", status(502, true, 0), unknown},
		{"who are you", status(401, false, 0), denied},
		{"not you", status(403, false, 0), denied},
		{"no such channel", status(404, false, 0), permanent},
		{"gone", status(410, false, 0), permanent},
		{"what it cannot do", status(501, false, 0), permanent},
		{"words of the vendor's", wrapped(errors.New("channel_not_found")), permanent},
		{"words that may pass", providers.Temporary(errors.New("450 mailbox busy"), 0), transient},
		{"parameters that are wrong", source.Problems{{Message: "missing"}}, permanent},
		{"an operation that is not there", wrapped(providers.ErrUnsupported), permanent},
		{"nobody listens", wrapped(&net.OpError{Op: "dial", Err: errors.New("connection refused")}), transient},
		{"no such host", wrapped(&net.DNSError{Err: "no such host"}), transient},
		{"a certificate that is over", wrapped(&tls.CertificateVerificationError{Err: errors.New("expired")}), transient},
		{"the connection broke", wrapped(&net.OpError{Op: "read", Err: errors.New("reset")}), unknown},
		{"the reply broke off", wrapped(&url.Error{Op: "Post", Err: io.ErrUnexpectedEOF}), unknown},
		{"it took too long", wrapped(context.DeadlineExceeded), unknown},
		{"it was called off", wrapped(context.Canceled), unknown},
		{"it was left behind", errors.New("the call took longer than 30s"), unknown},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := judge(tt.err); got != tt.want {
				t.Errorf("%v is %d, want %d", tt.err, got, tt.want)
			}
		})
	}
}

// What may have arrived once, may have for good.
func TestUnknownStays(t *testing.T) {
	d := store.Delivery{State: store.Unknown}
	if got := transient.state(&d); got != store.Unknown {
		t.Error(got)
	}
	d.State = store.Pending
	if got := transient.state(&d); got != store.Pending {
		t.Error(got)
	}
}

func TestWaits(t *testing.T) {
	l := &Lane{Random: func() float64 { return 1 }}
	for n, want := range map[int]time.Duration{1: 2 * time.Second, 2: 4 * time.Second, 7: 128 * time.Second, 8: 256 * time.Second, 9: 5 * time.Minute, 1_000_000: 5 * time.Minute} {
		if got := l.backoff(n); got != want {
			t.Errorf("after attempt %d: %s, want %s", n, got, want)
		}
	}
	for severity, want := range map[string]time.Duration{"critical": 24 * time.Hour, "": 24 * time.Hour, "warning": 6 * time.Hour, "info": time.Hour} {
		if got := lasts(severity); got != want {
			t.Errorf("%q lasts %s, want %s", severity, got, want)
		}
	}
}
