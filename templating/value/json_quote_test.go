package value

import (
	"testing"

	"pgregory.net/rapid"
)

// A text is quoted in stretches as it is letter by letter.
func TestQuote(t *testing.T) {
	letters := rapid.SampledFrom([]string{"a", "word", `"`, `\`, "\n", "\x00", "\x1f", "\x7f", "\xff", "\xe2\x82", "é", "€", "😀", " ", "<"})
	rapid.Check(t, func(t *rapid.T) {
		text := ""
		for _, s := range rapid.SliceOf(letters).Draw(t, "letters") {
			text += s
		}
		for _, f := range []jsonForm{{}, {python: true}} {
			want := []byte{'"'}
			for _, r := range text {
				want = f.escape(want, r)
			}
			if got := string(f.quote(nil, text)); got != string(want)+`"` {
				t.Fatalf("%q: got %s, want %s\"", text, got, want)
			}
		}
	})
}
