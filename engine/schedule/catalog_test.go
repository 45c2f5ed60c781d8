package schedule

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"tocsin/engine"
	"tocsin/workflows/source"
)

func load(t *testing.T, c *Catalog, origin Origin, texts ...string) {
	t.Helper()
	var sources []Source
	for i, text := range texts {
		if text != "" {
			sources = append(sources, Source{Name: fmt.Sprintf("%d.yaml", i), Text: []byte(text)})
		}
	}
	if err := c.Load(t.Context(), origin, sources...); err != nil {
		t.Fatal(err)
	}
}

// listed is what a catalog has: id, file, version number among those seen.
func listed(c *Catalog) string {
	var words []string
	for _, it := range c.Items() {
		words = append(words, it.ID+" of "+it.File)
	}
	return strings.Join(words, ", ")
}

func TestCatalogKeepsTheLastGoodOne(t *testing.T) {
	c := &Catalog{Compile: (&plant{}).compile}
	manual := "{type: manual}"
	load(t, c, FromDisk, workflow("a", manual, ""), workflow("b", manual, ""))
	a, _ := c.Lookup("a")
	load(t, c, FromDisk, workflow("a", manual, ""), "workflow: {id: b, stepz: []}")
	if got := listed(c); got != "a of 0.yaml, b of 1.yaml" {
		t.Errorf("%s", got)
	}
	if f := c.Files()[1]; !f.Stale() || f.Problems.Err() == nil {
		t.Errorf("%+v", f)
	}
	if again, _ := c.Lookup("a"); again.Program != a.Program {
		t.Error("what did not change was compiled again")
	}
	load(t, c, FromDisk, "", workflow("b2", manual, ""))
	if got := listed(c); got != "b2 of 1.yaml" || c.Files()[0].Stale() || c.Problems().Err() != nil {
		t.Errorf("%s, %v", got, c.Problems())
	}
}

func TestVersions(t *testing.T) {
	c := &Catalog{Compile: (&plant{}).compile}
	of := func(text, setting string) string {
		if err := c.Load(t.Context(), FromDisk, Source{Name: "w.yaml", Text: []byte(text), Setting: setting}); err != nil {
			t.Fatal(err)
		}
		it, _ := c.Lookup("w")
		return it.Version
	}
	text := workflow("w", "{type: manual}", "")
	first := of(text, "")
	if len(first) != 12 || of(text, "") != first || of(text, "other providers") == first || of(text+"# x\n", "") == first {
		t.Error("the version is not that of text and setting")
	}
}

func TestTheLaterOfTwoIDsIsAProblem(t *testing.T) {
	c := &Catalog{Compile: (&plant{}).compile}
	w := workflow("same", "{type: alert}", "")
	load(t, c, FromAPI, w)
	load(t, c, FromDisk, w, w, workflow("other", "{type: manual}", ""))
	if got := listed(c); got != "same of 0.yaml, other of 2.yaml" {
		t.Errorf("%s", got)
	}
	var told []string
	for _, p := range c.Problems() {
		told = append(told, p.Error())
	}
	want := []string{`0.yaml:2:3: there is a workflow "same" already (it is in 0.yaml; give this one another id)`,
		`1.yaml:2:3: there is a workflow "same" already (it is in 0.yaml; give this one another id)`}
	if fmt.Sprint(told) != fmt.Sprint(want) {
		t.Errorf("%q", told)
	}
	if n := len(c.Match(engine.Arrival{Kind: "alert", Fields: map[string]any{"name": "x"}})); n != 1 {
		t.Errorf("an alert starts it %d times", n)
	}
	load(t, c, FromDisk, "", w)
	if it, _ := c.Lookup("same"); it.File != "1.yaml" || it.Origin != FromDisk {
		t.Errorf("%+v", it)
	}
}

// TestThousandReloads changes files, well and badly, under readers who must always see a
// whole catalog: as many workflows of one version as there are of the other
// (reliability.md, C3).
func TestThousandReloads(t *testing.T) {
	type compiled struct {
		programs []*engine.Program
		problems source.Problems
	}
	known, p := map[string]compiled{}, &plant{} // the compiler is tested elsewhere
	c := &Catalog{Compile: func(_ Origin, name string, text []byte) ([]*engine.Program, source.Problems, error) {
		k, ok := known[string(text)]
		if !ok {
			k.programs, k.problems, _ = p.compile(FromDisk, name, text)
			known[string(text)] = k
		}
		return k.programs, k.problems, nil
	}}
	const files = 10
	texts := func(version int) (list []string) {
		for i := range files {
			list = append(list, workflow(fmt.Sprintf("w%d", i), "{type: alert}", fmt.Sprintf("  description: v%d\n", version)))
		}
		return list
	}
	load(t, c, FromDisk, texts(0)...)
	ctx, cancel := context.WithCancel(t.Context())
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			for ctx.Err() == nil {
				items := c.Items()
				if len(items) != files {
					t.Errorf("%d workflows", len(items))
				}
				for _, it := range items[1:] {
					if d := it.Program.Workflow().Description; d != items[0].Program.Workflow().Description {
						t.Errorf("%s beside %s", d, items[0].Program.Workflow().Description)
					}
				}
				if n := len(c.Match(engine.Arrival{Kind: "alert", Fields: map[string]any{"name": "x"}})); n != files {
					t.Errorf("an alert starts %d", n)
				}
			}
		})
	}
	for n := range 1000 {
		list := texts(n / 2 % 50)
		if n%2 == 1 { // all of them are wrong: the last good ones stay
			for i := range list {
				list[i] = strings.Replace(list[i], "actions", "actionz", 1)
			}
		}
		load(t, c, FromDisk, list...)
		if got := c.Problems().Err() != nil; got != (n%2 == 1) {
			t.Fatalf("reload %d: %v", n, c.Problems())
		}
	}
	cancel()
	readers.Wait()
}

func TestWhoMayRunPrograms(t *testing.T) {
	compile := func(origin Origin, _ string, _ []byte) ([]*engine.Program, source.Problems, error) {
		return (&plant{executes: true}).compile(origin, "w.yaml", []byte(workflow("w", "{type: manual}", "")))
	}
	tests := []struct {
		origin  Origin
		allowed bool
		want    int
	}{{FromDisk, false, 0}, {FromDisk, true, 1}, {FromAPI, true, 0}, {FromAPI, false, 0}}
	for _, tt := range tests {
		c := &Catalog{Compile: compile, Executes: tt.allowed}
		load(t, c, tt.origin, "x")
		if n := len(c.Items()); n != tt.want || (c.Problems().Err() == nil) != (n == 1) {
			t.Errorf("%+v: %d, %v", tt, n, c.Problems())
		}
	}
}
