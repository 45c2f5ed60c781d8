package workflows

import (
	"embed"
	"io/fs"
)

//go:embed examples/*.yaml
var examples embed.FS

// Examples are the workflows that ship with the program, NAME.yaml at the top. The
// first line of each is a comment that says in a sentence what it shows.
func Examples() fs.FS {
	sub, err := fs.Sub(examples, "examples")
	if err != nil {
		panic(err) // the folder is in the line above
	}
	return sub
}
