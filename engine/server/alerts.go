package server

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"tocsin/engine"
	"tocsin/engine/episode"
	"tocsin/engine/schedule"
	"tocsin/engine/store"
	"tocsin/providers/keep"
	"tocsin/templating/value"
)

// alertList is alerts as workflows see them.
func alertList(found []keep.Found) []*value.Map {
	list := make([]*value.Map, 0, len(found))
	for _, f := range found {
		list = append(list, f.Alert)
	}
	return list
}

// search is a page of what is asked for: of each fingerprint the newest.
func (s *Server) search(ctx context.Context, q keep.Search, offset int) ([]*value.Map, int, error) {
	if err := s.checkCEL(q.CEL); err != nil {
		return nil, 0, err
	}
	var found []keep.Found
	var total int
	err := searching(ctx, func(ctx context.Context) (err error) {
		found, total, err = s.Store.AlertPage(ctx, q, offset)
		return err
	})
	return alertList(found), total, err
}

// searching is search, for no longer than a search may take.
func searching(ctx context.Context, search func(context.Context) error) error {
	limited, cancel := context.WithTimeout(ctx, searchLimit)
	defer cancel()
	err := search(limited)
	if err != nil && limited.Err() != nil && ctx.Err() == nil {
		err = refuse(http.StatusUnprocessableEntity, "the search takes longer than %s: narrow it, by time or status", searchLimit)
	}
	return err
}

const (
	maxCEL      = 4 << 10
	searchLimit = 10 * time.Second
)

func (s *Server) checkCEL(cel string) error {
	switch {
	case cel == "":
		return nil
	case len(cel) > maxCEL:
		return refuse(http.StatusBadRequest, "the search is longer than %d bytes", maxCEL)
	case s.Store.Match == nil:
		return refuse(http.StatusBadRequest, "this server cannot be searched in CEL")
	}
	if _, err := s.Store.Match(cel); err != nil {
		return refuse(http.StatusBadRequest, "the search cannot be read: %v", err)
	}
	return nil
}

// amend adds something to an alert. What waits for a change of its status is started.
func (s *Server) amend(ctx context.Context, a store.Amendment) (store.Change, error) {
	var jobs []schedule.Job
	c, err := s.Store.Amend(ctx, a, func(changes []store.Change) []schedule.Job {
		jobs = nil
		for _, c := range changes {
			if slices.Contains(c.Changed, "status") {
				jobs = append(jobs, s.Scheduler.Plan(c.Arrival())...)
			}
		}
		return traced(ctx, jobs)
	})
	if err != nil {
		return c, err
	}
	s.begin(ctx, jobs)
	return c, nil
}

// begin has jobs run that are on disk. If that cannot be, they are run later: the sender
// need not know.
func (s *Server) begin(ctx context.Context, jobs []schedule.Job) {
	if err := s.Scheduler.Put(context.WithoutCancel(ctx), jobs...); err != nil {
		s.Log.Error("runs that alerts start wait on disk", "runs", len(jobs), "problem", err)
	}
}

func alertRoutes() []route {
	const one = "/api/v1/alerts/{fingerprint}"
	return []route{
		get("/api/v1/alerts", reading, "Of each fingerprint the newest alert, the newest first.", listAlerts).takesPages(
			text("status", "firing, resolved, acknowledged, suppressed, pending or maintenance."), text("cel", "A condition in CEL."),
			text("since", "Not before this time."), text("until", "Not after this time.")),
		get(one, reading, "An alert, with what was added to it.", func(c *call) (*value.Map, error) {
			f, err := c.s.Store.Alert(c.Context(), c.PathValue("fingerprint"))
			return f.Alert, err
		}),
		get(one+"/history", reading, "The alerts of a fingerprint, the newest first.", alertHistory).takes(number("limit", "At most so many.")),
		get(one+"/audit", reading, "Who did what to an alert.", alertAudit),
		send("POST", one+"/acknowledge", operating, "Say that you know: no reminders, no escalations.", acknowledgeAlert),
		get(one+"/unacknowledge", operating, "Take that back.", unacknowledgeAlert).by("POST"),
		send("POST", one+"/enrich", operating, "Add fields to an alert, and to those of its fingerprint that come.", enrichAlert),
		get("/api/v1/episodes", reading, "What the actions of workflows tell of, and how it stands.", listEpisodes).takes(text("workflow", "Of this workflow."), text("status", "ok, pending, firing, acknowledged or resolved.")),
		send("POST", "/api/v1/episodes/acknowledge", operating, "Say that you know of what an action tells of.", func(c *call, in ackEpisode) (done, error) {
			c.about(in.key().String(), "%s", in.Reason)
			b, err := c.book()
			if err == nil {
				err = answered(b.Acknowledge(c.kept(), in.key(), c.ack(in.Reason, in.Until)))
			}
			return done{"acknowledged"}, err
		}),
		send("POST", "/api/v1/episodes/unacknowledge", operating, "Take that back.", func(c *call, in episodeKey) (done, error) {
			c.about(in.key().String(), "")
			b, err := c.book()
			if err == nil {
				err = answered(b.Unacknowledge(c.kept(), in.key()))
			}
			return done{"unacknowledged"}, err
		}),
		get("/api/v1/silences", reading, "Silences that are not over, the first to end first.", listSilences),
		send("POST", "/api/v1/silences", operating, "Keep messages back for some time.", makeSilence).answers(201),
		get("/api/v1/silences/{id}", operating, "End a silence.", func(c *call) (done, error) {
			b, err := c.book()
			if err == nil {
				err = b.Unsilence(c.kept(), c.PathValue("id"), c.who.name, c.query.Get("reason"), c.s.Now())
			}
			return done{"ended"}, err
		}).by("DELETE").takes(text("reason", "Why.")),
	}
}

func listAlerts(c *call) (p page[*value.Map], err error) {
	q := keep.Search{Distinct: true, CEL: c.query.Get("cel")}
	if status := c.query.Get("status"); status != "" {
		q.Filters = []keep.Filter{{Key: "status", Value: status}}
	}
	if q.From, err = c.moment("since"); err != nil {
		return p, err
	}
	if q.To, err = c.moment("until"); err != nil {
		return p, err
	}
	limit, offset, err := c.page(100)
	if err != nil {
		return p, err
	}
	q.Limit = limit
	list, total, err := c.s.search(c.Context(), q, offset)
	return page[*value.Map]{total, limit, offset, list}, err
}

func alertHistory(c *call) ([]*value.Map, error) {
	limit, err := c.number("limit", 100, 1000)
	if err != nil {
		return nil, err
	}
	found, err := c.s.Store.AlertHistory(c.Context(), c.PathValue("fingerprint"), max(1, limit))
	if err == nil && len(found) == 0 {
		err = fmt.Errorf("alert: %w", store.ErrNotFound)
	}
	return alertList(found), err
}

// An auditView is what somebody did to an alert.
type auditView struct {
	At     time.Time `json:"at"`
	By     string    `json:"by"`
	Action string    `json:"action"`
	Detail string    `json:"detail"`
}

func alertAudit(c *call) ([]auditView, error) {
	list := []auditView{}
	all, err := c.s.Store.Audit(c.Context(), c.PathValue("fingerprint"))
	for _, e := range all {
		list = append(list, auditView{e.At, e.By, e.Action, e.Detail})
	}
	return list, err
}

// An ackAlert says why, and until when.
type ackAlert struct {
	Reason string    `json:"reason,omitempty"`
	Until  time.Time `json:"until,omitzero" doc:"Left out: until it is over."`
}

func (c *call) ack(reason string, until time.Time) episode.Ack {
	return episode.Ack{By: c.who.name, Reason: reason, At: c.s.Now().UTC(), Until: until}
}

// acknowledgeAlert acknowledges the alert that came in, and what workflows tell of it.
func acknowledgeAlert(c *call, in ackAlert) (*value.Map, error) {
	found, err := c.s.Store.Alert(c.Context(), c.PathValue("fingerprint"))
	if err != nil {
		return nil, err
	}
	if status := textAt(found.Alert, "status"); status != "firing" && status != "acknowledged" {
		return nil, refuse(http.StatusConflict, "it does not fire: it is %s", status)
	}
	return c.acked("acknowledged", in.Reason, store.Amendment{Set: []engine.Field{{Key: "status", Value: "acknowledged"}, {Key: "assignee", Value: c.who.name}}},
		func(b *episode.Book, k episode.Key) error {
			return b.Acknowledge(c.kept(), k, c.ack(in.Reason, in.Until))
		})
}

func unacknowledgeAlert(c *call) (*value.Map, error) {
	found, err := c.s.Store.Alert(c.Context(), c.PathValue("fingerprint"))
	if err != nil {
		return nil, err
	}
	if textAt(found.Alert, "status") != "acknowledged" {
		return nil, refuse(http.StatusConflict, "nobody has acknowledged it")
	}
	return c.acked("unacknowledged", "", store.Amendment{Set: []engine.Field{{Key: "status", Value: "firing"}}, Unset: []string{"assignee"}},
		func(b *episode.Book, k episode.Key) error { return b.Unacknowledge(c.kept(), k) })
}

// acked amends the alert, then the episodes that are about it. One that is not in a
// state for it stays as it is.
func (c *call) acked(action, reason string, a store.Amendment, episodes func(*episode.Book, episode.Key) error) (*value.Map, error) {
	a.Fingerprint, a.By, a.Action, a.Detail = c.PathValue("fingerprint"), c.who.name, action, cmp.Or(reason, action)
	c.about(a.Fingerprint, "%s", reason)
	change, err := c.s.amend(c.kept(), a)
	if err != nil || c.s.Book == nil {
		return change.Alert, err
	}
	for _, r := range c.s.Book.Alerts() {
		if r.Key.Alert == a.Fingerprint {
			if err := episodes(c.s.Book, r.Key); err != nil {
				c.s.Log.Debug("an episode stays as it is", "episode", r.Key.String(), "problem", err)
			}
		}
	}
	return change.Alert, nil
}

// An enrichment is fields that are added to an alert.
type enrichment struct {
	Set        map[string]data `json:"set,omitempty"`
	Unset      []string        `json:"unset,omitempty" doc:"Fields that were added and are taken back."`
	Disposable bool            `json:"disposable,omitempty" doc:"They go with the next alert of the fingerprint."`
}

func enrichAlert(c *call, in enrichment) (*value.Map, error) {
	fingerprint := c.PathValue("fingerprint")
	if _, err := c.s.Store.Alert(c.Context(), fingerprint); err != nil {
		return nil, err
	}
	fields, err := fieldsOf(in.Set, in.Disposable)
	if err != nil {
		return nil, err
	}
	change, err := c.s.amend(c.kept(), store.Amendment{Fingerprint: fingerprint, Set: fields, Unset: in.Unset, By: c.who.name, Action: "enriched"})
	return change.Alert, err
}

const maxEnrichments = 64

// fieldsOf are the fields of an enrichment, in the order of their names.
func fieldsOf(set map[string]data, disposable bool) ([]engine.Field, error) {
	if len(set) > maxEnrichments {
		return nil, refuse(http.StatusBadRequest, "%d fields: at most %d are added at a time", len(set), maxEnrichments)
	}
	var fields []engine.Field
	for key, d := range set {
		if key == "" || key == "fingerprint" || key == "id" {
			return nil, refuse(http.StatusBadRequest, "the field %q of an alert cannot be changed", key)
		}
		fields = append(fields, engine.Field{Key: key, Value: d.v, Disposable: disposable})
	}
	slices.SortFunc(fields, func(a, b engine.Field) int { return strings.Compare(a.Key, b.Key) })
	return fields, nil
}

// book is where episodes and silences are, or the error that says there are none.
func (c *call) book() (*episode.Book, error) {
	if c.s.Book == nil {
		return nil, refuse(http.StatusNotFound, "this server has no memory of what workflows tell of")
	}
	return c.s.Book, nil
}

// answered is an error of a book for whoever asked: but for those of the store, they are
// about what was asked.
func answered(err error) error {
	if err == nil {
		return nil
	}
	if known(err) != nil {
		return err
	}
	return refuse(http.StatusConflict, "%v", err)
}

// An episodeKey names what an action tells of.
type episodeKey struct {
	Workflow string `json:"workflow"`
	Action   string `json:"action"`
	Alert    string `json:"alert,omitempty" doc:"The alert or item that it is about; none: the action tells of one thing."`
}

func (k episodeKey) key() episode.Key { return episode.Key(k) }

type ackEpisode struct {
	episodeKey
	ackAlert
}

// An episodeView is how it stands with what an action tells of.
type episodeView struct {
	episodeKey
	Status   string     `json:"status"`
	Severity string     `json:"severity,omitempty"`
	Since    *time.Time `json:"since,omitempty" doc:"Its first failure."`
	Fired    *time.Time `json:"fired,omitempty"`
	Ended    *time.Time `json:"ended,omitempty"`
	Failures int        `json:"failures" doc:"Of this episode."`
	Told     *time.Time `json:"told,omitempty" doc:"When somebody was told last."`
	Messages int        `json:"messages" doc:"That were told of this episode."`
	Text     string     `json:"text,omitempty" doc:"Of the first message."`
	Run      string     `json:"run,omitempty" doc:"That changed it last."`
	Acked    *ackView   `json:"acknowledged,omitempty"`
	Flapping bool       `json:"flapping,omitempty"`
}

type ackView struct {
	By     string     `json:"by"`
	Reason string     `json:"reason,omitempty"`
	At     time.Time  `json:"at"`
	Until  *time.Time `json:"until,omitempty"`
}

func viewEpisode(r episode.Record) episodeView {
	st := r.State
	v := episodeView{
		episodeKey: episodeKey(r.Key), Status: cmp.Or(string(st.Status), "unknown"), Severity: r.Labels["severity"],
		Since: whenever(st.Since), Fired: whenever(st.Fired), Ended: whenever(st.Ended), Failures: st.Count, Run: st.Run, Flapping: !st.Flapping.IsZero(),
	}
	var told time.Time
	for _, h := range st.Heard {
		if h.At.After(told) {
			told = h.At
		}
		v.Messages += h.Seq
		v.Text = cmp.Or(v.Text, h.Text)
	}
	v.Told = whenever(told)
	if st.Acked != nil {
		v.Acked = &ackView{st.Acked.By, st.Acked.Reason, st.Acked.At, whenever(st.Acked.Until)}
	}
	return v
}

func listEpisodes(c *call) ([]episodeView, error) {
	list := []episodeView{}
	if c.s.Book == nil {
		return list, nil
	}
	workflow, status := c.query.Get("workflow"), c.query.Get("status")
	for _, r := range c.s.Book.Alerts() {
		if v := viewEpisode(r); (workflow == "" || v.Workflow == workflow) && (status == "" || v.Status == status) {
			list = append(list, v)
		}
	}
	return list, nil
}

// A silenceView keeps messages back.
type silenceView struct {
	ID     string            `json:"id"`
	Match  map[string]string `json:"match"`
	Reason string            `json:"reason"`
	Owner  string            `json:"owner"`
	From   time.Time         `json:"from"`
	Until  time.Time         `json:"until"`
}

func viewSilence(s episode.Silence) silenceView {
	return silenceView{s.ID, s.Match, s.Reason, s.Owner, s.From, s.Until}
}

func listSilences(c *call) ([]silenceView, error) {
	list := []silenceView{}
	if c.s.Book == nil {
		return list, nil
	}
	for _, s := range c.s.Book.Silences(c.s.Now()) {
		list = append(list, viewSilence(s))
	}
	return list, nil
}

// A newSilence is what a silence is to be.
type newSilence struct {
	Match  map[string]string `json:"match" doc:"Labels and what they must be, all of them; * stands for any text. Labels are workflow, action, alert, severity and those of the alert."`
	Reason string            `json:"reason"`
	From   time.Time         `json:"from,omitzero" doc:"Left out: now."`
	Until  time.Time         `json:"until"`
}

func makeSilence(c *call, in newSilence) (silenceView, error) {
	b, err := c.book()
	if err != nil {
		return silenceView{}, err
	}
	s := episode.Silence{Match: in.Match, Reason: in.Reason, Owner: c.who.name, From: in.From, Until: in.Until}
	if s.From.IsZero() {
		s.From = c.s.Now().UTC()
	}
	if err := s.Check(); err != nil {
		return silenceView{}, refuse(http.StatusBadRequest, "%v", err)
	}
	c.about("", "%v until %s: %s", s.Match, s.Until.Format(time.RFC3339), s.Reason)
	s, err = b.Silence(c.kept(), s)
	return viewSilence(s), err
}

// textAt is the text under key, or "".
func textAt(m *value.Map, key string) string {
	v, _ := m.Get(key)
	s, _ := v.(string)
	return s
}
