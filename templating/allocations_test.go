//go:build !race

package templating

import "testing"

// Allocations that the issue allows, whatever the machine's speed.
func TestAllocations(t *testing.T) {
	l, s := Language{Functions: Builtin()}, websocketScope()
	cond, err := l.ParseExpr("{{ steps.websocket-test.results.connection }} == true", AlertAssert)
	if err != nil {
		t.Fatal(err)
	}
	tpl, err := l.Parse("{{ steps.websocket-test.results.data }} after {{ steps.websocket-test.results.ms }} ms")
	if err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(100, func() { cond.Bool(t.Context(), s) }); n > 2 {
		t.Errorf("an assert: %v allocations, want 2", n)
	}
	if n := testing.AllocsPerRun(100, func() { tpl.Render(t.Context(), s) }); n > 4 {
		t.Errorf("a message: %v allocations, want 4", n)
	}
}
