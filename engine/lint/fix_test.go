package lint_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tocsin/engine"
	"tocsin/engine/lint"
	"tocsin/workflows"
	"tocsin/workflows/source"
)

// TestFixesOfTheCorpus: what is changed in files that people use is what was told, it
// is changed once, and nothing new is wrong afterwards.
func TestFixesOfTheCorpus(t *testing.T) {
	files, _ := filepath.Glob("../../../shared/corpus/keep/*.y*ml")
	fixes := 0
	for _, file := range files {
		name := filepath.Base(file)
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		before := everything(t, name, text)
		fixed, done := source.ApplyFixes(name, text, before)
		fixes += len(done)
		if len(done) == 0 && !bytes.Equal(fixed, text) {
			t.Errorf("%s changed without a reason", name)
		}
		after := everything(t, name, fixed)
		if more := len(after) - len(before) + len(done); more > 0 {
			t.Errorf("%s: %d fixed, and then %d problems instead of %d", name, len(done), len(after), len(before))
		}
		lines := changedLines(text, fixed)
		for _, p := range done {
			lines = slices.DeleteFunc(lines, func(n int) bool { return n == p.Fix.Pos.Line })
		}
		if len(lines) > 0 {
			t.Errorf("%s: lines %v changed as well", name, lines)
		}
	}
	t.Logf("%d fixes in %d files", fixes, len(files))
}

// changedLines are the lines that differ, of two texts that have as many.
func changedLines(a, b []byte) []int {
	x, y := strings.Split(string(a), "\n"), strings.Split(string(b), "\n")
	if len(x) != len(y) {
		return []int{0}
	}
	var changed []int
	for i := range x {
		if x[i] != y[i] {
			changed = append(changed, i+1)
		}
	}
	return changed
}

// FuzzCheck: whatever the document, linting it ends, says things that have a place and
// a code, and a fix never makes it unreadable.
func FuzzCheck(f *testing.F) {
	for _, glob := range []string{"testdata/problems/*.txtar", "../../workflows/source/codes/*.txtar"} {
		files, _ := filepath.Glob(glob)
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			_, in, _ := strings.Cut(string(text), ".yaml --\n")
			in, _, _ = strings.Cut(in, "\n-- ")
			f.Add(in + "\n")
		}
	}
	lib := library()
	f.Fuzz(func(t *testing.T, text string) {
		file, err := workflows.Parse("in.yaml", []byte(text))
		if err != nil {
			return
		}
		ps := file.Problems
		for _, w := range file.Workflows {
			_, warnings, _ := engine.Compile(w, lib)
			ps = append(ps, warnings...)
		}
		ps = append(ps, lint.Check(file, lib)...)
		for _, p := range ps {
			if p.Code == "" || p.Message == "" || !p.Warning || p.Pos.Line < 1 {
				t.Errorf("%+v", p)
			}
		}
		fixed, _ := source.ApplyFixes("in.yaml", []byte(text), ps)
		if _, broken := source.Read("in.yaml", fixed); broken.Err() != nil {
			t.Errorf("fixed to\n%s\n%v", fixed, broken)
		}
	})
}
