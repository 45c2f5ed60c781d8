package cmd

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"tocsin/engine"
	"tocsin/providers"
	"tocsin/providers/dial"
	"tocsin/workflows"
	"tocsin/workflows/source"
)

// A setup is what commands share: the process, the providers of this build, and the
// flags that say how workflows are read and where providers connect. It is the one
// place where everything meets.
type setup struct {
	process
	build    *providers.Registry // the providers that this program was made with
	registry *providers.Registry // and the one about itself
	memory   *memory

	providersFile string
	actionsFile   string
	storeFile     string
	server        string // to ask; "": the one that has the store
	compat        string
	sets          []string
	resolves      []string
	output        string
	verbose       bool
	notes         bool // what is less than a warning is wanted too
}

// readingFlags are for commands that read workflow files.
func (s *setup) readingFlags(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&s.providersFile, "providers", "", "file of provider configurations (default: providers.yaml beside the workflow, else in the working directory)")
	f.StringVar(&s.actionsFile, "actions", "", "file of shared actions, for use: (default: actions.yaml beside the workflow, else in the working directory)")
	f.StringVar(&s.compat, "compat", "", `"keep" brings back Keep's own answers where ours differ`)
	f.Var((*list)(&s.sets), "set", "change a value of the document: steps.NAME.with.KEY=VALUE (repeatable)")
}

// A list is a flag that can be given several times. pflag's own makes a CSV writer, four
// kilobytes each, to print a default that is empty.
type list []string

func (l *list) Set(text string) error { *l = append(*l, text); return nil }
func (l *list) String() string        { return "" }
func (l *list) Type() string          { return "stringArray" }

// outputFlag lets the caller choose the form of what goes to standard output.
func (s *setup) outputFlag(c *cobra.Command, forms ...string) {
	c.Flags().StringVarP(&s.output, "output", "o", forms[0], "form of the output: "+strings.Join(forms, ", "))
	_ = c.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(forms, cobra.ShellCompDirectiveNoFileComp))
	run := c.RunE
	c.RunE = func(c *cobra.Command, args []string) error {
		for _, form := range forms {
			if s.output == form {
				return run(c, args)
			}
		}
		return usage("the forms are "+strings.Join(forms, ", "), "unknown output form %q", s.output)
	}
}

// A document is one workflow file, read and compiled.
type document struct {
	name      string
	text      []byte
	file      *workflows.File
	pool      *providers.Pool
	programs  []*engine.Program
	guest     bool                       // it came by the API: its configurations do not read the environment
	shared    map[string]*workflows.Step // actions that came by the API, for it to use
	installed map[string]source.Value    // configurations that did, by id
	shares    *poolShare
}

// documents are the files that a command was given.
type documents struct {
	list     []*document
	problems source.Problems // of all, warnings included
}

// ReadFile gives the excerpts of problems their text: of what was read, standard
// input included, and of the provider configurations.
func (d documents) ReadFile(name string) ([]byte, error) {
	for _, doc := range d.list {
		if doc.name == name {
			return doc.text, nil
		}
	}
	return os.ReadFile(name)
}

// Open makes documents an fs.FS; whoever reads them uses ReadFile.
func (d documents) Open(name string) (fs.File, error) { return os.Open(name) }

// close closes what the documents' pools have opened.
func (d documents) close() error {
	var errs []error
	for _, doc := range d.list {
		if doc.pool != nil {
			errs = append(errs, doc.pool.Close())
		}
	}
	return errors.Join(errs...)
}

// add adds problems, those of shared files once.
func (d *documents) add(problems source.Problems) {
	for _, p := range problems {
		same := func(q source.Problem) bool { return p.Pos == q.Pos && p.Message == q.Message }
		if !slices.ContainsFunc(d.problems, same) {
			d.problems = append(d.problems, p)
		}
	}
}

// load reads and compiles the files and directories that paths name. The problems of
// all files are gathered; err is for what is not about a file's text.
func (s *setup) load(paths []string, required bool, stdout io.Writer) (documents, error) {
	files, err := s.find(paths)
	if err != nil {
		return documents{}, err
	}
	settings, err := parseSettings(s.sets)
	if err != nil {
		return documents{}, err
	}
	env, err := s.env(stdout)
	if err != nil {
		return documents{}, err
	}
	if s.compat != "" && s.compat != "keep" {
		return documents{}, usage(`leave it out, or say "keep"`, "unknown compatibility %q", s.compat)
	}
	var docs documents
	for _, f := range files {
		text, err := s.read(f)
		if err != nil {
			return docs, err
		}
		docs.list = append(docs.list, &document{name: f, text: text})
	}
	share, err := distribute(settings, docs.list)
	if err != nil {
		return docs, err
	}
	problems := make([]source.Problems, len(docs.list))
	for i, d := range docs.list {
		if problems[i], err = s.compile(d, share[i], env, required); err != nil {
			break
		}
	}
	between := s.between(docs)
	for i, d := range docs.list {
		docs.add(s.review(d, append(problems[i], between[d.name]...)))
	}
	return docs, err
}

// distribute gives each document the settings whose path it has. One that no document
// has is a mistake; with a single document, its reader says so.
func distribute(settings []workflows.Setting, docs []*document) ([][]workflows.Setting, error) {
	share := make([][]workflows.Setting, len(docs))
	if len(docs) == 1 {
		share[0] = settings
		return share, nil
	}
	for _, set := range settings {
		found := false
		for i, d := range docs {
			if set.In(d.name, d.text) {
				share[i], found = append(share[i], set), true
			}
		}
		if !found {
			return nil, usage(`a path is steps.NAME.with.KEY, or WORKFLOW.steps.NAME.with.KEY for one of several`, "--set %s: no file has it", set.Path)
		}
	}
	return share, nil
}

// compile turns the text of d into programs. The problems are those of the text and
// of the provider configurations that it uses. A text with mistakes is compiled as far
// as it could be read, so that all of them are said at once.
func (s *setup) compile(d *document, settings []workflows.Setting, env providers.Env, required bool) (source.Problems, error) {
	file, mistakes := workflows.Parse(d.name, d.text, settings...)
	if _, fatal := asProblems(mistakes); fatal != nil {
		return nil, fatal
	}
	d.file = file
	more, err := s.link(d, env, required)
	if mistakes != nil { // what the text lacks was said already, as was what is wrong there
		more = slices.DeleteFunc(more, func(p source.Problem) bool {
			return p.Code == source.MissingKey || slices.ContainsFunc(file.Problems, func(q source.Problem) bool {
				return p.Code == q.Code && p.Pos.File == q.Pos.File && p.Pos.Line == q.Pos.Line && p.Code != source.UnknownKey
			})
		})
	}
	return append(file.Problems, more...), err
}

// link makes the pool of d and compiles its workflows against it.
func (s *setup) link(d *document, env providers.Env, required bool) (source.Problems, error) {
	pool, problems, err := d.shares.pool(s, d, env)
	if err != nil {
		return problems, err
	}
	d.pool = pool
	actions, more, err := s.actions(d.name)
	problems = append(problems, more...)
	if err != nil {
		return problems, err
	}
	for name, a := range d.shared {
		if actions == nil {
			actions = map[string]*workflows.Step{}
		}
		if actions[name] == nil {
			actions[name] = a
		}
	}
	lib := engine.Library{
		Providers: s.registry, Functions: engine.Functions(), Actions: actions, Compat: s.compat,
		Configured: pool.Defined, Required: required, Secret: s.secretKnown, Shared: d.shares.common(),
	}
	if d.guest { // its secrets may come later than it does, and of those of others it is told nothing
		lib.Secret = nil
	}
	for _, w := range d.file.Workflows {
		p, warnings, err := engine.Compile(w, lib)
		ps, fatal := asProblems(err)
		if fatal != nil {
			return problems, fatal
		}
		problems = append(append(problems, warnings...), ps...)
		if p != nil {
			d.programs = append(d.programs, p)
		}
	}
	return problems, nil
}

// asProblems tells the problems of a document from an error of another kind.
func asProblems(err error) (source.Problems, error) {
	var ps source.Problems
	if err == nil || errors.As(err, &ps) {
		return ps, nil
	}
	return nil, err
}

// pool gathers the configurations for d, later ones winning: those of the providers
// file, its own, and those of the environment (spec §7.8).
func (s *setup) pool(d *document, env providers.Env) (*providers.Pool, source.Problems, error) {
	pool := providers.NewPool(s.registry, env)
	file, err := s.providersDocument(d.name)
	if err != nil {
		ps, fatal := asProblems(err)
		return pool, ps, fatal
	}
	if !d.guest {
		file = withOwn(file, d.file.Providers)
	}
	gathered := providers.Sources{File: file, Environ: s.environ, Read: s.read}.Gather()
	for name, c := range gathered.Configs {
		pool.Configure(name, c)
	}
	pool.AddSecrets(gathered.Secrets...)
	if d.guest {
		d.add(pool)
		own := providers.Sources{File: withOwn(source.Value{}, d.file.Providers)}.Gather()
		for name, c := range own.Configs {
			pool.Configure(name, c)
		}
		gathered.Problems = append(gathered.Problems, own.Problems...)
	}
	return pool, gathered.Problems, nil
}

// withOwn is a providers file with the configurations of a workflow file after its own.
func withOwn(file source.Value, own []workflows.Connection) source.Value {
	if len(own) == 0 {
		return file
	}
	entries, ok := file.Data.(source.Map)
	if !ok && file.Data != nil {
		return file // not a mapping, which is said where it is read
	}
	entries = slices.Clone(entries)
	for _, c := range own {
		entries = append(entries, source.Entry{Key: c.Name, Pos: c.Pos, Value: c.Config})
	}
	return source.Value{Pos: file.Pos, Data: entries}
}

// providersDocument is the file of provider configurations for a workflow file: what
// --providers, TOCSIN_PROVIDERS_FILE or KEEP_PROVIDERS_FILE says, else providers.yaml
// beside the workflow, else in the working directory. None is no error unless it was
// asked for.
func (s *setup) providersDocument(workflow string) (source.Value, error) {
	name, text, err := s.providersText(workflow)
	if name == "" || err != nil {
		return source.Value{}, err
	}
	return source.Parse(name, text)
}

func (s *setup) providersText(workflow string) (name string, text []byte, err error) {
	return s.beside(workflow, "providers.yaml", s.providersFile, s.getenv("TOCSIN_PROVIDERS_FILE"), s.getenv("KEEP_PROVIDERS_FILE"))
}

// beside reads the first of the named files that is named at all, else the one of the
// given name beside the workflow, else that in the working directory. The name is ""
// where there is none.
func (s *setup) beside(workflow, base string, named ...string) (name string, text []byte, err error) {
	for _, name := range named {
		if name != "" {
			text, err := s.read(name)
			return name, text, err
		}
	}
	for _, name := range []string{filepath.Join(filepath.Dir(workflow), base), base} {
		text, err := os.ReadFile(name)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			return name, nil, broken(err)
		}
		return name, text, nil
	}
	return "", nil, nil
}

// actions are the shared actions that the workflows of a file may use, by the name
// they are used by (spec §1.6): those of --actions, TOCSIN_ACTIONS_FILE or
// KEEP_ACTIONS_FILE, else of actions.yaml. Those of the file itself win.
func (s *setup) actions(workflow string) (map[string]*workflows.Step, source.Problems, error) {
	name, text, err := s.beside(workflow, "actions.yaml", s.actionsFile, s.getenv("TOCSIN_ACTIONS_FILE"), s.getenv("KEEP_ACTIONS_FILE"))
	if name == "" || err != nil {
		return nil, nil, err
	}
	file, mistakes := workflows.Parse(name, text)
	if _, fatal := asProblems(mistakes); fatal != nil {
		return nil, nil, fatal
	}
	actions := make(map[string]*workflows.Step, len(file.Actions))
	for _, a := range file.Actions {
		actions[a.ActionKey()] = a
	}
	return actions, file.Problems, nil
}

// env is what providers get from outside.
func (s *setup) env(stdout io.Writer) (providers.Env, error) {
	d := &dial.Dialer{}
	for _, spec := range s.resolves {
		hostport, address, err := dial.ParseResolve(spec)
		if err != nil {
			return providers.Env{}, usage("write it as curl does: --resolve example.com:443:127.0.0.1", "--resolve %s: %v", spec, err)
		}
		if d.Resolve == nil {
			d.Resolve = map[string]string{}
		}
		d.Resolve[hostport] = address
	}
	return providers.Env{Dialer: d, Log: s.log(), Stdout: stdout}, nil
}

// log writes for whoever operates the program, on standard error.
func (s *setup) log() *slog.Logger {
	level := slog.LevelWarn
	if s.verbose {
		level = slog.LevelDebug
	}
	return slog.New(slog.NewTextHandler(s.stderr, &slog.HandlerOptions{Level: level}))
}

// maxFile is how much of a file is read: more than any workflow may have, so that the
// refusal can come from the one who knows the limit.
const maxFile = 1 << 20

// read is the text of a file; "-" is standard input.
func (s *setup) read(name string) ([]byte, error) {
	if name == "-" {
		text, err := io.ReadAll(io.LimitReader(s.stdin, maxFile))
		if err != nil {
			return nil, broken(fmt.Errorf("standard input: %w", err))
		}
		return text, nil
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, usage("", "%v", err)
	}
	defer f.Close()
	if st, err := f.Stat(); err != nil || !st.Mode().IsRegular() {
		return nil, usage("give a file or a directory of .yaml files", "%s is not a file", name)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxFile))
	if err != nil {
		return nil, broken(err)
	}
	return text, nil
}

// find lists the workflow files that paths name: files as they are, directories by
// what lies in them and below, in the order of names. Files of provider
// configurations and hidden ones are passed over.
func (s *setup) find(paths []string) ([]string, error) {
	var files []string
	for _, path := range paths {
		st, err := os.Stat(path)
		switch {
		case path == "-":
			files = append(files, path)
		case err != nil:
			return nil, usage(`"tocsin examples" lists workflows to start from`, "no file %s", path)
		case !st.IsDir():
			files = append(files, path)
		default:
			found, err := findIn(path)
			if err != nil {
				return nil, err
			}
			files = append(files, found...)
		}
	}
	return files, nil
}

func findIn(dir string) ([]string, error) {
	var found []string
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		switch name := e.Name(); {
		case err != nil:
			return err
		case path != dir && strings.HasPrefix(name, "."):
			if e.IsDir() {
				return filepath.SkipDir
			}
		case e.IsDir() || name == "providers.yaml" || name == "actions.yaml":
		case strings.HasSuffix(name, ".yaml") || strings.HasSuffix(name, ".yml"):
			found = append(found, path)
		}
		return nil
	})
	if err != nil {
		return nil, broken(err)
	}
	if len(found) == 0 {
		return nil, &exitError{code: exitUsage, err: fmt.Errorf("no workflows in %s", dir), hints: []string{
			"files end in .yaml or .yml", `"tocsin examples" lists workflows to start from`,
		}}
	}
	slices.Sort(found)
	return found, nil
}

// parseSettings reads --set flags. A value is read as YAML reads it: 5 is a number,
// true a boolean, [a, b] a list; what is not YAML is text.
func parseSettings(sets []string) ([]workflows.Setting, error) {
	var settings []workflows.Setting
	for _, set := range sets {
		path, text, ok := strings.Cut(set, "=")
		if !ok || path == "" {
			return nil, usage("write --set steps.NAME.with.KEY=VALUE", "--set %s has no value", set)
		}
		settings = append(settings, workflows.Setting{Path: path, Value: parseScalar(text)})
	}
	return settings, nil
}

func parseScalar(text string) any {
	if v, ok := source.Scalar(text); ok {
		return v
	}
	v, err := source.Parse("--set", []byte(text))
	if err != nil || text == "" {
		return text
	}
	return v.Plain()
}

// secret is what {{ secrets.NAME }} reads: TOCSIN_SECRET_NAME of the environment.
func (s *setup) secret(name string) (string, bool) {
	v := s.getenv(secretVariable(name))
	return v, v != ""
}

func (s *setup) secretKnown(name string) (ok bool, hint string) {
	_, ok = s.secret(name)
	return ok, "export " + secretVariable(name)
}

func secretVariable(name string) string {
	return "TOCSIN_SECRET_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
}

// runner is ready to run a program of d once: it knows what was before.
func (s *setup) runner(d *document) engine.Runner {
	runner := engine.Runner{Pool: d.pool, Log: s.log(), Getenv: s.getenv, Secret: s.secret}
	s.memory.remember(&runner, engine.Input{})
	return runner
}
