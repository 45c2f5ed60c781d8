package workflows

import (
	"tocsin/workflows/schema"
	"tocsin/workflows/source"
)

// A document is one YAML document that has its workflows below a key of their own.
type document struct {
	workflow, alert   source.Value
	workflows, alerts []source.Value
	providers         source.Value
	actions           []source.Value
	bare              source.Value // the document, where it is a workflow itself
}

var documentTable = table[document]{
	head: head{what: "document", misplaced: misplacedInDocument},
	keys: []key[document]{
		{row{
			name: "workflow", kind: schema.Mapping, below: &workflowTable,
			doc:     "One workflow; an assert in it fires when it holds.",
			example: "workflow:\n  id: hello\n  actions:\n    - name: greet\n      provider: {type: console, with: {message: Hello}}",
		}, func(_ *reader, d *document, v source.Value) { d.workflow = v }},
		{row{
			name: "alert", kind: schema.Mapping, below: &workflowTable,
			doc:     "One workflow in the original form; an assert in it fires when it fails.",
			example: "alert:\n  id: hello\n  actions:\n    - name: greet\n      provider: {type: console, with: {message: Hello}}",
		}, func(_ *reader, d *document, v source.Value) { d.alert = v }},
		{row{
			name: "workflows", kind: schema.List, below: &workflowTable,
			doc:     "Several workflows in one document.",
			example: "workflows:\n  - id: first\n    actions: [{name: greet, provider: {type: console, with: {message: Hello}}}]\n  - id: second\n    actions: [{name: greet, provider: {type: console, with: {message: Hello}}}]",
		}, func(_ *reader, d *document, v source.Value) { d.workflows = v.Data.([]source.Value) }},
		{row{
			name: "alerts", kind: schema.List, below: &workflowTable,
			doc:     "Several workflows in the original form.",
			example: "alerts:\n  - id: first\n    actions: [{name: greet, provider: {type: console, with: {message: Hello}}}]",
		}, func(_ *reader, d *document, v source.Value) { d.alerts = v.Data.([]source.Value) }},
		{row{
			name: "providers", kind: schema.Mapping,
			doc:     "Provider configurations for this file, by name; secrets are better kept outside.",
			example: "providers:\n  slack-demo:\n    authentication:\n      webhook_url: \"{{ env.SLACK_WEBHOOK }}\"",
		}, func(_ *reader, d *document, v source.Value) { d.providers = v }},
		{row{
			name: "actions", kind: schema.List, below: &stepTable,
			doc:     "Actions that the workflows of this file extend with \"use\".",
			example: "actions:\n  - name: page\n    use: \"@page\"\n    provider: {type: console, with: {message: Paging}}",
		}, func(_ *reader, d *document, v source.Value) { d.actions = v.Data.([]source.Value) }},
	},
}

// misplacedInDocument knows the keys of a workflow that stand next to it.
func misplacedInDocument(m source.Map, key string) (where, missing string) {
	if workflowTable.find(key) < 0 {
		return "", ""
	}
	for _, form := range []string{"workflow", "alert"} {
		if _, ok := m.Get(form); ok {
			return `below "` + form + `", two spaces further in`, ""
		}
	}
	return "in each workflow of the list", ""
}

var workflowTable = table[Workflow]{
	head: head{
		what: "workflow", root: "workflow", misplaced: misplacedInWorkflow,
		doc: "A document: what to ask, in which order, and whom to tell.",
	},
	keys: []key[Workflow]{
		{row{
			name: "id", kind: schema.String, required: true,
			doc:     "Name of the workflow in reports and in history.",
			example: "id: disk-almost-full",
		}, func(r *reader, w *Workflow, v source.Value) { w.ID, w.idPos = r.name(v), v.Pos }},
		{row{
			name: "name", kind: schema.String, def: "the id",
			doc:     "What people see instead of the id.",
			example: "name: Disk almost full",
		}, func(r *reader, w *Workflow, v source.Value) { w.Name = r.name(v) }},
		{row{
			name: "description", kind: schema.String,
			doc:     "What it is for, in a sentence.",
			example: "description: Tells the team before a disk is full",
		}, func(_ *reader, w *Workflow, v source.Value) { w.Description = text(v).S }},
		{row{
			name: "disabled", kind: schema.Boolean, or: schema.String, def: "false",
			doc:     "Keeps the workflow without running it.",
			example: "disabled: true",
		}, readDisabled},
		{row{
			name: "debug", kind: schema.Boolean, def: "false",
			doc:     "Keeps more of each run: what was rendered for every call.",
			example: "debug: true",
		}, func(_ *reader, w *Workflow, v source.Value) { w.Debug = v.Data.(bool) }},
		{row{
			name: "compat", kind: schema.String, enum: []string{"keep"},
			doc:     "\"keep\" gives Keep's own answers where ours differ on purpose.",
			example: "compat: keep",
		}, func(_ *reader, w *Workflow, v source.Value) { w.Compat = v.Data.(string) }},
		{row{
			name: "triggers", kind: schema.List, below: &triggerTable,
			doc:     "What starts the workflow; it can always be started by hand.",
			example: "triggers:\n  - type: interval\n    value: 5m",
		}, readTriggers},
		{row{
			name: "interval", kind: schema.Integer, or: schema.String, def: "0", check: checkInterval, filled: true,
			doc:     "Old spelling of a trigger of type interval.",
			example: "interval: 30",
		}, readOldInterval},
		{row{
			name: "inputs", kind: schema.List, below: &inputTable,
			doc:     "Values that whoever starts the workflow may give, read as {{ inputs.name }}.",
			example: "inputs:\n  - name: host\n    type: string\n    default: localhost",
		}, readInputs},
		{row{
			name: "consts", kind: schema.Mapping,
			doc:     "Values for the whole workflow, read as {{ consts.name }}; they may be templates.",
			example: "consts:\n  limit: 90\n  greeting: \"Disk is above {{ consts.limit }}%\"",
		}, func(_ *reader, w *Workflow, v source.Value) { w.Consts = v }},
		{row{
			name: "strategy", kind: schema.String, def: string(Wait),
			enum: []string{string(Wait), string(Skip), string(Parallel)}, others: true,
			doc:     "What happens when a run for the same alert is still under way: wait, skip, or run beside it.",
			example: "strategy: nonparallel",
		}, func(_ *reader, w *Workflow, v source.Value) { w.Strategy = Strategy(v.Data.(string)) }},
		{row{
			name: "timeout", kind: schema.Duration, def: "5m", check: checkPositive,
			doc:     "Time for the whole run.",
			example: "timeout: 2m",
		}, func(_ *reader, w *Workflow, v source.Value) { w.Timeout, _ = ParseDuration(v.Data) }},
		{row{
			name: "permissions", kind: schema.List, or: schema.String, of: schema.String,
			doc:     "Roles and e-mail addresses of those who may start it by hand; none means everybody.",
			example: "permissions: [admin, ops@example.com]",
		}, func(r *reader, w *Workflow, v source.Value) { w.Permissions = r.strings(v) }},
		{row{
			name: "owners", kind: schema.List, or: schema.String, of: schema.String,
			doc:     "Who looks after the workflow.",
			example: "owners: [ops]",
		}, func(r *reader, w *Workflow, v source.Value) { w.label("owners", r.strings(v)) }},
		{row{
			name: "services", kind: schema.List, or: schema.String, of: schema.String,
			doc:     "What the workflow is about.",
			example: "services: [database]",
		}, func(r *reader, w *Workflow, v source.Value) { w.label("services", r.strings(v)) }},
		{row{
			name: "tags", kind: schema.List, or: schema.String, of: schema.String,
			doc:     "Words to find the workflow by.",
			example: "tags: [disk]",
		}, func(r *reader, w *Workflow, v source.Value) { w.label("tags", r.strings(v)) }},
		{row{
			name: "providers", kind: schema.Mapping,
			doc:     "Provider configurations for this file, as next to the workflow.",
			example: "providers:\n  slack-demo:\n    authentication:\n      webhook_url: \"{{ env.SLACK_WEBHOOK }}\"",
		}, func(r *reader, w *Workflow, v source.Value) { w.connections = r.connections(v) }},
		{row{
			name: "steps", kind: schema.List, below: &stepTable,
			doc:     "What is asked, in this order; the first one that fails ends the run.",
			example: "steps:\n  - name: load\n    provider: {type: mock, with: {command_output: 42}}",
		}, func(r *reader, w *Workflow, v source.Value) { w.Steps = r.steps(Query, v) }},
		{row{
			name: "actions", kind: schema.List, below: &stepTable,
			doc:     "What is told, after the steps; one that fails does not keep the others from running.",
			example: "actions:\n  - name: tell\n    provider: {type: console, with: {message: Hello}}",
		}, func(r *reader, w *Workflow, v source.Value) { w.Actions = r.steps(Notify, v) }},
		{row{
			name: "severity", kind: schema.String, def: "that of the alert that came in",
			enum:    []string{"critical", "high", "warning", "info", "low"},
			doc:     "How bad it is when the workflow tells of something; critical uses a \"fallback\".",
			example: "severity: critical",
		}, func(_ *reader, w *Workflow, v source.Value) { w.Severity = v.Data.(string) }},
		{row{
			name: "notify", kind: schema.Mapping, below: &notifyTable,
			doc:     "When people are told of an alert that lasts; an action may say otherwise.",
			example: "notify: {failures: 3, reminder: 4h}",
		}, func(r *reader, w *Workflow, v source.Value) { w.Notify = readNotify(r, v) }},
		{row{
			name: "depends_on", kind: schema.List, or: schema.String, of: schema.String,
			doc:     "Workflows while one of which fails this one tells nobody: its message names this one instead.",
			example: "depends_on: [gateway]",
		}, func(r *reader, w *Workflow, v source.Value) { w.DependsOn = r.texts(v) }},
		{row{
			name: "silence", kind: schema.List, below: &silenceTable,
			doc:     "Times in which nobody is told, such as maintenance.",
			example: "silence:\n  - {cron: \"0 2 * * sun\", for: 2h, reason: backup, owner: ops}",
		}, readSilences},
		{row{
			name: "on-failure", kind: schema.Mapping, below: &stepTable,
			doc:     "One action that runs when the workflow fails; its message says what failed.",
			example: "on-failure:\n  provider:\n    type: slack\n    config: \"{{ providers.slack-demo }}\"",
		}, readOnFailure},
	},
}

// misplacedInWorkflow knows the keys of what a workflow consists of.
func misplacedInWorkflow(_ source.Map, key string) (where, missing string) {
	switch key {
	case "on_resolve", "provider", "condition", "foreach", "if", "parallel", "vars", "alias", "expect", "retry", "continue", "continue_on_error", "throttle", "use":
		return `in an item of "steps" or "actions"`, ""
	case "type", "config", "with":
		return `below "provider", in an item of "steps" or "actions"`, ""
	case "enrich_alert", "enrich_incident":
		return `in "with", below the "provider" of an action`, ""
	case "cel", "filters", "events", "only_on_change", "severity_changed", "cron", "timezone":
		return `in an item of "triggers"`, ""
	}
	return "", ""
}

// label keeps a list of words that the engine only passes on.
func (w *Workflow) label(name string, words []string) {
	if w.Labels == nil {
		w.Labels = map[string][]string{}
	}
	w.Labels[name] = words
}

// readDisabled: only true and exactly "true" disable, as in Keep (spec §1.4).
func readDisabled(r *reader, w *Workflow, v source.Value) {
	w.Disabled = v.Data == true || v.Data == "true"
	if _, ok := v.Data.(bool); !ok && v.Data != "true" && v.Data != "false" {
		r.warn(v.Pos, source.NotDisabled, "write true, without quotes", "%s does not disable the workflow", describe(v))
	}
}

func readOldInterval(r *reader, w *Workflow, v source.Value) {
	w.interval = v
	hint := "write triggers: [{type: interval, value: " + text(v).S + "}]"
	r.warn(v.Pos, source.OldSpelling, hint, "\"interval\" is the old spelling of a trigger")
}

func checkInterval(r *reader, v source.Value) {
	if _, err := ParseInterval(v.Data); err != nil {
		r.problem(v.Pos, source.BadValue, "such as 30, 90s, 5m, 2h, 1d or 1w", "%s is %v", describe(v), err)
	}
}

func checkPositive(r *reader, v source.Value) {
	if d, _ := ParseDuration(v.Data); d == 0 {
		r.problem(v.Pos, source.BadValue, "leave it out for the default", "a timeout of nothing would fail every time")
	}
}

func readTriggers(r *reader, w *Workflow, v source.Value) {
	for _, item := range v.Data.([]source.Value) {
		if t, ok := r.part(&triggerTable, item); ok {
			w.Triggers = append(w.Triggers, t)
		}
	}
}

func readOnFailure(r *reader, w *Workflow, v source.Value) {
	w.OnFailure = r.step(Notify, v)
	if w.OnFailure != nil && w.OnFailure.Name == "" {
		w.OnFailure.Name = "on-failure"
	}
}

// connections reads provider configurations by name.
func (r *reader) connections(v source.Value) []Connection {
	m, ok := r.mapping(v, "list of provider configurations by name")
	if !ok {
		return nil
	}
	list := make([]Connection, 0, len(m))
	for _, e := range m {
		if _, ok := r.mapping(e.Value, "provider configuration"); ok {
			list = append(list, Connection{e.Pos, e.Key, e.Value})
		}
	}
	return list
}

var inputTable = table[Input]{
	head: head{
		what: "input", root: "input",
		doc:     "A value that whoever starts the workflow may give.",
		example: "name: host\ntype: string\ndefault: localhost",
	},
	keys: []key[Input]{
		{row{
			name: "name", kind: schema.String, required: true,
			doc:     "What it is read as: {{ inputs.name }}.",
			example: "name: host",
		}, func(r *reader, in *Input, v source.Value) { in.Name = r.name(v) }},
		{row{
			name: "type", kind: schema.String, def: "string", enum: []string{"string", "number", "boolean", "choice"},
			doc:     "What may be given.",
			example: "type: number",
		}, func(_ *reader, in *Input, v source.Value) { in.Type = v.Data.(string) }},
		{row{
			name: "description", kind: schema.String,
			doc:     "What to give, for the person who is asked.",
			example: "description: Host to look at",
		}, func(_ *reader, in *Input, v source.Value) { in.Description = text(v).S }},
		{row{
			name: "default", kind: schema.Any,
			doc:     "What it is when nothing is given.",
			example: "default: localhost",
		}, func(_ *reader, in *Input, v source.Value) { in.Default = v }},
		{row{
			name: "required", kind: schema.Boolean, def: "false",
			doc:     "Refuses to run without it.",
			example: "required: true",
		}, func(_ *reader, in *Input, v source.Value) { in.Required = v.Data.(bool) }},
		{row{
			name: "options", kind: schema.List, of: schema.String,
			doc:     "What can be chosen, for the type choice.",
			example: "options: [staging, production]",
		}, func(r *reader, in *Input, v source.Value) { in.Options = r.strings(v) }},
	},
}

func readInputs(r *reader, w *Workflow, v source.Value) {
	for _, item := range v.Data.([]source.Value) {
		in := Input{Pos: item.Pos, Type: "string"}
		if inputTable.read(r, item, &in) {
			w.Inputs = append(w.Inputs, in)
		}
	}
}
