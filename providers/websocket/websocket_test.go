package websocket_test

import (
	"testing"

	"tocsin/providers/providertest"
	"tocsin/providers/websocket"
)

func TestProvider(t *testing.T) {
	providertest.Run(t, websocket.Provider)
}
