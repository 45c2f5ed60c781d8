package report

import (
	"cmp"
	"fmt"
	"time"

	"tocsin/engine"
	"tocsin/templating"
	"tocsin/workflows"
	"tocsin/workflows/source"
)

// A testCase is one thing that a run tested: an expect, or a step or action as a whole.
type testCase struct {
	name     string
	status   engine.Status
	reason   string // why it is not Done, in words
	tree     *templating.Explanation
	pos      source.Pos
	duration time.Duration
	retried  []error // attempts that failed before the one that counts
}

// cases are the test cases of a run. A step with expectations has one for each, and one
// for itself only where its call broke; every other step is one. An alert's action that
// had nothing to tell is a check that passed, not one that was skipped.
func cases(r *engine.Result) []testCase {
	var list []testCase
	for i := range r.Steps {
		list = append(list, stepCases(&r.Steps[i])...)
	}
	if r.Err != nil && !anyBad(list) || len(list) == 0 {
		list = append(list, testCase{
			name: r.Workflow, status: r.Status, reason: r.Reason, pos: r.Pos, duration: r.Duration,
		})
	}
	return list
}

func anyBad(list []testCase) bool {
	for _, c := range list {
		if bad(c.status) {
			return true
		}
	}
	return false
}

// bad says that a status is one that somebody has to look at.
func bad(s engine.Status) bool {
	return s != engine.Done && s != engine.Skipped
}

func stepCases(s *engine.StepResult) []testCase {
	var list []testCase
	judged := false
	for _, c := range s.Checks {
		if c.Type == "expect" {
			list = append(list, expectCase(s, c))
			judged = judged || bad(list[len(list)-1].status)
		}
	}
	if len(list) > 0 && (judged || !bad(s.Status)) {
		list[0].duration, list[0].retried = s.Duration, s.Errors
		return list
	}
	return append(list, wholeCase(s))
}

func expectCase(s *engine.StepResult, c engine.Check) testCase {
	tc := testCase{name: s.Name + ": " + c.Text, status: engine.Done, pos: c.Pos}
	switch {
	case c.Error != "":
		tc.status, tc.reason = engine.Broken, c.Error
	case !c.Passed:
		tc.status, tc.reason, tc.tree = engine.Failed, c.Words, c.Tree
	}
	return tc
}

func wholeCase(s *engine.StepResult) testCase {
	tc := testCase{
		name: stepName(s), status: s.Status, reason: s.Reason,
		pos: s.Pos, duration: s.Duration, retried: s.Errors,
	}
	for _, c := range s.Checks {
		if c.Type == "expect" || c.Passed != s.Fired && !s.Alerting {
			continue
		}
		tc.tree = cmp.Or(tc.tree, c.Tree)
	}
	switch {
	case s.Alerting && !bad(s.Status):
		tc.status, tc.reason = engine.Failed, words(s)
	case s.Status == engine.Skipped && heldAlert(s):
		tc.status = engine.Done
	}
	return tc
}

// heldAlert says that s did not run because an alert's assertion held.
func heldAlert(s *engine.StepResult) bool {
	for _, c := range s.Checks {
		if c.Fires == "on_failure" && c.Held && c.Error == "" {
			return true
		}
	}
	return false
}

// words says why s ran, in the words of its conditions.
func words(s *engine.StepResult) string {
	for _, c := range s.Checks {
		if c.Type != "expect" && c.Passed && c.Words != "" {
			return c.Words
		}
	}
	return s.Reason
}

// stepName names a step; one without a name goes by its provider.
func stepName(s *engine.StepResult) string {
	if s.Name != "" {
		return s.Name
	}
	if s.Kind == workflows.Notify {
		return fmt.Sprintf("unnamed %s action", s.Provider)
	}
	return fmt.Sprintf("unnamed %s step", s.Provider)
}

// A count is how many test cases ended how.
type count struct{ total, passed, failed, broken, skipped int }

func (n *count) add(s engine.Status) {
	n.total++
	switch s {
	case engine.Done:
		n.passed++
	case engine.Skipped:
		n.skipped++
	case engine.Failed:
		n.failed++
	default:
		n.broken++
	}
}

// started are the runs that there are.
func started(runs []*engine.Result) []*engine.Result {
	var list []*engine.Result
	for _, r := range runs {
		if r != nil {
			list = append(list, r)
		}
	}
	return list
}
