package server

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"tocsin/engine/schedule"
	"tocsin/engine/store"
	"tocsin/providers"
	"tocsin/templating/value"
	"tocsin/workflows"
	"tocsin/workflows/schema"
	"tocsin/workflows/source"
)

// Configurations of providers that came by the API are for workflows that did, which name
// them {{ providers.NAME }}: those of files are the operator's. They are sealed before they
// are kept, as one document of the store, and nobody is told what is in them.

const (
	installedShelf = "installed providers"
	maxInstalled   = 100
	maxInstallText = 64 << 10 // bytes of a configuration
)

// An Installed is a configuration of a provider that came by the API.
type Installed struct {
	ID     string    `json:"id"`
	Name   string    `json:"name"`
	Type   string    `json:"type"`
	Sealed []byte    `json:"sealed"` // its authentication, as JSON, about InstalledAs of the id
	By     string    `json:"by"`
	At     time.Time `json:"at"`
}

// InstalledAs is what a configuration is sealed about.
func InstalledAs(id string) string { return "configuration " + id }

// InstalledIn are the configurations of a store that came by the API, in their order.
func InstalledIn(ctx context.Context, st *store.Store) (list []Installed, err error) {
	_, err = st.Meta(ctx, installedShelf, &list)
	return list, err
}

func keepProviderRoutes() []route {
	return []route{
		get("/providers", reading, "Keep's: providers, and their configurations without what is in them.", keepProviderList),
		send("POST", "/providers/install", authoring, "Keep's: keep a configuration of a provider, for workflows of the API: provider_id (its type), provider_name, and what it is opened with.", install).refuses(http.StatusPreconditionFailed),
		get("/providers/{type}/{id}", authoring, "Keep's: forget a configuration that came by the API. The type is not looked at.", uninstall).by("DELETE"),
	}
}

// keepProviderPage is what Keep answers about providers.
type keepProviderPage struct {
	Providers []keepInstallable `json:"providers" doc:"Types that there are."`
	Installed []keepInstalled   `json:"installed_providers"`
	Linked    []keepInstalled   `json:"linked_providers"`
}

type keepInstallable struct {
	Type      string     `json:"type"`
	Name      string     `json:"display_name"`
	Docs      string     `json:"docs"`
	Config    *value.Map `json:"config" doc:"What a configuration takes: whether it is required, sensitive, and a description, by name."`
	CanQuery  bool       `json:"can_query"`
	CanNotify bool       `json:"can_notify"`
}

type keepInstalled struct {
	ID          string       `json:"id"`
	Type        string       `json:"type"`
	Name        string       `json:"display_name"`
	Installed   bool         `json:"installed"`
	Provisioned bool         `json:"provisioned" doc:"It is of a file, or of the environment."`
	By          string       `json:"installed_by"`
	At          *time.Time   `json:"installation_time"`
	Details     keepDetails  `json:"details"`
	Scopes      keepNoScopes `json:"validatedScopes"`
}

type keepDetails struct {
	Name           string   `json:"name"`
	Authentication struct{} `json:"authentication" doc:"Nothing: what is in a configuration is not shown."`
}

// keepNoScopes says that nothing was asked of the other side.
type keepNoScopes struct{}

func keepProviderList(c *call) (keepProviderPage, error) {
	p := keepProviderPage{[]keepInstallable{}, []keepInstalled{}, []keepInstalled{}}
	if c.s.Registry != nil {
		for _, t := range c.s.Registry.All() {
			p.Providers = append(p.Providers, keepInstallable{t.Type, t.Title, t.Summary, keepConfig(t), t.Query != nil, t.Notify != nil})
		}
	}
	list, err := InstalledIn(c.Context(), c.s.Store)
	if err != nil {
		return p, err
	}
	for _, i := range list {
		p.Installed = append(p.Installed, viewInstalled(i))
	}
	for _, v := range c.s.configured() {
		if !slices.ContainsFunc(list, func(i Installed) bool { return v.Name == i.Name || v.Name == i.ID }) {
			p.Installed = append(p.Installed, keepInstalled{
				ID: v.Name, Type: v.Type, Name: v.Name, Installed: true, Provisioned: true, By: "system", Details: keepDetails{Name: v.Name},
			})
		}
	}
	return p, nil
}

func viewInstalled(i Installed) keepInstalled {
	return keepInstalled{
		ID: i.ID, Type: i.Type, Name: i.Name, Installed: true, By: i.By, At: whenever(i.At), Details: keepDetails{Name: i.Name},
	}
}

// keepConfig is what a configuration of a provider takes.
func keepConfig(p *providers.Provider) *value.Map {
	m := value.NewMap(4)
	for _, f := range configFields(p) {
		m.Set(f.Name, value.MapOf(value.Entry{Key: "required", Value: f.Required}, value.Entry{Key: "description", Value: f.Doc}, value.Entry{Key: "sensitive", Value: f.Secret}))
	}
	return m
}

func configFields(p *providers.Provider) []schema.Field {
	if p.Config == nil {
		return nil
	}
	return p.Config.Fields()
}

// A keepInstallation is Keep's answer that a configuration is kept.
type keepInstallation struct {
	ID      string       `json:"id"`
	Type    string       `json:"type"`
	Details keepDetails  `json:"details"`
	Scopes  keepNoScopes `json:"validatedScopes"`
}

var installName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[\pL\pN][\pL\pN _-]{0,63}$`) })

// An order is a configuration that is to be kept.
type order struct {
	name           string
	provider       *providers.Provider
	authentication *value.Map
}

func install(c *call, in *value.Map) (keepInstallation, error) {
	s := c.s
	if s.Seal == nil || s.Vet == nil || s.Registry == nil {
		return keepInstallation{}, refuse(http.StatusForbidden, "this server keeps no configurations")
	}
	o, err := s.ordered(in)
	if err != nil {
		return keepInstallation{}, err
	}
	text := value.AppendJSON(nil, o.authentication)
	if len(text) > maxInstallText {
		return keepInstallation{}, refuse(http.StatusBadRequest, "a configuration has at most %d KiB", maxInstallText>>10)
	}
	if err := s.vet(c, o); err != nil {
		return keepInstallation{}, err
	}
	s.library.Lock()
	defer s.library.Unlock()
	list, err := s.room(c, o.name)
	if err != nil {
		return keepInstallation{}, err
	}
	var random [16]byte
	rand.Read(random[:])
	i := Installed{ID: hex.EncodeToString(random[:]), Name: o.name, Type: o.provider.Type, By: c.who.name, At: s.Now().UTC()}
	i.Sealed = s.Seal(text, InstalledAs(i.ID))
	c.about(i.ID, "%s, %s", i.Name, i.Type)
	if err := s.Store.SetMeta(c.kept(), installedShelf, append(list, i)); err != nil {
		return keepInstallation{}, err
	}
	return keepInstallation{ID: i.ID, Type: i.Type, Details: keepDetails{Name: i.Name}}, s.load(c.kept())
}

// ordered reads what Keep's clients send: what is not about the configuration itself is
// between what is.
func (s *Server) ordered(in *value.Map) (o order, err error) {
	o.authentication = value.NewMap(4)
	said := map[string]string{}
	for k, v := range in.All() {
		switch k {
		case "provider_id", "provider_name", "provider_type":
			said[k], _ = v.(string)
		case "pulling_enabled", "install_webhook": // of what there is not here
		default:
			o.authentication.Set(k, v)
		}
	}
	typ := cmp.Or(said["provider_type"], said["provider_id"])
	o.name = strings.TrimSpace(said["provider_name"])
	var known bool
	o.provider, known = s.Registry.Lookup(typ)
	switch {
	case typ == "":
		return o, refuse(http.StatusBadRequest, `"provider_id" is missing: the type of the provider`)
	case !known && s.Registry.Suggest(typ) != "":
		return o, refuse(http.StatusBadRequest, "Provider %s not found: did you mean %s?", short(typ), s.Registry.Suggest(typ))
	case !known:
		return o, refuse(http.StatusBadRequest, "Provider %s not found", short(typ))
	case !installName().MatchString(o.name):
		return o, refuse(http.StatusBadRequest, `"provider_name" is what workflows call it: letters, digits, spaces, _ and -, at most 64`)
	}
	return o, nil
}

// room are the configurations that there are, if one of this name can be added.
func (s *Server) room(c *call, name string) ([]Installed, error) {
	list, err := InstalledIn(c.Context(), s.Store)
	switch {
	case err != nil:
		return nil, err
	case s.Taken != nil && s.Taken(name):
		return nil, refuse(http.StatusConflict, "a file of the server, or its environment, has a configuration %q: name this one otherwise", name)
	case slices.ContainsFunc(list, func(i Installed) bool { return i.Name == name || i.ID == name }):
		return nil, refuse(http.StatusConflict, "Provider already installed: there is a configuration %q", name)
	case len(list) >= maxInstalled:
		return nil, refuse(http.StatusBadRequest, "there are at most %d configurations", maxInstalled)
	}
	return list, nil
}

// vet says what is wrong with a configuration, by its parameters. What it says is for who
// sent it, and is not written down: a value may be what should not be read.
func (s *Server) vet(c *call, o order) error {
	wrong := map[string]string{}
	add := func(name, message string) {
		wrong[name] = strings.TrimPrefix(wrong[name]+"; "+message, "; ")
	}
	config, names := placed(o.authentication)
	for k, v := range o.authentication.All() {
		if text, ok := v.(string); ok && strings.HasPrefix(text, "{{") && strings.HasSuffix(text, "}}") {
			add(k, "the environment of the server is not read: give the value itself")
		}
		if o.provider.Config == nil {
			add(k, o.provider.Type+" has no configuration")
		}
	}
	if o.provider.Config != nil {
		for _, p := range o.provider.Config.Check(config, o.provider.Type, func(source.Value) bool { return true }) {
			add(parameterOf(p, names, o.provider.Config.Required()), p.Message)
		}
	}
	if len(wrong) == 0 {
		if err := s.Vet(c.Context(), o.provider.Type, config); err != nil {
			add("configuration", err.Error())
		}
	}
	if len(wrong) == 0 {
		return nil
	}
	p := refuse(http.StatusPreconditionFailed, "the configuration is wrong: %s", strings.Join(slices.Sorted(maps.Keys(wrong)), ", "))
	p.fields = wrong
	return p
}

// placed is a configuration whose entries have lines of their own, and their names by line.
func placed(m *value.Map) (source.Value, map[int]string) {
	v := source.Of(m)
	names := map[int]string{}
	entries, _ := v.Data.(source.Map)
	for i := range entries {
		at := source.Pos{Line: i + 1}
		entries[i].Pos, entries[i].Value.Pos = at, at
		names[at.Line] = entries[i].Key
	}
	return v, names
}

// parameterOf is the parameter that a problem is about.
func parameterOf(p source.Problem, names map[int]string, required []string) string {
	if name := names[p.Pos.Line]; name != "" {
		return name
	}
	for _, name := range required {
		if strings.Contains(p.Message, fmt.Sprintf("%q", name)) {
			return name
		}
	}
	return "configuration"
}

func uninstall(c *call) (keepMessage, error) {
	s, id := c.s, c.PathValue("id")
	s.library.Lock()
	defer s.library.Unlock()
	list, err := InstalledIn(c.Context(), s.Store)
	if err != nil {
		return keepMessage{}, err
	}
	i := slices.IndexFunc(list, func(i Installed) bool { return i.ID == id })
	switch {
	case i < 0 && slices.ContainsFunc(s.configured(), func(v providerView) bool { return v.Name == id }):
		return keepMessage{}, refuse(http.StatusForbidden, "Cannot delete a provisioned provider: %s is of a file of the server, or of its environment", short(id))
	case i < 0:
		return keepMessage{}, refuse(http.StatusNotFound, "Provider not found")
	}
	if users := s.users(list[i]); len(users) > 0 {
		return keepMessage{}, refuse(http.StatusConflict, "workflows use %q: change or delete %s first", list[i].Name, short(strings.Join(users, ", ")))
	}
	c.about(id, "%s, %s", list[i].Name, list[i].Type)
	if err := s.Store.SetMeta(c.kept(), installedShelf, slices.Delete(list, i, i+1)); err != nil {
		return keepMessage{}, err
	}
	return keepMessage{"deleted"}, s.load(c.kept())
}

// users are the workflows of the API that use a configuration.
func (s *Server) users(i Installed) (ids []string) {
	for _, it := range s.catalog().Items() {
		w := it.Program.Workflow()
		uses := func(step *workflows.Step) bool {
			if step == nil {
				return false
			}
			text, _ := step.Config.Data.(string)
			name, err := providers.ParseReference(text)
			return err == nil && (name == i.Name || name == i.ID)
		}
		if it.Origin == schedule.FromAPI && slices.ContainsFunc(slices.Concat(w.Steps, w.Actions, []*workflows.Step{w.OnFailure}), uses) {
			ids = append(ids, it.ID)
		}
	}
	return ids
}

// installedText is what the meaning of workflows depends on of the configurations.
func (s *Server) installedText(ctx context.Context) (string, error) {
	list, err := InstalledIn(ctx, s.Store)
	if err != nil || len(list) == 0 {
		return "", err
	}
	text, err := json.Marshal(list)
	return hashText(string(text)), err
}
