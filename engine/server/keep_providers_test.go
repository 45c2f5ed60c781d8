package server

import (
	"context"
	"errors"
	"strings"
	"testing"

	"tocsin/providers/smtp"
	"tocsin/workflows/source"
)

// installing lets a server keep configurations.
func installing(s *Server) {
	s.Registry = s.Registry.With(smtp.Provider)
	s.Seal = func(text []byte, about string) []byte { return []byte(about) }
	s.Vet = func(context.Context, string, source.Value) error { return nil }
	s.Taken = func(name string) bool { return name == "mock-1" }
}

// installs asks for what there is about configurations that come by the API, as its
// document says, and as Keep's command line does.
func (s scene) installs() {
	t := s.world.t
	order := func(more m) m {
		all := m{"provider_id": "smtp", "provider_name": "post", "smtp_server": "mail.example.com", "smtp_port": "587", "smtp_password": "canary"}
		for k, v := range more {
			all[k] = v
		}
		return all
	}
	page := s.does(200, "GET /providers", nil, nil)
	if config := page.at(t, "providers", 2, "config").(map[string]any); config["smtp_server"].(map[string]any)["required"] != true || config["smtp_password"].(map[string]any)["sensitive"] != true {
		t.Error(page.body)
	}
	made := s.does(200, "POST /providers/install", nil, order(nil))
	if strings.Contains(made.body, "canary") || made.text(t, "details", "name") != "post" {
		t.Error(made.body)
	}
	s.does(409, "POST /providers/install", nil, order(nil))
	s.does(409, "POST /providers/install", nil, order(m{"provider_name": "mock-1"}))
	s.does(400, "POST /providers/install", nil, order(m{"provider_id": "smpt", "provider_name": "x"}))
	s.does(400, "POST /providers/install", nil, order(m{"provider_name": "a.b"}))
	s.does(400, "POST /providers/install", nil, m{})
	wrong := s.does(412, "POST /providers/install", nil, order(m{"provider_name": "other", "smtp_port": "none", "smtp_sever": "x", "smtp_server": nil, "smtp_username": "{{ env.HOME }}"}))
	for name, said := range map[string]string{"smtp_port": "takes an integer", "smtp_sever": "unknown parameter", "smtp_username": "environment"} {
		if !strings.Contains(wrong.text(t, "detail", name), said) {
			t.Errorf("%s: %s", name, wrong.body)
		}
	}
	if a := s.does(412, "POST /providers/install", nil, m{"provider_id": "smtp", "provider_name": "other"}); a.text(t, "detail", "smtp_server") == "" {
		t.Error(a.body)
	}
	s.does(412, "POST /providers/install", nil, m{"provider_id": "mock", "provider_name": "other", "key": "canary"})
	list := s.does(200, "GET /providers", nil, nil)
	if list.text(t, "installed_providers", 0, "id") != made.text(t, "id") || list.text(t, "installed_providers", 1, "provisioned") != "true" || strings.Contains(list.body, "canary") {
		t.Error(list.body)
	}
	one := []any{"dummy", made.text(t, "id")}
	s.does(201, "POST /workflows/json", nil, "workflow:\n  id: mails\n  triggers: [{type: manual}]\n  actions:\n    - name: tell\n      provider: {type: mock, config: '{{ providers.post }}', with: {a: 1}}\n")
	if a := s.does(409, "DELETE /providers/{type}/{id}", one, nil); !strings.Contains(a.body, "mails") {
		t.Error(a.body)
	}
	s.does(200, "DELETE /workflows/{id}", []any{"mails"}, nil)
	s.does(200, "DELETE /providers/{type}/{id}", one, nil)
	s.does(404, "DELETE /providers/{type}/{id}", one, nil)
	s.does(403, "DELETE /providers/{type}/{id}", []any{"mock", "mock-1"}, nil)
}

// What is wrong with a configuration is said to who sent it, and is not written down.
func TestInstallRefusedQuietly(t *testing.T) {
	w := newWorld(t, installing, func(s *Server) {
		s.Vet = func(context.Context, string, source.Value) error { return errors.New("smtp: open: it says canary") }
	})
	a := w.want(412, "POST", "/providers/install", m{"provider_id": "smtp", "provider_name": "post", "smtp_server": "canary"})
	if a.text(t, "detail", "configuration") != "smtp: open: it says canary" {
		t.Error(a.body)
	}
	w.want(412, "POST", "/providers/install", m{"provider_id": "smtp", "provider_name": "post", "smtp_server": "a", "smtp_port": "canary"})
	if said := strings.Join(w.auditLog(), "\n") + w.log.String(); strings.Contains(said, "canary") || !strings.Contains(said, "the configuration is wrong: smtp_port") {
		t.Error(said)
	}
	none := newWorld(t)
	none.want(403, "POST", "/providers/install", m{"provider_id": "mock", "provider_name": "x"})
}
