// Package server is the HTTP side of the program that runs for long: the API under
// /api/v1, the paths of Keep's API that its clients use, what other systems send their
// alerts to, and what operators ask of a process. It keeps nothing itself: the store,
// the catalog and the scheduler do.
//
// Every route is a row of a table (routes.go), and a row says who may use it. From the
// same table come the mux, the OpenAPI document and the tests of who may do what, so
// that none of them can know of a route that the others do not. Start reading at
// Server, then routes.go, then serve.go for what happens to a request.
package server

import (
	"cmp"
	"context"
	"io/fs"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"tocsin/engine"
	"tocsin/engine/episode"
	"tocsin/engine/ingest"
	"tocsin/engine/schedule"
	"tocsin/engine/store"
	"tocsin/providers"
	"tocsin/workflows/source"
)

// A Server answers requests. Store and Scheduler are required; the catalog is the
// scheduler's. Its fields are not changed once it is used.
type Server struct {
	Store     *store.Store
	Scheduler *schedule.Scheduler
	Worker    *schedule.Worker    // for figures; nil: there are none of it
	Lane      Sender              // of messages; nil: nobody sends any
	Book      *episode.Book       // alerts of workflows, and silences; nil: there are none
	Registry  *providers.Registry // for titles of providers; nil: they have none

	Listen  Listen
	Limits  Limits
	Version string // of the program

	// Providers lists the configurations of providers, without what is in them; nil:
	// there are none.
	Providers func() []Configured
	// Actions lists the actions that workflows share, as their names and the types of
	// their providers; nil: there are none.
	Actions func() []Configured
	// Reload reads the workflow files anew (POST /-/reload); nil: there are none. What
	// came by the API is read anew besides.
	Reload func(context.Context) error
	// Try runs a workflow that is not kept, which was compiled without an error, and says
	// which run it is (POST /workflows/test); nil: that is not done.
	Try func(ctx context.Context, text []byte, in engine.Input) (run string, err error)
	// Seal encrypts a secret, about what it belongs to, before it is kept; nil: workflows
	// have none of their own.
	Seal func(text []byte, about string) []byte
	// Vet says what is wrong with the authentication of a configuration that came by the API,
	// beyond what the schema of its type says: what it asks for of this machine, that it
	// cannot be opened. nil: configurations do not come by the API.
	Vet func(ctx context.Context, typ string, authentication source.Value) error
	// Taken says that files or the environment have a configuration of that name; nil: they
	// have none.
	Taken func(name string) bool
	// Replay runs a run again (POST /api/v1/runs/{id}/replay); nil: that is not done.
	Replay ReplayFunc
	// Templates is a folder of workflows that somebody may begin with; nil: those that ship
	// with the program.
	Templates fs.FS
	// Checks say, by the name of a format, how deliveries without a key prove who they
	// are from; formats that are not in it need a key.
	Checks map[string]ingest.Check
	// Fetch gets certificates and confirmations of Amazon SNS: see ingest.Request.
	Fetch func(address string) ([]byte, error)

	Metrics *Metrics         // nil: one of its own
	Now     func() time.Time // nil: time.Now
	Log     *slog.Logger     // nil: nothing is logged

	once     sync.Once
	handler  http.Handler
	guard    *guard
	feed     feed
	library  sync.Mutex // of who changes workflows
	ruling   ruling     // rules that add fields to alerts
	refusals refusals   // that are written down
	loaded   atomic.Bool
	began    time.Time
}

// A Configured is a configuration of a provider: that there is one.
type Configured struct {
	Name string // as workflows name it: slack-prod
	Type string // slack
}

// Limits are how much may be asked for. Zero fields have the defaults of
// design/reliability.md §3.
type Limits struct {
	Ingest      int           // deliveries a second of one token; 0: 100, negative: any number
	Connections int           // at the same time; 0: 10,000
	Streams     int           // of events, at the same time; 0: 100
	Guesses     int           // wrong keys of one address before it has to wait, one a second from then on; 0: 20
	Body        time.Duration // for a request to come in; 0: 30 s
}

func (l Limits) filled() Limits {
	l.Ingest = cmp.Or(l.Ingest, 100)
	l.Connections = cmp.Or(l.Connections, 10_000)
	l.Streams = cmp.Or(l.Streams, 100)
	l.Guesses = cmp.Or(l.Guesses, 20)
	l.Body = cmp.Or(l.Body, 30*time.Second)
	return l
}

func (s *Server) init() {
	s.once.Do(func() {
		s.Limits = s.Limits.filled()
		if s.Log == nil {
			s.Log = slog.New(slog.DiscardHandler)
		}
		if s.Now == nil {
			s.Now = time.Now
		}
		if s.Metrics == nil {
			s.Metrics = NewMetrics(s.Version)
		}
		s.began = s.Now()
		s.guard = newGuard(s)
		s.Metrics.watch(s)
		s.handler = s.route(routes())
	})
}

// Handler answers all requests. Who serves it otherwise than by Run sees to timeouts,
// the limit of headers and TLS.
func (s *Server) Handler() http.Handler {
	s.init()
	return s.handler
}

func (s *Server) catalog() *schedule.Catalog { return s.Scheduler.Catalog }

// Observe takes an event of a run to those who watch it. It is for the runner's Observe,
// is quick, and may be called from many goroutines.
func (s *Server) Observe(e engine.Event) { s.feed.tell(e.Run) }
