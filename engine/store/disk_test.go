package store

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"tocsin/engine"
	"tocsin/templating/value"
)

// A full disk ends what is new, not what is under way; with room again, all goes on.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", dir).CombinedOutput(); err != nil {
		without(t, fmt.Sprintf("the right to mount a small disk (%v: %s)", err, out))
	}
	t.Cleanup(func() { exec.Command("umount", dir).Run() })
	filler := filepath.Join(dir, "filler")
	if err := os.WriteFile(filler, make([]byte, 3<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	s := opened(t, func(o *Options) { o.Path, o.Ballast = filepath.Join(dir, "tocsin.db"), 1<<20 })
	j := aJob("under way")
	if err := s.Begin(t.Context(), j, nil); err != nil {
		t.Fatal(err)
	}
	accepted, err := fillUp(t, s)
	if !errors.Is(err, ErrFull) || accepted == 0 {
		t.Fatalf("%d accepted, then %v", accepted, err)
	}
	if err := s.Health(); !errors.Is(err, ErrFull) {
		t.Errorf("health: %v", err)
	}
	play(t, s, "under way", 100)
	if err := s.End(t.Context(), j, aResult("under way", engine.Done)); err != nil {
		t.Errorf("what was under way does not end: %v", err)
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	if !s.disk.fill(s.Log) || s.Health() != nil {
		t.Errorf("with room again: %v", s.Health())
	}
	if err := acceptOne(t, s, accepted); err != nil {
		t.Errorf("with room again: %v", err)
	}
	s = reopened(t, s)
	if st := must(s.Stats(t.Context())); st.Alerts < int64(accepted) || st.Alerts > int64(accepted)+2 {
		t.Errorf("%d alerts of %d", st.Alerts, accepted)
	}
	if r, _, err := s.Run(t.Context(), "under way"); err != nil || r.Status != engine.Done {
		t.Errorf("%+v, %v", r, err)
	}
}

// fillUp accepts alerts until that fails.
func fillUp(t *testing.T, s *Store) (accepted int, err error) {
	for ; accepted < 10_000; accepted++ {
		if err := acceptOne(t, s, accepted); err != nil {
			return accepted, err
		}
	}
	return accepted, nil
}

func acceptOne(t *testing.T, s *Store, n int) error {
	alert := anAlert("fingerprint", fmt.Sprint("f", n), "status", "firing", "text", strings.Repeat("x", 10_000))
	_, err := s.Accept(t.Context(), "test", []*value.Map{alert}, nil)
	return err
}

// After an error of the disk nothing is acknowledged any more, whatever comes.
func TestBrokenDisk(t *testing.T) {
	s := opened(t)
	if err := s.SetMeta(t.Context(), "k", 1); err != nil {
		t.Fatal(err)
	}
	// What SQLite says when a sync fails.
	if err := s.write(t.Context(), func(t *tx) error { return t.exec("PRAGMA query_only = 1") }); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := s.SetMeta(t.Context(), "k", 2); err == nil || !strings.Contains(err.Error(), "can no longer write") {
			t.Errorf("acknowledged: %v", err)
		}
	}
	if err := s.Record(t.Context(), script("r")[0]); err == nil {
		t.Error("an event was taken on")
	}
	if s.Health() == nil {
		t.Error("healthy")
	}
	if err := s.Tend(t.Context()); err == nil || !strings.Contains(err.Error(), "can no longer write") {
		t.Errorf("whoever looks after it is told: %v", err)
	}
	if err := s.Close(); err == nil {
		t.Error("closed without an error")
	}
}

// A change that fails or panics is nobody else's business, and leaves nothing behind.
func TestOneChangeFails(t *testing.T) {
	s := opened(t)
	err := s.write(t.Context(), func(t *tx) error {
		if err := t.exec("INSERT INTO meta (key, value) VALUES ('half', '1')"); err != nil {
			return err
		}
		panic("oops")
	})
	if err == nil || !strings.Contains(err.Error(), "oops") {
		t.Error(err)
	}
	if err := s.SetMeta(t.Context(), "whole", 1); err != nil {
		t.Fatal(err)
	}
	var v int
	if there := must(s.Meta(t.Context(), "half", &v)); there {
		t.Error("half of it is there")
	}
	if there := must(s.Meta(t.Context(), "whole", &v)); !there || v != 1 {
		t.Error("another change is not there")
	}
	s.Close()
	if err := s.SetMeta(t.Context(), "k", 1); !errors.Is(err, ErrClosed) {
		t.Errorf("after closing: %v", err)
	}
}

func TestPermissions(t *testing.T) {
	s := opened(t)
	for path, want := range map[string]os.FileMode{filepath.Dir(s.Path): 0o700, s.Path: 0o600, s.Path + ".lock": 0o600, s.Path + ".ballast": 0o600} {
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v", path, info.Mode().Perm(), err)
		}
	}
}
