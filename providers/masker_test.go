package providers

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/url"
	"slices"
	"testing"

	"tocsin/templating/value"
	"tocsin/workflows/source"
)

func TestMasker(t *testing.T) {
	m := NewMasker("hush/hush", "abc", "")
	for text, want := range map[string]string{
		"say hush/hush and abc":                                "say [redacted] and abc",
		"?t=" + url.QueryEscape("hush/hush"):                   "?t=[redacted]",
		base64.StdEncoding.EncodeToString([]byte("hush/hush")): "[redacted]",
		"nothing": "nothing",
	} {
		if got := m.Mask(text); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
	list := m.Value([]any{"hush/hush", int64(1), value.MapOf(value.Entry{Key: "hush/hush", Value: "x"})})
	if got := string(value.AppendJSON(nil, list)); got != `["[redacted]",1,{"[redacted]":"x"}]` {
		t.Error(got)
	}
	if none := NewMasker("", "abc"); none != nil || none.Mask("abc") != "abc" || none.Value("abc") != "abc" || none.MaskCut("abc") != "abc" {
		t.Error("a masker of nothing hides something")
	}
}

// Of a text that was cut off, the beginning of a secret at its end is hidden too.
func TestMaskCut(t *testing.T) {
	m := NewMasker("hush-hush-hush", "sh-x")
	for text, want := range map[string]string{
		"say hush-hu":             "say [redacted]",
		"say hush":                "say [redacted]",
		"say hus":                 "say hus",
		"say hush-hush-hush, hus": "say [redacted], hus",
		"nothing":                 "nothing",
	} {
		if got := m.MaskCut(text); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}

// Headers are the author's own names, some of which say that the value is secret.
func TestSecretsByName(t *testing.T) {
	type params struct {
		Headers *value.Map `param:"headers" doc:"Headers."`
	}
	p := Define(Definition[struct{}]{Type: "x", Query: Call(func(struct{}, context.Context, params) (any, error) { return nil, nil })})
	for text, want := range map[string][]string{
		"{Accept: text/plain}":                          nil,
		"{authorization: Bearer hush, Accept: a}":       {"Bearer hush", "hush"},
		"{X-Api-Key: [k3y, '0042']}":                    {"k3y", "", "0042", ""},
		"{X-Token: {file: /run/token}}":                 nil,
		"{X-Token: {env: TOKEN}}":                       nil,
		"{X-Token: {value: hush}, X-Any: {value: x}}":   {"hush"},
		"{X-Any: {secret: hush}}":                       {"hush"},
		`'{"X-Session": "hush", "Accept": "anything"}'`: {"hush", ""},
	} {
		with, err := source.Parse("with.yaml", []byte("headers: "+text))
		if err != nil {
			t.Fatal(err)
		}
		if got := p.Query.Secrets(with); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}

// What a provider finds to be secret during a call is masked from then on.
func TestHide(t *testing.T) {
	p := Define(Definition[Env]{
		Type: "x",
		Open: Open(func(_ context.Context, _ struct{}, env Env) (Env, error) { return env, nil }),
		Query: Call(func(env Env, _ context.Context, _ struct{}) (string, error) {
			env.Hide("fetched-token")
			return fmt.Sprint("it is ", "fetched-token"), nil
		}),
	})
	pool := NewPool(NewRegistry(p), Env{})
	defer pool.Close()
	client, err := pool.Client(t.Context(), "x", "")
	if err != nil {
		t.Fatal(err)
	}
	result, err := client.Query(t.Context(), source.Value{})
	if err != nil || pool.MaskValue(result) != "it is [redacted]" {
		t.Errorf("%v, %v", pool.MaskValue(result), err)
	}
	if _, err := p.Open(t.Context(), source.Value{}, Env{}); err != nil {
		t.Error(err)
	}
}
