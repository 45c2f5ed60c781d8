package cmd

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"tocsin/engine"
	"tocsin/engine/report"
	"tocsin/templating"
	"tocsin/templating/value"
)

// A renderCommand is "tocsin render" and its flags.
type renderCommand struct {
	*setup
	data      string
	condition bool
	strict    bool
}

func newRenderCommand(s *setup) *cobra.Command {
	r := &renderCommand{setup: s}
	c := &cobra.Command{
		Use:   "render TEXT",
		Short: "Render a text or evaluate a condition against data, to try things out",
		Long: `Render prints what a text becomes. The data is a JSON file whose keys are the names
that the text sees: steps, alert, consts, ... With --condition the text is a condition,
and every part of it is shown with its value.

Exit codes: 0 rendered (a condition: it holds), 1 the condition does not hold,
2 the text is wrong, 3 it cannot be rendered with this data.`,
		Example: `  tocsin render 'Disk at {{ steps.df.results | trim }}' --data data.json
  echo '{"alert": {"cpu": 71}}' | tocsin render '{{ alert.cpu }} > 70' --condition --data -`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return r.render(c, args[0]) },
	}
	s.outputFlag(c, "text", "json")
	f := c.Flags()
	f.StringVarP(&r.data, "data", "d", "", "JSON file of what the text sees; - is standard input")
	f.BoolVarP(&r.condition, "condition", "c", false, "the text is a condition")
	f.BoolVar(&r.strict, "strict", true, "a path that is not there is an error, as in the parameters of a call")
	f.StringVar(&s.compat, "compat", "", `"keep" brings back Keep's own answers where ours differ`)
	return c
}

func (r *renderCommand) render(c *cobra.Command, text string) error {
	scope, err := r.scope(r.data)
	if err != nil {
		return err
	}
	lang := templating.Language{Functions: engine.Functions(), Keep: r.compat == "keep"}
	if r.condition {
		return r.showCondition(c, lang, text, scope)
	}
	t, err := lang.Parse(text)
	if err != nil {
		return textError(err, exitUsage)
	}
	scope.Strict = r.strict
	v, err := t.Render(c.Context(), scope)
	if err != nil {
		return textError(err, exitBroken)
	}
	if r.output == "json" {
		return r.json(v)
	}
	_, err = fmt.Fprintln(r.stdout, value.Text(v))
	return err
}

// showCondition prints a condition as a tree, with the value of every part.
func (r *renderCommand) showCondition(c *cobra.Command, lang templating.Language, text string, scope *templating.Scope) error {
	e, err := lang.ParseExpr(text, templating.If)
	if err != nil {
		return textError(err, exitUsage)
	}
	tree := e.Explain(c.Context(), scope)
	if err := r.printTree(r.stdout, tree); err != nil {
		return broken(err)
	}
	held, err := e.Bool(c.Context(), scope)
	switch {
	case err != nil:
		return textError(err, exitBroken)
	case !held:
		return &exitError{code: exitFailed}
	}
	return nil
}

func (r *renderCommand) printTree(w io.Writer, tree templating.Explanation) error {
	if r.output == "json" {
		return r.json(tree)
	}
	return report.Tree(w, tree, r.style(w))
}

// scope reads the data that a text sees from a JSON file.
func (s *setup) scope(file string) (*templating.Scope, error) {
	scope := &templating.Scope{Data: map[string]any{}}
	if file == "" {
		return scope, nil
	}
	text, err := s.read(file)
	if err != nil {
		return nil, err
	}
	v, err := value.DecodeJSON(text)
	if err != nil {
		return nil, usage("", "%s: %v", file, err)
	}
	m, ok := v.(*value.Map)
	if !ok {
		return nil, usage(`write {"alert": {...}}`, "%s is not a JSON object", file)
	}
	for k, v := range m.All() {
		if inner, ok := v.(*value.Map); ok && (k == "alert" || k == "event" || k == "incident") {
			v = value.Object{Map: inner}
		}
		scope.Data[k] = v
	}
	return scope, nil
}

// textError shows the text with a caret under what is wrong.
func textError(err error, code int) error {
	e := &exitError{code: code, err: err}
	if te, ok := err.(*templating.Error); ok {
		if te.Offset > 0 && te.Offset <= len(te.Text) && !strings.Contains(te.Text, "\n") {
			e.err = fmt.Errorf("%s\n  %s\n  %s^", te.Message, te.Text, strings.Repeat(" ", len([]rune(te.Text[:te.Offset]))))
		}
		if te.Hint != "" {
			e.hints = []string{te.Hint}
		}
	}
	return e
}
