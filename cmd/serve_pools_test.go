package cmd

import (
	"os"
	"path/filepath"
	"testing"

	"tocsin/providers"
	"tocsin/workflows"
)

// Files that read the same configurations have one pool, which is open until the last of
// them is gone; one with configurations of its own has its own.
func TestPoolShare(t *testing.T) {
	dir := t.TempDir()
	write := func(text string) {
		if err := os.WriteFile(filepath.Join(dir, "providers.yaml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := &setup{registry: providers.NewRegistry()}
	var shares poolShare
	pool := func(d *document) *providers.Pool {
		d.name = filepath.Join(dir, "w.yaml")
		if d.file == nil {
			d.file = &workflows.File{}
		}
		p, _, err := shares.pool(s, d, providers.Env{})
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	write("slack: {authentication: {webhook_url: 'http://a'}}")
	first, second := pool(&document{}), pool(&document{})
	if first != second {
		t.Error("two files, two pools")
	}
	if own := pool(&document{file: &workflows.File{Providers: []workflows.Connection{{Name: "own"}}}}); own == first {
		t.Error("a file with configurations of its own shares a pool")
	}
	if guest := pool(&document{guest: true}); guest == first {
		t.Error("a workflow of the API shares a pool with files")
	}
	if err := shares.close(first); err != nil {
		t.Fatal(err)
	}
	if third := pool(&document{}); third != first {
		t.Error("it was closed while it was used")
	}
	write("slack: {authentication: {webhook_url: 'http://b'}}")
	if changed := pool(&document{}); changed == first {
		t.Error("what was configured changed, the pool did not")
	}
	for range 2 {
		if err := shares.close(first); err != nil {
			t.Fatal(err)
		}
	}
	write("slack: {authentication: {webhook_url: 'http://a'}}")
	if again := pool(&document{}); again == first {
		t.Error("a closed pool is used")
	}
}
