package enrich_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"tocsin/engine"
	"tocsin/engine/enrich"
	"tocsin/templating/value"
)

// object reads JSON with its keys in their order.
func object(t testing.TB, text string) *value.Map {
	t.Helper()
	v, err := value.DecodeJSON([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return v.(*value.Map)
}

func rows(t testing.TB, text string) (list []*value.Map) {
	t.Helper()
	v, err := value.DecodeJSON([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range v.([]any) {
		list = append(list, row.(*value.Map))
	}
	return list
}

// added is what rules add, as text.
func added(all []enrich.Addition) string {
	var said []string
	for _, a := range all {
		for _, f := range a.Fields {
			over := ""
			if f.Disposable {
				over = " (over)"
			}
			said = append(said, fmt.Sprintf("%s=%s%s", f.Key, value.Text(f.Value), over))
		}
	}
	return strings.Join(said, " ")
}

func TestExtraction(t *testing.T) {
	const userID = `Error (?P<error_code>\d+): (?P<error_message>.+) - \[UserID: (?P<user_id>\d+)\]`
	tests := []struct {
		name  string
		rule  enrich.Extraction
		alert string
		want  string
	}{
		{"named groups become fields", enrich.Extraction{Attribute: "message", Regex: userID},
			`{"message": "Error 404: Not Found - [UserID: 12345]"}`, "error_code=404 error_message=Not Found user_id=12345"},
		{"a pattern is looked for anywhere", enrich.Extraction{Attribute: "message", Regex: `user=(?P<user>\w+)`}, `{"message": "a user=b c"}`, "user=b"},
		{"nothing is found", enrich.Extraction{Attribute: "message", Regex: userID}, `{"message": "fine"}`, ""},
		{"the attribute is not there", enrich.Extraction{Attribute: "message", Regex: userID}, `{"name": "x"}`, ""},
		{"an attribute within another", enrich.Extraction{Attribute: "labels.host", Regex: `^(?P<dc>\w+)-`}, `{"labels": {"host": "fra-1"}}`, "dc=fra"},
		{"a dot in a name", enrich.Extraction{Attribute: "labels.k8s@@io", Regex: `(?P<pod>.+)`}, `{"labels": {"k8s.io": "p1"}}`, "pod=p1"},
		{"an attribute in braces", enrich.Extraction{Attribute: "{{ name }}/{{ labels.host }}", Regex: `(?P<both>.+)`}, `{"name": "n", "labels": {"host": "h"}}`, "both=n/h"},
		{"a number", enrich.Extraction{Attribute: "code", Regex: `(?P<class>\d)\d\d`}, `{"code": 503}`, "class=5"},
		{"a condition that holds", enrich.Extraction{Attribute: "name", Regex: "(?P<x>.+)", Condition: `severity > "warning" && source == "grafana"`},
			`{"name": "n", "severity": "critical", "source": ["grafana"]}`, "x=n"},
		{"a condition that does not", enrich.Extraction{Attribute: "name", Regex: "(?P<x>.+)", Condition: `severity == "low"`}, `{"name": "n", "severity": "critical"}`, ""},
		{"a condition about what is not there", enrich.Extraction{Attribute: "name", Regex: "(?P<x>.+)", Condition: `team == "low"`}, `{"name": "n"}`, ""},
		{"any condition", enrich.Extraction{Attribute: "name", Regex: "(?P<x>.+)", Condition: "*"}, `{"name": "n"}`, "x=n"},
		{"a group that took no part", enrich.Extraction{Attribute: "name", Regex: "(?P<x>a)|(?P<y>n)"}, `{"name": "n"}`, "y=n"},
		{"source is left alone", enrich.Extraction{Attribute: "name", Regex: "(?P<source>.)(?P<x>.)"}, `{"name": "ab"}`, "x=b"},
		{"a severity in other letters, over the alert's own", enrich.Extraction{Attribute: "name", Regex: `\[(?P<severity>\w+)\]`}, `{"name": "[CRITICAL] x", "severity": "info"}`, "severity=critical (over)"},
		{"a severity that is none", enrich.Extraction{Attribute: "name", Regex: `\[(?P<severity>\w+)\]`}, `{"name": "[BAD] x"}`, ""},
		{"a template in the data is text", enrich.Extraction{Attribute: "{{ name }}", Regex: `(?P<x>.+)`}, `{"name": "{{ secrets.KEY }}"}`, "x={{ secrets.KEY }}"},
		{"a disabled rule", enrich.Extraction{Attribute: "name", Regex: "(?P<x>.+)", Disabled: true}, `{"name": "n"}`, ""},
		{"a rule for what was delivered", enrich.Extraction{Attribute: "name", Regex: "(?P<x>.+)", Pre: true}, `{"name": "n"}`, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.rule.Name = "rule"
			r, err := enrich.New([]enrich.Extraction{tt.rule}, nil)
			if err != nil {
				t.Fatal(err)
			}
			alert := object(t, tt.alert)
			if got := added(r.Add(alert)); got != tt.want {
				t.Errorf("added %q, want %q", got, tt.want)
			}
			if !value.Equal(alert, object(t, tt.alert)) {
				t.Error("the alert itself was changed")
			}
		})
	}
}

func TestBefore(t *testing.T) {
	r, err := enrich.New([]enrich.Extraction{{Name: "id", Attribute: "commonLabels.job", Regex: "(?P<fingerprint>[a-z]+)(?P<source>.)", Pre: true}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	body := object(t, `{"commonLabels": {"job": "node1"}}`)
	r.Before(body)
	if got := string(value.AppendJSON(nil, body)); got != `{"commonLabels":{"job":"node1"},"fingerprint":"node"}` {
		t.Error(got)
	}
}

func TestMapping(t *testing.T) {
	const teams = `[{"service": "api", "region": "eu", "team": "a"}, {"service": "api", "region": "*", "team": "b"},
		{"service": "^db-\\d+$", "region": "", "team": "c", "owner": "o"}, {"service": "db-7", "region": "us", "team": "d", "id": "no"}]`
	both, either := [][]string{{"service", "region"}}, [][]string{{"service"}, {"region"}}
	tests := []struct {
		name     string
		matchers [][]string
		rows     string
		alert    string
		want     string
	}{
		{"all of a group", both, teams, `{"service": "api", "region": "eu"}`, "team=a"},
		{"a star fits anything", both, teams, `{"service": "api", "region": "us"}`, "team=b"},
		{"not all of a group are there", both, teams, `{"service": "api"}`, ""},
		{"a pattern, and an empty cell", both, teams, `{"service": "db-12", "region": "us"}`, "team=c owner=o"},
		{"a row of the very values comes first", both, teams, `{"service": "db-7", "region": "us"}`, "team=d"},
		{"any of the groups", either, teams, `{"region": "us"}`, "team=d"},
		{"nothing fits", both, teams, `{"service": "web", "region": "us"}`, ""},
		{"a text is found within the value", [][]string{{"name"}}, `[{"name": "CPU", "team": "a"}]`, `{"name": "High CPU on h1"}`, "team=a"},
		{"a dot is a dot", [][]string{{"ip"}}, `[{"ip": "10.0.0.1", "team": "a"}]`, `{"ip": "10x0y0z1"}`, ""},
		{"what cannot be a pattern is a text", [][]string{{"name"}}, `[{"name": "disk (", "team": "a"}]`, `{"name": "the disk (1)"}`, "team=a"},
		{"numbers and booleans are their texts", [][]string{{"port", "up"}}, `[{"port": "443", "up": true, "team": "a"}]`, `{"port": 443, "up": true}`, "team=a"},
		{"an attribute within another", [][]string{{"labels.host"}}, `[{"labels.host": "h1", "team": "a"}]`, `{"labels": {"host": "h1"}}`, "team=a"},
		{"the first of several sources", [][]string{{"source"}}, `[{"source": "grafana", "team": "a"}]`, `{"source": ["grafana", "x"]}`, "team=a"},
		{"a null in a column fits nothing", [][]string{{"name"}}, `[{"name": null, "team": "a"}, {"name": "n", "team": "b", "owner": null}]`, `{"name": "n"}`, "team=b"},
		{"space around names and cells is no part of them", [][]string{{"name"}}, `[{"name\r": "n ", " team": " b\r"}]`, `{"name": "n"}`, "team=b"},
		{"the alert's own field is overridden", [][]string{{"name"}}, `[{"name": "n", "team": "b"}]`, `{"name": "n", "team": "c"}`, "team=b (over)"},
		{"an empty cell takes nothing away", [][]string{{"name"}}, `[{"name": "n", "team": "", "owner": ""}]`, `{"name": "n", "team": "c"}`, "owner="},
		{"a status in other letters, and what an alert is known by stays", [][]string{{"name"}}, `[{"name": "n", "status": "Suppressed", "fingerprint": "x", "id": "y", "labels": "z"}]`, `{"name": "n", "status": "firing"}`, "status=suppressed (over)"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, err := enrich.New(nil, []enrich.Mapping{{Name: "teams", Matchers: tt.matchers, Rows: rows(t, tt.rows)}})
			if err != nil {
				t.Fatal(err)
			}
			if got := added(r.Add(object(t, tt.alert))); got != tt.want {
				t.Errorf("added %q, want %q", got, tt.want)
			}
		})
	}
}

func TestMappingOfSeveralLevels(t *testing.T) {
	m := enrich.Mapping{Name: "customers", Matchers: [][]string{{"customers"}}, Multi: true, Property: "who", Remove: "customer-",
		Rows: rows(t, `[{"customers": "1", "name": "ACME"}, {"customers": "2", "name": "Umbrella"}]`)}
	r, err := enrich.New(nil, []enrich.Mapping{m})
	if err != nil {
		t.Fatal(err)
	}
	for _, list := range []string{`["customer-2", "customer-3", "1"]`, `"[\"customer-2\", \"1\"]"`} {
		got := r.Add(object(t, `{"customers": `+list+`}`))
		if len(got) != 1 || string(value.AppendJSON(nil, got[0].Fields[0].Value)) != `{"2":{"customers":"2","name":"Umbrella"},"1":{"customers":"1","name":"ACME"}}` {
			t.Errorf("%s: %v", list, added(got))
		}
	}
	if got := added(r.Add(object(t, `{"customers": ["9"]}`))); got != "" {
		t.Error(got)
	}
}

// Extractions come before mappings, higher priorities first, and each sees what those
// before it added.
func TestOrder(t *testing.T) {
	r, err := enrich.New([]enrich.Extraction{
		{ID: 1, Name: "late", Attribute: "host", Regex: "(?P<dc>[a-z]+)", Priority: 1},
		{ID: 2, Name: "early", Attribute: "message", Regex: "on (?P<host>.+)", Priority: 9},
	}, []enrich.Mapping{
		{ID: 1, Name: "low", Matchers: [][]string{{"team"}}, Rows: rows(t, `[{"team": "net", "owner": "o", "room": "2"}]`)},
		{ID: 2, Name: "high", Priority: 5, Matchers: [][]string{{"dc"}}, Rows: rows(t, `[{"dc": "fra", "team": "net", "room": "1"}]`)},
	})
	if err != nil {
		t.Fatal(err)
	}
	all := r.Add(object(t, `{"message": "down on fra1"}`))
	if got := added(all); got != "host=fra1 dc=fra team=net room=1 owner=o room=2" {
		t.Error(got)
	}
	if all[3].Rule != `mapping rule "low"` {
		t.Error(all[3].Rule)
	}
}

// What cannot be a rule is refused, with what is wrong.
func TestRefused(t *testing.T) {
	x := func(attribute, regex, condition string) error {
		_, err := enrich.New([]enrich.Extraction{{Name: "x", Attribute: attribute, Regex: regex, Condition: condition}}, nil)
		return err
	}
	m := func(change func(*enrich.Mapping)) error {
		rule := enrich.Mapping{Name: "m", Matchers: [][]string{{"a"}}, Rows: rows(t, `[{"a": "1", "b": "2"}]`)}
		change(&rule)
		_, err := enrich.New(nil, []enrich.Mapping{rule})
		return err
	}
	many := make([]*value.Map, 1001)
	for i := range many {
		many[i] = object(t, fmt.Sprintf(`{"a": "^%d$"}`, i))
	}
	tests := map[string]error{
		"neither ahead nor behind":   x("message", `(?=x)(?P<a>.)`, ""),
		"refers to no group":         x("message", `(?P<a>.)(?P=a)`, ""),
		"named groups":               x("message", `(.+)`, ""),
		`does not set "fingerprint"`: x("message", `(?P<fingerprint>.+)`, ""),
		"1024 bytes":                 x("message", strings.Repeat("(?P<a>x)", 200), ""),
		"repeat":                     x("message", `(?P<a>((x{100}){100}){100})`, ""),
		"condition:":                 x("message", `(?P<a>.)`, "a ==="),
		"which text":                 x("", `(?P<a>.)`, ""),
		"attribute:":                 x("{{ a", `(?P<a>.)`, ""),
		`no column "c"`:              m(func(r *enrich.Mapping) { r.Matchers = [][]string{{"c"}} }),
		"by which attributes":        m(func(r *enrich.Mapping) { r.Matchers = nil }),
		"a group is empty":           m(func(r *enrich.Mapping) { r.Matchers = [][]string{{}} }),
		"give 1 to 20000":            m(func(r *enrich.Mapping) { r.Rows = nil }),
		"cells are patterns":         m(func(r *enrich.Mapping) { r.Rows = many }),
		"a name":                     m(func(r *enrich.Mapping) { r.Name = " " }),
		"new_property_name":          m(func(r *enrich.Mapping) { r.Multi = true }),
		"cells of 1024":              m(func(r *enrich.Mapping) { r.Rows[0].Set("b", strings.Repeat("x", 1025)) }),
	}
	for want, err := range tests {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not said: %v", want, err)
		}
	}
}

// A row that is found by halves is the row that is found by trying all.
func FuzzMapping(f *testing.F) {
	f.Add("ab,b,abc", "xabcx")
	f.Add("10.0.0.1,10.0.0,0.0", "10.0.0.12")
	f.Add("*,a|b,a", "ba")
	f.Fuzz(func(t *testing.T, cells, v string) {
		m := enrich.Mapping{Name: "m", Matchers: [][]string{{"a"}}}
		for i, cell := range strings.Split(cells, ",") {
			row := value.NewMap(2)
			row.Set("a", cell)
			row.Set("n", int64(i))
			m.Rows = append(m.Rows, row)
		}
		r, err := enrich.New(nil, []enrich.Mapping{m})
		if err != nil {
			return
		}
		alert := value.NewMap(1)
		alert.Set("a", v)
		one := m
		want := ""
		for _, exact := range []bool{true, false} {
			for _, row := range m.Rows {
				one.Rows = []*value.Map{row}
				cell, _ := row.Get("a")
				alone, _ := enrich.New(nil, []enrich.Mapping{one})
				if got := added(alone.Add(alert)); want == "" && got != "" && (!exact || strings.TrimSpace(cell.(string)) == v && v != "" && v != "*") {
					want = got
				}
			}
		}
		if got := added(r.Add(alert)); got != want {
			t.Errorf("%q in %q: %q, want %q", v, cells, got, want)
		}
	})
}

// table is n rows as an inventory has them, with names that have much in common.
func table(n int) (list []*value.Map) {
	for i := range n {
		row := value.NewMap(4)
		row.Set("service", fmt.Sprintf("shop-service-%05d.prod.example.com", i))
		row.Set("region", []string{"eu", "us", "*"}[i%3])
		row.Set("team", fmt.Sprintf("team-%d", i%40))
		row.Set("owner", fmt.Sprintf("owner-%d@example.com", i))
		list = append(list, row)
	}
	return list
}

// A mapping costs the same for any number of rows, for an alert that a row is about as
// for one that none is.
func BenchmarkMapping(b *testing.B) {
	for _, n := range []int{10, 1000, 20_000} {
		r, err := enrich.New(nil, []enrich.Mapping{{Name: "m", Matchers: [][]string{{"service", "region"}}, Rows: table(n)}})
		if err != nil {
			b.Fatal(err)
		}
		for name, service := range map[string]string{"exact": "shop-service-00003.prod.example.com", "within": "https://shop-service-00002.prod.example.com/", "none": "shop-service-99999.prod.example.com"} {
			alert := value.NewMap(2)
			alert.Set("service", service)
			alert.Set("region", "eu")
			b.Run(fmt.Sprintf("%s/%d", name, n), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if got := len(r.Add(alert)); (got == 0) != (name == "none") {
						b.Fatal(got)
					}
				}
			})
		}
	}
}

func BenchmarkNewMapping(b *testing.B) {
	m := []enrich.Mapping{{Name: "m", Matchers: [][]string{{"service", "region"}}, Rows: table(10_000)}}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := enrich.New(nil, m); err != nil {
			b.Fatal(err)
		}
	}
}

// What rules cost an alert as it comes in: ten extractions, half of them with a condition,
// and two tables.
func BenchmarkAdd(b *testing.B) {
	var xs []enrich.Extraction
	for i := range 10 {
		x := enrich.Extraction{ID: int64(i), Name: "x", Attribute: "message", Regex: fmt.Sprintf(`key%d=(?P<key%d>\w+)`, i, i)}
		if i%2 == 0 {
			x.Condition = `severity == "critical" && source == "grafana"`
		}
		xs = append(xs, x)
	}
	ms := []enrich.Mapping{{Name: "m", Matchers: [][]string{{"service", "region"}}, Rows: table(10_000)}, {Name: "n", Matchers: [][]string{{"labels.host"}}, Rows: rows(b, `[{"labels.host": "h1", "room": "2"}]`)}}
	r, err := enrich.New(xs, ms)
	if err != nil {
		b.Fatal(err)
	}
	o, err := engine.NormalizeAlert(map[string]any{
		"name": "disk", "severity": "critical", "source": []any{"grafana"}, "message": "key1=a key2=b something else that is long enough to be a message",
		"service": "shop-service-00003.prod.example.com", "region": "eu", "labels": map[string]any{"host": "h1"},
	}, time.Now(), "")
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if len(r.Add(o.Map)) != 4 {
			b.Fatal(added(r.Add(o.Map)))
		}
	}
}
