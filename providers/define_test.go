package providers_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"tocsin/providers"
	"tocsin/templating/value"
	"tocsin/workflows/source"
)

type config struct {
	Host  string           `param:"host" doc:"Where to."`
	Token providers.Secret `param:"token" doc:"Key."`
}

type params struct {
	Text  string           `param:"text" doc:"What to say."`
	Times int              `param:"times" default:"1" doc:"How often."`
	Key   providers.Secret `param:"key" doc:"Key of one call."`
}

type reply struct {
	Said  string `param:"said" doc:"What was said."`
	Times int    `param:"times" doc:"How often."`
}

// A parrot is a provider of four lines: what tests use in place of a mock.
func parrot(fn func(context.Context, config, params) (reply, error)) providers.Provider {
	return providers.Define(providers.Definition[config]{
		Type:  "parrot",
		Title: "Parrot",
		Open:  providers.Open(func(_ context.Context, c config, _ providers.Env) (config, error) { return c, nil }),
		Query: providers.Call(func(c config, ctx context.Context, p params) (reply, error) { return fn(ctx, c, p) }),
	})
}

func repeats(_ context.Context, c config, p params) (reply, error) {
	return reply{Said: c.Host + p.Text, Times: p.Times}, nil
}

// mapping is a source.Value of keys and values in turn.
func mapping(kv ...any) source.Value {
	m := source.Map{}
	for i := 0; i < len(kv); i += 2 {
		v, ok := kv[i+1].(source.Value)
		if !ok {
			v = source.Of(kv[i+1])
		}
		m = append(m, source.Entry{Key: kv[i].(string), Value: v})
	}
	return source.Value{Data: m}
}

func open(t *testing.T, p providers.Provider, config source.Value, env providers.Env) *providers.Client {
	t.Helper()
	c, err := p.Open(t.Context(), config, env)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// A call decodes the parameters, with their defaults, and gives a value back.
func TestCall(t *testing.T) {
	c := open(t, parrot(repeats), mapping("host", "h:"), providers.Env{})
	got, err := c.Query(t.Context(), mapping("text", "hello", "times", "2"))
	if err != nil {
		t.Fatal(err)
	}
	if text := string(value.AppendJSON(nil, got)); text != `{"said":"h:hello","times":2}` {
		t.Errorf("got %s", text)
	}
	if got, err := c.Query(t.Context(), source.Value{}); err != nil || value.Text(got) != "{'said': 'h:', 'times': 1}" {
		t.Errorf("without parameters: %v, %v", got, err)
	}
}

func TestOpen(t *testing.T) {
	p := parrot(repeats)
	for name, tt := range map[string]struct {
		config source.Value
		want   string
	}{
		"no configuration":              {config: source.Value{}},
		"null":                          {config: source.Of(nil)},
		"an unknown key is passed over": {config: mapping("anything_else", "x")},
		"a misspelt key is an error": {
			config: mapping("tokne", "x"),
			want:   `parrot: open: `,
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := p.Open(t.Context(), tt.config, providers.Env{})
			if tt.want == "" && err != nil {
				t.Error(err)
			}
			if tt.want != "" && (err == nil || !strings.HasPrefix(err.Error(), tt.want) || !strings.Contains(err.Error(), `"token"`)) {
				t.Errorf("%v, want %s... with a hint", err, tt.want)
			}
		})
	}
}

// A definition without Open takes any configuration; one without a function for an
// operation has no such operation.
func TestWithoutOpen(t *testing.T) {
	p := providers.Define(providers.Definition[struct{}]{Type: "bare", Check: func(struct{}, context.Context) error { return nil }})
	c := open(t, p, mapping("whatever", 1), providers.Env{})
	if err := c.Check(t.Context()); err != nil {
		t.Error(err)
	}
	_, err := c.Notify(t.Context(), source.Value{})
	if !errors.Is(err, providers.ErrUnsupported) || err.Error() != "bare: notify: operation not supported" {
		t.Errorf("notify: %v", err)
	}
	if _, err := c.Pull(t.Context()); !errors.Is(err, providers.ErrUnsupported) {
		t.Errorf("pull: %v", err)
	}
	if err := c.Subscribe(t.Context(), source.Value{}, nil); !errors.Is(err, providers.ErrUnsupported) {
		t.Errorf("subscribe: %v", err)
	}
}

// Parameters of source.Value are taken as they are, places included.
func TestRawParameters(t *testing.T) {
	var got source.Value
	p := providers.Define(providers.Definition[struct{}]{
		Type: "raw",
		Notify: providers.Call(func(_ struct{}, _ context.Context, with source.Value) (any, error) {
			got = with
			return with.Plain(), nil
		}),
	})
	with := mapping("a", 1)
	with.Pos = source.Pos{File: "f.yaml", Line: 2, Col: 3}
	c := open(t, p, source.Value{}, providers.Env{})
	if _, err := c.Notify(t.Context(), with); err != nil || got.Pos != with.Pos {
		t.Errorf("%v, %v", got, err)
	}
	if p.Notify.Params == nil || !p.Notify.Params.Open() {
		t.Error("its parameters are not described as open")
	}
}

func TestListen(t *testing.T) {
	enough := errors.New("enough")
	p := providers.Define(providers.Definition[struct{}]{
		Type: "stream",
		Subscribe: providers.Listen(func(_ struct{}, _ context.Context, p params, emit func(providers.Alert) error) error {
			for range p.Times {
				if err := emit(providers.Alert{Name: p.Text}); err != nil {
					return err
				}
			}
			return nil
		}),
	})
	var names []string
	err := open(t, p, source.Value{}, providers.Env{}).Subscribe(t.Context(), mapping("text", "x", "times", 5), func(a providers.Alert) error {
		if names = append(names, a.Name); len(names) == 2 {
			return enough
		}
		return nil
	})
	if len(names) != 2 || !errors.Is(err, enough) {
		t.Errorf("%v, %v", names, err)
	}
}

// A panic in a provider is the call's error; the stack goes to the log.
func TestPanic(t *testing.T) {
	var log bytes.Buffer
	p := parrot(func(context.Context, config, params) (reply, error) { panic("out of crackers") })
	c := open(t, p, source.Value{}, providers.Env{Log: slog.New(slog.NewTextHandler(&log, nil))})
	_, err := c.Query(t.Context(), source.Value{})
	if err == nil || err.Error() != "parrot: query: bug in the provider: panic: out of crackers" {
		t.Errorf("%v", err)
	}
	for _, want := range []string{"level=ERROR", "provider=parrot", "op=query", "out of crackers", "define_test.go"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log has no %s: %s", want, log.String())
		}
	}
}

func TestPanicInOpen(t *testing.T) {
	p := providers.Define(providers.Definition[int]{
		Type: "bad",
		Open: providers.Open(func(context.Context, config, providers.Env) (int, error) { panic("no") }),
	})
	if _, err := p.Open(t.Context(), source.Value{}, providers.Env{}); err == nil || err.Error() != "bad: open: bug in the provider: panic: no" {
		t.Errorf("%v", err)
	}
}

type closing struct{ times *int }

func (c closing) Close() error { *c.times++; return errors.New("still open") }

func TestCloseTwice(t *testing.T) {
	times := 0
	p := providers.Define(providers.Definition[closing]{
		Type: "door",
		Open: providers.Open(func(context.Context, config, providers.Env) (closing, error) { return closing{&times}, nil }),
	})
	c, err := p.Open(t.Context(), source.Value{}, providers.Env{})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := c.Close(); err == nil || err.Error() != "door: close: still open" {
			t.Errorf("%v", err)
		}
	}
	if times != 1 {
		t.Errorf("closed %d times", times)
	}
}

func TestErrorText(t *testing.T) {
	said := errors.New("channel_not_found")
	for want, err := range map[string]error{
		"slack: notify: 404 Not Found: channel_not_found": &providers.Error{Provider: "slack", Op: "notify", Status: 404, Err: said},
		"slack: notify: 404 Not Found":                    &providers.Error{Provider: "slack", Op: "notify", Status: 404},
		"slack: notify: 599":                              &providers.Error{Provider: "slack", Op: "notify", Status: 599},
		"slack: open: channel_not_found":                  &providers.Error{Provider: "slack", Op: "open", Err: said},
		"channel_not_found":                               providers.Temporary(said, time.Second),
		"429 Too Many Requests":                           &providers.Error{Status: 429},
		"a: 404 Not Found: channel_not_found":             &providers.Error{Provider: "a", Status: 404, Err: &providers.Error{Status: 404, Err: said}},
		"error without words":                             &providers.Error{},
	} {
		if err.Error() != want {
			t.Errorf("%q, want %q", err, want)
		}
	}
	if providers.Temporary(nil, 0) != nil {
		t.Error("Temporary(nil) is an error")
	}
}

// What an error within knows is the outer one's: whether and when to try again.
func TestErrorOfACall(t *testing.T) {
	said := errors.New("slow down")
	tests := []struct {
		name string
		err  error
		want providers.Error
		text string
	}{
		{"plain", said, providers.Error{}, "parrot: query: slow down"},
		{"marked", providers.Temporary(said, time.Minute), providers.Error{Temporary: true, After: time.Minute}, "parrot: query: slow down"},
		{"of HTTP", &providers.Error{Status: 429, Temporary: true, Err: said}, providers.Error{Status: 429, Temporary: true}, "parrot: query: 429 Too Many Requests: slow down"},
		{
			"wrapped", wrapped{"posting: ", &providers.Error{Status: 429, Temporary: true, Err: said}},
			providers.Error{Status: 429, Temporary: true}, "parrot: query: posting: 429 Too Many Requests: slow down",
		},
		{"a deadline", context.DeadlineExceeded, providers.Error{Temporary: true}, "parrot: query: context deadline exceeded"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := open(t, parrot(func(context.Context, config, params) (reply, error) { return reply{}, tt.err }), source.Value{}, providers.Env{})
			_, err := c.Query(t.Context(), source.Value{})
			var e *providers.Error
			if !errors.As(err, &e) || e.Provider != "parrot" || e.Op != "query" {
				t.Fatalf("%#v", err)
			}
			if e.Status != tt.want.Status || e.Temporary != tt.want.Temporary || e.After != tt.want.After || err.Error() != tt.text {
				t.Errorf("%+v %q, want %+v %q", e, err, tt.want, tt.text)
			}
		})
	}
}

type wrapped struct {
	front string
	err   error
}

func (w wrapped) Error() string { return w.front + w.err.Error() }
func (w wrapped) Unwrap() error { return w.err }

// A call whose context is done is not made; the error says why in the words of
// whoever ended it, and is still the context's.
func TestStopped(t *testing.T) {
	p := parrot(func(context.Context, config, params) (reply, error) { t.Error("called"); return reply{}, nil })
	c := open(t, p, source.Value{}, providers.Env{})
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	late, cancel := context.WithTimeoutCause(t.Context(), 0, errors.New("the step took longer than 3s"))
	defer cancel()
	plain, cancel := context.WithTimeout(t.Context(), 0)
	defer cancel()
	for _, tt := range []struct {
		ctx  context.Context
		is   error
		want string
	}{
		{canceled, context.Canceled, "parrot: query: stopped"},
		{plain, context.DeadlineExceeded, "parrot: query: timed out"},
		{late, context.DeadlineExceeded, "parrot: query: the step took longer than 3s"},
	} {
		_, err := c.Query(tt.ctx, source.Value{})
		if !errors.Is(err, tt.is) || err.Error() != tt.want {
			t.Errorf("%v, want %q", err, tt.want)
		}
	}
}

// The reference is what a README has below its marker.
func TestReference(t *testing.T) {
	p := parrot(repeats)
	const want = `### Configuration

What stands under ` + "`authentication:`" + `.

`
	got := p.Reference()
	if !strings.HasPrefix(got, want) || strings.Count(got, "### ") != 2 || !strings.Contains(got, "### In a step\n") || !strings.Contains(got, "Its results:") {
		t.Errorf("%s", got)
	}
}
