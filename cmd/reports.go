package cmd

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"strings"

	"tocsin/engine"
	"tocsin/engine/report"
)

// A sink is a report and where it goes.
type sink struct {
	format string
	file   string // "-": standard output, "!": standard error
	append bool
}

// parseReports reads --report flags.
func parseReports(flags []string) ([]sink, error) {
	var sinks []sink
	for _, f := range flags {
		format, file, ok := strings.Cut(f, "=")
		if _, known := report.Formats()[format]; !known {
			return nil, usage("the formats are "+strings.Join(reportNames(), ", "), "unknown report format %q", format)
		}
		if !ok || file == "" {
			return nil, usage("write --report "+format+"=FILE", "--report %s has no file", f)
		}
		sinks = append(sinks, sink{format: format, file: file})
	}
	return sinks, nil
}

func reportNames() []string {
	var names []string
	for name := range report.Formats() {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// githubSinks are annotations and the job summary, where GitHub Actions runs us and the
// user did not ask for them otherwise. Annotations go to standard error, which GitHub
// reads too, so that standard output stays the result.
func (r *runCommand) githubSinks(asked []sink) []sink {
	if r.getenv("GITHUB_ACTIONS") != "true" {
		return nil
	}
	var more []sink
	has := func(format string) bool {
		return slices.ContainsFunc(asked, func(s sink) bool { return s.format == format })
	}
	if !has("github") {
		more = append(more, sink{format: "github", file: "!"})
	}
	if file := r.getenv("GITHUB_STEP_SUMMARY"); file != "" && !has("summary") {
		more = append(more, sink{format: "summary", file: file, append: true})
	}
	return more
}

// write makes the report. A file appears whole or not at all, unless it is one that
// others write to as well.
func (s sink) write(r *runCommand, results []*engine.Result) error {
	format := report.Formats()[s.format]
	switch {
	case s.file == "-":
		return format(r.stdout, results)
	case s.file == "!":
		return format(r.stderr, results)
	case s.append:
		f, err := os.OpenFile(s.file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
		if err != nil {
			return err
		}
		return errors.Join(format(f, results), f.Close())
	}
	return writeFile(s.file, func(w io.Writer) error { return format(w, results) })
}

// writeFile writes a file beside its final place and then moves it there.
func writeFile(name string, write func(io.Writer) error) error {
	if st, err := os.Stat(name); err == nil && !st.Mode().IsRegular() { // a pipe, /dev/stdout
		f, err := os.OpenFile(name, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		return errors.Join(write(f), f.Close())
	}
	part := name + ".part"
	f, err := os.OpenFile(part, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	if err := errors.Join(write(f), f.Close()); err != nil {
		return errors.Join(err, os.Remove(part))
	}
	return os.Rename(part, name)
}

// newRunID is a name for a run: 128 random bits, as text. It is no secret.
func newRunID() string { return fmt.Sprintf("%016x%016x", rand.Uint64(), rand.Uint64()) }
