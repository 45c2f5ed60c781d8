package convert_test

import (
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"tocsin/workflows"
	"tocsin/workflows/convert"
)

// Whatever the file, what comes out is a workflow that can be read, and every note is in
// it.
func FuzzBenthos(f *testing.F)  { fuzz(f, "benthos_*.txtar", convert.Benthos) }
func FuzzTelegraf(f *testing.F) { fuzz(f, "telegraf_*.txtar", convert.Telegraf) }

func fuzz(f *testing.F, seeds string, read func(string, []byte, convert.Target) (*convert.Result, error)) {
	files, err := filepath.Glob(filepath.Join("testdata", seeds))
	if err != nil || len(files) == 0 {
		f.Fatal(files, err)
	}
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(archive.Files[0].Data)
	}
	to := target(f)
	f.Fuzz(func(t *testing.T, raw []byte) {
		r, err := read("in.file", raw, to)
		if err != nil {
			return
		}
		yaml := string(r.YAML())
		file, err := workflows.Parse("out.yaml", []byte(yaml))
		if err != nil && !strings.Contains(err.Error(), "more than") { // it can have more keys than what it was made of
			t.Fatalf("%v\n%s", err, yaml)
		}
		if err == nil && len(file.Workflows) != 1 {
			t.Fatalf("%d workflows in\n%s", len(file.Workflows), yaml)
		}
		for _, n := range r.Notes {
			if n.Pos.Line == 0 || n.Message == "" {
				t.Errorf("a note says nothing: %+v", n)
			}
		}
	})
}
