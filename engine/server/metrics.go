package server

import (
	"compress/gzip"
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"tocsin/engine"
	"tocsin/engine/schedule"
)

// Metrics are figures for Prometheus. Their names are documented in this folder's
// README.md and do not change.
//
// What happens is counted as it happens; all else is read when somebody asks, so that a
// program that nobody asks, such as one run, has nothing to prepare.
type Metrics struct {
	counted    sheet
	runs       *family
	duration   *family
	late       *family
	alerts     *family
	rejected   *family
	deliveries *family
	requests   *family
	answered   *family

	theirs sync.Map       // figures of providers and their families
	asked  []func(*sheet) // add what is read when somebody asks
	answer chan struct{}  // as many as may be answered at a time
}

// NewMetrics makes metrics of a program of that version.
func NewMetrics(version string) *Metrics {
	var p sheet
	m := &Metrics{
		runs:       p.family(counter, "tocsin_runs_total", "Runs that ended, by workflow and how.", "status", "workflow"),
		duration:   p.spread("tocsin_run_duration_seconds", "How long runs took, by what started them.", 0.005, 3, 11, "trigger"),
		late:       p.spread("tocsin_run_lateness_seconds", "How late runs began, by lane.", 0.001, 3, 11, "lane"),
		alerts:     p.family(counter, "tocsin_alerts_accepted_total", "Alerts that came in and are on disk, by format.", "format"),
		rejected:   p.family(counter, "tocsin_deliveries_rejected_total", "Deliveries that could not be read, by format.", "format"),
		deliveries: p.family(counter, "tocsin_notifications_total", "Notifications, by how they came out.", "outcome"),
		requests:   p.family(counter, "tocsin_http_requests_total", "Requests that were answered, by route, method and status.", "code", "method", "route"),
		answered:   p.spread("tocsin_http_request_duration_seconds", "How long answers took, by route.", 0.0005, 4, 9, "route"),
		answer:     make(chan struct{}, 4),
	}
	m.asked = []func(*sheet){readRuntime, readProcess(time.Now()), m.readProviders}
	p.family(gauge, "tocsin_build_info", "Which program this is; always 1.", "version").add(1, orElse(version, "development"))
	m.counted = p
	return m
}

// ServeHTTP answers with all figures, as text. Who asks while four others are answered
// is told to come again.
func (m *Metrics) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	select {
	case m.answer <- struct{}{}:
		defer func() { <-m.answer }()
	default:
		writeProblem(w, r, refuse(http.StatusServiceUnavailable, "four others ask already"))
		return
	}
	text := m.text()
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	w.Header().Set("Vary", "Accept-Encoding")
	if !takesGzip(r) {
		_, _ = w.Write(text) // who asked has left; there is nobody to tell
		return
	}
	w.Header().Set("Content-Encoding", "gzip")
	z := gzip.NewWriter(w)
	_, _ = z.Write(text)
	_ = z.Close()
}

func (m *Metrics) text() []byte {
	p := slices.Clone(m.counted)
	for _, add := range m.asked {
		add(&p)
	}
	return p.text()
}

func takesGzip(r *http.Request) bool {
	for coding := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
		name, weight, _ := strings.Cut(strings.ReplaceAll(coding, " ", ""), ";q=")
		if q, err := strconv.ParseFloat(weight, 64); strings.EqualFold(name, "gzip") && (err != nil || q > 0) {
			return true
		}
	}
	return false
}

// Began counts a run that begins; it is for Worker.Began.
func (m *Metrics) Began(j schedule.Job, late time.Duration) {
	m.late.observe(max(0, late.Seconds()), string(j.Lane()))
}

// Delivered counts a notification that came to an end, or an attempt that did not bring
// it to one: "confirmed", "dead", "suppressed", "unknown".
func (m *Metrics) Delivered(outcome string) { m.deliveries.add(1, outcome) }

// Recorder counts what r records.
func (m *Metrics) Recorder(r schedule.Recorder) schedule.Recorder { return counted{r, m} }

type counted struct {
	schedule.Recorder
	m *Metrics
}

func (c counted) End(ctx context.Context, j schedule.Job, r *engine.Result) error {
	err := c.Recorder.End(ctx, j, r)
	if err == nil {
		c.m.runs.add(1, string(r.Status), j.Workflow)
		c.m.duration.observe(r.Duration.Seconds(), j.Input.Trigger)
	}
	return err
}

func (c counted) Drop(ctx context.Context, j schedule.Job, reason string) error {
	err := c.Recorder.Drop(ctx, j, reason)
	if err == nil {
		c.m.runs.add(1, string(engine.Skipped), j.Workflow)
	}
	return err
}

// request counts an answer.
func (m *Metrics) request(route, how string, status int, took time.Duration) {
	if route == "" {
		route = "none"
	}
	m.requests.add(1, strconv.Itoa(status), method(how), route)
	m.answered.observe(took.Seconds(), route)
}
