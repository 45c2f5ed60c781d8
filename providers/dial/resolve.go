package dial

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// ParseResolve reads "host:port:address" as curl's --resolve has it: "[...]" around
// an IPv6 address, commas between several addresses, "*" for any host or any port.
// The results are a key and a value of Dialer.Resolve.
func ParseResolve(spec string) (hostport, address string, err error) {
	host, rest, ok := cutHost(strings.TrimPrefix(spec, "+"))
	if !ok {
		return "", "", resolveError(spec, "there is no port")
	}
	port, list, ok := strings.Cut(rest, ":")
	if !ok || list == "" {
		return "", "", resolveError(spec, "there is no address")
	}
	host = strings.TrimSuffix(host, ".")
	if host == "" {
		return "", "", resolveError(spec, "there is no host")
	}
	if strings.ContainsAny(host, "[]") || emptyLabel(host) {
		return "", "", resolveError(spec, fmt.Sprintf("%q is not a host", host))
	}
	if !validPort(port) {
		return "", "", resolveError(spec, fmt.Sprintf("%q is not a port", port))
	}
	addresses, err := parseList(list)
	if err != nil {
		return "", "", resolveError(spec, err.Error())
	}
	return key(host, port), joinList(addresses), nil
}

// emptyLabel tells whether two dots meet in host, or one begins or ends it: RFC 1035
// section 2.3.1 has no such name.
func emptyLabel(host string) bool { return strings.Contains("."+host+".", "..") }

func resolveError(spec, what string) error {
	return fmt.Errorf("--resolve %q: %s; write host:port:address, such as example.com:443:127.0.0.1", spec, what)
}

// cutHost takes the host off, which may be an IPv6 address in brackets.
func cutHost(spec string) (host, rest string, ok bool) {
	if strings.HasPrefix(spec, "[") {
		return strings.Cut(spec[1:], "]:")
	}
	return strings.Cut(spec, ":")
}

func validPort(port string) bool {
	n, err := strconv.ParseUint(port, 10, 16)
	return port == "*" || err == nil && n > 0
}

// parseList reads addresses with commas between them.
func parseList(list string) (addresses []netip.Addr, err error) {
	for item := range strings.SplitSeq(list, ",") {
		text := strings.TrimSpace(item)
		if inner, ok := strings.CutPrefix(text, "["); ok {
			text = strings.TrimSuffix(inner, "]")
		}
		a, err := netip.ParseAddr(text)
		if err != nil {
			return nil, fmt.Errorf("%q is not an IP address", item)
		}
		addresses = append(addresses, a.Unmap())
	}
	return addresses, nil
}

func joinList(addresses []netip.Addr) string {
	texts := make([]string, len(addresses))
	for i, a := range addresses {
		texts[i] = a.String()
	}
	return strings.Join(texts, ",")
}

// key is how Resolve names a host and port: lower case, without the root's dot.
func key(host, port string) string {
	return strings.ToLower(strings.TrimSuffix(host, ".")) + ":" + port
}

// resolved is what the user says host has for addresses; the exact port comes before
// any port, and the exact host before any host.
func (d *Dialer) resolved(host, port string) ([]netip.Addr, bool) {
	if len(d.Resolve) == 0 {
		return nil, false
	}
	for _, k := range []string{key(host, port), key(host, "*"), key("*", port), key("*", "*")} {
		list, ok := d.Resolve[k]
		if !ok {
			continue
		}
		if addresses, err := parseList(list); err == nil {
			return addresses, true
		}
	}
	return nil, false
}
