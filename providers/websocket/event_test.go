package websocket

import (
	"reflect"
	"testing"

	"tocsin/templating/value"
)

// The fields of an alert are those of the event, all of them, as values.
func TestFieldsOfEvents(t *testing.T) {
	tags := value.MapOf(value.Entry{Key: "url", Value: "ws://h"})
	for name, e := range map[string]Event{
		"a message": {
			ID: "1", Kind: MessageKind, URL: "ws://h", ReceivedAt: "2026", Seq: 4, ConnectionID: "2",
			Data: new("{}"), Type: new("text"), DataEncoding: new("utf8"), JSON: value.MapOf(value.Entry{Key: "a", Value: int64(1)}), Parsed: []any{map[string]any{"b": 2}},
			Size: 2, Truncated: true, SHA256: new("e3"),
		},
		"a failure":    {Kind: Closed, Error: &Failure{Code: "closed_by_peer", CloseCode: new(1011)}, Parsed: []any{}},
		"a connection": {Kind: Reconnected, Gap: new(3.5), Parsed: []any{}},
		"a sample":     {Kind: SampleKind, Sample: &Sample{Tick: 3, Reply: new(1.5), Messages: []Message{{Data: "a"}}}, Parsed: []any{}},
	} {
		e.Provider, e.Tags = "websocket", tags
		fields := e.fields()
		for k, v := range value.Of(e).(*value.Map).All() {
			if !reflect.DeepEqual(fields[k], v) {
				t.Errorf("%s: %s: %#v, want %#v", name, k, fields[k], v)
			}
			delete(fields, k)
		}
		want(t, "no fields of the event in "+name, len(fields), 0)
	}
}
