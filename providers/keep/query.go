package keep

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tocsin/templating/value"
	"tocsin/workflows/schema"
)

// Query says which alerts are wanted: those of filters, or of a condition in CEL.
type Query struct {
	Filters   []Filter   `param:"filters" doc:"Fields that the alerts must have with these values, all of them (version 1)."`
	Version   int        `param:"version" default:"1" doc:"1 to search by filters, 2 by CEL; filter alone is version 2."`
	Filter    schema.CEL `param:"filter" doc:"Condition in CEL on the fields of the alerts (version 2)." example:"severity == 'critical' && source.contains('grafana')"`
	Distinct  bool       `param:"distinct" default:"true" doc:"Whether to have the newest alert of each fingerprint only (version 1)."`
	Days      float64    `param:"time_delta" default:"1" doc:"How many days to look back."`
	TimeRange *Range     `param:"timerange" doc:"Between which times to look, instead of time_delta."`
	Limit     int        `param:"limit" doc:"How many alerts to have at most; 100 for version 2, else all."`
	Rest      *value.Map `param:"*,warn" doc:"Other names are taken, as Keep does, and say nothing."`
}

// A Range is from one time to another.
type Range struct {
	From string `param:"from" doc:"Start, as ISO 8601; left out: the beginning." example:"2026-01-02T15:04:05Z"`
	To   string `param:"to" doc:"End, as ISO 8601; left out: now."`
}

const defaultLimit = 100 // of version 2, as in Keep

func (c *client) query(ctx context.Context, q Query) (any, error) {
	s, err := q.search(c.now())
	if err != nil {
		return nil, err
	}
	found, err := c.store.Alerts(ctx, s)
	if err != nil {
		return nil, err
	}
	list := make([]any, len(found))
	for i, f := range found {
		list[i] = f.Alert
		if s.CEL == "" {
			list[i] = f.withEnrichments()
		}
	}
	return list, nil
}

func (q Query) search(now time.Time) (Search, error) {
	s := Search{Filters: q.Filters, Limit: q.Limit}
	switch {
	case q.Version != 1 && q.Version != 2:
		return s, fmt.Errorf("version is 1 (filters) or 2 (filter, in CEL), not %d", q.Version)
	case q.Filter != "":
		s.CEL, s.Distinct = string(q.Filter), true
		if s.Limit == 0 {
			s.Limit = defaultLimit
		}
	case q.Version == 2:
		return s, errors.New("version 2 needs filter, a condition in CEL")
	case len(q.Filters) == 0:
		return s, errors.New("which alerts? give filters: [{key: ..., value: ...}], or version: 2 and filter")
	default:
		s.Distinct = q.Distinct
	}
	return s, q.within(now, &s)
}

// within sets the times of s.
func (q Query) within(now time.Time, s *Search) error {
	if q.TimeRange == nil {
		s.From = now.Add(-time.Duration(q.Days * float64(24*time.Hour)))
		return nil
	}
	for _, end := range []struct {
		text string
		dst  *time.Time
	}{{q.TimeRange.From, &s.From}, {q.TimeRange.To, &s.To}} {
		if end.text == "" {
			continue
		}
		if end.text == "now" { // as files for Keep end it
			*end.dst = now
			continue
		}
		t, ok := parseTime(end.text)
		if !ok {
			return fmt.Errorf("timerange: %q is not a time such as 2026-01-02T15:04:05Z", end.text)
		}
		*end.dst = t
	}
	return nil
}

// parseTime reads ISO 8601; a time without a zone is in UTC.
func parseTime(text string) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999Z07:00", "2006-01-02 15:04:05.999999999", "2006-01-02"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}

// withEnrichments is the alert as version 1 gives it. Files written for older Keeps
// read the same as alert_enrichment.enrichments and alert_fingerprint.
func (f Found) withEnrichments() *value.Map {
	enrichments := f.Enrichments
	if enrichments == nil {
		enrichments = value.NewMap(0)
	}
	m := f.Alert.Clone()
	m.Set("enrichments", enrichments)
	fingerprint, _ := m.Get("fingerprint")
	m.Set("alert_fingerprint", fingerprint)
	m.Set("alert_enrichment", value.MapOf(
		value.Entry{Key: "enrichments", Value: enrichments},
		value.Entry{Key: "alert_fingerprint", Value: fingerprint},
	))
	return m
}
