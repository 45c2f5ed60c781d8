package workflows

import (
	"cmp"
	"slices"
	"time"

	"tocsin/workflows/schema"
	"tocsin/workflows/source"
)

var notifyTable = table[Notices]{
	head: head{
		what: "notify", root: "notify", ours: true, misplaced: elsewhereCalled,
		doc:     "When people are told of an alert that lasts, in a process that goes on: once when it fires and once when it is over; without it an \"alert:\" document does so too, and a \"workflow:\" acts in every run, as in Keep.",
		example: "failures: 3\nsuccesses: 2\nreminder: 4h",
	},
	keys: []key[Notices]{
		{row{
			name: "failures", kind: schema.Integer, def: "1", check: checkTimes,
			doc:     "How often in a row the check must fail before the alert fires; a run that broke counts neither way.",
			example: "failures: 3",
		}, func(_ *reader, n *Notices, v source.Value) { n.Failures = int(v.Data.(int64)) }},
		{row{
			name: "successes", kind: schema.Integer, def: "1", check: checkTimes,
			doc:     "How often in a row the check must hold before the alert is over.",
			example: "successes: 2",
		}, func(_ *reader, n *Notices, v source.Value) { n.Successes = int(v.Data.(int64)) }},
		{row{
			name: "hold", kind: schema.Duration, def: "0",
			doc:     "How long the check must have failed before the alert fires.",
			example: "hold: 2m",
		}, func(_ *reader, n *Notices, v source.Value) { n.Hold = duration(v) }},
		{row{
			name: "keep_firing", kind: schema.Duration, def: "0",
			doc:     "How long the check must have held before the alert is over, so that nobody is told of each bump.",
			example: "keep_firing: 5m",
		}, func(_ *reader, n *Notices, v source.Value) { n.KeepFiring = duration(v) }},
		{row{
			name: "reminder", kind: schema.Duration, def: "never",
			doc:     "Tells again so often while the alert fires and nobody has acknowledged it.",
			example: "reminder: 4h",
		}, func(_ *reader, n *Notices, v source.Value) { n.Reminder = duration(v) }},
		{row{
			name: "resolved", kind: schema.Boolean, def: "true",
			doc:     "Tells those that the alert is over who were told that it fires.",
			example: "resolved: false",
		}, func(_ *reader, n *Notices, v source.Value) { n.Resolved = v.Data.(bool) }},
		{row{
			name: "flapping", kind: schema.Mapping, below: &flappingTable,
			doc:     "Tells once that an alert fires and ends too often, and then nothing until it is steady.",
			example: "flapping: {changes: 6, within: 1h}",
		}, readFlapping},
		{row{
			name: "fallback", kind: schema.String, or: schema.Mapping, below: &fallbackTable,
			doc:     "An action of this workflow, or a provider, that is told when the first could not be told for 2 minutes, where the severity is critical.",
			example: "fallback: {provider: {type: console, with: {message: Nobody could be told}}}",
		}, readFallback},
		{row{
			name: "escalate", kind: schema.List, below: &escalateTable,
			doc:     "Who else is told when the alert has fired for some time; an action that is named here runs only then.",
			example: "escalate:\n  - after: 10m\n    unless: acked\n    provider: {type: console, with: {message: Still down}}",
		}, readEscalate},
		{row{
			name: "key", kind: schema.String, def: "the item, or the fingerprint of the alert",
			doc:     "What tells the alerts of an action apart, each of which fires and ends for itself.",
			example: "key: \"{{ foreach.value.host }}\"",
		}, func(_ *reader, n *Notices, v source.Value) { n.Key = text(v) }},
	},
}

var flappingTable = table[Flapping]{
	head: head{what: "flapping", ours: true},
	keys: []key[Flapping]{
		{row{
			name: "changes", kind: schema.Integer, required: true, check: checkChanges,
			doc:     "How often it begins to fire or ends.",
			example: "changes: 6",
		}, func(_ *reader, f *Flapping, v source.Value) { f.Changes = int(v.Data.(int64)) }},
		{row{
			name: "within", kind: schema.Duration, def: "1h",
			doc:     "Within which time, and how long it must be steady to be told of again.",
			example: "within: 30m\nchanges: 6",
		}, func(_ *reader, f *Flapping, v source.Value) { f.Within = duration(v) }},
	},
}

var fallbackTable = table[Telling]{
	head: head{what: "fallback", ours: true},
	keys: []key[Telling]{tellingProvider},
}

// tellingProvider is the key of who is told otherwise than by an action.
var tellingProvider = key[Telling]{row{
	name: "provider", kind: schema.Mapping, below: &providerTable,
	doc:     "Who is told, and what.",
	example: "provider: {type: console, with: {message: Still down}}",
}, readTelling}

var escalateTable = table[Escalation]{
	head: head{what: "escalation", ours: true},
	keys: []key[Escalation]{
		{row{
			name: "after", kind: schema.Duration, required: true,
			doc:     "How long the alert has fired.",
			example: "after: 10m\nactions: [x]",
		}, func(_ *reader, e *Escalation, v source.Value) { e.After = duration(v) }},
		{row{
			name: "unless", kind: schema.String, enum: []string{"acked"},
			doc:     "acked spares them if somebody has acknowledged the alert.",
			example: "unless: acked\nafter: 10m\nactions: [x]",
		}, func(_ *reader, e *Escalation, v source.Value) { e.UnlessAcked = v.Data == "acked" }},
		{row{
			name: "actions", kind: schema.List, or: schema.String, of: schema.String,
			doc:     "Actions of this workflow that tell them.",
			example: "actions: [x]\nafter: 10m",
		}, func(r *reader, e *Escalation, v source.Value) {
			for _, t := range r.texts(v) {
				e.Tell = append(e.Tell, Telling{Action: t})
			}
		}},
		{row{
			name: "provider", kind: schema.Mapping, below: &providerTable,
			doc:     tellingProvider.doc,
			example: tellingProvider.example + "\nafter: 10m",
		}, func(r *reader, e *Escalation, v source.Value) {
			var t Telling
			readTelling(r, &t, v)
			e.Tell = append(e.Tell, t)
		}},
	},
}

var onResolveTable = table[Step]{
	head: head{what: "on_resolve", ours: true},
	keys: []key[Step]{
		{row{
			name: "with", kind: schema.Mapping, required: true,
			doc:     "Parameters of that call; those that are not here are as in the action's \"with\".",
			example: "with: {message: \"Up again after {{ episode.lasted }}\"}",
		}, func(_ *reader, s *Step, v source.Value) { s.OnResolve = v }},
	},
}

var silenceTable = table[Window]{
	head: head{
		what: "silence", root: "silence", ours: true,
		doc:     "A time in which nobody is told of the alerts of a workflow, such as maintenance; what still fires afterwards is told then.",
		example: "cron: \"0 2 * * sun\"\nfor: 2h\nreason: backup\nowner: ops",
	},
	keys: []key[Window]{
		{row{
			name: "from", kind: schema.String,
			doc:     "When it begins, once; it needs \"until\".",
			example: "from: 2026-03-01 22:00\nuntil: 2026-03-02 02:00\nreason: upgrade",
		}, func(_ *reader, w *Window, v source.Value) { w.From = text(v) }},
		{row{
			name: "until", kind: schema.String,
			doc:     "When it ends.",
			example: "until: 2026-03-02T02:00:00Z\nfrom: 2026-03-01T22:00:00Z\nreason: upgrade",
		}, func(_ *reader, w *Window, v source.Value) { w.Until = text(v) }},
		{row{
			name: "cron", kind: schema.String,
			doc:     "When it begins, again and again, as in a trigger of type cron; it needs \"for\".",
			example: "cron: \"0 2 * * sun\"\nfor: 2h\nreason: backup",
		}, func(_ *reader, w *Window, v source.Value) { w.Cron = text(v) }},
		{row{
			name: "for", kind: schema.Duration, check: checkWindow,
			doc:     "How long it lasts each time.",
			example: "for: 2h\ncron: \"@daily\"\nreason: backup",
		}, func(_ *reader, w *Window, v source.Value) { w.For = duration(v) }},
		{row{
			name: "timezone", kind: schema.String, def: "UTC",
			doc:     "Whose clock the times are of.",
			example: "timezone: Europe/Vienna\ncron: \"@daily\"\nfor: 1h\nreason: backup",
		}, func(_ *reader, w *Window, v source.Value) { w.Timezone = text(v) }},
		{row{
			name: "reason", kind: schema.String, required: true,
			doc:     "Why nobody is told; reports say so.",
			example: "reason: backup\ncron: \"@daily\"\nfor: 1h",
		}, func(_ *reader, w *Window, v source.Value) { w.Reason = text(v).S }},
		{row{
			name: "owner", kind: schema.String,
			doc:     "Who answers for it.",
			example: "owner: ops\nreason: backup\ncron: \"@daily\"\nfor: 1h",
		}, func(_ *reader, w *Window, v source.Value) { w.Owner = text(v).S }},
	},
}

// elsewhereCalled knows what other programs call the keys of notify.
func elsewhereCalled(_ source.Map, key string) (where, missing string) {
	for _, w := range []struct {
		ours  string
		names []string
	}{
		{"failures", []string{"failure-threshold", "failure_threshold", "retries", "maxretries"}},
		{"successes", []string{"success-threshold", "success_threshold"}},
		{"hold", []string{"for", "pending_period"}},
		{"keep_firing", []string{"keep_firing_for"}},
		{"reminder", []string{"repeat_interval", "resend_interval", "minimum-reminder-interval", "renotify_interval"}},
		{"resolved", []string{"send-on-resolved", "send_on_resolved", "send_resolved"}},
		{"key", []string{"group_by", "fingerprint", "dedup_key"}},
	} {
		if slices.Contains(w.names, key) {
			return `under the name "` + w.ours + `"`, w.ours
		}
	}
	return "", ""
}

func checkTimes(r *reader, v source.Value) {
	if n, _ := v.Data.(int64); n < 1 || n > 1000 {
		r.problem(v.Pos, source.BadValue, "1 is the first time", "so often is between 1 and 1000, not %s", describe(v))
	}
}

func checkChanges(r *reader, v source.Value) {
	if n, _ := v.Data.(int64); n < 2 || n > 100 {
		r.problem(v.Pos, source.BadValue, "to fire and to end are two changes", "\"changes\" is between 2 and 100, not %s", describe(v))
	}
}

func checkWindow(r *reader, v source.Value) {
	if d := duration(v); d < time.Minute || d > 31*24*time.Hour {
		r.problem(v.Pos, source.BadValue, "such as 30m or 2h", "a silence lasts between a minute and 31 days, not %s", describe(v))
	}
}

func readNotify(r *reader, v source.Value) *Notices {
	n := &Notices{Pos: v.Pos, Failures: 1, Successes: 1, Resolved: true, written: v}
	notifyTable.read(r, v, n)
	return n
}

// At is where n itself says a key; false: it is not said, or by the workflow.
func (n *Notices) At(key string) (source.Pos, bool) {
	m, _ := n.written.Data.(source.Map)
	v, ok := m.Get(key)
	return v.Pos, ok
}

// over is n where what it does not say is as in base. Both were read before, with their
// problems.
func (n *Notices) over(base *Notices) *Notices {
	switch {
	case base == nil:
		return n
	case n == nil:
		return base
	}
	silent := &reader{}
	merged := readNotify(silent, base.written)
	merged.Pos, merged.written = n.Pos, n.written
	if m, ok := n.written.Data.(source.Map); ok && get(m, "escalate").Data != nil {
		merged.Escalate = nil
	}
	notifyTable.read(silent, n.written, merged)
	return merged
}

func readFlapping(r *reader, n *Notices, v source.Value) {
	n.Flapping = Flapping{Within: time.Hour}
	flappingTable.read(r, v, &n.Flapping)
}

func readFallback(r *reader, n *Notices, v source.Value) {
	t := Telling{}
	if scalar(v) {
		t.Action = text(v)
	} else if fallbackTable.read(r, v, &t) && t.Step == nil {
		r.problem(v.Pos, source.MissingKey, "name an action, or write provider: {type: ..., with: {...}}", "this fallback has no %q", "provider")
		return
	}
	n.Fallback = &t
}

func readTelling(r *reader, t *Telling, v source.Value) {
	t.Step = written(Notify, source.Value{Pos: v.Pos, Data: source.Map{}})
	providerTable.read(r, v, t.Step)
}

func readEscalate(r *reader, n *Notices, v source.Value) {
	items := v.Data.([]source.Value)
	if len(items) > maxLevels {
		r.problem(items[maxLevels].Pos, source.TooLarge, "", "an alert escalates %d times at most", maxLevels)
		return
	}
	for _, item := range items {
		e := Escalation{Pos: item.Pos}
		if !escalateTable.read(r, item, &e) {
			continue
		}
		if len(e.Tell) == 0 {
			r.problem(item.Pos, source.MissingKey, "actions: [page], or provider: {type: ..., with: {...}}", "this escalation tells nobody")
			continue
		}
		n.Escalate = append(n.Escalate, e)
	}
}

// maxLevels is how often an alert may escalate.
const maxLevels = 16

func readSilences(r *reader, w *Workflow, v source.Value) {
	for _, item := range v.Data.([]source.Value) {
		s := Window{Pos: item.Pos}
		if silenceTable.read(r, item, &s) && r.checkTimesOf(s) {
			w.Silences = append(w.Silences, s)
		}
	}
}

// checkTimesOf: a silence is once, or again and again, and has an end.
func (r *reader) checkTimesOf(s Window) bool {
	once, again := s.From.S != "" || s.Until.S != "", s.Cron.S != "" || s.For > 0
	var message string
	switch {
	case once && again:
		message = "this silence is both once and again and again"
	case once && (s.From.S == "" || s.Until.S == ""):
		message = "this silence has one end only"
	case again && (s.Cron.S == "" || s.For == 0):
		message = "it is not known when this silence begins or how long it lasts"
	case !once && !again:
		message = "this silence has no time"
	default:
		return true
	}
	at := cmp.Or(s.Cron.Pos, s.From.Pos, s.Until.Pos, s.Pos)
	r.problem(at, source.MissingKey, `write from and until, or cron and for`, "%s", message)
	return false
}

// settleNotify gives each action what the workflow says and it does not.
func (w *Workflow) settleNotify() {
	for _, s := range w.Actions {
		s.Notify = s.Notify.over(w.Notify)
	}
	if w.OnFailure != nil {
		w.OnFailure.Notify = w.OnFailure.Notify.over(w.Notify)
	}
}
