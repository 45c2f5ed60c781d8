package smtp_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	gosmtp "github.com/emersion/go-smtp"
	"go.uber.org/goleak"

	"tocsin/providers"
	"tocsin/providers/dial"
	"tocsin/providers/providertest"
	"tocsin/providers/smtp"
	"tocsin/templating/value"
	"tocsin/workflows/source"
)

func TestProvider(t *testing.T) {
	providertest.Run(t, smtp.Provider)
}

func with(pairs ...any) source.Value {
	var m source.Map
	for i := 0; i < len(pairs); i += 2 {
		m = append(m, source.Entry{Key: pairs[i].(string), Value: source.Of(pairs[i+1])})
	}
	return source.Value{Data: m}
}

func now() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.FixedZone("", 3600)) }

// open is a client of the server at addr, with more of a configuration.
func open(t testing.TB, addr string, more ...any) *providers.Client {
	t.Helper()
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	config := with(append([]any{"smtp_server", "localhost", "smtp_port", port}, more...)...)
	c, err := smtp.Provider.Open(t.Context(), config, environment(nil))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// environment resolves localhost to the one address that the servers listen on.
func environment(log *bytes.Buffer) providers.Env {
	env := providers.Env{Now: now, Dialer: &dial.Dialer{Resolve: map[string]string{"localhost:*": "127.0.0.1"}}}
	if log != nil {
		env.Log = slog.New(slog.NewTextHandler(log, nil))
	}
	return env
}

// mail is a mail to ops@example.com, with more or other parameters.
func mail(more ...any) source.Value {
	m := map[string]any{"from_email": "tocsin@example.com", "to_email": "ops@example.com", "subject": "db-1 is full", "body": "95%"}
	for i := 0; i < len(more); i += 2 {
		m[more[i].(string)] = more[i+1]
	}
	var pairs []any
	for k, v := range m {
		pairs = append(pairs, k, v)
	}
	return with(pairs...)
}

func TestClearText(t *testing.T) {
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, before) }) // after the server's own cleanup
	box := (&mailbox{}).start(t)
	got, err := open(t, box.addr, "encryption", "None").Notify(t.Context(), mail("to_email", []any{"ops@example.com", "Boss <boss@example.com>"}))
	if err != nil {
		t.Fatal(err)
	}
	m := box.only(t)
	if m.from != "tocsin@example.com" || strings.Join(m.to, " ") != "ops@example.com boss@example.com" || m.secure {
		t.Errorf("from %s to %s, secure %v", m.from, m.to, m.secure)
	}
	if box.hello != "[127.0.0.1]" {
		t.Errorf("introduced as %s", box.hello)
	}
	if m.options.Size == 0 {
		t.Error("the size was not told")
	}
	want := map[string]any{
		"from": "tocsin@example.com", "to": []any{"ops@example.com", "boss@example.com"},
		"subject": "db-1 is full", "body": "95%", "html": "",
	}
	for k, w := range want {
		if g, _ := value.Member(got, k); !value.Equal(g, w) {
			t.Errorf("%s is %v, want %v", k, g, w)
		}
	}
	if id, _ := value.Member(got, "message_id"); !strings.Contains(m.text, "Message-Id: "+id.(string)) && !strings.Contains(m.text, "Message-ID: "+id.(string)) {
		t.Errorf("message_id %v is not in\n%s", id, m.text)
	}
}

func TestEncryption(t *testing.T) {
	config, ca := authority(t)
	starttls := (&mailbox{tls: config, user: "me"}).start(t)
	implicit := (&mailbox{tls: config, implicit: true, user: "me"}).start(t)
	plain := (&mailbox{user: "me"}).start(t)
	login := []any{"smtp_username", "me", "smtp_password", "hush"}
	tests := []struct {
		name   string
		box    *mailbox
		config []any
		want   string // in the error; "": none
	}{
		{name: "STARTTLS", box: starttls, config: []any{"encryption", "TLS", "ca_file", ca}},
		{name: "STARTTLS is the default", box: starttls, config: []any{"ca_file", ca}},
		{name: "TLS from the start", box: implicit, config: []any{"encryption", "SSL", "ca_file", ca}},
		{name: "not verified", box: starttls, config: []any{"verify", false}},
		{name: "an unknown authority", box: starttls, want: "greeting: tls: failed to verify certificate: x509: certificate signed by unknown authority; ca_file names an authority of your own"},
		{name: "an unknown authority, TLS from the start", box: implicit, config: []any{"encryption", "SSL"}, want: "tls: tls: failed to verify certificate"},
		{name: "no STARTTLS: nothing is sent", box: plain, want: "greeting: the server does not offer STARTTLS; nothing was sent"},
		{name: "TLS spoken to a server that waits for STARTTLS", box: starttls, config: []any{"encryption", "SSL", "ca_file", ca}, want: "encryption TLS instead of SSL"},
		{name: "clear text", box: plain, config: []any{"encryption", "None"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			before := len(tt.box.taken())
			c := open(t, tt.box.addr, append(login, tt.config...)...)
			_, err := c.Notify(t.Context(), mail())
			check := c.Check(t.Context())
			if tt.want != "" {
				if err == nil || !strings.Contains(err.Error(), tt.want) || check == nil {
					t.Errorf("error %v, check %v; want %q", err, check, tt.want)
				}
				if len(tt.box.taken()) != before {
					t.Error("a mail was sent")
				}
				return
			}
			if err != nil || check != nil {
				t.Fatalf("error %v, check %v", err, check)
			}
			all := tt.box.taken()
			if m := all[len(all)-1]; m.secure != (tt.box.tls != nil) || m.user != "me" {
				t.Errorf("secure %v, logged in as %q", m.secure, m.user)
			}
		})
	}
}

func TestLogin(t *testing.T) {
	tests := []struct {
		name       string
		mechanisms []string
		password   string
		want       string
	}{
		{name: "PLAIN", password: "hush"},
		{name: "LOGIN, where that is all", mechanisms: []string{"LOGIN"}, password: "hush"},
		{name: "a wrong password", password: "wrong-pass", want: "smtp: notify: login: 535 5.7.8 user or password is wrong"},
		{name: "a wrong password, by LOGIN", mechanisms: []string{"LOGIN"}, password: "wrong-pass", want: "smtp: notify: login: 535 5.7.8 user or password is wrong"},
		{name: "neither", mechanisms: []string{"XOAUTH2", "CRAM-MD5"}, password: "hush", want: "smtp: notify: login: the server offers XOAUTH2 CRAM-MD5; only PLAIN and LOGIN are supported"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			box := (&mailbox{user: "me", mechanisms: tt.mechanisms}).start(t)
			_, err := open(t, box.addr, "encryption", "None", "smtp_username", "me", "smtp_password", tt.password).Notify(t.Context(), mail())
			if text := text(err); text != tt.want {
				t.Errorf("%q, want %q", text, tt.want)
			}
			if tt.want != "" && temporary(t, err) {
				t.Errorf("%v: temporary", err)
			}
		})
	}
	t.Run("not offered", func(t *testing.T) {
		box := (&mailbox{}).start(t)
		_, err := open(t, box.addr, "encryption", "None", "smtp_username", "me", "smtp_password", "hush").Notify(t.Context(), mail())
		if err == nil || !strings.Contains(err.Error(), "offers none on this connection") {
			t.Error(err)
		}
	})
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func temporary(t *testing.T, err error) bool {
	t.Helper()
	e, ok := errors.AsType[*providers.Error](err)
	if !ok {
		t.Fatalf("%v is no *providers.Error", err)
	}
	return e.Temporary
}

func TestRefusals(t *testing.T) {
	no := &gosmtp.SMTPError{Code: 550, EnhancedCode: gosmtp.EnhancedCode{5, 1, 1}, Message: "nobody of that name"}
	later := &gosmtp.SMTPError{Code: 451, EnhancedCode: gosmtp.EnhancedCode{4, 7, 1}, Message: "greylisted, come back later"}
	both := []any{"ops@example.com", "gone@example.com"}
	tests := []struct {
		name      string
		box       *mailbox
		to        []any
		want      string
		temporary bool
		sent      bool
	}{
		{
			name: "one of two: the other gets it, and that it was not all is an error that lasts",
			box:  &mailbox{refuse: map[string]error{"gone@example.com": no}}, to: both, sent: true,
			want: "sent, but not to all: recipient gone@example.com: 550 5.1.1 nobody of that name",
		},
		{
			name: "one of two for now: to repeat the call would tell the other twice",
			box:  &mailbox{refuse: map[string]error{"gone@example.com": later}}, to: both, sent: true,
			want: "sent, but not to all: recipient gone@example.com: 451 4.7.1 greylisted, come back later",
		},
		{
			name: "all",
			box:  &mailbox{refuse: map[string]error{"gone@example.com": no, "ops@example.com": later}}, to: both,
			want: "recipient ops@example.com: 451 4.7.1 greylisted, come back later; recipient gone@example.com: 550 5.1.1 nobody of that name",
		},
		{
			name: "all for now",
			box:  &mailbox{refuse: map[string]error{"ops@example.com": later}}, to: both[:1], temporary: true,
			want: "recipient ops@example.com: 451 4.7.1 greylisted, come back later",
		},
		{name: "the sender", box: &mailbox{sender: no}, to: both, want: "sender tocsin@example.com: 550 5.1.1 nobody of that name"},
		{name: "the message", box: &mailbox{content: &gosmtp.SMTPError{Code: 554, EnhancedCode: gosmtp.EnhancedCode{5, 7, 1}, Message: "spam\x1b[31m says  the filter"}}, to: both, want: "message: 554 5.7.1 spam [31m says the filter"},
		{name: "the message, for now", box: &mailbox{content: later}, to: both, temporary: true, want: "message: 451 4.7.1 greylisted, come back later"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			box := tt.box.start(t)
			_, err := open(t, box.addr, "encryption", "None").Notify(t.Context(), mail("to_email", tt.to))
			if want := "smtp: notify: " + tt.want; text(err) != want {
				t.Errorf("%q\nwant %q", text(err), want)
			}
			if temporary(t, err) != tt.temporary {
				t.Errorf("temporary is %v", !tt.temporary)
			}
			if sent := len(box.taken()) == 1; sent != tt.sent {
				t.Errorf("sent is %v", sent)
			}
		})
	}
}

// A server may hang or talk nonsense in each phase: the call ends with its context,
// and says in which phase.
func TestServersThatGoWrong(t *testing.T) {
	ehlo := "250-mail\r\n250 AUTH PLAIN"
	tests := []struct {
		name  string
		lines []string
		want  string
	}{
		{name: "says nothing", lines: []string{"!hang"}, want: "greeting: timed out"},
		{name: "hangs up at once", lines: []string{"!close"}, want: "greeting: EOF"},
		{name: "is busy", lines: []string{"421 4.3.2 too many connections"}, want: "greeting: 421 4.3.2 too many connections"},
		{name: "wants nobody", lines: []string{"554 no mail here"}, want: "greeting: 554 no mail here"},
		{name: "is a web server", lines: []string{"HTTP/1.1 400 Bad Request"}, want: "greeting: "},
		{name: "talks without end", lines: []string{"220 hi", "!endless"}, want: "greeting: the server said more than 1048576 bytes"},
		{name: "hangs after the greeting", lines: []string{"220 hi", "!hang"}, want: "greeting: timed out"},
		{name: "hangs in the login", lines: []string{"220 hi", ehlo, "!hang"}, want: "login: timed out"},
		{name: "hangs at the sender", lines: []string{"220 hi", ehlo, "235 ok", "!hang"}, want: "sender tocsin@example.com: timed out"},
		{name: "hangs at a recipient", lines: []string{"220 hi", ehlo, "235 ok", "250 ok", "!hang"}, want: "recipient ops@example.com: timed out"},
		{name: "goes away at a recipient", lines: []string{"220 hi", ehlo, "235 ok", "250 ok", "421 going down"}, want: "recipient ops@example.com: 421 going down"},
		{name: "hangs before the message", lines: []string{"220 hi", ehlo, "235 ok", "250 ok", "250 ok", "!hang"}, want: "message: timed out"},
		{name: "hangs after the message", lines: []string{"220 hi", ehlo, "235 ok", "250 ok", "250 ok", "354 go on", "!hang"}, want: "message: timed out"},
		{name: "hangs up after the message", lines: []string{"220 hi", ehlo, "235 ok", "250 ok", "250 ok", "354 go on", "!close"}, want: "message: EOF"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := perform(t, tt.lines...)
			limit := time.Minute
			if strings.Contains(tt.want, "timed out") {
				limit = 300 * time.Millisecond
			}
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			defer cancel()
			start := time.Now()
			_, err := open(t, s.addr, "encryption", "None", "smtp_username", "me", "smtp_password", "hush").Notify(ctx, mail())
			if !strings.HasPrefix(text(err), "smtp: notify: "+tt.want) {
				t.Errorf("%v, want %q", err, tt.want)
			}
			if took := time.Since(start); took > limit+2*time.Second {
				t.Errorf("took %v", took)
			}
			if strings.Contains(tt.want, "timed out") && !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%v is no DeadlineExceeded", err)
			}
		})
	}
}

// A server that hangs or hangs up at the goodbye has the mail already.
func TestGoodbyeDoesNotCount(t *testing.T) {
	for _, end := range []string{"!close", "!hang"} {
		s := perform(t, "220 hi", "250 mail", "250 ok", "250 ok", "354 go on", "250 taken", end)
		start := time.Now()
		if _, err := open(t, s.addr, "encryption", "None").Notify(t.Context(), mail()); err != nil {
			t.Errorf("%s: %v", end, err)
		}
		if took := time.Since(start); took > 10*time.Second {
			t.Errorf("%s: took %v", end, took)
		}
	}
}

// What somebody put between STARTTLS and the handshake is not read as an answer
// (CVE-2011-0411), and a server that does not offer STARTTLS is told no password.
func TestNoDowngrade(t *testing.T) {
	for name, lines := range map[string][]string{
		"not offered": {"220 hi", "250-mail\r\n250 AUTH PLAIN", "!hang"},
		"refused":     {"220 hi", "250-mail\r\n250-AUTH PLAIN\r\n250 STARTTLS", "454 4.7.0 not now", "!hang"},
		"injected":    {"220 hi", "250-mail\r\n250-AUTH PLAIN\r\n250 STARTTLS", "220 go\r\n250-mail\r\n250 AUTH PLAIN\r\n235 in", "!hang"},
	} {
		t.Run(name, func(t *testing.T) {
			s := perform(t, lines...)
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			_, err := open(t, s.addr, "smtp_username", "me", "smtp_password", "hush").Notify(ctx, mail())
			if err == nil {
				t.Error("no error")
			}
			if strings.Contains(s.heard(), "AUTH") || strings.Contains(s.heard(), "MAIL") {
				t.Errorf("told in clear text:\n%s", s.heard())
			}
		})
	}
}

func TestOpenRefuses(t *testing.T) {
	for _, tt := range []struct {
		name   string
		config source.Value
		want   string
	}{
		{"no server", with(), "smtp_server"},
		{"an address for a server", with("smtp_server", "me@example.com"), "must be the name of a mail server"},
		{"a port that is none", with("smtp_server", "a", "smtp_port", 70000), "smtp_port 70000 is no port"},
		{"an encryption that is none", with("smtp_server", "a", "encryption", "STARTTLS"), "encryption"},
		{"no such ca_file", with("smtp_server", "a", "ca_file", "nowhere.pem"), "ca_file: "},
		{"a ca_file that is a folder", with("smtp_server", "a", "ca_file", "."), "is no regular file"},
		{"a ca_file without a certificate", with("smtp_server", "a", "ca_file", "smtp.go"), "there is no certificate in smtp.go"},
		{"a name with a line break", with("smtp_server", "a", "helo", "a\r\nMAIL"), "helo must be a name"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := smtp.Provider.Open(t.Context(), tt.config, environment(nil))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v, want %q", err, tt.want)
			}
		})
	}
}

func TestOpenWarns(t *testing.T) {
	var log bytes.Buffer
	for _, config := range []source.Value{
		with("smtp_server", "mail.example.com", "encryption", "None", "smtp_username", "me", "smtp_password", "hush"),
		with("smtp_server", "mail.example.com", "verify", false),
		with("smtp_server", "localhost", "encryption", "None", "smtp_username", "me", "smtp_password", "hush"),
		with("smtp_server", "mail.example.com"),
	} {
		if _, err := smtp.Provider.Open(t.Context(), config, environment(&log)); err != nil {
			t.Error(err)
		}
	}
	if n := strings.Count(log.String(), "level=WARN"); n != 2 || strings.Contains(log.String(), "hush") {
		t.Errorf("%d warnings, want 2:\n%s", n, &log)
	}
}
