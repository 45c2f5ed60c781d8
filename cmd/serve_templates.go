package cmd

import (
	"io/fs"
	"os"
)

// templates is the folder of workflows to begin with that KEEP_WORKFLOWS_PATH names; nil:
// those that ship.
func (f *fleet) templates() fs.FS {
	dir := f.getenv("KEEP_WORKFLOWS_PATH")
	if dir == "" {
		return nil
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		f.log.Warn("KEEP_WORKFLOWS_PATH: the workflows to begin with are those that ship", "error", err)
		return nil
	}
	return root.FS()
}
