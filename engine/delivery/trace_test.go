package delivery

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"tocsin/engine/store"
	"tocsin/providers"
)

// What the loop sends later is in the trace in which the run stood, also if another
// process sends it.
func TestAttemptsOfTheLoopAreTraced(t *testing.T) {
	var mu sync.Mutex
	var told []string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if told = append(told, r.Header.Get("Traceparent")); len(told) == 1 {
			w.WriteHeader(503)
		}
	}))
	defer s.Close()
	const run, attempt = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "00-4bf92f3577b34da6a3ce929d0e0e4736-1111111111111111-01"
	var seen []string
	b := benchAt(t, t.TempDir(), map[string]string{"ops": s.URL}, func(l *Lane) {
		l.Trace = func(d store.Delivery, in providers.Trace) (providers.Trace, func(error, string)) {
			return providers.Trace{Parent: attempt}, func(err error, words string) {
				seen = append(seen, fmt.Sprintf("%s #%d in %s: %v %q", d.Key, d.Attempts, in.Parent, err, words))
			}
		}
	})
	m := message("k1", "ops")
	m.Origin.Trace = providers.Trace{Parent: run}
	_, err := b.Deliver(t.Context(), m, func(ctx context.Context) (any, error) {
		client, err := b.pool.Client(ctx, m.Provider, m.Config)
		if err != nil {
			return nil, err
		}
		return client.Notify(providers.WithOrigin(ctx, m.Origin), m.With)
	})
	if err != nil {
		t.Fatal(err)
	}
	stop := b.running()
	b.settled()
	stop()
	mu.Lock()
	defer mu.Unlock()
	if want := []string{run, attempt}; fmt.Sprint(told) != fmt.Sprint(want) {
		t.Errorf("who is told was told %q, want %q", told, want)
	}
	if want := `[k1 #2 in ` + run + `: <nil> ""]`; fmt.Sprint(seen) != want {
		t.Errorf("spans %v, want %s", seen, want)
	}
}
