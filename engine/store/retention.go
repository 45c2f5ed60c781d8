package store

import (
	"cmp"
	"context"
	"time"
)

// Retention says what Tend leaves. A zero field has the default, a negative one drops
// nothing.
type Retention struct {
	Runs         time.Duration // 30 days
	RunsPerFlow  int           // the newest 10,000 of each workflow
	Ticks        time.Duration // 7 days
	Alerts       time.Duration // 90 days since the last of its fingerprint
	AlertsPerKey int           // the newest 1,000 of each fingerprint
	Deliveries   time.Duration // 30 days since they ended
	Rejects      time.Duration // 14 days
	Incidents    time.Duration // 90 days since they were changed last, of those that are over: resolved, merged or deleted
	MaxIncidents int           // 10,000: a new one takes the place of one that is over (ChangeIncident)
	Audit        time.Duration // 90 days, of who did what to alerts; the log of AuditEntry stays
	Every        time.Duration // how often Tend looks: 10 minutes
}

const day = 24 * time.Hour

func (r Retention) filled() Retention {
	return Retention{
		Runs: cmp.Or(r.Runs, 30*day), RunsPerFlow: cmp.Or(r.RunsPerFlow, 10_000),
		Ticks: cmp.Or(r.Ticks, 7*day), Alerts: cmp.Or(r.Alerts, 90*day), AlertsPerKey: cmp.Or(r.AlertsPerKey, 1000),
		Deliveries: cmp.Or(r.Deliveries, 30*day), Rejects: cmp.Or(r.Rejects, 14*day), Audit: cmp.Or(r.Audit, 90*day),
		Incidents: cmp.Or(r.Incidents, 90*day), MaxIncidents: cmp.Or(r.MaxIncidents, 10_000),
		Every: cmp.Or(r.Every, 10*time.Minute),
	}
}

// Tend looks after the file until ctx is done: it drops what is too old or too much,
// gives room back, looks whether a disk that was full still is, and finishes the check
// for damage that Open had no time for. It returns the error of ctx, or why nothing can
// be written any more: then the process is to end, and the next one finds out what is on
// the disk (reliability.md §2).
func (s *Store) Tend(ctx context.Context) error {
	if !s.checked.Load() {
		s.finishCheck(ctx)
	}
	tidy, look, settle := time.NewTicker(s.Retention.Every), time.NewTicker(fullAgain), time.NewTicker(settleEvery)
	defer tidy.Stop()
	defer look.Stop()
	defer settle.Stop()
	for {
		if err := s.Tidy(ctx); err != nil && ctx.Err() == nil {
			s.Log.Error("what is too old could not be dropped from the store", "err", err)
		}
		if err := s.wait(ctx, tidy.C, look.C, settle.C); err != nil {
			return err
		}
	}
}

// fullAgain is how often a full disk is looked at.
const fullAgain = 10 * time.Second

// wait is until it is time to tidy, or returns why it never will be.
func (s *Store) wait(ctx context.Context, tidy, look, settle <-chan time.Time) error {
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-s.w.broke:
			return *s.w.broken.Load()
		case <-tidy:
			return nil
		case <-settle:
			if err := s.settle(ctx); err != nil && ctx.Err() == nil {
				s.Log.Error("last runs could not be noted in the store", "err", err)
			}
		case <-look:
			if s.disk.full.Load() && s.disk.fill(s.Log) {
				s.Log.Info("the disk of the store has room again", "path", s.Path)
			}
		}
	}
}

func (s *Store) finishCheck(ctx context.Context) {
	if err := s.check(ctx, 0); err != nil && ctx.Err() == nil {
		s.damage.Store(&err)
		s.Log.Error("the store is damaged", "path", s.Path, "err", err)
	}
}

// A sweep finds rows that are to go, and drops them.
type sweep struct {
	find string // their keys, at most as many as its last argument
	args []any
	drop string // a row by its key
}

// sweepSize is how many rows go at once: the writer does others' work in between.
const sweepSize = 200

// Tidy drops what is too old or too much, once.
func (s *Store) Tidy(ctx context.Context) error {
	if err := s.settle(ctx); err != nil {
		return err
	}
	for _, w := range s.byAge(s.Now()) {
		if err := s.sweep(ctx, w); err != nil {
			return err
		}
	}
	s.alerts.forget()
	if err := s.tidyRuns(ctx); err != nil {
		return err
	}
	if err := s.tidyAlerts(ctx); err != nil {
		return err
	}
	return s.shrink(ctx)
}

const (
	oldRuns = `SELECT no FROM runs INDEXED BY runs_started WHERE started < ? AND status <> 'running'
		AND NOT EXISTS (SELECT 1 FROM latest l WHERE l.workflow = runs.workflow AND (l.run = runs.no OR l.good = runs.no)) LIMIT ?`
	moreRuns = `SELECT no FROM runs INDEXED BY runs_workflow WHERE workflow = ?1 AND started <= coalesce((SELECT started FROM runs INDEXED BY runs_workflow
		WHERE workflow = ?1 ORDER BY started DESC, no DESC LIMIT 1 OFFSET ?2), -1) AND status <> 'running'
		AND NOT EXISTS (SELECT 1 FROM latest l WHERE l.workflow = ?1 AND (l.run = runs.no OR l.good = runs.no)) LIMIT ?3`
	oldAlerts  = "SELECT fingerprint FROM alerts INDEXED BY alerts_received WHERE received < ? AND last > 0 LIMIT ?"
	moreAlerts = `SELECT no FROM alert_events INDEXED BY alert_events_fingerprint WHERE fingerprint = ?1 AND no <= coalesce((SELECT no FROM alert_events
		INDEXED BY alert_events_fingerprint WHERE fingerprint = ?1 ORDER BY no DESC LIMIT 1 OFFSET ?2), -1) LIMIT ?3`
	oldTicks      = "SELECT at FROM ticks INDEXED BY ticks_at WHERE at < ? GROUP BY at LIMIT ?"
	oldDeliveries = "SELECT no FROM deliveries INDEXED BY deliveries_ended WHERE ended > 0 AND ended < ? LIMIT ?"
	oldRejects    = "SELECT no FROM rejects INDEXED BY rejects_at WHERE at < ? LIMIT ?"
	oldAudit      = "SELECT no FROM audit INDEXED BY audit_at WHERE at < ? LIMIT ?"
	oldEpisodes   = "SELECT no FROM episodes INDEXED BY episodes_changed WHERE status IN ('ok', 'resolved') AND changed < ? LIMIT ?"
	oldSilences   = "SELECT id FROM silences INDEXED BY silences_until WHERE until < ? LIMIT ?"
	oldTexts      = "SELECT version FROM texts INDEXED BY texts_gone WHERE gone > 0 AND gone < ? LIMIT ?"
	dropRun       = "DELETE FROM runs WHERE no = ?"
	dropEvent     = "DELETE FROM alert_events WHERE no = ?"
)

// byAge are the sweeps of what is too old.
func (s *Store) byAge(now time.Time) []sweep {
	r := s.Retention
	var list []sweep
	for _, w := range []struct {
		age        time.Duration
		find, drop string
	}{
		{r.Runs, oldRuns, dropRun},
		{r.Ticks, oldTicks, "DELETE FROM ticks WHERE at = ?"},
		{r.Deliveries, oldDeliveries, "DELETE FROM deliveries WHERE no = ?"},
		{r.Rejects, oldRejects, "DELETE FROM rejects WHERE no = ?"},
		{r.Audit, oldAudit, "DELETE FROM audit WHERE no = ?"},
		{r.Incidents, oldIncidents, dropIncident},
		{r.Runs, oldEpisodes, "DELETE FROM episodes WHERE no = ?"},
		{r.Runs, oldTexts, "DELETE FROM texts WHERE version = ?"},
		{r.Audit, oldSilences, "DELETE FROM silences WHERE id = ?"},
	} {
		if w.age > 0 {
			list = append(list, sweep{w.find, []any{stamp(now.Add(-w.age))}, w.drop})
		}
	}
	return list
}

// sweep drops all that w finds, a few at a time.
func (s *Store) sweep(ctx context.Context, w sweep) error {
	for {
		keys, err := s.keys(ctx, w.find, append(w.args, sweepSize)...)
		if err != nil || len(keys) == 0 {
			return err
		}
		err = s.finish(ctx, func(t *tx) error {
			for _, key := range keys {
				if err := t.exec(w.drop, key); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil || len(keys) < sweepSize {
			return err
		}
	}
}

func (s *Store) keys(ctx context.Context, query string, args ...any) ([]any, error) {
	rows, err := s.read.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	return collect(rows, func(key *any) []any { return []any{key} })
}

// tidyRuns leaves the newest runs of each workflow.
func (s *Store) tidyRuns(ctx context.Context) error {
	if s.Retention.RunsPerFlow < 0 {
		return nil
	}
	workflows, err := s.keys(ctx, "SELECT workflow FROM latest")
	if err != nil {
		return err
	}
	for _, workflow := range workflows {
		if err := s.sweep(ctx, sweep{moreRuns, []any{workflow, s.Retention.RunsPerFlow}, dropRun}); err != nil {
			return err
		}
	}
	return nil
}

// tidyAlerts drops the alerts of fingerprints of which nothing was heard for long, and
// of each other fingerprint all but the newest. When it began to fire is known still.
func (s *Store) tidyAlerts(ctx context.Context) error {
	if s.Retention.Alerts > 0 {
		if err := s.dropAlerts(ctx, stamp(s.Now().Add(-s.Retention.Alerts))); err != nil {
			return err
		}
	}
	if s.Retention.AlertsPerKey < 0 {
		return nil
	}
	crowded, err := s.keys(ctx, "SELECT fingerprint FROM alert_events INDEXED BY alert_events_fingerprint GROUP BY fingerprint HAVING count(*) > ?", s.Retention.AlertsPerKey)
	if err != nil {
		return err
	}
	for _, fingerprint := range crowded {
		if err := s.sweep(ctx, sweep{moreAlerts, []any{fingerprint, s.Retention.AlertsPerKey}, dropEvent}); err != nil {
			return err
		}
	}
	return nil
}

// dropAlerts drops what was last heard of before then: first the events, which may be
// many, then the alert itself, unless it came in again meanwhile.
func (s *Store) dropAlerts(ctx context.Context, before int64) error {
	for {
		old, err := s.keys(ctx, oldAlerts, before, sweepSize)
		if err != nil || len(old) == 0 {
			return err
		}
		for _, fingerprint := range old {
			if err := s.sweep(ctx, sweep{moreAlerts, []any{fingerprint, 1}, dropEvent}); err != nil {
				return err
			}
		}
		err = s.finish(ctx, func(t *tx) error { return dropQuiet(t, old, before) })
		if err != nil || len(old) < sweepSize {
			return err
		}
	}
}

func dropQuiet(t *tx, fingerprints []any, before int64) error {
	for _, fingerprint := range fingerprints {
		n, err := t.change("DELETE FROM alerts WHERE fingerprint = ? AND received < ?", fingerprint, before)
		if err != nil {
			return err
		}
		if n == 0 {
			continue
		}
		if err := t.exec("DELETE FROM alert_events WHERE fingerprint = ?", fingerprint); err != nil {
			return err
		}
	}
	return nil
}

// shrinkSize is how many pages are given back at once.
const shrinkSize = 256

// shrink gives room that is free back to the file system, where it is more than a
// quarter of the file.
func (s *Store) shrink(ctx context.Context) error {
	for last := int64(1<<63 - 1); ; {
		var free, all int64
		if err := s.read.QueryRowContext(ctx, "SELECT freelist_count, page_count FROM pragma_freelist_count, pragma_page_count").Scan(&free, &all); err != nil {
			return err
		}
		if free < shrinkSize || free*4 < all || free >= last {
			return nil
		}
		last = free
		err := s.finish(ctx, func(t *tx) error {
			rows, err := t.conn.QueryContext(background, "PRAGMA incremental_vacuum(256)")
			if err != nil {
				return err
			}
			_, err = collect(rows, func(key *any) []any { return nil })
			return err
		})
		if err != nil {
			return err
		}
	}
}
