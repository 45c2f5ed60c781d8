package source

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"
)

// maxBrackets is how many brackets may be open before the parser is asked. Those in
// texts count too, because nothing is known about quotes yet: so it is far above
// MaxDepth, which is checked exactly later.
const maxBrackets = 1_000

// admit refuses what must not reach the parser, and says where it stands.
func admit(file string, raw []byte) (*text, Problems) {
	refuse := func(p Pos, code, message, hint string) (*text, Problems) {
		p.File = file
		return nil, Problems{{Pos: p, Len: 1, Code: code, Message: message, Hint: hint}}
	}
	if len(raw) > MaxSize {
		return refuse(Pos{Line: 1, Col: 1}, TooLarge,
			fmt.Sprintf("the file is larger than %d KiB", MaxSize>>10),
			"split it into several files")
	}
	if isUTF16(raw) {
		return refuse(Pos{Line: 1, Col: 1}, NotUTF8, "the file is not UTF-8 but UTF-16 or UTF-32", "save it as UTF-8")
	}
	t := &text{file: file, raw: strings.TrimPrefix(string(raw), "\ufeff")}
	i, r := firstForbidden(t.raw)
	if i < 0 {
		if i := tooDeep(t.raw); i >= 0 {
			return refuse(t.pos(i), TooLarge, tooDeepMessage, tooDeepHint)
		}
		return t, nil
	}
	if r == utf8.RuneError {
		return refuse(t.pos(i), NotUTF8,
			fmt.Sprintf("byte 0x%02X is not UTF-8", t.raw[i]), "save the file as UTF-8")
	}
	return refuse(t.pos(i), ControlCharacter,
		fmt.Sprintf("character U+%04X may not stand in a YAML file", r),
		fmt.Sprintf(`write it as "\u%04x" within double quotes`, r))
}

const tooDeepHint = "close brackets that were left open, or use less nesting"

var tooDeepMessage = fmt.Sprintf("lists and mappings are nested more than %d deep", MaxDepth)

func isUTF16(raw []byte) bool {
	return bytes.HasPrefix(raw, []byte{0xFE, 0xFF}) || bytes.HasPrefix(raw, []byte{0xFF, 0xFE}) ||
		len(raw) >= 2 && (raw[0] == 0) != (raw[1] == 0)
}

// firstForbidden is the offset of the first character that YAML forbids, and the
// character (utf8.RuneError: a byte that is not UTF-8); -1 if there is none.
func firstForbidden(s string) (int, rune) {
	for i := 0; i < len(s); {
		if c := s[i]; c >= ' ' && c < 0x7F || c == '\n' || c == '\r' || c == '\t' {
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && n == 1 || !printable(r) {
			return i, r
		}
		i += n
	}
	return -1, 0
}

// printable is YAML 1.1's c-printable, for what is not ASCII text.
func printable(r rune) bool {
	return r == 0x85 || r >= 0xA0 && r <= 0xD7FF || r >= 0xE000 && r <= 0xFFFD && r != 0xFEFF || r >= 0x10000
}

// tooDeep is the offset of the bracket with which too many are open, or -1.
func tooDeep(s string) int {
	if strings.Count(s, "[")+strings.Count(s, "{") <= maxBrackets {
		return -1 // as in every file but bombs, and much faster than looking at each byte
	}
	open := 0
	for i := range len(s) {
		switch s[i] {
		case '[', '{':
			if open++; open > maxBrackets {
				return i
			}
		case ']', '}':
			open = max(0, open-1)
		}
	}
	return -1
}
