package store

import (
	"context"
	"time"
)

// What is known of each workflow's last run and each trigger's last tick is not written
// with every quick run, but now and then, for all that came since; whoever asks gets
// both. "settled" is the last run that was dealt with so.

const (
	settled = "(SELECT coalesce(max(value), 0) FROM meta WHERE key = 'settled')"

	allMarks = `SELECT workflow, trigger, max(at) FROM (SELECT workflow, trigger, at FROM marks
		UNION ALL SELECT workflow, tick, due FROM runs WHERE no > ` + settled + ` AND tick <> '') GROUP BY workflow, trigger ORDER BY workflow, trigger`

	lastRuns = "SELECT " + runColumns + ` FROM runs WHERE no IN (SELECT max(run) FROM (SELECT workflow, run FROM latest
		UNION ALL SELECT workflow, no FROM runs WHERE no > ` + settled + ` AND tick <> '' AND status <> 'running') GROUP BY workflow)`

	lastGoodRun = `SELECT id FROM runs WHERE no = coalesce((SELECT no FROM runs INDEXED BY runs_workflow
		WHERE workflow = ?1 AND no > ` + settled + ` AND status = 'done' ORDER BY started DESC, no DESC LIMIT 1), (SELECT good FROM latest WHERE workflow = ?1))`

	unsettled = `SELECT workflow, tick, max(due), max(CASE status WHEN 'running' THEN 0 ELSE no END), max(CASE status WHEN 'done' THEN no ELSE 0 END)
		FROM runs WHERE no > ` + settled + ` AND no <= ? AND tick <> '' GROUP BY workflow, tick`
)

// settleEvery is after how long quick runs are dealt with at the latest.
const settleEvery = time.Minute

// A standing is how far a trigger has come, and its workflow.
type standing struct {
	workflow, trigger string
	at, run, good     int64
}

// settle writes what is known of last runs and ticks, a few in each transaction: the
// writer does others' work in between.
func (s *Store) settle(ctx context.Context) error {
	var upTo, from int64
	if err := s.read.QueryRowContext(ctx, "SELECT coalesce(max(no), 0), "+settled+" FROM runs").Scan(&upTo, &from); err != nil || upTo == from {
		return err
	}
	rows, err := s.read.QueryContext(ctx, unsettled, upTo)
	if err != nil {
		return err
	}
	list, err := collect(rows, func(x *standing) []any { return []any{&x.workflow, &x.trigger, &x.at, &x.run, &x.good} })
	if err != nil {
		return err
	}
	for len(list) > 0 {
		some := list[:min(sweepSize, len(list))]
		list = list[len(some):]
		if err := s.finish(ctx, func(t *tx) error { return t.stand(some) }); err != nil {
			return err
		}
	}
	return s.finish(ctx, func(t *tx) error {
		return t.exec("INSERT INTO meta (key, value) VALUES ('settled', ?) ON CONFLICT DO UPDATE SET value = excluded.value", upTo)
	})
}

// settleLast is settle before the file is closed, so that who opens it has less to do.
func (s *Store) settleLast() {
	ctx, cancel := context.WithTimeout(background, 10*time.Second)
	defer cancel()
	if err := s.settle(ctx); err != nil {
		s.Log.Warn("last runs could not be noted in the store", "err", err)
	}
}

func (t *tx) stand(list []standing) error {
	for _, x := range list {
		if err := t.exec(putMark, x.workflow, x.trigger, x.at); err != nil {
			return err
		}
		if x.run == 0 {
			continue
		}
		if err := t.exec(putLatest, x.workflow, x.run, x.good); err != nil {
			return err
		}
	}
	return nil
}

const (
	putMark   = "INSERT INTO marks (workflow, trigger, at) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET at = max(at, excluded.at)"
	putLatest = "INSERT INTO latest (workflow, run, good) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET run = max(run, excluded.run), good = max(good, excluded.good)"
)
