package websocket

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"tocsin/providers/dial"
)

// witness is a server that accepts every upgrade and keeps the requests.
func witness(t testing.TB, lines ...string) (address string, seen <-chan *http.Request) {
	requests := make(chan *http.Request, 100)
	return serve(t, func(p *peer) {
		req := p.request()
		requests <- req
		p.say(p.accepted(lines...))
		p.farewell()
	}), requests
}

// requested is what a server sees of a query.
func requested(t testing.TB, yaml string) *http.Request {
	t.Helper()
	address, seen := witness(t)
	r := ask(t, "receive: none\nurl: ws://"+address+"\n"+yaml)
	if outcome(r) != "ok" {
		t.Fatalf("%+v", r.Error)
	}
	return <-seen
}

func textFile(t testing.TB, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// One way to say who asks counts: the last that is enabled, in Benthos' order.
func TestWhoAsks(t *testing.T) {
	const (
		oauth = "oauth: {enabled: true, consumer_key: ck, consumer_secret: cs, access_token: at, access_token_secret: as}\n"
		token = "jwt: {enabled: true, signing_method: HS256, secret: shared-secret, claims: {sub: a}}\n"
		basic = "basic_auth: {enabled: true, username: Aladdin, password: open sesame}\n"
		bear  = "bearer_token: bear-token\n"
	)
	for name, tt := range map[string]struct{ yaml, want, warning string }{
		"nobody":                   {"oauth: {enabled: false, consumer_key: x}\njwt: {}\nbasic_auth: {username: x}", "", ""},
		"basic":                    {basic, "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", ""},
		"basic in UTF-8":           {"basic_auth: {enabled: true, username: jürgen, password: '€:x'}", "Basic " + base64.StdEncoding.EncodeToString([]byte("jürgen:€:x")), ""},
		"basic from files":         {"basic_auth: {enabled: true, username_file: " + textFile(t, "Aladdin\n") + ", password_file: " + textFile(t, "open sesame\r\n") + "}", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", ""},
		"basic without a password": {"basic_auth: {enabled: true, username: a}", "Basic YTo=", ""},
		"JWT":                      {token, "Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJhIn0.*", ""},
		"OAuth 1":                  {oauth, `OAuth oauth_consumer_key="ck", *`, ""},
		"bearer":                   {bear, "Bearer bear-token", ""},
		"bearer from a file":       {"bearer_token_file: " + textFile(t, "from-file\n"), "Bearer from-file", ""},
		"all three":                {oauth + token + basic, "Basic *", "jwt and basic_auth are both given: only basic_auth counts"},
		"OAuth and JWT":            {oauth + token, "Bearer ey*", "oauth and jwt are both given: only jwt counts"},
		"bearer and OAuth":         {bear + oauth, "OAuth *", "bearer_token and oauth are both given: only oauth counts"},
		"a header of one's own":    {"headers: {Authorization: Custom x}", "Custom x", ""},
		"a block, and a header":    {basic + "headers: {authorization: Custom x}", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", "headers.Authorization and basic_auth are both given: only basic_auth counts"},
	} {
		t.Run(name, func(t *testing.T) {
			log, warnings := logged()
			c := testClient
			c.shared = &shared{log: log}
			address, seen := witness(t)
			r, err := c.Query(t.Context(), with(t, "receive: none\nurl: ws://"+address+"\n"+tt.yaml))
			if err != nil || !r.Connection {
				t.Fatalf("%v, %+v", err, r.Error)
			}
			got := (<-seen).Header.Values("Authorization")
			if tt.want == "" && len(got) == 0 {
				return
			}
			start, cut := strings.CutSuffix(tt.want, "*")
			if len(got) != 1 || got[0] != start && !(cut && strings.HasPrefix(got[0], start)) {
				t.Errorf("Authorization is %q, want %s", got, tt.want)
			}
			if text := warnings(); (tt.warning == "") != (text == "") || !strings.Contains(text, tt.warning) {
				t.Errorf("logged %q, want %q", text, tt.warning)
			}
		})
	}
}

// The user of the address counts as basic_auth would, unless that is there.
func TestUserOfTheAddress(t *testing.T) {
	address, seen := witness(t)
	ask(t, "receive: none\nurl: ws://u:p%40ss@"+address+"\nbearer_token: abc")
	want(t, "user", (<-seen).Header.Get("Authorization"), "Basic "+base64.StdEncoding.EncodeToString([]byte("u:p@ss")))
	ask(t, "receive: none\nurl: ws://u:p@"+address+"\nbasic_auth: {enabled: true, username: v, password: q}")
	want(t, "block", (<-seen).Header.Get("Authorization"), "Basic "+base64.StdEncoding.EncodeToString([]byte("v:q")))
}

// Signatures are made anew for each connection.
func TestSignedAnew(t *testing.T) {
	address, seen := witness(t)
	p := with(t, "receive: none\nurl: ws://"+address+"\noauth: {enabled: true, consumer_key: ck}")
	set, err := p.settings()
	if err != nil {
		t.Fatal(err)
	}
	var headers []string
	for range 2 {
		q := &query{set: set, transport: &transport{set: set, dialer: &dial.Dialer{}, now: time.Now}}
		if r, failed := q.run(t.Context()); failed != nil {
			t.Fatalf("%+v, %+v", r, failed)
		}
		headers = append(headers, (<-seen).Header.Get("Authorization"))
	}
	one, two := oauthFields(headers[0]), oauthFields(headers[1])
	if one["oauth_nonce"] == two["oauth_nonce"] || one["oauth_signature"] == two["oauth_signature"] {
		t.Errorf("%s\n%s", headers[0], headers[1])
	}
}

// A token can go where servers that cannot read headers look for it.
func TestJWTElsewhere(t *testing.T) {
	const jwt = "jwt: {enabled: true, signing_method: HS256, secret: shared-secret, in: '%s'}\n"
	address, seen := witness(t, "Sec-WebSocket-Protocol: chat")
	r := ask(t, "receive: none\nsubprotocols: [chat]\nurl: ws://"+address+"/x?a=1\n"+fmt.Sprintf(jwt, "query:jwt token"))
	req := <-seen
	want(t, "query", strings.HasPrefix(req.URL.RawQuery, "a=1&jwt+token=ey"), true)
	want(t, "header", req.Header.Get("Authorization"), "")
	want(t, "url", r.URL, "ws://"+address+"/x?a=1")

	r = ask(t, "receive: none\nsubprotocols: [chat]\nurl: ws://"+address+"\n"+fmt.Sprintf(jwt, "subprotocol:bearer."))
	want(t, "outcome", outcome(r), "ok")
	offered := (<-seen).Header.Get("Sec-WebSocket-Protocol")
	want(t, "offered", strings.HasPrefix(offered, "chat, bearer.ey"), true)
	want(t, "chosen", r.Subprotocol, "chat")

	// A server that answers with the token shows it to nobody.
	echoing := serve(t, func(p *peer) {
		p.say(p.accepted("Sec-WebSocket-Protocol: " + p.request().Header.Get("Sec-WebSocket-Protocol")))
		p.farewell()
	})
	for subprotocols, wanted := range map[string]string{"": "ok", "chat": "handshake_invalid"} {
		r = ask(t, "receive: none\nsubprotocols: ["+subprotocols+"]\nurl: ws://"+echoing+"\n"+fmt.Sprintf(jwt, "subprotocol:bearer."))
		if text, _ := json.Marshal(r); outcome(r) != wanted || bytes.Contains(text, []byte("eyJ")) {
			t.Errorf("%s", text)
		}
	}
}

// Headers in all their forms, and cookies.
func TestHeaderForms(t *testing.T) {
	t.Setenv("TOCSIN_TEST_HEADER", "from the environment")
	req := requested(t, `
headers:
  X-Plain: a
  x-list: [a, 2, true]
  X-Value: {value: v}
  X-Secret: {secret: s}
  X-File: {file: `+textFile(t, "from a file\n")+`}
  X-Env: {env: TOCSIN_TEST_HEADER}
  X-Mixed: [a, {env: TOCSIN_TEST_HEADER}]
  X-Null: null
  X-Number: {value: 3}
  Cookie: a=b
  Host: other.test:81
cookies: {session: {secret: abc}, theme: dark}
user_agent: mine/1
origin: https://app.example.com
`)
	for name, wanted := range map[string][]string{
		"X-Plain": {"a"}, "X-List": {"a", "2", "true"}, "X-Value": {"v"}, "X-Secret": {"s"}, "X-File": {"from a file"},
		"X-Env": {"from the environment"}, "X-Mixed": {"a", "from the environment"}, "X-Null": nil, "X-Number": {"3"},
		"Cookie": {"a=b; session=abc; theme=dark"}, "User-Agent": {"mine/1"}, "Origin": {"https://app.example.com"},
		"Accept-Encoding": nil, "Authorization": nil,
	} {
		want(t, name, fmt.Sprint(req.Header.Values(name)), fmt.Sprint(wanted))
	}
	want(t, "host", req.Host, "other.test:81")
}

// What is read for each connection may be wrong only then; it is a mistake all the
// same, before anything is opened.
func TestHeadersThatCannotBeRead(t *testing.T) {
	for yaml, wanted := range map[string]string{
		"headers: {X-A: {env: TOCSIN_NOT_SET}}":                                  "headers.X-A.env: the environment has no TOCSIN_NOT_SET",
		"headers: {X-A: {file: /no/such}}":                                       "headers.X-A.file: /no/such: no such file or directory",
		"headers: {X-A: {file: /dev/null}}":                                      "headers.X-A.file: /dev/null is not a file",
		"headers: {X-A: {file: " + textFile(t, "") + "}}":                        "headers.X-A.file: * is empty",
		"headers: {X-A: {file: " + textFile(t, "a\nb") + "}}":                    "headers.X-A.file: * has more than one line, or a control character",
		"cookies: {a: {file: " + textFile(t, "x y") + "}}":                       "cookies.a has a character in its value that cookies cannot have",
		"bearer_token_file: /no/such":                                            "bearer_token_file: /no/such: no such file or directory",
		"basic_auth: {enabled: true, username_file: " + textFile(t, "a:b") + "}": "basic_auth.username_file has a colon in it, which ends the name (RFC 7617 §2)",
	} {
		_, err := testClient.Query(t.Context(), with(t, "url: ws://127.0.0.1:1\n"+yaml))
		own, ok := errors.AsType[*Error](err)
		if !ok || own.Code != ConfigInvalid || !matches(wanted, own.Problem) {
			t.Errorf("%s: %v, want %s", yaml, err, wanted)
		}
	}
}

// matches compares with a text in which * stands for anything.
func matches(pattern, text string) bool {
	before, after, any := strings.Cut(pattern, "*")
	if !any {
		return pattern == text
	}
	return strings.HasPrefix(text, before) && strings.HasSuffix(text, after)
}

// A tokenServer hands out tokens that are numbered.
func tokenServer(t *testing.T, handle func(w http.ResponseWriter, r *http.Request, n int64)) (address string, asked *atomic.Int64) {
	asked = &atomic.Int64{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := asked.Add(1)
		if err := r.ParseForm(); err != nil || r.Method != "POST" || r.PostForm.Get("grant_type") != "client_credentials" {
			t.Errorf("asked with %s, %v, %v", r.Method, r.PostForm, err)
		}
		handle(w, r, n)
	}))
	t.Cleanup(s.Close)
	return s.URL, asked
}

// A token is fetched once, and again half a minute before its end or when a server does
// not accept it.
func TestOAuth2(t *testing.T) {
	tokens, asked := tokenServer(t, func(w http.ResponseWriter, r *http.Request, n int64) {
		id, secret, ok := r.BasicAuth()
		if !ok || id != url.QueryEscape("the client") || secret != url.QueryEscape("the/secret") {
			t.Errorf("client %s, %s", id, secret)
		}
		want(t, "form", r.PostForm.Encode(), "audience=a&audience=b&grant_type=client_credentials&scope=x+y")
		fmt.Fprintf(w, `{"access_token": "fetched-%d", "token_type": "Bearer", "expires_in": 100}`, n)
	})
	refuse := atomic.Bool{}
	requests := make(chan string, 10)
	address := serve(t, func(p *peer) {
		requests <- p.request().Header.Get("Authorization")
		if refuse.Load() {
			p.say(response("HTTP/1.1 401 Unauthorized", "Content-Length: 0"))
			return
		}
		p.say(p.accepted())
		p.farewell()
	})
	clock := time.Unix(1700000000, 0)
	c := testClient
	c.shared, c.now = &shared{}, func() time.Time { return clock }
	query := func() string {
		t.Helper()
		if _, err := c.Query(t.Context(), with(t, "receive: none\nurl: ws://"+address+"\noauth2: {enabled: true, client_key: the client, client_secret: the/secret, token_url: '"+tokens+"', scopes: [x, y], endpoint_params: {audience: [a, b]}}")); err != nil {
			t.Fatal(err)
		}
		return <-requests
	}
	want(t, "first", query(), "Bearer fetched-1")
	clock = clock.Add(69 * time.Second)
	want(t, "from the cache", query(), "Bearer fetched-1")
	clock = clock.Add(time.Second)
	want(t, "half a minute before its end", query(), "Bearer fetched-2")
	refuse.Store(true)
	want(t, "refused", query(), "Bearer fetched-2")
	refuse.Store(false)
	want(t, "after that", query(), "Bearer fetched-3")
	want(t, "asked", asked.Load(), 3)
}

// What token servers answer, and what becomes of it.
func TestOAuth2Answers(t *testing.T) {
	for name, tt := range map[string]struct {
		status int
		typ    string
		body   string
		want   string // token, or the end of the error
		retry  bool
	}{
		"JSON":                 {200, "application/json", `{"access_token":"abcd"}`, "Bearer abcd", false},
		"a number in quotes":   {200, "application/json", `{"access_token":"abcd","expires_in":"3600"}`, "Bearer abcd", false},
		"a form":               {200, "application/x-www-form-urlencoded", "access_token=ab+cd&expires_in=5", "Bearer ab cd", false},
		"no token":             {200, "application/json", `{}`, "its answer has no token in it", true},
		"a token with a break": {200, "application/json", `{"access_token":"a\nb"}`, "its answer has no token in it", true},
		"another kind":         {200, "application/json", `{"access_token":"abcd","token_type":"mac"}`, `the token is of the type "mac", not a bearer token`, false},
		"no JSON":              {200, "text/html", "<html>", "its answer is not JSON", true},
		"refused":              {400, "application/json", `{"error":"invalid_scope","error_description":"what is x?"}`, "it answered 400 Bad Request (invalid_scope: what is x?)", false},
		"broken":               {503, "text/plain", "later", "it answered 503 Service Unavailable", true},
		"elsewhere":            {302, "text/plain", "", "it answered 302 Found", false},
	} {
		t.Run(name, func(t *testing.T) {
			tokens, _ := tokenServer(t, func(w http.ResponseWriter, _ *http.Request, _ int64) {
				w.Header().Set("Content-Type", tt.typ)
				w.WriteHeader(tt.status)
				fmt.Fprint(w, tt.body)
			})
			address, seen := witness(t)
			r := ask(t, "receive: none\nurl: ws://"+address+"\noauth2: {enabled: true, client_key: c, token_url: '"+tokens+"'}")
			if strings.HasPrefix(tt.want, "Bearer") {
				want(t, "token", (<-seen).Header.Get("Authorization"), tt.want)
				return
			}
			want(t, "code", outcome(r), "auth_failed")
			want(t, "phase", r.Error.Phase, "auth")
			want(t, "retryable", r.Error.Retryable, tt.retry)
			if !strings.HasSuffix(r.Error.Message, "no token from "+tokens+": "+tt.want) {
				t.Error(r.Error.Message)
			}
		})
	}
}

// Servers that do not take the credentials in a header get them in the body.
func TestOAuth2InTheBody(t *testing.T) {
	tokens, asked := tokenServer(t, func(w http.ResponseWriter, r *http.Request, _ int64) {
		if r.PostForm.Get("client_id") != "c" || r.PostForm.Get("client_secret") != "s" {
			w.WriteHeader(401)
			fmt.Fprint(w, `{"error":"invalid_client"}`)
			return
		}
		fmt.Fprint(w, `{"access_token":"in the body"}`)
	})
	req := requested(t, "oauth2: {enabled: true, client_key: c, client_secret: s, token_url: '"+tokens+"'}")
	want(t, "token", req.Header.Get("Authorization"), "Bearer in the body")
	want(t, "asked", asked.Load(), 2)
}

// Whoever comes while a token is fetched waits for it, instead of fetching one too.
func TestOAuth2AtOnce(t *testing.T) {
	begun, goOn := make(chan bool, 10), make(chan bool)
	tokens, asked := tokenServer(t, func(w http.ResponseWriter, _ *http.Request, _ int64) {
		begun <- true
		<-goOn
		fmt.Fprint(w, `{"access_token":"abcd","expires_in":3600}`)
	})
	address, seen := witness(t)
	c := testClient
	c.shared = &shared{}
	p := with(t, "receive: none\nurl: ws://"+address+"\noauth2: {enabled: true, client_key: c, token_url: '"+tokens+"'}")
	done := make(chan error)
	for range 5 {
		go func() { _, err := c.Query(t.Context(), p); done <- err }()
	}
	<-begun
	close(goOn)
	for range 5 {
		if err := <-done; err != nil {
			t.Error(err)
		}
		want(t, "token", (<-seen).Header.Get("Authorization"), "Bearer abcd")
	}
	want(t, "asked", asked.Load(), 1)
}

// Whoever waits for another's token waits no longer than his own time.
func TestOAuth2WaitsNotForEver(t *testing.T) {
	goOn := make(chan bool)
	begun := make(chan bool, 10)
	tokens, _ := tokenServer(t, func(w http.ResponseWriter, _ *http.Request, _ int64) {
		begun <- true
		<-goOn
		fmt.Fprint(w, `{"access_token":"abcd","expires_in":3600}`)
	})
	address, _ := witness(t)
	c := testClient
	c.shared = &shared{}
	yaml := "receive: none\nurl: ws://" + address + "\noauth2: {enabled: true, client_key: c, token_url: '" + tokens + "'}\n"
	done := make(chan error)
	patient, impatient := with(t, yaml), with(t, yaml+"timeout: 0.1")
	go func() { _, err := c.Query(t.Context(), patient); done <- err }()
	<-begun
	r, err := c.Query(t.Context(), impatient)
	if err != nil || outcome(r) != "auth_failed" || !r.Error.Retryable {
		t.Errorf("%v, %+v", err, r.Error)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err = c.Query(ctx, patient); err == nil || !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	close(goOn)
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// The token server is a target like any other: what the policy forbids, it forbids
// there, and TLS is judged.
func TestOAuth2Errors(t *testing.T) {
	secure := serve(t, overTLS((*authority)(nil).issue(t, local).shows(), echo))
	silent := serve(t, (*peer).wait)
	for tokenURL, wanted := range map[string]string{
		"http://169.254.169.254/token": "blocked_address",
		"http://" + refused(t):         "auth_failed connect_refused",
		"https://" + secure:            "auth_failed tls_unknown_authority",
		"http://" + silent:             "auth_failed handshake_timeout",
		"http://" + serve(t, func(p *peer) { p.request(); p.say("SSH-2.0-x\r\n") }): "auth_failed not_http",
		"http://" + serve(t, func(p *peer) {
			_, _ = http.ReadRequest(bufio.NewReader(p))
			p.say(response("HTTP/1.1 200 OK", "Content-Length: 100") + "{")
		}): "auth_failed",
	} {
		r := ask(t, "timeout: 0.5\nurl: ws://127.0.0.1:1\noauth2: {enabled: true, client_key: c, token_url: '"+tokenURL+"'}")
		got := outcome(r)
		if r.Error.Detail != nil && got == "auth_failed" {
			got += " " + *r.Error.Detail
		}
		want(t, tokenURL, got, wanted)
	}
}
