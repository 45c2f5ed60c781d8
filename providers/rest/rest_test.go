package rest_test

import (
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tocsin/providers"
	"tocsin/providers/dial"
	"tocsin/providers/providertest"
	"tocsin/providers/rest"
	"tocsin/templating/value"
	"tocsin/workflows/source"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// echo answers with what it was sent.
func echo(t *testing.T) string {
	return serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Content-Type", "application/json")
		w.Write(value.AppendJSON(nil, value.Of(map[string]any{
			"method": r.Method, "uri": r.RequestURI, "body": string(body), "type": r.Header.Get("Content-Type"),
			"auth": r.Header.Get("Authorization"), "agent": r.Header.Get("User-Agent"), "x": r.Header.Get("X-Extra"),
		})))
	})
}

func serve(t *testing.T, h http.HandlerFunc) string {
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

func client(t *testing.T) *http.Client {
	c := (&dial.Dialer{}).Client()
	t.Cleanup(c.CloseIdleConnections)
	return c
}

func TestRequest(t *testing.T) {
	base := echo(t)
	tests := []struct {
		name    string
		request rest.Request
		want    string
	}{
		{
			"nothing but a URL", rest.Request{},
			`{"agent":"tocsin","auth":"","body":"","method":"POST","type":"","uri":"/p","x":""}`,
		},
		{
			"JSON, in the order of its keys", rest.Request{JSON: value.MapOf(value.Entry{Key: "b", Value: "<&>"}, value.Entry{Key: "a", Value: 1.0})},
			`{"agent":"tocsin","auth":"","body":"{\"b\":\"<&>\",\"a\":1.0}","method":"POST","type":"application/json","uri":"/p","x":""}`,
		},
		{
			"a form", rest.Request{Method: "PUT", Form: map[string]string{"b": "x y", "a": "&"}},
			`{"agent":"tocsin","auth":"","body":"a=%26&b=x+y","method":"PUT","type":"application/x-www-form-urlencoded","uri":"/p","x":""}`,
		},
		{
			"a text with its own type", rest.Request{Text: "hi", Header: map[string]string{"Content-Type": "text/markdown", "X-Extra": "1"}},
			`{"agent":"tocsin","auth":"","body":"hi","method":"POST","type":"text/markdown","uri":"/p","x":"1"}`,
		},
		{
			"a bearer and a query", rest.Request{Method: "GET", Bearer: "t0ken", Query: map[string]string{"q": "a b", "p": "&"}},
			`{"agent":"tocsin","auth":"Bearer t0ken","body":"","method":"GET","type":"","uri":"/p?p=%26&q=a+b","x":""}`,
		},
		{
			"a user and password", rest.Request{Basic: [2]string{"u", "p"}},
			`{"agent":"tocsin","auth":"Basic dTpw","body":"","method":"POST","type":"","uri":"/p","x":""}`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.request.URL = base + "/p"
			got, err := rest.Do(t.Context(), client(t), tt.request)
			if err != nil || got.Status != 200 || string(value.AppendJSON(nil, got.Body)) != tt.want {
				t.Errorf("%v\ngot  %s\nwant %s", err, value.AppendJSON(nil, got.Body), tt.want)
			}
		})
	}
}

// Errors about the URL and headers are found before anything is sent, and quote
// neither.
func TestBadRequests(t *testing.T) {
	for want, r := range map[string]rest.Request{
		"there is no URL": {},
		"the URL has no scheme; put https:// in front of it":                    {URL: "s3cret.example.com/x"},
		"the URL's scheme is \"ftp\"; it must be http or https":                 {URL: "ftp://s3cret"},
		"the URL has no host; write it as https://example.com/path":             {URL: "https:///s3cret"},
		"the URL cannot be read; write it as https://example.com/path":          {URL: "https://s3cret%zz"},
		`"BAD METHOD" is not an HTTP method`:                                    {URL: "https://s3cret", Method: "BAD METHOD"},
		`127.0.0.1: invalid header field value for "X-S"`:                       {URL: "http://127.0.0.1/", Header: map[string]string{"X-S": "s3cret\r\nInjected: 1"}},
		`127.0.0.1: invalid header field name "X-S\r\nInjected"`:                {URL: "http://127.0.0.1/", Header: map[string]string{"X-S\r\nInjected": "1"}},
		"blocked: 169.254.169.254 is cloud metadata":                            {URL: "http://169.254.169.254/latest/s3cret"},
		"blocked: 0x7f.1 is neither a name nor an IP address in its usual form": {URL: "http://0x7f.1/s3cret"},
	} {
		_, err := rest.Do(t.Context(), client(t), r)
		if err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

// Fault P1: whatever the server does, the call ends in time, within its limits, and
// with an error that names the kind of failure and nothing of the URL but the host.
func TestHostile(t *testing.T) {
	tests := map[providertest.Behaviour]struct {
		want      string // HOST stands for the address
		temporary bool
	}{
		providertest.Hang:      {"timed out while waiting for an answer from HOST", true},
		providertest.Drip:      {"timed out while reading the answer of HOST", true},
		providertest.DripHead:  {"timed out while reading the answer of HOST", true},
		providertest.Endless:   {"HOST: the answer is larger than 8 MiB", false},
		providertest.Reset:     {"HOST: the connection was reset", true},
		providertest.Close:     {"HOST: the connection was closed before the answer was complete", true},
		providertest.Truncated: {"HOST: the connection was closed before the answer was complete", true},
		providertest.Bomb:      {"HOST: the answer is larger than 8 MiB", false},
		providertest.Garbage:   {"HOST: the answer is not HTTP", false},
		providertest.HeadFlood: {"HOST: the answer's headers are too large", false},
		providertest.Redirects: {"HOST: redirected more than 5 times", false},
		providertest.BadTLS:    {"HOST: the certificate is refused: certificate has expired or is not yet valid: ", false},
		providertest.NoTLS:     {"HOST: the server does not speak TLS", false},
		providertest.Refuse:    {"HOST: connection refused", true},
	}
	for _, b := range providertest.Behaviours() {
		t.Run(string(b), func(t *testing.T) {
			base := providertest.Hostile(t, b)
			ctx := t.Context()
			if strings.HasPrefix(tests[b].want, "timed out") {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, 100*time.Millisecond)
				defer cancel()
			}
			_, err := rest.Do(ctx, client(t), rest.Request{URL: base + "/p4th?key=s3cret", JSON: 1})
			u, _ := url.Parse(base)
			want := strings.ReplaceAll(tests[b].want, "HOST", u.Host)
			if err == nil || !strings.HasPrefix(err.Error(), want) {
				t.Fatalf("%v, want %s", err, want)
			}
			if strings.Contains(err.Error(), "s3cret") || strings.Contains(err.Error(), "p4th") {
				t.Errorf("the URL is in %v", err)
			}
			var e *providers.Error
			if !errors.As(err, &e) || e.Temporary != tests[b].temporary {
				t.Errorf("%#v, want temporary %v", e, tests[b].temporary)
			}
			if strings.HasPrefix(want, "timed out") != errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%v is a deadline's or is not", err)
			}
		})
	}
}

// What the resolver says, without asking one: that there is no such name lasts, that it
// did not answer may pass.
func TestUnknownName(t *testing.T) {
	for want, dns := range map[string]*net.DNSError{
		"nowhere.invalid: no such host":                                        {Err: "no such host", Name: "nowhere.invalid", IsNotFound: true},
		"nowhere.invalid: the name could not be looked up: server misbehaving": {Err: "server misbehaving", Name: "nowhere.invalid", IsTemporary: true},
	} {
		lost := &http.Client{Transport: roundTrip(func(*http.Request) (*http.Response, error) {
			return nil, &net.OpError{Op: "dial", Net: "tcp", Err: dns}
		})}
		_, err := rest.Do(t.Context(), lost, rest.Request{URL: "https://nowhere.invalid/x"})
		var e *providers.Error
		if !errors.As(err, &e) || err.Error() != want || e.Temporary == dns.IsNotFound {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// A call that is stopped says so, in the words of whoever stopped it.
func TestCause(t *testing.T) {
	base := providertest.Hostile(t, providertest.Hang)
	ctx, cancel := context.WithTimeoutCause(t.Context(), 50*time.Millisecond, errors.New("the step took longer than 50ms"))
	defer cancel()
	_, err := rest.Do(ctx, client(t), rest.Request{URL: base})
	if err == nil || !strings.HasPrefix(err.Error(), "the step took longer than 50ms while waiting for an answer from 127.0.0.1:") || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
}

// Packed answers are unpacked; 8 MiB is the limit of what they unpack to, exactly.
func TestLimit(t *testing.T) {
	for size, ok := range map[int]bool{8 << 20: true, 8<<20 + 1: false} {
		base := serve(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			io.Copy(z, strings.NewReader(strings.Repeat("x", size)))
			z.Close()
		})
		got, err := rest.Do(t.Context(), client(t), rest.Request{URL: base})
		if text, _ := got.Body.(string); ok && (err != nil || len(text) != size) || !ok && !errors.Is(err, rest.ErrTooLarge) {
			t.Errorf("%d bytes: %d, %v", size, len(text), err)
		}
	}
}

func TestVendorsWords(t *testing.T) {
	tests := []struct {
		name, kind, body, want string
	}{
		{"a message", "application/json", `{"ok": false, "message": "no such channel"}`, "404 Not Found: no such channel"},
		{"an error", "application/json", `{"error": "channel_not_found"}`, "404 Not Found: channel_not_found"},
		{"an error that says more", "application/json", `{"error": "invalid_grant", "error_description": "Token is over."}`, "404 Not Found: Token is over."},
		{"an error with a message", "application/json", `{"error": {"code": 5, "message": "quota"}}`, "404 Not Found: quota"},
		{"several", "application/json", `{"errors": [{"detail": "a is bad"}, {"title": "b is worse"}, "c"]}`, "404 Not Found: a is bad; b is worse; c"},
		{"problem details", "application/problem+json", `{"type": "x", "title": "Gone fishing", "detail": "Back at nine."}`, "404 Not Found: Back at nine."},
		{"JSON without words", "application/json", `{"code": 7}`, `404 Not Found: {"code": 7}`},
		{"text", "text/plain", "invalid_payload\n", "404 Not Found: invalid_payload"},
		{"a page", "text/html", "<!DOCTYPE html><html><head><title>404 &amp; lost</title></head><body>much more", "404 Not Found: 404 & lost"},
		{"nothing", "text/plain", "", "404 Not Found"},
		{"control characters", "text/plain", "a\x1b[31mb\r\n\tc\x00\u202ed", "404 Not Found: a[31mb cd"},
		{"long", "text/plain", strings.Repeat("ä", 300), "404 Not Found: " + strings.Repeat("ä", 199) + "…"},
		{"not text", "application/octet-stream", "\xff\xfe", "404 Not Found: \uFFFD"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			base := serve(t, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", tt.kind)
				w.WriteHeader(404)
				io.WriteString(w, tt.body)
			})
			got, err := rest.Do(t.Context(), client(t), rest.Request{URL: base})
			if err == nil || err.Error() != tt.want || got.Status != 404 {
				t.Errorf("%v, want %s", err, tt.want)
			}
		})
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	tests := []struct {
		retry, date string
		want        time.Duration
	}{
		{"30", "", 30 * time.Second},
		{"0.5", "", 500 * time.Millisecond},
		{"-3", "", 0},
		{"NaN", "", 0},
		{"1e300", "", 1e9 * time.Second},
		{"soon", "", 0},
		{"", "", 0},
		{"Fri, 02 Jan 2026 03:05:05 GMT", "", time.Minute},
		{"Fri, 02 Jan 2026 03:05:05 GMT", "Fri, 02 Jan 2026 03:05:00 GMT", 5 * time.Second},
		{"Fri, 02 Jan 2026 03:00:00 GMT", "", 0},
	}
	for _, tt := range tests {
		h := http.Header{"Retry-After": {tt.retry}, "Date": {tt.date}}
		if got := rest.RetryAfter(h, now); got != tt.want {
			t.Errorf("%s at %q: %v, want %v", tt.retry, tt.date, got, tt.want)
		}
	}
}

func TestPassingStatus(t *testing.T) {
	for status, want := range map[int]bool{400: false, 401: false, 404: false, 408: true, 425: true, 429: true, 500: true, 501: false, 502: true, 503: true, 504: true, 505: false, 529: true} {
		base := serve(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(status)
		})
		_, err := rest.Do(t.Context(), client(t), rest.Request{URL: base})
		var e *providers.Error
		if !errors.As(err, &e) || e.Status != status || e.Temporary != want || e.After != 7*time.Second {
			t.Errorf("%d: %+v", status, e)
		}
	}
}

// A provider whose operations are requests is its structs and two functions.
func TestCallAndRead(t *testing.T) {
	base := echo(t)
	type config struct {
		URL string `param:"url" doc:"Where."`
	}
	type with struct {
		Text string `param:"text" doc:"What."`
	}
	request := func(c config, w with) rest.Request { return rest.Request{URL: c.URL + "/r", Text: w.Text} }
	p := providers.Define(providers.Definition[rest.Client[config]]{
		Type:   "test",
		Open:   rest.Open[config](),
		Notify: rest.Call(request),
		Query: rest.Read(request, func(r rest.Response) (string, error) {
			body, _ := r.Body.(*value.Map).Get("body")
			return value.Text(body), nil
		}),
	})
	c, err := p.Open(t.Context(), source.Of(value.MapOf(value.Entry{Key: "url", Value: base})), providers.Env{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	told := source.Of(value.MapOf(value.Entry{Key: "text", Value: "hi"}))
	if got, err := c.Query(t.Context(), told); err != nil || got != "hi" {
		t.Errorf("query: %v, %v", got, err)
	}
	if got, err := c.Notify(t.Context(), told); err != nil || got.(*value.Map).Len() != 7 {
		t.Errorf("notify: %v, %v", got, err)
	}
}
