package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"tocsin/engine"
	"tocsin/engine/schedule"
	"tocsin/engine/store"
	"tocsin/workflows"
	"tocsin/workflows/source"
)

// LoadWorkflows brings what came by the API, and what was switched off, from the store
// to the catalog. It is called when the files were read for the first time: from then on
// the server is ready.
func (s *Server) LoadWorkflows(ctx context.Context) error {
	s.init()
	if err := s.loadRules(ctx); err != nil {
		return err
	}
	s.library.Lock()
	defer s.library.Unlock()
	return s.load(ctx)
}

func (s *Server) load(ctx context.Context) error {
	list, err := s.Store.Workflows(ctx)
	if err != nil {
		return err
	}
	shared, err := s.shared(ctx)
	if err != nil {
		return err
	}
	sources := make([]schedule.Source, len(list))
	for i, w := range list {
		sources[i] = schedule.Source{Name: apiFile(w.ID), Text: []byte(w.Text), Setting: shared}
	}
	if err := s.catalog().Load(ctx, schedule.FromAPI, sources...); err != nil {
		return err
	}
	off, err := s.Store.Disabled(ctx)
	if err != nil {
		return err
	}
	s.catalog().Switch(off...)
	s.loaded.Store(true)
	return nil
}

// apiFile is the name under which the catalog has a workflow that came by the API.
func apiFile(id string) string { return "api/" + id + ".yaml" }

// An upload is what came of a workflow that was sent.
type upload struct {
	ID       string        `json:"id"`
	Revision int           `json:"revision"`
	Status   string        `json:"status" doc:"created, updated, or unchanged."`
	Problems []problemView `json:"problems" doc:"Warnings."`
}

// put keeps the workflow of a text, if nothing is wrong with it. id is what its id must
// be; "": any.
func (c *call) put(id string, text []byte) (upload, error) {
	s, ctx := c.s, c.kept()
	s.library.Lock()
	defer s.library.Unlock()
	c.about(id, "")
	w, warnings, err := s.review(id, text)
	if err != nil {
		return upload{}, err
	}
	if err := s.mine(w.ID); err != nil && !errors.Is(err, schedule.ErrUnknown) {
		return upload{}, err
	}
	before, err := s.Store.Workflow(ctx, w.ID, 0)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return upload{}, err
	}
	c.aboutMade(w.ID, func(made store.Made) string {
		return fmt.Sprintf("revision %d, %s", made.Revision, putStatus(before.Revision, made.Revision))
	})
	revision, err := s.Store.PutWorkflow(ctx, w.ID, string(text), c.who.name)
	if err != nil {
		return upload{}, err
	}
	s.Log.Info("a workflow was put", "workflow", w.ID, "revision", revision, "by", c.who.name)
	return upload{w.ID, revision, putStatus(before.Revision, revision), viewProblems(warnings)}, s.load(ctx)
}

// putStatus says what became of a workflow whose revision was another; 0: it was not there.
func putStatus(was, is int) string {
	switch was {
	case 0:
		return "created"
	case is:
		return "unchanged"
	}
	return "updated"
}

// review compiles a text that is to be one workflow.
func (s *Server) review(id string, text []byte) (*workflows.Workflow, source.Problems, error) {
	name := "workflow.yaml"
	if id != "" {
		name = apiFile(id)
	}
	programs, problems, err := s.catalog().Compile(schedule.FromAPI, name, text)
	if err != nil {
		return nil, nil, refuse(http.StatusBadRequest, "the workflow cannot be read: %v", err)
	}
	if err := problems.Err(); err != nil {
		return nil, nil, err
	}
	if len(programs) != 1 {
		return nil, nil, refuse(http.StatusBadRequest, "send one workflow: this has %s", plural(len(programs), "workflow"))
	}
	w := programs[0].Workflow()
	switch {
	case w.ID == "":
		return nil, nil, refuse(http.StatusBadRequest, "the workflow has no id")
	case id != "" && w.ID != id:
		return nil, nil, refuse(http.StatusBadRequest, "the workflow has the id %q, and it was sent for %q", short(w.ID), short(id))
	case programs[0].Executes():
		return nil, nil, refuse(http.StatusBadRequest, "the workflow runs programs of its own: only those of files may")
	}
	return w, problems, nil
}

// mine says by an error that a workflow did not come by the API.
func (s *Server) mine(id string) error {
	it, ok := s.catalog().Lookup(id)
	switch {
	case ok && it.Origin == schedule.FromDisk:
		return refuse(http.StatusForbidden, "the workflow %q is of the file %s: change that", short(id), it.File)
	case !ok:
		return schedule.ErrUnknown
	}
	return nil
}

// remove takes a workflow away that came by the API.
func (s *Server) remove(ctx context.Context, id, by string) error {
	s.library.Lock()
	defer s.library.Unlock()
	if err := s.mine(id); err != nil && !errors.Is(err, schedule.ErrUnknown) {
		return err
	}
	if err := s.Store.DeleteWorkflow(ctx, id); err != nil {
		return err
	}
	s.Log.Info("a workflow was deleted", "workflow", id, "by", by)
	return s.load(ctx)
}

// disable switches a workflow off or on, wherever it is from.
func (s *Server) disable(ctx context.Context, id string, off bool, by string) error {
	s.library.Lock()
	defer s.library.Unlock()
	it, ok := s.catalog().Lookup(id)
	switch {
	case !ok:
		return schedule.ErrUnknown
	case !off && it.Program.Workflow().Disabled:
		return refuse(http.StatusConflict, `the workflow says "disabled: true" itself`)
	}
	if err := s.Store.Disable(ctx, id, off, by); err != nil {
		return err
	}
	s.Log.Info("a workflow was switched", "workflow", id, "off", off, "by", by)
	return s.load(ctx)
}

// raw is the text of a workflow as it was written.
func (s *Server) raw(ctx context.Context, id string) (text string, err error) {
	if w, err := s.Store.Workflow(ctx, id, 0); !errors.Is(err, store.ErrNotFound) {
		return w.Text, err
	}
	it, ok := s.catalog().Lookup(id)
	if !ok {
		return "", schedule.ErrUnknown
	}
	return s.fileText(it)
}

// A workflowView is a workflow as lists show it.
type workflowView struct {
	ID          string        `json:"id"`
	Name        string        `json:"name,omitempty"`
	Description string        `json:"description,omitempty"`
	Origin      string        `json:"origin" doc:"file or api."`
	File        string        `json:"file"`
	Version     string        `json:"version" doc:"Of its text."`
	Disabled    bool          `json:"disabled"`
	Triggers    []string      `json:"triggers"`
	Inputs      []inputView   `json:"inputs"`
	Last        *runView      `json:"last,omitempty" doc:"The last run that ended."`
	Stale       bool          `json:"stale" doc:"Its file is wrong now: this is its last good text."`
	Problems    []problemView `json:"problems"`
}

// An inputView is an input that a workflow takes.
type inputView struct {
	Name        string   `json:"name"`
	Type        string   `json:"type,omitempty"`
	Description string   `json:"description,omitempty"`
	Required    bool     `json:"required,omitempty"`
	Options     []string `json:"options,omitempty"`
	Default     *data    `json:"default,omitempty"`
}

func (s *Server) viewWorkflow(it schedule.Item, files map[string]schedule.File, last map[string]store.Run) workflowView {
	w := it.Program.Workflow()
	v := workflowView{
		ID: it.ID, Name: w.Name, Description: w.Description, Origin: string(it.Origin), File: it.File, Version: it.Version,
		Disabled: it.Disabled, Triggers: triggersOf(it.Program), Inputs: []inputView{},
	}
	for _, in := range w.Inputs {
		one := inputView{Name: in.Name, Type: in.Type, Description: in.Description, Required: in.Required, Options: in.Options}
		if in.Default.Data != nil {
			one.Default = &data{in.Default.Plain()}
		}
		v.Inputs = append(v.Inputs, one)
	}
	f := files[string(it.Origin)+it.File]
	v.Stale, v.Problems = f.Stale(), viewProblems(f.Problems)
	if r, ok := last[it.ID]; ok {
		run := viewRun(r)
		v.Last = &run
	}
	return v
}

func triggersOf(p *engine.Program) []string {
	names := []string{}
	for _, t := range p.Triggers() {
		names = append(names, t.Name())
	}
	return names
}

func (s *Server) files() map[string]schedule.File {
	files := map[string]schedule.File{}
	for _, f := range s.catalog().Files() {
		files[string(f.Origin)+f.Name] = f
	}
	return files
}

// A list of something is a part of it, and how many there are in all.
type page[T any] struct {
	Count  int `json:"count" doc:"In all."`
	Limit  int `json:"limit"`
	Offset int `json:"offset"`
	Items  []T `json:"items"`
}

func workflowRoutes() []route {
	const one = "/api/v1/workflows/{id}"
	return []route{
		get("/api/v1/workflows", reading, "Workflows, in the order of their files.", listWorkflows).takesPages(),
		get(one, reading, "A workflow.", showWorkflow),
		get(one+"/raw", reading, "The text of a workflow, as it was written.", func(c *call) ([]byte, error) {
			text, err := c.s.raw(c.Context(), c.PathValue("id"))
			return []byte(text), err
		}).sends("application/yaml"),
		take("PUT", one, authoring, "Put a workflow, in the place of the one of this id that came by the API before.", func(c *call) (upload, error) {
			text, err := c.body()
			if err != nil {
				return upload{}, err
			}
			up, err := c.put(c.PathValue("id"), text)
			if up.Status == "created" {
				c.status = http.StatusCreated
			}
			return up, err
		}).reads("application/yaml").or(201),
		get(one, authoring, "Delete a workflow that came by the API.", func(c *call) (done, error) {
			return done{"deleted"}, c.s.remove(c.kept(), c.PathValue("id"), c.who.name)
		}).by("DELETE"),
		get(one+"/enable", operating, "Switch a workflow on.", func(c *call) (done, error) {
			return done{"enabled"}, c.s.disable(c.kept(), c.PathValue("id"), false, c.who.name)
		}).by("POST"),
		get(one+"/disable", operating, "Switch a workflow off, until it is switched on.", func(c *call) (done, error) {
			return done{"disabled"}, c.s.disable(c.kept(), c.PathValue("id"), true, c.who.name)
		}).by("POST"),
		send("POST", one+"/run", running, "Start a run.", runWorkflow).answers(202),
		get(one+"/ticks", reading, "What came of the moments of a workflow's triggers, the newest first.", listTicks).takes(text("since", "Not before this time."), number("limit", "At most so many.")),
		get("/api/v1/problems", reading, "What is wrong with workflow files now, warnings included.", func(c *call) ([]problemView, error) {
			return viewProblems(c.s.catalog().Problems()), nil
		}),
	}
}

func listWorkflows(c *call) (page[workflowView], error) {
	limit, offset, err := c.page(100)
	if err != nil {
		return page[workflowView]{}, err
	}
	last, err := c.s.Store.LastRuns(c.Context())
	if err != nil {
		return page[workflowView]{}, err
	}
	all, files := c.s.catalog().Items(), c.s.files()
	p := page[workflowView]{Count: len(all), Limit: limit, Offset: offset, Items: []workflowView{}}
	for _, it := range part(all, limit, offset) {
		p.Items = append(p.Items, c.s.viewWorkflow(it, files, last))
	}
	return p, nil
}

// part is a page of a list.
func part[T any](all []T, limit, offset int) []T {
	all = all[min(offset, len(all)):]
	return all[:min(limit, len(all))]
}

func showWorkflow(c *call) (workflowView, error) {
	it, ok := c.s.catalog().Lookup(c.PathValue("id"))
	if !ok {
		return workflowView{}, schedule.ErrUnknown
	}
	runs, _, err := c.s.Store.Runs(c.Context(), store.RunFilter{Workflow: it.ID, Limit: 1})
	if err != nil {
		return workflowView{}, err
	}
	last := map[string]store.Run{}
	for _, r := range runs {
		last[it.ID] = r
	}
	return c.s.viewWorkflow(it, c.s.files(), last), nil
}

// A start says what a run starts with.
type start struct {
	Inputs   map[string]data `json:"inputs,omitempty" doc:"Values of the inputs that the workflow declares."`
	Alert    map[string]data `json:"alert,omitempty" doc:"Starts it as if this alert had come in."`
	Incident map[string]data `json:"incident,omitempty" doc:"Starts it as if this incident had come in."`
}

type startedRun struct {
	Run string `json:"run" doc:"Names the run: /api/v1/runs/{id}."`
}

func runWorkflow(c *call, in start) (startedRun, error) {
	input := engine.Input{Inputs: plainFields(in.Inputs), Alert: plainFields(in.Alert), Incident: plainFields(in.Incident)}
	run, err := c.start(c.PathValue("id"), input)
	return startedRun{run}, err
}

func plainFields(m map[string]data) map[string]any {
	if m == nil {
		return nil
	}
	fields := make(map[string]any, len(m))
	for k, d := range m {
		fields[k] = d.v
	}
	return fields
}

// start starts a run for the caller, if the workflow lets them (spec §10.4).
func (c *call) start(id string, in engine.Input) (run string, err error) {
	it, ok := c.s.catalog().Lookup(id)
	switch {
	case !ok:
		return "", schedule.ErrUnknown
	case !engine.Allowed(it.Program.Workflow(), c.who.name, c.who.role):
		return "", refuse(http.StatusForbidden, "You don't have the required permissions to run this workflow")
	}
	if err := checkInput(in, c.s.Now()); err != nil {
		return "", err
	}
	in.Trace = traceOf(c.Context())
	c.aboutMade(id, runMade)
	return c.s.Scheduler.Start(c.kept(), id, "manually by "+c.who.name, in)
}

// runMade says which run a request started.
func runMade(made store.Made) string { return "run " + made.ID }

// checkInput says what is wrong with an alert or incident that a run is to start with.
func checkInput(in engine.Input, now time.Time) error {
	if len(in.Alert) > 0 {
		if _, err := engine.NormalizeAlert(in.Alert, now, ""); err != nil {
			return refuse(http.StatusBadRequest, "%v", err)
		}
	}
	if len(in.Incident) > 0 {
		if _, err := engine.NormalizeIncident(in.Incident, now, ""); err != nil {
			return refuse(http.StatusBadRequest, "%v", err)
		}
	}
	return nil
}

// A tickView is a moment of a trigger and what came of it.
type tickView struct {
	Trigger string    `json:"trigger"`
	At      time.Time `json:"at"`
	Outcome string    `json:"outcome" doc:"started, skipped, missed, or seen where the trigger was there for the first time."`
	Reason  string    `json:"reason,omitempty"`
	Run     string    `json:"run,omitempty"`
}

func listTicks(c *call) ([]tickView, error) {
	since, err := c.moment("since")
	if err != nil {
		return nil, err
	}
	limit, err := c.number("limit", 100, 1000)
	if err != nil {
		return nil, err
	}
	list, err := c.s.Store.Ticks(c.Context(), c.PathValue("id"), since, max(1, limit))
	ticks := []tickView{}
	for _, t := range list {
		ticks = append(ticks, tickView{t.Trigger, t.At, string(t.Outcome), t.Reason, t.Run})
	}
	return ticks, err
}

// wrapped is the text of a workflow under "workflow:", as Keep shows it: one of the old
// form stays what it is, since there an assert means something else.
func wrapped(text string) string {
	trimmed := strings.TrimLeft(text, " \t\r\n")
	if slices.ContainsFunc([]string{"workflow:", "alert:"}, func(head string) bool {
		return strings.HasPrefix(trimmed, head) || strings.Contains(text, "\n"+head)
	}) {
		return text
	}
	return "workflow:\n  " + strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n  ") + "\n"
}

// maxFile is how much of a workflow's file is shown: more than one may have.
const maxFile = 1 << 20

// fileText is the file of a workflow as it is now.
func (s *Server) fileText(it schedule.Item) (string, error) {
	root, err := os.OpenRoot(filepath.Dir(it.File))
	if err != nil {
		return "", refuse(http.StatusConflict, "the file of the workflow cannot be read")
	}
	defer root.Close()
	f, err := root.Open(filepath.Base(it.File))
	if err != nil {
		return "", refuse(http.StatusConflict, "the file of the workflow cannot be read")
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile))
	return string(text), err
}
