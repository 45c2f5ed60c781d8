package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"tocsin/providers"
)

// leaky is a provider that says its password wherever it can.
func leaky() providers.Provider {
	type config struct {
		Key providers.Secret `param:"api_key,required" doc:"Who asks."`
	}
	type with struct {
		Password providers.Secret `param:"password" doc:"Secret."`
		Fail     bool             `param:"fail" doc:"Whether to fail."`
	}
	call := func(c config, _ context.Context, w with) (map[string]any, error) {
		text := fmt.Sprintf("key %s, password %s", string(c.Key), string(w.Password))
		if w.Fail {
			return nil, errors.New(text)
		}
		return map[string]any{"said": text}, nil
	}
	return providers.Define(providers.Definition[config]{
		Type: "leaky", Query: providers.Call(call), Notify: providers.Call(call),
		Open: providers.Open(func(_ context.Context, c config, _ providers.Env) (config, error) { return c, nil }),
	})
}

// Secrets of a step's own configuration, of the environment, and among parameters, do
// not come out: in events, in the result, in errors.
func TestSecrets(t *testing.T) {
	p, pool := compile(t, `
workflow:
  id: w
  steps:
    - name: ask
      expect: ["{{ results.said }} == 'nothing'"]
      continue_on_error: true
      provider:
        type: leaky
        config: {authentication: {api_key: "{{ env.CANARY }}"}}
        with: {password: canary-parameter}
  actions:
    - name: tell
      if: "{{ steps.ask.results.said }} != 'nothing'"
      provider:
        type: leaky
        config: {authentication: {api_key: canary-written}}
        with: {password: "1y3", fail: true}
`, leaky())
	var shown strings.Builder
	r := Runner{
		Pool: pool, Explain: true,
		Getenv: func(name string) string {
			if name == "CANARY" {
				return "canary-environment"
			}
			return "other"
		},
		Observe: func(e Event) {
			text, err := json.Marshal(e)
			if err != nil {
				t.Error(err)
			}
			fmt.Fprintf(&shown, "%s %v\n", text, e.Err)
		},
	}
	result := r.Run(t.Context(), p, Input{Run: "r"})
	fmt.Fprintf(&shown, "%v %s\n", result.Err, result.Reason)
	for _, s := range result.Steps {
		fmt.Fprintf(&shown, "%v %v %v %v %+v\n", s.Reason, s.With, s.Output, s.Err, s.Checks)
	}
	if !strings.Contains(shown.String(), "password [redacted]") {
		t.Errorf("nothing was said:\n%s", &shown)
	}
	for _, secret := range []string{"canary-environment", "canary-parameter", "canary-written"} {
		if strings.Contains(shown.String(), secret) {
			t.Errorf("%s comes out:\n%s", secret, &shown)
		}
	}
	if strings.Contains(shown.String(), `"password":"1y3"`) {
		t.Errorf("a short secret is shown as a parameter:\n%s", &shown)
	}
	var step *StepError
	var from *providers.Error
	if !errors.As(result.Err, &step) || step.Step != "tell" || !errors.As(result.Err, &from) || from.Provider != "leaky" {
		t.Errorf("the masked error does not unwrap: %#v", result.Err)
	}
}
