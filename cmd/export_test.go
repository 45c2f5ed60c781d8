package cmd

import (
	"context"
	"io"
	"strings"

	"tocsin/providers"
)

// Run is Main for tests that look at what is printed.
func Run(ctx context.Context, args, environ []string, stdout, stderr io.Writer, reg *providers.Registry) int {
	return run(ctx, process{args: args, stdin: strings.NewReader(""), stdout: stdout, stderr: stderr, environ: environ}, reg)
}
