package schedule

import (
	"context"
	"fmt"
	"hash/fnv"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/fsnotify/fsnotify"
)

const (
	// settle is how long nothing must happen in a folder before it is read: an editor
	// writes a file in several steps.
	settle = 200 * time.Millisecond
	// unsettled is after how long it is read although something goes on.
	unsettled = 2 * time.Second
	// pollEvery is how often a folder is looked at where the system does not tell, and
	// pollAnyway where it does, for what it does not tell.
	pollEvery  = 3 * time.Second
	pollAnyway = time.Minute
)

// Folders are folders of workflow files that a catalog follows.
type Folders struct {
	Catalog *Catalog
	Dirs    []string
	// Setting is what the meaning of a file depends on besides its text, such as the
	// providers that are configured; nil: nothing.
	Setting func(name string) string
	Poll    bool         // do not ask the system to tell of changes
	Log     *slog.Logger // nil: nothing is logged

	mu  sync.Mutex // one reads at a time
	was string     // what it looked like before it was read
}

func (f *Folders) log() *slog.Logger {
	if f.Log != nil {
		return f.Log
	}
	return slog.New(slog.DiscardHandler)
}

// Reload reads the folders now. The error is for what is not about one file: then the
// catalog is as it was.
func (f *Folders) Reload(ctx context.Context) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.reload(ctx)
}

func (f *Folders) reload(ctx context.Context) error {
	was := f.looks()
	sources, err := ReadFolders(f.Dirs...)
	if err != nil {
		return err
	}
	for i := range sources {
		if f.Setting != nil {
			sources[i].Setting = f.Setting(sources[i].Name)
		}
	}
	if err := f.Catalog.Load(ctx, FromDisk, sources...); err != nil {
		return err
	}
	for _, file := range f.Catalog.Files() {
		if file.Stale() {
			f.log().Warn("a file is wrong, its last good workflows go on", "file", file.Name, "problems", len(file.Problems))
		}
	}
	f.was = was
	return nil
}

// refresh reloads if something changed since the folders were read.
func (f *Folders) refresh(ctx context.Context) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.looks() == f.was {
		return
	}
	if err := f.reload(ctx); err != nil && ctx.Err() == nil {
		f.log().Error("the folders cannot be read, all stays as it was", "problem", err)
	}
}

// Watch reloads when something changes in the folders, until ctx is done. Where the
// system cannot tell of changes, it looks every few seconds.
func (f *Folders) Watch(ctx context.Context) {
	w, err := f.watcher()
	if err != nil && !f.Poll {
		f.log().Warn("the folders cannot be watched, they are looked at every few seconds", "problem", err)
	}
	if w == nil {
		f.poll(ctx, pollEvery, nil)
		return
	}
	defer w.Close()
	f.poll(ctx, pollAnyway, w)
}

// watcher is told of changes; nil: it has to be looked for them.
func (f *Folders) watcher() (*fsnotify.Watcher, error) {
	if f.Poll {
		return nil, nil
	}
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, err
	}
	if err := f.follow(w); err != nil {
		w.Close()
		return nil, err
	}
	return w, nil
}

// follow asks to be told of the folders and those below them. Those that are followed
// already stay so.
func (f *Folders) follow(w *fsnotify.Watcher) error {
	for _, dir := range f.Dirs {
		err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
			switch {
			case err != nil || !e.IsDir():
				return err
			case path != dir && strings.HasPrefix(e.Name(), "."):
				return filepath.SkipDir
			}
			return w.Add(path)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// poll looks for changes every so often, and when it is told of some.
func (f *Folders) poll(ctx context.Context, every time.Duration, w *fsnotify.Watcher) {
	var events <-chan fsnotify.Event
	var errs <-chan error
	if w != nil {
		events, errs = w.Events, w.Errors
	}
	look := time.NewTicker(every)
	defer look.Stop()
	for {
		if w != nil { // first, so that nothing is missed between reading and being told
			if err := f.follow(w); err != nil {
				f.log().Warn("a folder cannot be watched, it is looked at every minute", "problem", err)
			}
		}
		f.refresh(ctx)
		select {
		case <-ctx.Done():
			return
		case <-look.C:
		case _, ok := <-events:
			if !ok {
				return
			}
			f.settled(ctx, events)
		case err, ok := <-errs: // it was told too much at once
			if !ok {
				return
			}
			f.log().Warn("some changes of the folders were not told of", "problem", err)
		}
	}
}

// settled waits until nothing has happened for a while.
func (f *Folders) settled(ctx context.Context, events <-chan fsnotify.Event) {
	quiet := time.NewTimer(settle)
	defer quiet.Stop()
	enough := time.NewTimer(unsettled)
	defer enough.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-quiet.C:
			return
		case <-enough.C:
			return
		case <-events:
			quiet.Reset(settle)
		}
	}
}

// looks is what changes when a file of the folders does. It follows links, as the files
// of a Kubernetes ConfigMap are, to folders that are replaced.
func (f *Folders) looks() string {
	h := fnv.New128a()
	for _, dir := range f.Dirs {
		err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
			switch {
			case err != nil:
				fmt.Fprintln(h, path, err)
				return nil
			case path != dir && strings.HasPrefix(e.Name(), "."):
				if e.IsDir() {
					return filepath.SkipDir
				}
				return nil
			}
			if st, err := os.Stat(path); err == nil && !e.IsDir() {
				fmt.Fprintln(h, path, st.Size(), st.ModTime().UnixNano(), st.Mode())
			}
			return nil
		})
		if err != nil {
			fmt.Fprintln(h, dir, err)
		}
	}
	return string(h.Sum(nil))
}
