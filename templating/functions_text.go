package templating

import (
	"context"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"tocsin/templating/value"
)

// maxString is how long a text may become that a function makes longer: the limit of
// the strings of an expression.
const maxString = 4 << 20

func textFunctions() []Function {
	return []Function{
		{
			Name: "keep.uppercase", Params: "(string)",
			Doc:     "The text in upper case.",
			Example: "keep.uppercase('disk full') == 'DISK FULL'",
			Call:    func(_ context.Context, a *Args) any { return upperCase(a.String(0)) },
		},
		{
			Name: "keep.lowercase", Params: "(string)",
			Doc:     "The text in lower case.",
			Example: "keep.lowercase('CRITICAL') == 'critical'",
			Call:    func(_ context.Context, a *Args) any { return strings.ToLower(a.String(0)) },
		},
		{
			Name: "keep.capitalize", Params: "(string)",
			Doc:     "The text with its first letter in upper case and all others in lower case.",
			Example: "keep.capitalize('hELLO wORLD') == 'Hello world'",
			Call:    func(_ context.Context, a *Args) any { return capitalized(a.String(0)) },
		},
		{
			Name: "keep.title", Params: "(string)",
			Doc:     "The text with every word capitalised; a word begins behind anything that is no letter.",
			Example: `keep.title("two words-and o'clock") == "Two Words-And O'Clock"`,
			Call:    func(_ context.Context, a *Args) any { return titled(a.String(0)) },
		},
		{
			Name: "keep.strip", Params: "(string)",
			Doc:     "The text without white space at its ends.",
			Example: "keep.strip('  pad ') == 'pad'",
			Call:    func(_ context.Context, a *Args) any { return strings.TrimSpace(a.String(0)) },
		},
		{
			Name: "keep.split", Params: "(string, delimiter)",
			Doc:     "The list of the parts between the delimiters; white space at the ends is taken off first.",
			Example: "keep.split('a;b;c', ';') == ['a', 'b', 'c']",
			Call:    func(_ context.Context, a *Args) any { return stringParts(a) },
		},
		{
			Name: "keep.replace", Params: "(string, old, new)",
			Doc:     "The text with every old replaced by new.",
			Example: "keep.replace('10.0.0.1', '.', '-') == '10-0-0-1'",
			Call:    func(_ context.Context, a *Args) any { return replaceText(a, a.String(0), a.String(1), a.String(2)) },
		},
		{
			Name: "keep.remove_newlines", Params: "(string='')",
			Doc:     "The text without line breaks and tabs.",
			Example: `keep.remove_newlines("a\nb\tc") == 'abc'`,
			Call: func(_ context.Context, a *Args) any {
				return strings.NewReplacer("\r\n", "", "\n", "", "\t", "").Replace(a.String(0))
			},
		},
		{
			Name: "keep.encode", Params: "(string)",
			Doc:     "The text percent-encoded for a URL; letters, digits and _.-~/ stay.",
			Example: "keep.encode('a/b c?d=é') == 'a/b%20c%3Fd%3D%C3%A9'",
			Call:    func(_ context.Context, a *Args) any { return percentEncoded(a.String(0)) },
		},
		{
			Name: "keep.slice", Params: "(str_to_slice, start=0, end=0)",
			Doc:     "The characters (or elements of a list) from start up to end; an end of 0 is the end of the text, and negative positions count from there.",
			Example: "keep.slice('keepalive', 4) == 'alive' and keep.slice('keepalive', 1, 3) == 'ee'",
			Call:    func(_ context.Context, a *Args) any { return sliceOf(a) },
		},
		{
			Name: "keep.eq", Params: "(a, b)",
			Doc:     "Whether both are equal; a number, boolean or date also equals its text.",
			Example: "keep.eq(5, '5') and not keep.eq('a', 'b')",
			Call:    func(_ context.Context, a *Args) any { return a.same(a.Any(0), a.Any(1)) },
		},
	}
}

// upperCase is s in upper case, in which some letters are two.
func upperCase(s string) string { return strings.ToUpper(doubled().Replace(s)) }

// doubled writes out the small letters that have no capital of their own.
var doubled = sync.OnceValue(func() *strings.Replacer {
	return strings.NewReplacer("ß", "ss", "ŉ", "ʼn", "ﬀ", "ff", "ﬁ", "fi", "ﬂ", "fl", "ﬃ", "ffi", "ﬄ", "ffl", "ﬅ", "st", "ﬆ", "st")
})

func capitalized(s string) string {
	r, size := utf8.DecodeRuneInString(s)
	if size == 0 {
		return ""
	}
	return titleCase(r) + strings.ToLower(s[size:])
}

// titleCase is the letter as a word begins with it.
func titleCase(r rune) string {
	letters := doubled().Replace(string(r))
	first, size := utf8.DecodeRuneInString(letters)
	return string(unicode.ToTitle(first)) + letters[size:]
}

func titled(s string) string {
	var b strings.Builder
	inWord := false
	for _, r := range s {
		if inWord {
			b.WriteRune(unicode.ToLower(r))
		} else {
			b.WriteString(titleCase(r))
		}
		inWord = unicode.IsLetter(r)
	}
	return b.String()
}

func stringParts(a *Args) any {
	delimiter := a.String(1)
	if delimiter == "" {
		return a.Fail("the delimiter is empty")
	}
	parts := strings.Split(strings.TrimSpace(a.String(0)), delimiter)
	list := make([]any, len(parts))
	for i, part := range parts {
		list[i] = part
	}
	return list
}

func replaceText(a *Args, s, from, to string) any {
	grown := strings.Count(s, from) * (len(to) - len(from))
	if grown > 0 && len(s)+grown > maxString {
		return a.tooLong()
	}
	return strings.ReplaceAll(s, from, to)
}

// tooLong refuses a result above maxString.
func (a *Args) tooLong() any {
	return a.Fail("the result would be longer than %d MiB", maxString>>20)
}

func percentEncoded(s string) string {
	const hex = "0123456789ABCDEF"
	out := make([]byte, 0, len(s))
	for i := range len(s) {
		switch c := s[i]; {
		case c|0x20 >= 'a' && c|0x20 <= 'z', c >= '0' && c <= '9', strings.IndexByte("_.-~/", c) >= 0:
			out = append(out, c)
		default:
			out = append(out, '%', hex[c>>4], hex[c&0xf])
		}
	}
	return string(out)
}

func sliceOf(a *Args) any {
	start, end := a.Int(1), a.Int(2)
	switch v := a.Any(0).(type) {
	case []any:
		from, to := sliceBounds(start, end, len(v))
		return v[from:to:to]
	case value.Tuple:
		from, to := sliceBounds(start, end, len(v))
		return v[from:to:to]
	}
	s := []rune(a.String(0))
	from, to := sliceBounds(start, end, len(s))
	return string(s[from:to])
}

// sliceBounds are Python's s[start:end], with 0 as no end.
func sliceBounds(start, end, n int) (from, to int) {
	if end == 0 {
		end = n
	}
	clamp := func(i int) int {
		if i < 0 {
			i += n
		}
		return min(max(i, 0), n)
	}
	from = clamp(start)
	return from, max(from, clamp(end))
}

// printed is v as Python's str prints what a function holds: nil is "None".
func printed(v any) string {
	if v == nil {
		return "None"
	}
	return value.Text(v)
}

// same says that two arguments are equal; where texts are no more than texts, as they
// were given.
func (a *Args) same(x, y any) bool {
	if a.keep {
		return value.Equal(x, y)
	}
	return sameText(x, y)
}

// sameText says that two values are equal, or that one is the text of the other:
// Keep's functions see literals as text.
func sameText(x, y any) bool {
	if value.Equal(x, y) {
		return true
	}
	s, ok := x.(string)
	if !ok {
		if s, ok = y.(string); !ok {
			return false
		}
		y = x
	}
	if y == nil {
		return s == "" || s == "None"
	}
	return value.Text(y) == s
}
