package cmd

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"tocsin/workflows"
	"tocsin/workflows/source"
)

func newExplainCommand(s *setup) *cobra.Command {
	codes := false
	c := &cobra.Command{
		Use:   "explain [KEY|CODE]",
		Short: "Explain a key of the workflow language, or a code of a problem",
		Long: `Explain says what a key of a workflow file means, what it takes, and shows it in use.
Without a key it lists them all. A code that validate or lint prints, or its name, is
explained too; --codes lists them.`,
		Example: `  tocsin explain step.retry
  tocsin explain TOC012
  tocsin explain condition.assert
  tocsin explain | grep trigger`,
		Args: cobra.MaximumNArgs(1),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return append(keyPaths(workflows.Keys()), codeWords()...), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(_ *cobra.Command, args []string) error {
			if codes {
				return s.listRules()
			}
			if len(args) == 0 {
				return s.listKeys(workflows.Keys())
			}
			return s.showKeys(workflows.Keys(), args[0])
		},
	}
	s.outputFlag(c, "text", "json")
	c.Flags().BoolVar(&codes, "codes", false, "list the codes of problems")
	return c
}

func keyPaths(keys []workflows.Key) []string {
	var paths []string
	for _, k := range keys {
		paths = append(paths, k.Path)
	}
	return paths
}

func (s *setup) listKeys(keys []workflows.Key) error {
	if s.output == "json" {
		return s.json(keys)
	}
	width := 0
	for _, k := range keys {
		width = max(width, len(k.Path))
	}
	for _, k := range keys {
		if _, err := fmt.Fprintf(s.stdout, "%-*s  %s\n", width, k.Path, k.Doc); err != nil {
			return err
		}
	}
	return nil
}

// showKeys explains the keys that a word means: "step.retry", or "retry" alone.
func (s *setup) showKeys(keys []workflows.Key, word string) error {
	if r, ok := source.RuleOf(word); ok {
		return s.showRule(r)
	}
	found := findKeys(keys, word)
	switch {
	case len(found) == 0 && strings.Contains(word, "{{"):
		return usage(`try it with data: tocsin render --condition '...' --data data.json`, "%q is a condition, not a key", word)
	case len(found) == 0:
		hint := `"tocsin explain" lists the keys`
		if near := source.Nearest(word, append(keyPaths(keys), codeWords()...)); near != "" {
			hint = fmt.Sprintf("did you mean %q?", near)
		}
		return usage(hint, "no key %q in the language, and no such code", word)
	case s.output == "json":
		return s.json(found)
	}
	for i, k := range found {
		if i > 0 {
			fmt.Fprintln(s.stdout)
		}
		s.printKey(k)
	}
	return nil
}

// findKeys is the key of that path, else every key whose path ends in it.
func findKeys(keys []workflows.Key, word string) []workflows.Key {
	var ending []workflows.Key
	for _, k := range keys {
		if k.Path == word {
			return []workflows.Key{k}
		}
		if strings.HasSuffix(k.Path, "."+word) {
			ending = append(ending, k)
		}
	}
	return ending
}

func (s *setup) printKey(k workflows.Key) {
	fmt.Fprintf(s.stdout, "%s (%s", k.Path, k.Type)
	if k.Default != "" {
		fmt.Fprintf(s.stdout, ", default %s", k.Default)
	}
	fmt.Fprintf(s.stdout, ")\n\n%s\n", k.Doc)
	if len(k.Fields) > 0 {
		fmt.Fprintln(s.stdout, "\nKeys:")
		for _, f := range k.Fields {
			fmt.Fprintf(s.stdout, "  %-16s %s%s\n", f.Name, f.Doc, defaulting(f.Default))
		}
	}
	if k.Example != "" {
		fmt.Fprintf(s.stdout, "\nExample:\n%s\n", indent(strings.TrimRight(k.Example, "\n"), "  "))
	}
}

// defaulting says what a key is where it is left out; "" where nobody said.
func defaulting(def string) string {
	if def == "" {
		return ""
	}
	return " Default: " + def + "."
}

func indent(text, by string) string {
	return by + strings.ReplaceAll(text, "\n", "\n"+by)
}
