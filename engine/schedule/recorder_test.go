package schedule

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tocsin/engine"
	"tocsin/providers"
	"tocsin/workflows"
	"tocsin/workflows/source"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// deep is for tests that take minutes.
func deep() bool { return os.Getenv("TOCSIN_DEEP") != "" }

// A memory is a Recorder that keeps everything, and can be told to forget or to fail.
type memory struct {
	mu    sync.Mutex
	ticks map[moment]Tick
	marks map[spot]time.Time
	jobs  map[string]*Unfinished // taken on, and not over
	order []string
	begun map[string]int // attempts, of runs that are over too
	over  map[string]*engine.Result
	drops map[string]string // by run: why
	twice []string          // what happened that must not
	fail  func(what string) error
}

// A moment is what there may be one tick of.
type moment struct {
	workflow, trigger string
	at                int64
}

func newMemory() *memory {
	return &memory{
		ticks: map[moment]Tick{}, marks: map[spot]time.Time{}, jobs: map[string]*Unfinished{},
		begun: map[string]int{}, over: map[string]*engine.Result{}, drops: map[string]string{},
	}
}

func (m *memory) locked(what string, f func() error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		if err := m.fail(what); err != nil {
			return err
		}
	}
	return f()
}

func (m *memory) Marks(context.Context) (list []Mark, err error) {
	err = m.locked("marks", func() error {
		for at, t := range m.marks {
			list = append(list, Mark{at.workflow, at.key, t})
		}
		return nil
	})
	return list, err
}

func (m *memory) Tick(_ context.Context, ticks ...Tick) error {
	return m.locked("tick", func() error {
		for _, t := range ticks {
			m.tick(t)
		}
		return nil
	})
}

func (m *memory) tick(t Tick) {
	at := moment{t.Workflow, t.Trigger, t.At.UnixNano()}
	if before, ok := m.ticks[at]; ok && before != t {
		m.twice = append(m.twice, fmt.Sprintf("%s %s %v: %s (%s), then %s (%s)", t.Workflow, t.Trigger, t.At, before.Outcome, before.Reason, t.Outcome, t.Reason))
	}
	m.ticks[at] = t
	if s := (spot{t.Workflow, t.Trigger}); t.At.After(m.marks[s]) {
		m.marks[s] = t.At
	}
}

func (m *memory) known(run string) bool {
	_, ended := m.over[run]
	_, dropped := m.drops[run]
	return ended || dropped || m.jobs[run] != nil
}

func (m *memory) Put(_ context.Context, jobs ...Job) error {
	return m.locked("put", func() error {
		for _, j := range jobs {
			if !m.known(j.Run) {
				m.add(j)
			}
		}
		return nil
	})
}

func (m *memory) add(j Job) {
	m.jobs[j.Run] = &Unfinished{Job: j}
	m.order = append(m.order, j.Run)
}

func (m *memory) Begin(_ context.Context, j Job, tick *Tick) error {
	return m.locked("begin", func() error {
		if _, over := m.over[j.Run]; over || m.begun[j.Run] > j.Attempt || m.drops[j.Run] != "" {
			return ErrBusy
		}
		for run, u := range m.jobs {
			if run != j.Run && j.Key != "" && m.begun[run] > 0 && u.Job.Workflow == j.Workflow && u.Job.Key == j.Key {
				m.twice = append(m.twice, fmt.Sprintf("%s and %s of %s run at the same time with key %s", run, j.Run, j.Workflow, j.Key))
			}
		}
		if m.jobs[j.Run] == nil {
			m.add(j)
		}
		m.jobs[j.Run].Job.Attempt = j.Attempt
		m.begun[j.Run] = j.Attempt
		if tick != nil {
			m.tick(*tick)
		}
		return nil
	})
}

func (m *memory) Record(_ context.Context, e engine.Event) error {
	return m.locked("record", func() error {
		u := m.jobs[e.Run]
		if u == nil {
			return fmt.Errorf("an event of %s, which is over", e.Run)
		}
		e.Err = nil
		u.Events = append(u.Events, e)
		return nil
	})
}

func (m *memory) End(_ context.Context, j Job, r *engine.Result) error {
	return m.locked("end", func() error {
		if m.over[j.Run] != nil {
			m.twice = append(m.twice, j.Run+" ended twice")
		}
		m.forget(j.Run)
		m.over[j.Run] = r
		return nil
	})
}

func (m *memory) Drop(_ context.Context, j Job, reason string) error {
	return m.locked("drop", func() error {
		m.forget(j.Run)
		m.drops[j.Run] = reason
		return nil
	})
}

func (m *memory) forget(run string) {
	delete(m.jobs, run)
	if i := slices.Index(m.order, run); i >= 0 {
		m.order = slices.Delete(m.order, i, i+1)
	}
}

func (m *memory) Unfinished(context.Context) (list []Unfinished, err error) {
	err = m.locked("unfinished", func() error {
		for _, run := range m.order {
			u := *m.jobs[run]
			u.Events = slices.Clone(u.Events)
			list = append(list, u)
		}
		return nil
	})
	return list, err
}

// of are the ticks of a workflow, in order.
func (m *memory) of(workflow string) []Tick {
	m.mu.Lock()
	defer m.mu.Unlock()
	var list []Tick
	for at, t := range m.ticks {
		if at.workflow == workflow && t.Outcome != Seen {
			list = append(list, t)
		}
	}
	slices.SortFunc(list, func(a, b Tick) int { return a.At.Compare(b.At) })
	return list
}

// results are how the runs of a workflow ended.
func (m *memory) results() map[string]*engine.Result {
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(m.over)
}

// A plant is providers for tests: what an action of type "act" does is do's matter.
type plant struct {
	do       func(ctx context.Context, what string) error
	once     sync.Once
	made     *providers.Registry
	executes bool // it runs programs
	listen   func(ctx context.Context, emit func(providers.Alert) error) error
}

type act struct {
	Do string `param:"do" doc:"What."`
}

func (p *plant) registry() *providers.Registry {
	p.once.Do(func() { p.made = p.make() })
	return p.made
}

func (p *plant) make() *providers.Registry {
	return providers.NewRegistry(
		providers.Define(providers.Definition[struct{}]{
			Type: "act", Executes: p.executes, Notify: providers.Call(func(_ struct{}, ctx context.Context, a act) (any, error) {
				if p.do == nil {
					return true, nil
				}
				return true, p.do(ctx, a.Do)
			}),
			Subscribe: providers.Listen(func(_ struct{}, ctx context.Context, _ struct{}, emit func(providers.Alert) error) error {
				return p.listen(ctx, emit)
			}),
		}),
	)
}

// compile is what cmd hands a Catalog.
func (p *plant) compile(_ Origin, name string, text []byte) ([]*engine.Program, source.Problems, error) {
	file, err := workflows.Parse(name, text)
	if err != nil {
		return nil, file.Problems, nil
	}
	problems := file.Problems
	var programs []*engine.Program
	for _, w := range file.Workflows {
		program, warnings, err := engine.Compile(w, engine.Library{Providers: p.registry(), Functions: engine.Functions()})
		problems = append(problems, warnings...)
		var more source.Problems
		if errors.As(err, &more) {
			problems = append(problems, more...)
			continue
		}
		programs = append(programs, program)
	}
	return programs, problems, nil
}

// A site is a scheduler and a worker over a recorder, as a process has them.
type site struct {
	*Scheduler
	worker *Worker
	memory *memory
	plant  *plant
	stop   func()
}

// newSite is one that does not run yet.
func newSite(t testing.TB, m *memory, p *plant, texts ...string) *site {
	t.Helper()
	c := &Catalog{Compile: p.compile}
	var sources []Source
	for i, text := range texts {
		sources = append(sources, Source{Name: fmt.Sprintf("%05d.yaml", i), Text: []byte(text)})
	}
	if err := c.Load(t.Context(), FromDisk, sources...); err != nil {
		t.Fatal(err)
	}
	if err := c.Problems().Err(); err != nil {
		t.Fatal(err)
	}
	registry := p.registry()
	pool := providers.NewPool(registry, providers.Env{})
	runner := func(Job) engine.Runner { return engine.Runner{Pool: pool} }
	q := &Local{}
	s := &site{
		Scheduler: &Scheduler{Catalog: c, Queue: q, Recorder: m, Runner: runner},
		worker:    &Worker{Catalog: c, Queue: q, Recorder: m, Runner: runner},
		memory:    m, plant: p,
	}
	return s
}

// start lets it run until stop is called, which waits for its end.
func (s *site) start(t testing.TB) {
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	all.Go(func() {
		if err := s.Scheduler.Run(ctx); err != nil && ctx.Err() == nil {
			t.Errorf("scheduler: %v", err)
		}
	})
	all.Go(func() { _ = s.worker.Run(ctx) })
	s.stop = sync.OnceFunc(func() {
		cancel()
		all.Wait()
	})
}

func workflow(id, trigger, rest string) string {
	return fmt.Sprintf("workflow:\n  id: %s\n  triggers: [%s]\n%s  actions:\n    - {name: a, provider: {type: act, with: {do: %s}}}\n", id, trigger, rest, id)
}
