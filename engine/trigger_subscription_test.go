package engine

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"tocsin/providers"
	"tocsin/workflows"
	"tocsin/workflows/schema"
)

// A trigger listens with parameters whose texts read consts and inputs; what the
// provider renders itself sees more.
func TestRunnerSubscribe(t *testing.T) {
	type params struct {
		Topic string      `param:"topic" doc:"What to listen to."`
		Body  schema.Lazy `param:"body" doc:"What to ask."`
	}
	var seen []string
	stop := errors.New("stop")
	feed := providers.Define(providers.Definition[struct{}]{
		Type: "feed", Subscribe: providers.Listen(func(_ struct{}, _ context.Context, p params, emit func(providers.Alert) error) error {
			for tick := range 2 {
				body, err := p.Body(map[string]any{"tick": tick + 1})
				if err != nil {
					return err
				}
				seen = append(seen, p.Topic+" "+body.(string))
			}
			return emit(providers.Alert{Name: "one"})
		}),
	})
	registry := providers.NewRegistry(feed)
	p := compileWith(t, registry, `
workflow:
  id: w
  consts: {area: north}
  inputs: [{name: kind, type: string, default: disks}]
  triggers:
    - type: feed
      name: disks of the north
      with: {topic: "{{ consts.area }}/{{ inputs.kind }}", body: "ask {{ tick }}"}
`)
	trigger := p.Triggers()[0]
	if trigger.Subscription.Name != "disks of the north" {
		t.Errorf("the trigger is called %q", trigger.Subscription.Name)
	}
	runner := Runner{Pool: providers.NewPool(registry, providers.Env{})}
	err := runner.Subscribe(t.Context(), p, trigger, nil, func(a providers.Alert) error { return stop })
	if !errors.Is(err, stop) || !strings.HasPrefix(err.Error(), `w.yaml:7:7: trigger "disks of the north": feed: subscribe: `) {
		t.Errorf("ended with %v", err)
	}
	if want := []string{"north/disks ask 1", "north/disks ask 2"}; !slices.Equal(seen, want) {
		t.Errorf("the provider was given %q, want %q", seen, want)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := runner.Subscribe(ctx, p, trigger, nil, nil); err != nil {
		t.Errorf("being called off is no error: %v", err)
	}
}

func compileWith(t *testing.T, registry *providers.Registry, text string) *Program {
	t.Helper()
	f, err := workflows.Parse("w.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	p, warnings, err := Compile(f.Workflows[0], Library{Providers: registry, Functions: Functions()})
	if err != nil || len(warnings) > 0 {
		t.Fatal(err, warnings)
	}
	return p
}

// The address of a websocket stays what it is.
func TestAddressOfAnEvent(t *testing.T) {
	for in, want := range map[string]any{"wss://h/p": "wss://h/p", "ws://h": "ws://h", "example.com": "https://example.com"} {
		if got := address(in); got != want {
			t.Errorf("%s: %v", in, got)
		}
	}
}
