package websocket

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// A redirection is an answer that sends us elsewhere, and that we follow.
type redirection struct{ to target }

func (r *redirection) Error() string { return "redirected to " + r.to.redacted }

// redirected says what to do about an answer: nil for nothing, a *redirection, or the
// *Error that it is not followed.
func (t *transport) redirected(response *http.Response) error {
	location := response.Header.Get("Location")
	switch response.StatusCode {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
	default:
		return nil
	}
	if t.set.maxRedirects == 0 || location == "" || slices.Contains(t.set.expectStatus, response.StatusCode) {
		return nil
	}
	if t.hops >= t.set.maxRedirects {
		return t.noRedirect(response, "the server redirects more often than max_redirects allows")
	}
	to, err := resolveTarget(t.to, location)
	switch {
	case err != nil:
		return t.noRedirect(response, "the server redirects to what is no address of a websocket")
	case t.to.secure && !to.secure:
		return t.noRedirect(response, "the server redirects from wss to ws, which is not followed")
	}
	return &redirection{to}
}

func (t *transport) noRedirect(response *http.Response, why string) *Error {
	e := statusFault(response, t.set, t.now())
	e.Problem = why
	return e
}

// resolveTarget is where a Location leads from a target. User info in it is left out:
// nobody here has chosen to be that user.
func resolveTarget(from target, location string) (target, error) {
	base, err := url.Parse(httpURL(from.url))
	if err != nil {
		return target{}, err
	}
	u, err := base.Parse(location)
	if err != nil {
		return target{}, err
	}
	u.User, u.Fragment, u.RawFragment = nil, "", ""
	return parseTarget(u.String())
}

// sameOrigin says that two targets are one server (RFC 6454): scheme, host and port.
func sameOrigin(a, b target) bool {
	return a.secure == b.secure && a.port == b.port && strings.EqualFold(strings.TrimSuffix(a.host, "."), strings.TrimSuffix(b.host, "."))
}

// follow goes where a redirection leads. Who has once been sent to another origin is
// told no secrets any more, not even if it sends us back.
func (t *transport) follow(to target) {
	t.hops++
	t.strange = t.strange || !sameOrigin(to, t.set.target)
	t.to = to
}

// newKey is a Sec-WebSocket-Key (RFC 6455 §4.1), for requests that are not the first.
func newKey() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return base64.StdEncoding.EncodeToString(b[:])
}

// asError is err as one of ours.
func asError(err error) (*Error, bool) { return errors.AsType[*Error](err) }
