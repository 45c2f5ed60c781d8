package server

import (
	"bytes"
	"cmp"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"tocsin/engine"
	"tocsin/engine/schedule"
	"tocsin/engine/store"
	"tocsin/templating/value"
	"tocsin/workflows"
)

// The paths of Keep's API (spec §10.2). What is an identity of its own there is the id of
// the workflow here: who sends a workflow again has one, and not two.

func keepWorkflowRoutes() []route {
	const one = "/workflows/{id}"
	return []route{
		get("/workflows", reading, "Keep's: workflows.", func(c *call) ([]keepWorkflow, error) { return c.keepWorkflows() }),
		send("POST", "/workflows/query", reading, "Keep's: workflows, in pages.", queryWorkflows),
		take("POST", "/workflows", authoring, "Keep's: put a workflow, as the file of a form.", putForm).reads("multipart/form-data").answers(201).takes(text("lookup_by_name", "Is always done.")),
		take("POST", "/workflows/json", authoring, "Keep's: put a workflow.", putKeep).reads("application/yaml").answers(201),
		take("PUT", one, authoring, "Keep's: put a workflow that is there.", putKnown).reads("application/yaml").answers(201),
		get(one, authoring, "Keep's: delete a workflow.", func(c *call) (keepDone, error) {
			id := c.PathValue("id")
			return keepDone{id, "deleted", nil}, c.s.remove(c.kept(), id, c.who.name)
		}).by("DELETE"),
		get(one+"/toggle", operating, "Keep's: switch a workflow off or on.", toggle).by("PUT"),
		get(one, reading, "Keep's: a workflow.", func(c *call) (keepWorkflow, error) { return c.keepWorkflow(0) }),
		get(one+"/versions", reading, "Keep's: revisions of a workflow, the newest first.", listVersions),
		get(one+"/versions/{revision}", reading, "Keep's: a workflow at a revision.", func(c *call) (keepWorkflow, error) {
			n, err := strconv.Atoi(c.PathValue("revision"))
			if err != nil || n < 1 {
				return keepWorkflow{}, refuse(http.StatusNotFound, "no such revision")
			}
			return c.keepWorkflow(n)
		}),
		get(one+"/raw", reading, "Keep's: the text of a workflow.", func(c *call) (keepRaw, error) {
			raw, err := c.s.raw(c.Context(), c.PathValue("id"))
			return keepRaw{raw}, err
		}),
		get("/workflows/export", reading, "Keep's: the texts of all workflows.", exportWorkflows),
		take("POST", one+"/run", running, "Keep's: start a run, with an alert, or with type, body and inputs.", runKeep).reads("application/json"),
		get(one+"/run", running, "Keep's: start a run with an alert of the query, and go to it.", runLink).changing().keyInURL().answers(307).takes(
			text("alert", "Fingerprint of the alert to start with."), text("alert_id", "The same.")),
		send("POST", "/workflows/test", authoring, "Keep's: run a workflow that is not kept.", testKeep),
	}
}

// A keepWorkflow is a workflow as Keep's clients know it.
type keepWorkflow struct {
	ID            string         `json:"id"`
	Name          string         `json:"name"`
	Description   string         `json:"description"`
	CreatedBy     string         `json:"created_by"`
	Created       *time.Time     `json:"creation_time"`
	Triggers      []keepTrigger  `json:"triggers"`
	Interval      int            `json:"interval"`
	Disabled      bool           `json:"disabled"`
	LastTime      *time.Time     `json:"last_execution_time"`
	LastStatus    *string        `json:"last_execution_status"`
	Providers     []keepProvider `json:"providers"`
	RawID         string         `json:"workflow_raw_id"`
	Raw           string         `json:"workflow_raw"`
	Revision      int            `json:"revision"`
	LastUpdated   *time.Time     `json:"last_updated"`
	LastUpdatedBy *string        `json:"last_updated_by"`
	Invalid       bool           `json:"invalid"`
	Executions    []keepBrief    `json:"last_executions"`
	LastStarted   *time.Time     `json:"last_execution_started"`
	Provisioned   bool           `json:"provisioned"`
	File          *string        `json:"provisioned_file"`
	AlertRule     bool           `json:"alertRule"`
	CanRun        bool           `json:"canRun"`
}

type keepTrigger struct {
	Type string `json:"type"`
	Name string `json:"name" doc:"What tells it from others."`
}

type keepProvider struct {
	Type      string  `json:"type"`
	ID        *string `json:"id"`
	Name      string  `json:"name"`
	Installed bool    `json:"installed"`
}

// A keepBrief is a run as lists of workflows show it.
type keepBrief struct {
	Status  string    `json:"status"`
	Seconds float64   `json:"execution_time"`
	Started time.Time `json:"started"`
}

type keepRaw struct {
	Raw string `json:"workflow_raw"`
}

type keepDone struct {
	ID       string `json:"workflow_id"`
	Status   string `json:"status"`
	Disabled *bool  `json:"is_disabled,omitempty"`
}

type keepPut struct {
	ID       string `json:"workflow_id"`
	Status   string `json:"status" doc:"created or updated."`
	Revision int    `json:"revision"`
}

type keepStarted struct {
	ID     string `json:"workflow_id"`
	Run    string `json:"workflow_execution_id"`
	Status string `json:"status"`
}

// keepWorkflows are all, at most 1,000. Their texts are left out of what the store does
// not have at hand: who wants one asks for it.
func (c *call) keepWorkflows() ([]keepWorkflow, error) {
	last, err := c.s.Store.LastRuns(c.Context())
	if err != nil {
		return nil, err
	}
	kept, err := c.s.Store.Workflows(c.Context())
	if err != nil {
		return nil, err
	}
	byID := map[string]store.Workflow{}
	for _, w := range kept {
		byID[w.ID] = w
	}
	list := []keepWorkflow{}
	for _, it := range part(c.s.catalog().Items(), 1000, 0) {
		v := c.viewKeep(it, byID[it.ID])
		if r, ok := last[it.ID]; ok {
			v.lastly(r)
		}
		list = append(list, v)
	}
	return list, nil
}

// keepWorkflow is the one of the path, at a revision; 0: the newest.
func (c *call) keepWorkflow(revision int) (keepWorkflow, error) {
	id := c.PathValue("id")
	it, ok := c.s.catalog().Lookup(id)
	kept, err := c.s.Store.Workflow(c.Context(), id, revision)
	switch {
	case err != nil && !errors.Is(err, store.ErrNotFound):
		return keepWorkflow{}, err
	case !ok, err != nil && revision > 1:
		return keepWorkflow{}, refuse(http.StatusNotFound, "Workflow %s not found", short(id))
	}
	v := c.viewKeep(it, kept)
	if kept.ID == "" {
		if v.Raw, err = c.s.raw(c.Context(), id); err != nil {
			return v, err
		}
		v.Raw = wrapped(v.Raw)
	}
	runs, _, err := c.s.Store.Runs(c.Context(), store.RunFilter{Workflow: id, Limit: 10})
	for i, r := range runs {
		if i == 0 {
			v.lastly(r)
		}
		v.Executions = append(v.Executions, keepBrief{keepStatus(r.Status), seconds(r.Duration), r.Started})
	}
	return v, err
}

func (v *keepWorkflow) lastly(r store.Run) {
	status := keepStatus(r.Status)
	v.LastTime, v.LastStarted, v.LastStatus = whenever(r.Ended), whenever(r.Started), &status
}

func (c *call) viewKeep(it schedule.Item, kept store.Workflow) keepWorkflow {
	w := it.Program.Workflow()
	v := keepWorkflow{
		ID: it.ID, Name: cmp.Or(w.Name, w.ID), Description: w.Description, CreatedBy: cmp.Or(kept.CreatedBy, "system"), Created: whenever(kept.Created),
		Triggers: []keepTrigger{}, Disabled: it.Disabled, Providers: c.s.keepProviders(w), RawID: it.ID, Revision: max(1, kept.Revision),
		LastUpdated: whenever(kept.Updated), Executions: []keepBrief{}, Provisioned: it.Origin == schedule.FromDisk,
		CanRun: c.who.can(running) && engine.Allowed(w, c.who.name, c.who.role),
	}
	if kept.ID != "" {
		v.Raw, v.LastUpdatedBy = wrapped(kept.Text), &kept.UpdatedBy
	}
	if v.Provisioned {
		v.File = &it.File
	}
	for _, t := range it.Program.Triggers() {
		v.Triggers = append(v.Triggers, keepTrigger{t.Type, t.Name()})
		if t.Type == "interval" && t.Next != nil {
			now := c.s.Now()
			next := t.Next(now)
			v.Interval = int(t.Next(next).Sub(next).Seconds())
		}
	}
	return v
}

// keepProviders are those that a workflow names, each once.
func (s *Server) keepProviders(w *workflows.Workflow) []keepProvider {
	configured := s.configured()
	list := []keepProvider{}
	for _, step := range slices.Concat(w.Steps, w.Actions) {
		p := keepProvider{Type: step.Provider.S, Name: step.Provider.S}
		if text, ok := step.Config.Data.(string); ok {
			name := strings.TrimSpace(strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(text), "{{"), "}}"))
			p.Name = strings.TrimPrefix(name, "providers.")
		}
		p.Installed = slices.ContainsFunc(configured, func(v providerView) bool { return v.Name == p.Name && v.Type == p.Type })
		if !slices.Contains(list, p) {
			list = append(list, p)
		}
	}
	return list
}

// A keepQuery asks for a page of something.
type keepQuery struct {
	CEL     string     `json:"cel,omitempty"`
	Limit   int        `json:"limit,omitempty"`
	Offset  int        `json:"offset,omitempty"`
	SortBy  string     `json:"sort_by,omitempty"`
	SortDir string     `json:"sort_dir,omitempty"`
	Sort    []keepSort `json:"sort_options,omitempty"`
}

type keepSort struct {
	By  string `json:"sort_by"`
	Dir string `json:"sort_dir,omitempty"`
}

func (q keepQuery) page(otherwise int) (limit, offset int) {
	limit = q.Limit
	if limit <= 0 {
		limit = otherwise
	}
	return min(limit, 1000), min(max(0, q.Offset), 10_000_000)
}

type keepPage[T any] struct {
	Count   int `json:"count"`
	Limit   int `json:"limit"`
	Offset  int `json:"offset"`
	Results []T `json:"results"`
}

func queryWorkflows(c *call, q keepQuery) (keepPage[keepWorkflow], error) {
	all, err := c.keepWorkflows()
	if err != nil {
		return keepPage[keepWorkflow]{}, err
	}
	match, err := c.s.condition(c.Context(), q.CEL)
	if err != nil {
		return keepPage[keepWorkflow]{}, err
	}
	all = slices.DeleteFunc(all, func(w keepWorkflow) bool { return !match(w.fields()) })
	if q.SortBy == "name" {
		slices.SortStableFunc(all, func(a, b keepWorkflow) int { return strings.Compare(a.Name, b.Name) })
	}
	if q.SortDir == "desc" {
		slices.Reverse(all)
	}
	limit, offset := q.page(20)
	return keepPage[keepWorkflow]{len(all), limit, offset, part(all, limit, offset)}, nil
}

// fields are what a condition about workflows sees, under the names that Keep's pages have for
// them, and some under those of the API. Where there was no run the status is empty.
func (v keepWorkflow) fields() *value.Map {
	status, updatedBy := "", any(nil)
	if v.LastStatus != nil {
		status = *v.LastStatus
	}
	if v.LastUpdatedBy != nil {
		updatedBy = *v.LastUpdatedBy
	}
	return value.MapOf(
		value.Entry{Key: "id", Value: v.ID}, value.Entry{Key: "name", Value: v.Name}, value.Entry{Key: "description", Value: v.Description},
		value.Entry{Key: "status", Value: status}, value.Entry{Key: "started", Value: written(v.LastStarted)},
		value.Entry{Key: "disabled", Value: v.Disabled}, value.Entry{Key: "isDisabled", Value: v.Disabled},
		value.Entry{Key: "created_by", Value: v.CreatedBy}, value.Entry{Key: "createdBy", Value: v.CreatedBy}, value.Entry{Key: "createdAt", Value: written(v.Created)},
		value.Entry{Key: "updatedBy", Value: updatedBy}, value.Entry{Key: "lastUpdated", Value: written(v.LastUpdated)},
	)
}

// written is a time as conditions see it: nil, or text.
func written(at *time.Time) any {
	if at == nil {
		return nil
	}
	return at.UTC().Format(time.RFC3339)
}

func putKeep(c *call) (keepPut, error) {
	text, err := c.body()
	if err != nil {
		return keepPut{}, err
	}
	return c.putKeep("", text)
}

func putKnown(c *call) (keepPut, error) {
	id := c.PathValue("id")
	if _, ok := c.s.catalog().Lookup(id); !ok {
		return keepPut{}, refuse(http.StatusNotFound, "Workflow %s not found", short(id))
	}
	text, err := c.body()
	if err != nil {
		return keepPut{}, err
	}
	up, err := c.putKeep(id, text)
	up.Status = "updated"
	return up, err
}

// putForm reads the file of a form.
func putForm(c *call) (keepPut, error) {
	kind, params, err := mime.ParseMediaType(c.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/form-data" || params["boundary"] == "" {
		return putKeep(c)
	}
	body, err := c.body()
	if err != nil {
		return keepPut{}, err
	}
	parts := multipart.NewReader(bytes.NewReader(body), params["boundary"])
	for range 16 {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return keepPut{}, refuse(http.StatusBadRequest, "the form cannot be read: %v", err)
		}
		if part.FormName() != "file" {
			continue
		}
		text, err := io.ReadAll(part)
		if err != nil {
			return keepPut{}, refuse(http.StatusBadRequest, "the form cannot be read: %v", err)
		}
		return c.putKeep("", text)
	}
	return keepPut{}, refuse(http.StatusBadRequest, `the form has no "file"`)
}

func (c *call) putKeep(id string, text []byte) (keepPut, error) {
	up, err := c.put(id, text)
	status := up.Status
	if status == "unchanged" {
		status = "updated"
		if up.Revision == 1 {
			status = "created"
		}
	}
	return keepPut{up.ID, status, up.Revision}, err
}

func toggle(c *call) (keepDone, error) {
	id := c.PathValue("id")
	it, ok := c.s.catalog().Lookup(id)
	if !ok {
		return keepDone{}, refuse(http.StatusNotFound, "Workflow %s not found", short(id))
	}
	off := !it.Disabled
	c.about(id, "disabled: %t", off)
	return keepDone{id, "success", &off}, c.s.disable(c.kept(), id, off, c.who.name)
}

type keepVersions struct {
	Versions []keepVersion `json:"versions"`
}

type keepVersion struct {
	Revision int        `json:"revision"`
	By       string     `json:"updated_by"`
	At       *time.Time `json:"updated_at"`
}

func listVersions(c *call) (keepVersions, error) {
	id := c.PathValue("id")
	if _, ok := c.s.catalog().Lookup(id); !ok {
		return keepVersions{}, refuse(http.StatusNotFound, "Workflow %s not found", short(id))
	}
	all, err := c.s.Store.Versions(c.Context(), id)
	v := keepVersions{[]keepVersion{}}
	for _, w := range all {
		v.Versions = append(v.Versions, keepVersion{w.Revision, w.UpdatedBy, whenever(w.Updated)})
	}
	if len(all) == 0 {
		v.Versions = append(v.Versions, keepVersion{1, "system", nil})
	}
	return v, err
}

func exportWorkflows(c *call) ([]string, error) {
	list := []string{}
	for _, it := range part(c.s.catalog().Items(), 1000, 0) {
		raw, err := c.s.raw(c.Context(), it.ID)
		if err != nil {
			return nil, err
		}
		list = append(list, raw)
	}
	return list, nil
}

// runKeep starts a run as Keep's clients ask for it (spec §10.2, manual event).
func runKeep(c *call) (keepStarted, error) {
	text, err := c.body()
	if err != nil {
		return keepStarted{}, err
	}
	in, err := c.manual(text)
	if err != nil {
		return keepStarted{}, err
	}
	return c.startKeep(in)
}

func (c *call) startKeep(in engine.Input) (keepStarted, error) {
	id := c.PathValue("id")
	run, err := c.start(id, in)
	if errors.Is(err, schedule.ErrUnknown) {
		err = refuse(http.StatusNotFound, "Workflow %s not found", short(id))
	}
	return keepStarted{id, run, "success"}, err
}

// manual is what a body asks a run to start with: an alert, or type, body and inputs.
func (c *call) manual(text []byte) (engine.Input, error) {
	body := value.NewMap(0)
	if len(bytes.TrimSpace(text)) > 0 {
		v, err := value.DecodeJSON(text)
		if err != nil {
			return engine.Input{}, refuse(http.StatusBadRequest, "the body is no JSON: %v", err)
		}
		m, ok := v.(*value.Map)
		if !ok {
			return engine.Input{}, refuse(http.StatusBadRequest, "the body is no object")
		}
		body = m
	}
	return c.s.manualInput(body)
}

func (s *Server) manualInput(body *value.Map) (in engine.Input, err error) {
	kind, event := "alert", body
	inner, wrapped := body.Get("body")
	if wrapped {
		kind = cmp.Or(textAt(body, "type"), "alert")
		event, _ = inner.(*value.Map)
		if event == nil {
			event = value.NewMap(0)
		}
	}
	if given, ok := body.Get("inputs"); ok && given != nil {
		m, ok := given.(*value.Map)
		if !ok {
			return in, refuse(http.StatusBadRequest, `"inputs" is no object`)
		}
		in.Inputs = store.Fields(m)
		if !wrapped {
			event = body.Clone()
			event.Delete("inputs")
		}
	}
	switch kind {
	case "alert":
		in.Alert = manualAlert(event)
	case "incident":
		in.Incident = store.Fields(event)
	default:
		return in, refuse(http.StatusBadRequest, `"type" is alert or incident, not %q`, short(kind))
	}
	return in, nil
}

// manualAlert fills in what an alert of a person leaves out.
func manualAlert(event *value.Map) map[string]any {
	fields := store.Fields(event)
	name := cmp.Or(textAt(event, "name"), "manual-run")
	fields["name"], fields["trigger"] = name, "manual"
	fields["id"] = cmp.Or(textAt(event, "fingerprint"), textAt(event, "id"), "manual-run")
	if s := textAt(event, "severity"); s != "" {
		fields["severity"] = strings.ToLower(s)
	}
	if source, ok := event.Get("source"); ok {
		if _, list := source.([]any); !list && source != nil {
			fields["source"] = []any{source}
		}
	}
	return fields
}

// runLink is a link in a message that starts a run, and leads to it.
func runLink(c *call) (keepStarted, error) {
	event := value.NewMap(8)
	if fingerprint := cmp.Or(c.query.Get("alert"), c.query.Get("alert_id")); fingerprint != "" {
		f, err := c.s.Store.Alert(c.Context(), fingerprint)
		if err != nil {
			return keepStarted{}, err
		}
		event = f.Alert.Clone()
	}
	for name, values := range c.query {
		if name != "api_key" && name != "alert" && name != "alert_id" {
			event.Set(name, values[len(values)-1])
		}
	}
	started, err := c.startKeep(engine.Input{Alert: manualAlert(event)})
	if err == nil {
		c.w.Header().Set("Location", "/workflows/"+url.PathEscape(started.ID)+"/runs/"+started.Run)
	}
	return started, err
}

// A keepTest is a workflow that is run once and not kept.
type keepTest struct {
	Raw    string          `json:"workflow_raw"`
	Type   string          `json:"type,omitempty"`
	Body   map[string]data `json:"body,omitempty"`
	Inputs map[string]data `json:"inputs,omitempty"`
}

type keepTested struct {
	Run string `json:"workflow_execution_id"`
}

func testKeep(c *call, in keepTest) (keepTested, error) {
	if _, _, err := c.s.review("", []byte(in.Raw)); err != nil {
		return keepTested{}, err
	}
	if c.s.Try == nil {
		return keepTested{}, refuse(http.StatusForbidden, "this server runs only workflows that it keeps: put it, and then run it")
	}
	body := value.NewMap(4)
	body.Set("type", cmp.Or(in.Type, "alert"))
	body.Set("body", value.Of(plainFields(in.Body)))
	if in.Inputs != nil {
		body.Set("inputs", value.Of(plainFields(in.Inputs)))
	}
	input, err := c.s.manualInput(body)
	if err != nil {
		return keepTested{}, err
	}
	if err := checkInput(input, c.s.Now()); err != nil {
		return keepTested{}, err
	}
	input.Trace = traceOf(c.Context())
	c.aboutMade("", runMade)
	run, err := c.s.Try(c.kept(), []byte(in.Raw), input)
	return keepTested{run}, err
}
