package workflows

import (
	"fmt"
	"slices"
	"strings"

	"tocsin/workflows/source"
)

// checkWorkflow reports what is only seen when all of w has been read.
func (r *reader) checkWorkflow(w *Workflow) {
	r.checkNames(w)
	for _, s := range slices.Concat(w.Steps, w.Actions) {
		r.checkConditionNames(s)
	}
	for _, in := range w.Inputs {
		r.checkInput(in)
	}
}

func (r *reader) checkEmpty(w *Workflow) {
	if len(w.Steps)+len(w.Actions) == 0 {
		r.warn(w.Pos, source.EmptyWorkflow, "give it steps, which ask, and actions, which tell", "this workflow does nothing")
	}
}

// checkIDs: two workflows of one name cannot be told apart in reports.
func (r *reader) checkIDs(ws []*Workflow) {
	first := map[string]int{}
	for _, w := range ws {
		if line, twice := first[w.ID]; twice {
			hint := fmt.Sprintf("the first is in line %d", line)
			r.warn(w.idPos, source.DuplicateName, hint, "a second workflow %q", w.ID)
			continue
		}
		first[w.ID] = w.idPos.Line
	}
}

// checkNames: steps and actions share one list of names, and a path cannot tell a
// dot in a name from the one after it.
func (r *reader) checkNames(w *Workflow) {
	first := map[string]source.Pos{}
	for _, s := range slices.Concat(w.Steps, w.Actions) {
		pos := s.namePos()
		before, twice := first[s.Name]
		switch {
		case s.Name == "":
			if s.Use == "" {
				r.warn(pos, source.NoName, "name: "+nameFor(s), "this %s has no name, so nothing can refer to it", s.Kind)
			}
			continue
		case twice:
			hint := fmt.Sprintf("the first is in line %d; its results are overwritten", before.Line)
			r.warn(pos, source.DuplicateName, hint, "a second %s %q", s.Kind, s.Name)
		case s.Name == "this":
			r.warn(pos, source.ShadowedName, "choose another name", "\"this\" is the latest step, so {{ steps.this }} will not find the one of that name")
		case strings.Contains(s.Name, "."):
			hint := fmt.Sprintf("write %q", strings.ReplaceAll(s.Name, ".", "-"))
			r.warn(pos, source.DottedName, hint, "a name with a dot cannot be read as {{ steps.%s }}", s.Name)
		}
		if !twice {
			first[s.Name] = pos
		}
	}
}

// namePos is where the name is written, or the step that has none.
func (s *Step) namePos() source.Pos {
	if v := get(s.written.Data.(source.Map), "name"); v.Data != nil {
		return v.Pos
	}
	return s.Pos
}

// nameFor is a name for a step that has none.
func nameFor(s *Step) string {
	if s.Provider.S != "" {
		return s.Provider.S
	}
	return "something"
}

// roots are the first names of paths (spec §3.1). The result of a condition becomes
// one more, and hides another of the same name.
var roots = []string{
	"steps", "actions", "foreach", "alert", "event", "incident", "consts", "vars", "aliases", "inputs",
	"secrets", "last_workflow_results", "last_workflow_run_time", "fn", "providers", "env", "keep", "episode",
}

func (r *reader) checkConditionNames(s *Step) {
	for _, c := range s.Conditions {
		if slices.Contains(roots, c.Alias) {
			hint := "choose another name, or give it an alias"
			r.warn(c.aliasPos, source.ShadowedName, hint, "the condition %q hides {{ %s }} from the texts after it", c.Alias, c.Alias)
		}
	}
}

func (r *reader) checkInput(in Input) {
	if in.Type == "choice" && len(in.Options) == 0 {
		r.warn(in.Pos, source.NoEffect, "options: [one, another]", "there is nothing to choose for %q", in.Name)
	}
	if in.Default.Data == nil {
		return
	}
	if !in.takes(in.Default) {
		r.warn(in.Default.Pos, source.BadValue, "", "the default of %q is %s, which is no %s", in.Name, describe(in.Default), in.Type)
	}
}

// takes reports whether v is of the input's type.
func (in Input) takes(v source.Value) bool {
	switch in.Type {
	case "number":
		return is("number", v)
	case "boolean":
		return is("boolean", v)
	case "choice":
		return len(in.Options) == 0 || scalar(v) && slices.Contains(in.Options, text(v).S)
	}
	return true
}

// settleInterval makes a trigger of the old spelling, and leaves the trigger that
// counts: the last (spec §2.2).
func (r *reader) settleInterval(w *Workflow) {
	last := -1
	for i, t := range w.Triggers {
		if t.Type.S == "interval" {
			last = i
		}
	}
	if last < 0 {
		w.oldInterval()
		return
	}
	if w.interval.Data != nil {
		r.warn(w.interval.Pos, source.NoEffect, "leave it out", "this interval is overridden by the trigger in line %d", w.Triggers[last].Pos.Line)
	}
	kept := w.Triggers[:0]
	for i, t := range w.Triggers {
		if t.Type.S == "interval" && i != last {
			hint := fmt.Sprintf("the one in line %d counts", w.Triggers[last].Pos.Line)
			r.warn(t.Pos, source.NoEffect, hint, "a workflow has one interval, and this one is ignored")
			continue
		}
		kept = append(kept, t)
	}
	w.Triggers = kept
}

func (w *Workflow) oldInterval() {
	v := w.interval
	if d, _ := ParseInterval(v.Data); d == 0 {
		return
	}
	w.Triggers = append(w.Triggers, Trigger{
		Pos:  v.Pos,
		Type: Text{Pos: v.Pos, S: "interval", Value: source.Value{Pos: v.Pos, Data: "interval"}},
		With: source.Value{Pos: v.Pos, Data: source.Map{{Key: "value", Pos: v.Pos, Value: v}}},
	})
}
