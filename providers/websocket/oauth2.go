package websocket

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"tocsin/providers"
	"tocsin/templating/value"
)

// OAuth2 fetches a bearer token with the client credentials grant (RFC 6749 §4.4).
type OAuth2 struct {
	Enabled        *bool            `param:"enabled" doc:"Whether a token is fetched; the rest is ignored if not."`
	ClientKey      string           `param:"client_key" doc:"Who asks: the client's identifier."`
	ClientSecret   providers.Secret `param:"client_secret" doc:"The client's secret."`
	TokenURL       string           `param:"token_url" doc:"Where tokens are to be had; it is reached as the server is, through the same proxy and with the same TLS settings."`
	Scopes         []string         `param:"scopes" doc:"What for."`
	EndpointParams *value.Map       `param:"endpoint_params" doc:"Further parameters of the request for a token: a text or a list of texts each."`
}

// oauth2 is a checked OAuth2.
type oauth2 struct {
	key, secret string
	endpoint    target
	form        url.Values // beside the credentials
}

func (p Credentials) oauth2(s *settings) (authorizer, error) {
	c := p.OAuth2
	if c == nil || !or(c.Enabled, false) {
		return nil, nil
	}
	o := oauth2{key: c.ClientKey, secret: string(c.ClientSecret), form: url.Values{"grant_type": {"client_credentials"}}}
	s.hide(o.secret)
	switch {
	case o.key == "":
		return nil, invalid("oauth2.client_key is missing")
	case c.TokenURL == "":
		return nil, invalid("oauth2.token_url is missing")
	}
	var err error
	if u, _ := url.Parse(c.TokenURL); u == nil || u.Scheme != "http" && u.Scheme != "https" {
		return nil, invalid("oauth2.token_url is not an address of http or https")
	}
	if o.endpoint, err = parseTarget(c.TokenURL); err != nil {
		return nil, invalid("oauth2.token_url: %v", err)
	}
	s.hideAddress(o.endpoint.query)
	if !o.endpoint.secure {
		s.warn("oauth2.token_url is not https: the client's secret goes to it for everybody on the way to read")
	}
	if len(c.Scopes) > 0 {
		o.form.Set("scope", strings.Join(c.Scopes, " "))
	}
	for name, v := range c.EndpointParams.All() {
		items, ok := v.([]any)
		if !ok {
			items = []any{v}
		}
		for _, item := range items {
			o.form.Add(name, value.Text(item))
		}
		if looksSecret(name) {
			s.hide(o.form[name]...)
		}
	}
	return o, nil
}

func (o oauth2) authorize(ctx context.Context, t *transport) (string, error) {
	limit, cancel := context.WithDeadline(ctx, t.deadline)
	defer cancel()
	text, err := t.shared.token(limit, o.cacheKey(), t.now, func() (fetched, error) { return o.fetch(ctx, t) })
	switch {
	case err != nil && ctx.Err() != nil:
		return "", cancelled(ctx, "auth")
	case err != nil && limit.Err() != nil && errors.Is(err, limit.Err()):
		return "", authFault(o.endpoint.redacted, err, true, "it did not answer in time")
	case err != nil:
		return "", err
	}
	t.tokenKey = o.cacheKey()
	t.hide(text)
	return "Bearer " + text, nil
}

func (o oauth2) cacheKey() string {
	return strings.Join([]string{o.endpoint.url, o.key, o.secret, o.form.Encode()}, "\x00")
}

// early is how long before its end a token is not used any more.
const early = 30 * time.Second

// fetched is a token and when to fetch the next.
type fetched struct {
	text  string
	until time.Time // zero: not to be kept
}

// tokens are those that were fetched, by what they were asked for with.
type tokens struct {
	mu    sync.Mutex
	slots map[string]*tokenSlot
}

// A tokenSlot is where one token is kept. Whoever fetches it holds the slot, so that the
// others wait for that instead of fetching too.
type tokenSlot struct {
	free  chan struct{} // has one element while nobody holds the slot
	token fetched
}

// token is the one that is kept under key, or a new one. The error is ctx's where another
// caller fetches it for longer than that.
func (s *shared) token(ctx context.Context, key string, now func() time.Time, fetch func() (fetched, error)) (string, error) {
	if s == nil {
		token, err := fetch()
		return token.text, err
	}
	slot := s.tokens.slot(key)
	select {
	case <-slot.free:
	case <-ctx.Done():
		return "", ctx.Err()
	}
	defer func() { slot.free <- struct{}{} }()
	if now().Before(slot.token.until) {
		return slot.token.text, nil
	}
	token, err := fetch()
	if err != nil {
		return "", err
	}
	slot.token = token
	return token.text, nil
}

// manyTokens is how many are kept. There are as many as there are different parameters.
const manyTokens = 100

func (k *tokens) slot(key string) *tokenSlot {
	k.mu.Lock()
	defer k.mu.Unlock()
	if slot, ok := k.slots[key]; ok {
		return slot
	}
	if k.slots == nil || len(k.slots) >= manyTokens {
		k.slots = map[string]*tokenSlot{}
	}
	slot := &tokenSlot{free: make(chan struct{}, 1)}
	slot.free <- struct{}{}
	k.slots[key] = slot
	return slot
}

// forget drops the token of that key, which a server did not accept.
func (s *shared) forget(key string) {
	if s == nil || key == "" {
		return
	}
	s.tokens.mu.Lock()
	defer s.tokens.mu.Unlock()
	delete(s.tokens.slots, key)
}

// fetch asks for a token: with the credentials in a header, as servers have to support
// it (RFC 6749 §2.3.1), and if that is refused in the body, as some want it.
func (o oauth2) fetch(ctx context.Context, t *transport) (fetched, error) {
	answer, err := o.ask(ctx, t, true)
	if err == nil && (answer.status == http.StatusUnauthorized || answer.status == http.StatusBadRequest) && answer.Error == "invalid_client" {
		answer, err = o.ask(ctx, t, false)
	}
	if err != nil {
		return fetched{}, err
	}
	switch {
	case answer.status != http.StatusOK:
		return fetched{}, answer.refusal(o.endpoint.redacted)
	case answer.AccessToken == "" || control(answer.AccessToken):
		return fetched{}, authFault(o.endpoint.redacted, nil, true, "its answer has no token in it")
	case answer.TokenType != "" && !strings.EqualFold(answer.TokenType, "bearer"):
		return fetched{}, authFault(o.endpoint.redacted, nil, false, "the token is of the type %q, not a bearer token", answer.TokenType)
	}
	token := fetched{text: answer.AccessToken}
	if seconds, err := answer.ExpiresIn.Float64(); err == nil && seconds > 0 && seconds < 1<<31 {
		token.until = t.now().Add(time.Duration(seconds*float64(time.Second)) - early)
	}
	return token, nil
}

// tokenAnswer is RFC 6749 §5.
type tokenAnswer struct {
	status      int
	AccessToken string      `json:"access_token"`
	TokenType   string      `json:"token_type"`
	ExpiresIn   json.Number `json:"expires_in"` // or the text of a number
	Error       string      `json:"error"`
	Description string      `json:"error_description"`
}

func (a tokenAnswer) refusal(where string) *Error {
	said := a.Error
	if a.Description != "" {
		said += ": " + a.Description
	}
	again := a.status >= 500 || a.status == 429 || a.status == 408
	e := authFault(where, nil, again, "it answered %s", strings.TrimSpace(fmt.Sprint(a.status, " ", http.StatusText(a.status))))
	if said != "" {
		e.Problem += " (" + said + ")"
	}
	e.Status, e.Detail = a.status, said
	return e
}

// authFault is the error where no token can be had.
func authFault(where string, cause error, again bool, format string, args ...any) *Error {
	e := fault(AuthFailed, cause, "no token from "+httpURL(where)+": "+format, args...)
	e.Retryable = again
	return e
}

// httpURL shows an address of ours as one of HTTP.
func httpURL(address string) string { return "http" + strings.TrimPrefix(address, "ws") }

// maxToken is how long an answer with a token may be.
const maxToken = 1 << 20

// ask makes one request for a token.
func (o oauth2) ask(ctx context.Context, t *transport, inHeader bool) (tokenAnswer, error) {
	form := url.Values{}
	for name, values := range o.form {
		form[name] = slices.Clone(values)
	}
	if !inHeader {
		form.Set("client_id", o.key)
		form.Set("client_secret", o.secret)
	}
	body := form.Encode()
	address := httpURL(o.endpoint.url)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(body))
	if err != nil {
		return tokenAnswer{}, fault(Internal, err, "the request for a token could not be made")
	}
	req.Close = true
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", userAgent)
	if inHeader {
		credentials := base64.StdEncoding.EncodeToString([]byte(url.QueryEscape(o.key) + ":" + url.QueryEscape(o.secret)))
		t.hide(credentials)
		req.Header.Set("Authorization", "Basic "+credentials)
	}
	return o.exchange(ctx, t.aside(o.endpoint), req)
}

// exchange sends req over a connection of its own, for which t is.
func (o oauth2) exchange(ctx context.Context, t *transport, req *http.Request) (answer tokenAnswer, err error) {
	where := o.endpoint.redacted
	conn, err := t.connect(ctx)
	if err != nil {
		return answer, tokenFault(where, err)
	}
	defer t.raw.Close()
	defer t.release()
	t.leash.until(earlier(t.deadline, time.Now().Add(t.set.handshakeTimeout)))
	var out bytes.Buffer
	if err := req.Write(&out); err != nil {
		return answer, fault(Internal, err, "the request for a token could not be made")
	}
	_, _ = conn.Write(out.Bytes()) // if this fails, so does reading
	response, err := t.read(bufio.NewReader(conn), req)
	if err != nil {
		return answer, tokenFault(where, t.upgradeFault(ctx, err))
	}
	answer.status = response.StatusCode
	text, err := io.ReadAll(io.LimitReader(response.Body, maxToken))
	switch {
	case ctx.Err() != nil:
		return answer, cancelled(ctx, "auth")
	case err != nil:
		return answer, authFault(where, err, true, "its answer was cut off")
	}
	return answer, answer.read(where, text, response.Header.Get("Content-Type"))
}

// read reads an answer, which is JSON, or a form from servers older than the standard.
func (a *tokenAnswer) read(where string, text []byte, contentType string) error {
	if kind, _, _ := mime.ParseMediaType(contentType); kind == "application/x-www-form-urlencoded" {
		if form, err := url.ParseQuery(string(text)); err == nil {
			a.AccessToken, a.TokenType = form.Get("access_token"), form.Get("token_type")
			a.ExpiresIn, a.Error, a.Description = json.Number(form.Get("expires_in")), form.Get("error"), form.Get("error_description")
			return nil
		}
	}
	if err := json.Unmarshal(text, a); err != nil && a.status == http.StatusOK {
		return authFault(where, nil, true, "its answer is not JSON")
	}
	return nil
}

// tokenFault says of an error on the way to a token what it was for.
func tokenFault(where string, err error) error {
	own, ok := asError(err)
	if !ok || own.Code == Cancelled || own.Code == BlockedAddress || own.Code == ConfigInvalid {
		return err
	}
	return authFault(where, own, own.Retryable, "%s", own.Problem).detailed("%s", own.Code)
}
