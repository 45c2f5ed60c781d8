package delivery

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"tocsin/engine/store"
	"tocsin/templating/value"
)

// digestKind is the Kind of a message that stands for others.
const digestKind = "digest"

const (
	maxFolded = 1000 // messages that one digest stands for
	maxListed = 30   // lines of it
	maxLine   = 160  // characters of a line
)

// digest makes one message of those that wait for a destination, where there are more
// than l.Digest: they are Suppressed, and their reason says which message has them. Only
// messages that are alike but for their text go together: a message to another channel
// of the same configuration, or one with fields of its own, is sent by itself.
func (l *Lane) digest(ctx context.Context, name string) error {
	most := or(l.Digest, 20)
	if most < 0 || l.down(name) {
		return nil
	}
	list, err := l.Store.Queued(ctx, name, maxFolded)
	if err != nil || len(list) <= most {
		return err
	}
	for _, g := range l.alike(list) {
		if len(g) > most {
			if err := l.fold(ctx, g); err != nil {
				return err
			}
		}
	}
	return nil
}

// down says that one message is about to be tried, to see whether a destination is
// there: not the one that stands for all of them.
func (l *Lane) down(name string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.to(name).down
}

// A letter is a message that could be in a digest.
type letter struct {
	d    store.Delivery
	p    parcel
	with *value.Map
	text string
}

// alike are the messages that differ in their text only, in the order of the first of
// each.
func (l *Lane) alike(list []store.Delivery) [][]letter {
	var groups [][]letter
	at := map[string]int{}
	for _, d := range list {
		if d.Kind == digestKind || l.suspect(d.Key) {
			continue
		}
		p, err := l.unseal(&d)
		if err != nil || p.Field == "" {
			continue
		}
		with, text, shape := shapeOf(&d, &p)
		if with == nil {
			continue
		}
		i, ok := at[shape]
		if !ok {
			i, groups = len(groups), append(groups, nil)
			at[shape] = i
		}
		groups[i] = append(groups[i], letter{d, p, with, text})
	}
	return groups
}

// shapeOf is what messages of one digest have in common; nil: it has no text.
func shapeOf(d *store.Delivery, p *parcel) (with *value.Map, text, shape string) {
	v, err := p.with()
	if err != nil {
		return nil, "", ""
	}
	m, ok := v.Plain().(*value.Map)
	if !ok {
		return nil, "", ""
	}
	said, ok := m.Get(p.Field)
	if !ok {
		return nil, "", ""
	}
	rest := m.Clone()
	rest.Delete(p.Field)
	return m, value.Text(said), strings.Join([]string{d.Workflow, d.Provider, d.Config, p.Field, string(p.Inline), string(store.EncodeValue(rest))}, "\x00")
}

// fold puts one message in the place of letters.
func (l *Lane) fold(ctx context.Context, letters []letter) error {
	letters = l.holdAll(letters)
	defer func() {
		for _, x := range letters {
			l.release(x.d.Key)
		}
	}()
	if len(letters) < 2 {
		return nil
	}
	d, p := foldedOf(letters, l.now())
	if err := l.seal(&d, p); err != nil {
		return err
	}
	reason := "one of " + fmt.Sprint(len(letters)) + " in the digest " + d.Key
	settlements := make([]store.Settlement, len(letters))
	for i, x := range letters {
		settlements[i] = store.Settlement{Key: x.d.Key, State: store.Suppressed, Reason: reason}
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settling)
	defer cancel()
	if err := l.Store.Fold(ctx, d, settlements...); err != nil {
		return err
	}
	l.count(settlements)
	return nil
}

func (l *Lane) holdAll(letters []letter) []letter {
	return slices.DeleteFunc(letters, func(x letter) bool { return !l.hold(x.d.Key) })
}

// foldedOf is the digest of letters, not sealed. It lasts as long as the one that lasts
// the longest.
func foldedOf(letters []letter, now time.Time) (store.Delivery, parcel) {
	d, p := letters[0].d, letters[0].p
	h := sha256.New()
	p.Tellings = nil
	for _, x := range letters {
		fmt.Fprintln(h, x.d.Key)
		p.Tellings = append(p.Tellings, x.p.Tellings...)
		if x.d.Expires.After(d.Expires) {
			d.Expires, d.Severity = x.d.Expires, x.d.Severity
		}
	}
	with := letters[0].with.Clone()
	with.Set(p.Field, digestText(letters, now))
	p.With, p.Episode = json.RawMessage(store.EncodeValue(with)), nil
	d.Key, d.Kind, d.Episode = hex.EncodeToString(h.Sum(nil)[:16]), digestKind, ""
	d.State, d.Attempts, d.Next, d.Reason = store.Pending, 0, time.Time{}, ""
	return d, p
}

// digestText lists letters, the first line of each.
func digestText(letters []letter, now time.Time) string {
	oldest := slices.MinFunc(letters, func(a, b letter) int { return a.d.Created.Compare(b.d.Created) })
	var text strings.Builder
	fmt.Fprintf(&text, "%d messages waited, the first since %s (%s):", len(letters),
		oldest.d.Created.UTC().Format("2006-01-02 15:04:05 UTC"), now.Sub(oldest.d.Created).Round(time.Second))
	for _, x := range letters[:min(len(letters), maxListed)] {
		fmt.Fprintf(&text, "\n- %s %s", x.d.Created.UTC().Format("15:04:05"), cmp.Or(firstLine(x.text), x.d.Workflow+": "+x.d.Action))
	}
	if more := len(letters) - maxListed; more > 0 {
		fmt.Fprintf(&text, "\nand %d more: \"tocsin deliveries\" lists them", more)
	}
	return text.String()
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	if r := []rune(line); len(r) > maxLine {
		line = string(r[:maxLine-1]) + "…"
	}
	return line
}
