package schema_test

import (
	"testing"

	"tocsin/workflows/schema"
	"tocsin/workflows/source"
)

// FuzzDecode decodes arbitrary documents: nothing panics, and what Check finds
// wrong, Decode finds wrong.
func FuzzDecode(f *testing.F) {
	f.Add("url: u\ntopic: t\ninner: {key_file: k}\ntree: {name: n, children: [{name: m}]}\n")
	f.Add("port: '80'\ncodes: '[1, 2]'\nheaders: \"{'a': 1}\"\nsize: 1.5MB\ntls: {client_certs: {key_file: x}}\n")
	f.Add("days: [mon, x]\nlimits: {a: b}\ntree: '{\"name\": 1}'\nraw: [~]\ntext: {a: b}\nfields: []\n")
	f.Fuzz(func(t *testing.T, text string) {
		v, err := source.Parse("in.yaml", []byte(text))
		if err != nil {
			return
		}
		s := schema.Of[everything]()
		ps := s.Check(v, "http", nil)
		var e everything
		if err := s.Decode(v, "http", &e); (err == nil) != (ps.Err() == nil) {
			t.Errorf("Decode: %v\nCheck: %v", err, ps)
		}
		s.Check(v, "http", func(source.Value) bool { return false })
		var o open
		_ = schema.Of[open]().Decode(v, "open", &o)
	})
}
