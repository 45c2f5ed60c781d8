package engine

import (
	"fmt"

	"tocsin/templating"
	"tocsin/templating/value"
	"tocsin/workflows"
	"tocsin/workflows/source"
)

// assertCondition is an assertion about data. In an "alert:" document it fires when it
// fails, in a "workflow:" document when it holds; "fires" beats both
// (design/decisions.md, "assert").
//
// With "fires" it is read as in an "alert:" document, whatever the document: who says
// "fires: on_failure" must not be told of a failure because a field is missing.
func assertCondition(c *compiler, p workflows.Part) (check, bool) {
	v, ok := c.required(p, "assert")
	if !ok {
		return check{}, false
	}
	k := check{fires: onSuccess}
	form := templating.Assert
	if c.w.Form == workflows.AlertForm {
		k.fires, form = onFailure, templating.AlertAssert
	}
	if _, said := key(p, "fires"); said {
		form = templating.AlertAssert
		k.fires = c.oneOf(p, "fires", onFailure, onSuccess)
	}
	return c.assertion(k, v, form)
}

func (c *compiler) assertion(k check, v source.Value, form templating.Form) (check, bool) {
	if _, isText := v.Data.(string); !isText {
		held := value.Truthy(v.Plain())
		k.text = fmt.Sprint(v.Plain())
		k.decide = always(held)
		return k, true
	}
	k.text = v.Data.(string)
	c.decides(&k, v, form)
	return k, true
}
