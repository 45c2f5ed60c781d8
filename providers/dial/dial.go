// Package dial makes the connections of every provider: one place for names that
// the user resolves otherwise (--resolve), for the egress guard, and for the HTTP
// transport that goes through both.
//
// The guard looks at the address that a socket is about to connect to, not at the
// name: a name that resolves differently the second time gains nothing by it. Start
// reading at Dialer; what is refused, and why, is in guard.go.
package dial

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"syscall"
	"time"
)

// A Dialer opens TCP connections. The zero Dialer resolves names as the system does
// and refuses only what is never a target: unspecified, multicast and link-local
// addresses and those of cloud metadata. It never changes while in use.
type Dialer struct {
	// Resolve maps "host:port" (port "*": any; host "*": any) to the address to use
	// instead, or several with commas between them, as curl's --resolve does. Keys
	// are lower case, as ParseResolve gives them. Server names in TLS and Host
	// headers are unchanged.
	Resolve map[string]string
	// Public refuses loopback, private and reserved addresses too.
	Public bool
}

// Lookup resolves host for port, Resolve first. Addresses that the guard refuses are
// left out; if none remains, the error is a *Blocked. It connects to nothing but the
// system's name servers.
func (d *Dialer) Lookup(ctx context.Context, host, port string) ([]net.IP, error) {
	found, err := d.addresses(ctx, host, port)
	if err != nil {
		return nil, err
	}
	var allowed []net.IP
	var blocked error
	for _, a := range found {
		if err := d.check(host, a); err != nil {
			blocked = err
			continue
		}
		allowed = append(allowed, a.AsSlice())
	}
	if len(allowed) == 0 {
		return nil, blocked
	}
	return allowed, nil
}

// DialContext connects to addr ("host:port"), trying its addresses in turn. The
// guard checks the address that is really connected to, so that a name cannot change
// its mind. What is refused is a *Blocked.
func (d *Dialer) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	if err := readable(host); err != nil {
		return nil, err
	}
	if given, ok := d.resolved(host, port); ok {
		return d.each(ctx, network, host, port, given)
	}
	return d.connect(ctx, network, host, addr)
}

// connect dials addr with the guard on its socket. net.Dialer tries the addresses of
// a name in turn, IPv4 and IPv6 at once where there are both (RFC 8305).
func (d *Dialer) connect(ctx context.Context, network, host, addr string) (net.Conn, error) {
	dialer := net.Dialer{ControlContext: func(_ context.Context, _, address string, _ syscall.RawConn) error {
		return d.control(host, address)
	}}
	conn, err := dialer.DialContext(ctx, network, addr)
	if blocked, ok := errors.AsType[*Blocked](err); ok {
		return nil, blocked
	}
	return conn, err
}

// control is asked before each connect with the address as a number.
func (d *Dialer) control(host, address string) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return &Blocked{Host: host, Address: address, Why: "not an address"}
	}
	return d.check(host, to.Addr())
}

func (d *Dialer) check(host string, a netip.Addr) error {
	if why := refused(a, d.Public); why != "" {
		return &Blocked{Host: host, Address: a.String(), Why: why}
	}
	return nil
}

// each tries addresses that the user gave, one after the other. Each gets an equal
// share of the time that is left, so that a silent one does not use up all of it.
func (d *Dialer) each(ctx context.Context, network, host, port string, given []netip.Addr) (net.Conn, error) {
	var first error
	for i, a := range given {
		try, cancel := share(ctx, len(given)-i)
		conn, err := d.connect(try, network, host, net.JoinHostPort(a.String(), port))
		cancel()
		if err == nil {
			return conn, nil
		}
		if first == nil {
			first = err
		}
		if ctx.Err() != nil {
			break
		}
	}
	return nil, first
}

func share(ctx context.Context, parts int) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok || parts < 2 {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, time.Until(deadline)/time.Duration(parts))
}

// addresses are those of host, unchecked.
func (d *Dialer) addresses(ctx context.Context, host, port string) ([]netip.Addr, error) {
	if err := readable(host); err != nil {
		return nil, err
	}
	if given, ok := d.resolved(host, port); ok {
		return given, nil
	}
	if a, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{a.Unmap()}, nil
	}
	found, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	for i := range found {
		found[i] = found[i].Unmap()
	}
	return found, err
}
