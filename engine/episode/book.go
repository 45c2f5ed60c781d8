package episode

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"
)

// A Book keeps the state of every alert of a process, and the silences. Its zero value
// is empty and forgets when the process ends. It is safe for concurrent use, and has no
// clock: whoever asks says what time it is.
type Book struct {
	// Store keeps what changes; nil: nobody does.
	Store Store
	// Deferred leaves it to whoever records a run to keep what the run changed, in one
	// transaction with its result: engine.Result has the records. What people change is
	// given to Store all the same.
	Deferred bool
	// Limit is how many alerts there may be; 0: 100,000. Where it is reached those at
	// rest are forgotten, and if there are none, one more is ErrFull.
	Limit int

	mu       sync.Mutex
	records  map[Key]*Record
	active   map[string]map[Key]struct{} // by workflow: those that do not rest
	silences map[string]Silence
	asked    map[Key]time.Time // when Due listed them last
}

// A Store keeps what a Book knows. Its methods return when it is on disk, and may be
// called at the same time: of two records with the same key the higher Version counts.
type Store interface {
	KeepAlerts(ctx context.Context, records ...Record) error
	KeepSilence(ctx context.Context, s Silence) error
}

// A Key names an alert: what one action of a workflow tells of.
type Key struct {
	Workflow string `json:"workflow"`
	Action   string `json:"action"`
	// Alert is the fingerprint of the alert that started the run, the item of a foreach,
	// or what "key" says; "": the action tells of one thing only.
	Alert string `json:"alert,omitempty"`
}

func (k Key) String() string {
	if k.Alert == "" {
		return k.Workflow + "/" + k.Action
	}
	return k.Workflow + "/" + k.Action + "/" + k.Alert
}

// A Record is all that is known of an alert.
type Record struct {
	Key       Key               `json:"key"`
	State     State             `json:"state"`
	Rules     Rules             `json:"rules"` // those of the last run
	Silence   *Silence          `json:"silence,omitempty"`
	DependsOn []string          `json:"depends_on,omitempty"`
	Labels    map[string]string `json:"labels,omitempty"`
	Item      any               `json:"item,omitempty"`  // of a foreach, to tell of it when it is not in the list any more
	Aside     bool              `json:"aside,omitempty"` // see Sighting
	// Fingerprint is that of the alert that started the run which saw it; "": none did.
	Fingerprint string `json:"fingerprint,omitempty"`
	Version     int64  `json:"version"` // grows with each change
}

// Episode is the identity of the episode that lasts, or of the last one; "": none yet.
func (r *Record) Episode() string {
	if r.State.Number == 0 {
		return ""
	}
	return hashed(r.Key.Workflow, r.Key.Action, r.Key.Alert, r.State.Since.UTC().Format(time.RFC3339Nano), itoa(r.State.Number))
}

// A Sighting is what a run saw of an alert, and what its workflow says about it.
type Sighting struct {
	Key       Key
	Run       string
	Outcome   Outcome
	At        time.Time
	Rules     Rules
	Silence   *Silence // a window of the file that is open; nil: none
	DependsOn []string // workflows
	Labels    map[string]string
	Item      any
	// Fingerprint is that of the alert that started the run; "": none did.
	Fingerprint string
	// Aside says that it is about the run and not about what the workflow watches, so
	// that those who depend on the workflow are not held back.
	Aside bool
}

// A Notice is what is to be told of an alert, and what there is to say.
type Notice struct {
	Key      Key              `json:"key"`
	Episode  string           `json:"episode,omitempty"`
	At       time.Time        `json:"at"` // when it was decided
	Status   Status           `json:"status"`
	Tell     []Message        `json:"tell,omitempty"`
	Reason   string           `json:"reason"`
	Since    time.Time        `json:"since,omitzero"`
	Lasted   time.Duration    `json:"lasted,omitempty"`
	Count    int              `json:"count,omitempty"`
	Item     any              `json:"item,omitempty"`     // of a foreach, that it is about
	Affected []string         `json:"affected,omitempty"` // workflows that fail and depend on this one
	Heard    map[Target]Heard `json:"-"`
	Record   Record           `json:"-"` // as it is now
}

// To is what the target is told; the zero Message: nothing.
func (n *Notice) To(t Target) Message { return Decision{Tell: n.Tell}.To(t) }

// MessageKey is the idempotency key of a message: the same message has the same one
// each time that it is tried, in another process too, and no other has it.
func (n *Notice) MessageKey(step string, m Message) string {
	return hashed(n.Key.Workflow, n.Key.Action, step, n.Key.Alert, n.Episode, string(m.Kind), string(m.To), itoa(m.Seq))
}

// hashed names what the parts say, in 32 hexadecimal digits.
func hashed(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%d:%s", len(p), p) // so that a, bc is not ab, c
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// ErrFull means that there are as many alerts as the book takes, and none at rest.
var ErrFull = errors.New("too many alerts: as many as are remembered fire already")

const defaultLimit = 100_000

// Load adds what was kept. Of two records of one alert the later counts.
func (b *Book) Load(records []Record, silences []Silence) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.open()
	for i := range records {
		r := records[i]
		if had := b.records[r.Key]; had == nil || had.Version < r.Version {
			b.put(&r)
		}
	}
	for _, s := range silences {
		b.silences[s.ID] = s
	}
}

func (b *Book) open() {
	if b.records == nil {
		b.records, b.active, b.silences = map[Key]*Record{}, map[string]map[Key]struct{}{}, map[string]Silence{}
	}
}

// put makes r what is known of its alert.
func (b *Book) put(r *Record) {
	b.records[r.Key] = r
	of := b.active[r.Key.Workflow]
	switch {
	case r.rests():
		if delete(of, r.Key); len(of) == 0 {
			delete(b.active, r.Key.Workflow)
		}
	case of == nil:
		b.active[r.Key.Workflow] = map[Key]struct{}{r.Key: {}}
	default:
		of[r.Key] = struct{}{}
	}
}

func (r *Record) fails() bool { return r.State.Status == Pending || r.State.firing() }

// Observe says what is to be told now that a run has seen s. The message counts as told
// only when Told says so.
func (b *Book) Observe(ctx context.Context, s Sighting) (Notice, error) {
	b.mu.Lock()
	n, changed, err := b.observe(s)
	b.mu.Unlock()
	if err != nil || !changed {
		return n, err
	}
	return n, b.keep(ctx, n.Record)
}

func (b *Book) observe(s Sighting) (n Notice, changed bool, err error) {
	b.open()
	had := b.records[s.Key]
	if had == nil {
		if err := b.room(); err != nil {
			return Notice{}, false, err
		}
		had = &Record{Key: s.Key}
	}
	r := *had
	r.Rules, r.Silence, r.DependsOn, r.Labels = s.Rules, s.Silence, s.DependsOn, s.Labels
	r.Aside, r.Fingerprint = s.Aside, s.Fingerprint
	if s.Item != nil {
		r.Item = s.Item
	}
	var d Decision
	r.State, d = Decide(had.State, b.seen(&r, s.Run, s.Outcome, s.At), s.Rules, s.At)
	if changed = !reflect.DeepEqual(*had, r); changed {
		r.Version++
		b.put(&r)
	}
	return b.notice(&r, d, s.At), changed, nil
}

// seen adds what the book knows to what a run saw.
func (b *Book) seen(r *Record, run string, outcome Outcome, now time.Time) Observation {
	return Observation{Run: run, Outcome: outcome, Silence: b.silenced(r, now), Held: b.held(r)}
}

// silenced is the silence that covers r for the longest; nil: none.
func (b *Book) silenced(r *Record, now time.Time) *Silence {
	longest := r.Silence
	if longest != nil && !longest.Covers(nil, now) {
		longest = nil
	}
	for _, s := range b.silences {
		if s.Covers(r.Labels, now) && (longest == nil || s.Until.After(longest.Until)) {
			longest = &s
		}
	}
	return longest
}

// held is the first workflow that r's depends on, and that fails; "": none.
func (b *Book) held(r *Record) string {
	for _, id := range r.DependsOn {
		if id != r.Key.Workflow && b.fails(id) {
			return id
		}
	}
	return ""
}

// fails says that what a workflow watches fails.
func (b *Book) fails(workflow string) bool {
	for k := range b.active[workflow] {
		if r := b.records[k]; r.fails() && !r.Aside {
			return true
		}
	}
	return false
}

// affected are the workflows that fail and depend on that one, over others too.
func (b *Book) affected(workflow string) []string {
	var found []string
	next := []string{workflow}
	for len(next) > 0 {
		id := next[0]
		next = next[1:]
		for other := range b.active {
			if other != workflow && !slices.Contains(found, other) && b.fails(other) && b.depends(other, id) {
				found = append(found, other)
				next = append(next, other)
			}
		}
	}
	slices.Sort(found)
	return found
}

func (b *Book) depends(workflow, on string) bool {
	for k := range b.active[workflow] {
		return slices.Contains(b.records[k].DependsOn, on) // all of them say the same
	}
	return false
}

func (b *Book) notice(r *Record, d Decision, now time.Time) Notice {
	n := Notice{
		Key: r.Key, At: now, Episode: r.Episode(), Status: r.State.Status, Tell: d.Tell, Reason: d.Reason,
		Since: r.State.Since, Lasted: r.State.Lasted(now), Count: r.State.Count, Heard: r.State.Heard, Item: r.Item, Record: *r,
	}
	if r.State.Number == 0 {
		n.Since, n.Lasted = time.Time{}, 0
	}
	if len(d.Tell) > 0 {
		n.Affected = b.affected(r.Key.Workflow)
	}
	return n
}

// maxKept is how much is kept of a first text.
const maxKept = 4 << 10

// Told notes that somebody was told m of n: with which text, and what the call returned.
// It returns the record as it is then.
func (b *Book) Told(ctx context.Context, n Notice, m Message, text string, result any, now time.Time) (Record, error) {
	b.mu.Lock()
	had := b.records[n.Key]
	if had == nil || had.Episode() != n.Episode {
		b.mu.Unlock()
		return n.Record, nil // it was forgotten meanwhile, or is another one
	}
	r := *had
	r.State = Told(r.State, m, cut(text), result, now)
	r.Version++
	b.put(&r)
	b.mu.Unlock()
	return r, b.keep(ctx, r)
}

func cut(text string) string {
	if len(text) <= maxKept {
		return text
	}
	return strings.ToValidUTF8(text[:maxKept], "") + "…"
}

// keep gives what a run changed to the store, if that is the book's business.
func (b *Book) keep(ctx context.Context, r Record) error {
	if b.Store == nil || b.Deferred {
		return nil
	}
	return b.Store.KeepAlerts(ctx, r)
}

// Gone are the alerts of an action that are not over, and that a run over all of them
// has not seen: of items that are no longer in the list.
func (b *Book) Gone(workflow, action string, seen map[string]bool) []Record {
	b.mu.Lock()
	defer b.mu.Unlock()
	var list []Record
	for k := range b.active[workflow] {
		if k.Action == action && k.Alert != "" && !seen[k.Alert] {
			list = append(list, *b.records[k])
		}
	}
	slices.SortFunc(list, func(a, b Record) int { return strings.Compare(a.Key.Alert, b.Key.Alert) })
	return list
}

// Abandon drops what is known of alerts that no program tells of any more: of a workflow
// that was taken away, of an action that has another name. They hold nobody back then, and
// nothing of them is due. It returns how many there were that were not over.
func (b *Book) Abandon(ctx context.Context, told func(Key) bool) (int, error) {
	b.mu.Lock()
	var gone []Record
	for k, had := range b.records {
		if had.rests() || told(k) {
			continue
		}
		r := Record{Key: k, Version: had.Version + 1, State: State{Number: had.State.Number}}
		b.put(&r)
		gone = append(gone, r)
	}
	b.mu.Unlock()
	if b.Store == nil || len(gone) == 0 {
		return len(gone), nil
	}
	return len(gone), b.Store.KeepAlerts(ctx, gone...)
}

// room makes room for one more record.
func (b *Book) room() error {
	limit := b.Limit
	if limit == 0 {
		limit = defaultLimit
	}
	if len(b.records) < limit {
		return nil
	}
	maps.DeleteFunc(b.records, func(_ Key, r *Record) bool { return r.rests() })
	if len(b.records) >= limit {
		return ErrFull
	}
	return nil
}

// rests says that nothing is to be told of r until it fails again.
func (r *Record) rests() bool {
	s := r.State
	return !r.fails() && !s.open() && s.Flapping.IsZero()
}
