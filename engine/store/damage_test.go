package store

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tocsin/engine"
	"tocsin/templating/value"
)

const filledAlerts, filledRuns = 200, 100

// filled is the bytes of a file with some of everything.
func filled(t *testing.T) []byte {
	s := opened(t)
	for i := range filledAlerts {
		if _, err := s.Accept(t.Context(), "test", []*value.Map{anAlert("fingerprint", fmt.Sprint("f", i), "status", "firing")}, nil); err != nil {
			t.Fatal(err)
		}
	}
	for i := range filledRuns {
		j := aJob(fmt.Sprint("r", i))
		if err := s.Begin(t.Context(), j, nil); err != nil {
			t.Fatal(err)
		}
		play(t, s, j.Run, 5)
		if err := s.End(t.Context(), j, aResult(j.Run, engine.Done)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(s.Path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// A file with a wrong byte is refused, with what to do, or has all that it had; it is
// never an empty one.
func TestFlippedBytes(t *testing.T) {
	data := filled(t)
	offsets := make([]int, 0, 300)
	for i := range 100 {
		offsets = append(offsets, i)
	}
	for range often(20, 100, 2000) {
		offsets = append(offsets, rand.IntN(len(data)))
	}
	path := filepath.Join(t.TempDir(), "tocsin.db")
	refused := 0
	for _, at := range offsets {
		damaged := bytes.Clone(data)
		damaged[at] ^= byte(1 + rand.IntN(255))
		if !opensWhole(t, path, damaged, fmt.Sprintf("byte %d is %#x, not %#x", at, damaged[at], data[at])) {
			refused++
		}
	}
	t.Logf("%d of %d refused", refused, len(offsets))
}

// A file that says that it is of an older version than its tables are is refused, too.
func TestWrongVersion(t *testing.T) {
	data := filled(t)
	path := filepath.Join(t.TempDir(), "tocsin.db")
	for version := range byte(len(migrations()) - 1) {
		data[63] = version // the last byte of user_version
		if opensWhole(t, path, data, fmt.Sprintf("version %d", version)) {
			t.Errorf("version %d: it opened", version)
		}
	}
}

// opensWhole says whether a file of these bytes opens.
func opensWhole(t *testing.T, path string, data []byte, what string) bool {
	t.Helper()
	for _, side := range []string{"-wal", "-shm"} {
		os.Remove(path + side)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := Open(t.Context(), Options{Path: path, Ballast: -1})
	if err != nil {
		if !strings.Contains(err.Error(), "hint: ") {
			t.Errorf("%s: refused without a hint: %v", what, err)
		}
		return false
	}
	defer s.Close()
	var alerts, runs int
	err = s.read.QueryRow("SELECT (SELECT count(*) FROM alerts), (SELECT count(*) FROM runs)").Scan(&alerts, &runs)
	if err == nil && (alerts != filledAlerts || runs != filledRuns) {
		t.Errorf("%s: %d alerts, %d runs", what, alerts, runs)
	}
	return true
}

// What lost its end, or everything, is not taken for a new file.
func TestCutFiles(t *testing.T) {
	data := filled(t)
	path := filepath.Join(t.TempDir(), "tocsin.db")
	for _, size := range []int{0, 1, 100, 4095, 4096, 8192, len(data) / 2, len(data) - 4096, len(data) - 1} {
		if opensWhole(t, path, data[:size], fmt.Sprint("cut to ", size)) {
			t.Errorf("cut to %d of %d bytes, it opens", size, len(data))
		}
	}
	if opensWhole(t, path, bytes.Repeat([]byte("text\n"), 5000), "a text") {
		t.Error("a text opens")
	}
	os.Remove(path)
	if err := os.WriteFile(path+"-wal", []byte("journal"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), Options{Path: path, Ballast: -1}); err == nil || !strings.Contains(err.Error(), "the file is gone") {
		t.Errorf("a journal without its file: %v", err)
	}
}
