package providers

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"

	"tocsin/templating/value"
	"tocsin/workflows/source"
)

// A Pool opens configured providers when they are first needed, shares them, and
// closes them all. It is safe for concurrent use.
type Pool struct {
	reg     *Registry
	env     Env
	dialed  atomic.Bool // env.HTTP is ours and has made a connection
	secrets secrets

	mu      sync.Mutex
	configs map[string]*configured
	clients map[clientKey]*opening
	opened  []*Client // in the order in which they were opened
	closed  bool
}

// configured is a named configuration and the types it was used with, which say
// which of its fields are secret.
type configured struct {
	config source.Value
	types  []string
}

// clientKey is what makes two clients the same: type and name, or type and the text of
// the configuration.
type clientKey struct{ typ, name, config string }

// opening is a client, or the attempt to make one: done is closed at its end.
type opening struct {
	done   chan struct{}
	client *Client
	err    error
}

// errClosed is the error of a client that is asked for after Close.
var errClosed = errors.New("providers: the pool is closed")

// NewPool makes a pool of reg's providers. Their logs and what they print go through
// Mask.
func NewPool(reg *Registry, env Env) *Pool {
	p := &Pool{reg: reg, env: env, configs: map[string]*configured{}, clients: map[clientKey]*opening{}}
	if env.Log != nil {
		p.env.Log = masked(p, env.Log)
	}
	if env.Stdout != nil {
		p.env.Stdout = maskedWriter{p, env.Stdout}
	}
	p.env.Hide = p.AddSecrets
	if env.HTTP == nil {
		env = env.filled("")
		p.env.Dialer, p.env.HTTP = env.Dialer, p.watched(env.HTTP)
	}
	return p
}

// watched is c, which sets p.dialed when it connects: a transport that never did is
// not closed, since closing prepares it for HTTP/2 first.
func (p *Pool) watched(c *http.Client) *http.Client {
	t := c.Transport.(*http.Transport)
	dial := t.DialContext
	t.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		p.dialed.Store(true)
		return dial(ctx, network, addr)
	}
	return c
}

// Configure defines a named configuration: {authentication: {...}, name, description}.
// Every string under authentication counts as a secret unless its field is declared
// and not marked so; which fields are is known from type, where there is one, or when
// the configuration is first used. A later configuration of that name replaces an
// earlier one for clients that are not open yet.
func (p *Pool) Configure(name string, config source.Value) {
	c := &configured{config: config}
	if typ, ok := get(config, "type").Data.(string); ok {
		if _, known := p.reg.Lookup(typ); known {
			c.types = []string{typ}
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.configs[name] = c
	p.secrets.set(name, p.secretsOf(c))
}

// secretsOf are the texts that any of the types it was used with holds for secret.
func (p *Pool) secretsOf(c *configured) []string {
	authentication := get(c.config, "authentication")
	if len(c.types) == 0 {
		return texts(authentication, false)
	}
	var all []string
	for _, typ := range c.types {
		if provider, ok := p.reg.Lookup(typ); ok {
			all = append(all, configSecrets(provider.Config, authentication)...)
		}
	}
	return all
}

// Defined says whether a configuration of that name was given. The name may also be
// what the configuration itself says under name.
func (p *Pool) Defined(name string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, c := p.find(name)
	return c != nil
}

// Names lists the configurations in the order of the alphabet.
func (p *Pool) Names() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return sorted(p.configs)
}

// Describe is what a template may see of a configuration: a *value.Map of name,
// description and type, as far as they were given, and never its authentication.
func (p *Pool) Describe(name string) (any, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	id, c := p.find(name)
	if c == nil {
		return nil, false
	}
	m := value.MapOf(value.Entry{Key: "name", Value: id})
	for _, key := range []string{"name", "description", "type"} {
		if text, ok := get(c.config, key).Data.(string); ok {
			m.Set(key, text)
		}
	}
	return m, true
}

// find looks for a configuration by its name, then by the name it gives itself.
func (p *Pool) find(name string) (string, *configured) {
	if c, ok := p.configs[name]; ok || name == "" {
		return name, c
	}
	for _, id := range sorted(p.configs) {
		if given, ok := get(p.configs[id].config, "name").Data.(string); ok && given == name {
			return id, p.configs[id]
		}
	}
	return name, nil
}

// Client opens typ with the configuration of that name ("" and unknown names: an
// empty one), or returns the one opened before. The error is an *Error; a failed
// attempt is not remembered.
func (p *Pool) Client(ctx context.Context, typ, name string) (*Client, error) {
	p.mu.Lock()
	id, c := p.find(name)
	var config source.Value
	if c != nil {
		config = c.config
		p.used(id, c, typ)
	}
	p.mu.Unlock()
	return p.client(ctx, clientKey{typ: typ, name: id}, config)
}

// used remembers that c was opened as typ.
func (p *Pool) used(id string, c *configured, typ string) {
	if _, known := p.reg.Lookup(typ); !known || slices.Contains(c.types, typ) {
		return
	}
	c.types = append(c.types, typ)
	p.secrets.set(id, p.secretsOf(c))
}

// ClientWith is Client with a configuration written in the workflow itself:
// {authentication: {...}}. Equal configurations share a client.
func (p *Pool) ClientWith(ctx context.Context, typ string, config source.Value) (*Client, error) {
	if provider, ok := p.reg.Lookup(typ); ok {
		if err := p.env.Permits(provider.Config, get(config, "authentication")); err != nil {
			return nil, wrap(typ, "open", err)
		}
		p.AddSecrets(configSecrets(provider.Config, get(config, "authentication"))...)
	}
	text := value.AppendJSON(nil, config.Plain())
	return p.client(ctx, clientKey{typ: typ, config: "=" + string(text)}, config)
}

// client returns the client of k. One caller opens it, the others wait for that.
func (p *Pool) client(ctx context.Context, k clientKey, config source.Value) (*Client, error) {
	for {
		o, mine, err := p.attempt(k)
		if err != nil {
			return nil, wrap(k.typ, "open", err)
		}
		if mine {
			p.open(ctx, k, config, o)
		}
		if err := o.wait(ctx); err != nil {
			return nil, wrap(k.typ, "open", err)
		}
		// Another caller's end is not ours: try again.
		if !mine && ended(o.err) && ctx.Err() == nil {
			continue
		}
		return o.client, o.err
	}
}

// wait waits for the end of the attempt. It asks for the end of ctx only if it has to: a
// context may set a timer for that.
func (o *opening) wait(ctx context.Context) error {
	select {
	case <-o.done:
		return nil
	default:
	}
	select {
	case <-o.done:
		return nil
	case <-ctx.Done():
		return Stopped(ctx)
	}
}

func ended(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// attempt returns the attempt to open k that is under way or went well, or a new one,
// which is then the caller's to make.
func (p *Pool) attempt(k clientKey) (o *opening, mine bool, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, false, errClosed
	}
	if o, ok := p.clients[k]; ok {
		return o, false, nil
	}
	o = &opening{done: make(chan struct{})}
	p.clients[k] = o
	return o, true, nil
}

// open makes the attempt o.
func (p *Pool) open(ctx context.Context, k clientKey, config source.Value, o *opening) {
	o.client, o.err = p.make(ctx, k.typ, config)
	p.mu.Lock()
	defer p.mu.Unlock()
	defer close(o.done)
	switch {
	case o.err != nil:
		delete(p.clients, k)
	case p.closed:
		o.err = errors.Join(wrap(k.typ, "open", errClosed), o.client.Close())
		o.client = nil
	default:
		p.opened = append(p.opened, o.client)
	}
}

func (p *Pool) make(ctx context.Context, typ string, config source.Value) (*Client, error) {
	provider, ok := p.reg.Lookup(typ)
	if !ok {
		return nil, p.missing(typ)
	}
	authentication, err := authentication(provider, config)
	if err != nil {
		return nil, wrap(typ, "open", err)
	}
	c, err := provider.Open(ctx, authentication, p.env)
	if err != nil {
		return nil, err
	}
	c.note = p.AddSecrets
	return c, nil
}

// missing is the error for a type that the registry does not have.
func (p *Pool) missing(typ string) error {
	switch near := p.reg.Suggest(typ); {
	case p.reg.IsPlanned(typ):
		return &Error{Provider: typ, Op: "open", Err: errors.New("this build does not have the provider yet")}
	case near != "":
		return &Error{Provider: typ, Op: "open", Err: fmt.Errorf("there is no such provider; did you mean %q?", near)}
	}
	return &Error{Provider: typ, Op: "open", Err: errors.New("there is no such provider")}
}

// authentication is the mapping that opens a client. Fields that stand beside
// "authentication" instead of below it are a mistake that would otherwise be noticed
// much later, by the vendor.
func authentication(provider *Provider, config source.Value) (source.Value, error) {
	m := config.Entries()
	if inner, ok := m.Get("authentication"); ok {
		return inner, nil
	}
	for _, e := range m {
		if provider.Config == nil || slices.Contains([]string{"name", "description", "type"}, e.Key) {
			continue
		}
		if _, ok := provider.Config.Field(e.Key); ok {
			return source.Value{}, source.Problems{{
				Pos:     e.Pos,
				Code:    source.MisplacedKey,
				Message: fmt.Sprintf("%q belongs under \"authentication\"", e.Key),
				Hint:    "write authentication: {" + e.Key + ": ...}",
			}}
		}
	}
	return source.Value{Pos: config.Pos}, nil
}

// get is the value of key in a mapping, or the zero Value.
func get(v source.Value, key string) source.Value {
	found, _ := v.Entries().Get(key)
	return found
}

// Close closes what was opened, the last first, and returns the errors, joined. It
// may be called twice; afterwards Client and ClientWith are errors.
func (p *Pool) Close() error {
	p.mu.Lock()
	opened := p.opened
	p.opened, p.clients, p.closed = nil, map[clientKey]*opening{}, true
	p.mu.Unlock()
	var errs []error
	for _, c := range slices.Backward(opened) {
		errs = append(errs, c.Close())
	}
	if p.dialed.Load() {
		p.env.HTTP.CloseIdleConnections()
	}
	return errors.Join(errs...)
}
