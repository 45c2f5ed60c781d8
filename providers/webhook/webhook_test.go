package webhook_test

import (
	"context"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tocsin/providers"
	"tocsin/providers/providertest"
	"tocsin/providers/webhook"
	"tocsin/templating/value"
	"tocsin/workflows/source"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestProvider(t *testing.T) {
	providertest.Run(t, webhook.Provider)
}

func mapping(kv ...any) source.Value {
	m := value.NewMap(0)
	for i := 0; i < len(kv); i += 2 {
		m.Set(kv[i].(string), kv[i+1])
	}
	return source.Of(m)
}

func notify(t *testing.T, ctx context.Context, config source.Value) error {
	t.Helper()
	c, err := webhook.Provider.Open(t.Context(), config, providers.Env{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, err = c.Notify(ctx, mapping("message", "hi"))
	return err
}

// verify: false takes a certificate of nobody.
func TestVerify(t *testing.T) {
	told := 0
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { told++ }))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	defer s.Close()
	if err := notify(t, t.Context(), mapping("url", s.URL)); err == nil || !strings.Contains(err.Error(), "the certificate is refused") {
		t.Errorf("%v", err)
	}
	if err := notify(t, t.Context(), mapping("url", s.URL, "verify", false)); err != nil || told != 1 {
		t.Errorf("%v, told %d times", err, told)
	}
}

// Fault P1: the error names the kind of failure, and nothing of the configured URL but
// its host.
func TestHostile(t *testing.T) {
	for b, want := range map[providertest.Behaviour]string{
		providertest.Hang:      "webhook: notify: timed out while waiting for an answer from HOST",
		providertest.Drip:      "webhook: notify: timed out while reading the answer of HOST",
		providertest.Endless:   "webhook: notify: HOST: the answer is larger than 8 MiB",
		providertest.Close:     "webhook: notify: HOST: the connection was closed before the answer was complete",
		providertest.Refuse:    "webhook: notify: HOST: connection refused",
		providertest.Redirects: "webhook: notify: HOST: redirected more than 5 times",
	} {
		t.Run(string(b), func(t *testing.T) {
			base := providertest.Hostile(t, b)
			ctx := t.Context()
			if strings.Contains(want, "timed out") {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, 100*time.Millisecond)
				defer cancel()
			}
			err := notify(t, ctx, mapping("url", base+"/hook/s3cret"))
			u, _ := url.Parse(base)
			if err == nil || err.Error() != strings.ReplaceAll(want, "HOST", u.Host) {
				t.Errorf("%v, want %s", err, want)
			}
		})
	}
}

func TestBadConfigurations(t *testing.T) {
	for want, config := range map[string]source.Value{
		"webhook: open: the URL has no scheme; put https:// in front of it":    mapping("url", "ops.example.com"),
		"webhook: open: headers: not JSON; write a mapping, {X-Api-Key: ...}":  mapping("headers", "X-Api-Key: s3cret"),
		"webhook: open: headers: item 2 is not {key, value}":                   mapping("headers", `[{"key": "a", "value": "b"}, {"name": "c"}]`),
		"webhook: open: headers: neither a mapping nor a list of {key, value}": mapping("headers", int64(5)),
	} {
		_, err := webhook.Provider.Open(t.Context(), config, providers.Env{})
		if err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
		var e *providers.Error
		if !errors.As(err, &e) || e.Op != "open" {
			t.Errorf("%#v", err)
		}
	}
}
