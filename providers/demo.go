package providers

import "net/http"

// A Demo is a stand-in for a system, played on a loopback address: for demonstrations
// without an account or a network ("tocsin examples run"), and for tests.
type Demo struct {
	// Handler answers as the system does; say prints a line about what it was told.
	Handler func(say func(line string)) http.Handler
	// With are the parameters that point a step at the stand-in, Config the
	// configuration that points a client at it. {host} stands for its host:port.
	With   map[string]string
	Config map[string]string

	// Feed brings events, for a trigger, and Listen are the parameters that point the
	// trigger there. nil: Handler does.
	Feed   func(say func(line string)) http.Handler
	Listen map[string]string
}
