package format

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"tocsin/templating/value"
)

// Prometheus are the options of prometheus and openmetrics.
type Prometheus struct {
	IgnoreTime bool `param:"prometheus_ignore_timestamp" doc:"For prometheus and openmetrics: take the time of receipt for that of each sample."`
}

func newPrometheus(o *Options) (func([]byte, time.Time) (entries, error), error) {
	ignore := o.IgnoreTime
	return func(data []byte, _ time.Time) (entries, error) { return families(data, ignore) }, nil
}

// families reads the text that Prometheus scrapes (exposition format 0.0.4, with quoted
// names). As with Telegraf, each sample is a metric named prometheus whose field is what
// Prometheus calls the metric. It is read here because the library for it brings
// Protocol Buffers, which take half a millisecond of every start of the program.
func families(data []byte, ignoreTime bool) (out entries, err error) {
	all := exposition{}
	n := 0
	for line := range bytes.Lines(data) {
		n++
		if err := all.line(strings.Trim(string(line), " \t\r\n")); err != nil {
			return out, fmt.Errorf("no text of Prometheus: line %d: %w", n, err)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		for _, s := range all[name].samples {
			out.metrics = append(out.metrics, s.metrics(ignoreTime)...)
		}
	}
	return out, nil
}

// An exposition has what was read so far, by name.
type exposition map[string]*family

// A family are the samples of one name and type.
type family struct {
	name, typ string
	samples   []*sample
	labeled   map[string]*sample // those of a summary or histogram
}

// A sample is one line of Prometheus, or the lines of a summary or histogram that have
// the same labels.
type sample struct {
	of         *family
	labels     *value.Map
	time       time.Time // zero: it has none
	value      float64
	count, sum float64
	parts      []part
}

// A part is a quantile or a bucket: up to where, and how much.
type part struct{ bound, value float64 }

// types are those that a family can have.
var types = []string{"counter", "gauge", "histogram", "summary", "untyped"}

func (x exposition) line(line string) error {
	switch {
	case line == "":
		return nil
	case line[0] == '#':
		return x.comment(strings.Fields(line[1:]))
	}
	return x.sample(line)
}

// comment reads the type of a family. Other comments say nothing about values.
func (x exposition) comment(words []string) error {
	if len(words) == 0 || words[0] != "TYPE" {
		return nil
	}
	if len(words) != 3 || !slices.Contains(types, words[2]) {
		return fmt.Errorf("a type is one of %s", strings.Join(types, ", "))
	}
	if _, known := x[words[1]]; known {
		return fmt.Errorf("the type of %s comes too late", shown(words[1]))
	}
	x[words[1]] = &family{name: words[1], typ: words[2], labeled: map[string]*sample{}}
	return nil
}

// sample reads name{label="text",...} value [milliseconds], and {"name",...}.
func (x exposition) sample(line string) error {
	l := labelReader{rest: line}
	name := l.word()
	labels, err := l.labels(&name)
	if err != nil {
		return err
	}
	if name == "" {
		return fmt.Errorf("no name in %s", shown(line))
	}
	words := strings.Fields(l.rest)
	if len(words) < 1 || len(words) > 2 {
		return fmt.Errorf("a value, and perhaps a time, has to follow the name, not %s", shown(l.rest))
	}
	f, err := prometheusFloat(words[0])
	if err != nil {
		return err
	}
	s, err := x.place(name, labels, f)
	if err != nil || len(words) == 1 {
		return err
	}
	ms, err := strconv.ParseInt(words[1], 10, 64)
	if err != nil {
		return fmt.Errorf("%s is no time in milliseconds", shown(words[1]))
	}
	if at := time.UnixMilli(ms); inRange(at) == nil {
		s.time = at
	}
	return nil
}

// place puts a value where it belongs: into a sample of its own, or into that of the
// summary or histogram of which it is a part.
func (x exposition) place(name string, labels *value.Map, v float64) (*sample, error) {
	f, suffix := x.family(name)
	if bound := f.bound(); bound != "" {
		return f.add(suffix, labels, bound, v)
	}
	s := &sample{of: f, labels: labels, value: v}
	f.samples = append(f.samples, s)
	return s, nil
}

// bound is the label that says up to where a part goes; "" where there are no parts.
func (f *family) bound() string {
	switch f.typ {
	case "summary":
		return "quantile"
	case "histogram":
		return "le"
	}
	return ""
}

// family is the one that a line of that name belongs to, and what the name has besides.
func (x exposition) family(name string) (f *family, suffix string) {
	if f, known := x[name]; known {
		return f, ""
	}
	for _, suffix := range []string{"_bucket", "_count", "_sum"} {
		base, has := strings.CutSuffix(name, suffix)
		if f := x[base]; has && f != nil && (f.typ == "histogram" || f.typ == "summary" && suffix != "_bucket") {
			return f, suffix
		}
	}
	x[name] = &family{name: name, typ: "untyped"}
	return x[name], ""
}

// add adds a value to the sample of these labels: its count, its sum, or a part, up to
// what the label says.
func (f *family) add(suffix string, labels *value.Map, label string, v float64) (*sample, error) {
	text, parted := labels.Get(label)
	labels.Delete(label)
	s := f.sample(labels)
	switch {
	case suffix == "_count":
		s.count = v
	case suffix == "_sum":
		s.sum = v
	case parted:
		bound, err := prometheusFloat(text.(string))
		if err != nil {
			return nil, err
		}
		s.parts = append(s.parts, part{bound, v})
	}
	return s, nil
}

// sample is the one of a summary or histogram with these labels, in any order.
func (f *family) sample(labels *value.Map) *sample {
	pairs := make([]string, 0, labels.Len())
	for k, v := range labels.All() {
		pairs = append(pairs, strconv.Quote(k)+strconv.Quote(v.(string)))
	}
	slices.Sort(pairs)
	key := strings.Join(pairs, ",")
	s, known := f.labeled[key]
	if !known {
		s = &sample{of: f, labels: labels}
		f.labeled[key] = s
		f.samples = append(f.samples, s)
	}
	return s
}

// prometheusFloat reads a number, NaN or an infinity.
func prometheusFloat(text string) (float64, error) {
	f, err := strconv.ParseFloat(text, 64)
	if errors.Is(err, strconv.ErrSyntax) || strings.ContainsAny(text, "pP_") {
		return 0, fmt.Errorf("%s is no number", shown(text))
	}
	return f, nil
}

// A labelReader reads a line from its beginning.
type labelReader struct{ rest string }

func (l *labelReader) blanks() { l.rest = strings.TrimLeft(l.rest, " \t") }

// word reads letters, digits, "_" and ":", of which the first is no digit; "" if there
// are none.
func (l *labelReader) word() string {
	i := 0
	for i < len(l.rest) {
		c := l.rest[i]
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_' || c == ':'
		if !letter && (i == 0 || c < '0' || c > '9') {
			break
		}
		i++
	}
	word := l.rest[:i]
	l.rest = l.rest[i:]
	return word
}

// labels reads {label="text",...}, if that is there. The name of the metric may be the
// first in it.
func (l *labelReader) labels(name *string) (*value.Map, error) {
	labels := value.NewMap(0)
	if l.blanks(); !strings.HasPrefix(l.rest, "{") {
		return labels, nil
	}
	for l.rest = l.rest[1:]; ; {
		if l.blanks(); strings.HasPrefix(l.rest, "}") {
			l.rest = l.rest[1:]
			return labels, nil
		}
		if err := l.label(name, labels); err != nil {
			return nil, err
		}
		l.blanks()
		switch {
		case strings.HasPrefix(l.rest, ","):
			l.rest = l.rest[1:]
		case !strings.HasPrefix(l.rest, "}"):
			return nil, fmt.Errorf(`"," or "}" has to follow a label, not %s`, shown(l.rest))
		}
	}
}

func (l *labelReader) label(name *string, labels *value.Map) error {
	label := l.word()
	if strings.HasPrefix(l.rest, `"`) && label == "" {
		var err error
		if label, err = l.quoted(); err != nil {
			return err
		}
		if l.blanks(); !strings.HasPrefix(l.rest, "=") && *name == "" {
			*name = label
			return nil
		}
	}
	l.blanks()
	text, equals := strings.CutPrefix(l.rest, "=")
	if label == "" || !equals {
		return fmt.Errorf(`a label is name="text", not %s`, shown(l.rest))
	}
	l.rest = text
	l.blanks()
	v, err := l.quoted()
	if err != nil {
		return err
	}
	if _, twice := labels.Get(label); twice || label == "__name__" {
		return fmt.Errorf("a second label %s", shown(label))
	}
	labels.Set(label, v)
	return nil
}

// quoted reads a text in double quotes, in which \n, \" and \\ are escapes.
func (l *labelReader) quoted() (string, error) {
	var out strings.Builder
	for i := 1; i < len(l.rest) && l.rest[0] == '"'; i++ {
		switch c := l.rest[i]; c {
		case '"':
			l.rest = l.rest[i+1:]
			return strings.ToValidUTF8(out.String(), "\ufffd"), nil
		case '\\':
			i++
			at := -1
			if i < len(l.rest) {
				at = strings.IndexByte(`n"\`, l.rest[i])
			}
			if at < 0 {
				return "", fmt.Errorf(`\n, \" and \\ are the only escapes, in %s`, shown(l.rest))
			}
			out.WriteByte("\n\"\\"[at])
		default:
			out.WriteByte(c)
		}
	}
	return "", fmt.Errorf("%s is no text in quotes", shown(l.rest))
}

func (s *sample) metrics(ignoreTime bool) []metric {
	switch s.of.typ {
	case "summary":
		return s.whole(ignoreTime, "")
	case "histogram":
		return s.whole(ignoreTime, "_bucket")
	}
	if math.IsNaN(s.value) { // it says that there is none
		return nil
	}
	m := s.metric(ignoreTime)
	m.fields.Set(s.of.name, s.value)
	return []metric{m}
}

// whole is a summary or histogram: its count and sum, and a metric for each part.
func (s *sample) whole(ignoreTime bool, suffix string) []metric {
	m := s.metric(ignoreTime)
	m.fields.Set(s.of.name+"_count", s.count)
	m.fields.Set(s.of.name+"_sum", s.sum)
	all := []metric{m}
	for _, p := range s.parts {
		if math.IsNaN(p.value) {
			continue
		}
		m := s.metric(ignoreTime)
		m.tags.Set(s.of.bound(), strconv.FormatFloat(p.bound, 'g', -1, 64))
		m.fields.Set(s.of.name+suffix, p.value)
		all = append(all, m)
	}
	return all
}

// metric has the labels and the time.
func (s *sample) metric(ignoreTime bool) metric {
	m := newMetric()
	m.name = "prometheus"
	for k, v := range s.labels.All() {
		m.tags.Set(k, v)
	}
	if !ignoreTime {
		m.time = s.time
	}
	return m
}
