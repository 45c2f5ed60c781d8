package websocket

import (
	"context"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"tocsin/providers"
	"tocsin/providers/dial"
	"tocsin/templating/value"
)

// Network is the way to the server (spec/websocket.md §2.8).
type Network struct {
	ProxyURL         *string          `param:"proxy_url" doc:"Proxy to go through: http, https, socks5 or socks5h, with user and password if it asks for them; direct for none, also none of the environment's." example:"http://proxy.example.com:3128"`
	HTTPProxyURL     *string          `param:"http_proxy_url" doc:"Another name for proxy_url, for http and https."`
	Socks5Enabled    *bool            `param:"socks5_enabled" doc:"Whether to go through socks5_address."`
	Socks5Address    *string          `param:"socks5_address" doc:"Host and port of a SOCKS5 proxy."`
	Socks5Username   *string          `param:"socks5_username" doc:"User there."`
	Socks5Password   providers.Secret `param:"socks5_password" doc:"The user's password."`
	ProxyFromEnv     *bool            `param:"proxy_from_environment" alias:"use_system_proxy" doc:"Whether HTTP_PROXY (for ws), HTTPS_PROXY (for wss) and NO_PROXY count where no proxy is given; true if absent."`
	ProxyHeaders     *value.Map       `param:"proxy_headers" host:"forms" doc:"Further headers of the request to an HTTP proxy, in the forms of headers."`
	ProxyTLS         *TLS             `param:"proxy_tls" doc:"Settings for the connection to an https proxy, as under tls. They count if enabled is true."`
	IPFamily         *string          `param:"ip_family" enum:"auto,ipv4,ipv6" doc:"Which addresses of a name to connect to; auto tries both, a quarter of a second apart."`
	IPFamilyFallback *bool            `param:"ip_family_fallback" doc:"Whether to use the others where there is none of that family; true if absent."`
	DNSServer        *string          `param:"dns_server" doc:"Name server to ask instead of the system's: udp://IP:53 or tcp://IP:53."`
	ResolveHosts     *value.Map       `param:"resolve" doc:"Addresses of names, instead of asking a name server: a text or a list of texts each. The name in TLS and in the request stays."`
	SourceAddress    *string          `param:"source_address" doc:"Address of this machine to connect from."`
	TCPKeepalive     *time.Duration   `param:"tcp_keepalive" doc:"How long the connection is idle before the system asks whether the other end is there; after twice that without an answer it is given up (on Linux). 15s if absent, 0 for never."`
}

// network is a checked Network.
type network struct {
	proxy        *proxy // nil: none of the parameters'
	proxyHeaders []headerField
	proxyTLS     *tlsSettings // nil: nothing is said of it

	family    string // auto, ipv4 or ipv6
	dns       string // host:port of a name server; "": the system's
	hosts     map[string][]netip.Addr
	source    netip.Addr
	keepAlive time.Duration // negative: none

	environment bool // whether the environment's proxies count
	fallback    bool // to the other family
	dnsTCP      bool
}

const defaultKeepAlive = 15 * time.Second

// setNetwork reads everything about the way there.
func (p Network) setNetwork(s *settings) error {
	s.family, s.fallback = or(p.IPFamily, "auto"), or(p.IPFamilyFallback, true)
	s.environment = or(p.ProxyFromEnv, true)
	for _, set := range []func(*settings) error{
		p.setProxy, p.setProxyHeaders, p.setProxyTLS, p.setDNS, p.setHosts, p.setSource, p.setKeepAlive,
	} {
		if err := set(s); err != nil {
			return err
		}
	}
	return nil
}

func (p Network) setDNS(s *settings) error {
	text := or(p.DNSServer, "")
	if text == "" {
		return nil
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		return invalid("dns_server is not of the form udp://IP:PORT")
	}
	host, port := u.Hostname(), u.Port()
	if port == "" {
		port = "53"
	}
	switch _, err := netip.ParseAddr(host); {
	case u.Scheme != "udp" && u.Scheme != "tcp":
		return invalid("dns_server has the scheme %q; udp and tcp are possible", u.Scheme)
	case err != nil:
		return invalid("dns_server: %q is not an IP address", host)
	case u.Path != "" && u.Path != "/":
		return invalid("dns_server has a path; udp://IP:PORT is all there is")
	}
	s.dns, s.dnsTCP = net.JoinHostPort(host, port), u.Scheme == "tcp"
	return nil
}

func (p Network) setHosts(s *settings) error {
	for host, v := range p.ResolveHosts.All() {
		items, ok := v.([]any)
		if !ok {
			items = []any{v}
		}
		for _, item := range items {
			for text := range strings.SplitSeq(value.Text(item), ",") {
				a, err := netip.ParseAddr(strings.Trim(strings.TrimSpace(text), "[]"))
				if err != nil {
					return invalid("resolve.%s: %q is not an IP address", host, text)
				}
				if s.hosts == nil {
					s.hosts = map[string][]netip.Addr{}
				}
				s.hosts[hostKey(host)] = append(s.hosts[hostKey(host)], a.Unmap())
			}
		}
	}
	return nil
}

// hostKey is a name as DNS compares it.
func hostKey(host string) string {
	host = strings.TrimSuffix(host, ".")
	if ascii, err := asciiHost(host); err == nil {
		host = ascii
	}
	return strings.ToLower(host)
}

func (p Network) setSource(s *settings) error {
	text := or(p.SourceAddress, "")
	if text == "" {
		return nil
	}
	a, err := netip.ParseAddr(text)
	if err != nil {
		return invalid("source_address: %q is not an IP address", text)
	}
	s.source = a.Unmap()
	if own := familyOf(s.source); s.family != "auto" && s.family != own && !s.fallback {
		return invalid("source_address %s is not of the family that ip_family says (%s)", s.source, s.family)
	}
	return nil
}

func (p Network) setKeepAlive(s *settings) error {
	d, err := limit{name: "tcp_keepalive", given: p.TCPKeepalive, zero: true}.or(defaultKeepAlive)
	switch {
	case err != nil:
		return err
	case d == 0:
		d = -1
	case d < time.Second:
		return invalid("tcp_keepalive must be at least 1s, or 0 for never")
	}
	s.keepAlive = d
	return nil
}

func familyOf(a netip.Addr) string {
	if a.Is4() {
		return "ipv4"
	}
	return "ipv6"
}

// over is d with what these settings say of sockets and names.
func (n *network) over(d *dial.Dialer) *dial.Dialer {
	own := *d
	own.Source, own.KeepAlive = n.source, n.keepAlive
	own.UserTimeout = max(0, 2*n.keepAlive)
	if n.dns != "" {
		own.Resolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, protocol, _ string) (net.Conn, error) {
			if n.dnsTCP {
				protocol = "tcp"
			}
			return d.DialContext(ctx, protocol, n.dns) // through the guard
		}}
	}
	return &own
}

// lookup is the addresses to try, in order. What --resolve has comes before what the
// parameters have.
func (t *transport) lookup(ctx context.Context, d *dial.Dialer, host, port string) ([]net.IP, error) {
	var ips []net.IP
	var err error
	given, ok := t.set.hosts[hostKey(host)]
	switch {
	case d.Given(host, port):
		ips, err = d.Lookup(ctx, host, port)
	case ok:
		ips, err = allowed(ctx, d, given, port)
	default:
		ips, err = t.resolve(ctx, d, host, port)
	}
	if err != nil {
		return nil, err
	}
	return t.set.order(host, ips)
}

// resolve asks a name server.
func (t *transport) resolve(ctx context.Context, d *dial.Dialer, host, port string) ([]net.IP, error) {
	if _, err := netip.ParseAddr(host); err == nil || d.Resolver == nil {
		return d.Lookup(ctx, host, port)
	}
	server, _, _ := net.SplitHostPort(t.set.dns)
	if err := d.Permits(server); err != nil {
		return nil, err // a resolver would only tell its text
	}
	// With the root's dot, so that the domains that this system searches are left out.
	return d.Lookup(ctx, strings.TrimSuffix(host, ".")+".", port)
}

// allowed are those of the addresses given that the guard lets through.
func allowed(ctx context.Context, d *dial.Dialer, given []netip.Addr, port string) (ips []net.IP, err error) {
	for _, a := range given {
		one, refused := d.Lookup(ctx, a.String(), port)
		if refused != nil {
			err = refused
		}
		ips = append(ips, one...)
	}
	if len(ips) > 0 {
		return ips, nil
	}
	return nil, err
}

// order picks the addresses of the family that is wanted. Where both are, they take
// turns, so that a family that leads nowhere costs little (RFC 8305 §4).
func (n *network) order(host string, ips []net.IP) ([]net.IP, error) {
	if n.source.IsValid() {
		ips = slices.DeleteFunc(slices.Clone(ips), func(ip net.IP) bool { return (ip.To4() != nil) != n.source.Is4() })
		if len(ips) == 0 {
			return nil, noFamily(host, familyOf(n.source), "that source_address is of")
		}
	}
	var four, six []net.IP
	for _, ip := range ips {
		if ip.To4() != nil {
			four = append(four, ip)
		} else {
			six = append(six, ip)
		}
	}
	switch wanted, others := four, six; {
	case n.family == "auto" && ips[0].To4() != nil:
		return interleave(four, six), nil
	case n.family == "auto":
		return interleave(six, four), nil
	default:
		if n.family == "ipv6" {
			wanted, others = six, four
		}
		switch {
		case len(wanted) > 0:
			return wanted, nil
		case n.fallback:
			return others, nil
		}
		return nil, noFamily(host, n.family, "that ip_family wants")
	}
}

func noFamily(host, family, why string) *Error {
	name := map[string]string{"ipv4": "IPv4", "ipv6": "IPv6"}[family]
	e := fault(DNSFailed, nil, "%s has no %s address, %s", host, name, why).detailed("no %s address", name)
	e.Retryable = false
	return e
}

func interleave(a, b []net.IP) []net.IP {
	all := make([]net.IP, 0, len(a)+len(b))
	for i := range max(len(a), len(b)) {
		if i < len(a) {
			all = append(all, a[i])
		}
		if i < len(b) {
			all = append(all, b[i])
		}
	}
	return all
}

// A headerField is a header and its value as it was given.
type headerField struct {
	name  string
	texts []headerText
}

// setProxyHeaders reads headers for CONNECT. All of them count as secret.
func (p Network) setProxyHeaders(s *settings) error {
	for name, v := range p.ProxyHeaders.All() {
		switch {
		case !isToken(name):
			return invalid("proxy_headers: %q is not a header name", name)
		case slices.ContainsFunc([]string{"Host", "Connection", "Proxy-Connection", "Content-Length", "Transfer-Encoding", "Upgrade"}, func(own string) bool { return strings.EqualFold(own, name) }):
			return invalid("proxy_headers: %s is set by the request itself", name)
		case v == nil:
			continue
		}
		texts, _, err := headerTexts("proxy_headers."+name, v)
		if err != nil {
			return err
		}
		s.hideHeader(texts)
		s.proxyHeaders = append(s.proxyHeaders, headerField{name, texts})
	}
	return nil
}

func (p Network) setProxyTLS(s *settings) (err error) {
	if p.ProxyTLS == nil {
		return nil
	}
	if !or(p.ProxyTLS.Enabled, false) {
		if p.ProxyTLS.says() {
			s.warn("the settings under proxy_tls do not count, since proxy_tls.enabled is not true")
		}
		return nil
	}
	set, err := p.ProxyTLS.settings("proxy_tls.", s)
	s.proxyTLS = &set
	return err
}

// proxyAddress brings the names for one proxy together.
func (p Network) proxyAddress() (address, name string, err error) {
	address, name = or(p.ProxyURL, ""), "proxy_url"
	if other := or(p.HTTPProxyURL, ""); other != "" {
		if err := one("proxy_url", &address, "http_proxy_url", other); err != nil {
			return "", "", err
		}
		if u, err := url.Parse(other); err == nil && u.Scheme != "http" && u.Scheme != "https" {
			return "", "", invalid("http_proxy_url has the scheme %q; http and https are possible", u.Scheme)
		}
		name = "http_proxy_url"
	}
	if !or(p.Socks5Enabled, false) {
		return address, name, nil
	}
	host := or(p.Socks5Address, "")
	if host == "" {
		return "", "", invalid("socks5_address is missing")
	}
	socks := url.URL{Scheme: "socks5", Host: host}
	if user := or(p.Socks5Username, ""); user != "" {
		socks.User = url.UserPassword(user, string(p.Socks5Password))
	}
	if address != "" && address != socks.String() {
		return "", "", invalid("%s and socks5_address differ; there is one proxy", name)
	}
	return socks.String(), "socks5_address", nil
}

func (p Network) setProxy(s *settings) error {
	address, name, err := p.proxyAddress()
	switch {
	case err != nil || address == "":
		return err
	case address == "direct":
		s.environment = false
		return nil
	}
	if s.network.proxy, err = parseProxy(address); err != nil {
		return invalid("%s %s", name, err)
	}
	s.hide(s.network.proxy.secrets()...)
	return nil
}
