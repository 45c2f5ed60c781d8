package server

import (
	"slices"

	"tocsin/providers"
)

// Note takes a figure of a provider's; it is for providers.Env.Meter.
func (m *Metrics) Note(f *providers.Figure, v float64, labels ...string) {
	switch family := m.figure(f); f.Kind {
	case providers.Counter:
		family.add(v, labels...)
	case providers.Gauge:
		family.put(series{sum: v}, labels...)
	case providers.Histogram:
		family.observe(v, labels...)
	}
}

// Drop forgets a series of a provider's figure.
func (m *Metrics) Drop(f *providers.Figure, labels ...string) { m.figure(f).drop(labels) }

// figure is the family of a provider's figure, which is made for the first of its series.
func (m *Metrics) figure(f *providers.Figure) *family {
	if known, ok := m.theirs.Load(f); ok {
		return known.(*family)
	}
	kind := map[providers.FigureKind]string{providers.Counter: counter, providers.Gauge: gauge, providers.Histogram: histogram}[f.Kind]
	made := &family{name: f.Name, help: f.Help, kind: kind, labels: f.Labels, points: f.Limits, series: map[labelValues]*series{}}
	known, _ := m.theirs.LoadOrStore(f, made)
	return known.(*family)
}

// readProviders adds the figures of providers.
func (m *Metrics) readProviders(p *sheet) {
	m.theirs.Range(func(_, f any) bool {
		*p = append(*p, f.(*family))
		return true
	})
}

// drop forgets a series.
func (f *family) drop(labels []string) {
	var key labelValues
	copy(key[:], labels)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.series[key] != nil {
		delete(f.series, key)
		f.order = slices.DeleteFunc(f.order, func(k labelValues) bool { return k == key })
	}
}
