// Package ingest makes alerts of what other systems send: Prometheus, Grafana, Datadog
// and the others of Formats. It reads bodies and checks who sent them; it opens no
// connection, keeps nothing and knows no route: the server reads the body, hands it over
// and stores what comes back.
//
// A Format is a row of a table and a file of its own, which ends with what a user pastes
// at the vendor. A Scheme (verify.go) is a way in which a sender proves who it is.
// Start reading at Format, then prometheus.go.
package ingest

import (
	"net/http"
	"net/url"
	"slices"
	"time"

	"tocsin/templating/value"
)

// A Request is one delivery of another system.
type Request struct {
	Header http.Header
	Query  url.Values
	Body   []byte    // decompressed (ReadBody); at most MaxBody
	Raw    []byte    // as it came, which is what senders sign; nil: as Body
	Now    time.Time // when it came in

	// Fetch gets an address of Amazon SNS, a certificate or the confirmation of a
	// subscription, and nothing else. The addresses were checked; the answer should be
	// limited to 64 KiB, redirects refused, and certificates kept. nil: messages of SNS
	// cannot be verified and subscriptions stay unconfirmed, both with an error.
	Fetch func(address string) ([]byte, error)

	// Before changes an object of the body before it is read as alerts, the one that it is
	// or each of the list that it is; nil: nothing does.
	Before func(*value.Map)
}

// signed are the bytes that the sender may have signed.
func (r Request) signed() []byte {
	if r.Raw != nil {
		return r.Raw
	}
	return r.Body
}

// An Alert is the fields of one alert as engine.NormalizeAlert takes them (spec §3.3).
// Every format sets name, status, severity, source, fingerprint, labels, lastReceived,
// providerType and pushed, and the others where the sender says them.
type Alert = map[string]any

// A Format is how one kind of system tells its alerts.
type Format struct {
	Name    string   // as in /alerts/event/{name}
	Aliases []string // other names that are the same
	Title   string   // what people call the system
	Doc     string   // what to set at the other system, as Markdown
	Schemes []string // how it can prove who it is (Schemes), the best first

	// Parse makes alerts of a request whose sender was verified. It may be called at
	// the same time for several. The error is an *Error, or a *Skip where nothing is
	// wrong and there is no alert. Beside an *Error there may be alerts: the good ones
	// of a batch, to be stored, while the sender hears of the others.
	Parse func(Request) ([]Alert, error)
}

// Formats are the formats that need no configuration, by name. JSON with a mapping
// (Mapping.Format) is one more for each mapping.
func Formats() []Format {
	return []Format{
		cloudEvents(), cloudWatch(), datadog(), gatus(), grafana(), keep(),
		pagerDuty(), prometheus(), sentry(), uptimeKuma(), zabbix(),
	}
}

// Lookup finds a format by its name or an alias.
func Lookup(name string) (Format, bool) {
	all := Formats()
	i := slices.IndexFunc(all, func(f Format) bool { return f.Name == name || slices.Contains(f.Aliases, name) })
	if i < 0 {
		return Format{}, false
	}
	return all[i], true
}
