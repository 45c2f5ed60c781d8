package console_test

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"tocsin/providers"
	"tocsin/providers/console"
	"tocsin/providers/providertest"
	"tocsin/templating/value"
	"tocsin/workflows/source"
)

func TestProvider(t *testing.T) {
	providertest.Run(t, console.Provider)
}

func with(kv ...value.Entry) source.Value { return source.Of(value.MapOf(kv...)) }

// With logger: true the message is a log record, at the level that severity names.
func TestLogger(t *testing.T) {
	for severity, want := range map[string]string{
		"debug": "DEBUG", "info": "INFO", "Warning": "WARN", "error": "ERROR", "critical": "ERROR", "low": "INFO",
	} {
		var out, log bytes.Buffer
		env := providers.Env{Stdout: &out, Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))}
		c, err := console.Provider.Open(t.Context(), source.Value{}, env)
		if err != nil {
			t.Fatal(err)
		}
		got, err := c.Notify(t.Context(), with(
			value.Entry{Key: "message", Value: "hello"},
			value.Entry{Key: "logger", Value: "True"},
			value.Entry{Key: "severity", Value: severity},
		))
		if err != nil || got != "hello" || out.Len() > 0 {
			t.Errorf("%v, %v, printed %q", got, err, out.String())
		}
		if !strings.Contains(log.String(), "level="+want+" msg=hello provider=console") {
			t.Errorf("%s: logged %s", severity, log.String())
		}
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

func TestCannotPrint(t *testing.T) {
	c, err := console.Provider.Open(t.Context(), source.Value{}, providers.Env{Stdout: full{}})
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Notify(t.Context(), with(value.Entry{Key: "message", Value: "hello"}))
	if err == nil || err.Error() != "console: notify: no space left on device" {
		t.Errorf("%v", err)
	}
}

// Lines of calls at the same time do not mix.
func TestAtTheSameTime(t *testing.T) {
	var out bytes.Buffer
	c, err := console.Provider.Open(t.Context(), source.Value{}, providers.Env{Stdout: &out})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() { _, _ = c.Query(t.Context(), with(value.Entry{Key: "message", Value: "one line"})) })
	}
	wg.Wait()
	if out.String() != strings.Repeat("one line\n", 50) {
		t.Errorf("printed %q", out.String())
	}
}
