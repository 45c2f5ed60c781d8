package cmd

import (
	"fmt"

	"github.com/spf13/cobra"

	"tocsin/workflows/source"
)

func newValidateCommand(s *setup) *cobra.Command {
	strict := false
	c := &cobra.Command{
		Use:   "validate FILE|DIR...",
		Short: "Check workflow files without running them",
		Long: `Validate reads and compiles workflow files and prints every problem, with its
place and what to do about it. Nothing is sent.

Exit codes: 0 the files can be run (warnings may be printed), 2 they cannot.`,
		Example: `  tocsin validate checks/
  tocsin validate check.yaml --output sarif > check.sarif`,
		Args: needFiles,
		RunE: func(c *cobra.Command, args []string) error {
			docs, err := s.load(args, false, c.OutOrStdout())
			if err != nil {
				return err
			}
			defer docs.close()
			if err := source.Write(s.stdout, s.output, docs, docs.problems); err != nil {
				return broken(err)
			}
			if docs.problems.Err() != nil || strict && len(docs.problems) > 0 {
				return &exitError{code: exitUsage}
			}
			if s.output == "text" {
				fmt.Fprintln(s.stdout, validSummary(docs))
			}
			return nil
		},
	}
	s.outputFlag(c, "text", "json", "github", "sarif")
	s.readingFlags(c)
	c.Flags().BoolVar(&strict, "strict", false, "count warnings as errors")
	return c
}

// validSummary says that all is well, and how much was looked at.
func validSummary(docs documents) string {
	n := 0
	for _, d := range docs.list {
		n += len(d.programs)
	}
	warnings := ""
	if w := len(docs.problems); w > 0 {
		warnings = ", " + plural(w, "warning")
	}
	return fmt.Sprintf("ok: %s in %s%s", plural(n, "workflow"), plural(len(docs.list), "file"), warnings)
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
