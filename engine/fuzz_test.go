package engine

import (
	"math"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"tocsin/workflows"
)

// Whatever a document says, compiling it ends, in problems or a program, and each
// problem has a place.
func FuzzCompile(f *testing.F) {
	for _, pattern := range []string{"testdata/runs/*.txtar", "testdata/problems/*.txtar"} {
		files, _ := filepath.Glob(pattern)
		for _, name := range files {
			a, err := txtar.ParseFile(name)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(a.Files[0].Data)
		}
	}
	reg := typed()
	f.Fuzz(func(t *testing.T, text []byte) {
		file, _ := workflows.Parse("w.yaml", text)
		if file == nil {
			return
		}
		for _, w := range file.Workflows {
			p, warnings, err := Compile(w, Library{Providers: reg, Functions: Functions()})
			if (p == nil) != (err != nil) {
				t.Errorf("program %v with error %v", p, err)
			}
			for _, w := range warnings {
				if w.Pos.Line == 0 || w.Message == "" {
					t.Errorf("%+v", w)
				}
			}
		}
	})
}

// A threshold either has an error or is on one side of its limit, never on both.
func FuzzThreshold(f *testing.F) {
	for _, pair := range [][2]string{{"85", "80"}, {"85%", "80%"}, {"1e3", "5"}, {"-8", "-10"}, {"", "1"}, {"NaN", "1"}, {"0x1p4", "1"}} {
		f.Add(pair[0], pair[1])
	}
	f.Fuzz(func(t *testing.T, v, limit string) {
		above, err1 := (&threshold{}).compare(v, limit, v, limit)
		below, err2 := (&threshold{below: true}).compare(v, limit, v, limit)
		if (err1 == nil) != (err2 == nil) || above && below {
			t.Errorf("%q and %q: above %v %v, below %v %v", v, limit, above, err1, below, err2)
		}
		if q, ok := parseQuantity(v); ok && (math.IsNaN(q.n) || math.IsInf(q.n, 0)) {
			t.Errorf("%q is %v", v, q.n)
		}
	})
}
