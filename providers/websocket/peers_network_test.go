package websocket

import (
	"net"
	"os"
	"strings"
	"testing"
)

// networkPeer is the address in a variable of .ci/ws-peers, without which these tests
// mean nothing.
func networkPeer(t *testing.T, name string) string {
	t.Helper()
	if os.Getenv("TOCSIN_PEERS") != "1" {
		t.Skip("set TOCSIN_PEERS=1 and run under .ci/ws-peers to test with proxies and TLS by other people")
	}
	address := os.Getenv("TOCSIN_WS_" + name)
	if address == "" {
		t.Fatalf("TOCSIN_WS_%s is not set: .ci/ws-peers run COMMAND sets it", name)
	}
	return address
}

// TestNetworkPeers goes through proxies and TLS terminators by other people.
func TestNetworkPeers(t *testing.T) {
	const user = "tocsin:hush-hush@"
	ca := networkPeer(t, "CA")
	root := (*authority)(nil).issue(t, isAuthority)
	plain, secure := serve(t, echo), serve(t, overTLS(root.issue(t, local).shows(), echo))
	https := "proxy_tls: {enabled: true, root_cas_file: " + ca + "}\n"
	for _, tt := range []struct{ name, peer, scheme, user, with string }{
		{"tinyproxy", "TINYPROXY", "http", user, ""},
		{"Squid", "SQUID", "http", user, ""},
		{"tinyproxy behind TLS", "HTTPS_PROXY", "https", user, https},
		{"microsocks", "MICROSOCKS", "socks5", user, ""},
		{"Dante", "DANTE", "socks5h", "", ""},
	} {
		proxy := networkPeer(t, tt.peer)
		for scheme, address := range map[string]string{"ws": plain, "wss": secure} {
			t.Run(tt.name+" to "+scheme, func(t *testing.T) {
				yaml := "timeout: 10\ndata: hi\ntls_ca: " + textFile(t, root.pem()) + "\nurl: " + scheme + "://" + address + "\n" + tt.with
				r := ask(t, yaml+"proxy_url: "+tt.scheme+"://"+tt.user+proxy)
				if outcome(r) != "ok" {
					t.Fatalf("%+v, %v", r.Error, at(r.Error.Detail))
				}
				data("hi")(t, r)
				want(t, "proxy", at(r.Proxy), tt.scheme+"://"+proxy)
				checkProxyRefusals(t, tt.scheme, proxy, tt.user, yaml)
			})
		}
	}
}

// checkProxyRefusals asks with a wrong password, and for a port that nobody is at.
func checkProxyRefusals(t *testing.T, scheme, proxy, user, yaml string) {
	t.Helper()
	if user != "" {
		for _, wrong := range []string{"", "tocsin:wrong@"} {
			r := ask(t, yaml+"proxy_url: "+scheme+"://"+wrong+proxy)
			if outcome(r) != "proxy_auth_required" {
				t.Errorf("as %q: %+v", wrong, r.Error)
			}
		}
	}
	nowhere := "timeout: 10\nurl: ws://" + refused(t) + "\n"
	if strings.Contains(yaml, "proxy_tls") {
		nowhere += yaml[strings.Index(yaml, "proxy_tls"):]
	}
	r := ask(t, nowhere+"proxy_url: "+scheme+"://"+user+proxy)
	if outcome(r) != "proxy_rejected" {
		t.Errorf("to nobody: %+v", r.Error)
	}
}

// TestTerminators asks through nginx and HAProxy, which end TLS in front of a server.
func TestTerminators(t *testing.T) {
	ca, cert, key := networkPeer(t, "CA"), networkPeer(t, "CERT"), networkPeer(t, "KEY")
	_, port, _ := net.SplitHostPort(serve(t, echo))
	for _, peer := range []string{"NGINX", "HAPROXY"} {
		t.Run(peer, func(t *testing.T) {
			address := networkPeer(t, peer)
			yaml := "timeout: 10\ndata: hi\ntls_ca: " + ca + "\nurl: wss://" + address + "/" + port + "/"
			r := ask(t, yaml)
			if outcome(r) != "ok" {
				t.Fatalf("%+v", r.Error)
			}
			data("hi")(t, r)
			want(t, "ALPN", r.TLS.ALPN, "http/1.1")
			want(t, "subject", r.TLS.Chain[0].Subject, "CN=server")
			want(t, "TLS 1.2", ask(t, yaml+"\ntls: {enabled: true, max_version: TLS12}").TLS.Version, "TLS 1.2")
			down := ask(t, "timeout: 10\ntls_ca: "+ca+"\nurl: wss://"+address+"/"+freePort(t)+"/")
			want(t, "nobody behind it", outcome(down), "handshake_status")
			want(t, "and that is", at(down.Error.Detail), "unavailable")
			want(t, "no authority", outcome(ask(t, "timeout: 10\nurl: wss://"+address)), "tls_unknown_authority")
		})
	}
	t.Run("a certificate required", func(t *testing.T) {
		yaml := "timeout: 10\ndata: hi\ntls_ca: " + ca + "\nurl: wss://" + networkPeer(t, "MTLS") + "/" + port + "/\n"
		want(t, "with it", outcome(ask(t, yaml+"tls_cert: "+cert+"\ntls_key: "+key+"\ntls_key_pwd: hush-hush")), "ok")
		// nginx takes the handshake and then answers 400.
		without := ask(t, yaml)
		want(t, "without", outcome(without), "handshake_status")
		want(t, "status", at(without.Status), 400)
	})
}
