package ingest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A Check is how the sender of a request must prove who it is.
type Check struct {
	Scheme string // the name of one of Schemes
	// Secrets are what the sender knows; any one of them will do, so that they can be
	// changed one after the other. For sns they are ARNs of topics. An empty one never
	// fits, and without any nothing does.
	Secrets []string
	// Header is where the token or signature is, if not in the scheme's own place.
	Header string
	// TimestampHeader is for grafana: where it puts the time. "": the time is not
	// signed, and replays are told by the ID alone.
	TimestampHeader string
}

// A Proof is what Verify found out.
type Proof struct {
	// ID is the same for a request and its replay, however it is dressed up, and for
	// no other. Who remembers it for Keep sees a replay; "" where the scheme cannot
	// tell one, as with tokens. Remember it with what the request changes, in one
	// transaction: a sender that saw no answer sends the same again.
	ID   string
	Keep time.Duration
}

// A Scheme is one way to prove who sent a request.
type Scheme struct {
	Name string
	Doc  string // what is sent, in a sentence

	verify func(Request, Check) (Proof, error)
}

const (
	// tolerance is how far the clock of a sender may be from ours.
	tolerance = 5 * time.Minute
	// keepUntimed is how long to remember what has no time of its own.
	keepUntimed = 7 * 24 * time.Hour
)

// Schemes are the schemes by name.
func Schemes() []Scheme {
	return []Scheme{
		{"grafana", "HMAC-SHA256 of the body, as hex, in X-Grafana-Alerting-Signature; with a timestamp header, of the time, a colon and the body.", verifyGrafana},
		{"hub", "HMAC-SHA256 of the body, as sha256=hex, in X-Hub-Signature-256, as GitHub sends it. A body that is sent twice is a replay: put a time or an id into it.", verifyHub},
		{"pagerduty", "HMAC-SHA256 of the body, as a list of v1=hex, in X-PagerDuty-Signature.", verifyPagerDuty},
		{"sentry", "HMAC-SHA256 of the body, as hex, in Sentry-Hook-Signature.", verifySentry},
		{"slack", "HMAC-SHA256 of v0, the time and the body, in X-Slack-Signature and X-Slack-Request-Timestamp.", verifySlack},
		{"sns", "The signature of Amazon SNS, and the topic.", verifySNS},
		{"standard", "Standard Webhooks (standardwebhooks.com): webhook-id, webhook-timestamp and webhook-signature.", verifyStandard},
		{"token", "The secret itself: X-API-KEY, Authorization (Bearer, Digest, or Basic with it as the password), ?api_key=, or a header of your choice.", verifyToken},
	}
}

// Verify tells whether r comes from somebody who knows a secret of c. The error is an
// *Error of kind Unauthorized that says what is missing, and never how close it was; for
// sns also of another kind: the body may be no JSON, or the certificate out of reach. A
// scheme that does not exist is an error as well.
func Verify(r Request, c Check) (Proof, error) {
	all := Schemes()
	i := slices.IndexFunc(all, func(s Scheme) bool { return s.Name == c.Scheme })
	if i < 0 {
		return Proof{}, refuse(Unauthorized, "there is no scheme %q", short(c.Scheme))
	}
	if !slices.ContainsFunc(c.Secrets, func(s string) bool { return s != "" }) {
		return Proof{}, refuse(Unauthorized, "there is no secret to check the request with")
	}
	return all[i].verify(r, c)
}

// verifyToken compares every place where a token may be with every secret.
func verifyToken(r Request, c Check) (Proof, error) {
	given := tokens(r, c.Header)
	if len(given) == 0 {
		return Proof{}, refuse(Unauthorized, "the request has no token: send X-API-KEY, Authorization: Bearer or ?api_key=")
	}
	found := false
	for _, token := range given {
		for _, secret := range c.Secrets {
			found = sameSecret(token, secret) || found
		}
	}
	if !found {
		return Proof{}, refuse(Unauthorized, "the token is not known")
	}
	return Proof{}, nil
}

// tokens are the secrets that a request shows (spec §10.1). With a header of its own,
// only what is there counts.
func tokens(r Request, header string) []string {
	var found []string
	add := func(s string) {
		if s != "" {
			found = append(found, s)
		}
	}
	if header != "" {
		add(withoutScheme(r.Header.Get(header)))
		return found
	}
	add(r.Header.Get("X-API-KEY"))
	add(r.Query.Get("api_key"))
	if _, password, ok := (&http.Request{Header: r.Header}).BasicAuth(); ok {
		add(password)
		return found
	}
	add(withoutScheme(r.Header.Get("Authorization")))
	return found
}

// withoutScheme is the credentials of "Bearer credentials", or all of it.
func withoutScheme(s string) string {
	scheme, rest, ok := strings.Cut(s, " ")
	if ok && (strings.EqualFold(scheme, "bearer") || strings.EqualFold(scheme, "digest")) {
		return strings.TrimSpace(rest)
	}
	return s
}

// sameSecret takes as long for any two texts of the same lengths; their digests hide the
// lengths. The empty secret is no secret.
func sameSecret(given, secret string) bool {
	a, b := sha256.Sum256([]byte(given)), sha256.Sum256([]byte(secret))
	return hmac.Equal(a[:], b[:]) && secret != ""
}

func verifyGrafana(r Request, c Check) (Proof, error) {
	signature, err := header(r, or(c.Header, "X-Grafana-Alerting-Signature"))
	if err != nil {
		return Proof{}, err
	}
	if c.TimestampHeader == "" {
		return signedBy(c, r.signed(), keepUntimed, unhex(signature))
	}
	stamp, err := timestamp(r, c.TimestampHeader)
	if err != nil {
		return Proof{}, err
	}
	return signedBy(c, join(stamp+":", r.signed()), 2*tolerance, unhex(signature))
}

func verifyHub(r Request, c Check) (Proof, error) {
	signature, err := header(r, or(c.Header, "X-Hub-Signature-256"))
	if err != nil {
		return Proof{}, err
	}
	return signedBy(c, r.signed(), keepUntimed, unhex(strings.TrimPrefix(signature, "sha256=")))
}

func verifySentry(r Request, c Check) (Proof, error) {
	signature, err := header(r, or(c.Header, "Sentry-Hook-Signature"))
	if err != nil {
		return Proof{}, err
	}
	return signedBy(c, r.signed(), keepUntimed, unhex(signature))
}

// verifyPagerDuty finds one of the signatures, of which there are several while a secret
// is changed (https://developer.pagerduty.com/docs/verifying-webhook-signatures).
func verifyPagerDuty(r Request, c Check) (Proof, error) {
	list, err := header(r, or(c.Header, "X-PagerDuty-Signature"))
	if err != nil {
		return Proof{}, err
	}
	return signedBy(c, r.signed(), keepUntimed, versions(list, ",", "v1=", unhex)...)
}

// verifySlack is https://docs.slack.dev/authentication/verifying-requests-from-slack.
func verifySlack(r Request, c Check) (Proof, error) {
	signature, err := header(r, or(c.Header, "X-Slack-Signature"))
	if err != nil {
		return Proof{}, err
	}
	stamp, err := timestamp(r, "X-Slack-Request-Timestamp")
	if err != nil {
		return Proof{}, err
	}
	return signedBy(c, join("v0:"+stamp+":", r.signed()), 2*tolerance, versions(signature, ",", "v0=", unhex)...)
}

// verifyStandard is https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md.
// A secret is base64 behind whsec_, or the bytes of any other text.
func verifyStandard(r Request, c Check) (Proof, error) {
	id, err := header(r, "webhook-id")
	if err != nil {
		return Proof{}, err
	}
	stamp, err := timestamp(r, "webhook-timestamp")
	if err != nil {
		return Proof{}, err
	}
	list, err := header(r, or(c.Header, "webhook-signature"))
	if err != nil {
		return Proof{}, err
	}
	keys := make([]string, 0, len(c.Secrets))
	for _, s := range c.Secrets {
		if encoded, ok := strings.CutPrefix(s, "whsec_"); ok {
			s = string(unbase64(encoded))
		}
		keys = append(keys, s)
	}
	c.Secrets = keys
	return signedBy(c, join(id+"."+stamp+".", r.signed()), 2*tolerance, versions(list, " ", "v1,", unbase64)...)
}

// signedBy tells whether one of the signatures is the HMAC-SHA256 of content with one of
// the secrets. All are computed, whichever fits.
func signedBy(c Check, content []byte, keep time.Duration, signatures ...[]byte) (Proof, error) {
	found := false
	for _, secret := range c.Secrets {
		if secret == "" {
			continue
		}
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write(content)
		want := mac.Sum(nil)
		for _, s := range signatures {
			found = hmac.Equal(s, want) || found
		}
	}
	if !found {
		return Proof{}, refuse(Unauthorized, "the signature does not fit the request")
	}
	// Not the signature: the same content may be signed with another secret of ours.
	sum := sha256.Sum256(content)
	return Proof{ID: c.Scheme + ":" + hex.EncodeToString(sum[:]), Keep: keep}, nil
}

// header is the value of a header that must be there once.
func header(r Request, name string) (string, error) {
	values := r.Header.Values(name)
	if len(values) != 1 || values[0] == "" || len(values[0]) > 4<<10 {
		return "", refuse(Unauthorized, "the request needs one header %s", name)
	}
	return values[0], nil
}

// timestamp is a header with the seconds since 1970, not far from now.
func timestamp(r Request, name string) (string, error) {
	stamp, err := header(r, name)
	if err != nil {
		return "", err
	}
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil || seconds < 0 || stamp != strconv.FormatInt(seconds, 10) {
		return "", refuse(Unauthorized, "the header %s is not a time in seconds", name)
	}
	if off := r.Now.Unix() - seconds; off > int64(tolerance/time.Second) || off < -int64(tolerance/time.Second) {
		return "", refuse(Unauthorized, "the request is signed for another time: it is %d s off", off)
	}
	return stamp, nil
}

// versions are the signatures of one version in a list of at most 16.
func versions(list, separator, version string, decode func(string) []byte) [][]byte {
	var found [][]byte
	for i, s := range strings.SplitN(list, separator, 17) {
		if encoded, ok := strings.CutPrefix(strings.TrimSpace(s), version); ok && i < 16 {
			found = append(found, decode(encoded))
		}
	}
	return found
}

func join(before string, body []byte) []byte { return append([]byte(before), body...) }

// unhex and unbase64 are nil for what is not encoded so, which fits no signature.
func unhex(s string) []byte {
	b, err := hex.DecodeString(strings.TrimSpace(s))
	if err != nil {
		return nil
	}
	return b
}

func unbase64(s string) []byte {
	b, err := base64.StdEncoding.Strict().DecodeString(s)
	if err != nil {
		return nil
	}
	return b
}
