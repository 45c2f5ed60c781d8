package websocket

import (
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"tocsin/providers"
	"tocsin/providers/providertest"
	"tocsin/templating/value"
	"tocsin/workflows/schema"
	"tocsin/workflows/source"
)

// Mistakes in the parameters, and what is said of them: each file of testdata/mistakes
// is parameters and, below each, the answer. Some are found when the file is loaded,
// the others by the call, before it connects.
func TestMistakes(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("testdata", "mistakes", "*.txtar"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) { checkMistakes(t, file, mistake) })
	}
}

func checkMistakes(t *testing.T, file string, mistake func(*testing.T, string) string) {
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for i, f := range archive.Files {
		yaml, old, _ := strings.Cut(string(f.Data), "---\n")
		got := mistake(t, yaml)
		if got == "" {
			t.Errorf("%s: no mistake found", f.Name)
		}
		archive.Files[i].Data = []byte(yaml + "---\n" + got + "\n")
		if strings.TrimSpace(old) != got && !providertest.Update() {
			t.Errorf("%s:\n got %s\nwant %s", f.Name, got, old)
		}
	}
	if providertest.Update() {
		if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// mistake is what is said of parameters at load, else at the call.
func mistake(t *testing.T, yaml string) string {
	t.Helper()
	v, err := source.Parse("with.yaml", []byte(yaml))
	if err != nil {
		t.Fatal(err)
	}
	if err := schema.Of[Params]().Check(v, "websocket", nil).Err(); err != nil {
		return err.Error()
	}
	_, err = testClient.Query(t.Context(), with(t, yaml))
	if own, ok := errors.AsType[*Error](err); ok && own.Code == ConfigInvalid {
		return own.Error()
	}
	return ""
}

// Pasted configurations have every field, most of them at their defaults.
func TestPastedDefaultsAreFine(t *testing.T) {
	p := with(t, `
url: ws://127.0.0.1:1
proxy_url: ""
open_message: ""
open_message_type: binary
tls: {enabled: false, skip_cert_verify: false, enable_renegotiation: false, root_cas: "", root_cas_file: "", client_certs: []}
oauth: {enabled: false, consumer_key: "", consumer_secret: ""}
basic_auth: {enabled: false, username: "", password: ""}
jwt: {enabled: false, private_key_file: "", signing_method: "", claims: {}, headers: {}}
handshake_bodies: []
handshake_pause: 100ms
trigger_body: ""
data_format: none
`)
	if _, err := p.settings(); err != nil {
		t.Error(err)
	}
}

func TestDurations(t *testing.T) {
	for yaml, want := range map[string]time.Duration{
		"timeout: 5": 5 * time.Second, "timeout: 0.25": 250 * time.Millisecond, `timeout: "7"`: 7 * time.Second,
		"timeout: 300ms": 300 * time.Millisecond, "timeout: null": defaultTimeout, "{}": defaultTimeout,
	} {
		p := with(t, yaml)
		p.URL = new("ws://h")
		s, err := p.settings()
		if err != nil || s.timeout != want {
			t.Errorf("%s: %v, %v", yaml, s, err)
		}
	}
}

// A configuration gives defaults, field by field; the message is one field whatever
// it is called.
func TestConfiguration(t *testing.T) {
	defaults := with(t, "{url: 'ws://conf', data: conf, timeout: 3, origin: auto}")
	c, err := open(t.Context(), Config{Connection: defaults.Connection, Exchange: defaults.Exchange}, providers.Env{})
	if err != nil {
		t.Fatal(err)
	}
	p := with(t, "{message: step, timeout: 1, receive: none}").over(c.defaults)
	s, err := p.settings()
	if err != nil {
		t.Fatal(err)
	}
	want(t, "url", s.target.url, "ws://conf")
	want(t, "message", string(s.payloads[0].data), "step")
	want(t, "timeout", s.timeout, time.Second)
	want(t, "origin", s.header.Get("Origin"), "http://conf")
}

func TestTargets(t *testing.T) {
	for text, want := range map[string]string{
		"ws://h":                         "ws://h|h|80|ws://h",
		"wss://h:8443/p":                 "wss://h:8443/p|h|8443|wss://h:8443/p",
		"http://h/x":                     "ws://h/x|h|80|ws://h/x",
		"HTTPS://h":                      "wss://h|h|443|wss://h",
		" ws://h ":                       "ws://h|h|80|ws://h",
		"ws://[::1]:9/":                  "ws://[::1]:9/|::1|9|ws://[::1]:9/",
		"ws://bücher.example":            "ws://b%C3%BCcher.example|xn--bcher-kva.example|80|ws://b%C3%BCcher.example",
		"ws://u:p@h/":                    "ws://h/|h|80|ws://h/",
		"ws://h/?a=1&api_key=x&Token=y":  "ws://h/?a=1&api_key=x&Token=y|h|80|ws://h/?a=1&api_key=***&Token=***",
		"ws://h/?%74oken=x&empty_token=": "ws://h/?%74oken=x&empty_token=|h|80|ws://h/?%74oken=***&empty_token=",
	} {
		got, err := parseTarget(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if s := strings.Join([]string{got.url, got.host, got.port, got.redacted}, "|"); s != want {
			t.Errorf("%s\n got %s\nwant %s", text, s, want)
		}
	}
}

// No secret of an address is in the result or the error, however it is written.
func TestSecretsOfTheAddress(t *testing.T) {
	const secret = "hunter2-ü"
	for _, address := range []string{
		"ws://u:" + url.PathEscape(secret) + "@" + refused(t) + "/",
		"ws://" + refused(t) + "/?access_token=" + url.QueryEscape(secret),
		"ws://" + refused(t) + "/?x=1&sig=" + secret,
		"ws://u:" + secret + "@:99999/",
		"ws://u:" + secret + " @h/",
		"ws://u:" + secret + "#@h/",
		"wss://u:" + secret + "@127.0.0.1:1/%zz",
		"ftp://u:" + secret + "@h",
	} {
		r, err := testClient.Query(t.Context(), Params{Connection: Connection{URL: &address}})
		out := string(value.AppendJSON(nil, value.Of(r)))
		for e := err; e != nil; e = errors.Unwrap(e) {
			out += e.Error()
		}
		for _, form := range []string{secret, "hunter2"} {
			if strings.Contains(out, form) {
				t.Errorf("%s shows its secret: %s", address, out)
			}
		}
	}
}

func FuzzTarget(f *testing.F) {
	for _, seed := range []string{"ws://h", "wss://u:p@h:1/p?token=x#f", "ws://[::1%25eth0]:80", "ws://é", "://", "ws://h/?a&=b&token"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := parseTarget(text)
		if err != nil {
			return
		}
		shown, err := url.Parse(got.redacted)
		if err != nil {
			t.Fatalf("%q is shown as %q: %v", text, got.redacted, err)
		}
		if shown.User != nil {
			t.Errorf("%q shows its user: %q", text, got.redacted)
		}
		for name, values := range shown.Query() {
			for _, v := range values {
				if looksSecret(name) && v != "" && v != "***" {
					t.Errorf("%q shows %s: %q", text, name, got.redacted)
				}
			}
		}
	})
}
