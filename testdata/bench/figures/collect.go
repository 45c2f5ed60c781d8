package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A source says where in what a bench printed a figure stands: the first group of a
// pattern, or of a line of "go test -bench" the value with that unit.
type source struct {
	figure
	pattern   string
	benchmark string // "package Name/sub"
	unit      string
}

// sources are the figures of run.txt and websocket.txt.
func sources() map[string][]source {
	most := func(key, what, unit string, goal float64) figure {
		return figure{Key: key, What: what, Unit: unit, Goal: goal}
	}
	least := func(key, what, unit string, goal float64) figure {
		return figure{Key: key, What: what, Unit: unit, Goal: goal, AtLeast: true}
	}
	return map[string][]source{
		"run.txt": {
			{figure: most("run.wall", "run of the main job, times a minimal program", "x", 1.3), pattern: `run-once wall time: ratio (\S+)`},
			{figure: most("run.resident", "memory of that run", "MiB", 20), pattern: `(?m)^tocsin .*?(\S+) MiB`},
			{figure: most("engine.three", "engine's part of a run of three steps", "ns", 25_000), benchmark: "tocsin/engine BenchmarkRun/3", unit: "ns/op"},
			{figure: most("templating.assert", "evaluate the assert of the main job", "ns", 400), benchmark: "tocsin/templating BenchmarkAssert", unit: "ns/op"},
			{figure: most("templating.if", "evaluate an if with two placeholders", "ns", 1500), benchmark: "tocsin/templating BenchmarkIf", unit: "ns/op"},
			{figure: most("templating.render", "render a message with two placeholders", "ns", 600), benchmark: "tocsin/templating BenchmarkRender", unit: "ns/op"},
			{figure: most("templating.message", "render 1 KiB, ten placeholders, two functions", "ns", 15_000), benchmark: "tocsin/templating BenchmarkMessage/1KiB", unit: "ns/op"},
			{figure: most("workflows.parse", "parse a document, times the YAML library", "x", 2.5), benchmark: "tocsin/workflows BenchmarkParse", unit: "ratio"},
			{figure: most("compile", "parse and compile one, times the YAML library", "x", 2), benchmark: "tocsin/cmd BenchmarkCompile/12", unit: "ratio"},
			{figure: most("engine.match", "find what an alert starts among 10,000", "ns", 1_000_000), benchmark: "tocsin/engine BenchmarkMatch/10000", unit: "ns/op"},
		},
		"websocket.txt": {
			{figure: least("websocket.events", "messages to events, speed of a bare loop", "x", 0.6), pattern: `messages to events, speed of the fastest bare loop +(\S+)`},
			{figure: least("websocket.json", "the same, with JSON decoded by both", "x", 0.9), pattern: `and with JSON decoded by both +(\S+)`},
			{figure: least("websocket.benthos", "messages to events, times Benthos", "x", 5), pattern: `messages to events, times Benthos +(\S+)`},
			{figure: most("websocket.query", "query, times dial, send, read, close", "x", 1.15), pattern: `query, times a bare dial, send, read, close +(\S+)`},
			{figure: most("websocket.idle", "memory of an idle subscription, of 10,000", "KiB", 24), pattern: `(?m)^10000 +(\S+)`},
			{figure: most("websocket.back", "10,000 dropped subscriptions, the last is back", "s", 30), pattern: `of 10000 back, half of them after \S+, the last after (\S+);`},
		},
	}
}

// collect reads what there is in dir.
func collect(dir string) (list []figure, err error) {
	for _, name := range []string{"run.txt", "websocket.txt"} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		list = append(list, found(string(text), sources()[name])...)
	}
	serve, err := os.ReadFile(filepath.Join(dir, "serve.jsonl"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	for lines := json.NewDecoder(bytes.NewReader(serve)); ; {
		var f figure
		err := lines.Decode(&f)
		if errors.Is(err, io.EOF) {
			return list, nil
		}
		if err != nil {
			return nil, fmt.Errorf("serve.jsonl: %w", err)
		}
		list = append(list, f.judged())
	}
}

// found are those of the figures that are in the text.
func found(text string, list []source) (figures []figure) {
	for _, s := range list {
		var values []string
		if s.pattern != "" {
			for _, m := range regexp.MustCompile(s.pattern).FindAllStringSubmatch(text, -1) {
				values = append(values, m[1])
			}
		} else {
			values = benchmarked(text, s.benchmark, s.unit)
		}
		if v, ok := middle(values); ok {
			s.Value = v
			figures = append(figures, s.judged())
		}
	}
	return figures
}

// benchmarked are the values with a unit on the lines of a benchmark.
func benchmarked(text, name, unit string) (values []string) {
	in, name, _ := strings.Cut(name, " ")
	pkg := ""
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) == 2 && words[0] == "pkg:" {
			pkg = words[1]
		}
		if pkg != in || len(words) < 4 || regexp.MustCompile(`-\d+$`).ReplaceAllString(words[0], "") != name {
			continue
		}
		if i := slices.Index(words, unit); i > 0 {
			values = append(values, words[i-1])
		}
	}
	return values
}

// middle is the middle one of some numbers; times are in seconds.
func middle(texts []string) (float64, bool) {
	var list []float64
	for _, text := range texts {
		if v, err := strconv.ParseFloat(text, 64); err == nil {
			list = append(list, v)
		} else if v, err := seconds(text); err == nil {
			list = append(list, v)
		}
	}
	if len(list) == 0 {
		return 0, false
	}
	slices.Sort(list)
	return list[(len(list)-1)/2], true
}
