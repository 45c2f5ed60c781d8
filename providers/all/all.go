// Package all lists the providers that ship.
package all

import (
	"tocsin/providers"
	"tocsin/providers/console"
	"tocsin/providers/http"
	"tocsin/providers/mock"
	"tocsin/providers/slack"
	"tocsin/providers/smtp"
	"tocsin/providers/webhook"
	"tocsin/providers/websocket"
)

// Registry returns the providers of this build, and those the caller adds. It knows
// the rest of Keep's by name.
func Registry(more ...providers.Provider) *providers.Registry {
	return providers.NewRegistry(append([]providers.Provider{
		console.Provider,
		http.Provider,
		mock.Provider,
		slack.Provider,
		smtp.Provider,
		webhook.Provider,
		websocket.Provider,
	}, more...)...).Planned(planned...)
}
