package dial

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestParseResolve(t *testing.T) {
	tests := []struct{ spec, key, address string }{
		{"example.com:443:127.0.0.1", "example.com:443", "127.0.0.1"},
		{"Example.COM.:443:127.0.0.1", "example.com:443", "127.0.0.1"},
		{"example.com:*:127.0.0.1", "example.com:*", "127.0.0.1"},
		{"*:80:127.0.0.1", "*:80", "127.0.0.1"},
		{"+example.com:80:127.0.0.1", "example.com:80", "127.0.0.1"},
		{"example.com:443:[::1]", "example.com:443", "::1"},
		{"example.com:443:::1", "example.com:443", "::1"},
		{"example.com:443:127.0.0.1,[::1]", "example.com:443", "127.0.0.1,::1"},
		{"[2001:db8::1]:443:127.0.0.1", "2001:db8::1:443", "127.0.0.1"},
	}
	for _, tt := range tests {
		key, address, err := ParseResolve(tt.spec)
		if err != nil || key != tt.key || address != tt.address {
			t.Errorf("%s: %q, %q, %v; want %q, %q", tt.spec, key, address, err, tt.key, tt.address)
		}
	}
}

func TestParseResolveErrors(t *testing.T) {
	const hint = "; write host:port:address, such as example.com:443:127.0.0.1"
	for spec, want := range map[string]string{
		"":                              `--resolve "": there is no port` + hint,
		"example.com":                   `--resolve "example.com": there is no port` + hint,
		"example.com:443":               `--resolve "example.com:443": there is no address` + hint,
		"example.com:443:":              `--resolve "example.com:443:": there is no address` + hint,
		":443:127.0.0.1":                `--resolve ":443:127.0.0.1": there is no host` + hint,
		".:443:127.0.0.1":               `--resolve ".:443:127.0.0.1": there is no host` + hint,
		"[[]:443:127.0.0.1":             `--resolve "[[]:443:127.0.0.1": "[" is not a host` + hint,
		"example.com:https:127.0.0.1":   `--resolve "example.com:https:127.0.0.1": "https" is not a port` + hint,
		"example.com:0:127.0.0.1":       `--resolve "example.com:0:127.0.0.1": "0" is not a port` + hint,
		"example.com:443:localhost":     `--resolve "example.com:443:localhost": "localhost" is not an IP address` + hint,
		"example.com:443:127.0.0.1,":    `--resolve "example.com:443:127.0.0.1,": "" is not an IP address` + hint,
		"example.com:443:127.0.0.1,x.y": `--resolve "example.com:443:127.0.0.1,x.y": "x.y" is not an IP address` + hint,
	} {
		if _, _, err := ParseResolve(spec); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", spec, err, want)
		}
	}
}

// A name that the user resolves reaches the server on loopback under its own name, by
// the exact port before any port, and by the exact host before any host.
func TestResolve(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.Host) }))
	defer s.Close()
	_, port, _ := net.SplitHostPort(s.Listener.Addr().String())
	for _, resolve := range []map[string]string{
		{"shop.example:" + port: "127.0.0.1"},
		{"shop.example:*": "127.0.0.1"},
		{"*:*": "127.0.0.1"},
		{"shop.example:" + port: "127.0.0.1", "shop.example:*": "127.0.0.2", "*:*": "127.0.0.3"},
	} {
		d := &Dialer{Resolve: resolve}
		got := get(t, d.Client(), "http://Shop.Example:"+port)
		if got != "Shop.Example:"+port {
			t.Errorf("%v: the server saw host %q", resolve, got)
		}
		ips, err := d.Lookup(t.Context(), "shop.example", port)
		if err != nil || len(ips) != 1 || ips[0].String() != "127.0.0.1" {
			t.Errorf("%v: lookup is %v, %v", resolve, ips, err)
		}
	}
}

// Of several addresses the first that answers counts.
func TestResolveTriesInTurn(t *testing.T) {
	l := listenBeside(t)
	_, port, _ := net.SplitHostPort(l.Addr().String())
	d := &Dialer{Resolve: map[string]string{"a.example:*": "127.0.0.1,127.0.0.2"}}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	conn, err := d.DialContext(ctx, "tcp", "a.example:"+port)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if conn.RemoteAddr().String() != l.Addr().String() {
		t.Errorf("connected to %s", conn.RemoteAddr())
	}
}

// listenBeside listens on 127.0.0.2, on a port where nobody can listen on 127.0.0.1 for as
// long as the test runs: a connection that goes out from there holds it.
func listenBeside(t *testing.T) net.Listener {
	t.Helper()
	for range 20 {
		l, err := net.Listen("tcp", "127.0.0.2:0")
		if err != nil {
			t.Skip("there is no 127.0.0.2 here")
		}
		t.Cleanup(func() { l.Close() })
		from := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: l.Addr().(*net.TCPAddr).Port}
		if holder, err := (&net.Dialer{LocalAddr: from}).Dial("tcp", l.Addr().String()); err == nil {
			t.Cleanup(func() { holder.Close() })
			return l
		}
	}
	t.Fatal("no port is free on both 127.0.0.1 and 127.0.0.2")
	return nil
}

func TestLookupLeavesOutWhatIsRefused(t *testing.T) {
	d := &Dialer{Public: true, Resolve: map[string]string{"two.example:*": "127.0.0.1,8.8.8.8"}}
	ips, err := d.Lookup(t.Context(), "two.example", "80")
	if err != nil || len(ips) != 1 || ips[0].String() != "8.8.8.8" {
		t.Errorf("%v, %v; want 8.8.8.8 only", ips, err)
	}
}

// A redirect to an address that is refused ends there, whoever sent it.
func TestRedirectToMetadata(t *testing.T) {
	s := httptest.NewServer(http.RedirectHandler("http://169.254.169.254/latest/meta-data/", http.StatusFound))
	defer s.Close()
	_, err := (&Dialer{}).Client().Get(s.URL)
	if !isBlocked(err) {
		t.Errorf("%v, want a *Blocked", err)
	}
}

// The environment's proxies are ignored.
func TestNoProxyOfTheEnvironment(t *testing.T) {
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	t.Setenv("http_proxy", "http://127.0.0.1:1")
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "direct") }))
	defer s.Close()
	d := &Dialer{Resolve: map[string]string{"proxied.example:*": "127.0.0.1"}}
	_, port, _ := net.SplitHostPort(s.Listener.Addr().String())
	if got := get(t, d.Client(), "http://proxied.example:"+port); got != "direct" {
		t.Errorf("got %q", got)
	}
}

func TestRedirectLimit(t *testing.T) {
	requests := 0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests++
		http.Redirect(w, r, "/again", http.StatusFound)
	}))
	defer s.Close()
	_, err := (&Dialer{}).Client().Get(s.URL)
	if !errors.Is(err, ErrRedirects) || requests != 6 {
		t.Errorf("%d requests, %v; want 6 and ErrRedirects", requests, err)
	}
}

func TestRedirectToAnotherScheme(t *testing.T) {
	s := httptest.NewServer(http.RedirectHandler("file:///etc/passwd", http.StatusFound))
	defer s.Close()
	if _, err := (&Dialer{}).Client().Get(s.URL); err == nil {
		t.Error("followed to file:")
	}
}

// Headers that the caller set stay with the host they were set for.
func TestRedirectHeaders(t *testing.T) {
	seen := make(chan http.Header, 1)
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { seen <- r.Header }))
	defer other.Close()
	first := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/away":
			http.Redirect(w, r, other.URL, http.StatusFound)
		case "/here":
			http.Redirect(w, r, "/there", http.StatusFound)
		default:
			seen <- r.Header
		}
	}))
	defer first.Close()
	for path, want := range map[string]bool{"/here": true, "/away": false} {
		req, _ := http.NewRequest("GET", first.URL+path+"?key=k3y", nil)
		for _, name := range []string{"Authorization", "X-Api-Key", "Cookie", "X-Anything"} {
			req.Header.Set(name, "s3cret")
		}
		req.Header.Set("Accept", "text/plain")
		resp, err := (&Dialer{}).Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		got := <-seen
		for _, name := range []string{"Authorization", "X-Api-Key", "Cookie", "X-Anything", "Referer"} {
			if has := got.Get(name) != ""; has != want {
				t.Errorf("%s: %s sent is %v, want %v", path, name, has, want)
			}
		}
		if got.Get("Accept") != "text/plain" {
			t.Errorf("%s: Accept was dropped", path)
		}
	}
}

func TestPlacesThatAreTheSame(t *testing.T) {
	tests := []struct {
		from, to string
		want     bool
	}{
		{"https://a.example/x", "https://a.example:443/y", false},
		{"http://a.example", "https://A.example", false},
		{"https://a.example", "http://a.example", true},
		{"https://a.example", "https://b.a.example", true},
		{"https://a.example", "https://a.example:8443", true},
	}
	for _, tt := range tests {
		from, _ := http.NewRequest("GET", tt.from, nil)
		to, _ := http.NewRequest("GET", tt.to, nil)
		if got := elsewhere(to, from); got != tt.want {
			t.Errorf("%s to %s: elsewhere is %v", tt.from, tt.to, got)
		}
	}
}

func TestHTTP2AndTLS(t *testing.T) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.Proto) }))
	s.EnableHTTP2 = true
	s.StartTLS()
	defer s.Close()
	transport := (&Dialer{}).Transport()
	transport.TLSClientConfig.RootCAs = s.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	defer transport.CloseIdleConnections()
	if got := get(t, &http.Client{Transport: transport}, s.URL); got != "HTTP/2.0" {
		t.Errorf("spoke %s", got)
	}
	if transport.TLSClientConfig.MinVersion != tls.VersionTLS12 {
		t.Error("older TLS than 1.2 is taken")
	}
}

func get(t *testing.T, c *http.Client, url string) string {
	t.Helper()
	defer c.CloseIdleConnections()
	resp, err := c.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(body))
}

// A name is judged by what it resolves to: localhost comes out of the hosts file.
func TestNameThatResolvesToLoopback(t *testing.T) {
	d := &Dialer{Public: true}
	if _, err := d.DialContext(t.Context(), "tcp", "localhost:1"); !isBlocked(err) {
		t.Errorf("dial: %v, want a *Blocked", err)
	}
	if _, err := d.Lookup(t.Context(), "localhost", "1"); !isBlocked(err) {
		t.Errorf("lookup: %v, want a *Blocked", err)
	}
}

func FuzzParseResolve(f *testing.F) {
	for _, spec := range []string{"example.com:443:127.0.0.1", "[::1]:*:[::1],127.0.0.1", "*:80:::1", "+a:1:1.1.1.1", ":::", "[:]:"} {
		f.Add(spec)
	}
	f.Fuzz(func(t *testing.T, spec string) {
		k, address, err := ParseResolve(spec)
		if err != nil {
			return
		}
		if _, err := parseList(address); err != nil {
			t.Errorf("%q gives the address %q: %v", spec, address, err)
		}
		if again, _, err := ParseResolve("[" + k[:strings.LastIndex(k, ":")] + "]" + k[strings.LastIndex(k, ":"):] + ":" + address); err != nil || again != k {
			t.Errorf("%q gives the key %q, which gives %q, %v", spec, k, again, err)
		}
	})
}
