package cmd_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"tocsin/cmd"
	"tocsin/providers"
	"tocsin/providers/all"
	"tocsin/workflows/schema"
)

// ask sends a request to the service.
func (s *service) ask(method, path, body string) (status int, answer string) {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.url()+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

// A place is where a provider takes parameters, and how a workflow writes them there.
type place struct {
	name   string
	schema *schema.Schema
	write  string // a workflow, with %s for the parameters as JSON
}

func places(p *providers.Provider) []place {
	var list []place
	add := func(name string, s *schema.Schema, write string) {
		if s != nil {
			list = append(list, place{p.Type + " " + name, s, write})
		}
	}
	const head = "workflow:\n  id: w\n"
	step := head + "  steps:\n    - name: s\n      provider: {type: " + p.Type
	action := head + "  actions:\n    - name: s\n      provider: {type: " + p.Type
	add("configuration", p.Config, step+", config: {authentication: %s}}\n")
	add("own configuration", p.Config, step+", config: \"{{ providers.own }}\"}\n  providers:\n    own: {authentication: %s}\n")
	if p.Query != nil {
		add("step", p.Query.Params, step+", with: %s}\n")
	}
	if p.Notify != nil {
		add("action", p.Notify.Params, action+", with: %s}\n")
		add("on-failure", p.Notify.Params, head+"  steps: [{name: s, provider: {type: mock}}]\n  on-failure:\n    provider: {type: "+p.Type+", with: %s}\n")
	}
	if p.Subscribe != nil {
		add("trigger", p.Subscribe.Params, head+"  triggers: [{type: "+p.Type+", with: %s}]\n  actions: [{name: s, provider: {type: console}}]\n")
	}
	return list
}

// asking are parameters that ask for something of the machine, one for each field that can.
func asking(fields []schema.Field) []map[string]any {
	var list []map[string]any
	for _, f := range fields {
		switch f.Host {
		case "file":
			list = append(list, map[string]any{f.Name: "/etc/passwd"})
			for _, alias := range f.Aliases {
				list = append(list, map[string]any{alias: "{{ inputs.file }}"})
			}
		case "forms":
			for form, what := range map[string]string{"file": "/etc/passwd", "env": "HOME"} {
				list = append(list, map[string]any{f.Name: map[string]any{"X-A": []any{"x", map[string]any{form: what}}}})
			}
		}
		for _, inner := range asking(f.Fields) {
			if f.Type == schema.List {
				list = append(list, map[string]any{f.Name: []any{inner}})
			} else {
				list = append(list, map[string]any{f.Name: inner})
			}
		}
	}
	return list
}

// Whatever a parameter of any provider can name of the machine, a workflow of the API may
// not, wherever it is written.
func TestWorkflowsOfTheAPINameNothingOfTheMachine(t *testing.T) {
	s := newService(t)
	s.start()
	asked := 0
	for _, p := range all.Registry().All() {
		for _, at := range places(p) {
			for _, with := range asking(at.schema.Fields()) {
				text, err := json.Marshal(with)
				if err != nil {
					t.Fatal(err)
				}
				asked++
				status, answer := s.ask("PUT", "/api/v1/workflows/w", fmt.Sprintf(at.write, text))
				if status != http.StatusBadRequest || !strings.Contains(answer, "a workflow of the API may not ") {
					t.Errorf("%s: %s: %d %s", at.name, text, status, answer)
				}
			}
		}
	}
	if asked < 40 {
		t.Errorf("only %d ways were tried: the walk finds nothing", asked)
	}
}

// fileName are names of parameters that are those of files.
var fileName = regexp.MustCompile(`(^|_)(files?|dirs?|director(y|ies)|folders?|sockets?|certs?|ca)$|_(file|cert|key)_path$`)

// A parameter that is called like a file says that it is one, so that the test above sees
// it.
func TestParametersThatAreFilesSaySo(t *testing.T) {
	var walk func(at string, fields []schema.Field)
	walk = func(at string, fields []schema.Field) {
		for _, f := range fields {
			name := at + "." + f.Name
			says := strings.HasPrefix(f.Doc, "File ") || strings.Contains(f.Doc, "PEM file")
			named := fileName.MatchString(f.Name) && !f.Secret && f.Type == schema.String && f.Name != "cert"
			if (says || named) && f.Host == "" {
				t.Errorf("%s (%s) looks like the name of a file: give it the tag host:\"file\"", name, f.Doc)
			}
			walk(name, f.Fields)
		}
	}
	for _, p := range all.Registry().All() {
		for _, at := range places(p) {
			walk(at.name, at.schema.Fields())
		}
		if p.Converse != nil {
			walk(p.Type+" conversation", p.Converse.Params.Fields())
		}
	}
}

// Providers look at the machine in a few places only, each behind a parameter that says so,
// or as the host has it.
func TestProvidersLookAtTheMachineInKnownPlaces(t *testing.T) {
	known := map[string]string{
		"smtp/smtp.go":          "ca_file",
		"websocket/material.go": "the files of parameters",
		"websocket/headers.go":  "the forms of headers",
		"websocket/proxy.go":    "HTTP_PROXY and its like, which the user of the machine says",
	}
	looks := regexp.MustCompile(`\bos\.(ReadFile|Open|OpenFile|OpenRoot|ReadDir|DirFS|Stat|Lstat|Create|WriteFile|Getenv|LookupEnv|ExpandEnv)\b|\bexec\.Command|FromEnvironment\(`)
	err := fs.WalkDir(os.DirFS("../providers"), ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") || strings.HasPrefix(name, "providertest/") {
			return err
		}
		text, err := os.ReadFile(filepath.Join("../providers", name))
		if at := looks.Find(text); at != nil && known[name] == "" {
			t.Errorf("%s: %s: what of the machine is that, and who may name it?", name, at)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// What is known only when the workflow runs is refused then: a block that a template makes,
// a configuration in a step, the environment and secrets of the process.
func TestWorkflowsOfTheAPIGetNothingOfTheMachine(t *testing.T) {
	t.Setenv("CANARY", "canary-of-the-process") // for what would read it behind our back
	s := newService(t)
	s.environ = []string{"TOCSIN_SECRET_CANARY=canary-of-the-process", "CANARY=canary-of-the-process"}
	s.start()
	for name, w := range map[string]struct{ steps, want string }{
		"a block":         {`  consts: {file: /etc/passwd}` + "\n" + `  steps: [{name: s, provider: {type: websocket, with: {url: "wss://example.com", tls: "{'enabled': True, 'root_cas_file': '{{ consts.file }}'}"}}}]`, "may not name files of the server (tls.root_cas_file)"},
		"a configuration": {`  steps: [{name: s, provider: {type: mock}}]` + "\n" + `  actions: [{name: a, provider: {type: smtp, config: {authentication: "{{ inputs.all }}"}, with: {from_email: a@example.com, to_email: b@example.com, subject: x, body: x}}}]`, "may not name files of the server (ca_file)"},
		"env":             {`  actions: [{name: a, provider: {type: webhook, config: {authentication: {url: "https://example.com/{{ env.CANARY }}"}}, with: {message: x}}}]`, "CANARY"},
		"a secret":        {`  actions: [{name: a, provider: {type: console, with: {message: "{{ secrets.CANARY }}"}}}]`, "CANARY"},
		"a file's URL":    {`  steps: [{name: s, provider: {type: http, with: {url: "file:///etc/passwd", method: GET}}}]`, "file"},
	} {
		id := strings.NewReplacer(" ", "-", "'", "").Replace(name)
		if status, answer := s.ask("PUT", "/api/v1/workflows/"+id, "workflow:\n  id: "+id+"\n"+w.steps+"\n"); status != http.StatusCreated {
			if w.want == "" || !strings.Contains(answer, w.want) {
				t.Errorf("%s: %d %s", name, status, answer)
			}
			continue
		}
		status, answer := s.ask("POST", "/api/v1/workflows/"+id+"/run", `{"inputs": {"all": {"host": "example.com", "ca_file": "/etc/passwd"}}}`)
		if status != http.StatusAccepted {
			t.Errorf("%s: %d %s", name, status, answer)
			continue
		}
		s.until(name+" ran", func() bool {
			return strings.Contains(s.look("runs", "-o", "json", "--workflow", id), `"ended": "`)
		})
		runs := s.look("runs", "-o", "json", "--workflow", id)
		if w.want != "" && (strings.Contains(runs, `"status": "done"`) || !strings.Contains(runs, w.want)) {
			t.Errorf("%s: %s", name, runs)
		}
	}
	status, answer := s.ask("PUT", "/api/v1/workflows/own", "workflow:\n  id: own\n  actions: [{name: a, provider: {type: webhook, config: \"{{ providers.own }}\", with: {message: x}}}]\n  providers:\n    own: {authentication: {url: \"{{ env.CANARY }}\"}}\n")
	if status != http.StatusBadRequest || !strings.Contains(answer, "may not read the environment of the server (url)") {
		t.Errorf("own configuration: %d %s", status, answer)
	}
	s.stopped()
	if out := s.stdout.String() + s.stderr.String(); strings.Contains(out, "canary-of-the-process") {
		t.Errorf("a secret of the process came out:\n%s", out)
	}
}

// The host may let them have some of it.
func TestGrants(t *testing.T) {
	dir := t.TempDir()
	open, shut := filepath.Join(dir, "open"), filepath.Join(dir, "shut")
	for _, d := range []string{open, shut} {
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(d, "ca.pem"), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(filepath.Join(shut, "ca.pem"), filepath.Join(open, "out.pem")); err != nil {
		t.Fatal(err)
	}
	s := newService(t)
	s.environ = []string{"TOCSIN_SECRET_SHARED=granted"}
	s.args = []string{"--grant", "file=" + open, "--grant", "secret=SHARED"}
	s.start()
	for file, want := range map[string]int{
		filepath.Join(open, "ca.pem"): 201, filepath.Join(open, "out.pem"): 400, filepath.Join(shut, "ca.pem"): 400,
		filepath.Join(open, "..", "shut", "ca.pem"): 400, filepath.Join(open, "none.pem"): 400, open + "x/ca.pem": 400, "/etc/passwd": 400,
	} {
		text := "workflow:\n  id: w\n  steps: [{name: s, provider: {type: websocket, with: {url: 'wss://example.com', tls_ca: '" + file + "'}}}]\n"
		if status, answer := s.ask("PUT", "/api/v1/workflows/w", text); status != want {
			t.Errorf("%s: %d, want %d: %s", file, status, want, answer)
		}
	}
	s.ask("PUT", "/api/v1/workflows/tell", "workflow:\n  id: tell\n  actions: [{name: a, provider: {type: console, with: {message: \"it has {{ secrets.SHARED | len }} letters\"}}}]\n")
	if status, answer := s.ask("POST", "/api/v1/workflows/tell/run", "{}"); status != http.StatusAccepted {
		t.Fatal(status, answer)
	}
	s.until("the secret is read", func() bool { return strings.Contains(s.stdout.String(), "it has 7 letters") })
	for _, bad := range []string{"file", "file=", "secret=", "all=yes", "file=" + filepath.Join(dir, "none")} {
		var stdout, stderr bytes.Buffer
		if code := cmd.Run(t.Context(), []string{"serve", s.dir, "--store", s.store + "2", "--grant", bad}, nil, &stdout, &stderr, all.Registry()); code != 2 || !strings.Contains(stderr.String(), "--grant "+bad) {
			t.Errorf("%s: exit code %d: %s", bad, code, stderr.String())
		}
	}
}

// A workflow of the API reads the secrets that it was given, which nobody else sees, and
// loses them when it is deleted.
func TestSecretsOfWorkflowsOfTheAPI(t *testing.T) {
	s := newService(t)
	s.start()
	text := "workflow:\n  id: tell\n  actions: [{name: a, provider: {type: console, with: {message: \"{{ secrets.pager | len }} letters: {{ secrets.pager }}\"}}}]\n"
	put := func() {
		t.Helper()
		if status, answer := s.ask("PUT", "/api/v1/workflows/tell", text); status != http.StatusCreated {
			t.Fatal(status, answer)
		}
	}
	runs := 0
	run := func(want string) {
		t.Helper()
		if status, answer := s.ask("POST", "/api/v1/workflows/tell/run", "{}"); status != http.StatusAccepted {
			t.Fatal(status, answer)
		}
		runs++
		s.until("it ran", func() bool { return strings.Count(s.look("runs", "-o", "json"), `"ended": "`) == runs })
		if list := s.look("runs", "-o", "json", "--limit", "1"); !strings.Contains(list, want) {
			t.Errorf("no %q: %s", want, list)
		}
	}
	put()
	if status, answer := s.ask("POST", "/workflows/tell/secrets", `{"pager": "canary-of-tell"}`); status != http.StatusCreated {
		t.Fatal(status, answer)
	}
	run(`"status": "done"`)
	s.until("it is printed", func() bool { return strings.Contains(s.stdout.String(), "14 letters: [redacted]") })
	if _, answer := s.ask("GET", "/workflows/tell/secrets", ""); strings.Contains(answer, "canary") {
		t.Error(answer)
	}
	if status, answer := s.ask("DELETE", "/api/v1/workflows/tell", ""); status != http.StatusOK {
		t.Fatal(status, answer)
	}
	put()
	run("secrets.pager")
	s.stopped()
	for _, name := range []string{s.store, s.store + "-wal"} {
		if file, err := os.ReadFile(name); err == nil && bytes.Contains(file, []byte("canary-of-tell")) {
			t.Errorf("%s has the secret in it", name)
		}
	}
	if strings.Contains(s.stdout.String()+s.stderr.String()+s.look("audit"), "canary-of-tell") {
		t.Error("the secret came out")
	}
}

// Actions that came by the API are for workflows that did; when one changes, so do they.
func TestActionsOfTheAPI(t *testing.T) {
	s := newService(t)
	s.start()
	action := "actions:\n  - name: shout\n    provider: {type: console, with: {message: \"%s\"}}\n"
	if status, answer := s.ask("POST", "/actions", fmt.Sprintf(action, "one")); status != http.StatusCreated {
		t.Fatal(status, answer)
	}
	text := "workflow:\n  id: tell\n  actions: [{name: a, use: shout}]\n"
	if status, answer := s.ask("PUT", "/api/v1/workflows/tell", text); status != http.StatusCreated {
		t.Fatal(status, answer)
	}
	s.write("disk.yaml", strings.Replace(text, "id: tell", "id: disk", 1))
	s.until("a file may not use it", func() bool { return strings.Contains(s.stderr.String(), "shout") })
	for _, says := range []string{"one", "two"} {
		if status, answer := s.ask("PUT", "/actions/shout", fmt.Sprintf(action, says)); status != http.StatusOK {
			t.Fatal(status, answer)
		}
		if status, answer := s.ask("POST", "/api/v1/workflows/tell/run", "{}"); status != http.StatusAccepted {
			t.Fatal(status, answer)
		}
		s.until("it is said", func() bool { return strings.Contains(s.stdout.String(), says) })
	}
}
