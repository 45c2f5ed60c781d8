//go:build unix

package schedule

import (
	"syscall"
	"testing"
)

// makeFIFO says whether there are such things here.
func makeFIFO(t *testing.T, name string) bool {
	t.Helper()
	if err := syscall.Mkfifo(name, 0o644); err != nil {
		t.Fatal(err)
	}
	return true
}
