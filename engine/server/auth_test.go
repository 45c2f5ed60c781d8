package server

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// A clock is one that a test moves.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time       { return time.Now().Add(time.Duration(c.ahead.Load())) }
func (c *clock) pass(d time.Duration) { c.ahead.Add(int64(d)) }

// All ways in which Keep's clients show a key (spec §10.1), and no others.
func TestCredentials(t *testing.T) {
	w := newWorld(t)
	key := w.makeKey("viewer")
	basic := base64.StdEncoding.EncodeToString([]byte("api_key:" + key))
	for _, h := range [][]string{
		{"X-API-KEY", key}, {"x-api-key", key}, {"Authorization", "Bearer " + key}, {"Authorization", "bearer " + key},
		{"Authorization", "Digest " + key}, {"Authorization", "Basic " + basic},
	} {
		w.want(200, "GET", "/whoami", nil, h...)
	}
	for _, h := range [][]string{
		{"X-API-KEY", key + "x"}, {"X-API-KEY", key[:len(key)-1]}, {"Authorization", key}, {"Authorization", "Token " + key},
		{"Cookie", "api_key=" + key}, {"X-API-KEY", strings.ToUpper(key)},
	} {
		a := w.want(401, "GET", "/whoami", nil, h...)
		if a.text(t, "detail") == "" || a.header.Get("WWW-Authenticate") == "" {
			t.Errorf("%v: %s", h, a.body)
		}
	}
	w.want(401, "GET", "/whoami?api_key="+key, nil)
	ingest := w.makeKey("ingest")
	w.want(202, "POST", "/alerts/event?api_key="+ingest, m{"name": "x"})
	w.want(403, "POST", "/alerts/event?api_key="+key, m{"name": "x"})
	if log := w.log.String(); strings.Contains(log, key) || strings.Contains(log, ingest) || strings.Contains(log, "api_key=") {
		t.Error("the log has a key in it")
	}
}

// A key that is over, or was revoked, lets nobody in; when it was used is known.
func TestKeysEnd(t *testing.T) {
	var c clock
	w := newWorld(t, func(s *Server) { s.Now = c.now })
	admin := w.makeKey("admin")
	short, kept, err := CreateKey(t.Context(), w.s.Store, NewKey{Name: "short", Role: "viewer", Expires: time.Now().Add(time.Hour)})
	must(t, err)
	w.want(200, "GET", "/whoami", nil, "X-API-KEY", short)
	c.pass(2 * time.Hour)
	w.want(401, "GET", "/whoami", nil, "X-API-KEY", short)
	w.key = admin
	list := w.want(200, "GET", "/api/v1/keys", nil)
	for i := range 2 {
		if list.text(t, i, "used") == "<nil>" {
			t.Error(list.body)
		}
	}
	if strings.Contains(list.body, short) || strings.Contains(list.body, "hash") {
		t.Error("the list has a key in it")
	}
	for _, bad := range []m{
		{"name": "x", "role": "boss"}, {"name": "", "role": "viewer"}, {"name": "x", "role": "viewer", "scopes": []string{"admin"}},
		{"name": "x", "role": "viewer", "scopes": []string{"all"}}, {"name": "x", "role": "viewer", "expires": "2001-01-01T00:00:00Z"},
	} {
		w.want(400, "POST", "/api/v1/keys", bad)
	}
	w.want(200, "DELETE", "/api/v1/keys/"+kept.ID, nil)
	w.want(404, "DELETE", "/api/v1/keys/"+kept.ID, nil)
}

// Ten thousand guesses are answered alike and soon refused, while one with a key that
// was right before goes on (reliability.md, A4).
func TestGuessing(t *testing.T) {
	w := newWorld(t)
	key := w.makeKey("viewer")
	w.want(200, "GET", "/whoami", nil, "X-API-KEY", key)
	var bodies [600]int
	n := 2000
	if deepTests() {
		n = 10_000
	}
	h := client(t)
	for i := range n {
		req, err := http.NewRequest("GET", w.url+"/whoami", nil)
		must(t, err)
		req.Header.Set("X-API-KEY", fmt.Sprintf("%s%d", key[:20], i))
		res, err := h.Do(req)
		must(t, err)
		res.Body.Close()
		bodies[res.StatusCode]++
		if res.StatusCode == 429 && res.Header.Get("Retry-After") == "" {
			t.Fatal("nobody says when to come again")
		}
	}
	if bodies[401]+bodies[429] != n || bodies[401] > 200 {
		t.Errorf("401: %d, 429: %d", bodies[401], bodies[429])
	}
	w.want(200, "GET", "/whoami", nil, "X-API-KEY", key)
}

// Pages of others cannot use a browser that can reach us (reliability.md, A3): every row
// that changes something, with bad origins and hosts.
func TestOtherSites(t *testing.T) {
	w := newWorld(t)
	host := strings.TrimPrefix(w.url, "http://")
	for _, r := range routes() {
		path := callable(r.path)
		for _, name := range []string{"evil.example", "evil.example:8080", "127.0.0.1.evil.example", "localhost.evil.example", "10.0.0.1", "[::2]:80"} {
			if a := w.ask(r.method, path, nil, "Host", name); a.status != 421 {
				t.Errorf("%s with the host %s: %d", r.pattern(), name, a.status)
			}
		}
		if !r.mutates() {
			continue
		}
		for _, h := range [][]string{
			{"Origin", "http://evil.example"}, {"Origin", "null"}, {"Origin", "http://" + host + ".evil.example"}, {"Origin", "http://127.0.0.1:1"},
			{"Origin", "http://localhost"}, {"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Sec-Fetch-Site", "nonsense"},
		} {
			if a := w.ask(r.method, path, nil, h...); a.status != 403 || !strings.Contains(a.body, "another site") {
				t.Errorf("%s with %v: %d %s", r.pattern(), h, a.status, a.body)
			}
		}
		if a := w.ask(r.method, path, nil, "Origin", "http://"+host); a.status == 403 && strings.Contains(a.body, "another site") {
			t.Errorf("%s from our own page: %s", r.pattern(), a.body)
		}
	}
	for _, good := range []string{"localhost", "LOCALHOST:1", "127.0.0.1", "127.9.9.9:80", "[::1]:5", "a.localhost"} {
		w.want(200, "GET", "/whoami", nil, "Host", good)
	}
}

// On loopback nobody needs a key, until there is one; what a proxy passes on always does.
func TestOpenOnLoopback(t *testing.T) {
	w := newWorld(t)
	if a := w.want(200, "GET", "/whoami", nil); a.text(t, "role") != "admin" || a.text(t, "name") != "local" {
		t.Error(a.body)
	}
	w.want(401, "GET", "/whoami", nil, "X-Forwarded-For", "203.0.113.9")
	w.want(401, "GET", "/whoami", nil, "Forwarded", "for=203.0.113.9")
	w.want(401, "GET", "/whoami", nil, "X-Forwarded-For", "203.0.113.9", "X-API-KEY", "any")
	w.want(200, "GET", "/whoami", nil, "X-API-KEY", "any") // as Keep's NOAUTH has it
	w.makeKey("viewer")
	w.want(401, "GET", "/whoami", nil)
	w.want(401, "GET", "/whoami", nil, "X-API-KEY", "any")
	if n := strings.Count(w.log.String(), "everybody on this machine may do everything"); n != 1 {
		t.Errorf("it was said %d times", n)
	}
}

// Beyond loopback nothing begins without a key, and TLS or a proxy.
func TestRefusesToBeOpen(t *testing.T) {
	tests := []struct {
		name   string
		listen Listen
		keys   int
		want   error
	}{
		{name: "loopback", listen: Listen{}},
		{name: "loopback by name", listen: Listen{Address: "localhost:0"}},
		{name: "loopback of IPv6", listen: Listen{Address: "[::1]:0"}},
		{name: "all addresses", listen: Listen{Address: ":8080"}, want: errNoAuth},
		{name: "all addresses, with a key only", listen: Listen{Address: "0.0.0.0:8080"}, keys: 1, want: errNoTLS},
		{name: "behind a proxy without a key", listen: Listen{BehindProxy: true}, want: errNoAuth},
		{name: "behind a proxy", listen: Listen{Address: "[::]:80", BehindProxy: true}, keys: 1},
		{name: "with TLS and no key", listen: Listen{Address: "192.0.2.1:443", Cert: "c", Key: "k"}, want: errNoAuth},
		{name: "with TLS", listen: Listen{Address: "192.0.2.1:443", Cert: "c", Key: "k"}, keys: 1},
		{name: "a name", listen: Listen{Address: "tocsin.example:443"}, keys: 1, want: errNoTLS},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if err := tt.listen.check(tt.keys); !errors.Is(err, tt.want) {
				t.Errorf("%v, want %v", err, tt.want)
			}
		})
	}
	if err := (Listen{Cert: "c"}).check(1); err == nil {
		t.Error("a certificate without its key")
	}
}

// With TLS the server speaks it, and nothing else.
func TestTLS(t *testing.T) {
	cert, key := certificate(t)
	w := newWorld(t, func(s *Server) { s.Listen.Cert, s.Listen.Key = cert, key })
	pool := x509.NewCertPool()
	text, err := os.ReadFile(cert)
	must(t, err)
	pool.AppendCertsFromPEM(text)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}
	defer transport.CloseIdleConnections()
	res, err := (&http.Client{Transport: transport}).Get(w.url + "/whoami")
	must(t, err)
	res.Body.Close()
	if res.StatusCode != 200 || res.TLS.Version < tls.VersionTLS12 {
		t.Errorf("%d", res.StatusCode)
	}
	conn := dial(t, w)
	defer conn.Close()
	fmt.Fprint(conn, "GET /whoami HTTP/1.1\r\nHost: localhost\r\n\r\n")
	if text, _ := io.ReadAll(conn); !strings.Contains(string(text), "400 Bad Request") {
		t.Errorf("without TLS: %s", text)
	}
}

func certificate(t *testing.T) (cert, key string) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &k.PublicKey, k)
	must(t, err)
	private, err := x509.MarshalPKCS8PrivateKey(k)
	must(t, err)
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	must(t, os.WriteFile(cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	must(t, os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600))
	return cert, key
}

// Who may run a workflow is also for the workflow to say (spec §10.4): by the name of a
// key, or its role, in upper or lower case.
func TestPermissionsOfWorkflows(t *testing.T) {
	w := newWorld(t)
	admin := w.makeKey("admin")
	w.key = admin
	text := strings.Replace(uploaded, "  name: Up\n", "  name: Up\n  permissions: [NOC, ops@example.com]\n", 1)
	w.want(201, "PUT", "/api/v1/workflows/up", text)
	ops, _, err := CreateKey(t.Context(), w.s.Store, NewKey{Name: "Ops@example.com", Role: "operator"})
	must(t, err)
	for _, tt := range []struct {
		key  string
		want int
	}{{admin, 202}, {w.makeKey("noc"), 202}, {ops, 202}, {w.makeKey("operator"), 403}, {w.makeKey("viewer"), 403}} {
		w.key = tt.key
		if a := w.ask("POST", "/api/v1/workflows/up/run", nil); a.status != tt.want {
			t.Errorf("%d, want %d: %s", a.status, tt.want, a.body)
		}
	}
}
