package workflows_test

import (
	"bytes"
	"io/fs"
	"os"
	"strings"
	"testing"

	"tocsin/workflows"
)

// TestExamples reads what ships: without a warning, with an id that is the file's
// name, and with a first line that says what it shows.
func TestExamples(t *testing.T) {
	for name, text := range exampleFiles(t) {
		t.Run(name, func(t *testing.T) {
			for _, p := range problemsOf(name, text) {
				t.Error(p.Error())
			}
			f, err := workflows.Parse(name, text)
			if err != nil || len(f.Workflows) != 1 {
				t.Fatal(err)
			}
			if name == "websocket-is-up.yaml" { // as it stands in testdata
				return
			}
			if w := f.Workflows[0]; w.ID+".yaml" != name || w.Name == "" || w.Description == "" {
				t.Errorf("id %q, name %q, description %q", w.ID, w.Name, w.Description)
			}
			first, _, _ := strings.Cut(string(text), "\n")
			if !strings.HasPrefix(first, "# ") || !strings.HasSuffix(first, ".") {
				t.Errorf("the first line is %q", first)
			}
		})
	}
}

func TestMainDocumentIsTheExample(t *testing.T) {
	want, err := os.ReadFile("../testdata/websocket-is-up.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if got := exampleFiles(t)["websocket-is-up.yaml"]; !bytes.Equal(got, want) {
		t.Errorf("the example differs from testdata/websocket-is-up.yaml:\n%s", got)
	}
}

func exampleFiles(t testing.TB) map[string][]byte {
	t.Helper()
	names, err := fs.Glob(workflows.Examples(), "*.yaml")
	if err != nil || len(names) < 8 {
		t.Fatalf("%d examples, %v", len(names), err)
	}
	files := map[string][]byte{}
	for _, name := range names {
		if files[name], err = fs.ReadFile(workflows.Examples(), name); err != nil {
			t.Fatal(err)
		}
	}
	return files
}
