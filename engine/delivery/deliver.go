package delivery

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tocsin/engine"
	"tocsin/engine/episode"
	"tocsin/engine/store"
)

// deadRest is how long a message stays dead that runs want to send again and again: a
// channel that was misspelt and is not any more is told after that.
const deadRest = 15 * time.Minute

// errDead means that a message will not be sent.
var errDead = errors.New("it is not sent again")

// Deliver implements engine.Deliverer. It makes the first attempt, and those that the
// step's author asked for; what is left then is the loop's.
func (l *Lane) Deliver(ctx context.Context, m engine.Message, send func(context.Context) (any, error)) (engine.Receipt, error) {
	if err := l.ready(ctx); err != nil {
		return engine.Receipt{}, err
	}
	d, err := l.intent(m)
	if err != nil {
		return engine.Receipt{}, err
	}
	if !l.hold(d.Key) {
		return engine.Receipt{State: string(store.Pending), Reason: "it is being sent"}, nil
	}
	defer l.release(d.Key)
	if err := l.place(ctx, &d); err != nil {
		return engine.Receipt{}, err
	}
	known, before, err := l.Store.Take(ctx, d, l.now().Add(-deadRest))
	switch {
	case err != nil:
		return engine.Receipt{}, err
	case known.State == store.Dead:
		return engine.Receipt{}, fmt.Errorf("%w: %s", errDead, known.Reason)
	case known.State == store.Confirmed:
		return engine.Receipt{Confirmed: true}, nil
	case known.State != store.Sending:
		if before == "" && known.State.Ended() {
			l.count([]store.Settlement{{State: known.State}})
		}
		l.Wake()
		return receipt(&known, d.Reason), nil
	}
	if before == store.Sending || before == store.Unknown {
		known.State = store.Unknown // an earlier attempt may have arrived
	}
	return l.attempts(ctx, &known, m, send)
}

func receipt(d *store.Delivery, why string) engine.Receipt {
	r := engine.Receipt{State: string(d.State), Reason: why}
	if r.Reason == "" {
		r.Reason = d.Reason
	}
	if !d.State.Ended() {
		r.Next = d.Next
	}
	return r
}

// place decides what becomes of d at first: whether it is sent now, waits, or is not
// sent since nobody knows what it takes back.
func (l *Lane) place(ctx context.Context, d *store.Delivery) error {
	d.State = store.Sending
	if until, why := l.closed(d.Destination, true); why != "" {
		d.State, d.Next, d.Reason = store.Pending, until, why
	}
	if l.suspect(d.Key) {
		d.State, d.Reason = store.Pending, "the process died while it was being sent: it waits until it can be sent by itself"
	}
	if d.Episode == "" {
		return nil
	}
	before, err := l.Store.Episode(ctx, d.Episode)
	if err != nil {
		return err
	}
	if d.Kind == string(episode.Over) {
		return l.supersede(ctx, d, before)
	}
	waitBehind(d, before)
	return nil
}

// waitBehind has d wait for earlier messages about its alert.
func waitBehind(d *store.Delivery, before []store.Delivery) {
	for _, b := range before {
		if b.Key != d.Key && !b.State.Ended() {
			d.State, d.Reason = store.Pending, "an earlier message about the same alert goes first"
		}
	}
}

// supersede drops what was not sent yet about an alert that is over. Where nobody was
// told that it fired, nobody is told that it is over.
func (l *Lane) supersede(ctx context.Context, over *store.Delivery, before []store.Delivery) error {
	told := len(before) == 0
	var dropped []store.Settlement
	for _, b := range before {
		switch {
		case b.Key == over.Key:
			return nil // it was decided already
		case b.State == store.Pending && l.hold(b.Key):
			defer l.release(b.Key)
			dropped = append(dropped, store.Settlement{Key: b.Key, State: store.Superseded, Reason: "the alert was over before it was sent"})
		case b.State != store.Dead && b.State != store.Superseded:
			told = true // or it may have been, or it is being told
		}
	}
	if !told {
		over.State, over.Reason = store.Superseded, "nobody was told that it fired"
	} else {
		left := before[:0]
		for _, b := range before {
			if b.State != store.Pending {
				left = append(left, b)
			}
		}
		waitBehind(over, left)
	}
	if len(dropped) == 0 {
		return nil
	}
	return l.settle(ctx, dropped...)
}

// attempts makes those of a run. The first one is counted already.
func (l *Lane) attempts(ctx context.Context, d *store.Delivery, m engine.Message, send func(context.Context) (any, error)) (engine.Receipt, error) {
	defer func() {
		if p := recover(); p != nil { // a bug; the loop sends it
			_ = l.settle(ctx, store.Settlement{Key: d.Key, State: store.Unknown, Reason: fmt.Sprintf("a bug: it panicked: %v", p)})
			panic(p)
		}
	}()
	for {
		out, err := send(ctx)
		o := judge(err)
		if o == permanent && ctx.Err() != nil {
			o = unknown // it was called off
		}
		s, closed := l.learn(ctx, d, o, err)
		if serr := l.settle(ctx, s); serr != nil {
			l.feels(serr)
			l.log().Error("what came of a message is not on disk", "delivery", d.Key, "error", serr)
		}
		switch {
		case o == confirmed:
			return engine.Receipt{Confirmed: true, Output: out}, nil
		case o == permanent:
			l.Wake() // somebody has to be told
			return engine.Receipt{}, err
		}
		d.State, d.Reason, d.Next = s.State, s.Reason, s.Next
		if closed || !m.Again(ctx, err) {
			l.Wake()
			return receipt(d, ""), nil
		}
		if d.Attempts, err = l.Store.Attempt(ctx, d.Key); err != nil {
			return receipt(d, ""), nil // it is on disk as one that waits
		}
	}
}

// learn is what to write down of an attempt, after which the destination may be closed.
func (l *Lane) learn(ctx context.Context, d *store.Delivery, o outcome, err error) (s store.Settlement, closed bool) {
	s = store.Settlement{Key: d.Key}
	if err != nil {
		s.Reason = l.words(d.Workflow, err)
	}
	n := l.note(d.Destination, o, err, s.Reason)
	l.follow(ctx, d.Destination, n)
	switch o {
	case confirmed:
		s.State, s.Reason = store.Confirmed, ""
	case permanent:
		s.State = store.Dead
	default:
		s.State, s.Next = o.state(d), l.now().Add(l.backoff(d.Attempts))
		if n.keep {
			s.Next = n.until // it is the destination's, not the message's
		}
	}
	return s, !n.until.IsZero()
}

// maxReason is how much of an error is kept.
const maxReason = 500

// words are those of err, without secrets.
func (l *Lane) words(workflow string, err error) string {
	text := err.Error()
	if pool := l.Pool(workflow); pool != nil {
		text = pool.Mask(text)
	}
	if r := []rune(text); len(r) > maxReason {
		text = string(r[:maxReason-1]) + "…"
	}
	return text
}
