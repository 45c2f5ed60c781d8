package cmd_test

import (
	"regexp"
	"slices"
	"strings"

	"tocsin/templating/value"
	"tocsin/workflows"
	"tocsin/workflows/source"
)

// input is what starts the workflow: an alert or incident that its triggers wait for,
// and that has what the workflow reads of it, or nothing.
func (r *reads) input() (kind string, alert, incident, inputs map[string]any) {
	kind = "interval"
	for _, t := range r.w.Triggers {
		switch {
		case t.Type.S == "alert" && kind != "alert":
			kind, alert = "alert", r.alert(t)
		case t.Type.S == "incident" && kind != "alert", t.Type.S == "manual" && kind == "interval":
			kind = t.Type.S
		}
	}
	// Whoever starts it by hand gives it what it reads; time has nothing to give.
	if alert == nil && kind == "manual" && (r.event["alert"] != nil || r.enriches()) {
		alert = r.alert(workflows.Trigger{})
	}
	if r.event["incident"] != nil && kind == "manual" || kind == "incident" {
		incident = r.fields("incident", map[string]any{
			"id": "5d0a9d5e-8a3c-4b7e-9f41-0d2f6f1c7a10", "user_generated_name": "Checkout is slow", "status": "firing", "severity": "critical",
			"alerts_count": int64(1), "alert_sources": []any{"grafana"}, "services": []any{"checkout"},
		})
	}
	for _, in := range r.w.Inputs {
		if in.Default.Data != nil {
			continue
		}
		if inputs == nil {
			inputs = map[string]any{}
		}
		switch in.Type {
		case "number":
			inputs[in.Name] = int64(3)
		case "boolean":
			inputs[in.Name] = true
		case "choice":
			inputs[in.Name] = append(in.Options, "")[0]
		default:
			inputs[in.Name] = sample(in.Name, nil)
		}
	}
	return kind, alert, incident, inputs
}

// enriches says that some step adds fields to the alert.
func (r *reads) enriches() bool {
	return slices.ContainsFunc(slices.Concat(r.w.Steps, r.w.Actions), func(s *workflows.Step) bool { return len(s.Enrich) > 0 })
}

// alert is an alert that the trigger lets through.
func (r *reads) alert(t workflows.Trigger) map[string]any {
	fields := map[string]any{
		"id": "alert-1", "name": "Disk almost full", "status": "firing", "severity": "critical",
		"source": []any{"grafana"}, "description": "The disk is at 93%.", "lastReceived": "2024-05-06T07:08:09Z", "fingerprint": "fp-1",
	}
	m, _ := t.With.Data.(source.Map)
	if filters, ok := m.Get("filters"); ok {
		list, _ := filters.Data.([]source.Value)
		for _, f := range list {
			one, _ := f.Data.(source.Map)
			key, _ := one.Get("key")
			v, _ := one.Get("value")
			exclude, _ := one.Get("exclude")
			if exclude.Data != true {
				put(fields, value.Text(key.Data), filtered(v.Data))
			}
		}
	}
	if cel, ok := m.Get("cel"); ok {
		for k, v := range celFields(value.Text(cel.Data)) {
			put(fields, k, v)
		}
	}
	return r.fields("alert", fields)
}

// filtered is a value that the filter lets through.
func filtered(v any) any {
	text, ok := v.(string)
	if !ok {
		return v
	}
	if body, regex := strings.CutPrefix(text, `r"`); regex {
		body = strings.TrimSuffix(body, `"`)
		body, _, _ = strings.Cut(strings.Trim(body, "()"), "|")
		return strings.Trim(strings.NewReplacer(".*", "any", "^", "", "$", "").Replace(body), "()")
	}
	return text
}

var (
	celCall = regexp.MustCompile(`(!?)([\w.]+)\.(contains|startsWith|endsWith|matches)\(\s*['"]([^'"]*)['"]`)
	celIs   = regexp.MustCompile(`([\w.]+)\s*(==|>=|<=|>|<)\s*(?:'([^']*)'|"([^"]*)"|(-?[\d.]+)|(true|false))`)
	celIn   = regexp.MustCompile(`([\w.]+)\s+in\s+\[\s*(?:'([^']*)'|"([^"]*)")`)
	celHas  = regexp.MustCompile(`has\(([\w.]+)\)`)
)

// celFields are fields for which a condition in CEL is likely to hold: of several
// values for a field, the first.
func celFields(cel string) map[string]any {
	fields := map[string]any{}
	first := func(k string, v any) {
		if _, has := fields[k]; !has {
			fields[k] = v
		}
	}
	for _, m := range celCall.FindAllStringSubmatch(cel, -1) {
		if m[1] == "" {
			first(m[2], m[4])
		}
	}
	for _, m := range celIs.FindAllStringSubmatch(cel, -1) {
		v := hope(m[2], m[3]+m[4], m[5])
		switch {
		case m[6] != "":
			v = m[6] == "true"
		case strings.HasSuffix(m[1], "severity") && strings.HasPrefix(m[2], ">"):
			v = "critical"
		case strings.HasSuffix(m[1], "severity") && strings.HasPrefix(m[2], "<"):
			v = "low"
		}
		first(m[1], v)
	}
	for _, m := range celIn.FindAllStringSubmatch(cel, -1) {
		first(m[1], m[2]+m[3])
	}
	for _, m := range celHas.FindAllStringSubmatch(cel, -1) {
		first(m[1], "something")
	}
	return fields
}

// put sets the field that path leads to.
func put(fields map[string]any, path string, v any) {
	head, rest, dotted := strings.Cut(path, ".")
	switch {
	case path == "source":
		fields["source"] = []any{v}
	case dotted:
		inner, ok := fields[head].(map[string]any)
		if !ok {
			inner = map[string]any{}
			fields[head] = inner
		}
		put(inner, rest, v)
	default:
		fields[path] = v
	}
}

// fields adds what the workflow reads and does not want to be missing.
func (r *reads) fields(root string, fields map[string]any) map[string]any {
	w := r.event[root]
	if w == nil {
		return fields
	}
	r.fill(root, w, fields)
	return fields
}

// fill is fields for those at path.
func (r *reads) fill(path string, w *want, fields map[string]any) {
	for _, k := range w.keys {
		kid, at := w.kids[k], path+"."+k
		v, has := fields[k]
		inner, isMap := v.(map[string]any)
		switch {
		case isMap:
			r.fill(at, kid, inner)
		case has && kid.hope != nil && k != "severity" && k != "status":
			fields[k] = kid.hope
		case has || r.absent[at]:
		default:
			if v := free(kid, k); v != nil {
				fields[k] = v
			}
		}
	}
}
