package store

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tocsin/templating/value"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(writerEnv); dir != "" {
		writeUntilKilled(dir)
	}
	if path := os.Getenv(openEnv); path != "" {
		openAndSay(path)
	}
	if path := os.Getenv(migrateEnv); path != "" {
		migrateAndEnd(path)
	}
	goleak.VerifyTestMain(m)
}

// often is how often something random is tried: less with -short and under the race
// detector, more for make deep.
func often(short, usual, deep int) int {
	switch {
	case os.Getenv("TOCSIN_DEEP") == "1":
		return deep
	case testing.Short() || racing:
		return short
	}
	return usual
}

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// opened is a store in a folder of its own, or the one at the path that change sets.
func opened(t testing.TB, change ...func(*Options)) *Store {
	t.Helper()
	s, err := Open(t.Context(), optionsFor(t, change...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func optionsFor(t testing.TB, change ...func(*Options)) Options {
	o := Options{Path: filepath.Join(t.TempDir(), "data", "tocsin.db"), Ballast: 1 << 16}
	for _, f := range change {
		f(&o)
	}
	return o
}

// reopened is s, closed and opened again.
func reopened(t testing.TB, s *Store) *Store {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return opened(t, func(o *Options) { *o = s.Options })
}

// must is v, of a call that does not fail.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// anAlert is a map of keys and values.
func anAlert(kv ...any) *value.Map {
	m := value.NewMap(len(kv) / 2)
	for i := 0; i < len(kv); i += 2 {
		m.Set(kv[i].(string), value.Of(kv[i+1]))
	}
	return m
}
