package trace

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// A Config says where spans go, and which. The zero Config: nowhere.
type Config struct {
	Endpoint string      // where they are posted; "": nobody wants any
	Header   http.Header // of the requests; it may have secrets
	Gzip     bool
	CA       string // file of certificates that the server's is checked against; "": the system's
	Cert     string // file of ours; "": none
	Key      string // file of its key
	Timeout  time.Duration

	Version   string      // of this program
	Resource  []Attribute // what is known of the process
	Sampler   Sampler
	Propagate bool // whoever is asked is told where it stands

	Delay  time.Duration // how long spans are gathered before they are sent
	Queue  int           // how many may wait; what comes beyond that is dropped
	Batch  int           // how many are sent at once
	Marks  int           // in a span; 0: 128
	Length int           // of a text, in bytes; 0: 4096
}

func (c *Config) marks() int { return cmp.Or(c.Marks, 128) }

// short is a text that is no longer than the limit.
func (c *Config) short(text string) string {
	limit := cmp.Or(c.Length, 4096)
	if len(text) <= limit {
		return text
	}
	for limit > 0 && !utf8.RuneStart(text[limit]) {
		limit--
	}
	return text[:limit]
}

func (c *Config) shorten(a *Attribute) {
	if text, ok := a.Value.(string); ok {
		a.Value = c.short(text)
	}
}

// Wanted says whether an environment asks for traces.
func Wanted(getenv func(string) string) bool {
	if strings.EqualFold(getenv("OTEL_SDK_DISABLED"), "true") || getenv("OTEL_TRACES_EXPORTER") == "none" {
		return false
	}
	return getenv("OTEL_EXPORTER_OTLP_ENDPOINT") != "" || getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") != "" || getenv("OTEL_TRACES_EXPORTER") == "otlp"
}

// FromEnv reads the variables of OpenTelemetry
// (https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/ and
// .../protocol/exporter/). What it cannot use counts as not given, as their specification
// wants, and is said in words.
func FromEnv(getenv func(string) string) (c Config, doubts []string) {
	e := &environment{getenv: getenv}
	c = Config{
		Endpoint: e.endpoint(), Header: e.headers(), Gzip: e.gzip(),
		CA: e.otlp("CERTIFICATE"), Cert: e.otlp("CLIENT_CERTIFICATE"), Key: e.otlp("CLIENT_KEY"),
		Timeout: e.millis(e.otlpName("TIMEOUT"), 10*time.Second),
		Sampler: e.sampler(), Propagate: e.propagates(),
		Delay: e.millis("OTEL_BSP_SCHEDULE_DELAY", 5*time.Second),
		Queue: e.number("OTEL_BSP_MAX_QUEUE_SIZE", 2048), Batch: e.number("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", 512),
		Marks:  e.number("OTEL_SPAN_EVENT_COUNT_LIMIT", 0),
		Length: e.number(e.either("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT"), 0),
	}
	c.Batch = min(c.Batch, c.Queue)
	c.Resource = e.resource()
	switch protocol := e.otlp("PROTOCOL"); protocol {
	case "", "http/json", "http/protobuf": // whoever takes one of these takes the other, at the same address
	default:
		e.doubt(e.otlpName("PROTOCOL"), protocol, "spans go over HTTP as JSON, which collectors take at port 4318")
	}
	if x := getenv("OTEL_TRACES_EXPORTER"); x != "" && x != "otlp" && x != "none" {
		e.doubt("OTEL_TRACES_EXPORTER", x, "it is otlp or none")
	}
	return c, e.doubts
}

// An environment is read variable by variable.
type environment struct {
	getenv func(string) string
	doubts []string
}

func (e *environment) doubt(name, v, what string) {
	e.doubts = append(e.doubts, fmt.Sprintf("%s=%s: %s", name, v, what))
}

// either is the first of the names that is set, or the last.
func (e *environment) either(names ...string) string {
	for _, name := range names {
		if e.getenv(name) != "" {
			return name
		}
	}
	return names[len(names)-1]
}

// otlpName is the variable of the exporter with that end: what is said of traces alone
// goes first.
func (e *environment) otlpName(end string) string {
	return e.either("OTEL_EXPORTER_OTLP_TRACES_"+end, "OTEL_EXPORTER_OTLP_"+end)
}

func (e *environment) otlp(end string) string { return e.getenv(e.otlpName(end)) }

// endpoint is where spans are posted: as it is, where it is said of traces alone,
// otherwise with what traces have behind it.
func (e *environment) endpoint() string {
	if !Wanted(e.getenv) {
		return ""
	}
	name, suffix := "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", ""
	text := e.getenv(name)
	if text == "" {
		name, suffix = "OTEL_EXPORTER_OTLP_ENDPOINT", "v1/traces"
		text = cmp.Or(e.getenv(name), "http://localhost:4318")
	}
	address, err := Endpoint(text, suffix)
	if err != nil {
		e.doubts = append(e.doubts, fmt.Sprintf("%s: %v", name, err)) // not the text, which may have a key
	}
	return address
}

// Endpoint is an address that spans can be posted to, with suffix ("", or "v1/traces")
// behind its path.
func Endpoint(text, suffix string) (string, error) {
	u, err := url.Parse(strings.TrimSpace(text))
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return "", errors.New("it is no address: write http://127.0.0.1:4318")
	}
	if suffix != "" {
		u = u.JoinPath(suffix)
	}
	return u.String(), nil
}

func (e *environment) headers() http.Header {
	h := http.Header{}
	name := e.otlpName("HEADERS")
	for key, v := range e.pairs(name) {
		if strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' || r == ':' }) || strings.ContainsAny(v, "\r\n\x00") {
			e.doubts = append(e.doubts, name+": it has something that is no header")
			continue
		}
		h.Set(key, v)
	}
	return h
}

// pairs are those of a list key=value,key=value, whose values are written as in a URL.
// What is wrong is not quoted: it may be a secret.
func (e *environment) pairs(name string) map[string]string {
	all := map[string]string{}
	for item := range strings.SplitSeq(e.getenv(name), ",") {
		if strings.TrimSpace(item) == "" {
			continue
		}
		key, v, ok := strings.Cut(item, "=")
		v, err := url.PathUnescape(strings.TrimSpace(v))
		if key = strings.TrimSpace(key); !ok || key == "" || err != nil {
			e.doubts = append(e.doubts, name+": it is a list of KEY=VALUE with commas between them")
			continue
		}
		all[key] = v
	}
	return all
}

func (e *environment) gzip() bool {
	switch v := e.otlp("COMPRESSION"); v {
	case "gzip":
		return true
	case "", "none":
	default:
		e.doubt(e.otlpName("COMPRESSION"), v, "it is gzip or none")
	}
	return false
}

func (e *environment) number(name string, otherwise int) int {
	text := strings.TrimSpace(e.getenv(name))
	n, err := strconv.Atoi(text)
	switch {
	case text == "":
		return otherwise
	case err != nil || n <= 0 || n > 1_000_000:
		e.doubt(name, text, "it is a number from 1 to a million")
		return otherwise
	}
	return n
}

func (e *environment) millis(name string, otherwise time.Duration) time.Duration {
	return time.Duration(e.number(name, int(otherwise.Milliseconds()))) * time.Millisecond
}

// sampler is what OTEL_TRACES_SAMPLER names.
func (e *environment) sampler() Sampler {
	name, based := strings.CutPrefix(e.getenv("OTEL_TRACES_SAMPLER"), "parentbased_")
	s := Sampler{Alone: !based}
	switch name {
	case "":
		return Sampler{}
	case "always_on":
	case "always_off":
		s.None = true
	case "traceidratio":
		s.Some, s.Part = true, e.part()
	default:
		e.doubt("OTEL_TRACES_SAMPLER", e.getenv("OTEL_TRACES_SAMPLER"), "it is always_on, always_off or traceidratio, with or without parentbased_ before it")
		return Sampler{}
	}
	return s
}

func (e *environment) part() float64 {
	const name = "OTEL_TRACES_SAMPLER_ARG"
	text := e.getenv(name)
	part, err := strconv.ParseFloat(text, 64)
	if text != "" && (err != nil || !(part >= 0 && part <= 1)) {
		e.doubt(name, text, "it is a number from 0 to 1")
	}
	if err != nil || !(part >= 0 && part <= 1) {
		return 1
	}
	return part
}

// propagates says whether those who are asked are told of the trace.
func (e *environment) propagates() bool {
	list := e.getenv("OTEL_PROPAGATORS")
	for name := range strings.SplitSeq(list, ",") {
		if strings.TrimSpace(name) == "tracecontext" {
			return true
		}
	}
	return list == ""
}

// resource is what the environment says of the process.
func (e *environment) resource() []Attribute {
	said := e.pairs("OTEL_RESOURCE_ATTRIBUTES")
	if name := e.getenv("OTEL_SERVICE_NAME"); name != "" {
		said["service.name"] = name
	}
	return sorted(said)
}

// TLS is what the files of c make of a connection to the collector; nil: nothing.
func (c *Config) TLS(read func(name string) ([]byte, error)) (*tls.Config, error) {
	if c.CA == "" && c.Cert == "" && c.Key == "" {
		return nil, nil
	}
	t := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.CA != "" {
		text, err := read(c.CA)
		if err != nil {
			return nil, err
		}
		t.RootCAs = x509.NewCertPool()
		if !t.RootCAs.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("%s has no certificates", c.CA)
		}
	}
	if c.Cert == "" && c.Key == "" {
		return t, nil
	}
	pair := [2][]byte{}
	for i, name := range []string{c.Cert, c.Key} {
		text, err := read(name)
		if err != nil {
			return nil, err
		}
		pair[i] = text
	}
	cert, err := tls.X509KeyPair(pair[0], pair[1])
	if err != nil {
		return nil, fmt.Errorf("%s and %s: %w", c.Cert, c.Key, err)
	}
	t.Certificates = []tls.Certificate{cert}
	return t, nil
}
