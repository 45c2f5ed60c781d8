package server

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

// callable makes a path of a pattern: one that is not there.
func callable(pattern string) string {
	for _, name := range []string{"id", "run", "revision", "fingerprint", "key", "name", "type", "format", "provider", "token", "received"} {
		pattern = strings.ReplaceAll(pattern, "{"+name+"}", "nothing")
	}
	return pattern
}

// Each row, with a key of each role: who may is let in, and nobody else. The table in
// this test says again, in other words than the code, what a role may.
func TestRouteByRole(t *testing.T) {
	may := map[string]string{
		"viewer":         "read metrics",
		"operator":       "read metrics ingest run operate",
		"author":         "read metrics ingest run operate author",
		"admin":          "read metrics ingest run operate author admin",
		"ingest":         "ingest",
		"metrics":        "metrics",
		"noc":            "read run",
		"webhook":        "ingest",
		"workflowrunner": "run author",
	}
	w := newWorld(t)
	keys := map[string]string{}
	for role := range may {
		keys[role] = w.makeKey(role)
	}
	keys["narrow"] = w.makeKey("admin", "metrics")
	may["narrow"] = "metrics"
	for _, r := range routes() {
		path := callable(r.path)
		if a := w.ask(r.method, path, nil); r.needs != public && a.status != 401 {
			t.Errorf("%s without a key: %d", r.pattern(), a.status)
		}
		for role, key := range keys {
			w.key = key
			a := w.ask(r.method, path, "\x00 not a body")
			w.key = ""
			allowed := r.needs == public || slices.Contains(strings.Fields(may[role]), r.needs.name())
			if refused := a.status == 401 || a.status == 403 && strings.Contains(a.body, "required permissions to access"); refused == allowed || a.status >= 500 {
				t.Errorf("%s as %s: %d %s", r.pattern(), role, a.status, a.body)
			}
			if a.status == 401 {
				t.Errorf("%s as %s: %s", r.pattern(), role, a.body)
			}
		}
	}
}

// A row without a permission is nobody's.
func TestZeroPermissionDenies(t *testing.T) {
	w := newWorld(t)
	h := w.s.handle(&route{method: "GET", path: "/x", serve: func(*call) (any, error) { return struct{}{}, nil }})
	req := httptest.NewRequest("GET", "http://127.0.0.1/x", nil)
	req.RemoteAddr = "127.0.0.1:1"
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, req)
	if rec.Code != 403 {
		t.Errorf("%d %s", rec.Code, rec.Body)
	}
	for _, r := range routes() {
		if r.needs == denied || r.doc == "" {
			t.Errorf("%s has no permission, or no documentation", r.pattern())
		}
	}
}

// What is dressed up as another path leads nowhere, or to what it says: never past a
// permission.
func TestPathTricks(t *testing.T) {
	w := newWorld(t)
	viewer := w.makeKey("viewer")
	for _, path := range []string{
		"/healthz/../api/v1/keys", "/healthz/..%2fapi/v1/keys", "/healthz/%2e%2e/api/v1/keys", "//api/v1/keys", "/./api/v1/keys",
		"/api/v1/keys/", "/api/v1//keys", "/api/v1/keys;a=b", "/api/v1/keys%00", "/api/v1/keys.json", "/API/V1/KEYS", "/api/v1/keys%20",
		"/healthcheck/%2e%2e/%2e%2e/metrics", "/api%2fv1%2fkeys", "/api/v1/ke%79s", "/\\api\\v1\\keys", "/healthz%2f..%2f..%2fapi/v1/keys",
		"/api/v1/keys?x=/healthz", "/api/v1/keys#/healthz", "/api/v1/keys%3fx", "/healthz/api/v1/keys", "/api/v1/workflows/..%2f..%2fkeys",
	} {
		for _, key := range []string{"", viewer} {
			for _, method := range []string{"GET", "POST", "HEAD", "get", "PROPFIND", "DELETE"} {
				a := rawRequest(t, w, method, path, key)
				if a.status < 400 || a.status >= 500 {
					t.Errorf("%s %s: %d %s", method, path, a.status, a.body)
				}
			}
		}
	}
}

// rawRequest sends a path as it is.
func rawRequest(t *testing.T, w *world, method, path, key string) answer {
	t.Helper()
	conn := dial(t, w)
	defer conn.Close()
	fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nHost: %s\r\nX-API-KEY: %s\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", method, path, strings.TrimPrefix(w.url, "http://"), key)
	text, _ := io.ReadAll(conn)
	return parseAnswer(t, text)
}

func parseAnswer(t *testing.T, text []byte) answer {
	t.Helper()
	first, _, _ := bytes.Cut(text, []byte("\r\n"))
	var status int
	if _, err := fmt.Sscanf(string(first), "HTTP/1.1 %d", &status); err != nil {
		t.Fatalf("%v: %q", err, text)
	}
	_, body, _ := bytes.Cut(text, []byte("\r\n\r\n"))
	return answer{status, http.Header{}, string(body)}
}
