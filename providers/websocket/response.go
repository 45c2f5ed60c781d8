package websocket

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	maxHead      = 64 << 10 // bytes of a status line and its headers
	maxHeadLines = 100
	maxInterim   = 5 // answers of 1xx before the real one
)

// read reads the answer to the upgrade, passing over interim ones. What follows a 101
// stays in the reader: it is the first of the websocket's frames.
func (t *transport) read(in *bufio.Reader, req *http.Request) (*http.Response, error) {
	for range maxInterim + 1 {
		head, err := t.readHead(in)
		if err != nil {
			return nil, err
		}
		// The head is complete, so that only a body is read from in itself.
		rest := bufio.NewReaderSize(io.MultiReader(bytes.NewReader(head), in), len(head))
		response, err := http.ReadResponse(rest, req)
		if err != nil {
			return nil, fault(NotHTTP, err, "the answer to the upgrade is not HTTP: %s", t.begins(head))
		}
		if response.StatusCode/100 != 1 || response.StatusCode == http.StatusSwitchingProtocols {
			return response, nil
		}
	}
	return nil, fault(HandshakeInvalid, nil, "the server sent more than %d interim answers", maxInterim)
}

// readHead reads up to the empty line behind the headers.
func (t *transport) readHead(in *bufio.Reader) ([]byte, error) {
	var head []byte
	for lines := 0; ; {
		part, err := in.ReadSlice('\n')
		head = append(head, part...)
		if begins := head[:min(len(head), 5)]; !strings.HasPrefix("HTTP/", string(begins)) {
			return nil, fault(NotHTTP, nil, "the answer to the upgrade is not HTTP: %s", t.begins(head))
		}
		switch {
		case len(head) > maxHead:
			return nil, fault(HandshakeInvalid, nil, "the headers of the answer are larger than %d bytes", maxHead)
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case err != nil:
			return nil, err
		}
		if lines++; lines > maxHeadLines+1 {
			return nil, fault(HandshakeInvalid, nil, "the answer has more than %d header lines", maxHeadLines)
		}
		if len(bytes.TrimRight(part, "\r\n")) == 0 && bytes.HasSuffix(head, []byte("\n"+string(part))) {
			return head, nil
		}
	}
}

func (t *transport) begins(text []byte) string { return t.veil().begins(text) }

// upgradeFault is the error where no answer could be read.
func (t *transport) upgradeFault(ctx context.Context, err error) *Error {
	if ctx.Err() != nil {
		return cancelled(ctx, "upgrade")
	}
	if own, ok := errors.AsType[*Error](err); ok {
		return own
	}
	switch {
	case t.secured != nil && t.secured.turnedAway(err):
		return t.secured.fault(ctx, err)
	case timedOut(err):
		return fault(HandshakeTimeout, err, "connected, but the server did not answer the upgrade in time")
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return fault(ConnectionLost, err, "the server ended the connection without answering the upgrade").in("upgrade")
	case wasReset(err):
		return fault(ConnectReset, err, "the server reset the connection instead of answering the upgrade").in("upgrade")
	}
	if t.secured != nil {
		return t.secured.fault(ctx, err)
	}
	return fault(ConnectionLost, err, "the connection was lost before the upgrade was answered: %v", err).in("upgrade")
}

// check says what is wrong with an answer (RFC 6455 §4.1).
func (t *transport) check(ctx context.Context, response *http.Response, req *http.Request) error {
	if response.StatusCode != http.StatusSwitchingProtocols {
		t.body = t.readBody(response)
		if response.StatusCode == http.StatusUnauthorized {
			t.shared.forget(t.tokenKey)
		}
		if ctx.Err() != nil {
			return cancelled(ctx, "upgrade")
		}
		return statusFault(response, t.set, t.now())
	}
	h := response.Header
	switch {
	case !hasToken(h, "Upgrade", "websocket"):
		return fault(HandshakeInvalid, nil, "the server answered 101 without \"Upgrade: websocket\"")
	case !hasToken(h, "Connection", "upgrade"):
		return fault(HandshakeInvalid, nil, "the server answered 101 without \"Connection: Upgrade\"")
	}
	var err error
	if t.deflate, err = t.checkExtensions(h); err != nil {
		return err
	}
	if err := t.checkAccept(h, req.Header.Get("Sec-WebSocket-Key")); err != nil {
		return err
	}
	if t.hops > 0 {
		// The library compares with its own key, which went to the first server.
		h.Set("Sec-WebSocket-Accept", acceptOf(t.key))
	}
	return t.checkSubprotocol(h)
}

// checkAccept compares the proof that the server has read our key. The library makes
// the same check, so that a wrong one that we let pass has to be mended.
func (t *transport) checkAccept(h http.Header, key string) error {
	want := acceptOf(key)
	if got := h["Sec-Websocket-Accept"]; len(got) == 1 && got[0] == want {
		return nil
	}
	if !t.set.verifyAccept {
		h.Set("Sec-WebSocket-Accept", want)
		return nil
	}
	if h.Get("Sec-WebSocket-Accept") == "" {
		return fault(HandshakeInvalid, nil, "the server answered 101 without Sec-WebSocket-Accept")
	}
	return fault(HandshakeInvalid, nil, "the server answered 101 with a wrong Sec-WebSocket-Accept")
}

// acceptOf is the proof for a key (RFC 6455 §4.2.2).
func acceptOf(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}

func (t *transport) checkSubprotocol(h http.Header) error {
	chosen := h["Sec-Websocket-Protocol"]
	switch {
	case len(chosen) == 1 && chosen[0] != "" && chosen[0] == t.tokenProtocol:
		h.Del("Sec-WebSocket-Protocol") // the library was not told of it, and nobody else is
	case len(chosen) > 1, len(chosen) == 1 && !slices.Contains(t.set.subprotocols, chosen[0]):
		return fault(HandshakeInvalid, nil, "the server chose a subprotocol that was not offered: %s", strings.Join(chosen, ", "))
	case len(chosen) == 0 && t.set.requireSubprotocol:
		return fault(SubprotocolMissing, nil, "the server chose none of the subprotocols offered (%s)", strings.Join(t.set.subprotocols, ", "))
	}
	return nil
}

// hasToken says whether a header that is a list has an element, in any case.
func hasToken(h http.Header, name, token string) bool {
	for _, line := range h[name] {
		for element := range strings.SplitSeq(line, ",") {
			if strings.EqualFold(strings.TrimSpace(element), token) {
				return true
			}
		}
	}
	return false
}

// statuses say in a word what an answer other than 101 means.
var statuses = sync.OnceValue(func() map[int]string {
	return map[int]string{
		200: "not_upgraded", 401: "unauthorized", 403: "forbidden", 404: "not_found", 426: "upgrade_required",
		429: "rate_limited", 502: "unavailable", 503: "unavailable", 504: "unavailable",
	}
})

// statusFault is the error for an answer other than 101.
func statusFault(response *http.Response, set *settings, now time.Time) *Error {
	code := response.StatusCode
	text := http.StatusText(code)
	e := fault(HandshakeStatus, nil, "the server answered %s instead of upgrading", strings.TrimSpace(fmt.Sprint(code, " ", text)))
	e.Status = code
	e.Retryable = code == 408 || code == 425 || code == 429 || code >= 500
	e.Detail = statuses()[code]
	if code/100 == 3 {
		e.Detail = "redirect"
		e.Problem += " (a redirect, which is not followed)"
	}
	if code == http.StatusTooManyRequests || code == http.StatusServiceUnavailable {
		e.RetryAfter = retryAfter(response.Header.Get("Retry-After"), now)
	}
	return e
}

// retryAfter reads seconds or a date (RFC 9110 §10.2.3); 0 is neither.
func retryAfter(text string, now time.Time) time.Duration {
	if n, err := strconv.ParseUint(text, 10, 31); err == nil {
		return time.Duration(n) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(at.Sub(now), 0)
	}
	return 0
}
