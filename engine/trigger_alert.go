package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"tocsin/templating"
	"tocsin/templating/value"
	"tocsin/workflows"
	"tocsin/workflows/source"
)

// alertTrigger runs for the alerts that it asks for: with filters, which count
// instead of "cel", or with that; and where it says so, only for those that changed
// (spec §2.3). What it says wrongly makes it match nothing, and harms no other trigger.
func alertTrigger(c *compiler, p workflows.Part) Trigger { return waits(c.alertTest(p)) }

// An alertTest decides about alerts.
type alertTest struct {
	of      string // the kind of events
	never   string // why nothing matches; "": something can
	filters []filter
	cel     *templating.Expr
	keep    bool       // with Keep's own answers
	changed [][]string // fields that all must differ from the previous alert's
	notable bool       // the severity is one of them, and the event says how it changed
}

func (c *compiler) alertTest(p workflows.Part) *alertTest {
	t := &alertTest{of: p.Type.S, keep: c.lang.Keep}
	filters, filtered := key(p, "filters")
	cel, ok := p.With.Data.(source.Map).Get("cel")
	switch {
	case filtered && ok:
		c.warn(cel.Pos, source.NoEffect, "leave one of them out", "\"cel\" is ignored beside \"filters\"")
		fallthrough
	case filtered:
		c.filters(t, filters)
	case ok && cel.Data != nil:
		c.celOf(t, cel)
	}
	c.changes(t, p)
	return t
}

// filters prepares what all must hold. With Keep they are CEL of its making.
func (c *compiler) filters(t *alertTest, v source.Value) {
	list, _ := v.Data.([]source.Value)
	if !c.lang.Keep {
		t.filters = c.filterList(t, list)
	} else if text, err := KeepFilters(v.Plain()); err != nil {
		c.neverMatches(t, v.Pos, "leave out compat: keep, or say it with cel", "%v", err)
	} else if text != "" {
		c.keepFilters(t, v, text)
		return
	}
	if t.never == "" && len(t.filters) == 0 {
		c.neverMatches(t, v.Pos, "leave out \"filters\" to match every alert", "there are no filters in it")
	}
}

// keepFilters makes filters of the CEL that Keep makes of them.
func (c *compiler) keepFilters(t *alertTest, v source.Value, text string) {
	e, err := c.lang.ParseCEL(text)
	if err != nil {
		c.neverMatches(t, v.Pos, "leave out compat: keep, or say it with cel", "Keep makes %s of it, which cannot be read", text)
		return
	}
	t.cel = e
}

// celOf reads a condition in CEL.
func (c *compiler) celOf(t *alertTest, v source.Value) {
	text := value.Text(v.Plain())
	if strings.TrimSpace(text) == "" {
		c.neverMatches(t, v.Pos, "leave out \"cel\" to match every alert", "the condition is empty")
		return
	}
	e, err := c.lang.ParseCEL(text)
	var wrong *templating.Error
	if errors.As(err, &wrong) {
		c.badCEL(t, v, wrong)
		return
	}
	c.notes(v, e.Notes())
	t.cel = e
}

// badCEL reports what cannot be read, at its place.
func (c *compiler) badCEL(t *alertTest, v source.Value, wrong *templating.Error) {
	t.never = "its condition cannot be read: " + wrong.Message
	c.warn(v.At(wrong.Offset), source.BadText, wrong.Hint, "%s: this trigger never starts the workflow", wrong.Message)
}

// neverMatches reports why t cannot match anything. Keep says nothing, and the
// workflow may have other triggers, so it is a warning.
func (c *compiler) neverMatches(t *alertTest, pos source.Pos, hint, format string, args ...any) {
	t.never = fmt.Sprintf(format, args...)
	c.warn(pos, source.NeverRuns, hint, "this trigger never starts the workflow: %s", t.never)
}

// changes reads which fields must differ from those of the previous alert: all of
// them must, as in Keep.
func (c *compiler) changes(t *alertTest, p workflows.Part) {
	fields, _ := key(p, "only_on_change")
	for _, name := range texts(fields) {
		t.changed = append(t.changed, strings.Split(name, "."))
	}
	if v, _ := key(p, "severity_changed"); v.Data == true {
		t.changed = append(t.changed, []string{"severity"})
		t.notable = true
	}
}

func (t *alertTest) kind() string { return t.of }

func (t *alertTest) holds(e *event) bool {
	if t.never != "" {
		return false
	}
	for i := range t.filters {
		if !t.filters[i].holds(e) {
			return false
		}
	}
	return (t.cel == nil || e.decide(t.cel, t.keep)) && t.unchanged(e) == ""
}

// unchanged is a field that had to change and did not; "" where all changed, or there
// was no alert before.
func (t *alertTest) unchanged(e *event) string {
	if e.previous == nil {
		return ""
	}
	for _, path := range t.changed {
		now, _ := lookup(e.fields, path)
		before, _ := lookup(e.previous, path)
		if value.Equal(now, before) {
			return strings.Join(path, ".")
		}
	}
	return ""
}

func (t *alertTest) why(e *event) string {
	if t.never != "" {
		return t.never
	}
	var met []string
	for i := range t.filters {
		words := t.filters[i].words(e)
		if !t.filters[i].holds(e) {
			return words
		}
		if !slices.Contains(met, words) {
			met = append(met, words)
		}
	}
	if t.cel != nil {
		words, held := t.celWords(e)
		if !held {
			return words
		}
		met = append(met, words)
	}
	if field := t.unchanged(e); field != "" {
		return fmt.Sprintf("%s is what it was in the alert before", field)
	}
	if len(t.changed) > 0 {
		met = append(met, t.changeWords(e))
	}
	if len(met) == 0 {
		return "it takes every one"
	}
	return strings.Join(met, ", ")
}

// celWords say whether the condition holds, and what it read.
func (t *alertTest) celWords(e *event) (words string, held bool) {
	ctx := context.Background()
	tree := t.cel.Explain(ctx, e.seen(t.keep))
	held, err := t.cel.Bool(ctx, e.seen(t.keep))
	seen := readings(&tree, tree.Text)
	switch {
	case err != nil:
		return fmt.Sprintf("%s cannot be decided: %v", bare(tree.Text), plainError(err)), false
	case held:
		return bare(tree.Text) + " holds" + seen, true
	}
	return bare(tree.Text) + " does not hold" + seen, false
}

// plainError is err without the text that it is about.
func plainError(err error) string {
	var e *templating.Error
	if errors.As(err, &e) {
		return e.Message
	}
	return err.Error()
}

func (t *alertTest) changeWords(e *event) string {
	if e.previous == nil {
		return "there was no such alert before"
	}
	names := make([]string, len(t.changed))
	for i, path := range t.changed {
		names[i] = strings.Join(path, ".")
	}
	return strings.Join(names, " and ") + " changed"
}

func (t *alertTest) equalities() []templating.Equality {
	var list []templating.Equality
	for _, f := range t.filters {
		if len(f.texts) > 0 && !f.exclude {
			list = append(list, templating.Equality{Path: f.path, Texts: f.texts})
		}
	}
	if t.cel != nil {
		list = append(list, t.cel.Equalities()...)
	}
	return slices.Clip(list)
}
