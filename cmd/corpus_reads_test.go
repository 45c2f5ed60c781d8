package cmd_test

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"tocsin/engine"
	"tocsin/templating"
	"tocsin/templating/value"
	"tocsin/workflows"
	"tocsin/workflows/source"
)

// reads is what a workflow reads: of the results of its steps, of the alert, of the
// incident.
type reads struct {
	w      *workflows.Workflow
	lang   templating.Language
	steps  map[string]*want
	event  map[string]*want // "alert", "incident", "inputs"
	absent map[string]bool  // paths that a condition wants not to be there
	vars   map[string]string
}

func readsOf(w *workflows.Workflow) *reads {
	r := &reads{
		w: w, lang: templating.Language{Functions: engine.Functions()},
		steps: map[string]*want{}, event: map[string]*want{}, absent: map[string]bool{}, vars: map[string]string{},
	}
	all := slices.Concat(w.Steps, w.Actions)
	if w.OnFailure != nil {
		all = append(all, w.OnFailure)
	}
	for _, s := range all {
		for _, v := range []source.Value{s.Vars, s.Aliases} {
			m, _ := v.Data.(source.Map)
			for _, e := range m {
				if text, ok := e.Value.Data.(string); ok {
					r.vars[e.Key] = text
				}
			}
		}
	}
	for i, s := range all {
		for _, text := range texts(s) {
			r.text(all[:i], s, text)
		}
		r.thresholds(all[:i], s)
		for _, e := range s.Enrich {
			if rest, ok := strings.CutPrefix(e.Value.S, "results"); ok {
				r.step(s.Name).at(pathIn(rest))
			}
		}
	}
	return r
}

// thresholds hope for values beyond what they are compared to.
func (r *reads) thresholds(before []*workflows.Step, s *workflows.Step) {
	for _, c := range s.Conditions {
		m, _ := c.With.Data.(source.Map)
		v, _ := m.Get("value")
		to, _ := m.Get("compare_to")
		kind, _ := m.Get("compare_type")
		text, _ := v.Data.(string)
		op := ">"
		if kind.Data == "lt" {
			op = "<"
		}
		limit, _, _ := strings.Cut(value.Text(to.Data), ",")
		if hits := tag.FindAllStringSubmatch(text, -1); len(hits) == 1 && strings.TrimSpace(text) == hits[0][0] && limit != "" {
			r.path(before, s, pathIn(hits[0][1]), beyond(op, strings.TrimSpace(limit)))
		}
	}
}

// beyond is a value on the other side of the limit, which may be a percentage.
func beyond(op, limit string) any {
	if number, percent := strings.CutSuffix(limit, "%"); percent {
		return value.Text(hope(op, number, number)) + "%"
	}
	return hope(op, limit, limit)
}

func pathIn(text string) []string {
	return strings.FieldsFunc(text, func(c rune) bool { return strings.ContainsRune(".[]'\"", c) })
}

func (r *reads) step(name string) *want {
	if r.steps[name] == nil {
		r.steps[name] = &want{}
	}
	return r.steps[name]
}

// texts are all texts of a step.
func texts(s *workflows.Step) []string {
	list := []string{s.If.S, s.Foreach.S}
	for _, e := range s.Expect {
		list = append(list, e.S)
	}
	for _, c := range s.Conditions {
		list = append(list, stringsIn(c.With)...)
	}
	for _, e := range s.Enrich {
		list = append(list, e.Value.S)
	}
	return append(list, slices.Concat(stringsIn(s.With), stringsIn(s.Vars), stringsIn(s.Aliases))...)
}

func stringsIn(v source.Value) []string {
	switch data := v.Data.(type) {
	case string:
		return []string{data}
	case source.Map:
		var list []string
		for _, e := range data {
			list = append(list, stringsIn(e.Value)...)
		}
		return list
	case []source.Value:
		var list []string
		for _, item := range data {
			list = append(list, stringsIn(item)...)
		}
		return list
	}
	return nil
}

var (
	section   = regexp.MustCompile(`(?s)\{\{\s*[#^]\s*([\w.@-]+)\s*\}\}(.*?)\{\{\s*/`)
	tag       = regexp.MustCompile(`\{\{\{?\s*([\w.@\[\]-]+)\s*\}?\}\}`)
	compared  = regexp.MustCompile(`['"]?\{\{\s*([\w.@\[\]-]+)\s*\}\}['"]?\s*(==|>=|<=|>|<)\s*(?:'([^']*)'|"([^"]*)"|(-?[\d.]+))`)
	bare      = regexp.MustCompile(`([\w@-]+(?:\.[\w@-]+)+)\s*(==|>=|<=|>|<)\s*(?:'([^']*)'|"([^"]*)"|(-?[\d.]+))`)
	negated   = regexp.MustCompile(`not\s+['"]?\{\{\s*([\w.@-]+)\s*\}\}['"]?(?:$|\s*(?:and|or)\b|\))`)
	dated     = regexp.MustCompile(`to_(?:utc|timestamp)\(\s*['"]?\{\{\s*([\w.@\[\]-]+)\s*\}\}`)
	filterRef = regexp.MustCompile(`selectattr\('([\w.]+)',\s*'(\w+)',\s*\[?'?([^',\])]*)`)
)

// text notes what a text of s reads; before are the steps that run earlier.
func (r *reads) text(before []*workflows.Step, s *workflows.Step, text string) {
	if text == "" {
		return
	}
	for _, path := range r.paths(s, text) {
		r.path(before, s, path, nil)
	}
	for _, m := range section.FindAllStringSubmatch(text, -1) {
		for _, inner := range tag.FindAllStringSubmatch(m[2], -1) {
			if inner[1] == "." {
				r.path(before, s, append(strings.Split(m[1], "."), "0"), nil)
			} else if !roots[strings.Split(inner[1], ".")[0]] {
				r.path(before, s, append(append(strings.Split(m[1], "."), "0"), strings.Split(inner[1], ".")...), nil)
			}
		}
	}
	for _, m := range negated.FindAllStringSubmatch(text, -1) {
		r.absent[m[1]] = true
	}
	for _, m := range dated.FindAllStringSubmatch(text, -1) {
		r.path(before, s, pathIn(m[1]), "2024-05-06T01:02:03Z")
	}
	for _, re := range []*regexp.Regexp{compared, bare} {
		for _, m := range re.FindAllStringSubmatch(text, -1) {
			r.path(before, s, pathIn(m[1]), hope(m[2], m[3]+m[4], m[5]))
		}
	}
	if s.Foreach.S != "" {
		for _, m := range filterRef.FindAllStringSubmatch(text, -1) {
			value := m[3]
			if m[2] == "ne" {
				value = "not " + value
			}
			r.path(before, s, append([]string{"foreach", "value"}, strings.Split(m[1], ".")...), value)
		}
	}
}

// hope is a value for which the comparison holds.
func hope(op, text, number string) any {
	if number == "" {
		return text
	}
	n, err := strconv.ParseFloat(number, 64)
	switch {
	case err != nil:
		return text
	case op == ">":
		n++
	case op == "<":
		n--
	}
	if n == float64(int64(n)) && !strings.Contains(number, ".") {
		return int64(n)
	}
	return n
}

// paths are those that the text reads, whatever kind of text it is.
func (r *reads) paths(s *workflows.Step, text string) [][]string {
	var refs []templating.Ref
	if e, err := r.lang.ParseExpr(text, templating.If); err == nil {
		refs = e.Refs()
	}
	if t, err := r.lang.Parse(text); err == nil {
		refs = append(refs, t.Refs()...)
	}
	var paths [][]string
	for _, ref := range refs {
		paths = append(paths, ref.Path)
	}
	for _, m := range tag.FindAllStringSubmatch(text, -1) {
		paths = append(paths, pathIn(m[1]))
	}
	if text == s.Foreach.S {
		for _, part := range strings.Split(text, "&&") {
			part = strings.TrimSpace(strings.NewReplacer("{{", "", "}}", "").Replace(part))
			part, _, _ = strings.Cut(part, "|")
			paths = append(paths, append(strings.Split(strings.TrimSpace(part), "."), "0"))
		}
	}
	return paths
}

// roots are the names that texts see (spec §3.1).
var roots = map[string]bool{
	"steps": true, "actions": true, "foreach": true, "alert": true, "event": true, "incident": true,
	"consts": true, "vars": true, "aliases": true, "inputs": true, "secrets": true, "providers": true,
	"last_workflow_results": true, "last_workflow_run_time": true, "fn": true, "env": true, "results": true, "item": true,
}

// path notes one path and what is hoped to be there.
func (r *reads) path(before []*workflows.Step, s *workflows.Step, path []string, hope any) {
	path = r.resolved(before, s, path)
	var w *want
	switch {
	case len(path) < 2:
		return
	case (path[0] == "steps" || path[0] == "actions") && len(path) > 2 && path[2] == "results":
		rest := path[3:]
		if of := r.named(path[1]); of != nil && of.Foreach.S != "" && len(rest) > 0 {
			rest = rest[1:] // one answer of several
		}
		w = r.step(path[1]).at(rest)
	case path[0] == "results":
		w = r.step(s.Name).at(path[1:])
	case path[0] == "alert" || path[0] == "event":
		w = r.of("alert").at(path[1:])
	case path[0] == "incident" || path[0] == "inputs":
		w = r.of(path[0]).at(path[1:])
	default:
		return
	}
	if hope != nil {
		w.hope = hope
	}
}

func (r *reads) of(root string) *want {
	if r.event[root] == nil {
		r.event[root] = &want{}
	}
	return r.event[root]
}

func (r *reads) named(name string) *workflows.Step {
	for _, s := range slices.Concat(r.w.Steps, r.w.Actions) {
		if s.Name == name {
			return s
		}
	}
	return nil
}

// list is the path that the step goes over, or nil. Of several that are zipped it is
// the one that path, which begins with foreach.value, goes on in.
func (r *reads) list(s *workflows.Step, path []string) (list, rest []string) {
	texts := strings.Split(strings.NewReplacer("{{", "", "}}", "").Replace(s.Foreach.S), "&&")
	which := 0
	if len(texts) > 1 && len(path) > 2 {
		which, _ = strconv.Atoi(path[2])
		path = slices.Delete(slices.Clone(path), 2, 3)
	}
	if len(path) > 2 {
		rest = path[2:]
	}
	text, _, _ := strings.Cut(texts[min(max(which, 0), len(texts)-1)], "|")
	if text = strings.TrimSpace(text); text == "" {
		return nil, rest
	}
	return strings.Split(text, "."), rest
}

// resolved follows names that stand for others: the item of a foreach, a variable, a
// key of a row that the keep provider goes over, a step's own name.
func (r *reads) resolved(before []*workflows.Step, s *workflows.Step, path []string) []string {
	if len(path) == 0 {
		return path
	}
	for range 4 {
		list, rest := r.list(s, path)
		switch {
		case path[0] == "foreach" && len(path) > 1 && path[1] == "value" && list != nil:
			path = slices.Concat(list, []string{"0"}, rest)
		case path[0] == "item" && list != nil:
			path = slices.Concat(list, []string{"0"}, path[1:])
		case path[0] == "vars" && len(path) > 1 && tag.MatchString(r.vars[path[1]]):
			path = slices.Concat(strings.Split(tag.FindStringSubmatch(r.vars[path[1]])[1], "."), path[2:])
		case !roots[path[0]] && r.named(path[0]) != nil:
			path = append([]string{"steps"}, path...)
		case !roots[path[0]] && s.Provider.S == "keep" && s.Kind == workflows.Notify && len(before) > 0:
			path = slices.Concat([]string{"steps", before[len(before)-1].Name, "results", "0"}, path)
		default:
			return path
		}
	}
	return path
}
