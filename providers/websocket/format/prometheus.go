package format

import (
	"bytes"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// Prometheus are the options of prometheus and openmetrics.
type Prometheus struct {
	IgnoreTime bool `param:"prometheus_ignore_timestamp" doc:"For prometheus and openmetrics: take the time of receipt for that of each sample."`
}

func newPrometheus(o *Options) (func([]byte, time.Time) (entries, error), error) {
	ignore := o.IgnoreTime
	return func(data []byte, _ time.Time) (entries, error) { return families(data, ignore) }, nil
}

// families reads the text that Prometheus scrapes. As with Telegraf, each sample is a
// metric named prometheus whose field is what Prometheus calls the metric.
func families(data []byte, ignoreTime bool) (out entries, err error) {
	if n := len(data); n > 0 && data[n-1] != '\n' {
		data = append(slices.Clip(data), '\n') // the last line may end with the message
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	all, err := parser.TextToMetricFamilies(bytes.NewReader(data))
	if err != nil {
		return out, fmt.Errorf("no text of Prometheus: %w", err)
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		for _, m := range all[name].GetMetric() {
			s := sample{name: name, m: m, ignoreTime: ignoreTime}
			out.metrics = append(out.metrics, s.metrics()...)
		}
	}
	return out, nil
}

// A sample is one line of Prometheus, or the lines of a summary or histogram.
type sample struct {
	name       string
	m          *dto.Metric
	ignoreTime bool
}

func (s sample) metrics() []metric {
	switch m := s.m; {
	case m.Summary != nil:
		return s.summary(m.Summary)
	case m.Histogram != nil:
		return s.histogram(m.Histogram)
	case m.Gauge != nil:
		return s.one(m.Gauge.GetValue())
	case m.Counter != nil:
		return s.one(m.Counter.GetValue())
	case m.Untyped != nil:
		return s.one(m.Untyped.GetValue())
	}
	return nil
}

// one is a single figure; one that is no number says that there is none.
func (s sample) one(f float64) []metric {
	if math.IsNaN(f) {
		return nil
	}
	m := s.metric()
	m.fields.Set(s.name, f)
	return []metric{m}
}

func (s sample) summary(d *dto.Summary) []metric {
	m := s.metric()
	m.fields.Set(s.name+"_count", float64(d.GetSampleCount()))
	m.fields.Set(s.name+"_sum", d.GetSampleSum())
	all := []metric{m}
	for _, q := range d.Quantile {
		if math.IsNaN(q.GetValue()) {
			continue
		}
		m := s.metric()
		m.tags.Set("quantile", figure(q.GetQuantile()))
		m.fields.Set(s.name, q.GetValue())
		all = append(all, m)
	}
	return all
}

func (s sample) histogram(d *dto.Histogram) []metric {
	m := s.metric()
	m.fields.Set(s.name+"_count", float64(d.GetSampleCount()))
	m.fields.Set(s.name+"_sum", d.GetSampleSum())
	all := []metric{m}
	for _, b := range d.Bucket {
		m := s.metric()
		m.tags.Set("le", figure(b.GetUpperBound()))
		m.fields.Set(s.name+"_bucket", float64(b.GetCumulativeCount()))
		all = append(all, m)
	}
	return all
}

// metric has the labels and the time.
func (s sample) metric() metric {
	m := newMetric()
	m.name = "prometheus"
	for _, l := range s.m.GetLabel() {
		m.tags.Set(l.GetName(), l.GetValue())
	}
	if s.m.TimestampMs != nil && !s.ignoreTime {
		if at := time.UnixMilli(s.m.GetTimestampMs()); inRange(at) == nil {
			m.time = at
		}
	}
	return m
}

func figure(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) }
