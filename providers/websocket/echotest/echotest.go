// Package echotest is a well-behaved websocket server, for demonstrations and tests. It
// listens nowhere: hand a Handler to net/http or httptest.
package echotest

import (
	"context"
	"fmt"
	"net/http"

	"github.com/coder/websocket"
)

// A Kind is what a server does once the connection is open.
type Kind int

const (
	// Greet says hello first, as echo.websocket.events does, and then echoes.
	Greet Kind = iota
	// Echo sends every message back.
	Echo
	// Silent reads and never answers.
	Silent
)

// Handler serves websocket connections until the client closes them.
func Handler(kind Kind) http.Handler { return Saying(kind, nil) }

// Saying is Handler with a line for each connection and each message; say may be nil, and
// is called from several connections at once.
func Saying(kind Kind, say func(line string)) http.Handler {
	return accepting(say, func(ctx context.Context, c *websocket.Conn, say func(string)) {
		_ = serve(ctx, c, kind, say) // it ends when the client goes
	})
}

// accepting does do with each connection that a client opens, and closes it then.
func accepting(say func(string), do func(context.Context, *websocket.Conn, func(string))) http.Handler {
	if say == nil {
		say = func(string) {}
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true}) // any origin: it is a test server
		if err != nil {
			return
		}
		defer c.CloseNow()
		say("a client connected")
		do(r.Context(), c, say)
	})
}

func serve(ctx context.Context, c *websocket.Conn, kind Kind, say func(string)) error {
	if kind == Greet {
		if err := c.Write(ctx, websocket.MessageText, []byte("hello from the echo server")); err != nil {
			return err
		}
	}
	for {
		typ, data, err := c.Read(ctx)
		if err != nil {
			return err
		}
		say(fmt.Sprintf("received %q", data))
		if kind == Silent {
			continue
		}
		if err := c.Write(ctx, typ, data); err != nil {
			return err
		}
	}
}
