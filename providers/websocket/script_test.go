package websocket

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"tocsin/providers/providertest"
	"tocsin/templating/value"
)

// Scripts, and the other ways to wait for a message: testdata/scripts is parameters, what
// a server does, and the outcome.
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/scripts/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for i, f := range archive.Files {
			t.Run(f.Name, func(t *testing.T) {
				parts := strings.SplitN(string(f.Data), "---\n", 3)
				got := played(t, parts[0], parts[1])
				if len(parts) < 3 || parts[2] != got && !providertest.Update() {
					t.Errorf("\n got %s\nwant %s", got, strings.Join(parts[2:], ""))
				}
				archive.Files[i].Data = []byte(parts[0] + "---\n" + parts[1] + "---\n" + got)
			})
		}
		if providertest.Update() {
			if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// played is the outcome of a query with a server that does this.
func played(t *testing.T, yaml, lines string) string {
	address := serve(t, func(p *peer) {
		p.upgrade()
		for line := range strings.Lines(lines) {
			p.play(t, strings.TrimSuffix(line, "\n"))
		}
		p.farewell()
	})
	params := with(t, yaml)
	params.URL = new("ws://" + address)
	if params.Timeout == nil {
		params.Timeout = new(defaultTimeout)
	}
	c := testClient
	c.now = func() time.Time { return time.Date(2024, 5, 6, 7, 8, 9, 0, time.UTC) }
	r, err := c.Query(t.Context(), params)
	if err != nil {
		return err.Error() + "\n"
	}
	consistent(t, r)
	var out strings.Builder
	fmt.Fprintf(&out, "%s, %d read, %d sent", outcome(r), len(r.Messages), r.Sent.Messages)
	if r.Data != nil {
		fmt.Fprintf(&out, ", data %s", *r.Data)
	}
	out.WriteByte('\n')
	if r.Error != nil {
		out.WriteString(strings.ReplaceAll(r.Error.Message, address, "HOST") + "\n")
	}
	if r.Error != nil && r.Error.Detail != nil && *r.Error.Detail != "" {
		out.WriteString(*r.Error.Detail + "\n")
	}
	for _, entry := range r.Parsed {
		fmt.Fprintln(&out, strings.ReplaceAll(shortly(entry), address, "HOST"))
	}
	return out.String()
}

// play does what a line says.
func (p *peer) play(t *testing.T, line string) {
	what, text, _ := strings.Cut(line, " ")
	switch what {
	case ">":
		p.say(frame(fin|opText, text))
	case ">>": // binary, in Go's escapes
		data, err := strconv.Unquote(`"` + text + `"`)
		if err != nil {
			t.Error(err)
		}
		p.say(frame(fin|opBinary, data))
	case "<":
		if op, data := p.frame(); op != -1 && string(data) != text {
			t.Errorf("the server was told %q, want %q", data, text)
		}
	case "!":
		code, err := strconv.Atoi(text)
		if err != nil {
			t.Error(err)
		}
		p.say(closeFrame(uint16(code), ""))
	default:
		t.Errorf("%q begins with none of >, >>, < and !", line)
	}
}

func shortly(v any) string { return string(value.AppendJSON(nil, v)) }
