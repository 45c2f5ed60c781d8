package source_test

import (
	"bytes"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"unicode/utf8"

	"golang.org/x/tools/txtar"

	"tocsin/templating/value"
	"tocsin/workflows/source"
)

// FuzzParse reads arbitrary bytes: nothing panics, every problem has a place in the
// file, what is printed is harmless, and every text can be followed.
func FuzzParse(f *testing.F) {
	files, _ := filepath.Glob("testdata/problems/*.txtar")
	for _, file := range files {
		if a, err := txtar.ParseFile(file); err == nil {
			f.Add(a.Files[0].Data)
		}
	}
	f.Add([]byte("a: &x [>-\n  b\n, {c: \"\\u00e4\\\n d\"}]\n<<: {e: 'f''g'}\n---\n- |2\n    h\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		docs, ps := source.Read("in.yaml", text)
		lines := bytes.Count(text, []byte("\n")) + bytes.Count(text, []byte("\r")) + strings.Count(string(text), "\u0085") +
			strings.Count(string(text), "\u2028") + strings.Count(string(text), "\u2029") + 2
		for _, p := range ps {
			if p.Pos.Line < 1 || p.Pos.Line > lines || p.Pos.Col < 1 || p.Message == "" || p.Code == "" {
				t.Errorf("a problem without a place or a text: %+v", p)
			}
		}
		if ps.Err() != nil && docs != nil {
			t.Error("values and errors at once")
		}
		var out bytes.Buffer
		if err := source.Print(&out, fstest.MapFS{"in.yaml": {Data: text}}, ps); err != nil {
			t.Error(err)
		}
		if bytes.ContainsAny(out.Bytes(), "\x1b\x00\r\x07") || !utf8.Valid(out.Bytes()) {
			t.Errorf("not harmless: %q", out.Bytes())
		}
		for _, format := range source.Formats() {
			if err := source.Write(io.Discard, format, nil, ps); err != nil {
				t.Error(err)
			}
		}
		for _, v := range docs {
			follow(t, v)
			v.Plain()
		}
		if v, ok := source.Scalar(string(text)); ok {
			parsed, err := source.Parse("in.yaml", text)
			if got := value.Repr(parsed.Data); err != nil || got != value.Repr(v) {
				t.Errorf("Scalar of %q = %v, Parse %v, %v", text, value.Repr(v), got, err)
			}
		}
	})
}

// follow looks up the places in each text.
func follow(t *testing.T, v source.Value) {
	switch x := v.Data.(type) {
	case string:
		for i := 0; i <= len(x); i += 1 + len(x)/8 {
			if p := v.At(i); p.Line < v.Pos.Line || p.Line == v.Pos.Line && p.Col < v.Pos.Col {
				t.Errorf("character %d of %q at %v is before its beginning %v", i, x, p, v.Pos)
			}
		}
	case []source.Value:
		for _, v := range x {
			follow(t, v)
		}
	case source.Map:
		for _, e := range x {
			follow(t, e.Value)
		}
	}
}
