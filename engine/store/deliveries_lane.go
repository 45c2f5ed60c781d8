package store

import (
	"context"
	"time"
)

// What whoever sends messages asks and notes, besides Attempt and Settle.

// Take keeps a message that is to be sent, and in the same transaction counts its first
// attempt where its State is Sending. It returns what is known of its key then, and in
// which State that was before; "": it is new. A message that died before the time `again`,
// and not because it killed the process, is alive again: somebody still wants it sent.
func (s *Store) Take(ctx context.Context, d Delivery, again time.Time) (known Delivery, before State, err error) {
	now := stamp(s.Now())
	if d.State == Sending {
		d.Attempts = 1
	}
	type taken struct {
		known  Delivery
		before State
	}
	made, err := making(ctx, s.finish, func(t *tx) (taken, error) {
		known, err := deliveryOf(t, d.Key)
		if err != nil {
			return taken{}, err
		}
		before := known.State
		switch {
		case known.No == 0:
			if err := intend(t, &d, now); err != nil {
				return taken{}, err
			}
		case known.State == Dead && known.Deaths == 0 && known.Ended.Before(again):
			if err := t.exec("UPDATE deliveries SET state = ?, run = ?, sealed = ?, next = ?, expires = ?, ended = 0, reported = 0 WHERE key = ?",
				string(Pending), d.Run, blob(d.Sealed), now, stamp(d.Expires), d.Key); err != nil {
				return taken{}, err
			}
			fallthrough
		default:
			if d.State != Sending {
				break
			}
			if err := t.exec("UPDATE deliveries SET state = ?, attempts = attempts + 1 WHERE key = ? AND ended = 0", string(Sending), d.Key); err != nil {
				return taken{}, err
			}
		}
		known, err = deliveryOf(t, d.Key)
		return taken{known, before}, err
	})
	return made.known, made.before, err
}

// deliveryOf is the message of that key; its No is 0 if there is none.
func deliveryOf(t *tx, key string) (d Delivery, err error) {
	var at deliveryTimes
	if _, err := t.get("SELECT "+deliveryColumns+" FROM deliveries WHERE key = ?", []any{key}, d.columns(&at)...); err != nil {
		return d, err
	}
	d.date(at)
	return d, nil
}

// Interrupted are the messages that were being sent when the last process died, which
// counts as a death of each. They are Unknown from then on, and due. It is asked once,
// before anything is sent.
func (s *Store) Interrupted(ctx context.Context) ([]Delivery, error) {
	now := stamp(s.Now())
	return making(ctx, s.finish, func(t *tx) (list []Delivery, err error) {
		rows, err := t.rows("UPDATE deliveries SET state = ?, deaths = deaths + 1, next = ? WHERE state = ? AND ended = 0 RETURNING "+deliveryColumns,
			string(Unknown), now, string(Sending))
		if err != nil {
			return nil, err
		}
		defer rows.Close()
		for rows.Next() {
			var d Delivery
			var at deliveryTimes
			if err := rows.Scan(d.columns(&at)...); err != nil {
				return nil, err
			}
			d.date(at)
			list = append(list, d)
		}
		return list, rows.Err()
	})
}

// A Backlog is what waits for one destination.
type Backlog struct {
	Destination string
	Count       int
	Next        time.Time // when the first is to be tried
	Oldest      time.Time // since when the first waits
}

const backlogQuery = "SELECT destination, count(*), min(next), min(created) FROM deliveries INDEXED BY deliveries_waiting WHERE ended = 0 AND state <> 'sending' GROUP BY destination"

// Backlogs are the destinations for which something waits.
func (s *Store) Backlogs(ctx context.Context) ([]Backlog, error) {
	rows, err := s.read.QueryContext(ctx, backlogQuery)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []Backlog
	for rows.Next() {
		var b Backlog
		var next, oldest int64
		if err := rows.Scan(&b.Destination, &b.Count, &next, &oldest); err != nil {
			return nil, err
		}
		b.Next, b.Oldest = moment(next), moment(oldest)
		list = append(list, b)
	}
	return list, rows.Err()
}

const waitingQuery = "SELECT " + deliveryColumns + ` FROM deliveries AS d INDEXED BY deliveries_waiting WHERE ended = 0 AND destination = ? AND next <= ? AND state <> 'sending'
	AND (episode = '' OR NOT EXISTS (SELECT 1 FROM deliveries e INDEXED BY deliveries_episode WHERE e.episode = d.episode AND e.episode <> '' AND e.no < d.no AND e.ended = 0))
	AND (kind = 'digest' OR NOT EXISTS (SELECT 1 FROM deliveries g INDEXED BY deliveries_digest WHERE g.destination = d.destination AND g.ended = 0 AND g.kind = 'digest'))
	ORDER BY no LIMIT ?`

// Waiting are the messages for a destination whose time has come, in the order in which
// they were intended. Of one episode it is the first that has not ended; while there is
// a digest, it is that.
func (s *Store) Waiting(ctx context.Context, destination string, now time.Time, limit int) ([]Delivery, error) {
	return s.deliveries(ctx, waitingQuery, destination, stamp(now), limit)
}

const queuedQuery = "SELECT " + deliveryColumns + " FROM deliveries INDEXED BY deliveries_waiting WHERE ended = 0 AND destination = ? AND state <> 'sending' ORDER BY no LIMIT ?"

// Queued is all that waits for a destination, in the order in which it was intended.
func (s *Store) Queued(ctx context.Context, destination string, limit int) ([]Delivery, error) {
	return s.deliveries(ctx, queuedQuery, destination, limit)
}

const episodeQuery = "SELECT " + deliveryColumns + " FROM deliveries INDEXED BY deliveries_episode WHERE episode = ? AND episode <> '' ORDER BY no"

// Episode are all messages of an episode, in the order in which they were intended.
func (s *Store) Episode(ctx context.Context, episode string) ([]Delivery, error) {
	return s.deliveries(ctx, episodeQuery, episode)
}

// Hasten has all that waits for a destination tried now.
func (s *Store) Hasten(ctx context.Context, destination string) error {
	now := stamp(s.Now())
	return s.finish(ctx, func(t *tx) error {
		return t.exec("UPDATE deliveries SET next = min(next, ?) WHERE destination = ? AND ended = 0", now, destination)
	})
}

// Fold puts a message in the place of others, which are settled in the same transaction.
func (s *Store) Fold(ctx context.Context, digest Delivery, settlements ...Settlement) error {
	now := stamp(s.Now())
	return s.finish(ctx, func(t *tx) error {
		if err := intend(t, &digest, now); err != nil {
			return err
		}
		return settle(t, settlements, now)
	})
}

const unreportedQuery = "SELECT " + deliveryColumns + " FROM deliveries INDEXED BY deliveries_unreported WHERE state = 'dead' AND reported = 0 ORDER BY no LIMIT ?"

// Unreported are dead messages of which nobody was told that they are, the oldest first.
func (s *Store) Unreported(ctx context.Context, limit int) ([]Delivery, error) {
	return s.deliveries(ctx, unreportedQuery, limit)
}

// Report notes that somebody was told.
func (s *Store) Report(ctx context.Context, keys ...string) error {
	now := stamp(s.Now())
	return s.finish(ctx, func(t *tx) error {
		for _, key := range keys {
			if err := t.exec("UPDATE deliveries SET reported = ? WHERE key = ? AND reported = 0", now, key); err != nil {
				return err
			}
		}
		return nil
	})
}

// EncodeValue is a value as text that DecodeValue reads, with what JSON does not have.
func EncodeValue(v any) []byte { return encode(v) }

// DecodeValue reads what EncodeValue wrote.
func DecodeValue(text []byte) (any, error) { return decode(text) }
