package cmd_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tocsin/providers/all"
)

// install keeps a configuration as Keep's command line does, and returns its id.
func (s *service) install(body string) string {
	s.t.Helper()
	status, answer := s.ask("POST", "/providers/install", body)
	var made struct{ ID string }
	if err := json.Unmarshal([]byte(answer), &made); status != http.StatusOK || err != nil {
		s.t.Fatalf("%d %s", status, answer)
	}
	return made.ID
}

// runs runs a workflow, and returns what became of its runs, of which there are n then.
func (s *service) runs(id string, n int) (answer string) {
	s.t.Helper()
	if status, answer := s.ask("POST", "/workflows/"+id+"/run", "{}"); status != http.StatusOK {
		s.t.Fatalf("%d %s", status, answer)
	}
	s.until("it ran", func() bool {
		_, answer = s.ask("GET", "/api/v1/runs?workflow="+id, "")
		return strings.Count(answer, `"ended"`) == n
	})
	return answer
}

// mailing is a workflow that sends with the configuration of a name.
const mailing = "workflow:\n  id: %[1]s\n  triggers: [{type: manual}]\n  actions:\n    - name: tell\n      provider: {type: smtp, config: '{{ providers.%[2]s }}', with: {from_email: a@example.com, to_email: b@example.com, subject: s, body: m}}\n"

// Workflows of the API open providers with configurations that came by it, by their names
// or ids, also after a restart; those of files do not, and their configurations win.
func TestInstalledProviders(t *testing.T) {
	s := newService(t)
	file := filepath.Join(s.dir, "..", "configured.yaml")
	if err := os.WriteFile(file, []byte("post: {authentication: {smtp_server: 127.0.0.1}}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.write("own.yaml", fmt.Sprintf(mailing, "own", "My Mail"))
	s.args = []string{"--providers", file}
	s.start()
	const order = `{"provider_id": "smtp", "provider_name": "%s", "smtp_server": "127.0.0.9", "smtp_port": "9", "smtp_password": "canary"}`
	if status, answer := s.ask("POST", "/providers/install", fmt.Sprintf(order, "post")); status != http.StatusConflict || !strings.Contains(answer, "a file of the server") {
		t.Errorf("%d %s", status, answer)
	}
	if status, answer := s.ask("PUT", "/api/v1/workflows/mails", fmt.Sprintf(mailing, "mails", "My Mail")); status != http.StatusBadRequest {
		t.Errorf("before there is a configuration: %d %s", status, answer)
	}
	id := s.install(fmt.Sprintf(order, "My Mail"))
	for workflow, name := range map[string]string{"mails": "My Mail", "letters": id} {
		if status, answer := s.ask("PUT", "/api/v1/workflows/"+workflow, fmt.Sprintf(mailing, workflow, name)); status >= 300 {
			t.Fatalf("%d %s", status, answer)
		}
		if answer := s.runs(workflow, 1); !strings.Contains(answer, "127.0.0.9") {
			t.Error(answer)
		}
	}
	if _, answer := s.ask("GET", "/api/v1/problems", ""); !strings.Contains(answer, "My Mail") {
		t.Errorf("a workflow of a file has it: %s", answer)
	}
	if _, answer := s.ask("GET", "/providers", ""); !strings.Contains(answer, `"id":"`+id+`","type":"smtp","display_name":"My Mail"`) || strings.Contains(answer, "canary") {
		t.Error(answer)
	}
	if code := s.stopped(); code != 0 {
		t.Fatal(code)
	}
	again := newService(t)
	again.dir, again.store, again.args = s.dir, s.store, s.args
	again.start()
	if answer := again.runs("mails", 2); strings.Count(answer, "127.0.0.9") < 2 {
		t.Error(answer)
	}
	if status, answer := again.ask("DELETE", "/providers/dummy/"+id, ""); status != http.StatusConflict {
		t.Errorf("%d %s", status, answer)
	}
	for _, path := range []string{"/workflows/mails", "/workflows/letters", "/providers/dummy/" + id} {
		if status, answer := again.ask("DELETE", path, ""); status != http.StatusOK {
			t.Errorf("%s: %d %s", path, status, answer)
		}
	}
	if status, _ := again.ask("PUT", "/api/v1/workflows/mails", fmt.Sprintf(mailing, "mails", "My Mail")); status != http.StatusBadRequest {
		t.Errorf("after it was deleted: %d", status)
	}
}

// Whatever a configuration of any provider can name of the machine, one that comes by the
// API may not; nor is it opened when it cannot be.
func TestInstalledNamesNothingOfTheMachine(t *testing.T) {
	s := newService(t)
	s.start()
	asked := 0
	for _, p := range append(machineConfigs(), "slack {}", `webhook {"url": "{{ env.HOME }}"}`) {
		typ, text, _ := strings.Cut(p, " ")
		var with map[string]any
		if err := json.Unmarshal([]byte(text), &with); err != nil {
			t.Fatal(err)
		}
		with["provider_id"], with["provider_name"] = typ, "x"
		body, _ := json.Marshal(with)
		asked++
		if status, answer := s.ask("POST", "/providers/install", string(body)); status != http.StatusPreconditionFailed || !strings.Contains(answer, `"detail":{`) {
			t.Errorf("%s: %d %s", p, status, answer)
		}
	}
	if asked < 4 {
		t.Errorf("only %d were asked for", asked)
	}
}

// Fault K1, of configurations that came by the API: what they are opened with is in nothing
// that the program writes or answers.
func TestCanariesOfInstalled(t *testing.T) {
	s := newService(t)
	s.args = []string{"--log-level", "debug"}
	s.start()
	kinds := []string{
		`"provider_id": "slack", "webhook_url": "http://127.0.0.1:9/services/%s"|slack|{message: m}`,
		`"provider_id": "webhook", "url": "http://127.0.0.1:9/hook", "api_key": "%s"|webhook|{message: m}`,
		`"provider_id": "webhook", "url": "http://127.0.0.1:9/hook?key=%s"|webhook|{message: m}`,
		`"provider_id": "webhook", "url": "http://127.0.0.1:9/", "headers": {"X-Token": "%s"}|webhook|{message: m}`,
		`"provider_id": "smtp", "smtp_server": "127.0.0.1", "smtp_username": "u", "smtp_password": "%s"|smtp|{from_email: a@example.com, to_email: b@example.com, subject: s, body: m}`,
	}
	var secrets []string
	var said strings.Builder
	for n, kind := range kinds {
		secret := fmt.Sprintf("c4n4ry%dx%x", n, 0xfeed<<24+n*104729)
		secrets = append(secrets, secret)
		part := strings.Split(kind, "|")
		body := fmt.Sprintf(`{"provider_name": "c%d", `+part[0]+"}", n, secret)
		id := s.install(body)
		_, again := s.ask("POST", "/providers/install", body)
		said.WriteString(again)
		workflow := fmt.Sprintf("workflow:\n  id: w%[1]d\n  triggers: [{type: manual}]\n  actions:\n    - name: tell\n      provider: {type: %[2]s, config: '{{ providers.c%[1]d }}', with: %[3]s}\n", n, part[1], part[2])
		if status, answer := s.ask("PUT", fmt.Sprintf("/api/v1/workflows/w%d", n), workflow); status >= 300 {
			t.Fatalf("%d %s", status, answer)
		}
		said.WriteString(s.runs(fmt.Sprintf("w%d", n), 1))
		if n%2 == 0 {
			_, refused := s.ask("DELETE", "/providers/dummy/"+id, "")
			said.WriteString(refused)
		}
	}
	for _, path := range []string{"/providers", "/api/v1/providers", "/api/v1/audit", "/api/v1/deliveries", "/api/v1/problems", "/workflows", "/workflows/export", "/alerts", "/metrics", "/healthz"} {
		said.WriteString(fetched(t, s.url()+path))
	}
	if code := s.stopped(); code != 0 {
		t.Fatal(code)
	}
	said.WriteString(s.stdout.String() + s.stderr.String())
	for _, name := range []string{"tocsin.db", "tocsin.db-wal"} {
		if text, err := os.ReadFile(filepath.Join(filepath.Dir(s.store), name)); err == nil {
			said.Write(text)
		}
	}
	for n, secret := range secrets {
		for form, text := range formsOf(secret) {
			if at := strings.Index(said.String(), text); at >= 0 {
				t.Errorf("secret %d is there, %s: %q", n, form, said.String()[max(0, at-100):at+len(text)])
			}
		}
	}
}

// machineConfigs are configurations that ask for something of the machine, of every provider
// that has such, behind its type.
func machineConfigs() (list []string) {
	for _, p := range all.Registry().All() {
		if p.Config == nil {
			continue
		}
		for _, with := range asking(p.Config.Fields()) {
			text, _ := json.Marshal(with)
			list = append(list, p.Type+" "+string(text))
		}
	}
	return list
}
