package format

import (
	"errors"
	"regexp"
	"strings"
	"sync"
	"time"
)

// newNagios reads what a plugin of Nagios prints: texts, and behind a | figures, as
// 'label'=value[unit];[warn];[crit];[min];[max]
// (https://nagios-plugins.org/doc/guidelines.html#AEN200). Each figure is a metric, and
// so are the texts.
func newNagios(*Options) (func([]byte, time.Time) (entries, error), error) {
	return func(data []byte, _ time.Time) (out entries, err error) {
		text := strings.TrimSpace(strings.ToValidUTF8(string(data), "\uFFFD"))
		if text == "" {
			return out, errors.New("a plugin prints a line at least")
		}
		first, rest, _ := strings.Cut(text, "\n")
		output, figures, _ := strings.Cut(first, "|")
		long, more, _ := strings.Cut(rest, "|")
		out.metrics = perfdata(figures + " " + more)
		m := newMetric()
		m.name = "nagios_state"
		m.fields.Set("service_output", strings.TrimSpace(output))
		if long = strings.TrimSpace(long); long != "" {
			m.fields.Set("long_service_output", long)
		}
		out.metrics = append(out.metrics, m)
		return out, nil
	}, nil
}

var figurePattern = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?:'((?:[^']|'')+)'|([^'=\s]+))=(-?[0-9.]+)([^0-9;\s]*)?(?:;([^;\s]*))?(?:;([^;\s]*))?(?:;([^;\s]*))?(?:;([^;\s]*))?`)
})

// perfdata makes a metric of each figure.
func perfdata(text string) (metrics []metric) {
	for _, f := range figurePattern().FindAllStringSubmatch(text, -1) {
		v, ok := number(f[3])
		if !ok {
			continue
		}
		m := newMetric()
		m.name = "nagios"
		m.tags.Set("perfdata", strings.ReplaceAll(f[1]+f[2], "''", "'"))
		if f[4] != "" {
			m.tags.Set("unit", f[4])
		}
		m.fields.Set("value", v)
		m.bound("warning", f[5])
		m.bound("critical", f[6])
		for i, name := range []string{"min", "max"} {
			if n, ok := number(f[7+i]); ok {
				m.fields.Set(name, n)
			}
		}
		metrics = append(metrics, m)
	}
	return metrics
}

// bound adds a range: 10 is what lies within 0 and 10, 5: from 5 up, ~:5 up to 5.
func (m *metric) bound(name, text string) {
	text = strings.TrimPrefix(text, "@")
	low, high, isRange := strings.Cut(text, ":")
	if !isRange {
		low, high = "0", text
	}
	if n, ok := number(high); ok {
		m.fields.Set(name+"_gt", n)
	} else if !isRange {
		return
	}
	if n, ok := number(low); ok {
		m.fields.Set(name+"_lt", n)
	}
}
