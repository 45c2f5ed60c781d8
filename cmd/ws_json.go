package cmd

import (
	"fmt"
	"io"
	"strings"
	"time"

	"tocsin/providers"
	"tocsin/templating/value"
)

// json is a frame as a line for programs: its fields are documented in the command's help
// and stay as they are.
func (s *shower) json(f providers.Frame) string {
	m := value.MapOf(value.Entry{Key: "time", Value: stamp(f.At)})
	if s.several {
		m.Set("connection", int64(f.Session))
	}
	if f.Kind == "open" {
		m.Set("event", "open")
		s.facts(m, f.Facts, "connection", "error", "connected", "body", "location", "close", "sent", "received", "attempts")
		return string(value.AppendJSON(nil, m))
	}
	direction := "received"
	if f.Sent {
		direction = "sent"
	}
	m.Set("event", "frame")
	m.Set("direction", direction)
	m.Set("kind", f.Kind)
	m.Set("size", int64(f.Size))
	if f.Kind == "close" {
		m.Set("code", int64(f.Code))
		m.Set("reason", s.mask(f.Reason))
		return string(value.AppendJSON(nil, m))
	}
	text, encoding := s.content(f)
	m.Set("data", text)
	m.Set("encoding", encoding)
	if f.Parsed != nil {
		m.Set("parsed", s.masked(value.Of(f.Parsed)))
	}
	if f.Round > 0 {
		m.Set("round_ms", float64(f.Round)/float64(time.Millisecond))
	}
	return string(value.AppendJSON(nil, m))
}

// ending is the last line for programs.
func (s *shower) ending(result any) string {
	m := value.MapOf(value.Entry{Key: "time", Value: stamp(time.Now())}, value.Entry{Key: "event", Value: "end"})
	facts, _ := result.(*value.Map)
	s.facts(m, facts)
	return string(value.AppendJSON(nil, m))
}

// facts adds what a result has that the frames have not said, but for some of it.
func (s *shower) facts(m, facts *value.Map, but ...string) {
	for _, key := range append(but, "data", "type", "data_encoding", "json", "parsed", "messages") {
		facts = without(facts, key)
	}
	for key, v := range facts.All() {
		m.Set(key, s.masked(v))
	}
}

func without(m *value.Map, key string) *value.Map {
	if m == nil {
		return value.NewMap(0)
	}
	if _, has := m.Get(key); !has {
		return m
	}
	m = m.Clone()
	m.Delete(key)
	return m
}

// masked is a value without what is secret in its texts.
func (s *shower) masked(v any) any {
	switch v := v.(type) {
	case string:
		return s.mask(v)
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = s.masked(v[i])
		}
		return out
	case *value.Map:
		out := value.NewMap(v.Len())
		for key, item := range v.All() {
			out.Set(s.mask(key), s.masked(item))
		}
		return out
	}
	return v
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// barWidth is how wide the longest time is drawn.
const barWidth = 40

// waterfall draws how long each phase took, one behind the other.
func waterfall(w io.Writer, result any, color bool) {
	type phase struct {
		name string
		ms   float64
	}
	var phases []phase
	sum := 0.0
	for _, name := range []string{"dns", "connect", "proxy", "tls", "handshake", "first_message"} {
		v, _ := at(result, "timings", name+"_ms")
		if ms, ok := v.(float64); ok {
			phases = append(phases, phase{name, ms})
			sum += ms
		}
	}
	begun := 0.0
	for _, p := range phases {
		from, to := int(begun/sum*barWidth), int((begun+p.ms)/sum*barWidth)
		bar := strings.Repeat("█", max(1, to-from))
		if color {
			bar = "\x1b[36m" + bar + "\x1b[0m"
		}
		fmt.Fprintf(w, "%-13s %10s  %s%s\n", p.name, millisText(p.ms), strings.Repeat(" ", min(from, barWidth-1)), bar)
		begun += p.ms
	}
	if len(phases) > 0 {
		fmt.Fprintf(w, "%-13s %10s\n", "total", millisText(sum))
	}
	if ping, _ := at(result, "timings", "ping_ms"); ping != nil {
		ms, _ := ping.(float64)
		fmt.Fprintf(w, "%-13s %10s  the last round trip\n", "ping", millisText(ms))
	}
}
