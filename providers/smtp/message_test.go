package smtp_test

import (
	"fmt"
	"io"
	"mime"
	"mime/quotedprintable"
	netmail "net/mail"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
	"pgregory.net/rapid"

	"tocsin/providers/providertest"
	"tocsin/workflows/source"
)

// Each file of testdata/mails is the parameters of a mail and what a server gets:
// the envelope and the message, with "=" and LF for CRLF as they are, and "ID" and
// "BOUNDARY" for what is random; or the error. -update writes it.
func TestMails(t *testing.T) {
	files, err := filepath.Glob("testdata/mails/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no files: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			a, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			params, err := source.Parse(file, a.Files[0].Data)
			if err != nil {
				t.Fatal(err)
			}
			got := txtar.Format(&txtar.Archive{Comment: a.Comment, Files: append(a.Files[:1:1], sent(t, params)...)})
			want, _ := os.ReadFile(file)
			if string(got) == string(want) {
				return
			}
			if !providertest.Update() {
				t.Errorf("got\n%s\nwant\n%s", got, want)
				return
			}
			if err := os.WriteFile(file, got, 0o644); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// sent sends a mail and returns what came of it.
func sent(t *testing.T, params source.Value) []txtar.File {
	t.Helper()
	box := (&mailbox{}).start(t)
	if _, err := open(t, box.addr, "encryption", "None").Notify(t.Context(), params); err != nil {
		return []txtar.File{{Name: "error", Data: []byte(err.Error() + "\n")}}
	}
	m := box.only(t)
	lone := strings.NewReplacer("\r\n", "", "\r", "CR", "\n", "LF").Replace(m.text)
	if strings.Contains(lone, "CR") || strings.Contains(lone, "LF") {
		t.Errorf("a line does not end in CRLF:\n%q", m.text)
	}
	for line := range strings.SplitSeq(m.text, "\r\n") {
		if len(line) > 998 {
			t.Errorf("a line has %d characters", len(line))
		}
	}
	text := strings.ReplaceAll(m.text, "\r\n", "\n")
	text = regexp.MustCompile(`<[a-z2-7]{26}@`).ReplaceAllString(text, "<ID@")
	if b := regexp.MustCompile(`boundary=(\w+)`).FindStringSubmatch(text); b != nil {
		text = strings.ReplaceAll(text, b[1], "BOUNDARY")
	}
	envelope := fmt.Sprintf("from %s\nto %s\n", m.from, strings.Join(m.to, ", "))
	if m.options.UTF8 {
		envelope += "SMTPUTF8\n"
	}
	if !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	return []txtar.File{{Name: "envelope", Data: []byte(envelope)}, {Name: "message", Data: []byte(text)}}
}

// Whatever data brings into subject, name and body (reliability T1, P5) is refused
// or arrives as it is, and adds no header and no recipient.
func TestDataIsNeverHeaders(t *testing.T) {
	box := (&mailbox{}).start(t)
	c := open(t, box.addr, "encryption", "None")
	texts := rapid.OneOf(
		rapid.String(),
		rapid.SampledFrom([]string{
			"a\r\nBcc: evil@example.com", "a\nBcc: evil@example.com", "a\rBcc: evil@example.com", "\r\n.\r\nMAIL FROM:<x>", ".", "..", "\n.\n",
			"=?utf-8?q?=0D=0ABcc:_evil@example.com?=", "ü\u2028Bcc: x", strings.Repeat("x", 2000), strings.Repeat("ü ", 200), "<script>", "a\x00b", `" <evil@example.com>,`,
		}),
	)
	rapid.Check(t, func(r *rapid.T) {
		subject, name, body := texts.Draw(r, "subject"), texts.Draw(r, "name"), texts.Draw(r, "body")
		before := len(box.taken())
		_, err := c.Notify(t.Context(), mail("subject", subject, "from_name", name, "body", body))
		all := box.taken()
		if err != nil {
			if len(all) != before {
				r.Fatalf("sent, and an error: %v", err)
			}
			return
		}
		m := all[len(all)-1]
		if len(m.to) != 1 || m.to[0] != "ops@example.com" {
			r.Fatalf("went to %v", m.to)
		}
		got, err := netmail.ReadMessage(strings.NewReader(m.text))
		if err != nil {
			r.Fatalf("%v in\n%s", err, m.text)
		}
		for h := range got.Header {
			switch h {
			case "From", "To", "Subject", "Date", "Message-Id", "Auto-Submitted", "Mime-Version", "Content-Type", "Content-Transfer-Encoding":
			default:
				r.Fatalf("header %s in\n%s", h, m.text)
			}
		}
		decoded, err := new(mime.WordDecoder).DecodeHeader(got.Header.Get("Subject"))
		if want := strings.TrimSpace(subject); err != nil || decoded != want {
			r.Fatalf("subject %q arrived as %q, %v", want, decoded, err)
		}
		text, err := io.ReadAll(quotedprintable.NewReader(got.Body))
		if lines(string(text)) != lines(body) || err != nil {
			r.Fatalf("body %q arrived as %q, %v", body, text, err)
		}
	})
}

// lines is text with the line ends that mail has, without those at the end.
func lines(text string) string {
	text = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text)
	return strings.TrimRight(text, "\n")
}

func FuzzMail(f *testing.F) {
	f.Add("tocsin@example.com", "ops@example.com, Boss <boss@example.com>", "subject", "X-A")
	f.Add(`"a> NOTIFY=NEVER"@example.com`, `"x\" y"@[127.0.0.1]`, "=?utf-8?q?=0A?=", "Bcc")
	f.Add("ü@exämple.com", "group: a@b.c, d@e.f;", strings.Repeat("x", 2000), "Message-ID")
	box := (&mailbox{}).start(f)
	c := open(f, box.addr, "encryption", "None")
	f.Fuzz(func(t *testing.T, from, to, subject, header string) {
		before := len(box.taken())
		_, err := c.Notify(t.Context(), mail("from_email", from, "to_email", to, "subject", subject, "headers", map[string]any{header: subject}))
		all := box.taken()
		if err != nil {
			return
		}
		if len(all) != before+1 {
			t.Fatalf("%d mails were sent", len(all)-before)
		}
		if _, err := netmail.ReadMessage(strings.NewReader(all[before].text)); err != nil {
			t.Errorf("%v in\n%q", err, all[before].text)
		}
	})
}
