package store

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"time"

	"tocsin/engine"
	"tocsin/engine/episode"
	"tocsin/engine/schedule"
	"tocsin/templating/value"
	"tocsin/workflows"
)

// Running is the status of a run that is under way.
const Running engine.Status = "running"

// Marks implements schedule.Recorder.
func (s *Store) Marks(ctx context.Context) ([]schedule.Mark, error) {
	rows, err := s.read.QueryContext(ctx, allMarks)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var marks []schedule.Mark
	for rows.Next() {
		var m schedule.Mark
		var at int64
		if err := rows.Scan(&m.Workflow, &m.Trigger, &at); err != nil {
			return nil, err
		}
		m.At = moment(at)
		marks = append(marks, m)
	}
	return marks, rows.Err()
}

// Tick implements schedule.Recorder.
func (s *Store) Tick(ctx context.Context, ticks ...schedule.Tick) error {
	if len(ticks) == 0 {
		return nil
	}
	s.begun.ticked(ticks)
	return s.finish(ctx, func(t *tx) error {
		for i := range ticks {
			if err := s.writeTick(t, &ticks[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

// writeTick keeps what came of a moment, which is decided once, and that the trigger
// came as far as that. A run of a moment before comes first: nobody would ask for it
// again.
func (s *Store) writeTick(t *tx, tick *schedule.Tick) error {
	if tick == nil {
		return nil
	}
	if err := s.commence(t, s.begun.ofTrigger(tick.Workflow, tick.Trigger)); err != nil {
		return err
	}
	at := stamp(tick.At)
	err := t.exec("INSERT INTO ticks (workflow, trigger, at, outcome, reason, run) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
		tick.Workflow, tick.Trigger, at, string(tick.Outcome), tick.Reason, tick.Run)
	if err != nil {
		return err
	}
	return t.exec(putMark, tick.Workflow, tick.Trigger, at)
}

// Put implements schedule.Recorder.
func (s *Store) Put(ctx context.Context, jobs ...schedule.Job) error {
	if jobs = s.begun.put(jobs); len(jobs) == 0 {
		return nil
	}
	now := stamp(s.Now())
	return s.write(ctx, func(t *tx) error {
		t.made.ID = jobs[0].Run
		return putJobs(t, jobs, now)
	})
}

// putJobs takes on jobs that no alert asked for.
func putJobs(t *tx, jobs []schedule.Job, now int64) error {
	for i := range jobs {
		if err := putJob(t, &jobs[i], 0, now); err != nil {
			return err
		}
	}
	return nil
}

// putJob takes j on, unless its run is known.
func putJob(t *tx, j *schedule.Job, arrival, now int64) error {
	return t.exec(`INSERT INTO jobs (run, workflow, key, begun, arrival, taken, body) SELECT ?1, ?2, ?3, 0, ?4, ?5, ?6
		WHERE NOT EXISTS (SELECT 1 FROM runs WHERE id = ?1) ON CONFLICT DO NOTHING`,
		j.Run, j.Workflow, j.Key, arrival, now, encodeJob(*j))
}

// Begin implements schedule.Recorder. A job that was cut off begins again, with the
// next Attempt.
func (s *Store) Begin(ctx context.Context, j schedule.Job, tick *schedule.Tick) error {
	if err := s.refuses(&op{}); err != nil {
		return err
	}
	now := stamp(s.Now())
	quick, err := s.begun.begin(&j, tick, now)
	if quick || err != nil {
		return err
	}
	if err = s.begin(ctx, j, tick, now); err != nil && ctx.Err() == nil {
		s.begun.over(&j)
	}
	return err
}

// begin writes down that j begins.
func (s *Store) begin(ctx context.Context, j schedule.Job, tick *schedule.Tick, now int64) error {
	return s.write(ctx, func(t *tx) error {
		t.made.ID = j.Run
		if err := begins(t, &j); err != nil {
			return err
		}
		if err := holdKey(t, &j); err != nil {
			return err
		}
		err := t.exec(`INSERT INTO jobs (run, workflow, key, begun, arrival, taken, body) VALUES (?, ?, ?, 1, 0, ?, ?)
			ON CONFLICT (run) DO UPDATE SET begun = 1, key = excluded.key, body = excluded.body`,
			j.Run, j.Workflow, j.Key, now, encodeJob(j))
		if err != nil {
			return err
		}
		if _, err := beginRun(t, &j, now); err != nil {
			return err
		}
		return s.writeTick(t, tick)
	})
}

// holdKey says that another run has the key of j.
func holdKey(t *tx, j *schedule.Job) error {
	if j.Key == "" {
		return nil
	}
	var other string
	busy, err := t.get("SELECT run FROM jobs WHERE workflow = ? AND key = ? AND begun = 1 AND key <> ''", []any{j.Workflow, j.Key}, &other)
	if busy && other != j.Run {
		return schedule.ErrBusy
	}
	return err
}

// begins says why j cannot begin now.
func begins(t *tx, j *schedule.Job) error {
	var status string
	var attempt int
	known, err := t.get("SELECT status, attempt FROM runs WHERE id = ?", []any{j.Run}, &status, &attempt)
	switch {
	case err != nil || !known:
		return err
	case status != string(Running):
		return fmt.Errorf("run %s is over (%s): %w", j.Run, status, schedule.ErrBusy)
	case attempt > j.Attempt:
		return fmt.Errorf("run %s was begun with a later attempt: %w", j.Run, schedule.ErrBusy)
	}
	return nil
}

// beginRun makes the row of the run, if it is not there, and returns its number.
func beginRun(t *tx, j *schedule.Job, now int64) (no int64, err error) {
	known, err := t.get("SELECT no FROM runs WHERE id = ?", []any{j.Run}, &no)
	switch {
	case err != nil:
		return 0, err
	case known:
		return no, t.exec("UPDATE runs SET attempt = ? WHERE no = ?", j.Attempt, no)
	}
	kind, event, fingerprint := cause(j.Input)
	no, err = t.insert(`INSERT INTO runs (id, workflow, trigger, by, status, due, started, attempt, fingerprint, event, kind, version)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		j.Run, j.Workflow, j.Input.Trigger, j.By, string(Running), stamp(j.Due), now, j.Attempt, fingerprint, event, kind, j.Version)
	if err != nil {
		return 0, err
	}
	return no, because(t, no, j)
}

// cause is what a run was started by.
func cause(in engine.Input) (kind, event, fingerprint string) {
	switch {
	case len(in.Incident) > 0:
		return "incident", textOf(in.Incident["id"]), ""
	case len(in.Alert) > 0:
		return "alert", textOf(in.Alert["id"]), textOf(in.Alert["fingerprint"])
	}
	return "", "", ""
}

func textOf(v any) string {
	if v == nil {
		return ""
	}
	return value.Text(v)
}

// Record implements schedule.Recorder. It waits for the disk where an action is about
// to be called, and nowhere else. What is held back is written within 200 ms; of a run that
// may yet be one row that is so from the end of its first step on, or within 1.2 s.
func (s *Store) Record(ctx context.Context, e engine.Event) error {
	if err := s.w.broken.Load(); err != nil {
		return *err
	}
	line := lines.Get().(*[]byte)
	*line = appendEvent((*line)[:0], &e)
	first := s.journal.add(&e, *line)
	if cap(*line) <= maxFree {
		lines.Put(line)
	}
	if first {
		wake(s.w.nudge)
	}
	if e.Action != engine.Calling || e.Kind != workflows.Notify {
		return nil
	}
	run := e.Run // not all of e
	return s.finish(ctx, func(t *tx) error { return s.flush(t, run) })
}

// lines are where events are encoded.
var lines = sync.Pool{New: func() any { return new([]byte) }}

// An Ending is how a run came out and what came of it, which is written in one
// transaction: all of it is there, or the run is still under way.
type Ending struct {
	Job        schedule.Job
	Result     *engine.Result
	Tick       *schedule.Tick // nil: Begin had it, or nobody's clock started the run
	Deliveries []Delivery     // what is to be sent now
	Jobs       []schedule.Job // what is to run now

	alerts []episode.Record // of the result, that are new
}

// End implements schedule.Recorder.
func (s *Store) End(ctx context.Context, j schedule.Job, r *engine.Result) error {
	return s.Finish(ctx, Ending{Job: j, Result: r})
}

// Finish ends a run. What its events carry is cut to 1 MiB each from then on.
func (s *Store) Finish(ctx context.Context, e Ending) error {
	now := stamp(s.Now())
	e.alerts = s.alerts.news(e.Result.Alerts)
	quiet := s.begun.has(e.Job.Run) && len(e.alerts)+len(e.Deliveries)+len(e.Jobs) == 0
	err := s.submit(ctx, &op{closes: true, waits: quiet, do: func(t *tx) error {
		if b := s.begun.of(e.Job.Run); b != nil {
			if done, err := s.finishQuick(t, b, &e, now); done {
				return err
			}
			if err := s.commence(t, b); err != nil {
				return err
			}
		}
		no, err := beginRun(t, &e.Job, cmp.Or(stamp(e.Result.Started), now))
		if err != nil {
			return err
		}
		if err := s.flush(t, e.Job.Run); err != nil {
			return err
		}
		if err := trim(t, no); err != nil {
			return err
		}
		if err := endRun(t, no, e.Result, now); err != nil {
			return err
		}
		if err := s.followUp(t, &e, now); err != nil {
			return err
		}
		return t.exec("DELETE FROM jobs WHERE run = ?", e.Job.Run)
	}})
	if err == nil {
		s.begun.over(&e.Job)
		s.alerts.note(e.alerts)
	}
	return err
}

func endRun(t *tx, no int64, r *engine.Result, now int64) error {
	err := t.exec("UPDATE runs SET status = ?, reason = ?, ended = ?, duration = ? WHERE no = ?",
		string(r.Status), r.Reason, cmp.Or(stamp(r.Started.Add(r.Duration)), now), int64(r.Duration), no)
	if err != nil {
		return err
	}
	good := int64(0)
	if r.Status == engine.Done {
		good = no
	}
	return t.exec(`INSERT INTO latest (workflow, run, good) SELECT workflow, no, ? FROM runs WHERE no = ?
		ON CONFLICT DO UPDATE SET run = max(run, excluded.run), good = max(good, excluded.good)`, good, no)
}

// followUp writes what came of the run besides its result.
func (s *Store) followUp(t *tx, e *Ending, now int64) error {
	if err := s.writeTick(t, e.Tick); err != nil {
		return err
	}
	if err := keepAlerts(t, e.alerts, now); err != nil {
		return err
	}
	for i := range e.Deliveries {
		if err := intend(t, &e.Deliveries[i], now); err != nil {
			return err
		}
	}
	return putJobs(t, e.Jobs, now)
}

// Drop implements schedule.Recorder. The run is listed as skipped, with the reason.
func (s *Store) Drop(ctx context.Context, j schedule.Job, reason string) error {
	now := s.Now()
	return s.Finish(ctx, Ending{Job: j, Result: &engine.Result{Status: engine.Skipped, Reason: reason, Started: now}})
}

// Unfinished implements schedule.Recorder. They are in the order in which they were
// taken on.
func (s *Store) Unfinished(ctx context.Context) ([]schedule.Unfinished, error) {
	rows, err := s.read.QueryContext(ctx, "SELECT body FROM jobs ORDER BY taken, run")
	if err != nil {
		return nil, err
	}
	bodies, err := collect(rows, func(b *[]byte) []any { return []any{b} })
	if err != nil {
		return nil, err
	}
	var list []schedule.Unfinished
	for _, body := range bodies {
		j, err := decodeJob(body)
		if err != nil {
			return nil, err
		}
		events, err := s.Events(ctx, j.Run)
		if err != nil {
			return nil, err
		}
		list = append(list, schedule.Unfinished{Job: j, Events: events})
	}
	return list, nil
}

// Ticks are what came of the moments of a workflow's triggers, the newest first; 0: at
// most 100.
func (s *Store) Ticks(ctx context.Context, workflow string, since time.Time, limit int) ([]schedule.Tick, error) {
	n := cmp.Or(limit, 100)
	rows, err := s.read.QueryContext(ctx, ticksQuery, workflow, stamp(since), n)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []schedule.Tick
	for rows.Next() {
		tick := schedule.Tick{Workflow: workflow}
		var at int64
		if err := rows.Scan(&tick.Trigger, &at, &tick.Outcome, &tick.Reason, &tick.Run); err != nil {
			return nil, err
		}
		tick.At = moment(at)
		list = append(list, tick)
	}
	return list, rows.Err()
}

const ticksQuery = `SELECT * FROM (SELECT trigger, at, outcome, reason, run FROM ticks WHERE workflow = ?1 AND at >= ?2 ORDER BY at DESC LIMIT ?3)
	UNION ALL SELECT * FROM (SELECT tick, due, 'started', '', id FROM runs INDEXED BY runs_workflow
		WHERE workflow = ?1 AND started >= ?2 AND tick <> '' AND due >= ?2 ORDER BY started DESC LIMIT ?3)
	ORDER BY 2 DESC LIMIT ?3`
