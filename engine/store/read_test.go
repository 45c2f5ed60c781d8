package store

import (
	"errors"
	"io/fs"
	"path/filepath"
	"testing"

	"tocsin/engine/schedule"
)

// A store is looked at beside the one that has it open, and what is committed is seen.
func TestReadBesideAWriter(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tocsin.db")
	w, err := Open(t.Context(), Options{Path: path, Ballast: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	r, err := Read(t.Context(), Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := w.Drop(t.Context(), schedule.Job{Run: "r1", Workflow: "w"}, "not today"); err != nil {
		t.Fatal(err)
	}
	runs, total, err := r.Runs(t.Context(), RunFilter{})
	if err != nil || total != 1 || runs[0].Reason != "not today" {
		t.Errorf("runs %v, %d, %v", runs, total, err)
	}
	if err := r.Drop(t.Context(), schedule.Job{Run: "r2", Workflow: "w"}, ""); !errors.Is(err, ErrReadOnly) {
		t.Errorf("a change: %v, want ErrReadOnly", err)
	}
	if _, err := r.Stats(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestReadWhatIsNotThere(t *testing.T) {
	if _, err := Read(t.Context(), Options{Path: filepath.Join(t.TempDir(), "none.db")}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v, want that there is none", err)
	}
}
