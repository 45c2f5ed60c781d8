package cmd

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"tocsin/engine"
	"tocsin/templating"
	"tocsin/workflows/source"
)

func newFunctionsCommand(s *setup) *cobra.Command {
	c := &cobra.Command{
		Use:   "functions [NAME]",
		Short: "List the functions of templates and conditions, or show one",
		Example: `  tocsin functions
  tocsin functions keep.join`,
		Args: cobra.MaximumNArgs(1),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return functionNames(engine.Functions()), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return s.listFunctions(engine.Functions())
			}
			return s.showFunction(engine.Functions(), args[0])
		},
	}
	s.outputFlag(c, "text", "json")
	return c
}

func functionNames(fns *templating.Functions) []string {
	var names []string
	for _, f := range fns.All() {
		names = append(names, f.Name)
	}
	return names
}

// A functionSummary is a function in JSON.
type functionSummary struct {
	Name    string `json:"name"`
	Params  string `json:"params"`
	Doc     string `json:"doc"`
	Example string `json:"example,omitempty"`
}

func (s *setup) listFunctions(fns *templating.Functions) error {
	if s.output == "json" {
		var out []functionSummary
		for _, f := range fns.All() {
			out = append(out, functionSummary{f.Name, f.Params, f.Doc, f.Example})
		}
		return s.json(out)
	}
	for _, ours := range []bool{true, false} {
		fmt.Fprintln(s.stdout, map[bool]string{true: "Called in a text, as keep.len({{ steps.x.results }}):", false: "\nPiped in braces, as {{ steps.x.results | trunc 80 }}:"}[ours])
		for _, f := range fns.All() {
			if strings.HasPrefix(f.Name, "keep.") == ours {
				fmt.Fprintf(s.stdout, "  %-26s %s\n", f.Name, f.Doc)
			}
		}
	}
	return nil
}

func (s *setup) showFunction(fns *templating.Functions, name string) error {
	f, ok := fns.Lookup(name)
	if !ok {
		f, ok = fns.Lookup("keep." + name)
	}
	if !ok {
		hint := `"tocsin functions" lists them`
		near := source.Nearest(name, functionNames(fns))
		if near == "" {
			near = source.Nearest("keep."+name, functionNames(fns))
		}
		if near != "" {
			hint = fmt.Sprintf("did you mean %q?", near)
		}
		return usage(hint, "no function %q", name)
	}
	if s.output == "json" {
		return s.json(functionSummary{f.Name, f.Params, f.Doc, f.Example})
	}
	fmt.Fprintf(s.stdout, "%s%s\n\n%s\n", f.Name, f.Params, f.Doc)
	if f.Example != "" {
		fmt.Fprintf(s.stdout, "\nExample:\n  %s\n", f.Example)
	}
	return nil
}
