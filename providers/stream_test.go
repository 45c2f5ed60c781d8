package providers_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"tocsin/providers"
	"tocsin/workflows/source"
)

// A stream is made of the parameters first; that they are wrong is known before anything
// is listened to.
func TestStreams(t *testing.T) {
	type params struct {
		Names []string `param:"names" doc:"Whom to tell of."`
	}
	wrong := errors.New("nobody to tell of")
	pool := providers.NewPool(providers.NewRegistry(providers.Define(providers.Definition[struct{}]{
		Type: "feed",
		Subscribe: providers.Streams(func(_ struct{}, p params) (providers.Stream, error) {
			if len(p.Names) == 0 {
				return nil, wrong
			}
			return func(_ context.Context, emit func(providers.Alert) error) error {
				for _, name := range p.Names {
					if err := emit(providers.Alert{Name: name}); err != nil {
						return err
					}
				}
				return nil
			}, nil
		}),
	})), providers.Env{})
	t.Cleanup(func() { pool.Close() })
	client, err := pool.ClientWith(t.Context(), "feed", source.Value{})
	if err != nil {
		t.Fatal(err)
	}
	enough := errors.New("enough")
	var got []string
	listen := func(with map[string]any) error {
		return client.Subscribe(t.Context(), source.Of(with), func(a providers.Alert) error {
			got = append(got, a.Name)
			if a.Name == "last" {
				return enough
			}
			return nil
		})
	}
	if err := listen(map[string]any{"names": []any{"a", "last", "c"}}); !errors.Is(err, enough) || len(got) != 2 {
		t.Errorf("%v, %v", got, err)
	}
	if err := listen(nil); !errors.Is(err, wrong) {
		t.Error(err)
	}
	if err := listen(map[string]any{"namse": "a"}); err == nil || errors.Is(err, wrong) {
		t.Error(err)
	}
}

// A panic while the parameters are read, which happens on another stack, is the call's
// error too, and the log shows where it was.
func TestStreamPanics(t *testing.T) {
	var log strings.Builder
	pool := providers.NewPool(providers.NewRegistry(providers.Define(providers.Definition[struct{}]{
		Type:      "feed",
		Subscribe: providers.Streams(func(struct{}, struct{}) (providers.Stream, error) { return hungry() }),
	})), providers.Env{Log: slog.New(slog.NewTextHandler(&log, nil))})
	t.Cleanup(func() { pool.Close() })
	client, err := pool.ClientWith(t.Context(), "feed", source.Value{})
	if err != nil {
		t.Fatal(err)
	}
	err = client.Subscribe(t.Context(), source.Value{}, func(providers.Alert) error { return nil })
	if err == nil || err.Error() != "feed: subscribe: bug in the provider: panic: nothing to feed" {
		t.Error(err)
	}
	if !strings.Contains(log.String(), "panic=\"nothing to feed\"") || !strings.Contains(log.String(), "providers_test.hungry") {
		t.Errorf("the log: %s", &log)
	}
}

func hungry() (providers.Stream, error) { panic("nothing to feed") }
