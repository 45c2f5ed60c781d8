package websocket

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tocsin/providers/dial"
)

// A visit is what a proxy was asked for, and with which credentials.
type visit struct{ to, user, header string }

// A gate is a proxy for tests: it lets through who says user, or everybody, and connects
// to address whatever name it was given.
type gate struct {
	address string
	user    string // name:password; "": anybody
	visits  chan visit
}

func newGate(address, user string) *gate { return &gate{address, user, make(chan visit, 100)} }

// http speaks CONNECT.
func (g *gate) http(p *peer) {
	req := p.request()
	if req.Method != http.MethodConnect {
		p.say(response("HTTP/1.1 405 Method Not Allowed", "Content-Length: 0"))
		return
	}
	credentials := strings.TrimPrefix(req.Header.Get("Proxy-Authorization"), "Basic ")
	user, _ := base64.StdEncoding.DecodeString(credentials)
	g.visits <- visit{req.RequestURI, string(user), req.Header.Get("X-Gate")}
	if g.user != "" && string(user) != g.user {
		p.say(response("HTTP/1.1 407 Proxy Authentication Required", `Proxy-Authenticate: Basic realm="x"`, "Proxy-Authenticate: NTLM", "Content-Length: 0"))
		p.wait()
		return
	}
	g.relay(p, response("HTTP/1.1 200 Connection established", "Proxy-Agent: gate"))
}

// socks5 speaks SOCKS5, and wants a password where there is a user.
func (g *gate) socks5(p *peer) {
	hello := p.take(2)
	methods := p.take(int(hello[1]))
	user := ""
	switch {
	case g.user == "":
		p.say("\x05\x00")
	case !strings.Contains(string(methods), "\x02"):
		p.say("\x05\xFF")
		p.wait()
		return
	default:
		p.say("\x05\x02")
		name := string(p.take(int(p.take(2)[1])))
		user = name + ":" + string(p.take(int(p.take(1)[0])))
		if user != g.user {
			p.say("\x01\x01")
			p.wait()
			return
		}
		p.say("\x01\x00")
	}
	host := ""
	switch kind := p.take(4)[3]; kind {
	case 1:
		host = net.IP(p.take(4)).String()
	case 4:
		host = "[" + net.IP(p.take(16)).String() + "]"
	case 3:
		host = string(p.take(int(p.take(1)[0])))
	}
	g.visits <- visit{to: fmt.Sprintf("%s:%d", host, binary.BigEndian.Uint16(p.take(2))), user: user}
	g.relay(p, "\x05\x00\x00\x03\x04gate\x00\x50")
}

// take reads n bytes.
func (p *peer) take(n int) []byte {
	b := make([]byte, n)
	_, _ = io.ReadFull(p.in, b)
	return b
}

// relay says yes and passes on what comes, both ways, until either side ends.
func (g *gate) relay(p *peer, yes string) {
	there, err := net.Dial("tcp", g.address)
	if err != nil {
		p.say(response("HTTP/1.1 502 Bad Gateway", "Content-Length: 7") + "no host")
		return
	}
	defer there.Close()
	p.say(yes)
	done := make(chan bool, 1)
	go func() {
		_, _ = io.Copy(there, p.in)
		there.Close()
		done <- true
	}()
	_, _ = io.Copy(p.Conn, there)
	p.Conn.Close()
	<-done
}

// Through every kind of proxy, to a server with TLS and one without: the proxy is asked
// for a tunnel to the name, which nobody here resolves.
func TestProxies(t *testing.T) {
	root := (*authority)(nil).issue(t, isAuthority)
	named := root.issue(t, func(c *x509.Certificate) { c.DNSNames = []string{"feed.test"} })
	ca := textFile(t, root.pem())
	plain, secure := serve(t, echo), serve(t, overTLS(named.shows(), echo))
	for _, tt := range []struct {
		name, scheme, user, with string
		serve                    func(*gate) func(*peer)
	}{
		{name: "HTTP", scheme: "http", serve: func(g *gate) func(*peer) { return g.http }},
		{name: "HTTP with a password", scheme: "http", user: "me:p@ss:x", serve: func(g *gate) func(*peer) { return g.http }},
		{name: "HTTPS", scheme: "https", user: "me:pass", with: "proxy_tls: {enabled: true, root_cas_file: " + ca + "}", serve: func(g *gate) func(*peer) {
			return overTLS(root.issue(t, local).shows(), g.http)
		}},
		{name: "SOCKS5", scheme: "socks5", serve: func(g *gate) func(*peer) { return g.socks5 }},
		{name: "SOCKS5 with a password", scheme: "socks5h", user: "me:p@ss:x", serve: func(g *gate) func(*peer) { return g.socks5 }},
	} {
		for scheme, address := range map[string]string{"ws": plain, "wss": secure} {
			t.Run(tt.name+" "+scheme, func(t *testing.T) {
				g := newGate(address, tt.user)
				proxy := serve(t, tt.serve(g))
				login := ""
				if name, password, has := strings.Cut(tt.user, ":"); has {
					login = name + ":" + strings.NewReplacer("@", "%40", ":", "%3A").Replace(password) + "@"
				}
				r := ask(t, "timeout: 5\ndata: hi\ntls_ca: "+ca+"\n"+tt.with+"\nurl: "+scheme+"://feed.test:8443/x\nproxy_url: "+tt.scheme+"://"+login+proxy)
				if outcome(r) != "ok" {
					t.Fatalf("%+v", r.Error)
				}
				data("hi")(t, r)
				v := <-g.visits
				want(t, "asked for", v.to, "feed.test:8443")
				want(t, "user", v.user, tt.user)
				want(t, "proxy", at(r.Proxy), tt.scheme+"://"+proxy)
				want(t, "remote", at(r.RemoteAddr), proxy)
				want(t, "proxy took time", r.Timings.Proxy != nil && *r.Timings.Proxy > 0, true)
				want(t, "TLS", r.TLS != nil, scheme == "wss")
				want(t, "no DNS", r.Timings.DNS == nil, true)
				if r.TLS != nil {
					want(t, "verified for", r.TLS.ServerName, "feed.test")
				}
			})
		}
	}
}

// The other ways to say which proxy, and which addresses it is asked for.
func TestWhichProxy(t *testing.T) {
	target := serve(t, echo)
	for name, tt := range map[string]struct {
		with, url, asked string
		socks            bool
	}{
		"Telegraf's name":       {with: "http_proxy_url: http://PROXY", url: "ws://h/", asked: "h:80"},
		"both names, the same":  {with: "http_proxy_url: http://PROXY\nproxy_url: http://PROXY", url: "ws://h/", asked: "h:80"},
		"Telegraf's SOCKS5":     {with: "socks5_enabled: true\nsocks5_address: PROXY", url: "ws://h/", asked: "h:80", socks: true},
		"a user for SOCKS5":     {with: "socks5_enabled: true\nsocks5_address: PROXY\nsocks5_username: a\nsocks5_password: b", url: "ws://h/", asked: "h:80", socks: true},
		"switched off":          {with: "socks5_enabled: false\nsocks5_address: PROXY", url: "ws://TARGET/"},
		"an IPv6 address":       {with: "proxy_url: http://PROXY", url: "ws://[2001:db8::1]:81/", asked: "[2001:db8::1]:81"},
		"an IPv6 address SOCKS": {with: "proxy_url: socks5://PROXY", url: "ws://[2001:db8::1]:81/", asked: "[2001:db8::1]:81", socks: true},
		"an IPv4 address SOCKS": {with: "proxy_url: socks5://PROXY", url: "ws://192.0.2.7/", asked: "192.0.2.7:80", socks: true},
		"another alphabet":      {with: "proxy_url: http://PROXY", url: "ws://bücher.test", asked: "xn--bcher-kva.test:80"},
	} {
		t.Run(name, func(t *testing.T) {
			g := newGate(target, "")
			handler := g.http
			if tt.socks {
				handler = g.socks5
			}
			replace := strings.NewReplacer("PROXY", serve(t, handler), "TARGET", target)
			r := ask(t, "data: hi\nurl: '"+replace.Replace(tt.url)+"'\n"+replace.Replace(tt.with))
			want(t, "outcome", outcome(r), "ok")
			if tt.asked == "" {
				want(t, "proxy", at(r.Proxy), nil)
				return
			}
			want(t, "asked for", (<-g.visits).to, tt.asked)
		})
	}
}

// Proxies of the environment count where no other is given. Loopback is never behind
// them, so that the targets here have names.
func TestProxyOfTheEnvironment(t *testing.T) {
	for _, name := range []string{"HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy"} {
		t.Setenv(name, "")
	}
	target := serve(t, func(p *peer) { p.request() })
	_, port, _ := net.SplitHostPort(target)
	plain, secure := newGate(target, ""), newGate(target, "")
	t.Setenv("HTTP_PROXY", "http://"+serve(t, plain.http))
	t.Setenv("HTTPS_PROXY", "socks5://"+serve(t, secure.socks5))
	t.Setenv("NO_PROXY", "near.test,.corp.test,10.0.0.0/8")
	for yaml, through := range map[string]*gate{
		"url: ws://far.test":                                            plain,
		"url: wss://far.test":                                           secure,
		"url: ws://near.test:" + port:                                   nil,
		"url: ws://a.corp.test:" + port:                                 nil,
		"url: ws://far.test:" + port + "\nproxy_url: direct":            nil,
		"url: ws://far.test:" + port + "\nuse_system_proxy: false":      nil,
		"url: ws://far.test\nproxy_url: ''":                             plain,
		"url: ws://far.test\nproxy_from_environment: true":              plain,
		"url: ws://" + target + "\n":                                    nil,
		"url: ws://far.test\nproxy_url: http://" + serve(t, plain.http): plain,
	} {
		yaml += "\nresolve: {near.test: 127.0.0.1, a.corp.test: 127.0.0.1, far.test: 127.0.0.1}"
		r := ask(t, "timeout: 20\nreceive: none\n"+yaml)
		want(t, yaml+"\nproxy used", r.Proxy != nil, through != nil)
		if through != nil {
			<-through.visits
		}
	}
	t.Setenv("HTTP_PROXY", "ftp://proxy")
	_, err := testClient.Query(t.Context(), with(t, "url: ws://far.test"))
	if own, ok := asError(err); !ok || own.Problem != `the proxy of the environment (HTTP_PROXY, HTTPS_PROXY) has the scheme "ftp"; http, https, socks5 and socks5h are possible` {
		t.Error(err)
	}
}

// Headers for the proxy go to the proxy, and those for the server do not.
func TestProxyHeaders(t *testing.T) {
	address, seen := witness(t)
	g := newGate(address, "")
	proxy := serve(t, func(p *peer) { g.http(p) })
	t.Setenv("TOCSIN_TEST_GATE", "open")
	r := ask(t, "receive: none\nurl: ws://feed.test\nproxy_url: http://"+proxy+"\nproxy_headers: {X-Gate: {env: TOCSIN_TEST_GATE}}\nheaders: {X-Feed: a}\nbearer_token: for-the-feed")
	want(t, "outcome", outcome(r), "ok")
	want(t, "at the proxy", (<-g.visits).header, "open")
	req := <-seen
	want(t, "at the server", req.Header.Get("X-Gate")+req.Header.Get("X-Feed")+req.Header.Get("Authorization"), "aBearer for-the-feed")
}

// proxyRow is row 27 of the fault matrix: what a proxy does, and what is said of it.
type proxyRow struct {
	name, scheme, with, code, detail string
	serve                            func(*peer)
}

func proxyRows(t *testing.T) []proxyRow {
	answer := func(lines ...string) func(*peer) { return says(response(lines...)) }
	afterHello := func(reply string) func(*peer) {
		return func(p *peer) {
			p.take(3)
			p.say(reply)
			p.wait()
		}
	}
	afterConnect := func(reply string) func(*peer) {
		return func(p *peer) {
			p.take(3)
			p.say("\x05\x00")
			p.take(4)
			p.say(reply)
			p.wait()
		}
	}
	rows := []proxyRow{
		{name: "407", serve: newGate("", "a:b").http, code: "proxy_auth_required", detail: "Basic, NTLM"},
		{name: "407 with a wrong password", with: "USER", serve: newGate("", "a:b").http, code: "proxy_auth_required", detail: "Basic, NTLM"},
		{name: "401, as tinyproxy says it", serve: answer("HTTP/1.1 401 Unauthorized", "WWW-Authenticate: Basic realm=x", "Content-Length: 0"), code: "proxy_auth_required", detail: "Basic"},
		{name: "502", serve: newGate("127.0.0.1:1", "").http, code: "proxy_rejected", detail: "no host"},
		{name: "403 and a page", serve: says(response("HTTP/1.1 403 Forbidden", "Content-Length: 6") + "denied"), code: "proxy_rejected", detail: "denied"},
		{name: "a page without end", serve: func(p *peer) { p.request(); p.say(response("HTTP/1.1 503 No")); p.drip() }, code: "proxy_rejected"},
		{name: "a redirect", serve: answer("HTTP/1.1 302 Found", "Location: http://login", "Content-Length: 0"), code: "proxy_rejected"},
		{name: "silent", serve: (*peer).wait, code: "proxy_connect_failed", detail: "timeout"},
		{name: "silent after the request", serve: says(""), code: "proxy_connect_failed", detail: "timeout"},
		{name: "a header byte now and then", serve: func(p *peer) { p.request(); p.say("HTTP/1.1 200 OK\r\nX: "); p.drip() }, code: "proxy_connect_failed", detail: "timeout"},
		{name: "closes at once", serve: func(*peer) {}, code: "proxy_connect_failed", detail: "connection lost"},
		{name: "closes in the answer", serve: func(p *peer) { p.request(); p.say("HTTP/1.1 200 Connec") }, code: "proxy_connect_failed", detail: "connection lost"},
		{name: "resets in the answer", serve: func(p *peer) { p.request(); p.say("HTTP/1.1 200 Connec"); p.reset() }, code: "proxy_connect_failed", detail: "connection lost"},
		{name: "bytes behind 200", serve: says(response("HTTP/1.1 200 OK") + "HTTP/1.1 101"), code: "proxy_rejected"},
		{name: "headers without end", serve: func(p *peer) {
			p.request()
			for p.say("HTTP/1.1 200 OK\r\n", strings.Repeat("X: y\r\n", 1000)) {
			}
		}, code: "proxy_rejected"},
		{name: "no HTTP", serve: func(p *peer) { p.say("SSH-2.0-proxy\r\n"); p.wait() }, code: "proxy_rejected"},
		{name: "101 for CONNECT", serve: answer("HTTP/1.1 101 Switching Protocols"), code: "proxy_rejected"},
		{name: "204 for CONNECT, then silence", serve: answer("HTTP/1.1 204 No Content"), code: "handshake_timeout"},
		{name: "HTTPS that is HTTP", scheme: "https", serve: func(p *peer) { p.say(response("HTTP/1.1 400 Bad Request")); p.wait() }, code: "proxy_connect_failed", detail: "tls_not_tls"},
		{name: "HTTPS self-signed", scheme: "https", serve: overTLS((*authority)(nil).issue(t, local).shows(), newGate("", "").http), code: "proxy_connect_failed", detail: "tls_unknown_authority: the server's certificate is self-signed"},
		{name: "HTTPS self-signed, whatever the target's settings", scheme: "https", with: "insecure_skip_verify: true", serve: overTLS((*authority)(nil).issue(t, local).shows(), newGate("", "").http), code: "proxy_connect_failed", detail: "tls_unknown_authority"},
		{name: "HTTPS expired", scheme: "https", serve: overTLS((*authority)(nil).issue(t, both(local, expired)).shows(), newGate("", "").http), code: "proxy_connect_failed", detail: "tls_expired"},
		{name: "HTTPS silent", scheme: "https", serve: (*peer).wait, code: "proxy_connect_failed", detail: "tls_failed: timeout"},
		{name: "SOCKS5 wants a password", scheme: "socks5", serve: newGate("", "a:b").socks5, code: "proxy_auth_required"},
		{name: "SOCKS5 with a wrong password", scheme: "socks5", with: "USER", serve: newGate("", "a:b").socks5, code: "proxy_auth_required"},
		{name: "SOCKS5 wants a method of its own", scheme: "socks5", serve: afterHello("\x05\x01"), code: "proxy_auth_required"},
		{name: "SOCKS5 refuses", scheme: "socks5", serve: afterConnect("\x05\x02\x00\x01"), code: "proxy_rejected", detail: "not allowed by its rules"},
		{name: "SOCKS5 host unreachable", scheme: "socks5", serve: afterConnect("\x05\x04\x00\x01"), code: "proxy_rejected", detail: "host unreachable"},
		{name: "SOCKS5 refused", scheme: "socks5", serve: afterConnect("\x05\x05\x00\x01"), code: "proxy_rejected", detail: "connection refused"},
		{name: "SOCKS5 with a reply of its own", scheme: "socks5", serve: afterConnect("\x05\x63\x00\x01"), code: "proxy_rejected", detail: "reply 99"},
		{name: "SOCKS5 with an address of its own", scheme: "socks5", serve: afterConnect("\x05\x00\x00\x09"), code: "proxy_rejected"},
		{name: "SOCKS5 in half", scheme: "socks5", serve: afterConnect("\x05\x00\x00\x01\x7f"), code: "proxy_connect_failed", detail: "timeout"},
		{name: "SOCKS4", scheme: "socks5", serve: afterHello("\x00\x5a"), code: "proxy_rejected"},
		{name: "SOCKS5 that is HTTP", scheme: "socks5", serve: func(p *peer) { p.take(1); p.say(response("HTTP/1.1 400 Bad Request")); p.wait() }, code: "proxy_rejected"},
		{name: "SOCKS5 silent", scheme: "socks5", serve: (*peer).wait, code: "proxy_connect_failed", detail: "timeout"},
	}
	return rows
}

func TestProxyFaults(t *testing.T) {
	before := descriptors(t)
	rows := proxyRows(t)
	t.Run("rows", func(t *testing.T) {
		for _, r := range rows {
			t.Run(r.name, func(t *testing.T) {
				t.Parallel()
				user := ""
				if r.with == "USER" {
					user, r.with = "a:wrong-pass@", ""
				}
				scheme := r.scheme
				if scheme == "" {
					scheme = "http"
				}
				var got Result
				yaml := "timeout: 0.5\nurl: wss://feed.test\nproxy_url: " + scheme + "://" + user + serve(t, r.serve) + "\n" + r.with
				prompt(t, rowBound, func() { got = ask(t, yaml) })
				if code := outcome(got); got.Connected || code != r.code && !(r.code == "handshake_timeout" && code == "tls_failed") {
					t.Fatalf("connected %v, %+v, want %s", got.Connected, got.Error, r.code)
				}
				if strings.HasPrefix(r.code, "proxy") {
					want(t, "phase", got.Error.Phase, "proxy")
				}
				if r.detail != "" {
					detail(r.detail)(t, got)
				}
				if text := fmt.Sprintf("%+v", got.Error); strings.Contains(text, "wrong-pass") {
					t.Error(text)
				}
			})
		}
	})
	if after := descriptors(t); after > before {
		t.Errorf("%d descriptors before, %d after", before, after)
	}
}

// A proxy that cannot be reached is said to be the one.
func TestProxyThatIsNotThere(t *testing.T) {
	address := refused(t)
	for proxy, wanted := range map[string]string{
		"http://" + address:            "proxy_connect_failed connect_refused",
		"http://no-such-proxy.invalid": "proxy_connect_failed dns_failed: nxdomain",
		"http://169.254.169.254:3128":  "blocked_address",
		"socks5://127.1":               "blocked_address",
		"http://" + unanswered(t):      "proxy_connect_failed connect_timeout",
	} {
		r := ask(t, "timeout: 0.6\nurl: ws://feed.test\nproxy_url: "+proxy)
		got := outcome(r)
		if r.Error.Detail != nil {
			got += " " + *r.Error.Detail
		}
		want(t, proxy, got, wanted)
	}
}

// What the policy forbids is forbidden behind a proxy too, and the proxy itself.
func TestPolicyBehindProxies(t *testing.T) {
	g := newGate("127.0.0.1:1", "")
	proxy := serve(t, g.http)
	resolver := nameServer(t, map[string]string{"inside.test": "10.1.2.3", "outside.test": "8.8.8.8"})
	for _, tt := range []struct {
		public    bool
		url, with string
		want      string
	}{
		{false, "ws://169.254.169.254/latest", "", "blocked_address"},
		{false, "ws://[::ffff:169.254.169.254]/", "", "blocked_address"},
		{false, "ws://0x7f000001/", "", "blocked_address"},
		{false, "ws://inside.test/", "", "proxy_rejected"},
		{true, "ws://8.8.8.8/", "", "blocked_address"}, // the proxy is on loopback
	} {
		c := testClient
		c.dialer = &dial.Dialer{Public: tt.public}
		r, err := c.Query(t.Context(), with(t, "timeout: 20\nurl: '"+tt.url+"'\nproxy_url: http://"+proxy+"\n"+tt.with))
		if err != nil {
			t.Fatal(err)
		}
		want(t, tt.url, outcome(r), tt.want)
		select {
		case <-g.visits:
			want(t, "proxy asked", tt.want, "proxy_rejected")
		default:
		}
	}

	// A name behind a proxy is resolved here, under a strict policy, to be judged.
	set := &settings{target: target{host: "inside.test", port: "80"}}
	set.dns, set.fallback, set.family = resolver, true, "auto"
	tr := &transport{set: set, to: set.target, dialer: &dial.Dialer{Public: true, Resolve: map[string]string{"inside.test:80": "10.1.2.3", "outside.test:80": "8.8.8.8"}}}
	if e := tr.behind(t.Context()); e == nil || e.Code != BlockedAddress {
		t.Errorf("%+v", e)
	}
	tr.to.host = "outside.test"
	if e := tr.behind(t.Context()); e != nil {
		t.Errorf("%+v", e)
	}
}

// Whoever ends everything while a proxy keeps us waiting gets his way at once.
func TestProxyCancelled(t *testing.T) {
	for scheme, wait := range map[string]func(*peer){"http": says(""), "socks5": (*peer).wait, "https": (*peer).wait} {
		ctx, cancel := context.WithCancel(t.Context())
		timer := time.AfterFunc(50*time.Millisecond, cancel)
		begun := time.Now()
		_, err := testClient.Query(ctx, with(t, "url: ws://feed.test\nproxy_url: "+scheme+"://"+serve(t, wait)))
		timer.Stop()
		if own, ok := asError(err); !ok || own.Code != Cancelled {
			t.Errorf("%s: %v", scheme, err)
		}
		if took := time.Since(begun); took > 250*time.Millisecond {
			t.Errorf("%s: it took %v", scheme, took)
		}
	}
}

// An https proxy can ask for a certificate too.
func TestProxyWantsCertificate(t *testing.T) {
	root := (*authority)(nil).issue(t, isAuthority)
	mine := root.issue(t, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} })
	dir := t.TempDir()
	for name, text := range map[string]string{"ca.pem": root.pem(), "cert.pem": mine.pem(), "key.pem": pemOf(t, mine.key)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pool := x509.NewCertPool()
	pool.AddCert(root.cert)
	g := newGate(serve(t, echo), "")
	proxy := serve(t, overTLS(changed(root.issue(t, local).shows(), func(c *tls.Config) {
		c.ClientAuth, c.ClientCAs = tls.RequireAndVerifyClientCert, pool
	}), g.http))
	yaml := "data: hi\nurl: ws://feed.test\nproxy_url: https://" + proxy + "\nproxy_tls: {enabled: true, root_cas_file: " + dir + "/ca.pem"
	want(t, "with it", outcome(ask(t, yaml+", client_certs: [{cert_file: "+dir+"/cert.pem, key_file: "+dir+"/key.pem}]}")), "ok")
	want(t, "without", outcome(ask(t, yaml+"}")), "proxy_connect_failed")
}

func FuzzProxyAddress(f *testing.F) {
	for _, seed := range []string{"http://proxy:3128", "socks5://u:p%40x@[::1]:1080", "https://é", "socks5h://h:99999", "direct"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := parseProxy(text)
		if err == nil && (p.host == "" || p.port == "" || strings.Contains(p.shown, "@")) {
			t.Errorf("%q is %+v", text, p)
		}
	})
}
