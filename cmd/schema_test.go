package cmd_test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"tocsin/cmd"
	"tocsin/providers/all"
	"tocsin/templating/value"
	"tocsin/workflows"
	"tocsin/workflows/source"
)

// TestSchemaWithProviders reads the schema that "tocsin schema" prints with a validator that
// is not ours: it takes every example, every workflow of the READMEs and every file of the
// corpus, and refuses each of the broken files that CI opens in an editor's server.
func TestSchemaWithProviders(t *testing.T) {
	s := printedSchema(t)
	for name, text := range rightFiles(t) {
		for _, doc := range jsonDocuments(t, name, text) {
			if err := s.Validate(doc); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	broken, err := filepath.Glob("../testdata/editor/broken/*.yaml")
	if err != nil || len(broken) < 3 {
		t.Fatalf("broken files: %q, %v", broken, err)
	}
	for _, name := range broken {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, doc := range jsonDocuments(t, name, text) {
			if s.Validate(doc) == nil {
				t.Errorf("%s is taken", name)
			}
		}
	}
}

func printedSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	text := new(bytes.Buffer)
	if code := cmd.Run(t.Context(), []string{"schema"}, nil, text, text, all.Registry()); code != 0 {
		t.Fatalf("tocsin schema: exit code %d", code)
	}
	doc, err := jsonschema.UnmarshalJSON(text)
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("tocsin.schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("tocsin.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// rightFiles are texts by name: the examples, and the corpus where it is.
func rightFiles(t *testing.T) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	for from, dir := range map[string]fs.FS{"example ": workflows.Examples(), "corpus ": os.DirFS(corpusDir)} {
		for _, pattern := range []string{"*.yaml", "*.yml"} {
			names, err := fs.Glob(dir, pattern)
			if err != nil {
				t.Fatal(err)
			}
			for _, name := range names {
				text, err := fs.ReadFile(dir, name)
				if err != nil {
					t.Fatal(err)
				}
				files[from+name] = text
			}
		}
	}
	return files
}

func jsonDocuments(t *testing.T, name string, text []byte) []any {
	t.Helper()
	docs, err := source.ParseAll(name, text)
	if err != nil {
		t.Fatal(err)
	}
	var out []any
	for _, d := range docs {
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(value.AppendJSON(nil, d.Plain())))
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, doc)
	}
	return out
}
