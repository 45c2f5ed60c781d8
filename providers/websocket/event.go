package websocket

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/binary"
	"time"

	"github.com/coder/websocket"

	"tocsin/providers"
	"tocsin/templating/value"
)

// A Kind is what an Event tells of.
type Kind string

const (
	MessageKind Kind = "message"     // a message came
	SampleKind  Kind = "sample"      // a sample was taken, or could not be
	Opened      Kind = "opened"      // the first connection is open
	Closed      Kind = "closed"      // a connection ended
	Reconnected Kind = "reconnected" // a further connection is open
	Stale       Kind = "stale"       // no message came for long
	GaveUp      Kind = "gave_up"     // there will be no further attempt
	Failing     Kind = "error"       // an attempt to connect failed, or a message could not be read
)

// An Event is what a subscription raises (spec/websocket.md §5.3): a message, a sample,
// or something that happened to the connection. Every key is always there, and null
// where the thing did not happen.
type Event struct {
	ID           string     `param:"id" doc:"Unique; in the order of the alphabet events are in the order of time."`
	Provider     string     `param:"provider" doc:"Always websocket."`
	Kind         Kind       `param:"kind" doc:"What it is: message, sample, opened, closed, reconnected, stale, gave_up, or error."`
	URL          string     `param:"url" doc:"The address, without secrets."`
	ReceivedAt   string     `param:"received_at" doc:"When it came, RFC 3339."`
	Seq          int64      `param:"seq" doc:"Number of the message on its connection, from 1; 0 for what is no message."`
	ConnectionID string     `param:"connection_id" doc:"Changes with each connection."`
	Data         *string    `param:"data" doc:"The message, as far as it is kept."`
	Type         *string    `param:"type" doc:"Frame type: text or binary."`
	DataEncoding *string    `param:"data_encoding" doc:"How data is written: utf8 or base64."`
	JSON         any        `param:"json" doc:"Data read as JSON; null if it is none."`
	Parsed       []any      `param:"parsed" doc:"What data_format reads out of data, or out of all replies of a sample: a list of metrics of {name, tags, fields, time}, or of values, such as parsed.0.fields.price. Null without data_format, and of a message longer than max_result_bytes."`
	Size         int        `param:"size" doc:"Bytes the message had."`
	Truncated    bool       `param:"truncated" doc:"Whether data is only its beginning."`
	SHA256       *string    `param:"sha256" doc:"Of the whole message; null unless truncated."`
	Tags         *value.Map `param:"tags" doc:"The url, without secrets."`
	Error        *Failure   `param:"error" doc:"What went wrong; null if nothing did."`
	Gap          *float64   `param:"gap_ms" doc:"On reconnected: how long nothing was received."`
	Sample       *Sample    `param:"sample" doc:"On sample: how it was taken."`
}

// A Sample is how a sample was taken.
type Sample struct {
	Tick        int64     `param:"tick" doc:"Its number, from 1."`
	Reply       *float64  `param:"reply_ms" doc:"From sending trigger_body to the message that ended the wait."`
	Messages    []Message `param:"messages" doc:"All replies, where there are several."`
	Skipped     int64     `param:"skipped" doc:"How many samples were left out so far because the one before was not over."`
	Unsolicited int64     `param:"unsolicited" doc:"How many messages came so far that nobody had asked for."`
}

// An item is what becomes an event. It waits in the queue as it came, and what takes
// time is done by those who deal with it, and only if it is asked for: see event.
type item struct {
	s      *subscription // set when it is dealt with
	number int64         // of the event

	kind Kind
	typ  websocket.MessageType
	data []byte
	size int // bytes that wait with it
	at   time.Time
	seq  int64
	from *identity
	err  *Error
	gap  time.Duration
	took *taken

	parsed []any          // what data_format read; nil: nothing is read
	known  map[string]any // names of expressions
}

// taken is a sample: its replies and their circumstances.
type taken struct {
	Sample
	replies []reply
}

type reply struct {
	typ  websocket.MessageType
	data []byte
	at   time.Time
}

// size is how many bytes a sample has.
func (t *taken) size() (n int) {
	for _, r := range t.replies {
		n += len(r.data)
	}
	return n
}

// identity is what the events of one connection have in common.
type identity struct {
	id     string
	random [6]byte
	mask   *providers.Masker // hides what was made for the connection; nil: nothing was
}

// newIdentity names a connection that was opened, or tried to be, at a time.
func newIdentity(at time.Time) *identity {
	i := &identity{}
	_, _ = rand.Read(i.random[:]) // never fails
	i.id = i.event(at, 0)
	return i
}

// crockford is the alphabet of ULIDs, which sorts like the numbers it stands for.
var crockford = base32.NewEncoding("0123456789ABCDEFGHJKMNPQRSTVWXYZ").WithPadding(base32.NoPadding)

// event makes an identity that sorts by time, then by number: 48 bits of milliseconds,
// 32 of the number and 48 of chance, 26 characters as ULIDs have them.
func (i *identity) event(at time.Time, n int64) string {
	// A ULID has 130 bits of text for 128 of content: two zeros come first.
	var b [17]byte
	ms := uint64(at.UnixMilli())
	binary.BigEndian.PutUint64(b[0:], ms<<16|uint64(uint32(n))>>16)
	binary.BigEndian.PutUint16(b[8:], uint16(n))
	copy(b[10:16], i.random[:])
	for k := len(b) - 1; k > 0; k-- {
		b[k] = b[k]>>2 | b[k-1]<<6
	}
	b[0] >>= 2
	var text [28]byte
	crockford.Encode(text[:], b[:])
	return string(text[:26])
}

// event is what a subscription raises for i.
func (i *item) event() Event {
	url, keep := i.s.set.target.redacted, i.s.set.maxResult
	e := Event{
		ID:           i.from.event(i.at, i.number),
		Provider:     "websocket",
		Kind:         i.kind,
		URL:          url,
		ReceivedAt:   timestamp(i.at),
		Seq:          i.seq,
		ConnectionID: i.from.id,
		Tags:         value.MapOf(value.Entry{Key: "url", Value: url}),
		Error:        failure(i.err),
	}
	if i.kind == Reconnected {
		e.Gap = new(milliseconds(i.gap))
	}
	if i.typ != 0 {
		m := message(i.typ, i.data, 0, keep)
		m.hide(i.from.mask)
		e.fill(m)
	}
	if i.took != nil {
		i.took.fill(&e, keep, i.from.mask)
	}
	if !e.Truncated {
		e.Parsed = hidden(i.from.mask, i.parsed)
	}
	return e
}

func timestamp(at time.Time) string {
	var text [len(time.RFC3339Nano)]byte
	return string(at.UTC().AppendFormat(text[:0], time.RFC3339Nano))
}

// fill takes over what a message has.
func (e *Event) fill(m Message) {
	e.Data, e.Type, e.DataEncoding = &m.Data, &m.Type, &m.DataEncoding
	e.JSON, e.Size, e.Truncated, e.SHA256 = m.json, m.Size, m.Truncated, m.SHA256
}

// fill makes the replies part of the event; the first one is its data.
func (t *taken) fill(e *Event, keep int, mask *providers.Masker) {
	for n, r := range t.replies {
		m := message(r.typ, r.data, 0, keep)
		m.hide(mask)
		keep -= len(m.Data)
		if n == 0 {
			e.fill(m)
		}
		if len(t.replies) > 1 {
			t.Messages = append(t.Messages, m)
		}
	}
	e.Sample = &t.Sample
}

// alert is e as every provider speaks of events. Events of one address are one alert.
func (e *Event) alert(at time.Time) providers.Alert {
	fields := e.fields()
	return providers.Alert{
		ID:       e.ID,
		Name:     e.URL,
		Status:   "firing",
		Severity: severities[e.Kind],
		Source:   []string{"websocket"},
		LastSeen: at,
		Fields:   fields,
	}
}

// fields are what value.Of makes of e, key by key: there may be a hundred thousand events
// a second, and to look at each with reflection took most of the time they had.
func (e *Event) fields() map[string]any {
	return map[string]any{
		"id": e.ID, "provider": "websocket", "kind": word((*string)(&e.Kind)), "url": e.URL, "received_at": e.ReceivedAt,
		"seq": e.Seq, "connection_id": e.ConnectionID,
		"data": deref(e.Data), "type": word(e.Type), "data_encoding": word(e.DataEncoding),
		"json": e.JSON, "parsed": listOf(e.Parsed), "size": int64(e.Size), "truncated": e.Truncated, "sha256": deref(e.SHA256),
		"tags": e.Tags, "error": value.Of(e.Error), "gap_ms": deref(e.Gap), "sample": value.Of(e.Sample),
	}
}

// word is deref for what is mostly one of a few words, which need no memory of their own.
func word(s *string) any {
	if s == nil {
		return nil
	}
	switch *s {
	case "message":
		return "message"
	case "text":
		return "text"
	case "binary":
		return "binary"
	case "utf8":
		return "utf8"
	}
	return *s
}

// deref is what p points to; nil if that is nothing.
func deref[T any](p *T) any {
	if p == nil {
		return nil
	}
	return *p
}

// listOf is a list of values, or nil if there is none: nothing was to be read.
func listOf(list []any) any {
	if list == nil {
		return nil
	}
	return value.Of(list)
}

// severities are those of events that are no messages.
var severities = map[Kind]string{Closed: "warning", Stale: "warning", Failing: "warning", GaveUp: "high"}
