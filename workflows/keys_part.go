package workflows

import (
	"fmt"
	"strings"

	"tocsin/workflows/schema"
	"tocsin/workflows/source"
)

var triggerTable = table[Part]{
	head: head{
		what: "trigger", root: "trigger", kinds: triggerKinds, tolerated: true,
		doc:     "What starts a workflow.",
		example: "type: interval\nvalue: 5m",
	},
	keys: []key[Part]{{
		row{
			name: "type", kind: schema.String, required: true,
			doc:     "manual, interval, cron, alert, incident, or a provider that has alerts to subscribe to.",
			example: "type: interval\nvalue: 5m",
		}, readType,
	}},
}

var triggerKinds = []kind{
	{"manual", rows{head: head{
		what:    "manual trigger",
		doc:     "Somebody starts it; this is always possible and only said here.",
		example: "type: manual",
	}}},
	{"interval", rows{
		head: head{
			what: "interval trigger", misplaced: misplacedInInterval,
			doc:     "Starts the workflow again and again, counted from start to start.",
			example: "type: interval\nvalue: 5m",
		},
		list: []row{
			{
				name: "value", kind: schema.Any, def: "0", check: checkInterval, filled: true,
				doc:     "Time between two starts: seconds, or a whole number and s, m, h, d or w; 0 is never.",
				example: "type: interval\nvalue: 5m",
			},
			{
				name: "every", kind: schema.Duration,
				doc:     "Time between two starts, at least a second; it counts instead of \"value\".",
				example: "type: interval\nevery: 1h30m",
			},
			{
				name: "jitter", kind: schema.Duration, def: "the time between two starts", check: checkJitter,
				doc:     "How far its starts are shifted at most, always by the same time, which differs from workflow to workflow; 0 is on the full minute, hour or day of UTC.",
				example: "type: interval\nvalue: 5m\njitter: 0",
			},
			catchUpRow("type: interval\nvalue: 5m"), overlapRow("type: interval\nvalue: 5m"),
		},
	}},
	{"cron", rows{
		head: head{
			what:    "cron trigger",
			doc:     "Starts the workflow at times of the clock on the wall.",
			example: "type: cron\ncron: \"0 9 * * mon-fri\"\ntimezone: Europe/Vienna",
		},
		list: []row{
			{
				name: "cron", kind: schema.String, required: true,
				doc:     "Minute, hour, day of the month, month, day of the week; or @hourly, @daily, @weekly, @monthly, @yearly.",
				example: "type: cron\ncron: \"*/15 * * * *\"",
			},
			{
				name: "timezone", kind: schema.String, def: "UTC",
				doc:     "Whose clock: a time left out in spring comes right after, one repeated in autumn comes once.",
				example: "type: cron\ncron: \"@daily\"\ntimezone: America/New_York",
			},
			{
				name: "jitter", kind: schema.Duration, def: "0", check: checkJitter,
				doc:     "How much later than said it starts at most: always by the same time, which differs from workflow to workflow.",
				example: "type: cron\ncron: \"@hourly\"\njitter: 5m",
			},
			catchUpRow("type: cron\ncron: \"@hourly\""), overlapRow("type: cron\ncron: \"@hourly\""),
		},
	}},
	{"alert", rows{
		head: head{
			what:    "alert trigger",
			doc:     "Starts the workflow when an alert arrives that matches.",
			example: "type: alert\ncel: severity > 'info' && source.contains('grafana')",
		},
		list: []row{
			{
				name: "filters", kind: schema.List, below: &filterRows,
				doc:     "Fields that must have these values, all of them; they replace \"cel\".",
				example: "type: alert\nfilters:\n  - key: source\n    value: grafana",
			},
			{
				name: "cel", kind: schema.String,
				doc:     "A condition on the fields of the alert, in CEL.",
				example: "type: alert\ncel: severity == 'critical'",
			},
			{
				name: "only_on_change", kind: schema.List, of: schema.String,
				doc:     "Fields that must all differ from those of the last alert of the same fingerprint.",
				example: "type: alert\nonly_on_change: [status]",
			},
			{
				name: "severity_changed", kind: schema.Boolean, def: "false",
				doc:     "Starts the workflow only when the severity differs from the last alert's.",
				example: "type: alert\nseverity_changed: true",
			},
		},
	}},
	{"incident", rows{
		head: head{
			what: "incident trigger", spelt: map[string]string{"on": "events", "true": "events", "True": "events"},
			doc:     "Starts the workflow when something happens to an incident.",
			example: "type: incident\nevents: [created]",
		},
		// "on" is what Keep's documentation has and Keep does not read; YAML 1.1 reads it
		// as the boolean true.
		list: []row{{
			name: "events", kind: schema.List, or: schema.String, of: schema.String, check: checkEvents,
			doc:     "What happens to it: created, updated, deleted; none means never.",
			example: "type: incident\nevents: [created, updated]",
		}},
	}},
}

// misplacedInInterval knows the keys of times of the clock.
func misplacedInInterval(_ source.Map, key string) (where, missing string) {
	if key == "cron" || key == "timezone" {
		return `in a trigger of "type: cron"`, ""
	}
	return "", ""
}

// catchUpRow and overlapRow are what every trigger of the clock may say besides.
func catchUpRow(trigger string) row {
	return row{
		name: "catch_up", kind: schema.String, def: string(CatchUpLatest), check: checkCatchUp,
		doc:     "Which starts are made up for that nobody was there for: latest, skip, or all(N, TIME), the last N within that time.",
		example: trigger + "\ncatch_up: all(10, 1h)",
	}
}

func overlapRow(trigger string) row {
	return row{
		name: "overlap", kind: schema.String, def: string(OverlapSkip), check: checkOverlap,
		doc:     "What a start does while a run that the clock started is under way: skip, queue_one, cancel_previous, or parallel(N).",
		example: trigger + "\noverlap: queue_one",
	}
}

func checkCatchUp(r *reader, v source.Value) {
	if _, err := ParseCatchUp(text(v).S); err != nil {
		r.problem(v.Pos, source.BadValue, "such as catch_up: all(10, 1h)", "%s is %v", describe(v), err)
	}
}

func checkOverlap(r *reader, v source.Value) {
	if _, err := ParseOverlap(text(v).S); err != nil {
		r.problem(v.Pos, source.BadValue, "such as overlap: parallel(3)", "%s is %v", describe(v), err)
	}
}

func checkJitter(r *reader, v source.Value) {
	if d, _ := ParseDuration(v.Data); d > maxJitter {
		r.problem(v.Pos, source.BadValue, "such as jitter: 5m", "a jitter of %s is more than a day", describe(v))
	}
}

var filterRows = rows{
	head: head{what: "filter", partial: true},
	list: []row{
		{
			name: "key", kind: schema.String, required: true,
			doc:     "Name of the field, with dots for fields of fields.",
			example: "key: labels.team",
		},
		{
			name: "value", kind: schema.Any, required: true,
			doc:     "What it must be: a text, number or boolean; r\"...\" is a pattern.",
			example: "value: core",
		},
		{
			name: "exclude", kind: schema.Boolean, def: "false",
			doc:     "Starts the workflow where the field is not that.",
			example: "exclude: true",
		},
	},
}

func checkEvents(r *reader, v source.Value) {
	known := []string{"created", "updated", "deleted"}
	for _, t := range r.texts(v) {
		if !r.oneOf(&row{name: "events", enum: known}, t.Value) {
			r.problems[len(r.problems)-1].Warning = source.Nearest(t.S, known) == ""
		}
	}
}

var conditionTable = table[Part]{
	head: head{
		what: "condition", root: "condition", kinds: conditionKinds,
		doc:     "What must be so for a step or action to run.",
		example: "name: up\ntype: assert\nassert: \"{{ steps.load.results }} == 42\"",
	},
	keys: []key[Part]{
		{row{
			name: "name", kind: schema.String, required: true,
			doc:     "What reports call it.",
			example: "name: nearly-full\ntype: assert\nassert: \"{{ steps.load.results }} == 42\"",
		}, readPartName},
		{row{
			name: "type", kind: schema.String, required: true,
			doc:     "assert, threshold or stddev.",
			example: "type: assert\nassert: \"{{ steps.load.results }} == 42\"",
		}, readType},
		{row{
			name: "alias", kind: schema.String, def: "the name",
			doc:     "What later texts call its result: {{ alias }}.",
			example: "alias: A\ntype: assert\nassert: \"{{ steps.load.results }} == 42\"",
		}, readAlias},
	},
}

func readPartName(r *reader, p *Part, v source.Value) {
	p.Name = r.name(v)
	if p.Alias == "" {
		p.aliasPos = v.Pos
	}
}

func readAlias(r *reader, p *Part, v source.Value) { p.Alias, p.aliasPos = r.name(v), v.Pos }

var conditionKinds = []kind{
	{"assert", rows{
		head: head{
			what:    "assert condition",
			doc:     "A comparison. In an \"alert:\" document the action runs when it fails, in a \"workflow:\" document when it holds.",
			example: "name: up\ntype: assert\nassert: \"{{ steps.load.results }} == 42\"",
		},
		list: []row{
			{
				name: "assert", kind: schema.String, required: true,
				doc:     "The condition.",
				example: "type: assert\nassert: \"{{ steps.load.results }} == 42\"",
			},
			{
				name: "fires", kind: schema.String, enum: []string{"on_failure", "on_success"},
				def:     "on_failure in an \"alert:\" document, else on_success",
				doc:     "Whether the action runs when the condition fails or when it holds.",
				example: "type: assert\nassert: \"{{ steps.load.results }} == 42\"\nfires: on_failure",
			},
		},
	}},
	{"threshold", rows{
		head: head{
			what:    "threshold condition",
			doc:     "Compares a number or percentage with one limit, or with several that have names.",
			example: "name: nearly-full\ntype: threshold\nvalue: \"{{ steps.load.results }}\"\ncompare_to: 90",
		},
		list: []row{
			{
				name: "value", kind: schema.Any, required: true,
				doc:     "What is compared.",
				example: "type: threshold\nvalue: \"{{ steps.load.results }}\"\ncompare_to: 90",
			},
			{
				name: "compare_to", kind: schema.Any, required: true,
				doc:     "The limit, or limits with commas between them, tried in this order.",
				example: "type: threshold\nvalue: \"{{ steps.load.results }}\"\ncompare_to: 90%, 80%",
			},
			{
				name: "compare_type", kind: schema.String, enum: []string{"gt", "lt"}, def: "gt",
				doc:     "gt holds above the limit, lt below it.",
				example: "type: threshold\nvalue: \"{{ steps.load.results }}\"\ncompare_to: 10\ncompare_type: lt",
			},
			{
				name: "level", kind: schema.String,
				doc:     "Names of the limits, with commas between them; the one that was hit is {{ foreach.level }}.",
				example: "type: threshold\nvalue: \"{{ steps.load.results }}\"\ncompare_to: 90, 80\nlevel: critical, warning",
			},
		},
	}},
	{"stddev", rows{
		head: head{
			what:    "stddev condition",
			doc:     "Holds where a value is further from the mean than so many standard deviations.",
			example: "name: odd\ntype: stddev\nvalue: [1, 2, 3, 50]\ncompare_to: 2",
		},
		list: []row{
			{
				name: "value", kind: schema.Any, required: true,
				doc:     "A list of numbers, or of rows.",
				example: "type: stddev\nvalue: \"{{ steps.load.results }}\"\ncompare_to: 2",
			},
			{
				name: "compare_to", kind: schema.Any, required: true,
				doc:     "The number of standard deviations.",
				example: "type: stddev\nvalue: [1, 2, 3, 50]\ncompare_to: 2",
			},
			{
				name: "pivot_column", kind: schema.Any,
				doc:     "Which column of a row has the number: a name or an index.",
				example: "type: stddev\nvalue: \"{{ steps.load.results }}\"\npivot_column: 1\ncompare_to: 2",
			},
		},
	}},
}

var throttleTable = table[Part]{
	head: head{
		what: "throttle", root: "throttle", kinds: throttleKinds,
		doc:     "How often an action may tell the same thing.",
		example: "type: one_until_resolved",
	},
	keys: []key[Part]{
		{row{
			name: "type", kind: schema.String, required: true,
			doc:     "one_until_resolved.",
			example: "type: one_until_resolved",
		}, readType},
		{row{
			name: "with", kind: schema.Mapping,
			doc:     "Parameters of the throttle.",
			example: "type: one_until_resolved\nwith: {}",
		}, func(_ *reader, p *Part, v source.Value) { p.With = v }},
	},
}

var throttleKinds = []kind{
	{"one_until_resolved", rows{head: head{
		what:    "one_until_resolved throttle",
		doc:     "Once, and then not again until the alert is resolved.",
		example: "type: one_until_resolved",
	}}},
}

// checkLevels: as many names as limits (spec §6.4).
func (r *reader) checkLevels(p Part) {
	m, _ := p.With.Data.(source.Map)
	levels, ok := m.Get("level")
	limits, _ := m.Get("compare_to")
	if !ok || !scalar(limits) || strings.Contains(text(limits).S, "{{") {
		return
	}
	have, want := 1+strings.Count(text(levels).S, ","), 1+strings.Count(text(limits).S, ",")
	if have != want {
		r.problem(levels.Pos, source.BadValue, "both are lists with commas between the items",
			"%s for %s", count(have, "level"), count(want, "threshold"))
	}
}

func count(n int, noun string) string {
	if n == 1 {
		return fmt.Sprintf("%d %s", n, noun)
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
