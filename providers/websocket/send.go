package websocket

import (
	"time"
)

// Sending is what an action takes besides (spec/websocket.md §1.2).
type Sending struct {
	Confirm         *string        `param:"confirm" enum:"none,pong,close,reply" doc:"How it is made sure that the messages arrived: not at all, by the answer to a ping, by the closing handshake (if absent, unless keep_open), or by a message that comes back."`
	ConfirmRequired *bool          `param:"confirm_required" doc:"Whether it is a failure if the closing handshake does not confirm."`
	KeepOpen        *bool          `param:"keep_open" doc:"Keep the connection for the next messages to the same server; confirm is pong then, if absent."`
	IdleClose       *time.Duration `param:"idle_close" doc:"How long a connection is kept that nothing is sent over; 60s if absent."`
}
