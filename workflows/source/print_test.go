package source_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"tocsin/workflows/source"
)

const disk = `workflow:
  id: disk
  actions:
    - name: tell
      provider:
        type: slack
        with:
          massage: "Disk is at {{ steps.df.results }}%"
`

var diskProblems = source.Problems{
	{
		Pos:     source.Pos{File: "checks/disk.yaml", Line: 8, Col: 11},
		Code:    source.UnknownKey,
		Message: `unknown parameter "massage" of slack`,
		Hint:    `did you mean "message"?`,
	},
	{
		Pos:     source.Pos{File: "checks/disk.yaml", Line: 2, Col: 7},
		Code:    "short, 100%: id",
		Message: "50% of ids, at least,\nare longer",
		Hint:    "one hint\nanother hint",
		Warning: true,
	},
	{
		Pos:     source.Pos{File: "checks/gone away.yaml", Line: 3, Col: 4},
		Len:     5,
		Message: "nobody has this file",
	},
	{Message: "this is nowhere"},
	{Pos: source.Pos{File: "empty.yaml"}, Code: source.UnknownKey, Message: "this is in no line"},
}

func TestFormats(t *testing.T) {
	files := fstest.MapFS{"checks/disk.yaml": {Data: []byte(disk)}}
	for _, format := range source.Formats() {
		t.Run(format, func(t *testing.T) {
			var got bytes.Buffer
			if err := source.Write(&got, format, files, diskProblems); err != nil {
				t.Fatal(err)
			}
			golden(t, filepath.Join("testdata", "formats", format), got.Bytes())
		})
	}
	if err := source.Write(&bytes.Buffer{}, "xml", files, nil); err == nil {
		t.Error("an unknown format is written")
	}
}

// golden compares with a file, or rewrites it.
func golden(t *testing.T, file string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

// TestNoProblems shows what a clean file gives: nothing, but valid.
func TestNoProblems(t *testing.T) {
	for format, want := range map[string]string{"text": "", "github": "", "json": "[]\n"} {
		var got strings.Builder
		if err := source.Write(&got, format, nil, nil); err != nil || got.String() != want {
			t.Errorf("%s: %q, %v", format, got.String(), err)
		}
	}
	var got bytes.Buffer
	var log struct {
		Runs []struct {
			Results []any
			Tool    struct{ Driver struct{ Rules []any } }
		}
	}
	if err := source.Write(&got, "sarif", nil, nil); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(got.Bytes(), &log); err != nil || log.Runs[0].Results == nil || log.Runs[0].Tool.Driver.Rules == nil {
		t.Errorf("sarif: %s, %v", got.Bytes(), err)
	}
}

// TestPrintIsHarmless has a file and messages that would write to the terminal.
func TestPrintIsHarmless(t *testing.T) {
	evil := "\x1b[2J\x07\r\u202e\u009b1m"
	files := fstest.MapFS{"in.yaml": {Data: []byte("a: " + evil + "x" + strings.Repeat("y", 1000))}}
	ps := source.Problems{{Pos: source.Pos{File: "in.yaml", Line: 1, Col: 4}, Message: "text " + evil, Hint: evil}}
	var got strings.Builder
	if err := source.Print(&got, files, ps); err != nil {
		t.Fatal(err)
	}
	want := `in.yaml:1:4: error: text \u001b[2J\u0007 \u202e\u009b1m
 1 | a: �[2J�
   |    ^^^^^
hint: \u001b[2J\u0007 \u202e\u009b1m
`
	if got.String() != want {
		t.Errorf("got:\n%q\nwant:\n%q", got.String(), want)
	}
	if err := ps.Err(); strings.ContainsAny(err.Error(), "\x1b\r") {
		t.Errorf("Error: %q", err)
	}
}

// TestPrintOutside has places that the file does not have (any more).
func TestPrintOutside(t *testing.T) {
	files := fstest.MapFS{"in.yaml": {Data: []byte("short\n")}}
	for _, p := range []source.Pos{
		{File: "in.yaml", Line: 1, Col: 50}, {File: "in.yaml", Line: 9, Col: 1}, {File: "../x", Line: 1, Col: 1}, {File: "in.yaml", Line: 1},
	} {
		var got strings.Builder
		if err := source.Print(&got, files, source.Problems{{Pos: p, Len: 3, Message: "m"}}); err != nil || !strings.Contains(got.String(), "error: m") {
			t.Errorf("%v: %q %v", p, got.String(), err)
		}
	}
}

func TestProblemsError(t *testing.T) {
	ps := source.Problems{
		{Pos: source.Pos{File: "a.yaml", Line: 2, Col: 1}, Message: "one", Warning: true},
		{Pos: source.Pos{File: "a.yaml", Line: 1, Col: 22}, Message: `unknown key "stepz"`, Hint: `did you mean "steps"?`},
	}
	const want = `a.yaml:1:22: unknown key "stepz" (did you mean "steps"?)` + "\nwarning: a.yaml:2:1: one"
	if err := ps.Err(); err == nil || err.Error() != want {
		t.Errorf("Error() = %v, want %s", err, want)
	}
	if err := ps[:1].Err(); err != nil {
		t.Errorf("a warning is an error: %v", err)
	}
	if err := source.Problems(nil).Err(); err != nil {
		t.Errorf("no problems are an error: %v", err)
	}
	ps.Sort()
	if ps[0].Message == "one" {
		t.Error("not sorted by place")
	}
}

func TestNearest(t *testing.T) {
	keys := []string{"name", "message", "topic", "on-failure", "continue_on_error", "if", "id", "url", "type"}
	for _, tt := range []struct{ name, want string }{
		{"massage", "message"},
		{"mesage", "message"},
		{"messsage", "message"},
		{"emssage", "message"},
		{"Message", "message"},
		{"on_failure", "on-failure"},
		{"continueOnError", "continue_on_error"},
		{"tpye", "type"},
		{"nmae", "name"},
		{"IF", "if"},
		{"of", ""},
		{"uri", "url"},
		{"host", ""},
		{"messenger", ""},
		{"name", ""},
		{"", ""},
		{strings.Repeat("message", 50), ""},
	} {
		if got := source.Nearest(tt.name, keys); got != tt.want {
			t.Errorf("Nearest(%q) = %q, want %q", tt.name, got, tt.want)
		}
	}
	if got := source.Nearest("hots", []string{"hits", "host", "hosts"}); got != "hits" {
		t.Errorf("of equally near names, %q and not the first", got)
	}
}

func ExampleParse() {
	v, err := source.Parse("disk.yaml", []byte("id: disk\nlevels: [on, 1:30]\n"))
	if err != nil {
		fmt.Println(err)
		return
	}
	levels, _ := v.Data.(source.Map).Get("levels")
	for _, level := range levels.Data.([]source.Value) {
		fmt.Println(level.Pos, level.Data)
	}
	// Output:
	// disk.yaml:2:10 true
	// disk.yaml:2:14 90
}
