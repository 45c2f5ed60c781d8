package engine

import (
	"runtime"
	"testing"
)

// Workflows that assert the same have one condition, for as long as one of them is there.
func TestSharedConditions(t *testing.T) {
	shared := &Shared{}
	program := func(id, assert string) *Program {
		w := parse(t, id+".yaml", []byte(`
workflow:
  id: `+id+`
  actions:
    - name: tell
      condition: [{name: down, type: assert, assert: "`+assert+`"}]
      provider: {type: chat, config: "{{ providers.known }}", with: {message: hi}}
`))
		p, _, err := Compile(w, Library{Providers: typed(), Functions: Functions(), Shared: shared})
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	const same = "{{ alert.load }} > 3"
	a, b, c := program("a", same), program("b", same), program("c", "{{ alert.load }} > 4")
	if a.actions[0].conditions[0].expr != b.actions[0].conditions[0].expr {
		t.Error("two conditions of one text")
	}
	if a.actions[0].conditions[0].expr == c.actions[0].conditions[0].expr {
		t.Error("one condition of two texts")
	}
	runtime.KeepAlive([]*Program{a, b, c})
	a, b, c = nil, nil, nil
	for range 100 { // cleanups run some time after
		runtime.GC()
		shared.mu.Lock()
		left := len(shared.exprs)
		shared.mu.Unlock()
		if left == 0 {
			return
		}
		runtime.Gosched()
	}
	t.Error("conditions are kept that nobody has")
}
