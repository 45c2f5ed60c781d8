package providers

import "testing"

// What an escape is said to leave as it is, it leaves: that is why such texts are not
// given to it.
func TestEscapesLeave(t *testing.T) {
	for i, e := range escapes {
		for c := range byte(128) {
			text := "a" + string(rune(c)) + "b"
			if !e.leaves(text) {
				continue
			}
			for _, form := range e.of(text) {
				if form != text {
					t.Errorf("escape %d makes %q of %q", i, form, text)
				}
			}
		}
	}
}
