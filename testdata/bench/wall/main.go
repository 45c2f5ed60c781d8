// Wall measures the whole run of the main job, from process start to exit, against a
// minimal program that does the same dial, send, read and close. Both are built and run
// here, by turns, so that the ratio holds on any machine.
//
//	go run ./testdata/bench/wall            # 200 runs of each
//	go run ./testdata/bench/wall -n 1000
//	go run ./testdata/bench/wall -max 1.3   # exit 1 above that ratio
package main

import (
	"bytes"
	"flag"
	"fmt"
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
	flag.Parse()
	if err := measure(*n, *most); err != nil {
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
	tocsin := program{name: "tocsin", args: []string{
		"run", "testdata/websocket-is-up.yaml",
		"--set", "steps.websocket-test.with.socket_url=" + url, "--set", "steps.websocket-test.with.data=hello",
	}, env: []string{`TOCSIN_PROVIDER_SLACK_DEMO={"authentication": {"webhook_url": "http://127.0.0.1:9/unused"}}`}}
	for p, pkg := range map[*program]string{&floor: "./testdata/bench/floor", &tocsin: "./cmd/tocsin"} {
		if err := p.build(dir, pkg); err != nil {
			return err
		}
	}
	for i := range n + 10 { // the first ten warm the page cache
		for _, p := range []*program{&floor, &tocsin} {
			if err := p.run(i >= 10); err != nil {
				return err
			}
		}
	}
	ratio := float64(tocsin.median()) / float64(floor.median())
	fmt.Printf("%-8s %10s %10s %10s %10s\n", "", "median", "p95", "resident", "binary")
	for _, p := range []program{floor, tocsin} {
		fmt.Printf("%-8s %10v %10v %7.1f MiB %5.1f MiB\n", p.name, p.median(), p.p95(), float64(p.resident)/1024, float64(p.size)/(1<<20))
	}
	fmt.Printf("run-once wall time: %.2f x the floor (goal: 1.3)\n", ratio)
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
	resident   int64 // KiB, the largest seen
}

func (p *program) build(dir, pkg string) error {
	p.path = filepath.Join(dir, p.name)
	c := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", p.path, pkg)
	c.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s: %w\n%s", pkg, err, out)
	}
	st, err := os.Stat(p.path)
	if err != nil {
		return err
	}
	p.size = st.Size()
	return nil
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
	if count {
		p.times = append(p.times, took)
		p.resident = max(p.resident, c.ProcessState.SysUsage().(*syscall.Rusage).Maxrss)
	}
	return nil
}

func (p *program) median() time.Duration { return p.quantile(0.5) }
func (p *program) p95() time.Duration    { return p.quantile(0.95) }

func (p *program) quantile(q float64) time.Duration {
	sorted := slices.Sorted(slices.Values(p.times))
	return sorted[int(q*float64(len(sorted)-1))].Round(10 * time.Microsecond)
}
