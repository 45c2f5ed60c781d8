package source_test

import (
	"testing"

	"tocsin/workflows/source"
)

// TestNearestKey: what a slip of the finger makes of a key, and what is another word.
func TestNearestKey(t *testing.T) {
	step := []string{"name", "id", "provider", "if", "condition", "foreach", "use", "on-failure", "continue", "continue_on_error"}
	for _, tt := range []struct {
		name string
		want string
	}{
		{"nmae", "name"}, {"Name", "name"}, {"nam", "name"}, {"names", "name"}, {"label", ""},
		{"iff", "if"}, {"fi", "if"}, {"iif", "if"}, {"IF", "if"}, {"If", "if"}, {"of", ""}, {"i", ""}, {"fin", ""},
		{"idd", "id"}, {"di", "id"}, {"ID", "id"}, {"uid", ""}, {"pid", ""}, {"idx", ""},
		{"us", "use"}, {"ue", "use"}, {"uses", "use"}, {"se", ""},
		{"providr", "provider"}, {"porvider", "provider"}, {"provide", "provider"}, {"producer", ""},
		{"on_failure", "on-failure"}, {"onFailure", "on-failure"}, {"on failure", "on-failure"}, {"onfail", ""},
		{"continue-on-error", "continue_on_error"}, {"continue_on_eror", "continue_on_error"},
	} {
		if got := source.Nearest(tt.name, step); got != tt.want {
			t.Errorf("Nearest(%q) = %q, want %q", tt.name, got, tt.want)
		}
	}
}

// TestAlike: names that are one but for how they are written.
func TestAlike(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want bool
	}{
		{"on_failure", "on-failure", true}, {"On-Failure", "on_failure", true}, {"if", "IF", true},
		{"onfailure", "on-failure", false}, {"iff", "if", false}, {"", "", true},
	} {
		if got := source.Alike(tt.a, tt.b); got != tt.want {
			t.Errorf("Alike(%q, %q) = %v", tt.a, tt.b, got)
		}
	}
}
