package server

import (
	"context"
	"time"

	"tocsin/engine/schedule"
	"tocsin/engine/store"
)

// watch adds the figures that the parts of s keep themselves.
func (m *Metrics) watch(s *Server) { m.asked = append(m.asked, s.figures) }

func (s *Server) figures(p *sheet) {
	st := s.Scheduler.Summary()
	clockFigures(p, st)
	laneFigures(p, st.Lanes)
	catalogFigures(p, s.catalog())
	s.storeFigures(p)
	if s.Worker != nil {
		workerFigures(p, s.Worker.State())
	}
	well := 0.0
	if len(s.unwell(st)) == 0 {
		well = 1
	}
	p.value(gauge, "tocsin_healthy", "Whether the process is well: its store, its scheduler and its messages: 1 or 0.", well)
}

// clockFigures adds those of a summary.
func clockFigures(p *sheet, st schedule.State) {
	ticks := p.family(counter, "tocsin_ticks_total", "Moments at which the clock wanted a run, by what came of them.", "outcome")
	for _, o := range []schedule.Outcome{schedule.Started, schedule.Skipped, schedule.Missed} {
		ticks.add(float64(st.Ticks[o]), string(o))
	}
	p.value(gauge, "tocsin_triggers_stale", "Triggers that do not tick as they should.", float64(len(st.Triggers)))
	p.value(gauge, "tocsin_ticks_unwritten", "Ticks that wait to be recorded.", float64(st.Unwritten))
	p.value(counter, "tocsin_ticks_lost_total", "Ticks that were not recorded.", float64(st.Lost))
	p.value(gauge, "tocsin_subscriptions", "Subscriptions of triggers.", float64(len(st.Subscriptions)))
}

func laneFigures(p *sheet, lanes []schedule.LaneState) {
	waiting := p.family(gauge, "tocsin_queue_jobs", "Runs that wait, by lane.", "lane")
	running := p.family(gauge, "tocsin_queue_running", "Runs that are under way, by lane.", "lane")
	workers := p.family(gauge, "tocsin_queue_workers", "How many runs of a lane there may be at a time.", "lane")
	refused := p.family(counter, "tocsin_queue_refused_total", "Jobs for which there was no room, by lane.", "lane")
	for _, l := range lanes {
		waiting.add(float64(l.Waiting), string(l.Lane))
		running.add(float64(l.Running), string(l.Lane))
		workers.add(float64(l.Workers), string(l.Lane))
		refused.add(float64(l.Refused), string(l.Lane))
	}
}

func catalogFigures(p *sheet, c *schedule.Catalog) {
	wrong := 0.0
	for _, problem := range c.Problems() {
		if !problem.Warning {
			wrong++
		}
	}
	p.value(gauge, "tocsin_workflows", "Workflows that are loaded.", float64(c.Len()))
	p.value(gauge, "tocsin_workflow_problems", "What is wrong with workflow files now; warnings are left out.", wrong)
}

func workerFigures(p *sheet, w schedule.WorkerState) {
	p.value(counter, "tocsin_run_panics_total", "Runs that panicked.", float64(w.Panics))
	p.value(counter, "tocsin_runs_abandoned_total", "Runs that did not end and were left behind.", float64(w.Abandoned))
	p.value(counter, "tocsin_runs_parked_total", "Jobs that were not run because the ones before went so badly.", float64(w.Parked))
}

func (s *Server) storeFigures(p *sheet) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	st, err := s.Store.Stats(ctx)
	if err != nil {
		return // that it is unwell is said by the figure for it
	}
	p.value(counter, "tocsin_store_commits_total", "Transactions that were written.", float64(st.Commits))
	p.value(counter, "tocsin_store_commit_seconds_total", "Time that they took, the sync of the disk included.", st.Committing.Seconds())
	p.value(counter, "tocsin_store_changes_total", "Changes in them.", float64(st.Changes))
	p.value(gauge, "tocsin_store_queue", "Changes that wait to be written.", float64(st.Queued))
	size := p.family(gauge, "tocsin_store_bytes", "Size of the store.", "file")
	size.add(float64(st.Bytes), "data")
	size.add(float64(st.Journal), "journal")

	waited := p.family(histogram, "tocsin_store_change_seconds", "How long changes waited to be on disk.")
	last := len(store.Waits) - 1
	counts := series{sum: st.Waited.Seconds(), count: float64(st.Waits[last])}
	for i, limit := range store.Waits[:last] {
		waited.points = append(waited.points, limit.Seconds())
		counts.at = append(counts.at, float64(st.Waits[i]))
	}
	waited.put(counts)
}
