package format

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"time"
)

// Grok are the options of grok.
type Grok struct {
	Patterns []string `param:"grok_patterns" doc:"For grok: what lines look like, as texts with %{PATTERN:name:type}; of several the first that fits counts. Lines that none fits are left out."`
	Named    []string `param:"grok_named_patterns" doc:"For grok: names of further such patterns, as %{NAME}."`
	Custom   string   `param:"grok_custom_patterns" doc:"For grok: patterns of your own, a line each: NAME and a regular expression (RE2)."`
	Timezone string   `param:"grok_timezone" doc:"For grok: time zone of times without one; UTC if absent."`
}

// A grokLine is one pattern made ready.
type grokLine struct {
	re    *regexp.Regexp
	names []string // of the groups; "" for those that are not kept
	types []string
}

func newGrok(o *Options) (func([]byte, time.Time) (entries, error), error) {
	c := grokCompiler{own: map[string]string{}}
	for line := range strings.Lines(o.Custom) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, expr, ok := strings.Cut(line, " ")
		if !ok {
			return nil, fmt.Errorf("grok_custom_patterns: %q is no NAME and pattern", line)
		}
		c.own[name] = strings.TrimSpace(expr)
	}
	texts := append(o.Grok.Patterns[:len(o.Grok.Patterns):len(o.Grok.Patterns)], o.Named...)
	if len(texts) == 0 {
		return nil, errors.New("data_format: grok needs grok_patterns")
	}
	lines := make([]*grokLine, len(texts))
	for i, text := range texts {
		var err error
		if lines[i], err = c.line(text); err != nil {
			return nil, fmt.Errorf("grok_patterns[%d]: %w", i, err)
		}
	}
	clock, err := newClock("grok_timezone", time.RFC3339, o.Grok.Timezone, "")
	return func(data []byte, _ time.Time) (out entries, err error) {
		n := 0
		for line := range strings.Lines(strings.ToValidUTF8(string(data), "\uFFFD")) {
			n++
			m, ok, err := grokked(strings.TrimRight(line, "\r\n"), lines, clock)
			if err != nil {
				return out, fmt.Errorf("line %d: %w", n, err)
			}
			if ok {
				out.metrics = append(out.metrics, m)
			}
		}
		return out, nil
	}, err
}

// grokked makes a metric of a line by the first pattern that fits.
func grokked(line string, patterns []*grokLine, c clock) (m metric, ok bool, err error) {
	for _, p := range patterns {
		found := p.re.FindStringSubmatch(line)
		if found == nil {
			continue
		}
		m = newMetric()
		for i, name := range p.names {
			if text := found[i+1]; name != "" && text != "" {
				if err := m.grok(name, p.types[i], text, c); err != nil {
					return m, false, err
				}
			}
		}
		return m, true, nil
	}
	return m, false, nil
}

// grok adds what a group found.
func (m *metric) grok(name, typ, text string, c clock) (err error) {
	switch {
	case typ == "tag":
		m.tags.Set(name, text)
	case typ == "measurement":
		m.name = text
	case typ == "drop":
	case typ == "duration":
		var d time.Duration
		if d, err = time.ParseDuration(text); err == nil {
			m.fields.Set(name, int64(d))
		}
	case typ == "ts" || strings.HasPrefix(typ, "ts-"):
		m.time, err = grokTime(typ, text, c)
	default:
		var v any
		if v, err = converted(text, typ); err == nil {
			m.fields.Set(name, v)
		}
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// grokLayouts are the layouts of the types of times that have names.
var grokLayouts = map[string]string{
	"ts-ansic": time.ANSIC, "ts-unix": time.UnixDate, "ts-ruby": time.RubyDate, "ts-rfc822": time.RFC822,
	"ts-rfc822z": time.RFC822Z, "ts-rfc850": time.RFC850, "ts-rfc1123": time.RFC1123, "ts-rfc1123z": time.RFC1123Z,
	"ts-rfc3339": time.RFC3339, "ts-rfc3339nano": time.RFC3339Nano, "ts-httpd": "02/Jan/2006:15:04:05 -0700",
	"ts-epoch": "unix", "ts-epochmilli": "unix_ms", "ts-epochnano": "unix_ns", "ts-syslog": "Jan 02 15:04:05",
}

func grokTime(typ, text string, c clock) (time.Time, error) {
	layout, ok := grokLayouts[typ]
	if !ok {
		layout = strings.Trim(strings.TrimPrefix(typ, "ts-"), `"`)
	}
	if typ == "ts" {
		layout = time.RFC3339
	}
	c.layout = layout
	return c.read(text)
}

// A grokCompiler makes regular expressions of patterns.
type grokCompiler struct {
	own map[string]string
}

var groupPattern = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`%\{(\w+)(?::([\w.\-]+))?(?::([^}]+))?\}`)
})

const maxGrok = 64 << 10 // bytes of an expanded pattern

func (c *grokCompiler) line(text string) (*grokLine, error) {
	l := &grokLine{}
	var groups []string
	expr, err := c.expand(text, &groups, l, 0)
	if err != nil {
		return nil, err
	}
	if l.re, err = regexp.Compile(expr); err != nil {
		return nil, fmt.Errorf("%s; patterns are those of RE2", strings.TrimPrefix(err.Error(), "error parsing regexp: "))
	}
	names, types := l.names, l.types
	l.names, l.types = make([]string, l.re.NumSubexp()), make([]string, l.re.NumSubexp())
	for i, group := range l.re.SubexpNames() {
		for k, g := range groups {
			if group == g && g != "" && i > 0 {
				l.names[i-1], l.types[i-1] = names[k], types[k]
			}
		}
	}
	return l, nil
}

// expand replaces %{NAME:name:type} by its expression, in a group of its own if it has
// a name.
func (c *grokCompiler) expand(text string, groups *[]string, l *grokLine, depth int) (string, error) {
	if depth > 16 {
		return "", errors.New("patterns within patterns more than 16 deep, or in a circle")
	}
	var out strings.Builder
	at := 0
	for _, p := range groupPattern().FindAllStringSubmatchIndex(text, -1) {
		part := func(i int) string {
			if p[2*i] < 0 {
				return ""
			}
			return text[p[2*i]:p[2*i+1]]
		}
		expr, ok := c.own[part(1)]
		if !ok {
			expr, ok = grokPatterns()[part(1)]
		}
		if !ok {
			return "", fmt.Errorf("there is no pattern %%{%s}", part(1))
		}
		out.WriteString(text[at:p[0]])
		at = p[1]
		open := "(?:"
		if name, typ := part(2), part(3); name != "" {
			if !knownType(typ) && typ != "tag" && typ != "measurement" && typ != "drop" && typ != "duration" && typ != "ts" && !strings.HasPrefix(typ, "ts-") {
				return "", fmt.Errorf("there is no type %q", typ)
			}
			if typ == "" {
				typ = "string"
			}
			group := fmt.Sprintf("g%d", len(*groups))
			*groups = append(*groups, group)
			l.names, l.types = append(l.names, name), append(l.types, typ)
			open = "(?P<" + group + ">"
		}
		inner, err := c.expand(expr, groups, l, depth+1)
		if err != nil {
			return "", err
		}
		out.WriteString(open + inner + ")")
		if out.Len() > maxGrok {
			return "", errors.New("a pattern of more than 64 KiB")
		}
	}
	out.WriteString(text[at:])
	return out.String(), nil
}

// grokPatterns are the building blocks: those of Logstash that people use, in RE2.
var grokPatterns = sync.OnceValue(func() map[string]string {
	return map[string]string{
		"WORD": `\w+`, "NOTSPACE": `\S+`, "SPACE": `\s*`, "DATA": `.*?`, "GREEDYDATA": `.*`,
		"INT": `[+-]?[0-9]+`, "POSINT": `[1-9][0-9]*`, "NONNEGINT": `[0-9]+`,
		"NUMBER": `[+-]?(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)`, "BASE10NUM": `[+-]?(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)`,
		"BASE16NUM": `[+-]?(?:0x)?[0-9A-Fa-f]+`, "BOOL": `(?i:true|false)`,
		"USERNAME": `[a-zA-Z0-9._-]+`, "USER": `[a-zA-Z0-9._-]+`,
		"QUOTEDSTRING": `"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'`, "QS": `"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'`,
		"UUID": `[A-Fa-f0-9]{8}(?:-[A-Fa-f0-9]{4}){3}-[A-Fa-f0-9]{12}`, "MAC": `(?:[A-Fa-f0-9]{2}[:-]){5}[A-Fa-f0-9]{2}`,
		"IPV4": `(?:(?:25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])\.){3}(?:25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])`,
		"IPV6": `[0-9A-Fa-f:]*:[0-9A-Fa-f:.]+`, "IP": `%{IPV4}|%{IPV6}`,
		"HOSTNAME": `[0-9A-Za-z](?:[0-9A-Za-z-]{0,62})(?:\.[0-9A-Za-z][0-9A-Za-z-]{0,62})*\.?`, "HOST": `%{HOSTNAME}`,
		"IPORHOST": `%{IP}|%{HOSTNAME}`, "HOSTPORT": `%{IPORHOST}:%{POSINT}`,
		"PATH": `(?:/[^\s?*]*)+|[A-Za-z]:\\\S*`, "UNIXPATH": `(?:/[^\s?*]*)+`, "URIPROTO": `[A-Za-z][A-Za-z0-9+.-]*`,
		"URIHOST": `%{IPORHOST}(?::%{POSINT})?`, "URIPATH": `(?:/[^\s?#]*)+`, "URIPARAM": `\?\S*`,
		"URIPATHPARAM": `%{URIPATH}(?:%{URIPARAM})?`, "URI": `%{URIPROTO}://(?:%{USER}(?::[^@\s]*)?@)?%{URIHOST}(?:%{URIPATHPARAM})?`,
		"MONTH": `(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*`, "MONTHNUM": `0?[1-9]|1[0-2]`,
		"MONTHDAY": `0[1-9]|[12][0-9]|3[01]|[1-9]`, "DAY": `(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*`, "YEAR": `[0-9]{4}|[0-9]{2}`,
		"HOUR": `2[0-3]|[01]?[0-9]`, "MINUTE": `[0-5][0-9]`, "SECOND": `(?:[0-5]?[0-9]|60)(?:[:.,][0-9]+)?`,
		"TIME": `(?:%{HOUR}):(?:%{MINUTE})(?::(?:%{SECOND}))?`, "ISO8601_TIMEZONE": `Z|[+-][0-9]{2}:?[0-9]{2}`,
		"TIMESTAMP_ISO8601": `%{YEAR}-(?:%{MONTHNUM})-(?:%{MONTHDAY})[T ](?:%{HOUR}):?(?:%{MINUTE})(?::?(?:%{SECOND}))?(?:%{ISO8601_TIMEZONE})?`,
		"HTTPDATE":          `(?:%{MONTHDAY})/%{MONTH}/(?:%{YEAR}):%{TIME} [+-][0-9]{4}`, "SYSLOGTIMESTAMP": `%{MONTH} +(?:%{MONTHDAY}) %{TIME}`,
		"PROG": `[\x21-\x5a\x5c\x5e-\x7e]+`, "SYSLOGPROG": `%{PROG:program}(?:\[%{POSINT:pid}\])?`, "LOGLEVEL": `(?i:trace|debug|info|notice|warn(?:ing)?|err(?:or)?|crit(?:ical)?|fatal|severe|alert|emerg(?:ency)?)`,
		"HTTPDUSER":           `%{USER}|-`,
		"COMMON_LOG_FORMAT":   `%{IPORHOST:client_ip} %{NOTSPACE:ident} %{NOTSPACE:auth} \[%{HTTPDATE:ts:ts-httpd}\] "(?:%{WORD:verb:tag} %{NOTSPACE:request}(?: HTTP/%{NUMBER:http_version:float})?|%{DATA})" %{NUMBER:resp_code:tag} (?:%{NUMBER:resp_bytes:int}|-)`,
		"COMBINED_LOG_FORMAT": `%{COMMON_LOG_FORMAT} "%{DATA:referrer}" "%{DATA:agent}"`,
	}
})
