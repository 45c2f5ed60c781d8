package templating_test

import (
	"testing"

	"tocsin/templating"
	"tocsin/templating/value"
)

// Data in a text in CEL stays data.
func TestRenderCEL(t *testing.T) {
	data := map[string]any{
		"id": `a" || true || "`, "apos": "can't\n\\", "n": int64(7), "big": 1.5, "up": true, "gone": nil,
		"list": []any{"a", int64(1)}, "map": value.MapOf(value.Entry{Key: "k", Value: "v"}), "filter": "severity == 'high'",
	}
	tests := []struct {
		name, text, want string
	}{
		{"no template", `id == "x"`, `id == "x"`},
		{"inside of double quotes", `id=="{{ id }}"`, `id=="a\" || true || \""`},
		{"inside of single quotes", `name == '{{ apos }}' && n == 1`, `name == 'can\'t\n\\' && n == 1`},
		{"part of a literal", `name.startsWith("db-{{ n }}-")`, `name.startsWith("db-7-")`},
		{"without quotes a text gets them", `name == {{ apos }}`, `name == "can\'t\n\\"`},
		{"a number stays one", `count > {{ n }} && load < {{ big }}`, `count > 7 && load < 1.5`},
		{"a boolean and nothing", `up == {{ up }} && x == {{ gone }}`, `up == true && x == null`},
		{"a list", `name in {{ list }}`, `name in ["a", 1]`},
		{"what CEL has no literal for", `x == {{ map }}`, `x == "{\'k\': \'v\'}"`},
		{"a quote that is escaped does not end the text", `a == "\"{{ id }}"`, `a == "\"a\" || true || \""`},
		{"three quotes", `a == """{{ id }}" x"""`, `a == """a\" || true || \"" x"""`},
		{"raw", `name.matches(r'\d{{ n }}')`, `name.matches(r'\d7')`},
		{"the text decides as a whole", `{{ filter }}`, `severity == 'high'`},
		{"a function", `name == keep.uppercase('x') && n == 1`, `name == "X" && n == 1`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			text, err := templating.Language{Functions: templating.Builtin()}.Parse(tt.text)
			if err != nil {
				t.Fatal(err)
			}
			got, err := text.RenderCEL(t.Context(), &templating.Scope{Data: data, Strict: true})
			if err != nil || got != tt.want {
				t.Errorf("%s, %v\nwant %s", got, err, tt.want)
			}
		})
	}
}

func TestRenderCELRefuses(t *testing.T) {
	data := map[string]any{"id": "a' || true", "on": true}
	for _, text := range []string{`name.matches(r'{{ id }}')`, `{{#on}}x == 1{{/on}} && y`, `id == "{{ gone.id }}"`} {
		parsed, err := templating.Language{}.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := parsed.RenderCEL(t.Context(), &templating.Scope{Data: data, Strict: true}); err == nil {
			t.Errorf("%s: %s", text, got)
		}
	}
}

// Whatever the data is, the condition is about the data and nothing else.
func FuzzRenderCEL(f *testing.F) {
	for _, seed := range []string{"", "x", `" || true || "`, `\`, "'", "\n", `\"`, "\x00é"} {
		f.Add(seed)
	}
	lang := templating.Language{}
	text, err := lang.Parse(`id == "{{ id }}" && name == {{ id }}`)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, id string) {
		cel, err := text.RenderCEL(t.Context(), &templating.Scope{Data: map[string]any{"id": id}})
		if err != nil {
			return
		}
		e, err := lang.ParseCEL(cel)
		if err != nil {
			return // too long, or not UTF-8
		}
		for _, other := range []string{id, id + "x"} {
			got, err := e.Bool(t.Context(), &templating.Scope{Data: map[string]any{"id": other, "name": id}})
			if err != nil || got != (other == id) {
				t.Errorf("%s with %q: %v, %v", cel, other, got, err)
			}
		}
	})
}
