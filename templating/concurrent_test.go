package templating

import (
	"sync"
	"testing"
)

// A text and a condition are used by many runs at once, the first of which makes the
// program.
func TestConcurrentUse(t *testing.T) {
	l := Language{Functions: Builtin()}
	tpl, err := l.Parse("{{ alert.load + 1 }} keep.len({{ alert.source }}) {{ alert.severity | upper }}")
	if err != nil {
		t.Fatal(err)
	}
	cond, err := l.ParseExpr("[x for x in {{ alert.source }} if x != 'y'] == ['x'] and '{{ a }}-{{ b }}' == '1-text'", If)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			s := fuzzScope()
			for range 100 {
				if v, err := tpl.Render(t.Context(), s); v != "72 2 CRITICAL" || err != nil {
					t.Errorf("%v, %v", v, err)
					return
				}
				if ok, err := cond.Bool(t.Context(), s); !ok || err != nil {
					t.Errorf("%v, %v", ok, err)
					return
				}
			}
		})
	}
	wg.Wait()
}
