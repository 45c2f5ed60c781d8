package cmd

import (
	"context"
	"path/filepath"
	"slices"
	"strings"

	"tocsin/engine/schedule"
	"tocsin/engine/server"
	"tocsin/providers"
	"tocsin/providers/dial"
	"tocsin/workflows"
	"tocsin/workflows/source"
)

// grants are what workflows that came by the API may have of this machine. Whoever may
// write them need not be allowed to read its files, nor what the process was given: by
// itself they have nothing (reliability.md §6).
type grants struct {
	folders []string // whose files they may name
	secrets []string // NAMEs of {{ secrets.NAME }}, besides those of the workflow itself
}

const grantHint = "write --grant file=FOLDER or --grant secret=NAME"

// parseGrants reads --grant flags.
func parseGrants(flags []string) (g grants, err error) {
	for _, flag := range flags {
		kind, what, _ := strings.Cut(flag, "=")
		switch {
		case kind == "secret" && what != "":
			g.secrets = append(g.secrets, what)
		case kind == "file" && what != "":
			folder, err := filepath.Abs(what)
			if err == nil {
				folder, err = filepath.EvalSymlinks(folder)
			}
			if err != nil {
				return g, usage("name a folder that is there", "--grant %s: %v", flag, err)
			}
			g.folders = append(g.folders, folder)
		default:
			return g, usage(grantHint, "--grant %s is not understood", flag)
		}
	}
	return g, nil
}

// guest is env for workflows that came by the API: they reach public addresses only, and
// of the machine what they were granted.
func (g grants) guest(env providers.Env, public *dial.Dialer) providers.Env {
	env.Dialer, env.Host = public, func(use providers.Use) error {
		if p := g.refuse(use); p != nil {
			return source.Problems{*p}
		}
		return nil
	}
	return env
}

// refuse says why use is not granted; nil: it is.
func (g grants) refuse(use providers.Use) *source.Problem {
	p := &source.Problem{Pos: use.Pos, Code: source.UnsupportedOperation}
	switch {
	case use.Kind != "file":
		p.Message, p.Hint = "a workflow of the API may not read the environment of the server ("+use.Key+")", "write {secret: \"{{ secrets.NAME }}\"}, and give the workflow the secret"
	case g.within(use.Name):
		return nil
	default:
		p.Message, p.Hint = "a workflow of the API may not name files of the server ("+use.Key+")", "put the text of the file into the workflow, or start the server with --grant file=FOLDER"
	}
	return p
}

// within says that the name is that of a file in one of the folders, wherever symbolic
// links lead.
func (g grants) within(name string) bool {
	path, err := filepath.Abs(name)
	if err == nil {
		path, err = filepath.EvalSymlinks(path)
	}
	return err == nil && slices.ContainsFunc(g.folders, func(folder string) bool {
		below, err := filepath.Rel(folder, path)
		return err == nil && filepath.IsLocal(below)
	})
}

// review says what a document of the API asks for that it was not granted, as far as it is
// written there: what a template makes is looked at when it is used.
func (g grants) review(reg *providers.Registry, d *document) source.Problems {
	var problems source.Problems
	add := func(uses []providers.Use) {
		for _, use := range uses {
			if text := use.Name; len(g.folders) > 0 && use.Kind == "file" && strings.Contains(text, "{{") {
				continue
			}
			p := g.refuse(use)
			if p != nil && !slices.ContainsFunc(problems, func(q source.Problem) bool { return q.Pos == p.Pos && q.Message == p.Message }) {
				problems = append(problems, *p)
			}
		}
	}
	for _, c := range d.file.Providers {
		for _, p := range reg.All() { // a name is opened as whatever type a step says
			add(asked(p, c.Config))
		}
	}
	for _, w := range d.file.Workflows {
		for _, s := range slices.Concat(w.Steps, w.Actions, []*workflows.Step{w.OnFailure}) {
			if s == nil {
				continue
			}
			p, ok := reg.Lookup(s.Provider.S)
			if !ok {
				continue
			}
			add(asked(p, s.Config))
			for _, op := range []*providers.Operation{p.Query, p.Notify} {
				if op != nil {
					add(op.Params.Uses(s.With))
					add(op.Params.Uses(s.OnResolve))
				}
			}
		}
		for _, t := range w.Triggers {
			if p, ok := reg.Lookup(t.Type.S); ok && p.Subscribe != nil {
				with, _ := t.With.Entries().Get("with")
				add(p.Subscribe.Params.Uses(with))
			}
		}
	}
	return append(problems, environment(d)...)
}

// asked is what a configuration of p asks for.
func asked(p *providers.Provider, config source.Value) []providers.Use {
	if p.Config == nil {
		return nil
	}
	return p.Config.Uses(authentication(config))
}

// authentication is what a configuration has to open a provider with.
func authentication(config source.Value) source.Value {
	v, _ := config.Entries().Get("authentication")
	return v
}

// environment says where configurations of a document of the API read the environment.
func environment(d *document) source.Problems {
	var problems source.Problems
	for _, c := range d.file.Providers {
		for _, e := range authentication(c.Config).Entries() {
			if text, ok := e.Value.Data.(string); ok && strings.Contains(text, "{{") && strings.Contains(text, "env.") {
				problems = append(problems, source.Problem{
					Pos: e.Value.Pos, Code: source.UnsupportedOperation,
					Message: "a workflow of the API may not read the environment of the server (" + e.Key + ")",
					Hint:    "have the server configured with this provider, and name that",
				})
			}
		}
	}
	return problems
}

// ownSecret is a secret that the workflow was given by the API.
func (f *fleet) ownSecret(workflow, name string) (string, bool) {
	list, err := f.store.Secrets(context.Background(), workflow)
	if err != nil {
		f.log.Error("the secrets of a workflow cannot be read", "workflow", workflow, "error", err)
	}
	for _, s := range list {
		if s.Name != name {
			continue
		}
		text, err := f.lane.Key.Open(s.Sealed, server.SecretOf(workflow, name))
		if err != nil {
			f.log.Error("a secret of a workflow cannot be read", "workflow", workflow, "secret", name, "error", err)
		}
		return string(text), err == nil
	}
	return "", false
}

// secretOf is what {{ secrets.NAME }} of a workflow reads: of a file, the environment; of
// the API, its own secrets and those of the environment that were granted.
func (f *fleet) secretOf(workflow string, origin schedule.Origin) func(name string) (string, bool) {
	if origin != schedule.FromAPI {
		return f.secret
	}
	return func(name string) (string, bool) {
		if v, ok := f.ownSecret(workflow, name); ok || !slices.Contains(f.grants.secrets, name) {
			return v, ok
		}
		return f.secret(name)
	}
}

// sharedActions are those that came by the API, which workflows that did may use.
func (f *fleet) sharedActions() map[string]*workflows.Step {
	list, err := f.store.Actions(context.Background())
	if err != nil {
		f.log.Error("the shared actions of the API cannot be read", "error", err)
	}
	actions := map[string]*workflows.Step{}
	for _, kept := range list {
		file, err := workflows.Parse("api/actions/"+kept.ID+".yaml", []byte(kept.Text))
		if err != nil {
			f.log.Error("a shared action of the API cannot be read", "action", kept.ID, "error", err)
			continue
		}
		for _, a := range file.Actions {
			if a.ActionKey() == kept.ID {
				actions[kept.ID] = a
			}
		}
	}
	return actions
}
