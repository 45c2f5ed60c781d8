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
	"strings"
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

	// Resolver resolves names that Resolve does not have; nil: the system's.
	Resolver *net.Resolver
	// Source is the address that TCP connections come from; the zero Addr: as routed.
	Source netip.Addr
	// KeepAlive is how long a TCP connection is idle before the system asks whether the
	// other end is still there; 0: 15 s, negative: it never does.
	KeepAlive time.Duration
	// UserTimeout is how long sent data may go without acknowledgement before the system
	// gives a TCP connection up, in steps of a millisecond; 0: as the system has it. Only
	// Linux knows of it.
	UserTimeout time.Duration
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

// Permits says whether host may be asked for at all by somebody who resolves it
// himself, such as a proxy: an address is judged as if it were connected to, a name is
// not resolved and always may. The error is a *Blocked.
func (d *Dialer) Permits(host string) error {
	if err := readable(host); err != nil {
		return err
	}
	if a, err := netip.ParseAddr(host); err == nil {
		return d.check(host, a.Unmap())
	}
	return nil
}

// Given says whether Resolve has an address for host and port.
func (d *Dialer) Given(host, port string) bool {
	_, ok := d.resolved(host, port)
	return ok
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
	dialer := net.Dialer{KeepAlive: d.KeepAlive, ControlContext: func(_ context.Context, network, address string, c syscall.RawConn) error {
		if err := d.control(host, address); err != nil {
			return err
		}
		return d.tune(network, c)
	}}
	if d.Source.IsValid() && strings.HasPrefix(network, "tcp") {
		dialer.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(d.Source, 0))
	}
	conn, err := dialer.DialContext(ctx, network, addr)
	if blocked, ok := errors.AsType[*Blocked](err); ok {
		return nil, blocked
	}
	return conn, err
}

// tune sets what net.Dialer has no field for.
func (d *Dialer) tune(network string, c syscall.RawConn) error {
	if d.UserTimeout <= 0 || !strings.HasPrefix(network, "tcp") {
		return nil
	}
	var failed error
	err := c.Control(func(fd uintptr) { failed = setUserTimeout(fd, d.UserTimeout) })
	return errors.Join(err, failed)
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
	resolver := d.Resolver
	if resolver == nil {
		resolver = net.DefaultResolver
	}
	found, err := resolver.LookupNetIP(ctx, "ip", host)
	for i := range found {
		found[i] = found[i].Unmap()
	}
	return found, err
}
