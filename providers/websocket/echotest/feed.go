package echotest

import (
	"net/http"
	"time"

	"github.com/coder/websocket"
)

// Feed serves websocket connections that get messages without asking: those given, every
// so often, again and again from the first, or with a period of 0 once and all at once.
// say is as for Saying.
func Feed(period time.Duration, say func(line string), messages ...string) http.Handler {
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
		ctx := c.CloseRead(r.Context()) // ends when the client goes
		for i := 0; ctx.Err() == nil; i++ {
			if period == 0 && i == len(messages) {
				<-ctx.Done()
				return
			}
			if err := c.Write(ctx, websocket.MessageText, []byte(messages[i%len(messages)])); err != nil {
				return
			}
			if period > 0 {
				select {
				case <-ctx.Done():
				case <-time.After(period):
				}
			}
		}
	})
}
