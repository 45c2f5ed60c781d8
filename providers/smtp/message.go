package smtp

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/textproto"
	"slices"
	"strings"
	"time"

	gosmtp "github.com/emersion/go-smtp"
)

// A message is a mail as it goes over the wire, and its envelope.
type message struct {
	id         string
	from       string
	to         []string // addresses of To
	recipients []string // of To, Cc and Bcc, each once
	text       []byte   // RFC 5322, lines end in CRLF
}

// options tell the server the size, so that it can refuse before it is sent, and
// whether addresses have letters beyond ASCII (RFC 6531).
func (m *message) options() *gosmtp.MailOptions {
	o := &gosmtp.MailOptions{Size: int64(len(m.text))}
	for _, a := range append([]string{m.from}, m.recipients...) {
		o.UTF8 = o.UTF8 || !isASCII(a)
	}
	return o
}

var errNoText = errors.New("nothing to send: give body or html")

// compose checks m and writes the message; key names it, "" for a name of its own.
func (c *client) compose(m Mail, key string) (*message, error) {
	if m.Body == "" && m.HTML == "" {
		return nil, errNoText
	}
	h, msg, err := c.headers(m, key)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := writeBody(&b, h, m); err != nil {
		return nil, err
	}
	msg.text = b.Bytes()
	return msg, nil
}

// headers are those of m, without those of its content, and its envelope.
func (c *client) headers(m Mail, key string) (*header, *message, error) {
	from, err := m.sender()
	if err != nil {
		return nil, nil, err
	}
	people, err := m.people()
	if err != nil {
		return nil, nil, err
	}
	subject, err := oneLine("subject", m.Subject)
	if err != nil {
		return nil, nil, err
	}
	h := &header{}
	h.add("From", shown(from))
	for _, p := range people {
		if p.header != "" {
			h.add(p.header, shown(p.list...))
		}
	}
	h.add("Subject", encode(subject))
	own, err := c.remarks(bare(from), key, m.Headers)
	if err != nil {
		return nil, nil, err
	}
	h.lines = append(h.lines, own.lines...)
	msg := &message{id: own.get("Message-ID"), from: bare(from)}
	msg.to, msg.recipients = envelope(people)
	return h, msg, nil
}

// remarks are the headers about the message itself: ours, and the author's, which
// may replace them. A mail that is sent again has the id that it had: servers and
// readers leave out the second.
func (c *client) remarks(from, key string, given map[string]string) (*header, error) {
	domain := from[strings.LastIndexByte(from, '@')+1:]
	h := &header{}
	defaults := []line{
		{"Date", c.now().Format(time.RFC1123Z)},
		{"Message-ID", "<" + cmp.Or(key, strings.ToLower(rand.Text())) + "@" + domain + ">"},
		{"Auto-Submitted", "auto-generated"}, // RFC 3834: no answers from those on holiday
	}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if err := allowed(name); err != nil {
			return nil, err
		}
		text, err := oneLine("header "+name, given[name])
		if err != nil {
			return nil, err
		}
		h.add(name, encode(text))
	}
	for _, d := range defaults {
		if h.get(d.name) == "" {
			h.add(d.name, d.text)
		}
	}
	return h, nil
}

// allowed says whether an author may set a header: its name must be one (RFC 5322
// §3.6.8), and not of those that have a parameter or are about the form of the
// content.
func allowed(name string) error {
	for _, r := range name {
		if r <= ' ' || r > '~' || r == ':' {
			return fmt.Errorf("%q is no name of a header", name)
		}
	}
	switch n := strings.ToLower(name); {
	case name == "":
		return errors.New("a header has no name")
	case slices.Contains([]string{"from", "sender", "to", "cc", "bcc", "reply-to", "subject"}, n):
		return fmt.Errorf("header %s: there is a parameter for it", name)
	case strings.HasPrefix(n, "content-") || n == "mime-version":
		return fmt.Errorf("header %s is set by what is sent", name)
	}
	return nil
}

// writeBody writes h and the content: text, HTML, or both for the reader to choose
// from (RFC 2046 §5.1.4: the best comes last).
func writeBody(b *bytes.Buffer, h *header, m Mail) error {
	h.add("MIME-Version", "1.0")
	if m.Body != "" && m.HTML != "" {
		return writeBoth(b, h, m)
	}
	text, kind := m.Body, "text/plain"
	if text == "" {
		text, kind = m.HTML, "text/html"
	}
	for _, l := range content(kind) {
		h.add(l.name, l.text)
	}
	h.write(b)
	return writeQuoted(b, text)
}

func writeBoth(b *bytes.Buffer, h *header, m Mail) error {
	w := multipart.NewWriter(b)
	h.add("Content-Type", mime.FormatMediaType("multipart/alternative", map[string]string{"boundary": w.Boundary()}))
	h.write(b)
	for _, part := range []struct{ kind, text string }{{"text/plain", m.Body}, {"text/html", m.HTML}} {
		mh := textproto.MIMEHeader{}
		for _, l := range content(part.kind) {
			mh.Set(l.name, l.text)
		}
		pw, err := w.CreatePart(mh)
		if err != nil {
			return err
		}
		if err := writeQuoted(pw, part.text); err != nil {
			return err
		}
	}
	return w.Close()
}

func content(kind string) []line {
	return []line{
		{"Content-Type", kind + "; charset=utf-8"},
		{"Content-Transfer-Encoding", "quoted-printable"},
	}
}

func writeQuoted(w io.Writer, text string) error {
	q := quotedprintable.NewWriter(w)
	if _, err := q.Write([]byte(text)); err != nil {
		return err
	}
	return q.Close()
}
