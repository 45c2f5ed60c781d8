package http_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"log"
	"math/big"
	"net"
	nethttp "net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tocsin/providers"
	"tocsin/providers/dial"
	"tocsin/providers/http"
	"tocsin/providers/providertest"
	"tocsin/templating/value"
	"tocsin/workflows/source"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestProvider(t *testing.T) {
	providertest.Run(t, http.Provider)
}

// query calls the provider with parameters in turn, and returns its results.
func query(t *testing.T, env providers.Env, kv ...any) (*value.Map, error) {
	t.Helper()
	with := value.NewMap(0)
	for i := 0; i < len(kv); i += 2 {
		with.Set(kv[i].(string), kv[i+1])
	}
	c, err := http.Provider.Open(t.Context(), source.Value{}, env)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	got, err := c.Query(t.Context(), source.Of(with))
	m, _ := got.(*value.Map)
	return m, err
}

// path is a value inside of results: "tls.version".
func path(v any, dotted string) any {
	for key := range strings.SplitSeq(dotted, ".") {
		v, _ = value.Member(v, key)
	}
	return v
}

func serve(t *testing.T, h nethttp.HandlerFunc) *httptest.Server {
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s
}

func hello(w nethttp.ResponseWriter, r *nethttp.Request) { io.WriteString(w, "hello "+r.Host) }

// Against a real server there are timings, and the second call uses the connection of
// the first.
func TestTimings(t *testing.T) {
	s := serve(t, hello)
	d := &dial.Dialer{Resolve: map[string]string{"shop.example:*": "127.0.0.1"}}
	env := providers.Env{Dialer: d, HTTP: d.Client()}
	defer env.HTTP.CloseIdleConnections()
	_, port, _ := net.SplitHostPort(s.Listener.Addr().String())
	for again, connected := range []bool{true, false} {
		got, err := query(t, env, "url", "http://shop.example:"+port)
		if err != nil {
			t.Fatal(err)
		}
		connect := path(got, "timings.connect_ms").(float64)
		first, total := path(got, "timings.first_byte_ms").(float64), path(got, "timings.total_ms").(float64)
		if connect > 0 != connected || first <= 0 || total < first || path(got, "body") != "hello shop.example:"+port || path(got, "tls") != nil {
			t.Errorf("call %d: %s", again, value.AppendJSON(nil, got))
		}
	}
}

// authority is a certificate authority of the test's own, and a server certificate by
// it that is good until the given time.
func authority(t *testing.T, until time.Time) (*x509.CertPool, tls.Certificate) {
	t.Helper()
	caKey, key := newKey(t), newKey(t)
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Test Authority"},
		NotBefore: until.AddDate(-1, 0, 0), NotAfter: until.AddDate(1, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "shop.example"},
		NotBefore: until.AddDate(-1, 0, 0), NotAfter: until, DNSNames: []string{"shop.example", "www.shop.example"},
	}
	caDER, err := x509.CreateCertificate(rand.Reader, ca, ca, &caKey.PublicKey, caKey)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, leaf, ca, &key.PublicKey, caKey)
	if err != nil {
		t.Fatal(err)
	}
	caCert, err := x509.ParseCertificate(caDER)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(caCert)
	return pool, tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// secure is a server for shop.example, and an Env that reaches it and trusts it.
func secure(t *testing.T, until time.Time) (env providers.Env, port string) {
	t.Helper()
	pool, cert := authority(t, until)
	s := httptest.NewUnstartedServer(nethttp.HandlerFunc(func(w nethttp.ResponseWriter, r *nethttp.Request) { io.WriteString(w, r.Proto) }))
	s.TLS = &tls.Config{Certificates: []tls.Certificate{cert}}
	s.EnableHTTP2 = true
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	d := &dial.Dialer{Resolve: map[string]string{"*:*": "127.0.0.1"}}
	transport := d.Transport()
	transport.TLSClientConfig.RootCAs = pool
	t.Cleanup(transport.CloseIdleConnections)
	_, port, _ = net.SplitHostPort(s.Listener.Addr().String())
	return providers.Env{Dialer: d, HTTP: &nethttp.Client{Transport: transport, CheckRedirect: dial.CheckRedirect}}, port
}

// The certificate is described: how long it lasts is what one checks.
func TestTLS(t *testing.T) {
	until := time.Now().Add(30*24*time.Hour + time.Hour).UTC().Truncate(time.Second)
	env, port := secure(t, until)
	got, err := query(t, env, "url", "https://shop.example:"+port)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"version":"TLS 1.3","not_after":"` + until.Format(time.RFC3339) + `","days_left":30,"issuer":"CN=Test Authority","subject":"CN=shop.example","dns_names":["shop.example","www.shop.example"]}`
	if text := string(value.AppendJSON(nil, path(got, "tls"))); text != want {
		t.Errorf("got  %s\nwant %s", text, want)
	}
	if path(got, "body") != "HTTP/2.0" || path(got, "timings.tls_ms").(float64) <= 0 {
		t.Errorf("%s", value.AppendJSON(nil, got))
	}
}

func TestBadCertificates(t *testing.T) {
	good, over := time.Now().AddDate(0, 1, 0), time.Now().Add(-25*time.Hour)
	tests := []struct {
		name, host, want string
		until            time.Time
		verify           bool
		trusted          bool
	}{
		{"for another name", "other.example", "certificate is valid for shop.example, www.shop.example, not other.example", good, true, true},
		{"of an unknown authority", "shop.example", "certificate signed by unknown authority", good, true, false},
		{"over", "shop.example", "certificate has expired or is not yet valid", over, true, true},
		{"over, and not looked at", "shop.example", "", over, false, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			env, port := secure(t, tt.until)
			if !tt.trusted {
				env.HTTP.Transport.(*nethttp.Transport).TLSClientConfig.RootCAs = x509.NewCertPool()
			}
			got, err := query(t, env, "url", "https://"+tt.host+":"+port+"/p4th", "verify", tt.verify)
			if tt.want == "" {
				if err != nil || path(got, "tls.days_left") != int64(-2) {
					t.Errorf("%v, %s", err, value.AppendJSON(nil, got))
				}
				return
			}
			if err == nil || !strings.HasPrefix(err.Error(), "http: query: "+tt.host+":"+port+": the certificate is refused: "+tt.want) {
				t.Errorf("%v, want %s", err, tt.want)
			}
		})
	}
}

// A small proxy: CONNECT is a tunnel, the rest is asked for in the client's place. It
// remembers what it was asked.
type proxy struct {
	t     *testing.T
	mu    sync.Mutex
	asked []string
}

func (p *proxy) ServeHTTP(w nethttp.ResponseWriter, r *nethttp.Request) {
	p.mu.Lock()
	p.asked = append(p.asked, r.Method+" "+r.RequestURI+" "+r.Header.Get("Proxy-Authorization"))
	p.mu.Unlock()
	if r.Method != nethttp.MethodConnect {
		io.WriteString(w, "through the proxy")
		return
	}
	_, port, _ := net.SplitHostPort(r.Host)
	to, err := net.Dial("tcp", "127.0.0.1:"+port)
	if err != nil {
		w.WriteHeader(502)
		return
	}
	defer to.Close()
	from, buffered, err := w.(nethttp.Hijacker).Hijack()
	if err != nil {
		p.t.Error(err)
		return
	}
	defer from.Close()
	io.WriteString(from, "HTTP/1.1 200 OK\r\n\r\n")
	var wg sync.WaitGroup
	wg.Go(func() { io.Copy(to, buffered); to.(*net.TCPConn).CloseWrite() })
	io.Copy(from, to)
	from.Close()
	wg.Wait()
}

func TestProxies(t *testing.T) {
	env, port := secure(t, time.Now().AddDate(0, 1, 0))
	target := "https://shop.example:" + port
	for _, tt := range []struct {
		name, url, scheme, body, asked string
	}{
		{"a plain request", "http://shop.example/x", "http", "through the proxy", "GET http://shop.example/x Basic dTpwNHNz"},
		{"a tunnel", target, "https", "HTTP/2.0", "CONNECT shop.example:" + port + " Basic dTpwNHNz"},
		{"for every scheme", target, "all", "HTTP/2.0", "CONNECT shop.example:" + port + " Basic dTpwNHNz"},
		{"for one host", target, "https://shop.example", "HTTP/2.0", "CONNECT shop.example:" + port + " Basic dTpwNHNz"},
		{"for another scheme", target, "http", "HTTP/2.0", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := &proxy{t: t}
			s := httptest.NewServer(p)
			defer s.Close()
			address := strings.Replace(s.URL, "http://", "http://u:p4ss@", 1)
			got, err := query(t, env, "url", tt.url, "proxies", value.MapOf(value.Entry{Key: tt.scheme, Value: address}))
			if err != nil || path(got, "body") != tt.body || strings.Join(p.asked, ", ") != tt.asked {
				t.Errorf("%v, %v, asked %q, want %q and %q", err, path(got, "body"), p.asked, tt.body, tt.asked)
			}
		})
	}
}

// The guard holds for the proxy's address, too.
func TestProxyIsGuarded(t *testing.T) {
	_, err := query(t, providers.Env{}, "url", "http://shop.example/", "proxies", value.MapOf(value.Entry{Key: "all", Value: "http://169.254.169.254:80"}))
	var blocked *dial.Blocked
	if !errors.As(err, &blocked) {
		t.Errorf("%v, want a *dial.Blocked", err)
	}
}

// P1 and P2 at the provider: what cannot be had is an error with the name of its kind.
func TestHostile(t *testing.T) {
	for b, want := range map[providertest.Behaviour]string{
		providertest.Hang:    "http: query: timed out after 100ms while waiting for an answer from HOST",
		providertest.Drip:    "http: query: timed out after 100ms while reading the answer of HOST",
		providertest.Reset:   "http: query: HOST: the connection was reset",
		providertest.Bomb:    "http: query: HOST: the answer is larger than 8 MiB",
		providertest.Refuse:  "http: query: HOST: connection refused",
		providertest.Garbage: "http: query: HOST: the answer is not HTTP",
	} {
		t.Run(string(b), func(t *testing.T) {
			base := providertest.Hostile(t, b)
			timeout := "10s"
			if strings.Contains(want, "timed out") {
				timeout = "100ms"
			}
			_, err := query(t, providers.Env{}, "url", base+"/p4th?k=s3cret", "timeout", timeout)
			u, _ := url.Parse(base)
			if err == nil || err.Error() != strings.ReplaceAll(want, "HOST", u.Host) {
				t.Errorf("%v, want %s", err, want)
			}
			if strings.Contains(want, "timed out") != errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%v is a deadline's or is not", err)
			}
		})
	}
}

func TestGuard(t *testing.T) {
	for address, want := range map[string]string{
		"http://169.254.169.254/latest/meta-data/":   "http: query: blocked: 169.254.169.254 is cloud metadata",
		"http://[::ffff:169.254.169.254]/":           "http: query: blocked: ::ffff:169.254.169.254 (169.254.169.254) is cloud metadata",
		"http://[fd00:ec2::254]/":                    "http: query: blocked: fd00:ec2::254 is cloud metadata",
		"http://2852039166/":                         "http: query: blocked: 2852039166 is neither a name nor an IP address in its usual form",
		"http://metadata.example/computeMetadata/v1": "http: query: blocked: metadata.example (169.254.169.254) is cloud metadata",
	} {
		d := &dial.Dialer{Resolve: map[string]string{"metadata.example:*": "169.254.169.254"}}
		if _, err := query(t, providers.Env{Dialer: d}, "url", address); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", address, err, want)
		}
	}
}

// What a body is read as, by what it is and says it is.
func TestBodies(t *testing.T) {
	tests := []struct{ name, kind, body, want string }{
		{"JSON that says so", "application/json", `{"a":1}`, `{"a":1}`},
		{"JSON that does not", "text/plain", `[1,2.0]`, `[1,2.0]`},
		{"a number", "text/plain", "91", "91"},
		{"a text", "text/plain", "ok\n", `"ok\n"`},
		{"broken JSON", "application/json", `{"a":`, `"{\"a\":"`},
		{"nothing", "application/json", "", `""`},
		{"Latin-1", "text/plain; charset=iso-8859-1", "caf\xe9", `"café"`},
		{"not a text", "application/octet-stream", "a\xffb", "\"a\uFFFDb\""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := serve(t, func(w nethttp.ResponseWriter, _ *nethttp.Request) {
				w.Header().Set("Content-Type", tt.kind)
				io.WriteString(w, tt.body)
			})
			got, err := query(t, providers.Env{}, "url", s.URL)
			if text := string(value.AppendJSON(nil, path(got, "body"))); err != nil || text != tt.want {
				t.Errorf("%v, got %s, want %s", err, text, tt.want)
			}
		})
	}
}

// A header cannot be used to add another (P5), and Host names the virtual host.
func TestHeaders(t *testing.T) {
	s := serve(t, hello)
	got, err := query(t, providers.Env{}, "url", s.URL, "headers", value.MapOf(value.Entry{Key: "host", Value: "other.example"}))
	if err != nil || path(got, "body") != "hello other.example" {
		t.Errorf("%v, %v", got, err)
	}
	_, err = query(t, providers.Env{}, "url", s.URL, "headers", value.MapOf(value.Entry{Key: "X-A", Value: "1\r\nX-Injected: s3cret"}))
	if err == nil || !strings.Contains(err.Error(), `invalid header field value for "X-A"`) || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("%v", err)
	}
}
