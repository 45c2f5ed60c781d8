package dial

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"testing"
)

// A connection comes from the address that was asked for.
func TestSource(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	d := &Dialer{Source: netip.MustParseAddr("127.0.0.3")}
	conn, err := d.DialContext(t.Context(), "tcp", l.Addr().String())
	if err != nil {
		t.Skipf("a third loopback address is needed: %v", err)
	}
	defer conn.Close()
	if from := conn.LocalAddr().(*net.TCPAddr).IP.String(); from != "127.0.0.3" {
		t.Errorf("connected from %s", from)
	}
}

// Names are asked of the resolver that was given, but for those that Resolve has.
func TestResolver(t *testing.T) {
	errAsked := errors.New("asked")
	d := &Dialer{
		Resolve: map[string]string{"known.test:*": "127.0.0.1"},
		Resolver: &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
			return nil, errAsked
		}},
	}
	if ips, err := d.Lookup(t.Context(), "known.test", "80"); err != nil || len(ips) != 1 {
		t.Errorf("known.test: %v, %v", ips, err)
	}
	if _, err := d.Lookup(t.Context(), "unknown.test.", "80"); err == nil {
		t.Error("unknown.test was found without asking")
	}
	if !d.Given("known.test", "443") || d.Given("unknown.test", "443") {
		t.Error("Given does not say what Resolve has")
	}
}

// What a proxy is asked for is judged as far as it can be without resolving it.
func TestPermits(t *testing.T) {
	for host, want := range map[string]string{
		"example.com":       "",
		"169.254.169.254":   "blocked: 169.254.169.254 is cloud metadata",
		"::ffff:a9fe:a9fe":  "blocked: ::ffff:a9fe:a9fe (169.254.169.254) is cloud metadata",
		"0x7f000001":        "blocked: 0x7f000001 is neither a name nor an IP address in its usual form",
		"10.0.0.1":          "",
		"metadata.internal": "",
	} {
		if err := (&Dialer{}).Permits(host); text(err) != want {
			t.Errorf("%s: %q, want %q", host, text(err), want)
		}
	}
	if err := (&Dialer{Public: true}).Permits("10.0.0.1"); text(err) != "blocked: 10.0.0.1 is a private address" {
		t.Error(err)
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
