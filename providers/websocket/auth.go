package websocket

import (
	"context"
	"crypto"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"tocsin/providers"
)

// Credentials are the ways to say who asks (spec/websocket.md §2.6). Each makes the
// Authorization header, so that one counts: the last that is there of bearer_token,
// oauth2, oauth, jwt, the user of the address and basic_auth.
type Credentials struct {
	BearerToken     providers.Secret `param:"bearer_token" doc:"Token to send as Authorization: Bearer."`
	BearerTokenFile string           `param:"bearer_token_file" host:"file" doc:"File of such a token, read for each connection."`
	OAuth2          *OAuth2          `param:"oauth2" doc:"Fetch a bearer token with OAuth 2 (client credentials)."`
	OAuth           *OAuth1          `param:"oauth" doc:"Sign the upgrade request with OAuth 1."`
	JWT             *JWT             `param:"jwt" doc:"Sign a JSON web token for each connection."`
	BasicAuth       *BasicAuth       `param:"basic_auth" doc:"User and password (RFC 7617)."`
}

// BasicAuth is a user and a password.
type BasicAuth struct {
	Enabled      *bool            `param:"enabled" doc:"Whether they are sent; the rest is ignored if not."`
	Username     string           `param:"username" doc:"Name, without a colon."`
	UsernameFile string           `param:"username_file" host:"file" doc:"File of the name, read for each connection."`
	Password     providers.Secret `param:"password" doc:"Password."`
	PasswordFile string           `param:"password_file" host:"file" doc:"File of the password, read for each connection."`
}

// An authorizer makes the value of the Authorization header, anew for each attempt.
type authorizer interface {
	authorize(context.Context, *transport) (string, error)
}

// auth is how an upgrade request says who asks.
type auth struct {
	who   authorizer // nil: it does not
	token *token     // a JWT that goes elsewhere than into a header
}

// setAuth decides on one of the ways, and warns of those that do not count.
func (p Credentials) setAuth(s *settings) error {
	chosen := ""
	if _, has := s.header["Authorization"]; has {
		chosen = "headers.Authorization"
	}
	for _, way := range []struct {
		name string
		set  func(Credentials, *settings) (authorizer, error)
	}{
		{"bearer_token", Credentials.bearer},
		{"oauth2", Credentials.oauth2},
		{"oauth", Credentials.oauth1},
		{"jwt", Credentials.jwt},
		{"the user of the address", Credentials.addressUser},
		{"basic_auth", Credentials.basic},
	} {
		a, err := way.set(p, s)
		if err != nil {
			return err
		}
		if a == nil {
			continue
		}
		if chosen != "" {
			s.warn("%s and %s are both given: only %s counts", chosen, way.name, way.name)
		}
		chosen, s.who = way.name, a
	}
	return nil
}

// A bearer is who has a token (RFC 6750).
type bearer struct{ token material }

func (p Credentials) bearer(s *settings) (authorizer, error) {
	m, err := materialOf("bearer_token", string(p.BearerToken), "bearer_token_file", p.BearerTokenFile)
	if err != nil || m.missing() {
		return nil, err
	}
	s.hide(m.text)
	if control(m.text) {
		return nil, invalid("bearer_token has a line break or another control character in it")
	}
	return bearer{m}, nil
}

func (b bearer) authorize(_ context.Context, t *transport) (string, error) {
	text, err := t.secret(b.token)
	return "Bearer " + text, err
}

// A user has a name and a password (RFC 7617).
type user struct{ name, password material }

// addressUser is wss://user:password@host.
func (Credentials) addressUser(s *settings) (authorizer, error) {
	given := s.target.user
	if given == nil {
		return nil, nil
	}
	password, _ := given.Password()
	s.hide(password)
	if control(given.Username() + password) {
		return nil, invalid("the user of the address has a control character in name or password")
	}
	return user{material{name: "the user of the address", text: given.Username()}, material{text: password}}, nil
}

func (p Credentials) basic(s *settings) (authorizer, error) {
	c := p.BasicAuth
	if c == nil || !or(c.Enabled, false) {
		return nil, nil
	}
	name, err := materialOf("basic_auth.username", c.Username, "basic_auth.username_file", c.UsernameFile)
	if err != nil {
		return nil, err
	}
	password, err := materialOf("basic_auth.password", string(c.Password), "basic_auth.password_file", c.PasswordFile)
	if err != nil {
		return nil, err
	}
	s.hide(password.text)
	switch {
	case control(name.text):
		return nil, invalid("basic_auth.username has a line break or another control character in it")
	case control(password.text):
		return nil, invalid("basic_auth.password has a line break or another control character in it")
	case strings.Contains(name.text, ":"):
		return nil, errColon(name)
	}
	return user{name, password}, nil
}

func (u user) authorize(_ context.Context, t *transport) (string, error) {
	name, err := u.name.line()
	if err != nil {
		return "", err
	}
	if strings.Contains(name, ":") {
		return "", errColon(u.name)
	}
	password, err := t.secret(u.password)
	return t.basicHeader(name, password), err
}

func errColon(name material) error {
	return invalid("%s has a colon in it, which ends the name (RFC 7617 §2)", name.title())
}

// basicHeader is RFC 7617 in UTF-8.
func (t *transport) basicHeader(user, password string) string {
	credentials := base64.StdEncoding.EncodeToString([]byte(user + ":" + password))
	t.hide(credentials)
	return "Basic " + credentials
}

// authorize adds to the request who asks, made anew for this attempt.
func (t *transport) authorize(ctx context.Context, req *http.Request) error {
	if who := t.set.who; who != nil {
		text, err := who.authorize(ctx, t)
		if err != nil {
			return err
		}
		req.Header.Set("Authorization", text)
	}
	if t.set.token == nil {
		return nil
	}
	text, err := t.set.token.make(t)
	if err != nil {
		return err
	}
	if t.set.token.in == "query" {
		u := *req.URL
		u.RawQuery = addQuery(u.RawQuery, t.set.token.name, text)
		req.URL = &u
		return nil
	}
	t.tokenProtocol = t.set.token.name + text
	offered := append(req.Header.Values("Sec-WebSocket-Protocol"), t.tokenProtocol)
	req.Header.Set("Sec-WebSocket-Protocol", strings.Join(offered, ", "))
	return nil
}

// addQuery adds a parameter, leaving the others as they were written.
func addQuery(query, name, value string) string {
	if query != "" {
		query += "&"
	}
	return query + url.QueryEscape(name) + "=" + url.QueryEscape(value)
}

// secret reads a material of one line that must not be shown.
func (t *transport) secret(m material) (string, error) {
	text, err := m.line()
	if err == nil && m.file != "" {
		t.conceal(text)
	}
	return text, err
}

// privateKey reads a key. It is decrypted again only if it has changed since the last
// attempt: that may take a second.
func (t *transport) privateKey(m material, password string) (crypto.Signer, error) {
	text, err := m.read()
	if err != nil {
		return nil, err
	}
	if m.file != "" {
		t.conceal(string(text))
	}
	return t.set.keys.get(string(text)+"\x00"+password, func() (crypto.Signer, error) {
		key, weak, err := privateKey(text, password, m.title())
		if weak != "" {
			t.warn(weak)
		}
		return key, err
	})
}

// A keyring remembers keys by what they were read from.
type keyring struct {
	mu   sync.Mutex
	keys map[[sha256.Size]byte]crypto.Signer
}

func (r *keyring) get(text string, read func() (crypto.Signer, error)) (crypto.Signer, error) {
	sum := sha256.Sum256([]byte(text))
	r.mu.Lock()
	defer r.mu.Unlock()
	if key, ok := r.keys[sum]; ok {
		return key, nil
	}
	key, err := read()
	if err != nil {
		return nil, err
	}
	if r.keys == nil || len(r.keys) > 16 {
		r.keys = map[[sha256.Size]byte]crypto.Signer{}
	}
	r.keys[sum] = key
	return key, nil
}
