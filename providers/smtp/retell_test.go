package smtp_test

import (
	netmail "net/mail"
	"strings"
	"testing"

	"tocsin/providers"
	"tocsin/providers/smtp"
	"tocsin/templating/value"
	"tocsin/workflows/source"
)

// That an alert is over is an answer to the mail that told of it, and a mail that is sent
// again has the id that it had.
func TestRetell(t *testing.T) {
	box := (&mailbox{}).start(t)
	c := open(t, box.addr, "encryption", "None")
	ctx := providers.WithOrigin(t.Context(), providers.Origin{Key: "k1"})
	first, err := c.Notify(ctx, mail("subject", "db-1 is full", "html", "<b>full</b>"))
	if err != nil {
		t.Fatal(err)
	}
	over := mail("subject", "db-1 is full", "html", "<b>full</b>", "body", "Resolved after 12m", "headers", value.MapOf(value.Entry{Key: "X-Team", Value: "ops"}))
	over.Data = smtp.Provider.Notify.Retell(over.Data.(source.Map), providers.Episode{Kind: "resolved", Seq: 2, First: first})
	if _, err := c.Notify(providers.WithOrigin(t.Context(), providers.Origin{Key: "k2"}), over); err != nil {
		t.Fatal(err)
	}
	taken := box.taken()
	if len(taken) != 2 {
		t.Fatalf("%d mails", len(taken))
	}
	one, two := header(t, taken[0].text), header(t, taken[1].text)
	id := one.Get("Message-ID")
	if !strings.HasPrefix(id, "<k1@") || !strings.HasPrefix(two.Get("Message-ID"), "<k2@") {
		t.Errorf("ids %s and %s", id, two.Get("Message-ID"))
	}
	for name, want := range map[string]string{
		"Subject": "Resolved: db-1 is full", "In-Reply-To": id, "References": id, "X-Team": "ops", "Content-Type": "text/plain; charset=utf-8",
	} {
		if got := two.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

func header(t *testing.T, text string) netmail.Header {
	t.Helper()
	m, err := netmail.ReadMessage(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return m.Header
}
