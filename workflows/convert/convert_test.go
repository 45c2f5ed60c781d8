package convert_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"tocsin/engine"
	"tocsin/providers"
	"tocsin/providers/all"
	"tocsin/workflows"
	"tocsin/workflows/convert"
	"tocsin/workflows/source"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// target is what cmd hands in.
func target(t testing.TB) convert.Target {
	t.Helper()
	p, ok := all.Registry().Lookup("websocket")
	if !ok {
		t.Fatal("there is no websocket provider")
	}
	return convert.Target{Trigger: p.Subscribe.Params, Action: p.Notify.Params, Secret: providers.CallsSecret}
}

// reader is the one for a file by its name.
func reader(name string) func(string, []byte, convert.Target) (*convert.Result, error) {
	if strings.HasSuffix(name, ".conf") || strings.HasSuffix(name, ".toml") {
		return convert.Telegraf
	}
	return convert.Benthos
}

// TestConvert converts the first file of each archive in testdata: want.yaml is the
// workflow, which has to compile without a warning but those about what has to be
// defined, and notes is what is said. A file that cannot be converted has its problems in
// notes.
func TestConvert(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) < 25 {
		t.Fatalf("%d cases, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) { testCase(t, file) })
	}
}

func testCase(t *testing.T, file string) {
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	in := archive.Files[0]
	yaml, notes := converted(t, in.Name, in.Data)
	if *update {
		archive.Files = []txtar.File{in, {Name: "want.yaml", Data: []byte(yaml)}, {Name: "notes", Data: []byte(notes)}}
		if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	for _, want := range archive.Files[1:] {
		got := map[string]string{"want.yaml": yaml, "notes": notes}[want.Name]
		if got != string(want.Data) {
			t.Errorf("%s is\n%s\nwant\n%s", want.Name, got, want.Data)
		}
	}
}

// converted is what comes out, checked as "tocsin validate" does.
func converted(t *testing.T, name string, raw []byte) (yaml, notes string) {
	t.Helper()
	r, err := reader(name)(name, raw, target(t))
	if err != nil {
		return "", err.Error() + "\n"
	}
	yaml = string(r.YAML())
	var b strings.Builder
	for _, n := range r.Notes {
		fmt.Fprintf(&b, "%v: %v\n", n.Pos, n)
		for _, hint := range strings.Split(n.Hint, "\n") {
			if hint != "" {
				fmt.Fprintf(&b, "\t%s\n", hint)
			}
		}
		if !strings.Contains(yaml, n.Message) {
			t.Errorf("the workflow has no comment about: %v", n)
		}
	}
	validate(t, yaml)
	return yaml, b.String()
}

func validate(t *testing.T, yaml string) {
	t.Helper()
	lib := engine.Library{Providers: all.Registry(), Functions: engine.Functions(), Configured: func(string) bool { return true }}
	f, err := workflows.Parse("want.yaml", []byte(yaml))
	if err != nil {
		t.Fatalf("%v\n%s", err, yaml)
	}
	ps := f.Problems
	for _, w := range f.Workflows {
		_, warnings, err := engine.Compile(w, lib)
		if err != nil {
			t.Errorf("%v\n%s", err, yaml)
		}
		ps = append(ps, warnings...)
	}
	for _, p := range ps {
		if p.Code != source.UndefinedConfig {
			t.Errorf("%v\n%s", p, yaml)
		}
	}
}
