package format

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"tocsin/templating/value"
)

// FuzzFormats reads anything as every format: without a panic, within the time that is
// about linear in the message, and so that what comes of it can be written.
func FuzzFormats(f *testing.F) {
	readers := map[string]*Reader{}
	for name, yaml := range map[string]string{
		"json":            "{data_format: json, tag_keys: ['t*'], json_string_fields: ['*']}",
		"json_query":      "{data_format: json, json_query: 'a.#.b'}",
		"json_v2":         "{data_format: json_v2, json_v2: [{tag: [{path: t, optional: true}], field: [{path: a, optional: true}], object: [{path: '@this', optional: true}]}]}",
		"text":            "data_format: text",
		"value":           "{data_format: value, data_type: auto_float}",
		"influx":          "data_format: influx",
		"csv":             "{data_format: csv, csv_header_row_count: 1, csv_timestamp_column: at, csv_timestamp_format: unix, csv_skip_errors: true}",
		"logfmt":          "{data_format: logfmt, logfmt_tag_keys: ['t*']}",
		"prometheus":      "data_format: prometheus",
		"openmetrics":     "data_format: openmetrics",
		"form_urlencoded": "data_format: form_urlencoded",
		"xml":             "{data_format: xml, xpath: [{metric_selection: '//*', fields: {a: 'number(@a)', b: b}, field_selection: '*', tag_selection: '@*'}], xpath_allow_empty_selection: true}",
		"xpath_json":      "{data_format: xpath_json, xpath_native_types: true, xpath: [{metric_selection: '//*', fields: {a: a}}], xpath_allow_empty_selection: true}",
		"msgpack":         "data_format: msgpack",
		"cbor":            "data_format: cbor",
		"avro":            `{data_format: avro, avro_schema: '{"type": "record", "name": "R", "fields": [{"name": "a", "type": {"type": "array", "items": ["null", "string", "double", {"type": "map", "values": "long"}]}}, {"name": "b", "type": {"type": "bytes", "logicalType": "decimal", "scale": 2}}]}'}`,
		"graphite":        "{data_format: graphite, templates: ['a.* .measurement.field*', 'measurement*']}",
		"nagios":          "data_format: nagios",
		"grok":            "{data_format: grok, grok_patterns: ['%{COMBINED_LOG_FORMAT}', '%{WORD:a:tag} %{NUMBER:b:float}']}",
	} {
		r, err := New(optionsOf(f, yaml), "websocket", "ws://h/")
		if err != nil {
			f.Fatal(name, err)
		}
		readers[name] = r
	}
	files, _ := filepath.Glob("testdata/*.txtar")
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for _, section := range txtar.Parse(text).Files {
			if strings.HasPrefix(section.Name, "message") {
				f.Add(section.Data)
			}
		}
	}
	f.Add([]byte("\x82\xa1a\x96\x01\xff\xcb?\xf8\x00\x00\x00\x00\x00\x00\xc3\xc0\xc4\x01\x00\x02\xa1x"))
	f.Fuzz(func(t *testing.T, data []byte) {
		for name, r := range readers {
			begun := time.Now()
			got, err := r.Read(data, received)
			if took := time.Since(begun); took > time.Second+time.Duration(len(data))*20*time.Microsecond {
				t.Errorf("%s took %v for %d bytes", name, took, len(data))
			}
			if err != nil {
				continue
			}
			if _, err := value.DecodeJSON(value.AppendJSON(nil, got)); err != nil && len(data) < 1<<20 {
				t.Errorf("%s: what came of it is no JSON: %v", name, err)
			}
		}
	})
}

// Bombs are small messages that mean much; they must cost about what they weigh.
func TestBombs(t *testing.T) {
	deep := func(open string) []byte { return []byte(strings.Repeat(open, 1<<20)) }
	long := strings.Repeat("k", 1<<20)
	for name, tt := range map[string]struct {
		options string
		message []byte
	}{
		"JSON, deep":             {"data_format: json", deep("[")},
		"JSON, objects":          {"data_format: json", deep(`{"a":`)},
		"JSON, a long key":       {"data_format: json", []byte(`{"` + long + `": [` + strings.Repeat("1,", 1<<19) + `1]}`)},
		"json_v2, lists":         {"{data_format: json_v2, json_v2: [{object: [{path: '@this'}]}]}", []byte(`{"a":[` + strings.Repeat("1,", 5000) + `1],"b":[` + strings.Repeat("1,", 5000) + `1]}`)},
		"json_v2, fields":        {"{data_format: json_v2, json_v2: [{field: [{path: a}, {path: b}]}]}", []byte(`{"a":[` + strings.Repeat("1,", 5000) + `1],"b":[` + strings.Repeat("1,", 5000) + `1]}`)},
		"MessagePack, deep":      {"data_format: msgpack", deep("\x91")},
		"MessagePack, keys":      {"data_format: msgpack", deep("\x81")},
		"CBOR, deep":             {"data_format: cbor", deep("\x81")},
		"CBOR, tags":             {"data_format: cbor", deep("\xc1")},
		"CBOR, open lists":       {"data_format: cbor", deep("\x9f")},
		"XML, deep":              {"{data_format: xml, xpath: [{fields: {a: a}}]}", deep("<a>")},
		"XML, attributes":        {"{data_format: xml, xpath: [{fields: {a: a}}]}", []byte("<a " + strings.Repeat(`b="" `, 1<<18))},
		"Avro, nulls":            {`{data_format: avro, avro_schema: '{"type":"record","name":"R","fields":[{"name":"a","type":{"type":"array","items":"null"}}]}'}`, []byte("\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01")},
		"Prometheus, labels":     {"data_format: prometheus", []byte("a{" + strings.Repeat(`b="",`, 1<<16) + "} 1\n")},
		"grok, much of the same": {"{data_format: grok, grok_patterns: ['%{COMBINED_LOG_FORMAT}']}", []byte(strings.Repeat("a ", 1<<18))},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := New(optionsOf(t, tt.options), "websocket", "")
			if err != nil {
				t.Fatal(err)
			}
			begun := time.Now()
			_, err = r.Read(tt.message, received)
			if err == nil && !strings.Contains(name, "grok") {
				t.Error("it was read")
			}
			// What costs the square of its size takes minutes; a busy machine does not.
			if took := time.Since(begun); took > 30*time.Second {
				t.Errorf("%d bytes took %v", len(tt.message), took)
			}
		})
	}
}
