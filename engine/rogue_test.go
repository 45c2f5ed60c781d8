package engine

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"tocsin/providers"
	"tocsin/templating/value"
)

const rogues = `
workflow:
  id: rogues
  actions:
    - {name: panics, provider: {type: panics}}
    - {name: nil, provider: {type: nil}}
    - {name: huge, provider: {type: huge}}
    - {name: deep, provider: {type: deep}}
    - {name: deaf, timeout: 20ms, retry: {count: 100}, provider: {type: deaf}}
    - {name: text, provider: {type: fine, with: {message: "{{ inputs.bomb }}"}}}
    - {name: sound, provider: {type: fine}}
`

// rogueProviders do everything that a provider must not do.
func rogueProviders(stop <-chan struct{}) []providers.Provider {
	list := map[string]func(struct{}, context.Context, map[string]any) (any, error){
		"panics": func(struct{}, context.Context, map[string]any) (any, error) { panic(errors.New("ouch")) },
		"nil": func(struct{}, context.Context, map[string]any) (any, error) {
			var m *map[string]int
			return len(*m), nil
		},
		"huge": func(struct{}, context.Context, map[string]any) (any, error) {
			return strings.Repeat("x", 100<<20), nil
		},
		"deep": func(struct{}, context.Context, map[string]any) (any, error) {
			var v any = "x"
			for range 200 {
				v = []any{v}
			}
			return v, nil
		},
		"deaf": func(struct{}, context.Context, map[string]any) (any, error) {
			<-stop
			return nil, nil
		},
		"fine": func(struct{}, context.Context, map[string]any) (any, error) { return true, nil },
	}
	var out []providers.Provider
	for typ, call := range list {
		out = append(out, providers.Define(providers.Definition[struct{}]{Type: typ, Notify: providers.Call(call)}))
	}
	return out
}

// TestRogues runs them in a process of their own, which has to live, in little memory
// and time: each breaks its own action, and the sound one still runs.
func TestRogues(t *testing.T) {
	if os.Getenv("TOCSIN_ROGUES") != "" {
		rogueRun(t)
		return
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestRogues$", "-test.v")
	cmd.Env = append(os.Environ(), "TOCSIN_ROGUES=1", "GOMEMLIMIT=512MiB")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

func rogueRun(t *testing.T) {
	stop := make(chan struct{})
	defer close(stop)
	p, pool := compile(t, rogues, rogueProviders(stop)...)
	bomb := value.MapOf()
	bomb.Set("self", strings.Repeat("{{ inputs.bomb }}", 10000))
	r := Runner{Pool: pool, Log: slog.New(slog.NewTextHandler(t.Output(), nil))}
	start := time.Now()
	result := r.Run(t.Context(), p, Input{Run: "r", Inputs: map[string]any{"bomb": bomb}})
	want := map[string]string{
		"panics": "panic", "nil": "panic", "huge": "more than 8 MiB", "deep": "nested",
		"deaf": "abandoned", "text": "", "sound": "",
	}
	for _, s := range result.Steps {
		if !strings.Contains(s.Reason, want[s.Name]) || (s.Err == nil) != (want[s.Name] == "") {
			t.Errorf("%s: %s %q, want %q", s.Name, s.Status, short(s.Reason), want[s.Name])
		}
	}
	if len(result.Steps) != len(want) {
		t.Errorf("%d actions ran, want %d", len(result.Steps), len(want))
	}
	if d := time.Since(start); d > 20*time.Second {
		t.Errorf("it took %v", d)
	}
}
