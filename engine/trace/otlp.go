package trace

import (
	"encoding/hex"
	"encoding/json"
	"strconv"
	"time"
)

// What follows is a request of OTLP 1.x in its JSON form
// (https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding): ids in hexadecimal
// digits, numbers of 64 bits as texts, enumerations as numbers.

type request struct {
	ResourceSpans []resourceSpans `json:"resourceSpans"`
}

type resourceSpans struct {
	Resource   resource     `json:"resource"`
	ScopeSpans []scopeSpans `json:"scopeSpans"`
}

type resource struct {
	Attributes []keyValue `json:"attributes"`
}

type scopeSpans struct {
	Scope scope    `json:"scope"`
	Spans []asJSON `json:"spans"`
}

type scope struct {
	Name    string `json:"name"`
	Version string `json:"version,omitempty"`
}

// asJSON is a Span.
type asJSON struct {
	Trace      string     `json:"traceId"`
	Span       string     `json:"spanId"`
	State      string     `json:"traceState,omitempty"`
	Parent     string     `json:"parentSpanId,omitempty"`
	Flags      int        `json:"flags,omitempty"`
	Name       string     `json:"name"`
	Kind       Kind       `json:"kind"`
	Start      string     `json:"startTimeUnixNano"`
	End        string     `json:"endTimeUnixNano"`
	Attributes []keyValue `json:"attributes,omitempty"`
	Events     []event    `json:"events,omitempty"`
	Dropped    int        `json:"droppedEventsCount,omitempty"`
	Status     *status    `json:"status,omitempty"`
}

type event struct {
	Time       string     `json:"timeUnixNano"`
	Name       string     `json:"name"`
	Attributes []keyValue `json:"attributes,omitempty"`
}

type status struct {
	Message string `json:"message,omitempty"`
	Code    int    `json:"code"`
}

// failed is the code of a status that is an error.
const failed = 2

type keyValue struct {
	Key   string         `json:"key"`
	Value map[string]any `json:"value"`
}

// encode is a request with spans.
func encode(c *Config, spans []Span) ([]byte, error) {
	list := make([]asJSON, len(spans))
	for i := range spans {
		list[i] = spans[i].json()
	}
	return json.Marshal(request{[]resourceSpans{{
		resource{attributes(c.Resource)}, []scopeSpans{{scope{"tocsin", c.Version}, list}},
	}}})
}

func (s *Span) json() asJSON {
	j := asJSON{
		Trace: hex.EncodeToString(s.Trace[:]), Span: hex.EncodeToString(s.Span[:]), State: s.State, Flags: sampled,
		Name: s.Name, Kind: s.Kind, Start: nanos(s.Start), End: nanos(s.End), Attributes: attributes(s.Attributes), Dropped: s.Dropped,
	}
	if s.Parent != (SpanID{}) {
		j.Parent = hex.EncodeToString(s.Parent[:])
	}
	for _, m := range s.Marks {
		j.Events = append(j.Events, event{nanos(m.At), m.Name, attributes(m.Attributes)})
	}
	if s.Failed {
		j.Status = &status{s.Message, failed}
	}
	return j
}

func nanos(t time.Time) string { return strconv.FormatInt(t.UnixNano(), 10) }

func attributes(list []Attribute) []keyValue {
	out := make([]keyValue, len(list))
	for i, a := range list {
		out[i] = keyValue{a.Key, anyValue(a.Value)}
	}
	return out
}

func anyValue(v any) map[string]any {
	switch v := v.(type) {
	case bool:
		return map[string]any{"boolValue": v}
	case int:
		return map[string]any{"intValue": strconv.Itoa(v)}
	}
	return map[string]any{"stringValue": v}
}
