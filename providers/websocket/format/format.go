// Package format reads messages as data: JSON, CSV, the InfluxDB line protocol, what
// Prometheus scrapes, and the others that Telegraf reads, by Telegraf's names and with
// its options (spec/websocket.md §8).
//
// A format of metrics gives entries of {name, tags, fields, time}, several where a
// message has several lines or rows; the others give plain values. Every reader takes
// about linear time and bounded depth, whatever it is given. Start reading at New; the
// formats are the rows of formats, each in a file of its own.
package format

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"tocsin/templating/value"
)

// Options say how messages are read. The zero Options do not read them.
type Options struct {
	Format string `param:"data_format" enum:"none,json,json_v2,text,value,influx,csv,logfmt,prometheus,openmetrics,form_urlencoded,xml,xpath_json,xpath_msgpack,xpath_cbor,msgpack,cbor,avro,graphite,nagios,grok" doc:"How each message is read into parsed: as metrics or values in one of Telegraf's formats; none if absent."`
	JSON
	JSONv2 []Document `param:"json_v2" doc:"For json_v2: how to make metrics of a JSON document, in paths of gjson."`
	Value
	Influx
	CSV
	Logfmt
	Prometheus
	Form
	XPath []Table `param:"xpath" alias:"xml" doc:"For xml and the xpath formats: how to make metrics, in XPath."`
	XPathOptions
	Avro
	Graphite
	Grok
}

// A Reader reads messages of one format. It is safe for concurrent use.
type Reader struct {
	name string
	url  string
	read func(data []byte, at time.Time) (entries, error)
}

// entries are what a message gave: metrics or plain values.
type entries struct {
	metrics []metric
	values  []any
}

// maxEntries is how many entries one message may give.
const maxEntries = 1 << 20

var errMany = fmt.Errorf("more than %d entries", maxEntries)

// errDeep is the error for data nested too deeply. Nobody means that.
var errDeep = errors.New("nested deeper than 64 levels")

const maxDepth = 64

// formats make the reader of each format out of the options, and check these.
var formats = sync.OnceValue(func() map[string]maker {
	return map[string]maker{
		"json":            newJSON,
		"json_v2":         newJSONv2,
		"text":            newText,
		"value":           newValue,
		"influx":          newInflux,
		"csv":             newCSV,
		"logfmt":          newLogfmt,
		"prometheus":      newPrometheus,
		"openmetrics":     newOpenMetrics,
		"form_urlencoded": newForm,
		"xml":             newXML,
		"xpath_json":      newXPathJSON,
		"xpath_msgpack":   newXPathMsgpack,
		"xpath_cbor":      newXPathCBOR,
		"msgpack":         newMsgpack,
		"cbor":            newCBOR,
		"avro":            newAvro,
		"graphite":        newGraphite,
		"nagios":          newNagios,
		"grok":            newGrok,
	}
})

type maker func(*Options) (func([]byte, time.Time) (entries, error), error)

// New checks o and makes its reader; nil if o.Format is none. Metrics that have no name
// of their own get name, and those that have no tag url get one, unless url is empty.
func New(o Options, name, url string) (*Reader, error) {
	if o.Format == "" || o.Format == "none" {
		return nil, nil
	}
	return reader(o, name, url)
}

// reader is apart, since a reader keeps its options, and most have none to be kept.
func reader(o Options, name, url string) (*Reader, error) {
	make, ok := formats()[o.Format]
	if !ok {
		return nil, fmt.Errorf("data_format: %q is not supported", o.Format)
	}
	read, err := make(&o)
	if err != nil {
		return nil, err
	}
	r := &Reader{name: name, read: read}
	r.url = url
	return r, nil
}

// Read reads one message that came at that time, which is that of metrics without one.
// What it returns are values of package value.
func (r *Reader) Read(data []byte, at time.Time) ([]any, error) {
	got, err := r.guarded(data, at)
	if err != nil {
		return nil, err
	}
	out := got.values
	for i := range got.metrics {
		out = append(out, got.metrics[i].value(r, at))
	}
	if len(out) > maxEntries {
		return nil, errMany
	}
	return out, nil
}

// guarded is read, with a library's panic an error: whoever sends a message must not end
// the program.
func (r *Reader) guarded(data []byte, at time.Time) (got entries, err error) {
	defer func() {
		if p := recover(); p != nil {
			got, err = entries{}, errors.New("the message cannot be read")
		}
	}()
	return r.read(data, at)
}

// A metric is one entry of a format of metrics.
type metric struct {
	name   string
	tags   *value.Map // of texts
	fields *value.Map
	time   time.Time // zero: when the message came
}

func newMetric() metric { return metric{tags: value.NewMap(0), fields: value.NewMap(0)} }

// value is m as workflows see it.
func (m *metric) value(r *Reader, at time.Time) *value.Map {
	name, when := m.name, m.time
	if name == "" {
		name = r.name
	}
	if when.IsZero() {
		when = at
	}
	if _, has := m.tags.Get("url"); !has && r.url != "" {
		m.tags.Set("url", r.url)
	}
	return value.MapOf(
		value.Entry{Key: "name", Value: name},
		value.Entry{Key: "tags", Value: m.tags},
		value.Entry{Key: "fields", Value: m.fields},
		value.Entry{Key: "time", Value: when.UTC().Format(time.RFC3339Nano)},
	)
}
