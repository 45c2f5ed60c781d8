package websocket

import (
	"bytes"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// A target is where a query goes.
type target struct {
	url      string // what the library dials: without user info
	redacted string // what is shown
	secure   bool
	host     string // as DNS knows it, without brackets
	port     string
	origin   string // http(s)://host[:port]
	user     *url.Userinfo
	query    string
}

// schemes say of each scheme what is dialled and shown, and on which port.
var schemes = map[string]struct {
	shown, origin, port string
	secure              bool
}{
	"ws":    {"ws", "http", "80", false},
	"http":  {"ws", "http", "80", false},
	"wss":   {"wss", "https", "443", true},
	"https": {"wss", "https", "443", true},
}

// parseTarget reads an address. What is wrong with it is told without quoting it:
// it may have a password in it, even where it cannot be read.
func parseTarget(text string) (target, error) {
	u, err := url.Parse(strings.TrimSpace(text))
	if err != nil {
		hint := ""
		if strings.Contains(text, "@") {
			hint = "; a password in it has to be percent-encoded"
		}
		return target{}, invalid("the address is not a URL%s", hint)
	}
	scheme, known := schemes[u.Scheme]
	switch {
	case !known && !strings.Contains(text, "://"):
		return target{}, invalid("the address has no scheme; it begins with ws:// or wss://")
	case !known:
		return target{}, invalid("the address has the scheme %q; ws and wss are possible", u.Scheme)
	case u.Hostname() == "":
		return target{}, invalid("the address has no host")
	case strings.Contains(text, "#"):
		return target{}, invalid("the address has a fragment (#), which websockets have not")
	}
	port := u.Port()
	if n, err := strconv.Atoi(port); port != "" && (err != nil || n < 1 || n > 65535) {
		return target{}, invalid("the address has the port %q; 1 to 65535 are possible", port)
	}
	u.Scheme = scheme.shown
	host, err := asciiHost(u.Hostname())
	if err != nil {
		return target{}, err
	}
	t := target{
		redacted: redact(*u),
		secure:   scheme.secure,
		host:     host,
		port:     port,
		origin:   scheme.origin + "://" + u.Host,
		user:     u.User,
		query:    u.RawQuery,
	}
	if port == "" {
		t.port = scheme.port
	}
	u.User = nil
	if t.url = u.String(); t.url == t.redacted {
		t.url = t.redacted // in memory once, of thousands
	}
	if _, err := url.Parse(t.url); err != nil { // a zone may have bytes that no URL has
		return target{}, invalid("the address's host is not a name that DNS can have")
	}
	return t, nil
}

// asciiHost is a host as DNS knows it. The conversion of other alphabets (IDNA) is in
// net/http, on its way to the wire only; that is where it is taken from.
func asciiHost(host string) (string, error) {
	if strings.IndexFunc(host, func(r rune) bool { return r > 127 }) < 0 {
		return host, nil
	}
	var wire bytes.Buffer
	req := http.Request{Method: http.MethodGet, URL: &url.URL{Path: "/", Host: host}, Host: host, Header: http.Header{"User-Agent": nil}}
	if err := req.Write(&wire); err != nil {
		return "", invalid("the address's host is not a name that DNS can have")
	}
	_, rest, _ := strings.Cut(wire.String(), "Host: ")
	ascii, _, _ := strings.Cut(rest, "\r\n")
	if ascii == "" {
		return "", invalid("the address's host is not a name that DNS can have")
	}
	return ascii, nil
}

// redact shows an address without its user info and without query values whose name
// looks secret. The rest stays as it was written.
func redact(u url.URL) string {
	u.User = nil
	if u.RawQuery != "" {
		pairs := strings.Split(u.RawQuery, "&")
		for i, pair := range pairs {
			name, v, has := strings.Cut(pair, "=")
			if has && v != "" && looksSecret(name) {
				pairs[i] = name + "=***"
			}
		}
		u.RawQuery = strings.Join(pairs, "&")
	}
	return u.String()
}

// redactText is redact for an address of somebody else's.
func redactText(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return "***"
	}
	return redact(*u)
}

// hostPort is an address as people write it, "" for none.
func hostPort(a net.Addr) *string {
	if a == nil {
		return nil
	}
	text := a.String()
	return &text
}
