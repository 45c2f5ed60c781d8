package http

import (
	"context"
	"crypto/tls"
	"math"
	"mime"
	"net/http"
	"net/http/httptrace"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"tocsin/templating/value"
)

func (c *client) answer(resp *http.Response, body []byte) Answer {
	a := Answer{
		OK:         resp.StatusCode < 400,
		StatusCode: resp.StatusCode,
		Body:       decode(resp.Header, body),
		Headers:    headers(resp.Header),
		URL:        where(resp.Request),
		Redirects:  redirects(resp.Request),
		Size:       len(body),
	}
	if resp.TLS != nil {
		a.TLS = describe(resp.TLS, c.now())
	}
	return a
}

// decode reads a body as JSON whatever type it says it has, as Keep does, else as text.
func decode(h http.Header, body []byte) any {
	if v, err := value.DecodeJSON(body); err == nil {
		return v
	}
	if utf8.Valid(body) {
		return string(body)
	}
	if kind, params, _ := mime.ParseMediaType(h.Get("Content-Type")); strings.HasPrefix(kind, "text/") && !strings.EqualFold(params["charset"], "utf-8") {
		return latin1(body)
	}
	return strings.ToValidUTF8(string(body), "\uFFFD")
}

// latin1 is what a text is in that does not say, and is not UTF-8.
func latin1(body []byte) string {
	runes := make([]rune, len(body))
	for i, b := range body {
		runes[i] = rune(b)
	}
	return string(runes)
}

func headers(h http.Header) *value.Map {
	m := value.NewMap(len(h))
	names := make([]string, 0, len(h))
	for name := range h {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		m.Set(strings.ToLower(name), strings.Join(h[name], ", "))
	}
	return m
}

// where is the address of the request, without user and password.
func where(req *http.Request) string {
	u := *req.URL
	u.User = nil
	return u.String()
}

// redirects is how many answers led to req.
func redirects(req *http.Request) int {
	n := 0
	for req.Response != nil {
		req = req.Response.Request
		n++
	}
	return n
}

func describe(s *tls.ConnectionState, now time.Time) *TLS {
	t := &TLS{Version: tls.VersionName(s.Version)}
	if len(s.PeerCertificates) == 0 {
		return t
	}
	cert := s.PeerCertificates[0]
	t.NotAfter = cert.NotAfter.UTC().Format(time.RFC3339)
	t.DaysLeft = int(math.Floor(cert.NotAfter.Sub(now).Hours() / 24))
	t.Issuer, t.Subject, t.DNSNames = cert.Issuer.String(), cert.Subject.String(), cert.DNSNames
	return t
}

// A stopwatch adds up the parts of a request and its redirects. The hooks of a trace
// may still run after the request is over.
type stopwatch struct {
	mu    sync.Mutex
	start time.Time
	since map[string]time.Time
	took  map[string]time.Duration
	first time.Duration
}

func newStopwatch() *stopwatch {
	return &stopwatch{start: time.Now(), since: map[string]time.Time{}, took: map[string]time.Duration{}}
}

func (s *stopwatch) trace(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		DNSStart:             func(httptrace.DNSStartInfo) { s.begin("dns") },
		DNSDone:              func(httptrace.DNSDoneInfo) { s.end("dns") },
		ConnectStart:         func(_, _ string) { s.begin("connect") },
		ConnectDone:          func(_, _ string, _ error) { s.end("connect") },
		TLSHandshakeStart:    func() { s.begin("tls") },
		TLSHandshakeDone:     func(tls.ConnectionState, error) { s.end("tls") },
		GotFirstResponseByte: s.firstByte,
	})
}

// begin starts a part; of two addresses that are tried at once the first counts.
func (s *stopwatch) begin(part string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, running := s.since[part]; !running {
		s.since[part] = time.Now()
	}
}

func (s *stopwatch) end(part string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if since, running := s.since[part]; running {
		s.took[part] += time.Since(since)
		delete(s.since, part)
	}
}

func (s *stopwatch) firstByte() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.first = time.Since(s.start)
}

func (s *stopwatch) stop() Timings {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Timings{
		DNS:       ms(s.took["dns"]),
		Connect:   ms(s.took["connect"]),
		TLS:       ms(s.took["tls"]),
		FirstByte: ms(s.first),
		Total:     ms(time.Since(s.start)),
	}
}

// ms is d in milliseconds, to the microsecond.
func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
