package templating

import (
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base32"
	"encoding/base64"
	"fmt"
	"hash/adler32"
	paths "path"
	"strconv"
	"strings"

	"github.com/huandu/xstrings"
)

// sprigTexts read and change texts.
func sprigTexts() []sprigRow {
	return []sprigRow{
		{
			name: "abbrev", params: "(width, text)",
			doc:     `The text cut to a width, with "..." at its end.`,
			example: `{{ "hello world" | abbrev 5 }} == "he..."`,
			fn:      abbreviated,
		},
		{
			name: "abbrevboth", params: "(left, right, text)",
			doc:     `The text from one position on cut to a width, with "..." at both ends.`,
			example: `{{ "1234 5678 9123" | abbrevboth 5 10 }} == "...5678..."`,
			fn:      abbreviatedBoth,
		},
		{
			name: "trunc", params: "(length, text)",
			doc:     "The first characters of the text, or the last ones for a negative length.",
			example: `{{ "hello world" | trunc 5 }} == "hello"`,
			fn:      cut,
		},
		{
			name: "trim", params: "(text)",
			doc:     "The text without white space at its ends.",
			example: `{{ "  pad " | trim }} == "pad"`,
			fn:      strings.TrimSpace,
		},
		{
			name: "trimAll", params: "(characters, text)",
			doc:     "The text without these characters at its ends.",
			example: `{{ "$5.00" | trimAll "$" }} == "5.00"`,
			more:    "trimall",
			fn:      func(set, text string) string { return strings.Trim(text, set) },
		},
		{
			name: "trimPrefix", params: "(prefix, text)",
			doc:     "The text without this prefix.",
			example: `{{ "-x" | trimPrefix "-" }} == "x"`,
			fn:      func(prefix, text string) string { return strings.TrimPrefix(text, prefix) },
		},
		{
			name: "trimSuffix", params: "(suffix, text)",
			doc:     "The text without this suffix.",
			example: `{{ "x-" | trimSuffix "-" }} == "x"`,
			fn:      func(suffix, text string) string { return strings.TrimSuffix(text, suffix) },
		},
		{
			name: "upper", params: "(text)",
			doc:     "The text in upper case.",
			example: `{{ "disk" | upper }} == "DISK"`,
			fn:      strings.ToUpper,
		},
		{
			name: "lower", params: "(text)",
			doc:     "The text in lower case.",
			example: `{{ "DISK" | lower }} == "disk"`,
			fn:      strings.ToLower,
		},
		{
			name: "title", params: "(text)",
			doc:     "The text with its words capitalised.",
			example: `{{ "disk full" | title }} == "Disk Full"`,
			fn:      wordsTitled,
		},
		{
			name: "untitle", params: "(text)",
			doc:     "The text with its words beginning in lower case.",
			example: `{{ "Disk Full" | untitle }} == "disk full"`,
			fn:      untitled,
		},
		{
			name: "substr", params: "(start, end, text)",
			doc:     "The bytes from start up to end; a negative end is the end of the text.",
			example: `{{ "hello world" | substr 0 5 }} == "hello"`,
			fn:      part,
		},
		{
			name: "nospace", params: "(text)",
			doc:     "The text without white space.",
			example: `{{ "h e l l o" | nospace }} == "hello"`,
			fn:      withoutSpace,
		},
		{
			name: "initials", params: "(text)",
			doc:     "The first letters of the words.",
			example: `{{ "First Try" | initials }} == "FT"`,
			fn:      initials,
		},
		{
			name: "swapcase", params: "(text)",
			doc:     "The text with upper and lower case swapped.",
			example: `{{ "Disk Full" | swapcase }} == "dISK fULL"`,
			fn:      swapped,
		},
		{
			name: "snakecase", params: "(text)",
			doc:     "The words in lower case with underscores between.",
			example: `{{ "FirstName" | snakecase }} == "first_name"`,
			fn:      xstrings.ToSnakeCase,
		},
		{
			name: "camelcase", params: "(text)",
			doc:     "The words capitalised, in one word.",
			example: `{{ "http_server" | camelcase }} == "HttpServer"`,
			fn:      xstrings.ToPascalCase,
		},
		{
			name: "kebabcase", params: "(text)",
			doc:     "The words in lower case with hyphens between.",
			example: `{{ "FirstName" | kebabcase }} == "first-name"`,
			fn:      xstrings.ToKebabCase,
		},
		{
			name: "wrap", params: "(width, text)",
			doc:     "The text with line breaks at a width.",
			example: `{{ "one two" | wrap 3 }} == "one\ntwo"`,
			fn:      wrapped,
		},
		{
			name: "wrapWith", params: "(width, separator, text)",
			doc:     "The text with a separator at a width.",
			example: `{{ "one two" | wrapWith 3 "/" }} == "one/two"`,
			size:    wrappedSize,
			fn:      wrappedWith,
		},
		{
			name: "contains", params: "(part, text)",
			doc:     "Whether the text contains the part.",
			example: `{{ "disk full" | contains "full" }}`,
			fn:      func(part, text string) bool { return strings.Contains(text, part) },
		},
		{
			name: "hasPrefix", params: "(prefix, text)",
			doc:     "Whether the text begins with the prefix.",
			example: `{{ "disk full" | hasPrefix "disk" }}`,
			fn:      func(prefix, text string) bool { return strings.HasPrefix(text, prefix) },
		},
		{
			name: "hasSuffix", params: "(suffix, text)",
			doc:     "Whether the text ends with the suffix.",
			example: `{{ "disk full" | hasSuffix "full" }}`,
			fn:      func(suffix, text string) bool { return strings.HasSuffix(text, suffix) },
		},
		{
			name: "quote", params: "(*values)",
			doc:     "The values in double quotes.",
			example: `{{ "a" | quote }} == '"a"'`,
			printed: true,
			fn:      inQuotes(strconv.Quote),
		},
		{
			name: "squote", params: "(*values)",
			doc:     "The values in single quotes.",
			example: `{{ "a" | squote }} == "'a'"`,
			printed: true,
			fn:      inQuotes(func(text string) string { return "'" + text + "'" }),
		},
		{
			name: "cat", params: "(*values)",
			doc:     "The values with a space between.",
			example: `{{ "world" | cat "hello" }} == "hello world"`,
			printed: true,
			fn:      func(values ...any) string { return strings.Join(texts(values), " ") },
		},
		{
			name: "repeat", params: "(count, text)",
			doc:     "The text so many times, at most 256 KiB of it.",
			example: `{{ "ab" | repeat 3 }} == "ababab"`,
			size:    func(a *Args) float64 { return float64(a.Int(0)) * float64(len(a.String(1))) },
			fn:      repeated,
		},
		{
			name: "indent", params: "(spaces, text)",
			doc:     "Every line of the text with so many spaces in front.",
			example: `{{ "x" | indent 2 }} == "  x"`,
			size:    func(a *Args) float64 { return float64(a.Int(0)) * float64(1+strings.Count(a.String(1), "\n")) },
			fn:      indentedBy,
		},
		{
			name: "nindent", params: "(spaces, text)",
			doc:     "A line break, and every line of the text with so many spaces in front.",
			example: `{{ "x" | nindent 2 }} == "\n  x"`,
			size:    func(a *Args) float64 { return float64(a.Int(0)) * float64(1+strings.Count(a.String(1), "\n")) },
			fn:      indentedLine,
		},
		{
			name: "replace", params: "(old, new, text)",
			doc:     "The text with every old replaced by new.",
			example: `{{ "a b c" | replace " " "-" }} == "a-b-c"`,
			call:    func(a *Args) any { return replaceText(a, a.String(2), a.String(0), a.String(1)) },
		},
		{
			name: "plural", params: "(one, many, count)",
			doc:     "The first text if the count is 1, else the second.",
			example: `{{ 2 | plural "alert" "alerts" }} == "alerts"`,
			fn:      numberOf,
		},
		{
			name: "toString", params: "(value)",
			doc:     "The value as text.",
			example: `{{ 5 | toString }} == "5"`,
			call:    func(a *Args) any { return a.String(0) },
		},
		{
			name: "atoi", params: "(text)",
			doc:     "The text as an integer; 0 if it is none.",
			example: `{{ "12" | atoi }} == 12`,
			fn:      func(text string) int { n, _ := strconv.Atoi(text); return n },
		},
		{
			name: "base", params: "(path)",
			doc:     "The last part of a path.",
			example: `{{ "a/b.txt" | base }} == "b.txt"`,
			more:    "osBase",
			fn:      paths.Base,
		},
		{
			name: "dir", params: "(path)",
			doc:     "The path without its last part.",
			example: `{{ "a/b.txt" | dir }} == "a"`,
			more:    "osDir",
			fn:      paths.Dir,
		},
		{
			name: "clean", params: "(path)",
			doc:     "The shortest path that means the same.",
			example: `{{ "a/../b" | clean }} == "b"`,
			more:    "osClean",
			fn:      paths.Clean,
		},
		{
			name: "ext", params: "(path)",
			doc:     "The extension of a path.",
			example: `{{ "a/b.txt" | ext }} == ".txt"`,
			more:    "osExt",
			fn:      paths.Ext,
		},
		{
			name: "isAbs", params: "(path)",
			doc:     "Whether the path begins at the root.",
			example: `{{ "/a" | isAbs }}`,
			more:    "osIsAbs",
			fn:      paths.IsAbs,
		},
	}
}

// wrappedSize bounds what the separators add: two lines together are longer than the
// width.
func wrappedSize(a *Args) float64 {
	breaks := 2*len(a.String(2))/max(1, a.Int(0)) + 2
	return float64(breaks) * float64(len(a.String(1)))
}

// sprigCodes encode, decode and sum.
func sprigCodes() []sprigRow {
	return []sprigRow{
		{
			name: "b64enc", params: "(text)",
			doc:     "The text in base64.",
			example: `{{ "hi" | b64enc }} == "aGk="`,
			fn:      func(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) },
		},
		{
			name: "b64dec", params: "(text)",
			doc:     "The text that the base64 says.",
			example: `{{ "aGk=" | b64dec }} == "hi"`,
			call:    base64Decoded,
		},
		{
			name: "b32enc", params: "(text)",
			doc:     "The text in base32.",
			example: `{{ "hi" | b32enc }} == "NBUQ===="`,
			fn:      func(text string) string { return base32.StdEncoding.EncodeToString([]byte(text)) },
		},
		{
			name: "b32dec", params: "(text)",
			doc:     "The text that the base32 says.",
			example: `{{ "NBUQ====" | b32dec }} == "hi"`,
			call:    base32Decoded,
		},
		{
			name: "sha1sum", params: "(text)",
			doc:     "The SHA-1 of the text, in hexadecimal digits.",
			example: `{{ "" | sha1sum | trunc 7 }} == "da39a3e"`,
			fn:      func(text string) string { return fmt.Sprintf("%x", sha1.Sum([]byte(text))) },
		},
		{
			name: "sha256sum", params: "(text)",
			doc:     "The SHA-256 of the text, in hexadecimal digits.",
			example: `{{ "" | sha256sum | trunc 7 }} == "e3b0c44"`,
			fn:      func(text string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(text))) },
		},
		{
			name: "sha512sum", params: "(text)",
			doc:     "The SHA-512 of the text, in hexadecimal digits.",
			example: `{{ "" | sha512sum | trunc 7 }} == "cf83e13"`,
			fn:      func(text string) string { return fmt.Sprintf("%x", sha512.Sum512([]byte(text))) },
		},
		{
			name: "adler32sum", params: "(text)",
			doc:     "The Adler-32 of the text, as a decimal number.",
			example: `{{ "hi" | adler32sum }} == "20644050"`,
			fn:      func(text string) string { return fmt.Sprint(adler32.Checksum([]byte(text))) },
		},
	}
}
