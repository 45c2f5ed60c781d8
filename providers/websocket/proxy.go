package websocket

import (
	"bufio"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"time"

	"golang.org/x/net/http/httpproxy"
)

// A proxy is who makes the connection for us. Whatever its kind, it is asked for a
// tunnel, for ws:// too: an HTTP proxy that is asked for a page drops the upgrade.
type proxy struct {
	scheme     string // http, https or socks5
	host, port string
	user       *url.Userinfo
	shown      string // without the user
}

var proxyPorts = map[string]string{"http": "80", "https": "443", "socks5": "1080", "socks5h": "1080"}

// parseProxy reads the address of a proxy. The error is the rest of a sentence, and
// does not quote the address, which may have a password in it.
func parseProxy(text string) (*proxy, error) {
	u, err := url.Parse(strings.TrimSpace(text))
	if err != nil {
		return nil, errors.New("is not an address such as http://proxy.example.com:3128")
	}
	port, known := proxyPorts[u.Scheme]
	switch {
	case !known && !strings.Contains(text, "://"):
		return nil, errors.New("has no scheme; http, https, socks5 and socks5h are possible")
	case !known:
		return nil, fmt.Errorf("has the scheme %q; http, https, socks5 and socks5h are possible", u.Scheme)
	case u.Hostname() == "":
		return nil, errors.New("has no host")
	}
	host, err := asciiHost(u.Hostname())
	if err != nil {
		return nil, errors.New("has a host that is not a name that DNS can have")
	}
	p := &proxy{scheme: strings.TrimSuffix(u.Scheme, "h"), host: host, port: u.Port(), user: u.User}
	if p.scheme == "socks5" && p.user != nil {
		password, _ := p.user.Password()
		if len(p.user.Username()) > 255 || len(password) > 255 {
			return nil, errors.New("has a user or password longer than 255 bytes, which SOCKS5 has no room for")
		}
	}
	if p.port == "" {
		p.port = port
	} else if n, err := net.LookupPort("tcp", p.port); err != nil || n < 1 {
		return nil, errors.New("has a port that is none")
	}
	p.shown = u.Scheme + "://" + u.Host
	return p, nil
}

// secrets are what of a proxy's address is not shown.
func (p *proxy) secrets() []string {
	password, _ := p.user.Password()
	return []string{password}
}

// proxyFor is the proxy on the way to t.to, nil for none: that of the parameters, else
// that of the environment.
func (t *transport) proxyFor() (*proxy, error) {
	if t.set.network.proxy != nil || !t.set.environment {
		return t.set.network.proxy, nil
	}
	u := &url.URL{Scheme: "http", Host: net.JoinHostPort(t.to.host, t.to.port)}
	if t.to.secure {
		u.Scheme = "https"
	}
	address, err := environment().ProxyFunc()(u)
	if err != nil {
		return nil, invalid("the proxy of the environment (HTTP_PROXY, HTTPS_PROXY) is not an address")
	}
	if address == nil {
		return nil, nil
	}
	p, err := parseProxy(address.String())
	if err != nil {
		return nil, invalid("the proxy of the environment (HTTP_PROXY, HTTPS_PROXY) %s", err)
	}
	t.conceal(p.secrets()...)
	return p, nil
}

// environment is what it says of proxies, now.
func environment() *httpproxy.Config {
	if os.Getenv("HTTP_PROXY")+os.Getenv("http_proxy")+os.Getenv("HTTPS_PROXY")+os.Getenv("https_proxy") == "" {
		return &httpproxy.Config{}
	}
	return httpproxy.FromEnvironment()
}

// behind judges a target that a proxy connects to, as far as we can: its address, or
// under a strict policy those that its name has for us.
func (t *transport) behind(ctx context.Context) *Error {
	err := t.dialer.Permits(t.to.host)
	if _, literal := netip.ParseAddr(t.to.host); err == nil && literal != nil && t.dialer.Public {
		_, err = t.lookup(ctx, t.set.over(t.dialer), t.to.host, t.to.port)
	}
	if err != nil {
		return lookupFault(ctx, t.to.host, err)
	}
	return nil
}

// tunnel asks the proxy at the other end of raw for a connection to t.to.
func (t *transport) tunnel(ctx context.Context, p *proxy, raw net.Conn) (net.Conn, *Error) {
	begun := time.Now()
	defer func() { t.timings.Proxy = since(begun) }()
	t.leash.until(t.connectDeadline())
	if p.scheme == "socks5" {
		return raw, t.proxyFault(ctx, p, t.socks5(p, raw))
	}
	conn := raw
	if p.scheme == "https" {
		s, err := t.prepare(cmp.Or(t.set.proxyTLS, &tlsSettings{}), p.host)
		if err != nil {
			own, _ := asError(err)
			return nil, own
		}
		secured, err := s.secure(ctx, raw)
		if err != nil {
			return nil, t.proxyFault(ctx, p, err)
		}
		conn = secured
	}
	return conn, t.proxyFault(ctx, p, t.connectRequest(p, conn))
}

// proxyFault puts what went wrong between us and the proxy in our words.
func (t *transport) proxyFault(ctx context.Context, p *proxy, err error) *Error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return cancelled(ctx, "proxy")
	}
	own, ok := asError(err)
	switch {
	case ok && own.Phase == "proxy", ok && own.Code == ConfigInvalid, ok && own.Code == BlockedAddress:
		return own
	case ok:
		// No connection, or no TLS: with whom is what the reader has to know.
		e := fault(ProxyConnectFailed, own, "the proxy %s: %s", p.shown, strings.Replace(own.Problem, "the server", "the proxy", 1))
		e.Retryable = own.Retryable
		detail := string(own.Code)
		if own.Detail != "" {
			detail += ": " + own.Detail
		}
		return e.detailed("%s", detail)
	case timedOut(err):
		return fault(ProxyConnectFailed, err, "the proxy %s did not answer in time", p.shown).detailed("timeout")
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), wasReset(err):
		return fault(ProxyConnectFailed, err, "the proxy %s ended the connection without an answer", p.shown).detailed("connection lost")
	}
	return fault(ProxyConnectFailed, err, "the proxy %s: %v", p.shown, rootCause(err)).detailed("%v", rootCause(err))
}

// connectRequest asks an HTTP proxy for a tunnel (RFC 9110 §9.3.6).
func (t *transport) connectRequest(p *proxy, conn net.Conn) error {
	place := net.JoinHostPort(t.to.host, t.to.port)
	header := http.Header{"User-Agent": {userAgent}}
	for _, field := range t.set.proxyHeaders {
		var lines []string
		for _, text := range field.texts {
			line, err := t.text(text)
			if err != nil {
				return err
			}
			lines = append(lines, line)
		}
		header[http.CanonicalHeaderKey(field.name)] = lines
	}
	if p.user != nil {
		password, _ := p.user.Password()
		header.Set("Proxy-Authorization", t.basicHeader(p.user.Username(), password))
	}
	req := &http.Request{Method: http.MethodConnect, URL: &url.URL{Opaque: place}, Host: place, Header: header}
	if err := req.Write(conn); err != nil {
		return err
	}
	in := bufio.NewReader(conn)
	response, err := t.read(in, req)
	if own, ok := asError(err); ok {
		return fault(ProxyRejected, own, "the proxy %s does not answer as a proxy does: %s", p.shown, own.Problem)
	} else if err != nil {
		return err
	}
	switch {
	case response.StatusCode == http.StatusProxyAuthRequired, response.StatusCode == http.StatusUnauthorized:
		return authRequired(p, response) // 401 is what tinyproxy says to who has no password at all
	case response.StatusCode/100 != 2:
		return t.rejected(p, response)
	case in.Buffered() > 0:
		// Nobody has spoken to the server yet, so it cannot have said this.
		return fault(ProxyRejected, nil, "the proxy %s sent data of its own before the connection was used", p.shown)
	}
	return nil
}

// authRequired is the error for 407, with the schemes that the proxy knows.
func authRequired(p *proxy, response *http.Response) *Error {
	var schemes []string
	for _, line := range append(response.Header.Values("Proxy-Authenticate"), response.Header.Values("WWW-Authenticate")...) {
		scheme, _, _ := strings.Cut(strings.TrimSpace(line), " ")
		schemes = append(schemes, scheme)
	}
	said := "user and password"
	if p.user != nil {
		said = "another user or password"
	}
	e := fault(ProxyAuthRequired, nil, "the proxy %s wants %s (%d)", p.shown, said, response.StatusCode).detailed("%s", strings.Join(schemes, ", "))
	e.Status = response.StatusCode
	return e
}

// rejected is the error for any other answer than yes.
func (t *transport) rejected(p *proxy, response *http.Response) *Error {
	body := t.readBody(response)
	e := fault(ProxyRejected, nil, "the proxy %s answered %s", p.shown,
		strings.TrimSpace(fmt.Sprint(response.StatusCode, " ", http.StatusText(response.StatusCode))))
	e.Status, e.Detail = response.StatusCode, body
	return e
}

// SOCKS5 (RFC 1928, RFC 1929).
const (
	socksVersion     = 5
	socksNoAuth      = 0
	socksPassword    = 2
	socksNoneOfThese = 0xFF
)

// socksReplies are what a SOCKS5 server says instead of yes.
var socksReplies = map[byte]string{
	1: "general failure", 2: "not allowed by its rules", 3: "network unreachable", 4: "host unreachable",
	5: "connection refused", 6: "TTL expired", 7: "command not supported", 8: "address type not supported",
}

// socks5 asks a SOCKS5 proxy for a tunnel. It gets the name of the target, not the
// address, since it may know another.
func (t *transport) socks5(p *proxy, conn net.Conn) error {
	if err := t.socksHello(p, conn); err != nil {
		return err
	}
	request, err := socksRequest(t.to)
	if err != nil {
		return err
	}
	if _, err := conn.Write(request); err != nil {
		return err
	}
	var head [4]byte
	if _, err := io.ReadFull(conn, head[:]); err != nil {
		return err
	}
	if head[0] != socksVersion {
		return notSocks(p)
	}
	if reply := head[1]; reply != 0 {
		words := socksReplies[reply]
		if words == "" {
			words = fmt.Sprint("reply ", reply)
		}
		return fault(ProxyRejected, nil, "the proxy %s could not connect: %s", p.shown, words).detailed("%s", words)
	}
	return skipAddress(p, conn, head[3])
}

// socksHello agrees on how to say who we are, and says it.
func (t *transport) socksHello(p *proxy, conn net.Conn) error {
	methods := []byte{socksNoAuth}
	if p.user != nil {
		methods = append(methods, socksPassword)
	}
	if _, err := conn.Write(append([]byte{socksVersion, byte(len(methods))}, methods...)); err != nil {
		return err
	}
	var chosen [2]byte
	if _, err := io.ReadFull(conn, chosen[:]); err != nil {
		return err
	}
	switch {
	case chosen[0] != socksVersion:
		return notSocks(p)
	case chosen[1] == socksNoAuth:
		return nil
	case chosen[1] == socksPassword && p.user != nil:
		return socksLogin(p, conn)
	case chosen[1] == socksNoneOfThese && p.user == nil:
		return fault(ProxyAuthRequired, nil, "the proxy %s wants user and password", p.shown)
	}
	return fault(ProxyAuthRequired, nil, "the proxy %s wants to know who we are in a way that we do not have", p.shown)
}

func socksLogin(p *proxy, conn net.Conn) error {
	name := p.user.Username()
	password, _ := p.user.Password()
	login := append([]byte{1, byte(len(name))}, name...)
	login = append(append(login, byte(len(password))), password...)
	if _, err := conn.Write(login); err != nil {
		return err
	}
	var answer [2]byte
	if _, err := io.ReadFull(conn, answer[:]); err != nil {
		return err
	}
	if answer[1] != 0 {
		return fault(ProxyAuthRequired, nil, "the proxy %s does not accept user and password", p.shown)
	}
	return nil
}

func notSocks(p *proxy) *Error {
	return fault(ProxyRejected, nil, "the proxy %s does not speak SOCKS5", p.shown)
}

// socksRequest is CONNECT with the name or address of the target.
func socksRequest(to target) ([]byte, error) {
	port, err := net.LookupPort("tcp", to.port)
	if err != nil {
		return nil, err
	}
	request := []byte{socksVersion, 1, 0}
	if a, err := netip.ParseAddr(to.host); err == nil {
		a = a.Unmap()
		request = append(append(request, map[bool]byte{true: 1, false: 4}[a.Is4()]), a.AsSlice()...)
	} else {
		if len(to.host) > 255 {
			return nil, invalid("the address's host is longer than a SOCKS5 proxy can be told")
		}
		request = append(append(request, 3, byte(len(to.host))), to.host...)
	}
	return binary.BigEndian.AppendUint16(request, uint16(port)), nil
}

// skipAddress reads the address that the proxy connects from, which nobody needs.
func skipAddress(p *proxy, conn net.Conn, kind byte) error {
	n := map[byte]int{1: 4, 4: 16}[kind]
	if kind == 3 {
		var length [1]byte
		if _, err := io.ReadFull(conn, length[:]); err != nil {
			return err
		}
		n = int(length[0])
	} else if n == 0 {
		return notSocks(p)
	}
	_, err := io.ReadFull(conn, make([]byte, n+2))
	return err
}
