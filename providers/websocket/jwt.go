package websocket

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/json"
	"maps"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"tocsin/providers"
	"tocsin/templating/value"
)

// JWT signs a token for each connection (RFC 7519).
type JWT struct {
	Enabled        *bool            `param:"enabled" doc:"Whether a token is made; the rest is ignored if not."`
	PrivateKeyFile string           `param:"private_key_file" host:"file" doc:"File of the key to sign with (PEM), read for each connection."`
	PrivateKey     providers.Secret `param:"private_key" doc:"The key itself."`
	PrivateKeyPass providers.Secret `param:"private_key_password" doc:"Password of the key, if it is encrypted."`
	Secret         providers.Secret `param:"secret" doc:"Key for HS256, HS384 and HS512."`
	SigningMethod  string           `param:"signing_method" doc:"RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA, HS256, HS384 or HS512."`
	Claims         *value.Map       `param:"claims" doc:"What the token says, sent as written."`
	Headers        *value.Map       `param:"headers" doc:"Further fields of the token's header, such as kid."`
	ExpiresIn      *time.Duration   `param:"expires_in" doc:"Adds iat, and exp so much later, unless claims have them."`
	IssuedAt       *bool            `param:"issued_at" doc:"Adds iat, unless claims have it."`
	In             *string          `param:"in" doc:"Where it goes: header (Authorization: Bearer), query:NAME or subprotocol:PREFIX; header if absent."`
}

// token is a checked JWT.
type token struct {
	method   jwt.SigningMethod
	secret   []byte
	key      material
	password string
	claims   *value.Map
	headers  *value.Map
	lives    time.Duration // 0: no exp of ours
	issued   bool          // add iat
	in, name string        // header, query or subprotocol; the query's name or the subprotocol's prefix
}

// jwtMethods are the methods that may sign. "none" is not one of them.
var jwtMethods = []jwt.SigningMethod{
	jwt.SigningMethodRS256, jwt.SigningMethodRS384, jwt.SigningMethodRS512,
	jwt.SigningMethodPS256, jwt.SigningMethodPS384, jwt.SigningMethodPS512,
	jwt.SigningMethodES256, jwt.SigningMethodES384, jwt.SigningMethodES512,
	jwt.SigningMethodEdDSA,
	jwt.SigningMethodHS256, jwt.SigningMethodHS384, jwt.SigningMethodHS512,
}

func (p Credentials) jwt(s *settings) (authorizer, error) {
	c := p.JWT
	if c == nil || !or(c.Enabled, false) {
		return nil, nil
	}
	k := token{claims: c.Claims, headers: c.Headers, password: string(c.PrivateKeyPass), secret: []byte(c.Secret)}
	s.hide(string(c.PrivateKey), k.password, string(c.Secret))
	for _, set := range []func(*JWT) error{k.setMethod, k.setKey, k.setLife, k.setPlace} {
		if err := set(c); err != nil {
			return nil, err
		}
	}
	if _, has := c.Headers.Get("alg"); has {
		return nil, invalid("jwt.headers must not have alg; jwt.signing_method says it")
	}
	if k.in == "header" {
		return &k, nil
	}
	s.token = &k
	return nil, nil
}

func (k *token) setMethod(c *JWT) error {
	names := make([]string, len(jwtMethods))
	for i, m := range jwtMethods {
		if names[i] = m.Alg(); names[i] == c.SigningMethod {
			k.method = m
		}
	}
	switch {
	case c.SigningMethod == "":
		return invalid("jwt.signing_method is missing; %s are possible", strings.Join(names, ", "))
	case k.method == nil:
		return invalid("jwt.signing_method %q is not supported; %s are", c.SigningMethod, strings.Join(names, ", "))
	}
	return nil
}

// symmetric says that whoever can check a token could also have made it.
func (k *token) symmetric() bool { return strings.HasPrefix(k.method.Alg(), "HS") }

func (k *token) setKey(c *JWT) (err error) {
	k.key, err = materialOf("jwt.private_key", string(c.PrivateKey), "jwt.private_key_file", c.PrivateKeyFile)
	switch {
	case err != nil:
		return err
	case k.symmetric() && len(k.secret) == 0:
		return invalid("jwt.secret is missing, which %s signs with", k.method.Alg())
	case k.symmetric() && !k.key.missing():
		return invalid("%s is given, but %s signs with jwt.secret", k.key.title(), k.method.Alg())
	case !k.symmetric() && len(k.secret) > 0:
		return invalid("jwt.secret is given, but %s signs with a private key", k.method.Alg())
	case !k.symmetric() && k.key.missing():
		return invalid("jwt.private_key_file is missing, which %s signs with", k.method.Alg())
	}
	return nil
}

func (k *token) setLife(c *JWT) error {
	k.lives = or(c.ExpiresIn, 0)
	k.issued = or(c.IssuedAt, false) || k.lives > 0
	if k.lives < 0 || k.lives > 0 && k.lives < time.Second {
		return invalid("jwt.expires_in must be at least 1s")
	}
	return nil
}

func (k *token) setPlace(c *JWT) error {
	text := or(c.In, "")
	if text == "" {
		text = "header"
	}
	k.in, k.name, _ = strings.Cut(text, ":")
	switch {
	case text == "header":
	case k.in == "query" && k.name != "":
	case k.in == "subprotocol" && (k.name == "" || isToken(k.name)) && strings.Contains(text, ":"):
	default:
		return invalid("jwt.in is %q; header, query:NAME and subprotocol:PREFIX are possible", text)
	}
	return nil
}

func (k *token) authorize(_ context.Context, t *transport) (string, error) {
	text, err := k.make(t)
	return "Bearer " + text, err
}

// make makes a token, anew for each attempt.
func (k *token) make(t *transport) (string, error) {
	key, err := k.signingKey(t)
	if err != nil {
		return "", err
	}
	made := jwt.NewWithClaims(k.method, k.payload(t.now()))
	for name, v := range k.headers.All() {
		made.Header[name] = plainJSON(v)
	}
	text, err := made.SignedString(key)
	if err != nil {
		return "", invalid("jwt: the token cannot be made: %v", err)
	}
	t.hide(text)
	return text, nil
}

// payload is the claims and what is added to them.
func (k *token) payload(now time.Time) jwt.MapClaims {
	claims := jwt.MapClaims{}
	if k.issued {
		claims["iat"] = now.Unix()
	}
	if k.lives > 0 {
		claims["exp"] = now.Add(k.lives).Unix()
	}
	maps.Copy(claims, plainMap(k.claims))
	return claims
}

// signingKey is the key in the form that the method wants.
func (k *token) signingKey(t *transport) (any, error) {
	if k.symmetric() {
		return k.secret, nil
	}
	key, err := t.privateKey(k.key, k.password)
	if err != nil {
		return nil, err
	}
	return key, k.fits(t, key)
}

// fits checks that the key is one for the method.
func (k *token) fits(t *transport, key crypto.Signer) error {
	alg, wants := k.method.Alg(), "an RSA key"
	ok := false
	switch m := k.method.(type) {
	case *jwt.SigningMethodECDSA:
		own, is := key.(*ecdsa.PrivateKey)
		ok, wants = is && own.Curve.Params().BitSize == m.CurveBits, "a key on the curve P-"+new(big.Int).SetInt64(int64(m.CurveBits)).String()
	case *jwt.SigningMethodEd25519:
		_, ok = key.(ed25519.PrivateKey)
		wants = "an Ed25519 key"
	default:
		own, is := key.(*rsa.PrivateKey)
		if ok = is; is && own.N.BitLen() < 2048 {
			t.warn(k.key.title() + " is an RSA key of less than 2048 bits, which is too short to be safe")
		}
	}
	if !ok {
		return invalid("%s: %s needs %s", k.key.title(), alg, wants)
	}
	return nil
}

// plainMap is m for package json, which sorts the keys of Go's maps.
func plainMap(m *value.Map) map[string]any {
	plain := make(map[string]any, m.Len())
	for key, v := range m.All() {
		plain[key] = plainJSON(v)
	}
	return plain
}

// plainJSON is a value for package json. Whole numbers stay whole, however large.
func plainJSON(v any) any {
	switch v := v.(type) {
	case *value.Map:
		return plainMap(v)
	case []any:
		list := slices.Clone(v)
		for i := range list {
			list[i] = plainJSON(list[i])
		}
		return list
	case nil, bool, string, int64, *big.Int:
		return v
	}
	return json.RawMessage(value.AppendJSON(nil, v))
}
