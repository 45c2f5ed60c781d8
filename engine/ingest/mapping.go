package ingest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"tocsin/templating"
	"tocsin/templating/value"
)

// A Mapping says where the fields of an alert are in the JSON of a system that has no
// format here. It is data: Format compiles it once.
type Mapping struct {
	Name  string // as in /alerts/event/{name}
	Title string // "": Name

	// Each is the list of alerts in the body, such as "{{ body.alerts }}". "": the body
	// is one alert, or a list of them.
	Each string

	// Fields are the texts of our fields by name; "labels.team" is the label team. A
	// text is a template of the workflow language and sees item (one alert), body, query
	// and header (names in lower case, with _ for -, without those that hold secrets).
	// A field that comes out empty is left out; name must not.
	Fields map[string]string

	// Status and Severity say which of our words a word of theirs is. Usual words need
	// no row: triggered, down, ok, recovered, P1, error, warn and the like.
	Status, Severity map[string]string
}

// MappingDoc is what to write for a Mapping, as Markdown.
const MappingDoc = `A system that can post JSON but has no format of its own needs a mapping: our fields, and
where they are in its JSON. Texts are templates as in workflows.

    name: backup
    each: "{{ body.jobs }}"
    fields:
      name: "Backup of {{ item.host }}"
      status: "{{ item.state }}"
      severity: "{{ item.level }}"
      fingerprint: "backup-{{ item.host }}"
      message: "{{ item.error | trunc 200 }}"
      url: "https://backup.example.com/jobs/{{ item.id }}"
      labels.site: "{{ body.site }}"
    status: {FAILED: firing, DONE: resolved}
    severity: {A: critical, B: warning}

Without each the body is one alert, or a list of them. Without status an alert is firing;
a status that is neither in the table nor a usual word is refused, and the body is kept.
Without fingerprint the name is what makes two messages the same alert.
`

// maxFields is how many fields a mapping may have.
const maxFields = 100

// Format compiles m. The error names every text that is wrong. The Format has no Schemes
// of its own: any but the vendors' may be used.
func (m Mapping) Format() (Format, error) {
	c := mapper{format: m.Name, status: m.Status, severity: m.Severity, fields: map[string]*templating.Template{}}
	var bad []error
	if m.Name == "" {
		bad = append(bad, errors.New("mapping: it has no name"))
	}
	if m.Fields["name"] == "" || len(m.Fields) > maxFields {
		bad = append(bad, fmt.Errorf("mapping %s: want a field name, and at most %d fields", m.Name, maxFields))
	}
	language := templating.Language{Functions: templating.Builtin()}
	for _, key := range slices.Sorted(maps.Keys(m.Fields)) {
		text, err := language.Parse(m.Fields[key])
		if err != nil {
			bad = append(bad, fmt.Errorf("mapping %s: %s: %w", m.Name, key, err))
		}
		c.fields[key] = text
	}
	if m.Each != "" {
		text, err := language.Parse(m.Each)
		if err != nil {
			bad = append(bad, fmt.Errorf("mapping %s: each: %w", m.Name, err))
		}
		c.each = text
	}
	bad = append(bad, wrongWords(m)...)
	if len(bad) > 0 {
		return Format{}, errors.Join(bad...)
	}
	return Format{
		Name: m.Name, Title: cmp.Or(m.Title, m.Name), Doc: MappingDoc,
		Schemes: []string{"token", "hub", "standard", "slack"}, Parse: c.parse,
	}, nil
}

// wrongWords are the rows of the tables that lead to no word of ours.
func wrongWords(m Mapping) []error {
	var bad []error
	for _, word := range slices.Sorted(maps.Values(m.Status)) {
		if status(word) != word {
			bad = append(bad, fmt.Errorf("mapping %s: status %q is none of firing, resolved, acknowledged, suppressed, pending, maintenance", m.Name, word))
		}
	}
	for _, word := range slices.Sorted(maps.Values(m.Severity)) {
		if severity(word) != word {
			bad = append(bad, fmt.Errorf("mapping %s: severity %q is none of critical, high, warning, info, low", m.Name, word))
		}
	}
	return bad
}

// A mapper is a compiled Mapping.
type mapper struct {
	format           string
	each             *templating.Template
	fields           map[string]*templating.Template
	status, severity map[string]string
}

func (c mapper) parse(r Request) ([]Alert, error) {
	body, err := decode(r)
	if err != nil {
		return nil, err
	}
	scope := map[string]any{"body": body, "item": body, "query": queryMap(r), "header": headerMap(r)}
	items, err := c.items(r, scope)
	if err != nil {
		return nil, err
	}
	o := from(c.format, r)
	return o.batch(items, func(item any) (Alert, error) {
		own := maps.Clone(scope)
		own["item"] = item
		return c.alert(o, own)
	})
}

func (c mapper) items(r Request, scope map[string]any) ([]any, error) {
	if c.each == nil {
		if list, ok := scope["body"].([]any); ok {
			return list, nil
		}
		return []any{scope["body"]}, nil
	}
	v, err := c.each.Value(context.Background(), scopeOf(r, scope))
	if err != nil {
		return nil, refuse(Invalid, "each: %v", err)
	}
	list, ok := v.([]any)
	if !ok {
		return nil, refuse(Invalid, "each is %s, not a list", kindOf(v))
	}
	return list, nil
}

func (c mapper) alert(o origin, scope map[string]any) (Alert, error) {
	fields, labels := value.NewMap(len(c.fields)), value.NewMap(4)
	for _, key := range slices.Sorted(maps.Keys(c.fields)) {
		v, err := c.fields[key].Value(context.Background(), scopeOf(o.r, scope))
		if err != nil {
			return nil, refuse(Invalid, "%s: %v", key, err)
		}
		name, isLabel := strings.CutPrefix(key, "labels.")
		switch whole, _ := v.(*value.Map); {
		case v == nil, v == "":
		case isLabel:
			labels.Set(name, value.Text(v))
		case key == "labels" && whole == nil:
			return nil, refuse(Invalid, "labels is %s, not an object", kindOf(v))
		case key == "labels":
			for k, v := range whole.All() {
				labels.Set(k, value.Text(v))
			}
		default:
			fields.Set(key, v)
		}
	}
	fields.Set("labels", labels)
	if text(fields, "name") == "" {
		return nil, refuse(Invalid, "name is empty")
	}
	if err := c.words(fields); err != nil {
		return nil, err
	}
	return o.given(fields)
}

// words turns their status and severity into ours.
func (c mapper) words(fields *value.Map) error {
	if s := text(fields, "status"); s != "" {
		ours := or(c.status[s], status(s))
		if ours == "" {
			return refuse(Invalid, "status %q is no known word: add it to the table status", short(s))
		}
		fields.Set("status", ours)
	}
	if s, ok := c.severity[text(fields, "severity")]; ok {
		fields.Set("severity", s)
	}
	return nil
}

func scopeOf(r Request, data map[string]any) *templating.Scope {
	return &templating.Scope{Data: data, Now: func() time.Time { return r.Now }}
}

// queryMap is the query without its secrets.
func queryMap(r Request) *value.Map {
	m := map[string]any{}
	for k, v := range r.Query {
		if len(v) > 0 && !secretName(k) {
			m[k] = strings.ToValidUTF8(v[0], "�")
		}
	}
	return value.Of(m).(*value.Map)
}

// headerMap is the header without its secrets; header.x_github_event is X-GitHub-Event.
func headerMap(r Request) *value.Map {
	m := map[string]any{}
	for k, v := range r.Header {
		if len(v) > 0 && !secretName(k) {
			m[strings.ReplaceAll(strings.ToLower(k), "-", "_")] = strings.ToValidUTF8(v[0], "�")
		}
	}
	return value.Of(m).(*value.Map)
}

// secretName tells whether what has this name may be a secret.
func secretName(name string) bool {
	name = strings.ToLower(name)
	return slices.ContainsFunc([]string{"auth", "cookie", "key", "token", "secret", "signature", "password"}, func(part string) bool {
		return strings.Contains(name, part)
	})
}
