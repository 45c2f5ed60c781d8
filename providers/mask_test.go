package providers_test

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"math/big"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"tocsin/providers"
	"tocsin/templating/value"
)

func masking(secrets ...string) *providers.Pool {
	pool := providers.NewPool(providers.NewRegistry(), providers.Env{})
	pool.AddSecrets(secrets...)
	return pool
}

func TestMask(t *testing.T) {
	tests := []struct {
		name    string
		secrets []string
		text    string
		want    string
	}{
		{"as it is", []string{"hunter2"}, "password is hunter2!", "password is [redacted]!"},
		{"twice", []string{"hunter2"}, "hunter2hunter2", "[redacted][redacted]"},
		{"no secret", nil, "hunter2", "hunter2"},
		{"too short to be masked", []string{"abc"}, "abc abcd", "abc abcd"},
		{"a common word", []string{"true"}, "is it true", "is it [redacted]"},
		{"one within the other", []string{"user", "user:pass"}, "user:pass and user", "[redacted] and [redacted]"},
		{"two that overlap are one stretch", []string{"xxabcd", "abcd-REST"}, "<xxabcd-REST>", "<[redacted]>"},
		{"three that overlap", []string{"aabb", "bbcc", "ccdd"}, "aabbccdd.", "[redacted]."},
		{"in a URL's query", []string{"p&ss w/rd"}, "https://x/?key=p%26ss+w%2Frd&a=p%26ss%20w%2frd", "https://x/?key=[redacted]&a=[redacted]"},
		{"in basic authentication", []string{"sw0rdfish"}, "Basic " + base64.StdEncoding.EncodeToString([]byte("user:sw0rdfish")), "Basic dXNlcjp[redacted]g="},
		{"in JSON", []string{`a"b\c<d`}, `{"k": "a\"b\\c\u003cd"}`, `{"k": "[redacted]"}`},
		{"in HTML", []string{"a&b<c>'d'"}, "<b>a&amp;b&lt;c&gt;&#39;d&#39;</b>", "<b>[redacted]</b>"},
		{"in Python's repr", []string{"it's"}, `{'k': "it's", 'l': 'it\'s'}`, `{'k': "[redacted]", 'l': '[redacted]'}`},
		{"the path of a webhook", []string{"https://hooks.example.com/services/T1/B2/xyzzy42"}, "POST /services/T1/B2/xyzzy42 404", "POST [redacted] 404"},
		{"the password of an address", []string{"postgres://u:pa55word@db/x"}, "password pa55word is wrong", "password [redacted] is wrong"},
		{"a line of a key", []string{"-----BEGIN-----\nMIIEvQIBADANBg\nkqhkiG9w0BAQ\n-----END-----"}, "  | MIIEvQIBADANBg", "  | [redacted]"},
		{"without the line break at its end", []string{"from-a-file\n"}, "from-a-file.", "[redacted]."},
		{"in an annotation", []string{"50%\noff"}, "::error::50%25%0Aoff", "::error::[redacted]"},
		{"not in ASCII", []string{"pässwörd"}, `p\u00e4ssw\u00f6rd pässwörd`, "[redacted] [redacted]"},
		{"invalid UTF-8", []string{"\xff\xfe\xfd\xfc"}, "<\xff\xfe\xfd\xfc>", "<[redacted]>"},
		{"JSON in JSON", []string{`q"uote`}, `"{\"k\": \"q\\\"uote\"}"`, `"{\"k\": \"[redacted]\"}"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := masking(tt.secrets...).Mask(tt.text); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

// writers are ways in which a secret comes out. Each is written here without the code
// that it tests.
var writers = map[string]func(s string) string{
	"raw":         func(s string) string { return s },
	"query":       url.QueryEscape,
	"path":        url.PathEscape,
	"userinfo":    func(s string) string { return url.UserPassword("", s).String()[1:] },
	"base64":      func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) },
	"base64 raw":  func(s string) string { return base64.RawStdEncoding.EncodeToString([]byte(s)) },
	"base64 URL":  func(s string) string { return base64.URLEncoding.EncodeToString([]byte(s)) },
	"base64 RURL": func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) },
	"hex":         func(s string) string { return hex.EncodeToString([]byte(s)) },
	"HEX":         func(s string) string { return strings.ToUpper(hex.EncodeToString([]byte(s))) },
	"JSON":        func(s string) string { b, _ := json.Marshal(s); return string(b) },
	"our JSON":    func(s string) string { return string(value.AppendJSON(nil, s)) },
	"ASCII JSON":  func(s string) string { return asciiJSON(s) },
	"HTML":        html.EscapeString,
	"repr":        func(s string) string { return value.Repr(s) },
	"repr list":   func(s string) string { return value.Text([]any{s, `'"`}) },
	"%q":          strconv.Quote,
	"%+q":         strconv.QuoteToASCII,
	"JSON twice":  func(s string) string { b, _ := json.Marshal(s); b, _ = json.Marshal(string(b)); return string(b) },
}

func asciiJSON(s string) string {
	var b strings.Builder
	for _, r := range string(value.AppendJSON(nil, s)) {
		switch {
		case r < 0x7f:
			b.WriteRune(r)
		case r < 0x10000:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			fmt.Fprintf(&b, `\u%04x\u%04x`, 0xd800+(r-0x10000)>>10, 0xdc00+(r-0x10000)&0x3ff)
		}
	}
	return b.String()
}

// Whatever the secret and however it is written, nothing of that writing is left.
func TestMaskProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		secret := rapid.StringN(4, 24, -1).Filter(longEnough).Draw(t, "secret")
		other := rapid.StringN(4, 12, -1).Filter(longEnough).Draw(t, "other")
		pool := masking(secret, other)
		for name, write := range writers {
			before, after := "\x00\x01", "\x02\x03"
			got := pool.Mask(before + write(secret) + after)
			if got = strings.Trim(got, before+after+`"'`); got != "[redacted]" && got != `\"[redacted]\"` && got != `[redacted]\` {
				rest := strings.ReplaceAll(got, "[redacted]", "")
				if strings.Contains(rest, write(secret)) || len(rest) > 6+slack(name) {
					t.Fatalf("%s of %q: left %q", name, secret, got)
				}
			}
		}
	})
}

// slack is what a writing has around the secret.
func slack(name string) int {
	if name == "repr list" {
		return 10
	}
	return 0
}

func longEnough(s string) bool {
	return len(strings.TrimSpace(s)) >= 4 && !strings.Contains("[redacted]", s) && strings.ToValidUTF8(s, "") == s
}

// In a longer base64 text, wherever it begins, at most the two characters that the
// neighbours share are left.
func TestMaskInsideBase64(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		secret := rapid.StringMatching(`[a-zA-Z0-9!-/]{8,40}`).Draw(t, "secret")
		before := rapid.StringMatching(`[a-z:]{0,7}`).Draw(t, "before")
		after := rapid.StringMatching(`[a-z:]{0,7}`).Draw(t, "after")
		for _, e := range []*base64.Encoding{base64.StdEncoding, base64.RawURLEncoding} {
			text := e.EncodeToString([]byte(before + secret + after))
			got := masking(secret).Mask(text)
			if !strings.Contains(got, "[redacted]") {
				t.Fatalf("%q: nothing masked in %q", secret, text)
			}
			left := len(strings.ReplaceAll(got, "[redacted]", ""))
			if most := (len(before)+len(after))*4/3 + 6; left > most {
				t.Fatalf("%q: %d characters left in %q", secret, left, got)
			}
		}
	})
}

func TestMaskValue(t *testing.T) {
	pool := masking("s3cret", "12345678")
	clean := value.MapOf(value.Entry{Key: "a", Value: []any{"x", int64(1), nil, true}})
	if got := pool.MaskValue(clean); got != any(clean) {
		t.Error("a value without secrets was copied")
	}
	dirty := value.MapOf(
		value.Entry{Key: "s3cret key", Value: "ok"},
		value.Entry{Key: "list", Value: []any{"a", "is s3cret", clean}},
		value.Entry{Key: "tuple", Value: value.Tuple{"s3cret"}},
		value.Entry{Key: "n", Value: int64(12345678)},
		value.Entry{Key: "big", Value: big.NewInt(12345678)},
		value.Entry{Key: "alert", Value: value.Object{Map: value.MapOf(value.Entry{Key: "k", Value: "s3cret"})}},
	)
	before := string(value.AppendJSON(nil, dirty))
	const want = `{"[redacted] key":"ok","list":["a","is [redacted]",{"a":["x",1,null,true]}],"tuple":["[redacted]"],"n":"[redacted]","big":"[redacted]","alert":{"k":"[redacted]"}}`
	if got := string(value.AppendJSON(nil, pool.MaskValue(dirty))); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if string(value.AppendJSON(nil, dirty)) != before {
		t.Error("the value itself was changed")
	}
	if v := any("s3cret"); masking().MaskValue(v) != v {
		t.Error("masked without a secret")
	}
}

// A secret at the bottom of deep data is found in one walk: what is around it is not
// gone through again at each level.
func TestMaskDeepValue(t *testing.T) {
	deep, want := any("s3cret"), any("[redacted]")
	for range 60 {
		deep = value.MapOf(value.Entry{Key: "k", Value: deep}, value.Entry{Key: "other", Value: "x"})
		want = value.MapOf(value.Entry{Key: "k", Value: want}, value.Entry{Key: "other", Value: "x"})
	}
	if got := masking("s3cret").MaskValue(deep); !value.Equal(got, want) {
		t.Error(value.Text(got))
	}
}

// Wherever secrets of any lengths stand in a text, all are found, and nothing else is.
func TestMaskAnywhere(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		secrets := rapid.SliceOfN(rapid.StringMatching(`[A-Z]{4,30}`), 1, 5).Draw(t, "secrets")
		parts := rapid.SliceOfN(rapid.StringMatching(`[ .,]{0,14}`), 1, 12).Draw(t, "around")
		text, want := parts[0], parts[0]
		for _, part := range parts[1:] {
			secret := rapid.SampledFrom(secrets).Draw(t, "secret")
			text, want = text+secret+"."+part, want+"[redacted]."+part
		}
		if got := masking(secrets...).Mask(text); got != want {
			t.Fatalf("%q in %q:\n got %q\nwant %q", secrets, text, got, want)
		}
	})
}

// A hundred canaries, each in each form, in one text.
func TestCanaries(t *testing.T) {
	var canaries []string
	var text strings.Builder
	for i := range 100 {
		c := fmt.Sprintf("cañary<%d>&\"%x'\\%d", i, i*7919, i)
		canaries = append(canaries, c)
		for _, write := range writers {
			text.WriteString(write(c) + "\n")
		}
	}
	got := masking(canaries...).Mask(text.String())
	for name, write := range writers {
		for _, c := range canaries {
			if strings.Contains(got, write(c)) {
				t.Errorf("%s of %q is there", name, c)
			}
		}
	}
}

func BenchmarkMaskValue(b *testing.B) {
	v := value.MapOf(value.Entry{Key: "connection", Value: true}, value.Entry{Key: "data", Value: strings.Repeat("some answer ", 80)})
	var dozens []string
	for i := range 36 {
		dozens = append(dozens, fmt.Sprintf("xoxb-%d-%x", i, i*7919))
	}
	for name, secrets := range map[string][]string{"none": nil, "one": {"xoxb-1234-5678-abcdef"}, "dozens": dozens} {
		b.Run(name, func(b *testing.B) {
			pool := masking(secrets...)
			pool.MaskValue(v)
			b.ReportAllocs()
			for b.Loop() {
				pool.MaskValue(v)
			}
		})
	}
}

func BenchmarkMask(b *testing.B) {
	var secrets []string
	for i := range 100 {
		secrets = append(secrets, fmt.Sprintf("secret-%d-%x", i, i*7919))
	}
	pool := masking(secrets...)
	text := strings.Repeat("nothing to see here, move along; ", 32<<10)
	pool.Mask(text)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		pool.Mask(text)
	}
}
