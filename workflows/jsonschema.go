package workflows

import (
	"maps"
	"slices"

	"tocsin/workflows/schema"
)

// Schema is the JSON Schema (draft 2020-12) of a workflow file in which steps and
// actions may use the given operations. Other providers are taken with any
// parameters. Every call makes a new one.
func Schema(ops []Operation) map[string]any {
	g := generator{defs: object{}}
	g.define(&workflowTable)
	g.define(&inputTable)
	g.define(&triggerTable)
	g.subscriptions(ops)
	g.define(&conditionTable)
	g.define(&throttleTable)
	g.define(&notifyTable)
	g.define(&silenceTable)
	g.steps(ops)
	g.defs["document"] = g.document()
	root := object{
		"$schema":     "https://json-schema.org/draft/2020-12/schema",
		"title":       "Tocsin workflow",
		"description": "A file of workflows: what to ask, in which order, and whom to tell.",
		"$defs":       g.defs,
		// A document without a wrapper is a workflow, which has an id.
		"if":   object{"required": []any{"id"}},
		"then": ref("workflow"),
		"else": ref("document"),
	}
	return root
}

// An object is JSON.
type object = map[string]any

func ref(name string) object { return object{"$ref": "#/$defs/" + name} }

// A generator turns the tables of the language into definitions.
type generator struct{ defs object }

// define adds a definition for a mapping that has a name of its own, and for each of
// its types.
func (g *generator) define(l level) {
	h := l.about()
	def := g.mapping(l)
	if len(h.kinds) > 0 {
		def = object{
			"type": "object", "description": h.doc, "required": []any{"type"},
			"properties": object{"type": object{"enum": anys(kindNames(h.kinds))}},
		}
		var cases []any
		for i := range h.kinds {
			name := h.root + "." + h.kinds[i].name
			g.defs[name] = g.kind(l, &h.kinds[i])
			cases = append(cases, when("type", h.kinds[i].name, ref(name)))
		}
		def["allOf"] = cases
	}
	g.defs[h.root] = def
}

// kind is what one type of a trigger, condition or throttle may have.
func (g *generator) kind(common level, k *kind) object {
	def, shared := g.mapping(k), g.mapping(common)
	maps.Copy(def["properties"].(object), shared["properties"].(object))
	required, _ := def["required"].([]any)
	if more, ok := shared["required"].([]any); ok {
		required = append(required, more...)
	}
	def["required"] = required
	return def
}

// subscriptions are triggers by the type of a provider: they have its parameters, and
// ask of its alerts what an alert trigger may ask.
func (g *generator) subscriptions(ops []Operation) {
	trigger := g.defs[triggerTable.root].(object)
	types := trigger["properties"].(object)["type"].(object)
	for _, op := range ops {
		if op.Kind != Listen {
			continue
		}
		def := g.kind(&triggerTable, findKind(triggerKinds, "alert"))
		def["description"] = "Starts the workflow for alerts that " + op.Provider + " brings."
		properties := def["properties"].(object)
		properties["name"] = object{"type": "string", "description": "What reports call the trigger."}
		properties["config"] = object{"type": "string", "description": "Which configuration of the provider, such as {{ providers.prod }}."}
		properties["with"] = op.Params.JSON()
		if _, needs := op.Params.JSON()["required"]; needs {
			def["required"] = append(def["required"].([]any), "with")
		}
		name := triggerTable.root + "." + op.Provider
		g.defs[name] = def
		types["enum"] = append(types["enum"].([]any), op.Provider)
		trigger["allOf"] = append(trigger["allOf"].([]any), when("type", op.Provider, ref(name)))
	}
}

// when applies then where the text under key is value.
func when(key, value string, then object) object {
	return object{
		"if":   object{"properties": object{key: object{"const": value}}, "required": []any{key}},
		"then": then,
	}
}

// mapping is the keys of l and no others.
func (g *generator) mapping(l level) object {
	h := l.about()
	properties := object{}
	var required []any
	for k := range l.each {
		properties[k.name] = g.value(k)
		if k.required {
			required = append(required, k.name)
		}
	}
	def := object{"type": "object", "properties": properties}
	if h.doc != "" {
		def["description"] = h.doc
	}
	if !h.open {
		def["additionalProperties"] = false
	}
	if required != nil {
		def["required"] = required
	}
	return def
}

// value is what k takes. A key may be left empty where it need not be there.
func (g *generator) value(k *row) object {
	def := g.typed(k, k.kind)
	if k.or != "" {
		def = object{"anyOf": []any{def, g.typed(k, k.or)}}
	}
	if !k.required && !k.filled && k.kind != schema.Any {
		def = orNull(def)
	}
	def["description"], def["examples"] = k.doc, []any{k.example}
	if k.def != "" {
		def["description"] = k.doc + " Default: " + k.def + "."
	}
	return def
}

// orNull is def for what may also be null.
func orNull(def object) object {
	switch t := def["type"].(type) {
	case string:
		def["type"] = []any{t, "null"}
		return def
	case []any:
		def["type"] = append(t, "null")
		return def
	}
	if options, ok := def["anyOf"].([]any); ok {
		return object{"anyOf": append(options, object{"type": "null"})}
	}
	return object{"anyOf": []any{def, object{"type": "null"}}}
}

func (g *generator) typed(k *row, t schema.Type) object {
	switch t {
	case schema.String:
		if len(k.enum) > 0 {
			return object{"enum": anys(k.enum)}
		}
		return object{"type": []any{"string", "number", "boolean"}}
	case schema.Integer:
		return object{"type": "integer", "minimum": 0}
	case schema.Number, schema.Boolean:
		return object{"type": string(t)}
	case schema.Duration:
		return object{"anyOf": []any{
			object{"type": "number", "minimum": 0},
			object{"type": "string", "pattern": `^\s*([0-9.]+|[0-9.]+[dw]|([0-9.]+(ns|us|µs|ms|s|m|h))+)\s*$`},
		}}
	case schema.List:
		return object{"type": "array", "items": g.items(k)}
	case schema.Mapping:
		if k.below == nil {
			return object{"type": "object"}
		}
		return g.below(k.below)
	}
	return object{}
}

func (g *generator) items(k *row) object {
	switch {
	case k.below == level(&stepTable):
		return ref(itemOf(k.name))
	case k.below != nil:
		return g.below(k.below)
	}
	return object{"type": []any{"string", "number", "boolean"}}
}

// below is a mapping within another: by its name if it has one.
func (g *generator) below(l level) object {
	switch root := l.about().root; {
	case l == level(&stepTable):
		return ref("action")
	case root != "":
		return ref(root)
	}
	return g.mapping(l)
}

// itemOf is the definition that the items of a list of steps have.
func itemOf(list string) string {
	if list == "steps" {
		return "step"
	}
	return "action"
}

// steps defines steps, actions, and the actions that others extend, which need not
// have a provider.
func (g *generator) steps(ops []Operation) {
	shared := g.mapping(&stepTable)
	delete(shared, "required")
	delete(shared["properties"].(object)["provider"].(object), "required")
	g.defs["shared-action"] = shared

	complete := object{
		"required":   []any{"provider"},
		"properties": object{"provider": object{"required": []any{"type"}}},
	}
	step := maps.Clone(shared)
	step["allOf"] = append([]any{complete}, g.operations(Query, ops)...)
	g.defs["step"] = step

	action := maps.Clone(shared)
	alone := object{"if": object{"not": object{"required": []any{"use"}}}, "then": complete}
	action["allOf"] = append([]any{alone}, g.operations(Notify, ops)...)
	g.defs["action"] = action
}

// operations are the parameters of each provider, for where it is the type. An action
// that extends another may have its parameters there.
func (g *generator) operations(kind Kind, ops []Operation) []any {
	var cases []any
	for _, op := range ops {
		if op.Kind != kind {
			continue
		}
		name := op.Provider + "." + string(kind)
		g.defs[name] = g.parameters(op)
		provider := object{"properties": object{"with": ref(name)}}
		if _, needs := g.defs[name].(object)["required"]; needs {
			provider["required"] = []any{"with"}
		}
		cases = append(cases, object{
			"if": object{
				"properties": object{"provider": when("type", op.Provider, nil)["if"]},
				"required":   []any{"provider"},
				"not":        object{"required": []any{"use"}},
			},
			"then": object{"properties": object{"provider": provider}},
		})
	}
	return cases
}

// parameters are those of the operation, with what every "with" may have.
func (g *generator) parameters(op Operation) object {
	def := maps.Clone(op.Params.JSON())
	properties := object{}
	if own, ok := def["properties"].(object); ok {
		for name, p := range own {
			properties[name] = deferrable(op.Kind, p)
		}
	}
	maps.Copy(properties, g.mapping(&withTable)["properties"].(object))
	def["properties"] = properties
	if _, needs := def["required"]; !needs {
		def["type"] = []any{"object", "null"}
	}
	return def
}

// deferrable lets a parameter of a step be a text with a default (spec §1.5).
func deferrable(kind Kind, p any) any {
	if kind != Query {
		return p
	}
	return object{"anyOf": []any{p, object{
		"type": "object", "required": []any{"key"}, "additionalProperties": false,
		"properties": object{"key": object{"type": "string"}, "default": true, "safe": object{"type": "boolean"}},
	}}}
}

// document is a file that has its workflows below a key. The keys of a workflow may
// stand beside it, as Keep tolerates, but do nothing there.
func (g *generator) document() object {
	def := g.mapping(&documentTable)
	properties := def["properties"].(object)
	properties["actions"] = object{
		"type": []any{"array", "null"}, "items": ref("shared-action"),
		"description": findRow(&documentTable, "actions").doc,
	}
	for k := range workflowTable.each {
		if _, known := properties[k.name]; !known && !k.required {
			properties[k.name] = object{"deprecated": true, "description": "Ignored here: it belongs into the workflow."}
		}
	}
	var one []any
	for _, name := range slices.Concat(forms, []string{"actions", "providers"}) {
		one = append(one, object{"required": []any{name}})
	}
	def["anyOf"] = one
	return def
}

func anys(list []string) []any {
	out := make([]any, len(list))
	for i, s := range list {
		out[i] = s
	}
	return out
}
