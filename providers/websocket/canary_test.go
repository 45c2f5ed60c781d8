package websocket

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
	"time"

	"tocsin/providers"
	"tocsin/templating/value"
	"tocsin/workflows/source"
)

// A canary is a secret that must not be seen; the parameters have it in one place.
type canary struct {
	name, yaml string
	secrets    []string
}

// canaries put a secret into every place where there can be one.
func canaries(t *testing.T) []canary {
	t.Setenv("TOCSIN_TEST_CANARY", "canary-of-the-environment")
	key := string(file(t, "testdata/keys/ed25519-pkcs8.pem"))
	body := strings.Split(key, "\n")[1]
	return []canary{
		{"user of the address", "url: ws://me:canary%20in%2Fthe%2Faddress@ADDRESS/", []string{"canary in/the/address"}},
		{"query", "url: ws://ADDRESS/?access_token=canary%2Bin-query&sig=canary-signature", []string{"canary+in-query", "canary-signature"}},
		{"headers", "headers: {X-Api-Key: canary-key-1, Authorization: Bearer canary-token-2, X-Any: {secret: canary-any-3}, X-List: [{secret: canary-list-4}]}", []string{"canary-key-1", "canary-token-2", "canary-any-3", "canary-list-4"}},
		{"headers from elsewhere", "headers: {X-A: {env: TOCSIN_TEST_CANARY}, X-B: {file: " + textFile(t, "canary of the file\n") + "}}", []string{"canary-of-the-environment", "canary of the file"}},
		{"cookies", "cookies: {a: canary-cookie, b: {file: " + textFile(t, "canary-cookie-file") + "}}", []string{"canary-cookie", "canary-cookie-file"}},
		{"basic", "basic_auth: {enabled: true, username: me, password: canäry pässword}", []string{"canäry pässword"}},
		{"basic from a file", "basic_auth: {enabled: true, username: me, password_file: " + textFile(t, "canary-password-file\n") + "}", []string{"canary-password-file"}},
		{"bearer", "bearer_token: canary.bearer/token==", []string{"canary.bearer/token=="}},
		{"OAuth 1", "oauth: {enabled: true, consumer_key: ck, consumer_secret: canary-consumer, access_token: canary-access, access_token_secret: canary-access-secret}", []string{"canary-consumer", "canary-access-secret", "canary-access"}},
		{"JWT with a secret", "jwt: {enabled: true, signing_method: HS256, secret: canary-shared-secret}", []string{"canary-shared-secret", "eyJhbGciOi"}},
		{"JWT with a key", "jwt: {enabled: true, signing_method: EdDSA, private_key: " + yamlText(key) + "}", []string{body, "eyJhbGciOi"}},
		{"JWT in the query", "jwt: {enabled: true, signing_method: HS256, secret: canary-shared-secret, in: 'query:t'}", []string{"canary-shared-secret", "eyJhbGciOi"}},
		{"JWT as a subprotocol", "jwt: {enabled: true, signing_method: HS256, secret: canary-shared-secret, in: 'subprotocol:t.'}", []string{"canary-shared-secret", "eyJhbGciOi"}},
		{"proxy", "proxy_url: http://me:canary%40proxy@GATE\nproxy_headers: {X-Gate: canary-for-the-gate}", []string{"canary@proxy", "canary-for-the-gate"}},
		{"SOCKS5", "socks5_enabled: true\nsocks5_address: GATE\nsocks5_username: me\nsocks5_password: canary-socks", []string{"canary-socks"}},
		{"OAuth 2", "oauth2: {enabled: true, client_key: c, client_secret: canary-client-secret, token_url: 'http://TOKENS/', endpoint_params: {api_key: canary-endpoint-key}}", []string{"canary-client-secret", "canary-endpoint-key", "canary-fetched-token"}},
	}
}

// reflections are servers that say back what they were told, each in another place.
var reflections = map[string]func(*peer, string){
	"in the body": func(p *peer, told string) {
		p.say(response("HTTP/1.1 401 No", fmt.Sprint("Content-Length: ", len(told))) + told)
		p.wait()
	},
	"in the status": func(p *peer, told string) {
		p.say(response("HTTP/1.1 403 "+oneLine(told), "Content-Length: 0"))
		p.wait()
	},
	"in a header": func(p *peer, told string) { p.say(p.accepted("X-Told: " + oneLine(told))); p.farewell() },
	"in a location": func(p *peer, told string) {
		p.say(response("HTTP/1.1 302 Found", "Location: /?told="+url.QueryEscape(told), "Content-Length: 0"))
		p.wait()
	},
	"in an extension":     func(p *peer, told string) { p.say(p.accepted("Sec-WebSocket-Extensions: " + oneLine(told))); p.wait() },
	"in a protocol":       func(p *peer, told string) { p.say(p.accepted("Sec-WebSocket-Protocol: " + oneLine(told))); p.wait() },
	"in what is asserted": func(p *peer, told string) { p.say(p.accepted(), text("no "+oneLine(told))); p.farewell() },
	"instead of HTTP":     func(p *peer, told string) { p.say(oneLine(told) + "\n"); p.wait() },
	"in the reason":       func(p *peer, told string) { p.say(p.accepted(), closeFrame(4000, tail(told))); p.farewell() },
	"in a message":        func(p *peer, told string) { p.say(p.accepted(), text(strings.ToValidUTF8(told, "?"))); p.farewell() },
	"in JSON": func(p *peer, told string) {
		p.say(p.accepted(), text(string(value.AppendJSON(nil, told))))
		p.farewell()
	},
	"in binary": func(p *peer, told string) { p.say(p.accepted(), frame(fin|opBinary, "\x00"+told)); p.farewell() },
}

func oneLine(text string) string {
	return strings.ToValidUTF8(strings.NewReplacer("\r", "", "\n", " ").Replace(text), "?")
}

// tail is as much of the end of a text as a close frame has room for.
func tail(text string) string {
	text = strings.TrimSpace(strings.ToValidUTF8(text, "?"))
	for _, line := range strings.Split(text, "\r\n") {
		if strings.Contains(line, "canary") || strings.HasPrefix(line, "Authorization") || strings.HasPrefix(line, "Cookie") {
			text = line
		}
	}
	return strings.ToValidUTF8(text[max(0, len(text)-120):], "")
}

// tell answers with what it was told, as it came and decoded.
func tell(where func(*peer, string)) func(*peer) {
	return func(p *peer) {
		req := p.request()
		if req.URL == nil {
			return
		}
		told, _ := httputil.DumpRequest(req, false)
		text := string(told) + "\r\n" + unescape(req.RequestURI)
		if user, password, ok := req.BasicAuth(); ok {
			text += " " + user + " " + password
		}
		where(p, text)
	}
}

// forms are the ways in which a secret is still recognised.
func forms(secret string) map[string]string {
	all := map[string]string{
		"raw": secret, "base64": base64.StdEncoding.EncodeToString([]byte(secret)), "hex": hex.EncodeToString([]byte(secret)),
		"base64url": base64.RawURLEncoding.EncodeToString([]byte(secret)), "query": url.QueryEscape(secret), "path": url.PathEscape(secret),
		"percent": percentEncode(secret), "quoted": strings.Trim(fmt.Sprintf("%q", secret), `"`),
	}
	for n := range 3 { // within a longer text
		text := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("\x00", n) + secret))
		all[fmt.Sprint("base64 at ", n)] = text[4 : 4+(len(secret)-3)/3*4]
	}
	return all
}

func shows(out string, secrets []string) string {
	for _, secret := range secrets {
		for form, text := range forms(secret) {
			if strings.Contains(out, text) {
				return secret + " (" + form + ")"
			}
		}
	}
	return ""
}

// TestCanaries looks for secrets in everything that comes out of a query: the result and
// the error as the provider gives them, but for messages, and with messages as the pool
// shows them, with the log.
func TestCanaries(t *testing.T) {
	for _, c := range canaries(t) {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for where, reflection := range reflections {
				yaml := c.place(t, tell(reflection))
				switch where {
				case "in what is asserted":
					yaml += "\nwait_for_regex: ^yes"
				case "in JSON":
					yaml += "\ndata_format: value\ndata_type: string"
				}
				result, err := testClient.Query(t.Context(), with(t, yaml))
				if !strings.Contains(where, "message") && !strings.Contains(where, "JSON") && !strings.Contains(where, "binary") && !strings.Contains(where, "asserted") {
					if secret := shows(everything(result, err), c.secrets); secret != "" {
						t.Errorf("%s: the provider shows %s:\n%s", where, secret, everything(result, err))
					}
				}
				if out := throughPool(t, yaml); shows(out, c.secrets) != "" {
					t.Errorf("%s: the pool shows %s:\n%s", where, shows(out, c.secrets), out)
				}
			}
		})
	}
}

// place makes parameters of a canary: with a server, a proxy and a token server.
func (c canary) place(t *testing.T, server func(*peer)) string {
	t.Helper()
	address := serve(t, server)
	g := newGate(address, "")
	gate := g.http
	if strings.Contains(c.yaml, "socks5") {
		gate = g.socks5
	}
	tokens := ""
	if strings.Contains(c.yaml, "TOKENS") {
		tokens = serve(t, func(p *peer) {
			if req, err := http.ReadRequest(p.in); err == nil {
				_ = req.ParseForm()
			}
			const body = `{"access_token":"canary-fetched-token","expires_in":3600}`
			p.say(response("HTTP/1.1 200 OK", fmt.Sprint("Content-Length: ", len(body))) + body)
		})
	}
	yaml := c.yaml
	if !strings.Contains(yaml, "url: ws://") {
		yaml = "url: ws://ADDRESS/\n" + yaml
	}
	return "timeout: 0.25\nreceive: required\n" + strings.NewReplacer("ADDRESS", address, "GATE", serve(t, gate), "TOKENS", tokens).Replace(yaml)
}

// everything is what can be seen of a result and an error.
func everything(result any, err error) string {
	out := string(value.AppendJSON(nil, value.Of(result)))
	for e := err; e != nil; e = errors.Unwrap(e) {
		out += "\n" + e.Error() + fmt.Sprintf(" %+v", e)
	}
	return out
}

// throughPool is what a workflow shows of a query.
func throughPool(t *testing.T, yaml string) string {
	t.Helper()
	log, logs := logged()
	pool := providers.NewPool(providers.NewRegistry(Provider), providers.Env{Log: log})
	defer pool.Close()
	parameters, err := source.Parse("with.yaml", []byte(yaml+"\nfail_on_error: true"))
	if err != nil {
		t.Fatal(err)
	}
	client, err := pool.Client(t.Context(), "websocket", "")
	if err != nil {
		t.Fatal(err)
	}
	result, err := client.Query(t.Context(), parameters)
	out := pool.Mask(everything(pool.MaskValue(result), err)) + logs()

	// The same from a configuration, and as events.
	config := source.Value{Data: source.Map{{Key: "authentication", Value: parameters}}}
	configured, err := pool.ClientWith(t.Context(), "websocket", config)
	if err != nil {
		t.Fatal(err)
	}
	result, err = configured.Query(t.Context(), source.Value{})
	out += pool.Mask(everything(pool.MaskValue(result), err))
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	connection, err := source.Parse("with.yaml", []byte(strings.NewReplacer("receive: required\n", "", "wait_for_regex: ^yes", "").Replace(yaml)+"\nlifecycle_events: [opened, closed, error]\nreconnect: {max_retries: 0}"))
	if err != nil {
		t.Fatal(err)
	}
	events := 0
	err = client.Subscribe(ctx, connection, func(a providers.Alert) error {
		out += pool.Mask(everything(pool.MaskValue(value.Of(a.Fields)), nil)) + pool.Mask(a.ID+a.Name)
		if events++; events == 1 {
			time.AfterFunc(150*time.Millisecond, cancel)
		}
		if a.Fields["kind"] == "message" {
			cancel()
		}
		return nil
	})
	if events == 0 {
		t.Errorf("no events: %v, %s", err, logs())
	}
	return out + pool.Mask(everything(nil, err)) + logs()
}

// FuzzVeil hides secrets in text that quotes them in one of their forms.
func FuzzVeil(f *testing.F) {
	f.Add("s3cret/+ ü", "the server says ", uint8(0), "nothing")
	f.Add("Bearer abc.def", "", uint8(3), "\"quoted\"")
	f.Fuzz(func(t *testing.T, secret, before string, form uint8, after string) {
		if len(secret) < 6 || len(secret) > 200 || strings.Contains("[redacted]", strings.Trim(secret, "[]")) {
			t.Skip("too short to be hidden")
		}
		encodings := []func(string) string{
			func(s string) string { return s }, url.QueryEscape, url.PathEscape, percentEncode,
			func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) },
			func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) },
			func(s string) string { return hex.EncodeToString([]byte(s)) },
		}
		encoded := encodings[int(form)%len(encodings)](secret)
		tr := &transport{set: &settings{}}
		tr.set.hide(secret)
		e := fault(ClosedByPeer, errors.New(before+encoded), "%s", before+encoded+after).detailed("%s", encoded)
		tr.veil().error(e)
		for name, text := range map[string]string{"problem": e.Problem, "detail": e.Detail, "cause": e.Err.Error()} {
			rest := strings.ReplaceAll(text, "[redacted]", "")
			if strings.Contains(rest, encoded) && !strings.Contains(before+after, encoded) {
				t.Errorf("%s shows %q: %q", name, encoded, text)
			}
		}
	})
}
