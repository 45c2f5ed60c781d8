package echotest

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/coder/websocket"
)

// Feed serves websocket connections that get messages without asking: those given, every
// so often, again and again from the first, or with a period of 0 once and all at once.
// What clients send is read and not answered. say is as for Saying.
func Feed(period time.Duration, say func(line string), messages ...string) http.Handler {
	return accepting(say, func(ctx context.Context, c *websocket.Conn, say func(string)) {
		ctx, cancel := context.WithCancel(ctx)
		go func() {
			defer cancel()
			for {
				_, data, err := c.Read(ctx)
				if err != nil {
					return // the client is gone
				}
				say(fmt.Sprintf("received %q", data))
			}
		}()
		feed(ctx, c, period, messages)
	})
}

func feed(ctx context.Context, c *websocket.Conn, period time.Duration, messages []string) {
	for i := 0; period > 0 || i < len(messages); i++ {
		if c.Write(ctx, websocket.MessageText, []byte(messages[i%len(messages)])) != nil {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(period):
		}
	}
	<-ctx.Done()
}
