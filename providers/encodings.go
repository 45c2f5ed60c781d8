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
	add := func(forms ...string) {
		for _, s := range forms {
			if len(s) >= shortest {
				all[s] = true
			}
		}
	}
	for _, secret := range secretParts(texts) {
		add(secret)
		add(base64s(secret)...)
		add(hexes(secret)...)
		for _, e := range escapes {
			if !e.leaves(secret) {
				add(e.of(secret)...)
			}
		}
	}
	return slices.Collect(maps.Keys(all))
}

// secretParts are the parts of all texts, each once.
func secretParts(texts []string) []string {
	var all []string
	for _, text := range texts {
		all = append(all, parts(text)...)
	}
	slices.Sort(all)
	return slices.Compact(all)
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

// An escape is a family of forms that leaves letters, digits and the characters of
// same as they are.
type escape struct {
	same string
	of   func(string) []string
}

// escapes are the forms that a secret is looked for in, besides base64 and hex.
var escapes = []escape{
	{"-_.", percent},
	{" !#$%'()*+,-./:;=?@[]^_`{|}~", jsons},
	{" !#$%'()*+,-.:;=?@[]^_`{|}~", slashed},
	{" !#$%()*+,-./:;=?@[\\]^_`{|}~", markup},
	{" !#$%&()*+,-./:;<=>?@[]^_`{|}~", python},
	{" !#$%&'()*+,-./:;<=>?@[]^_`{|}~", func(s string) []string {
		return []string{inner(strconv.Quote(s)), inner(strconv.QuoteToASCII(s))}
	}},
	{" !#$%&()*+,-./:;<=>?@[\\]^_`{|}~", quoted},
}

// leaves says that every form of s is s itself.
func (e escape) leaves(s string) bool {
	for i := range len(s) {
		if !plain(s[i], e.same) {
			return false
		}
	}
	return true
}

// plain says that c is a letter, a digit or one of safe.
func plain(c byte, safe string) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte(safe, c) >= 0
}

func hexes(s string) []string {
	h := hex.EncodeToString([]byte(s))
	return []string{h, strings.ToUpper(h)}
}

// unescaped are the characters that URL encoders leave as they are, beside letters and
// digits: those of a component, of Python's quote, of JavaScript's encodeURIComponent
// and encodeURI, of forms, and of Go's parts of a URL.
var unescaped = []string{
	"-_.~", "-_.", "-_.~/", "-_.~!*'()", "-_.~!*'();/?:@&=+$,#", "-_.*",
	"-_.~$&+=:@", "-_.~$&+=:@/;,", "-_.~$&+=;,", "-_.~$&+,/:;=?@!()*",
}

// percent is URL encoding in either case, and that of GitHub's annotations, which
// escape line breaks only.
func percent(s string) []string {
	var all []string
	for _, safe := range unescaped {
		if p := percented(s, safe); !slices.Contains(all, p) {
			all = append(all, p)
		}
	}
	for _, a := range all {
		all = append(all, lowerHex(a))
	}
	for _, a := range all {
		all = append(all, strings.ReplaceAll(a, "%20", "+"))
	}
	annotation := strings.ReplaceAll(strings.ReplaceAll(strings.ReplaceAll(s, "%", "%25"), "\r", "%0D"), "\n", "%0A")
	property := strings.ReplaceAll(strings.ReplaceAll(annotation, ":", "%3A"), ",", "%2C")
	return append(all, annotation, property)
}

// percented writes every byte as %XX but letters, digits and those of safe.
func percented(s, safe string) string {
	const digits = "0123456789ABCDEF"
	b := make([]byte, 0, 3*len(s))
	for i := range len(s) {
		if c := s[i]; plain(c, safe) {
			b = append(b, c)
		} else {
			b = append(b, '%', digits[c>>4], digits[c&15])
		}
	}
	return string(b)
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
// only), and JSON within JSON.
func jsons(s string) []string {
	text, err := json.Marshal(s)
	if err != nil {
		return nil
	}
	escaped := inner(string(text))
	plain := inner(string(value.AppendJSON(nil, s)))
	all := []string{escaped, plain, ascii(plain), ascii(escaped)}
	for _, a := range all {
		again, err := json.Marshal(a)
		if err == nil {
			all = append(all, inner(string(again)))
		}
	}
	return all
}

// slashed is JSON as PHP writes it: "/" is "\/".
func slashed(s string) []string {
	escaped := strings.ReplaceAll(inner(string(value.AppendJSON(nil, s))), "/", `\/`)
	return []string{escaped, ascii(escaped)}
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
