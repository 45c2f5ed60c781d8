package server

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"
)

// A family is the figures of one name: a series for each combination of what its labels
// say. It may be used from many goroutines.
type family struct {
	name, help, kind string
	labels           []string
	points           []float64 // upper limits of a histogram's buckets, or quantiles of a summary

	mu     sync.Mutex
	series map[labelValues]*series
	order  []labelValues // of the series: as the text has them, if the last text was written since the last one came
	came   int           // series so far
	sorted int           // how many of them had come when order was sorted
}

// labelValues are in the order of the labels. No family has more of them.
type labelValues [3]string

// A series is a value, or for histograms and summaries how many values there were, their
// sum, and for each point how many were no larger, or the value at that quantile.
type series struct {
	sum, count float64
	at         []float64
}

// The kinds of families, as Prometheus calls them.
const (
	counter   = "counter"
	gauge     = "gauge"
	histogram = "histogram"
	summary   = "summary"
)

// add adds to a value.
func (f *family) add(n float64, labels ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.of(labels).sum += n
}

// observe counts a value of a histogram.
func (f *family) observe(v float64, labels ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.of(labels)
	for i := len(f.points) - 1; i >= 0 && v <= f.points[i]; i-- {
		s.at[i]++
	}
	s.sum += v
	s.count++
}

// put sets a series that was counted elsewhere.
func (f *family) put(counted series, labels ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	*f.of(labels) = counted
}

// of is the series of those labels. Whoever asks has the lock.
func (f *family) of(labels []string) *series {
	if len(labels) != len(f.labels) {
		panic(fmt.Sprintf("server: %s has %d labels, and was given %d", f.name, len(f.labels), len(labels)))
	}
	var key labelValues
	copy(key[:], labels)
	s := f.series[key]
	if s == nil {
		s = &series{at: make([]float64, len(f.points))}
		f.series[key] = s
		f.order = append(f.order, key)
		f.came++
	}
	return s
}

// appendText appends the family in Prometheus' text format, version 0.0.4
// (https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format), or
// nothing where it has no series.
func (f *family) appendText(b []byte) []byte {
	rows := f.snapshot()
	if len(rows) == 0 {
		return b
	}
	b = slices.Grow(b, len(rows)*(len(f.name)+usualLine))
	b = fmt.Appendf(b, "# HELP %s %s\n# TYPE %s %s\n", f.name, escapeHelp(f.help), f.name, f.kind)
	for _, r := range rows {
		b = f.appendSeries(b, r.labels, r.series)
	}
	return b
}

type row struct {
	labels labelValues
	series
}

// usualLine is about how long a line is besides the name.
const usualLine = 60

// snapshot is a copy in the order of the labels, so that nobody who counts waits until the
// text is written.
func (f *family) snapshot() []row {
	rows, came := f.copied()
	if came == 0 {
		return rows
	}
	slices.SortFunc(rows, func(a, b row) int { return slices.Compare(a.labels[:], b.labels[:]) })
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.came == came && len(f.order) == len(rows) { // none came or went meanwhile
		for i := range rows {
			f.order[i] = rows[i].labels
		}
		f.sorted = came
	}
	return rows
}

// copied is a copy, and how many series had come if it is not in order yet; 0: it is.
func (f *family) copied() (rows []row, came int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	rows = make([]row, 0, len(f.order))
	for _, key := range f.order {
		s := f.series[key]
		rows = append(rows, row{key, series{s.sum, s.count, slices.Clone(s.at)}})
	}
	if f.sorted == f.came {
		return rows, 0
	}
	return rows, f.came
}

func (f *family) appendSeries(b []byte, key labelValues, s series) []byte {
	switch f.kind {
	case histogram:
		for i, n := range s.at {
			b = f.appendLine(b, "_bucket", key, "le", decimal(f.points[i]), n)
		}
		b = f.appendLine(b, "_bucket", key, "le", "+Inf", s.count)
	case summary:
		for i, v := range s.at {
			b = f.appendLine(b, "", key, "quantile", decimal(f.points[i]), v)
		}
	default:
		return f.appendLine(b, "", key, "", "", s.sum)
	}
	b = f.appendLine(b, "_sum", key, "", "", s.sum)
	return f.appendLine(b, "_count", key, "", "", s.count)
}

// appendLine appends one value; point is the label that histograms and summaries have
// besides their own, if any.
func (f *family) appendLine(b []byte, suffix string, key labelValues, point, at string, v float64) []byte {
	b = append(append(b, f.name...), suffix...)
	before := byte('{')
	for i, label := range f.labels {
		b = appendLabel(append(b, before), label, key[i])
		before = ','
	}
	if point != "" {
		b = appendLabel(append(b, before), point, at)
		before = ','
	}
	if before == ',' {
		b = append(b, '}')
	}
	return append(append(append(b, ' '), decimal(v)...), '\n')
}

func appendLabel(b []byte, name, v string) []byte {
	b = append(append(b, name...), `="`...)
	if !strings.ContainsAny(v, "\\\"\n") && utf8.ValidString(v) {
		return append(append(b, v...), '"')
	}
	for _, r := range v { // what is no UTF-8 comes as U+FFFD
		switch r {
		case '\\', '"':
			b = append(b, '\\', byte(r))
		case '\n':
			b = append(b, `\n`...)
		default:
			b = append(b, string(r)...)
		}
	}
	return append(b, '"')
}

func escapeHelp(s string) string {
	return strings.ReplaceAll(strings.ReplaceAll(s, `\`, `\\`), "\n", `\n`)
}

func decimal(v float64) string {
	if math.IsInf(v, 1) {
		return "+Inf"
	}
	return strconv.FormatFloat(v, 'g', -1, 64)
}

// A sheet is the families of one answer, or of all of them.
type sheet []*family

func (p *sheet) family(kind, name, help string, labels ...string) *family {
	f := &family{name: name, help: help, kind: kind, labels: labels, series: map[labelValues]*series{}}
	*p = append(*p, f)
	return f
}

// spread is a histogram whose n limits begin with first and grow by a factor.
func (p *sheet) spread(name, help string, first, factor float64, n int, labels ...string) *family {
	f := p.family(histogram, name, help, labels...)
	for range n {
		f.points = append(f.points, first)
		first *= factor
	}
	return f
}

// value adds a family of one value.
func (p *sheet) value(kind, name, help string, v float64) { p.family(kind, name, help).add(v) }

// text is the sheet as it is sent, in the order of names.
func (p sheet) text() []byte {
	var b []byte
	for _, f := range slices.SortedFunc(slices.Values(p), func(a, b *family) int { return strings.Compare(a.name, b.name) }) {
		b = f.appendText(b)
	}
	return b
}
