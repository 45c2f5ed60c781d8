package providers_test

import (
	"context"
	"errors"
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
