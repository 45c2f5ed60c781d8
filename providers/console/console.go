// Package console prints messages to standard output: for trying a workflow out, and
// for programs that read what it prints.
package console

import (
	"context"
	_ "embed"
	"io"
	"log/slog"
	"strings"
	"sync"

	"tocsin/providers"
	"tocsin/templating/value"
)

// Message is what to print.
type Message struct {
	Message  any        `param:"message" doc:"What to print; a line break follows it."`
	Logger   bool       `param:"logger" default:"false" doc:"Whether to write it to the program's log instead."`
	Severity string     `param:"severity" default:"info" example:"warning" doc:"Level in the log: debug, info, warning, error or critical; others count as info."`
	Rest     *value.Map `param:"*,warn" doc:"Other names are taken, as Keep does, and not printed."`
}

//go:embed README.md
var readme string

// Provider prints to standard output. Its results are the message.
var Provider = providers.Define(providers.Definition[*client]{
	Type:       "console",
	Title:      "Console",
	Summary:    "Print a message.",
	Categories: []providers.Category{"Others"},
	Readme:     readme,
	Message:    "message",
	Open:       providers.Open(open),
	Query:      providers.Call((*client).print),
	Notify:     providers.Call((*client).print),
})

// Config is nothing: what is configured is passed over.
type Config struct{}

// A client prints one message at a time.
type client struct {
	mu  sync.Mutex
	out io.Writer
	log *slog.Logger
}

func open(_ context.Context, _ Config, env providers.Env) (*client, error) {
	return &client{out: env.Stdout, log: env.Log}, nil
}

func (c *client) print(ctx context.Context, m Message) (any, error) {
	if m.Message == nil {
		m.Message = "" // Keep's default
	}
	text := value.Text(m.Message)
	if m.Logger {
		c.log.Log(ctx, level(m.Severity), text)
		return m.Message, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	// In one write, so that a secret is masked that has a line break in it.
	if _, err := io.WriteString(c.out, text+"\n"); err != nil {
		return nil, err
	}
	return m.Message, nil
}

func level(severity string) slog.Level {
	switch strings.ToLower(severity) {
	case "debug":
		return slog.LevelDebug
	case "warning", "warn":
		return slog.LevelWarn
	case "error", "critical", "exception", "fatal":
		return slog.LevelError
	}
	return slog.LevelInfo
}
