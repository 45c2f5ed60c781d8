package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"time"

	"tocsin/engine"
	"tocsin/engine/schedule"
	"tocsin/templating/value"
)

// A Change is what an alert that came in, or was amended, changed.
type Change struct {
	Fingerprint string
	Alert       *value.Map // as it is seen from now on, with what was added to it
	Previous    *value.Map // as it was seen before; nil: it is the first of its fingerprint
	New         bool       // the first of its fingerprint
	Same        bool       // it says what the one before said, which starts nothing (spec §2.5)
	Changed     []string   // fields whose values differ, sorted; not lastReceived
	Received    time.Time
}

// Arrival is the change as triggers see it.
func (c Change) Arrival() engine.Arrival {
	a := engine.Arrival{Kind: "alert", Fields: Fields(c.Alert), Now: c.Received}
	if c.Previous != nil {
		a.Previous = Fields(c.Previous)
	}
	return a
}

var errNoFingerprint = errors.New("an alert without a fingerprint")

// Accept keeps alerts that came in from source, each under its "fingerprint", in order,
// and the jobs that plan makes of them, in one transaction: when Accept returns, they
// are on disk, and a job's run sees as its past what came before its alert. The alerts
// are normalised (engine.NormalizeAlert). plan may be nil; it must be quick, has the
// changes in the order of the alerts, and is called again if the transaction has to be
// made again.
func (s *Store) Accept(ctx context.Context, source string, alerts []*value.Map, plan func([]Change) []schedule.Job) ([]Change, error) {
	return s.AcceptOnce(ctx, Once{}, source, alerts, plan)
}

// AcceptOnce is Accept of what was signed, in one transaction with that it came: when it
// comes again, it is ErrSeen and nothing is kept. once is what tells it.
func (s *Store) AcceptOnce(ctx context.Context, once Once, source string, alerts []*value.Map, plan func([]Change) []schedule.Job) ([]Change, error) {
	now := s.Now().UTC()
	incoming, err := s.readAlerts(alerts, source, true, now)
	if err != nil {
		return nil, err
	}
	return making(ctx, s.write, func(t *tx) ([]Change, error) {
		if err := once.take(t, stamp(now)); err != nil {
			return nil, err
		}
		changes := make([]Change, 0, len(incoming))
		arrivals := make(map[string]int64, len(incoming))
		for i := range incoming {
			c, err := keepAlert(t, &incoming[i])
			if err != nil {
				return nil, err
			}
			changes = append(changes, c)
			arrivals[c.Fingerprint] = incoming[i].no
		}
		return changes, planned(t, plan, changes, arrivals, stamp(now))
	})
}

// planned takes on the jobs that plan makes of changes.
func planned(t *tx, plan func([]Change) []schedule.Job, changes []Change, arrivals map[string]int64, now int64) error {
	if plan == nil {
		return nil
	}
	jobs := plan(changes)
	for i := range jobs {
		fingerprint, _ := jobs[i].Input.Alert["fingerprint"].(string)
		if err := putJob(t, &jobs[i], arrivals[fingerprint], now); err != nil {
			return err
		}
	}
	return nil
}

// An incoming is an alert on its way in.
type incoming struct {
	alert       *value.Map
	fingerprint string
	source      string
	arrived     bool      // from outside, not made by a workflow
	at          time.Time // when it came in
	received    time.Time // as it says itself
	content     []byte    // hash of what it says, but for when it was received
	body        []byte
	added       []Amendment // by rules
	no          int64       // of its event, once it is kept
}

// AddTo has rules say, from now on, what is added to each alert that comes in or that a
// workflow makes, with it, in one transaction, and before anything is started by it. That
// it says what the one before said is not about what was added (spec §2.5). rules is quick
// and may be called from many goroutines; nil: nothing is added.
func (s *Store) AddTo(rules func(alert *value.Map) []Amendment) { s.rules.Store(&rules) }

// added is what the rules add to an alert.
func (s *Store) added(alert *value.Map) []Amendment {
	if rules := s.rules.Load(); rules != nil && *rules != nil {
		return (*rules)(alert)
	}
	return nil
}

func (s *Store) readAlerts(alerts []*value.Map, source string, arrived bool, now time.Time) ([]incoming, error) {
	list := make([]incoming, len(alerts))
	for i, alert := range alerts {
		fingerprint := textAt(alert, "fingerprint")
		if fingerprint == "" {
			return nil, errNoFingerprint
		}
		received, ok := readTime(textAt(alert, "lastReceived"))
		if !ok {
			received = now
		}
		said := plainMap(alert, 1)
		body := value.AppendJSON(nil, said)
		if _, dated := said.Get("lastReceived"); dated {
			said.Set("lastReceived", nil)
		}
		sum := sha256.Sum256(value.AppendJSON(make([]byte, 0, len(body)), said))
		list[i] = incoming{alert, fingerprint, source, arrived, now, received, sum[:16], body, s.added(alert), 0}
	}
	return list, nil
}

// textAt is the text under key, or "".
func textAt(m *value.Map, key string) string {
	v, _ := m.Get(key)
	s, _ := v.(string)
	return s
}

// readTime reads ISO 8601, with a zone or in UTC.
func readTime(s string) (time.Time, bool) {
	for _, layout := range [...]string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02 15:04:05Z07:00", time.DateTime, time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}

// A stream is what is known under one fingerprint.
type stream struct {
	known       bool
	last        int64 // its newest event; 0: none
	content     []byte
	enrichments *value.Map
	disposable  []any
	alert       *value.Map // of that event, as it came
	since       int64
	arrived     bool
}

func readStream(t *tx, fingerprint string) (st stream, err error) {
	var enrichments, disposable []byte
	st.known, err = t.get("SELECT last, content, enrichments, disposable FROM alerts WHERE fingerprint = ?",
		[]any{fingerprint}, &st.last, &st.content, &enrichments, &disposable)
	if err != nil || !st.known {
		st.enrichments = value.NewMap(0)
		return st, err
	}
	if st.enrichments, err = decodeMap(enrichments); err != nil {
		return st, err
	}
	list, err := decode(disposable)
	if err != nil {
		return st, err
	}
	st.disposable, _ = list.([]any)
	if st.last == 0 {
		return st, nil
	}
	var body []byte
	if _, err := t.get("SELECT body, since, arrived FROM alert_events WHERE no = ?", []any{st.last}, &body, &st.since, &st.arrived); err != nil {
		return st, err
	}
	st.alert, err = decodeMap(body)
	return st, err
}

// view is alert with what was added to it.
func view(alert, enrichments *value.Map) *value.Map {
	if alert == nil {
		return nil
	}
	seen := alert.Clone()
	for k, v := range enrichments.All() {
		seen.Set(k, v)
	}
	return seen
}

// keepAlert adds an alert to its stream. What was disposable went with the one before.
func keepAlert(t *tx, in *incoming) (Change, error) {
	st, err := readStream(t, in.fingerprint)
	if err != nil {
		return Change{}, err
	}
	c := Change{Fingerprint: in.fingerprint, Previous: view(st.alert, st.enrichments), New: st.last == 0, Received: in.received}
	c.Same = in.arrived && bytes.Equal(st.content, in.content)
	st.dispose()
	for i := range in.added {
		st.amend(&in.added[i])
	}
	c.Alert = view(in.alert, st.enrichments)
	c.Changed = differing(c.Previous, c.Alert)
	if err := in.note(t, c.Changed); err != nil {
		return c, err
	}
	if in.arrived {
		st.content = in.content
	}
	if err := st.append(t, in, c.Same); err != nil {
		return c, err
	}
	return c, st.write(t, in, c.Alert)
}

// note notes what rules added, as far as it is news.
func (in *incoming) note(t *tx, changed []string) error {
	for i := range in.added {
		a := &in.added[i]
		a.Fingerprint = in.fingerprint
		var news []string
		for _, f := range a.Set {
			if slices.Contains(changed, f.Key) {
				news = append(news, f.Key)
			}
		}
		if len(news) == 0 {
			continue
		}
		if err := a.note(t, news, stamp(in.at)); err != nil {
			return err
		}
	}
	return nil
}

func (st *stream) dispose() {
	if len(st.disposable) == 0 {
		return
	}
	st.enrichments = st.enrichments.Clone()
	for _, key := range st.disposable {
		if key, ok := key.(string); ok {
			st.enrichments.Delete(key)
		}
	}
	st.disposable = nil
}

// append adds the event; one that is the same as the newest is that one, again.
func (st *stream) append(t *tx, in *incoming, same bool) (err error) {
	if same && st.arrived {
		in.no = st.last
		return t.exec("UPDATE alert_events SET received = ?, repeats = repeats + 1, body = ? WHERE no = ?", stamp(in.received), in.body, in.no)
	}
	in.no, err = t.insert("INSERT INTO alert_events (fingerprint, received, status, since, arrived, source, body) VALUES (?, ?, ?, ?, ?, ?, ?)",
		in.fingerprint, stamp(in.received), textAt(in.alert, "status"), st.began(in), in.arrived, in.source, in.body)
	return err
}

// began is when the episode began that in is part of; 0: it is over. The alert may say
// so itself (firingStartTime).
func (st *stream) began(in *incoming) int64 {
	if status := textAt(in.alert, "status"); status == "resolved" || status == "pending" {
		return 0
	}
	since := st.since
	if since == 0 {
		since = stamp(in.received)
	}
	if said, ok := readTime(textAt(in.alert, "firingStartTime")); ok && stamp(said) < since {
		since = stamp(said)
	}
	return since
}

func (st *stream) write(t *tx, in *incoming, seen *value.Map) error {
	return t.exec(`INSERT INTO alerts (fingerprint, last, received, status, workflow, content, enrichments, disposable) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (fingerprint) DO UPDATE SET last = excluded.last, received = excluded.received, status = excluded.status,
		workflow = excluded.workflow, content = excluded.content, enrichments = excluded.enrichments, disposable = excluded.disposable`,
		in.fingerprint, in.no, stamp(in.received), textAt(seen, "status"), textAt(seen, "workflowId"), blob(st.content),
		encode(st.enrichments), encode(st.disposable))
}

// differing are the keys whose values are not the same in both.
func differing(a, b *value.Map) []string {
	var keys []string
	for k, v := range b.All() {
		if was, ok := a.Get(k); (!ok || !value.Equal(was, v)) && k != "lastReceived" {
			keys = append(keys, k)
		}
	}
	for k := range a.All() {
		if _, ok := b.Get(k); !ok {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	return keys
}

// Save implements keep.Store: alerts that a workflow made. They are normalised here.
func (s *Store) Save(ctx context.Context, alerts []*value.Map) ([]*value.Map, error) {
	now := s.Now().UTC()
	normal := make([]*value.Map, len(alerts))
	for i, alert := range alerts {
		o, err := engine.NormalizeAlert(Fields(alert), now, "")
		if err != nil {
			return nil, err
		}
		normal[i] = o.Map
	}
	made, err := s.readAlerts(normal, "", false, now)
	if err != nil {
		return nil, err
	}
	return making(ctx, s.write, func(t *tx) ([]*value.Map, error) {
		saved := make([]*value.Map, 0, len(made))
		for i := range made {
			c, err := keepAlert(t, &made[i])
			if err != nil {
				return nil, err
			}
			saved = append(saved, c.Alert)
		}
		return saved, nil
	})
}

// Forget implements keep.Store.
func (s *Store) Forget(ctx context.Context, fingerprints ...string) error {
	return s.finish(ctx, func(t *tx) error {
		for _, fingerprint := range fingerprints {
			for _, query := range []string{"DELETE FROM alert_events WHERE fingerprint = ?", "DELETE FROM alerts WHERE fingerprint = ?"} {
				if err := t.exec(query, fingerprint); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// An Amendment is what somebody adds to an alert, or takes back: a note, an assignee,
// that it is dismissed.
type Amendment struct {
	Fingerprint string
	Set         []engine.Field
	Unset       []string
	By          string // who, for the audit
	Action      string // what, in a word or two: "enriched", "assigned"
	Detail      string
}

// Enrich implements engine.Enricher. Fields of incidents are left out: they are in the
// run's result.
func (s *Store) Enrich(ctx context.Context, fingerprint string, fields []engine.Field) error {
	_, err := s.Amend(ctx, Amendment{Fingerprint: fingerprint, Set: fields, By: "workflow", Action: "enriched"}, nil)
	return err
}

// Amend adds fields to all alerts of the fingerprint, those to come included; a
// disposable one, and a status, to those until the next. An unknown fingerprint is
// remembered too: its alert may come later. plan is as for Accept; a workflow that
// waits for a change of status is started by it. The Alert of the change is nil while
// none came in.
func (s *Store) Amend(ctx context.Context, a Amendment, plan func([]Change) []schedule.Job) (Change, error) {
	now := s.Now().UTC()
	return making(ctx, s.write, func(t *tx) (Change, error) {
		st, err := readStream(t, a.Fingerprint)
		if err != nil {
			return Change{}, err
		}
		c := Change{Fingerprint: a.Fingerprint, Previous: view(st.alert, st.enrichments), Received: now}
		st.amend(&a)
		c.Alert = view(st.alert, st.enrichments)
		c.Changed = differing(c.Previous, c.Alert)
		if err := st.update(t, &a, c.Alert); err != nil {
			return c, err
		}
		if err := a.note(t, c.Changed, stamp(now)); err != nil || c.Alert == nil {
			return c, err
		}
		return c, planned(t, plan, []Change{c}, map[string]int64{a.Fingerprint: st.last}, stamp(now))
	})
}

func (st *stream) amend(a *Amendment) {
	st.enrichments = st.enrichments.Clone()
	for _, f := range a.Set {
		if f.Incident {
			continue
		}
		st.enrichments.Set(f.Key, f.Value)
		st.disposable = slices.DeleteFunc(st.disposable, func(key any) bool { return key == f.Key })
		// A status is what the alert is now: the next one says its own.
		if f.Disposable || f.Key == "status" {
			st.disposable = append(st.disposable, f.Key)
		}
	}
	for _, key := range a.Unset {
		st.enrichments.Delete(key)
	}
}

func (st *stream) update(t *tx, a *Amendment, seen *value.Map) error {
	return t.exec(`INSERT INTO alerts (fingerprint, last, received, status, workflow, content, enrichments, disposable) VALUES (?, 0, 0, ?, ?, X'', ?, ?)
		ON CONFLICT (fingerprint) DO UPDATE SET status = excluded.status, workflow = excluded.workflow, enrichments = excluded.enrichments, disposable = excluded.disposable`,
		a.Fingerprint, textAt(seen, "status"), textAt(seen, "workflowId"), encode(st.enrichments), encode(st.disposable))
}

// note keeps who did what.
func (a *Amendment) note(t *tx, changed []string, now int64) error {
	detail := a.Detail
	if detail == "" {
		detail = fmt.Sprint(changed)
	}
	return t.exec("INSERT INTO audit (fingerprint, at, by, action, detail) VALUES (?, ?, ?, ?, ?)", a.Fingerprint, now, a.By, a.Action, detail)
}
