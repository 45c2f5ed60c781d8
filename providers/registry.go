package providers

import (
	"context"

	"tocsin/workflows/source"
)

// A Registry is a set of providers by type. There is no global one.
type Registry struct{}

// NewRegistry panics, naming both, if two providers have one type.
func NewRegistry(ps ...Provider) *Registry { panic("unwritten") }

// With returns a larger copy.
func (r *Registry) With(ps ...Provider) *Registry { panic("unwritten") }

// Planned returns a copy that knows these types by name only: Keep has them, this
// build has not. Compiling a workflow that names one is a warning, calling it an
// error.
func (r *Registry) Planned(types ...string) *Registry { panic("unwritten") }

// IsPlanned says that typ is known by name only.
func (r *Registry) IsPlanned(typ string) bool { panic("unwritten") }

// Lookup finds a provider; Suggest is the type nearest to a misspelt one, or "".
func (r *Registry) Lookup(typ string) (*Provider, bool) { panic("unwritten") }
func (r *Registry) Suggest(typ string) string           { panic("unwritten") }

// All lists the providers by type.
func (r *Registry) All() []*Provider { panic("unwritten") }

// A Pool opens configured providers when they are first needed, shares them, and
// closes them all. It is safe for concurrent use.
type Pool struct{}

func NewPool(reg *Registry, env Env) *Pool { panic("unwritten") }

// Configure defines a named configuration: {authentication: {...}, name, description}.
// Every string under authentication counts as a secret unless its field is declared
// and not marked so.
func (p *Pool) Configure(name string, config source.Value) { panic("unwritten") }

// Defined says whether a configuration of that name was given; Names lists them.
func (p *Pool) Defined(name string) bool { panic("unwritten") }
func (p *Pool) Names() []string          { panic("unwritten") }

// Describe is what a template may see of a configuration: name, description, type.
func (p *Pool) Describe(name string) (any, bool) { panic("unwritten") }

// Client opens typ with the configuration of that name ("" and unknown names: an
// empty one), or returns the one opened before.
func (p *Pool) Client(ctx context.Context, typ, name string) (*Client, error) { panic("unwritten") }

// ClientWith is Client with a configuration written in the workflow itself.
func (p *Pool) ClientWith(ctx context.Context, typ string, config source.Value) (*Client, error) {
	panic("unwritten")
}

// AddSecrets adds texts to mask, such as values of the environment that templates
// may read. Texts shorter than 4 characters cannot be masked and are left out.
func (p *Pool) AddSecrets(texts ...string) { panic("unwritten") }

// Mask hides every secret the pool was given, also URL-encoded, base64, hex or
// JSON-escaped; MaskValue does so in every string of a value (keys included), and
// returns it unchanged, not copied, where there is none.
func (p *Pool) Mask(text string) string { panic("unwritten") }
func (p *Pool) MaskValue(v any) any     { panic("unwritten") }

// Close closes what was opened; it may be called twice.
func (p *Pool) Close() error { panic("unwritten") }

// Configurations gathers named configurations from a providers file and from an
// environment as os.Environ has it, later ones winning: file, TOCSIN_PROVIDERS and
// KEEP_PROVIDERS (JSON), TOCSIN_PROVIDER_<NAME> and KEEP_PROVIDER_<NAME> (JSON;
// lower case, "_" becomes "-"). $(NAME) and {{ env.NAME }} are replaced from
// environ. It reads no file and no environment: it is given both.
func Configurations(file source.Value, environ []string) (map[string]source.Value, error) {
	panic("unwritten")
}
