package rest

import (
	"bytes"
	"errors"
	"html"
	"mime"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"tocsin/providers"
	"tocsin/templating/value"
)

// Judge is the error of an answer of 400 or more, in the vendor's words, or nil. It is
// a *providers.Error.
func Judge(resp *http.Response, body []byte) error {
	if resp.StatusCode < 400 {
		return nil
	}
	e := &providers.Error{
		Status:    resp.StatusCode,
		Temporary: passing(resp.StatusCode),
		After:     RetryAfter(resp.Header, time.Now()),
	}
	if words := Words(resp.Header, body); words != "" {
		e.Err = errors.New(words)
	}
	return e
}

// passing says that the same request may go well later.
func passing(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return true
	case http.StatusNotImplemented, http.StatusHTTPVersionNotSupported:
		return false
	}
	return status >= 500
}

// RetryAfter is how long an answer asks to wait (RFC 9110 §10.2.3), 0 if it does not.
// A date is counted from the answer's own Date where it has one, since clocks differ.
func RetryAfter(h http.Header, now time.Time) time.Duration {
	text := strings.TrimSpace(h.Get("Retry-After"))
	if seconds, err := strconv.ParseFloat(text, 64); err == nil {
		if !(seconds > 0) { // NaN, too
			return 0
		}
		return time.Duration(min(seconds, 1e9) * float64(time.Second))
	}
	at, err := http.ParseTime(text)
	if err != nil {
		return 0
	}
	if date, err := http.ParseTime(h.Get("Date")); err == nil {
		now = date
	}
	return max(0, at.Sub(now))
}

// maxWords is how many characters of an answer an error quotes.
const maxWords = 200

// Words is what an answer says about what went wrong, on one line: the message in its
// JSON, the title of its page, or its first 200 characters.
func Words(h http.Header, body []byte) string {
	text := strings.ToValidUTF8(string(body), "\uFFFD")
	if m, ok := decode(h, body).(*value.Map); ok {
		if message := message(m, 0); message != "" {
			text = message
		}
	} else if isHTML(h, body) {
		text = title(text)
	}
	return oneLine(text)
}

// said are the keys under which vendors say what is wrong, the most telling first.
var said = []string{"error_description", "message", "detail", "error", "errors", "error_message", "errorMessage", "errorMessages", "msg", "reason", "description", "title", "fault", "faultstring"}

// message finds the words in v: a text under one of the keys, or in what lies there.
func message(v any, depth int) string {
	if depth > 4 {
		return ""
	}
	switch v := v.(type) {
	case string:
		return v
	case []any:
		return messages(v, depth)
	case *value.Map:
		for _, key := range said {
			inner, _ := v.Get(key)
			if text := message(inner, depth+1); text != "" {
				return text
			}
		}
	}
	return ""
}

func messages(list []any, depth int) string {
	var all []string
	for _, item := range list {
		if text := message(item, depth+1); text != "" {
			all = append(all, text)
		}
	}
	return strings.Join(all, "; ")
}

func isHTML(h http.Header, body []byte) bool {
	kind, _, _ := mime.ParseMediaType(h.Get("Content-Type"))
	return kind == "text/html" || bytes.HasPrefix(bytes.ToLower(bytes.TrimSpace(body[:min(len(body), 64)])), []byte("<!doctype html"))
}

var titled = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(?is)<(?:title|h1)[^>]*>(.*?)</`) })

// title is the title of a page, whose text is otherwise of no use in an error.
func title(page string) string {
	if m := titled().FindStringSubmatch(page[:min(len(page), 64<<10)]); m != nil {
		return html.UnescapeString(m[1])
	}
	return ""
}

// oneLine is text with its white space made single spaces, without other control
// characters, and no longer than maxWords.
func oneLine(text string) string {
	text = strings.Join(strings.Fields(clip(text, 8*maxWords)), " ")
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
			return -1
		}
		return r
	}, text)
	if utf8.RuneCountInString(text) > maxWords {
		return string([]rune(text)[:maxWords-1]) + "…"
	}
	return text
}

// clip is at most n bytes of text, cut between characters.
func clip(text string, n int) string {
	if len(text) <= n {
		return text
	}
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n]
}

// decode reads a body as JSON if it says or looks as if it is; else it is a text.
func decode(h http.Header, body []byte) any {
	kind, _, _ := mime.ParseMediaType(h.Get("Content-Type"))
	first := bytes.TrimLeft(body[:min(len(body), 64)], " \t\r\n")
	looks := len(first) > 0 && (first[0] == '{' || first[0] == '[')
	if looks || kind == "application/json" || strings.HasSuffix(kind, "+json") {
		if v, err := value.DecodeJSON(body); err == nil {
			return v
		}
	}
	return strings.ToValidUTF8(string(body), "\uFFFD")
}
