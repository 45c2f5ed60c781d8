package smtp

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"mime"
	"slices"
	"strings"
	"unicode/utf8"
)

// A header is the lines above a message, in their order.
type header struct{ lines []line }

type line struct{ name, text string }

// add appends a line, unless it is empty: RFC 5322 has no empty ones. The text is
// ASCII without line breaks.
func (h *header) add(name, text string) {
	if text != "" {
		h.lines = append(h.lines, line{name, text})
	}
}

// get returns the text of the first line of that name, "" if there is none.
func (h *header) get(name string) string {
	for _, l := range h.lines {
		if strings.EqualFold(l.name, name) {
			return l.text
		}
	}
	return ""
}

// write writes the lines and the empty one after them.
func (h *header) write(b *bytes.Buffer) {
	for _, l := range h.lines {
		fold(b, l)
	}
	b.WriteString("\r\n")
}

// width is how long a line should be; only a single word makes one longer, which
// RFC 5322 §2.1.1 allows up to 998.
const width = 76

// fold writes a line, broken at spaces where it is too long.
func fold(b *bytes.Buffer, l line) {
	b.WriteString(l.name + ":")
	n := len(l.name) + 1
	for word := range strings.SplitSeq(l.text, " ") {
		if n+1+len(word) > width && n > len(l.name)+1 && word != "" {
			b.WriteString("\r\n")
			n = 0
		}
		b.WriteString(" " + word)
		n += 1 + len(word)
	}
	b.WriteString("\r\n")
}

// oneLine is text without white space around it. A line break within would begin
// another header, and is refused.
func oneLine(what, text string) (string, error) {
	text = strings.TrimSpace(text)
	if strings.ContainsAny(text, "\r\n\x00") {
		return "", fmt.Errorf("%s must be one line: there is a line break in %q", what, text)
	}
	return text, nil
}

// maxWord is how long a word may be that is not encoded, so that a line of it stays
// below 998 characters.
const maxWord = 900

// encode makes ASCII of a header's text (RFC 2047). What looks encoded is encoded
// once more, so that it is shown as it is, and so are words too long for a line.
func encode(text string) string {
	if q := mime.QEncoding.Encode("utf-8", text); q != text {
		return q
	}
	long := slices.ContainsFunc(strings.Fields(text), func(w string) bool { return len(w) > maxWord })
	if !long && !strings.Contains(text, "=?") {
		return text
	}
	var words []string
	for text != "" {
		n := min(45, len(text)) // 45 bytes are 60 characters of base64; a word may have 75
		for n < len(text) && !utf8.RuneStart(text[n]) {
			n--
		}
		words = append(words, "=?utf-8?b?"+base64.StdEncoding.EncodeToString([]byte(text[:n]))+"?=")
		text = text[n:]
	}
	return strings.Join(words, " ")
}
