// Package cmd is the command line: one file for each command, and the wiring that
// takes flags to a pool, a library and a runner (setup.go). It does not know which
// providers there are: Main is given them.
package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"tocsin/providers"
	"tocsin/workflows/source"
)

// Main runs the command line with the given providers and returns the exit code. A
// program with providers of its own is a main that calls it with a longer list.
//
// Exit codes are those of every command: 0 nothing wrong, 1 a check failed, 2 wrong
// usage or an invalid file, 3 could not do it, 4 timed out, 130 interrupted.
func Main(args []string, reg *providers.Registry) int {
	ctx, heed, stop := untilSignal()
	defer stop()
	return run(ctx, process{
		args: args, stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, environ: os.Environ(), heed: heed,
	}, reg)
}

// A process is what the operating system gives a command.
type process struct {
	args           []string
	stdin          io.Reader
	stdout, stderr io.Writer
	environ        []string
	heed           func() // signals, from now on; nil: there are none
}

// getenv is the value of an environment variable, "" where there is none.
func (p process) getenv(name string) string {
	for i := len(p.environ) - 1; i >= 0; i-- {
		if k, v, _ := strings.Cut(p.environ[i], "="); k == name {
			return v
		}
	}
	return ""
}

func run(ctx context.Context, p process, reg *providers.Registry) int {
	m := newMemory()
	root := newRoot(&setup{process: p, build: reg, registry: m.known(reg), memory: m}, wanted(p.args))
	root.SetArgs(p.args)
	root.SetIn(p.stdin)
	root.SetOut(p.stdout)
	root.SetErr(p.stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	var e *exitError
	if !errors.As(err, &e) {
		e = &exitError{code: exitUsage, err: err, hints: []string{`"` + commandPath(root, p.args) + ` --help" has an example`}}
	}
	e.print(p.stderr)
	return e.code
}

// newRoot is the command line with the given commands.
func newRoot(s *setup, list []command) *cobra.Command {
	root := &cobra.Command{
		Use:   "tocsin",
		Short: "Run workflows of steps and actions: uptime alerts, smoke checks, jobs",
		Long: `Tocsin runs workflow files: steps ask (websocket, http, ...), actions tell
(slack, smtp, ...), and conditions decide.`,
		Example: `  tocsin init check.yaml                 write a first file
  tocsin run check.yaml                  run it once
  tocsin examples run websocket-is-up    see the whole thing without any account`,
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          noCommand,
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.CompletionOptions.HiddenDefaultCmd = false
	root.CompletionOptions.DisableDefaultCmd = len(list) == 1
	for _, c := range list {
		root.AddCommand(c.build(s))
	}
	return root
}

// A command is one of the command line, and how it is made.
type command struct {
	name  string
	build func(*setup) *cobra.Command
}

// commands is the table of commands; each has a file of its own.
var commands = []command{
	{"run", newRunCommand},
	{"serve", newServeCommand},
	{"runs", newRunsCommand},
	{"replay", newReplayCommand},
	{"deliveries", newDeliveriesCommand},
	{"notify", newNotifyCommand},
	{"alerts", newAlertsCommand},
	{"silences", newSilencesCommand},
	{"validate", newValidateCommand},
	{"lint", newLintCommand},
	{"render", newRenderCommand},
	{"schedule", newScheduleCommand},
	{"explain", newExplainCommand},
	{"providers", newProvidersCommand},
	{"functions", newFunctionsCommand},
	{"examples", newExamplesCommand},
	{"schema", newSchemaCommand},
	{"init", newInitCommand},
	{"import", newImportCommand},
	{"ws", newWSCommand},
	{"keys", newKeysCommand},
	{"audit", newAuditCommand},
	{"config", newConfigCommand},
	{"healthcheck", newHealthcheckCommand},
	{"version", newVersionCommand},
}

// wanted is the command that args name. Where they do not begin with one, as for help
// and completion, it is all of them.
func wanted(args []string) []command {
	for i, c := range commands {
		if len(args) > 0 && args[0] == c.name {
			return commands[i : i+1]
		}
	}
	return commands
}

// noCommand is the error of words that begin with no command: a misspelt one, or a file.
func noCommand(_ *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	var names []string
	for _, c := range commands {
		names = append(names, c.name)
	}
	hint := `"tocsin --help" lists the commands`
	if near := source.Nearest(args[0], names); near != "" {
		hint = fmt.Sprintf("did you mean %q?", near)
	}
	if ext := filepath.Ext(args[0]); ext == ".yaml" || ext == ".yml" {
		hint = fmt.Sprintf("\"tocsin run %s\" runs a file", args[0])
	}
	return usage(hint, "no command %q", args[0])
}

// commandPath is the command that args name, for the hint after a usage error.
func commandPath(root *cobra.Command, args []string) string {
	c, _, err := root.Find(args)
	if err != nil {
		return root.CommandPath()
	}
	return c.CommandPath()
}

// Exit codes, in the order of precedence: see Main.
const (
	exitOK          = 0
	exitFailed      = 1
	exitUsage       = 2
	exitBroken      = 3
	exitTimeout     = 4
	exitInterrupted = 130
)

// worse is the exit code that stands for both.
func worse(a, b int) int {
	for _, code := range []int{exitInterrupted, exitUsage, exitTimeout, exitBroken, exitFailed} {
		if a == code || b == code {
			return code
		}
	}
	return exitOK
}

// An exitError ends a command with a code. err is what is printed, nil where the
// command has said everything already.
type exitError struct {
	code  int
	err   error
	hints []string
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit %d", e.code)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

func (e *exitError) print(w io.Writer) {
	if e.err == nil {
		return
	}
	fmt.Fprintf(w, "tocsin: %v\n", e.err)
	for _, h := range e.hints {
		fmt.Fprintf(w, "hint: %s\n", h)
	}
}

// usage is a mistake on the command line.
func usage(hint, format string, args ...any) error {
	e := &exitError{code: exitUsage, err: fmt.Errorf(format, args...)}
	if hint != "" {
		e.hints = []string{hint}
	}
	return e
}

// broken is something that could not be done.
func broken(err error) error { return &exitError{code: exitBroken, err: err} }
