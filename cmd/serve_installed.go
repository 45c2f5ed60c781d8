package cmd

import (
	"context"
	"errors"

	"tocsin/engine/server"
	"tocsin/providers"
	"tocsin/templating/value"
	"tocsin/workflows"
	"tocsin/workflows/source"
)

// installed are the configurations of providers that came by the API, for workflows that
// did, by their ids. One that asks for more of the machine than is granted now is left out.
func (f *fleet) installed() map[string]source.Value {
	list, err := server.InstalledIn(context.Background(), f.store)
	if err != nil {
		f.log.Error("the configurations of the API cannot be read", "error", err)
	}
	configs := map[string]source.Value{}
	for _, i := range list {
		config, err := f.unsealed(i)
		if err != nil {
			f.log.Error("a configuration of the API is left out", "configuration", i.Name, "error", err)
			continue
		}
		configs[i.ID] = config
	}
	return configs
}

func (f *fleet) unsealed(i server.Installed) (source.Value, error) {
	text, err := f.lane.Key.Open(i.Sealed, server.InstalledAs(i.ID))
	if err != nil {
		return source.Value{}, err
	}
	authentication, err := value.DecodeJSON(text)
	if err != nil {
		return source.Value{}, errors.New("it is no JSON")
	}
	config := source.Of(value.MapOf(
		value.Entry{Key: "name", Value: i.Name}, value.Entry{Key: "type", Value: i.Type}, value.Entry{Key: "authentication", Value: authentication},
	))
	p, known := f.registry.Lookup(i.Type)
	if !known {
		return source.Value{}, errors.New("there is no provider " + i.Type)
	}
	for _, use := range asked(p, config) {
		if wrong := f.grants.refuse(use); wrong != nil {
			return source.Value{}, source.Problems{*wrong}
		}
	}
	return config, nil
}

// add defines those of the API in a pool that has those of files, which win.
func (d *document) add(pool *providers.Pool) {
	for id, config := range d.installed {
		name, _ := config.Entries().Get("name")
		if text, _ := name.Data.(string); !pool.Defined(text) {
			pool.Configure(id, config)
		}
	}
}

// vet opens a configuration that came by the API, as workflows that did would, which asks
// nobody anything.
func (f *fleet) vet(ctx context.Context, typ string, authentication source.Value) error {
	pool := providers.NewPool(f.registry, f.grants.guest(f.env, f.public))
	_, err := pool.ClientWith(ctx, typ, source.Value{Data: source.Map{{Key: "authentication", Value: authentication}}})
	if err != nil {
		err = errors.New(pool.Mask(err.Error()))
	}
	return errors.Join(err, pool.Close())
}

// taken says that a file or the environment has a configuration of that name, for
// workflows of the API.
func (f *fleet) taken(name string) bool {
	pool, _, err := f.setup.pool(&document{name: "api/any.yaml", guest: true, file: &workflows.File{}}, f.env)
	if err != nil {
		return false // which whoever puts a workflow is told
	}
	defer pool.Close()
	return pool.Defined(name)
}
