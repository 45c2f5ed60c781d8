package engine

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"tocsin/templating"
	"tocsin/templating/value"
	"tocsin/workflows"
	"tocsin/workflows/schema"
	"tocsin/workflows/source"
)

// refs checks the paths that the text v reads, as far as a document can tell what
// they lead to. Keep renders as nothing what is not there, so these are warnings.
func (c *compiler) refs(v source.Value, refs []templating.Ref) {
	for _, ref := range refs {
		if len(ref.Path) == 0 {
			continue
		}
		switch root := ref.Path[0]; root {
		case "steps", "actions":
			c.stepRef(v, ref)
		case "foreach":
			c.itemRef(v, ref)
		case "results":
			c.resultsRef(v, ref)
		case "consts":
			c.declared(v, ref, "constant", keys(c.w.Consts))
		case "inputs":
			c.declared(v, ref, "input", inputNames(c.w.Inputs))
		case "vars", "aliases":
			c.stepValue(v, ref)
		case "providers":
			c.providerRef(v, ref)
		case "secrets":
			c.secretRef(v, ref)
		case "episode":
			c.p.episode = true
			c.episodeRef(v, ref)
		case "last_workflow_results", "last_workflow_run_time":
			c.p.lastRun = true
		}
	}
}

// episodeRef checks episode.KEY.
func (c *compiler) episodeRef(v source.Value, ref templating.Ref) {
	if len(ref.Path) < 2 || slices.Contains(episodeKeys, ref.Path[1]) {
		return
	}
	hint := "it has " + strings.Join(episodeKeys, ", ")
	if near := source.Nearest(ref.Path[1], episodeKeys); near != "" {
		hint = fmt.Sprintf("did you mean %q?", near)
	}
	c.refWarn(v, ref, 1, hint, "episode has no %q", ref.Path[1])
}

// refWarn warns about part i of the path.
func (c *compiler) refWarn(v source.Value, ref templating.Ref, i int, hint, format string, args ...any) {
	at := ref.Offset
	for _, part := range ref.Path[:i] {
		at += len(part) + 1
	}
	c.warn(v.At(at), source.UnknownReference, hint, format, args...)
	c.problems[len(c.problems)-1].Len = len([]rune(ref.Path[i]))
}

// stepRef checks steps.NAME.results.FIELD.
func (c *compiler) stepRef(v source.Value, ref templating.Ref) {
	if len(ref.Path) < 2 || ref.Path[1] == "this" || isIndex(ref.Path[1]) {
		return
	}
	s := c.earlier(ref.Path[1])
	switch {
	case s != nil:
		c.entryRef(v, ref, s, 2)
	case c.at != nil && c.at.Name == ref.Path[1]:
		if !c.after && !slices.Contains(ref.Path[2:min(3, len(ref.Path))], "conditions") {
			c.refWarn(v, ref, 1, "its results are there after the call, in expect", "%s reads its own results, which are not there yet", title(c.at))
		}
		if c.after {
			c.entryRef(v, ref, c.at, 2)
		} else {
			c.conditionRef(v, ref, c.at, 2)
		}
	default:
		c.unknownStep(v, ref)
	}
}

// earlier is the step of that name which runs before the one whose texts are read; of
// several, the last. What any step may read, such as a constant, is not checked for
// order.
func (c *compiler) earlier(name string) *step {
	for _, s := range slices.Backward(c.order) {
		if s.Name == name {
			return s
		}
	}
	return nil
}

func (c *compiler) unknownStep(v source.Value, ref templating.Ref) {
	name := ref.Path[1]
	all := stepNames(c.w)
	if slices.Contains(all, name) {
		if c.at != nil {
			c.refWarn(v, ref, 1, "move it before "+title(c.at), "step %q comes later, so there is nothing to read", name)
		}
		return
	}
	hint := "there are " + strings.Join(all, ", ")
	if near := source.Nearest(name, all); near != "" {
		hint = fmt.Sprintf("did you mean %q?", near)
	} else if dotted := dottedName(ref.Path, all); dotted != "" {
		hint = fmt.Sprintf("the dot in %q cannot be written in a path: give the step a name without it", dotted)
	} else if len(all) == 0 {
		hint = ""
	}
	c.refWarn(v, ref, 1, hint, "no step %q", name)
}

func stepNames(w *workflows.Workflow) []string {
	names := make([]string, 0, len(w.Steps)+len(w.Actions))
	for _, list := range [][]*workflows.Step{w.Steps, w.Actions} {
		for _, s := range list {
			if s.Name != "" {
				names = append(names, s.Name)
			}
		}
	}
	return names
}

func dottedName(path, names []string) string {
	for i := 3; i <= len(path); i++ {
		if name := strings.Join(path[1:i], "."); slices.Contains(names, name) {
			return name
		}
	}
	return ""
}

// conditionRef checks steps.NAME.conditions.CONDITION: by its name, or its type.
func (c *compiler) conditionRef(v source.Value, ref templating.Ref, s *step, i int) {
	if len(ref.Path) <= i+1 || ref.Path[i] != "conditions" {
		return
	}
	var names []string
	for _, k := range s.conditions {
		if k.name == ref.Path[i+1] || k.typ == ref.Path[i+1] && !c.lang.Keep {
			return
		}
		names = append(names, k.name)
	}
	hint := title(s) + " has no conditions"
	if near := source.Nearest(ref.Path[i+1], names); near != "" {
		hint = fmt.Sprintf("did you mean %q?", near)
	} else if len(names) > 0 {
		hint = "there is " + strings.Join(names, ", ")
	}
	c.refWarn(v, ref, i+1, hint, "no condition %q", ref.Path[i+1])
}

// entryKeys are the keys of a step's entry under "steps".
var entryKeys = []string{"results", "provider_parameters", "vars", "aliases", "conditions"}

// entryRef checks what the path reads of s; part i is the key of its entry.
func (c *compiler) entryRef(v source.Value, ref templating.Ref, s *step, i int) {
	if len(ref.Path) <= i {
		return
	}
	if !slices.Contains(entryKeys, ref.Path[i]) {
		hint := "what it returned is under results"
		if near := source.Nearest(ref.Path[i], entryKeys); near != "" {
			hint = fmt.Sprintf("did you mean %q?", near)
		}
		c.refWarn(v, ref, i, hint, "a step has no %q", ref.Path[i])
		if p := &c.problems[len(c.problems)-1]; ref.Path[i] == "result" { // nothing else that it can mean
			p.Fix = source.Fix{Pos: p.Pos, Old: "result", Text: "results", What: "write results"}
		}
		return
	}
	c.conditionRef(v, ref, s, i)
	if ref.Path[i] != "results" || s.op == nil || s.op.Result == nil || s.op.Result.Open() {
		return
	}
	i++
	if len(s.foreach) > 0 {
		if i < len(ref.Path) && !isIndex(ref.Path[i]) {
			c.refWarn(v, ref, i, "write "+strings.Join(ref.Path[:i], ".")+".0."+ref.Path[i], "step %q has foreach, so its results are a list", s.Name)
			return
		}
		i++
	}
	c.fields(v, ref, i, returned(s, ref, i), s.provider.Type)
}

// returned are the fields of what s returns: the one that part i of the path names, or
// where there is none of that name, all of them.
func returned(s *step, ref templating.Ref, i int) []schema.Field {
	if i >= len(ref.Path) {
		return nil
	}
	if f, ok := s.op.Result.Field(ref.Path[i]); ok {
		return []schema.Field{f}
	}
	return s.op.Result.Fields()
}

// fields checks the path from part i on against what a provider says it returns.
func (c *compiler) fields(v source.Value, ref templating.Ref, i int, fields []schema.Field, typ string) {
	for i < len(ref.Path) && len(fields) > 0 {
		f, ok := findField(fields, ref.Path[i])
		if !ok {
			if isIndex(ref.Path[i]) {
				return
			}
			c.refWarn(v, ref, i, fieldHint(ref.Path[i], fields), "%s does not return %q", typ, strings.Join(pathFrom(ref.Path, i), "."))
			return
		}
		fields = f.Fields
		i++
		if f.Type == schema.List && i < len(ref.Path) && isIndex(ref.Path[i]) {
			i++
		}
	}
}

// pathFrom is part i and what leads to it below results.
func pathFrom(path []string, i int) []string {
	if at := slices.Index(path[:i], "results"); at >= 0 {
		return path[at+1 : i+1]
	}
	return path[i : i+1]
}

func findField(fields []schema.Field, name string) (schema.Field, bool) {
	for _, f := range fields {
		if f.Name == name || slices.Contains(f.Aliases, name) {
			return f, true
		}
	}
	return schema.Field{}, false
}

func fieldHint(name string, fields []schema.Field) string {
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.Name
	}
	if near := source.Nearest(name, names); near != "" {
		return fmt.Sprintf("did you mean %q?", near)
	}
	return "it returns " + strings.Join(names, ", ")
}

func isIndex(part string) bool {
	_, err := strconv.Atoi(part)
	return err == nil
}

// itemRef checks foreach.value.FIELD where foreach goes over something a provider
// describes.
func (c *compiler) itemRef(v source.Value, ref templating.Ref) {
	if len(ref.Path) < 2 {
		return
	}
	if !slices.Contains(foreachKeys, ref.Path[1]) {
		hint := "the item is foreach.value"
		if near := source.Nearest(ref.Path[1], foreachKeys); near != "" {
			hint = fmt.Sprintf("did you mean %q?", near)
		}
		c.refWarn(v, ref, 1, hint, "foreach has no %q", ref.Path[1])
		return
	}
	if ref.Path[1] != "value" || c.at == nil || len(c.at.foreach) != 1 {
		return
	}
	if fields, typ := c.itemFields(c.at.foreach[0]); len(fields) > 0 {
		c.fields(v, ref, 2, fields, "an item of "+typ)
	}
}

// foreachKeys are what {{ foreach.* }} has.
var foreachKeys = []string{"value", "items", "index", "compare_value", "compare_to", "level", "stddev"}

// itemFields are the fields of the items that l goes over, if they are known.
func (c *compiler) itemFields(l loop) ([]schema.Field, string) {
	if l.text == nil {
		return nil, ""
	}
	refs := l.text.Refs()
	if len(refs) != 1 || len(refs[0].Path) < 3 || refs[0].Path[0] != "steps" || refs[0].Path[2] != "results" {
		return nil, ""
	}
	path := refs[0].Path
	s := c.earlier(path[1])
	if s == nil || s.op == nil || s.op.Result == nil || s.op.Result.Open() {
		return nil, ""
	}
	rest := path[3:]
	fields := s.op.Result.Fields()
	if len(s.foreach) > 0 && len(rest) == 0 {
		return fields, s.provider.Type
	}
	var f schema.Field
	for _, part := range rest {
		var ok bool
		if f, ok = findField(fields, part); !ok {
			return nil, ""
		}
		fields = f.Fields
	}
	if f.Type != schema.List {
		return nil, ""
	}
	return fields, s.provider.Type
}

// resultsRef checks the short name that an expect has for its step's results.
func (c *compiler) resultsRef(v source.Value, ref templating.Ref) {
	if !c.after || c.at == nil || c.at.op == nil || c.at.op.Result == nil || c.at.op.Result.Open() {
		return
	}
	c.fields(v, ref, 1, returned(c.at, ref, 1), c.at.provider.Type)
}

// declared checks the first part below a root whose names are in the document.
func (c *compiler) declared(v source.Value, ref templating.Ref, what string, names []string) {
	if len(ref.Path) < 2 || slices.Contains(names, ref.Path[1]) || what == "input" && len(names) == 0 {
		return
	}
	hint := ""
	if near := source.Nearest(ref.Path[1], names); near != "" {
		hint = fmt.Sprintf("did you mean %q?", near)
	} else if len(names) > 0 {
		hint = "there are " + strings.Join(names, ", ")
	}
	c.refWarn(v, ref, 1, hint, "no %s %q", what, ref.Path[1])
}

func (c *compiler) stepValue(v source.Value, ref templating.Ref) {
	switch {
	case c.at == nil:
	case ref.Path[0] == "vars":
		c.declared(v, ref, "variable", keys(c.at.Vars))
	default:
		c.declared(v, ref, "alias", keys(c.at.Aliases))
	}
}

// providerRef notes which configurations texts ask about. In Keep they cannot.
func (c *compiler) providerRef(v source.Value, ref templating.Ref) {
	if len(ref.Path) < 2 || c.lang.Keep {
		return
	}
	name := ref.Path[1]
	if !slices.Contains(c.p.providers, name) {
		c.p.providers = append(c.p.providers, name)
	}
	if c.lib.Configured != nil && !c.lib.Configured(name) {
		c.refWarn(v, ref, 1, "define it in providers.yaml", "no provider configuration %q", name)
	}
}

// secretRef notes which secrets texts read. In Keep the variables of the steps that ran
// are among them (spec §3.1).
func (c *compiler) secretRef(v source.Value, ref templating.Ref) {
	if len(ref.Path) < 2 {
		return
	}
	name := ref.Path[1]
	if !slices.Contains(c.p.secrets, name) {
		c.p.secrets = append(c.p.secrets, name)
	}
	if c.lib.Secret == nil || c.isVariable(name) {
		return
	}
	if ok, hint := c.lib.Secret(name); !ok {
		c.refWarn(v, ref, 1, hint, "no secret %q", name)
		p := &c.problems[len(c.problems)-1]
		p.Code, p.Warning = source.UndefinedConfig, !c.lib.Required
	}
}

func (c *compiler) isVariable(name string) bool {
	for _, list := range [][]*workflows.Step{c.w.Steps, c.w.Actions} {
		for _, s := range list {
			if slices.Contains(keys(s.Vars), name) {
				return true
			}
		}
	}
	return false
}

func keys(v source.Value) []string {
	m, _ := v.Data.(source.Map)
	names := make([]string, len(m))
	for i, e := range m {
		names[i] = e.Key
	}
	return names
}

func inputNames(inputs []workflows.Input) []string {
	names := make([]string, len(inputs))
	for i, in := range inputs {
		names[i] = in.Name
	}
	return names
}

// lookup follows a path into v.
func lookup(v any, path []string) (any, bool) {
	for _, part := range path {
		var ok bool
		if v, ok = value.Member(v, part); !ok {
			return nil, false
		}
	}
	return v, true
}
