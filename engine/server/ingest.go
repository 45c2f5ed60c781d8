package server

import (
	"context"
	"crypto/sha256"
	"errors"
	"net/http"
	"time"

	"tocsin/engine"
	"tocsin/engine/ingest"
	"tocsin/engine/schedule"
	"tocsin/engine/store"
	"tocsin/templating/value"
)

func ingestRoutes() []route {
	return []route{
		take("POST", "/alerts/event", ingesting, "Bring alerts: an object, a list, or anything (format keep).", func(c *call) (queued, error) {
			return c.receive("keep")
		}).answers(202).keyInURL().orSigned().takes(deliveryParams()...),
		take("POST", "/alerts/event/{type}", ingesting, "Bring alerts as another system tells them: see /api/v1/formats.", func(c *call) (queued, error) {
			return c.receive(c.PathValue("type"))
		}).answers(202).keyInURL().orSigned().takes(deliveryParams()...),
		take("POST", "/api/v1/events/{format}", ingesting, "Bring alerts as another system tells them: see /api/v1/formats.", func(c *call) (accepted, error) {
			return c.deliver(c.PathValue("format"))
		}).answers(202).keyInURL().orSigned().takes(deliveryParams()...),
		get("/api/v1/formats", reading, "How other systems tell their alerts, and what to set there.", listFormats),
		take("POST", "/api/v2/alerts", ingesting, "Alertmanager's: where Prometheus brings its alerts.", func(c *call) (struct{}, error) {
			_, err := c.deliver("prometheus")
			return struct{}{}, err
		}),
		get("/api/v2/alerts", reading, "Alertmanager's: alerts that are not resolved.", gettable).takes(
			text("filter", `A matcher: severity="critical". Several must all hold.`), param{"active", "boolean", "Those that people are told of; default true."},
			param{"silenced", "boolean", "Those that are suppressed or acknowledged; default true."}, param{"unprocessed", "boolean", "Those that are pending; default true."}),
		get("/api/v2/status", reading, "Alertmanager's: what answers.", alertmanagerStatus),
		get("/api/v1/rejects", reading, "Deliveries that could not be read, the newest first.", listRejects).takes(number("limit", "At most so many.")),
		send("POST", "/api/v1/rejects/dismiss", operating, "Take deliveries off that list.", dismissRejects),
	}
}

func deliveryParams() []param {
	return []param{text("provider_id", "Which of several systems of a kind it is."), text("fingerprint", "Names the alert of a delivery that tells of one."), text("severity", "Of alerts that do not say theirs.")}
}

// A queued is Keep's answer: its alerts are worked at later.
type queued struct {
	Task string `json:"task_name"`
}

// An accepted says what was taken on. It is on disk.
type accepted struct {
	Alerts int    `json:"alerts" doc:"That came in."`
	Runs   int    `json:"runs" doc:"That they started."`
	Note   string `json:"note,omitempty" doc:"Why there are no alerts, where that is in order."`
}

func (c *call) receive(format string) (queued, error) {
	_, err := c.deliver(format)
	return queued{c.w.Header().Get("X-Request-Id")}, err
}

// deliver takes in what another system brings. When it returns without an error, the
// alerts and what they start are on disk.
func (c *call) deliver(name string) (accepted, error) {
	format, ok := ingest.Lookup(name)
	if !ok {
		return accepted{}, refuse(http.StatusBadRequest, "Provider %s not found: see /api/v1/formats", short(name))
	}
	if err := c.s.ready(); err != nil {
		return accepted{}, err
	}
	raw, body, err := c.rawBody()
	if err != nil {
		return accepted{}, c.s.rejected(c, format.Name, nil, err)
	}
	r := ingest.Request{Header: c.Header, Query: c.query, Body: body, Raw: raw, Now: c.s.Now().UTC(), Fetch: c.s.Fetch}
	if rules := c.s.ruling.now.Load(); rules.Early() {
		r.Before = rules.Before
	}
	proof, err := c.prove(format, r)
	if err != nil {
		return accepted{}, err
	}
	alerts, wrong := format.Parse(r)
	var skip *ingest.Skip
	if errors.As(wrong, &skip) {
		return accepted{Note: skip.Reason}, nil
	}
	took, err := c.s.accept(c.kept(), onceOf(proof, r.Now), format.Name, alerts, r.Now)
	if err != nil {
		return took, c.s.rejected(c, format.Name, body, err)
	}
	if wrong != nil {
		return took, c.s.rejected(c, format.Name, body, wrong)
	}
	return took, nil
}

// ready says why nothing can be taken on now.
func (s *Server) ready() error {
	if err := s.Store.Health(); err != nil {
		return later(http.StatusServiceUnavailable, 30*time.Second, "the store is unwell: %v", err)
	}
	if s.Scheduler.Full() {
		return later(http.StatusServiceUnavailable, 5*time.Second, "%v", schedule.ErrFull)
	}
	return nil
}

// prove checks the signature of what came without a key.
func (c *call) prove(format ingest.Format, r ingest.Request) (ingest.Proof, error) {
	if !c.unkeyed {
		return ingest.Proof{}, nil
	}
	check, ok := c.s.Checks[format.Name]
	if !ok {
		return ingest.Proof{}, refuse(http.StatusUnauthorized, "Missing credentials: send X-API-KEY, or Authorization: Bearer")
	}
	proof, err := ingest.Verify(r, check)
	if err != nil {
		c.s.guard.guesses.take(c.s.guard.address(c.Request), c.s.Now())
	}
	return proof, err
}

// onceOf is what tells a delivery that was signed from all others (reliability.md, H1).
func onceOf(proof ingest.Proof, now time.Time) store.Once {
	if proof.ID == "" {
		return store.Once{}
	}
	sum := sha256.Sum256([]byte(proof.ID))
	return store.Once{ID: sum[:16], Until: now.Add(proof.Keep)}
}

// accept keeps alerts and what they start, and that they came, in one transaction.
func (s *Server) accept(ctx context.Context, once store.Once, source string, alerts []ingest.Alert, now time.Time) (accepted, error) {
	if len(alerts) == 0 && once.ID == nil {
		return accepted{}, nil
	}
	normal, err := normalized(alerts, now)
	if err != nil {
		return accepted{}, err
	}
	var jobs []schedule.Job
	changes, err := s.Store.AcceptOnce(ctx, once, source, normal, func(changes []store.Change) []schedule.Job {
		jobs = nil
		for _, c := range changes {
			if !c.Same {
				jobs = append(jobs, s.Scheduler.Plan(c.Arrival())...)
			}
		}
		return traced(ctx, jobs)
	})
	if err != nil {
		return accepted{}, err
	}
	s.Metrics.alerts.add(float64(len(changes)), source)
	s.begin(ctx, jobs)
	return accepted{Alerts: len(changes), Runs: len(jobs)}, nil
}

func normalized(alerts []ingest.Alert, now time.Time) ([]*value.Map, error) {
	list := make([]*value.Map, len(alerts))
	for i, a := range alerts {
		// An id of its own would make each alert news that says what the one before said.
		seed, _ := a["fingerprint"].(string)
		o, err := engine.NormalizeAlert(a, now, seed)
		if err != nil {
			return nil, &ingest.Error{Kind: ingest.Invalid, Reason: err.Error()}
		}
		list[i] = o.Map
	}
	return list, nil
}

// rejected keeps what could not be read, so that it does not vanish, and returns why. A
// sender who did not say who it is cannot fill the disk.
func (s *Server) rejected(c *call, format string, body []byte, why error) error {
	p := problemOf(why)
	if p.status >= 500 || p.status == http.StatusUnauthorized || p.status == http.StatusRequestTimeout {
		return why
	}
	s.Metrics.rejected.add(1, format)
	if c.unkeyed && body == nil {
		return why
	}
	if err := s.Store.Reject(c.kept(), format, body, p.detail); err != nil {
		return err
	}
	return why
}

// A formatView is how another system tells its alerts.
type formatView struct {
	Name    string   `json:"name"`
	Aliases []string `json:"aliases"`
	Title   string   `json:"title"`
	Doc     string   `json:"doc" doc:"What to set at the other system, as Markdown."`
	Schemes []string `json:"schemes" doc:"How it can prove who it is, the best first."`
}

func listFormats(*call) ([]formatView, error) {
	list := []formatView{}
	for _, f := range ingest.Formats() {
		list = append(list, formatView{f.Name, append([]string{}, f.Aliases...), f.Title, f.Doc, append([]string{}, f.Schemes...)})
	}
	return list, nil
}

// A rejectView is a delivery that could not be read.
type rejectView struct {
	ID     int64     `json:"id"`
	At     time.Time `json:"timestamp"`
	Format string    `json:"provider_type"`
	Reason string    `json:"error_message"`
	Body   string    `json:"raw_alert" doc:"The first 64 KiB."`
}

func listRejects(c *call) ([]rejectView, error) {
	limit, err := c.number("limit", 100, 1000)
	if err != nil {
		return nil, err
	}
	all, err := c.s.Store.Rejects(c.Context(), max(1, limit))
	list := []rejectView{}
	for _, r := range all {
		list = append(list, rejectView{r.No, r.At, r.Source, r.Reason, string(r.Body)})
	}
	return list, err
}

// A dismissal takes deliveries off the list of those that could not be read.
type dismissal struct {
	IDs []int64 `json:"ids,omitempty" doc:"None: all."`
}

func dismissRejects(c *call, in dismissal) (done, error) {
	return done{"dismissed"}, c.s.Store.DismissRejects(c.kept(), in.IDs...)
}
