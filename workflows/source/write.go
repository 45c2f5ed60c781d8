package source

import (
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"unicode"

	"tocsin/templating/value"
)

// AppendYAML appends v to b as a YAML document in block style: mappings in their order,
// texts in quotes where they would be read as something else, and as blocks where they
// have several lines. Parse reads the same value back. comment, which may be nil, gives
// the comments that stand above the entry or item at a path such as
// "workflow.triggers.0.with"; "" is the top.
//
// What is no data of package value, such as a time, is written as its text.
func AppendYAML(b []byte, v Value, comment func(path string) []string) []byte {
	w := yamlWriter{b: b, comment: comment}
	w.comments("", 0)
	switch v.Data.(type) {
	case Map, []Value:
		w.block("", v, 0, false)
	default:
		w.value("", v, 0)
	}
	return w.b
}

// A yamlWriter writes one document.
type yamlWriter struct {
	b       []byte
	comment func(path string) []string
}

// comments writes what is to be said above the place of path.
func (w *yamlWriter) comments(path string, indent int) {
	if w.comment == nil {
		return
	}
	for _, text := range w.comment(path) {
		for line := range strings.SplitSeq(text, "\n") {
			w.indent(indent)
			w.b = append(append(w.b, strings.TrimRight("# "+oneLine(line), " ")...), '\n')
		}
	}
}

// oneLine is a comment's line without what would end it or may not stand in a file.
func oneLine(line string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, line)
}

func (w *yamlWriter) indent(n int) {
	for range n {
		w.b = append(w.b, ' ')
	}
}

// block writes a mapping or list that is not empty, a line for each entry. begun says
// that the first line has its indent already, behind the "- " of a list.
func (w *yamlWriter) block(path string, v Value, indent int, begun bool) {
	below := func(key string) string {
		if path == "" {
			return key
		}
		return path + "." + key
	}
	switch data := v.Data.(type) {
	case Map:
		for i, e := range data {
			at := below(e.Key)
			if i > 0 || !begun {
				w.comments(at, indent)
				w.indent(indent)
			}
			w.key(e.Key, indent)
			w.value(at, e.Value, indent)
		}
	case []Value:
		for i, item := range data {
			at := below(strconv.Itoa(i))
			if i > 0 || !begun {
				w.comments(at, indent)
				w.indent(indent)
			}
			w.b = append(w.b, '-')
			w.item(at, item, indent)
		}
	}
}

// maxSimpleKey is how long a key before its colon may be; YAML 1.1 has 1,024 characters.
const maxSimpleKey = 1000

// key writes "key:", and a key that is too long for that behind a question mark.
func (w *yamlWriter) key(text string, indent int) {
	k := key(text)
	if len(k) > maxSimpleKey {
		w.b = append(append(append(w.b, "? "...), k...), '\n')
		w.indent(indent)
		k = ""
	}
	w.b = append(append(w.b, k...), ':')
}

// value writes what follows "key:".
func (w *yamlWriter) value(path string, v Value, indent int) {
	if empty(v) || !composite(v) {
		w.scalar(v, indent)
		return
	}
	w.b = append(w.b, '\n')
	w.block(path, v, indent+2, false)
}

// item writes what follows "-". A mapping begins in the same line, unless something is
// to be said about its first entry.
func (w *yamlWriter) item(path string, v Value, indent int) {
	m, isMap := v.Data.(Map)
	if isMap && len(m) > 0 && (w.comment == nil || len(w.comment(path+"."+m[0].Key)) == 0) {
		w.b = append(w.b, ' ')
		w.block(path, v, indent+2, true)
		return
	}
	w.value(path, v, indent)
}

func composite(v Value) bool {
	switch v.Data.(type) {
	case Map, []Value:
		return true
	}
	return false
}

func empty(v Value) bool {
	switch data := v.Data.(type) {
	case Map:
		return len(data) == 0
	case []Value:
		return len(data) == 0
	}
	return false
}

func key(text string) string {
	if text == "<<" { // merges
		return inQuotes(text)
	}
	return scalar(text)
}

// scalar writes " VALUE" and a line break.
func (w *yamlWriter) scalar(v Value, indent int) {
	w.b = append(w.b, ' ')
	switch data := v.Data.(type) {
	case nil:
		w.b = append(w.b, "null"...)
	case Map:
		w.b = append(w.b, "{}"...)
	case []Value:
		w.b = append(w.b, "[]"...)
	case bool:
		w.b = strconv.AppendBool(w.b, data)
	case int64:
		w.b = strconv.AppendInt(w.b, data, 10)
	case *big.Int:
		w.b = data.Append(w.b, 10)
	case float64:
		w.b = append(w.b, decimal(data)...)
	case string:
		if blocky(data) {
			w.lines(data, indent+2)
			return
		}
		w.b = append(w.b, scalar(data)...)
	default:
		w.b = append(w.b, inQuotes(value.Text(v.Data))...)
	}
	w.b = append(w.b, '\n')
}

// decimal is f so that it is read as a float again.
func decimal(f float64) string {
	switch {
	case math.IsNaN(f):
		return ".nan"
	case math.IsInf(f, 1):
		return ".inf"
	case math.IsInf(f, -1):
		return "-.inf"
	}
	text := strconv.FormatFloat(f, 'g', -1, 64)
	mantissa, exponent, scientific := strings.Cut(text, "e")
	if !strings.Contains(mantissa, ".") {
		mantissa += ".0"
	}
	if scientific {
		return mantissa + "e" + exponent
	}
	return mantissa
}

// scalar is a text as a scalar in one line: plain where it is read as the same text.
func scalar(text string) string {
	if v, ok := Scalar(text); ok && v == text && plainly(text) {
		return text
	}
	return inQuotes(text)
}

// plainly says that nobody will wonder where a text without quotes ends, whoever reads
// the file.
func plainly(text string) bool {
	for _, word := range []string{"y", "n", "yes", "no", "on", "off", "true", "false", "null"} {
		if strings.EqualFold(text, word) {
			return false
		}
	}
	for i, r := range text {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r == '_' || r == '/'
		if !letter && (i == 0 || !strings.ContainsRune("0123456789-. :@+=?", r)) {
			return false
		}
	}
	return text != "" && !strings.Contains(text, ": ") && !strings.HasSuffix(text, ":") && !strings.HasSuffix(text, " ")
}

// inQuotes is a text in quotes: in single ones where there is something to escape in
// double ones, and nothing that needs it.
func inQuotes(text string) string {
	if strings.ContainsAny(text, `"\`) && strings.IndexFunc(text, unprintable) < 0 {
		return "'" + strings.ReplaceAll(text, "'", "''") + "'"
	}
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range text {
		switch {
		case r == '"' || r == '\\':
			b.WriteRune('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == '\r':
			b.WriteString(`\r`)
		case !unprintable(r):
			b.WriteRune(r)
		case r > 0xFFFF:
			fmt.Fprintf(&b, `\U%08X`, r)
		default:
			fmt.Fprintf(&b, `\u%04X`, r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

func unprintable(r rune) bool { return !unicode.IsPrint(r) || r == '\uFEFF' }

// blocky says that a text is best read, and read the same, as a block of lines.
func blocky(text string) bool {
	if !strings.Contains(strings.TrimRight(text, "\n"), "\n") || strings.HasPrefix(text, " ") || strings.HasPrefix(text, "\n") {
		return false
	}
	for line := range strings.SplitSeq(text, "\n") {
		if strings.HasSuffix(line, " ") || strings.IndexFunc(line, unprintable) >= 0 {
			return false
		}
	}
	return true
}

// lines writes a text as a block.
func (w *yamlWriter) lines(text string, indent int) {
	body := strings.TrimRight(text, "\n")
	w.b = append(w.b, '|')
	switch len(text) - len(body) {
	case 0:
		w.b = append(w.b, '-')
	case 1:
	default:
		w.b = append(w.b, '+')
	}
	w.b = append(w.b, '\n')
	for line := range strings.SplitSeq(strings.TrimSuffix(text, "\n"), "\n") {
		if line != "" {
			w.indent(indent)
		}
		w.b = append(append(w.b, line...), '\n')
	}
}
