package templating_test

import (
	"strings"
	"testing"

	"tocsin/templating"
	"tocsin/templating/value"
)

func TestTernary(t *testing.T) {
	data := map[string]any{"value": []any{int64(1), "0.93"}, "host": "db1", "evil": "x' ? 'a' : 'b", "up": true}
	tests := []struct {
		name, text, want string
	}{
		{"a chain goes on where it does not hold", `{{ value.1 }} > 0.99 ? "critical" : {{ value.1 }} > 0.7 ? "warning" : "info"`, "warning"},
		{"the other end of a chain", `{{ value.1 }} > 2 ? "critical" : {{ value.1 }} > 1 ? "warning" : "info"`, "info"},
		{"a choice in the first branch", `{{ up }} ? {{ value.1 }} > 1 ? 'busy' : 'idle' : 'down'`, "idle"},
		{"numbers stay numbers", `1 > 2 ? 10 : 20`, "20"},
		{"marks inside of quotes", `1 == 1 ? 'a?b:c' : 'c'`, "a?b:c"},
		{"a text with data in it", `{{ up }} ? "{{ host }} is up" : "down"`, "db1 is up"},
		{"data cannot choose", `'{{ evil }}' == 'y' ? 'yes' : 'no'`, "no"},
		{"operators of C", `{{ up }} && !{{ gone }} ? 'up' : 'down'`, "up"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e, err := templating.Language{Functions: templating.Builtin()}.ParseTernary(tt.text)
			if err != nil {
				t.Fatal(err)
			}
			got, err := e.Value(t.Context(), &templating.Scope{Data: data})
			if err != nil || value.Text(got) != tt.want {
				t.Errorf("%v, %v; want %s", got, err, tt.want)
			}
		})
	}
}

func TestNoTernary(t *testing.T) {
	for _, text := range []string{
		"plain text", "https://x/y?z=1", "what is this? see: there", "1 > 2", "1 > 2 ? 10",
		"is it ? 'a' : 'b' or", strings.Repeat("1 ? ", 200) + "1", "1 ? 2 : 3 : 4", "", "?:",
	} {
		if _, err := (templating.Language{}).ParseTernary(text); err == nil {
			t.Errorf("%q is read as a choice", text)
		}
	}
}
