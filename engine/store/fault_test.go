package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// migrateEnv tells a child of this binary which file to bring up to date.
const migrateEnv = "TOCSIN_STORE_MIGRATE"

// without ends a test that lacks what it needs: where everything is demanded, with an
// error.
func without(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatal(what + ", and is not here")
	}
	t.Skip(what + ", and is not here")
}

// smallDisk is a folder on a disk of so many KiB; grow gives it room.
func smallDisk(t *testing.T, size int) (dir string, grow func()) {
	t.Helper()
	dir = t.TempDir()
	mount := func(args ...string) {
		t.Helper()
		if out, err := exec.Command("mount", append(args, "tmpfs", dir)...).CombinedOutput(); err != nil {
			without(t, fmt.Sprintf("the right to mount a small disk (%v: %s)", err, out))
		}
	}
	mount("-t", "tmpfs", "-o", fmt.Sprintf("size=%dk", size))
	t.Cleanup(func() { _ = exec.Command("umount", dir).Run() })
	return dir, func() { t.Helper(); mount("-o", "remount,size=64m") }
}

// slowStep is a step to the tables of a later version that takes its time and its room.
func slowStep() migration {
	return migration{"later.sql", `CREATE TABLE later AS WITH RECURSIVE c (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 20000)
		SELECT i, printf('%0100d', i) AS text FROM c; ALTER TABLE runs ADD COLUMN later INTEGER`}
}

func migrateAndEnd(path string) {
	if err := migrate(context.Background(), path, append(migrations(), slowStep())); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	os.Exit(0)
}

// Fault M1, killed: a process that brings a file up to date is killed at any moment. The
// file is as before, or as after, and the copy that was made before is whole.
func TestMigrateKilled(t *testing.T) {
	kills := often(5, 20, 200)
	before, after := 0, 0
	for range kills {
		path := unpacked(t, fixture)
		c := child(t, migrateEnv, path)
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		timer := time.AfterFunc(time.Duration(rand.IntN(300))*time.Millisecond, func() { _ = c.Process.Kill() })
		_ = c.Wait()
		timer.Stop()
		if oldOrNew(t, path) {
			after++
		} else {
			before++
		}
		if t.Failed() {
			return
		}
	}
	t.Logf("figure: %d kills in a migration: %d files as before, %d as after", kills, before, after)
}

// oldOrNew checks that the file has everything, as does the copy if there is one, and
// says whether it is new.
func oldOrNew(t *testing.T, path string) (isNew bool) {
	t.Helper()
	kept := false
	for version := 1; version <= len(migrations()); version++ {
		if _, err := os.Stat(backupPath(path, version)); !errors.Is(err, fs.ErrNotExist) {
			kept = true
			hasEverything(t, opened(t, func(o *Options) { o.Path = backupPath(path, version) }))
		}
	}
	s, err := Open(t.Context(), Options{Path: path, Ballast: -1})
	if err == nil {
		defer s.Close()
		hasEverything(t, s)
		return false
	}
	if !strings.Contains(err.Error(), "a newer version of the program wrote it") || !kept {
		t.Errorf("%v; there is a copy: %v", err, kept)
	}
	if err := migrate(t.Context(), path, append(migrations(), slowStep())); err != nil {
		t.Errorf("the new version: %v", err)
	}
	return true
}

// Fault M1, full: the disk is full before the file is up to date. It is as before, and so
// is the copy if there was room for one.
func TestMigrateFullDisk(t *testing.T) {
	disks := often(3, 10, 200)
	fixture, err := os.ReadFile(unpacked(t, fixture))
	if err != nil {
		t.Fatal(err)
	}
	refused := 0
	const most = 4_000 // KiB, with which it is full no more
	for i := range disks {
		t.Run("disk", func(t *testing.T) {
			dir, grow := smallDisk(t, len(fixture)>>10+8+most*i/disks+rand.IntN(most/disks))
			path := filepath.Join(dir, "tocsin.db")
			if err := os.WriteFile(path, fixture, 0o600); err != nil {
				t.Fatal(err)
			}
			err := migrate(t.Context(), path, append(migrations(), slowStep()))
			grow()
			if isNew := oldOrNew(t, path); isNew != (err == nil) {
				t.Errorf("%v; the file is new: %v", err, isNew)
			}
			if err != nil {
				refused++
			}
		})
	}
	if refused == 0 {
		t.Error("no disk was full")
	}
	t.Logf("figure: %d small disks in a migration: %d full, each file as before", disks, refused)
}

// Fault B1, read-only: a store on a disk that cannot be written is refused, and can be
// looked at.
func TestReadOnlyDisk(t *testing.T) {
	dir, _ := smallDisk(t, 8192)
	s := opened(t, func(o *Options) { o.Path = filepath.Join(dir, "tocsin.db") })
	if err := s.SetMeta(t.Context(), "k", 7); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("mount", "-o", "remount,ro", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if s, err := Open(t.Context(), Options{Path: s.Path, Ballast: -1}); err == nil {
		s.Close()
		t.Error("it opens to be written")
	} else if !strings.Contains(err.Error(), "read-only") {
		t.Errorf("it does not say why: %v", err)
	}
}

// Fault B1, locked: another program has the file for a while. What is to be written waits
// for it; where that lasts, nobody is told that it was written.
func TestLockedFile(t *testing.T) {
	s := opened(t)
	other, err := connect(s.Path, readWrite)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	other.SetMaxOpenConns(1)
	for _, tt := range []struct {
		name string
		held time.Duration
		want bool
	}{
		{"for a moment", 200 * time.Millisecond, true},
		{"for long", time.Minute, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := other.Exec("BEGIN IMMEDIATE"); err != nil {
				t.Fatal(err)
			}
			timer := time.AfterFunc(tt.held, func() { _, _ = other.Exec("ROLLBACK") })
			err := s.SetMeta(t.Context(), tt.name, 1)
			if timer.Stop() {
				_, _ = other.Exec("ROLLBACK")
			}
			if (err == nil) != tt.want {
				t.Errorf("written: %v", err)
			}
			var v int
			if there := must(s.Meta(t.Context(), tt.name, &v)); there != tt.want {
				t.Errorf("it is there: %v", there)
			}
		})
	}
	if err := s.SetMeta(t.Context(), "afterwards", 1); err != nil {
		t.Errorf("once the file is free again: %v", err)
	}
}
