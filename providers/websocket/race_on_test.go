//go:build race

package websocket

// racing says that the race detector slows everything down.
const racing = true
