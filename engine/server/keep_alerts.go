package server

import (
	"cmp"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"tocsin/engine"
	"tocsin/engine/store"
	"tocsin/providers/keep"
	"tocsin/templating/value"
)

// The paths of Keep's API about alerts (spec §10.3).

func keepAlertRoutes() []route {
	const one = "/alerts/{fingerprint}"
	return []route{
		get("/alerts", reading, "Keep's: of each fingerprint the newest alert.", func(c *call) ([]*value.Map, error) {
			limit, err := c.number("limit", 1000, 1000)
			if err != nil {
				return nil, err
			}
			found, err := c.s.Store.Alerts(c.Context(), keep.Search{Distinct: true, Limit: max(1, limit)})
			return alertList(found), err
		}).takes(number("limit", "At most so many.")),
		get(one, reading, "Keep's: an alert.", func(c *call) (*value.Map, error) { return c.keepAlert(c.PathValue("fingerprint")) }),
		get(one+"/history", reading, "Keep's: the alerts of a fingerprint.", func(c *call) ([]*value.Map, error) {
			found, err := c.s.Store.AlertHistory(c.Context(), c.PathValue("fingerprint"), 1000)
			return alertList(found), err
		}),
		get(one+"/audit", reading, "Keep's: who did what to an alert.", keepAudit),
		send("POST", "/alerts/query", reading, "Keep's: alerts, in pages.", queryAlerts),
		send("POST", "/alerts/search", reading, "Keep's: alerts.", searchAlerts),
		send("POST", "/alerts/batch", reading, "Keep's: the alerts of fingerprints.", batchAlerts),
		send("POST", "/alerts/enrich", operating, "Keep's: add fields to an alert.", enrichKeep).takes(param{"dispose_on_new_alert", "boolean", "They go with the next alert."}),
		send("POST", "/alerts/enrich/note", operating, "Keep's: write a note to an alert.", enrichKeep),
		send("POST", "/alerts/batch_enrich", operating, "Keep's: add fields to alerts.", enrichBatch).takes(param{"dispose_on_new_alert", "boolean", "They go with the next alert."}),
		send("POST", "/alerts/unenrich", operating, "Keep's: take added fields back.", unenrichKeep),
		send("DELETE", "/alerts", operating, "Keep's: delete an alert, or restore it.", deleteAlert),
		get(one+"/assign/{received}", operating, "Keep's: take an alert on.", assignAlert).by("POST").takes(param{"unassign", "boolean", "Give it back."}),
		get("/alerts/event/error", reading, "Keep's: deliveries that could not be read.", listRejects),
		send("POST", "/alerts/event/error/dismiss", operating, "Keep's: take them off that list.", func(c *call, in keepDismissal) (keepOutcome, error) {
			return keepOutcome{"ok"}, c.s.Store.DismissRejects(c.kept(), in.numbers()...)
		}),
	}
}

type keepOutcome struct {
	Status string `json:"status" doc:"ok or failed."`
}

// keepAlert is an alert by its fingerprint.
func (c *call) keepAlert(fingerprint string) (*value.Map, error) {
	f, err := c.s.Store.Alert(c.Context(), fingerprint)
	if err != nil && problemOf(err).status == http.StatusNotFound {
		err = refuse(http.StatusNotFound, "Alert not found")
	}
	return f.Alert, err
}

type keepAuditLine struct {
	ID          int       `json:"id"`
	At          time.Time `json:"timestamp"`
	Fingerprint string    `json:"fingerprint"`
	Action      string    `json:"action"`
	User        string    `json:"user_id"`
	Description string    `json:"description"`
}

func keepAudit(c *call) ([]keepAuditLine, error) {
	fingerprint := c.PathValue("fingerprint")
	all, err := c.s.Store.Audit(c.Context(), fingerprint)
	list := []keepAuditLine{}
	for i, e := range all {
		list = append(list, keepAuditLine{len(all) - i, e.At, fingerprint, e.Action, e.By, e.Detail})
	}
	return list, err
}

// maxSorted is how many alerts are sorted for a page.
const maxSorted = 10_000

func queryAlerts(c *call, q keepQuery) (p keepPage[*value.Map], err error) {
	limit, offset := q.page(1000)
	search := keep.Search{Distinct: true, CEL: q.CEL, Limit: limit}
	by := cmp.Or(q.SortBy, firstSort(q.Sort).By)
	if by == "" || by == "lastReceived" || by == "timestamp" {
		list, total, err := c.s.search(c.Context(), search, offset)
		return keepPage[*value.Map]{total, limit, offset, list}, err
	}
	search.Limit = maxSorted
	list, total, err := c.s.search(c.Context(), search, 0)
	slices.SortStableFunc(list, func(a, b *value.Map) int { return compareFields(a, b, by) })
	if strings.EqualFold(cmp.Or(q.SortDir, firstSort(q.Sort).Dir), "desc") {
		slices.Reverse(list)
	}
	return keepPage[*value.Map]{total, limit, offset, part(list, limit, offset)}, err
}

func firstSort(list []keepSort) (s keepSort) {
	if len(list) > 0 {
		return list[0]
	}
	return s
}

func compareFields(a, b *value.Map, key string) int {
	x, _ := a.Get(key)
	y, _ := b.Get(key)
	if n, ok := value.Compare(x, y); ok {
		return n
	}
	return strings.Compare(value.Text(x), value.Text(y))
}

// A keepSearch asks for alerts, in one of two places.
type keepSearch struct {
	Query struct {
		CEL       string          `json:"cel_query,omitempty"`
		SQL       json.RawMessage `json:"sql_query,omitempty" doc:"Is not used."`
		Limit     int             `json:"limit,omitempty"`
		Timeframe float64         `json:"timeframe,omitempty" doc:"Of so many seconds."`
	} `json:"query"`
	Timeframe float64 `json:"timeframe,omitempty" doc:"Of so many seconds."`
}

func searchAlerts(c *call, in keepSearch) ([]*value.Map, error) {
	limit, _ := keepQuery{Limit: in.Query.Limit}.page(1000)
	q := keep.Search{Distinct: true, CEL: in.Query.CEL, Limit: limit}
	if frame := cmp.Or(in.Timeframe, in.Query.Timeframe); frame > 0 {
		q.From = c.s.Now().Add(-time.Duration(min(frame, 1e9) * float64(time.Second)))
	}
	list, _, err := c.s.search(c.Context(), q, 0)
	return list, err
}

const maxBatch = 1000

func batchAlerts(c *call, fingerprints []string) ([]*value.Map, error) {
	if len(fingerprints) > maxBatch {
		return nil, refuse(http.StatusBadRequest, "more than %d fingerprints", maxBatch)
	}
	list := []*value.Map{}
	for _, fingerprint := range fingerprints {
		a, err := c.keepAlert(fingerprint)
		if err == nil {
			list = append(list, a)
		} else if problemOf(err).status != http.StatusNotFound {
			return nil, err
		}
	}
	return list, nil
}

// A keepEnrichment adds fields to one alert, or to several.
type keepEnrichment struct {
	Fingerprint  string          `json:"fingerprint"`
	Enrichments  map[string]data `json:"enrichments,omitempty"`
	Note         *string         `json:"note,omitempty"`
	Fingerprints []string        `json:"fingerprints,omitempty"`
}

func enrichKeep(c *call, in keepEnrichment) (keepOutcome, error) {
	if in.Fingerprint == "" {
		return keepOutcome{}, refuse(http.StatusBadRequest, `"fingerprint" is missing`)
	}
	return c.enrichAll([]string{in.Fingerprint}, in)
}

// A keepBatchEnrichment adds fields to several alerts.
type keepBatchEnrichment struct {
	Fingerprints []string        `json:"fingerprints"`
	Enrichments  map[string]data `json:"enrichments"`
}

func enrichBatch(c *call, in keepBatchEnrichment) (keepOutcome, error) {
	if len(in.Fingerprints) > maxBatch {
		return keepOutcome{}, refuse(http.StatusBadRequest, "more than %d fingerprints", maxBatch)
	}
	return c.enrichAll(in.Fingerprints, keepEnrichment{Enrichments: in.Enrichments})
}

func (c *call) enrichAll(fingerprints []string, in keepEnrichment) (keepOutcome, error) {
	fields, err := fieldsOf(in.Enrichments, c.yes("dispose_on_new_alert"))
	if err != nil {
		return keepOutcome{}, err
	}
	if in.Note != nil {
		fields = append(fields, engine.Field{Key: "note", Value: *in.Note})
	}
	if d, ok := in.Enrichments["dismissed"]; ok && strings.EqualFold(value.Text(d.v), "true") {
		fields = append(fields, engine.Field{Key: "status", Value: "suppressed", Disposable: c.yes("dispose_on_new_alert")})
	}
	c.about(strings.Join(fingerprints, " "), "")
	for _, fingerprint := range fingerprints {
		if _, err := c.s.amend(c.kept(), store.Amendment{Fingerprint: fingerprint, Set: fields, By: c.who.name, Action: "enriched"}); err != nil {
			return keepOutcome{}, err
		}
	}
	return keepOutcome{"ok"}, nil
}

// A keepUnenrichment names fields to be taken back.
type keepUnenrichment struct {
	Fingerprint string   `json:"fingerprint"`
	Enrichments []string `json:"enrichments"`
}

func unenrichKeep(c *call, in keepUnenrichment) (keepOutcome, error) {
	if in.Fingerprint == "" {
		return keepOutcome{}, refuse(http.StatusBadRequest, `"fingerprint" is missing`)
	}
	c.about(in.Fingerprint, "")
	_, err := c.s.amend(c.kept(), store.Amendment{Fingerprint: in.Fingerprint, Unset: in.Enrichments, By: c.who.name, Action: "unenriched"})
	return keepOutcome{"ok"}, err
}

// A keepDeletion hides an alert.
type keepDeletion struct {
	Fingerprint  string `json:"fingerprint"`
	LastReceived string `json:"lastReceived,omitempty"`
	Restore      bool   `json:"restore,omitempty"`
}

func deleteAlert(c *call, in keepDeletion) (keepOutcome, error) {
	if _, err := c.keepAlert(in.Fingerprint); err != nil {
		return keepOutcome{}, err
	}
	a := store.Amendment{Fingerprint: in.Fingerprint, By: c.who.name, Action: "deleted", Set: []engine.Field{{Key: "deleted", Value: true, Disposable: true}}}
	if in.Restore {
		a.Action, a.Set, a.Unset = "restored", nil, []string{"deleted"}
	}
	c.about(in.Fingerprint, "%s", a.Action)
	_, err := c.s.amend(c.kept(), a)
	return keepOutcome{"ok"}, err
}

func assignAlert(c *call) (keepOutcome, error) {
	fingerprint := c.PathValue("fingerprint")
	if _, err := c.keepAlert(fingerprint); err != nil {
		return keepOutcome{}, err
	}
	a := store.Amendment{Fingerprint: fingerprint, By: c.who.name, Action: "assigned", Set: []engine.Field{{Key: "assignee", Value: c.who.name}}}
	if c.yes("unassign") {
		a.Action, a.Set, a.Unset = "unassigned", nil, []string{"assignee"}
	}
	_, err := c.s.amend(c.kept(), a)
	return keepOutcome{"ok"}, err
}

// A keepDismissal names a delivery that could not be read; none: all.
type keepDismissal struct {
	ID data `json:"alert_id,omitzero"`
}

func (d keepDismissal) numbers() []int64 {
	if n, ok := d.ID.v.(int64); ok {
		return []int64{n}
	}
	return nil
}
