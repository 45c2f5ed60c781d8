package websocket_test

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"strings"
	"time"

	"tocsin/providers/websocket"
	"tocsin/providers/websocket/echotest"
)

func ExampleQuery() {
	server := httptest.NewServer(echotest.Handler(echotest.Echo))
	defer server.Close()
	address := "ws" + strings.TrimPrefix(server.URL, "http")

	connection, reply, err := websocket.Query(context.Background(), address, time.Second, "are you there?")
	fmt.Println(connection, reply, err)
	// Output: true are you there? <nil>
}

// Whoever wants to know more than that it failed asks the error.
func ExampleError() {
	_, _, err := websocket.Query(context.Background(), "ws://169.254.169.254", time.Second, nil)
	if e, ok := errors.AsType[*websocket.Error](err); ok {
		fmt.Println(e.Code, e.Phase, e.Retryable)
		fmt.Println(e)
	}
	// Output:
	// blocked_address connect false
	// ws://169.254.169.254: not connected, by policy: blocked: 169.254.169.254 is cloud metadata
}
