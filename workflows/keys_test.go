package workflows_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"tocsin/workflows"
	"tocsin/workflows/source"
)

// TestKeys: every key of the language has a sentence and an example that is read
// without a problem where it belongs.
func TestKeys(t *testing.T) {
	seen := map[string]bool{}
	for _, k := range workflows.Keys() {
		if seen[k.Path] {
			t.Errorf("%s is listed twice", k.Path)
		}
		seen[k.Path] = true
		if k.Doc == "" || !strings.HasSuffix(k.Doc, ".") || strings.Contains(k.Doc, "\n") {
			t.Errorf("%s: %q is not a sentence", k.Path, k.Doc)
		}
		if k.Path != "workflow" && k.Path != "alert" && k.Example == "" {
			t.Errorf("%s has no example", k.Path)
		}
		text := placed(k)
		for _, p := range problemsOf("in.yaml", []byte(text)) {
			if p.Code != source.OldSpelling && p.Code != source.NoEffect {
				t.Errorf("%s: %s in\n%s", k.Path, p.Error(), text)
			}
		}
	}
	for _, path := range []string{
		"workflow", "alert", "workflow.triggers", "step", "step.retry", "step.retry.count", "action", "on-failure",
		"notify.escalate.unless", "notify.flapping.within", "step.on_resolve.with", "silence.cron", "workflow.depends_on",
		"trigger.interval", "condition.assert", "condition.assert.fires", "throttle.one_until_resolved",
		"step.provider.with.enrich_alert.disposable", "input.options", "trigger.alert.filters.exclude",
	} {
		if !seen[path] {
			t.Errorf("%s is not listed", path)
		}
	}
}

// placed is the example of a key in a file that is otherwise complete.
func placed(k workflows.Key) string {
	step := func(more string) string {
		return "workflow:\n  id: x\n  actions:\n    -\n" + indent(more, 6)
	}
	complete := func(example string, others ...string) string {
		for _, o := range others {
			key, _, _ := strings.Cut(o, ":")
			if !slices.ContainsFunc(strings.Split(example, "\n"), func(l string) bool { return strings.HasPrefix(l, key+":") }) {
				example += "\n" + o
			}
		}
		return example
	}
	action := func(example string) string {
		return step(complete(example, "name: x", "provider: {type: console}"))
	}
	e := k.Example
	root, rest, _ := strings.Cut(k.Path, ".")
	switch root {
	case "workflow", "on-failure":
		if k.Path == "workflow" {
			return e
		}
		return "workflow:\n" + indent(complete(e, "id: x", "actions: [{name: x, provider: {type: console}}]"), 2)
	case "input":
		return "workflow:\n  id: x\n  actions: [{name: x, provider: {type: console}}]\n  inputs:\n    -\n" +
			indent(complete(e, "name: x", "type: "+inputType(rest), "options: [localhost]"), 6)
	case "trigger":
		if strings.HasPrefix(rest, "alert.filters.") {
			e = "type: alert\nfilters:\n  -\n" + indent(complete(e, "key: x", "value: x"), 4)
		}
		return "workflow:\n  id: x\n  actions: [{name: x, provider: {type: console}}]\n  triggers:\n    -\n" + indent(e, 6)
	case "action":
		return step(e)
	case "step":
		return action(inStep(rest, e, complete))
	case "condition":
		return action("condition:\n  -\n" + indent(complete(e, "name: x"), 4))
	case "throttle":
		return action("throttle:\n" + indent(e, 2))
	}
	if root == "notify" {
		return action("notify:\n" + indent(inNotify(rest, e), 2))
	}
	if root == "silence" {
		return "workflow:\n  id: x\n  actions: [{name: x, provider: {type: console}}]\n  silence:\n    -\n" + indent(e, 6)
	}
	if k.Path == "providers" || k.Path == "actions" {
		return complete(e, "workflow: {id: x, actions: [{name: x, provider: {type: console}}]}")
	}
	return e
}

func inputType(key string) string {
	if key == "options" {
		return "choice"
	}
	return "string"
}

func inStep(rest, e string, complete func(string, ...string) string) string {
	switch {
	case strings.Contains(rest, ".enrich_") && strings.Count(rest, ".") == 3:
		list := strings.Split(rest, ".")[2]
		return "provider:\n  type: mock\n  with:\n    " + list + ":\n      -\n" + indent(complete(e, "key: x", "value: x"), 8)
	case strings.HasPrefix(rest, "provider.with."):
		return "provider:\n  type: mock\n  with:\n" + indent(e, 4)
	case strings.HasPrefix(rest, "provider.on-failure.retry."):
		return "provider:\n  type: mock\n  on-failure:\n    retry:\n" + indent(e, 6)
	case rest == "provider.on-failure.retry":
		return "provider:\n  type: mock\n  on-failure:\n" + indent(e, 4)
	case strings.HasPrefix(rest, "provider."):
		return "provider:\n" + indent(complete(e, "type: mock"), 2)
	case strings.HasPrefix(rest, "on-failure.retry."):
		return "on-failure:\n  retry:\n" + indent(e, 4)
	case rest == "on-failure.retry":
		return "on-failure:\n" + indent(e, 2)
	case strings.HasPrefix(rest, "retry."):
		return "retry:\n" + indent(e, 2)
	case rest == "on_resolve.with":
		return "on_resolve:\n" + indent(e, 2)
	case rest == "parallel":
		return e + "\nforeach: \"{{ consts.hosts }}\""
	}
	return e
}

func inNotify(rest, e string) string {
	switch key, below, _ := strings.Cut(rest, "."); {
	case below == "":
		return e
	case key == "escalate":
		return "escalate:\n  -\n" + indent(e, 4)
	default:
		return key + ":\n" + indent(e, 2)
	}
}

func indent(text string, by int) string {
	return strings.ReplaceAll(fmt.Sprintf("%*s%s", by, "", text), "\n", "\n"+strings.Repeat(" ", by)) + "\n"
}
