package source_test

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"tocsin/workflows/source"
)

// TestLimits has documents that just pass, and what is said of those that do not.
func TestLimits(t *testing.T) {
	keys := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "k%d: 1\n", i)
		}
		return b.String()
	}
	r := strings.Repeat
	tests := []struct{ name, good, bad, want string }{
		{"size", "a: " + r("x", source.MaxSize-3), "a: " + r("x", source.MaxSize-2), "in.yaml:1:1: the file is larger than 256 KiB"},
		{"depth", r("[", 64) + r("]", 64), r("[", 65) + r("]", 65), "in.yaml:1:65: lists and mappings are nested more than 64 deep"},
		{"nodes", "[" + r("a,", 19_999) + "]", "[" + r("a,", 20_000) + "]", "in.yaml:1:40000: the file has more than 20000 values"},
		{"keys", keys(1000), keys(1001), "in.yaml:1:1: the mapping has more than 1000 keys"},
		{"merged keys", "<<: &a {x: 1}\n" + keys(999), "<<: &a {x: 1}\n" + keys(1000), "in.yaml:1:1: the mapping has more than 1000 keys"},
		{"aliases", "- &a x\n" + r("- *a\n", 100), "- &a x\n" + r("- *a\n", 101), "in.yaml:102:3: the file has more than 100 aliases"},
		{"what aliases stand for", "- &a [" + r("x,", 1_900) + "]\n" + r("- *a\n", 9), "- &a [" + r("x,", 1_900) + "]\n" + r("- *a\n", 10),
			"in.yaml:1:1963: the file has more than 20000 values"},
		{"UTF-16", "a", "\xff\xfea\x00", "in.yaml:1:1: the file is not UTF-8 but UTF-16 or UTF-32"},
		{"UTF-16 without a mark", "a", "a\x00:\x00", "in.yaml:1:1: the file is not UTF-8 but UTF-16 or UTF-32"},
		{"UTF-8", "a: ü", "a:\n- ü\xfc", "in.yaml:2:4: byte 0xFC is not UTF-8"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := source.Parse("in.yaml", []byte(tt.good)); err != nil {
				t.Errorf("within the limit: %.200v", err)
			}
			_, err := source.Parse("in.yaml", []byte(tt.bad))
			if err == nil || !strings.HasPrefix(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("beyond the limit: %.200v\nwant %s", err, tt.want)
			}
		})
	}
}

// bombs are files made to cost a parser much time, memory or stack. good ones are
// merely odd, and are read.
func bombs() map[string]func() string {
	r := strings.Repeat
	return map[string]func() string{
		"100,000 [":               func() string { return r("[", 100_000) },
		"100,000 { and keys":      func() string { return r("{a: ", 60_000) },
		"200,000 {":               func() string { return r("{", 200_000) },
		"deep lists in mappings":  func() string { return r(`[{"a":`, 40_000) },
		"just below the brackets": func() string { return r("[", 999) + r("]: [", 60_000) },
		"deep by indentation":     func() string { return lines(700, func(i int) string { return r(" ", i) + "a:\n" }) },
		"deep by dashes":          func() string { return r("- ", 120_000) },
		"deep by question marks":  func() string { return r("? ", 120_000) },
		"40,000 keys":             func() string { return lines(40_000, func(i int) string { return fmt.Sprintf("%x:\n", i) }) },
		"keys without values":     func() string { return r("? a\n", 60_000) },
		"keys in braces":          func() string { return "{" + r("a: b,", 50_000) + "}" },
		"items in brackets":       func() string { return "[" + r("a,", 120_000) + "]" },
		"pairs in brackets":       func() string { return "[" + r("a: b,", 50_000) + "]" },
		"commas":                  func() string { return "[" + r(",", 120_000) },
		"colons":                  func() string { return r(": ", 120_000) },
		"20,000 anchors":          func() string { return lines(20_000, func(i int) string { return fmt.Sprintf("- &%x\n", i) }) },
		"30,000 aliases":          func() string { return "a: &a x\nb:\n" + r("- *a\n", 30_000) },
		"billion laughs":          func() string { return laughs() },
		"merges of merges":        func() string { return "a: &a {x: 1}\n" + r("b: &a {<<: [*a, *a, *a, *a]}\n", 8_000) },
		"an alias of itself":      func() string { return "&a [*a]" },
		tooLong:                   func() string { return r("a: b\n", 20_000_000) },
		"comments":                func() string { return r("a: 1 # c\n#\n\n", 20_000) },
		"comments in lists":       func() string { return r("- # c\n", 40_000) },
		"tags":                    func() string { return r("!a ", 80_000) },
		"tabs":                    func() string { return r("\t", 250_000) },
		"documents":               func() string { return r("---\n", 60_000) },
		"documents with texts":    func() string { return r("--- a\n", 40_000) },
		"directives":              func() string { return r("%TAG ! a\n", 20_000) + "--- a" },
		"zero bytes":              func() string { return "a: " + r("\x00", 200_000) },
		"not UTF-8":               func() string { return r("\xff", 200_000) },
		"UTF-16":                  func() string { return "\xfe\xff" + r("\x00a", 100_000) },
		"one open quote":          func() string { return "a: \"" + r("b: c\n", 50_000) },
		"open quotes":             func() string { return r("a: \"b\n", 40_000) },
		"mistakes":                func() string { return r("- @a\n", 50_000) },
		"mistakes far apart":      func() string { return r("- \"a\" b\n"+r("- [a, b, c, d]\n", 1_500), 11) },
		"good: base sixty":        func() string { return "a: 1" + r(":59", 80_000) },
		"good: a long number":     func() string { return "a: " + r("9", 200_000) },
		"good: a long text":       func() string { return "a: " + r("x", 250_000) },
		"good: a long quote":      func() string { return "a: \"" + r("x", 250_000) + "\"" },
		"good: empty lines":       func() string { return r("\n", 250_000) },
		"good: a long block":      func() string { return "a: |\n" + r("  x\n", 60_000) },
		"good: a folded block":    func() string { return "a: >\n" + r("  x\n\n", 50_000) },
		"good: a text over lines": func() string { return "a: " + r("x\n ", 80_000) },
		"good: spaces":            func() string { return "a:" + r(" ", 250_000) + "b" },
	}
}

func lines(n int, line func(int) string) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(line(i))
	}
	return b.String()
}

// laughs are lists of nine times the list before.
func laughs() string {
	return "a0: &a0 [lol]\n" + lines(30, func(i int) string {
		return fmt.Sprintf("a%d: &a%d [%s]\n", i+1, i+1, strings.Repeat(fmt.Sprintf("*a%d,", i), 9))
	})
}

// tooLong takes more memory than others before it is read: in the test, not in the
// reader, which is handed a text that is there already.
const tooLong = "100 MB"

// TestBombs reads each bomb in a process of its own. It is refused, in less than a
// second and 64 MB.
func TestBombs(t *testing.T) {
	if name := os.Getenv("TOCSIN_TEST_BOMB"); name != "" {
		bomb := []byte(bombs()[name]())
		start := time.Now()
		_, err := source.ParseAll("in.yaml", bomb)
		fmt.Printf("\nBOMB %d %v\n", time.Since(start).Milliseconds(), err == nil)
		return
	}
	if testing.Short() {
		t.Skip("starts a process for each bomb")
	}
	for name := range bombs() {
		t.Run(name, func(t *testing.T) {
			cmd := exec.Command(os.Args[0], "-test.run=^TestBombs$", "-test.v")
			cmd.Env = append(os.Environ(), "TOCSIN_TEST_BOMB="+name)
			out, err := cmd.Output()
			_, line, found := strings.Cut(string(out), "\nBOMB ")
			var ms int
			var read bool
			if _, scan := fmt.Sscan(line, &ms, &read); err != nil || !found || scan != nil {
				t.Fatalf("the process died: %v\n%.2000s", err, out)
			}
			mib := cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss >> 10
			t.Logf("%d ms, %d MiB", ms, mib)
			// Where other work takes the processor, the clock runs on: then what counts is what it used.
			used := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
			if ms > 1000 && used > time.Second && !raceDetector {
				t.Errorf("took %d ms", ms)
			}
			if mib > 64 && !raceDetector && name != tooLong {
				t.Errorf("took %d MiB", mib)
			}
			if want := strings.HasPrefix(name, "good: "); read != want {
				t.Errorf("read: %v, want %v", read, want)
			}
		})
	}
}
