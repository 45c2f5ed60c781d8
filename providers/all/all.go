// Package all lists the providers that ship.
package all

import "tocsin/providers"

// Registry returns the providers of this build, and those the caller adds.
func Registry(more ...providers.Provider) *providers.Registry {
	return providers.NewRegistry(append([]providers.Provider{}, more...)...)
}
