package websocket

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func forClients(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }

// demands is a server that wants a certificate signed by one of these.
func demands(server *authority, version uint16, who ...*authority) *tls.Config {
	return changed(server.shows(), func(c *tls.Config) {
		c.ClientAuth, c.ClientCAs, c.MaxVersion = tls.RequireAndVerifyClientCert, x509.NewCertPool(), version
		for _, a := range who {
			c.ClientCAs.AddCert(a.cert)
		}
	})
}

// yamlText is a text for YAML, line breaks and all.
func yamlText(text string) string { return `"` + strings.ReplaceAll(text, "\n", `\n`) + `"` }

// The certificate that the server can do something with is shown to it, in every form
// of the parameters.
func TestClientCertificates(t *testing.T) {
	root := (*authority)(nil).issue(t, isAuthority)
	otherRoot := (*authority)(nil).issue(t, isAuthority)
	mine, other := root.issue(t, forClients), otherRoot.issue(t, forClients)
	middle := root.issue(t, isAuthority)
	chained := middle.issue(t, forClients)
	cert, key := textFile(t, mine.pem()), keyFile(t, pemOf(t, mine.key))
	otherCert, otherKey := textFile(t, other.pem()), keyFile(t, pemOf(t, other.key))
	server := root.issue(t, local)
	for name, tt := range map[string]struct{ yaml, code string }{
		"files":           {"tls: {enabled: true, client_certs: [{cert_file: " + cert + ", key_file: " + key + "}]}", "ok"},
		"texts":           {"tls: {enabled: true, client_certs: [{cert: " + yamlText(mine.pem()) + ", key: " + yamlText(pemOf(t, mine.key)) + "}]}", "ok"},
		"Telegraf's keys": {"tls_cert: " + cert + "\ntls_key: " + key, "ok"},
		"one of two":      {"tls: {enabled: true, client_certs: [{cert_file: " + otherCert + ", key_file: " + otherKey + "}, {cert_file: " + cert + ", key_file: " + key + "}]}", "ok"},
		"one in the block, one in Telegraf's keys": {"tls: {enabled: true, client_certs: [{cert_file: " + otherCert + ", key_file: " + otherKey + "}]}\ntls_cert: " + cert + "\ntls_key: " + key, "ok"},
		"with its chain":                  {"tls: {enabled: true, client_certs: [{cert: " + yamlText(chained.pem()+middle.pem()) + ", key: " + yamlText(pemOf(t, chained.key)) + "}]}", "ok"},
		"key and certificate in one file": {"tls_cert: " + textFile(t, pemOf(t, mine.key)+mine.pem()) + "\ntls_key: " + textFile(t, mine.pem()+pemOf(t, mine.key)), "ok"},
		"none":                            {"", "tls_client_cert_required"},
		"of another authority":            {"tls_cert: " + otherCert + "\ntls_key: " + otherKey, "tls_client_cert_required"},
		"without its intermediate":        {"tls: {enabled: true, client_certs: [{cert: " + yamlText(chained.pem()) + ", key: " + yamlText(pemOf(t, chained.key)) + "}]}", "tls_client_cert_required"},
		"expired": {func() string {
			old := root.issue(t, both(forClients, expired))
			return "tls_cert: " + textFile(t, old.pem()) + "\ntls_key: " + keyFile(t, pemOf(t, old.key))
		}(), "tls_client_cert_required"},
		"switched off":             {"tls: {client_certs: [{cert_file: " + cert + ", key_file: " + key + "}]}", "tls_client_cert_required"},
		"Telegraf's switch is off": {"tls_enable: false\ntls_cert: " + cert + "\ntls_key: " + key + "\ntls: {enabled: true, root_cas_file: @CA@}", "tls_client_cert_required"},
	} {
		for version, title := range map[uint16]string{tls.VersionTLS12: "1.2", tls.VersionTLS13: "1.3"} {
			t.Run(name+" in TLS "+title, func(t *testing.T) {
				ca := textFile(t, root.pem())
				yaml := strings.ReplaceAll(tt.yaml, "@CA@", ca)
				if !strings.Contains(yaml, ca) {
					yaml += "\ntls_ca: " + ca
				}
				r := ask(t, "timeout: 20\ndata: hi\nurl: wss://"+serve(t, overTLS(demands(server, version, root), echo))+"\n"+yaml)
				if outcome(r) != tt.code {
					t.Fatalf("%+v", r.Error)
				}
				want(t, "chain", len(r.TLS.Chain), 1)
			})
		}
	}
}

// An encrypted key is read with its password.
func TestClientCertificateWithPassword(t *testing.T) {
	text := file(t, filepath.Join("testdata", "keys", "ec-pkcs8-aes256-SHA512.pem"))
	key, _, err := privateKey(text, keyPassword, "key")
	if err != nil {
		t.Fatal(err)
	}
	root := (*authority)(nil).issue(t, isAuthority)
	template := &x509.Certificate{SerialNumber: root.cert.SerialNumber, NotBefore: root.cert.NotBefore, NotAfter: root.cert.NotAfter}
	forClients(template)
	der, err := x509.CreateCertificate(nil, template, root.cert, key.Public(), root.key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	certFile := textFile(t, (&authority{cert: cert}).pem())
	address := serve(t, overTLS(demands(root.issue(t, local), 0, root), echo))
	yaml := "data: hi\ntls_ca: " + textFile(t, root.pem()) + "\nurl: wss://" + address + "\ntls_cert: " + certFile + "\ntls_key: " + filepath.Join("testdata", "keys", "ec-pkcs8-aes256-SHA512.pem")
	want(t, "with it", outcome(ask(t, yaml+"\ntls_key_pwd: "+keyPassword)), "ok")
	for password, wanted := range map[string]string{"wrong": "wrong password for tls_key", "": "missing password for tls_key, which is encrypted"} {
		_, err := testClient.Query(t.Context(), with(t, yaml+"\ntls_key_pwd: '"+password+"'"))
		if own, ok := asError(err); !ok || own.Code != ConfigInvalid || own.Problem != wanted {
			t.Errorf("%q: %v", password, err)
		}
	}
}

// A renewed file counts at the next connection.
func TestRootsAreReadAgain(t *testing.T) {
	root := (*authority)(nil).issue(t, isAuthority)
	ca := textFile(t, (*authority)(nil).issue(t, isAuthority).pem())
	address := serve(t, overTLS(root.issue(t, local).shows(), echo))
	yaml := "data: hi\ntls_ca: " + ca + "\nurl: wss://" + address
	want(t, "before", outcome(ask(t, yaml)), "tls_unknown_authority")
	if err := os.WriteFile(ca, []byte(root.pem()), 0o600); err != nil {
		t.Fatal(err)
	}
	want(t, "after", outcome(ask(t, yaml)), "ok")
	want(t, "beside the system's", outcome(ask(t, "data: hi\nurl: wss://"+address+"\ntls: {enabled: true, add_system_roots: true, root_cas_file: "+ca+"}")), "ok")
}

// A hash whose base64 begins with a slash is read in all forms, as any other.
func TestPinsWithASlash(t *testing.T) {
	sum := bytes.Repeat([]byte{0xff}, 32)
	text := base64.StdEncoding.EncodeToString(sum)
	for _, form := range []string{text, "sha256/" + text, "sha256//" + text, hex.EncodeToString(sum), "sha256//" + hex.EncodeToString(sum)} {
		if all, err := pins([]string{form}, ""); err != nil || !bytes.Equal(all[0][:], sum) {
			t.Errorf("%s: %x, %v", form, all, err)
		}
	}
}

// Keys that are pinned: the server's own, or one that signed it; whatever else is sent
// along proves nothing.
func TestPins(t *testing.T) {
	root := (*authority)(nil).issue(t, isAuthority)
	middle := root.issue(t, isAuthority)
	leaf := middle.issue(t, local)
	stranger := (*authority)(nil).issue(t, local)
	pin := func(a *authority) string { return base64.StdEncoding.EncodeToString(spki(a.cert)) }
	ca := "root_cas_file: " + textFile(t, root.pem())
	for name, tt := range map[string]struct {
		config *tls.Config
		tls    string
		code   string
	}{
		"the server's own":                {leaf.shows(middle), ca + ", pin_sha256: ['" + pin(leaf) + "']", "ok"},
		"as curl has it":                  {leaf.shows(middle), ca + ", pin_sha256: ['sha256//" + pin(leaf) + "']", "ok"},
		"in hex":                          {leaf.shows(middle), ca + ", pin_sha256: ['" + hex.EncodeToString(spki(leaf.cert)) + "']", "ok"},
		"the intermediate's":              {leaf.shows(middle), ca + ", pin_sha256: ['" + pin(middle) + "']", "ok"},
		"the root's, which was not sent":  {leaf.shows(middle), ca + ", pin_sha256: ['" + pin(root) + "']", "ok"},
		"one of several":                  {leaf.shows(middle), ca + ", pin_sha256: ['" + pin(stranger) + "', '" + pin(leaf) + "']", "ok"},
		"another's":                       {leaf.shows(middle), ca + ", pin_sha256: ['" + pin(stranger) + "']", "tls_pin_mismatch"},
		"another's that was sent along":   {leaf.shows(middle, stranger), ca + ", pin_sha256: ['" + pin(stranger) + "']", "tls_pin_mismatch"},
		"anybody, but pinned":             {stranger.shows(), "skip_cert_verify: true, pin_sha256: ['" + pin(stranger) + "']", "ok"},
		"anybody, but not this one":       {stranger.shows(), "skip_cert_verify: true, pin_sha256: ['" + pin(leaf) + "']", "tls_pin_mismatch"},
		"anybody signed by a pinned one":  {leaf.shows(middle), "skip_cert_verify: true, pin_sha256: ['" + pin(middle) + "']", "ok"},
		"anybody with a pinned one along": {stranger.shows(middle), "skip_cert_verify: true, pin_sha256: ['" + pin(middle) + "']", "tls_pin_mismatch"},
		"not trusted, though pinned":      {stranger.shows(), "pin_sha256: ['" + pin(stranger) + "']", "tls_unknown_authority"},
	} {
		t.Run(name, func(t *testing.T) {
			r := ask(t, "timeout: 20\ndata: hi\nurl: wss://"+serve(t, overTLS(tt.config, echo))+"\ntls: {enabled: true, "+tt.tls+"}")
			if outcome(r) != tt.code {
				t.Fatalf("%+v", r.Error)
			}
			if tt.code == "tls_pin_mismatch" {
				detail("the server's own is ")(t, r)
				want(t, "retryable", r.Error.Retryable, false)
			}
		})
	}
}

// Versions and suites are those that are asked for.
func TestVersionsAndSuites(t *testing.T) {
	root := (*authority)(nil).issue(t, isAuthority)
	server := root.issue(t, local)
	ca := "root_cas_file: " + textFile(t, root.pem())
	every := changed(server.shows(), func(c *tls.Config) { c.MinVersion = tls.VersionTLS10 })
	old := changed(server.shows(), func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 })
	for name, tt := range map[string]struct {
		config    *tls.Config
		tls, flat string
		code      string
		version   string
		cipher    string
	}{
		"as it comes":             {every, "", "", "ok", "TLS 1.3", ""},
		"at most 1.2":             {every, "max_version: TLS12", "", "ok", "TLS 1.2", ""},
		"an old server":           {old, "", "", "tls_version", "", ""},
		"an old server, accepted": {old, "min_version: TLS10", "", "ok", "TLS 1.1", ""},
		"Telegraf's key":          {old, "", "tls_min_version: TLS10", "ok", "TLS 1.1", ""},
		"both, the same":          {old, "min_version: TLS10", "tls_min_version: TLS10", "ok", "TLS 1.1", ""},
		"only 1.3":                {changed(server.shows(), func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 }), "min_version: TLS13", "", "tls_version", "", ""},
		"a suite":                 {every, "max_version: TLS12, cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384]", "", "ok", "TLS 1.2", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"},
		"a suite for others":      {every, "max_version: TLS12, cipher_suites: [TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384]", "", "tls_failed", "", ""},
		"secure ones":             {every, "max_version: TLS12", "tls_cipher_suites: [secure]", "ok", "TLS 1.2", ""},
		"all":                     {every, "max_version: TLS12, cipher_suites: [all]", "", "ok", "TLS 1.2", ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := ask(t, "timeout: 20\ndata: hi\nurl: wss://"+serve(t, overTLS(tt.config, echo))+"\ntls: {enabled: true, "+ca+", "+tt.tls+"}\n"+tt.flat)
			if outcome(r) != tt.code {
				t.Fatalf("%+v", r.Error)
			}
			if tt.version != "" {
				want(t, "version", r.TLS.Version, tt.version)
			}
			if tt.cipher != "" {
				want(t, "cipher", r.TLS.Cipher, tt.cipher)
			}
		})
	}
}

// What does not count, or has no effect, is said once.
func TestTLSWarnings(t *testing.T) {
	for yaml, wanted := range map[string]string{
		"url: wss://h\ntls: {skip_cert_verify: true}":                                                  "the settings under tls do not count, since tls.enabled is not true",
		"url: wss://h\ntls: {enabled: false, root_cas_file: x}":                                        "the settings under tls do not count, since tls.enabled is not true",
		"url: wss://h\ntls: {enabled: false, skip_cert_verify: false, client_certs: [], root_cas: ''}": "",
		"url: ws://h\ntls: {enabled: true, skip_cert_verify: true}":                                    "the settings for TLS have no effect: the address begins with ws://, not wss://",
		"url: ws://h\ninsecure_skip_verify: true":                                                      "the settings for TLS have no effect: the address begins with ws://, not wss://",
		"url: ws://h\ninsecure_skip_verify: false\ntls: {enabled: true}":                               "",
		"url: wss://h\ntls: {enabled: true, cipher_suites: [all]}":                                     "tls.cipher_suites has suites that are not secure",
		"url: wss://h\ntls: {enabled: true, cipher_suites: [secure]}":                                  "",
		"url: wss://h\nproxy_tls: {skip_cert_verify: true}":                                            "the settings under proxy_tls do not count, since proxy_tls.enabled is not true",
		"url: wss://h\noauth2: {enabled: true, client_key: c, token_url: 'http://h'}":                  "oauth2.token_url is not https: the client's secret goes to it for everybody on the way to read",
	} {
		s, err := with(t, yaml).settings()
		if err != nil {
			t.Errorf("%s: %v", yaml, err)
			continue
		}
		want(t, yaml, strings.Join(s.warnings, "; "), wanted)
	}
}

// A server may negotiate anew where it is allowed to, in TLS 1.2: openssl's does at the
// key R.
func TestRenegotiation(t *testing.T) {
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Skip("openssl is not installed, and Go's server does not renegotiate")
	}
	root := (*authority)(nil).issue(t, isAuthority)
	leaf := root.issue(t, local)
	cert, key, ca := textFile(t, leaf.pem()), keyFile(t, pemOf(t, leaf.key)), textFile(t, root.pem())
	for yaml, wanted := range map[string]string{
		"":                               "connection_lost",
		"tls_renegotiation_method: once": "ok",
		"tls: {enabled: true, enable_renegotiation: true}": "ok",
		"tls: {enabled: true, renegotiation: freely}":      "ok",
	} {
		t.Run(yaml, func(t *testing.T) {
			address := renegotiates(t, cert, key)
			r := ask(t, "timeout: 5\nreceive: required\ntls_ca: "+ca+"\nurl: wss://"+address+"\n"+yaml)
			if got := outcome(r); got != wanted {
				t.Fatalf("%+v", r.Error)
			}
			if wanted == "ok" {
				data("after")(t, r)
			}
		})
	}
}

// renegotiates starts an openssl that upgrades, asks to negotiate anew, and sends a
// message.
func renegotiates(t *testing.T, cert, key string) (address string) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	port := freePort(t)
	cmd := exec.CommandContext(ctx, "openssl", "s_server", "-tls1_2", "-cert", cert, "-key", key, "-accept", "127.0.0.1:"+port, "-naccept", "1")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	for { // it says so when it listens
		line, err := lines.ReadString('\n')
		if err != nil {
			t.Fatal("openssl s_server does not start")
		}
		if strings.HasPrefix(line, "ACCEPT") {
			break
		}
	}
	done := make(chan bool)
	t.Cleanup(func() { stop(); <-done; _ = cmd.Wait() })
	go func() {
		defer close(done)
		upgradeByHand(lines, in)
	}()
	return "127.0.0.1:" + port
}

// upgradeByHand plays the server through openssl's standard input and output.
func upgradeByHand(out *bufio.Reader, in io.Writer) {
	p := &peer{}
	for {
		line, err := out.ReadString('\n')
		if err != nil {
			return
		}
		if name, v, ok := strings.Cut(line, ": "); ok && strings.EqualFold(name, "Sec-WebSocket-Key") {
			p.key = strings.TrimSpace(v)
		}
		if strings.TrimSpace(line) == "" && p.key != "" {
			break
		}
	}
	// One write each, since openssl takes a command for what is read at once, and a
	// pause, for it to have read it.
	for _, part := range [][]byte{[]byte(p.accepted()), []byte("R\n"), text("after")} {
		_, _ = in.Write(part)
		<-time.After(200 * time.Millisecond)
	}
	_, _ = io.Copy(io.Discard, out)
}

// freePort is a port that nobody listens on, for programs that cannot choose one.
func freePort(t testing.TB) string {
	_, port, err := net.SplitHostPort(refused(t))
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// The certificates are described whether or not the upgrade works, and whatever is
// wrong with them.
func TestCertificateFacts(t *testing.T) {
	root := (*authority)(nil).issue(t, isAuthority)
	leaf := root.issue(t, both(local, named("feed.test")))
	address := serve(t, overTLS(leaf.shows(root), status("HTTP/1.1 503 No")))
	r := ask(t, "tls_ca: "+textFile(t, root.pem())+"\nurl: wss://"+address)
	want(t, "code", outcome(r), "handshake_status")
	want(t, "verified", r.TLS.Verified, true)
	first := r.TLS.Chain[0]
	want(t, "subject", first.Subject, leaf.cert.Subject.String())
	want(t, "issuer", first.Issuer, root.cert.Subject.String())
	want(t, "names", fmt.Sprint(first.DNSNames, first.IPAddresses), "[feed.test] [127.0.0.1]")
	want(t, "until", *r.TLS.NotAfter, leaf.cert.NotAfter.UTC().Format(time.RFC3339))
	if days := *r.TLS.DaysLeft; days < 29.9 || days > 30 {
		t.Errorf("%v days left", days)
	}
	if !bytes.Equal([]byte(r.TLS.Chain[1].Subject), []byte(root.cert.Subject.String())) {
		t.Errorf("chain %+v", r.TLS.Chain)
	}
}
