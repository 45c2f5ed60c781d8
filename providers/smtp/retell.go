package smtp

import (
	"slices"

	"tocsin/providers"
	"tocsin/templating/value"
	"tocsin/workflows/source"
)

// retell says in the subject what has become of an alert, and answers the first mail, so
// that readers show them together (RFC 5322 §3.6.4). The HTML of a mail that said that
// something is wrong is left out of the one that it is over.
func retell(with source.Map, e providers.Episode) source.Map {
	m := make(source.Map, 0, len(with)+1)
	var headers source.Map
	odd := false // they are something else, which Decode says
	for _, entry := range with {
		switch {
		case entry.Key == "html" && e.Over():
			continue
		case entry.Key == "subject":
			entry.Value.Data = prefix(e.Kind) + value.Text(entry.Value.Plain())
		case entry.Key == "headers":
			var ok bool
			if headers, ok = entry.Value.Data.(source.Map); ok {
				continue
			}
			odd = true
		}
		m = append(m, entry)
	}
	if first, _ := e.First.(*value.Map); first != nil && !odd {
		if id, _ := first.Get("message_id"); id != nil && id != "" {
			headers = answering(headers, source.Of(id))
		}
	}
	if len(headers) > 0 {
		m = append(m, source.Entry{Key: "headers", Value: source.Value{Data: headers}})
	}
	return m
}

func prefix(kind string) string {
	switch kind {
	case "resolved":
		return "Resolved: "
	case "reminder":
		return "Still firing: "
	case "flapping":
		return "Flapping: "
	}
	return ""
}

// answering are headers with those of an answer to the mail of that id, unless they are
// given.
func answering(headers source.Map, id source.Value) source.Map {
	headers = slices.Clone(headers)
	for _, name := range []string{"In-Reply-To", "References"} {
		if _, given := headers.Get(name); !given {
			headers = append(headers, source.Entry{Key: name, Value: id})
		}
	}
	return headers
}
