package websocket

import (
	"testing"

	"tocsin/providers"
)

// The handshake says where the call that it is made for stands in a trace.
func TestTraceOfTheHandshake(t *testing.T) {
	address, seen := witness(t)
	here := providers.Trace{Parent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", State: "a=1"}
	ctx := providers.WithOrigin(t.Context(), providers.Origin{Trace: here})
	if r, err := testClient.Query(ctx, with(t, "receive: none\nurl: ws://"+address)); err != nil || !r.Connection {
		t.Fatalf("%+v, %v", r, err)
	}
	if got := providers.TraceOf((<-seen).Header); got != here {
		t.Errorf("%+v, want %+v", got, here)
	}
	ask(t, "receive: none\nurl: ws://"+address)
	if got := providers.TraceOf((<-seen).Header); got != (providers.Trace{}) {
		t.Errorf("%+v in no trace", got)
	}
}
