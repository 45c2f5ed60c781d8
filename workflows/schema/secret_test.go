package schema_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"tocsin/workflows/schema"
)

// TestSecretNeverShows puts a secret through everything that makes text.
func TestSecretNeverShows(t *testing.T) {
	type config struct {
		Token schema.Secret
		List  []schema.Secret
		Map   map[string]schema.Secret
		Point *schema.Secret
	}
	s := schema.Secret("canary")
	c := config{s, []schema.Secret{s}, map[string]schema.Secret{"k": s}, &s}
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "% x", "%d", "%t", "%f", "%U", "%c", "%10s", "%!"} {
		fmt.Fprintf(&out, verb+verb+verb+"\n", s, c, &c)
	}
	fmt.Fprintln(&out, s, c, fmt.Errorf("%w %v", fmt.Errorf("x"), s))
	for _, marshal := range []func(any) ([]byte, error){json.Marshal, yaml.Marshal, func(v any) ([]byte, error) { return xml.Marshal(s) }} {
		text, err := marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		out.Write(text)
	}
	for _, h := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
		slog.New(h).Info("x", "secret", s, "config", c, "any", slog.AnyValue(s), "group", slog.GroupValue(slog.Any("s", s)))
	}
	for _, form := range []string{"canary", "63616e617279", "63 61 6e", "Y2FuYXJ5"} {
		if strings.Contains(strings.ToLower(out.String()), strings.ToLower(form)) {
			t.Errorf("%q shows in:\n%s", form, out.String())
		}
	}
	if string(s) != "canary" {
		t.Error("the secret cannot be had")
	}
}

func TestByteSizeString(t *testing.T) {
	for _, tt := range []struct {
		size schema.ByteSize
		want string
	}{
		{0, "0B"}, {1, "1B"}, {1000, "1kB"}, {1024, "1KiB"}, {1500, "1500B"}, {65536, "64KiB"}, {32_000_000, "32MB"},
		{1 << 20, "1MiB"}, {1 << 40, "1TiB"}, {3 << 30, "3GiB"},
	} {
		if got := tt.size.String(); got != tt.want {
			t.Errorf("%d is %s, want %s", int64(tt.size), got, tt.want)
		}
		if back, ok := schema.ParseByteSize(tt.size.String()); !ok || back != tt.size {
			t.Errorf("%s read back is %d", tt.size, int64(back))
		}
	}
}
