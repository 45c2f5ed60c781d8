package server

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

func dial(t testing.TB, w *world) net.Conn {
	t.Helper()
	_, address, _ := strings.Cut(w.url, "://")
	conn, err := net.Dial("tcp", address)
	must(t, err)
	must(t, conn.SetDeadline(time.Now().Add(30*time.Second)))
	return conn
}

// noise makes requests that are wrong in ways that people and programs think of.
type noise struct{ *rand.Rand }

func (n noise) one(list ...string) string { return list[n.IntN(len(list))] }

func (n noise) junk() string {
	b := make([]byte, n.IntN(40))
	for i := range b {
		b[i] = byte(n.IntN(256))
	}
	return string(b)
}

func (n noise) path(table []route) string {
	path := callable(table[n.IntN(len(table))].path)
	switch n.IntN(6) {
	case 0:
		return path + n.one("/", "//", "/..", "/%2e%2e/x", "%00", "%", ";x", "?limit=-1", "?limit=99999999999999999999", "?since=x&until=%ff", "?cel=%22", "?offset=1e9", "?a=%zz", "?filter=%28%3D~%28")
	case 1:
		return n.one("/", "/workflows/", "/alerts/", "/api/v1/", "/heartbeat/") + fmt.Sprintf("%x", n.Uint64()) + n.one("", "/run", "/runs", "/history", "/raw", "/versions/0", "/versions/-1")
	case 2:
		return path + "?" + n.one("api_key=", "limit=", "tab=", "status=", "cel=", "fingerprint=") + fmt.Sprintf("%%%02x%%%02x", n.IntN(256), n.IntN(256))
	}
	return path
}

func (n noise) body() string {
	switch n.IntN(10) {
	case 0:
		return ""
	case 1:
		return n.junk()
	case 2:
		return strings.Repeat(n.one("[", `{"a":`, `{"body":{"x":`), 1+n.IntN(3000))
	case 3:
		return n.one("null", "true", "1e999", `"x"`, "[]", "{}", "[null]", "[1,2]", `{"fingerprint":null}`, `{"limit":-5}`, `{"limit":1e30}`, `{"cel":"("}`)
	case 4:
		return fmt.Sprintf(`{"name":%q,"role":%q,"grace_seconds":%d,"match":{"a":"b"},"until":"x"}`, n.junk(), n.junk(), n.Int64())
	case 5:
		return `{"fingerprint":"` + n.one("", "x", "\\u0000", "\\ud800") + `","enrichments":` + n.one("{}", "[]", "null", `{"":1}`, `{"status":[]}`) + "}"
	case 6:
		return "workflow:\n  id: " + n.one("x", "[", "&a *a", "!!binary x", "\x01") + "\n  steps: " + n.one("1", "[", "{a: b}", "*x", "")
	case 7:
		return `{"name":` + n.one("1", "{}", "null", `"a"`) + `,"severity":` + n.one("1", "{}", "9") + `,"lastReceived":` + n.one("1", `"x"`, "{}", "[]", "-1") + `,"labels":` + n.one("1", "[]", `{"a":{}}`) + "}"
	case 8:
		return `{"Type":"` + n.one("Notification", "SubscriptionConfirmation") + `","Message":` + n.one("1", `"{"`, "{}") + `,"alerts":` + n.one("{}", "[{}]", "[[]]") + `,"type":"incident","body":` + n.one("1", "{}", `{"alerts":[1]}`, `{"alerts":{}}`) + "}"
	}
	return n.junk() + `{"a":1}` + n.junk()
}

func (n noise) request(table []route) (method, path, kind, encoding, body string) {
	method = n.one("GET", "POST", "PUT", "DELETE", "HEAD", "PATCH", "OPTIONS", "TRACE", table[n.IntN(len(table))].method)
	kind = n.one("", "application/json", "application/json", "text/plain", "application/yaml", "application/x-www-form-urlencoded", "multipart/form-data", "multipart/form-data; boundary=b", "application/cloudevents+json", "x/y; =", "\xff")
	encoding = n.one("", "", "", "gzip", "deflate", "br", "gzip, gzip")
	return method, n.path(table), kind, encoding, n.body()
}

// Whatever comes, it is the sender's mistake: nothing panics, and no answer says that it
// was ours (reliability.md, A2). TOCSIN_DEEP=1 sends 100,000.
func TestBadRequests(t *testing.T) {
	w := newWorld(t)
	count := 10_000
	if deepTests() {
		count = 100_000
	}
	table := routes()
	for i := 0; i < len(table); i++ {
		// A key that noise makes would close the door to noise.
		if table[i].path == "/api/v1/keys" {
			table = append(table[:i], table[i+1:]...)
		}
	}
	var all sync.WaitGroup
	for worker := range 4 {
		all.Go(func() {
			n := noise{rand.New(rand.NewPCG(1, uint64(worker)))}
			c := &http.Client{Transport: &http.Transport{}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
			defer c.CloseIdleConnections()
			for range count / 4 {
				method, path, kind, encoding, body := n.request(table)
				req, err := http.NewRequest(method, w.url, strings.NewReader(body))
				if err != nil {
					continue
				}
				req.URL.Opaque = path // as it is
				for k, v := range map[string]string{"Content-Type": kind, "Content-Encoding": encoding} {
					if v != "" && !strings.ContainsRune(v, 0xfffd) {
						req.Header.Set(k, strings.ToValidUTF8(v, "x"))
					}
				}
				res, err := c.Do(req)
				if errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET) {
					continue // it was answered and the door closed before all of the body was sent
				}
				if err != nil {
					t.Errorf("%s %s: %v", method, path, err)
					return
				}
				text, _ := io.ReadAll(res.Body)
				res.Body.Close()
				if res.StatusCode >= 500 && !(strings.HasSuffix(path, "z") || strings.HasPrefix(path, "/-/")) {
					t.Errorf("%s %s %q %s: %d %s", method, path, kind, body, res.StatusCode, text)
				}
			}
		})
	}
	all.Wait()
	if log := w.log.String(); strings.Contains(log, "panicked") {
		t.Error(log[strings.Index(log, "a request panicked"):][:2000])
	}
	w.want(200, "GET", "/whoami", nil)
}

func FuzzRequest(f *testing.F) {
	f.Add("GET", "/workflows/x/runs?tab=1", "", "")
	f.Add("POST", "/alerts/event/prometheus?api_key=x", "application/json", `[{"labels":{"alertname":"x"}}]`)
	f.Add("PUT", "/api/v1/workflows/x", "application/yaml", uploaded)
	w := newWorld(f)
	h := w.s.Handler()
	f.Fuzz(func(t *testing.T, method, path, kind, body string) {
		if !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "/api/v1/keys") {
			t.Skip()
		}
		req, err := http.NewRequest(method, "http://127.0.0.1"+path, strings.NewReader(body))
		if err != nil {
			t.Skip()
		}
		req.RemoteAddr, req.Host = "127.0.0.1:1", "127.0.0.1"
		req.Header.Set("Content-Type", kind)
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, req)
		if rec.Code >= 500 && !strings.Contains(rec.Body.String(), "status") {
			t.Errorf("%s %s: %d %s", method, path, rec.Code, rec.Body)
		}
	})
}

// What is too large is refused, and not read to its end.
func TestLimits(t *testing.T) {
	w := newWorld(t)
	big := strings.Repeat("x", 1<<20+32<<10) // what is left unread fits into the socket, so that the answer is always read
	for _, path := range []string{"/alerts/event", "/workflows/json", "/api/v2/alerts", "/alerts/query", "/incidents"} {
		if a := w.ask("POST", path, big); a.status != 413 {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	for range 100 {
		_, err := z.Write(make([]byte, 1<<20))
		must(t, err)
	}
	must(t, z.Close())
	if a := w.ask("POST", "/alerts/event", bomb.String(), "Content-Encoding", "gzip"); a.status != 413 {
		t.Errorf("bomb: %d %s", a.status, a.body)
	}
	var good bytes.Buffer
	z = gzip.NewWriter(&good)
	fmt.Fprint(z, `{"name":"zipped"}`)
	must(t, z.Close())
	w.want(202, "POST", "/alerts/event", good.String(), "Content-Encoding", "gzip", "Content-Type", "application/json")
	conn := dial(t, w)
	defer conn.Close()
	fmt.Fprintf(conn, "GET /whoami HTTP/1.1\r\nHost: localhost\r\nX: %s\r\n\r\n", strings.Repeat("x", 17<<10))
	text, _ := io.ReadAll(conn)
	if a := parseAnswer(t, text); a.status != 431 {
		t.Errorf("headers: %d", a.status)
	}
}

// Who sends a body drop by drop is let go, and others are answered meanwhile.
func TestSlowBodies(t *testing.T) {
	w := newWorld(t, func(s *Server) { s.Limits.Body = 300 * time.Millisecond })
	var slow []net.Conn
	for range 50 {
		conn := dial(t, w)
		defer conn.Close()
		fmt.Fprintf(conn, "POST /alerts/event HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n{")
		slow = append(slow, conn)
	}
	w.want(202, "POST", "/alerts/event", m{"name": "x"})
	for _, conn := range slow {
		text, _ := io.ReadAll(conn)
		if a := parseAnswer(t, text); a.status != 408 {
			t.Fatalf("%d %s", a.status, a.body)
		}
	}
}

// Who never ends its headers is let go after 5 s.
func TestSlowHeaders(t *testing.T) {
	w := newWorld(t)
	conn := dial(t, w)
	defer conn.Close()
	started := time.Now()
	fmt.Fprint(conn, "GET /whoami HTTP/1.1\r\nHost: localhost\r\n")
	_, _ = io.ReadAll(conn) // until the server hangs up
	if took := time.Since(started); took > 20*time.Second {
		t.Errorf("it took %s", took)
	}
}

// More than a hundred deliveries a second of one token are refused, and it is said when
// to come again; another token is not affected.
func TestDeliveriesASecond(t *testing.T) {
	var c clock
	w := newWorld(t, func(s *Server) {
		s.Now, s.Limits.Ingest = func() time.Time { return noon.Add(time.Duration(c.ahead.Load())) }, 5
	})
	one, two := w.makeKey("ingest"), w.makeKey("webhook")
	send := func(key string) int { return w.ask("POST", "/alerts/event", m{"name": "x"}, "X-API-KEY", key).status }
	for range 5 {
		if got := send(one); got != 202 {
			t.Fatal(got)
		}
	}
	a := w.want(429, "POST", "/alerts/event", m{"name": "x"}, "X-API-KEY", one)
	if a.header.Get("Retry-After") != "1" {
		t.Error(a.header)
	}
	if got := send(two); got != 202 {
		t.Error(got)
	}
	c.pass(time.Second)
	if got := send(one); got != 202 {
		t.Error(got)
	}
}

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
