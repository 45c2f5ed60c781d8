package ingest

import (
	"bytes"
	"encoding/base64"
	"net/url"
	"strings"
	"unicode/utf8"

	"tocsin/templating/value"
)

func cloudEvents() Format {
	return Format{
		Name: "cloudevents", Title: "CloudEvents", Doc: cloudEventsDoc,
		Schemes: []string{"standard", "hub", "token"}, Parse: parseCloudEvents,
	}
}

const cloudEventsDoc = `Send CloudEvents 1.0 over HTTP, in structured, binary or batched mode:

    curl https://tocsin.example.com/alerts/event/cloudevents -H "X-API-KEY: YOUR-API-KEY" \
      -H "ce-specversion: 1.0" -H "ce-id: 7f3a" -H "ce-source: /backup/db1" -H "ce-subject: nightly" \
      -H "ce-type: com.example.backup.failed" -H "Content-Type: application/json" \
      -d '{"status": "firing", "severity": "high", "message": "no space left"}'

Where data is an object its fields are those of an alert. What it does not say comes from
the event: the name is the subject, else the type; the status is the last word of the type
where that is one (resolved, recovered, ok, closed, acknowledged), else firing; the
fingerprint is the source with the subject, or, without a subject, with the type but for
such a last word.
`

// parseCloudEvents reads the HTTP protocol binding
// (https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md §3):
// the Content-Type tells the mode.
func parseCloudEvents(r Request) ([]Alert, error) {
	o := from("cloudevents", r)
	kind, _, err := mediaType(r)
	if err != nil {
		return nil, err
	}
	switch {
	case kind == "application/cloudevents-batch+json":
		return o.events(r)
	case kind == "application/cloudevents+json":
		body, err := decode(r)
		if err != nil {
			return nil, err
		}
		return o.batch([]any{body}, o.event)
	case strings.HasPrefix(kind, "application/cloudevents"):
		return nil, refuse(Unsupported, "Content-Type %q is not read: send events as JSON", short(kind))
	}
	event, err := binaryEvent(r)
	if err != nil {
		return nil, err
	}
	return o.batch([]any{event}, o.event)
}

func (o origin) events(r Request) ([]Alert, error) {
	body, err := decode(r)
	if err != nil {
		return nil, err
	}
	items, ok := body.([]any)
	if !ok {
		return nil, refuse(Invalid, "a batch is a list, not %s", kindOf(body))
	}
	return o.batch(items, o.event)
}

// binaryEvent makes the structured form of an event whose attributes are headers.
func binaryEvent(r Request) (*value.Map, error) {
	event := map[string]any{}
	for name, values := range r.Header {
		if attribute, ok := strings.CutPrefix(strings.ToLower(name), "ce-"); ok && len(values) > 0 {
			s, err := url.PathUnescape(strings.Trim(values[0], `"`))
			if err != nil || !utf8.ValidString(s) {
				return nil, refuse(Malformed, "the header %s is not percent-encoded UTF-8", short(name))
			}
			event[attribute] = s
		}
	}
	if len(event) == 0 {
		return nil, refuse(Invalid, "the request is no CloudEvent: want headers ce-id, ce-source, ce-type and ce-specversion, or Content-Type application/cloudevents+json")
	}
	if len(bytes.TrimSpace(r.Body)) > 0 {
		data, err := eventData(r)
		if err != nil {
			return nil, err
		}
		event["data"] = data
	}
	return value.Of(event).(*value.Map), nil
}

// eventData is the body of a binary event: JSON and forms as data, other text as it is.
func eventData(r Request) (any, error) {
	kind, _, err := mediaType(r)
	if err != nil {
		return nil, err
	}
	if strings.HasPrefix(kind, "text/") || strings.HasSuffix(kind, "xml") {
		return strings.ToValidUTF8(string(r.Body), "�"), nil
	}
	return decode(r)
}

// event is the alert that an event in its structured form tells.
func (o origin) event(item any) (Alert, error) {
	event, ok := item.(*value.Map)
	if !ok {
		return nil, refuse(Invalid, "an event is an object, not %s", kindOf(item))
	}
	if v := text(event, "specversion"); v != "1.0" {
		return nil, refuse(Invalid, "specversion %q is not read: send 1.0", short(v))
	}
	for _, key := range []string{"id", "source", "type"} {
		if text(event, key) == "" {
			return nil, refuse(Invalid, "the event has no %s", key)
		}
	}
	data, err := structuredData(event)
	if err != nil {
		return nil, err
	}
	fields := eventFields(event)
	if m, ok := data.(*value.Map); ok {
		for k, v := range m.All() {
			fields.Set(k, v)
		}
	} else if s := value.Text(data); data != nil && s != "" {
		fields.Set("message", s)
	}
	return o.given(fields)
}

// structuredData is data, or what data_base64 encodes: JSON, or text.
func structuredData(event *value.Map) (any, error) {
	encoded := text(event, "data_base64")
	if encoded == "" {
		return at(event, "data"), nil
	}
	b, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return nil, refuse(Malformed, "data_base64 is no base64: %v", err)
	}
	kind, _, _ := strings.Cut(text(event, "datacontenttype"), ";")
	switch {
	case kind == "" || isJSON(strings.ToLower(strings.TrimSpace(kind))):
		return decodeJSON(b)
	case utf8.Valid(b):
		return string(b), nil
	}
	return nil, refuse(Unsupported, "data of the type %q is not read", short(kind))
}

// eventFields are the fields of an alert as far as the event itself says them.
func eventFields(event *value.Map) *value.Map {
	source, subject, kind := text(event, "source"), text(event, "subject"), text(event, "type")
	topic, last := kind, kind[strings.LastIndexByte(kind, '.')+1:]
	was := status(last)
	if was != "" {
		topic = strings.TrimSuffix(strings.TrimSuffix(kind, last), ".")
	}
	fields := value.MapOf(
		value.Entry{Key: "name", Value: or(subject, kind)}, value.Entry{Key: "status", Value: was},
		value.Entry{Key: "event_id", Value: text(event, "id")}, value.Entry{Key: "source", Value: source},
		value.Entry{Key: "fingerprint", Value: "cloudevents:" + digest(source+"\n"+or(subject, "\n"+topic))},
	)
	if t, ok := readTime(text(event, "time")); ok {
		fields.Set("startedAt", timeText(t))
	}
	attributes := value.NewMap(event.Len())
	for k, v := range event.All() {
		if k != "data" && k != "data_base64" {
			attributes.Set(k, v)
		}
	}
	fields.Set("cloudevent", attributes)
	return fields
}
