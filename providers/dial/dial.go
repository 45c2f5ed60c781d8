// Package dial makes the connections of every provider: one place for names that
// the user resolves otherwise (--resolve), for the egress guard, and for the HTTP
// transport that goes through both.
package dial

import (
	"context"
	"net"
	"net/http"
)

// A Dialer opens TCP connections. The zero Dialer resolves names as the system does
// and refuses only what is never a target: unspecified, multicast and link-local
// addresses and those of cloud metadata. It never changes while in use.
type Dialer struct {
	// Resolve maps "host:port" (port "*": any) to the address to use instead, as
	// curl's --resolve does. Server names in TLS and Host headers are unchanged.
	Resolve map[string]string
	// Public refuses loopback, private and reserved addresses too.
	Public bool
}

// ParseResolve reads "host:port:address" ("[...]" around an IPv6 address).
func ParseResolve(spec string) (hostport, address string, err error) { panic("unwritten") }

// Lookup resolves host for port, Resolve first. What is refused is a *Blocked.
func (d *Dialer) Lookup(ctx context.Context, host, port string) ([]net.IP, error) {
	panic("unwritten")
}

// DialContext connects to addr ("host:port"), trying its addresses in turn. The
// guard checks the address that is really connected to, so that a name cannot change
// its mind.
func (d *Dialer) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	panic("unwritten")
}

// Transport is an HTTP transport over d. It ignores proxies of the environment.
func (d *Dialer) Transport() *http.Transport { panic("unwritten") }

// Client is an HTTP client over Transport: at most 5 redirects, and headers that the
// caller set are dropped when the host changes.
func (d *Dialer) Client() *http.Client { panic("unwritten") }

// Blocked is the error for an address that the guard refuses.
type Blocked struct{ Host, Address, Why string }

func (b *Blocked) Error() string { panic("unwritten") }
