package providers_test

import (
	"strings"
	"testing"

	"tocsin/providers"
	"tocsin/workflows/source"
)

// Whatever the secret and the text, the secret is not in what is left.
func FuzzMask(f *testing.F) {
	f.Add("hunter2", "user:hunter2@host")
	f.Add("https://u:p4ss@h/services/T/B", "/services/T/B")
	f.Add("aaaaaaaa", "aaaaaaaaaaaaaaa")
	f.Add("line one\nline two\n", "line one\n\tline two")
	f.Add("\xff\xfe\x00\x01", "\xff\xfe\x00\x01")
	f.Fuzz(func(t *testing.T, secret, text string) {
		pool := masking(secret)
		got := pool.Mask(text + secret)
		if len(secret) >= 4 && strings.Contains(strings.ReplaceAll(got, "[redacted]", "\x00\x00\x00"), secret) && !strings.Contains(secret, "\x00") {
			t.Errorf("%q is in %q", secret, got)
		}
		if len(secret) < 4 && got != text+secret {
			t.Errorf("%q is masked", secret)
		}
	})
}

// Whatever the variables hold, they are read or a problem, and no value is quoted.
func FuzzConfigurations(f *testing.F) {
	f.Add(`{"a": {"authentication": {"k": "$(V)"}}}`, "v")
	f.Add(`{"a": {"authentication": {"k": "{{ env.V }}"}}}`, "{{ env.V }}")
	f.Add(`[{}]`, "")
	f.Add(`./x.json`, "")
	f.Add(`{"a": null, "b": 1, "c": {"authentification": {}}}`, "")
	f.Fuzz(func(t *testing.T, all, v string) {
		g := providers.Sources{Environ: []string{"TOCSIN_PROVIDERS=" + all, "KEEP_PROVIDER_X=" + all, "V=" + v}}.Gather()
		for name, c := range g.Configs {
			if _, ok := c.Data.(source.Map); !ok && c.Data != nil {
				t.Errorf("%q is %T", name, c.Data)
			}
		}
		_, _ = providers.ParseReference(all)
	})
}
