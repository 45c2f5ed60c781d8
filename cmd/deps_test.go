package cmd_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"path"
	"strings"
	"testing"
)

// A room is a package of ours and what else of ours it may import. A trailing "/..."
// stands for what lies below.
type room struct {
	name string
	may  []string
	why  string
}

// rooms is who may import whom, as ARCHITECTURE.md says it: each imports only what stands
// below it. The first row that fits a package counts.
var rooms = []room{
	{"tocsin/cmd/tocsin", []string{"tocsin/cmd", "tocsin/providers/all"}, "main only hands cmd its providers"},
	{"tocsin/cmd", []string{"tocsin/engine", "tocsin/engine/episode", "tocsin/engine/lint", "tocsin/engine/report", "tocsin/engine/schedule", "tocsin/engine/store", "tocsin/engine/server", "tocsin/engine/ingest", "tocsin/engine/delivery", "tocsin/engine/trace", "tocsin/providers", "tocsin/providers/dial", "tocsin/providers/keep", "tocsin/templating", "tocsin/templating/value", "tocsin/workflows", "tocsin/workflows/convert", "tocsin/workflows/source"}, "the command line wires everything, but does not know which providers there are, save the one about itself"},
	{"tocsin/engine/server", []string{"tocsin/engine", "tocsin/engine/enrich", "tocsin/engine/episode", "tocsin/engine/ingest", "tocsin/engine/schedule", "tocsin/engine/store", "tocsin/providers", "tocsin/providers/keep", "tocsin/templating", "tocsin/templating/value", "tocsin/workflows", "tocsin/workflows/schema", "tocsin/workflows/source"}, "the server answers requests; what it answers with is kept and decided elsewhere"},
	{"tocsin/engine/store", []string{"tocsin/engine", "tocsin/engine/episode", "tocsin/engine/schedule", "tocsin/providers", "tocsin/providers/keep", "tocsin/templating", "tocsin/templating/value", "tocsin/workflows", "tocsin/workflows/source"}, "the store remembers, explanations of conditions (templating's) too; it decides nothing and knows no route"},
	{"tocsin/engine/schedule", []string{"tocsin/engine", "tocsin/engine/episode", "tocsin/providers", "tocsin/templating/value", "tocsin/workflows", "tocsin/workflows/source"}, "schedule keeps time; what is remembered it hands to a Recorder"},
	{"tocsin/engine/ingest", []string{"tocsin/engine", "tocsin/templating", "tocsin/templating/value"}, "ingest reads what others send; it keeps nothing and knows no route"},
	{"tocsin/engine/enrich", []string{"tocsin/engine", "tocsin/templating", "tocsin/templating/value"}, "rules say what is added to an alert; they keep nothing and know no route"},
	{"tocsin/engine/delivery", []string{"tocsin/engine", "tocsin/engine/episode", "tocsin/engine/store", "tocsin/providers", "tocsin/templating/value", "tocsin/workflows/source"}, "delivery sends what runs left in the store; it starts no run and reads no document"},
	{"tocsin/engine/trace", []string{"tocsin/engine", "tocsin/providers", "tocsin/workflows"}, "traces are made of what is observed; the engine does not know of them"},
	{"tocsin/engine/lint", []string{"tocsin/engine", "tocsin/providers", "tocsin/templating", "tocsin/templating/value", "tocsin/workflows", "tocsin/workflows/schema", "tocsin/workflows/source"}, "lint reads documents; it does not run anything"},
	{"tocsin/engine/report", []string{"tocsin/engine", "tocsin/engine/episode", "tocsin/templating", "tocsin/templating/value", "tocsin/workflows", "tocsin/workflows/source"}, "a report shows results; it does not run anything"},
	{"tocsin/engine/episode", nil, "an alert's memory is a function of what was seen; it knows no run and no workflow"},
	{"tocsin/engine", []string{"tocsin/engine/episode", "tocsin/workflows", "tocsin/workflows/schema", "tocsin/workflows/source", "tocsin/templating", "tocsin/templating/value", "tocsin/providers"}, "the engine knows no provider by name and no report"},
	{"tocsin/providers/all", []string{"tocsin/providers", "tocsin/providers/..."}, "the list of providers"},
	{"tocsin/providers/providertest", []string{"tocsin/providers", "tocsin/providers/dial", "tocsin/templating/value", "tocsin/workflows/schema", "tocsin/workflows/source"}, "the tests of a provider know the contract only"},
	{"tocsin/providers/rest", []string{"tocsin/providers", "tocsin/providers/dial", "tocsin/templating/value", "tocsin/workflows/source"}, "rest knows requests, not vendors"},
	{"tocsin/providers/dial", nil, "dial knows addresses, not providers"},
	{"tocsin/providers/slack", []string{"tocsin/providers", "tocsin/providers/rest", "tocsin/providers/dial", "tocsin/providers/slack/webhooktest", "tocsin/templating/value", "tocsin/workflows/source"}, "a provider imports the contract, and its own stand-in"},
	{"tocsin/providers/websocket", []string{"tocsin/providers", "tocsin/providers/dial", "tocsin/providers/websocket/echotest", "tocsin/providers/websocket/format", "tocsin/templating/value", "tocsin/workflows/source", "tocsin/workflows/schema"}, "a provider imports the contract, and its own stand-in"},
	{"tocsin/providers/websocket/format", []string{"tocsin/templating/value"}, "a format knows bytes and values, not where they come from"},
	{"tocsin/providers/*/*test", nil, "a stand-in of a vendor knows the vendor only"},
	{"tocsin/providers/*", []string{"tocsin/providers", "tocsin/providers/rest", "tocsin/providers/dial", "tocsin/templating/value", "tocsin/workflows/source", "tocsin/workflows/schema"}, "a provider imports the contract, never the engine, a template or another provider"},
	{"tocsin/providers", []string{"tocsin/providers/dial", "tocsin/workflows/schema", "tocsin/workflows/source", "tocsin/templating/value"}, "the contract imports no provider, no workflow and no engine"},
	{"tocsin/workflows", []string{"tocsin/workflows/schema", "tocsin/workflows/source", "tocsin/templating/value"}, "the language does not know how it is run"},
	{"tocsin/workflows/convert", []string{"tocsin/workflows/schema", "tocsin/workflows/source", "tocsin/templating/value"}, "a converter makes documents; it is handed what they are made for"},
	{"tocsin/workflows/schema", []string{"tocsin/workflows/source", "tocsin/templating/value"}, "a schema does not know workflows"},
	{"tocsin/workflows/source", []string{"tocsin/templating/value"}, "source knows YAML only"},
	{"tocsin/templating", []string{"tocsin/templating/value"}, "templating knows texts and data, not workflows"},
	{"tocsin/templating/value", nil, "values are at the bottom"},
}

// onlyIn are modules that one room has to itself: what it wraps shows nowhere else.
var onlyIn = map[string]string{
	"gopkg.in/yaml.v3":                    "tocsin/workflows/source",
	"github.com/expr-lang/expr":           "tocsin/templating",
	"github.com/Masterminds/sprig":        "tocsin/templating",
	"github.com/coder/websocket":          "tocsin/providers/websocket",
	"github.com/slack-go/slack":           "tocsin/providers/slack",
	"github.com/emersion/go-smtp":         "tocsin/providers/smtp",
	"github.com/spf13/cobra":              "tocsin/cmd",
	"github.com/fsnotify/fsnotify":        "tocsin/engine/schedule",
	"github.com/pelletier/go-toml":        "tocsin/workflows/convert",
	"github.com/prometheus/client_golang": "",
	"modernc.org/sqlite":                  "tocsin/engine/store",
	"testing":                             "tocsin/providers/providertest",
	"github.com/gorilla/websocket":        "",
	"k8s.io/client-go":                    "",
	"github.com/aws/aws-sdk-go-v2":        "",
	"go.temporal.io/sdk":                  "",
}

// A listed package is what go list says of one.
type listed struct {
	ImportPath string
	Imports    []string
	Standard   bool
}

// TestRooms fails for an import that points up, or past a wall, and says why it may not.
func TestRooms(t *testing.T) {
	for _, p := range goList(t, "tocsin/...") {
		r, ok := roomOf(p.ImportPath)
		if !ok {
			t.Errorf("%s is in no room: add it to rooms in cmd/deps_test.go and to ARCHITECTURE.md", p.ImportPath)
			continue
		}
		for _, imp := range p.Imports {
			if strings.HasPrefix(imp, "tocsin/") && !r.allows(imp) {
				t.Errorf("%s imports %s: %s", p.ImportPath, imp, r.why)
			}
			for module, home := range onlyIn {
				inside := home != "" && (p.ImportPath == home || strings.HasPrefix(p.ImportPath, home+"/"))
				if (imp == module || strings.HasPrefix(imp, module+"/")) && !inside {
					t.Errorf("%s imports %s, which is for %s alone", p.ImportPath, imp, home)
				}
			}
		}
	}
}

// TestLinked fails when something that must not ship is linked into the program.
func TestLinked(t *testing.T) {
	for _, p := range goList(t, "-deps", "tocsin/cmd/tocsin") {
		switch {
		case p.ImportPath == "testing", strings.HasPrefix(p.ImportPath, "net/http/httptest"):
			t.Errorf("the program links %s: a package of ours imports a test helper", p.ImportPath)
		case p.ImportPath == "tocsin/providers/providertest":
			t.Errorf("the program links %s", p.ImportPath)
		case p.ImportPath == "C" || p.ImportPath == "runtime/cgo":
			t.Errorf("the program links %s: it must be static", p.ImportPath)
		}
	}
}

func roomOf(pkg string) (room, bool) {
	for _, r := range rooms {
		if ok, _ := path.Match(r.name, pkg); ok {
			return r, true
		}
	}
	return room{}, false
}

func (r room) allows(imp string) bool {
	for _, m := range r.may {
		if m == imp || strings.HasSuffix(m, "/...") && strings.HasPrefix(imp, strings.TrimSuffix(m, "...")) {
			return true
		}
	}
	return false
}

func goList(t *testing.T, args ...string) []listed {
	t.Helper()
	c := exec.Command("go", append([]string{"list", "-json=ImportPath,Imports,Standard"}, args...)...)
	c.Env = append(c.Environ(), "CGO_ENABLED=0")
	out, err := c.Output()
	if err != nil {
		var e *exec.ExitError
		if errors.As(err, &e) {
			t.Fatalf("go list: %v\n%s", err, e.Stderr)
		}
		t.Fatal(err)
	}
	var list []listed
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return list
		} else if err != nil {
			t.Fatal(err)
		}
		list = append(list, p)
	}
}
