package source

import (
	"math/big"
	"reflect"
	"strings"
	"testing"

	"tocsin/templating/value"
)

func TestAppendYAML(t *testing.T) {
	doc := Of(value.MapOf(
		value.Entry{Key: "id", Value: "feed"},
		value.Entry{Key: "triggers", Value: []any{
			value.MapOf(value.Entry{Key: "type", Value: "websocket"}, value.Entry{Key: "with", Value: value.MapOf(
				value.Entry{Key: "url", Value: "wss://example.com/{{ inputs.path }}"},
				value.Entry{Key: "message", Value: `{"op": "subscribe"}`},
				value.Entry{Key: "script", Value: "first\n  second\n"},
				value.Entry{Key: "headers", Value: value.NewMap(0)},
			)}),
			[]any{int64(1), 1.0, "1", nil, "", "no", "a b", "it's \"x\"", "\x00", big.NewInt(7), true, []any{}},
		}},
		value.Entry{Key: "on", Value: "x: y"},
	))
	comments := map[string][]string{"": {"top"}, "triggers.0": {"a trigger"}, "triggers.0.with.message": {"one", "two\nlines"}}
	got := string(AppendYAML(nil, doc, func(path string) []string { return comments[path] }))
	want := `# top
id: feed
triggers:
  # a trigger
  - type: websocket
    with:
      url: "wss://example.com/{{ inputs.path }}"
      # one
      # two
      # lines
      message: '{"op": "subscribe"}'
      script: |
        first
          second
      headers: {}
  -
    - 1
    - 1.0
    - "1"
    - null
    - ""
    - "no"
    - a b
    - 'it''s "x"'
    - "\u0000"
    - 7
    - true
    - []
"on": "x: y"
`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// What is written is read back, whatever the text.
func FuzzAppendYAML(f *testing.F) {
	for _, text := range []string{"", " ", "a\nb\n\n", "a\n\n b", "\na", "- x", "# x", "x #y", "1e3", "2024-01-02", "~", "<<", "'", "\t", "é\u2028", "\ufeff", "a: b", "|", "%", "@x", "`", "0x1f", "1_000", "12:30:45", ".5", "=", "y", "a\tb\nc", "a \nb", "{{ x }}", "\u0085", strings.Repeat("\x14", 300)} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		text = strings.ToValidUTF8(text, "?")
		if len(text) > 4096 || strings.Count(text, "[")+strings.Count(text, "{") > 20 {
			return // it is written many times, and what is too large, or a bomb, is not read
		}
		want := value.MapOf(value.Entry{Key: "k" + text, Value: text}, value.Entry{Key: "l", Value: []any{text, value.MapOf(value.Entry{Key: text, Value: text})}})
		yaml := AppendYAML(nil, Of(want), func(string) []string { return []string{text} })
		v, err := Parse("x", yaml)
		if err != nil {
			t.Fatalf("%v\n%s", err, yaml)
		}
		if got := v.Plain(); !reflect.DeepEqual(got, any(want)) && value.Repr(got) != value.Repr(want) {
			t.Fatalf("%s\ngot  %s\nwant %s", yaml, value.Repr(got), value.Repr(want))
		}
	})
}
