package providertest

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tocsin/providers"
	"tocsin/providers/dial"
	"tocsin/templating/value"
	"tocsin/workflows/source"
)

// now is the time of exchanges.
func now() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) }

// play makes the call of one exchange and checks all that comes of it.
func play(t *testing.T, p *providers.Provider, file string) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	x := read(t, file)
	if x.op == "" {
		t.Fatalf("%s: there is neither -- query -- nor -- notify --", file)
	}
	var stdout, log bytes.Buffer
	env := environment(newPlayer(t, x))
	env.Stdout = &stdout
	env.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))

	result, err := run(t.Context(), t, p, x, env)
	x.outcome(t, result, err)
	if x.stdout != nil && stdout.String() != *x.stdout {
		t.Errorf("%s: printed\n%s\nwant\n%s", file, stdout.String(), *x.stdout)
	}
	noSecrets(t, p, x, map[string]string{"the result": string(value.AppendJSON(nil, result)), "the error": text(err), "the log": log.String()})
}

// environment is what the provider sees: transport in place of the network.
func environment(transport http.RoundTripper) providers.Env {
	return providers.Env{
		HTTP:   &http.Client{Transport: transport, CheckRedirect: dial.CheckRedirect},
		Dialer: &dial.Dialer{},
		Now:    now,
	}
}

// run opens a client, makes x's call, and closes the client twice.
func run(ctx context.Context, t *testing.T, p *providers.Provider, x exchange, env providers.Env) (any, error) {
	t.Helper()
	client, err := p.Open(ctx, x.config, env)
	if err != nil {
		return nil, err
	}
	defer func() {
		for range 2 {
			if err := client.Close(); err != nil {
				t.Errorf("close: %v", err)
			}
		}
	}()
	if x.op == "query" {
		return client.Query(ctx, x.with)
	}
	return client.Notify(ctx, x.with)
}

// outcome compares the result or the error with what the file says.
func (x exchange) outcome(t *testing.T, result any, err error) {
	t.Helper()
	if x.err != nil {
		if want := strings.TrimSpace(*x.err); text(err) != want {
			t.Errorf("%s: error\n%s\nwant\n%s", x.file, text(err), want)
		}
		typed(t, err)
		return
	}
	if err != nil {
		t.Errorf("%s: %v", x.file, err)
		return
	}
	if x.result == nil {
		return
	}
	want, err := parseResult(x.file, *x.result)
	if err != nil {
		t.Fatal(err)
	}
	if !matches(result, want) {
		t.Errorf("%s: result\n%s\nwant\n%s", x.file, value.AppendJSON(nil, result), value.AppendJSON(nil, want))
	}
}

func parseResult(file, text string) (any, error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	v, err := source.Parse(file, []byte(text))
	return v.Plain(), err
}

// typed checks that a client's error is an *Error.
func typed(t *testing.T, err error) {
	t.Helper()
	if _, ok := errors.AsType[*providers.Error](err); err != nil && !ok {
		t.Errorf("%v is not a *providers.Error", err)
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// noSecrets checks that what came out has no secret of the exchange's configuration
// or parameters in it.
func noSecrets(t *testing.T, p *providers.Provider, x exchange, outputs map[string]string) {
	t.Helper()
	pool := providers.NewPool(providers.NewRegistry(*p), providers.Env{})
	defer pool.Close()
	pool.Configure("x", source.Value{Data: source.Map{
		{Key: "type", Value: source.Of(p.Type)},
		{Key: "authentication", Value: x.config},
	}})
	o := p.Query
	if x.op == "notify" {
		o = p.Notify
	}
	if o != nil {
		pool.AddSecrets(o.Secrets(x.with)...)
	}
	for where, output := range outputs {
		if pool.Mask(output) != output {
			t.Errorf("%s: %s shows a secret: %s", x.file, where, pool.Mask(output))
		}
	}
}

// matches is value.Equal, but that a wanted "<any>" is equal to everything.
func matches(got, want any) bool {
	switch want := want.(type) {
	case string:
		return want == "<any>" || value.Equal(got, want)
	case []any:
		list, ok := got.([]any)
		if !ok || len(list) != len(want) {
			return false
		}
		for i := range want {
			if !matches(list[i], want[i]) {
				return false
			}
		}
		return true
	case *value.Map:
		m, ok := got.(*value.Map)
		if !ok || m.Len() != want.Len() {
			return false
		}
		for k, w := range want.All() {
			g, has := m.Get(k)
			if !has || !matches(g, w) {
				return false
			}
		}
		return true
	}
	return value.Equal(got, want)
}

// endsWithContext makes the first call of each kind against a vendor that never
// answers: it must end soon after its context.
func endsWithContext(t *testing.T, p *providers.Provider, files []string) {
	tried := map[string]bool{}
	for _, file := range files {
		x := read(t, file)
		if tried[x.op] || x.op == "" || len(x.rounds) == 0 {
			continue
		}
		tried[x.op] = true
		t.Run(x.op, func(t *testing.T) {
			defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
			silent(t, p, x)
		})
	}
}

func silent(t *testing.T, p *providers.Provider, x exchange) {
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	start := time.Now()
	_, err := run(ctx, t, p, x, environment(never{}))
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("the call took %v, its context 50ms", took)
	}
	if err != nil && !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v; want an error that is context.DeadlineExceeded", err)
	}
	if err == nil {
		t.Error("the call went well, though nobody answered")
	}
	typed(t, err)
}

// never is a vendor that does not answer.
type never struct{}

func (never) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Body != nil {
		req.Body.Close()
	}
	<-req.Context().Done()
	return nil, req.Context().Err()
}
