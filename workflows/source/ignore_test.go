package source_test

import (
	"slices"
	"strings"
	"testing"

	"tocsin/workflows/source"
)

// TestIgnore: which of the problems that stand in the lines named "PROBLEM" are left,
// and what is said about the comments.
func TestIgnore(t *testing.T) {
	for _, tt := range []struct {
		name string
		text string
		want []string // what is left: "LINE CODE"
	}{
		{"no comment", "a: PROBLEM\n", []string{"1 TOC101"}},
		{"in its line", "a: PROBLEM # tocsin:ignore TOC101\n", nil},
		{"by name, with a reason", "a: PROBLEM # tocsin:ignore constant-condition -- for TOC109 as well\n", nil},
		{"in whatever case", "a: PROBLEM # tocsin:ignore toc101\n", nil},
		{"several", "a: PROBLEM # tocsin:ignore TOC009, TOC101 TOC110\n", []string{"1 TOC122", "1 TOC122"}},
		{"in the line above", "# tocsin:ignore TOC101\na: PROBLEM\n", nil},
		{"above, with a comment and an empty line between", "# tocsin:ignore TOC101\n# why\n\na: PROBLEM\n", nil},
		{"the line below is not meant", "b: x # tocsin:ignore TOC101\na: PROBLEM\n", []string{"2 TOC101", "1 TOC122"}},
		{"nor the next but one", "# tocsin:ignore TOC101\nb: x\na: PROBLEM\n", []string{"3 TOC101", "1 TOC122"}},
		{"a block that begins in the line", "a: | # tocsin:ignore TOC101\n  first\n  PROBLEM\n  last\nb: PROBLEM\n", []string{"5 TOC101"}},
		{"a quoted text of several lines", "# tocsin:ignore TOC101\na: \"first\n  PROBLEM\"\n", nil},
		{"the whole file", "a: PROBLEM\nb: x # tocsin:ignore-file TOC101 -- reason\nc: PROBLEM\n", nil},
		{"another code", "a: PROBLEM # tocsin:ignore TOC102\n", []string{"1 TOC101", "1 TOC122"}},
		{"no such code", "a: PROBLEM # tocsin:ignore TOC999\n", []string{"1 TOC101", "1 TOC121"}},
		{"no code at all", "a: PROBLEM # tocsin:ignore\n", []string{"1 TOC101", "1 TOC121"}},
		{"only a reason", "a: PROBLEM # tocsin:ignore -- TOC101\n", []string{"1 TOC101", "1 TOC121"}},
		{"a text that looks like a comment", "a: \"PROBLEM # tocsin:ignore TOC101\"\n", []string{"1 TOC101"}},
		{"a block that looks like one", "a: |\n  PROBLEM # tocsin:ignore TOC101\n", []string{"2 TOC101"}},
		{"a plain text with # in a word", "a: PROBLEM#tocsin:ignore TOC101\n", []string{"1 TOC101"}},
		{"a key that looks like one", "\"# tocsin:ignore TOC101\": PROBLEM\n", []string{"1 TOC101"}},
		{"an error stays", "a: ERROR # tocsin:ignore TOC101\n", []string{"1 TOC101", "1 TOC122"}},
		{"comments about comments", "# tocsin:ignore-file unused-ignore\na: x # tocsin:ignore TOC101\n", nil},
		{"with the line breaks of Windows", "a: PROBLEM # tocsin:ignore TOC101\r\nb: PROBLEM\r\n", []string{"2 TOC101"}},
		{"within brackets", "a: [\n  PROBLEM, # tocsin:ignore TOC101\n  PROBLEM]\n", []string{"3 TOC101"}},
		{"a file that cannot be read", "a: [PROBLEM # tocsin:ignore TOC101\n", []string{"1 TOC101"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, p := range source.Ignore("in.yaml", []byte(tt.text), marked(tt.text)) {
				got = append(got, strings.TrimPrefix(p.Pos.String(), "in.yaml:")[:1]+" "+p.Code)
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("left are %v, want %v", got, tt.want)
			}
		})
	}
}

// marked are problems wherever the text says so.
func marked(text string) source.Problems {
	var ps source.Problems
	for i, line := range strings.Split(text, "\n") {
		for _, word := range []string{"PROBLEM", "ERROR"} {
			if col := strings.Index(line, word); col >= 0 {
				ps = append(ps, source.Problem{
					Pos: source.Pos{File: "in.yaml", Line: i + 1, Col: col + 1}, Code: source.ConstantCondition,
					Message: word, Warning: word == "PROBLEM",
				})
			}
		}
	}
	return ps
}

// TestIgnoreOtherFiles: what a file ignores is its own.
func TestIgnoreOtherFiles(t *testing.T) {
	p := source.Problem{Pos: source.Pos{File: "providers.yaml", Line: 1, Col: 1}, Code: source.UnsetVariable, Warning: true}
	if got := source.Ignore("in.yaml", []byte("# tocsin:ignore-file TOC071\n"), source.Problems{p}); len(got) != 2 {
		t.Errorf("%v", got)
	}
}

func FuzzIgnore(f *testing.F) {
	for _, text := range []string{
		"a: PROBLEM # tocsin:ignore TOC101 -- x\n", "# tocsin:ignore-file a,b\nc: |\n  tocsin:ignore\n", "a: '# tocsin:ignore\n  b'\n",
		"# tocsin:ignore", "#tocsin:ignore\t,\t,--", "\ufeff# tocsin:ignore TOC101\r\n",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		ps := source.Ignore("in.yaml", []byte(text), marked(text))
		fixed, done := source.ApplyFixes("in.yaml", []byte(text), ps)
		if len(done) == 0 && string(fixed) != text {
			t.Errorf("nothing was done, and %q became %q", text, fixed)
		}
	})
}
