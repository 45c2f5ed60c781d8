package cmd

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"tocsin/engine"
	"tocsin/engine/report"
	"tocsin/providers"
	"tocsin/workflows"
	"tocsin/workflows/source"
)

func newExamplesCommand(s *setup) *cobra.Command {
	c := &cobra.Command{
		Use:   "examples [NAME]",
		Short: "List the workflows that ship, show one, or run one",
		Example: `  tocsin examples
  tocsin examples websocket-is-up > websocket-is-up.yaml
  tocsin examples run websocket-is-up`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: completeExamples,
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return s.listExamples()
			}
			text, err := exampleText(args[0])
			if err != nil {
				return err
			}
			_, err = s.stdout.Write(text)
			return err
		},
	}
	s.outputFlag(c, "text", "json")
	c.AddCommand(&cobra.Command{
		Use:   "run NAME",
		Short: "Run an example here and now: what it calls is played on this machine",
		Long: `Run plays the systems that the example calls on loopback addresses, so that it needs no
account and no network. If the example asks a server something, it runs twice: with the
server up and with the server stopped. If it listens to one, it runs for three events.`,
		Example:           "  tocsin examples run websocket-is-up",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeExamples,
		RunE: func(c *cobra.Command, args []string) error {
			text, err := exampleText(args[0])
			if err != nil {
				return err
			}
			return s.demonstrate(c.Context(), args[0], text)
		},
	})
	return c
}

func completeExamples(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return exampleNames(), cobra.ShellCompDirectiveNoFileComp
}

func exampleNames() []string {
	var names []string
	files, _ := fs.Glob(workflows.Examples(), "*.yaml") // the pattern is right
	for _, f := range files {
		names = append(names, strings.TrimSuffix(f, ".yaml"))
	}
	return names
}

// exampleText is an example's text by name, with or without its ending.
func exampleText(name string) ([]byte, error) {
	text, err := fs.ReadFile(workflows.Examples(), path.Base(strings.TrimSuffix(name, ".yaml"))+".yaml")
	if err == nil {
		return text, nil
	}
	hint := `"tocsin examples" lists them`
	if near := source.Nearest(name, exampleNames()); near != "" {
		hint = fmt.Sprintf("did you mean %q?", near)
	}
	return nil, usage(hint, "no example %q", name)
}

// An exampleSummary is an example in JSON.
type exampleSummary struct {
	Name string `json:"name"`
	Doc  string `json:"doc"`
}

func (s *setup) listExamples() error {
	var list []exampleSummary
	width := 0
	for _, name := range exampleNames() {
		text, err := exampleText(name)
		if err != nil {
			return err
		}
		list = append(list, exampleSummary{name, firstSentence(text)})
		width = max(width, len(name))
	}
	if s.output == "json" {
		return s.json(list)
	}
	for _, e := range list {
		fmt.Fprintf(s.stdout, "%-*s  %s\n", width, e.Name, e.Doc)
	}
	return nil
}

// firstSentence is what an example says of itself: its first comment, else its
// description.
func firstSentence(text []byte) string {
	for sc := bufio.NewScanner(bytes.NewReader(text)); sc.Scan(); {
		line := strings.TrimSpace(sc.Text())
		if doc, ok := strings.CutPrefix(line, "# "); ok {
			return doc
		}
		if doc, ok := strings.CutPrefix(line, "description: "); ok {
			return strings.Trim(doc, `"`)
		}
	}
	return ""
}

// demonstrate runs an example against stand-ins of the systems it names.
func (s *setup) demonstrate(ctx context.Context, name string, text []byte) error {
	stage := &stage{setup: s}
	defer stage.close()
	d := &document{name: name + ".yaml", text: text}
	if err := stage.set(d); err != nil {
		return err
	}
	fmt.Fprintf(s.stdout, "%s\n", strings.TrimRight(string(text), "\n"))
	switch {
	case stage.listens:
		fmt.Fprintf(s.stdout, "\n$ tocsin run %s%s --max-events %d\n", d.name, stage.flags(), demonstrated)
		return stage.play(ctx, d)
	case len(stage.asked) == 0:
		fmt.Fprintf(s.stdout, "\n$ tocsin run %s%s\n", d.name, stage.flags())
		return stage.play(ctx, d)
	}
	fmt.Fprintf(s.stdout, "\n--- with %s up\n\n$ tocsin run %s%s\n", stage.names(), d.name, stage.flags())
	if err := stage.play(ctx, d); err != nil {
		return err
	}
	stage.stopAsked()
	fmt.Fprintf(s.stdout, "\n--- with %s stopped\n\n$ tocsin run %s%s\n", stage.names(), d.name, stage.flags())
	var e *exitError
	if err := stage.play(ctx, d); !errors.As(err, &e) || e.code != exitBroken {
		return err
	}
	return nil // what breaks without the server is what was to be seen
}

// A stage has the stand-ins of one demonstration: those that steps ask, which can be
// stopped, and those that actions tell.
type stage struct {
	*setup
	asked    []*standIn
	told     []*standIn
	listens  bool // a trigger brings events
	settings []workflows.Setting

	mu sync.Mutex // what stand-ins say comes from their own goroutines
}

// A standIn is a system played on a loopback address.
type standIn struct {
	title  string
	server *http.Server
	addr   string
}

// set starts what d needs, and points d at it.
func (st *stage) set(d *document) error {
	file, err := workflows.Parse(d.name, d.text)
	if err != nil {
		return broken(err)
	}
	for _, w := range file.Workflows {
		for i, trigger := range w.Triggers {
			if err := st.feed(i, trigger); err != nil {
				return broken(err)
			}
		}
		for _, step := range w.Steps {
			if err := st.ask(step); err != nil {
				return broken(err)
			}
		}
		actions := w.Actions
		if w.OnFailure != nil {
			actions = append(actions, w.OnFailure)
		}
		for _, action := range actions {
			if err := st.tell(action); err != nil {
				return broken(err)
			}
		}
	}
	return nil
}

// feed plays the system that a trigger listens to, or asks at every interval.
func (st *stage) feed(i int, trigger workflows.Trigger) error {
	p, ok := st.registry.Lookup(trigger.Type.S)
	if !ok || p.Subscribe == nil || p.Demo == nil {
		return nil
	}
	demo := *p.Demo
	with, _ := trigger.With.Data.(source.Map).Get("with")
	parameters, _ := with.Data.(source.Map)
	if _, asks := parameters.Get("trigger_body"); demo.Feed != nil && !asks {
		demo.Handler = demo.Feed
	}
	in, err := st.start(trigger.Type.S, &demo)
	if err != nil {
		return err
	}
	st.told, st.listens = append(st.told, in), true
	for key, address := range demo.Listen {
		st.settings = append(st.settings, workflows.Setting{
			Path: fmt.Sprintf("triggers.%d.with.%s", i, key), Value: strings.ReplaceAll(address, "{host}", in.addr),
		})
	}
	return nil
}

// demonstrated is how many events are shown.
const demonstrated = 3

// ask plays the system that a step asks, unless that is on this machine already.
func (st *stage) ask(step *workflows.Step) error {
	demo := st.demo(step)
	if demo == nil || len(demo.With) == 0 {
		return nil
	}
	in, err := st.start(step.Provider.S, demo)
	if err != nil {
		return err
	}
	st.asked = append(st.asked, in)
	st.point("steps", step, demo, in)
	return nil
}

// point has a step or an action call a stand-in. Where the address has several names, it
// is given by the one that the document uses.
func (st *stage) point(kind string, step *workflows.Step, demo *providers.Demo, in *standIn) {
	addresses := demo.With
	with, _ := step.With.Data.(source.Map)
	for key := range demo.Listen {
		if _, written := with.Get(key); written {
			addresses = demo.Listen
		}
	}
	for key, address := range addresses {
		st.settings = append(st.settings, workflows.Setting{
			Path: kind + "." + step.Name + ".with." + key, Value: strings.ReplaceAll(address, "{host}", in.addr),
		})
	}
}

// tell plays the system that an action tells: it defines the action's configuration, or,
// where it has none, points it there.
func (st *stage) tell(action *workflows.Step) error {
	demo := st.demo(action)
	name := configName(action)
	if demo != nil && len(demo.With) > 0 && name == "" {
		in, err := st.start(action.Provider.S, demo)
		if err != nil {
			return err
		}
		st.told = append(st.told, in)
		st.point("actions", action, demo, in)
		return nil
	}
	if demo == nil || len(demo.Config) == 0 || name == "" {
		return nil
	}
	variable := "TOCSIN_PROVIDER_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
	if st.getenv(variable) != "" {
		return nil
	}
	in, err := st.start(action.Provider.S, demo)
	if err != nil {
		return err
	}
	st.told = append(st.told, in)
	var fields []string
	for key, address := range demo.Config {
		fields = append(fields, fmt.Sprintf("%q: %q", key, strings.ReplaceAll(address, "{host}", in.addr)))
	}
	st.environ = append(st.environ, fmt.Sprintf(`%s={"authentication": {%s}}`, variable, strings.Join(fields, ", ")))
	return nil
}

func (st *stage) demo(step *workflows.Step) *providers.Demo {
	p, ok := st.registry.Lookup(step.Provider.S)
	if !ok {
		return nil
	}
	return p.Demo
}

// configName is NAME of "{{ providers.NAME }}".
func configName(step *workflows.Step) string {
	text, _ := step.Config.Data.(string)
	text = strings.TrimSpace(strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(text), "{{"), "}}"))
	name, _ := strings.CutPrefix(text, "providers.")
	return name
}

func (st *stage) start(typ string, demo *providers.Demo) (*standIn, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	in := &standIn{title: typ, addr: l.Addr().String()}
	in.server = &http.Server{Handler: demo.Handler(func(line string) { st.say(typ + ": " + line) }), ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = in.server.Serve(l) }() // ends in Close, with ErrServerClosed
	return in, nil
}

// say prints what a stand-in received.
func (st *stage) say(line string) {
	st.mu.Lock()
	defer st.mu.Unlock()
	fmt.Fprintln(st.stdout, line)
}

// names are the systems that steps ask, for people.
func (st *stage) names() string {
	var names []string
	for _, in := range st.asked {
		names = append(names, "the "+in.title+" server")
	}
	return strings.Join(names, " and ")
}

// flags are those that a user would type to the same end.
func (st *stage) flags() string {
	var b strings.Builder
	for _, set := range st.settings {
		fmt.Fprintf(&b, " --set %s=%v", set.Path, set.Value)
	}
	return b.String()
}

// play runs the example once and reports it. An alert that fires is what is to be seen:
// only what could not be done is an error.
func (st *stage) play(ctx context.Context, d *document) error {
	env, err := st.env(lockedWriter{st})
	if err != nil {
		return err
	}
	again := &document{name: d.name, text: d.text}
	problems, err := st.compile(again, st.settings, env, true)
	if err != nil {
		return err
	}
	defer again.pool.Close()
	docs := documents{list: []*document{again}, problems: problems}
	if err := source.Print(st.stderr, docs, problems); err != nil {
		return broken(err)
	}
	if problems.Err() != nil {
		return &exitError{code: exitUsage}
	}
	if st.listens {
		return st.listen(ctx, docs)
	}
	var results []*engine.Result
	for _, p := range again.programs {
		runner := st.runner(again)
		results = append(results, runner.Run(ctx, p, engine.Input{Run: newRunID(), Trigger: "manual"}))
	}
	if err := (report.Text{Style: st.style(st.stdout)}).Write(st.stdout, results); err != nil {
		return broken(err)
	}
	code := exitOK
	for _, r := range results {
		code = worse(code, exitOf(r, "check"))
	}
	fmt.Fprintf(st.stdout, "exit code %d\n", code)
	if code != exitOK && code != exitFailed {
		return &exitError{code: code}
	}
	return nil
}

// listen runs the example for some events.
func (st *stage) listen(ctx context.Context, docs documents) error {
	own := *st.setup
	own.stdout, own.output = lockedWriter{st}, "text"
	r := &runCommand{setup: &own, failOn: "check", jobs: 1, listening: listenFlags{events: demonstrated}}
	streams, jobs := r.streams(docs, nil)
	err := r.listen(ctx, streams, jobs, nil, nil)
	var e *exitError
	if errors.As(err, &e) && e.code == exitFailed {
		return nil
	}
	return err
}

// A lockedWriter prints a step's own output between those of stand-ins.
type lockedWriter struct{ st *stage }

func (w lockedWriter) Write(text []byte) (int, error) {
	w.st.mu.Lock()
	defer w.st.mu.Unlock()
	return w.st.stdout.Write(text)
}

func (st *stage) stopAsked() {
	for _, in := range st.asked {
		_ = in.server.Close() // nothing of it is needed any more
	}
}

func (st *stage) close() {
	st.stopAsked()
	for _, in := range st.told {
		_ = in.server.Close()
	}
}
