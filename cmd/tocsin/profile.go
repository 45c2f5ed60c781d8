//go:build profile

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime/pprof"

	"tocsin/cmd"
	"tocsin/providers/all"
)

// main is that of the program which testdata/bench/profile builds: it writes what the
// processor was used for into a file of the folder TOCSIN_PROFILE.
func main() {
	f, err := os.Create(filepath.Join(os.Getenv("TOCSIN_PROFILE"), fmt.Sprint(os.Getpid(), ".cpu")))
	if err == nil {
		err = pprof.StartCPUProfile(f)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	code := cmd.Main(os.Args[1:], all.Registry())
	pprof.StopCPUProfile()
	if err := f.Close(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	os.Exit(code)
}
