package webhook

import (
	"slices"

	"tocsin/providers"
	"tocsin/workflows/source"
)

// retell leaves the body that said that something is wrong out of the message that it is
// over: {"message": ...} is sent instead. What else a receiver wants, on_resolve says.
func retell(with source.Map, e providers.Episode) source.Map {
	if !e.Over() {
		return with
	}
	return slices.DeleteFunc(slices.Clone(with), func(e source.Entry) bool { return e.Key == "body" })
}
