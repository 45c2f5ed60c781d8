package cmd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"tocsin/engine"
	"tocsin/providers"
	"tocsin/templating/value"
	"tocsin/workflows/source"
)

// A wsCommand is "tocsin ws" and its flags.
type wsCommand struct {
	*setup
	provider *providers.Provider // that talks; nil: this build has none
	options  []given             // of the provider, as they were given

	config  string   // name of a configuration, whose settings count where no option does
	form    string   // frames, data or json
	json    bool     // a shorter way to say so
	sends   []string // messages to send first
	headers []string
	wait    string
	count   int
	timing  bool
	save    string
	force   bool
	listening
}

// given is an option of the provider with its value.
type given struct {
	option providers.Option
	text   string
}

func newWSCommand(s *setup) *cobra.Command {
	w := &wsCommand{setup: s, provider: s.talker()}
	c := &cobra.Command{
		Use:   "ws URL",
		Short: "Talk to a websocket server, or be one that shows what clients say",
		Long: `Ws opens a websocket and shows what goes over it. On a terminal each line that you type is a
message; /help lists commands such as /ping and /close. Otherwise each line of standard input is
one, and the connection is closed when it has ended and nothing came for a while (--wait).

Every parameter of the provider is an option of the same name; - does for _ too, and a dot
leads into a block, which it enables: --tls.skip_cert_verify. --config takes those of a provider
configuration where no option says otherwise, as "config:" in a workflow does. --listen is the other side: a
server that echoes what clients send and shows it.

Ends with 0 if all went well, 1 if --fail_if holds, 2 for wrong usage, 3 if the connection could
not be had or was lost, 4 if time was up, 130 if interrupted. --json has a line for each event:
  time, event   "open", "frame" or "end"
  direction     of a frame: "sent" or "received"
  kind, size    text, binary, ping, pong or close, and its bytes
  data          its content; encoding is "utf8" or "base64"
  parsed        with --data_format: what it says
  round_ms      of a pong: since the ping
  code, reason  of a close frame
  url, status, headers, subprotocol, remote_addr, tls, ...   of open and end, as results have them`,
		Example: `  tocsin ws wss://echo.example.com
  tocsin ws ws://127.0.0.1:8080 --send hello --count 1 --timing
  echo hello | tocsin ws ws://127.0.0.1:8080 --json
  tocsin ws ws://127.0.0.1:8080 --send hello --count 1 --save check.yaml
  tocsin ws --config feed-prod --send ping
  tocsin ws --listen 127.0.0.1:8080`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return w.run(c.Context(), args) },
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return []string{"ws://", "wss://"}, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
		},
	}
	w.flags(c)
	return c
}

// talker is the provider that one can talk over, nil if there is none.
func (s *setup) talker() *providers.Provider {
	for _, p := range s.registry.All() {
		if p.Converse != nil && p.Mirror != nil {
			return p
		}
	}
	return nil
}

func (w *wsCommand) run(ctx context.Context, args []string) error {
	if w.heed != nil {
		w.heed()
	}
	if err := w.check(args); err != nil {
		return err
	}
	if w.address != "" {
		return w.serve(ctx)
	}
	with, err := w.with(args)
	if err != nil {
		return err
	}
	return w.talk(ctx, with)
}

func (w *wsCommand) check(args []string) error {
	if w.json {
		w.form = "json"
	}
	switch {
	case w.provider == nil:
		return usage("", "this build has no provider to talk with")
	case w.form != "" && w.form != "frames" && w.form != "data" && w.form != "json":
		return usage("the forms are frames, data, json", "unknown output form %q", w.form)
	case w.address != "" && (len(args)+len(w.options)+len(w.sends) > 0 || w.config != ""):
		return usage("leave out the address, or --listen", "--listen is a server: it connects nowhere and sends nothing of its own")
	case w.address != "" && (w.save != "" || w.timing):
		return usage("use them with an address", "--save and --timing are for connecting")
	case w.address == "" && (w.certificate != "" || w.key != "" || w.silent || w.close != ""):
		return usage("a client's certificate is --tls.client_certs, and /close ends a conversation", "--cert, --key, --silent and --close are for --listen")
	case w.count < 0:
		return usage("leave it out for any number", "--count %d: it has to be positive", w.count)
	}
	if w.form == "" {
		if w.form = "frames"; w.address == "" && !isTerminal(w.stdout) {
			w.form = "data"
		}
	}
	if w.save != "" && !w.force {
		if _, err := os.Lstat(w.save); err == nil {
			return usage("name another file, or overwrite it with --force", "%s exists", w.save)
		}
	}
	return nil
}

// with are the parameters of the conversation.
func (w *wsCommand) with(args []string) (*value.Map, error) {
	with := value.NewMap(8)
	for _, g := range w.options {
		if err := g.option.Put(with, g.text); err != nil {
			return nil, usage(g.option.Doc, "--%s: %v", g.option.Name, err)
		}
	}
	if len(args) == 1 {
		address := args[0]
		if !strings.Contains(address, "://") {
			address = "ws://" + address
		}
		if _, has := with.Get("url"); has {
			return nil, usage("give the address once", "--url and an address")
		}
		with.Set("url", address)
	}
	if len(w.headers) > 0 {
		headers := providers.Option{}
		for _, o := range w.provider.Converse.Options() {
			if o.Name == "headers" {
				headers = o
			}
		}
		for _, line := range w.headers {
			name, _, ok := strings.Cut(line, ":")
			if !ok || strings.TrimSpace(name) == "" {
				return nil, usage("write -H 'Name: value'", "a header without a name or without a colon")
			}
			if err := headers.Put(with, line); err != nil {
				return nil, usage("write -H 'Name: value'", "%v", err)
			}
		}
	}
	if w.count > 0 {
		with.Set("min_messages", int64(w.count))
	}
	_, url := with.Get("url")
	_, other := with.Get("socket_url")
	if !url && !other && w.config == "" {
		return nil, usage(`"tocsin ws --help" has examples`, "there is no address to connect to")
	}
	return with, nil
}

// bound is with as the provider gets it: checked, its expressions read.
func (w *wsCommand) bound(with *value.Map) (source.Value, error) {
	params := w.provider.Converse.Params
	v := source.Of(with)
	for _, p := range params.Check(v, w.provider.Type, nil) {
		if !p.Warning {
			return v, usage(p.Hint, "%s", p.Message)
		}
	}
	v, err := engine.Expressions(params, v)
	if err != nil {
		return v, usage("", "%v", err)
	}
	return v, nil
}

// quiet is how long nothing may come behind the last line; negative: for ever.
func (w *wsCommand) quiet(with *value.Map) (time.Duration, error) {
	if w.wait == "-1" {
		return -1, nil
	}
	if w.wait != "" {
		if d, err := time.ParseDuration(w.wait); err == nil && d >= 0 {
			return d, nil
		}
		if d, err := time.ParseDuration(w.wait + "s"); err == nil && d >= 0 {
			return d, nil
		}
		return 0, usage("write it as 2s or 500ms; -1 is for ever", "--wait %s is no time", w.wait)
	}
	for _, name := range []string{"min_messages", "wait_for", "wait_for_regex", "wait_for_contains", "expect_close"} {
		if _, needed := with.Get(name); needed {
			return 10 * time.Second, nil
		}
	}
	if receive, _ := with.Get("receive"); receive == "none" {
		return 0, nil
	}
	return 2 * time.Second, nil
}

// talk opens the connection and talks over it.
func (w *wsCommand) talk(ctx context.Context, with *value.Map) error {
	bound, err := w.bound(with)
	if err != nil {
		return err
	}
	quiet, err := w.quiet(with)
	if err != nil {
		return err
	}
	pool, err := w.configured()
	if err != nil {
		return err
	}
	defer pool.Close()
	pool.AddSecrets(w.provider.Converse.Secrets(bound)...)
	client, err := pool.Client(ctx, w.provider.Type, w.config)
	if err != nil {
		return refusal(ctx, pool, err)
	}
	ctx, interrupt := context.WithCancelCause(ctx)
	defer interrupt(nil)
	desk := &desk{wsCommand: w, mask: pool.Mask, say: make(chan providers.Frame), interrupt: interrupt, opened: make(chan struct{}), over: make(chan struct{})}
	desk.out = &shower{w: w.stdout, style: w.style(w.stdout).Color, form: w.form, mask: pool.Mask, terminal: isTerminal(w.stdout)}
	desk.prepare(with, quiet)
	result, err := client.Converse(ctx, bound, providers.Talk{See: desk.see, Say: desk.say, Quiet: desk.quiet, Refuse: desk.refuse})
	close(desk.over)
	desk.leave()
	if err != nil {
		return refusal(ctx, pool, err)
	}
	return desk.end(ctx, with, result)
}

// configured is a pool with the configuration that --config names, if it does.
func (w *wsCommand) configured() (*providers.Pool, error) {
	if w.config == "" {
		env, err := w.env(w.stdout)
		if err != nil {
			return nil, err
		}
		return providers.NewPool(w.registry, env), nil
	}
	pool, err := w.configurations()
	if err != nil {
		return nil, err
	}
	described, ok := pool.Describe(w.config)
	if !ok {
		return nil, errors.Join(undefined(pool, w.config), pool.Close())
	}
	if typ, _ := at(described, "type"); typ != nil && typ != w.provider.Type {
		return nil, errors.Join(usage("", "the configuration %q is for %v, not for %s", w.config, typ, w.provider.Type), pool.Close())
	}
	return pool, nil
}

// refusal is why a conversation was not begun: because of its parameters, which the hint
// about the help is for.
func refusal(ctx context.Context, pool *providers.Pool, err error) error {
	if ctx.Err() != nil {
		return &exitError{code: exitInterrupted}
	}
	if wrapped, ok := errors.AsType[*providers.Error](err); ok {
		err = wrapped.Err
	}
	return usage("", "%s", clean(pool.Mask(err.Error())))
}

// reason is the error that a result tells of, as a code of the exit.
func (d *desk) reason(ctx context.Context, result any) error {
	text, _ := at(result, "error", "message")
	if text == nil {
		return nil
	}
	code, _ := at(result, "error", "code")
	name, _ := code.(string)
	e := &exitError{code: exitBroken, err: errors.New(clean(d.mask(fmt.Sprint(text))))}
	switch {
	case name == "cancelled" || ctx.Err() != nil:
		e.code, e.err = exitInterrupted, nil
		if terminated(ctx) {
			return nil
		}
	case name == "config_invalid":
		e.code = exitUsage
	case name == "assertion_failed":
		e.code = exitFailed
	case strings.HasSuffix(name, "_timeout"):
		e.code = exitTimeout
	case name == "tls_unknown_authority":
		e.hints = []string{"trust it with --tls.root_cas_file FILE, or do without a check: --tls.skip_cert_verify"}
	}
	return e
}

// isTerminal says that what is written there is seen by a person at once.
func isTerminal(v any) bool {
	f, ok := v.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
