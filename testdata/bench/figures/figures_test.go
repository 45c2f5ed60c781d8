package main

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What the benches print is found, wherever it stands, and judged by its goal.
func TestCollect(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"run.txt": `run-once wall time: ratio 1.25 to the floor (goal: 1.3)
pkg: tocsin/templating
BenchmarkAssert-2    	  100	   500 ns/op	   8552 B/op
pkg: tocsin/other
BenchmarkAssert-2    	  100	   1 ns/op	   8552 B/op
`,
		"websocket.txt": "10000 of 10000 back, half of them after 1.2s, the last after 15s; 500 in the fullest tenth of a second\n",
		"serve.jsonl":   `{"key":"serve.rate.ratio","what":"checks","value":1,"unit":"x","goal":0.8,"at_least":true}` + "\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	list, err := collect(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range list {
		got = append(got, strings.Join([]string{f.Key, number(f.Value), f.share(), f.verdict()}, " "))
	}
	want := "run.wall 1.25 0.96 met, templating.assert 500 1.25 MISSED, websocket.back 15 0.50 met, serve.rate.ratio 1 0.80 met"
	if text := strings.Join(got, ", "); text != want {
		t.Errorf("%s\nwant\n%s", text, want)
	}
}

// The plot is XML, whatever is in it, and stays within its frame.
func TestPlot(t *testing.T) {
	svg := string(plot(report{Version: "<&>", Figures: []figure{
		{What: "far too much", Value: 1e9, Goal: 1, Share: 1e9}, {What: "nothing", Goal: 1}, {What: "no goal", Value: 1},
	}}))
	for d := xml.NewDecoder(strings.NewReader(svg)); ; {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("%v\n%s", err, svg)
		}
	}
	if strings.Contains(svg, "no goal") || !strings.Contains(svg, `cx="750.0"`) || !strings.Contains(svg, `cx="350.0"`) {
		t.Error(svg)
	}
}
