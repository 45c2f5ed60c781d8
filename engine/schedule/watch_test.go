package schedule

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func link(t *testing.T, to, name string) {
	t.Helper()
	if err := os.Symlink(to, name); err != nil {
		t.Skip(err)
	}
}

func TestReadFolders(t *testing.T) {
	dir, outside := t.TempDir(), t.TempDir()
	at := func(name string) string { return filepath.Join(dir, filepath.FromSlash(name)) }
	for _, name := range []string{"b.yaml", "a.yml", "sub/c.yaml", ".hidden.yaml", ".git/d.yaml", "providers.yaml", "actions.yaml", "notes.txt", "e.yaml~", "f.yaml.swp"} {
		write(t, at(name), "text of "+name)
	}
	write(t, filepath.Join(outside, "secret.yaml"), "secret")
	link(t, "b.yaml", at("inside.yaml"))
	link(t, filepath.Join(outside, "secret.yaml"), at("out.yaml"))
	link(t, "../../../../../../../../etc/passwd", at("sub/up.yaml"))
	link(t, "nowhere.yaml", at("broken.yaml"))
	fifo := makeFIFO(t, at("pipe.yaml"))
	if err := os.Mkdir(at("folder.yaml"), 0o755); err != nil {
		t.Fatal(err)
	}
	list, err := ReadFolders(dir)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, s := range list {
		name, _ := filepath.Rel(dir, s.Name)
		got[filepath.ToSlash(name)] = string(s.Text)
		if s.Problem != nil {
			got[filepath.ToSlash(name)] = "! " + s.Problem.Message
		}
	}
	want := map[string]string{
		"a.yml": "text of a.yml", "b.yaml": "text of b.yaml", "sub/c.yaml": "text of sub/c.yaml", "inside.yaml": "text of b.yaml",
		"out.yaml": "! this leads out of its folder", "sub/up.yaml": "! this leads out of its folder", "broken.yaml": "! this leads to no file",
	}
	if fifo {
		want["pipe.yaml"] = "! this is no file"
	}
	for name, text := range want {
		if got[name] != text {
			t.Errorf("%s: %q, want %q", name, got[name], text)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%v", got)
	}
	if !slices.IsSortedFunc(list, func(a, b Source) int { return strings.Compare(filepath.Dir(a.Name), filepath.Dir(b.Name)) }) && len(list) == 0 {
		t.Error("they have no order")
	}
	if _, err := ReadFolders(filepath.Join(dir, "nowhere")); err == nil {
		t.Error("a folder that is not there")
	}
}

// follow watches a folder, and waits until the catalog is as a test wants.
func follow(t *testing.T, dir string, poll bool) (c *Catalog, until func(what string, ok func() bool)) {
	t.Helper()
	c = &Catalog{Compile: (&plant{}).compile}
	f := &Folders{Catalog: c, Dirs: []string{dir}, Poll: poll}
	if err := f.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var over sync.WaitGroup
	over.Go(func() { f.Watch(ctx) })
	t.Cleanup(func() {
		cancel()
		over.Wait()
	})
	return c, func(what string, ok func() bool) {
		t.Helper()
		late := time.After(30 * time.Second)
		for {
			changed := c.Changed()
			if ok() {
				return
			}
			select {
			case <-changed:
			case <-late:
				t.Fatalf("%s: there are %s", what, listed(c))
			}
		}
	}
}

func TestWatch(t *testing.T) {
	for _, poll := range []bool{false, true} {
		t.Run(map[bool]string{false: "told", true: "polling"}[poll], func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			write(t, filepath.Join(dir, "a.yaml"), workflow("a", "{type: manual}", ""))
			c, until := follow(t, dir, poll)
			has := func(ids ...string) func() bool {
				return func() bool {
					for _, id := range ids {
						if _, ok := c.Lookup(id); !ok {
							return false
						}
					}
					return len(c.Items()) == len(ids)
				}
			}
			// As editors do it: a new file takes the place of the old one.
			write(t, filepath.Join(dir, ".a.yaml.tmp"), workflow("renamed", "{type: manual}", ""))
			if err := os.Rename(filepath.Join(dir, ".a.yaml.tmp"), filepath.Join(dir, "a.yaml")); err != nil {
				t.Fatal(err)
			}
			write(t, filepath.Join(dir, "deep", "er", "b.yaml"), workflow("b", "{type: manual}", ""))
			until("a file in a new folder", has("renamed", "b"))
			if poll { // each step waits for the next look
				return
			}
			write(t, filepath.Join(dir, "deep", "er", "b.yaml"), "workflow: {id: b, oops: 1, stepz: []}")
			until("a mistake", func() bool { return has("renamed", "b")() && c.Problems().Err() != nil })
			if err := os.RemoveAll(filepath.Join(dir, "deep")); err != nil {
				t.Fatal(err)
			}
			until("a folder is gone", has("renamed"))
		})
	}
}

// Kubernetes puts the files of a ConfigMap below a hidden folder, and swaps a link to it.
func TestWatchAConfigMap(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("links need rights")
	}
	t.Parallel()
	dir := t.TempDir()
	put := func(version string) {
		write(t, filepath.Join(dir, "..", filepath.Base(dir), "..v"+version, "w.yaml"), workflow("w"+version, "{type: manual}", ""))
		link(t, "..v"+version, filepath.Join(dir, "..data_tmp"))
		if err := os.Rename(filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data")); err != nil {
			t.Fatal(err)
		}
	}
	put("1")
	link(t, "..data/w.yaml", filepath.Join(dir, "w.yaml"))
	c, until := follow(t, dir, false)
	if got := listed(c); !strings.HasPrefix(got, "w1 of") {
		t.Fatalf("%s", got)
	}
	put("2")
	until("the other version", func() bool { _, ok := c.Lookup("w2"); return ok && len(c.Items()) == 1 })
}

// A folder that cannot be read changes nothing: a mount that is gone is no empty folder.
func TestAFolderThatIsGoneChangesNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "checks")
	write(t, filepath.Join(dir, "a.yaml"), workflow("a", "{type: manual}", ""))
	c := &Catalog{Compile: (&plant{}).compile}
	f := &Folders{Catalog: c, Dirs: []string{dir}}
	if err := f.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := f.Reload(t.Context()); err == nil || len(c.Items()) != 1 {
		t.Errorf("%v, %s", err, listed(c))
	}
}
