package ingest_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	mathrand "math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"tocsin/engine/ingest"
)

// The examples that vendors publish are accepted as they stand.
func TestPublishedExamples(t *testing.T) {
	tests := []struct {
		name  string
		check ingest.Check
		now   int64
		head  map[string]string
		body  string
	}{
		{
			name:  "GitHub: https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries",
			check: ingest.Check{Scheme: "hub", Secrets: []string{"It's a Secret to Everybody"}},
			head:  map[string]string{"X-Hub-Signature-256": "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"},
			body:  "Hello, World!",
		},
		{
			name:  "Slack: https://docs.slack.dev/authentication/verifying-requests-from-slack",
			check: ingest.Check{Scheme: "slack", Secrets: []string{"8f742231b10e8888abcd99yyyzzz85a5"}},
			now:   1531420618,
			head: map[string]string{
				"X-Slack-Request-Timestamp": "1531420618",
				"X-Slack-Signature":         "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
			},
			body: "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c",
		},
		{
			name:  "Standard Webhooks: https://github.com/standard-webhooks/standard-webhooks/tree/main/libraries",
			check: ingest.Check{Scheme: "standard", Secrets: []string{"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}},
			now:   1614265330,
			head: map[string]string{
				"webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek", "webhook-timestamp": "1614265330",
				"webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
			},
			body: `{"test": 2432232314}`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := ingest.Request{Header: http.Header{}, Body: []byte(tt.body), Now: time.Unix(tt.now, 0)}
			for k, v := range tt.head {
				r.Header.Set(k, v)
			}
			if proof, err := ingest.Verify(r, tt.check); err != nil || proof.ID == "" || proof.Keep == 0 {
				t.Errorf("%+v, %v", proof, err)
			}
		})
	}
}

const secret = "correct horse battery staple"

func mac(content string) []byte {
	h := hmac.New(sha256.New, []byte(secret))
	h.Write([]byte(content))
	return h.Sum(nil)
}

// A sender signs requests by one scheme.
type sender struct {
	check ingest.Check
	timed bool
	// sign sets the headers for body at the time at.
	sign func(h http.Header, body string, at time.Time)
}

func senders() map[string]sender {
	check := func(scheme string) ingest.Check {
		return ingest.Check{Scheme: scheme, Secrets: []string{"", "old", secret}}
	}
	stamp := func(at time.Time) string { return strconv.FormatInt(at.Unix(), 10) }
	timed := check("grafana")
	timed.TimestampHeader = "X-Grafana-Alerting-Timestamp"
	return map[string]sender{
		"hub": {check("hub"), false, func(h http.Header, body string, _ time.Time) {
			h.Set("X-Hub-Signature-256", "sha256="+hex.EncodeToString(mac(body)))
		}},
		"sentry": {check("sentry"), false, func(h http.Header, body string, _ time.Time) {
			h.Set("Sentry-Hook-Signature", hex.EncodeToString(mac(body)))
		}},
		"pagerduty": {check("pagerduty"), false, func(h http.Header, body string, _ time.Time) {
			h.Set("X-PagerDuty-Signature", "v1="+strings.Repeat("ab", 32)+",v1="+hex.EncodeToString(mac(body)))
		}},
		"grafana": {check("grafana"), false, func(h http.Header, body string, _ time.Time) {
			h.Set("X-Grafana-Alerting-Signature", hex.EncodeToString(mac(body)))
		}},
		"grafana with the time": {timed, true, func(h http.Header, body string, at time.Time) {
			h.Set("X-Grafana-Alerting-Timestamp", stamp(at))
			h.Set("X-Grafana-Alerting-Signature", hex.EncodeToString(mac(stamp(at)+":"+body)))
		}},
		"slack": {check("slack"), true, func(h http.Header, body string, at time.Time) {
			h.Set("X-Slack-Request-Timestamp", stamp(at))
			h.Set("X-Slack-Signature", "v0="+hex.EncodeToString(mac("v0:"+stamp(at)+":"+body)))
		}},
		"standard": {check("standard"), true, func(h http.Header, body string, at time.Time) {
			h.Set("webhook-id", "msg_1")
			h.Set("webhook-timestamp", stamp(at))
			h.Set("webhook-signature", "v2,AAAA v1,"+base64.StdEncoding.EncodeToString(mac("msg_1."+stamp(at)+"."+body)))
		}},
		"token": {check("token"), false, func(h http.Header, _ string, _ time.Time) { h.Set("X-API-KEY", secret) }},
	}
}

func (s sender) request(body string, at time.Time) ingest.Request {
	r := ingest.Request{Header: http.Header{}, Query: url.Values{}, Body: []byte(body), Now: now}
	s.sign(r.Header, body, at)
	return r
}

// Genuine requests pass, up to five minutes off. A replay has the ID of the first, however
// its header is dressed up, and another request another one.
func TestVerify(t *testing.T) {
	const body = `{"name": "disk", "n": 1}`
	for name, s := range senders() {
		t.Run(name, func(t *testing.T) {
			first, err := ingest.Verify(s.request(body, now.Add(-5*time.Minute)), s.check)
			if err != nil {
				t.Fatal(err)
			}
			other, err := ingest.Verify(s.request(body+" ", now.Add(5*time.Minute)), s.check)
			if err != nil {
				t.Fatal(err)
			}
			if name == "token" {
				return // which tells no replays
			}
			replay := s.request(body, now.Add(-5*time.Minute))
			for key, v := range replay.Header {
				if strings.Contains(v[0], "=") && strings.Contains(strings.ToLower(key), "signature") && name != "standard" {
					prefix, rest, _ := strings.Cut(v[0], "=")
					replay.Header.Set(key, prefix+"="+strings.ReplaceAll(strings.ToUpper(rest), "V1", "v1"))
				}
			}
			again, err := ingest.Verify(replay, s.check)
			if err != nil || again.ID != first.ID || other.ID == first.ID || first.ID == "" || first.Keep < 10*time.Minute {
				t.Errorf("%+v, then %+v (%v), and %+v", first, again, err, other)
			}
			for _, off := range []time.Duration{-301 * time.Second, 301 * time.Second} {
				if _, err := ingest.Verify(s.request(body, now.Add(off)), s.check); (err != nil) != s.timed {
					t.Errorf("%v off: %v", off, err)
				}
			}
		})
	}
}

// Nothing forged or tampered with passes: 10,000 of each scheme, the same each time.
func TestForged(t *testing.T) {
	const body = `{"name": "disk", "status": "resolved", "fingerprint": "disk-db1", "n": 12345}`
	for name, s := range senders() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			random := mathrand.New(mathrand.NewPCG(1, uint64(len(name))))
			for i := range 10_000 {
				r := s.request(body, now)
				how := tamper(random, &r, name == "token")
				_, err := ingest.Verify(r, s.check)
				var refused *ingest.Error
				if !errors.As(err, &refused) || refused.Status() != http.StatusUnauthorized {
					t.Fatalf("request %d, %s, passed: %v\n%v\n%s", i, how, err, r.Header, r.Body)
				}
				if strings.Contains(err.Error(), secret) {
					t.Fatalf("the error tells the secret: %v", err)
				}
			}
		})
	}
}

// tamper changes r so that it is not what was signed, and says how.
func tamper(random *mathrand.Rand, r *ingest.Request, token bool) string {
	keys := make([]string, 0, 3)
	for k := range r.Header {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	key := keys[random.IntN(len(keys))]
	value := []byte(r.Header.Get(key))
	how := random.IntN(8)
	if token && how < 3 {
		how += 3 // a token says nothing of the body
	}
	switch how {
	case 0:
		r.Body[random.IntN(len(r.Body))] ^= byte(1 + random.IntN(255))
		return "a byte of the body"
	case 1:
		r.Body = r.Body[:random.IntN(len(r.Body))]
		return "the end of the body"
	case 2:
		r.Raw, r.Body = append(slices.Clone(r.Body), ' '), nil
		return "more body"
	case 3:
		r.Header.Del(key)
		return "without " + key
	case 4:
		r.Header.Add(key, string(value))
		if token {
			r.Header.Del(key)
		}
		return key + " twice"
	case 5:
		r.Header.Set(key, string(value[:random.IntN(len(value))]))
		return key + " cut"
	case 6:
		// Digits stay digits: not the case of a letter, which means the same in hex.
		i := random.IntN(len(value)/2) + len(value)/2
		for value[i] == '=' || value[i] == '"' {
			i--
		}
		value[i] = "0123456789"[(int(value[i])+1+random.IntN(8))%10]
		if string(value) == r.Header.Get(key) {
			value = append(value, '0')
		}
		r.Header.Set(key, string(value))
		return "a letter of " + key
	}
	forged := make([]byte, 32)
	for i := range forged {
		forged[i] = byte(random.Uint32())
	}
	r.Header.Set(key, "v1="+hex.EncodeToString(forged))
	return "another " + key
}

// Tokens are taken from wherever clients of Keep put them (spec §10.1).
func TestToken(t *testing.T) {
	basic := "Basic " + base64.StdEncoding.EncodeToString([]byte("api_key:"+secret))
	tests := []struct {
		name, header, value, query, own string
		ok                              bool
	}{
		{name: "a header", header: "X-Api-Key", value: secret, ok: true},
		{name: "bearer", header: "Authorization", value: "bearer " + secret, ok: true},
		{name: "digest, as Keep calls it", header: "Authorization", value: "Digest " + secret, ok: true},
		{name: "basic, as its password", header: "Authorization", value: basic, ok: true},
		{name: "the query", query: secret, ok: true},
		{name: "a header of one's own", header: "X-Zabbix", value: secret, own: "X-Zabbix", ok: true},
		{name: "another header than one's own", header: "X-Api-Key", value: secret, own: "X-Zabbix"},
		{name: "a wrong one", header: "X-Api-Key", value: secret + "!"},
		{name: "an empty one", header: "X-Api-Key"},
		{name: "none"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := ingest.Request{Header: http.Header{}, Query: url.Values{"api_key": {tt.query}}, Now: now}
			if tt.header != "" {
				r.Header.Set(tt.header, tt.value)
			}
			_, err := ingest.Verify(r, ingest.Check{Scheme: "token", Secrets: []string{"", secret}, Header: tt.own})
			if (err == nil) != tt.ok {
				t.Errorf("%v", err)
			}
		})
	}
}

// Without a secret, or with an empty one, nothing passes, whatever it is signed with.
func TestNoSecret(t *testing.T) {
	for _, s := range ingest.Schemes() {
		for _, secrets := range [][]string{nil, {""}, {"", ""}} {
			r := ingest.Request{Header: http.Header{}, Body: []byte("{}"), Now: now}
			empty := hmac.New(sha256.New, nil)
			empty.Write(r.Body)
			r.Header.Set("X-Hub-Signature-256", "sha256="+hex.EncodeToString(empty.Sum(nil)))
			r.Header.Set("X-Api-Key", "")
			if _, err := ingest.Verify(r, ingest.Check{Scheme: s.Name, Secrets: secrets}); err == nil {
				t.Errorf("%s passes", s.Name)
			}
		}
	}
	if _, err := ingest.Verify(ingest.Request{}, ingest.Check{Scheme: "trust", Secrets: []string{"x"}}); err == nil {
		t.Error("a scheme that does not exist passes")
	}
}

func TestSchemesOfFormats(t *testing.T) {
	known := map[string]bool{}
	for _, s := range ingest.Schemes() {
		known[s.Name] = s.Doc != ""
	}
	for _, f := range ingest.Formats() {
		for _, name := range f.Schemes {
			if !known[name] {
				t.Errorf("%s: no scheme %q", f.Name, name)
			}
		}
	}
}

// The signature is one of the bytes on the wire, not of what they unpack to.
func TestVerifyReadsRawBytes(t *testing.T) {
	s := senders()["hub"]
	r := s.request("compressed", now)
	r.Raw, r.Body = r.Body, bytes.Repeat([]byte("x"), 10)
	if _, err := ingest.Verify(r, s.check); err != nil {
		t.Error(err)
	}
}
