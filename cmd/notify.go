package cmd

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tocsin/providers"
	"tocsin/templating/value"
	"tocsin/workflows"
	"tocsin/workflows/source"
)

func newNotifyCommand(s *setup) *cobra.Command {
	c := &cobra.Command{
		Use:   "notify",
		Short: "Try whether messages arrive, and see what they say",
		Example: `  tocsin notify test slack-demo
  tocsin notify preview check.yaml --alert alert.json`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newNotifyTestCommand(s), newNotifyPreviewCommand(s))
	return c
}

// A notifyTest sends one message with a configuration.
type notifyTest struct {
	*setup
	typ, text string
	with      []string
	timeout   time.Duration
}

func newNotifyTestCommand(s *setup) *cobra.Command {
	n := &notifyTest{setup: s}
	c := &cobra.Command{
		Use:   "test NAME",
		Short: "Send one message with a provider configuration, and say whether it arrived",
		Long: `Test sends one message with the configuration of that name: of providers.yaml or the environment. The
exit code is 0 if it arrived, 3 if not, 4 if nobody answered in time.`,
		Example: `  tocsin notify test slack-demo
  tocsin notify test mail --type smtp --with from_email=me@example.com --with to_email=ops@example.com`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return n.run(c.Context(), args[0]) },
	}
	f := c.Flags()
	f.StringVar(&s.providersFile, "providers", "", "file of provider configurations (default: providers.yaml in the working directory)")
	f.Var((*list)(&s.resolves), "resolve", "connect to another address: HOST:PORT:ADDRESS (repeatable)")
	f.StringVar(&n.typ, "type", "", "type of the provider, where the configuration does not say it")
	f.StringVar(&n.text, "message", "This is a test of tocsin: it would tell you here.", "what the message says")
	f.Var((*list)(&n.with), "with", "another parameter: KEY=VALUE (repeatable)")
	f.DurationVar(&n.timeout, "timeout", 30*time.Second, "time for all of it")
	s.outputFlag(c, "text", "json")
	return c
}

func (n *notifyTest) run(ctx context.Context, name string) error {
	pool, err := n.configurations()
	if err != nil {
		return err
	}
	defer pool.Close()
	p, err := n.provider(pool, name)
	if err != nil {
		return err
	}
	with, err := n.parameters(p)
	if err != nil {
		return err
	}
	began := time.Now()
	err = n.send(ctx, pool, p.Type, name, with)
	return n.say(pool, p.Type+" "+name, time.Since(began), err)
}

// configurations are those that a workflow in the working directory could use.
func (s *setup) configurations() (*providers.Pool, error) {
	env, err := s.env(s.stderr)
	if err != nil {
		return nil, err
	}
	d := &document{name: "-", file: &workflows.File{}}
	pool, problems, err := s.pool(d, env)
	if err != nil {
		return nil, err
	}
	if err := source.Print(s.stderr, documents{}, problems); err != nil {
		return nil, broken(err)
	}
	if problems.Err() != nil {
		return nil, errors.Join(&exitError{code: exitUsage}, pool.Close())
	}
	return pool, nil
}

// provider is what the configuration is for: what --type or the configuration says, or
// what its name begins with.
func (n *notifyTest) provider(pool *providers.Pool, name string) (*providers.Provider, error) {
	described, ok := pool.Describe(name)
	if !ok {
		return nil, undefined(pool, name)
	}
	typ := n.typ
	if m, ok := described.(*value.Map); ok && typ == "" {
		if v, ok := m.Get("type"); ok {
			typ = value.Text(v)
		}
	}
	if typ == "" {
		typ, _, _ = strings.Cut(name, "-")
	}
	p, ok := n.registry.Lookup(typ)
	switch {
	case !ok:
		return nil, usage(`"tocsin providers" lists them; --type says which`, "no provider %q for the configuration %q", typ, name)
	case p.Notify == nil:
		return nil, usage(`"tocsin providers" says which can`, "%s cannot tell anybody", p.Type)
	}
	return p, nil
}

// undefined is the error for a configuration that there is not.
func undefined(pool *providers.Pool, name string) error {
	hint := `define it in providers.yaml, or in TOCSIN_PROVIDER_` + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
	if near := source.Nearest(name, pool.Names()); near != "" {
		hint = fmt.Sprintf("did you mean %q?", near)
	}
	return usage(hint, "no configuration %q", name)
}

// parameters are those of the message.
func (n *notifyTest) parameters(p *providers.Provider) (source.Value, error) {
	m := value.NewMap(len(n.with) + 1)
	if p.Notify.Message != "" {
		m.Set(p.Notify.Message, n.text)
	}
	for _, flag := range n.with {
		key, text, ok := strings.Cut(flag, "=")
		if !ok || key == "" {
			return source.Value{}, usage("write --with KEY=VALUE", "--with %s has no value", flag)
		}
		m.Set(key, value.Of(parseScalar(text)))
	}
	with := source.Of(m)
	problems := p.Notify.Params.Check(with, p.Type, func(source.Value) bool { return true })
	if problems.Err() != nil {
		first := problems[slices.IndexFunc(problems, func(q source.Problem) bool { return !q.Warning })]
		return with, usage("give parameters with --with KEY=VALUE; \"tocsin providers "+p.Type+"\" lists them", "%s", first.Message)
	}
	return with, nil
}

func (n *notifyTest) send(ctx context.Context, pool *providers.Pool, typ, name string, with source.Value) error {
	ctx, cancel := context.WithTimeout(ctx, n.timeout)
	defer cancel()
	client, err := pool.Client(ctx, typ, name)
	if err != nil {
		return err
	}
	key := newRunID()
	_, err = client.Notify(providers.WithOrigin(ctx, providers.Origin{
		Workflow: "notify-test", Run: key, Step: "test", Key: key, Note: func(string, any) {},
	}), with)
	return err
}

// say says whether it arrived.
func (n *notifyTest) say(pool *providers.Pool, to string, took time.Duration, err error) error {
	took = took.Round(time.Millisecond)
	if n.output == "json" {
		line := map[string]any{"to": to, "arrived": err == nil, "duration_s": took.Seconds()}
		if err != nil {
			line["reason"] = pool.Mask(err.Error())
		}
		if werr := n.json(line); werr != nil {
			return broken(werr)
		}
	}
	switch {
	case err == nil && n.output == "json":
		return nil
	case err == nil:
		_, err = fmt.Fprintf(n.stdout, "%s has it, after %s\n", to, took)
		return err
	}
	e := &exitError{code: exitBroken}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		e.code = exitTimeout
	case errors.Is(err, context.Canceled):
		e.code = exitInterrupted
	}
	if n.output != "json" {
		e.err = fmt.Errorf("it did not arrive: %s", pool.Mask(err.Error()))
	}
	return e
}
