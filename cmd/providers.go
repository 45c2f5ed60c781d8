package cmd

import (
	"encoding/json"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"tocsin/providers"
)

func newProvidersCommand(s *setup) *cobra.Command {
	c := &cobra.Command{
		Use:   "providers [TYPE]",
		Short: "List the providers, or show one with its parameters",
		Example: `  tocsin providers
  tocsin providers websocket`,
		Args: cobra.MaximumNArgs(1),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return s.providerTypes(), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return s.listProviders()
			}
			return s.showProvider(args[0])
		},
	}
	s.outputFlag(c, "text", "json")
	return c
}

func (s *setup) providerTypes() []string {
	var types []string
	for _, p := range s.registry.All() {
		types = append(types, p.Type)
	}
	return types
}

func (s *setup) listProviders() error {
	if s.output == "json" {
		return s.json(providerSummaries(s.registry.All()))
	}
	w := tabwriter.NewWriter(s.stdout, 0, 0, 3, ' ', 0)
	fmt.Fprintln(w, "TYPE\tAS\tWHAT IT DOES")
	for _, p := range s.registry.All() {
		fmt.Fprintf(w, "%s\t%s\t%s\n", p.Type, strings.Join(uses(p), ", "), p.Summary)
	}
	return w.Flush()
}

// uses says where a workflow can name p.
func uses(p *providers.Provider) []string {
	var as []string
	if p.Query != nil {
		as = append(as, "step")
	}
	if p.Notify != nil {
		as = append(as, "action")
	}
	if p.Subscribe != nil {
		as = append(as, "trigger")
	}
	return as
}

// A providerSummary is a provider in JSON: the parameters are JSON Schemas.
type providerSummary struct {
	Type    string         `json:"type"`
	Title   string         `json:"title"`
	Summary string         `json:"summary"`
	As      []string       `json:"as"`
	Config  map[string]any `json:"config,omitempty"`
	Step    map[string]any `json:"step,omitempty"`
	Action  map[string]any `json:"action,omitempty"`
	Results map[string]any `json:"results,omitempty"`
}

func providerSummaries(ps []*providers.Provider) []providerSummary {
	var out []providerSummary
	for _, p := range ps {
		out = append(out, summarize(p))
	}
	return out
}

func summarize(p *providers.Provider) providerSummary {
	sum := providerSummary{Type: p.Type, Title: p.Title, Summary: p.Summary, As: uses(p)}
	if p.Config != nil {
		sum.Config = p.Config.JSON()
	}
	if p.Query != nil {
		sum.Step = p.Query.Params.JSON()
		if p.Query.Result != nil {
			sum.Results = p.Query.Result.JSON()
		}
	}
	if p.Notify != nil {
		sum.Action = p.Notify.Params.JSON()
	}
	return sum
}

func (s *setup) showProvider(typ string) error {
	p, ok := s.registry.Lookup(typ)
	switch {
	case ok && s.output == "json":
		return s.json(summarize(p))
	case ok:
		_, err := fmt.Fprintln(s.stdout, strings.TrimSpace(strings.ReplaceAll(p.Readme, "<!-- reference -->\n", "")))
		return err
	case s.registry.IsPlanned(typ):
		return usage(`"tocsin providers" lists those it has`, "this build has no provider %q yet", typ)
	}
	hint := `"tocsin providers" lists them`
	if near := s.registry.Suggest(typ); near != "" {
		hint = fmt.Sprintf("did you mean %q?", near)
	}
	return usage(hint, "no provider %q", typ)
}

// json prints v for programs.
func (s *setup) json(v any) error {
	enc := json.NewEncoder(s.stdout)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}
