package websocket

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"tocsin/providers/dial"
)

// sends answers with a redirect and keeps the request.
func sends(seen chan *http.Request, status int, to string) func(*peer) {
	return func(p *peer) {
		seen <- p.request()
		p.say(response(fmt.Sprintf("HTTP/1.1 %d Elsewhere", status), "Location: "+to, "Content-Length: 0"))
		p.wait()
	}
}

// secretive are parameters of which another server must see nothing.
const secretive = `
headers: {X-Api-Key: s3cret-key, Authorization: s3cret-header, X-Plain: everybody, X-Hidden: {secret: s3cret-hidden}, Host: own.test}
cookies: {session: s3cret-cookie}
jwt: {enabled: true, signing_method: HS256, secret: s3cret-shared}
receive: none
`

// A redirect is followed where it is allowed; the same server gets everything again,
// signed anew.
func TestRedirects(t *testing.T) {
	for _, status := range []int{301, 302, 303, 307, 308} {
		seen := make(chan *http.Request, 10)
		var hops atomic.Int32
		address := serve(t, func(p *peer) {
			if hops.Add(1) == 1 {
				sends(seen, status, "/there?x=1")(p)
				return
			}
			seen <- p.request()
			p.say(p.accepted())
			p.farewell()
		})
		r := ask(t, "max_redirects: 1\nurl: ws://"+address+"/here\n"+secretive)
		if outcome(r) != "ok" {
			t.Fatalf("%d: %+v", status, r.Error)
		}
		first, second := <-seen, <-seen
		want(t, "path", second.RequestURI, "/there?x=1")
		for _, name := range []string{"X-Api-Key", "X-Plain", "X-Hidden", "Cookie", "User-Agent", "Sec-Websocket-Version"} {
			want(t, name, second.Header.Get(name), first.Header.Get(name))
		}
		want(t, "host", second.Host, "own.test")
		want(t, "signed", strings.HasPrefix(second.Header.Get("Authorization"), "Bearer ey"), true)
		want(t, "another key", first.Header.Get("Sec-WebSocket-Key") != second.Header.Get("Sec-WebSocket-Key"), true)
		want(t, "url", r.URL, "ws://"+address+"/here")
	}
}

// Another server gets what is no secret and nothing else, and so does everybody behind
// it, even the first one.
func TestRedirectToAnother(t *testing.T) {
	firstSeen, otherSeen := make(chan *http.Request, 10), make(chan *http.Request, 10)
	var first atomic.Pointer[string]
	other := serve(t, func(p *peer) { sends(otherSeen, 302, "ws://u:p@"+*first.Load()+"/back")(p) })
	var visits atomic.Int32
	address := serve(t, func(p *peer) {
		if visits.Add(1) == 1 {
			sends(firstSeen, 302, "http://"+other+"/away")(p)
			return
		}
		firstSeen <- p.request()
		p.say(p.accepted())
		p.farewell()
	})
	first.Store(&address)
	r := ask(t, "max_redirects: 2\nurl: ws://"+address+"/\n"+secretive)
	if outcome(r) != "ok" {
		t.Fatalf("%+v", r.Error)
	}
	<-firstSeen
	for name, req := range map[string]*http.Request{"another": <-otherSeen, "back again": <-firstSeen} {
		text := fmt.Sprint(req.Header, req.URL)
		if strings.Contains(text, "s3cret") || req.Header.Get("Authorization") != "" || req.Header.Get("Cookie") != "" {
			t.Errorf("%s sees %s", name, text)
		}
		want(t, name+" X-Plain", req.Header.Get("X-Plain"), "everybody")
		want(t, name+" host", req.Host == "own.test", false)
	}
}

// Redirects that are not followed.
func TestRedirectsNotFollowed(t *testing.T) {
	seen := make(chan *http.Request, 100)
	loop := serve(t, sends(seen, 302, "/again"))
	secure := (*authority)(nil).issue(t, local)
	for _, tt := range []struct{ name, yaml, code, words string }{
		{"by default", "url: ws://" + loop, "handshake_status", "(a redirect, which is not followed)"},
		{"too many", "max_redirects: 3\nurl: ws://" + loop, "handshake_status", "more often than max_redirects allows"},
		{"into the clear", "max_redirects: 3\ninsecure_skip_verify: true\nurl: wss://" + serve(t, overTLS(secure.shows(), sends(seen, 301, "ws://"+loop))), "handshake_status", "from wss to ws"},
		{"to no websocket", "max_redirects: 3\nurl: ws://" + serve(t, sends(seen, 301, "ftp://h/")), "handshake_status", "to what is no address"},
		{"to nothing", "max_redirects: 3\nurl: ws://" + serve(t, sends(seen, 301, "http://")), "handshake_status", "to what is no address"},
		{"to an address that is blocked", "max_redirects: 3\nurl: ws://" + serve(t, sends(seen, 301, "http://169.254.169.254/")), "blocked_address", "cloud metadata"},
		{"to a number", "max_redirects: 3\nurl: ws://" + serve(t, sends(seen, 301, "http://2852039166/")), "blocked_address", "neither a name nor an IP address"},
		{"to who refuses", "max_redirects: 3\nurl: ws://" + serve(t, sends(seen, 301, "http://"+refused(t))), "connect_refused", "refused"},
		{"without a place", "max_redirects: 3\nurl: ws://" + serve(t, status("HTTP/1.1 302 Found")), "handshake_status", "302 Found"},
		{"to a choice", "max_redirects: 3\nurl: ws://" + serve(t, sends(seen, 300, "/x")), "handshake_status", "300"},
		{"expected", "max_redirects: 3\nexpect_status: [302]\nurl: ws://" + loop, "ok", ""},
	} {
		r := ask(t, "timeout: 20\n"+tt.yaml)
		if outcome(r) != tt.code || r.Connected {
			t.Errorf("%s: %+v", tt.name, r.Error)
			continue
		}
		if tt.code == "ok" {
			want(t, "location", at(r.Location), "/again")
		} else if !strings.Contains(r.Error.Message, tt.words) {
			t.Errorf("%s: %s", tt.name, r.Error.Message)
		}
	}
}

// Under a strict policy a redirect cannot lead inside.
func TestRedirectUnderPolicy(t *testing.T) {
	to, err := resolveTarget(target{url: "wss://feed.test/a/b?x=1"}, "//10.0.0.1/x")
	if err != nil || to.host != "10.0.0.1" || !to.secure {
		t.Fatalf("%+v, %v", to, err)
	}
	tr := &transport{set: &settings{connectTimeout: time.Second, network: network{family: "auto"}}, dialer: &dial.Dialer{Public: true}, to: to, deadline: time.Now().Add(time.Second), begun: time.Now()}
	if _, err := tr.dial(t.Context()); err == nil || !strings.Contains(err.Error(), "private address") {
		t.Error(err)
	}
}

// Where a Location leads.
func TestResolveTarget(t *testing.T) {
	from, _ := parseTarget("wss://h:8443/a/b?x=1")
	for location, wanted := range map[string]string{
		"/c":                "wss://h:8443/c",
		"c?y=2":             "wss://h:8443/a/c?y=2",
		"//other/c":         "wss://other/c",
		"https://h:8443/c":  "wss://h:8443/c",
		"wss://u:p@h/c#top": "wss://h/c",
		"ws://h/":           "ws://h/",
		"http://[::1":       "error",
		"mailto:a@b":        "error",
	} {
		to, err := resolveTarget(from, location)
		got := to.url
		if err != nil {
			got = "error"
		}
		want(t, location, got, wanted)
	}
	for address, wanted := range map[string]bool{"wss://H.:8443": true, "wss://h:8444": false, "ws://h:8443": false, "wss://x.h:8443": false} {
		to, _ := parseTarget(address)
		want(t, address, sameOrigin(from, to), wanted)
	}
	if same, _ := parseTarget("wss://h"); !sameOrigin(same, target{secure: true, host: "h", port: "443"}) {
		t.Error("the usual port is another")
	}
}

// A client certificate, and a name to verify that is not the address's, are for the
// server they were given for.
func TestRedirectAndCertificates(t *testing.T) {
	root := (*authority)(nil).issue(t, isAuthority)
	mine := root.issue(t, nil)
	seen := make(chan *http.Request, 10)
	shown := make(chan int, 10)
	asks := func(a *authority, do func(*peer)) func(*peer) {
		config := a.shows()
		config.ClientAuth = tls.RequestClientCert
		return overTLS(config, func(p *peer) {
			shown <- len(p.Conn.(*tls.Conn).ConnectionState().PeerCertificates)
			do(p)
		})
	}
	other := serve(t, asks(root.issue(t, local), echo))
	first := serve(t, asks(root.issue(t, named("first.test")), sends(seen, 302, "https://"+other)))
	cert, key := textFile(t, mine.pem()), keyFile(t, pemOf(t, mine.key))
	r := ask(t, "max_redirects: 1\ndata: hi\ntls_ca: "+textFile(t, root.pem())+"\ntls_server_name: first.test\ntls_cert: "+cert+"\ntls_key: "+key+"\nurl: wss://"+first)
	if outcome(r) != "ok" {
		t.Fatalf("%+v", r.Error)
	}
	want(t, "certificates shown", fmt.Sprint(<-shown, <-shown), "1 0")
	host, _, _ := net.SplitHostPort(other)
	want(t, "verified", r.TLS.ServerName, host)
}
