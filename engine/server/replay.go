package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"tocsin/engine"
	"tocsin/engine/store"
)

// A ReplayOrder says how a run is run again.
type ReplayOrder struct {
	Offline bool     `json:"offline,omitempty" doc:"Answer every call with what it gave then: nothing is asked, nothing sent."`
	Current bool     `json:"current,omitempty" doc:"As the workflow is now, not as it was."`
	Set     []string `json:"set,omitempty" doc:"Values of the document to change: steps.NAME.with.KEY=VALUE. It takes who may write workflows."`
}

// A Replay is what came of it.
type Replay struct {
	Run         string       `json:"run,omitempty" doc:"The new run, which goes on: /api/v1/runs/{id}, /api/v1/runs/{id}/differences. Offline there is none."`
	Status      string       `json:"status,omitempty" doc:"Offline: how it comes out now."`
	Reason      string       `json:"reason,omitempty"`
	Differences []Difference `json:"differences" doc:"Offline: to the run of then."`
	Steps       []stepView   `json:"steps" doc:"Offline: as they come out now."`

	result *engine.Result
}

// A Difference is something that came out otherwise.
type Difference struct {
	Kind string `json:"kind" doc:"run, step or action."`
	Step string `json:"step,omitempty"`
	What string `json:"what" doc:"status, parameters, or the type of the condition: assert, threshold, if, expect."`
	Was  string `json:"was" doc:"Empty: it was not there."`
	Is   string `json:"is" doc:"Empty: it is not there."`
}

// Offline is what came of a run that was answered from another.
func Offline(was, is *engine.Result) Replay {
	r := Replay{Status: string(is.Status), Reason: is.Reason, Differences: Compare(was, is), Steps: []stepView{}, result: is}
	for _, s := range is.Steps {
		r.Steps = append(r.Steps, viewStep(s))
	}
	return r
}

// Result is how an offline run came out; nil: it goes on elsewhere.
func (r Replay) Result() *engine.Result { return r.result }

// Compare says in what is came out otherwise than was: conditions, and what steps and
// actions did. What steps got is not compared: it has times in it, and where it matters a
// condition says so.
func Compare(was, is *engine.Result) []Difference {
	d := differ{list: []Difference{}}
	d.note("run", "", "status", string(was.Status), string(is.Status))
	left := slices.Clone(was.Steps)
	for _, now := range is.Steps {
		i := slices.IndexFunc(left, func(s engine.StepResult) bool { return s.Name == now.Name && s.Kind == now.Kind })
		if i < 0 {
			d.note(fmt.Sprint(now.Kind), now.Name, "status", "", did(now))
			continue
		}
		d.step(left[i], now)
		left = slices.Delete(left, i, i+1)
	}
	for _, gone := range left {
		d.note(fmt.Sprint(gone.Kind), gone.Name, "status", did(gone), "")
	}
	return d.list
}

type differ struct{ list []Difference }

func (d *differ) note(kind, step, what, was, is string) {
	if was != is {
		d.list = append(d.list, Difference{kind, step, what, was, is})
	}
}

func (d *differ) step(was, is engine.StepResult) {
	kind := fmt.Sprint(is.Kind)
	d.checks(kind, was, is)
	d.note(kind, is.Name, "status", did(was), did(is))
	if was.Status == is.Status && is.Status == engine.Skipped {
		return // why, its conditions say
	}
	d.note(kind, is.Name, "parameters", shown(was.With), shown(is.With))
}

// checks compares the conditions, each with the one in its place.
func (d *differ) checks(kind string, was, is engine.StepResult) {
	for i := range max(len(was.Checks), len(is.Checks)) {
		var a, b string
		what := "condition"
		if i < len(was.Checks) {
			a, what = verdict(was.Checks[i]), cmp.Or(was.Checks[i].Type, what)
		}
		if i < len(is.Checks) {
			b, what = verdict(is.Checks[i]), cmp.Or(is.Checks[i].Type, what)
		}
		d.note(kind, is.Name, what, a, b)
	}
}

// verdict is how a condition came out, in words.
func verdict(c engine.Check) string {
	return cmp.Or(c.Error, c.Words)
}

// did is what became of a step.
func did(s engine.StepResult) string {
	text := string(s.Status)
	if s.Fired {
		text += ", fired"
	}
	if s.Reason != "" && s.Status != engine.Done {
		text += ": " + s.Reason
	}
	return text
}

// maxShown is how much of a value a difference shows, in bytes.
const maxShown = 2000

func shown(v any) string {
	if v == nil {
		return ""
	}
	text, err := data{v}.MarshalJSON()
	if err != nil || len(text) <= maxShown {
		return string(text)
	}
	return strings.ToValidUTF8(string(text[:maxShown]), "") + "…"
}

func replayRoutes() []route {
	const one = "/api/v1/runs/{id}"
	return []route{
		send("POST", one+"/replay", running, "Run a run again, with what it was started with; or offline, with what it got.", replay).answers(202).or(200),
		get(one+"/differences", reading, "In what a run came out otherwise than another.", differences).takes(text("to", "The other run.")),
	}
}

func replay(c *call, in ReplayOrder) (Replay, error) {
	id := c.PathValue("id")
	switch {
	case c.s.Replay == nil:
		return Replay{}, refuse(http.StatusForbidden, "this server runs nothing again")
	case len(in.Set) > 0 && !c.who.can(authoring):
		return Replay{}, refuse(http.StatusForbidden, "You don't have the required permissions to change the workflow: set needs %q", authoring.name())
	}
	row, _, err := c.s.Store.Run(c.Context(), id)
	if err != nil {
		return Replay{}, c.waiting(err)
	}
	if row.Status == store.Running {
		return Replay{}, refuse(http.StatusConflict, "the run is under way: wait until it is over")
	}
	c.aboutMade(id, func(made store.Made) string { return in.words(made.ID) })
	r, err := c.s.Replay(c.kept(), id, in, Caller{c.who.name, c.who.role, onSocket(c.Context())})
	if errors.Is(err, store.ErrNotFound) {
		err = refuse(http.StatusConflict, "%v: it is kept as long as the runs of it, since this version of the program; say current to run it as it is now", err)
	}
	if err == nil && r.Run == "" {
		c.status = http.StatusOK
	}
	if r.Differences == nil {
		r.Differences, r.Steps = []Difference{}, []stepView{}
	}
	return r, answered(err)
}

// words say what was done.
func (o ReplayOrder) words(run string) string {
	parts := []string{"as run " + run}
	if o.Offline {
		parts[0] = "offline"
	}
	if o.Current {
		parts = append(parts, "as it is now")
	}
	return strings.Join(append(parts, o.Set...), ", ")
}

// A Caller is who has something done.
type Caller struct {
	Name, Role string
	Own        bool // a command of the user that the program runs as
}

// ReplayFunc runs a run again that is over. It returns store.ErrNotFound where the text of
// its workflow was not kept; other errors are about what was asked for.
type ReplayFunc func(ctx context.Context, run string, order ReplayOrder, by Caller) (Replay, error)

// A runDifferences is in what a run came out otherwise.
type runDifferences struct {
	Status      string       `json:"status"`
	Reason      string       `json:"reason,omitempty"`
	Differences []Difference `json:"differences"`
}

func differences(c *call) (runDifferences, error) {
	_, is, err := c.s.Store.Run(c.Context(), c.PathValue("id"))
	if err != nil {
		return runDifferences{}, c.waiting(err)
	}
	_, was, err := c.s.Store.Run(c.Context(), c.query.Get("to"))
	if err != nil {
		return runDifferences{}, err
	}
	return runDifferences{string(is.Status), is.Reason, Compare(was, is)}, nil
}
