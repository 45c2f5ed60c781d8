package store

import (
	"errors"
	"time"
)

// A Once tells a delivery from all others, for as long as somebody could send it again;
// the zero Once tells nothing.
type Once struct {
	ID    []byte
	Until time.Time
}

// ErrSeen means that a delivery was taken in already.
var ErrSeen = errors.New("this delivery was taken in already")

// take notes that the delivery is taken in. With each, a few go that are over.
func (o Once) take(t *tx, now int64) error {
	if len(o.ID) == 0 {
		return nil
	}
	if err := t.exec(overSeen, now); err != nil {
		return err
	}
	n, err := t.change(`INSERT INTO seen (id, until) VALUES (?, ?)
		ON CONFLICT (id) DO UPDATE SET until = excluded.until WHERE until <= ?`, o.ID, stamp(o.Until), now)
	if err == nil && n == 0 {
		return ErrSeen
	}
	return err
}

const overSeen = "DELETE FROM seen WHERE id IN (SELECT id FROM seen INDEXED BY seen_until WHERE until <= ? LIMIT 10)"
