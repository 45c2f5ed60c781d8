package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	_ "modernc.org/sqlite" // database/sql's driver "sqlite"
)

// How a connection behaves. Full sync: what is committed survives a power cut. Pages are kept
// by the system too: what a connection keeps besides is little, since it is never given back.
const (
	everywhere = "_pragma=busy_timeout(5000)&_pragma=foreign_keys(1)"
	readWrite  = everywhere + "&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=journal_size_limit(67108864)&_pragma=cache_size(-4096)&_pragma=temp_store(MEMORY)"
	readOnly   = everywhere + "&_pragma=query_only(1)&_pragma=cache_size(-2048)"
)

// readers is how many queries run at the same time.
const readers = 4

func connect(path, how string) (*sql.DB, error) {
	db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: path}).EscapedPath()+"?"+how)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(readers)
	db.SetMaxIdleConns(readers)
	return db, nil
}

// create makes the file if there is none. It is made under another name, so that a file
// of this name always was a whole one: what is empty or cut short now has lost
// something, and is not taken for a new one.
func create(ctx context.Context, path string) error {
	info, err := os.Stat(path)
	switch {
	case err == nil && info.Size() == 0:
		return damaged(errors.New("the file is empty"))
	case err == nil && info.Size()%pageSize != 0 && size(path+"-wal") == 0:
		// With a journal it is a checkpoint that was cut off, which SQLite makes again.
		return damaged(errors.New("its last page is not whole"))
	case err == nil:
		return nil
	case !errors.Is(err, os.ErrNotExist):
		return err
	}
	if _, err := os.Stat(path + "-wal"); err == nil {
		return damaged(fmt.Errorf("the file is gone, its journal %s-wal is there", path))
	}
	fresh := path + ".new"
	for _, leftover := range []string{fresh, fresh + "-wal", fresh + "-shm"} {
		if err := os.Remove(leftover); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	if err := initialise(ctx, fresh); err != nil {
		return err
	}
	if err := os.Rename(fresh, path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// pageSize is SQLite's own.
const pageSize = 4096

// applicationID says that a SQLite file is one of ours: "TOCS".
const applicationID = 0x544f4353

// initialise makes a file without tables.
func initialise(ctx context.Context, path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	f.Close()
	db, err := connect(path, everywhere)
	if err != nil {
		return err
	}
	db.SetMaxOpenConns(1)
	for _, pragma := range []string{
		fmt.Sprintf("PRAGMA page_size = %d", pageSize),
		"PRAGMA auto_vacuum = INCREMENTAL",
		fmt.Sprintf("PRAGMA application_id = %d", applicationID),
		"PRAGMA journal_mode = WAL", // the last: then there is a first page
	} {
		if _, err := db.ExecContext(ctx, pragma); err != nil {
			return errors.Join(err, db.Close())
		}
	}
	return db.Close()
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Sync(); err != nil && !errors.Is(err, errors.ErrUnsupported) {
		// Windows cannot sync a folder, and says that it may not be accessed.
		if !errors.Is(err, os.ErrPermission) {
			return err
		}
	}
	return nil
}

// damaged is the error of a file that cannot be trusted.
func damaged(err error) error {
	return fmt.Errorf("the file is damaged: %w\nhint: move it away and put a backup in its place (the copies beside it that end in .backup, or yours); \"sqlite3 FILE .recover\" may save what is in it\nhint: it is never replaced by an empty one: remove it, and the files beside it, to start anew", err)
}

// quickCheck is how long Open takes to look for damage. What is left then is checked
// by Tend.
const quickCheck = 1500 * time.Millisecond

// check looks for damage, the small tables first, for about as long as it may; 0: as
// long as it takes.
func (s *Store) check(ctx context.Context, limit time.Duration) error {
	tables, err := s.tables(ctx)
	if err != nil {
		return damaged(err)
	}
	timed := ctx
	if limit > 0 {
		var cancel context.CancelFunc
		timed, cancel = context.WithTimeout(ctx, limit)
		defer cancel()
	}
	for _, table := range tables {
		err := s.checkTable(timed, table)
		switch {
		case err == nil:
		case ctx.Err() != nil:
			return ctx.Err()
		case timed.Err() != nil:
			return nil
		default:
			return damaged(err)
		}
	}
	s.checked.Store(true)
	return nil
}

// tables are the names of the tables, the large ones last.
func (s *Store) tables(ctx context.Context) ([]string, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'
		ORDER BY name IN ('runs', 'alert_events', 'ticks'), name = 'events', name`)
	if err != nil {
		return nil, err
	}
	return collect(rows, func(name *string) []any { return []any{name} })
}

func (s *Store) checkTable(ctx context.Context, table string) error {
	rows, err := s.read.QueryContext(ctx, fmt.Sprintf("PRAGMA quick_check(%q)", table))
	if err != nil {
		return err
	}
	said, err := collect(rows, func(line *string) []any { return []any{line} })
	if err != nil {
		return err
	}
	if text := strings.Join(said, "; "); text != "ok" {
		return errors.New(text)
	}
	return nil
}

// collect reads all rows, each into what fields points at.
func collect[T any](rows *sql.Rows, fields func(*T) []any) ([]T, error) {
	defer rows.Close()
	var list []T
	for rows.Next() {
		var item T
		if err := rows.Scan(fields(&item)...); err != nil {
			return nil, err
		}
		list = append(list, item)
	}
	return list, rows.Err()
}
