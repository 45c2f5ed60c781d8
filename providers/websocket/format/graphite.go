package format

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"tocsin/templating/value"
)

// Graphite are the options of graphite.
type Graphite struct {
	Separator string   `param:"separator" doc:"For graphite: what stands between the parts of a name that a template puts together; a dot if absent."`
	Templates []string `param:"templates" doc:"For graphite: what the parts of a name mean, as \"[filter] host.measurement*.field [tag=value,...]\"."`
}

// A template says what the parts of a name are.
type template struct {
	filter []string
	parts  []string
	tags   []string // name, text in turn
}

func newGraphite(o *Options) (func([]byte, time.Time) (entries, error), error) {
	separator := o.Graphite.Separator
	if separator == "" {
		separator = "."
	}
	templates := make([]template, len(o.Templates))
	for i, text := range o.Templates {
		var err error
		if templates[i], err = newTemplate(text); err != nil {
			return nil, fmt.Errorf("templates[%d]: %w", i, err)
		}
	}
	return func(data []byte, _ time.Time) (out entries, err error) {
		n := 0
		for line := range strings.Lines(string(data)) {
			n++
			if line = strings.TrimSpace(line); line == "" {
				continue
			}
			m, err := graphiteLine(line, templates, separator)
			if err != nil {
				return out, fmt.Errorf("line %d: %w", n, err)
			}
			out.metrics = append(out.metrics, m)
		}
		return out, nil
	}, nil
}

func newTemplate(text string) (t template, err error) {
	words := strings.Fields(text)
	if last := len(words) - 1; last > 0 && strings.Contains(words[last], "=") {
		for pair := range strings.SplitSeq(words[last], ",") {
			name, v, ok := strings.Cut(pair, "=")
			if !ok || name == "" {
				return t, fmt.Errorf("%q is no tag=value", pair)
			}
			t.tags = append(t.tags, name, v)
		}
		words = words[:last]
	}
	switch len(words) {
	case 1:
	case 2:
		t.filter = strings.Split(words[0], ".")
		words = words[1:]
	default:
		return t, errors.New("a template is [filter] parts [tag=value,...]")
	}
	t.parts = strings.Split(words[0], ".")
	for _, p := range t.parts {
		if strings.HasPrefix(p, "measurement") {
			return t, nil
		}
	}
	return t, errors.New("no part of it is measurement")
}

// graphiteLine reads name value [time]. Tags may stand in the name, behind semicolons.
func graphiteLine(line string, templates []template, separator string) (metric, error) {
	words := strings.Fields(line)
	if len(words) != 2 && len(words) != 3 {
		return metric{}, errors.New("a line is name value [time]")
	}
	f, ok := number(words[1])
	if !ok {
		return metric{}, fmt.Errorf("%s is no number", shown(words[1]))
	}
	name, tags, _ := strings.Cut(strings.ToValidUTF8(words[0], "\uFFFD"), ";")
	m := applied(strings.Split(name, "."), templates, separator)
	for tag := range strings.SplitSeq(tags, ";") {
		if key, text, ok := strings.Cut(tag, "="); ok {
			m.tags.Set(key, text)
		}
	}
	field, _ := m.fields.Get("")
	key, _ := field.(string)
	if key == "" {
		key = "value"
	}
	m.fields = value.MapOf(value.Entry{Key: key, Value: f})
	var err error
	if len(words) == 3 && words[2] != "-1" {
		m.time, err = ticks(words[2], time.Second)
	}
	return m, err
}

// applied is the metric of a name by the first template that fits it; without one the
// whole name is the metric's. The name of the field is behind the empty key.
func applied(parts []string, templates []template, separator string) metric {
	m := newMetric()
	for _, t := range templates {
		if t.fits(parts) {
			t.apply(&m, parts, separator)
			return m
		}
	}
	m.name = strings.Join(parts, ".")
	return m
}

func (t *template) fits(parts []string) bool {
	if len(t.filter) > len(parts) {
		return false
	}
	for i, f := range t.filter {
		if f != "*" && f != parts[i] {
			return false
		}
	}
	return true
}

func (t *template) apply(m *metric, parts []string, separator string) {
	var names, fields []string
	tags := value.NewMap(len(t.parts))
	for i, p := range parts {
		word := ""
		if i < len(t.parts) {
			word = t.parts[i]
		}
		switch word {
		case "measurement":
			names = append(names, p)
		case "measurement*":
			names = append(names, parts[i:]...)
		case "field":
			fields = append(fields, p)
		case "field*":
			fields = append(fields, parts[i:]...)
		case "":
			continue
		default:
			if had, ok := tags.Get(word); ok {
				p = value.Text(had) + separator + p
			}
			tags.Set(word, p)
		}
		if strings.HasSuffix(word, "*") {
			break
		}
	}
	m.name = strings.Join(names, separator)
	m.tags = tags
	for i := 0; i < len(t.tags); i += 2 {
		m.tags.Set(t.tags[i], t.tags[i+1])
	}
	m.fields.Set("", strings.Join(fields, separator))
}
