package websocket_test

import (
	"net"
	"net/http/httptest"
	"testing"

	"tocsin/providers"
	"tocsin/providers/dial"
	"tocsin/providers/providertest"
	"tocsin/providers/websocket"
	"tocsin/providers/websocket/echotest"
	"tocsin/templating/value"
	"tocsin/workflows/source"
)

func TestProvider(t *testing.T) {
	providertest.Run(t, websocket.Provider)
}

// As a workflow calls it: a configuration gives defaults, --resolve sends the name
// elsewhere, and the result is a mapping.
func TestProviderAnswers(t *testing.T) {
	server := httptest.NewServer(echotest.Handler(echotest.Greet))
	t.Cleanup(server.Close)
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	env := providers.Env{Dialer: &dial.Dialer{Resolve: map[string]string{"echo.test:" + port: "127.0.0.1"}}}
	config, err := source.Parse("providers.yaml", []byte("url: ws://echo.test:"+port))
	if err != nil {
		t.Fatal(err)
	}
	client, err := websocket.Provider.Open(t.Context(), config, env)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	with, err := source.Parse("with.yaml", []byte("{message: {a: 1}, min_messages: 2, colour: ignored}"))
	if err != nil {
		t.Fatal(err)
	}
	result, err := client.Query(t.Context(), with)
	if err != nil {
		t.Fatal(err)
	}
	m := result.(*value.Map)
	connection, _ := m.Get("connection")
	data, _ := m.Get("data")
	messages, _ := m.Get("messages")
	second, _ := value.Member(messages, "1")
	reply, _ := value.Member(second, "data")
	if connection != true || data != "hello from the echo server" || reply != `{"a":1}` {
		t.Errorf("%s", value.AppendJSON(nil, result))
	}
}
