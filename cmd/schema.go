package cmd

import (
	"github.com/spf13/cobra"

	"tocsin/providers"
	"tocsin/workflows"
)

func newSchemaCommand(s *setup) *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of workflow files, for editors",
		Long: `Schema prints one JSON Schema (draft 2020-12) of workflow files, the parameters of
every provider included. Editors with yaml-language-server use it from a first line:

  # yaml-language-server: $schema=./tocsin.schema.json`,
		Example: "  tocsin schema > tocsin.schema.json",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return s.json(workflows.Schema(operations(s.registry)))
		},
	}
}

// operations is what the schema needs to know of every provider.
func operations(reg *providers.Registry) []workflows.Operation {
	var ops []workflows.Operation
	for _, p := range reg.All() {
		if p.Query != nil {
			ops = append(ops, workflows.Operation{Provider: p.Type, Kind: workflows.Query, Params: p.Query.Params})
		}
		if p.Notify != nil {
			ops = append(ops, workflows.Operation{Provider: p.Type, Kind: workflows.Notify, Params: p.Notify.Params})
		}
		if p.Subscribe != nil {
			ops = append(ops, workflows.Operation{Provider: p.Type, Kind: workflows.Listen, Params: p.Subscribe.Params})
		}
	}
	return ops
}
