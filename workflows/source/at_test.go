package source_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"tocsin/workflows/source"
)

// TestAt looks up the place of "X" in texts in every way of writing them: At has to
// lead to the X in the file.
func TestAt(t *testing.T) {
	tests := []struct{ name, yaml string }{
		{"plain", "a: one X two"},
		{"plain, not ASCII", "größe: ü ö X two"},
		{"plain over lines", "a: one\n  two\n  thrXee\nb: 1"},
		{"plain over an empty line", "a: one  \n\n\n  two X"},
		{"plain in a list", "- [a, b X c, d]"},
		{"double quotes", `a: "one X two"`},
		{"double quotes with escapes", `a: "\t\x41\u00e4\U0001F600\"\\ X"`},
		{"double quotes over lines", "a: \"one\n  two \\\n  three\\n\n\n  X\""},
		{"single quotes", `a: 'it''s X'`},
		{"single quotes over lines", "a: 'one\n\n\n    twoX'"},
		{"behind an anchor and a tag", "a: &x !!str 'X'"},
		{"behind an anchor in another line", "a: &x\n  one X"},
		{"literal", "a: |\n  one\n\n  two\n    X\nb: 1"},
		{"literal with an indentation", "a: |2\n    one\n   X\nb: 1"},
		{"literal after empty lines", "a: |-\n\n\n  X\n"},
		{"literal with comment and chomping", "a: |+ # note\n  one\n  X\n\n"},
		{"literal at the top", "|\n one\n X\n"},
		{"folded", "a: >-\n  one\n  two\n\n  thrXee\n"},
		{"folded with indented lines", "a: >\n  one\n    two\n    three\n  four\n  five X\n"},
		{"folded over several empty lines", "a: >\n\n  one\n\n\n  two\n  X"},
		{"CR LF", "a: |\r\n  one\r\n  X\r\nb: \"1\"\r\n"},
		{"an alias", "a: &x 'one X'\nb: *x"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			docs, err := source.ParseAll("in.yaml", []byte(tt.yaml))
			if err != nil {
				t.Fatal(err)
			}
			text, ok := find(docs[0])
			if !ok {
				t.Fatal("the case has no X")
			}
			want := strings.Index(tt.yaml, "X")
			line := strings.Count(tt.yaml[:want], "\n") + 1
			col := utf8.RuneCountInString(tt.yaml[strings.LastIndex(tt.yaml[:want], "\n")+1:want]) + 1
			got := text.At(strings.Index(text.Data.(string), "X"))
			if got.Line != line || got.Col != col || got.File != "in.yaml" {
				t.Errorf("At(X) = %v, want %d:%d", got, line, col)
			}
		})
	}
}

// find is the text with an X in it.
func find(v source.Value) (source.Value, bool) {
	switch x := v.Data.(type) {
	case string:
		return v, strings.Contains(x, "X")
	case []source.Value:
		for _, v := range x {
			if v, ok := find(v); ok {
				return v, true
			}
		}
	case source.Map:
		for _, e := range x {
			if v, ok := find(e.Value); ok {
				return v, true
			}
		}
	}
	return source.Value{}, false
}

func TestAtFallsBack(t *testing.T) {
	v, err := source.Parse("in.yaml", []byte(`a: "text"`))
	if err != nil {
		t.Fatal(err)
	}
	a, _ := v.Data.(source.Map).Get("a")
	if got := a.At(4).String(); got != "in.yaml:1:9" {
		t.Errorf("the end of the text is %s", got)
	}
	for _, offset := range []int{-1, 5} {
		if got := a.At(offset); got != a.Pos {
			t.Errorf("At(%d) = %v", offset, got)
		}
	}
	changed := a
	changed.Data = "other text"
	if got := changed.At(7); got != a.Pos {
		t.Errorf("a text that was changed: %v", got)
	}
	if got := source.Of("text").At(1); got != (source.Pos{}) {
		t.Errorf("a text from nowhere: %v", got)
	}
}
