package providers

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"html"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"

	"tocsin/templating/value"
)

// encodings are the texts as they may come out: as they are, and in every form that a
// program or a vendor is likely to write them in. None is shorter than four bytes.
func encodings(texts []string) []string {
	all := map[string]bool{}
	add := func(s string) {
		if len(s) >= shortest {
			all[s] = true
		}
	}
	for _, text := range texts {
		for _, secret := range parts(text) {
			add(secret)
			for _, encode := range encoders {
				for _, s := range encode(secret) {
					add(s)
				}
			}
		}
	}
	return slices.Collect(maps.Keys(all))
}

// long is the length from which on a part of a secret is one itself.
const long = 8

// parts are the text and what of it may appear without the rest: it without space
// around it, each line of several, and of a URL what is not merely an address.
func parts(text string) []string {
	all := []string{text, strings.TrimSpace(text)}
	if strings.Contains(text, "\n") {
		for line := range strings.Lines(text) {
			if line = strings.TrimSpace(line); len(line) >= long {
				all = append(all, line)
			}
		}
	}
	all = append(all, ofURL(text)...)
	return slices.DeleteFunc(all, func(s string) bool { return len(s) < shortest })
}

// ofURL are the secret parts of a URL: password, path, query and its values.
func ofURL(text string) []string {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		return nil
	}
	var all []string
	if password, ok := u.User.Password(); ok {
		all = append(all, password)
	}
	longer := []string{u.Path, u.EscapedPath(), u.RequestURI(), u.RawQuery, strings.TrimPrefix(u.Path, "/")}
	longer = append(longer, u.Path[strings.LastIndexByte(u.Path, '/')+1:])
	for _, values := range u.Query() {
		longer = append(longer, values...)
	}
	for _, s := range longer {
		if len(s) >= long {
			all = append(all, s)
		}
	}
	return all
}

// encoders are the forms that a secret is looked for in.
var encoders = []func(string) []string{
	percent,
	base64s,
	func(s string) []string { h := hex.EncodeToString([]byte(s)); return []string{h, strings.ToUpper(h)} },
	jsons,
	markup,
	python,
	func(s string) []string { return []string{inner(strconv.Quote(s)), inner(strconv.QuoteToASCII(s))} },
	quoted,
}

// unescaped are the characters that URL encoders leave as they are, beside letters,
// digits and "-_.": those of a component, of Python's quote, of JavaScript's
// encodeURIComponent and encodeURI, of forms, and of Go's parts of a URL.
var unescaped = []string{"~", "", "~/", "~!*'()", "~!*'();/?:@&=+$,#", "*", "~$&+=:@", "~$&+=:@/;,", "~$&+=;,", "~$&+,/:;=?@!()*"}

// percent is URL encoding in either case, and that of GitHub's annotations, which
// escape line breaks only.
func percent(s string) []string {
	all := []string{url.QueryEscape(s)}
	for _, safe := range unescaped {
		all = append(all, escape(s, safe), strings.ReplaceAll(escape(s, safe), "%20", "+"))
	}
	for _, a := range all {
		all = append(all, lowerHex(a))
	}
	annotation := strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	property := strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
	return append(all, annotation.Replace(s), property.Replace(s))
}

// escape writes every byte as %XX but letters, digits, "-_." and those of safe.
func escape(s, safe string) string {
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-_.", c) >= 0 || strings.IndexByte(safe, c) >= 0 {
			b.WriteByte(c)
			continue
		}
		b.WriteByte('%')
		b.WriteString(strings.ToUpper(hex.EncodeToString([]byte{c})))
	}
	return b.String()
}

// lowerHex turns %2F into %2f.
func lowerHex(s string) string {
	b := []byte(s)
	for i := 0; i+2 < len(b); i++ {
		if b[i] == '%' {
			copy(b[i+1:], strings.ToLower(s[i+1:i+3]))
			i += 2
		}
	}
	return string(b)
}

// base64s is base64 in both alphabets, whole (padded and not) and as part of a longer
// text: at each of three offsets, those characters that depend on the secret only.
func base64s(s string) []string {
	var all []string
	for _, e := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding} {
		whole := e.EncodeToString([]byte(s))
		all = append(all, whole, strings.TrimRight(whole, "="))
		for before := range 3 {
			text := e.EncodeToString([]byte(strings.Repeat("\x00", before) + s))
			all = append(all, text[(before*8+5)/6:(before+len(s))*8/6])
		}
	}
	return all
}

// jsons is JSON as Go writes it (with and without <>& escaped), as Python does (ASCII
// only), as PHP does (\/), and JSON within JSON.
func jsons(s string) []string {
	text, err := json.Marshal(s)
	if err != nil {
		return nil
	}
	escaped := inner(string(text))
	plain := inner(string(value.AppendJSON(nil, s)))
	all := []string{escaped, plain, ascii(plain), ascii(escaped), strings.ReplaceAll(plain, "/", `\/`), strings.ReplaceAll(ascii(plain), "/", `\/`)}
	for _, a := range all[:4] {
		again, err := json.Marshal(a)
		if err == nil {
			all = append(all, inner(string(again)))
		}
	}
	return all
}

// ascii writes what is not ASCII as \uXXXX.
func ascii(s string) string {
	var b strings.Builder
	for _, r := range s {
		if r < 0x7f {
			b.WriteRune(r)
			continue
		}
		for _, unit := range utf16.Encode([]rune{r}) {
			b.WriteString(`\u` + hex.EncodeToString([]byte{byte(unit >> 8), byte(unit)}))
		}
	}
	return b.String()
}

// markup is HTML and XML as Go, Python, mustache and Slack escape them.
func markup(s string) []string {
	slack := strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")
	mustache := strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;")
	named := strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "'", "&#x27;")
	apos := strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "'", "&apos;")
	breaks := strings.NewReplacer("\t", "&#x9;", "\n", "&#xA;", "\r", "&#xD;")
	full := html.EscapeString(s)
	return []string{full, breaks.Replace(full), slack.Replace(s), mustache.Replace(s), named.Replace(s), apos.Replace(s)}
}

// python is repr, with either quote around, since that depends on the text about it.
func python(s string) []string {
	plain := inner(value.Repr(s))
	free := strings.ReplaceAll(plain, `\'`, `'`)
	return []string{plain, free, strings.ReplaceAll(free, `'`, `\'`), strings.ReplaceAll(free, `"`, `\"`)}
}

// quoted is quoting by doubling, as YAML and CSV do it, and the shell's.
func quoted(s string) []string {
	return []string{
		strings.ReplaceAll(s, "'", "''"),
		strings.ReplaceAll(s, `"`, `""`),
		strings.ReplaceAll(s, "'", `'\''`),
	}
}

// inner is a quoted text without its quotes.
func inner(s string) string {
	if len(s) < 2 {
		return s
	}
	return s[1 : len(s)-1]
}
