package convert

import (
	"fmt"
	"strings"
	"testing"

	"tocsin/templating/value"
	"tocsin/workflows/source"
)

// What is read, with the places of some of it.
func TestReadTOML(t *testing.T) {
	v, ps := readTOML("t.conf", []byte(`# a comment
[agent]
  interval = "10s"
  limits.low = 1_000

[[inputs.websocket]]
  url = 'ws://h' # here
  bodies = ["a",
    "", """
two
lines"""]
  [inputs.websocket.headers]
    X-Key = "k"
[[inputs.websocket]]
  big = 123456789012345678901234567890
  inline = {a = 1.5, b = [true, {c = 0x1F}]}
  at = 2024-05-01T10:00:00Z
`))
	if ps != nil {
		t.Fatal(ps)
	}
	want := `{'agent': {'interval': '10s', 'limits': {'low': 1000}}, 'inputs': {'websocket': [{'url': 'ws://h', 'bodies': ['a', '', 'two\nlines'], 'headers': {'X-Key': 'k'}}, {'big': 123456789012345678901234567890, 'inline': {'a': 1.5, 'b': [True, {'c': 31}]}, 'at': '2024-05-01T10:00:00Z'}]}}`
	if got := value.Repr(v.Plain()); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	inputs, _ := v.Data.(source.Map).Get("inputs")
	sockets, _ := inputs.Data.(source.Map).Get("websocket")
	first := sockets.Data.([]source.Value)[0].Data.(source.Map)
	for _, place := range []struct {
		pos  source.Pos
		want string
	}{
		{first[0].Pos, "t.conf:7:3"}, {first[0].Value.Pos, "t.conf:7:9"}, {first[1].Pos, "t.conf:8:3"},
		{first[2].Value.Data.(source.Map)[0].Pos, "t.conf:13:5"},
		{first[1].Value.Data.([]source.Value)[1].Pos, "t.conf:9:5"},
	} {
		if place.pos.String() != place.want {
			t.Errorf("at %v, want %s", place.pos, place.want)
		}
	}
}

// What is wrong is said with its place.
func TestReadTOMLMistakes(t *testing.T) {
	for text, want := range map[string]string{
		"a = \n":                 "t.conf:1:5: ",
		"a = 1\nb = [1,\n":       "t.conf:2:8: array is incomplete",
		"a = 1\n  a = 2":         "t.conf:2:3: a is given twice (leave one of them out)",
		"[a]\n[b]\n[a]":          "t.conf:3:2: the table a is given twice",
		"a = 1\n[a]":             "t.conf:2:2: a is something else already",
		"a = {b = 1}\na.c = 2":   "t.conf:2:1: a was written in one line, and cannot be added to",
		"[a]\n[[a]]":             "t.conf:2:3: a is something else already",
		"[[a]]\n[a]\nb=1\n[a.b]": "t.conf:4:4: b is something else already",
		"a = 'x":                 "t.conf:1:",
		"é = 1\n\xff":            "t.conf:1:1: the file is not UTF-8 (save it as UTF-8)",
		"a = 1979-13-40":         "",
		"a = " + strings.Repeat("[", 65) + strings.Repeat("]", 65): "t.conf:1:",
		"a = " + strings.Repeat("[", 30000):                        "t.conf:1:20005: the file has more than 20000 brackets (split it into several files)",
		strings.Repeat("a.", 70) + "a = 1":                         "t.conf:1:1: a key has more than 64 parts (use less nesting)",
		"#" + strings.Repeat("x", source.MaxSize):                  "t.conf:1:1: the file is larger than 256 KiB (split it into several files)",
		manyKeys(1001): "t.conf:1001:1: a table has more than 1000 keys (split it)",
		"a = [" + strings.Repeat("1,", source.MaxNodes) + "1]":          "t.conf:1:",
		"a = [" + strings.Repeat(`"]",[`, 80) + strings.Repeat("]", 81): "t.conf:1:",
	} {
		_, ps := readTOML("t.conf", []byte(text))
		if want == "" {
			continue
		}
		if ps == nil || !strings.HasPrefix(ps.Error(), want) {
			t.Errorf("%.40q: %v, want %s", text, ps, want)
		}
	}
}

func manyKeys(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "k%d = 1\n", i)
	}
	return b.String()
}
