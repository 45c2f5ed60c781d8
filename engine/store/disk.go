package store

import (
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"os"
	"sync/atomic"
)

// A disk has a file that is there to be removed: when the disk is full, its room lets
// what is under way be written.
type disk struct {
	path string
	size int64 // 0 or less: there is no ballast
	full atomic.Bool
}

// fill makes the ballast, if it is not there, and says whether there was room. Random
// bytes, since file systems that compress have room for any number of zeros.
func (d *disk) fill(log *slog.Logger) bool {
	if d.size <= 0 {
		d.full.Store(false)
		return true
	}
	if info, err := os.Stat(d.path); err == nil && info.Size() == d.size {
		d.full.Store(false)
		return true
	}
	err := d.write()
	if err != nil {
		os.Remove(d.path)
		log.Error("no room for the store's ballast", "path", d.path, "err", err)
	}
	d.full.Store(err != nil)
	return err == nil
}

func (d *disk) write() error {
	f, err := os.OpenFile(d.path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = io.CopyN(f, rand.Reader, d.size)
	return errors.Join(err, f.Sync(), f.Close())
}

// free removes the ballast, and says whether that made room.
func (d *disk) free(log *slog.Logger) bool {
	d.full.Store(true)
	err := os.Remove(d.path)
	if err == nil {
		log.Error("the disk of the store is full: its ballast was freed for what is under way", "path", d.path)
	}
	return err == nil
}
