package store

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Fault B1, the power is cut: on the disk is what was synced, and of what was written
// since any part. What the process said is on disk is there, the file is whole, and no
// run is stuck. A trace of the process' writes tells what a disk could have had at any
// moment.
func TestPowerCut(t *testing.T) {
	trace := traced(t, often(30, 120, 120))
	said := slices.IndexFunc(trace, func(c call) bool { return c.name == "write" })
	if said < 0 {
		t.Fatal("the child said nothing")
	}
	cuts := often(4, 20, 1000)
	acknowledged := 0
	for range cuts {
		at := said + rand.IntN(len(trace)-said)
		dir := t.TempDir()
		lines := replay(t, trace[:at]).cut(t, dir)
		acknowledged += len(lines)
		checkKilled(t, dir, lines)
		if t.Failed() {
			t.Fatalf("cut after %d of %d calls; the disk is left in %s", at, len(trace), dir)
		}
	}
	t.Logf("figure: power cut at %d moments of %d calls: %d acknowledgements, none lost", cuts, len(trace), acknowledged)
}

// A call is one of the system that a process made.
type call struct {
	name  string
	path  string // of the file that it is about
	to    string // of a rename
	data  []byte
	at    int64 // where data goes, or the length that is left
	begun int   // which call began the sync that ends here
}

// traced runs the child that writes under strace(1) until it has said so many lines.
func traced(t *testing.T, after int) []call {
	t.Helper()
	strace, err := exec.LookPath("strace")
	if err != nil {
		without(t, "strace(1) tells what a process writes")
	}
	dir := t.TempDir()
	log := filepath.Join(t.TempDir(), "trace")
	c := child(t, writerEnv, dir)
	c.Path, c.Args = strace, []string{
		strace, "-f", "-y", "-xx", "-s", "1000000", "-e", "signal=none", "-e", "trace=write,pwrite64,fsync,fdatasync,ftruncate,rename,renameat,renameat2", "-o", log, os.Args[0],
	}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	pid, n := 0, 0
	for lines := bufio.NewScanner(out); lines.Scan(); n++ {
		if pid == 0 {
			_, _ = fmt.Sscanf(lines.Text(), "alert %d-", &pid)
		}
		if p, err := os.FindProcess(pid); pid != 0 && n >= after && err == nil {
			_ = p.Kill()
		}
	}
	_ = c.Wait()
	f, err := os.Open(log)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	return calls(t, f)
}

// calls reads what strace wrote. Several threads of a process are at it at the same time:
// a call that others came between has two lines.
func calls(t *testing.T, r io.Reader) (list []call) {
	t.Helper()
	line := regexp.MustCompile(`^(\d+) +(?:<\.\.\. (\w+) resumed>|(\w+)\()(.*)$`)
	open := map[string]int{} // by thread, where its sync began
	lines := bufio.NewReaderSize(r, 1<<20)
	for {
		text, err := lines.ReadString('\n')
		if err != nil {
			return list
		}
		m := line.FindStringSubmatch(strings.TrimRight(text, "\n"))
		switch {
		case m == nil:
		case m[2] == "fsync" || m[2] == "fdatasync":
			begun := list[open[m[1]]]
			list = append(list, call{name: "synced", path: begun.path, begun: open[m[1]]})
		case m[3] != "":
			c := callOf(t, m[3], strings.TrimSuffix(m[4], "<unfinished ...>"))
			if list = append(list, c); c.name != "fsync" {
				break
			}
			if open[m[1]] = len(list) - 1; !strings.HasSuffix(m[4], "<unfinished ...>") {
				list = append(list, call{name: "synced", path: c.path, begun: len(list) - 1})
			}
		}
	}
}

// callOf is a call of that name, of what stands behind its parenthesis.
func callOf(t *testing.T, name, args string) call {
	t.Helper()
	var texts []string
	for _, quoted := range regexp.MustCompile(`"(?:\\x[0-9a-f]{2})*"|<(?:\\x[0-9a-f]{2})+>`).FindAllString(args, -1) {
		text, err := hex.DecodeString(strings.ReplaceAll(quoted[1:len(quoted)-1], `\x`, ""))
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, string(text))
	}
	var numbers []int64
	for _, n := range regexp.MustCompile(`, (\d+)`).FindAllStringSubmatch(args[strings.LastIndexAny(args, `">`)+1:], -1) {
		v, _ := strconv.ParseInt(n[1], 10, 64)
		numbers = append(numbers, v)
	}
	c := call{name: name, path: texts[0]}
	switch {
	case name == "write":
		c.data = []byte(texts[len(texts)-1])
	case name == "pwrite64" && len(texts) == 2 && len(numbers) >= 2:
		c.data, c.at = []byte(texts[1]), numbers[1]
	case name == "ftruncate" && len(numbers) >= 1:
		c.at = numbers[0]
	case strings.HasPrefix(name, "rename"):
		var names []string
		for _, s := range texts {
			if strings.Contains(filepath.Base(s), ".") {
				names = append(names, s)
			}
		}
		c.name, c.path, c.to = "rename", names[0], names[len(names)-1]
	case name == "fdatasync":
		c.name = "fsync"
	case name != "fsync":
		t.Fatalf("strace wrote something else: %s(%.200s", name, args)
	}
	return c
}

// A medium is what is certain to be on a disk, by file, and what was written since.
type medium struct {
	certain map[string][]byte
	since   map[string][]int // calls
	calls   []call
	said    []string
}

// replay makes the calls.
func replay(t *testing.T, list []call) *medium {
	m := &medium{certain: map[string][]byte{}, since: map[string][]int{}, calls: list}
	for i, c := range list {
		switch c.name {
		case "write":
			if text := string(c.data); strings.HasSuffix(text, "\n") && !strings.Contains(text, "/") {
				m.said = append(m.said, strings.TrimSpace(text))
			}
		case "pwrite64", "ftruncate":
			m.since[c.path] = append(m.since[c.path], i)
		case "synced":
			m.sync(c.path, c.begun)
		case "rename":
			m.certain[c.to], m.since[c.to] = m.certain[c.path], m.since[c.path]
			delete(m.certain, c.path)
			delete(m.since, c.path)
		}
	}
	return m
}

// sync makes certain what was written to a file before the sync began.
func (m *medium) sync(path string, begun int) {
	for len(m.since[path]) > 0 && m.since[path][0] < begun {
		m.certain[path] = m.calls[m.since[path][0]].apply(m.certain[path])
		m.since[path] = m.since[path][1:]
	}
}

// apply is a file after the call.
func (c call) apply(file []byte) []byte {
	end := int(c.at) + len(c.data)
	if c.name == "ftruncate" {
		end = int(c.at)
		file = file[:min(end, len(file))]
	}
	if end > len(file) {
		file = append(file, make([]byte, end-len(file))...)
	}
	copy(file[c.at:], c.data)
	return file
}

// cut puts into dir what a disk may have, and returns what the process had said. Of a
// write that is not certain it has all, nothing, or some sectors.
func (m *medium) cut(t *testing.T, dir string) []string {
	t.Helper()
	for _, path := range slices.Sorted(maps.Keys(m.certain)) {
		name := filepath.Base(path)
		if name != "tocsin.db" && name != "tocsin.db-wal" {
			continue
		}
		file := slices.Clone(m.certain[path])
		likely := rand.IntN(4)
		for _, i := range m.since[path] {
			c := m.calls[i]
			switch {
			case rand.IntN(3) >= likely:
				continue
			case rand.IntN(8) == 0 && len(c.data) > 512:
				c.data = c.data[:512*(1+rand.IntN(len(c.data)/512))]
			}
			file = c.apply(file)
		}
		if err := os.WriteFile(filepath.Join(dir, name), file, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return m.said
}
