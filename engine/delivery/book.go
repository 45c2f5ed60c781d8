package delivery

import (
	"context"
	"time"

	"tocsin/engine/episode"
	"tocsin/engine/store"
)

// Remember has l ask a memory of alerts before it sends what has waited, and tell it
// what arrived.
func (l *Lane) Remember(b *episode.Book) {
	l.Told = func(ctx context.Context, t Telling, result any, now time.Time) error {
		_, err := b.Told(ctx, *t.Notice, t.Message, t.Text, result, now)
		return err
	}
	l.Check = func(_ context.Context, d store.Delivery, about []Telling) Verdict {
		v := checked(b, about, l.now())
		if v.State == store.Superseded && d.State == store.Unknown {
			v.Reason = "the alert is over; that it fired may have arrived"
		}
		return v
	}
}

// checked is what is known of the alerts that a message is about. One about several is
// sent as long as one of them is to be told.
func checked(b *episode.Book, about []Telling, now time.Time) Verdict {
	var last Verdict
	for _, t := range about {
		if last = checkedOne(b, t, now); last == (Verdict{}) {
			return last
		}
	}
	return last
}

func checkedOne(b *episode.Book, t Telling, now time.Time) Verdict {
	r, silence, ok := b.Look(t.Notice.Key, now)
	switch {
	case !ok:
		return Verdict{}
	case t.Message.Kind != episode.Over && (r.Episode() != t.Notice.Episode || r.State.Status == episode.Resolved):
		return Verdict{store.Superseded, "the alert is over, and nobody was told that it fired"}
	case silence != nil:
		return Verdict{store.Suppressed, "silenced until " + silence.Until.UTC().Format("2006-01-02 15:04 UTC") + " by " + silence.Owner + ": " + silence.Reason}
	}
	return Verdict{}
}
