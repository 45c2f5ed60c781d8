package dial

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
)

// Blocked is the error for an address that the guard refuses. Address is empty where
// the host itself was refused, before it was resolved.
type Blocked struct{ Host, Address, Why string }

// Error names host, address and reason: "blocked: db.internal (10.0.0.5) is a private
// address".
func (b *Blocked) Error() string {
	if b.Address == "" || b.Address == b.Host {
		return fmt.Sprintf("blocked: %s is %s", b.Host, b.Why)
	}
	return fmt.Sprintf("blocked: %s (%s) is %s", b.Host, b.Address, b.Why)
}

// A block is a range of addresses and what it is.
type block struct {
	prefix netip.Prefix
	what   string
}

func blocks(what string, prefixes ...string) []block {
	all := make([]block, len(prefixes))
	for i, p := range prefixes {
		all[i] = block{netip.MustParsePrefix(p), what}
	}
	return all
}

// never is refused whoever asks: no check has a reason to go there. That cloud
// metadata stands before link-local is for the message only.
var never = sync.OnceValue(func() []block {
	return slices.Concat(
		// AWS, GCP, Azure and most others; AWS over IPv6; AWS ECS and EKS; GCP over IPv6;
		// Alibaba; Oracle; Azure's WireServer.
		blocks("cloud metadata", "169.254.169.254/32", "fd00:ec2::254/128", "169.254.170.2/32", "169.254.170.23/32",
			"fd00:ec2::23/128", "fd20:ce::254/128", "100.100.100.200/32", "192.0.0.192/32", "168.63.129.16/32"),
		blocks("an unspecified address", "0.0.0.0/8", "::/128"),
		blocks("a link-local address", "169.254.0.0/16", "fe80::/10"),
		blocks("a multicast address", "224.0.0.0/4", "ff00::/8"),
		blocks("the broadcast address", "255.255.255.255/32"),
	)
})

// inside is what Public refuses as well: IANA's special-purpose registries
// (RFC 6890 and its updates), and whatever of IPv6 is not global unicast.
var inside = sync.OnceValue(func() []block {
	return slices.Concat(
		blocks("a loopback address", "127.0.0.0/8", "::1/128"),
		blocks("a private address", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7", "fec0::/10"),
		blocks("a carrier's private address", "100.64.0.0/10"),
		blocks("an address for benchmarks", "198.18.0.0/15", "2001:2::/48"),
		blocks("an address for documentation", "192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32", "3fff::/20"),
		blocks("a private NAT64 address", "64:ff9b:1::/48"),
		blocks("a reserved address", "192.0.0.0/24", "192.88.99.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.175.48.0/24",
			"240.0.0.0/4", "100::/64", "100:0:0:1::/64", "2001::/23", "5f00::/16"),
	)
})

// refused says why a is no target, or "". An IPv6 address that carries an IPv4 one
// (mapped, compatible, NAT64, 6to4, Teredo, ISATAP) is also judged by that, since a
// translator on the way may take it there.
func refused(a netip.Addr, public bool) string {
	a = a.WithZone("").Unmap()
	if why := within(never(), a); why != "" {
		return why
	}
	// The address itself first, so that ::1 is loopback rather than IPv4's 0.0.0.1.
	if own := within(inside(), a); own == "a loopback address" {
		return pick(public, own)
	}
	for _, carried := range carries(a) {
		if why := refused(carried, public); why != "" {
			return why
		}
	}
	if !public {
		return ""
	}
	if why := within(inside(), a); why != "" {
		return why
	}
	if a.Is6() && !globalUnicast.Contains(a) && !translated.Contains(a) {
		return "a reserved address"
	}
	return ""
}

func pick(yes bool, why string) string {
	if yes {
		return why
	}
	return ""
}

func within(list []block, a netip.Addr) string {
	for _, b := range list {
		if b.prefix.Contains(a) {
			return b.what
		}
	}
	return ""
}

var (
	globalUnicast = netip.MustParsePrefix("2000::/3")
	translated    = netip.MustParsePrefix("64:ff9b::/96")    // RFC 6052
	privateNAT64  = netip.MustParsePrefix("64:ff9b:1::/48")  // RFC 8215
	compatible    = netip.MustParsePrefix("::/96")           // RFC 4291 §2.5.5.1
	siit          = netip.MustParsePrefix("::ffff:0:0:0/96") // RFC 7915
	sixToFour     = netip.MustParsePrefix("2002::/16")       // RFC 3056
	teredo        = netip.MustParsePrefix("2001::/32")       // RFC 4380
)

// carries lists the IPv4 addresses inside an IPv6 one.
func carries(a netip.Addr) []netip.Addr {
	if !a.Is6() {
		return nil
	}
	b := a.As16()
	last := netip.AddrFrom4([4]byte(b[12:16]))
	switch {
	case translated.Contains(a), compatible.Contains(a), siit.Contains(a):
		return []netip.Addr{last}
	case privateNAT64.Contains(a):
		// The prefix in use may be 48, 56, 64 or 96 bits long (RFC 6052 §2.2, where
		// byte 8 is left out). The wrong lengths mostly give 0.x addresses.
		return slices.DeleteFunc([]netip.Addr{
			netip.AddrFrom4([4]byte{b[6], b[7], b[9], b[10]}),
			netip.AddrFrom4([4]byte{b[7], b[9], b[10], b[11]}),
			netip.AddrFrom4([4]byte(b[9:13])),
			last,
		}, func(a netip.Addr) bool { return a.As4()[0] == 0 })
	case sixToFour.Contains(a):
		return []netip.Addr{netip.AddrFrom4([4]byte(b[2:6]))}
	case teredo.Contains(a):
		client := netip.AddrFrom4([4]byte{^b[12], ^b[13], ^b[14], ^b[15]})
		return []netip.Addr{netip.AddrFrom4([4]byte(b[4:8])), client}
	case b[8]&^2 == 0 && b[9] == 0 && b[10] == 0x5e && b[11] == 0xfe: // ISATAP, RFC 5214 §6.1
		return []netip.Addr{last}
	}
	return nil
}

// readable refuses hosts that look like a number and are no IP address: 127.1,
// 0x7f000001, 017700000001. Some resolvers read them as addresses and others as
// names (WHATWG URL, "ends in a number").
func readable(host string) error {
	if _, err := netip.ParseAddr(host); err == nil || !endsInNumber(host) {
		return nil
	}
	return &Blocked{Host: host, Why: "neither a name nor an IP address in its usual form"}
}

func endsInNumber(host string) bool {
	last := strings.TrimSuffix(host, ".")
	last = last[strings.LastIndexByte(last, '.')+1:]
	if hex, ok := strings.CutPrefix(strings.ToLower(last), "0x"); ok {
		return strings.Trim(hex, "0123456789abcdef") == ""
	}
	return last != "" && strings.Trim(last, "0123456789") == ""
}
