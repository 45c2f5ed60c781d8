// Wall measures the whole run of the main job, from process start to exit, against a
// minimal program that does the same dial, send, read and close, and one that uses the
// libraries of tocsin besides. All are built and run here, by turns, so that the ratio
// holds on any machine. It is that of the quarter of the runs that were quickest: others
// on the machine slow the rest.
//
//	go run ./testdata/bench/wall            # 200 runs of each
//	go run ./testdata/bench/wall -n 1000
//	go run ./testdata/bench/wall -max 1.3   # exit 1 above that ratio
package main

import (
	"bytes"
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/coder/websocket"
)

func main() {
	n := flag.Int("n", 200, "runs of each program")
	most := flag.Float64("max", 0, "fail above this ratio; 0: never")
	peak := flag.Bool("peak", false, "run the given program, and print the most memory that it used, in KiB")
	flag.Parse()
	err := error(nil)
	if *peak {
		err = printPeak(flag.Args())
	} else {
		err = measure(*n, *most)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "wall:", err)
		os.Exit(1)
	}
}

func measure(n int, most float64) error {
	dir, err := os.MkdirTemp("", "tocsin-wall")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	server := httptest.NewServer(http.HandlerFunc(echo))
	defer server.Close()
	url := "ws" + strings.TrimPrefix(server.URL, "http")

	floor := program{name: "floor", args: []string{url, "hello"}}
	libraries := program{name: "libraries", args: []string{"testdata/websocket-is-up.yaml", url, "hello"}}
	tocsin := program{name: "tocsin", args: []string{
		"run", "testdata/websocket-is-up.yaml",
		"--set", "steps.websocket-test.with.socket_url=" + url, "--set", "steps.websocket-test.with.data=hello",
	}, env: []string{`TOCSIN_PROVIDER_SLACK_DEMO={"authentication": {"webhook_url": "http://127.0.0.1:9/unused"}}`}}
	for p, pkg := range map[*program]string{&floor: "./testdata/bench/floor", &libraries: "./testdata/bench/libraries", &tocsin: "./cmd/tocsin"} {
		if err := p.build(dir, pkg); err != nil {
			return err
		}
	}
	for i := range n + 10 { // the first ten warm the page cache
		for _, p := range []*program{&floor, &libraries, &tocsin} {
			if err := p.run(i >= 10); err != nil {
				return err
			}
		}
	}
	for _, p := range []*program{&floor, &libraries, &tocsin} {
		if err := p.weigh(); err != nil {
			return err
		}
	}
	least := float64(floor.quantile(0.25))
	ratio := float64(tocsin.quantile(0.25)) / least
	fmt.Printf("%-9s %9s %9s %9s %12s %7s %9s %11s\n", "", "p25", "median", "p95", "resident", "faults", "switches", "binary")
	for _, p := range []program{floor, libraries, tocsin} {
		fmt.Printf("%-9s %9v %9v %9v %8.1f MiB %7d %9d %7.1f MiB\n", p.name, p.quantile(0.25), p.quantile(0.5), p.quantile(0.95),
			float64(p.resident)/1024, middle(p.faults), middle(p.switches), float64(p.size)/(1<<20))
	}
	fmt.Printf("run-once wall time: ratio %.2f to the floor (goal: 1.3); %.2f with the libraries alone\n", ratio, float64(libraries.quantile(0.25))/least)
	if most > 0 && ratio > most {
		return fmt.Errorf("%.2f x the floor is more than %.2f", ratio, most)
	}
	return nil
}

// echo sends every message back until the client closes.
func echo(w http.ResponseWriter, r *http.Request) {
	c, err := websocket.Accept(w, r, nil)
	if err != nil {
		return
	}
	defer c.CloseNow()
	for {
		kind, data, err := c.Read(r.Context())
		if err != nil {
			return
		}
		if err := c.Write(r.Context(), kind, data); err != nil {
			return
		}
	}
}

type program struct {
	name, path string
	args, env  []string
	size       int64
	times      []time.Duration
	resident   int64   // KiB, at most
	faults     []int64 // pages that came into memory
	switches   []int64 // of the processor to another thread
}

func (p *program) build(dir, pkg string) error {
	p.path = filepath.Join(dir, p.name)
	c := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", p.path, pkg)
	c.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s: %w\n%s", pkg, err, out)
	}
	return p.install()
}

// install copies the program, as whoever installs one does. What the linker wrote lies
// in the system's cache in single pages, and takes up to a quarter longer to start.
func (p *program) install() error {
	from, err := os.Open(p.path)
	if err != nil {
		return err
	}
	defer from.Close()
	p.path += "-installed"
	to, err := os.OpenFile(p.path, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		return err
	}
	p.size, err = io.Copy(to, from)
	return errors.Join(err, to.Close())
}

func (p *program) run(count bool) error {
	c := exec.Command(p.path, p.args...)
	c.Env = append(os.Environ(), p.env...)
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, &out
	start := time.Now()
	err := c.Run()
	took := time.Since(start)
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", p.name, err, out.Bytes())
	}
	if !count {
		return nil
	}
	usage := c.ProcessState.SysUsage().(*syscall.Rusage)
	p.times = append(p.times, took)
	p.faults = append(p.faults, usage.Minflt+usage.Majflt)
	p.switches = append(p.switches, usage.Nvcsw+usage.Nivcsw)
	return nil
}

// weigh asks for the memory of one run. Linux counts what the process was before it
// became the program, which is a copy of whoever started it: so that is not this process,
// which has grown, but a new one.
func (p *program) weigh() error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	c := exec.Command(self, append([]string{"-peak", p.path}, p.args...)...)
	c.Env = append(os.Environ(), p.env...)
	out, err := c.Output()
	if err != nil {
		return err
	}
	_, err = fmt.Sscan(string(out), &p.resident)
	return err
}

func printPeak(args []string) error {
	c := exec.Command(args[0], args[1:]...)
	if err := c.Run(); err != nil {
		return err
	}
	_, err := fmt.Println(c.ProcessState.SysUsage().(*syscall.Rusage).Maxrss)
	return err
}

func (p *program) quantile(q float64) time.Duration {
	return at(p.times, q).Round(10 * time.Microsecond)
}

func middle(counts []int64) int64 { return at(counts, 0.5) }

// at is what so much of the list lies below.
func at[T cmp.Ordered](list []T, q float64) T {
	return slices.Sorted(slices.Values(list))[int(q*float64(len(list)-1))]
}
