package providers_test

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"tocsin/providers"
	"tocsin/templating/value"
	"tocsin/workflows/source"
)

// Later ones win: the file, the variables with all of them, the variables with one;
// and of two variables Tocsin's own.
func TestPrecedence(t *testing.T) {
	file := parse(t, `
a: {authentication: {from: file}}
b: {authentication: {from: file}}
c: {authentication: {from: file}}
d: {authentication: {from: file}}
e-f: {authentication: {from: file}}
`)
	configs, err := providers.Configurations(file, []string{
		`KEEP_PROVIDERS={"b": {"authentication": {"from": "keeps"}}, "c": {"authentication": {"from": "keeps"}}, "d": {"authentication": {"from": "keeps"}}}`,
		`TOCSIN_PROVIDERS={"c": {"authentication": {"from": "tocsins"}}, "d": {"authentication": {"from": "tocsins"}}}`,
		`KEEP_PROVIDER_D={"authentication": {"from": "keep"}}`,
		`KEEP_PROVIDER_E_F={"authentication": {"from": "keep"}}`,
		`TOCSIN_PROVIDER_E_F={"authentication": {"from": "tocsin"}}`,
		`KEEP_PROVIDERS_FILE=x.yaml`, `KEEP_PROVIDER_=`,
	})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]any{}
	for name, c := range configs {
		got[name] = at(at(c.Plain(), "authentication"), "from")
	}
	want := map[string]any{"a": "file", "b": "keeps", "c": "tocsins", "d": "keep", "e-f": "tocsin"}
	if !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func parse(t *testing.T, text string) source.Value {
	t.Helper()
	v, err := source.Parse("providers.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// What is wrong is said with its place, and the rest is there; no value is quoted.
func TestConfigurationProblems(t *testing.T) {
	tests := []struct {
		name    string
		file    string
		environ []string
		want    string // place: message (hint), a line each
	}{
		{
			name: "not a mapping at all",
			file: "- a",
			want: "error providers.yaml:1:1: the providers file is not a mapping of names to configurations (write NAME: {authentication: {...}})",
		},
		{
			name: "a text in place of a configuration",
			file: "slack: https://hooks.slack.com/x",
			want: `error providers.yaml:1:1: configuration "slack" is not a mapping (write slack: {authentication: {...}})`,
		},
		{
			name: "a text in place of the authentication",
			file: "slack:\n  authentication: s3cret",
			want: `error providers.yaml:2:19: authentication of "slack" is not a mapping (write authentication: {KEY: VALUE}, or leave it out)`,
		},
		{
			name: "misspelt",
			file: "slack:\n  authentification: {a: b}",
			want: `error providers.yaml:2:3: unknown key "authentification" of configuration "slack" (did you mean "authentication"?)`,
		},
		{
			name: "null is nothing",
			file: "slack:\npg: {authentication: null}",
		},
		{
			name: "a variable that is not set",
			file: "slack:\n  authentication:\n    token: '{{ env.SLACK_TOKEN }}'",
			want: "warning providers.yaml:3:12: token: the environment has no SLACK_TOKEN; the field is empty (export SLACK_TOKEN)",
		},
		{
			name:    "a variable in the middle",
			file:    "slack:\n  authentication: {token: 'Bearer {{ env.T }}'}",
			environ: []string{"T=x"},
			want:    "warning providers.yaml:2:27: token: {{ env.NAME }} is replaced only where it is the whole field (put all of the text into the variable)",
		},
		{
			name: "something else in braces",
			file: "slack:\n  authentication: {token: '{{ vault.t }}'}",
			want: `warning providers.yaml:2:27: token: only {{ env.NAME }} is replaced here; the field is empty (write token: "{{ env.NAME }}")`,
		},
		{
			name:    "Keep's variable is not JSON",
			environ: []string{`KEEP_PROVIDER_X={"s3cret`},
			want:    `warning $KEEP_PROVIDER_X: is not JSON and is left out (write {"NAME": {"authentication": {...}}}, without the name in a variable of one)`,
		},
		{
			name:    "ours is not JSON",
			environ: []string{`TOCSIN_PROVIDERS={"s3cret`},
			want:    `error $TOCSIN_PROVIDERS: is not JSON and is left out (write {"NAME": {"authentication": {...}}}, without the name in a variable of one)`,
		},
		{
			name:    "a file that nobody reads",
			environ: []string{"KEEP_PROVIDERS=./providers.json"},
			want:    "error $KEEP_PROVIDERS: names the file ./providers.json, which is not read here (put its JSON into the variable)",
		},
		{
			name:    "$(NAME) that is not set",
			environ: []string{`KEEP_PROVIDER_X={"authentication": {"a": "$(NOPE)"}}`},
			want:    "warning $KEEP_PROVIDER_X: $(NOPE): NOPE is not set (export NOPE)",
		},
		{
			name:    "a list in a variable",
			environ: []string{`KEEP_PROVIDERS=[1]`},
			want:    "error $KEEP_PROVIDERS: $KEEP_PROVIDERS is not a mapping of names to configurations (write NAME: {authentication: {...}})",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var file source.Value
			if tt.file != "" {
				file = parse(t, tt.file)
			}
			g := providers.Sources{File: file, Environ: tt.environ}.Gather()
			var got []string
			for _, p := range g.Problems {
				kind := "error"
				if p.Warning {
					kind = "warning"
				}
				got = append(got, kind+" "+p.Pos.String()+": "+p.Message+" ("+p.Hint+")")
			}
			if all := strings.Join(got, "\n"); all != tt.want {
				t.Errorf("got  %s\nwant %s", all, tt.want)
			}
			if strings.Contains(strings.Join(got, "\n"), "s3cret") {
				t.Error("a value is quoted")
			}
		})
	}
}

func TestConfigurationsFromAFile(t *testing.T) {
	read := func(path string) ([]byte, error) {
		if path != "./p.json" {
			return nil, errors.New("open " + path + ": no such file or directory")
		}
		return []byte(`{"pg": {"authentication": {"password": "$(PW)"}}}`), nil
	}
	g := providers.Sources{Environ: []string{"TOCSIN_PROVIDERS=./p.json", "PW=from-env"}, Read: read}.Gather()
	if err := g.Problems.Err(); err != nil || text(g.Configs["pg"].Plain()) != `{"authentication":{"password":"from-env"}}` {
		t.Errorf("%v, %v", g.Configs, err)
	}
	if !slices.Equal(g.Secrets, []string{"from-env"}) {
		t.Errorf("secrets %v", g.Secrets)
	}
	g = providers.Sources{Environ: []string{"TOCSIN_PROVIDERS=/other.json"}, Read: read}.Gather()
	if err := g.Problems.Err(); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("%v", err)
	}
}

// What came from the environment is a secret wherever it went; the file is left as it
// was.
func TestFromEnviron(t *testing.T) {
	config := mapping("authentication", mapping("host", "{{ env.HOST }}", "both", "{{ env.A }}-{{{env.B}}}", "n", int64(1)), "name", "{{ env.HOST }}")
	before := text(config.Plain())
	got, secrets, ps := providers.FromEnviron(config, []string{"HOST=db.example", "A=1", "B=<&>"})
	const want = `{"authentication":{"host":"db.example","both":"1-<&>","n":1},"name":"{{ env.HOST }}"}`
	if text(got.Plain()) != want || len(ps) != 0 || !slices.Equal(secrets, []string{"db.example", "1", "<&>"}) {
		t.Errorf("%s, %v, %v", text(got.Plain()), secrets, ps)
	}
	if text(config.Plain()) != before {
		t.Error("the configuration itself was changed")
	}
}

func at(v any, key string) any {
	if m, ok := v.(*value.Map); ok {
		inner, _ := m.Get(key)
		return inner
	}
	return nil
}

func text(v any) string { return string(value.AppendJSON(nil, v)) }
