package engine

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"tocsin/engine/episode"
	"tocsin/providers"
	"tocsin/templating/value"
	"tocsin/workflows"
	"tocsin/workflows/source"
)

// episodeKeys are what {{ episode.* }} has.
var episodeKeys = []string{"status", "kind", "id", "since", "lasted", "count", "seq", "affected", "first", "result"}

// firstSight is what texts read as "episode" where nobody remembers: something that
// fires for the first time.
func (r *run) firstSight() *value.Map {
	return value.MapOf(
		value.Entry{Key: "status", Value: string(episode.Firing)},
		value.Entry{Key: "kind", Value: string(episode.Fire)},
		value.Entry{Key: "id", Value: r.in.Run},
		value.Entry{Key: "since", Value: r.now()},
		value.Entry{Key: "lasted", Value: "0s"},
		value.Entry{Key: "count", Value: int64(1)},
		value.Entry{Key: "seq", Value: int64(1)},
		value.Entry{Key: "affected", Value: []any{}},
		value.Entry{Key: "first", Value: ""},
		value.Entry{Key: "result", Value: nil},
	)
}

// speak makes said what the frame tells, and lets texts read it.
func (f *frame) speak(said *saying) {
	f.said = said
	n, m := said.notice, said.message
	affected := make([]any, len(n.Affected))
	for i, id := range n.Affected {
		affected[i] = id
	}
	f.data["episode"] = value.MapOf(
		value.Entry{Key: "status", Value: string(n.Status)},
		value.Entry{Key: "kind", Value: string(m.Kind)},
		value.Entry{Key: "id", Value: n.Episode},
		value.Entry{Key: "since", Value: n.Since},
		value.Entry{Key: "lasted", Value: episode.Span(n.Lasted)},
		value.Entry{Key: "count", Value: int64(n.Count)},
		value.Entry{Key: "seq", Value: int64(m.Seq)},
		value.Entry{Key: "affected", Value: affected},
		value.Entry{Key: "first", Value: n.Heard[m.To].Text},
		value.Entry{Key: "result", Value: value.Of(n.Heard[m.To].Result)},
	)
}

// repeat lets a step say what another one has begun to tell.
func (f *frame) repeat(said *saying) {
	if said == nil {
		return
	}
	f.speak(said)
	if said.item != nil {
		f.loop = value.MapOf(value.Entry{Key: "value", Value: said.item})
		f.data["foreach"] = f.loop
	}
}

// with renders the parameters of the call: those of on_resolve where the alert is over.
func (f *frame) with(ctx context.Context) (source.Value, error) {
	if f.said != nil && f.said.message.Kind == episode.Over && f.s.resolve != nil {
		return f.s.resolve.render(ctx, &f.strict)
	}
	return f.s.with.render(ctx, &f.strict)
}

// reword makes the parameters say what has become of the alert, unless their author has
// done so: by reading episode, or under on_resolve.
func (f *frame) reword(with source.Value) source.Value {
	m, _ := with.Data.(source.Map)
	field := ""
	if f.s.op != nil {
		field = f.s.op.Message
	}
	over := f.said.message.Kind == episode.Over
	v, has := m.Get(field)
	own := f.s.speaks || over && f.s.resolves
	if field != "" && !own && (has || over) {
		if words := f.words(value.Text(v.Plain())); words != "" {
			m = setEntry(m, field, words)
		}
	}
	if f.s.op != nil && f.s.op.Retell != nil && f.said.message.Seq > 1 {
		m = f.s.op.Retell(m, *f.episode())
	}
	if over {
		m = f.s.resolved(m, with)
	}
	with.Data = m
	return with
}

// resolved is m with what on_resolve says as it was rendered.
func (s *step) resolved(m source.Map, with source.Value) source.Map {
	said, _ := s.OnResolve.Data.(source.Map)
	rendered, _ := with.Data.(source.Map)
	for _, e := range said {
		v, ok := rendered.Get(e.Key)
		if !ok || s.op != nil && e.Key == s.op.Message {
			continue
		}
		m = slices.DeleteFunc(slices.Clone(m), func(o source.Entry) bool { return o.Key == e.Key })
		m = append(m, source.Entry{Key: e.Key, Pos: e.Pos, Value: v})
	}
	return m
}

// words are the text of a message; "": as it is.
func (f *frame) words(text string) string {
	n, m := f.said.notice, f.said.message
	switch m.Kind {
	case episode.Reminder:
		text = "Still firing after " + episode.Span(n.Lasted) + ": " + text
	case episode.Flapping:
		text = "Changes again and again, silent until it is steady: " + text
	case episode.Over:
		first := n.Heard[m.To].Text
		if first == "" {
			first = f.p.workflow.ID + ": " + f.s.Name
		}
		return "Resolved after " + episode.Span(n.Lasted) + ": " + first
	}
	if len(n.Affected) > 0 {
		text += "\nAffected: " + strings.Join(n.Affected, ", ")
	}
	return text
}

// episode is the alert as providers see it.
func (f *frame) episode() *providers.Episode {
	n, m := f.said.notice, f.said.message
	e := &providers.Episode{
		ID: n.Episode, Kind: string(m.Kind), Seq: m.Seq, Since: n.Since, Lasted: n.Lasted,
		Affected: slices.Clone(n.Affected),
	}
	if heard, ok := n.Heard[m.To]; ok {
		e.First = value.Of(heard.Result)
	}
	return e
}

// told tells the memory that the message arrived. The first text is kept without its
// secrets.
func (f *frame) told(ctx context.Context, out any) error {
	*f.said.reached = *f.said.reached || f.said.message.To == episode.Main
	text := ""
	if m, ok := f.shown.(*value.Map); ok && f.s.op != nil {
		v, _ := m.Get(f.s.op.Message)
		text = value.Text(v)
	}
	record, err := f.Memory.Told(ctx, *f.said.notice, f.said.message, f.Pool.Mask(text), keepable(f.Pool.MaskValue(out)), f.now())
	if err != nil {
		return fmt.Errorf("told, but the memory of alerts: %w", err)
	}
	f.know(record)
	return nil
}

// key names the message that the frame sends.
func (f *frame) key() string {
	switch {
	case f.said != nil:
		return f.said.notice.MessageKey(f.s.Name, f.said.message)
	case f.s.Kind != workflows.Notify || f.in.Run == "":
		return ""
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %q %q %d", f.p.workflow.ID, f.in.Run, f.s.Name, f.item))
	return hex.EncodeToString(sum[:16])
}

// silenced is the window of the workflow that is open; nil: none.
func (p *Program) silenced(now time.Time) *episode.Silence {
	var longest *episode.Silence
	for i := range p.silences {
		if s := p.silences[i].open(now); s != nil && (longest == nil || s.Until.After(longest.Until)) {
			longest = s
		}
	}
	return longest
}
