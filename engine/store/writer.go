package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync/atomic"
	"time"

	"modernc.org/sqlite"
)

const (
	maxBatch   = 256                    // changes in one transaction
	batchTime  = 5 * time.Millisecond   // how long a transaction takes in what comes meanwhile
	patience   = 50 * time.Millisecond  // how long the end of a run that came to nothing waits for others
	enough     = 64                     // of those, for a transaction: those who wait have workers, of which there are not many
	queueSize  = 1024                   // changes that wait; who comes then waits to be let in
	flushAfter = 100 * time.Millisecond // how old events are that are written although nobody waits for them
	noFlush    = time.Duration(1<<63 - 1)
)

// A writer makes all changes, one transaction after the other. A change that comes
// while one is being made joins it if there is room, and waits for the next otherwise.
// Nobody waits for company, but for the ends of runs that came to nothing: they are left
// where they are until they are enough, the first waited for long, or another change comes.
type writer struct {
	store    *Store
	db       *sql.DB
	tx       *tx
	queue    chan *op
	quiet    chan *op      // those that wait for company
	nudge    chan struct{} // there are events to be written
	many     chan struct{} // there are enough of the quiet ones
	closing  chan struct{}
	ended    chan struct{}
	broken   atomic.Pointer[error] // why nothing is written any more
	broke    chan struct{}         // closed when it is so
	stats    writerStats
	patience time.Duration
	held     *op // the first of the quiet ones
	batch    []*op
}

// An op is one change, or several that belong together. It may be made twice: when the
// disk was full, again after room was made.
type op struct {
	do     func(*tx) error
	closes bool // it brings something to an end, and so is made on a full disk too
	waits  bool // nobody is in a hurry: others may join it for as long as patience
	done   chan error
	err    error
	asked  time.Time
}

func newWriter(ctx context.Context, s *Store) (*writer, error) {
	db, err := connect(s.Path, readWrite)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	w := &writer{
		store: s, db: db, tx: &tx{conn: conn, stmts: map[string]*sql.Stmt{}},
		queue: make(chan *op, queueSize), quiet: make(chan *op, queueSize), patience: patience,
		nudge: make(chan struct{}, 1), many: make(chan struct{}, 1),
		closing: make(chan struct{}), ended: make(chan struct{}), broke: make(chan struct{}),
	}
	go w.run()
	return w, nil
}

func (w *writer) close() error {
	close(w.closing)
	<-w.ended
	err := errors.Join(w.tx.close(), w.db.Close())
	if broken := w.broken.Load(); broken != nil {
		return *broken
	}
	return err
}

// write has do made and returns when it is on disk.
func (s *Store) write(ctx context.Context, do func(*tx) error) error {
	return s.submit(ctx, &op{do: do})
}

// finish is write for what brings something to an end.
func (s *Store) finish(ctx context.Context, do func(*tx) error) error {
	return s.submit(ctx, &op{do: do, closes: true})
}

// making is write or finish of a change that makes something. Beside an error that is the
// zero value, and not what do has made: when ctx is done, do may still be under way.
func making[T any](ctx context.Context, submit func(context.Context, func(*tx) error) error, do func(*tx) (T, error)) (T, error) {
	var made T
	err := submit(ctx, func(t *tx) (err error) {
		made, err = do(t)
		return err
	})
	if err != nil {
		var none T
		return none, err
	}
	return made, nil
}

// submit has o made, with the entry of the audit log that waits for a change of ctx.
func (s *Store) submit(ctx context.Context, o *op) error {
	if err := s.refuses(o); err != nil {
		return err
	}
	over := s.audited(ctx, o)
	err := s.w.made(ctx, o)
	over(err)
	return err
}

// made returns when o is on disk, or why it is not.
func (w *writer) made(ctx context.Context, o *op) error {
	o.done, o.asked = make(chan error, 1), time.Now()
	queue := w.queue
	if o.waits {
		queue = w.quiet
	}
	select {
	case <-w.closing:
		return ErrClosed
	case <-ctx.Done():
		return context.Cause(ctx)
	case queue <- o:
	}
	if len(w.quiet) >= enough-1 {
		wake(w.many)
	}
	select {
	case err := <-o.done:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-w.ended:
	}
	select {
	case err := <-o.done:
		return err
	default:
		return ErrClosed
	}
}

// refuses says why o is not made at all.
func (s *Store) refuses(o *op) error {
	if err := s.w.broken.Load(); err != nil {
		return *err
	}
	if !o.closes && s.disk.full.Load() {
		return ErrFull
	}
	return nil
}

// wake has the writer look, if it is not about to.
func wake(to chan<- struct{}) {
	select {
	case to <- struct{}{}:
	default:
	}
}

func (w *writer) run() {
	defer close(w.ended)
	flush, company := stopped(), stopped()
	defer flush.Stop()
	defer company.Stop()
	for {
		quiet := w.quiet
		if w.held != nil {
			quiet = nil // nobody is woken for each
		}
		select {
		case o := <-w.queue:
			w.commit(o, noFlush)
		case w.held = <-quiet:
			company.Reset(w.patience)
		case <-company.C:
			w.commitHeld()
		case <-w.many:
			w.commitHeld()
		case <-w.nudge:
			flush.Reset(flushAfter)
		case <-flush.C:
			if len(w.store.journal.due(flushAfter, w.store.begun.has)) > 0 {
				w.commit(nil, flushAfter)
			}
			if !w.store.journal.empty() {
				flush.Reset(flushAfter)
			}
		case <-w.closing:
			w.drain()
			return
		}
	}
}

// stopped is a timer that does not run yet.
func stopped() *time.Timer {
	t := time.NewTimer(time.Hour)
	t.Stop()
	return t
}

// commitHeld is commit of the quiet ones, if they were not taken along by another.
func (w *writer) commitHeld() {
	if w.held != nil || len(w.quiet) > 0 {
		w.commit(nil, noFlush)
	}
}

// drain makes the changes that were asked for before the store was closed.
func (w *writer) drain() {
	for {
		select {
		case o := <-w.queue:
			w.commit(o, noFlush)
		case o := <-w.quiet:
			w.commit(o, noFlush)
		default:
			w.commit(nil, 0)
			return
		}
	}
}

// commit makes first, if there is one, the quiet ones, and what comes in meanwhile, in one
// transaction, and tells those who wait. Events that nobody waits for are written too if
// they are older than flush.
func (w *writer) commit(first *op, flush time.Duration) {
	began := time.Now()
	w.batch = w.batch[:0]
	for _, o := range []*op{w.held, first} {
		if o != nil {
			w.batch = append(w.batch, o)
		}
	}
	w.held = nil
	err := w.transaction(began, flush, false)
	if errors.Is(err, errOneByOne) {
		err = w.transaction(began, flush, true)
	}
	if isFull(err) && w.store.disk.free(w.store.Log) {
		err = w.transaction(time.Now(), flush, true)
	}
	if err != nil {
		err = w.failed(err)
	}
	w.stats.add(len(w.batch), time.Since(began))
	for _, o := range w.batch {
		if err != nil {
			o.err = err
		}
		w.stats.waited(time.Since(o.asked))
		o.done <- o.err
	}
	clear(w.batch)
}

// failed is what those get whose change was not made. After an error of the disk, it
// is not known what is on it: nothing is acknowledged from then on.
func (w *writer) failed(err error) error {
	switch code(err) {
	case codeFull:
		w.store.disk.full.Store(true)
		return ErrFull
	case codeIO, codeCorrupt, codeNotADB, codeReadOnly:
		err = fmt.Errorf("the store can no longer write: %w", err)
		if w.broken.CompareAndSwap(nil, &err) {
			close(w.broke)
		}
		w.store.Log.Error("the store can no longer write", "path", w.store.Path, "err", err)
	}
	return err
}

// errOneByOne means that a change cannot be made, and that the others are to be made
// without it.
var errOneByOne = errors.New("a change cannot be made")

// transaction makes the changes of the batch. They are made together, or, which takes
// longer, so that those stay that can be made where another cannot.
func (w *writer) transaction(began time.Time, flush time.Duration, oneByOne bool) (err error) {
	if err := w.broken.Load(); err != nil {
		return *err
	}
	w.tx.back(0, 0)
	if err := w.tx.exec("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = w.tx.exec("ROLLBACK") // SQLite may have done so itself
		}
	}()
	for i := 0; i < len(w.batch) || w.more(began); i++ {
		if err := w.make(w.batch[i], oneByOne); err != nil {
			return err
		}
	}
	if flush != noFlush {
		if err := w.store.flushAll(w.tx, flush); err != nil {
			return err
		}
	}
	if err := w.tx.exec("COMMIT"); err != nil {
		return err
	}
	w.store.journal.forget(w.tx.flushed)
	w.store.begun.forget(w.tx.begun)
	w.tx.flushed, w.tx.begun = w.tx.flushed[:0], w.tx.begun[:0]
	return nil
}

// more takes a change that came in meanwhile, or waits for company.
func (w *writer) more(began time.Time) bool {
	if len(w.batch) >= maxBatch || time.Since(began) >= batchTime {
		return false
	}
	select {
	case o := <-w.queue:
		w.batch = append(w.batch, o)
	case o := <-w.quiet:
		w.batch = append(w.batch, o)
	default:
		return false
	}
	return true
}

// make makes one change. With oneByOne it is made or not made; an error of the disk is
// that of all.
func (w *writer) make(o *op, oneByOne bool) error {
	if oneByOne {
		return w.makeOne(o)
	}
	o.err = guarded(o.do, w.tx, w.store.Log)
	switch {
	case o.err == nil:
		return nil
	case fatal(o.err):
		return o.err
	}
	return errOneByOne
}

func (w *writer) makeOne(o *op) error {
	if err := w.tx.exec("SAVEPOINT change"); err != nil {
		return err
	}
	flushed, begun := len(w.tx.flushed), len(w.tx.begun)
	o.err = guarded(o.do, w.tx, w.store.Log)
	if o.err == nil {
		return w.tx.exec("RELEASE change")
	}
	if fatal(o.err) {
		return o.err
	}
	w.tx.back(flushed, begun)
	if err := w.tx.exec("ROLLBACK TO change"); err != nil {
		return err
	}
	return w.tx.exec("RELEASE change")
}

// guarded is do, whose panic is an error of its caller only.
func guarded(do func(*tx) error, t *tx, log *slog.Logger) (err error) {
	defer func() {
		if p := recover(); p != nil {
			log.Error("a change of the store panicked", "panic", p, "stack", string(debug.Stack()))
			err = fmt.Errorf("a bug: a change of the store panicked: %v", p)
		}
	}()
	return do(t)
}

// A tx is the transaction of the writer. Statements are prepared once.
type tx struct {
	conn    *sql.Conn
	stmts   map[string]*sql.Stmt
	flushed []flushed // events that are in it
	begun   []*beginning
	packed  []byte // the journal of a row, while it is made
	made    Made   // what the change came to, for whoever writes that down
}

// back forgets what was written after so many.
func (t *tx) back(flushed, begun int) {
	for _, b := range t.begun[begun:] {
		b.written = false
	}
	t.flushed, t.begun = t.flushed[:flushed], t.begun[:begun]
}

// The context of the writer is nobody's: a caller who leaves does not take the changes
// of others along.
var background = context.Background()

func (t *tx) stmt(query string) (*sql.Stmt, error) {
	if st, ok := t.stmts[query]; ok {
		return st, nil
	}
	st, err := t.conn.PrepareContext(background, query)
	if err == nil {
		t.stmts[query] = st
	}
	return st, err
}

func (t *tx) exec(query string, args ...any) error {
	_, err := t.change(query, args...)
	return err
}

// change is exec that says how many rows changed.
func (t *tx) change(query string, args ...any) (int64, error) {
	st, err := t.stmt(query)
	if err != nil {
		return 0, err
	}
	r, err := st.ExecContext(background, args...)
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

// insert is exec that says which number the row got.
func (t *tx) insert(query string, args ...any) (int64, error) {
	st, err := t.stmt(query)
	if err != nil {
		return 0, err
	}
	r, err := st.ExecContext(background, args...)
	if err != nil {
		return 0, err
	}
	return r.LastInsertId()
}

// get reads one row; found says whether there is one.
func (t *tx) get(query string, args []any, into ...any) (found bool, err error) {
	st, err := t.stmt(query)
	if err != nil {
		return false, err
	}
	err = st.QueryRowContext(background, args...).Scan(into...)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

func (t *tx) rows(query string, args ...any) (*sql.Rows, error) {
	st, err := t.stmt(query)
	if err != nil {
		return nil, err
	}
	return st.QueryContext(background, args...)
}

func (t *tx) close() error {
	for _, st := range t.stmts {
		st.Close()
	}
	return t.conn.Close()
}

// Primary result codes of SQLite (https://sqlite.org/rescode.html).
const (
	codeError    = 1
	codeReadOnly = 8
	codeIO       = 10
	codeCorrupt  = 11
	codeFull     = 13
	codeNotADB   = 26
)

// code is the primary result code in err; 0: it is not SQLite's.
func code(err error) int {
	var e *sqlite.Error
	if errors.As(err, &e) {
		return e.Code() & 0xff
	}
	return 0
}

func isFull(err error) bool { return code(err) == codeFull }

// fatal says that err is about the file, not about a change.
func fatal(err error) bool {
	switch code(err) {
	case codeReadOnly, codeIO, codeCorrupt, codeFull, codeNotADB:
		return true
	}
	return false
}
