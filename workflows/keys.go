package workflows

import (
	"tocsin/workflows/schema"
)

// Keys documents every key of the language, mappings before what they have: the keys
// of a file ("workflow"), then those of each thing by its name ("workflow.triggers",
// "step.retry", "step.retry.count", "trigger.interval", "condition.assert.fires"). An
// action has the keys of a step, as has the workflow's "on-failure".
func Keys() []Key {
	var list keyList
	list.rows("", &documentTable)
	list.rows("workflow", &workflowTable)
	list.head(&inputTable.head, &inputTable)
	list.head(&triggerTable.head, &triggerTable)
	list.head(&stepTable.head, &stepTable)
	list = append(list,
		Key{Path: "action", Type: schema.Mapping, Doc: stepTable.doc, Example: actionExample, Fields: fields(&stepTable)},
		named("on-failure", findRow(&workflowTable, "on-failure")),
	)
	list.head(&conditionTable.head, &conditionTable)
	list.head(&throttleTable.head, &throttleTable)
	list.head(&notifyTable.head, &notifyTable)
	list.head(&silenceTable.head, &silenceTable)
	return list
}

const actionExample = "name: tell\nif: \"{{ steps.load.results }} > 40\"\nprovider:\n  type: console\n  with:\n    message: Load is high"

type keyList []Key

// head lists a mapping that has its own name, its types and its keys.
func (list *keyList) head(h *head, l level) {
	*list = append(*list, Key{Path: h.root, Type: schema.Mapping, Doc: h.doc, Example: h.example, Fields: fields(l)})
	list.rows(h.root, l)
	for i := range h.kinds {
		k := &h.kinds[i]
		path := h.root + "." + k.name
		*list = append(*list, Key{Path: path, Type: schema.Mapping, Doc: k.doc, Example: k.example, Fields: fields(k)})
		list.rows(path, k)
	}
}

// rows lists the keys of l, and those below them that have no place of their own.
func (list *keyList) rows(prefix string, l level) {
	for k := range l.each {
		path := k.name
		if prefix != "" {
			path = prefix + "." + k.name
		}
		*list = append(*list, named(path, k))
		told := k.below == level(&providerTable) && prefix != stepTable.root // listed with the step's
		if k.below != nil && k.below.about().root == "" && !told {
			list.rows(path, k.below)
		}
	}
}

func named(path string, k *row) Key {
	return Key{Path: path, Type: k.kind, Default: k.def, Doc: k.doc, Example: k.example, Fields: field(k, true).Fields}
}

// fields are the keys of l as package schema describes them.
func fields(l level) []schema.Field {
	var list []schema.Field
	for k := range l.each {
		list = append(list, field(k, false))
	}
	return list
}

// field describes k. What is below a key that is listed elsewhere is left out, unless
// k is what is asked for.
func field(k *row, asked bool) schema.Field {
	f := schema.Field{
		Name: k.name, Type: k.kind, Doc: k.doc, Default: k.def, Example: k.example,
		Enum: k.enum, Required: k.required,
	}
	if k.below != nil && (asked || k.below.about().root == "") {
		f.Fields = fields(k.below)
	}
	return f
}
