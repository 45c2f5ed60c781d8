package cmd

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"

	"github.com/spf13/cobra"

	"tocsin/engine/store"
)

// storeFlag says where what happened is remembered.
func (s *setup) storeFlag(c *cobra.Command) {
	c.Flags().StringVar(&s.storeFile, "store", "", "file of the store (default: tocsin.db in TOCSIN_DATA, else in .tocsin)")
}

// storePath is the file of the store: what --store says, else tocsin.db in the folder
// that TOCSIN_DATA names, else in .tocsin in the working directory.
func (s *setup) storePath() string {
	if s.storeFile != "" {
		return s.storeFile
	}
	dir := s.getenv("TOCSIN_DATA")
	if dir == "" {
		dir = ".tocsin"
	}
	return filepath.Join(dir, "tocsin.db")
}

// openStore opens the store, or makes it. The caller closes it.
func (s *setup) openStore(ctx context.Context) (*store.Store, error) {
	st, err := store.Open(ctx, store.Options{Path: s.storePath(), Log: s.log(), Match: matching})
	if err != nil {
		return nil, broken(err)
	}
	return st, nil
}

// change changes something: by the server that was named or that has the store, else in
// the store, which is made where there is none.
func (s *setup) change(ctx context.Context, ask func(*client) error, do func(*store.Store) error) (err error) {
	c, err := s.serving(ctx)
	switch {
	case err != nil:
		return err
	case c != nil:
		defer c.close()
		return ask(c)
	}
	st, err := s.openStore(ctx)
	if err != nil {
		return s.taken(err)
	}
	defer func() {
		if e := st.Close(); err == nil && e != nil {
			err = broken(e)
		}
	}()
	err = do(st)
	if _, said := errors.AsType[*exitError](err); err != nil && !said {
		return broken(err)
	}
	return err
}

// audit writes down what a command changed in the store itself.
func audit(ctx context.Context, st *store.Store, action, object, detail string) error {
	return st.AddAudit(ctx, store.AuditEntry{Who: "local", Role: "admin", Source: "command line", Action: action, Object: object, Detail: detail, Outcome: "done"})
}

// readStore opens the store that is there, to look at it: beside a program that has it
// open, too. The caller closes it.
func (s *setup) readStore(ctx context.Context) (*store.Store, error) {
	st, err := store.Read(ctx, store.Options{Path: s.storePath(), Log: s.log(), Match: matching})
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, usage(`"tocsin serve" makes it; --store and TOCSIN_DATA say where it is`, "no store %s", s.storePath())
	case err != nil:
		return nil, broken(err)
	}
	return st, nil
}
