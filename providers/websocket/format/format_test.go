package format

import (
	"encoding/hex"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"tocsin/templating/value"
	"tocsin/workflows/schema"
	"tocsin/workflows/source"
)

var update = flag.Bool("update", false, "write what messages give into testdata")

// received is when the messages of the tests came.
var received = time.Date(2024, 5, 6, 7, 8, 9, 0, time.UTC)

// TestFormats reads testdata/*.txtar: each case is a comment, options, a message (as
// text, or in hex), and what it gives, a line for each entry.
func TestFormats(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) { cases(t, file) })
	}
}

func cases(t *testing.T, file string) {
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var options Options
	var message []byte
	for i, f := range archive.Files {
		kind, name, _ := strings.Cut(f.Name, " ")
		switch kind {
		case "options":
			options = optionsOf(t, string(f.Data))
		case "message":
			message = f.Data
			if strings.HasSuffix(name, "without a line's end") {
				message = message[:len(message)-1]
			}
		case "hex":
			if message, err = hex.DecodeString(strings.Join(strings.Fields(string(f.Data)), "")); err != nil {
				t.Fatal(f.Name, err)
			}
		case "want":
			got := read(options, message)
			if got != string(f.Data) && !*update {
				t.Errorf("%s\n got %s\nwant %s", archive.Files[i-1].Name, got, f.Data)
			}
			archive.Files[i].Data = []byte(got)
		default:
			t.Fatalf("%s: a section is options, message, hex or want", f.Name)
		}
	}
	if *update {
		if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func optionsOf(t testing.TB, yaml string) Options {
	t.Helper()
	v, err := source.Parse("options.yaml", []byte(yaml))
	if err != nil {
		t.Fatal(err)
	}
	var o Options
	if err := schema.Of[Options]().Decode(v, "websocket", &o); err != nil {
		t.Fatalf("%s: %v", yaml, err)
	}
	return o
}

// read is what a message gives, or why it gives nothing.
func read(o Options, message []byte) string {
	r, err := New(o, "websocket", "ws://h/")
	if err != nil {
		return "options: " + err.Error() + "\n"
	}
	got, err := r.Read(message, received)
	if err != nil {
		return "error: " + err.Error() + "\n"
	}
	if len(got) == 0 {
		return "nothing\n"
	}
	var out strings.Builder
	for _, entry := range got {
		out.Write(value.AppendJSON(nil, entry))
		out.WriteByte('\n')
	}
	return out.String()
}
