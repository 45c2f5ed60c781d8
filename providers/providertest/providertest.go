// Package providertest has the tests that every provider passes: what its description
// must have, how it must behave, and exchanges with the vendor written down in
// testdata. Hostile has the servers that go wrong.
//
// An exchange is a txtar file: a call, the requests it makes, the answers to them, and
// what comes of it. Its comment says what is being shown.
//
//	# The message goes to the topic of the parameters, the token into a header.
//	-- config --
//	access_token: tk_secret
//	-- notify --
//	topic: disk
//	message: almost full
//	-- request --
//	POST https://ntfy.sh
//	Authorization: Bearer tk_secret
//
//	{"topic": "disk", "message": "almost full"}
//	-- response --
//	200 OK
//
//	{"id": "x1"}
//	-- result --
//	id: x1
//
// The sections:
//
//   - config: the mapping under "authentication:"; left out: none.
//   - query or notify: the parameters.
//   - request, response: in turn, as often as the call asks. A request's headers are
//     those that must be there, with others beside them; its body is compared as JSON
//     if it is JSON, else as text. One without a body must have none.
//   - result or error: what the call returns, as YAML, or the error's text. "<any>" is
//     equal to everything.
//   - stdout: what the call printed, for providers that print.
//
// The clock of exchanges stands at 2026-01-02 03:04:05 UTC.
package providertest

import (
	"flag"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tocsin/providers"
)

// update is a variable because flags must be known before a test runs.
var update = flag.Bool("update", false, "rewrite golden files: references in READMEs")

// Update says that the tests were started with -update: golden files are to be
// rewritten.
func Update() bool { return *update }

// Run puts p through what every provider must do, then plays the exchanges in
// testdata/*.txtar against it: a call, the requests it sends, their answers, and the
// result or error. With -update it rewrites the README's reference.
func Run(t *testing.T, p providers.Provider) {
	t.Run("description", func(t *testing.T) { describes(t, &p) })
	t.Run("readme", func(t *testing.T) { readme(t, &p) })
	t.Run("unknown parameters", func(t *testing.T) { refusesUnknown(t, &p) })
	files, err := filepath.Glob(filepath.Join("testdata", "*.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".txtar")
		t.Run(name, func(t *testing.T) { play(t, &p, file) })
	}
	t.Run("ends with its context", func(t *testing.T) { endsWithContext(t, &p, files) })
}

// Transport plays the requests and responses of one exchange file, for tests that
// open the client themselves. A request that differs from the file fails t, as do
// those that were not made when the test ends.
func Transport(t *testing.T, file string) http.RoundTripper {
	t.Helper()
	return newPlayer(t, read(t, file))
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
