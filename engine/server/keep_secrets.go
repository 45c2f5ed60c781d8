package server

import (
	"net/http"
	"regexp"
	"sync"

	"tocsin/engine/store"
)

// Secrets of workflows that came by the API: what {{ secrets.NAME }} of them reads. They
// are sealed before they are kept, and nobody is told what they are.

const (
	maxSecrets = 64
	maxSecret  = 16 << 10 // bytes
)

var secretName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]{0,63}$`) })

// SecretOf is what a secret is sealed about.
func SecretOf(workflow, name string) string { return "secret " + name + " of " + workflow }

func keepSecretRoutes() []route {
	const all = "/workflows/{id}/secrets"
	return []route{
		send("POST", all, authoring, "Keep's: give a workflow secrets, by name, which {{ secrets.NAME }} of it reads.", putSecrets).answers(201),
		get(all, reading, "Keep's: the names of a workflow's secrets. What they are is not shown.", func(c *call) (map[string]string, error) {
			list, err := c.s.Store.Secrets(c.Context(), c.PathValue("id"))
			names := map[string]string{}
			for _, s := range list {
				names[s.Name] = "[redacted]"
			}
			return names, err
		}),
		get(all+"/{name}", authoring, "Keep's: take a secret from a workflow.", func(c *call) (done, error) {
			return done{"deleted"}, c.s.Store.DropSecret(c.kept(), c.PathValue("id"), c.PathValue("name"))
		}).by("DELETE").answers(201),
	}
}

func putSecrets(c *call, in map[string]string) (done, error) {
	id := c.PathValue("id")
	if c.s.Seal == nil {
		return done{}, refuse(http.StatusForbidden, "this server keeps no secrets of workflows")
	}
	if err := c.s.mine(id); err != nil {
		return done{}, err
	}
	had, err := c.s.Store.Secrets(c.Context(), id)
	if err != nil {
		return done{}, err
	}
	if len(had)+len(in) > maxSecrets {
		return done{}, refuse(http.StatusBadRequest, "a workflow has at most %d secrets", maxSecrets)
	}
	var list []store.Secret
	for name, text := range in {
		switch {
		case !secretName().MatchString(name):
			return done{}, refuse(http.StatusBadRequest, "a secret cannot be called %q: letters, digits, _ and -", short(name))
		case len(text) > maxSecret:
			return done{}, refuse(http.StatusBadRequest, "the secret %q is longer than %d bytes", name, maxSecret)
		}
		list = append(list, store.Secret{Workflow: id, Name: name, Sealed: c.s.Seal([]byte(text), SecretOf(id, name)), By: c.who.name})
	}
	c.about(id, "%d secrets", len(list))
	return done{"created"}, c.s.Store.PutSecrets(c.kept(), list...)
}
