package store

import (
	"bytes"
	"cmp"
	"context"
	"time"
)

// A Rejected is something that came in and could not be read.
type Rejected struct {
	No     int64
	At     time.Time
	Source string
	Reason string
	Body   []byte // the first 64 KiB
}

// maxRejected is how much is kept of what could not be read.
const maxRejected = 64 << 10

// Reject keeps what came in from source and could not be read, and why, so that
// somebody can find out what was lost.
func (s *Store) Reject(ctx context.Context, source string, body []byte, reason string) error {
	now := stamp(s.Now())
	kept := bytes.Clone(blob(body[:min(len(body), maxRejected)]))
	return s.write(ctx, func(t *tx) error {
		return t.exec("INSERT INTO rejects (at, source, reason, body) VALUES (?, ?, ?, ?)", now, source, reason, kept)
	})
}

// Rejects are those that nobody dismissed, the newest first; 0: at most 100.
func (s *Store) Rejects(ctx context.Context, limit int) ([]Rejected, error) {
	rows, err := s.read.QueryContext(ctx, rejectsQuery, cmp.Or(limit, 100))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []Rejected
	for rows.Next() {
		var r Rejected
		var at int64
		if err := rows.Scan(&r.No, &at, &r.Source, &r.Reason, &r.Body); err != nil {
			return nil, err
		}
		r.At = moment(at)
		list = append(list, r)
	}
	return list, rows.Err()
}

const rejectsQuery = "SELECT no, at, source, reason, body FROM rejects WHERE dismissed = 0 ORDER BY no DESC LIMIT ?"

// DismissRejects takes some off the list, or all where none is named.
func (s *Store) DismissRejects(ctx context.Context, numbers ...int64) error {
	return s.finish(ctx, func(t *tx) error {
		if len(numbers) == 0 {
			return t.exec("UPDATE rejects SET dismissed = 1 WHERE dismissed = 0")
		}
		for _, no := range numbers {
			if err := t.exec("UPDATE rejects SET dismissed = 1 WHERE no = ?", no); err != nil {
				return err
			}
		}
		return nil
	})
}
