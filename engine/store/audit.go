package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"sync/atomic"
	"time"
)

// An AuditEntry is something that somebody did, or was not let do. The log of them is only
// added to: nothing takes entries out of it, nor does retention. Each has the hash of
// itself and of the one before, so that whoever knows the last hash can prove that none
// was changed, taken out or put in (VerifyAudit).
type AuditEntry struct {
	No      int64     // from 1, without gaps
	At      time.Time // set when it is written
	Who     string    // the name of a key; "local", where none is needed; "": nobody who is known
	Role    string
	Source  string // whence: an address, "socket", "command line"
	Action  string // what, in a word or two: "POST /api/v1/keys", "refused"
	Object  string // of what: an id, a name
	Detail  string
	Outcome string // "done", or why not
	Hash    string // in hexadecimal digits; set when it is written
}

// maxAudited is how much of each text of an entry is kept, in bytes.
const maxAudited = 1000

// AddAudit adds an entry to the log, in a transaction of its own.
func (s *Store) AddAudit(ctx context.Context, e AuditEntry) error {
	return s.finish(Audited(ctx, nil), func(t *tx) error { return s.addAudit(t, e) })
}

func (s *Store) addAudit(t *tx, e AuditEntry) error {
	e.At = s.Now().UTC()
	for _, text := range []*string{&e.Who, &e.Role, &e.Source, &e.Action, &e.Object, &e.Detail, &e.Outcome} {
		*text = strings.ToValidUTF8((*text)[:min(len(*text), maxAudited)], "\uFFFD")
	}
	before := make([]byte, sha256.Size)
	e.No = 0
	if _, err := t.get("SELECT no, hash FROM audit_log ORDER BY no DESC LIMIT 1", nil, &e.No, &before); err != nil {
		return err
	}
	e.No++
	return t.exec("INSERT INTO audit_log (no, at, who, role, source, action, object, detail, outcome, hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		e.No, stamp(e.At), e.Who, e.Role, e.Source, e.Action, e.Object, e.Detail, e.Outcome, e.chained(before))
}

// An Audit is an entry of the log that waits for a change: the first that is made with the
// context of Audited takes it into its transaction, so that both are on disk or neither is.
// Of several changes of one request that is the first, since then none is without an entry.
type Audit struct {
	// Entry says what is written down. It is called in the transaction, again if that has to
	// be made again, and must be quick.
	Entry func(Made) AuditEntry
	state atomic.Int32
}

// Made is what only a change itself makes known.
type Made struct {
	ID       string // of what it made: a run, a key, a silence
	Revision int    // of a workflow
}

// What has become of an Audit.
const (
	auditWaits int32 = iota
	auditTaken       // by a change that is under way
	auditKept
)

// Kept says that the entry is on disk.
func (a *Audit) Kept() bool { return a.state.Load() == auditKept }

type auditKey struct{}

// Audited is a context with whose next change a is written down; nil: with none.
func Audited(ctx context.Context, a *Audit) context.Context {
	return context.WithValue(ctx, auditKey{}, a)
}

// audited has o take along the entry that waits in ctx, if there is one, and returns what is
// to be told how o came out.
func (s *Store) audited(ctx context.Context, o *op) (over func(error)) {
	a, _ := ctx.Value(auditKey{}).(*Audit)
	if a == nil || !a.state.CompareAndSwap(auditWaits, auditTaken) {
		return func(error) {}
	}
	change := o.do
	o.do = func(t *tx) error {
		t.made = Made{}
		if err := change(t); err != nil {
			return err
		}
		return s.addAudit(t, a.Entry(t.made))
	}
	return func(err error) {
		if err != nil {
			a.state.Store(auditWaits)
			return
		}
		a.state.Store(auditKept)
	}
}

// chained is the hash of e behind the entry whose hash is before.
func (e *AuditEntry) chained(before []byte) []byte {
	text, err := json.Marshal([]any{e.No, stamp(e.At), e.Who, e.Role, e.Source, e.Action, e.Object, e.Detail, e.Outcome})
	if err != nil {
		panic(err) // numbers and texts
	}
	sum := sha256.Sum256(append(bytes.Clone(before), text...))
	return sum[:]
}

const (
	auditColumns = "no, at, who, role, source, action, object, detail, outcome, hash"
	auditNewest  = "SELECT " + auditColumns + " FROM audit_log WHERE at >= ? AND no < ? ORDER BY no DESC LIMIT ?"
	auditAll     = "SELECT " + auditColumns + " FROM audit_log ORDER BY no"
)

func scanAudit(row interface{ Scan(...any) error }) (e AuditEntry, hash []byte, err error) {
	var at int64
	err = row.Scan(&e.No, &at, &e.Who, &e.Role, &e.Source, &e.Action, &e.Object, &e.Detail, &e.Outcome, &hash)
	e.At, e.Hash = moment(at), hex.EncodeToString(hash)
	return e, hash, err
}

// AuditLog are the newest entries first, since then, and before the entry of that number;
// 0: all. At most limit.
func (s *Store) AuditLog(ctx context.Context, since time.Time, before int64, limit int) ([]AuditEntry, error) {
	if before == 0 {
		before = latestEvent
	}
	rows, err := s.read.QueryContext(ctx, auditNewest, stamp(since), before, limit)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []AuditEntry
	for rows.Next() {
		e, _, err := scanAudit(rows)
		if err != nil {
			return nil, err
		}
		list = append(list, e)
	}
	return list, rows.Err()
}

// An AuditProof is what VerifyAudit found.
type AuditProof struct {
	Entries int64
	Head    string // hash of the last entry, which stands for all of them; "": there are none
	Broken  int64  // number of the first entry that is not what it was; 0: none
	Why     string // what is wrong there
	Known   bool   // the hash that was asked for is that of an entry
}

// VerifyAudit goes through the whole log. known is a hash that somebody wrote down before,
// "" for none: the log has it, or its beginning is another.
func (s *Store) VerifyAudit(ctx context.Context, known string) (p AuditProof, err error) {
	var last int64
	if err := s.read.QueryRowContext(ctx, "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'audit_log'").Scan(&last); err != nil {
		return p, err
	}
	rows, err := s.read.QueryContext(ctx, auditAll)
	if err != nil {
		return p, err
	}
	defer rows.Close()
	before := make([]byte, sha256.Size)
	for rows.Next() {
		e, hash, err := scanAudit(rows)
		if err != nil {
			return p, err
		}
		p.Entries++
		if why := e.wrong(p.Entries, before, hash); why != "" {
			p.Broken, p.Why = p.Entries, why
			return p, nil
		}
		before, p.Head = hash, e.Hash
		p.Known = p.Known || strings.EqualFold(e.Hash, known)
	}
	if p.Entries < last {
		p.Broken, p.Why = p.Entries+1, fmt.Sprintf("the log had %d entries", last)
	}
	return p, rows.Err()
}

// wrong says what is wrong with the n-th entry; "": nothing.
func (e *AuditEntry) wrong(n int64, before, hash []byte) string {
	switch {
	case e.No != n:
		return fmt.Sprintf("it is missing: the next one is %d", e.No)
	case !bytes.Equal(e.chained(before), hash):
		return "it was changed, or one before it taken out or put in"
	}
	return ""
}
