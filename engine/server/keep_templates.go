package server

import (
	"context"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"path"
	"slices"
	"strings"

	"tocsin/templating/value"
	"tocsin/workflows"
	"tocsin/workflows/source"
)

// Templates are workflows that somebody may begin with: those of Server.Templates, or those
// that ship with the program.

func templateRoutes() []route {
	return []route{
		get("/workflows/random-templates", reading, "Keep's: some workflows to begin with: six of those of KEEP_WORKFLOWS_PATH, or of those that ship.", randomTemplates),
		send("POST", "/workflows/templates/query", reading, "Keep's: workflows to begin with, in pages; cel sees name and description, in lower case.", queryTemplates),
	}
}

// A keepTemplate is a workflow to begin with.
type keepTemplate struct {
	Name     string `json:"name" doc:"Its id."`
	RawID    string `json:"workflow_raw_id"`
	Raw      string `json:"workflow_raw" doc:"Its file as it was written."`
	Workflow data   `json:"workflow" doc:"What is in it."`
}

const (
	someTemplates = 6
	maxTemplates  = 1000
	maxTemplate   = 256 << 10 // bytes of a file
)

func randomTemplates(c *call) ([]keepTemplate, error) {
	all, err := c.s.templates()
	if err != nil {
		return nil, err
	}
	rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return part(all, someTemplates, 0), nil
}

func queryTemplates(c *call, q keepQuery) (p keepPage[keepTemplate], err error) {
	all, err := c.s.templates()
	if err != nil {
		return p, err
	}
	err = searching(c.Context(), func(ctx context.Context) error {
		match, err := c.s.condition(ctx, q.CEL)
		if err != nil {
			return err
		}
		all = slices.DeleteFunc(all, func(t keepTemplate) bool { return !match(t.fields()) })
		return ctx.Err()
	})
	limit, offset := q.page(20)
	return keepPage[keepTemplate]{len(all), limit, offset, part(all, limit, offset)}, err
}

// fields are what a condition about templates sees.
func (t keepTemplate) fields() *value.Map {
	w, _ := t.Workflow.v.(*value.Map)
	return value.MapOf(
		value.Entry{Key: "name", Value: strings.ToLower(textAt(w, "name"))},
		value.Entry{Key: "description", Value: strings.ToLower(textAt(w, "description"))},
	)
}

// templates are all, in the order of the names of their files. What is no file of one workflow
// is left out.
func (s *Server) templates() ([]keepTemplate, error) {
	from := s.Templates
	if from == nil {
		from = workflows.Examples()
	}
	entries, err := fs.ReadDir(from, ".")
	if err != nil {
		return nil, refuse(http.StatusConflict, "the folder of templates cannot be read")
	}
	list := []keepTemplate{}
	for _, e := range entries {
		if ext := path.Ext(e.Name()); ext != ".yaml" && ext != ".yml" {
			continue
		}
		if t, ok := readTemplate(from, e.Name()); ok && len(list) < maxTemplates {
			list = append(list, t)
		}
	}
	return list, nil
}

func readTemplate(from fs.FS, name string) (t keepTemplate, ok bool) {
	if info, err := fs.Stat(from, name); err != nil || !info.Mode().IsRegular() || info.Size() > maxTemplate {
		return t, false // opening it could take for ever
	}
	text, err := fs.ReadFile(from, name)
	if err != nil {
		return t, false
	}
	v, err := source.Parse(name, text)
	document, ok := v.Plain().(*value.Map)
	if err != nil || !ok {
		return t, false
	}
	for _, form := range []string{"workflow", "alert"} {
		inner, _ := document.Get(form)
		if w, ok := inner.(*value.Map); ok && textAt(w, "id") != "" {
			return keepTemplate{textAt(w, "id"), textAt(w, "id"), string(text), data{w}}, true
		}
	}
	return t, false
}
