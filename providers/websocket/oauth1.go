package websocket

import (
	"context"
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"tocsin/providers"
)

// OAuth1 signs the upgrade request (RFC 5849).
type OAuth1 struct {
	Enabled           *bool            `param:"enabled" doc:"Whether the request is signed; the rest is ignored if not."`
	ConsumerKey       string           `param:"consumer_key" doc:"Who asks."`
	ConsumerSecret    providers.Secret `param:"consumer_secret" doc:"Secret of the consumer key."`
	AccessToken       providers.Secret `param:"access_token" doc:"In whose name; left out if empty."`
	AccessTokenSecret providers.Secret `param:"access_token_secret" doc:"Secret of the access token."`
	RequestURL        string           `param:"request_url" doc:"Address to sign instead of url, for a server that knows itself by another."`
	SignatureMethod   *string          `param:"signature_method" enum:"HMAC-SHA1,HMAC-SHA256,HMAC-SHA512,RSA-SHA1,PLAINTEXT" doc:"How to sign; HMAC-SHA1 if absent. PLAINTEXT only over TLS."`
	PrivateKey        providers.Secret `param:"private_key" doc:"Key (PEM) for RSA-SHA1."`
	PrivateKeyFile    string           `param:"private_key_file" host:"file" doc:"File of such a key, read for each connection."`
	PrivateKeyPass    providers.Secret `param:"private_key_password" doc:"Password of the key, if it is encrypted."`
	Realm             string           `param:"realm" doc:"Realm to name."`
	Dialect           *string          `param:"dialect" enum:"rfc5849,benthos" doc:"How servers check it; benthos is for those made for Benthos, which signs otherwise. rfc5849 if absent."`
}

// oauth1 is a checked OAuth1.
type oauth1 struct {
	key, secret         string
	token, tokenSecret  string
	method, realm       string
	signed              *url.URL // instead of the target's; nil: that
	benthos             bool
	privateKey          material
	privateKeyPassword  string
	nonce               func() string
	privateKeyOfAttempt *rsa.PrivateKey // set for each attempt
}

// oauth1Hashes are the signature methods that are HMACs.
var oauth1Hashes = map[string]func() hash.Hash{"HMAC-SHA1": sha1.New, "HMAC-SHA256": sha256.New, "HMAC-SHA512": sha512.New}

func (p Credentials) oauth1(s *settings) (authorizer, error) {
	c := p.OAuth
	if c == nil || !or(c.Enabled, false) {
		return nil, nil
	}
	if c.ConsumerKey == "" {
		return nil, invalid("oauth.consumer_key is missing")
	}
	o := oauth1{
		key: c.ConsumerKey, secret: string(c.ConsumerSecret),
		token: string(c.AccessToken), tokenSecret: string(c.AccessTokenSecret),
		realm: c.Realm, nonce: randomNonce,
		method:             or(c.SignatureMethod, "HMAC-SHA1"),
		benthos:            or(c.Dialect, "") == "benthos",
		privateKeyPassword: string(c.PrivateKeyPass),
	}
	s.hide(o.secret, o.token, o.tokenSecret, o.privateKeyPassword)
	for name, text := range map[string]string{"consumer_key": o.key, "realm": o.realm} {
		if control(text) {
			return nil, invalid("oauth.%s has a line break or another control character in it", name)
		}
	}
	if o.method == "PLAINTEXT" && !s.target.secure {
		return nil, invalid("oauth.signature_method PLAINTEXT shows the secrets to everybody on the way; it needs wss://")
	}
	if err := o.setKey(c, s); err != nil {
		return nil, err
	}
	if c.RequestURL != "" && !o.benthos {
		if err := o.setSigned(c.RequestURL); err != nil {
			return nil, err
		}
	}
	return o, nil
}

func (o *oauth1) setKey(c *OAuth1, s *settings) (err error) {
	o.privateKey, err = materialOf("oauth.private_key", string(c.PrivateKey), "oauth.private_key_file", c.PrivateKeyFile)
	switch {
	case err != nil || o.method != "RSA-SHA1":
		return err
	case o.privateKey.missing():
		return invalid("oauth.private_key_file is missing; RSA-SHA1 signs with a private key")
	}
	s.hide(string(c.PrivateKey))
	return nil
}

func (o *oauth1) setSigned(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		return invalid("oauth.request_url is not an address such as https://api.example.com/socket")
	}
	if _, known := schemes[u.Scheme]; !known {
		return invalid("oauth.request_url has the scheme %q; http, https, ws and wss are possible", u.Scheme)
	}
	u.User = nil
	o.signed = u
	return nil
}

// randomNonce is 128 random bits.
func randomNonce() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// authorize signs the request for one attempt, anew each time.
func (o oauth1) authorize(_ context.Context, t *transport) (string, error) {
	if o.method == "RSA-SHA1" {
		key, err := t.privateKey(o.privateKey, o.privateKeyPassword)
		if err != nil {
			return "", err
		}
		own, ok := key.(*rsa.PrivateKey)
		if !ok {
			return "", invalid("%s: RSA-SHA1 needs an RSA key", o.privateKey.title())
		}
		o.privateKeyOfAttempt = own
	}
	u, err := url.Parse(t.to.url)
	if err != nil {
		return "", fault(Internal, err, "the address cannot be signed")
	}
	header, err := o.header(http.MethodGet, u, o.nonce(), t.now())
	if err != nil {
		return "", fault(Internal, err, "the request cannot be signed: %v", err)
	}
	return header, nil
}

// A pair is a parameter of a request.
type pair struct{ key, value string }

// header is the Authorization header of a request.
func (o oauth1) header(method string, u *url.URL, nonce string, now time.Time) (string, error) {
	own := []pair{
		{"oauth_consumer_key", o.key},
		{"oauth_nonce", nonce},
		{"oauth_signature_method", o.method},
		{"oauth_timestamp", fmt.Sprint(now.Unix())},
		{"oauth_token", o.token},
		{"oauth_version", "1.0"},
	}
	escape, base, scheme := percentEncode, baseString, "OAuth "
	switch {
	case o.benthos:
		escape, base, scheme, method = url.QueryEscape, benthosBaseString, "", ""
	case o.token == "":
		own = slices.DeleteFunc(own, func(p pair) bool { return p.key == "oauth_token" })
	}
	if o.signed != nil {
		u = o.signed
	}
	signature, err := o.sign(base(method, u, own), escape)
	if err != nil {
		return "", err
	}
	own = slices.Insert(own, 2, pair{"oauth_signature", signature})
	parts := make([]string, len(own))
	for i, p := range own {
		parts[i] = fmt.Sprintf(`%s="%s"`, p.key, escape(p.value))
	}
	if o.realm != "" && !o.benthos {
		parts = slices.Insert(parts, 0, `realm="`+strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(o.realm)+`"`)
	}
	return scheme + strings.Join(parts, ", "), nil
}

// sign is the signature of a base string (RFC 5849 §3.4).
func (o oauth1) sign(base string, escape func(string) string) (string, error) {
	key := escape(o.secret) + "&" + escape(o.tokenSecret)
	switch o.method {
	case "PLAINTEXT":
		return key, nil
	case "RSA-SHA1":
		sum := sha1.Sum([]byte(base))
		signature, err := rsa.SignPKCS1v15(nil, o.privateKeyOfAttempt, crypto.SHA1, sum[:])
		return base64.StdEncoding.EncodeToString(signature), err
	}
	mac := hmac.New(oauth1Hashes[o.method], []byte(key))
	mac.Write([]byte(base))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil)), nil
}

// baseString is what is signed (RFC 5849 §3.4.1): the method, the address as an HTTP
// server sees it, and the parameters of the query and of OAuth itself.
func baseString(method string, u *url.URL, own []pair) string {
	return method + "&" + percentEncode(baseURI(u)) + "&" + percentEncode(normalized(append(queryPairs(u.RawQuery), own...)))
}

// baseURI is an address without its query, scheme and host in lower case, and without
// the port that its scheme has anyway (RFC 5849 §3.4.1.2).
func baseURI(u *url.URL) string {
	scheme := schemes[strings.ToLower(u.Scheme)]
	host, port := strings.ToLower(u.Hostname()), u.Port()
	if ascii, err := asciiHost(host); err == nil {
		host = ascii
	}
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if port != "" && port != scheme.port {
		host += ":" + port
	}
	path := u.EscapedPath()
	if path == "" {
		path = "/"
	}
	return scheme.origin + "://" + host + path
}

// queryPairs are the parameters of a query. One that is not well encoded is taken as it
// stands, as servers do.
func queryPairs(query string) (pairs []pair) {
	for part := range strings.SplitSeq(query, "&") {
		if part == "" {
			continue
		}
		key, value, _ := strings.Cut(part, "=")
		pairs = append(pairs, pair{unescape(key), unescape(value)})
	}
	return pairs
}

func unescape(text string) string {
	if plain, err := url.QueryUnescape(text); err == nil {
		return plain
	}
	return text
}

// normalized encodes parameters, sorts them and puts them together (RFC 5849
// §3.4.1.3.2).
func normalized(pairs []pair) string {
	encoded := make([]pair, len(pairs))
	for i, p := range pairs {
		encoded[i] = pair{percentEncode(p.key), percentEncode(p.value)}
	}
	slices.SortFunc(encoded, func(a, b pair) int {
		if c := strings.Compare(a.key, b.key); c != 0 {
			return c
		}
		return strings.Compare(a.value, b.value)
	})
	parts := make([]string, len(encoded))
	for i, p := range encoded {
		parts[i] = p.key + "=" + p.value
	}
	return strings.Join(parts, "&")
}

// percentEncode is RFC 5849 §3.6, which is stricter than what forms and queries have.
func percentEncode(text string) string {
	const upper = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(text) {
		c := text[i]
		if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-._~", c) >= 0 {
			b.WriteByte(c)
			continue
		}
		b.WriteByte('%')
		b.WriteByte(upper[c>>4])
		b.WriteByte(upper[c&15])
	}
	return b.String()
}

// benthosBaseString is what Benthos signs (spec/websocket.md §9.2): the whole address,
// in the encoding of forms, and no method, since it builds the request without one.
func benthosBaseString(method string, u *url.URL, own []pair) string {
	parts := make([]string, len(own))
	for i, p := range own {
		parts[i] = p.key + "=" + url.QueryEscape(p.value)
	}
	return method + "&" + url.QueryEscape(u.String()) + "&" + url.QueryEscape(strings.Join(parts, "&"))
}
