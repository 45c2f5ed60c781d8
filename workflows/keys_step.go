package workflows

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"tocsin/workflows/schema"
	"tocsin/workflows/source"
)

var stepTable = table[Step]{
	head: head{
		what: "step", root: "step", misplaced: misplacedInStep,
		doc:     "A step asks a provider something; an action, which has the same keys, tells it something.",
		example: "name: load\nprovider:\n  type: mock\n  with:\n    command_output: 42",
	},
	keys: []key[Step]{
		{row{
			name: "name", kind: schema.String,
			doc:     "What later texts call it: {{ steps.name.results }}.",
			example: "name: disk-usage",
		}, func(r *reader, s *Step, v source.Value) { s.Name = r.name(v) }},
		{row{
			name: "id", kind: schema.Any,
			doc:     "Ignored; Keep's editor writes it.",
			example: "id: 4711",
		}, func(*reader, *Step, source.Value) {}},
		{row{
			name: "provider", kind: schema.Mapping, required: true, below: &providerTable,
			doc:     "Who is asked or told, and what.",
			example: "provider: {type: console, with: {message: Hello}}",
		}, func(r *reader, s *Step, v source.Value) { providerTable.read(r, v, s) }},
		{row{
			name: "if", kind: schema.String,
			doc:     "A condition; the step runs only where it holds. It replaces the verdict of \"condition\".",
			example: "if: \"{{ alert.severity }} == 'critical'\"",
		}, func(_ *reader, s *Step, v source.Value) { s.If = text(v) }},
		{row{
			name: "condition", kind: schema.List, below: &conditionTable,
			doc:     "Named conditions that must all agree for the step to run.",
			example: "condition:\n  - name: nearly-full\n    type: threshold\n    value: \"{{ steps.disk.results }}\"\n    compare_to: 90%",
		}, readConditions},
		{row{
			name: "foreach", kind: schema.String,
			doc:     "Runs the step once for each item of a list, which is {{ foreach.value }}.",
			example: "foreach: \"{{ steps.hosts.results }}\"",
		}, func(_ *reader, s *Step, v source.Value) { s.Foreach = text(v) }},
		{row{
			name: "parallel", kind: schema.Integer, def: "1", check: checkParallel,
			doc:     "How many items of foreach run at the same time.",
			example: "parallel: 4",
		}, func(_ *reader, s *Step, v source.Value) { s.Parallel = int(v.Data.(int64)) }},
		{row{
			name: "vars", kind: schema.Mapping,
			doc:     "Values for this step, read as {{ vars.name }}; they may be templates.",
			example: "vars:\n  host: \"{{ foreach.value.host }}\"",
		}, func(_ *reader, s *Step, v source.Value) { s.Vars = v }},
		{row{
			name: "alias", kind: schema.Mapping,
			doc:     "Short names for texts, read as {{ aliases.name }}; rendered before the conditions.",
			example: "alias:\n  usage: \"{{ steps.disk.results }}\"",
		}, func(_ *reader, s *Step, v source.Value) { s.Aliases = v }},
		{row{
			name: "expect", kind: schema.List, or: schema.String, of: schema.String,
			doc:     "Conditions that must hold after the call; one that does not fails the step.",
			example: "expect:\n  - \"{{ steps.this.results.status }} == 200\"",
		}, func(r *reader, s *Step, v source.Value) { s.Expect = r.texts(v) }},
		{row{
			name: "timeout", kind: schema.Duration, def: "30s", check: checkPositive,
			doc:     "Time for one call.",
			example: "timeout: 10s",
		}, func(_ *reader, s *Step, v source.Value) { s.Timeout, _ = ParseDuration(v.Data) }},
		{row{
			name: "retry", kind: schema.Mapping, or: schema.Integer, below: &retryTable,
			doc:     "Repeats a call that failed; a number is the count.",
			example: "retry: {count: 3, interval: 2s}",
		}, readRetry},
		{row{
			name: "on-failure", kind: schema.Mapping, below: &onFailureTable,
			doc:     "Keep's place for retry.",
			example: "on-failure:\n  retry: {count: 3, interval: 2}",
		}, func(r *reader, s *Step, v source.Value) { onFailureTable.read(r, v, s) }},
		{row{
			name: "continue", kind: schema.Boolean, def: "true",
			doc:     "false ends the steps, or the actions, after this one if it ran.",
			example: "continue: false",
		}, func(_ *reader, s *Step, v source.Value) { s.Stop = v.Data == false }},
		{row{
			name: "continue_on_error", kind: schema.Boolean, def: "false",
			doc:     "Goes on as if nothing had happened when this step fails.",
			example: "continue_on_error: true",
		}, func(_ *reader, s *Step, v source.Value) { s.ContinueOnError = v.Data.(bool) }},
		{row{
			name: "throttle", kind: schema.Mapping, below: &throttleTable,
			doc:     "Keeps an action from telling the same thing again and again.",
			example: "throttle:\n  type: one_until_resolved",
		}, readThrottle},
		{row{
			name: "notify", kind: schema.Mapping, below: &notifyTable,
			doc:     "When this action tells of an alert that lasts; the rest is as the workflow says.",
			example: "notify: {failures: 3, reminder: 4h}",
		}, func(r *reader, s *Step, v source.Value) { s.Notify = readNotify(r, v) }},
		{row{
			name: "on_resolve", kind: schema.Mapping, below: &onResolveTable,
			doc:     "What differs when this action tells that an alert is over.",
			example: "on_resolve:\n  with: {message: \"Up again after {{ episode.lasted }}\"}",
		}, func(r *reader, s *Step, v source.Value) { onResolveTable.read(r, v, s) }},
		{row{
			name: "use", kind: schema.String,
			doc:     "Name of a shared action that this action extends; what is written here wins.",
			example: "use: \"@page\"",
		}, func(r *reader, s *Step, v source.Value) { s.Use = r.name(v) }},
	},
}

// misplacedInStep knows the keys of a provider. Where there is no provider, they are
// what was meant to be one.
func misplacedInStep(m source.Map, key string) (where, missing string) {
	switch key {
	case "type", "config", "with":
		if _, ok := m.Get("provider"); !ok {
			return `below "provider"`, "provider"
		}
		return `below "provider"`, ""
	case "enrich_alert", "enrich_incident", "audit_enabled":
		return `below "provider", in "with"`, ""
	}
	return "", ""
}

func checkParallel(r *reader, v source.Value) {
	if v.Data == int64(0) {
		r.problem(v.Pos, source.BadValue, "1 is one after the other", "no item could run")
	}
}

func readConditions(r *reader, s *Step, v source.Value) {
	for _, item := range v.Data.([]source.Value) {
		c, ok := r.part(&conditionTable, item)
		if !ok {
			continue
		}
		if c.Alias == "" {
			c.Alias = c.Name
		}
		r.checkLevels(c)
		s.Conditions = append(s.Conditions, c)
	}
}

func readThrottle(r *reader, s *Step, v source.Value) {
	if t, ok := r.part(&throttleTable, v); ok {
		s.Throttle = &t
	}
}

func readRetry(r *reader, s *Step, v source.Value) {
	if n, ok := v.Data.(int64); ok {
		s.Retry.Count = int(n)
		return
	}
	retryTable.read(r, v, &s.Retry)
}

var providerTable = table[Step]{
	head: head{what: "provider", misplaced: misplacedInProvider},
	keys: []key[Step]{
		{row{
			name: "type", kind: schema.String, required: true,
			doc:     "Which provider it is; \"tocsin providers\" lists them.",
			example: "type: slack",
		}, func(_ *reader, s *Step, v source.Value) { s.Provider = text(v) }},
		{row{
			name: "config", kind: schema.String, or: schema.Mapping,
			doc:     "Which configuration to use, by name, or the configuration itself.",
			example: "config: \"{{ providers.slack-demo }}\"",
		}, func(_ *reader, s *Step, v source.Value) { s.Config = v }},
		{row{
			name: "with", kind: schema.Mapping, below: &withTable,
			doc:     "Parameters of the call; \"tocsin providers TYPE\" lists them.",
			example: "with:\n  message: \"Disk is at {{ steps.disk.results }}\"",
		}, readWith},
		{row{
			name: "on-failure", kind: schema.Mapping, below: &onFailureTable,
			doc:     "Keep's older place for retry.",
			example: "on-failure:\n  retry: {count: 3, interval: 2}",
		}, func(r *reader, s *Step, v source.Value) { onFailureTable.read(r, v, s) }},
	},
}

// misplacedInProvider knows the keys of a step, and those that belong into "with".
func misplacedInProvider(_ source.Map, key string) (where, missing string) {
	switch {
	case withTable.find(key) >= 0:
		return `in "with"`, ""
	case slices.Contains(stepOnly, key):
		return `next to "provider", two spaces further out`, ""
	}
	return "", ""
}

// stepOnly are keys of a step that are easily written two spaces too far in.
var stepOnly = []string{
	"name", "if", "condition", "foreach", "parallel", "vars", "alias", "expect", "timeout", "retry",
	"continue", "continue_on_error", "throttle", "use", "notify", "on_resolve",
}

// withTable has what the engine takes out of the parameters of every provider.
var withTable = table[Step]{
	head: head{what: "parameter mapping", open: true},
	keys: []key[Step]{
		{row{
			name: "enrich_alert", kind: schema.List, below: &enrichmentTable,
			doc:     "Fields that a successful call adds to the alert.",
			example: "enrich_alert:\n  - key: ticket_id\n    value: results.key",
		}, func(r *reader, s *Step, v source.Value) { r.enrichments(s, v, false) }},
		{row{
			name: "enrich_incident", kind: schema.List, below: &enrichmentTable,
			doc:     "Fields that a successful call adds to the incident.",
			example: "enrich_incident:\n  - key: ticket_id\n    value: results.key",
		}, func(r *reader, s *Step, v source.Value) { r.enrichments(s, v, true) }},
		{row{
			name: "audit_enabled", kind: schema.Boolean, or: schema.String,
			doc:     "Ignored; every enrichment is in the history.",
			example: "audit_enabled: true",
		}, func(*reader, *Step, source.Value) {}},
	},
}

// readWith takes the enrichments out of the parameters and leaves the rest.
func readWith(r *reader, s *Step, v source.Value) {
	m := v.Data.(source.Map)
	s.With = v
	var rest source.Map
	for i := range m {
		ours := withTable.find(m[i].Key) >= 0
		if ours && rest == nil {
			rest = append(make(source.Map, 0, len(m)), m[:i]...)
		}
		switch {
		case ours:
			withTable.readEntry(r, withTable.what, m, &m[i], s)
		default:
			r.checkParameter(&m[i])
			if rest != nil {
				rest = append(rest, m[i])
			}
		}
	}
	if rest != nil {
		s.With.Data = rest
	}
}

// checkParameter reports a parameter that was probably meant for the engine. Only the
// provider knows for certain.
func (r *reader) checkParameter(e *source.Entry) {
	for _, part := range []string{"enrich", "alert", "incident", "audit", "enabled"} {
		if !strings.Contains(e.Key, part) {
			continue
		}
		if near := source.Nearest(e.Key, rowNames(&withTable)); near != "" {
			r.warn(e.Pos, source.UnknownKey, fmt.Sprintf("did you mean %q?", near), "%q goes to the provider as it is", e.Key)
		}
		return
	}
}

var enrichmentTable = table[Enrichment]{
	head: head{what: "enrichment"},
	keys: []key[Enrichment]{
		{row{
			name: "key", kind: schema.String, required: true,
			doc:     "Name of the field.",
			example: "key: ticket_id",
		}, func(_ *reader, e *Enrichment, v source.Value) { e.Key = text(v) }},
		{row{
			name: "value", kind: schema.String, required: true,
			doc:     "Its value: a text, or a path into what the call returned, which starts with \"results\".",
			example: "value: results.key",
		}, func(_ *reader, e *Enrichment, v source.Value) { e.Value = text(v) }},
		{row{
			name: "disposable", kind: schema.Boolean, def: "false",
			doc:     "Drops the field when the alert arrives again.",
			example: "disposable: true",
		}, func(_ *reader, e *Enrichment, v source.Value) { e.Disposable = v.Data.(bool) }},
	},
}

func (r *reader) enrichments(s *Step, v source.Value, incident bool) {
	for _, item := range v.Data.([]source.Value) {
		e := Enrichment{Incident: incident}
		if enrichmentTable.read(r, item, &e) {
			s.Enrich = append(s.Enrich, e)
		}
	}
}

var onFailureTable = table[Step]{
	head: head{what: "step's on-failure", misplaced: misplacedInOnFailure},
	keys: []key[Step]{
		{row{
			name: "retry", kind: schema.Mapping, or: schema.Integer, below: &retryTable,
			doc:     "Repeats a call that failed.",
			example: "retry: {count: 3, interval: 2}",
		}, readRetry},
	},
}

func misplacedInOnFailure(_ source.Map, key string) (where, missing string) {
	if key == "provider" {
		return `in the workflow's own "on-failure", which tells somebody; a step's only has "retry"`, ""
	}
	return "", ""
}

var retryTable = table[Retry]{
	head: head{what: "retry", ours: true},
	keys: []key[Retry]{
		{row{
			name: "count", kind: schema.Integer, def: "0",
			doc:     "Attempts after the first.",
			example: "count: 3",
		}, func(_ *reader, t *Retry, v source.Value) { t.Count = int(v.Data.(int64)) }},
		{row{
			name: "interval", kind: schema.Duration, def: "0",
			doc:     "Time before the second attempt.",
			example: "interval: 2s",
		}, func(_ *reader, t *Retry, v source.Value) { t.Interval = duration(v) }},
		{row{
			name: "backoff", kind: schema.Number, def: "1", check: checkBackoff,
			doc:     "The interval grows by this factor with each attempt.",
			example: "backoff: 2",
		}, func(_ *reader, t *Retry, v source.Value) { t.Backoff = number(v) }},
		{row{
			name: "jitter", kind: schema.Boolean, def: "false",
			doc:     "Waits a random part of the interval, so that many do not come back at once.",
			example: "jitter: true",
		}, func(_ *reader, t *Retry, v source.Value) { t.Jitter = v.Data.(bool) }},
	},
}

func checkBackoff(r *reader, v source.Value) {
	if n := number(v); !(n >= 1 && n <= 100) {
		r.problem(v.Pos, source.BadValue, "2 doubles the interval each time", "\"backoff\" is between 1 and 100, not %s", describe(v))
	}
}

// duration is the value of a key that takes one.
func duration(v source.Value) time.Duration {
	d, _ := ParseDuration(v.Data)
	return d
}

// number is the value of a key that takes one.
func number(v source.Value) float64 {
	if n, ok := v.Data.(int64); ok {
		return float64(n)
	}
	return v.Data.(float64)
}
