package websocket

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"tocsin/templating/value"
)

// userAgent is what we call ourselves: some firewalls refuse Go's own name, or none.
const userAgent = "tocsin/1"

// ownHeaders are the upgrade's; nobody else may set them.
var ownHeaders = []string{
	"Connection", "Upgrade", "Sec-Websocket-Key", "Sec-Websocket-Version", "Sec-Websocket-Extensions",
	"Sec-Websocket-Accept", "Content-Length", "Transfer-Encoding",
}

// setHeaders gathers what the upgrade request says beside the upgrade.
func (p Connection) setHeaders(s *settings) error {
	s.header = http.Header{"User-Agent": {userAgent}}
	s.verifyAccept = or(p.VerifyAccept, true)
	if user := s.target.user; user != nil {
		password, _ := user.Password()
		s.header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(user.Username()+":"+password)))
	}
	offered := p.Subprotocols
	for name, v := range p.Headers.All() {
		lines, err := headerLines(name, v)
		if err != nil {
			return err
		}
		switch key := http.CanonicalHeaderKey(name); {
		case slices.Contains(ownHeaders, key):
			return invalid("headers: %s is set by the upgrade itself", name)
		case v == nil:
		case key == "Host":
			s.host = strings.Join(lines, "")
			if u, err := url.Parse("//" + s.host); err != nil || u.Host != s.host || s.host == "" {
				return invalid("headers: Host is not a host, or host:port")
			}
		case key == "Sec-Websocket-Protocol":
			offered = append(slices.Clone(offered), lines...)
		case key == "Authorization" && s.target.user != nil:
			// The address's user wins: it is the one that was set on purpose for this target.
		default:
			s.header[key] = lines
		}
	}
	for _, extra := range []struct{ name, text string }{{"Origin", p.origin(s)}, {"User-Agent", or(p.UserAgent, "")}} {
		if extra.text == "" {
			continue
		}
		lines, err := headerLines(extra.name, extra.text)
		if err != nil {
			return err
		}
		s.header[extra.name] = lines
	}
	return p.offer(s, offered)
}

func (p Connection) origin(s *settings) string {
	if origin := or(p.Origin, ""); origin != "auto" {
		return origin
	}
	return s.target.origin
}

// offer reads subprotocols, which may be written with commas between them.
func (p Connection) offer(s *settings, offered []string) error {
	for _, line := range offered {
		for name := range strings.SplitSeq(line, ",") {
			name = strings.TrimSpace(name)
			switch {
			case name == "":
			case !isToken(name):
				return invalid("subprotocols: %q is not a token (RFC 7230)", name)
			case slices.Contains(s.subprotocols, name):
				return invalid("subprotocols: %q is there twice", name)
			default:
				s.subprotocols = append(s.subprotocols, name)
			}
		}
	}
	s.requireSubprotocol = or(p.RequireSubprotocol, len(s.subprotocols) > 0)
	return nil
}

// headerLines are the values of one header, a line each. Errors do not show them.
func headerLines(name string, v any) ([]string, error) {
	if !isToken(name) {
		return nil, invalid("headers: %q is not a header name", name)
	}
	if _, ok := v.(*value.Map); ok {
		return nil, invalid("headers: %s: a mapping (value, secret, file, env) is not supported by this version", name)
	}
	items, ok := v.([]any)
	if !ok {
		items = []any{v}
	}
	var lines []string
	for _, item := range items {
		line, ok := item.(string)
		if !ok {
			line = string(value.AppendJSON(nil, item))
		}
		if strings.IndexFunc(line, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7F }) >= 0 {
			return nil, invalid("headers: %s has a line break or another control character in its value", name)
		}
		lines = append(lines, line)
	}
	return lines, nil
}

// isToken says whether text is a token of RFC 7230 §3.2.6.
func isToken(text string) bool {
	return text != "" && strings.IndexFunc(text, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("!#$%&'*+-.^_`|~", r))
	}) < 0
}
