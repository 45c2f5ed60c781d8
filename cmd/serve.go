package cmd

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/spf13/cobra"

	"tocsin/engine"
	"tocsin/engine/delivery"
	"tocsin/engine/episode"
	"tocsin/engine/schedule"
	"tocsin/engine/server"
	"tocsin/engine/store"
	"tocsin/providers"
	"tocsin/providers/dial"
	"tocsin/providers/keep"
	"tocsin/workflows/source"
)

// A serveCommand keeps workflows running.
type serveCommand struct {
	*setup
	allowExec bool
	drain     time.Duration
	logFormat string
	logLevel  string
	listen    server.Listen
	granted   []string
	otlp      string

	beatURL      string
	beatEvery    time.Duration
	fallback     string
	fallbackWith []string
}

func newServeCommand(s *setup) *cobra.Command {
	sc := &serveCommand{setup: s}
	c := &cobra.Command{
		Use:   "serve [FOLDER...]",
		Short: "Keep the workflows of folders running: by the clock, and for what comes in",
		Long: `Serve runs the workflows of folders when their triggers say so: at intervals, by cron, for
messages of websockets. Folders are watched: a file that changes is read again, as all are on
SIGHUP, and one that is wrong keeps what it was before. Without FOLDER it is what
TOCSIN_WORKFLOWS names, else KEEP_WORKFLOWS_DIRECTORY, else "workflows". Workflows to begin with, which
Keep's pages show, are those of the folder KEEP_WORKFLOWS_PATH, else those that ship ("tocsin examples").

What happens is remembered in one file (--store), and a run that was cut off goes on where it
stopped. An alert: document tells once that it fires and once that it is over ("tocsin explain
notify"), and a message that cannot be sent is sent later; one that is dead is an alert, and
--fallback is told. Alerts of other systems, and those who operate the program, come by HTTP
(--listen): Keep's paths, /api/v1, /metrics, /healthz. SIGTERM and SIGINT let runs end; a second
one does not wait for them.

While all is well --heartbeat-url is called, so that its owner notices when it is not. With
--otlp-endpoint, or OpenTelemetry's variables (OTEL_EXPORTER_OTLP_ENDPOINT), runs are traces.`,
		Example: `  tocsin serve workflows
  tocsin serve workflows --store /var/lib/tocsin/tocsin.db
  TOCSIN_HEARTBEAT_URL=https://hc-ping.com/your-uuid tocsin serve workflows --fallback slack-ops
  curl -s http://127.0.0.1:8080/api/v1/runs`,
		RunE: func(c *cobra.Command, args []string) error { return sc.run(c.Context(), args) },
	}
	f := c.Flags()
	s.storeFlag(c)
	f.StringVar(&s.providersFile, "providers", "", "file of provider configurations (default: providers.yaml beside the workflow, else in the working directory)")
	f.StringVar(&s.actionsFile, "actions", "", "file of shared actions, for use: (default: actions.yaml beside the workflow, else in the working directory)")
	f.StringVar(&s.compat, "compat", "", `"keep" brings back Keep's own answers where ours differ`)
	f.Var((*list)(&s.resolves), "resolve", "address for a host, as in curl: HOST:PORT:ADDRESS (repeatable)")
	f.BoolVar(&sc.allowExec, "allow-exec", false, "let workflows of the folders run commands and code of their authors")
	f.DurationVar(&sc.drain, "drain", 25*time.Second, "time for runs to end when the program is told to stop")
	f.StringVar(&sc.listen.Address, "listen", "127.0.0.1:8080", "HOST:PORT to answer HTTP at; beyond this machine it takes a key, and TLS or a proxy")
	f.StringVar(&sc.listen.Cert, "tls-cert", "", "file of the certificate for HTTPS")
	f.StringVar(&sc.listen.Key, "tls-key", "", "file of its key")
	f.BoolVar(&sc.listen.BehindProxy, "behind-proxy", false, "a proxy in front ends TLS, and says in X-Forwarded-For who asks")
	f.Var((*list)(&sc.listen.Hosts), "host", "name that requests may be for, besides its own (repeatable)")
	f.Var((*list)(&sc.granted), "grant", "let workflows of the API have this of the machine: file=FOLDER, whose files they may name, or secret=NAME, of TOCSIN_SECRET_NAME (repeatable)")
	f.StringVar(&sc.otlp, "otlp-endpoint", "", "URL of an OpenTelemetry collector that takes OTLP over HTTP, for traces of runs (default: as OTEL_EXPORTER_OTLP_ENDPOINT says; else there are none)")
	f.StringVar(&sc.beatURL, "heartbeat-url", "", "URL to call every so often while all is well, so that somebody else notices when it is not (default: TOCSIN_HEARTBEAT_URL)")
	f.DurationVar(&sc.beatEvery, "heartbeat-every", time.Minute, "how often")
	f.StringVar(&sc.fallback, "fallback", "", "NAME of a provider configuration that is told when messages to others are dead (default: TOCSIN_FALLBACK)")
	f.Var((*list)(&sc.fallbackWith), "fallback-with", "a parameter of that message besides its text: KEY=VALUE (repeatable)")
	f.StringVar(&sc.logFormat, "log-format", "text", "form of the log on standard error: text, json")
	f.StringVar(&sc.logLevel, "log-level", "info", "what is logged: debug, info, warn, error")
	return c
}

// run serves until the program is told to stop.
func (c *serveCommand) run(ctx context.Context, args []string) (err error) {
	if c.heed != nil {
		c.heed()
	}
	log, err := c.logger()
	if err != nil {
		return err
	}
	dirs, err := c.folders(args)
	if err != nil {
		return err
	}
	st, err := c.openStore(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	f, err := c.newFleet(ctx, st, log, dirs)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.close()) }()
	// Those of the API first: alerts of workflows that are not there are given up.
	if err := f.api.LoadWorkflows(ctx); err != nil {
		return broken(err)
	}
	if err := f.reload(ctx); err != nil {
		return broken(err)
	}
	log.Info("serving", "workflows", len(f.catalog.Items()), "folders", dirs, "store", c.storePath())
	return f.serve(ctx)
}

// folders are those with the workflows.
func (c *serveCommand) folders(args []string) ([]string, error) {
	for _, name := range []string{c.getenv("TOCSIN_WORKFLOWS"), c.getenv("KEEP_WORKFLOWS_DIRECTORY"), "workflows"} {
		if len(args) == 0 && name != "" {
			args = []string{name}
		}
	}
	for _, dir := range args {
		st, err := os.Stat(dir)
		switch {
		case err != nil:
			return nil, usage(`"tocsin examples" lists workflows to start from`, "no folder %s", dir)
		case !st.IsDir():
			return nil, usage("give the folder that it is in", "%s is not a folder", dir)
		}
	}
	return args, nil
}

// logger writes for whoever operates the program, on standard error.
func (c *serveCommand) logger() (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.logLevel)); err != nil {
		return nil, usage("the levels are debug, info, warn, error", "unknown log level %q", c.logLevel)
	}
	options := &slog.HandlerOptions{Level: level}
	switch c.logFormat {
	case "text":
		return slog.New(slog.NewTextHandler(c.stderr, options)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(c.stderr, options)), nil
	}
	return nil, usage("the forms are text, json", "unknown log format %q", c.logFormat)
}

// A fleet is all that runs in "tocsin serve".
type fleet struct {
	*serveCommand
	log       *slog.Logger
	env       providers.Env
	grants    grants
	public    *dial.Dialer // of workflows that came by the API
	store     *store.Store
	catalog   *schedule.Catalog
	folder    *schedule.Folders
	queue     *schedule.Local
	scheduler *schedule.Scheduler
	worker    *schedule.Worker
	book      *episode.Book
	lane      *delivery.Lane
	traces    *tracing
	beat      *heartbeat      // nil: nobody is told
	ownPool   *providers.Pool // of the fallback; nil: there is none
	api       *server.Server
	tries     sync.WaitGroup  // runs of workflows that are not kept
	ends      context.Context // when they are to end

	mu    sync.Mutex
	pools poolShare
	docs  map[*engine.Program]*document // what each program of the catalog, or of one before, is of
	said  map[string]string             // by file: the version whose problems were said
}

// retired is how long the providers of a file that changed stay open, for the runs that
// have begun with them.
const retired = 15 * time.Minute

func (c *serveCommand) newFleet(ctx context.Context, st *store.Store, log *slog.Logger, dirs []string) (*fleet, error) {
	env, err := c.env(c.stdout)
	if err != nil {
		return nil, err
	}
	env.Log = log
	if _, own := c.build.Lookup("keep"); !own {
		c.registry = c.build.With(keep.Provider(st, nil))
	}
	given, err := parseGrants(c.granted)
	if err != nil {
		return nil, err
	}
	f := &fleet{serveCommand: c, log: log, env: env, grants: given, store: st, queue: &schedule.Local{}, docs: map[*engine.Program]*document{}}
	if f.traces, err = c.tracing(env.Dialer, log, c.otlp); err != nil {
		return nil, err
	}
	metrics := server.NewMetrics(version().Version)
	f.env.Meter = metrics
	recorder := f.traces.recorder(metrics.Recorder(st))
	public := *env.Dialer
	public.Public = true
	f.public = &public
	f.catalog = &schedule.Catalog{Compile: f.compile, Executes: c.allowExec}
	f.folder = &schedule.Folders{Catalog: f.catalog, Dirs: dirs, Setting: f.setting, Log: log}
	f.scheduler = &schedule.Scheduler{Catalog: f.catalog, Queue: f.queue, Recorder: recorder, Runner: f.runner, Log: log}
	f.worker = &schedule.Worker{
		Catalog: f.catalog, Queue: f.queue, Recorder: recorder, Runner: f.runner, Refresh: f.refresh, Began: metrics.Began,
		Drain: c.drain, Log: log,
	}
	if err := f.remember(ctx); err != nil {
		return nil, broken(err)
	}
	c.listen.Socket = c.socketPath()
	senders, err := c.checks()
	if err != nil {
		return nil, err
	}
	c.listen.Bound = func(net.Addr) { f.notify(daemon.SdNotifyReady) }
	f.api = &server.Server{
		Store: st, Scheduler: f.scheduler, Worker: f.worker, Lane: f.lane, Book: f.book, Registry: c.registry, Listen: c.listen,
		Version: version().Version, Metrics: metrics, Reload: f.reload, Providers: f.configured, Try: f.try, Replay: f.replay, Seal: f.lane.Key.Seal,
		Fetch: newFetcher(f.public).get, Actions: f.shared, Vet: f.vet, Taken: f.taken, Checks: senders, Templates: f.templates(), Log: log,
	}
	if f.beat, err = f.newHeartbeat(); err != nil {
		return nil, err
	}
	return f, f.tellsOf(metrics)
}

// remember makes what knows of alerts and of messages on their way what it was when the
// program ended.
func (f *fleet) remember(ctx context.Context) error {
	records, silences, err := f.store.Episodes(ctx)
	if err != nil {
		return err
	}
	f.book = &episode.Book{Store: f.store, Deferred: true}
	f.book.Load(records, silences)
	key, err := delivery.OpenKey(filepath.Join(filepath.Dir(f.storePath()), "tocsin.key"))
	if err != nil {
		return err
	}
	f.lane = &delivery.Lane{Store: f.store, Pool: f.clients, Key: key, Log: f.log}
	f.lane.Remember(f.book)
	return nil
}

// compile makes programs of a text. One that came by the API has little of the machine:
// see grants.
func (f *fleet) compile(origin schedule.Origin, name string, text []byte) ([]*engine.Program, source.Problems, error) {
	d := &document{name: name, text: text}
	env := f.env
	if origin == schedule.FromAPI {
		d.guest, env = true, f.grants.guest(env, f.public)
		d.shared, d.installed = f.sharedActions(), f.installed()
	} else {
		d.shares = &f.pools
	}
	problems, err := f.setup.compile(d, nil, env, true)
	if d.guest && d.file != nil {
		problems = append(problems, f.grants.review(f.registry, d)...)
	}
	if err != nil {
		return nil, problems, err
	}
	problems = f.review(d, problems)
	d.text = nil // d.file has it
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, p := range d.programs {
		p.Workflow().Forget()
		f.docs[p] = d
	}
	return d.programs, problems, nil
}

// setting is what a file means besides its text: the configurations and actions that it
// may use.
func (f *fleet) setting(name string) string {
	var all []byte
	for _, base := range []struct{ name, given string }{{"providers.yaml", f.providersFile}, {"actions.yaml", f.actionsFile}} {
		_, text, err := f.beside(name, base.name, base.given, f.getenv("TOCSIN_"+envName(base.name)), f.getenv("KEEP_"+envName(base.name)))
		if err != nil {
			text = []byte(err.Error())
		}
		all = append(append(all, text...), 0)
	}
	return string(all)
}

// envName is the variable that names a shared file: PROVIDERS_FILE, ACTIONS_FILE.
func envName(base string) string {
	if base == "actions.yaml" {
		return "ACTIONS_FILE"
	}
	return "PROVIDERS_FILE"
}

// reload reads the folders.
func (f *fleet) reload(ctx context.Context) error {
	if err := f.folder.Reload(ctx); err != nil {
		return err
	}
	f.changed(ctx)
	return nil
}

// complain says what is wrong in files, once for each text.
func (f *fleet) complain(ctx context.Context) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := map[string]string{}
	for _, file := range f.catalog.Files() {
		now[file.Name] = file.Version
		if f.said[file.Name] == file.Version {
			continue
		}
		if file.Err != nil {
			f.log.Error("a file cannot be used", "file", file.Name, "error", file.Err)
		}
		for _, p := range file.Problems {
			level, runs := slog.LevelError, "nothing of it"
			if file.Good != "" {
				runs = "what it was before"
			}
			if p.Warning {
				level, runs = slog.LevelWarn, "all of it"
			}
			f.log.Log(ctx, level, p.Message, "place", p.Pos.String(), "hint", p.Hint, "code", p.Code, "runs", runs)
		}
	}
	f.said = now
}

// changed does what a catalog that is another asks for. Alerts of workflows that are gone
// are given up, but not while a file is wrong: it may be theirs.
func (f *fleet) changed(ctx context.Context) {
	f.complain(ctx)
	f.keepTexts(ctx)
	f.tidy()
	f.renewFallback()
	if slices.ContainsFunc(f.catalog.Files(), func(file schedule.File) bool { return file.Version != file.Good }) {
		return
	}
	over, err := f.book.Abandon(ctx, func(k episode.Key) bool {
		item, ok := f.catalog.Lookup(k.Workflow)
		return ok && item.Program.Remembers(k.Action)
	})
	switch {
	case err != nil:
		f.log.Error("forgetting alerts of workflows that are gone", "error", err)
	case over > 0:
		f.log.Warn("alerts are given up: no workflow tells of them any more", "alerts", over)
	}
}

// tidy lets go of the files that no workflow of the catalog is of any more, once the
// runs that began with them are over.
func (f *fleet) tidy() {
	current := map[*document]bool{}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, item := range f.catalog.Items() {
		if d := f.docs[item.Program]; d != nil {
			current[d] = true
		}
	}
	gone := map[*document]bool{}
	for p, d := range f.docs {
		if !current[d] {
			delete(f.docs, p)
			gone[d] = true
		}
	}
	for d := range gone {
		time.AfterFunc(retired, func() {
			if err := f.pools.close(d.pool); err != nil {
				f.log.Warn("closing the providers of a file that changed", "file", d.name, "error", err)
			}
		})
	}
}

// serve returns when all that it started is over.
func (f *fleet) serve(ctx context.Context) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	f.ends = ctx
	defer f.traces.start()()
	var all sync.WaitGroup
	errs := make(chan error, 16)
	for _, part := range []func(context.Context) error{
		f.thrift, f.scheduler.Run, f.worker.Run, f.lane.Run, f.api.Run, f.tend, f.follow, f.remind, f.supervised, f.heartbeat,
	} {
		all.Go(func() {
			if err := part(ctx); err != nil {
				errs <- err
				stop(err)
			}
		})
	}
	all.Wait()
	f.tries.Wait()
	close(errs)
	var list []error
	for err := range errs {
		list = append(list, err)
	}
	if err := errors.Join(list...); err != nil {
		return broken(err)
	}
	f.log.Info("stopped")
	return nil
}

// tend looks after the store.
func (f *fleet) tend(ctx context.Context) error {
	if err := f.store.Tend(ctx); ctx.Err() == nil {
		return err
	}
	return nil
}

// follow reloads when the folders change, and on SIGHUP.
func (f *fleet) follow(ctx context.Context) error {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGHUP)
	defer signal.Stop(signals)
	var watching sync.WaitGroup
	defer watching.Wait()
	watching.Go(func() { f.folder.Watch(ctx) })
	for {
		changed := f.catalog.Changed()
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
			f.changed(ctx)
		case <-signals:
			f.signaled(ctx)
		}
	}
}

// document is what the current program of a workflow is of; nil: there is none.
func (f *fleet) document(workflow string) *document {
	item, ok := f.catalog.Lookup(workflow)
	if !ok {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.docs[item.Program]
}

// pool has the providers of a workflow; nil: there is no such workflow any more.
func (f *fleet) pool(workflow string) *providers.Pool {
	if d := f.document(workflow); d != nil {
		return d.pool
	}
	return nil
}

// close closes the providers of all files.
func (f *fleet) close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	var errs []error
	if f.ownPool != nil {
		errs = append(errs, f.ownPool.Close())
	}
	closed := map[*providers.Pool]bool{}
	for _, d := range f.docs {
		if !closed[d.pool] {
			closed[d.pool] = true
			errs = append(errs, d.pool.Close())
		}
	}
	return errors.Join(errs...)
}
