package engine

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"tocsin/providers"
	"tocsin/templating/value"
	"tocsin/workflows"
	"tocsin/workflows/source"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// A script is what providers answer in a test: for each type a list of answers, one
// for each call; the last one is repeated.
type script struct {
	mu      sync.Mutex
	answers map[string][]*value.Map
}

// providersOf makes a provider of each type in a script.
func (s *script) providers() []providers.Provider {
	var list []providers.Provider
	for typ := range s.answers {
		call := providers.Call(func(_ struct{}, ctx context.Context, with source.Value) (any, error) {
			return s.answer(ctx, typ, with)
		})
		list = append(list, providers.Define(providers.Definition[struct{}]{
			Type: typ, Title: typ, Message: "message", Query: call, Notify: call,
		}))
	}
	return list
}

func (s *script) next(typ string) *value.Map {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := s.answers[typ]
	if len(list) == 0 {
		return nil
	}
	if len(list) > 1 {
		s.answers[typ] = list[1:]
	}
	return list[0]
}

func (s *script) answer(ctx context.Context, typ string, with source.Value) (any, error) {
	a := s.next(typ)
	if d := duration(a, "ignores"); d > 0 {
		time.Sleep(d) // the fault under test: a call that does not listen
	}
	if d := duration(a, "takes"); d > 0 {
		select {
		case <-time.After(d):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	if text, ok := a.Get("panic"); ok {
		panic(text)
	}
	if text, ok := a.Get("error"); ok {
		err := errors.New(value.Text(text))
		if t, _ := a.Get("temporary"); t == true {
			err = providers.Temporary(err, duration(a, "after"))
		}
		return nil, err
	}
	if key, ok := a.Get("echo"); ok {
		m, _ := with.Data.(source.Map)
		v, _ := m.Get(value.Text(key))
		return v.Plain(), nil
	}
	v, _ := a.Get("answer")
	return v, nil
}

func duration(m *value.Map, key string) time.Duration {
	v, _ := m.Get(key)
	d, _ := workflows.ParseDuration(v)
	return d
}

// readScript reads "type: [answers]"; one answer may stand alone.
func readScript(t testing.TB, text []byte) *script {
	s := &script{answers: map[string][]*value.Map{}}
	if len(bytes.TrimSpace(text)) == 0 {
		return s
	}
	for typ, answers := range readYAML(t, "script.yaml", text).All() {
		list, ok := answers.([]any)
		if !ok {
			list = []any{answers}
		}
		for _, a := range list {
			m, _ := a.(*value.Map)
			s.answers[typ] = append(s.answers[typ], m)
		}
	}
	return s
}

func readYAML(t testing.TB, name string, text []byte) *value.Map {
	t.Helper()
	if len(bytes.TrimSpace(text)) == 0 {
		return nil
	}
	v, err := source.Parse(name, text)
	if err != nil {
		t.Fatal(err)
	}
	return v.Plain().(*value.Map)
}

// golden runs f on each file of a folder and compares what it returns with the
// file's "want".
func golden(t *testing.T, pattern string, f func(t *testing.T, a *txtar.Archive) string) {
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("no files %s: %v", pattern, err)
	}
	for _, name := range files {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			a, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			got := f(t, a)
			if string(section(a, "want")) == got {
				return
			}
			if !*update {
				t.Fatalf("%s\n--- want\n%s\n--- got\n%s", name, section(a, "want"), got)
			}
			setSection(a, "want", got)
			if err := os.WriteFile(name, txtar.Format(a), 0o666); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func section(a *txtar.Archive, name string) []byte {
	for _, f := range a.Files {
		if f.Name == name {
			return f.Data
		}
	}
	return nil
}

func setSection(a *txtar.Archive, name, text string) {
	for i := range a.Files {
		if a.Files[i].Name == name {
			a.Files[i].Data = []byte(text)
			return
		}
	}
	a.Files = append(a.Files, txtar.File{Name: name, Data: []byte(text)})
}

// parse reads a file of one workflow.
func parse(t testing.TB, name string, text []byte) *workflows.Workflow {
	t.Helper()
	f, err := workflows.Parse(name, text)
	if err != nil {
		t.Fatal(err)
	}
	return f.Workflows[0]
}

// compile makes a program of a workflow for the given providers.
func compile(t testing.TB, text string, ps ...providers.Provider) (*Program, *providers.Pool) {
	t.Helper()
	reg := providers.NewRegistry(ps...)
	p, _, err := Compile(parse(t, "workflow.yaml", []byte(text)), Library{Providers: reg, Functions: Functions()})
	if err != nil {
		t.Fatal(err)
	}
	pool := providers.NewPool(reg, providers.Env{})
	t.Cleanup(func() {
		if err := pool.Close(); err != nil {
			t.Error(err)
		}
	})
	return p, pool
}

// lines writes events as a person reads them.
type lines struct {
	strings.Builder
	start time.Time
}

func (l *lines) event(e Event) {
	if l.start.IsZero() {
		l.start = e.Time
	}
	fmt.Fprintf(l, "%-6s %-9s", span(e.Time.Sub(l.start)), e.Action)
	if e.Step != "" {
		fmt.Fprintf(l, " %s", e.Step)
	}
	if e.Item > 0 {
		fmt.Fprintf(l, "[%d]", e.Item)
	}
	if e.Attempt > 0 && (e.Action == Calling || e.Action == Retrying) {
		fmt.Fprintf(l, " #%d", e.Attempt)
	}
	for _, word := range []string{e.Trigger, string(e.Status)} {
		if word != "" {
			fmt.Fprintf(l, " %s", word)
		}
	}
	if e.Fired {
		l.WriteString(" fired")
	}
	if e.With != nil {
		fmt.Fprintf(l, " %s", value.AppendJSON(nil, e.With))
	}
	if e.Output != nil {
		fmt.Fprintf(l, " -> %s", short(string(value.AppendJSON(nil, e.Output))))
	}
	if e.Check != nil {
		fmt.Fprintf(l, " %s %s: %s", e.Check.Type, e.Check.Name, e.Check.Words)
	}
	if e.Reason != "" {
		fmt.Fprintf(l, " (%s)", e.Reason)
	}
	l.WriteString("\n")
}

// sorted is the text, with the order of items that do something at the same time made
// certain.
func (l *lines) sorted() string {
	list := strings.SplitAfter(l.String(), "\n")
	for i := 0; i < len(list); {
		j := i + 1
		for j < len(list) && sameMoment(list[i], list[j]) {
			j++
		}
		slices.Sort(list[i:j])
		i = j
	}
	return strings.Join(list, "")
}

func sameMoment(a, b string) bool {
	return len(a) > 6 && len(b) > 6 && a[:6] == b[:6] && parallelItem.MatchString(a) && parallelItem.MatchString(b)
}

// parallelItem is a line about an item of the step that the tests run in parallel.
var parallelItem = regexp.MustCompile(`^\S+ +\S+ +together\[`)
