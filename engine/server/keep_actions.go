package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"tocsin/workflows"
	"tocsin/workflows/source"
)

// Shared actions that came by the API are for workflows that did: those of files are not to
// be changed by who may write workflows.

// A keepMessage is Keep's answer that something was done.
type keepMessage struct {
	Message string `json:"message"`
}

const maxActions = 500

func keepActionRoutes() []route {
	return []route{
		get("/actions", reading, "Keep's: shared actions.", listActions),
		take("POST", "/actions", authoring, "Keep's: put shared actions, for workflows of the API: YAML with actions:.", func(c *call) (keepMessage, error) {
			return c.putActions("")
		}).reads("application/yaml").answers(201),
		take("PUT", "/actions/{id}", authoring, "Keep's: put a shared action that is there.", func(c *call) (keepMessage, error) {
			return c.putActions(c.PathValue("id"))
		}).reads("application/yaml"),
		get("/actions/{id}", authoring, "Keep's: take a shared action away.", dropAction).by("DELETE"),
	}
}

// putActions keeps the actions of the body; id is the one that it must be, "": any.
func (c *call) putActions(id string) (keepMessage, error) {
	text, err := c.body()
	if err != nil {
		return keepMessage{}, err
	}
	names, err := actionNames(text)
	if err != nil {
		return keepMessage{}, err
	}
	c.s.library.Lock()
	defer c.s.library.Unlock()
	had, err := c.s.Store.Actions(c.Context())
	if err != nil {
		return keepMessage{}, err
	}
	there := false
	for _, a := range had {
		there = there || a.ID == id
	}
	switch {
	case id != "" && !there:
		return keepMessage{}, refuse(http.StatusNotFound, "Action %s not found", short(id))
	case id != "" && (len(names) != 1 || names[0] != id):
		return keepMessage{}, refuse(http.StatusBadRequest, "send the action %q, and no other", short(id))
	case len(had)+len(names) > maxActions:
		return keepMessage{}, refuse(http.StatusBadRequest, "there are at most %d shared actions", maxActions)
	}
	c.about(strings.Join(names, " "), "%s", plural(len(names), "action"))
	if err := c.s.Store.PutActions(c.kept(), string(text), c.who.name, names...); err != nil {
		return keepMessage{}, err
	}
	return keepMessage{"success"}, c.s.load(c.kept())
}

// actionNames are the names that the actions of a text are used by.
func actionNames(text []byte) ([]string, error) {
	file, err := workflows.Parse("actions.yaml", text)
	var problems source.Problems
	switch {
	case err != nil && errors.As(err, &problems):
		return nil, problems
	case err != nil:
		return nil, refuse(http.StatusBadRequest, "the actions cannot be read: %v", err)
	case len(file.Actions) == 0 || len(file.Workflows) > 0:
		return nil, refuse(http.StatusBadRequest, "send YAML with actions: and nothing else")
	}
	var names []string
	for _, a := range file.Actions {
		names = append(names, a.ActionKey())
	}
	return names, nil
}

func dropAction(c *call) (keepMessage, error) {
	c.s.library.Lock()
	defer c.s.library.Unlock()
	if err := c.s.Store.DropAction(c.kept(), c.PathValue("id")); err != nil {
		return keepMessage{}, err
	}
	return keepMessage{"success"}, c.s.load(c.kept())
}

// shared is what the meaning of workflows of the API depends on besides their texts.
func (s *Server) shared(ctx context.Context) (string, error) {
	list, err := s.Store.Actions(ctx)
	var b strings.Builder
	for _, a := range list {
		fmt.Fprintf(&b, "%s %d %s", a.ID, len(a.Text), a.Text)
	}
	if err != nil {
		return "", err
	}
	installed, err := s.installedText(ctx)
	return b.String() + installed, err
}

// A keepAction is an action that workflows share, for "use:".
type keepAction struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Use  string `json:"use"`
	Type string `json:"provider_type,omitempty"`
	Raw  string `json:"action_raw,omitempty" doc:"The text that it came in, where it came by the API."`
}

func listActions(c *call) ([]keepAction, error) {
	list := []keepAction{}
	if c.s.Actions != nil {
		for _, a := range c.s.Actions() {
			list = append(list, keepAction{a.Name, a.Name, a.Name, a.Type, ""})
		}
	}
	kept, err := c.s.Store.Actions(c.Context())
	for _, a := range kept {
		list = append(list, keepAction{a.ID, a.ID, a.ID, "", a.Text})
	}
	return list, err
}
