package cmd

import (
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"tocsin/providers"
)

// TestHelpHasExamples reads the example of every command as the command line would: a flag
// that does not exist, or a wrong number of arguments, fails here and not at the user's.
func TestHelpHasExamples(t *testing.T) {
	root := newRoot(&setup{registry: providers.NewRegistry()}, commands)
	var visit func(c *cobra.Command)
	visit = func(c *cobra.Command) {
		for _, sub := range c.Commands() {
			visit(sub)
		}
		lines := exampleLines(c.Example)
		if len(lines) == 0 && c.Runnable() {
			t.Errorf("%s has no example", c.CommandPath())
		}
		for _, line := range lines {
			tryExample(t, line)
		}
	}
	visit(root)
}

// exampleLines are the commands in an example, without what is piped into or out of them.
func exampleLines(example string) [][]string {
	var lines [][]string
	for line := range strings.SplitSeq(example, "\n") {
		for part := range strings.SplitSeq(line, " | ") {
			part, _, _ = strings.Cut(part, "   ")
			part, _, _ = strings.Cut(part, " > ")
			if words := strings.Fields(strings.TrimSpace(part)); len(words) > 0 && words[0] == "tocsin" {
				lines = append(lines, unquote(strings.TrimSpace(part)))
			}
		}
	}
	return lines
}

// unquote splits a command into words, as a shell does with single quotes.
func unquote(line string) []string {
	var words []string
	for i, part := range strings.Split(line, "'") {
		if i%2 == 1 {
			words = append(words, part)
		} else {
			words = append(words, strings.Fields(part)...)
		}
	}
	return words[1:]
}

func tryExample(t *testing.T, words []string) {
	t.Helper()
	root := newRoot(&setup{registry: providers.NewRegistry()}, commands)
	c, args, err := root.Find(words)
	if err == nil {
		err = c.ParseFlags(args)
	}
	if err == nil {
		err = c.ValidateArgs(c.Flags().Args())
	}
	if err != nil {
		t.Errorf("tocsin %s: %v", strings.Join(words, " "), err)
	}
}
