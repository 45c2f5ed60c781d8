package engine

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"tocsin/engine/episode"
	"tocsin/templating/value"
	"tocsin/workflows"
)

// A Recording is what a run got and decided, for another that is to see the same world
// and send nothing: Runner.Replay. Its calls are answered with what the same step got,
// and it is also the Memory of such a run, so that an action which was silent because
// somebody had been told still is. A Recording is for one run.
type Recording struct {
	mu      sync.Mutex
	answers map[callName][]answer // in order, where one step ran several times
	notices map[episode.Key]decided
}

// A callName is which call it is.
type callName struct {
	kind workflows.Kind
	step string
	item int
}

// An answer is what a call came to.
type answer struct {
	output any
	err    error
}

// A decided is what the memory decided, and about what.
type decided struct {
	notice episode.Notice
	failed bool // the conditions let the action run
	closed bool // nothing was left to tell
}

// NewRecording reads the events of a run.
func NewRecording(events []Event) *Recording {
	r := &Recording{answers: map[callName][]answer{}, notices: map[episode.Key]decided{}}
	var step string
	var kind workflows.Kind
	called, against, about := map[int]bool{}, map[int]bool{}, map[int]episode.Key{} // by item
	for _, e := range events {
		switch e.Action {
		case StepStarted:
			step, kind = e.Step, e.Kind
			clear(called)
			clear(against)
			clear(about)
		case Calling:
			called[e.Item] = true
		case Condition:
			against[e.Item] = against[e.Item] || e.Check != nil && e.Check.Type != "expect" && !e.Check.Passed
		case Noticed:
			if e.Notice != nil {
				r.notices[e.Notice.Key], about[e.Item] = decided{notice: *e.Notice, failed: !against[e.Item]}, e.Notice.Key
			}
		case ItemEnded, StepEnded:
			if d, ok := r.notices[about[e.Item]]; ok {
				d.closed = !strings.HasSuffix(e.Reason, d.notice.Reason)
				r.notices[d.notice.Key] = d
			}
			if called[e.Item] {
				name := callName{kind, step, e.Item}
				r.answers[name] = append(r.answers[name], answerOf(e))
			}
		}
	}
	return r
}

// answerOf is what the call of a step or item that ended came to. One that failed its
// check was answered.
func answerOf(e Event) answer {
	if e.Status == Done || e.Status == Failed {
		return answer{output: value.Of(e.Output)}
	}
	return answer{err: &recordedError{e.Status, e.Reason}}
}

// A recordedError is how a call of the past ended.
type recordedError struct {
	status Status
	text   string
}

func (e *recordedError) Error() string { return e.text }

var errNotRecorded = errors.New("nothing is recorded of this call: it was not made then")

// next is what the next such call is answered with.
func (r *Recording) next(name callName) (a answer, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := r.answers[name]
	if len(list) == 0 {
		return answer{}, false
	}
	if len(list) > 1 {
		r.answers[name] = list[1:]
	}
	return list[0], true
}

func (r *Recording) has(name callName) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.answers[name]) > 0
}

// recorded answers the call of f as it was answered then. An action that was not called
// then gives nothing; what a step would have got nobody knows.
func (f *frame) recorded() (any, error) {
	f.calls++
	f.say(&Event{Action: Calling, With: f.shown, Attempt: f.calls})
	a, ok := f.Replay.next(callName{f.s.Kind, f.s.Name, f.item})
	switch {
	case !ok && f.s.Kind == workflows.Notify:
		return nil, nil
	case !ok:
		return nil, errNotRecorded
	case a.err != nil:
		return nil, a.err
	}
	return f.answer(a.output)
}

// Observe implements Memory. Of an alert that is seen as it was then, it is decided what
// was decided then; of one that is seen otherwise, as if it had been the other way before.
func (r *Recording) Observe(ctx context.Context, s episode.Sighting) (episode.Notice, error) {
	r.mu.Lock()
	then, ok := r.notices[s.Key]
	r.mu.Unlock()
	if ok && then.outcome() == s.Outcome {
		n := then.notice
		n.Record = episode.Record{Key: n.Key, Rules: s.Rules, Item: n.Item, Labels: s.Labels, State: episode.State{
			Status: n.Status, Since: n.Since, Count: n.Count, Closed: then.closed,
		}}
		return n, nil
	}
	var book episode.Book
	switch {
	case s.Outcome != episode.Well:
	case ok && then.notice.Count > 1:
		book.Load([]episode.Record{then.before()}, nil)
	case !ok && s.Aside && r.has(callName{workflows.Notify, s.Key.Action, 0}): // it told that it works again
		book.Load([]episode.Record{decided{notice: episode.Notice{Key: s.Key, Since: s.At, Count: 2}}.before()}, nil)
	}
	return book.Observe(ctx, s)
}

// outcome is what the run had seen of the alert.
func (m decided) outcome() episode.Outcome {
	over := m.notice.To(episode.Main).Kind == episode.Over
	switch {
	case over, m.notice.Status == episode.OK, m.notice.Status == episode.Resolved:
		return episode.Well
	case m.notice.Status == episode.Pending, m.failed:
		return episode.Fails
	}
	return episode.Well
}

// before is about what was known of an alert that fired already.
func (m decided) before() episode.Record {
	n := m.notice
	return episode.Record{Key: n.Key, Item: n.Item, State: episode.State{
		Status: episode.Firing, Failures: n.Count - 1, Failing: n.Since, Number: 1, Since: n.Since, Fired: n.Since, Opened: n.Since, Count: n.Count - 1,
		Heard: map[episode.Target]episode.Heard{episode.Main: {At: n.Since, Seq: 1, Kind: episode.Fire}},
	}}
}

// Told implements Memory: nobody was.
func (r *Recording) Told(_ context.Context, n episode.Notice, _ episode.Message, _ string, _ any, _ time.Time) (episode.Record, error) {
	return n.Record, nil
}

// Gone implements Memory: the alerts that were gone then, or are now.
func (r *Recording) Gone(workflow, action string, seen map[string]bool) []episode.Record {
	r.mu.Lock()
	defer r.mu.Unlock()
	var list []episode.Record
	for k, m := range r.notices {
		if k.Workflow == workflow && k.Action == action && !seen[k.Alert] && m.notice.Status != episode.OK {
			list = append(list, m.before())
		}
	}
	return list
}
