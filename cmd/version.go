package cmd

import (
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// Version is set by release builds: -ldflags "-X tocsin/cmd.Version=1.2.3".
var Version string

func newVersionCommand(s *setup) *cobra.Command {
	c := &cobra.Command{
		Use:     "version",
		Short:   "Print the version",
		Example: "  tocsin version --output json",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			v := version()
			if s.output == "json" {
				return json.NewEncoder(s.stdout).Encode(v)
			}
			_, err := fmt.Fprintf(s.stdout, "tocsin %s (%s, %s)\n", v.Version, v.Revision, v.Go)
			return err
		},
	}
	s.outputFlag(c, "text", "json")
	return c
}

// A build says what this program was made from.
type build struct {
	Version  string `json:"version"`
	Revision string `json:"revision"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func version() build {
	b := build{Version: Version, Revision: "unknown revision", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	if b.Version == "" {
		b.Version = info.Main.Version
	}
	for _, set := range info.Settings {
		if set.Key == "vcs.revision" {
			b.Revision = set.Value
		}
	}
	return b
}
