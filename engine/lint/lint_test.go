package lint_test

import (
	"bytes"
	"errors"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"golang.org/x/tools/txtar"

	"tocsin/engine"
	"tocsin/engine/lint"
	"tocsin/providers/all"
	"tocsin/workflows"
	"tocsin/workflows/source"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func library() engine.Library {
	return engine.Library{Providers: all.Registry(), Functions: engine.Functions(), Configured: func(string) bool { return true }}
}

// TestProblems lints in.yaml of every file in testdata/problems and compares what a
// person would be shown. What the reader and the compiler say is left out.
func TestProblems(t *testing.T) {
	files, _ := filepath.Glob("testdata/problems/*.txtar")
	if len(files) < 20 {
		t.Fatalf("only %d cases", len(files))
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			a, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			in, want := section(a, "in.yaml"), section(a, "want")
			var got bytes.Buffer
			if err := source.Print(&got, fstest.MapFS{"in.yaml": {Data: in}}, linted(t, "in.yaml", in)); err != nil {
				t.Fatal(err)
			}
			if bytes.Equal(got.Bytes(), want) {
				return
			}
			if !*update {
				t.Fatalf("printed\n%s\nwant\n%s", &got, want)
			}
			a.Files = append(slices.DeleteFunc(a.Files, func(f txtar.File) bool { return f.Name == "want" }), txtar.File{Name: "want", Data: got.Bytes()})
			if err := os.WriteFile(file, txtar.Format(a), 0o644); err != nil {
				t.Fatal(err)
			}
		})
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

func linted(t *testing.T, name string, text []byte) source.Problems {
	t.Helper()
	f, err := workflows.Parse(name, text)
	if err != nil {
		t.Fatal(err)
	}
	return lint.Check(f, library())
}

// TestExamples: there is nothing to say about what ships.
func TestExamples(t *testing.T) {
	names, err := fs.Glob(workflows.Examples(), "*.yaml")
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	for _, name := range names {
		text, err := fs.ReadFile(workflows.Examples(), name)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range linted(t, name, text) {
			t.Errorf("%s [%s]", p.Error(), p.Code)
		}
	}
}

// TestCorpus: nothing in Keep's own files is an error, and those that cannot work in
// Keep (spec §11.4) are told so. The others are left in peace, but for a few notes.
func TestCorpus(t *testing.T) {
	broken := map[string][]string{
		"fluxcd_example.yml":                       {source.UnknownRoot, source.JinjaFilter},
		"openshift_pod_restart.yml":                {source.BadText},
		"openshift_monitoring_and_remediation.yml": {source.JinjaFilter},
		"notify-new-trello-card.yml":               {source.UnknownRoot},
		"elastic_enrich_example.yml":               {source.UnknownRoot},
		"send_smtp_html_email.yml":                 {source.UnknownRoot},
		"failed-to-login-workflow.yml":             {source.UnknownReference},
		"send-message-telegram-with-htmlmd.yaml":   {source.DuplicateName},
		"query_clickhouse.yml":                     {source.EmptyWorkflow},
		"complex-conditions-cel.yml":               {source.ImpossibleComparison},
		"permissions_example.yml":                  {source.UnknownReference},
	}
	dir := "../../../shared/corpus/keep"
	files, _ := filepath.Glob(filepath.Join(dir, "*.y*ml"))
	if len(files) == 0 {
		if os.Getenv("CI") != "" || os.Getenv("TOCSIN_CI") != "" {
			t.Fatalf("CI needs %s", dir)
		}
		t.Skipf("no %s beside this checkout", dir)
	}
	for _, file := range files {
		name := filepath.Base(file)
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var codes []string
		for _, p := range everything(t, name, text) {
			codes = append(codes, p.Code)
			if !p.Warning {
				t.Errorf("%s [%s]", p.Error(), p.Code)
			}
			if !p.Note() && broken[name] == nil && p.Code != source.PlannedProvider {
				t.Errorf("%s [%s]", p.Error(), p.Code)
			}
		}
		for _, want := range broken[name] {
			if !slices.Contains(codes, want) {
				t.Errorf("%s: no %s among %v", name, want, codes)
			}
		}
	}
}

// everything is what all rooms say about a document.
func everything(t *testing.T, name string, text []byte) source.Problems {
	t.Helper()
	f, err := workflows.Parse(name, text)
	if err != nil {
		t.Error(err)
		return nil
	}
	ps := f.Problems
	for _, w := range f.Workflows {
		_, warnings, err := engine.Compile(w, library())
		ps = append(ps, warnings...)
		var fatal source.Problems
		if errors.As(err, &fatal) {
			ps = append(ps, fatal...)
		}
	}
	return append(ps, lint.Check(f, library())...)
}

// TestCompatOfTheLibrary: "compat: keep" counts wherever it was said.
func TestCompatOfTheLibrary(t *testing.T) {
	text := []byte("workflow:\n  id: w\n  actions:\n    - name: a\n      if: \"{{ alert.x == 1 }}\"\n      provider: {type: console, with: {message: hi}}\n")
	f, err := workflows.Parse("in.yaml", text)
	if err != nil {
		t.Fatal(err)
	}
	lib := library()
	if ps := lint.Check(f, lib); len(ps) != 0 {
		t.Errorf("%v", ps)
	}
	lib.Compat = "keep"
	if ps := lint.Check(f, lib); len(ps) != 1 || ps[0].Code != source.KeepDiffers {
		t.Errorf("%v", ps)
	}
}
