package ingest

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"tocsin/templating/value"
)

// A draft is an alert in the making. Empty fields are left out.
type draft struct {
	Name        string
	Status      string // "": firing
	Severity    string // "": what ?severity= says, else Otherwise
	Otherwise   string // the severity where nobody says one; "": info
	Fingerprint string // the sender's own identity of what is wrong, never of one message
	Message     string
	Description string
	URL         string
	ImageURL    string
	Environment string
	Service     string
	Started     string // a time as text; what is none is left out
	Labels      *value.Map
	Extra       map[string]any
}

// An origin is the format that makes alerts, and the request it makes them of.
type origin struct {
	format   string
	r        Request
	received string
}

func from(format string, r Request) origin { return origin{format, r, timeText(r.Now)} }

// alert finishes d. The error is an *Error of kind Invalid or TooLarge.
func (o origin) alert(d draft) (Alert, error) {
	if d.Name == "" {
		return nil, refuse(Invalid, "the alert has no name")
	}
	if d.Fingerprint == "" {
		d.Fingerprint = digest(d.Name)
	}
	a := make(Alert, 18+len(d.Extra))
	for k, v := range d.Extra {
		if v != nil && v != "" {
			a[k] = v
		}
	}
	say := func(key, s string) {
		if s != "" {
			a[key] = s
		}
	}
	say("name", d.Name)
	say("status", or(d.Status, "firing"))
	say("severity", o.severity(d))
	say("fingerprint", fitting(d.Fingerprint))
	say("message", d.Message)
	say("description", d.Description)
	say("url", d.URL)
	say("imageUrl", d.ImageURL)
	say("environment", d.Environment)
	say("service", d.Service)
	if t, ok := readTime(d.Started); ok {
		say("startedAt", timeText(t))
	}
	a["source"], a["labels"] = []any{o.format}, labelsOf(d.Labels)
	return a, o.arrived(a)
}

// arrived notes how an alert came, and checks its labels.
func (o origin) arrived(a Alert) error {
	if _, given := a["lastReceived"]; !given {
		a["lastReceived"] = o.received
	}
	a["pushed"] = true
	a["providerType"] = o.format
	if id := o.r.Query.Get("provider_id"); id != "" {
		a["providerId"] = short(id)
	}
	labels, _ := a["labels"].(*value.Map)
	return checkLabels(labels)
}

func (o origin) severity(d draft) string {
	if d.Severity != "" {
		return d.Severity
	}
	if s := severity(o.r.Query.Get("severity")); s != "" {
		return s
	}
	return or(d.Otherwise, "info")
}

// batch makes alerts of items, one by one: what is wrong with some does not keep the
// others back. ?fingerprint= names the alert of a request that tells of one (spec §10.3).
func (o origin) batch(items []any, one func(any) (Alert, error)) ([]Alert, error) {
	if len(items) > MaxAlerts {
		return nil, refuse(TooLarge, "%d alerts in one request: send at most %d", len(items), MaxAlerts)
	}
	alerts := make([]Alert, 0, len(items))
	var bad problems
	for i, item := range items {
		a, err := one(item)
		if err != nil {
			bad.add(i, len(items), err)
			continue
		}
		alerts = append(alerts, a)
	}
	if own := o.r.Query.Get("fingerprint"); own != "" {
		if len(items) != 1 {
			return nil, refuse(Invalid, "?fingerprint= names one alert, and this request has %d", len(items))
		}
		for _, a := range alerts {
			a["fingerprint"] = fitting(own)
		}
	}
	return alerts, bad.err()
}

// single makes the one alert of a request.
func (o origin) single(d draft, err error) ([]Alert, error) {
	if err != nil {
		return nil, err
	}
	return o.batch([]any{nil}, func(any) (Alert, error) { return o.alert(d) })
}

// problems are what is wrong with the alerts of a batch: the first few, and how many.
type problems struct {
	kind    Kind
	reasons []string
	n       int
}

func (p *problems) add(i, of int, err error) {
	const most = 5
	var e *Error
	if !errors.As(err, &e) {
		e = &Error{Invalid, err.Error()}
	}
	if p.n++; p.n == 1 {
		p.kind = e.Kind
	}
	if p.n > most {
		return
	}
	if of > 1 {
		err = within(fmt.Sprintf("alert %d", i+1), e)
	}
	p.reasons = append(p.reasons, err.Error())
}

func (p *problems) err() error {
	if p.n == 0 {
		return nil
	}
	reason := strings.Join(p.reasons, "; ")
	if more := p.n - len(p.reasons); more > 0 {
		reason += fmt.Sprintf("; and %d more", more)
	}
	return &Error{p.kind, reason}
}

func checkLabels(labels *value.Map) error {
	if n := labels.Len(); n > MaxLabels {
		return refuse(TooLarge, "%d labels: at most %d are kept", n, MaxLabels)
	}
	for k, v := range labels.All() {
		if len(k) > MaxLabelSize || len(value.Text(v)) > MaxLabelSize {
			return refuse(TooLarge, "label %q is longer than %d bytes", short(k), MaxLabelSize)
		}
	}
	return nil
}

func labelsOf(m *value.Map) *value.Map {
	if m == nil {
		return value.NewMap(0)
	}
	return m
}

// setLabel sets a label that says something.
func setLabel(labels *value.Map, name, v string) {
	if name != "" && v != "" {
		labels.Set(name, v)
	}
}

// addLabel adds a label; a name that came before gets both values. One that is too long
// already stays as it is, and is refused.
func addLabel(labels *value.Map, name, v string) {
	before := text(labels, name)
	if len(before) > MaxLabelSize {
		return
	}
	if before != "" {
		v = before + "," + v
	}
	labels.Set(name, v)
}

// fitting is a fingerprint of at most 255 bytes, and still one of its own.
func fitting(fingerprint string) string {
	if len(fingerprint) <= 255 && utf8.ValidString(fingerprint) {
		return fingerprint
	}
	return digest(fingerprint)
}

// digest is SHA-256 as hex, which is also Keep's fingerprint of a name (spec §3.3).
func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

func or(s ...string) string {
	for _, s := range s {
		if s != "" {
			return s
		}
	}
	return ""
}
