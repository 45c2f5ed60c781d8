package cmd

import (
	"regexp"
	"slices"
	"testing"

	"github.com/spf13/pflag"

	"tocsin/providers"
)

// A variable that the help of a flag of serve names is one that config show knows.
func TestConfigShowKnowsTheVariablesOfFlags(t *testing.T) {
	names := regexp.MustCompile(`\b(TOCSIN|KEEP|OTEL)_[A-Z_]+\b`)
	serve := newServeCommand(&setup{registry: providers.NewRegistry()})
	serve.Flags().VisitAll(func(f *pflag.Flag) {
		for _, name := range names.FindAllString(f.Usage, -1) {
			if name != "TOCSIN_SECRET_NAME" && !slices.Contains(variablesOf(f.Name), name) {
				t.Errorf("--%s: variablesOf lacks %s", f.Name, name)
			}
		}
	})
}

// What may be a key itself is not shown.
func TestHidden(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"listen", "127.0.0.1:8080", "127.0.0.1:8080"},
		{"tls-key", "/etc/key.pem", "/etc/key.pem"},
		{"heartbeat-url", "https://hc.example.com/uuid?x=1", "https://hc.example.com/[redacted]"},
		{"OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer x", "[redacted]"},
		{"OTEL_EXPORTER_OTLP_CLIENT_KEY", "/etc/key.pem", "/etc/key.pem"},
		{"TOCSIN_API_KEY", "tocsin_x", "[redacted]"},
		{"TOCSIN_SECRET_X", "x", "[redacted]"},
		{"TOCSIN_SECRET_EMPTY", "", ""},
		{"TOCSIN_INGEST_GRAFANA", "x", "[redacted]"},
		{"KEEP_PROVIDER_SLACK", "{}", "[redacted]"},
		{"KEEP_PROVIDERS", `{"a": {}}`, "[redacted]"},
		{"KEEP_PROVIDERS", "./providers.json", "./providers.json"},
		{"KEEP_PROVIDERS_FILE", "/etc/providers.yaml", "/etc/providers.yaml"},
	} {
		if got := hidden(tt.name, tt.text); got != tt.want {
			t.Errorf("%s=%s: %s, want %s", tt.name, tt.text, got, tt.want)
		}
	}
}
