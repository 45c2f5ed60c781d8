package cmd

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tocsin/engine"
	"tocsin/engine/episode"
	"tocsin/providers"
	"tocsin/templating/value"
	"tocsin/workflows"
	"tocsin/workflows/source"
)

// A notifyPreview shows what the actions of files would say. Nobody is asked and nobody
// is told: what a step would have given is made up, and what a text reads of it is shown
// by its name.
type notifyPreview struct {
	*setup
	alert   string
	results []string
}

func newNotifyPreviewCommand(s *setup) *cobra.Command {
	n := &notifyPreview{setup: s}
	c := &cobra.Command{
		Use:   "preview FILE|DIR...",
		Short: "Show what every action would say, with made-up data or yours; nothing is sent",
		Example: `  tocsin notify preview check.yaml
  tocsin notify preview check.yaml --alert alert.json
  tocsin notify preview check.yaml --result 'health={"status_code": 503}'`,
		Args: needFiles,
		RunE: func(c *cobra.Command, args []string) error { return n.run(c.Context(), args) },
	}
	s.readingFlags(c)
	c.Flags().StringVar(&n.alert, "alert", "", "the alert that texts read: a JSON file; - is standard input (default: a made-up one)")
	c.Flags().Var((*list)(&n.results), "result", "what a step gave: NAME=JSON (repeatable; default: made up)")
	s.outputFlag(c, "text", "json")
	return c
}

func (n *notifyPreview) run(ctx context.Context, paths []string) error {
	given, err := n.given()
	if err != nil {
		return err
	}
	alert, err := n.anAlert()
	if err != nil {
		return err
	}
	docs, err := n.load(paths, false, n.stderr)
	if err != nil {
		return err
	}
	defer docs.close()
	if err := source.Print(n.stderr, docs, docs.problems); err != nil {
		return broken(err)
	}
	if docs.problems.Err() != nil {
		return &exitError{code: exitUsage}
	}
	return n.show(ctx, docs, given, alert)
}

// given are the results that the caller says.
func (n *notifyPreview) given() (map[string]any, error) {
	given := map[string]any{}
	for _, flag := range n.results {
		name, text, ok := strings.Cut(flag, "=")
		v, err := value.DecodeJSON([]byte(text))
		if !ok || name == "" || err != nil {
			return nil, usage(`write --result NAME=JSON, such as --result 'health={"status_code": 503}'`, "--result %s has no JSON", flag)
		}
		given[name] = v
	}
	return given, nil
}

// anAlert is the first in the file, or nil.
func (n *notifyPreview) anAlert() (*value.Map, error) {
	if n.alert == "" {
		return nil, nil
	}
	text, err := n.read(n.alert)
	if err != nil {
		return nil, err
	}
	objects, err := readEvents(n.alert, text)
	if err != nil {
		return nil, err
	}
	if len(objects) == 0 {
		return nil, usage("write a JSON object", "%s has no alert", n.alert)
	}
	return objects[0], nil
}

// A previewLine is a message as JSON.
type previewLine struct {
	Workflow string `json:"workflow"`
	Action   string `json:"action"`
	Provider string `json:"provider"`
	With     any    `json:"with"`
	Error    string `json:"error,omitempty"`
}

func (n *notifyPreview) show(ctx context.Context, docs documents, given map[string]any, alert *value.Map) error {
	lines, code := []previewLine{}, exitOK
	for _, d := range docs.list {
		for _, w := range d.file.Workflows {
			result, err := n.pretend(ctx, d, w, given, alert)
			if err != nil {
				return err
			}
			for _, s := range result.Steps {
				if s.Kind != workflows.Notify {
					continue
				}
				line := previewLine{Workflow: w.ID, Action: s.Name, Provider: s.Provider, With: s.With}
				if s.Err != nil {
					line.Error, code = d.pool.Mask(s.Err.Error()), exitBroken
				}
				lines = append(lines, line)
			}
		}
	}
	if err := n.write(lines); err != nil {
		return broken(err)
	}
	if code != exitOK {
		return &exitError{code: code}
	}
	return nil
}

func (n *notifyPreview) write(lines []previewLine) error {
	if n.output == "json" {
		return n.json(map[string]any{"messages": lines})
	}
	for i, l := range lines {
		if i > 0 {
			fmt.Fprintln(n.stdout)
		}
		fmt.Fprintf(n.stdout, "%s: %s (%s)\n", clean(l.Workflow), clean(l.Action), clean(l.Provider))
		if m, ok := l.With.(*value.Map); ok {
			for k, v := range m.All() {
				fmt.Fprintf(n.stdout, "  %s: %s\n", clean(k), strings.ReplaceAll(plainly(v), "\n", "\n    "))
			}
		}
		if l.Error != "" {
			fmt.Fprintf(n.stdout, "  error: %s\n", l.Error)
		}
	}
	return nil
}

// plainly is v for people: a text as it is, the rest as JSON.
func plainly(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	return string(value.AppendJSON(nil, v))
}

// previewType is the provider that stands for all that steps ask.
const previewType = "tocsin-preview"

// pretend runs w with steps that ask nobody and actions that nothing decides.
func (n *notifyPreview) pretend(ctx context.Context, d *document, w *workflows.Workflow, given map[string]any, alert *value.Map) (*engine.Result, error) {
	stage := rehearse(w, given)
	actions, _, err := n.actions(d.name)
	if err != nil {
		return nil, err
	}
	p, _, err := engine.Compile(stage.workflow, engine.Library{
		Providers: n.registry.With(stage.provider()), Functions: engine.Functions(), Actions: actions, Compat: n.compat, Configured: d.pool.Defined,
		Secret: n.secretKnown,
	})
	if err != nil {
		return nil, broken(fmt.Errorf("%s: %w", w.ID, err))
	}
	env, err := n.env(n.stderr)
	if err != nil {
		return nil, err
	}
	pool := providers.NewPool(n.registry.With(stage.provider()), env)
	defer pool.Close()
	runner := n.runner(&document{pool: pool})
	runner.DryRun, runner.Memory = true, &episode.Book{}
	return runner.Run(ctx, p, engine.Input{Run: newRunID(), Trigger: "alert", Alert: stage.alert(alert), Inputs: stage.inputs(p)}), nil
}

// A rehearsal is a workflow whose steps give what it is told.
type rehearsal struct {
	workflow *workflows.Workflow
	results  map[string]any // by step
	read     map[string][][]string
}

func rehearse(w *workflows.Workflow, given map[string]any) *rehearsal {
	s := &rehearsal{results: map[string]any{}, read: map[string][][]string{}}
	copied := *w
	copied.Steps, copied.Actions, copied.Triggers, copied.OnFailure, copied.Notify = nil, nil, nil, nil, nil
	copied.DependsOn, copied.Silences, copied.Disabled = nil, nil, false
	for _, a := range w.Actions {
		s.reads(a.With.Plain())
		s.reads(a.Vars.Plain())
		s.reads(a.Aliases.Plain())
	}
	for _, step := range w.Steps {
		copied.Steps = append(copied.Steps, silentStep(step.Name, step.Pos))
		s.results[step.Name] = s.madeUp("steps."+step.Name+".results", s.of("steps", step.Name, "results"))
		if v, ok := given[step.Name]; ok {
			s.results[step.Name] = v
		}
	}
	for i, a := range w.Actions {
		b := *a
		b.Draft = &workflows.Draft{Vars: a.Vars, Aliases: a.Aliases, With: a.With}
		b.Notify, b.Stop = nil, false
		b.ContinueOnError = true // so that the others are shown too
		if b.Foreach.S != "" {
			items := fmt.Sprintf("preview-items-%d", i+1)
			copied.Steps = append(copied.Steps, silentStep(items, a.Pos))
			s.results[items] = []any{s.madeUp("foreach.value", s.of("foreach", "value"))}
			b.Foreach = workflows.Text{Pos: a.Foreach.Pos, S: "{{ steps." + items + ".results }}"}
		}
		copied.Actions = append(copied.Actions, &b)
	}
	s.workflow = &copied
	return s
}

// silentStep is a step that asks nobody.
func silentStep(name string, pos source.Pos) *workflows.Step {
	return workflows.NewStep(pos, workflows.Query, name, workflows.Text{Pos: pos, S: previewType})
}

// provider gives a step what is on the stage.
func (s *rehearsal) provider() providers.Provider {
	return providers.Define(providers.Definition[*rehearsal]{
		Type: previewType, Title: "Preview", Summary: "Give what is made up.", Categories: []providers.Category{"Others"},
		Open: providers.Open(func(context.Context, struct{}, providers.Env) (*rehearsal, error) { return s, nil }),
		Query: providers.Call(func(s *rehearsal, ctx context.Context, _ struct{}) (any, error) {
			return s.results[providers.OriginOf(ctx).Step], nil
		}),
	})
}

// reads notes the paths that the texts in v read.
func (s *rehearsal) reads(v any) {
	path := regexp.MustCompile(`\b(steps|alert|event|foreach|inputs)((?:\.[A-Za-z0-9_-]+)+)`)
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case string:
			for _, m := range path.FindAllStringSubmatch(v, -1) {
				s.read[m[1]] = append(s.read[m[1]], strings.Split(m[2][1:], "."))
			}
		case []any:
			for _, item := range v {
				walk(item)
			}
		case *value.Map:
			for _, item := range v.All() {
				walk(item)
			}
		}
	}
	walk(v)
}

// of are the paths that are read below a prefix.
func (s *rehearsal) of(root string, prefix ...string) [][]string {
	var below [][]string
	for _, p := range s.read[root] {
		if len(p) >= len(prefix) && slices.Equal(p[:len(prefix)], prefix) {
			below = append(below, p[len(prefix):])
		}
	}
	return below
}

// madeUp is a value that has the paths: each is shown by its name.
func (s *rehearsal) madeUp(name string, paths [][]string) any {
	below := map[string][][]string{}
	var order []string
	for _, p := range paths {
		if len(p) == 0 {
			continue
		}
		if _, seen := below[p[0]]; !seen {
			order = append(order, p[0])
		}
		below[p[0]] = append(below[p[0]], p[1:])
	}
	if len(order) == 0 {
		return "‹" + name + "›"
	}
	m := value.NewMap(len(order))
	for _, key := range order {
		m.Set(key, s.madeUp(name+"."+key, below[key]))
	}
	return m
}

// alert is the one given, or one that has what texts read.
func (s *rehearsal) alert(given *value.Map) map[string]any {
	if given != nil {
		return fieldsOf(given)
	}
	paths := append(s.of("alert"), s.of("event")...)
	m := value.NewMap(8)
	if made, ok := s.madeUp("alert", paths).(*value.Map); ok {
		m = made
	}
	for _, e := range []value.Entry{
		{Key: "id", Value: "example"}, {Key: "name", Value: "Example"}, {Key: "status", Value: "firing"}, {Key: "severity", Value: "critical"},
		{Key: "fingerprint", Value: "example"}, {Key: "lastReceived", Value: time.Now().UTC().Format(time.RFC3339)},
	} {
		m.Set(e.Key, e.Value)
	}
	return fieldsOf(m)
}

// inputs are those that have no default, shown by their names.
func (s *rehearsal) inputs(p *engine.Program) map[string]any {
	inputs := map[string]any{}
	for _, path := range s.of("inputs") {
		if len(path) > 0 {
			inputs[path[0]] = "‹inputs." + path[0] + "›"
		}
	}
	if _, err := p.Inputs(inputs); err != nil {
		return nil
	}
	return inputs
}
