package engine

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"time"

	"tocsin/engine/episode"
	"tocsin/templating/value"
	"tocsin/workflows"
)

// A Memory knows alerts from one run to the next, and decides what is told of them.
// *episode.Book is one. It is asked from many goroutines.
type Memory interface {
	// Observe says what is to be told now that a run has seen an alert.
	Observe(ctx context.Context, s episode.Sighting) (episode.Notice, error)
	// Told notes that somebody was told, and returns what is known of the alert then.
	Told(ctx context.Context, n episode.Notice, m episode.Message, text string, result any, now time.Time) (episode.Record, error)
	// Gone are the alerts of an action that are not over and not among those seen.
	Gone(workflow, action string, seen map[string]bool) []episode.Record
}

// A saying is a message about an alert that a frame tells, or the silence about it.
type saying struct {
	notice  *episode.Notice
	message episode.Message
	item    any // of the foreach that the alert is of; nil: none
	reached *bool
}

// remembers says that somebody knows what was before of what s tells.
func (r *run) remembers(s *step) bool { return s.watch != nil && r.Memory != nil && !r.DryRun }

// watched asks the memory about an action whose conditions were decided: skip is the
// reason not to run, "" that they let it. It returns the event to end with where nothing
// is to be told.
func (f *frame) watched(ctx context.Context, skip string) (silent *Event, err error) {
	outcome := episode.Fails
	if skip != "" || text(f.run.alert, "status") == "resolved" {
		outcome = episode.Well
	}
	s, err := f.sighting(ctx, outcome)
	if err != nil {
		return nil, err
	}
	n, quiet, err := f.notice(ctx, s)
	switch {
	case err != nil:
		return nil, err
	case quiet:
		return silence(n, skip, f.fired && outcome == episode.Fails), nil
	}
	f.fired = f.fired && f.said.message.Kind != episode.Over
	return nil, nil
}

// silence is the end of an action that tells nothing. Where its conditions let it run,
// the check has failed all the same.
func silence(n *episode.Notice, skip string, fired bool) *Event {
	switch {
	case skip == "":
		return &Event{Status: Skipped, Reason: "silent: " + n.Reason, Fired: fired}
	case n.Status == episode.OK || n.Status == episode.Resolved && n.Record.State.Closed:
		return &Event{Status: Skipped, Reason: skip}
	}
	return &Event{Status: Skipped, Reason: skip + "; " + n.Reason}
}

// observe tells the memory what the run saw.
func (r *run) observe(ctx context.Context, s episode.Sighting) (*episode.Notice, error) {
	n, err := r.Memory.Observe(ctx, s)
	if err != nil {
		return nil, fmt.Errorf("the memory of alerts: %w", err)
	}
	r.know(n.Record)
	r.saw(s.Key)
	return &n, nil
}

// notice makes what the memory decided what the frame tells; silent: it tells nothing.
func (f *frame) notice(ctx context.Context, s episode.Sighting) (n *episode.Notice, silent bool, err error) {
	if n, err = f.observe(ctx, s); err != nil {
		return nil, false, err
	}
	f.say(&Event{Action: Noticed, Notice: n, Reason: n.Reason})
	said := &saying{notice: n, message: n.To(episode.Main), item: f.value, reached: new(bool)}
	f.queue(f.s, said)
	if said.message.Kind == "" {
		return n, true, nil
	}
	f.speak(said)
	return n, false, nil
}

// know keeps what is known of an alert for whoever records the run.
func (r *run) know(record episode.Record) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range r.result.Alerts {
		if r.result.Alerts[i].Key == record.Key {
			r.result.Alerts[i] = record
			return
		}
	}
	r.result.Alerts = append(r.result.Alerts, record)
}

// saw notes that the run has seen an alert, so that it is not taken for gone.
func (r *run) saw(k episode.Key) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.seen == nil {
		r.seen = map[string]map[string]bool{}
	}
	if r.seen[k.Action] == nil {
		r.seen[k.Action] = map[string]bool{}
	}
	r.seen[k.Action][k.Alert] = true
}

// sighting is what the frame has seen of its alert.
func (f *frame) sighting(ctx context.Context, outcome episode.Outcome) (episode.Sighting, error) {
	subject, err := f.subject(ctx)
	if err != nil {
		return episode.Sighting{}, err
	}
	s := f.sightingOf(f.s, subject, outcome)
	s.At = f.sighted(s.At)
	if f.item > 0 {
		s.Item = keepable(f.Pool.MaskValue(f.value))
	}
	return s, nil
}

// sightingOf is what the run has seen of an alert of s.
func (r *run) sightingOf(s *step, subject string, outcome episode.Outcome) episode.Sighting {
	now := r.now()
	sighting := episode.Sighting{
		Key: episode.Key{Workflow: r.p.workflow.ID, Action: s.Name, Alert: subject},
		Run: r.in.Run, Outcome: outcome, At: now, Rules: s.watch.rules,
		Fingerprint: text(r.alert, "fingerprint"), Silence: r.p.silenced(now), DependsOn: r.p.dependsOn, Aside: s.Name == onFailureName,
	}
	severity := r.severity()
	if s.watch.fallback != nil && severity == "critical" {
		sighting.Rules.Fallback = fallbackAfter
	}
	if subject == "" && r.alert.Len() == 0 {
		sighting.Labels = s.watch.labels()
	} else {
		sighting.Labels = r.labels(sighting.Key, severity)
	}
	return sighting
}

// fallbackAfter is how long nobody could be told before the fallback is (reliability §4).
const fallbackAfter = 2 * time.Minute

func (r *run) severity() string {
	if s := r.p.workflow.Severity; s != "" {
		return s
	}
	return text(r.alert, "severity")
}

// sighted is when the memory was asked about the frame's alert before the run was cut
// off, else now: so that it says the same, and an episode that begins has one identity.
func (f *frame) sighted(now time.Time) time.Time {
	if f.under == nil {
		return now
	}
	for _, e := range f.under.events {
		if e.Action == Noticed && e.Item == f.item && e.Notice != nil {
			return e.Notice.At
		}
	}
	return now
}

// maxLabels is how many labels of an alert silences may ask for.
const maxLabels = 64

// labels are what a silence can be made for, but for what the alert says that started the
// run.
func labels(w *workflows.Workflow, k episode.Key, severity string) map[string]string {
	labels := map[string]string{"workflow": w.ID, "action": k.Action, "severity": severity}
	if k.Alert != "" {
		labels["alert"] = k.Alert
	}
	for name, words := range w.Labels {
		labels[name] = strings.Join(words, ",")
	}
	return labels
}

// labels are those, and what the alert says.
func (r *run) labels(k episode.Key, severity string) map[string]string {
	labels := labels(r.p.workflow, k, severity)
	for _, name := range []string{"name", "environment", "service"} {
		if v := text(r.alert, name); v != "" {
			labels[name] = r.Pool.Mask(v)
		}
	}
	own, _ := r.alert.Get("labels")
	if m, ok := own.(*value.Map); ok {
		for name, v := range m.All() {
			if v, ok := v.(string); ok && len(labels) < maxLabels && len(v) <= maxSubject {
				labels["labels."+name] = r.Pool.Mask(v)
			}
		}
	}
	return labels
}

// maxSubject is how long the name of an alert may be; what is longer is named by its
// hash.
const maxSubject = 128

// subject tells the alerts of an action apart: by what "key" says, else by the alert
// that started the run and the item of the foreach.
func (f *frame) subject(ctx context.Context) (string, error) {
	if f.s.Name == onFailureName {
		return "", nil // the workflow works or it does not
	}
	if key := f.s.watch.key; key != nil {
		v, err := key.render(ctx, &f.strict)
		if err != nil {
			return "", err
		}
		return f.named(value.Text(v.Plain())), nil
	}
	name := text(f.run.alert, "fingerprint")
	if f.item > 0 {
		name = strings.TrimPrefix(name+"/"+itemName(f.value), "/")
	}
	return f.named(name), nil
}

func (f *frame) named(name string) string {
	if name = f.Pool.Mask(name); len(name) > maxSubject {
		return identity(name)
	}
	return name
}

// itemName is what an item is called: by the field that names things, since others
// change from run to run.
func itemName(item any) string {
	var m *value.Map
	switch v := item.(type) {
	case string:
		return v
	case *value.Map:
		m = v
	case value.Object:
		m = v.Map
	}
	for _, key := range []string{"fingerprint", "id", "name", "host", "hostname", "instance", "url", "key"} {
		if v, ok := m.Get(key); ok && v != nil {
			return value.Text(v)
		}
	}
	return string(value.AppendJSON(nil, item))
}

// maxKept is how much of a value is kept with an alert.
const maxKept = 16 << 10

// keepable is v if it is small enough to be kept; else nil.
func keepable(v any) any {
	if room(v, maxKept, 16) < 0 {
		return nil
	}
	return v
}

// An echo is a step that tells of an alert because another does: an escalation, a
// fallback.
type echo struct {
	step *step
	said *saying
}

// queue notes who else is to be told, for when the action is over.
func (r *run) queue(s *step, said *saying) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, m := range said.notice.Tell {
		for _, other := range s.watch.others(m.To) {
			r.echoes = append(r.echoes, echo{other, &saying{said.notice, m, said.item, said.reached}})
		}
	}
}

// relearn does what a step or item of the past did that the memory was asked about:
// who was to be told besides is told in this run.
func (r *run) relearn(s *step, e *Event, reached bool) {
	if e.Action != Noticed || e.Notice == nil || s.watch == nil || r.Memory == nil {
		return
	}
	r.saw(e.Notice.Key)
	r.queue(s, &saying{notice: e.Notice, item: value.Of(e.Notice.Item), reached: &reached})
}

// echo tells those who were noted. Who is a fallback for an action that was heard after
// all is left alone.
func (r *run) echo(ctx context.Context) {
	for len(r.echoes) > 0 && ctx.Err() == nil {
		e := r.echoes[0]
		r.echoes = r.echoes[1:]
		if e.said.message.To == episode.Fallback && e.said.message.Kind == episode.Fire && *e.said.reached {
			continue
		}
		r.saying = e.said
		r.failed(e.step, r.step(ctx, e.step))
		r.saying = nil
	}
}

// gone tells of the alerts of s whose items are not in the list any more: they are over.
// It returns the closing events.
func (r *run) gone(ctx context.Context, f *frame, ends []Event, before *record) []Event {
	for _, e := range ends {
		if e.Status != Done && e.Status != Skipped {
			return ends // what this item is was not seen
		}
	}
	for _, record := range r.Memory.Gone(r.p.workflow.ID, f.s.Name, r.seen[f.s.Name]) {
		if ctx.Err() != nil {
			break
		}
		other := r.frame(f.s, f.entry)
		other.data = maps.Clone(other.data)
		other.see(other.data)
		other.begin(len(ends), value.Of(record.Item), nil)
		other.past = &record.Key
		ends = append(ends, other.one(ctx, before))
	}
	return ends
}

// leave asks the memory about an alert whose item is gone.
func (f *frame) leave(ctx context.Context) (silent *Event, err error) {
	n, quiet, err := f.notice(ctx, f.sightingOf(f.s, f.past.Alert, episode.Well))
	if err != nil || !quiet {
		return nil, err
	}
	return &Event{Status: Skipped, Reason: "not in the list any more; " + n.Reason}, nil
}

// recover tells of a workflow that broke before, and works.
func (r *run) recover(ctx context.Context, s *step) error {
	n, err := r.observe(ctx, r.sightingOf(s, "", episode.Well))
	if err != nil {
		return err
	}
	said := &saying{notice: n, message: n.To(episode.Main), reached: new(bool)}
	r.queue(s, said)
	if said.message.Kind != "" {
		r.saying = said
		defer func() { r.saying = nil }()
		r.text = "Workflow " + r.p.workflow.ID + " works again"
		r.failed(s, r.step(ctx, s))
	}
	return nil
}
