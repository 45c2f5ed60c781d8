package slack

import (
	"slices"

	"tocsin/providers"
	"tocsin/templating/value"
	"tocsin/workflows/source"
)

// retell puts what becomes of an alert into the thread of its first message, where that
// has a name: one sent by webhook has none. What was built to say that something is
// wrong is left out of the message that it is over.
func retell(with source.Map, e providers.Episode) source.Map {
	m := slices.Clone(with)
	if e.Over() {
		m = slices.DeleteFunc(m, func(e source.Entry) bool {
			return e.Key == "blocks" || e.Key == "attachments" || e.Key == "notification_type"
		})
	}
	first, _ := e.First.(*value.Map)
	ts, _ := first.Get("slack_timestamp")
	channel, _ := first.Get("channel")
	_, changes := m.Get("slack_timestamp")
	_, replies := m.Get("thread_timestamp")
	if ts == nil || ts == "" || channel == nil || channel == "" || changes || replies {
		return m
	}
	m = slices.DeleteFunc(m, func(e source.Entry) bool { return e.Key == "channel" })
	return append(m,
		source.Entry{Key: "channel", Value: source.Of(channel)},
		source.Entry{Key: "thread_timestamp", Value: source.Of(ts)})
}
