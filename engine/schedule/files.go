package schedule

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"tocsin/workflows/source"
)

// maxFile is how much of a file is read: more than any may have, so that the refusal can
// come from the one who knows the limit.
const maxFile = 1 << 20

// maxFiles is how many files a folder may have, with those below it.
const maxFiles = 50_000

// ReadFolders reads the workflow files of folders, in the order of their names. Hidden
// files and folders, and the files of provider configurations and shared actions, are
// passed over. A file that cannot be read, is none, or leads out of its folder by a
// symbolic link is a Source with a Problem. The error is for a folder that cannot be
// read: nothing is known then.
func ReadFolders(dirs ...string) ([]Source, error) {
	var list []Source
	for _, dir := range dirs {
		root, err := os.OpenRoot(dir)
		if err != nil {
			return nil, err
		}
		f := folder{root: root, dir: dir}
		err = f.read(".")
		root.Close()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", dir, err)
		}
		list = append(list, f.list...)
	}
	return list, nil
}

// A folder is one that is being read.
type folder struct {
	root *os.Root
	dir  string
	list []Source
}

func (f *folder) read(below string) error {
	entries, err := fs.ReadDir(f.root.FS(), below)
	if err != nil {
		return err
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	for _, e := range entries {
		name := path.Join(below, e.Name())
		switch {
		case strings.HasPrefix(e.Name(), "."):
		case e.IsDir():
			if err := f.read(name); err != nil {
				return err
			}
		case isWorkflowFile(e.Name()):
			f.list = append(f.list, f.file(name))
		}
		if len(f.list) > maxFiles {
			return fmt.Errorf("more than %d files", maxFiles)
		}
	}
	return nil
}

// isWorkflowFile tells by its name what is read. An editor's copies end otherwise.
func isWorkflowFile(name string) bool {
	ext := filepath.Ext(name)
	return (ext == ".yaml" || ext == ".yml") && name != "providers.yaml" && name != "actions.yaml"
}

func (f *folder) file(name string) Source {
	shown := filepath.Join(f.dir, filepath.FromSlash(name))
	text, err := f.text(name)
	if err != nil {
		return Source{Name: shown, Problem: unreadable(shown, err)}
	}
	return Source{Name: shown, Text: text}
}

var errNotFile = errors.New("it is not a file")

// text reads a file. A pipe is not waited for: nobody might ever write into it.
func (f *folder) text(name string) ([]byte, error) {
	file, err := f.root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	st, err := file.Stat()
	switch {
	case err != nil:
		return nil, err
	case !st.Mode().IsRegular():
		return nil, errNotFile
	}
	text, err := io.ReadAll(io.LimitReader(file, maxFile))
	return bytes.Clone(text), err // it is kept, and there was room for more
}

func unreadable(name string, err error) *source.Problem {
	p := &source.Problem{Pos: source.Pos{File: name, Line: 1, Col: 1}, Code: source.NoWorkflow, Message: "the file cannot be read"}
	var wrong *fs.PathError
	switch {
	case errors.Is(err, errNotFile):
		p.Message, p.Hint = "this is no file", "a folder of workflows has files and folders in it"
	case errors.As(err, &wrong) && strings.Contains(wrong.Err.Error(), "escapes"):
		p.Message, p.Hint = "this leads out of its folder", "put the file itself here, or watch the folder that it is in"
	case errors.Is(err, fs.ErrNotExist):
		p.Message, p.Hint = "this leads to no file", "a symbolic link is broken"
	case errors.Is(err, fs.ErrPermission):
		p.Hint = "let the user read it that the program runs as"
	case errors.As(err, &wrong):
		p.Message += ": " + wrong.Err.Error()
	}
	return p
}
