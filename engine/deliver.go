package engine

import (
	"context"
	"fmt"
	"time"

	"tocsin/engine/episode"
	"tocsin/providers"
	"tocsin/templating/value"
	"tocsin/workflows"
	"tocsin/workflows/schema"
	"tocsin/workflows/source"
)

// A Deliverer takes on what actions send, so that a message which cannot be sent now is
// sent later, also by another process.
type Deliverer interface {
	// Deliver sees to it that m is sent, and says how far that has come. It may call send,
	// once for each attempt and never after it has returned; that the receipt is not
	// Confirmed and there is no error means that the message is in its hands. An error
	// means that it will not be sent.
	Deliver(ctx context.Context, m Message, send func(context.Context) (any, error)) (Receipt, error)
}

// A Message is one call of an action.
type Message struct {
	Key      string // names it, for us and the other side; the same each time that it is tried
	Run      string
	Workflow string
	Action   string
	Item     int    // which of a foreach, from 1; 0: no foreach
	Provider string // its type
	Config   string // name of the provider's configuration; "": none, or it is Inline
	Inline   source.Value
	With     source.Value  // the parameters, with their secrets
	Field    string        // the parameter that has the text; "": there is none
	Severity string        // "critical", "warning", "info"; "": nobody said
	Timeout  time.Duration // of an attempt
	Origin   providers.Origin

	// Notice and Tells are the alert that it is about and what it says of that; nil: it
	// is not about one that lasts. Text is what the memory of alerts keeps of it.
	Notice *episode.Notice
	Tells  episode.Message
	Text   string

	// Again waits as the step's author wants before another attempt after err, and is
	// false if there is none.
	Again func(ctx context.Context, err error) bool
}

// A Receipt says how far a message has come.
type Receipt struct {
	Confirmed bool
	Output    any       // what the call returned, where it is confirmed
	State     string    // else: "pending", "unknown", "suppressed", "superseded"
	Next      time.Time // when it is tried; zero: it is not
	Reason    string    // in words
}

// delivers says that somebody takes the message on. What a provider renders itself, for
// each row of something, cannot be written down: it is called at once.
func (f *frame) delivers(with source.Value) bool {
	return f.Deliver != nil && f.s.Kind == workflows.Notify && writable(with)
}

func writable(v source.Value) bool {
	switch data := v.Data.(type) {
	case schema.Lazy, schema.Condition:
		return false
	case source.Map:
		for _, e := range data {
			if !writable(e.Value) {
				return false
			}
		}
	case []source.Value:
		for _, item := range data {
			if !writable(item) {
				return false
			}
		}
	}
	return true
}

// deliver hands the message on.
func (f *frame) deliver(ctx context.Context, with source.Value) (any, error) {
	inline, err := f.opening(ctx)
	if err != nil {
		return nil, err
	}
	receipt, err := f.Deliver.Deliver(ctx, f.message(with, inline), func(ctx context.Context) (any, error) {
		f.calls++
		f.say(&Event{Action: Calling, With: f.shown, Attempt: f.calls})
		return f.attempt(ctx, with)
	})
	switch {
	case err != nil:
		return nil, err
	case receipt.Confirmed:
		return f.answer(value.Of(receipt.Output))
	}
	if f.calls == 0 { // so that one can see what is going to be sent
		f.say(&Event{Action: Calling, With: f.shown})
	}
	f.left = &receipt
	return f.left.results(f.key()), nil
}

// message is what there is to know of the call, for who makes it later.
func (f *frame) message(with, inline source.Value) Message {
	o := f.origin()
	m := Message{
		Key: o.Key, Run: f.in.Run, Workflow: f.p.workflow.ID, Action: f.s.Name, Item: f.item,
		Provider: f.s.Provider.S, Config: f.s.config.name, Inline: inline, With: with,
		Severity: f.severity(), Timeout: f.s.timeout, Again: f.tryAgain,
		Origin: providers.Origin{Workflow: o.Workflow, Run: o.Run, Step: o.Step, Key: o.Key, Episode: o.Episode, Compat: o.Compat, Trace: o.Trace},
	}
	if f.s.op != nil {
		m.Field = f.s.op.Message
	}
	if f.said != nil {
		m.Notice, m.Tells, m.Text = f.said.notice, f.said.message, f.heard()
	}
	return m
}

// heard is the text of the call, without its secrets.
func (f *frame) heard() string {
	m, ok := f.shown.(*value.Map)
	if !ok || f.s.op == nil {
		return ""
	}
	v, _ := m.Get(f.s.op.Message)
	return f.Pool.Mask(value.Text(v))
}

// tryAgain waits for the next of the attempts that the step's author asked for.
func (f *frame) tryAgain(ctx context.Context, err error) bool {
	if f.calls > f.s.Retry.Count {
		return false
	}
	wait, again, _ := f.again(ctx, err)
	if !again {
		return false
	}
	f.say(&Event{Action: Retrying, Attempt: f.calls, Err: err, Reason: fmt.Sprintf("%v; again in %s", err, span(wait))})
	return f.sleep(ctx, wait) == nil
}

// results are what a step gives whose message is not confirmed yet.
func (r *Receipt) results(key string) any {
	d := value.MapOf(
		value.Entry{Key: "key", Value: key},
		value.Entry{Key: "state", Value: r.State},
	)
	if !r.Next.IsZero() {
		d.Set("next", r.Next.UTC())
	}
	return value.MapOf(value.Entry{Key: "delivery", Value: d})
}

// words say so.
func (r *Receipt) words() string {
	if r.Next.IsZero() {
		return r.State + ": " + r.Reason
	}
	return fmt.Sprintf("queued: will be tried again at %s: %s", r.Next.UTC().Format("2006-01-02 15:04:05"), r.Reason)
}

// queued is the end of an action whose message is in others' hands. What it returns is
// not known, so nothing is expected of that, and no alert gets it.
func (f *frame) queued(out any) Event {
	return Event{Status: Done, Reason: f.left.words(), Fired: f.fired, Output: out, Attempt: f.calls}
}
