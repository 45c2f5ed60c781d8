package cmd_test

import (
	"errors"
	"io/fs"
	"testing"

	"tocsin/engine"
	"tocsin/providers/all"
	"tocsin/workflows"
	"tocsin/workflows/source"
)

// TestExamples compiles every workflow that ships against the providers that ship, so that
// none can rot.
func TestExamples(t *testing.T) {
	lib := engine.Library{Providers: all.Registry(), Functions: engine.Functions(), Configured: func(string) bool { return true }}
	err := fs.WalkDir(workflows.Examples(), ".", func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		t.Run(path, func(t *testing.T) {
			text, err := fs.ReadFile(workflows.Examples(), path)
			if err != nil {
				t.Fatal(err)
			}
			file, err := workflows.Parse(path, text)
			if err != nil {
				t.Fatal(err)
			}
			compileAll(t, file, lib)
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestProviderExamples compiles the workflow in each provider's README.
func TestProviderExamples(t *testing.T) {
	reg := all.Registry()
	lib := engine.Library{Providers: reg, Functions: engine.Functions(), Configured: func(string) bool { return true }}
	for _, p := range reg.All() {
		t.Run(p.Type, func(t *testing.T) {
			texts := yamlBlocks(p.Readme)
			if len(texts) == 0 {
				t.Fatal("its README shows no workflow")
			}
			for _, text := range texts {
				file, err := workflows.Parse("README.md", []byte(text))
				if err != nil {
					t.Fatal(err)
				}
				compileAll(t, file, lib)
			}
		})
	}
}

func compileAll(t *testing.T, file *workflows.File, lib engine.Library) {
	t.Helper()
	for _, w := range file.Workflows {
		_, warnings, err := engine.Compile(w, lib)
		var ps source.Problems
		if errors.As(err, &ps); err != nil {
			t.Error(ps)
		}
		if len(warnings) > 0 {
			t.Error(warnings)
		}
	}
}
