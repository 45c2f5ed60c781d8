package source_test

import (
	"testing"

	"tocsin/workflows/source"
)

func fix(line, col int, old, text string) source.Problem {
	return source.Problem{
		Pos: source.Pos{File: "in.yaml", Line: line, Col: col}, Message: old,
		Fix: source.Fix{Pos: source.Pos{File: "in.yaml", Line: line, Col: col}, Old: old, Text: text, What: "write " + text},
	}
}

// TestApplyFixes: what is changed and what is left.
func TestApplyFixes(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		fixes      source.Problems
		want       string
		done       int
	}{
		{"nothing to do", "a: b\n", source.Problems{{Message: "no fix"}}, "a: b\n", 0},
		{"one word", "a: b\n", source.Problems{fix(1, 4, "b", "c")}, "a: c\n", 1},
		{"two in a line, in any order", "a: b c\n", source.Problems{fix(1, 4, "b", "long"), fix(1, 6, "c", "d")}, "a: long d\n", 2},
		{"put in", "a: b\n", source.Problems{fix(1, 5, "", "c")}, "a: bc\n", 1},
		{"taken out with its line", "a: b\nc: d\n", source.Problems{fix(1, 1, "a: b\n", "")}, "c: d\n", 1},
		{"after characters of several bytes", "ä: ö\n", source.Problems{fix(1, 4, "ö", "ü")}, "ä: ü\n", 1},
		{"a byte order mark stays", "\ufeffa: b\n", source.Problems{fix(1, 4, "b", "c")}, "\ufeffa: c\n", 1},
		{"the line breaks of Windows stay", "a: b\r\nc: d\r\n", source.Problems{fix(1, 4, "b", "|\n  x")}, "a: |\r\n  x\r\nc: d\r\n", 1},
		{"the text is another one by now", "a: x\n", source.Problems{fix(1, 4, "b", "c")}, "a: x\n", 0},
		{"the place is gone", "a: x\n", source.Problems{fix(7, 4, "b", "c")}, "a: x\n", 0},
		{"two of one place", "a: b\n", source.Problems{fix(1, 4, "b", "c"), fix(1, 4, "b", "d")}, "a: c\n", 1},
		{"two that overlap", "a: bcd\n", source.Problems{fix(1, 4, "bc", "x"), fix(1, 5, "cd", "y")}, "a: by\n", 1},
		{"one that would break the file", "a: b\n", source.Problems{fix(1, 4, "b", "[c")}, "a: b\n", 0},
		{"one that mends all of it", "c: {{ d }}\n", source.Problems{fix(1, 4, "{{ d }}", `"{{ d }}"`)}, "c: \"{{ d }}\"\n", 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, done := source.ApplyFixes("in.yaml", []byte(tt.text), tt.fixes)
			if string(got) != tt.want || len(done) != tt.done {
				t.Errorf("%q with %d done, want %q with %d", got, len(done), tt.want, tt.done)
			}
		})
	}
}

// TestFixesOfTheReader: the fixes that reading YAML itself proposes.
func TestFixesOfTheReader(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"a text that begins with braces", "if: {{ a }} > 1\nb: 2\n", "if: \"{{ a }} > 1\"\nb: 2\n"},
		{"with quotes in it", "if: {{ a }} == \"it's\"\n", "if: '{{ a }} == \"it''s\"'\n"},
		{"with a comment behind it", "if: {{ a }} # why\n", "if: \"{{ a }}\" # why\n"},
		{"in a list", "- {{ a }}\n- b\n", "- \"{{ a }}\"\n- b\n"},
		{"within brackets nobody knows where it ends", "a: [{{ a }}, b]\n", "a: [{{ a }}, b]\n"},
		{"a missing space", "a: 1\nb:2\nc: 3\n", "a: 1\nb: 2\nc: 3\n"},
		{"a key given twice", "a: 1\nb: 2\na: 3\n", "b: 2\na: 3\n"},
		{"with a list below it", "a:\n- 1\n- 2\n# about b\nb: 2\na: 3\n", "# about b\nb: 2\na: 3\n"},
		{"with a mapping below it", "a:\n  c: 1\n\nb: 2\na: 3\n", "\nb: 2\na: 3\n"},
		{"beside the dash of a list", "- a: 1\n  b: 2\n  a: 3\n", "- a: 1\n  b: 2\n  a: 3\n"},
		{"in braces", "{a: 1, b: 2, a: 3}\n", "{a: 1, b: 2, a: 3}\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, ps := source.Read("in.yaml", []byte(tt.text))
			if len(ps) == 0 {
				t.Fatal("nothing is wrong")
			}
			got, _ := source.ApplyFixes("in.yaml", []byte(tt.text), ps)
			if string(got) != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}
