package dial

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"
)

// forms are ways to write an address that is no target. The ones that a resolver or a
// translator would turn into something else are the point of the list.
var forms = []struct {
	address string
	zero    string // what the zero Dialer says; "" if it may
	public  string // what a Public one says
}{
	// Cloud metadata, as itself and carried in IPv6.
	{"169.254.169.254", "cloud metadata", "cloud metadata"},
	{"169.254.170.2", "cloud metadata", "cloud metadata"},
	{"169.254.170.23", "cloud metadata", "cloud metadata"},
	{"100.100.100.200", "cloud metadata", "cloud metadata"},
	{"168.63.129.16", "cloud metadata", "cloud metadata"},
	{"192.0.0.192", "cloud metadata", "cloud metadata"},
	{"fd00:ec2::254", "cloud metadata", "cloud metadata"},
	{"fd00:ec2::23", "cloud metadata", "cloud metadata"},
	{"fd20:ce::254", "cloud metadata", "cloud metadata"},
	{"::ffff:169.254.169.254", "cloud metadata", "cloud metadata"},
	{"::ffff:a9fe:a9fe", "cloud metadata", "cloud metadata"},
	{"::169.254.169.254", "cloud metadata", "cloud metadata"},
	{"::a9fe:a9fe", "cloud metadata", "cloud metadata"},
	{"::ffff:0:169.254.169.254", "cloud metadata", "cloud metadata"},
	{"64:ff9b::169.254.169.254", "cloud metadata", "cloud metadata"},
	{"64:ff9b::a9fe:a9fe", "cloud metadata", "cloud metadata"},
	{"64:ff9b:1::a9fe:a9fe", "cloud metadata", "cloud metadata"},
	{"64:ff9b:1:a9fe:a9:fe00::", "cloud metadata", "cloud metadata"},
	{"64:ff9b:1:a9:fe:a9fe::", "cloud metadata", "cloud metadata"},
	{"64:ff9b:1:0:a9:fea9:fe00:0", "cloud metadata", "cloud metadata"},
	{"2002:a9fe:a9fe::", "cloud metadata", "cloud metadata"},
	{"2002:a9fe:a9fe::1", "cloud metadata", "cloud metadata"},
	{"2001:0:a9fe:a9fe::", "cloud metadata", "cloud metadata"},
	{"2001:0:808:808:0:0:5601:5601", "cloud metadata", "cloud metadata"},
	{"2606:4700::5efe:a9fe:a9fe", "cloud metadata", "cloud metadata"},
	{"2606:4700::200:5efe:a9fe:a9fe", "cloud metadata", "cloud metadata"},
	{"2002:6464:64c8::1", "cloud metadata", "cloud metadata"},
	{"::ffff:100.100.100.200", "cloud metadata", "cloud metadata"},
	// What is never a target.
	{"0.0.0.0", "an unspecified address", "an unspecified address"},
	{"0.1.2.3", "an unspecified address", "an unspecified address"},
	{"::", "an unspecified address", "an unspecified address"},
	{"::ffff:0.0.0.0", "an unspecified address", "an unspecified address"},
	{"64:ff9b::", "an unspecified address", "an unspecified address"},
	{"2002::", "an unspecified address", "an unspecified address"},
	{"169.254.0.1", "a link-local address", "a link-local address"},
	{"169.254.1.1", "a link-local address", "a link-local address"},
	{"fe80::1", "a link-local address", "a link-local address"},
	{"fe80::1%lo", "a link-local address", "a link-local address"},
	{"febf::1", "a link-local address", "a link-local address"},
	{"::ffff:169.254.1.1", "a link-local address", "a link-local address"},
	{"64:ff9b::169.254.1.1", "a link-local address", "a link-local address"},
	{"224.0.0.1", "a multicast address", "a multicast address"},
	{"239.255.255.250", "a multicast address", "a multicast address"},
	{"ff02::1", "a multicast address", "a multicast address"},
	{"ff02::1%lo", "a multicast address", "a multicast address"},
	{"::ffff:224.0.0.1", "a multicast address", "a multicast address"},
	{"255.255.255.255", "the broadcast address", "the broadcast address"},
	{"::ffff:255.255.255.255", "the broadcast address", "the broadcast address"},
	// What the command line may reach and a stranger's workflow may not.
	{"127.0.0.1", "", "a loopback address"},
	{"127.1.2.3", "", "a loopback address"},
	{"127.255.255.254", "", "a loopback address"},
	{"::1", "", "a loopback address"},
	{"::ffff:127.0.0.1", "", "a loopback address"},
	{"::127.0.0.1", "", "a loopback address"},
	{"64:ff9b::7f00:1", "", "a loopback address"},
	{"2002:7f00:1::", "", "a loopback address"},
	{"2001:0:7f00:1:0:0:f7f7:f7f7", "", "a loopback address"},
	{"::ffff:0:127.0.0.1", "", "a loopback address"},
	{"10.0.0.1", "", "a private address"},
	{"172.16.0.1", "", "a private address"},
	{"172.31.255.255", "", "a private address"},
	{"192.168.1.1", "", "a private address"},
	{"fc00::1", "", "a private address"},
	{"fdff::1", "", "a private address"},
	{"fec0::1", "", "a private address"},
	{"::ffff:10.0.0.1", "", "a private address"},
	{"64:ff9b::10.0.0.1", "", "a private address"},
	{"2002:a00:1::1", "", "a private address"},
	{"100.64.0.1", "", "a carrier's private address"},
	{"100.127.255.255", "", "a carrier's private address"},
	{"198.18.0.1", "", "an address for benchmarks"},
	{"198.19.255.255", "", "an address for benchmarks"},
	{"192.0.2.1", "", "an address for documentation"},
	{"203.0.113.9", "", "an address for documentation"},
	{"2001:db8::1", "", "an address for documentation"},
	{"3fff::1", "", "an address for documentation"},
	{"192.0.0.8", "", "a reserved address"},
	{"240.0.0.1", "", "a reserved address"},
	{"100::1", "", "a reserved address"},
	{"5f00::1", "", "a reserved address"},
	{"4000::1", "", "a reserved address"},
	{"64:ff9b:1:808:8:800::", "", "a private NAT64 address"},
	{"64:ff9b:1::8.8.8.8", "", "a private NAT64 address"},
	// Targets.
	{"8.8.8.8", "", ""},
	{"100.63.255.255", "", ""},
	{"100.128.0.1", "", ""},
	{"172.32.0.1", "", ""},
	{"169.253.255.255", "", ""},
	{"2606:4700:4700::1111", "", ""},
	{"::ffff:8.8.8.8", "", ""},
	{"64:ff9b::8.8.8.8", "", ""},
	{"2002:808:808::1", "", ""},
}

func TestGuard(t *testing.T) {
	for _, tt := range forms {
		a := netip.MustParseAddr(tt.address)
		if got := refused(a, false); got != tt.zero {
			t.Errorf("the zero Dialer says %q of %s, want %q", got, tt.address, tt.zero)
		}
		if got := refused(a, true); got != tt.public {
			t.Errorf("a public Dialer says %q of %s, want %q", got, tt.address, tt.public)
		}
	}
	if len(forms) < 60 {
		t.Errorf("%d forms, want at least 60", len(forms))
	}
}

// The refusal comes before a socket connects: a call with the address of each form
// that is refused ends at once with a *Blocked, and no packet was sent.
func TestDialRefuses(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	for _, tt := range forms {
		if tt.public == "" {
			continue
		}
		a := netip.MustParseAddr(tt.address)
		d := Dialer{Public: true}
		_, err := d.DialContext(ctx, "tcp", net.JoinHostPort(tt.address, "80"))
		checkBlocked(t, tt.address, err, tt.public)
		if _, err := d.Lookup(ctx, a.String(), "80"); !isBlocked(err) {
			t.Errorf("lookup of %s: %v", tt.address, err)
		}
		named := Dialer{Public: true, Resolve: map[string]string{"innocent.example:*": a.WithZone("").String()}}
		_, err = named.DialContext(ctx, "tcp", "innocent.example:80")
		checkBlocked(t, "innocent.example", err, tt.public)
	}
}

func checkBlocked(t *testing.T, host string, err error, why string) {
	t.Helper()
	var blocked *Blocked
	if !errors.As(err, &blocked) {
		// No route to a kind of address: refused by the system before the guard.
		var op *net.OpError
		if errors.As(err, &op) && op.Op == "dial" {
			t.Logf("%s: %v", host, err)
			return
		}
		t.Errorf("%s: %v, want a *Blocked", host, err)
		return
	}
	if blocked.Host != host || blocked.Why != why {
		t.Errorf("%v, want host %s and %q", blocked, host, why)
	}
}

func isBlocked(err error) bool {
	var blocked *Blocked
	return errors.As(err, &blocked)
}

// Hosts that some resolvers read as numbers are refused without asking one.
func TestNumbersThatAreNoAddresses(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	for _, host := range []string{
		"127.1", "127.0.1", "2130706433", "0x7f000001", "0x7f.0.0.1", "0X7F.1", "017700000001", "0177.0.0.1",
		"127.0.0.1.", "127.0.0.01", "256.1.1.1", "1.2.3.4.5", "169.254.43518", "0xa9fea9fe", "2852039166", "0", "0.0", "example.0x",
		"0251.0376.0251.0376", "example.com.1",
	} {
		for _, d := range []*Dialer{{}, {Public: true}} {
			if _, err := d.DialContext(ctx, "tcp", net.JoinHostPort(host, "80")); !isBlocked(err) {
				t.Errorf("dial %s: %v", host, err)
			}
			if _, err := d.Lookup(ctx, host, "80"); !isBlocked(err) {
				t.Errorf("lookup %s: %v", host, err)
			}
		}
	}
}

func TestBlockedSaysWhy(t *testing.T) {
	for want, b := range map[string]Blocked{
		"blocked: db.internal (10.0.0.5) is a private address":                 {"db.internal", "10.0.0.5", "a private address"},
		"blocked: 10.0.0.5 is a private address":                               {"10.0.0.5", "10.0.0.5", "a private address"},
		"blocked: 127.1 is neither a name nor an IP address in its usual form": {Host: "127.1", Why: "neither a name nor an IP address in its usual form"},
	} {
		if b.Error() != want {
			t.Errorf("%q, want %q", b.Error(), want)
		}
	}
}
