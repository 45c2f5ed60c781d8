package cmd_test

import (
	"bytes"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"tocsin/cmd"
	"tocsin/providers/all"
	"tocsin/workflows/source"
)

var updateCodes = flag.Bool("update", false, "write what is printed into the files of the codes")

const codesDir = "../workflows/source/codes"

// TestCodes: every code is explained, its bad example has that problem and no other, its
// good example has none. What is printed for the bad one stands in the same file.
func TestCodes(t *testing.T) {
	for _, r := range source.Rules() {
		t.Run(r.Name, func(t *testing.T) {
			file := filepath.Join(mustAbs(t, codesDir), r.Name+".txtar")
			x := r.Explain()
			if len(x.Text) < 60 || strings.HasSuffix(r.Title, ".") {
				t.Errorf("%s is explained with %q, %q", r.Code, r.Title, x.Text)
			}
			if r.Code == source.BadSyntax {
				return // what nobody has seen yet has no example
			}
			printed := lintExample(t, x.Bad)
			if got := codesIn(printed); !slices.Equal(got, []string{r.Code}) {
				t.Errorf("the bad example has %v, want %s:\n%s", got, r.Code, printed)
			}
			if got := lintExample(t, x.Good); codesIn(got) != nil {
				t.Errorf("the good example:\n%s", got)
			}
			compareWant(t, file, printed)
		})
	}
}

func mustAbs(t *testing.T, path string) string {
	t.Helper()
	abs, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return abs
}

// lintExample is what lint prints about an example, or the command that it names.
func lintExample(t *testing.T, files []source.Example) string {
	t.Helper()
	t.Chdir(t.TempDir())
	args, environ := []string{"lint", "check.yaml"}, []string(nil)
	for _, f := range files {
		text := f.Text
		switch f.Name {
		case "flags":
			args = strings.Fields(text)
			continue
		case "env":
			environ = append(environ, strings.TrimSpace(text))
			continue
		case "quoted":
			f.Name = "check.yaml"
			var err error
			if text, err = strconv.Unquote(`"` + strings.TrimSpace(text) + `"`); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(f.Name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var out, errs bytes.Buffer
	cmd.Run(t.Context(), args, environ, &out, &errs, all.Registry())
	return cleaned(out.String() + errs.String())
}

// cleaned leaves the summary out.
func cleaned(printed string) string {
	if i := strings.LastIndex(printed, "\n\n"); i >= 0 && summary.MatchString(printed[i+2:]) {
		return printed[:i+1]
	}
	return printed
}

var (
	summary  = regexp.MustCompile(`^\d+ (error|warning|note)s?\b.* in \d+ files?`)
	headline = regexp.MustCompile(`(?m)^(?:\S+: )?(?:error|warning|note): .* \[(\S+)\]$`)
)

// codesIn are the codes of what was printed, each once.
func codesIn(printed string) []string {
	var codes []string
	for _, m := range headline.FindAllStringSubmatch(printed, -1) {
		if !slices.Contains(codes, m[1]) {
			codes = append(codes, m[1])
		}
	}
	return codes
}

func compareWant(t *testing.T, file, got string) {
	t.Helper()
	a, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(a.Files, func(f txtar.File) bool { return f.Name == "want" })
	if i < 0 {
		a.Files = append(a.Files, txtar.File{Name: "want"})
		i = len(a.Files) - 1
	}
	if want := string(a.Files[i].Data); want == got {
		return
	} else if !*updateCodes {
		t.Errorf("printed\n%s\nwant\n%s", got, want)
		return
	}
	a.Files[i].Data = []byte(got)
	if err := os.WriteFile(file, txtar.Format(a), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestCodesAreUsed: what reports problems does so with a constant of the table, never
// with a word of its own, and no code is left that nobody reports.
func TestCodesAreUsed(t *testing.T) {
	used := map[string]bool{}
	words := map[string]bool{}
	for _, r := range source.Rules() {
		words[r.Name], words[r.Code] = true, true
	}
	err := filepath.WalkDir("..", func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		inTable := filepath.Base(path) == "codes.go"
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.Ident:
				used[n.Name] = used[n.Name] || !inTable
			case *ast.KeyValueExpr:
				if k, ok := n.Key.(*ast.Ident); ok && k.Name == "Code" {
					reportWord(t, path, words, n.Value)
				}
			case *ast.CallExpr:
				for _, arg := range n.Args {
					if reports(n.Fun) {
						reportWord(t, path, words, arg)
					}
				}
			case *ast.BasicLit:
				if n.Kind == token.STRING && !inTable && tocCode.MatchString(n.Value) {
					t.Errorf("%s: write the constant for %s", path, n.Value)
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, code := range constants(t) {
		if !used[name] && !noted[code] {
			t.Errorf("nobody reports %s (%s)", name, code)
		}
	}
}

// noted are the codes that package templating reports by their names.
var noted = map[string]bool{
	source.UnknownName: true, source.JinjaFilter: true, source.JSOperator: true, source.Partial: true, source.SpacesInPath: true,
}

// reports says that a call may be one that reports a problem.
func reports(fun ast.Expr) bool {
	var name string
	switch f := fun.(type) {
	case *ast.Ident:
		name = f.Name
	case *ast.SelectorExpr:
		name = f.Sel.Name
	}
	return slices.Contains([]string{"problem", "warn", "refuse", "stop", "warnAt", "report"}, name)
}

func reportWord(t *testing.T, path string, words map[string]bool, e ast.Expr) {
	t.Helper()
	lit, ok := e.(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return
	}
	word, _ := strconv.Unquote(lit.Value)
	if words[word] || oneWord.MatchString(word) {
		t.Errorf("%s: %s is no constant of workflows/source/codes.go", path, lit.Value)
	}
}

var tocCode = regexp.MustCompile(`^"TOC\d+"$`)

var oneWord = regexp.MustCompile(`^[a-z]+(-[a-z]+)+$`)

// constants are the names in codes.go by their codes.
func constants(t *testing.T) map[string]string {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), "../workflows/source/codes.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	ast.Inspect(f, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Values) != 1 {
			return true
		}
		if lit, ok := spec.Values[0].(*ast.BasicLit); ok && strings.HasPrefix(lit.Value, `"TOC`) {
			all[spec.Names[0].Name], _ = strconv.Unquote(lit.Value)
		}
		return true
	})
	for _, r := range source.Rules() {
		if !slices.Contains(mapValues(all), r.Code) {
			t.Errorf("%s has a row and no constant", r.Code)
		}
	}
	if len(all) != len(source.Rules()) {
		t.Errorf("%d constants and %d rows", len(all), len(source.Rules()))
	}
	return all
}

func mapValues(m map[string]string) []string {
	var list []string
	for _, v := range m {
		list = append(list, v)
	}
	return list
}

// TestGoldenFiles: every kind of problem is shown as it is printed, and there are many
// of them.
func TestGoldenFiles(t *testing.T) {
	n := 0
	shown := map[string]bool{}
	for _, glob := range []string{"../*/testdata/problems/*.txtar", "../*/*/testdata/problems/*.txtar", codesDir + "/*.txtar"} {
		files, err := filepath.Glob(glob)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if _, want, ok := strings.Cut(string(text), "-- want --\n"); ok {
				n++
				for _, c := range codesIn(want) {
					shown[c] = true
				}
			}
		}
	}
	if n < 150 {
		t.Errorf("%d golden files", n)
	}
	for _, r := range source.Rules() {
		if !shown[r.Code] && r.Code != source.BadSyntax {
			t.Errorf("no golden file shows %s", r.Code)
		}
	}
	fmt.Fprintf(t.Output(), "%d golden files\n", n)
}
