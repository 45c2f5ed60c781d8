package providers_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"tocsin/providers"
	"tocsin/templating/value"
	"tocsin/workflows/source"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A connection counts what is opened and closed, in order.
type connection struct {
	config
	log *[]string
}

func (c connection) Close() error { *c.log = append(*c.log, "close "+c.Host); return nil }

func pooled(opens func(context.Context, config) error) (providers.Provider, *[]string) {
	log := &[]string{}
	var mu sync.Mutex
	return providers.Define(providers.Definition[connection]{
		Type: "db",
		Open: providers.Open(func(ctx context.Context, c config, _ providers.Env) (connection, error) {
			mu.Lock()
			*log = append(*log, "open "+c.Host)
			mu.Unlock()
			return connection{c, log}, opens(ctx, c)
		}),
	}), log
}

func works(context.Context, config) error { return nil }

func authentication(kv ...any) source.Value { return mapping("authentication", mapping(kv...)) }

func TestPoolSharesAndCloses(t *testing.T) {
	p, log := pooled(works)
	pool := providers.NewPool(providers.NewRegistry(p), providers.Env{})
	pool.Configure("one", authentication("host", "1"))
	pool.Configure("two", mapping("name", "Second", "authentication", mapping("host", "2")))
	a := client(t)(pool.Client(t.Context(), "db", "one"))
	b := client(t)(pool.Client(t.Context(), "db", "one"))
	if a != b {
		t.Error("one configuration has two clients")
	}
	client(t)(pool.Client(t.Context(), "db", "two"))
	client(t)(pool.Client(t.Context(), "db", "Second"))
	client(t)(pool.ClientWith(t.Context(), "db", authentication("host", "3")))
	client(t)(pool.ClientWith(t.Context(), "db", authentication("host", "3")))
	client(t)(pool.Client(t.Context(), "db", "unknown"))
	for range 2 {
		if err := pool.Close(); err != nil {
			t.Error(err)
		}
	}
	want := []string{"open 1", "open 2", "open 3", "open ", "close ", "close 3", "close 2", "close 1"}
	if !slices.Equal(*log, want) {
		t.Errorf("%q, want %q", *log, want)
	}
	if _, err := pool.Client(t.Context(), "db", "one"); err == nil {
		t.Error("a closed pool opens clients")
	}
}

func client(t *testing.T) func(*providers.Client, error) *providers.Client {
	return func(c *providers.Client, err error) *providers.Client {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
}

// A hundred callers open once; a failure is theirs all, and is not remembered.
func TestPoolOpensOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var opens atomic.Int32
		refused := errors.New("refused")
		p, _ := pooled(func(context.Context, config) error {
			time.Sleep(time.Second) // in the bubble
			if opens.Add(1) == 1 {
				return refused
			}
			return nil
		})
		pool := providers.NewPool(providers.NewRegistry(p), providers.Env{})
		defer pool.Close()
		for round, want := range []error{refused, nil} {
			var wg sync.WaitGroup
			for range 100 {
				wg.Go(func() {
					if _, err := pool.Client(t.Context(), "db", ""); !errors.Is(err, want) {
						t.Errorf("round %d: %v", round, err)
					}
				})
			}
			wg.Wait()
		}
		if n := opens.Load(); n != 2 {
			t.Errorf("opened %d times", n)
		}
	})
}

// Who waits for another's attempt is not ended by that one's context, but by its own.
func TestPoolWaitsForItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _ := pooled(func(ctx context.Context, _ config) error {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(10 * time.Second):
				return nil
			}
		})
		pool := providers.NewPool(providers.NewRegistry(p), providers.Env{})
		defer pool.Close()
		var wg sync.WaitGroup
		for _, patience := range []time.Duration{1, 5, 60} {
			wg.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), patience*time.Second)
				defer cancel()
				_, err := pool.Client(ctx, "db", "")
				if short := patience < 10; short != errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("patience of %ds: %v", patience, err)
				}
			})
			synctest.Wait()
		}
		wg.Wait()
	})
}

// A pool that is closed while a client is being opened closes it, too.
func TestPoolClosedWhileOpening(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, log := pooled(func(context.Context, config) error { time.Sleep(time.Second); return nil })
		pool := providers.NewPool(providers.NewRegistry(p), providers.Env{})
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := pool.Client(t.Context(), "db", ""); err == nil {
				t.Error("no error")
			}
		})
		synctest.Wait()
		pool.Close()
		wg.Wait()
		if !slices.Equal(*log, []string{"open ", "close "}) {
			t.Errorf("%q", *log)
		}
	})
}

func TestPoolErrors(t *testing.T) {
	p, _ := pooled(works)
	pool := providers.NewPool(providers.NewRegistry(p, parrot(repeats)).Planned("kafka"), providers.Env{})
	defer pool.Close()
	pool.Configure("flat", mapping("host", "h", "token", "t"))
	pool.Configure("empty", mapping("authentication", nil, "description", "x"))
	for _, tt := range []struct{ typ, name, want string }{
		{"kafka", "", "kafka: open: this build does not have the provider yet"},
		{"parot", "", `parot: open: there is no such provider; did you mean "parrot"?`},
		{"xyzzy", "", "xyzzy: open: there is no such provider"},
		{"db", "flat", `"host" belongs under "authentication"`},
		{"db", "empty", ""},
	} {
		_, err := pool.Client(t.Context(), tt.typ, tt.name)
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s with %q: %v, want %q", tt.typ, tt.name, err, tt.want)
		}
	}
}

func TestDescribe(t *testing.T) {
	pool := providers.NewPool(providers.NewRegistry(), providers.Env{})
	pool.Configure("db-prod", mapping("type", "postgres", "description", "The one.", "authentication", mapping("password", "s3cret")))
	pool.Configure("bare", source.Value{})
	for name, want := range map[string]string{
		"db-prod": `{"name":"db-prod","description":"The one.","type":"postgres"}`,
		"bare":    `{"name":"bare"}`,
	} {
		got, ok := pool.Describe(name)
		if text := string(value.AppendJSON(nil, got)); !ok || text != want {
			t.Errorf("%s: %s, %v; want %s", name, text, ok, want)
		}
	}
	if _, ok := pool.Describe("nobody"); ok || pool.Defined("nobody") || !pool.Defined("bare") {
		t.Error("what is defined and what is not is confused")
	}
	if names := pool.Names(); !slices.Equal(names, []string{"bare", "db-prod"}) {
		t.Errorf("names %v", names)
	}
}

// Which fields are secret is known from the type; until then, all are.
func TestWhatIsSecret(t *testing.T) {
	p, _ := pooled(works)
	pool := providers.NewPool(providers.NewRegistry(p, parrot(repeats)), providers.Env{})
	defer pool.Close()
	config := authentication("host", "db.internal", "token", "t0ken-1", "extra", source.Of([]any{"undeclared"}))
	const text = "db.internal t0ken-1 undeclared"

	pool.Configure("x", config)
	if got := pool.Mask(text); got != "[redacted] [redacted] [redacted]" {
		t.Errorf("type unknown: %s", got)
	}
	client(t)(pool.Client(t.Context(), "db", "x"))
	if got := pool.Mask(text); got != "db.internal [redacted] [redacted]" {
		t.Errorf("opened: %s", got)
	}
	pool.Configure("x", mapping("type", "db", "authentication", mapping("host", "other.internal", "token", int64(12345678))))
	if got := pool.Mask("other.internal 12345678 t0ken-1"); got != "other.internal [redacted] t0ken-1" {
		t.Errorf("replaced: %s", got)
	}
	client(t)(pool.ClientWith(t.Context(), "db", authentication("host", "inline.internal", "token", "inl1ne-token")))
	if got := pool.Mask("inline.internal inl1ne-token"); got != "inline.internal [redacted]" {
		t.Errorf("written in the workflow: %s", got)
	}
	c := client(t)(pool.Client(t.Context(), "parrot", ""))
	if _, err := c.Query(t.Context(), mapping("text", "hello", "key", "k3y-of-a-call")); err != nil {
		t.Fatal(err)
	}
	if got := pool.Mask("hello k3y-of-a-call"); got != "hello [redacted]" {
		t.Errorf("parameter: %s", got)
	}
}

// Of a field that takes anything, such as headers, all strings are secret: nobody has
// said which are not. Its JSON text counts as what it says.
func TestWhatIsSecretInside(t *testing.T) {
	type config struct {
		Headers any `param:"headers" doc:"Headers."`
	}
	p := providers.Define(providers.Definition[struct{}]{
		Type: "hook",
		Open: providers.Open(func(context.Context, config, providers.Env) (struct{}, error) { return struct{}{}, nil }),
	})
	for _, headers := range []any{
		value.MapOf(value.Entry{Key: "X-Key", Value: "k3y-in-a-header"}),
		[]any{value.MapOf(value.Entry{Key: "value", Value: "k3y-in-a-header"})},
		`{"X-Key": "k3y-in-a-header"}`,
	} {
		pool := providers.NewPool(providers.NewRegistry(p), providers.Env{})
		pool.Configure("x", mapping("type", "hook", "authentication", mapping("headers", headers)))
		if got := pool.Mask("sent k3y-in-a-header"); got != "sent [redacted]" {
			t.Errorf("%v: %s", headers, got)
		}
	}
}

// What providers log and print goes through the mask.
func TestPoolMasksLogsAndPrints(t *testing.T) {
	var log, out bytes.Buffer
	p := providers.Define(providers.Definition[providers.Env]{
		Type: "loud",
		Open: providers.Open(func(_ context.Context, c config, env providers.Env) (providers.Env, error) {
			env.Log = env.Log.With("early", string(c.Token)).WithGroup("g")
			env.Log.Warn("token is "+string(c.Token), "any", errors.New(string(c.Token)), "n", 1, slog.Group("in", "x", string(c.Token)))
			fmt.Fprintln(env.Stdout, c.Token, string(c.Token))
			return env, nil
		}),
	})
	pool := providers.NewPool(providers.NewRegistry(p), providers.Env{Log: slog.New(slog.NewTextHandler(&log, nil)), Stdout: &out})
	defer pool.Close()
	client(t)(pool.ClientWith(t.Context(), "loud", authentication("token", "c4nary-c4nary")))
	if out.String() != "[redacted] [redacted]\n" {
		t.Errorf("printed %q", out.String())
	}
	if got := log.String(); strings.Contains(got, "c4nary") || strings.Count(got, "[redacted]") != 4 || !strings.Contains(got, "g.n=1") {
		t.Errorf("logged %s", got)
	}
}

func TestRegistry(t *testing.T) {
	p, _ := pooled(works)
	reg := providers.NewRegistry(parrot(repeats), p).Planned("auth0", "kafka", "parrot")
	var types []string
	for _, p := range reg.All() {
		types = append(types, p.Type)
	}
	if !slices.Equal(types, []string{"db", "parrot"}) {
		t.Errorf("all: %v", types)
	}
	for typ, want := range map[string]bool{"auth0": true, "auth0.logs": true, "parrot": false, "db": false, "nobody": false} {
		if reg.IsPlanned(typ) != want {
			t.Errorf("%s planned: %v", typ, !want)
		}
	}
	for typ, want := range map[string]string{"parot": "parrot", "kafak": "kafka", "xyzzy": ""} {
		if got := reg.Suggest(typ); got != want {
			t.Errorf("suggested for %s: %q, want %q", typ, got, want)
		}
	}
	if _, ok := reg.With(providers.Provider{Type: "more"}).Lookup("more"); !ok {
		t.Error("a larger copy has no more")
	}
	if _, ok := reg.Lookup("more"); ok {
		t.Error("a larger copy changed the first")
	}
}

func TestRegisteredTwice(t *testing.T) {
	tests := []struct {
		name     string
		provider providers.Provider
		by       string
	}{
		{"with a client of its own", parrot(repeats), "tocsin/providers_test"},
		{"with a client that others have too", providers.Define(providers.Definition[shared[config]]{Type: "parrot"}), "tocsin/providers_test"},
		{"without a client", providers.Define(providers.Definition[struct{}]{Type: "parrot", Title: "Parrot"}), `a provider titled "Parrot"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			want := `providers: "parrot" is registered twice, by ` + tt.by + ` and a provider titled "Impostor"`
			defer func() {
				if got := recover(); got != want {
					t.Errorf("%v, want %s", got, want)
				}
			}()
			providers.NewRegistry(tt.provider, providers.Provider{Type: "parrot", Title: "Impostor"})
		})
	}
}

// shared is a client that several providers have, each with its configuration.
type shared[Config any] struct{}
