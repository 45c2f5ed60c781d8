package source

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Print writes the problems as a person wants to read them, sorted by place, with
// the lines they are about. A file that files does not have is shown without its lines; files may
// be nil. What a file or message has of control characters, a terminal does not get
// to see.
func Print(w io.Writer, files fs.FS, ps Problems) error {
	var b bytes.Buffer
	lines := excerpts{files: files}
	for i, p := range ps.sorted() {
		if i > 0 {
			b.WriteByte('\n')
		}
		p.print(&b, lines.of(p.Pos))
	}
	_, err := w.Write(b.Bytes())
	return err
}

func (p Problem) print(b *bytes.Buffer, line string) {
	if at := p.Pos.String(); at != "" {
		b.WriteString(clean(at) + ": ")
	}
	fmt.Fprintf(b, "%s: %s%s\n", p.severity(), clean(p.Message), p.tag())
	if line != "" && p.Code != PlainSecret { // a log is no place for it either
		p.printLine(b, line)
	}
	for _, h := range p.hints() {
		fmt.Fprintf(b, "hint: %s\n", clean(h))
	}
}

// tag is the code as a line ends with it: " [TOC012]".
func (p Problem) tag() string {
	if p.Code == "" {
		return ""
	}
	return " [" + clean(p.Code) + "]"
}

func (p Problem) hints() []string {
	if p.Hint == "" {
		return nil
	}
	return strings.Split(p.Hint, "\n")
}

// What of a long line is shown: so many characters, so many of them before the
// caret.
const (
	shown  = 110
	before = 50
)

func (p Problem) printLine(b *bytes.Buffer, line string) {
	runes := []rune(line)
	col := max(0, min(p.Pos.Col-1, len(runes)))
	length := min(p.length(line), max(1, len(runes)-col))
	from, to, head, tail := 0, len(runes), "", ""
	if len(runes) > shown {
		from = max(0, min(col-before, len(runes)-shown))
		to = from + shown
		length = max(1, min(length, to-col))
	}
	if from > 0 {
		head = "…"
	}
	if to < len(runes) {
		tail = "…"
	}
	number := fmt.Sprintf(" %d", p.Pos.Line)
	fmt.Fprintf(b, "%s | %s%s%s\n", number, head, harmless(runes[from:to]), tail)
	fmt.Fprintf(b, "%s | %s%s\n", strings.Repeat(" ", len(number)),
		strings.Repeat(" ", len([]rune(head))+width(runes[from:col])),
		strings.Repeat("^", max(1, width(runes[col:min(col+length, len(runes))]))))
}

// length is how many characters of the line p is about.
func (p Problem) length(line string) int {
	if p.Len > 0 {
		return p.Len
	}
	at := columnOffset(line, p.Pos.Col)
	return max(1, utf8.RuneCountInString(word(line[at:])))
}

// word is the key or value that s begins with.
func word(s string) string {
	if s == "" {
		return s
	}
	if q := s[0]; q == '"' || q == '\'' {
		if end := strings.IndexByte(s[1:], q); end >= 0 {
			return s[:end+2]
		}
		return strings.TrimRight(s, " \t")
	}
	for i := range len(s) {
		switch s[i] {
		case ' ', '\t', ',', ']', '}', '"', '\'':
			return s[:i]
		case ':':
			if i+1 == len(s) || s[i+1] == ' ' {
				return s[:i]
			}
		}
	}
	return s
}

// excerpts are the lines of files, each file read once.
type excerpts struct {
	files fs.FS
	read  map[string]*text
}

// of is the line of p without its break; "" if nobody has it.
func (e *excerpts) of(p Pos) string {
	if e.files == nil || p.File == "" || p.Line < 1 {
		return ""
	}
	t, ok := e.read[p.File]
	if !ok {
		t = readText(e.files, p.File)
		if e.read == nil {
			e.read = map[string]*text{}
		}
		e.read[p.File] = t
	}
	return t.line(p.Line)
}

// readText reads no more of a file than a document may have. A file system that has the
// texts at hand is asked for them: they may differ from what lies on the disk.
func readText(files fs.FS, name string) *text {
	t := &text{file: name}
	if at, ok := files.(fs.ReadFileFS); ok {
		raw, err := at.ReadFile(name)
		if err == nil {
			t.raw = strings.TrimPrefix(string(raw[:min(len(raw), MaxSize)]), bom)
		}
		return t
	}
	f, err := files.Open(name)
	if err != nil {
		return t
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, MaxSize))
	if err != nil {
		return t
	}
	t.raw = strings.TrimPrefix(string(raw), "\ufeff")
	return t
}

// clean is one line of text that a terminal can be shown: control characters and
// those that reverse the direction of text appear as escapes.
func clean(s string) string {
	if strings.IndexFunc(s, unsafe) < 0 && utf8.ValidString(s) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '\n' || r == '\r' || r == '\t':
			b.WriteByte(' ')
		case unsafe(r):
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// harmless is the excerpt of a line, each character in its place.
func harmless(runes []rune) string {
	var b strings.Builder
	for _, r := range runes {
		switch {
		case r == '\t':
			b.WriteRune('→')
		case unsafe(r):
			b.WriteRune(unicode.ReplacementChar)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// unsafe says that r does something to a terminal or to the order of a text.
func unsafe(r rune) bool {
	return r < ' ' || r >= 0x7F && r < 0xA0 || r == 0x200E || r == 0x200F || r == 0x2028 || r == 0x2029 ||
		r >= 0x202A && r <= 0x202E || r >= 0x2066 && r <= 0x2069 || r == 0xFEFF
}

// width is how many columns of a terminal the characters take.
func width(runes []rune) int {
	n := 0
	for _, r := range runes {
		switch {
		case r < 0x300:
			n++
		case unicode.In(r, unicode.Mn, unicode.Me) || r == 0x200B || r == 0x200D:
		case unicode.In(r, wide):
			n += 2
		default:
			n++
		}
	}
	return n
}

// wide are the characters that take two columns: those of East Asia, and emoji.
var wide = &unicode.RangeTable{
	R16: []unicode.Range16{
		{0x1100, 0x115F, 1}, {0x2E80, 0x303E, 1}, {0x3041, 0xA4CF, 1}, {0xAC00, 0xD7A3, 1},
		{0xF900, 0xFAFF, 1}, {0xFE30, 0xFE6F, 1}, {0xFF00, 0xFF60, 1}, {0xFFE0, 0xFFE6, 1},
	},
	R32: []unicode.Range32{{0x1F300, 0x1F64F, 1}, {0x1F680, 0x1F6FF, 1}, {0x1F900, 0x1FAFF, 1}, {0x20000, 0x3FFFD, 1}},
}
