package engine

import (
	"context"
	"slices"

	"tocsin/templating/value"
	"tocsin/workflows/source"
)

// check decides k, emits how it came out, and makes the result of a condition known
// under its name. words say why, in a sentence.
func (f *frame) check(ctx context.Context, k *check) (passed bool, words string, err error) {
	v, err := k.verdict(ctx, f)
	c := &Check{
		Name: k.name, Type: k.typ, Text: k.text, Fires: k.fires, Pos: k.pos,
		Held: v.held, Passed: err == nil && k.passes(v.held),
		Value: v.value, Against: v.against, Level: v.level,
	}
	if err != nil {
		if _, placed := err.(*textError); !placed {
			err = &textError{k.place(err), err}
		}
		c.Error = err.Error()
	}
	f.explain(ctx, k, c)
	c.Words = k.words(c, v)
	f.say(&Event{Action: Condition, Check: c})
	if k.name != "" && err == nil {
		f.record(k, c, v)
	}
	return c.Passed, c.Words, err
}

func (k *check) verdict(ctx context.Context, f *frame) (verdict, error) {
	if k.decide != nil {
		return k.decide(ctx, f)
	}
	held, err := k.expr.Bool(ctx, &f.scope)
	return verdict{held: held}, err
}

func (k *check) place(err error) source.Pos {
	if k.at.Data == nil {
		return k.pos
	}
	return where(k.at, err)
}

// explain takes the check apart where somebody will ask why: it decided against, or
// an assertion failed.
func (f *frame) explain(ctx context.Context, k *check, c *Check) {
	asked := f.Explain || !c.Passed && c.Fires != onFailure || c.alerts()
	if k.expr == nil || !asked {
		return
	}
	tree := k.expr.Explain(ctx, &f.scope)
	c.Tree = &tree
}

// record notes the result of a condition where texts find it (spec §6.1): under its
// alias, under the step's conditions, and under foreach. Files written for older Keeps
// look for it under its type: conditions.threshold.0.
func (f *frame) record(k *check, c *Check, v verdict) {
	f.publish(k.alias, c.Passed)
	result := value.MapOf(
		value.Entry{Key: "value", Value: k.text},
		value.Entry{Key: "compare_value", Value: v.value},
		value.Entry{Key: "compare_to", Value: v.against},
		value.Entry{Key: "result", Value: c.Passed},
		value.Entry{Key: "type", Value: k.typ},
		value.Entry{Key: "alias", Value: k.alias},
	)
	loop := f.loop.Clone()
	loop.Set("compare_value", v.value)
	loop.Set("compare_to", v.against)
	if v.level != "" {
		result.Set("level", v.level)
		loop.Set("level", v.level)
	}
	if v.deviation != nil {
		result.Set("stddev", v.deviation)
		loop.Set("stddev", v.deviation)
	}
	f.loop = loop
	f.data["foreach"] = loop
	f.addCondition(k.name, result)
	if !f.p.keep && !named(f.s.conditions, k.typ) {
		f.addCondition(k.typ, result)
	}
}

func named(conditions []check, name string) bool {
	return slices.ContainsFunc(conditions, func(k check) bool { return k.name == name })
}

// addCondition appends to steps.NAME.conditions.CONDITION: one for each item.
func (f *frame) addCondition(name string, result *value.Map) {
	all := value.NewMap(1)
	if had, ok := f.entry.Get("conditions"); ok {
		all = had.(*value.Map).Clone()
	}
	had, _ := all.Get(name)
	list, _ := had.([]any)
	all.Set(name, append(list[:len(list):len(list)], result))
	f.entry.Set("conditions", all)
}
