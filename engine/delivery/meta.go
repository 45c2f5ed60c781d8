package delivery

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"tocsin/engine/store"
	"tocsin/templating/value"
	"tocsin/workflows/source"
)

// Messages that are dead become an alert: one for each destination, which fires when the
// first of them dies and is over when something arrives there again. It is kept where all
// alerts are, and so told by the workflows that wait for it; a fallback hears of it
// besides. Neither is told of messages that are themselves about such an alert: then the
// alert and the log are all there is, and the lane says that it is not well.

// A Fallback is whom a lane tells by itself that messages do not arrive. The zero
// Fallback: nobody.
type Fallback struct {
	Provider string       // its type
	Config   string       // name of the configuration
	Field    string       // the parameter that has the text
	With     source.Value // the others
}

func (f Fallback) none() bool { return f.Provider == "" }

const (
	// Own is the workflow of messages to the fallback, which no other can be named like.
	Own = "tocsin:delivery"
	// metaKind is the Kind of messages to the fallback.
	metaKind = "meta"
	// troublesKey is where the store keeps which destinations the alerts are about.
	troublesKey = "delivery.troubles"
	// alertPrefix is how fingerprints of alerts about destinations begin.
	alertPrefix = "delivery-"
)

// A trouble is that messages to a destination died, and nothing arrived there since.
type trouble struct {
	Since   time.Time `json:"since"`
	Dead    string    `json:"dead"`              // key of the first
	Started bool      `json:"started,omitempty"` // the workflows that wait for the alert, and the fallback, were told
	Reason  string    `json:"reason"`
	works   bool      // something arrived
}

// AlertID is the fingerprint of the alert about messages to a destination that are dead.
func AlertID(destination string) string {
	sum := sha256.Sum256([]byte(destination))
	return alertPrefix + hex.EncodeToString(sum[:8])
}

func (f Fallback) destination() string { return f.Provider + " " + f.Config }

// loadTroubles is for ready. l.mu is not held.
func (l *Lane) loadTroubles(ctx context.Context) error {
	troubles := map[string]*trouble{}
	if _, err := l.Store.Meta(ctx, troublesKey, &troubles); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.troubles = troubles
	return nil
}

// arrived notes that something arrived at a destination. l.mu is held.
func (l *Lane) arrived(name string) {
	l.to(name).worked = l.now()
	if t := l.troubles[name]; t != nil && !t.works {
		t.works = true
		l.nudged()
	}
}

// report tells somebody of the messages that are dead, and of destinations that work
// again. Until that has worked, the lane is not well, and the log has them.
func (l *Lane) report(ctx context.Context) error {
	if err := l.mend(ctx); err != nil {
		return fmt.Errorf("nobody could be told that messages arrive again: %w", err)
	}
	for {
		dead, err := l.Store.Unreported(ctx, batch)
		if err != nil || len(dead) == 0 {
			return errors.Join(err, l.mend(ctx))
		}
		for _, d := range dead {
			l.log().Error("a message is dead", "delivery", d.Key, "workflow", d.Workflow, "action", d.Action,
				"destination", d.Destination, "run", d.Run, "attempts", d.Attempts, "reason", d.Reason)
		}
		for _, list := range byDestination(dead) {
			if err := l.guarded(func() error { return l.raise(ctx, list) }); err != nil {
				l.log().Error("nobody could be told of dead messages", "error", err)
				return fmt.Errorf("nobody could be told of dead messages: %w", err)
			}
			if err := l.Store.Report(ctx, keysOf(list)...); err != nil {
				return err
			}
		}
	}
}

// byDestination are messages that go together, in the order of the first of each.
func byDestination(list []store.Delivery) (groups [][]store.Delivery) {
	at := map[string]int{}
	for _, d := range list {
		i, ok := at[d.Destination]
		if !ok {
			i, groups = len(groups), append(groups, nil)
			at[d.Destination] = i
		}
		groups[i] = append(groups[i], d)
	}
	return groups
}

func keysOf(list []store.Delivery) []string {
	keys := make([]string, len(list))
	for i, d := range list {
		keys[i] = d.Key
	}
	return keys
}

// raise has an alert about messages to one destination that are dead. It starts something
// if it is the first, and not about what an alert like it has started.
func (l *Lane) raise(ctx context.Context, dead []store.Delivery) error {
	name := dead[0].Destination
	l.mu.Lock()
	known := l.troubles[name]
	l.mu.Unlock()
	own, err := l.own(ctx, dead)
	if err != nil {
		return err
	}
	start := !own && (known == nil || !known.Started)
	if l.Raise != nil {
		if err := l.Raise(ctx, deadAlert(name, dead, l.now()), start); err != nil {
			return err
		}
	}
	t := trouble{Since: l.now(), Dead: dead[0].Key, Reason: dead[0].Reason}
	if known != nil {
		t = *known
	}
	t.Started = t.Started || start
	if start {
		if err := l.tellFallback(ctx, name, t, deadWords(name, dead)); err != nil {
			return err
		}
	}
	l.mu.Lock()
	t.works = l.to(name).worked.After(dead[len(dead)-1].Ended)
	l.troubles[name] = &t
	l.mu.Unlock()
	return l.saveTroubles(ctx)
}

// own says that messages are about alerts of this kind themselves: to the fallback, or of
// a run that such an alert has started.
func (l *Lane) own(ctx context.Context, dead []store.Delivery) (bool, error) {
	for _, d := range dead {
		if d.Kind == metaKind {
			continue
		}
		run, _, err := l.Store.Run(ctx, d.Run)
		if errors.Is(err, store.ErrNotFound) {
			return false, nil
		}
		if err != nil || !strings.HasPrefix(run.Fingerprint, alertPrefix) {
			return false, err
		}
	}
	return true, nil
}

// mend ends the alerts about destinations where something arrived.
func (l *Lane) mend(ctx context.Context) error {
	over := map[string]trouble{}
	l.mu.Lock()
	for name, t := range l.troubles {
		if t.works {
			over[name] = *t
		}
	}
	l.mu.Unlock()
	for name, t := range over {
		if l.Raise != nil {
			if err := l.guarded(func() error { return l.Raise(ctx, mendedAlert(name, t, l.now()), t.Started) }); err != nil {
				return err
			}
		}
		if t.Started {
			if err := l.tellFallback(ctx, name, t, mendedWords(name)); err != nil {
				return err
			}
		}
		l.mu.Lock()
		delete(l.troubles, name)
		l.mu.Unlock()
		if err := l.saveTroubles(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (l *Lane) saveTroubles(ctx context.Context) error {
	troubles := map[string]trouble{}
	l.mu.Lock()
	for name, t := range l.troubles {
		troubles[name] = *t
	}
	l.mu.Unlock()
	return l.Store.SetMeta(ctx, troublesKey, troubles)
}

// tellFallback intends a message to the fallback, the same one each time, unless that is
// the destination in question.
func (l *Lane) tellFallback(ctx context.Context, about string, t trouble, text string) error {
	f := l.Fallback
	if f.none() || f.destination() == about {
		return nil
	}
	sum := sha256.Sum256([]byte(t.Dead + "\x00" + text))
	d := store.Delivery{
		Key: hex.EncodeToString(sum[:16]), Workflow: Own, Action: "fallback", Provider: f.Provider, Config: f.Config,
		Destination: f.destination(), Kind: metaKind, Severity: "critical", Expires: l.now().Add(lasts("critical")),
	}
	with := value.NewMap(1)
	if m, ok := f.With.Plain().(*value.Map); ok {
		with = m.Clone()
	}
	with.Set(f.Field, text)
	p := parcel{With: store.EncodeValue(with), Field: f.Field, Timeout: defaultTimeout}
	if err := l.seal(&d, p); err != nil {
		return err
	}
	defer l.Wake()
	return l.Store.Intend(ctx, d)
}

// unheard says that the fallback does not work either: nobody hears of anything.
func (l *Lane) unheard() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if t := l.troubles[l.Fallback.destination()]; t != nil && !l.Fallback.none() && !t.works {
		return fmt.Errorf("messages to the fallback, %s, do not arrive since %s: %s", l.Fallback.destination(), t.Since.UTC().Format(time.RFC3339), t.Reason)
	}
	return nil
}

// guarded calls what others gave us.
func (l *Lane) guarded(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("a bug: it panicked: %v", p)
		}
	}()
	return f()
}

func deadWords(name string, dead []store.Delivery) string {
	d := dead[0]
	text := fmt.Sprintf("%s of %s did not arrive at %s and will not be sent again: %s", d.Action, d.Workflow, name, orText(d.Reason, "nobody knows why"))
	if n := len(dead) - 1; n > 0 {
		text += fmt.Sprintf(" (and %d more)", n)
	}
	return text + `; "tocsin deliveries --state dead" lists what did not, and "tocsin deliveries retry" sends it again`
}

func mendedWords(name string) string {
	return "messages to " + name + ` arrive again; "tocsin deliveries --state dead" lists those that did not`
}

func orText(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

// deadAlert is the alert, as other systems send theirs.
func deadAlert(name string, dead []store.Delivery, now time.Time) map[string]any {
	a := metaAlert(name, "firing", deadWords(name, dead), now)
	keys := make([]any, len(dead))
	var of []string
	for i, d := range dead {
		keys[i] = d.Key
		if !slices.Contains(of, d.Workflow) {
			of = append(of, d.Workflow)
		}
	}
	a["deliveries"], a["labels"].(map[string]any)["workflow"] = keys, strings.Join(of, ", ")
	return a
}

func mendedAlert(name string, t trouble, now time.Time) map[string]any {
	a := metaAlert(name, "resolved", mendedWords(name), now)
	a["startedAt"] = t.Since.UTC().Format(time.RFC3339)
	return a
}

func metaAlert(name, status, message string, now time.Time) map[string]any {
	return map[string]any{
		"name": "messages to " + name + " do not arrive", "fingerprint": AlertID(name), "source": []any{"tocsin"}, "severity": "critical",
		"status": status, "message": message, "lastReceived": now.UTC().Format(time.RFC3339), "pushed": true,
		"labels": map[string]any{"destination": name},
	}
}
