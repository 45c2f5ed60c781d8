package convert_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The examples of Benthos and Telegraf that ship are what comes of the configurations
// here.
func TestExamples(t *testing.T) {
	files, err := filepath.Glob("testdata/examples/*")
	if err != nil || len(files) != 2 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		name := filepath.Base(file)
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		yaml, _ := converted(t, name, raw)
		example := filepath.Join("..", "examples", strings.TrimSuffix(name, filepath.Ext(name))+".yaml")
		if *update {
			if err := os.WriteFile(example, []byte(yaml), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if want, err := os.ReadFile(example); err != nil || yaml != string(want) {
			t.Errorf("%s is not %s as a workflow (%v); -update makes it so", example, name, err)
		}
	}
}
