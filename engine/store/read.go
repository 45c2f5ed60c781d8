package store

import (
	"context"
	"errors"
	"fmt"
	"os"
)

// ErrReadOnly means that the store was opened with Read.
var ErrReadOnly = errors.New("the store was opened to be read")

// Read opens the store in the file of o.Path to look at it, beside a process that has it
// open, too. What would change something is ErrReadOnly. Where there is no file the
// error is an os.ErrNotExist. The caller closes the store.
func Read(ctx context.Context, o Options) (*Store, error) {
	s := &Store{Options: o.filled()}
	if err := s.look(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("store %s: %w", o.Path, err), s.release())
	}
	return s, nil
}

func (s *Store) look(ctx context.Context) (err error) {
	if _, err := os.Stat(s.Path); err != nil {
		return err
	}
	if s.read, err = connect(s.Path, readOnly); err != nil {
		return err
	}
	has, err := versionOf(ctx, s.read)
	if err != nil {
		return err
	}
	if wants := len(migrations()); has != wants {
		return fmt.Errorf("its tables are version %d, and this program reads %d\nhint: use the version of the program that serves, or let this one open it once with \"serve\"", has, wants)
	}
	s.w = &writer{}
	s.w.broken.Store(&ErrReadOnly)
	return nil
}
