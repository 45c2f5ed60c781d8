package templating

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// What sprig's functions of texts do. Lengths and positions are in bytes.

func abbreviated(width int, text string) string { return abbreviatedBoth(0, width, text) }

// abbreviatedBoth cuts text to a width, from a position on: there are dots where
// something is missing.
func abbreviatedBoth(from, width int, text string) string {
	const dots = "..."
	if width < 4 || from > 0 && width < 7 || len(text) <= width {
		return text
	}
	room := width - len(dots)
	from = min(from, len(text)-room)
	switch {
	case from <= 4: // the dots would be as long as what they stand for
		return text[:room] + dots
	case from+room < len(text):
		return dots + abbreviated(room, text[from:])
	}
	return dots + text[len(text)-room:]
}

// cut is the first n bytes, or the last ones for a negative n.
func cut(n int, text string) string {
	switch {
	case n >= 0 && n < len(text):
		return text[:n]
	case n < 0 && len(text)+n > 0:
		return text[len(text)+n:]
	}
	return text
}

// part is text from one position up to another: to its end for a negative one, from its
// beginning if the first is negative.
func part(start, end int, text string) (string, error) {
	switch {
	case start < 0:
		start = 0
	case end < 0 || end > len(text):
		end = len(text)
	}
	if end < start || end > len(text) {
		return "", fmt.Errorf("a text of %d bytes has nothing from %d to %d", len(text), start, end)
	}
	return text[start:end], nil
}

// wordsTitled has each word begin in upper case.
func wordsTitled(text string) string {
	before := ' '
	return strings.Map(func(r rune) rune {
		begins := separates(before)
		before = r
		if begins {
			return unicode.ToTitle(r)
		}
		return r
	}, text)
}

// separates says whether words end before r.
func separates(r rune) bool {
	switch {
	case r == '_', unicode.IsLetter(r), unicode.IsDigit(r):
		return false
	case r < unicode.MaxASCII+1:
		return true
	}
	return unicode.IsSpace(r)
}

// eachWord changes texts rune by rune, and says which of them begin a word.
func eachWord(text string, change func(r rune, begins bool) rune) string {
	begins := true
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			begins = true
			return change(r, false)
		}
		first := begins
		begins = false
		return change(r, first)
	}, text)
}

func untitled(text string) string {
	return eachWord(text, func(r rune, begins bool) rune {
		if begins {
			return unicode.ToLower(r)
		}
		return r
	})
}

func initials(text string) string {
	return eachWord(text, func(r rune, begins bool) rune {
		if begins {
			return r
		}
		return -1
	})
}

func withoutSpace(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return -1
		}
		return r
	}, text)
}

// swapped has upper case for lower case and lower for upper. A letter after white space
// gets the case of a title.
func swapped(text string) string {
	begins := true
	return strings.Map(func(r rune) rune {
		first := begins
		switch {
		case unicode.IsUpper(r), unicode.IsTitle(r):
			begins = false
			return unicode.ToLower(r)
		case !unicode.IsLower(r):
			begins = unicode.IsSpace(r)
			return r
		}
		begins = false
		if first {
			return unicode.ToTitle(r)
		}
		return unicode.ToUpper(r)
	}, text)
}

func wrapped(width int, text string) string { return wrap(width, "\n", text, false) }

func wrappedWith(width int, separator, text string) string {
	if separator == "" {
		separator = "\n"
	}
	return wrap(width, separator, text, true)
}

// wrap puts separators where lines get longer than width, in the place of a space. A
// word that is longer than that is cut, or stays whole on a line of its own.
func wrap(width int, separator, text string, cutWords bool) string {
	var b strings.Builder
	for width = max(width, 1); len(text) > width; {
		if text[0] == ' ' {
			text = text[1:]
			continue
		}
		end, gap := strings.LastIndexByte(text[:width+1], ' '), 1
		if end < 0 && cutWords {
			end, gap = width, 0
		}
		if end < 0 {
			end = strings.IndexByte(text[width:], ' ') + width
			if end < width {
				break
			}
		}
		b.WriteString(text[:end])
		b.WriteString(separator)
		text = text[end+gap:]
	}
	b.WriteString(text)
	return b.String()
}

var errNegative = errors.New("the count is below zero")

func repeated(count int, text string) (string, error) {
	if count < 0 {
		return "", errNegative
	}
	return strings.Repeat(text, count), nil
}

func indentedBy(spaces int, text string) (string, error) {
	if spaces < 0 {
		return "", errNegative
	}
	pad := strings.Repeat(" ", spaces)
	return pad + strings.ReplaceAll(text, "\n", "\n"+pad), nil
}

func indentedLine(spaces int, text string) (string, error) {
	text, err := indentedBy(spaces, text)
	return "\n" + text, err
}

// inQuotes are the values in quotes, with a space between; nothing is left out.
func inQuotes(quote func(string) string) func(...any) string {
	return func(values ...any) string {
		list := texts(values)
		for i := range list {
			list[i] = quote(list[i])
		}
		return strings.Join(list, " ")
	}
}

// texts are values that are texts already, without those that are nothing.
func texts(values []any) []string {
	list := make([]string, 0, len(values))
	for _, v := range values {
		if v != nil {
			list = append(list, fmt.Sprint(v))
		}
	}
	return list
}

func numberOf(one, many string, count int) string {
	if count == 1 {
		return one
	}
	return many
}

// numbered is a mapping of _0, _1, ... to the parts.
func numbered(parts []string) map[string]string {
	m := make(map[string]string, len(parts))
	for i, part := range parts {
		m["_"+strconv.Itoa(i)] = part
	}
	return m
}

func inSeconds(v any) string {
	n := int64(0)
	if text, ok := v.(string); ok {
		n, _ = strconv.ParseInt(text, 10, 64)
	}
	return (time.Duration(n) * time.Second).String()
}

// inLargestUnit is a duration in the largest unit of which it has more than one.
func inLargestUnit(v any) string {
	text, _ := v.(string)
	d, _ := time.ParseDuration(text)
	const day = 24 * time.Hour
	for _, unit := range []struct {
		of   time.Duration
		name string
	}{{365 * day, "y"}, {30 * day, "mo"}, {day, "d"}, {time.Hour, "h"}, {time.Minute, "m"}, {time.Second, "s"}} {
		if d.Abs() > unit.of {
			return strconv.FormatInt(int64(d.Abs()/unit.of), 10) + unit.name
		}
	}
	return "0s"
}

func parsedURL(text string) (map[string]any, error) {
	u, err := url.Parse(text)
	if err != nil {
		return nil, err
	}
	return map[string]any{
		"scheme": u.Scheme, "host": u.Host, "hostname": u.Hostname(), "path": u.Path, "query": u.RawQuery,
		"opaque": u.Opaque, "fragment": u.Fragment, "userinfo": u.User.String(),
	}, nil
}

func joinedURL(parts map[string]any) (string, error) {
	var err error
	get := func(key string) string {
		text, ok := parts[key].(string)
		if _, given := parts[key]; given && !ok {
			err = fmt.Errorf("%s is no text", key)
		}
		return text
	}
	u := url.URL{
		Scheme: get("scheme"), Host: get("host"), Path: get("path"), RawQuery: get("query"),
		Opaque: get("opaque"), Fragment: get("fragment"),
	}
	if user := get("userinfo"); user != "" {
		with, err := url.Parse("any://" + user + "@host")
		if err != nil {
			return "", errors.New("userinfo is no user and password of a URL")
		}
		u.User = with.User
	}
	return u.String(), err
}
