package workflows_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"tocsin/workflows"
	"tocsin/workflows/source"
)

// FuzzParse: whatever a file says, it is read or refused with a place, and a setting
// does not change that.
func FuzzParse(f *testing.F) {
	for _, text := range exampleFiles(f) {
		f.Add(string(text), "steps.0.with.message")
	}
	files, _ := filepath.Glob("testdata/problems/*.txtar")
	for _, file := range files {
		a, err := txtar.ParseFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(section(a, "in.yaml")), "actions.tell.provider.config")
	}
	f.Fuzz(func(t *testing.T, text, path string) {
		checkPlaces(t, text, problemsOf("in.yaml", []byte(text)))
		_, err := workflows.Parse("in.yaml", []byte(text), workflows.Setting{Path: path, Value: "x"})
		var ps source.Problems
		if err != nil && !errors.As(err, &ps) {
			t.Fatalf("the error is a %T", err)
		}
	})
}

func checkPlaces(t *testing.T, text string, ps source.Problems) {
	lines := 1
	for _, end := range []string{"\n", "\r", "\u0085", "\u2028", "\u2029"} {
		lines += strings.Count(text, end)
	}
	for _, p := range ps {
		if p.Pos.Line < 1 || p.Pos.Line > lines || p.Pos.Col < 1 || p.Message == "" || p.Code == "" {
			t.Errorf("%d lines: %#v", lines, p)
		}
	}
}
