package store

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
)

// A lock is a file that one process at a time has, and that says which. It stays when
// the process dies; that it is locked does not.
type lock struct{ file *os.File }

// acquire takes the lock, or says who has it.
func acquire(path string) (*lock, error) {
	f, err := openLock(path)
	if err != nil {
		return nil, err
	}
	ours, err := tryLock(f)
	switch {
	case err != nil:
		f.Close()
		return nil, fmt.Errorf("%s cannot be locked: %w", path, err)
	case !ours:
		defer f.Close()
		return nil, &takenError{owner(f)}
	}
	return &lock{f}, sign(f)
}

// A takenError is ErrTaken, and says by whom.
type takenError struct{ owner string }

func (e *takenError) Error() string {
	return fmt.Sprintf("process %s has it open: stop that one first, or use another folder", e.owner)
}

func (e *takenError) Is(target error) bool { return target == ErrTaken }

func owner(f *os.File) string {
	text, _ := io.ReadAll(io.LimitReader(f, 32))
	if pid := strings.TrimSpace(string(text)); pid != "" {
		return pid
	}
	return "(unknown)"
}

// sign writes who has the lock.
func sign(f *os.File) error {
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err := f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	return err
}

func (l *lock) release() error { return l.file.Close() }
