package server

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"tocsin/engine"
	"tocsin/engine/store"
	"tocsin/templating/value"
)

// Incidents are kept as they came, in one document of the store: there are few of them.
// What people do with them starts workflows.

const (
	incidentsKey    = "incidents"
	maxIncidents    = 1000
	maxIncident     = 64 << 10 // bytes of one, as JSON
	maxAllIncidents = 4 << 20  // bytes of all
)

func keepIncidentRoutes() []route {
	const one = "/incidents/{id}"
	return []route{
		send("POST", "/incidents", ingesting, "Keep's: make an incident.", createIncident).answers(202),
		get("/incidents", reading, "Keep's: incidents, the newest first.", listIncidents).takesPages(text("status", "With this status; may be there several times.")),
		get(one, reading, "Keep's: an incident.", func(c *call) (*value.Map, error) { return c.incident(c.PathValue("id")) }),
		send("PUT", one, operating, "Keep's: change an incident.", updateIncident),
		get(one, operating, "Keep's: delete an incident.", deleteIncident).by("DELETE"),
		get(one+"/alerts", reading, "Keep's: alerts of an incident.", incidentAlerts).takesPages(),
		send("POST", one+"/alerts", operating, "Keep's: add alerts to an incident, by their fingerprints.", addIncidentAlerts).answers(202),
		send("POST", one+"/status", operating, "Keep's: change the status of an incident.", incidentStatus),
		send("POST", one+"/enrich", operating, "Keep's: add fields to an incident.", enrichIncident),
		get(one+"/workflows", reading, "Keep's: runs that an incident started.", incidentRuns),
		take("POST", "/incidents/event/{provider}", ingesting, "Keep's: bring an incident of another system.", func(c *call) (queued, error) {
			text, err := c.body()
			if err != nil {
				return queued{}, err
			}
			v, err := value.DecodeJSON(text)
			m, ok := v.(*value.Map)
			if err != nil || !ok {
				return queued{}, c.s.rejected(c, "incident", text, refuse(http.StatusBadRequest, "Malformed event"))
			}
			m.Set("alert_sources", []any{c.PathValue("provider")})
			_, err = c.putIncident(m)
			return queued{c.w.Header().Get("X-Request-Id")}, err
		}).answers(202).keyInURL().before(),
	}
}

// incidents are all, in the order in which they were made.
func (s *Server) incidents(ctx context.Context) ([]*value.Map, error) {
	list := []*value.Map{}
	_, err := s.Store.Meta(ctx, incidentsKey, &list)
	return list, err
}

func (c *call) incident(id string) (*value.Map, error) {
	all, err := c.s.incidents(c.Context())
	if err != nil {
		return nil, err
	}
	if i := incidentAt(all, id); i >= 0 {
		return all[i], nil
	}
	return nil, refuse(http.StatusNotFound, "Incident not found")
}

func incidentAt(all []*value.Map, id string) int {
	return slices.IndexFunc(all, func(m *value.Map) bool { return textAt(m, "id") == id })
}

// change changes incidents, and starts what waits for that. edit says which one it was,
// and what happened to it: created, updated or deleted.
func (c *call) change(edit func(all []*value.Map) (now []*value.Map, which *value.Map, what string, err error)) (*value.Map, error) {
	s := c.s
	if err := s.ready(); err != nil {
		return nil, err
	}
	s.cases.Lock()
	defer s.cases.Unlock()
	all, err := s.incidents(c.Context())
	if err != nil {
		return nil, err
	}
	all, which, what, err := edit(all)
	if err != nil {
		return nil, err
	}
	if n := len(value.AppendJSON(nil, which)); n > maxIncident {
		return nil, refuse(http.StatusRequestEntityTooLarge, "the incident would be longer than %d bytes", maxIncident)
	}
	if all, err = bounded(all); err != nil {
		return nil, err
	}
	if err := s.Store.SetMeta(c.kept(), incidentsKey, all); err != nil {
		return nil, err
	}
	a := engine.Arrival{Kind: "incident", Event: what, Fields: incidentFields(which), Now: s.Now().UTC()}
	jobs := traced(c.Context(), s.Scheduler.Plan(a))
	if len(jobs) == 0 {
		return which, nil
	}
	if err := s.Scheduler.Recorder.Put(c.kept(), jobs...); err != nil {
		return nil, err
	}
	s.begin(c.kept(), jobs)
	return which, nil
}

// bounded is all, without the oldest that are resolved where there are too many.
func bounded(all []*value.Map) ([]*value.Map, error) {
	for len(all) > maxIncidents {
		i := slices.IndexFunc(all, func(m *value.Map) bool { return textAt(m, "status") == "resolved" })
		if i < 0 {
			return nil, refuse(http.StatusConflict, "there are %d incidents already that are not resolved", maxIncidents)
		}
		all = slices.Delete(all, i, i+1)
	}
	size := 0
	for _, m := range all {
		size += len(value.AppendJSON(nil, m))
	}
	if size > maxAllIncidents {
		return nil, refuse(http.StatusConflict, "all incidents together would be longer than %d bytes: delete some", maxAllIncidents)
	}
	return all, nil
}

// incidentFields are an incident's as triggers see them.
func incidentFields(m *value.Map) map[string]any {
	fields := make(map[string]any, m.Len())
	for k, v := range m.All() {
		fields[k] = v
	}
	return fields
}

func createIncident(c *call, given *value.Map) (*value.Map, error) {
	if given == nil {
		return nil, refuse(http.StatusBadRequest, "the body is no object")
	}
	return c.putIncident(given)
}

// putIncident makes an incident, or changes the one of its id.
func (c *call) putIncident(given *value.Map) (*value.Map, error) {
	now := c.s.Now().UTC().Format("2006-01-02T15:04:05.000Z")
	m := given.Clone()
	if textAt(m, "id") == "" {
		m.Set("id", newUUID())
	}
	for key, v := range map[string]any{
		"status": "firing", "severity": "info", "creation_time": now, "last_seen_time": now, "alerts_count": int64(0), "alert_sources": []any{},
		"services": []any{}, "is_predicted": false, "is_candidate": false, "is_visible": true, "fingerprints": []any{},
	} {
		if had, ok := m.Get(key); !ok || had == nil {
			m.Set(key, v)
		}
	}
	if err := c.checkIncident(m); err != nil {
		return nil, err
	}
	return c.change(func(all []*value.Map) ([]*value.Map, *value.Map, string, error) {
		if i := incidentAt(all, textAt(m, "id")); i >= 0 {
			all[i] = m
			return all, m, "updated", nil
		}
		return append(all, m), m, "created", nil
	})
}

// checkIncident says what is wrong with an incident, and normalises it.
func (c *call) checkIncident(m *value.Map) error {
	if len(textAt(m, "id")) > 100 {
		return refuse(http.StatusBadRequest, "the id of an incident has at most 100 bytes")
	}
	if textAt(m, "name") == "" && textAt(m, "user_generated_name") == "" && textAt(m, "ai_generated_name") == "" {
		return refuse(http.StatusBadRequest, "an incident needs a user_generated_name")
	}
	if _, err := engine.NormalizeIncident(incidentFields(m), c.s.Now(), ""); err != nil {
		return refuse(http.StatusBadRequest, "%v", err)
	}
	return nil
}

func newUUID() string {
	var b [16]byte
	rand.Read(b[:])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

type incidentPage struct {
	Limit  int          `json:"limit"`
	Offset int          `json:"offset"`
	Count  int          `json:"count"`
	Items  []*value.Map `json:"items"`
}

func listIncidents(c *call) (p incidentPage, err error) {
	limit, offset, err := c.page(25)
	if err != nil {
		return p, err
	}
	all, err := c.s.incidents(c.Context())
	if err != nil {
		return p, err
	}
	slices.Reverse(all)
	if wanted := c.query["status"]; len(wanted) > 0 {
		all = slices.DeleteFunc(all, func(m *value.Map) bool { return !slices.Contains(wanted, textAt(m, "status")) })
	}
	return incidentPage{limit, offset, len(all), part(all, limit, offset)}, nil
}

// edit changes the incident of the path.
func (c *call) edit(how func(m *value.Map)) (*value.Map, error) {
	return c.change(func(all []*value.Map) ([]*value.Map, *value.Map, string, error) {
		i := incidentAt(all, c.PathValue("id"))
		if i < 0 {
			return nil, nil, "", refuse(http.StatusNotFound, "Incident not found")
		}
		m := all[i].Clone()
		how(m)
		m.Set("id", c.PathValue("id"))
		if err := c.checkIncident(m); err != nil {
			return nil, nil, "", err
		}
		all[i] = m
		return all, m, "updated", nil
	})
}

func updateIncident(c *call, given *value.Map) (*value.Map, error) {
	return c.edit(func(m *value.Map) {
		for k, v := range given.All() {
			m.Set(k, v)
		}
	})
}

func deleteIncident(c *call) (done, error) {
	_, err := c.change(func(all []*value.Map) ([]*value.Map, *value.Map, string, error) {
		i := incidentAt(all, c.PathValue("id"))
		if i < 0 {
			return nil, nil, "", refuse(http.StatusNotFound, "Incident not found")
		}
		gone := all[i]
		return slices.Delete(all, i, i+1), gone, "deleted", nil
	})
	return done{"deleted"}, err
}

// fingerprintsOf are those of the alerts of an incident.
func fingerprintsOf(m *value.Map) []string {
	v, _ := m.Get("fingerprints")
	list, _ := v.([]any)
	var out []string
	for _, item := range list {
		if s, ok := item.(string); ok {
			out = append(out, s)
		}
	}
	return out
}

func incidentAlerts(c *call) (p incidentPage, err error) {
	m, err := c.incident(c.PathValue("id"))
	if err != nil {
		return p, err
	}
	limit, offset, err := c.page(25)
	if err != nil {
		return p, err
	}
	all := fingerprintsOf(m)
	list, err := batchAlerts(c, part(all, limit, offset))
	return incidentPage{limit, offset, len(all), list}, err
}

func addIncidentAlerts(c *call, fingerprints []string) (*value.Map, error) {
	return c.edit(func(m *value.Map) {
		all := fingerprintsOf(m)
		for _, f := range fingerprints {
			if !slices.Contains(all, f) && len(all) < maxBatch {
				all = append(all, f)
			}
		}
		list := make([]any, len(all))
		for i, f := range all {
			list[i] = f
		}
		m.Set("fingerprints", list)
		m.Set("alerts_count", int64(len(all)))
	})
}

// An incidentChange is a new status.
type incidentChange struct {
	Status  string `json:"status"`
	Comment string `json:"comment,omitempty"`
}

func incidentStatus(c *call, in incidentChange) (*value.Map, error) {
	status := strings.ToLower(in.Status)
	if !slices.Contains([]string{"firing", "acknowledged", "resolved", "merged", "deleted"}, status) {
		return nil, refuse(http.StatusBadRequest, "no status %q: there are firing, acknowledged, resolved, merged and deleted", short(in.Status))
	}
	return c.edit(func(m *value.Map) {
		m.Set("status", status)
		if in.Comment != "" {
			m.Set("comment", in.Comment)
		}
	})
}

// An incidentEnrichment adds fields to an incident.
type incidentEnrichment struct {
	Enrichments map[string]data `json:"enrichments"`
}

func enrichIncident(c *call, in incidentEnrichment) (*value.Map, error) {
	fields, err := fieldsOf(in.Enrichments, false)
	if err != nil {
		return nil, err
	}
	return c.edit(func(m *value.Map) {
		had, _ := m.Get("enrichments")
		e, _ := had.(*value.Map)
		if e == nil {
			e = value.NewMap(len(fields))
		}
		e = e.Clone()
		for _, f := range fields {
			e.Set(f.Key, f.Value)
		}
		m.Set("enrichments", e)
	})
}

// incidentRuns are the runs that the incident of the path started, among the last 1,000
// that incidents did.
func incidentRuns(c *call) (p keepRunList, err error) {
	limit, offset, err := c.page(25)
	if err != nil {
		return p, err
	}
	runs, err := c.runsOfIncident(c.PathValue("id"))
	p = keepRunList{limit, offset, len(runs), []keepExecution{}}
	for _, r := range part(runs, limit, offset) {
		p.Items = append(p.Items, c.s.viewExecution(r))
	}
	return p, err
}

type keepRunList struct {
	Limit  int             `json:"limit"`
	Offset int             `json:"offset"`
	Count  int             `json:"count"`
	Items  []keepExecution `json:"items"`
}

func (c *call) runsOfIncident(id string) ([]store.Run, error) {
	all, _, err := c.s.Store.Runs(c.Context(), store.RunFilter{Trigger: []string{"type:incident"}, Limit: 1000})
	return slices.DeleteFunc(all, func(r store.Run) bool { return r.Event != id }), err
}
