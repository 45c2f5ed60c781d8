package cmd

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"tocsin/providers"
	"tocsin/templating/value"
)

// A shower shows what goes over a connection, in one of three forms. It may be used by
// several at once.
type shower struct {
	form     string // frames, data or json
	style    bool   // with colours
	terminal bool   // what is written moves a cursor
	mask     func(string) string
	several  bool // connections: their number stands before each line

	mu sync.Mutex
	w  io.Writer
}

// through has everything written to another writer from now on.
func (s *shower) through(w io.Writer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.w = w
}

func (s *shower) line(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, _ = io.WriteString(s.w, text+"\n") // who closed the pipe does not want it
}

// show shows a frame.
func (s *shower) show(f providers.Frame) {
	switch {
	case s.form == "json":
		s.line(s.json(f))
	case s.form == "data":
		if !f.Sent && (f.Kind == "text" || f.Kind == "binary") {
			s.line(s.data(f))
		}
	case f.Kind == "open":
		s.open(f)
	default:
		s.line(s.frame(f))
	}
}

// data is a message alone: text as it came, binary in base64.
func (s *shower) data(f providers.Frame) string {
	text, encoding := s.content(f)
	if encoding == "utf8" && s.terminal {
		return visible(text)
	}
	return text
}

// content is what a frame has in it without what is secret, and how that is written.
func (s *shower) content(f providers.Frame) (text, encoding string) {
	text = s.mask(string(f.Data))
	if !utf8.ValidString(text) || f.Kind != "text" && strings.ContainsRune(text, 0) {
		return base64.StdEncoding.EncodeToString([]byte(text)), "base64"
	}
	return text, "utf8"
}

const (
	shownBytes = 4 << 10 // of a text
	shownHex   = 32      // of what is none
)

// frame is a frame on a line: 15:04:05.000  <  text      5 B  hello.
func (s *shower) frame(f providers.Frame) string {
	arrow, color := "<", "32"
	if f.Sent {
		arrow, color = ">", "36"
	}
	var rest string
	switch f.Kind {
	case "text", "binary":
		rest = s.preview(f)
	case "close":
		color, rest = "33", visible(s.mask(strings.TrimSpace(fmt.Sprintf("%d %s", f.Code, f.Reason))))
		switch {
		case f.Code == 1005:
			rest = "no code"
		case f.Code == 1006:
			rest = "the connection ended without a close frame"
		}
	default:
		if color = "90"; f.Round > 0 {
			rest = millisText(float64(f.Round) / float64(time.Millisecond))
		} else if len(f.Data) > 0 {
			rest = s.preview(f)
		}
	}
	head := fmt.Sprintf("%s  %s  %-6s %9s", f.At.Local().Format("15:04:05.000"), arrow, f.Kind, sizeText(f.Size))
	return strings.TrimRight(s.number(f)+s.paint(color, head)+"  "+rest, " ")
}

func (s *shower) number(f providers.Frame) string {
	if !s.several {
		return ""
	}
	return fmt.Sprintf("#%-3d ", f.Session)
}

// preview is the beginning of a message, as far as a person reads it.
func (s *shower) preview(f providers.Frame) string {
	text, encoding := s.content(f)
	if encoding == "base64" {
		data := []byte(s.mask(string(f.Data)))
		if len(data) <= shownHex {
			return hex.EncodeToString(data)
		}
		return hex.EncodeToString(data[:shownHex]) + "…"
	}
	if len(text) <= shownBytes {
		return visible(text)
	}
	cut := shownBytes
	for !utf8.RuneStart(text[cut]) {
		cut--
	}
	return visible(text[:cut]) + fmt.Sprintf("… and %s more", sizeText(len(text)-cut))
}

// open shows what is known of a connection when it opens.
func (s *shower) open(f providers.Frame) {
	if s.several {
		s.request(f)
		return
	}
	text := func(path ...string) string {
		v, _ := at(f.Facts, path...)
		if v == nil || v == "" {
			return ""
		}
		return value.Text(v)
	}
	words := []string{"connected to " + text("url")}
	if remote := text("remote_addr"); remote != "" {
		words = append(words, "("+remote+")")
	}
	for _, fact := range []struct{ before, text string }{
		{"", text("tls", "version")}, {"subprotocol ", text("subprotocol")}, {"through ", text("proxy")},
	} {
		if fact.text != "" {
			words = append(words, fact.before+fact.text)
		}
	}
	if text("compression") == "True" {
		words = append(words, "compressed")
	}
	if total, ok := at(f.Facts, "timings", "total_ms"); ok {
		ms, _ := total.(float64)
		words = append(words, "in "+millisText(ms))
	}
	s.line(s.paint("1", visible(s.mask(strings.Join(words, " ")))))
}

// request shows what a client asked a mirror for.
func (s *shower) request(f providers.Frame) {
	get := func(key string) string { v, _ := at(f.Facts, key); return value.Text(v) }
	first := fmt.Sprintf("%s  %s %s %s from %s", f.At.Local().Format("15:04:05.000"), get("method"), get("url"), get("protocol"), get("remote_addr"))
	lines := []string{s.number(f) + s.paint("1", visible(first)), s.number(f) + visible("  Host: "+get("host"))}
	headers, _ := at(f.Facts, "headers")
	if m, ok := headers.(*value.Map); ok {
		for name, v := range m.All() {
			lines = append(lines, s.number(f)+visible("  "+name+": "+value.Text(v)))
		}
	}
	s.line(strings.Join(lines, "\n"))
}

// note is a word to the person at the terminal.
func (s *shower) note(text string) { s.line(s.paint("90", text)) }

// problem says what was not done: among the frames, or where they are for a program on
// standard error.
func (s *shower) problem(stderr io.Writer, text string) {
	text = visible(s.mask(text))
	if s.form == "frames" {
		s.line(s.paint("31", text))
		return
	}
	fmt.Fprintf(stderr, "tocsin: %s\n", text)
}

// end shows how it ended.
func (s *shower) end(result any) {
	switch s.form {
	case "json":
		s.line(s.ending(result))
	case "frames":
		if connected, _ := at(result, "connected"); connected == true {
			s.line(s.paint("1", visible(s.mask(endWords(result)))))
		}
	}
}

// endWords are how it ended in a line.
func endWords(result any) string {
	get := func(path ...string) string { v, _ := at(result, path...); return value.Text(v) }
	words := "connection lost"
	if code, _ := at(result, "close", "code"); code != nil {
		words = "closed by us with " + get("close", "code")
		if get("close", "by") == "peer" {
			words = "closed by the server with " + get("close", "code")
		} else if clean, _ := at(result, "close", "clean"); clean != true {
			words += ", which was not answered"
		}
	}
	return fmt.Sprintf("%s; sent %s in %s, received %s in %s", words,
		amount(get("sent", "bytes")), messages(get("sent", "messages")), amount(get("received", "bytes")), messages(get("received", "messages")))
}

func messages(n string) string {
	if n == "1" {
		return "1 message"
	}
	return n + " messages"
}

func amount(n string) string { return n + " B" }

func (s *shower) paint(code, text string) string {
	if !s.style {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

// visible is text that cannot move the cursor, change colours, turn its direction or
// break a line: what would is written as Go writes it.
func visible(text string) string {
	var b strings.Builder
	for _, r := range text {
		switch {
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case r < 0x80 && unicode.IsControl(r):
			fmt.Fprintf(&b, `\x%02x`, r)
		case unicode.IsControl(r), unicode.Is(unicode.Bidi_Control, r), r == '\u2028', r == '\u2029':
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// sizeText is a number of bytes as a person reads it.
func sizeText(n int) string {
	switch {
	case n < 10_000:
		return fmt.Sprintf("%d B", n)
	case n < 10<<20:
		return fmt.Sprintf("%.1f KiB", float64(n)/(1<<10))
	}
	return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
}

// millisText is a time in milliseconds as a person reads it.
func millisText(ms float64) string {
	switch {
	case ms < 10:
		return fmt.Sprintf("%.2f ms", ms)
	case ms < 1000:
		return fmt.Sprintf("%.1f ms", ms)
	}
	return fmt.Sprintf("%.2f s", ms/1000)
}
