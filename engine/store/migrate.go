package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// A migration brings the tables from one version to the next: the n-th, from 1, to
// version n.
type migration struct {
	name string
	sql  string
}

// migrations are the files of that folder, in the order of their numbers. One that was
// released never changes.
func migrations() []migration {
	entries, err := migrationFiles.ReadDir("migrations")
	if err != nil {
		panic(err) // they are embedded
	}
	list := make([]migration, len(entries))
	for i, e := range entries {
		text, err := migrationFiles.ReadFile("migrations/" + e.Name())
		if err != nil {
			panic(err)
		}
		list[i] = migration{e.Name(), string(text)}
	}
	return list
}

// migrate brings the file up to date. A file with data is copied first; each step is
// one transaction, so that what is interrupted is the old or the new, and goes on
// from there the next time.
func migrate(ctx context.Context, path string, steps []migration) error {
	db, err := connect(path, readWrite)
	if err != nil {
		return err
	}
	db.SetMaxOpenConns(1)
	return errors.Join(migrateIn(ctx, db, path, steps), db.Close())
}

func migrateIn(ctx context.Context, db *sql.DB, path string, steps []migration) error {
	version, err := versionOf(ctx, db)
	switch {
	case err != nil:
		return err
	case version > len(steps):
		return fmt.Errorf("a newer version of the program wrote it (tables %d, this one knows %d)\nhint: use that version, or the copy that it made: %s", version, len(steps), backupPath(path, len(steps)))
	case version == len(steps):
		return nil
	case version > 0:
		if err := backup(ctx, db, backupPath(path, version)); err != nil {
			return fmt.Errorf("no copy before the tables change: %w", err)
		}
	}
	for n := version; n < len(steps); n++ {
		if err := apply(ctx, db, steps[n], n+1); err != nil {
			err = fmt.Errorf("%s: %w", steps[n].name, err)
			if code(err) == codeError {
				err = damaged(err) // the tables are not those of the version that it says
			}
			return err
		}
	}
	return nil
}

// versionOf is how far the tables are, of a file that is one of ours.
func versionOf(ctx context.Context, db *sql.DB) (version int, err error) {
	var id int
	if err := db.QueryRowContext(ctx, "PRAGMA application_id").Scan(&id); err != nil {
		return 0, damaged(err)
	}
	if id != applicationID {
		return 0, errors.New("it is a database, but not one of this program\nhint: is the path right?")
	}
	if err := db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
		return 0, damaged(err)
	}
	var tables int
	if err := db.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema").Scan(&tables); err != nil {
		return 0, damaged(err)
	}
	if (version == 0) != (tables == 0) || version < 0 {
		return 0, damaged(fmt.Errorf("it has %d tables and indexes, and says that it is version %d", tables, version))
	}
	return version, nil
}

func backupPath(path string, version int) string {
	return fmt.Sprintf("%s.v%d.backup", path, version)
}

// backup writes a whole copy. One that is there was made by an attempt that failed, or
// before a downgrade: it is kept until the new one is whole.
func backup(ctx context.Context, db *sql.DB, path string) error {
	part := path + ".part"
	if err := os.Remove(part); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	// SQLite makes the file as the umask has it, so it is there before.
	f, err := os.OpenFile(part, os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	f.Close()
	if _, err := db.ExecContext(ctx, "VACUUM INTO ?", part); err != nil {
		return err
	}
	if err := syncFile(part); err != nil {
		return err
	}
	if err := os.Rename(part, path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

func syncFile(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

func apply(ctx context.Context, db *sql.DB, m migration, version int) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if _, err := tx.ExecContext(ctx, m.sql); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, fmt.Sprintf("PRAGMA user_version = %d", version)); err != nil {
		return err
	}
	return tx.Commit()
}
