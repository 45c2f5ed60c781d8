package server

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"tocsin/engine"
	"tocsin/engine/schedule"
	"tocsin/engine/store"
)

// Metrics are figures for Prometheus, in a registry of their own. Their names are
// documented in this folder's README.md and do not change.
type Metrics struct {
	registry   *prometheus.Registry
	runs       *prometheus.CounterVec
	duration   *prometheus.HistogramVec
	late       *prometheus.HistogramVec
	alerts     *prometheus.CounterVec
	rejected   *prometheus.CounterVec
	deliveries *prometheus.CounterVec
	requests   *prometheus.CounterVec
	answered   *prometheus.HistogramVec
}

// NewMetrics makes metrics of a program of that version.
func NewMetrics(version string) *Metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	histogram := func(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
		return prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets}, labels)
	}
	m := &Metrics{
		registry:   prometheus.NewRegistry(),
		runs:       counter("tocsin_runs_total", "Runs that ended, by workflow and how.", "workflow", "status"),
		duration:   histogram("tocsin_run_duration_seconds", "How long runs took, by what started them.", prometheus.ExponentialBuckets(0.005, 3, 11), "trigger"),
		late:       histogram("tocsin_run_lateness_seconds", "How late runs began, by lane.", prometheus.ExponentialBuckets(0.001, 3, 11), "lane"),
		alerts:     counter("tocsin_alerts_accepted_total", "Alerts that came in and are on disk, by format.", "format"),
		rejected:   counter("tocsin_deliveries_rejected_total", "Deliveries that could not be read, by format.", "format"),
		deliveries: counter("tocsin_notifications_total", "Notifications, by how they came out.", "outcome"),
		requests:   counter("tocsin_http_requests_total", "Requests that were answered, by route, method and status.", "route", "method", "code"),
		answered:   histogram("tocsin_http_request_duration_seconds", "How long answers took, by route.", prometheus.ExponentialBuckets(0.0005, 4, 9), "route"),
	}
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "tocsin_build_info", Help: "Which program this is; always 1.", ConstLabels: prometheus.Labels{"version": orElse(version, "development")},
	})
	build.Set(1)
	m.registry.MustRegister(build, m.runs, m.duration, m.late, m.alerts, m.rejected, m.deliveries, m.requests, m.answered,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func (m *Metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4, Timeout: 10 * time.Second})
}

// Began counts a run that begins; it is for Worker.Began.
func (m *Metrics) Began(j schedule.Job, late time.Duration) {
	m.late.WithLabelValues(string(j.Lane())).Observe(max(0, late.Seconds()))
}

// Delivered counts a notification that came to an end, or an attempt that did not bring
// it to one: "confirmed", "dead", "suppressed", "unknown".
func (m *Metrics) Delivered(outcome string) { m.deliveries.WithLabelValues(outcome).Inc() }

// Recorder counts what r records.
func (m *Metrics) Recorder(r schedule.Recorder) schedule.Recorder { return counted{r, m} }

type counted struct {
	schedule.Recorder
	m *Metrics
}

func (c counted) End(ctx context.Context, j schedule.Job, r *engine.Result) error {
	err := c.Recorder.End(ctx, j, r)
	if err == nil {
		c.m.runs.WithLabelValues(j.Workflow, string(r.Status)).Inc()
		c.m.duration.WithLabelValues(j.Input.Trigger).Observe(r.Duration.Seconds())
	}
	return err
}

func (c counted) Drop(ctx context.Context, j schedule.Job, reason string) error {
	err := c.Recorder.Drop(ctx, j, reason)
	if err == nil {
		c.m.runs.WithLabelValues(j.Workflow, string(engine.Skipped)).Inc()
	}
	return err
}

// request counts an answer.
func (m *Metrics) request(route, how string, status int, took time.Duration) {
	if route == "" {
		route = "none"
	}
	m.requests.WithLabelValues(route, method(how), strconv.Itoa(status)).Inc()
	m.answered.WithLabelValues(route).Observe(took.Seconds())
}

// watch adds the figures that the parts of s keep themselves.
func (m *Metrics) watch(s *Server) { m.registry.MustRegister(newGauges(s)) }

// gauges ask the parts of a server when somebody asks.
type gauges struct {
	s                                                *Server
	ticks, waiting, running, workers, refused, stale *prometheus.Desc
	workflows, problems, unwritten, lost, connected  *prometheus.Desc
	commits, committing, changes, waited, size       *prometheus.Desc
	queued, panics, abandoned, parked, healthy       *prometheus.Desc
}

func newGauges(s *Server) *gauges {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("tocsin_"+name, help, labels, nil)
	}
	return &gauges{
		s:          s,
		ticks:      desc("ticks_total", "Moments at which the clock wanted a run, by what came of them.", "outcome"),
		waiting:    desc("queue_jobs", "Runs that wait, by lane.", "lane"),
		running:    desc("queue_running", "Runs that are under way, by lane.", "lane"),
		workers:    desc("queue_workers", "How many runs of a lane there may be at a time.", "lane"),
		refused:    desc("queue_refused_total", "Jobs for which there was no room, by lane.", "lane"),
		stale:      desc("triggers_stale", "Triggers that do not tick as they should."),
		workflows:  desc("workflows", "Workflows that are loaded."),
		problems:   desc("workflow_problems", "What is wrong with workflow files now; warnings are left out."),
		unwritten:  desc("ticks_unwritten", "Ticks that wait to be recorded."),
		lost:       desc("ticks_lost_total", "Ticks that were not recorded."),
		connected:  desc("subscriptions", "Subscriptions of triggers."),
		commits:    desc("store_commits_total", "Transactions that were written."),
		committing: desc("store_commit_seconds_total", "Time that they took, the sync of the disk included."),
		changes:    desc("store_changes_total", "Changes in them."),
		waited:     desc("store_change_seconds", "How long changes waited to be on disk."),
		size:       desc("store_bytes", "Size of the store.", "file"),
		queued:     desc("store_queue", "Changes that wait to be written."),
		panics:     desc("run_panics_total", "Runs that panicked."),
		abandoned:  desc("runs_abandoned_total", "Runs that did not end and were left behind."),
		parked:     desc("runs_parked_total", "Jobs that were not run because the ones before went so badly."),
		healthy:    desc("healthy", "Whether the store and the scheduler are well: 1 or 0."),
	}
}

// Describe says nothing, so that the registry does not ask before the parts are there.
func (g *gauges) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (g *gauges) Collect(to chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	counter := func(d *prometheus.Desc, v float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, v, labels...)
	}
	st := g.s.Scheduler.State()
	for _, o := range []schedule.Outcome{schedule.Started, schedule.Skipped, schedule.Missed} {
		counter(g.ticks, float64(st.Ticks[o]), string(o))
	}
	for _, l := range st.Lanes {
		gauge(g.waiting, float64(l.Waiting), string(l.Lane))
		gauge(g.running, float64(l.Running), string(l.Lane))
		gauge(g.workers, float64(l.Workers), string(l.Lane))
		counter(g.refused, float64(l.Refused), string(l.Lane))
	}
	stale := 0
	for _, t := range st.Triggers {
		if t.Stale {
			stale++
		}
	}
	wrong := 0
	for _, p := range g.s.catalog().Problems() {
		if !p.Warning {
			wrong++
		}
	}
	gauge(g.stale, float64(stale))
	gauge(g.workflows, float64(len(g.s.catalog().Items())))
	gauge(g.problems, float64(wrong))
	gauge(g.unwritten, float64(st.Unwritten))
	counter(g.lost, float64(st.Lost))
	gauge(g.connected, float64(len(st.Subscriptions)))
	well := 0.0
	if len(st.Unwell()) == 0 && g.s.Store.Health() == nil {
		well = 1
	}
	gauge(g.healthy, well)
	g.store(gauge, counter, to)
	if g.s.Worker != nil {
		w := g.s.Worker.State()
		counter(g.panics, float64(w.Panics))
		counter(g.abandoned, float64(w.Abandoned))
		counter(g.parked, float64(w.Parked))
	}
}

func (g *gauges) store(gauge, counter func(*prometheus.Desc, float64, ...string), to chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	st, err := g.s.Store.Stats(ctx)
	if err != nil {
		return // that it is unwell is said by the gauge for it
	}
	counter(g.commits, float64(st.Commits))
	counter(g.committing, st.Committing.Seconds())
	counter(g.changes, float64(st.Changes))
	gauge(g.queued, float64(st.Queued))
	gauge(g.size, float64(st.Bytes), "data")
	gauge(g.size, float64(st.Journal), "journal")
	buckets := map[float64]uint64{}
	last := len(store.Waits) - 1
	for i, limit := range store.Waits[:last] {
		buckets[limit.Seconds()] = st.Waits[i]
	}
	to <- prometheus.MustNewConstHistogram(g.waited, st.Waits[last], st.Waited.Seconds(), buckets)
}
