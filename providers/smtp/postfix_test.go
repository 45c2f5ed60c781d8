package smtp_test

import (
	"context"
	"io"
	"mime"
	"mime/multipart"
	netmail "net/mail"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tocsin/templating/value"
)

// TestRealServer sends through a server that is not ours, and reads what arrived:
//
//	.ci/smtp-server run go test ./providers/smtp -run TestRealServer -count=1
func TestRealServer(t *testing.T) {
	addr, maildir, ca := os.Getenv("TOCSIN_SMTP_SERVER"), os.Getenv("TOCSIN_SMTP_MAILDIR"), os.Getenv("TOCSIN_SMTP_CA")
	if addr == "" {
		t.Skip("TOCSIN_SMTP_SERVER is not set; .ci/smtp-server starts one")
	}
	const body = "Größe: 95 %\n.\n..\n.hidden\nFrom here on it is quiet\n"
	const html = "<p>Größe: 95 %</p>"
	for name, config := range map[string][]any{
		"clear text": {"encryption", "None"},
		"STARTTLS":   {"encryption", "TLS", "ca_file", ca},
	} {
		t.Run(name, func(t *testing.T) {
			c := open(t, addr, config...)
			if err := c.Check(t.Context()); err != nil {
				t.Errorf("check: %v", err)
			}
			got, err := c.Notify(t.Context(), mail(
				"from_name", "Tocsin für Köln",
				"to_email", []any{"ops@example.com", "Boss <boss@example.com>"},
				"bcc", "quiet@example.com",
				"subject", "Größe überschritten",
				"body", body, "html", html,
			))
			if err != nil {
				t.Fatal(err)
			}
			id, _ := value.Member(got, "message_id")
			arrived := await(t, maildir, id.(string), 3)
			if s := decoded(t, arrived.Header.Get("Subject")); s != "Größe überschritten" {
				t.Errorf("subject %q", s)
			}
			if from := decoded(t, arrived.Header.Get("From")); from != "Tocsin für Köln <tocsin@example.com>" {
				t.Errorf("from %q", from)
			}
			if arrived.Header.Get("Bcc") != "" {
				t.Error("Bcc is shown")
			}
			secure := strings.Contains(arrived.Header.Get("Received"), "with ESMTPS") // RFC 3848
			if secure != (name == "STARTTLS") {
				t.Errorf("received: %s", arrived.Header.Get("Received"))
			}
			texts := parts(t, arrived)
			if len(texts) != 2 || strings.ReplaceAll(texts[0], "\r\n", "\n") != body || texts[1] != html {
				t.Errorf("parts %q", texts)
			}
		})
	}
	t.Run("refused", func(t *testing.T) {
		_, err := open(t, addr, "encryption", "None").Notify(t.Context(), mail("to_email", "ops@example.com, refused@example.com"))
		want := "smtp: notify: sent, but not to all: recipient refused@example.com: 550 5.1.1 <refused@example.com>: Recipient address rejected: nobody of that name"
		if text(err) != want {
			t.Errorf("%v\nwant %s", err, want)
		}
	})
}

// await reads the mail of that Message-ID once as many copies of it have arrived.
func await(t *testing.T, maildir, id string, copies int) *netmail.Message {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		found := find(t, maildir, id)
		if len(found) == copies {
			return found[0]
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("%d of %d copies of %s arrived in %s", len(found), copies, id, maildir)
		}
	}
}

func find(t *testing.T, maildir, id string) (found []*netmail.Message) {
	t.Helper()
	files, _ := filepath.Glob(filepath.Join(maildir, "new", "*"))
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		m, err := netmail.ReadMessage(strings.NewReader(string(text)))
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		if m.Header.Get("Message-ID") == id {
			found = append(found, m)
		}
	}
	return found
}

func decoded(t *testing.T, header string) string {
	t.Helper()
	text, err := new(mime.WordDecoder).DecodeHeader(header)
	if err != nil {
		t.Error(err)
	}
	return text
}

// parts are the decoded texts of a multipart message.
func parts(t *testing.T, m *netmail.Message) (texts []string) {
	t.Helper()
	kind, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/alternative" {
		t.Fatalf("content type %s, %v", kind, err)
	}
	for r := multipart.NewReader(m.Body, params["boundary"]); ; {
		part, err := r.NextPart()
		if err == io.EOF {
			return texts
		}
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(part)
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, string(text))
	}
}
