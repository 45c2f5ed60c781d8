package webhook_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"tocsin/providers"
	"tocsin/providers/webhook"
	"tocsin/workflows/source"
)

// A message that is sent again has the key that it had, unless somebody configured one,
// and that something is over is said without the body that said the opposite.
func TestIdempotencyKeyAndRetell(t *testing.T) {
	var key, body string
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		key, body = r.Header.Get("Idempotency-Key"), string(b)
	}))
	defer s.Close()
	ctx := providers.WithOrigin(t.Context(), providers.Origin{Key: "k1"})
	if err := notify(t, ctx, mapping("url", s.URL)); err != nil || key != "k1" {
		t.Errorf("key %q, %v", key, err)
	}
	if err := notify(t, ctx, mapping("url", s.URL, "headers", `{"idempotency-key": "own"}`)); err != nil || key != "own" {
		t.Errorf("key %q, %v", key, err)
	}
	if err := notify(t, t.Context(), mapping("url", s.URL)); err != nil || key != "" {
		t.Errorf("key %q, %v", key, err)
	}
	c, err := webhook.Provider.Open(t.Context(), mapping("url", s.URL), providers.Env{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	with := mapping("body", "down", "message", "Resolved after 12m")
	with.Data = webhook.Provider.Notify.Retell(with.Data.(source.Map), providers.Episode{Kind: "resolved"})
	if _, err := c.Notify(ctx, with); err != nil || body != `{"message":"Resolved after 12m"}` {
		t.Errorf("sent %s, %v", body, err)
	}
}
