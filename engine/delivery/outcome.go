package delivery

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"syscall"
	"time"

	"tocsin/engine/store"
	"tocsin/providers"
	"tocsin/workflows/source"
)

// An outcome is what an attempt came to (reliability §4).
type outcome int

const (
	confirmed outcome = iota
	transient         // it did not arrive, and may the next time
	unknown           // it may have arrived: again, with the same key
	throttled         // the destination wants to be left alone
	denied            // the credentials are wrong: everything to the destination waits
	permanent         // it would come out the same each time
)

// judge is what err says of the attempt that it ended.
func judge(err error) outcome {
	var problems source.Problems
	var failed *providers.Error
	switch {
	case err == nil:
		return confirmed
	case errors.As(err, &problems), errors.Is(err, providers.ErrUnsupported):
		return permanent
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return unknown
	case !errors.As(err, &failed):
		return unknown // it was left behind, or took the caller along
	case failed.Status != 0:
		return judgeStatus(failed)
	case failed.Temporary && failed.After > 0:
		return throttled
	}
	return judgeNetwork(err, failed.Temporary)
}

func judgeStatus(e *providers.Error) outcome {
	switch {
	case e.Status == http.StatusTooManyRequests, e.Temporary && e.After > 0:
		return throttled
	case e.Status == http.StatusUnauthorized, e.Status == http.StatusForbidden, e.Status == http.StatusProxyAuthRequired:
		return denied
	case e.Status == http.StatusBadGateway, e.Status == http.StatusGatewayTimeout, e.Status == http.StatusRequestTimeout:
		return unknown // somebody behind it may have taken it
	case e.Temporary, e.Status >= 500 && e.Status != http.StatusNotImplemented && e.Status != http.StatusHTTPVersionNotSupported:
		return transient
	}
	return permanent
}

// judgeNetwork tells what was never sent from what may have been.
func judgeNetwork(err error, temporary bool) outcome {
	var op *net.OpError
	var dns *net.DNSError
	var certificate *tls.CertificateVerificationError
	var request *url.Error
	switch {
	case errors.As(err, &op) && op.Op == "dial", errors.As(err, &dns), errors.As(err, &certificate), errors.Is(err, syscall.ECONNREFUSED):
		return transient
	case errors.As(err, &op), errors.As(err, &request), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return unknown
	case temporary:
		return transient
	}
	return permanent
}

// state is that of a message after an attempt that it survived.
func (o outcome) state(d *store.Delivery) store.State {
	if o == unknown || d.State == store.Unknown {
		return store.Unknown // an earlier attempt may have arrived still
	}
	return store.Pending
}

// asked is how long the other side wants to be left alone; 0: it does not say.
func asked(err error) time.Duration {
	var failed *providers.Error
	if errors.As(err, &failed) {
		return failed.After
	}
	return 0
}

// Waits (reliability §4).
const (
	firstWait = 2 * time.Second
	mostWait  = 5 * time.Minute
	leastAsk  = time.Second
	mostAsk   = 15 * time.Minute
)

// ceiling is the longest wait before the attempt after the n-th, from 1.
func ceiling(n int) time.Duration {
	wait := firstWait
	for ; n > 1 && wait < mostWait; n-- {
		wait *= 2
	}
	return min(wait, mostWait)
}

// backoff is a random part of that: full jitter.
func (l *Lane) backoff(n int) time.Duration {
	return time.Duration(l.random() * float64(ceiling(n)))
}

// clamped is a wait that the other side asks for, as far as it is heard.
func clamped(wait time.Duration) time.Duration { return min(max(wait, leastAsk), mostAsk) }

// denial is how long a destination is left alone that has denied n times in a row.
func denial(n int) time.Duration {
	return []time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute}[min(max(n, 1), 3)-1]
}

// lasts is for how long a message is of use. Where nobody has said how bad it is, that
// is as long as the worst.
func lasts(severity string) time.Duration {
	switch severity {
	case "info", "low":
		return time.Hour
	case "warning":
		return 6 * time.Hour
	}
	return 24 * time.Hour
}
