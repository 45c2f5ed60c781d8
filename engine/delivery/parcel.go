package delivery

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"strings"
	"time"

	"tocsin/engine"
	"tocsin/engine/store"
	"tocsin/providers"
	"tocsin/workflows/source"
)

// A parcel is what is needed to make the call in another process. It has the parameters
// as they were rendered, and a configuration that stands in the workflow too: to render
// them again would need what was known then.
type parcel struct {
	With     json.RawMessage    `json:"with"`
	Inline   json.RawMessage    `json:"inline,omitempty"` // a configuration in the step
	Field    string             `json:"field,omitempty"`  // the parameter that has the text
	Timeout  time.Duration      `json:"timeout"`
	Compat   string             `json:"compat,omitempty"`
	Episode  *providers.Episode `json:"episode,omitempty"`
	Tellings []Telling          `json:"tellings,omitempty"`
	Trace    providers.Trace    `json:"trace,omitzero"` // where the run stood
}

func parcelOf(m engine.Message) parcel {
	p := parcel{
		With: store.EncodeValue(m.With.Plain()), Field: m.Field, Timeout: m.Timeout,
		Compat: m.Origin.Compat, Episode: m.Origin.Episode, Trace: m.Origin.Trace,
	}
	if m.Inline.Data != nil {
		p.Inline = store.EncodeValue(m.Inline.Plain())
	}
	if m.Notice != nil {
		p.Tellings = []Telling{{m.Notice, m.Tells, m.Text}}
	}
	return p
}

// with are the parameters.
func (p *parcel) with() (source.Value, error) {
	v, err := store.DecodeValue(p.With)
	return source.Of(v), err
}

// inline is the configuration in the step; false: there is none.
func (p *parcel) inline() (source.Value, bool, error) {
	if p.Inline == nil {
		return source.Value{}, false, nil
	}
	v, err := store.DecodeValue(p.Inline)
	return source.Of(v), true, err
}

// seal puts p into d.
func (l *Lane) seal(d *store.Delivery, p parcel) error {
	text, err := json.Marshal(p)
	if err != nil {
		return err
	}
	d.Sealed = l.Key.seal(text, about(d))
	return nil
}

func (l *Lane) unseal(d *store.Delivery) (parcel, error) {
	var p parcel
	text, err := l.Key.open(d.Sealed, about(d))
	if err != nil {
		return p, err
	}
	return p, json.Unmarshal(text, &p)
}

// about is what a parcel belongs to: it cannot be moved to another destination.
func about(d *store.Delivery) string {
	return strings.Join([]string{d.Workflow, d.Action, d.Provider, d.Config, d.Destination}, "\x00")
}

// intent is the row of a message.
func (l *Lane) intent(m engine.Message) (store.Delivery, error) {
	d := store.Delivery{
		Key: m.Key, Run: m.Run, Workflow: m.Workflow, Action: m.Action, Item: m.Item,
		Provider: m.Provider, Config: m.Config, Destination: destinationOf(m), Severity: m.Severity,
		Expires: l.now().Add(lasts(m.Severity)),
	}
	if m.Notice != nil {
		d.Kind = string(m.Tells.Kind)
		d.Episode = strings.Join([]string{m.Notice.Episode, m.Action, string(m.Tells.To)}, "/")
	}
	return d, l.seal(&d, parcelOf(m))
}

// destinationOf names whom m tells: the kind of provider and its configuration; where
// there is none, the host that the parameters name, since that is all one knows.
func destinationOf(m engine.Message) string {
	switch {
	case m.Config != "":
		return m.Provider + " " + m.Config
	case m.Inline.Data != nil:
		if host := hostIn(m.Inline, 0); host != "" {
			return m.Provider + " " + host
		}
		// Not the text itself, which has secrets. The hash of one does not tell it.
		sum := sha256.Sum256(store.EncodeValue(m.Inline.Plain()))
		return m.Provider + " #" + hex.EncodeToString(sum[:4])
	}
	if host := hostIn(m.With, 0); host != "" {
		return m.Provider + " " + host
	}
	return m.Provider
}

// hostIn is the host of the first address in v; "": there is none.
func hostIn(v source.Value, depth int) string {
	if text, ok := v.Data.(string); ok && strings.Contains(text, "://") {
		if u, err := url.Parse(text); err == nil {
			return u.Host
		}
	}
	for _, e := range v.Entries() {
		if depth > 2 {
			break
		}
		if host := hostIn(e.Value, depth+1); host != "" {
			return host
		}
	}
	return ""
}
