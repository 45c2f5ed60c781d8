package convert

import (
	"fmt"
	"strings"
	"testing"

	"tocsin/templating"
)

// How texts are split at their variables.
func TestPieces(t *testing.T) {
	for _, tt := range []struct {
		split      func(string) []piece
		text, want string
	}{
		{benthosPieces, "", ""},
		{benthosPieces, "plain $x", "plain $x"},
		{benthosPieces, "${A}", "<A>"},
		{benthosPieces, "a${A:}b${B:c:d}e", "a|<A=>|b|<B=c:d>|e"},
		{benthosPieces, "${{A}} ${", "${A}| |${"},
		{benthosPieces, "${A-B}", "${A-B}"},
		{benthosPieces, `${! json("x") }`, "!"},
		{benthosPieces, "${A:${B}}", "!|}"},
		{telegrafPieces, "$A-${B}-${C:-d}-${E-f}", "<A>|-|<B>|-|<C=d>|-|<E=f>"},
		{telegrafPieces, "$5 $ $$ ${1}", "$5 $ $$ ${1}"},
		{telegrafPieces, "@{vault:key}!", "<vault:key>|!"},
	} {
		var got []string
		for _, p := range tt.split(tt.text) {
			switch {
			case p.refused != "":
				got = append(got, "!")
			case p.fallback != nil:
				got = append(got, fmt.Sprintf("<%s=%s>", p.variable, *p.fallback))
			case p.variable != "":
				got = append(got, "<"+p.variable+">")
			default:
				got = append(got, p.text)
			}
		}
		if got := strings.Join(got, "|"); got != tt.want {
			t.Errorf("%q: %s, want %s", tt.text, got, tt.want)
		}
	}
}

// A reference next to a brace, and braces of a text's own.
func TestTemplate(t *testing.T) {
	tmpl := &template{}
	tmpl.show("{")
	tmpl.refer("{{ inputs.A }}")
	tmpl.show("} {{x}}")
	if want := `{{ "{" }}{{ inputs.A }}{{ "}" }} {{ "{{" }}x}}`; string(tmpl.text) != want {
		t.Errorf("%s, want %s", tmpl.text, want)
	}
}

// Whatever a text is, the workflow shows the same.
func TestTemplateShowsTheText(t *testing.T) {
	for _, text := range []string{
		"", "plain", `{"a":{"b":{}}}`, "{{ x }}", "{{{ x }}}", "{{", "}}", "{ {{ } }}", "}", "{", "{{'}}'}}", "{% if %}", "keep.len(x)", "{{{{",
		`{{ "{{" }}`, "a\n{{\n}}", "{{^x}}y{{/x}}", "é{{", "$x ${y} {{ secrets.Z }}",
	} {
		for _, around := range []string{"", "ref"} {
			b, want := &template{}, text
			if around != "" {
				b.refer("{{ 'ref' }}")
				want = "ref" + text + "ref"
			}
			b.show(text)
			if around != "" {
				b.refer("{{ 'ref' }}")
			}
			parsed, err := templating.Language{}.Parse(string(b.text))
			if err != nil {
				t.Errorf("%q as %q: %v", text, b.text, err)
				continue
			}
			if got, err := parsed.Render(t.Context(), &templating.Scope{}); err != nil || got != want {
				t.Errorf("%q as %q shows %q, %v", want, b.text, got, err)
			}
		}
	}
}

// Which checks are understood.
func TestCheck(t *testing.T) {
	for query, want := range map[string]string{
		"":                              "",
		`this.a.b == "x"`:               "{{ alert.json.a.b }} == 'x'",
		`this.a != "it's"`:              `{{ alert.json.a }} != 'it\'s'`,
		"this.n >= -1.5 || this.m < 3":  "{{ alert.json.n }} >= -1.5 or {{ alert.json.m }} < 3",
		`content() == "x"`:              "{{ alert.data }} == 'x'",
		`content().string() == "x"`:     "{{ alert.data }} == 'x'",
		"this.ok == true && this.n > 1": "{{ alert.json.ok }} == true and {{ alert.json.n }} > 1",
		`this.a == "x" && b || c`:       "?",
		`meta("k") == "x"`:              "?",
		`this.a == this.b`:              "?",
		`this.a == "{{ x }}"`:           "?",
		`errored()`:                     "?",
	} {
		got := check(query)
		if text := map[bool]string{true: got.text, false: "?"}[got.known]; text != want {
			t.Errorf("%s: %s, want %s", query, text, want)
		}
	}
}
