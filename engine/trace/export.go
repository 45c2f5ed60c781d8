package trace

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"
)

// An Exporter takes spans and posts them to a collector, some at a time. Config and
// Client are required. That nobody takes them harms no run: they are kept for as long as
// there is room, then dropped, which the log has.
type Exporter struct {
	Config Config
	Client *http.Client
	Log    *slog.Logger // nil: nothing is logged

	once    sync.Once
	wake    chan struct{} // enough waits for a request
	mu      sync.Mutex
	waiting []Span
	dropped int // since it was said last
}

const (
	firstWait = time.Second // before a request is repeated; then twice that, and so on
	longest   = 30 * time.Second
	patience  = time.Minute // after which its spans are dropped
	farewell  = 5 * time.Second
	maxAnswer = 64 << 10
)

func (x *Exporter) open() {
	x.once.Do(func() {
		x.wake = make(chan struct{}, 1)
		if x.Log == nil {
			x.Log = slog.New(slog.DiscardHandler)
		}
	})
}

// Take takes a span. It does not block, and may be called from many goroutines.
func (x *Exporter) Take(s Span) {
	x.open()
	x.mu.Lock()
	defer x.mu.Unlock()
	if len(x.waiting) >= x.Config.Queue {
		x.dropped++
		return
	}
	x.waiting = append(x.waiting, s)
	if len(x.waiting) == x.Config.Batch {
		select {
		case x.wake <- struct{}{}:
		default:
		}
	}
}

// Run sends what it is given until ctx is done, and then, for five seconds at most, what
// is left. It always returns nil.
func (x *Exporter) Run(ctx context.Context) error {
	x.open()
	tick := time.NewTicker(x.Config.Delay)
	defer tick.Stop()
	for ctx.Err() == nil {
		select {
		case <-tick.C:
		case <-x.wake:
		case <-ctx.Done():
		}
		x.flush(ctx, patience)
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), min(farewell, x.Config.Timeout))
	defer cancel()
	x.flush(last, 0)
	x.mu.Lock()
	defer x.mu.Unlock()
	if left := len(x.waiting) + x.dropped; left > 0 {
		x.Log.Warn("spans are dropped: the program ends", "spans", left)
	}
	return nil
}

// flush sends all that waits, each request for so long. What cannot be sent because ctx
// is done stays.
func (x *Exporter) flush(ctx context.Context, patience time.Duration) {
	for ctx.Err() == nil {
		batch := x.take()
		if len(batch) == 0 {
			return
		}
		err := x.send(ctx, batch, patience)
		if err != nil && ctx.Err() != nil {
			x.back(batch)
		} else if err != nil {
			x.Log.Warn("spans are dropped: the collector does not take them", "spans", len(batch), "error", err)
		}
	}
}

// take is what goes into the next request.
func (x *Exporter) take() []Span {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.dropped > 0 {
		x.Log.Warn("spans were dropped: too many waited for the collector", "spans", x.dropped)
		x.dropped = 0
	}
	n := min(len(x.waiting), x.Config.Batch)
	batch := x.waiting[:n:n]
	x.waiting = x.waiting[n:]
	return batch
}

// back puts spans back that could not be sent, as far as there is room.
func (x *Exporter) back(batch []Span) {
	x.mu.Lock()
	defer x.mu.Unlock()
	room := max(0, x.Config.Queue-len(x.waiting))
	batch = batch[max(0, len(batch)-room):]
	x.waiting = append(batch[:len(batch):len(batch)], x.waiting...)
}

// send posts spans, again and again for so long where that may help (OTLP, "Retryable
// Response Codes").
func (x *Exporter) send(ctx context.Context, batch []Span, patience time.Duration) error {
	body, err := x.body(batch)
	if err != nil {
		return err
	}
	begun := time.Now()
	for wait := firstWait; ; wait = min(2*wait, longest) {
		err := x.post(ctx, body)
		var later *laterError
		if err == nil || !errors.As(err, &later) {
			return err
		}
		pause := max(later.after, wait/2+rand.N(wait/2))
		if time.Since(begun)+pause > patience {
			return err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return err
		}
	}
}

func (x *Exporter) body(batch []Span) ([]byte, error) {
	text, err := encode(&x.Config, batch)
	if err != nil || !x.Config.Gzip {
		return text, err
	}
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, err = w.Write(text)
	err = errors.Join(err, w.Close())
	return packed.Bytes(), err
}

// A laterError is one that may pass.
type laterError struct {
	after time.Duration
	err   error
}

func (e *laterError) Error() string { return e.err.Error() }

// post makes one request. Its errors name the host and nothing else of the address.
func (x *Exporter) post(ctx context.Context, body []byte) error {
	ctx, cancel := context.WithTimeout(ctx, x.Config.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, x.Config.Endpoint, bytes.NewReader(body))
	if err != nil {
		return err
	}
	for name, v := range x.Config.Header {
		req.Header[name] = v
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "tocsin/"+x.Config.Version)
	if x.Config.Gzip {
		req.Header.Set("Content-Encoding", "gzip")
	}
	resp, err := x.Client.Do(req)
	if err != nil {
		var outer *url.Error
		if errors.As(err, &outer) {
			err = outer.Err
		}
		return &laterError{0, fmt.Errorf("%s: %w", req.URL.Host, err)}
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(resp.Body, maxAnswer)) // the status is what counts
	return x.judge(req.URL.Host, resp, text)
}

func (x *Exporter) judge(host string, resp *http.Response, text []byte) error {
	switch resp.StatusCode {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		seconds, _ := strconv.Atoi(resp.Header.Get("Retry-After"))
		return &laterError{time.Duration(min(max(seconds, 0), 3600)) * time.Second, fmt.Errorf("%s: %s", host, resp.Status)}
	}
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("%s: %s", host, resp.Status)
	}
	var said struct {
		PartialSuccess struct {
			RejectedSpans json.Number `json:"rejectedSpans"`
			ErrorMessage  string      `json:"errorMessage"`
		} `json:"partialSuccess"`
	}
	if json.Unmarshal(text, &said) == nil && (said.PartialSuccess.RejectedSpans != "" && said.PartialSuccess.RejectedSpans != "0" || said.PartialSuccess.ErrorMessage != "") {
		x.Log.Warn("the collector did not take all spans", "rejected", said.PartialSuccess.RejectedSpans.String(), "reason", x.Config.short(said.PartialSuccess.ErrorMessage))
	}
	return nil
}

// Poster posts to collectors over a transport, nil: the standard library's own. It follows
// no redirects: a collector that has moved is not one that the keys were given for.
func Poster(over http.RoundTripper) *http.Client {
	return &http.Client{Transport: over, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}
