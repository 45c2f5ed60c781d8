package format

import (
	"bytes"
	"time"

	"github.com/go-logfmt/logfmt"
)

// Logfmt are the options of logfmt.
type Logfmt struct {
	Tags []string `param:"logfmt_tag_keys" doc:"For logfmt: keys that become tags; * and ? stand for others."`
}

func newLogfmt(o *Options) (func([]byte, time.Time) (entries, error), error) {
	tags, err := newFilter("logfmt_tag_keys", o.Logfmt.Tags)
	return func(data []byte, _ time.Time) (out entries, err error) {
		// Its lines have no limit of their own.
		d := logfmt.NewDecoderSize(bytes.NewReader(data), len(data)+1)
		for d.ScanRecord() {
			m := newMetric()
			for d.ScanKeyval() {
				key, text := string(d.Key()), string(d.Value())
				switch {
				case d.Value() == nil: // a word without "="
				case tags.has(key):
					m.tags.Set(key, text)
				default:
					m.fields.Set(key, guessed(text))
				}
			}
			if m.fields.Len() > 0 || m.tags.Len() > 0 {
				out.metrics = append(out.metrics, m)
			}
		}
		return out, d.Err()
	}, err
}
