package format

import (
	"bytes"
	"errors"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Form are the options of form_urlencoded.
type Form struct {
	Tags []string `param:"form_urlencoded_tag_keys" doc:"For form_urlencoded: names that become tags."`
}

func newForm(o *Options) (func([]byte, time.Time) (entries, error), error) {
	tags, err := newFilter("form_urlencoded_tag_keys", o.Form.Tags)
	return func(data []byte, _ time.Time) (out entries, err error) {
		data = bytes.TrimSpace(data)
		if len(data) == 0 {
			return out, nil
		}
		pairs, err := url.ParseQuery(string(data))
		if err != nil {
			// The library quotes what it could not read.
			return out, errors.New("no form: an escape or separator in it is wrong")
		}
		m := newMetric()
		for _, key := range slices.Sorted(maps.Keys(pairs)) {
			text := strings.ToValidUTF8(pairs[key][0], "\uFFFD")
			key := strings.ToValidUTF8(key, "\uFFFD")
			switch {
			case tags.has(key):
				m.tags.Set(key, text)
			case text == "":
			default:
				m.fields.Set(key, floatOr(text))
			}
		}
		out.metrics = []metric{m}
		return out, nil
	}, err
}

// floatOr is a number as a float, and what is none as it is.
func floatOr(text string) any {
	if f, ok := number(text); ok {
		return f
	}
	return text
}
