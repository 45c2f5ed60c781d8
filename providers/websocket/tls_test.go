package websocket

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// An authority signs certificates for tests.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

var serials atomic.Int64 // of the last certificate made

// issue makes a certificate signed by a, or by itself if a is nil.
func (a *authority) issue(t testing.TB, change func(*x509.Certificate)) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	serial := serials.Add(1)
	c := &x509.Certificate{
		SerialNumber: big.NewInt(serial),
		Subject:      pkix.Name{CommonName: fmt.Sprint("test ", serial)},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(30 * 24 * time.Hour),
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if change != nil {
		change(c)
	}
	parent, signer := c, key
	if a != nil {
		parent, signer = a.cert, a.key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &authority{cert, key}
}

func isAuthority(c *x509.Certificate) {
	c.IsCA, c.BasicConstraintsValid, c.KeyUsage, c.ExtKeyUsage = true, true, x509.KeyUsageCertSign, nil
}

func local(c *x509.Certificate) { c.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)} }

func both(changes ...func(*x509.Certificate)) func(*x509.Certificate) {
	return func(c *x509.Certificate) {
		for _, change := range changes {
			change(c)
		}
	}
}

func expired(c *x509.Certificate) {
	c.NotBefore, c.NotAfter = time.Now().Add(-100*24*time.Hour), time.Now().Add(-73*time.Hour)
}

func notYet(c *x509.Certificate) { c.NotBefore = time.Now().Add(49 * time.Hour) }

// shows is a TLS configuration with leaf and the certificates sent along.
func (a *authority) shows(chain ...*authority) *tls.Config {
	c := tls.Certificate{Certificate: [][]byte{a.cert.Raw}, PrivateKey: a.key}
	for _, more := range chain {
		c.Certificate = append(c.Certificate, more.cert.Raw)
	}
	return &tls.Config{Certificates: []tls.Certificate{c}}
}

func (a *authority) pem() string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw}))
}

// overTLS does what do does behind TLS.
func overTLS(config *tls.Config, do func(*peer)) func(*peer) {
	return func(p *peer) {
		conn := tls.Server(p.Conn, config)
		if conn.Handshake() != nil {
			p.wait() // for the other side to read the alert
			return
		}
		defer conn.Close()
		do(&peer{Conn: conn, in: bufio.NewReader(conn), over: p.over})
	}
}

func TestTLS(t *testing.T) {
	root := (*authority)(nil).issue(t, isAuthority)
	middle := root.issue(t, isAuthority)
	oldMiddle := root.issue(t, both(isAuthority, expired))
	good := root.issue(t, local)
	behind := middle.issue(t, local)
	rows := []struct {
		name      string
		config    *tls.Config
		with      string
		connected bool
		code      string
		detail    string
		chain     int
	}{
		{name: "good", config: good.shows(), connected: true, code: "ok", chain: 1},
		{name: "good, with its intermediate", config: behind.shows(middle), connected: true, code: "ok", chain: 2},
		{name: "the intermediate is missing", config: behind.shows(), code: "tls_unknown_authority", chain: 1},
		{name: "the intermediate expired", config: oldMiddle.issue(t, local).shows(oldMiddle), code: "tls_expired", detail: "intermediate", chain: 2},
		{name: "self-signed", config: (*authority)(nil).issue(t, local).shows(), code: "tls_unknown_authority", detail: "self-signed", chain: 1},
		{name: "unknown authority", config: (*authority)(nil).issue(t, isAuthority).issue(t, local).shows(), code: "tls_unknown_authority", detail: "unknown authority", chain: 1},
		{name: "expired", config: root.issue(t, both(local, expired)).shows(), code: "tls_expired", detail: "expired 3 days ago", chain: 1},
		{name: "not yet valid", config: root.issue(t, both(local, notYet)).shows(), code: "tls_not_yet_valid", detail: "for another 2 days", chain: 1},
		{name: "another address", config: root.issue(t, func(c *x509.Certificate) { c.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 2)} }).shows(), code: "tls_hostname_mismatch", detail: "for 127.0.0.2, not for 127.0.0.1", chain: 1},
		{name: "a name instead of the address", config: root.issue(t, func(c *x509.Certificate) { c.DNSNames = []string{"ws.test"} }).shows(), code: "tls_hostname_mismatch", detail: "for ws.test", chain: 1},
		{name: "another name than asked for", config: good.shows(), with: "tls_server_name: ws.test", code: "tls_hostname_mismatch", chain: 1},
		{name: "the name asked for", config: root.issue(t, func(c *x509.Certificate) { c.DNSNames = []string{"*.test"} }).shows(), with: "tls_server_name: ws.test", connected: true, code: "ok", chain: 1},
		{name: "the name in the subject only", config: root.issue(t, func(c *x509.Certificate) { c.Subject.CommonName = "127.0.0.1" }).shows(), code: "tls_hostname_mismatch", chain: 1},
		{name: "not for servers", config: root.issue(t, both(local, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} })).shows(), code: "tls_unknown_authority", detail: "key usage", chain: 1},
		{name: "signed by no authority", config: good.issue(t, local).shows(good), code: "tls_unknown_authority", chain: 2},
		{name: "everything at once", config: (*authority)(nil).issue(t, expired).shows(), code: "tls_expired", detail: "expired 3 days ago; the server's certificate is for nobody, not for 127.0.0.1; the server's certificate is self-signed", chain: 1},
		{name: "expired, and any will do", config: root.issue(t, both(local, expired)).shows(), with: "insecure_skip_verify: true", connected: true, code: "ok", chain: 1},
		{name: "Benthos' block", config: root.issue(t, both(local, expired)).shows(), with: "tls: {enabled: true, skip_cert_verify: true, client_certs: [], root_cas: ''}", connected: true, code: "ok", chain: 1},
		{name: "Benthos' block, switched off", config: root.issue(t, both(local, expired)).shows(), with: "tls: {enabled: false, skip_cert_verify: true}", code: "tls_expired", chain: 1},
		{name: "a client certificate required", config: changed(good.shows(), func(c *tls.Config) { c.ClientAuth = tls.RequireAnyClientCert }), code: "tls_client_cert_required", chain: 1},
		{name: "a client certificate required in TLS 1.2", config: changed(good.shows(), func(c *tls.Config) {
			c.ClientAuth, c.MaxVersion = tls.RequireAnyClientCert, tls.VersionTLS12
		}), code: "tls_client_cert_required", chain: 1},
		{name: "TLS 1.2", config: changed(good.shows(), func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 }), connected: true, code: "ok", chain: 1},
		{name: "only TLS 1.1", config: changed(good.shows(), func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 }), code: "tls_version"},
		{name: "only another protocol", config: changed(good.shows(), func(c *tls.Config) { c.NextProtos = []string{"mqtt"} }), code: "tls_failed", detail: "protocol"},
	}
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, []byte("the test's own\r\n"+strings.ReplaceAll(root.pem(), "\n", "\r\n")+good.pem()), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range rows {
		t.Run(tt.name, func(t *testing.T) {
			address := serve(t, overTLS(tt.config, echo))
			r := ask(t, "timeout: 2s\ndata: hi\ntls_ca: "+ca+"\nurl: wss://"+address+"\n"+tt.with)
			if r.Connected != tt.connected || outcome(r) != tt.code {
				t.Fatalf("connected %v, %s: %+v", r.Connected, outcome(r), r.Error)
			}
			if tt.detail != "" {
				detail(tt.detail)(t, r)
			}
			if r.TLS == nil {
				want(t, "chain", 0, tt.chain)
				return
			}
			want(t, "chain", len(r.TLS.Chain), tt.chain)
			verified := tt.code == "ok" && !strings.Contains(tt.with, "skip") || tt.code == "tls_client_cert_required"
			want(t, "verified", r.TLS.Verified, verified)
			want(t, "verify error", r.TLS.VerifyError == nil, verified)
			want(t, "key", r.TLS.Chain[0].Key, "ECDSA P-256")
			if tt.connected {
				want(t, "clean", r.Close.Clean, true)
			}
			if strings.HasPrefix(tt.name, "expired") && *r.TLS.DaysLeft > -3 {
				t.Errorf("%v days left", *r.TLS.DaysLeft)
			}
		})
	}
}

func changed(c *tls.Config, change func(*tls.Config)) *tls.Config {
	change(c)
	return c
}

func TestTLSThatIsNone(t *testing.T) {
	for name, tt := range map[string]struct {
		serve func(*peer)
		code  string
	}{
		"HTTP on wss":              {func(p *peer) { p.say("HTTP/1.1 400 Bad Request\r\n\r\n"); p.wait() }, "tls_not_tls"},
		"closes in the handshake":  {func(p *peer) { p.in.Peek(200); p.in.Discard(p.in.Buffered()) }, "tls_failed"},
		"resets in the handshake":  {func(p *peer) { p.in.Peek(1); p.reset() }, "tls_failed"},
		"silence in the handshake": {(*peer).wait, "tls_failed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address := serve(t, tt.serve)
			prompt(t, rowBound, func() { want(t, "code", outcome(ask(t, "timeout: 0.5\nurl: wss://"+address)), tt.code) })
		})
	}
}

// What TLS adds to the end of a connection: a stream that just stops is cut off all
// the same, and one that ends with TLS's own farewell has still no close frame.
func TestEndsBehindTLS(t *testing.T) {
	config := (*authority)(nil).issue(t, local).shows()
	half := text(strings.Repeat("x", 1000))[:504]
	for name, tt := range map[string]struct {
		serve func(*peer)
		code  string
	}{
		"farewell in a message":    {cutOff(half), "truncated_message"},
		"no farewell in a message": {func(p *peer) { p.upgrade(); p.say(half); p.Conn.(*tls.Conn).NetConn().Close() }, "truncated_message"},
		"farewell":                 {cutOff(), "connection_lost"},
		"no farewell":              {func(p *peer) { p.upgrade(); p.Conn.(*tls.Conn).NetConn().Close() }, "connection_lost"},
		"a message and a close":    {hello(text("hi"), closeFrame(1000, "")), "ok"},
	} {
		t.Run(name, func(t *testing.T) {
			r := ask(t, "timeout: 2s\ninsecure_skip_verify: true\nurl: wss://"+serve(t, overTLS(config, tt.serve)))
			want(t, "code", outcome(r), tt.code)
			want(t, "connected", r.Connected, true)
		})
	}
}

func TestRootsThatCannotBeRead(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, []byte("nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	for yaml, want := range map[string]string{
		"tls_ca: /no/such/file":                   "tls.root_cas_file: /no/such/file: no such file or directory",
		"tls_ca: /dev/zero":                       "tls.root_cas_file: /dev/zero is not a file",
		"tls_ca: " + empty:                        "tls.root_cas_file: there is no certificate in it; PEM is wanted (-----BEGIN CERTIFICATE-----)",
		"tls: {enabled: true, root_cas: nothing}": "tls.root_cas: there is no certificate in it; PEM is wanted (-----BEGIN CERTIFICATE-----)",
	} {
		_, err := testClient.Query(t.Context(), with(t, "url: wss://127.0.0.1:1\n"+yaml))
		own, ok := errors.AsType[*Error](err)
		if !ok || own.Code != ConfigInvalid || own.Problem != want {
			t.Errorf("%s: %v", yaml, err)
		}
	}
}
