package websocket

import (
	"cmp"
	"crypto/rsa"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func parsed(t testing.TB, address string) *url.URL {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// The signatures of RFC 5849 and of OAuth Core 1.0, where the caller says which
// parameters there are.
func TestOAuth1Standard(t *testing.T) {
	photos := "http://photos.example.net/photos?file=vacation.jpg&size=original"
	of := func(token, stamp, nonce string, more ...pair) []pair {
		own := []pair{{"oauth_consumer_key", "dpf43f3p2l4k3l03"}, {"oauth_token", token}, {"oauth_signature_method", "HMAC-SHA1"}, {"oauth_timestamp", stamp}, {"oauth_nonce", nonce}}
		return append(own, more...)
	}
	for name, tt := range map[string]struct {
		method, address string
		own             []pair
		secret          string // of the token
		want            string
	}{
		"R1 RFC 5849 §1.2":  {"GET", photos, of("nnch734d00sl2jdk", "137131202", "chapoH"), "pfkkdhi9sl3r4s00", "MdpQcU8iPSUjWoN/UDMsK2sui9I="},
		"R2 RFC 5849 §1.2":  {"POST", "https://photos.example.net/token", of("hh5s93j4hdidpola", "137131201", "walatlh", pair{"oauth_verifier", "hfdp7dh39dks9884"}), "hdhd0244k9j7ao03", "gKgrFCywp7rO0OXSjdot/IHF7IU="},
		"R3 OAuth Core A.5": {"GET", photos, of("nnch734d00sl2jdk", "1191242096", "kllo9940pd9333jh", pair{"oauth_version", "1.0"}), "pfkkdhi9sl3r4s00", "tR3+Ty81lMeYAr/Fid0kMTYa/WM="},
	} {
		o := oauth1{secret: "kd94hf93k423kf44", tokenSecret: tt.secret, method: "HMAC-SHA1"}
		got, err := o.sign(baseString(tt.method, parsed(t, tt.address), tt.own), percentEncode)
		if err != nil || got != tt.want {
			t.Errorf("%s: %s, %v; want %s", name, got, err, tt.want)
		}
	}
}

// R4: RFC 5849 §3.4.1.1, with parameters of a body.
func TestOAuth1BaseString(t *testing.T) {
	got := baseString("POST", parsed(t, "http://example.com/request?b5=%3D%253D&a3=a&c%40=&a2=r%20b"), []pair{
		{"c2", ""}, {"a3", "2 q"},
		{"oauth_consumer_key", "9djdj82h48djs9d2"}, {"oauth_token", "kkk9d7dh3k39sjv7"},
		{"oauth_signature_method", "HMAC-SHA1"}, {"oauth_timestamp", "137131201"}, {"oauth_nonce", "7d8f3e4a"},
	})
	want(t, "base string", got, "POST&http%3A%2F%2Fexample.com%2Frequest&a2%3Dr%2520b%26a3%3D2%2520q%26a3%3Da%26b5%3D%253D%25253D%26c%2540%3D%26c2%3D%26oauth_consumer_key%3D9djdj82h48djs9d2%26oauth_nonce%3D7d8f3e4a%26oauth_signature_method%3DHMAC-SHA1%26oauth_timestamp%3D137131201%26oauth_token%3Dkkk9d7dh3k39sjv7")
}

// ours are the vectors of spec/websocket.md §9.3: parameters, and the header that they
// make at a given time with a given nonce.
var ours = []struct {
	name, url, with string
	want            string // signature
	base            string // part of the base string
}{
	{name: "W1", url: "ws://localhost:4195/get/ws", want: "lLiPyCQy6o7xYMqSoFWaonY0UOU=", base: "GET&http%3A%2F%2Flocalhost%3A4195%2Fget%2Fws&"},
	{name: "W2", url: "wss://EXAMPLE.com:443/feed?a=1&b=two%20words&a=0", want: "nSulZoWzD2vPxtlYRRa9soSmfRU=", base: "GET&https%3A%2F%2Fexample.com%2Ffeed&a%3D0%26a%3D1%26b%3Dtwo%2520words"},
	{name: "W3", url: "ws://localhost/ws", with: "consumer_key: c key\nconsumer_secret: c&secret/+\naccess_token: t~k*\naccess_token_secret: s=e c", want: "7y4sHeTYjfgn4jKIRyLbV1KHzI4="},
	{name: "W4", url: "ws://localhost:4195/get/ws", with: "access_token: ''\naccess_token_secret: ''", want: "tczclr5WJlDbXC4ZNjvypDdPMEs="},
	{name: "W5", url: "ws://localhost:4195/get/ws", with: "signature_method: HMAC-SHA256", want: "TTVI3M5TypM59dM998xrJNdC3alTe8iOEpXWlJEO8OI="},
	{name: "W6", url: "wss://localhost:4195/get/ws", with: "signature_method: PLAINTEXT", want: "csecret&asecret"},
	{name: "W7", url: "ws://localhost:4195/get/ws", with: "request_url: https://api.example.com/v1/socket?x=1", want: "jhBdFuueaWoRg0VH97UKUlp0dEc=", base: "GET&https%3A%2F%2Fapi.example.com%2Fv1%2Fsocket&"},
	{name: "W8", url: "ws://[::1]:8080", want: "mUnjlHn1j4OeQvtq2uUteJHvlqY=", base: "GET&http%3A%2F%2F%5B%3A%3A1%5D%3A8080%2F&"},
	{name: "W9", url: "ws://localhost/ws?q=%E2%98%83&q=caf%C3%A9", want: "77Gb62gTLyqI2xkhcJK+qg+yHK0="},
	// Not of the specification: from Python's hmac.
	{name: "HMAC-SHA512", url: "ws://localhost:4195/get/ws", with: "signature_method: HMAC-SHA512", want: "nXp4ePIn23/3BykUWekE4aHlRqyms/jVHw2tQmcMnx2yt+S42nl1QfKGw3DJP8RXWogFI3qVms3p8+66ixv/uQ=="},
	{name: "B1", url: "ws://localhost:4195/get/ws", with: "dialect: benthos", want: "TcNWCCQXSDVIwYrgW1YNTgfyYHs="},
	{name: "B2", url: "wss://example.com:8443/feed?a=1&b=two words", with: "dialect: benthos", want: "/AjYy7y77L7r9SeRJxxH5XvOOgw="},
	{name: "B3", url: "ws://localhost/ws", with: "dialect: benthos\nconsumer_key: c key\nconsumer_secret: c&secret/+\naccess_token: t~k*\naccess_token_secret: s=e c", want: "Z1Lvn0JtvnScPvIjGuEKOYrO0w8="},
	{name: "B5", url: "ws://localhost:4195/get/ws", with: "dialect: benthos\naccess_token: ''\naccess_token_secret: ''", want: "fn7F1N/dCQI+Y71wghBKbFU5YHc="},
	{name: "B with a request_url, which it never reads", url: "ws://localhost:4195/get/ws", with: "dialect: benthos\nrequest_url: https://x/", want: "TcNWCCQXSDVIwYrgW1YNTgfyYHs="},
}

const vectorNonce = "7446744073709551"

var vectorTime = time.Unix(1700000000, 0)

// signer is what oauth says, checked; missing fields are those of the specification's
// vectors.
func signer(t *testing.T, address, says string) (*settings, oauth1) {
	t.Helper()
	for _, line := range []string{"consumer_key: ckey", "consumer_secret: csecret", "access_token: atoken", "access_token_secret: asecret"} {
		name, _, _ := strings.Cut(line, " ")
		if !strings.Contains("\n"+says, "\n"+name) {
			says += "\n" + line
		}
	}
	says = strings.ReplaceAll("\nenabled: true\n"+strings.TrimSpace(says), "\n", "\n  ")
	s, err := with(t, "url: \""+address+"\"\noauth:"+says).settings()
	if err != nil {
		t.Fatal(err)
	}
	return s, s.who.(oauth1)
}

func TestOAuth1Vectors(t *testing.T) {
	for _, tt := range ours {
		t.Run(tt.name, func(t *testing.T) {
			s, o := signer(t, tt.url, tt.with)
			header, err := o.header("GET", parsed(t, s.target.url), vectorNonce, vectorTime)
			if o.benthos {
				header, err = o.header("", parsed(t, s.target.url), vectorNonce, vectorTime)
			}
			if err != nil {
				t.Fatal(err)
			}
			fields := oauthFields(header)
			want(t, "signature", unescape(strings.ReplaceAll(fields["oauth_signature"], "+", "%2B")), tt.want)
			want(t, "version", fields["oauth_version"], "1.0")
			_, has := fields["oauth_token"]
			want(t, "token there", has, o.token != "" || o.benthos)
			if !o.benthos {
				if base := baseString("GET", signedURL(o, s, t), nil); !strings.HasPrefix(base, tt.base) {
					t.Errorf("base string %s", base)
				}
			}
		})
	}
}

func signedURL(o oauth1, s *settings, t *testing.T) *url.URL {
	if o.signed != nil {
		return o.signed
	}
	return parsed(t, s.target.url)
}

// oauthFields are the parameters of an Authorization header, encoded as they are.
func oauthFields(header string) map[string]string {
	fields := map[string]string{}
	for part := range strings.SplitSeq(strings.TrimPrefix(header, "OAuth "), ", ") {
		name, v, _ := strings.Cut(part, "=")
		fields[name] = strings.Trim(v, `"`)
	}
	return fields
}

// Whole headers, of both dialects, of the request that Benthos' HTTP client makes (B4),
// and with a realm, which is not signed.
func TestOAuth1Headers(t *testing.T) {
	const address = "ws://localhost:4195/get/ws"
	for name, tt := range map[string]struct{ with, method, address, want string }{
		"W1": {want: `OAuth oauth_consumer_key="ckey", oauth_nonce="7446744073709551", oauth_signature="lLiPyCQy6o7xYMqSoFWaonY0UOU%3D", oauth_signature_method="HMAC-SHA1", oauth_timestamp="1700000000", oauth_token="atoken", oauth_version="1.0"`},
		"W6": {address: "wss://localhost:4195/get/ws", with: "signature_method: PLAINTEXT",
			want: `OAuth oauth_consumer_key="ckey", oauth_nonce="7446744073709551", oauth_signature="csecret%26asecret", oauth_signature_method="PLAINTEXT", oauth_timestamp="1700000000", oauth_token="atoken", oauth_version="1.0"`},
		"B1": {with: "dialect: benthos",
			want: `oauth_consumer_key="ckey", oauth_nonce="7446744073709551", oauth_signature="TcNWCCQXSDVIwYrgW1YNTgfyYHs%3D", oauth_signature_method="HMAC-SHA1", oauth_timestamp="1700000000", oauth_token="atoken", oauth_version="1.0"`},
		"a realm": {with: `realm: 'a "b"'`,
			want: `OAuth realm="a \"b\"", oauth_consumer_key="ckey", oauth_nonce="7446744073709551", oauth_signature="lLiPyCQy6o7xYMqSoFWaonY0UOU%3D", oauth_signature_method="HMAC-SHA1", oauth_timestamp="1700000000", oauth_token="atoken", oauth_version="1.0"`},
	} {
		s, o := signer(t, cmp.Or(tt.address, address), tt.with)
		got, err := o.header("GET", parsed(t, s.target.url), vectorNonce, vectorTime)
		if err != nil || got != tt.want {
			t.Errorf("%s:\n got %s, %v\nwant %s", name, got, err, tt.want)
		}
	}
	_, o := signer(t, address, "dialect: benthos")
	b4, err := o.sign(benthosBaseString("GET", parsed(t, "http://localhost:4195/get"), []pair{
		{"oauth_consumer_key", "ckey"}, {"oauth_nonce", vectorNonce}, {"oauth_signature_method", "HMAC-SHA1"},
		{"oauth_timestamp", "1700000000"}, {"oauth_token", "atoken"}, {"oauth_version", "1.0"},
	}), url.QueryEscape)
	if err != nil || b4 != "tHcD+yylJPnNDgCO8FwmXDamRD0=" {
		t.Errorf("B4: %s, %v", b4, err)
	}
}

// The base strings of the Benthos dialect, and its encoding of keys.
func TestOAuth1BenthosBaseString(t *testing.T) {
	own := []pair{{"oauth_consumer_key", "c key"}, {"oauth_token", "t~k*"}}
	for address, want := range map[string]string{
		"ws://localhost/ws":                           "&ws%3A%2F%2Flocalhost%2Fws&oauth_consumer_key%3Dc%2Bkey%26oauth_token%3Dt~k%252A",
		"wss://example.com:8443/feed?a=1&b=two words": "&wss%3A%2F%2Fexample.com%3A8443%2Ffeed%3Fa%3D1%26b%3Dtwo+words&oauth_consumer_key%3Dc%2Bkey%26oauth_token%3Dt~k%252A",
	} {
		if got := benthosBaseString("", parsed(t, address), own); got != want {
			t.Errorf("%s:\n got %s\nwant %s", address, got, want)
		}
	}
}

// The example for RSA-SHA1 of OAuth Core 1.0's test cases
// (https://wiki.oauth.net/w/page/12238556/TestCases).
func TestOAuth1RSA(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("testdata", "keys", "oauth-rsa1024.pem"))
	if err != nil {
		t.Fatal(err)
	}
	key, _, err := privateKey(text, "", "key")
	if err != nil {
		t.Fatal(err)
	}
	o := oauth1{method: "RSA-SHA1", privateKeyOfAttempt: key.(*rsa.PrivateKey)}
	got, err := o.sign(baseString("GET", parsed(t, "http://photos.example.net/photos?file=vacaction.jpg&size=original"), []pair{
		{"oauth_consumer_key", "dpf43f3p2l4k3l03"}, {"oauth_nonce", "13917289812797014437"},
		{"oauth_signature_method", "RSA-SHA1"}, {"oauth_timestamp", "1196666512"}, {"oauth_version", "1.0"},
	}), percentEncode)
	const want = "jvTp/wX1TYtByB1m+Pbyo0lnCOLIsyGCH7wke8AUs3BpnwZJtAuEJkvQL2/9n4s5wUmUl4aCI4BwpraNx4RtEXMe5qg5T1LVTGliMRpKasKsW//e+RinhejgCuzoH26dyF8iY2ZZ/5D1ilgeijhV/vBka5twt399mXwaYdCwFYE="
	if err != nil || got != want {
		t.Errorf("%s, %v", got, err)
	}
}

// Each attempt has a nonce of its own.
func TestOAuth1Nonce(t *testing.T) {
	seen := map[string]bool{}
	for range 100 {
		nonce := randomNonce()
		if len(nonce) != 32 || seen[nonce] {
			t.Fatalf("nonce %q", nonce)
		}
		seen[nonce] = true
	}
}

// FuzzOAuth1 takes base strings apart again, by the standard library, as a server does.
func FuzzOAuth1(f *testing.F) {
	f.Add("a=1&b=two%20words&a=0", "c key", "t~k*")
	f.Add("q=%E2%98%83&q=caf%C3%A9&&=&x", "&=+%", "\x00\xff")
	f.Add("b5=%3D%253D&a3=a&c%40=&a2=r%20b", "", "")
	f.Fuzz(func(t *testing.T, query, key, value string) {
		if strings.ContainsAny(query, ";#\x00\x7f") || strings.ContainsFunc(query, func(r rune) bool { return r <= ' ' }) {
			t.Skip("not in a query")
		}
		u := &url.URL{Scheme: "ws", Host: "h:80", RawQuery: query}
		wanted, err := url.ParseQuery(query)
		if err != nil {
			_ = baseString("GET", u, []pair{{key, value}}) // anything, but no panic
			return
		}
		wanted.Add(key, value)
		for k := range wanted {
			slices.Sort(wanted[k])
		}
		parts := strings.Split(baseString("GET", u, []pair{{key, value}}), "&")
		if len(parts) != 3 || parts[0] != "GET" || unescape(parts[1]) != "http://h/" {
			t.Fatalf("base string %q", parts)
		}
		got, err := url.ParseQuery(unescape(parts[2]))
		if err != nil {
			t.Fatal(err)
		}
		for k := range got {
			slices.Sort(got[k])
		}
		if !maps.EqualFunc(got, wanted, slices.Equal) {
			t.Errorf("%q has %q, want %q", query, got, wanted)
		}
		sorted := slices.IsSortedFunc(strings.Split(unescape(parts[2]), "&"), func(a, b string) int {
			ka, va, _ := strings.Cut(a, "=")
			kb, vb, _ := strings.Cut(b, "=")
			return cmp.Or(strings.Compare(ka, kb), strings.Compare(va, vb))
		})
		if !sorted {
			t.Errorf("not sorted: %s", parts[2])
		}
	})
}
