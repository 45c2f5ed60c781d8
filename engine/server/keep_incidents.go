package server

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"tocsin/engine"
	"tocsin/engine/schedule"
	"tocsin/engine/store"
	"tocsin/templating/value"
)

// Incidents are kept as they came, each a row of the store. What people do with them starts
// workflows.

// maxIncident is how long one may be, in bytes of its JSON.
const maxIncident = 64 << 10

func keepIncidentRoutes() []route {
	const one = "/incidents/{id}"
	return []route{
		send("POST", "/incidents", ingesting, "Keep's: make an incident, or put it in the place of the one of its id. There are 10,000 at most: a new one takes the place of the one that is over (resolved, merged or deleted) for longest.", createIncident).answers(202),
		get("/incidents", reading, "Keep's: incidents, the newest first.", listIncidents).takesPages(
			text("status", "With this status; may be there several times."), text("severity", "With this severity; may be there several times."), text("cel", "A condition in CEL.")),
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

func (c *call) incident(id string) (*value.Map, error) {
	m, err := c.s.Store.Incident(c.Context(), id)
	if errors.Is(err, store.ErrNotFound) {
		err = errNoIncident
	}
	return m, err
}

var errNoIncident = refuse(http.StatusNotFound, "Incident not found")

// change changes the incident of an id, and starts what waits for that: store.ChangeIncident.
func (c *call) change(id string, edit func(was *value.Map) (*value.Map, error)) (*value.Map, error) {
	s := c.s
	if err := s.ready(); err != nil {
		return nil, err
	}
	var jobs []schedule.Job
	change, err := s.Store.ChangeIncident(c.kept(), id, edit, func(change store.IncidentChange) []schedule.Job {
		a := engine.Arrival{Kind: "incident", Event: change.Event, Fields: store.Fields(change.Incident), Now: s.Now().UTC()}
		jobs = traced(c.Context(), s.Scheduler.Plan(a))
		return jobs
	})
	switch {
	case errors.Is(err, store.ErrManyIncidents):
		return nil, refuse(http.StatusConflict, "%v: resolve some", err)
	case err != nil:
		return nil, err
	}
	s.begin(c.kept(), jobs)
	return change.Incident, nil
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
	return c.change(textAt(m, "id"), func(*value.Map) (*value.Map, error) { return m, nil })
}

// checkIncident says what is wrong with an incident, and normalises it.
func (c *call) checkIncident(m *value.Map) error {
	if len(textAt(m, "id")) > 100 {
		return refuse(http.StatusBadRequest, "the id of an incident has at most 100 bytes")
	}
	if textAt(m, "name") == "" && textAt(m, "user_generated_name") == "" && textAt(m, "ai_generated_name") == "" {
		return refuse(http.StatusBadRequest, "an incident needs a user_generated_name")
	}
	if _, err := engine.NormalizeIncident(store.Fields(m), c.s.Now(), ""); err != nil {
		return refuse(http.StatusBadRequest, "%v", err)
	}
	if n := len(value.AppendJSON(nil, m)); n > maxIncident {
		return refuse(http.StatusRequestEntityTooLarge, "the incident would be longer than %d bytes", maxIncident)
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
	f := store.IncidentFilter{Status: lower(c.query["status"]), Severity: lower(c.query["severity"]), Limit: limit, Offset: offset}
	p = incidentPage{limit, offset, 0, []*value.Map{}}
	err = searching(c.Context(), func(ctx context.Context) error {
		if cel := c.query.Get("cel"); cel != "" {
			match, err := c.s.condition(ctx, cel)
			if err != nil {
				return err
			}
			f.Match = func(m *value.Map) bool {
				seen, err := c.s.incidentView(m)
				return err == nil && match(seen)
			}
		}
		list, total, err := c.s.Store.Incidents(ctx, f)
		p.Items, p.Count = append(p.Items, list...), total
		return err
	})
	return p, err
}

func lower(list []string) []string {
	low := make([]string, len(list))
	for i, text := range list {
		low[i] = strings.ToLower(text)
	}
	return low
}

// edit changes the incident of the path.
func (c *call) edit(how func(m *value.Map)) (*value.Map, error) {
	id := c.PathValue("id")
	return c.change(id, func(m *value.Map) (*value.Map, error) {
		if m == nil {
			return nil, errNoIncident
		}
		how(m)
		m.Set("id", id)
		return m, c.checkIncident(m)
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
	_, err := c.change(c.PathValue("id"), func(was *value.Map) (*value.Map, error) {
		if was == nil {
			return nil, errNoIncident
		}
		return nil, nil
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

// incidentRuns are the runs that the incident of the path started.
func incidentRuns(c *call) (p keepRunList, err error) {
	limit, offset, err := c.page(25)
	if err != nil {
		return p, err
	}
	runs, total, err := c.s.Store.Runs(c.Context(), store.RunFilter{Incident: c.PathValue("id"), Limit: limit, Offset: offset})
	p = keepRunList{limit, offset, total, []keepExecution{}}
	for _, r := range runs {
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
