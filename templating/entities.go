package templating

import (
	"html"
	"strings"
)

// decodeEntities replaces the well-formed HTML entities of an author's literal text,
// as Keep does (spec §11, B-4): "&lt;" is "<", but the "&region=" of a URL stays.
func decodeEntities(s string) string {
	at := strings.IndexByte(s, '&')
	if at < 0 || strings.IndexByte(s[at:], ';') < 0 {
		return s
	}
	var out strings.Builder
	for {
		amp := strings.IndexByte(s, '&')
		if amp < 0 {
			break
		}
		out.WriteString(s[:amp])
		s = s[amp:]
		n := entity(s)
		if n == 0 {
			n = 1
			out.WriteByte('&')
		} else {
			out.WriteString(html.UnescapeString(s[:n]))
		}
		s = s[n:]
	}
	out.WriteString(s)
	return out.String()
}

// entity is the length of the entity that s begins with, or 0.
func entity(s string) int {
	const longest = 34 // &CounterClockwiseContourIntegral;
	end := strings.IndexByte(s[:min(len(s), longest)], ';')
	if end < 2 {
		return 0
	}
	text := html.UnescapeString(s[:end+1])
	if text == s[:end+1] || strings.HasSuffix(text, ";") && text != ";" {
		return 0
	}
	return end + 1
}
