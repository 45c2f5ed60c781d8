package providertest

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tocsin/templating/value"
)

// A recorder is a testing.TB that keeps what it is told.
type recorder struct {
	testing.TB
	said []string
}

func (r *recorder) Helper()                           {}
func (r *recorder) Errorf(format string, args ...any) { r.said = append(r.said, format) }

const exchanged = `# Two rounds.
-- config --
key: k3y
-- notify --
text: hi
-- request --
POST https://api.example.com/one
X-Key: k3y

{"a": [1, "<any>"]}
-- response --
200 OK
X-Next: /two

{"id": 1}
-- request --
GET https://api.example.com/two
-- response --
404 Not Found

lost
-- error --
x: notify: 404 Not Found: lost
`

func write(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "x.txtar")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestTransport(t *testing.T) {
	c := &http.Client{Transport: Transport(t, write(t, exchanged))}
	req, _ := http.NewRequest("POST", "https://api.example.com/one", strings.NewReader(`{"a":[1.0,"whatever"]}`))
	req.Header.Set("X-Key", "k3y")
	resp, err := c.Do(req)
	if err != nil || resp.StatusCode != 200 || resp.Header.Get("X-Next") != "/two" || resp.Header.Get("Content-Type") != "application/json" {
		t.Fatalf("%v, %v", resp, err)
	}
	body, _ := io.ReadAll(resp.Body)
	if string(body) != `{"id": 1}` {
		t.Errorf("body %q", body)
	}
	resp, err = c.Get("https://api.example.com/two")
	if err != nil || resp.Status != "404 Not Found" {
		t.Errorf("%v, %v", resp, err)
	}
}

// A request that is not the one in the file is said to differ, and in what.
func TestRequestsThatDiffer(t *testing.T) {
	r := read(t, write(t, exchanged)).rounds[0]
	tests := []struct{ name, method, url, key, body, want string }{
		{"as in the file", "POST", "https://api.example.com/one", "k3y", `{"a":[1,2]}`, ""},
		{"method", "PUT", "https://api.example.com/one", "k3y", `{"a":[1,2]}`, "want POST https://api.example.com/one"},
		{"URL", "POST", "https://api.example.com/one?x", "k3y", `{"a":[1,2]}`, "want POST https://api.example.com/one"},
		{"header", "POST", "https://api.example.com/one", "other", `{"a":[1,2]}`, "want X-Key: k3y"},
		{"body", "POST", "https://api.example.com/one", "k3y", `{"a":[2,2]}`, "want the body\n{\"a\": [1, \"<any>\"]}\n"},
		{"no body", "POST", "https://api.example.com/one", "k3y", "", "want the body\n{\"a\": [1, \"<any>\"]}\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			req, _ := http.NewRequest(tt.method, tt.url, nil)
			req.Header.Set("X-Key", tt.key)
			if got := r.differs(req, tt.body); got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}

func TestRequestsThatAreNotInTheFile(t *testing.T) {
	rec := &recorder{TB: t}
	p := newPlayer(rec, exchange{file: "x"})
	req, _ := http.NewRequest("GET", "https://api.example.com", nil)
	if _, err := p.RoundTrip(req); err == nil || len(rec.said) != 1 {
		t.Errorf("%v, said %q", err, rec.said)
	}
}

func TestSectionsThatAreWrong(t *testing.T) {
	for want, sections := range map[string][][2]string{
		"no such section; there are config, query, notify, request, response, result, error, stdout": {{"answer", ""}},
		"there is a query already":              {{"query", ""}, {"notify", ""}},
		"there is no request before it":         {{"response", "200 OK"}},
		"the request before it has no response": {{"request", "GET /"}, {"request", "GET /"}},
		`"GET" is not a method and a URL`:       {{"request", "GET"}},
		`"fine" does not begin with a status`:   {{"request", "GET /"}, {"response", "fine"}},
	} {
		var x exchange
		var err error
		for _, s := range sections {
			if err == nil {
				err = x.section(s[0], s[1])
			}
		}
		if err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

func TestMatches(t *testing.T) {
	tests := []struct {
		got, want string
		equal     bool
	}{
		{`{"a":1,"b":[2]}`, `{"b":[2],"a":1}`, true},
		{`{"a":1}`, `{"a":"<any>"}`, true},
		{`{"a":1}`, `{"a":"<any>","b":"<any>"}`, false},
		{`[1,2]`, `[1]`, false},
		{`[1,2]`, `"<any>"`, true},
		{`1`, `1.0`, true},
		{`"1"`, `1`, false},
		{`null`, `{}`, false},
	}
	for _, tt := range tests {
		got, _ := value.DecodeJSON([]byte(tt.got))
		want, _ := value.DecodeJSON([]byte(tt.want))
		if matches(got, want) != tt.equal {
			t.Errorf("%s matches %s: %v", tt.got, tt.want, !tt.equal)
		}
	}
}

func TestSentences(t *testing.T) {
	for text, want := range map[string]string{
		"Topic to publish to.": "",
		"":                     "is empty",
		"Topic":                "does not end with a full stop",
		"topic.":               "begins in lower case",
		"One.\nTwo.":           "has several lines",
	} {
		if got := notSentence(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestSecretNames(t *testing.T) {
	for name, want := range map[string]bool{
		"password": true, "http_basic_authentication_password": true, "api_key": true, "access_token": true, "apiKey": true,
		"token": true, "routing": false, "host": false, "token_url": false, "key": false,
	} {
		if secretName.MatchString(name) != want {
			t.Errorf("%s sounds like a secret: %v", name, !want)
		}
	}
}
