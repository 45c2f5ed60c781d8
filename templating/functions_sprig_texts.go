package templating

import "strings"

// sprigTexts read and change texts.
func sprigTexts() []sprigRow {
	return []sprigRow{
		{
			name: "abbrev", params: "(width, text)",
			doc:     `The text cut to a width, with "..." at its end.`,
			example: `{{ "hello world" | abbrev 5 }} == "he..."`,
		},
		{
			name: "abbrevboth", params: "(left, right, text)",
			doc:     `The text from one position on cut to a width, with "..." at both ends.`,
			example: `{{ "1234 5678 9123" | abbrevboth 5 10 }} == "...5678..."`,
		},
		{
			name: "trunc", params: "(length, text)",
			doc:     "The first characters of the text, or the last ones for a negative length.",
			example: `{{ "hello world" | trunc 5 }} == "hello"`,
		},
		{
			name: "trim", params: "(text)",
			doc:     "The text without white space at its ends.",
			example: `{{ "  pad " | trim }} == "pad"`,
		},
		{
			name: "trimAll", params: "(characters, text)",
			doc:     "The text without these characters at its ends.",
			example: `{{ "$5.00" | trimAll "$" }} == "5.00"`,
			more:    "trimall",
		},
		{
			name: "trimPrefix", params: "(prefix, text)",
			doc:     "The text without this prefix.",
			example: `{{ "-x" | trimPrefix "-" }} == "x"`,
		},
		{
			name: "trimSuffix", params: "(suffix, text)",
			doc:     "The text without this suffix.",
			example: `{{ "x-" | trimSuffix "-" }} == "x"`,
		},
		{
			name: "upper", params: "(text)",
			doc:     "The text in upper case.",
			example: `{{ "disk" | upper }} == "DISK"`,
		},
		{
			name: "lower", params: "(text)",
			doc:     "The text in lower case.",
			example: `{{ "DISK" | lower }} == "disk"`,
		},
		{
			name: "title", params: "(text)",
			doc:     "The text with its words capitalised.",
			example: `{{ "disk full" | title }} == "Disk Full"`,
		},
		{
			name: "untitle", params: "(text)",
			doc:     "The text with its words beginning in lower case.",
			example: `{{ "Disk Full" | untitle }} == "disk full"`,
		},
		{
			name: "substr", params: "(start, end, text)",
			doc:     "The bytes from start up to end; a negative end is the end of the text.",
			example: `{{ "hello world" | substr 0 5 }} == "hello"`,
		},
		{
			name: "nospace", params: "(text)",
			doc:     "The text without white space.",
			example: `{{ "h e l l o" | nospace }} == "hello"`,
		},
		{
			name: "initials", params: "(text)",
			doc:     "The first letters of the words.",
			example: `{{ "First Try" | initials }} == "FT"`,
		},
		{
			name: "swapcase", params: "(text)",
			doc:     "The text with upper and lower case swapped.",
			example: `{{ "Disk Full" | swapcase }} == "dISK fULL"`,
		},
		{
			name: "snakecase", params: "(text)",
			doc:     "The words in lower case with underscores between.",
			example: `{{ "FirstName" | snakecase }} == "first_name"`,
		},
		{
			name: "camelcase", params: "(text)",
			doc:     "The words capitalised, in one word.",
			example: `{{ "http_server" | camelcase }} == "HttpServer"`,
		},
		{
			name: "kebabcase", params: "(text)",
			doc:     "The words in lower case with hyphens between.",
			example: `{{ "FirstName" | kebabcase }} == "first-name"`,
		},
		{
			name: "wrap", params: "(width, text)",
			doc:     "The text with line breaks at a width.",
			example: `{{ "one two" | wrap 3 }} == "one\ntwo"`,
		},
		{
			name: "wrapWith", params: "(width, separator, text)",
			doc:     "The text with a separator at a width.",
			example: `{{ "one two" | wrapWith 3 "/" }} == "one/two"`,
			size:    wrappedSize,
		},
		{
			name: "contains", params: "(part, text)",
			doc:     "Whether the text contains the part.",
			example: `{{ "disk full" | contains "full" }}`,
		},
		{
			name: "hasPrefix", params: "(prefix, text)",
			doc:     "Whether the text begins with the prefix.",
			example: `{{ "disk full" | hasPrefix "disk" }}`,
		},
		{
			name: "hasSuffix", params: "(suffix, text)",
			doc:     "Whether the text ends with the suffix.",
			example: `{{ "disk full" | hasSuffix "full" }}`,
		},
		{
			name: "quote", params: "(*values)",
			doc:     "The values in double quotes.",
			example: `{{ "a" | quote }} == '"a"'`,
			printed: true,
		},
		{
			name: "squote", params: "(*values)",
			doc:     "The values in single quotes.",
			example: `{{ "a" | squote }} == "'a'"`,
			printed: true,
		},
		{
			name: "cat", params: "(*values)",
			doc:     "The values with a space between.",
			example: `{{ "world" | cat "hello" }} == "hello world"`,
			printed: true,
		},
		{
			name: "repeat", params: "(count, text)",
			doc:     "The text so many times, at most 256 KiB of it.",
			example: `{{ "ab" | repeat 3 }} == "ababab"`,
			size:    func(a *Args) float64 { return float64(a.Int(0)) * float64(len(a.String(1))) },
		},
		{
			name: "indent", params: "(spaces, text)",
			doc:     "Every line of the text with so many spaces in front.",
			example: `{{ "x" | indent 2 }} == "  x"`,
			size:    func(a *Args) float64 { return float64(a.Int(0)) * float64(1+strings.Count(a.String(1), "\n")) },
		},
		{
			name: "nindent", params: "(spaces, text)",
			doc:     "A line break, and every line of the text with so many spaces in front.",
			example: `{{ "x" | nindent 2 }} == "\n  x"`,
			size:    func(a *Args) float64 { return float64(a.Int(0)) * float64(1+strings.Count(a.String(1), "\n")) },
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
		},
		{
			name: "base", params: "(path)",
			doc:     "The last part of a path.",
			example: `{{ "a/b.txt" | base }} == "b.txt"`,
			more:    "osBase",
		},
		{
			name: "dir", params: "(path)",
			doc:     "The path without its last part.",
			example: `{{ "a/b.txt" | dir }} == "a"`,
			more:    "osDir",
		},
		{
			name: "clean", params: "(path)",
			doc:     "The shortest path that means the same.",
			example: `{{ "a/../b" | clean }} == "b"`,
			more:    "osClean",
		},
		{
			name: "ext", params: "(path)",
			doc:     "The extension of a path.",
			example: `{{ "a/b.txt" | ext }} == ".txt"`,
			more:    "osExt",
		},
		{
			name: "isAbs", params: "(path)",
			doc:     "Whether the path begins at the root.",
			example: `{{ "/a" | isAbs }}`,
			more:    "osIsAbs",
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
		},
		{
			name: "sha256sum", params: "(text)",
			doc:     "The SHA-256 of the text, in hexadecimal digits.",
			example: `{{ "" | sha256sum | trunc 7 }} == "e3b0c44"`,
		},
		{
			name: "sha512sum", params: "(text)",
			doc:     "The SHA-512 of the text, in hexadecimal digits.",
			example: `{{ "" | sha512sum | trunc 7 }} == "cf83e13"`,
		},
		{
			name: "adler32sum", params: "(text)",
			doc:     "The Adler-32 of the text, as a decimal number.",
			example: `{{ "hi" | adler32sum }} == "20644050"`,
		},
	}
}
