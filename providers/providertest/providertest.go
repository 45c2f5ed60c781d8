// Package providertest has the tests that every provider passes.
package providertest

import (
	"net/http"
	"testing"

	"tocsin/providers"
)

// Run puts p through what every provider must do, then plays the exchanges in
// testdata/*.txtar against it: a call, the requests it sends, their answers, and the
// result or error. With -update it rewrites the README's reference.
func Run(t *testing.T, p providers.Provider) { panic("unwritten") }

// Transport plays the requests and responses of one exchange file, for tests that
// open the client themselves.
func Transport(t *testing.T, file string) http.RoundTripper { panic("unwritten") }
