package workflows_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"tocsin/workflows/source"
)

// shared is the folder beside the repository with what all of its parts are measured
// by. A checkout alone does not have it; CI must.
const shared = "../../shared"

func needShared(t testing.TB, path string) string {
	t.Helper()
	full := filepath.Join(shared, path)
	if _, err := os.Stat(full); err != nil {
		if os.Getenv("CI") != "" || os.Getenv("TOCSIN_CI") != "" {
			t.Fatalf("CI needs %s: %v", path, err)
		}
		t.Skipf("no %s beside this checkout", path)
	}
	return full
}

// TestCorpus: Keep's own workflows are read without an error. What they have that Keep
// ignores is listed here.
func TestCorpus(t *testing.T) {
	warnings := map[string][]string{
		"query_clickhouse.yml":                   {source.EmptyWorkflow, source.MisplacedKey},
		"send-message-telegram-with-htmlmd.yaml": {source.DuplicateName},
	}
	for name, text := range corpus(t) {
		var got []string
		for _, p := range problemsOf(name, text) {
			got = append(got, p.Code)
			if !p.Warning {
				t.Error(p.Error())
			}
		}
		if !slices.Equal(got, warnings[name]) {
			t.Errorf("%s: warnings %v, want %v", name, got, warnings[name])
		}
	}
}

func corpus(t testing.TB) map[string][]byte {
	t.Helper()
	files, _ := filepath.Glob(filepath.Join(needShared(t, "corpus/keep"), "*.y*ml"))
	if len(files) < 60 {
		t.Fatalf("%d files in the corpus", len(files))
	}
	texts := map[string][]byte{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		texts[filepath.Base(file)] = text
	}
	return texts
}
