package schema

import (
	"slices"
	"testing"

	"tocsin/templating/value"
	"tocsin/workflows/source"
)

type hostKey struct {
	File string `param:"key_file" host:"file" doc:"File."`
	Text string `param:"key" doc:"Text."`
}

type hostParams struct {
	CA      *string            `param:"ca_file" alias:"ca" host:"file" doc:"File."`
	Keys    []hostKey          `param:"keys" doc:"Keys."`
	One     *hostKey           `param:"one" doc:"A key."`
	Named   map[string]hostKey `param:"named" doc:"Keys by name."`
	Headers *value.Map         `param:"headers" host:"forms" doc:"Headers."`
	Other   *value.Map         `param:"other" doc:"Not of the machine."`
}

// What asks for something of the machine is found however it is written.
func TestUses(t *testing.T) {
	tests := []struct {
		name, with string
		want       []string
	}{
		{"nothing", `{other: {file: /etc/passwd}, keys: [{key: x}], ca_file: ""}`, nil},
		{"a text", `{ca_file: /a}`, []string{"file ca_file /a"}},
		{"an alias", `{ca: /a}`, []string{"file ca /a"}},
		{"a template", `{ca_file: "{{ x }}"}`, []string{"file ca_file {{ x }}"}},
		{"what is no text", `{ca_file: 7}`, []string{"file ca_file "}},
		{"a list", `{keys: [{key_file: /a}, {key_file: /b}]}`, []string{"file keys.key_file /a", "file keys.key_file /b"}},
		{"a list of one that is none", `{keys: {key_file: /a}}`, []string{"file keys.key_file /a"}},
		{"the text of a list", `{keys: '[{"key_file": "/a"}]'}`, []string{"file keys.key_file /a"}},
		{"a mapping", `{one: {key_file: /a}}`, []string{"file one.key_file /a"}},
		{"the text of one, as Python has it", `{one: "{'key_file': '/a'}"}`, []string{"file one.key_file /a"}},
		{"any names", `{named: {x: {key_file: /a}}}`, []string{"file named.x.key_file /a"}},
		{"forms", `{headers: {A: {file: /a}, B: [x, {env: HOME}], C: {secret: file}}}`, []string{"file headers.A.file /a", "environment headers.B.env HOME"}},
		{"the text of forms", `{headers: '{"A": {"env": "HOME"}}'}`, []string{"environment headers.A.env HOME"}},
		{"all of it a text", `'{"ca_file": "/a"}'`, []string{"file ca_file /a"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v, err := source.Parse("with.yaml", []byte(tt.with))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, u := range Of[hostParams]().Uses(v) {
				got = append(got, u.Kind+" "+u.Key+" "+u.Name)
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}
