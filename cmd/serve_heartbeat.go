package cmd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// A heartbeat tells somebody else that the program is well, by calling a URL of theirs
// every so often; that it has stopped is how they learn that it is not. It is what
// services such as healthchecks.io and Uptime Kuma (push) wait for.
type heartbeat struct {
	url    string // it may have a key in it: it is not logged
	every  time.Duration
	client *http.Client
	unwell func(context.Context) []string // why not to call; none: all is well
	log    *slog.Logger

	withheld, unheard bool // what was said last
}

const (
	beatTimeout = 10 * time.Second
	beatTries   = 3
)

// newHeartbeat is nil where nobody is to be told.
func (f *fleet) newHeartbeat() (*heartbeat, error) {
	address := cmp.Or(f.beatURL, f.getenv("TOCSIN_HEARTBEAT_URL"))
	if address == "" {
		return nil, nil
	}
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		return nil, usage("give the URL that the service shows, as in TOCSIN_HEARTBEAT_URL", "the heartbeat has no address") // not the text: it may have a key
	case f.beatEvery < time.Second:
		return nil, usage("", "--heartbeat-every is at least 1s, not %s", f.beatEvery)
	}
	return &heartbeat{url: address, every: f.beatEvery, client: f.env.Dialer.Client(), unwell: f.unwell, log: f.log}, nil
}

// heartbeat is the part of serve that does it.
func (f *fleet) heartbeat(ctx context.Context) error {
	if f.beat != nil {
		f.beat.run(ctx)
	}
	return nil
}

// unwell is what is wrong, after the store was asked to write something.
func (f *fleet) unwell(ctx context.Context) []string {
	words := f.api.Unwell()
	ctx, cancel := context.WithTimeout(ctx, beatTimeout)
	defer cancel()
	if err := f.store.SetMeta(ctx, "heartbeat", time.Now().UTC()); err != nil {
		words = append(words, "the store does not take what happens: "+err.Error())
	}
	return words
}

// run calls until ctx is done.
func (h *heartbeat) run(ctx context.Context) {
	defer h.client.CloseIdleConnections()
	wait := min(h.every, 5*time.Second) // for the clock to have started
	for {
		t := time.NewTimer(wait)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return
		}
		h.once(ctx)
		wait = h.every
	}
}

// once calls if all is well, a few times if nobody answers.
func (h *heartbeat) once(ctx context.Context) {
	if words := h.unwell(ctx); len(words) > 0 {
		if !h.withheld {
			h.log.Error("the heartbeat is withheld", "reason", strings.Join(words, "; "))
		}
		h.withheld = true
		return
	}
	if h.withheld {
		h.log.Info("all is well again: the heartbeat goes on")
	}
	h.withheld = false
	pause := min(h.every/10, 5*time.Second)
	var err error
	for range beatTries {
		if err = h.call(ctx); err == nil || ctx.Err() != nil {
			break
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
	}
	if err != nil && ctx.Err() == nil && !h.unheard {
		h.log.Warn("nobody hears the heartbeat", "error", err)
	}
	h.unheard = err != nil
}

// call makes one request. Its errors name the host and nothing else of the URL.
func (h *heartbeat) call(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, min(beatTimeout, h.every))
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, h.url, http.NoBody)
	if err != nil {
		return errors.New("the heartbeat has no address")
	}
	req.Header.Set("User-Agent", "tocsin/"+version().Version)
	resp, err := h.client.Do(req)
	if err != nil {
		var outer *url.Error
		if errors.As(err, &outer) {
			err = outer.Err
		}
		return fmt.Errorf("%s: %w", req.URL.Host, err)
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10))
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("%s: %s", req.URL.Host, resp.Status)
	}
	return nil
}
