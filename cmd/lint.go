package cmd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/diff"
	"github.com/spf13/cobra"

	"tocsin/engine"
	"tocsin/engine/lint"
	"tocsin/providers"
	"tocsin/workflows"
	"tocsin/workflows/source"
)

func newLintCommand(s *setup) *cobra.Command {
	l := lintCommand{setup: s}
	c := &cobra.Command{
		Use:   "lint FILE|DIR...",
		Short: "Check workflow files for what works, but hardly as meant",
		Long: `Lint is validate with every rule: beside errors and warnings it prints notes, which
are guesses and matters of taste, such as a step whose result nobody reads.

A comment leaves a warning out, in the line or in the one above it:

  if: "1 == 1" # tocsin:ignore TOC101 -- switched on for the demonstration

"# tocsin:ignore-file TOC101" does so for the whole file. Several codes or names are
separated by commas; what comes after "--" is the reason. Errors cannot be ignored.
"tocsin explain TOC101" explains a code, "tocsin explain --codes" lists them all.

With --fix, what is safe to change is changed: the document means the same afterwards,
or something that could not work says the one thing that it can mean. Everything else
in the file stays as it is.

Exit codes: 0 nothing but notes, 2 errors or warnings (with --strict, notes too).`,
		Example: `  tocsin lint checks/
  tocsin lint checks/ --fix --dry-run
  tocsin lint check.yaml --output sarif > check.sarif`,
		Args: needFiles,
		RunE: func(c *cobra.Command, args []string) error { return l.run(c.Context(), args) },
	}
	s.outputFlag(c, "text", "json", "github", "sarif")
	s.readingFlags(c)
	f := c.Flags()
	f.BoolVar(&l.strict, "strict", false, "count notes as warnings")
	f.BoolVar(&l.fix, "fix", false, "change what is safe to change")
	f.BoolVar(&l.dryRun, "dry-run", false, "with --fix: show the changes instead of making them")
	return c
}

type lintCommand struct {
	*setup
	strict, fix, dryRun bool
}

func (l *lintCommand) run(_ context.Context, paths []string) error {
	switch {
	case l.fix && len(l.sets) > 0:
		return usage("leave --set out: a setting is not part of the file", "--fix and --set do not go together")
	case l.dryRun && !l.fix:
		return usage("write --fix --dry-run", "--dry-run shows what --fix would change")
	}
	l.notes = true
	docs, err := l.load(paths, false, l.stdout)
	if err != nil {
		return err
	}
	defer func() { docs.close() }()
	if l.fix {
		if docs, err = l.fixed(docs); err != nil {
			return err
		}
	}
	return l.show(docs)
}

// show prints the problems that there are, or that would be left.
func (l *lintCommand) show(docs documents) error {
	out := l.stdout
	if l.dryRun { // standard output has the changes
		out = l.stderr
	}
	if err := source.Write(out, l.output, docs, docs.problems); err != nil {
		return broken(err)
	}
	if l.output == "text" {
		fmt.Fprintln(out, lintSummary(docs, l.fix))
	}
	for _, p := range docs.problems {
		if !p.Note() || l.strict {
			return &exitError{code: exitUsage}
		}
	}
	return nil
}

// lintSummary says how much was found, and how much of it need not be.
func lintSummary(docs documents, fixed bool) string {
	count := map[string]int{}
	fixes := 0
	for _, p := range docs.problems {
		switch {
		case !p.Warning:
			count["error"]++
		case p.Note():
			count["note"]++
		default:
			count["warning"]++
		}
		if p.Fix.What != "" {
			fixes++
		}
	}
	var found []string
	for _, kind := range []string{"error", "warning", "note"} {
		if count[kind] > 0 {
			found = append(found, plural(count[kind], kind))
		}
	}
	files := plural(len(docs.list), "file")
	if found == nil {
		return "ok: nothing to say about " + files
	}
	hint := ""
	if fixes > 0 && !fixed {
		hint = fmt.Sprintf("; --fix mends %d", fixes)
	}
	return fmt.Sprintf("\n%s in %s%s", strings.Join(found, ", "), files, hint)
}

// maxRounds is how often a file is read again because a change showed more to change.
const maxRounds = 10

// fixed makes the changes that are safe, and returns the documents as they are then.
func (l *lintCommand) fixed(docs documents) (documents, error) {
	env, err := l.env(l.stdout)
	if err != nil {
		return docs, err
	}
	after := documents{problems: aboutOthers(docs)}
	for _, d := range docs.list {
		changed, err := l.fixDocument(d, env, aboutFile(docs.problems, d.name), &after.problems)
		if err != nil {
			return docs, err
		}
		after.list = append(after.list, changed)
	}
	return after, nil
}

// aboutFile are the problems of one file.
func aboutFile(ps source.Problems, name string) source.Problems {
	return slices.DeleteFunc(slices.Clone(ps), func(p source.Problem) bool { return p.Pos.File != name })
}

// aboutOthers are the problems of no document, such as those of the environment.
func aboutOthers(docs documents) source.Problems {
	return slices.DeleteFunc(slices.Clone(docs.problems), func(p source.Problem) bool {
		return slices.ContainsFunc(docs.list, func(d *document) bool { return d.name == p.Pos.File })
	})
}

// fixDocument changes d until there is nothing left to change, and adds what is left.
func (l *lintCommand) fixDocument(d *document, env providers.Env, ps source.Problems, left *source.Problems) (*document, error) {
	now := d
	for range maxRounds {
		text, done := source.ApplyFixes(d.name, now.text, ps)
		if len(done) == 0 {
			break
		}
		l.tell(done)
		now = &document{name: d.name, text: text}
		more, err := l.compile(now, nil, env, false)
		if err != nil {
			return d, err
		}
		ps = aboutFile(l.review(now, more), d.name)
	}
	*left = append(*left, ps...)
	if now == d {
		return d, nil
	}
	if l.dryRun || d.name == "-" {
		_, patch, _ := bytes.Cut(diff.Diff(d.name, d.text, d.name, now.text), []byte("\n"))
		_, err := l.stdout.Write(patch)
		return now, err
	}
	return now, replace(d.name, now.text)
}

// tell says what was changed.
func (l *lintCommand) tell(done source.Problems) {
	out := l.stdout
	if l.output != "text" || l.dryRun {
		out = l.stderr
	}
	for _, p := range done {
		fmt.Fprintf(out, "%s: fixed: %s [%s]\n", p.Fix.Pos, p.Fix.What, p.Code)
	}
}

// replace writes a file anew, so that whoever reads it meanwhile has all of the one or
// of the other.
func replace(name string, text []byte) error {
	path, err := filepath.EvalSymlinks(name)
	if err != nil {
		return broken(err)
	}
	st, err := os.Stat(path)
	if err != nil {
		return broken(err)
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".tocsin-*")
	if err != nil {
		return broken(err)
	}
	_, err = f.Write(text)
	err = errors.Join(err, f.Chmod(st.Mode().Perm()), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
		return broken(err)
	}
	return nil
}

// between is what is wrong between the files, by file. Of one file alone nobody knows
// what else there is.
func (s *setup) between(docs documents) map[string]source.Problems {
	if len(docs.list) < 2 {
		return nil
	}
	var files []*workflows.File
	for _, d := range docs.list {
		if d.file == nil {
			return nil
		}
		files = append(files, d.file)
	}
	by := map[string]source.Problems{}
	for _, p := range lint.Dependencies(files) {
		by[p.Pos.File] = append(by[p.Pos.File], p)
	}
	return by
}

// review adds to the problems of d what works, but hardly as meant, and leaves out what
// the document asks to ignore; notes too, unless they are asked for. What a document
// with errors means, nobody knows: it is not looked at further.
//
// Whoever only runs a workflow hears of it too: {{ alrt.name }} is no error, but an if
// with it never holds. It takes less time than reading the file.
func (s *setup) review(d *document, ps source.Problems) source.Problems {
	sound := ps.Err() == nil && d.file != nil
	if sound {
		lib := engine.Library{Providers: s.registry, Functions: engine.Functions(), Compat: s.compat}
		ps = append(ps, lint.Check(d.file, lib)...)
	}
	ps = source.Ignore(d.name, d.text, ps)
	return slices.DeleteFunc(ps, func(p source.Problem) bool {
		return p.Note() && !(s.notes && sound)
	})
}
