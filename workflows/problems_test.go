package workflows_test

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"golang.org/x/tools/txtar"

	"tocsin/workflows"
	"tocsin/workflows/source"
)

var update = flag.Bool("update", false, "write what is printed into the golden files")

// TestProblems reads in.yaml of every file in testdata/problems, with the settings of
// a file "set" if there is one, and compares what a person would be shown.
func TestProblems(t *testing.T) {
	files, _ := filepath.Glob("testdata/problems/*.txtar")
	if len(files) < 40 {
		t.Fatalf("only %d cases", len(files))
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			compareGolden(t, file, func(a *txtar.Archive) string {
				in := section(a, "in.yaml")
				ps := problemsOf("in.yaml", in, settingsOf(section(a, "set"))...)
				return shown(t, "in.yaml", in, ps)
			})
		})
	}
}

// problemsOf is all that Parse finds, errors and warnings.
func problemsOf(name string, text []byte, settings ...workflows.Setting) source.Problems {
	f, err := workflows.Parse(name, text, settings...)
	var ps source.Problems
	if errors.As(err, &ps) {
		return ps
	}
	return f.Problems
}

// settingsOf reads lines of PATH=VALUE, the values as texts.
func settingsOf(text []byte) []workflows.Setting {
	var list []workflows.Setting
	for line := range strings.Lines(string(text)) {
		path, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		list = append(list, workflows.Setting{Path: path, Value: value})
	}
	return list
}

func shown(t *testing.T, name string, text []byte, ps source.Problems) string {
	t.Helper()
	var b bytes.Buffer
	if err := source.Print(&b, fstest.MapFS{name: {Data: text}}, ps); err != nil {
		t.Fatal(err)
	}
	for _, p := range ps {
		if p.Code == "" {
			t.Errorf("%s has no code", p.Error())
		}
	}
	return b.String()
}

// compareGolden compares the section "want" of a file with what is got from the rest.
func compareGolden(t *testing.T, file string, get func(*txtar.Archive) string) {
	t.Helper()
	a, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if len(a.Comment) == 0 {
		t.Errorf("%s does not say what it shows", file)
	}
	got, want := get(a), string(section(a, "want"))
	if got == want {
		return
	}
	if !*update {
		t.Errorf("%s: got\n%s\nwant\n%s", file, got, want)
		return
	}
	rest := a.Files[:0]
	for _, f := range a.Files {
		if f.Name != "want" {
			rest = append(rest, f)
		}
	}
	a.Files = append(rest, txtar.File{Name: "want", Data: []byte(got)})
	if err := os.WriteFile(file, txtar.Format(a), 0o644); err != nil {
		t.Fatal(err)
	}
}

func section(a *txtar.Archive, name string) []byte {
	for _, f := range a.Files {
		if f.Name == name {
			return f.Data
		}
	}
	return nil
}
