package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"tocsin/engine"
	"tocsin/engine/schedule"
	"tocsin/engine/server"
	"tocsin/providers"
	"tocsin/providers/dial"
	"tocsin/workflows"
)

// configured lists the configurations that workflows name, with the types that they use
// them as.
func (f *fleet) configured() []server.Configured {
	list := []server.Configured{}
	for _, item := range f.catalog.Items() {
		w := item.Program.Workflow()
		for _, s := range slices.Concat(w.Steps, w.Actions, []*workflows.Step{w.OnFailure}) {
			if s == nil {
				continue
			}
			text, ok := s.Config.Data.(string)
			name, err := providers.ParseReference(text)
			c := server.Configured{Name: name, Type: s.Provider.S}
			if d := f.document(item.ID); ok && err == nil && d != nil && d.pool.Defined(name) && !slices.Contains(list, c) {
				list = append(list, c)
			}
		}
	}
	slices.SortFunc(list, func(a, b server.Configured) int { return strings.Compare(a.Name+a.Type, b.Name+b.Type) })
	return list
}

// try runs a workflow that is not kept, beside those that are, and returns at once. The
// run is remembered as any other; its alerts are not.
func (f *fleet) try(ctx context.Context, text []byte, in engine.Input) (string, error) {
	programs, problems, err := f.compile(schedule.FromAPI, "test.yaml", text)
	if err != nil {
		return "", err
	}
	if err := problems.Err(); err != nil {
		return "", err
	}
	program := programs[0]
	if program.Executes() {
		return "", errors.New("a workflow of the API runs no commands")
	}
	now := time.Now()
	in.Run = "test_" + schedule.NewRun(now)
	j := schedule.Job{Run: in.Run, Workflow: program.Workflow().ID, By: "manually, as a test", Input: in, Due: now, Attempt: 1, Apart: true}
	if err := f.store.Begin(ctx, j, nil); err != nil {
		return "", err
	}
	f.mu.Lock()
	d := f.docs[program]
	delete(f.docs, program)
	f.mu.Unlock()
	f.tries.Go(func() { f.attempt(f.ends, d, program, f.trying(f.ends, d, schedule.FromAPI, j), j) })
	return in.Run, nil
}

// trying is the runner of a program that is not in the catalog: of a try, or a replay. It has
// no memory, so that alerts stay what they are, whatever it tells.
func (f *fleet) trying(ctx context.Context, d *document, origin schedule.Origin, j schedule.Job) engine.Runner {
	runner := engine.Runner{Pool: d.pool, Secret: f.secretOf(j.Workflow, origin), Log: f.log, Observe: func(e engine.Event) {
		if err := f.store.Record(ctx, e); err != nil {
			f.log.Error("an event is not remembered", "run", e.Run, "error", err)
		}
		f.observe(e)
	}}
	if origin == schedule.FromDisk {
		runner.Getenv = f.getenv
	}
	f.traces.follow(&runner, j.Input)
	return runner
}

// attempt runs such a program.
func (f *fleet) attempt(ctx context.Context, d *document, program *engine.Program, runner engine.Runner, j schedule.Job) {
	defer func() {
		if err := f.pools.close(d.pool); err != nil {
			f.log.Warn("closing the providers of a test", "run", j.Run, "error", err)
		}
	}()
	result := runner.Run(ctx, program, j.Input)
	if err := f.store.End(context.WithoutCancel(ctx), j, result); err != nil {
		f.log.Error("a run is not remembered", "run", j.Run, "error", err)
	}
}

const (
	maxFetched   = 64 << 10 // bytes of a certificate
	fetchTimeout = 10 * time.Second
	keptFetched  = 100 // certificates
)

// A fetcher gets the certificates and confirmations of Amazon SNS: ingest.Request.Fetch.
type fetcher struct {
	client *http.Client
	mu     sync.Mutex
	kept   map[string][]byte
}

func newFetcher(d *dial.Dialer) *fetcher {
	c := d.Client()
	c.Timeout = fetchTimeout
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &fetcher{client: c, kept: map[string][]byte{}}
}

// get is what is at the address. Certificates, which do not change, are kept.
func (f *fetcher) get(address string) ([]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if text, ok := f.kept[address]; ok {
		return text, nil
	}
	resp, err := f.client.Get(address)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxFetched+1))
	switch {
	case err != nil:
		return nil, err
	case resp.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("%s", resp.Status)
	case len(text) > maxFetched:
		return nil, fmt.Errorf("more than %d KiB", maxFetched>>10)
	}
	if strings.HasSuffix(address, ".pem") && len(f.kept) < keptFetched {
		f.kept[address] = text
	}
	return text, nil
}
