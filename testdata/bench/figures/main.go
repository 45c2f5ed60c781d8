// Figures collects what the benches of this folder printed: each figure beside its goal,
// as a table, as JSON and as a plot. It reads run.txt, websocket.txt and serve.jsonl of a
// folder, as far as they are there, and writes figures.json and figures.svg into it.
//
//	go run ./testdata/bench/figures bin/bench
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// A report is figures.json.
type report struct {
	Date    time.Time `json:"date"`
	Version string    `json:"version"` // the commit, "+" behind it where files differ
	Machine machine   `json:"machine"`
	Figures []figure  `json:"figures"`
}

type machine struct {
	OS        string  `json:"os"`
	Arch      string  `json:"arch"`
	Processor string  `json:"processor"`
	Cores     int     `json:"cores"`
	Memory    float64 `json:"memory_gib"`
	Go        string  `json:"go"`
	Load      string  `json:"load"` // of the last minutes: others slow what is measured
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: figures FOLDER")
		os.Exit(2)
	}
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "figures:", err)
		os.Exit(1)
	}
}

func run(dir string) error {
	list, err := collect(dir)
	if err != nil {
		return err
	}
	if len(list) == 0 {
		return fmt.Errorf("%s has no figures: testdata/bench/all makes them", dir)
	}
	r := report{Date: time.Now().UTC().Truncate(time.Second), Version: version(), Machine: thisMachine(), Figures: list}
	printTable(r)
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile(filepath.Join(dir, "figures.json"), append(text, '\n'), 0o644),
		os.WriteFile(filepath.Join(dir, "figures.svg"), plot(r), 0o644),
	)
}

func printTable(r report) {
	fmt.Printf("== all figures; how much of what the goal allows: 1.00 just meets it, less is better\n")
	for _, f := range r.Figures {
		fmt.Printf("%-24s %-58s %10s %-14s %6s  %s\n", f.Key, f.What, number(f.Value)+" "+f.Unit, f.goal(), f.share(), f.verdict())
	}
}

// version is the commit that was measured.
func version() string {
	commit, err := exec.Command("git", "describe", "--always", "--tags", "--dirty=+").Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(commit))
}

func thisMachine() machine {
	return machine{
		OS: runtime.GOOS, Arch: runtime.GOARCH, Cores: runtime.NumCPU(), Go: runtime.Version(),
		Processor: field("/proc/cpuinfo", "model name"), Memory: memory(), Load: load(),
	}
}

// field is the first value of that name in a file of "name: value"; "": there is none.
func field(file, name string) string {
	text, err := os.ReadFile(file)
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

func memory() float64 {
	var kib float64
	if _, err := fmt.Sscan(field("/proc/meminfo", "MemTotal"), &kib); err != nil {
		return 0
	}
	return float64(int(kib/(1<<20)*10)) / 10
}

func load() string {
	text, err := os.ReadFile("/proc/loadavg")
	if fields := strings.Fields(string(text)); err == nil && len(fields) > 2 {
		return strings.Join(fields[:3], " ")
	}
	return ""
}
