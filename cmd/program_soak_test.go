//go:build unix

package cmd_test

import (
	"bufio"
	"context"
	"fmt"
	"math"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// After thousands of runs the process is as large as after some: it has no more
// goroutines and descriptors, and its heap, as small as it is between collections, has
// grown by less than a twentieth.
func testSoaked(t *testing.T, binary string) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux says what a process has open")
	}
	p := newProcess(t, binary)
	p.start("env", "GOGC=10") // what is in use is a megabyte: garbage must not hide it
	runs := often(300, 600, 10_000)
	before := p.soak("first", max(300, runs/5))
	p.soak("more", runs)
	after := p.soak("last", max(300, runs/5))
	growth := 100 * (after.heap - before.heap) / before.heap
	t.Logf("figure: %d runs: goroutines %d to %d, descriptors %d to %d, heap %.2f to %.2f MiB (%+.1f %%), resident %.1f to %.1f MiB", runs,
		before.goroutines, after.goroutines, before.files, after.files, before.heap, after.heap, growth, before.resident, after.resident)
	if after.goroutines > before.goroutines+8 || after.files > before.files+8 { // the store may have opened the file once more
		t.Error("goroutines or descriptors are left behind")
	}
	if allowed := 5.0; deepTests() && growth > allowed || after.heap-before.heap > 2 {
		t.Error("the heap grows")
	}
	p.signal(syscall.SIGTERM)
	if code := p.ended(); code != 0 {
		t.Errorf("exit code %d\n%s", code, p.stderr)
	}
}

// soak sends so many alerts, and returns when each was told of, and how large the
// process is: its heap at its smallest meanwhile, that is, right after a collection.
func (p *process) soak(name string, runs int) size {
	p.t.Helper()
	ctx, cancel := context.WithCancel(p.t.Context())
	defer cancel()
	var accepted atomic.Int64
	heap := make(chan float64, 1)
	go func() {
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		least := math.Inf(1)
		for ctx.Err() == nil {
			<-tick.C
			if now, err := p.sizeNow(); err == nil {
				least = min(least, now.heap)
			}
		}
		heap <- least
	}()
	p.hail(ctx, name, 4, func() {
		if accepted.Add(1) >= int64(runs) {
			cancel()
		}
	})
	p.atRest()
	s := p.size()
	for range 10 { // connections of the storm end
		<-time.After(200 * time.Millisecond)
		now := p.size()
		s.goroutines, s.files = min(s.goroutines, now.goroutines), min(s.files, now.files)
	}
	s.heap = <-heap
	return s
}

// A size is how much of the system a process has.
type size struct {
	goroutines, files int
	heap, resident    float64 // MiB
}

func (p *process) size() size {
	p.t.Helper()
	s, err := p.sizeNow()
	if err != nil {
		p.t.Fatal(err)
	}
	return s
}

func (p *process) sizeNow() (s size, err error) {
	resp, err := http.Get(p.url + "/metrics")
	if err != nil {
		return s, err
	}
	defer resp.Body.Close()
	values := map[string]float64{}
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		if name, text, ok := strings.Cut(lines.Text(), " "); ok && name != "#" {
			values[name], _ = strconv.ParseFloat(text, 64)
		}
	}
	s = size{
		goroutines: int(values["go_goroutines"]), files: int(values["process_open_fds"]),
		heap: values["go_memstats_heap_alloc_bytes"] / (1 << 20), resident: values["process_resident_memory_bytes"] / (1 << 20),
	}
	if s.goroutines*s.files == 0 || s.heap == 0 {
		return s, fmt.Errorf("no figures: %v", values)
	}
	return s, nil
}
