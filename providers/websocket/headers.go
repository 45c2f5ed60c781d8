package websocket

import (
	"cmp"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"

	"tocsin/providers"
	"tocsin/templating/value"
)

// Handshake is what the upgrade request says beside the upgrade, and what its answer may
// be (spec/websocket.md §2.5).
type Handshake struct {
	Headers            *value.Map `param:"headers" host:"forms" doc:"Further headers of the upgrade request: a text or a list of texts each, or {value: ...}, {secret: ...}, {file: ...} or {env: ...}, the last two read for each connection."`
	Cookies            *value.Map `param:"cookies" host:"forms" doc:"Cookies to send, in the forms of headers."`
	Origin             *string    `param:"origin" doc:"Origin header; auto makes it of the address. None if absent."`
	UserAgent          *string    `param:"user_agent" doc:"User-Agent header."`
	Subprotocols       []string   `param:"subprotocols" doc:"Subprotocols to offer, the preferred one first; a list, or a text with commas."`
	RequireSubprotocol *bool      `param:"require_subprotocol" doc:"Whether the server must choose one; true if any are offered."`
	VerifyAccept       *bool      `param:"verify_accept" doc:"Whether the server's proof of having read the upgrade request must be right; true if absent."`
	Compression        *string    `param:"compression" enum:"off,no_context_takeover,context_takeover" doc:"Whether to offer to compress messages, each by itself or with what went before; off if absent."`
	MaxRedirects       *int       `param:"max_redirects" doc:"How many redirects to follow, 0 to 5; 0 if absent. Another host is told no secrets."`
}

// handshake is a checked Handshake.
type handshake struct {
	header             http.Header  // as far as it is known before the attempt; nil: nothing
	late               []lateHeader // the rest
	delicate           []string     // names of further headers that only the target may see
	cookies            []headerText // by name
	host               string       // Host header, if it is not the target's
	subprotocols       []string
	requireSubprotocol bool
	verifyAccept       bool
	compression        string
	maxRedirects       int
}

// A lateHeader is one whose value stands elsewhere, and is read for each attempt.
type lateHeader struct {
	name string
	text headerText
}

// A headerText is a value as it was given: itself, or where it stands.
type headerText struct {
	name      string // of the parameter, for errors
	text      string
	file, env string
}

// userAgent is what we call ourselves: some firewalls refuse Go's own name, or none.
const userAgent = "tocsin/1"

// ownHeaders are the upgrade's; nobody else may set them.
var ownHeaders = []string{
	"Connection", "Upgrade", "Sec-Websocket-Key", "Sec-Websocket-Version", "Sec-Websocket-Extensions",
	"Sec-Websocket-Accept", "Content-Length", "Transfer-Encoding",
}

// setHeaders gathers what the upgrade request says beside the upgrade.
func (p Handshake) setHeaders(s *settings) error {
	s.verifyAccept = or(p.VerifyAccept, true)
	s.compression = or(p.Compression, "off")
	if s.maxRedirects = or(p.MaxRedirects, 0); s.maxRedirects < 0 || s.maxRedirects > 5 {
		return invalid("max_redirects must be 0 to 5")
	}
	offered := p.Subprotocols
	for name, v := range p.Headers.All() {
		more, err := s.addHeader(name, v)
		if err != nil {
			return err
		}
		offered = append(slices.Clone(offered), more...)
	}
	for _, extra := range []struct{ name, field, text string }{
		{"Origin", "origin", p.origin(s)}, {"User-Agent", "user_agent", or(p.UserAgent, "")},
	} {
		if extra.text == "" {
			continue
		}
		if control(extra.text) {
			return invalid("%s has a line break or another control character in it", extra.field)
		}
		s.setHeader(extra.name, []string{extra.text})
	}
	if err := p.setCookies(s); err != nil {
		return err
	}
	return p.offer(s, offered)
}

// addHeader takes one of the headers. What it returns are subprotocols, which belong
// elsewhere.
func (s *settings) addHeader(name string, v any) (subprotocols []string, err error) {
	key := http.CanonicalHeaderKey(name)
	switch {
	case !isToken(name):
		return nil, invalid("headers: %q is not a header name", name)
	case slices.Contains(ownHeaders, key):
		return nil, invalid("headers: %s is set by the upgrade itself", name)
	case v == nil:
		return nil, nil
	}
	texts, secret, err := headerTexts("headers."+name, v)
	if err != nil {
		return nil, err
	}
	if secret || looksSecret(name) {
		s.delicate = append(s.delicate, key)
		s.hideHeader(texts)
	}
	fixed := fixedTexts(texts)
	switch {
	case key == "Host" && (len(texts) != 1 || fixed == nil):
		return nil, invalid("headers: Host is not a host, or host:port")
	case key == "Host":
		s.host = fixed[0]
		if u, err := url.Parse("//" + s.host); err != nil || u.Host != s.host || s.host == "" {
			return nil, invalid("headers: Host is not a host, or host:port")
		}
	case key == "Sec-Websocket-Protocol":
		return fixed, nil
	case fixed != nil:
		s.setHeader(key, fixed)
	default:
		for _, text := range texts {
			s.late = append(s.late, lateHeader{key, text})
		}
	}
	return nil, nil
}

func (s *settings) setHeader(name string, lines []string) {
	if s.header == nil {
		s.header = http.Header{}
	}
	s.header[name] = lines
}

// hideHeader hides values, and what stands behind the scheme in them.
func (n *notes) hideHeader(texts []headerText) {
	for _, t := range texts {
		_, credentials, _ := strings.Cut(t.text, " ")
		n.hide(t.text, strings.TrimSpace(credentials))
	}
}

// headerTexts are the values of one header, a line each. Errors do not show them.
func headerTexts(name string, v any) (texts []headerText, secret bool, err error) {
	items, ok := v.([]any)
	if !ok {
		items = []any{v}
	}
	for _, item := range items {
		form, ok := item.(*value.Map)
		text := headerText{name: name}
		if ok {
			hidden, err := text.read(form)
			if err != nil {
				return nil, false, err
			}
			secret = secret || hidden
		} else if line, ok := item.(string); ok {
			text.text = line
		} else {
			text.text = string(value.AppendJSON(nil, item))
		}
		if control(text.text) {
			return nil, false, invalid("%s has a line break or another control character in its value", name)
		}
		texts = append(texts, text)
	}
	return texts, secret, nil
}

// read reads one of the forms of a value that is a mapping.
func (t *headerText) read(form *value.Map) (secret bool, err error) {
	if form.Len() != 1 {
		return false, invalid("%s: a mapping has one of value, secret, file and env", t.name)
	}
	for key, v := range form.All() {
		text, ok := v.(string)
		if _, is := v.(*value.Map); !ok && !is && v != nil {
			text = value.Text(v)
		}
		switch key {
		case "value":
			t.text = text
		case "secret":
			t.text, secret = text, true
		case "file":
			t.file, secret = text, true
		case "env":
			t.env, secret = text, true
		default:
			return false, invalid("%s: there is no form %q; value, secret, file and env are possible", t.name, key)
		}
		if text == "" {
			return false, invalid("%s.%s is empty", t.name, key)
		}
	}
	return secret, nil
}

// fixedTexts are the values if all of them are known now, else nil.
func fixedTexts(texts []headerText) []string {
	fixed := make([]string, len(texts))
	for i, t := range texts {
		if t.file != "" || t.env != "" {
			return nil
		}
		fixed[i] = t.text
	}
	return fixed
}

// text is the value, read from where it stands.
func (t *transport) text(h headerText) (string, error) {
	switch {
	case h.file != "":
		return t.secret(material{name: h.name, fileName: h.name + ".file", file: h.file})
	case h.env == "":
		return h.text, nil
	}
	text, has := os.LookupEnv(h.env)
	switch {
	case !has:
		return "", invalid("%s.env: the environment has no %s", h.name, h.env)
	case control(text):
		return "", invalid("%s.env: %s has a line break or another control character in it", h.name, h.env)
	}
	t.conceal(text)
	return text, nil
}

// headers are those of the parameters, for one attempt. A strange server gets none that
// are delicate.
func (t *transport) headers() (http.Header, error) {
	header := http.Header{"User-Agent": {userAgent}}
	for name, lines := range t.set.header {
		if !t.strange || !t.set.isDelicate(name) {
			header[name] = slices.Clone(lines)
		}
	}
	if t.strange {
		return header, nil
	}
	for _, late := range t.set.late {
		text, err := t.text(late.text)
		if err != nil {
			return nil, err
		}
		header.Add(late.name, text)
	}
	cookies, err := t.cookies()
	if cookies != "" {
		header.Set("Cookie", strings.Join(append(header["Cookie"], cookies), "; "))
	}
	return header, err
}

// isDelicate says of a header that only the target may see it.
func (s *settings) isDelicate(name string) bool {
	return name == "Authorization" || name == "Cookie" || slices.Contains(s.delicate, name)
}

// setCookies checks the cookies (RFC 6265 §4.1.1).
func (p Handshake) setCookies(s *settings) error {
	for name, v := range p.Cookies.All() {
		texts, _, err := headerTexts("cookies."+name, v)
		switch {
		case err != nil:
			return err
		case !isToken(name):
			return invalid("cookies: %q is not the name of a cookie", name)
		case len(texts) != 1:
			return invalid("cookies.%s: a cookie has one value", name)
		case !isCookie(texts[0].text):
			return invalid("cookies.%s has a character in its value that cookies cannot have", name)
		}
		s.hideHeader(texts)
		s.cookies = append(s.cookies, texts[0])
	}
	return nil
}

func (t *transport) cookies() (string, error) {
	var all []string
	for _, cookie := range t.set.cookies {
		text, err := t.text(cookie)
		if err != nil {
			return "", err
		}
		if !isCookie(text) {
			return "", invalid("%s has a character in its value that cookies cannot have", cookie.name)
		}
		all = append(all, strings.TrimPrefix(cookie.name, "cookies.")+"="+text)
	}
	return strings.Join(all, "; "), nil
}

func isCookie(text string) bool { return !control(text) && !strings.ContainsAny(text, ";,\" \t\\") }

func (p Handshake) origin(s *settings) string {
	if origin := or(p.Origin, ""); origin != "auto" {
		return origin
	}
	return s.target.origin
}

// offer reads subprotocols, which may be written with commas between them.
func (p Handshake) offer(s *settings, offered []string) error {
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

// isToken says whether text is a token of RFC 7230 §3.2.6.
func isToken(text string) bool {
	return text != "" && strings.IndexFunc(text, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("!#$%&'*+-.^_`|~", r))
	}) < 0
}

// request is what the library asks for, with everything in it that this attempt has
// besides. An Authorization of the parameters' headers gives way to one that is made.
func (t *transport) request(library *http.Request) (*http.Request, error) {
	req := library.WithContext(library.Context()) // a copy, but for what it points to
	header, err := t.headers()
	if err != nil {
		return nil, err
	}
	for name, lines := range library.Header {
		if _, given := header[name]; !given {
			header[name] = slices.Clip(lines)
		}
	}
	req.Header = header
	if t.hops > 0 {
		u, err := url.Parse(httpURL(t.to.url))
		if err != nil {
			return nil, fault(Internal, err, "the address of a redirect cannot be used")
		}
		req.URL, req.Host = u, u.Host
		req.Header.Set("Sec-WebSocket-Key", newKey())
	}
	if !t.strange && t.set.host != "" {
		req.Host = t.set.host
	}
	if t.strange {
		return req, nil
	}
	providers.OriginOf(req.Context()).Trace.Set(req.Header)
	return req, t.authorize(req.Context(), req)
}

// looksSecret says that the value of a parameter of that name is not shown.
func looksSecret(name string) bool { return providers.CallsSecret(cmp.Or(unescape(name), name)) }
