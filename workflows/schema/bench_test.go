package schema_test

import (
	"testing"
	"time"

	"tocsin/workflows/schema"
	"tocsin/workflows/source"
)

// request has ten fields, of which BenchmarkDecode gives five.
type request struct {
	URL      string            `param:"url,required" doc:"Where to."`
	Method   string            `param:"method" enum:"GET,POST" default:"GET" doc:"How."`
	Body     any               `param:"body" doc:"What."`
	Timeout  time.Duration     `param:"timeout" default:"10s" doc:"How long."`
	Retries  int               `param:"retries" default:"3" doc:"How often."`
	Verify   bool              `param:"verify" default:"true" doc:"Whether."`
	Headers  map[string]string `param:"headers" doc:"Headers."`
	Codes    []int             `param:"codes" doc:"Expected."`
	Token    schema.Secret     `param:"token" doc:"Token."`
	MaxBytes schema.ByteSize   `param:"max_bytes" default:"1MiB" doc:"At most."`
}

func BenchmarkDecode(b *testing.B) {
	with := source.Value{Data: source.Map{
		{Key: "url", Value: source.Value{Data: "https://example.com/"}},
		{Key: "method", Value: source.Value{Data: "POST"}},
		{Key: "timeout", Value: source.Value{Data: "30s"}},
		{Key: "retries", Value: source.Value{Data: int64(5)}},
		{Key: "token", Value: source.Value{Data: "hush"}},
	}}
	s := schema.Of[request]()
	b.ReportAllocs()
	for b.Loop() {
		var r request
		if err := s.Decode(with, "http", &r); err != nil {
			b.Fatal(err)
		}
	}
}
