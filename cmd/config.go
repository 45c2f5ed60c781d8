package cmd

import (
	"cmp"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"tocsin/providers"
	"tocsin/templating/value"
	"tocsin/workflows"
	"tocsin/workflows/source"
)

func newConfigCommand(s *setup) *cobra.Command {
	c := &cobra.Command{
		Use:     "config",
		Short:   "Show what \"serve\" would be set to, and where that is said",
		Example: "  tocsin config show --origin",
		Args:    cobra.NoArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newConfigShowCommand(s))
	return c
}

// A configShow is "tocsin config show".
type configShow struct {
	*setup
	origin bool
}

func newConfigShowCommand(s *setup) *cobra.Command {
	sh := &configShow{setup: s}
	serve := newServeCommand(s).Flags()
	c := &cobra.Command{
		Use:   "show [FOLDER...]",
		Short: "Show every setting of \"serve\", and the provider configurations that there are",
		Long: `Show takes the arguments of "tocsin serve" and says what each setting would be: of flags, of variables of
the environment, of files, else its default; with --origin also which of these. Then come the variables
that say something to the program, and the provider configurations that workflows of the folders may name,
each field with the file and line, or the variable, that it is of. Secrets are not shown.`,
		Example: `  tocsin config show --origin
  tocsin config show workflows --store /var/lib/tocsin/tocsin.db --origin --output json`,
		RunE: func(c *cobra.Command, args []string) error { return sh.run(serve, args) },
	}
	c.Flags().BoolVar(&sh.origin, "origin", false, "where each is said")
	c.Flags().AddFlagSet(serve)
	s.outputFlag(c, "text", "json")
	return c
}

// A shownSetting is one that is in force.
type shownSetting struct {
	Name   string `json:"name"`
	Value  string `json:"value"`
	Origin string `json:"origin,omitempty"`
}

// A shownProvider is a configuration of a provider.
type shownProvider struct {
	Name   string         `json:"name"`
	Type   string         `json:"type,omitempty"`
	Origin string         `json:"origin,omitempty"`
	Fields []shownSetting `json:"fields"`
}

// A shownConfig is all of it.
type shownConfig struct {
	Settings    []shownSetting  `json:"settings"`
	Environment []shownSetting  `json:"environment"`
	Providers   []shownProvider `json:"providers"`
}

func (sh *configShow) run(flags *pflag.FlagSet, args []string) error {
	folders, from := sh.workflowFolders(args)
	all := shownConfig{Settings: []shownSetting{{"FOLDER", strings.Join(folders, " "), from}}, Environment: sh.variables()}
	flags.VisitAll(func(f *pflag.Flag) { all.Settings = append(all.Settings, sh.setting(f)) })
	var err error
	if all.Providers, err = sh.providers(folders); err != nil {
		return err
	}
	if !sh.origin {
		all.forget()
	}
	if sh.output == "json" {
		return sh.json(all)
	}
	return sh.print(all)
}

// forget leaves out where settings are said.
func (c *shownConfig) forget() {
	for _, list := range [][]shownSetting{c.Settings, c.Environment} {
		for i := range list {
			list[i].Origin = ""
		}
	}
	for i := range c.Providers {
		c.Providers[i].Origin = ""
		for j := range c.Providers[i].Fields {
			c.Providers[i].Fields[j].Origin = ""
		}
	}
}

// workflowFolders are the folders that would be served.
func (sh *configShow) workflowFolders(args []string) (folders []string, origin string) {
	if len(args) > 0 {
		return args, "argument"
	}
	for _, name := range []string{"TOCSIN_WORKFLOWS", "KEEP_WORKFLOWS_DIRECTORY"} {
		if v := sh.getenv(name); v != "" {
			return []string{v}, "environment " + name
		}
	}
	return []string{"workflows"}, "default"
}

// variablesOf are the variables that say what a flag does not, the first that is set
// counts.
func variablesOf(flag string) []string {
	return map[string][]string{
		"store":         {"TOCSIN_DATA"},
		"providers":     {"TOCSIN_PROVIDERS_FILE", "KEEP_PROVIDERS_FILE"},
		"actions":       {"TOCSIN_ACTIONS_FILE", "KEEP_ACTIONS_FILE"},
		"otlp-endpoint": {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"},
		"heartbeat-url": {"TOCSIN_HEARTBEAT_URL"},
		"fallback":      {"TOCSIN_FALLBACK"},
	}[flag]
}

// setting is what a flag of serve comes to.
func (sh *configShow) setting(f *pflag.Flag) shownSetting {
	s := shownSetting{Name: f.Name, Value: f.Value.String(), Origin: "default"}
	if l, ok := f.Value.(*list); ok {
		s.Value = strings.Join(*l, " ")
	}
	if f.Changed {
		s.Origin = "flag --" + f.Name
	}
	for _, name := range variablesOf(f.Name) {
		if v := sh.getenv(name); v != "" && s.Origin == "default" {
			s.Value, s.Origin = v, "environment "+name
		}
	}
	if f.Name == "store" {
		s.Value = sh.storePath()
	}
	if base := map[string]string{"providers": "providers.yaml", "actions": "actions.yaml"}[f.Name]; s.Value == "" && base != "" {
		s.Value = base + ", beside each workflow or here"
	}
	s.Value = hidden(f.Name, s.Value)
	return s
}

// hidden is a value without what is nobody's business: an address may be a key itself.
func hidden(name, text string) string {
	name = strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
	secret := slices.ContainsFunc([]string{"SECRET", "KEY", "TOKEN", "PASSWORD", "HEADERS", "PROVIDER_", "TOCSIN_INGEST_"}, func(part string) bool {
		return strings.Contains(name, part)
	}) || strings.HasSuffix(name, "_PROVIDERS") && strings.HasPrefix(strings.TrimSpace(text), "{")
	if name == "TLS_KEY" || strings.HasSuffix(name, "_CLIENT_KEY") {
		secret = false // the name of a file
	}
	if u, err := url.Parse(text); !secret && err == nil && u.Host != "" && strings.Contains(name, "HEARTBEAT") {
		return u.Scheme + "://" + u.Host + "/" + redactedText
	}
	if secret && text != "" {
		return redactedText
	}
	return text
}

// redactedText stands for a secret, as providers.Secret prints.
const redactedText = "[redacted]"

// variables are those of the environment that say something to the program.
func (sh *configShow) variables() []shownSetting {
	list := []shownSetting{}
	for _, entry := range sh.environ {
		name, v, _ := strings.Cut(entry, "=")
		for _, prefix := range []string{"TOCSIN_", "KEEP_", "OTEL_"} {
			if strings.HasPrefix(name, prefix) {
				list = append(list, shownSetting{name, hidden(name, v), "environment"})
			}
		}
	}
	slices.SortFunc(list, func(a, b shownSetting) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// providers are the configurations that workflows of the folders may name: of the file of
// configurations beside them, their own, and the environment.
func (sh *configShow) providers(folders []string) ([]shownProvider, error) {
	list := []shownProvider{}
	files, err := sh.workflowFiles(folders)
	if err != nil {
		return nil, err
	}
	for _, file := range append(files, "-") {
		document, err := sh.providersDocument(file)
		if err != nil {
			return nil, err
		}
		if file != "-" {
			text, err := sh.read(file)
			if err != nil {
				return nil, err
			}
			if parsed, _ := workflows.Parse(file, text); parsed != nil { // what is wrong with it, validate says
				document = withOwn(document, parsed.Providers)
			}
		}
		for _, p := range sh.gathered(document) {
			if !slices.ContainsFunc(list, func(q shownProvider) bool { return q.Name == p.Name && q.Origin == p.Origin }) {
				list = append(list, p)
			}
		}
	}
	slices.SortStableFunc(list, func(a, b shownProvider) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.Origin, b.Origin))
	})
	return list, nil
}

// workflowFiles are those of the folders that are there.
func (sh *configShow) workflowFiles(folders []string) ([]string, error) {
	var files []string
	for _, dir := range folders {
		if st, err := os.Stat(dir); err != nil || !st.IsDir() {
			continue
		}
		if found, err := findIn(dir); err == nil { // there may be none yet
			files = append(files, found...)
		}
	}
	return files, nil
}

// gathered are the configurations of a document and the environment.
func (sh *configShow) gathered(document source.Value) []shownProvider {
	g := providers.Sources{File: document, Environ: sh.environ, Read: sh.read}.Gather()
	var list []shownProvider
	for name, c := range g.Configs {
		written, _ := document.Entries().Get(name)
		list = append(list, sh.provider(name, c, written, g.Secrets))
	}
	return list
}

// provider is a configuration, where written is what a file says of it.
func (sh *configShow) provider(name string, config, written source.Value, secrets []string) shownProvider {
	p := shownProvider{Name: name, Origin: config.Pos.String(), Fields: []shownSetting{}}
	given, _ := config.Entries().Get("type")
	p.Type = cmp.Or(value.Text(given.Data), sh.typeOf(name))
	if given.Data == nil {
		p.Type = sh.typeOf(name)
	}
	known, _ := sh.registry.Lookup(p.Type)
	for _, e := range authentication(config).Entries() {
		f := shownSetting{Name: e.Key, Value: redactedText, Origin: e.Value.Pos.String()}
		text, plain := e.Value.Plain().(string)
		if !plain {
			text = string(value.AppendJSON(nil, value.Of(e.Value.Plain())))
		}
		if known != nil && known.Config != nil && !slices.Contains(secrets, text) {
			if field, ok := known.Config.Field(e.Key); ok && !field.Secret && len(field.Fields) == 0 && field.Type != "mapping" && field.Type != "any" {
				f.Value = text
			}
		}
		if before, ok := authentication(written).Entries().Get(e.Key); ok && before.Pos == e.Value.Pos {
			if text, _ := before.Data.(string); strings.Contains(text, "{{") {
				f.Origin += " " + text
			}
		}
		p.Fields = append(p.Fields, f)
	}
	return p
}

// typeOf is what the name of a configuration begins with, if that is a type.
func (sh *configShow) typeOf(name string) string {
	typ, _, _ := strings.Cut(name, "-")
	if _, ok := sh.registry.Lookup(typ); ok {
		return typ
	}
	return ""
}

func (sh *configShow) print(all shownConfig) error {
	w := tabwriter.NewWriter(sh.stdout, 0, 0, 2, ' ', 0)
	row := func(indent string, s shownSetting) {
		text := indent + s.Name + "\t" + orDash(s.Value)
		if sh.origin {
			text += "\t" + clean(s.Origin)
		}
		fmt.Fprintln(w, text)
	}
	for _, s := range all.Settings {
		row("", s)
	}
	if len(all.Environment) > 0 {
		fmt.Fprintln(w, "\nenvironment\t\t")
		for _, s := range all.Environment {
			row("  ", s)
		}
	}
	for _, p := range all.Providers {
		title := "\n" + clean(p.Name) + "\t" + cmp.Or(p.Type, "of a type that steps say")
		if sh.origin {
			title += "\t" + clean(p.Origin)
		}
		fmt.Fprintln(w, title)
		for _, f := range p.Fields {
			row("  ", f)
		}
	}
	return w.Flush()
}
