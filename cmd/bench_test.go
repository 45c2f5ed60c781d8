package cmd

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"tocsin/engine"
	"tocsin/providers/all"
	"tocsin/workflows"
)

// checks is a document as people write it, with n steps, each of which reads what the
// one before it gave, and an action for every fourth.
func checks(n int) []byte {
	b := bytes.NewBufferString("workflow:\n  id: checks\n  description: Checks a few services\n  triggers:\n    - type: interval\n      value: 60\n  steps:\n")
	for i := range n {
		fmt.Fprintf(b, `    - name: check-%[1]d
      if: "{{ steps.check-%[2]d.results.status_code }} == 200"
      provider:
        type: http
        with:
          url: https://example.com/health/%[1]d
          timeout: 10
          headers: {Accept: application/json, X-Check: "yes"}
          body: |
            {"id": %[1]d}
`, i, max(0, i-1))
	}
	b.WriteString("  actions:\n")
	for i := range (n + 3) / 4 {
		fmt.Fprintf(b, `    - name: tell-%[1]d
      condition:
        - {name: slow, type: assert, assert: "{{ steps.check-%[1]d.results.status_code }} != 200"}
      provider:
        type: slack
        config: "{{ providers.slack-demo }}"
        with: {message: "{{ steps.check-%[1]d.results.url }} answers {{ steps.check-%[1]d.results.status_code }}"}
`, i)
	}
	return b.Bytes()
}

// nodes is what the YAML library alone makes of a document.
func nodes(tb testing.TB, text []byte) {
	var n yaml.Node
	if err := yaml.NewDecoder(bytes.NewReader(text)).Decode(&n); err != nil {
		tb.Fatal(err)
	}
}

// compiled is a document made ready to run, with all that this build has.
func compiled(tb testing.TB, lib engine.Library, text []byte) {
	file, err := workflows.Parse("in.yaml", text)
	if err != nil {
		tb.Fatal(err)
	}
	for _, w := range file.Workflows {
		if _, _, err := engine.Compile(w, lib); err != nil {
			tb.Fatal(err)
		}
	}
}

// BenchmarkCompile compares reading and compiling a document with making nodes of it, by
// turns, and takes the fastest of each, which is the one least disturbed, by the collector
// too. The ratio may be 2.5, and what a KiB takes must not grow with the document.
func BenchmarkCompile(b *testing.B) {
	mainJob, err := os.ReadFile("../testdata/websocket-is-up.yaml")
	if err != nil {
		b.Fatal(err)
	}
	lib := engine.Library{Providers: all.Registry(), Functions: engine.Functions()}
	documents := map[string][]byte{"main": mainJob}
	names := []string{"main"}
	for n := 3; n <= 192; n *= 2 {
		name := fmt.Sprint(n)
		documents[name], names = checks(n), append(names, name)
	}
	for _, name := range names {
		text := documents[name]
		b.Run(name, func(b *testing.B) {
			defer debug.SetGCPercent(debug.SetGCPercent(-1))
			bare, whole := time.Hour, time.Hour
			for b.Loop() {
				runtime.GC()
				start := time.Now()
				nodes(b, text)
				middle := time.Now()
				compiled(b, lib, text)
				bare, whole = min(bare, middle.Sub(start)), min(whole, time.Since(middle))
			}
			b.ReportMetric(float64(whole)/float64(bare), "ratio")
			b.ReportMetric(float64(whole.Nanoseconds())*1024/float64(len(text)), "ns/KiB")
		})
	}
}
